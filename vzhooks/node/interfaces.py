"""Bridges and networks as interfaces.d/vzhooks, for Debian's ifupdown with bridge-utils or openvswitch-switch.

Method `manual` and `up` lines: the `static` method's `ip addr add` fails where the address is there already (made by
`vzhook node up`), and ifup then runs no `up` line any more.  interfaces(5), bridge-utils-interfaces(5).
"""
import fnmatch
import posixpath
from typing import Dict, List, Sequence, Set, Tuple

from vzhooks.kernel import PROTOCOL
from vzhooks.node.bridge import Bridge
from vzhooks.node.bridgeview import delay_of
from vzhooks.node.network import Network, Rule
from vzhooks.node.tree import HEADER, File, Tree
from vzhooks.nodeconf import NodeConf

MAIN, DIRECTORY = "etc/network/interfaces", "etc/network/interfaces.d"
OURS = DIRECTORY + "/vzhooks"
LOOPBACK = "auto lo\niface lo inet loopback\n"
OFF, NEXT = "#vzhooks# ", "# vzhooks: the next line is ours\n"  # marks: before a line, above a line
STANZAS = ("iface", "mapping", "auto", "source", "source-directory", "rename", "no-auto-down", "no-scripts", "template")
# What makes a port the device that it is: the rest of its old stanza is about addresses.
DEVICE = ("bond", "vlan", "slaves", "hwaddress", "link-", "ethernet-", "offload-", "hardware-", "driver-")
RESOLVER = ("dns-",)


def files(conf: NodeConf, macs: Dict[str, str], now: Tree, rule_protocol: bool) -> List[File]:
    """The files for CONF; see export.files."""
    names = {name for bridge in conf.bridges for name in (bridge.name,) + bridge.ports}
    found = []
    old: Dict[str, List[str]] = {}  # options of the stanzas that go, by interface
    read = _read_by_ifupdown(now)
    for path in read:
        text = now.text(path) or ""
        plain = unmarked(text)
        wanted = _without(plain, names, old)
        if path == MAIN and not _reads_ours(plain):
            wanted += ("" if wanted.endswith("\n") else "\n") + NEXT + "source /" + OURS + "\n"
        if text not in (wanted, plain) or wanted != plain:
            found.append(File(path, wanted))
    if MAIN not in read:
        found.append(File(MAIN, HEADER + LOOPBACK + "source /" + OURS + "\n"))
    rows: List[str] = []
    for bridge in conf.bridges:
        for port in bridge.ports:
            rows += _port(bridge, port, old.get(port, []))
        rows += _bridge(bridge, macs[bridge.name], old)
        rows += _networks([one for one in conf.networks if one.dev == bridge.name], rule_protocol)
    for dev in dict.fromkeys(network.dev for network in conf.networks if network.dev not in macs):
        # A further stanza of an interface that somebody else describes: both apply (interfaces(5)).
        rows += ["", "iface %s inet manual" % dev]
        rows += _networks([one for one in conf.networks if one.dev == dev], rule_protocol)
    return found + [File(OURS, HEADER + "".join(row + "\n" for row in rows))]


def unmarked(text: str) -> str:
    """A file without what we did to it: our lines gone, the others as they were."""
    kept = []
    rows = iter(text.splitlines(True))
    for row in rows:
        if row == NEXT:
            next(rows, "")
        else:
            kept.append(row[len(OFF):] if row.startswith(OFF) else row)
    return "".join(kept)


def _read_by_ifupdown(now: Tree) -> List[str]:
    """The files that /etc/network/interfaces names, itself first, ours left out."""
    text = now.text(MAIN)
    if text is None:
        return []
    found = [MAIN]
    for row in unmarked(text).splitlines():
        for pattern in _sourced(row):
            directory = posixpath.dirname(pattern)
            found += [directory + "/" + name for name in now.names(directory)
                      if fnmatch.fnmatchcase(directory + "/" + name, pattern) and not name.startswith(".")
                      and name.isprintable() and now.text(directory + "/" + name) is not None]
    return [path for path in dict.fromkeys(found) if path != OURS]


def _reads_ours(text: str) -> bool:
    return any(fnmatch.fnmatchcase(OURS, pattern) for row in text.splitlines() for pattern in _sourced(row))


def _sourced(row: str) -> List[str]:
    """The patterns of paths below / that a line has ifupdown read."""
    words = row.split()
    if not words or words[0] not in ("source", "source-directory"):
        return []
    found = [posixpath.normpath(posixpath.join("/etc/network", word)).lstrip("/") for word in words[1:]]
    return [one + "/*" for one in found] if words[0] == "source-directory" else found


def _without(text: str, names: Set[str], old: Dict[str, List[str]]) -> str:
    """The text with the stanzas of NAMES commented out; their options are added to OLD."""
    found: List[str] = []
    name = ""
    for row in text.splitlines(True):
        words = row.split()
        first = words[0] if words else "#"
        if first in STANZAS or first.startswith("allow-"):
            name = _device(words[1]) if first == "iface" and words[1:] else ""
            name = name if name in names else ""
        if first.startswith("#"):
            found.append(row)
        elif name:
            found.append(OFF + row)
            _note(row.strip(), old.setdefault(name, []))
        elif (first == "auto" or first.startswith("allow-")) and names & set(map(_device, words[1:])):
            found.append(OFF + row)
            rest = [word for word in words if _device(word) not in names]
            found += [NEXT, " ".join(rest) + "\n"] if rest[1:] else []
        else:
            found.append(row)
    return "".join(found)


