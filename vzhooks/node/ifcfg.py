"""Bridges and networks as files of /etc/sysconfig/network-scripts, for the `network` service of EL 6 to 8.

Facts are those of initscripts' ifup-eth, ifup-routes and ifdown-routes, and of Open vSwitch's ifup-ovs
(https://github.com/fedora-sysv/initscripts, https://github.com/openvswitch/ovs/tree/main/rhel).
"""
import shlex
from typing import Dict, List, Optional, Sequence, Tuple

from vzhooks import values
from vzhooks.kernel import PROTOCOL
from vzhooks.node.bridge import Bridge
from vzhooks.node.bridgeview import delay_of
from vzhooks.node.network import Network
from vzhooks.node.tree import HEADER, File, Tree
from vzhooks.nodeconf import NodeConf

SCRIPTS = "etc/sysconfig/network-scripts/"
SYSCTLS = "etc/sysctl.d/90-vzhooks.conf"  # behind the distribution's 50-default.conf, which sets rp_filter for all
# What is said of resolver and firewall goes with the addresses, from the port to the bridge.
MOVED = ("DNS", "DOMAIN", "SEARCH", "PEERDNS", "RES_OPTIONS", "ZONE")
# A port keeps what makes the device what it is (HWADDR, UUID, BONDING_OPTS, VLAN, ETHTOOL_OPTS ...), not these.
DROPPED = MOVED + (
    "DEVICE", "ONBOOT", "NM_CONTROLLED", "BOOTPROTO", "BRIDGE", "MTU", "HOTPLUG", "STP", "DELAY", "IPADDR", "PREFIX",
    "NETMASK", "NETWORK", "BROADCAST", "GATEWAY", "GATEWAYDEV", "DEFROUTE", "METRIC", "WINDOW", "SRCADDR", "SCOPE",
    "ARPCHECK", "ARPUPDATE", "NOZEROCONF", "PERSISTENT_DHCLIENT", "PEERROUTES", "PROXY_METHOD", "BROWSER_ONLY")
DROPPED_FIRST = ("IPV4_", "IPV6", "DHCP", "OVS")


def files(conf: NodeConf, macs: Dict[str, str], now: Tree, rule_protocol: bool) -> List[File]:
    """The files for CONF; see export.files."""
    found = []
    for bridge in conf.bridges:
        found.append(_file("ifcfg-" + bridge.name, _bridge(bridge, macs[bridge.name], now)))
        found += [_file("ifcfg-" + port, _port(bridge, port, now)) for port in bridge.ports]
    found += [_file(name, rows) for name, rows in _routes(conf).items()]
    found += [_file(name, rows) for name, rows in _rules(conf.networks, PROTOCOL if rule_protocol else "").items()]
    sysctls = ["net/ipv4/conf/%s/rp_filter = %s" % (network.dev, network.rp_filter)
               for network in conf.networks if network.rp_filter]
    return found + ([File(SYSCTLS, _text(sysctls))] if sysctls else [])


def _file(name: str, rows: Sequence[str]) -> File:
    return File(SCRIPTS + name, _text(rows))


def _text(rows: Sequence[str]) -> str:
    return HEADER + "".join(row + "\n" for row in rows)


def _bridge(bridge: Bridge, mac: str, now: Tree) -> List[str]:
    rows = ["DEVICE=" + bridge.name]
    if bridge.type == "ovs":
        rows += ["DEVICETYPE=ovs", "TYPE=OVSBridge", "ONBOOT=yes", "HOTPLUG=no", "NM_CONTROLLED=no", "BOOTPROTO=none",
                 'OVS_EXTRA="set Bridge %s datapath_type=%s stp_enable=%s other-config:hwaddr=%s '
                 'external-ids:owner=vzhooks"' % (bridge.name, bridge.datapath, "true" if bridge.stp else "false", mac)]
    else:
        rows += ["TYPE=Bridge", "ONBOOT=yes", "NM_CONTROLLED=no", "BOOTPROTO=none", "MACADDR=" + mac,
                 "STP=" + ("on" if bridge.stp else "off"), "DELAY=%d" % delay_of(bridge)]
        rows += ["MTU=%d" % bridge.mtu] if bridge.mtu else []
    own = assignments(now.text(SCRIPTS + "ifcfg-" + bridge.name))
    moved = {key: row for key, row in own.items() if _base(key) in MOVED}
    for port in bridge.ports if not moved else ():
        moved.update((key, row) for key, row in assignments(now.text(SCRIPTS + "ifcfg-" + port)).items()
                     if _base(key) in MOVED and key not in moved)
    return rows + [own[key] for key in ("NAME", "UUID") if key in own] + list(moved.values()) + _addresses(bridge)


def _addresses(bridge: Bridge) -> List[str]:
    """IPADDR, IPADDR1 ...; no route to 169.254.0.0/16, which the plan has not either."""
    rows = ["NOZEROCONF=yes"]
    for index, address in enumerate(address for address in bridge.address if address.family == 4):
        number = str(index or "")
        rows += ["IPADDR%s=%s" % (number, address.ip), "PREFIX%s=%d" % (number, address.prefix)]
    six = [str(address) for address in bridge.address if address.family == 6]
    gateways = {gateway.family: gateway for gateway in bridge.gateway}
    if 4 in gateways and not _needs_route(bridge):
        rows.append("GATEWAY=" + gateways[4].ip)
    if not six:
        return rows + ["IPV6INIT=no"]
    rows += ["IPV6INIT=yes", "IPV6ADDR=" + six[0]]
    rows += ['IPV6ADDR_SECONDARIES="%s"' % " ".join(six[1:])] if six[1:] else []
    if 6 in gateways:
        rows.append("IPV6_DEFAULTGW=" + gateways[6].ip + ("%" + bridge.name if values.link_local(gateways[6]) else ""))
    return rows


def _needs_route(bridge: Bridge) -> bool:
    """ifup-eth takes a GATEWAY only within the network of the first address, and says nothing about another."""
    four = [address for address in bridge.address if address.family == 4]
    return any(gateway.family == 4 and four and not four[0].reaches(gateway) for gateway in bridge.gateway)


def _port(bridge: Bridge, port: str, now: Tree) -> List[str]:
    before = assignments(now.text(SCRIPTS + "ifcfg-" + port))
    dropped: Tuple[str, ...] = DROPPED
    if bridge.type == "ovs" or "ovs" in before.get("DEVICETYPE", ""):
        dropped += ("TYPE", "DEVICETYPE")
    kept = [row for key, row in before.items() if _base(key) not in dropped and not key.startswith(DROPPED_FIRST)]
    rows = ["DEVICE=" + port, "ONBOOT=yes", "NM_CONTROLLED=no", "BOOTPROTO=none"]
    rows += ["MTU=%d" % bridge.mtu] if bridge.mtu else []
    if bridge.type == "ovs":
        rows += ["DEVICETYPE=ovs", "TYPE=OVSPort", "HOTPLUG=no", "OVS_BRIDGE=" + bridge.name,
                 'OVS_EXTRA="set Interface %s external-ids:owner=vzhooks"' % port]
    else:
        rows.append("BRIDGE=" + bridge.name)
    return rows + kept


def assignments(text: Optional[str]) -> Dict[str, str]:
    """Given an ifcfg file's text, return its rows `KEY=VALUE` by their keys, as they are written."""
    found = {}
    for row in (text or "").splitlines():
        try:
            words = shlex.split(row, comments=True)
        except ValueError:
            continue  # a value over several rows, which none of the keys has
        key = words[-1].partition("=")[0] if words and (len(words) == 1 or words[:-1] == ["export"]) else ""
        if key.isidentifier() and "=" in words[-1]:
            found[key] = row.strip()
    return found


def _base(key: str) -> str:
    """IPADDR2 -> IPADDR."""
    return key.rstrip("0123456789")


def _routes(conf: NodeConf) -> Dict[str, List[str]]:
    """route-DEV and route6-DEV: each row stands behind `ip [-6] route add`."""
    found: Dict[str, List[str]] = {}
    for bridge in conf.bridges:
        for gateway in bridge.gateway:
            if gateway.family == 4 and _needs_route(bridge):
                found["route-" + bridge.name] = ["default via %s dev %s proto %s"
                                                 % (gateway.ip, bridge.name, PROTOCOL)]
    for network in conf.networks:
        end = " dev %s table %d proto %s" % (network.dev, network.table, PROTOCOL)
        for cidr in network.cidr:
            rows = found.setdefault(("route6-" if cidr.family == 6 else "route-") + network.dev, [])
            rows += [str(cidr) + end, "default via " + network.gateway_of(cidr).ip + end]
    return found


def _rules(networks: Sequence[Network], protocol: str) -> Dict[str, List[str]]:
    """rule-DEV and rule6-DEV, the rule that is to be asked first at the end.

    ifup-routes adds row by row, and the kernel puts a rule without preference before those that are there: where a
    reader of the file drops the preference, the order still holds.
    """
    found: Dict[str, List[str]] = {}
    rules = [(rule, network.dev) for network in networks for rule in network.rules(network.ingress)]
    for rule, dev in reversed(sorted(rules, key=lambda one: one[0].preference)):
        name = ("rule6-" if rule.cidr.family == 6 else "rule-") + dev
        found.setdefault(name, []).append(rule.words(protocol))
    return found