def _device(word: str) -> str:
    """eth0:1, an address of eth0, is eth0's."""
    return word.partition(":")[0]


def _note(row: str, options: List[str]) -> None:
    """One more row of a stanza; a row goes on where the one before ends in a backslash."""
    if options and options[-1].endswith("\\"):
        options[-1] = options[-1][:-1] + row
    else:
        options.append(row)


def _kept(options: Sequence[str], beginnings: Tuple[str, ...]) -> List[str]:
    return ["    " + row for row in dict.fromkeys(options) if row.startswith(beginnings)]


def _port(bridge: Bridge, port: str, old: Sequence[str]) -> List[str]:
    device = _kept(old, DEVICE)
    rows = [""]
    if bridge.type == "ovs":
        rows += ["allow-%s %s" % (bridge.name, port)]
        device += ["    ovs_bridge " + bridge.name, "    ovs_type OVSPort",
                   "    ovs_extra set Interface %s external-ids:owner=vzhooks" % port]
    elif device:
        rows.append("auto " + port)  # a bond must be there before its bridge
    return rows + ["iface %s inet manual" % port] + device


def _bridge(bridge: Bridge, mac: str, old: Dict[str, List[str]]) -> List[str]:
    name = bridge.name
    rows = ["", "auto " + name, "iface %s inet manual" % name]
    if bridge.type == "ovs":
        rows += ["    ovs_type OVSBridge"] + (["    ovs_ports " + " ".join(bridge.ports)] if bridge.ports else [])
        rows.append("    ovs_extra set Bridge %s datapath_type=%s stp_enable=%s other-config:hwaddr=%s "
                    "external-ids:owner=vzhooks" % (name, bridge.datapath, "true" if bridge.stp else "false", mac))
    else:
        rows += ["    bridge_ports " + (" ".join(bridge.ports) or "none"), "    bridge_hw " + mac,
                 "    bridge_stp " + ("on" if bridge.stp else "off"), "    bridge_fd %d" % delay_of(bridge),
                 "    bridge_maxwait 0"]
    options = [option for one in (name,) + bridge.ports for option in old.get(one, [])]
    rows += _kept(options, RESOLVER)
    mtu = " mtu %d" % bridge.mtu
    rows += ["    pre-up ip link set dev " + port + mtu for port in bridge.ports if bridge.mtu]
    rows += ["    up ip link set dev " + name + mtu] if bridge.mtu and bridge.type != "ovs" else []
    rows.append("    up ip link set dev %s up" % name)
    for address in bridge.address:
        broadcast = "brd + " if address.family == 4 and address.prefix < 31 else ""
        rows.append("    up ip address replace %s %sdev %s%s"
                    % (address, broadcast, name, " nodad" if address.family == 6 else ""))
    rows += ["    up ip route replace default via %s dev %s proto %s" % (gateway.ip, name, PROTOCOL)
             for gateway in bridge.gateway]
    return rows


def _networks(networks: Sequence[Network], rule_protocol: bool) -> List[str]:
    """The `up` lines of the networks of one interface, then what takes them back."""
    protocol = PROTOCOL if rule_protocol else ""
    up: List[str] = []
    down: List[str] = []
    for network in networks:
        if network.rp_filter:
            up.append("echo %s >/proc/sys/net/ipv4/conf/%s/rp_filter" % (network.rp_filter, network.dev))
        for cidr in network.cidr:
            end = " dev %s table %d proto %s" % (network.dev, network.table, PROTOCOL)
            for route in (str(cidr) + end, "default via " + network.gateway_of(cidr).ip + end):
                up.append("ip route replace " + route)
                down.insert(0, "ip route del %s 2>/dev/null || true" % route)
    rules = [rule for network in networks for rule in network.rules(network.ingress)]
    for rule in sorted(rules, key=lambda rule: rule.preference):
        # Old kernels take a rule twice, new ones refuse it; and an equal one of another protocol counts as there.
        up.append("%s rule show | grep -q '%s' || %s rule add %s"
                  % (rule.ip, _listed(rule), rule.ip, rule.words(protocol)))
        down.insert(0, "%s rule del %s 2>/dev/null || true" % (rule.ip, rule.words()))
    return ["    up " + command for command in up] + ["    down " + command for command in down]


def _listed(rule: Rule) -> str:
    """What `ip rule show` begins the rule's row with, as a pattern of grep; whatever name its table has."""
    words = rule.words().partition(" from ")[2].partition(" lookup ")[0].split()
    words = [word.rpartition("/")[0] if word == str(rule.cidr) and rule.cidr.prefix == rule.cidr.width else word
             for word in words]
    return "^%d:.from %s " % (rule.preference, " ".join(words).replace(".", "\\."))
