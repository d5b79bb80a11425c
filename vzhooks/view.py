"""What the templates see of a veth: the model's wishes and the node's live facts in one place."""
from typing import List, NamedTuple, Optional, Tuple

from vzhooks import ovs, values
from vzhooks.facts import Facts
from vzhooks.mistakes import Mistake
from vzhooks.model import Gateway, Veth
from vzhooks.routes import Route
from vzhooks.values import Address

DEFAULT_MTU = 1500  # of a new veth (drivers/net/veth.c, ether_setup)
# Two commands: while STP runs, the kernel takes no delay below 2 s, and in one it sets the delay first.
AT_ONCE = "ip link set {0} type bridge stp_state 0; ip link set {0} type bridge forward_delay 0"


class Sysctl(NamedTuple):
    """A setting of the node with the value that it goes back to."""

    key: str
    value: str
    before: str


class View(NamedTuple):
    """The `veth` of a template; texts are "" and numbers 0 where there is nothing to set."""

    device: str  # on the node
    name: str  # in the container
    where: str
    mac: str
    bridge: str
    bridge_where: str
    tool: str  # what joins the bridge: ip, brctl or ovs
    leave: Tuple[str, ...]  # commands that first leave the bridge of an earlier life
    external_ids: str  # words for an Open vSwitch port
    offloads: str  # words of `ethtool -K`
    dash: str  # "-" where a bridge that cannot be joined is no failure
    host_mac: str
    host_mac_before: str
    host_mtu: int
    mtu: int
    mtu_where: str
    addresses: Tuple[Address, ...]
    all_addresses: Tuple[Address, ...]
    gateways: Tuple[Gateway, ...]
    routes: Tuple[Route, ...]  # inside, beside the defaults
    ct0: Tuple[Address, ...]
    sysctls: Tuple[Sysctl, ...]
    proxied: Tuple[Address, ...]  # IPv6 neighbours that the node answers for
    hairpin: bool  # the bridge sends frames back by the port that they came from
    vlan: int  # of the port; 0: none
    vlan_where: str
    vlan_left: int  # the one that a Linux bridge has given the port by itself, 0: none, or the same
    apart: bool  # in a VLAN in which the node itself is not

    @property
    def route_device(self) -> str:
        return self.bridge or self.device


class Attachment(NamedTuple):
    """How a veth gets into its bridge: what joins it, what is left before, what an Open vSwitch port is told."""

    tool: str
    leave: Tuple[str, ...]
    external_ids: str
    offloads: str


def view(veth: Veth, attachment: Attachment, facts: Facts, doubts: List[Mistake],
         hairpin: bool = False) -> View:
    """Given a veth whose bridge exists, return what a template needs; DOUBTS gets what is to be said of the node.

    HAIRPIN: the container has floating addresses, and reaches them itself.
    """
    interface = veth.interface
    host_mac = before = ""
    host_mtu, mtu = 0, veth.mtu
    if veth.bridge:
        host_mac, before = _host_mac(veth, attachment.tool, facts)
        bridge_mtu = int(facts.get("mtu", veth.bridge))
        # A bridge takes its smallest port's MTU (canonical/lxd#11919): so the port takes the bridge's.
        host_mtu = bridge_mtu if bridge_mtu != DEFAULT_MTU else 0
        mtu = veth.mtu or (bridge_mtu if bridge_mtu < DEFAULT_MTU else 0)
        doubts += _bridge_doubts(veth, attachment.tool, facts, bridge_mtu)
    elif veth.mtu > DEFAULT_MTU:
        host_mtu = veth.mtu
    left, apart = _vlan(veth, attachment.tool, facts, doubts) if veth.vlan else (0, False)
    routed = not veth.bridge and bool(veth.all_addresses)
    # A bridge that hands frames to iptables sends those to a container's own floating address back by its own port.
    hairpin = hairpin and attachment.tool == "ip" and any(
        facts.get("sysctl", "net.bridge.bridge-nf-call-%s" % name) == "1" for name in ("iptables", "ip6tables"))
    return View(interface.host_ifname, interface.ifname, interface.where, interface.mac, veth.bridge,
                veth.bridge_where, attachment.tool, attachment.leave, attachment.external_ids, attachment.offloads, "",
                host_mac, before, host_mtu, mtu, veth.mtu_where or veth.bridge_where,
                veth.addresses, veth.all_addresses, veth.gateways, veth.routes,
                _ct0(veth, facts) if veth.ct0 is not None or not apart else (),
                _sysctls(veth, facts) if routed else (),
                _proxied(veth) if routed else (), hairpin and bool(veth.bridge),
                veth.vlan if veth.bridge else 0, veth.vlan_where, left, apart)


def _vlan(veth: Veth, tool: str, facts: Facts, doubts: List[Mistake]) -> Tuple[int, bool]:
    """The VLAN that a port leaves for its own, and whether the node is not in that one."""
    if not veth.bridge:
        doubts.append(Mistake(veth.vlan_where, "VETH_VLAN %d, but %s is in no bridge"
                              % (veth.vlan, veth.interface.ifname), "BRIDGEDEV is wanted for it to have an effect"))
        return 0, False
    if tool == "ovs":
        return 0, True
    bridges = int(facts.get("default_pvid", veth.bridge) or 0)
    return bridges if bridges != veth.vlan else 0, bridges != veth.vlan


def _proxied(veth: Veth) -> Tuple[Address, ...]:
    """Proxy ND is for single addresses, unlike proxy ARP: those of the gateway and of the node that the conf names."""
    neighbours = tuple(gateway.address for gateway in veth.gateways) + (veth.ct0 or ())
    return tuple(one for one in neighbours if one.family == 6 and not one.ip.startswith("fe80:"))


def _host_mac(veth: Veth, tool: str, facts: Facts) -> Tuple[str, str]:
    """First octet fe, so that a bridge without a MAC of its own never takes the port's, which would be the lowest.

    Open vSwitch takes the lowest, too, and sets it itself, so that its bridge looks pinned and is not; in the userspace
    datapath the bridge even goes down for it and loses its routes.
    """
    if tool != "ovs" and facts.get("pinned", veth.bridge) == "yes":
        return "", ""
    # Without host_mac vzctl makes one up at each start; ours then follows the container's, which stays.
    wanted = veth.interface.host_mac or veth.interface.mac
    if veth.interface.host_mac.startswith("fe:") or not wanted:
        return "", ""
    return "fe" + wanted[2:], veth.interface.host_mac


def _ct0(veth: Veth, facts: Facts) -> Tuple[Address, ...]:
    """The node's addresses for the container: as the conf says, else the bridge's own; of families that the CT has."""
    families = {address.family for address in veth.all_addresses}
    if veth.ct0 is not None:
        return tuple(address for address in veth.ct0 if address.family in families)
    found = [values.plain_address(facts.get("ipv%d" % family, veth.bridge), veth.bridge_where)
             for family in sorted(families) if veth.bridge and facts.get("ipv%d" % family, veth.bridge)]
    own = {address.ip for address in veth.all_addresses}
    return tuple(address for address in found if address.ip not in own)


def _sysctls(veth: Veth, facts: Facts) -> Tuple[Sysctl, ...]:
    """Routed to the veth: the node answers there for everything beyond, above all for the gateway."""
    device = veth.interface.host_ifname.translate({ord("."): "/"})
    wanted: List[Tuple[str, str]] = []
    families = {address.family for address in veth.all_addresses}
    if 4 in families:
        # Without proxy_delay=0 the first answer waits up to 0.8 s.
        wanted += [("net.ipv4.conf.%s.proxy_arp", "1"), ("net.ipv4.conf.%s.forwarding", "1"),
                   ("net.ipv4.neigh.%s.proxy_delay", "0")]
    if 6 in families:
        wanted += [("net.ipv6.conf.%s.forwarding", "1"), ("net.ipv6.conf.%s.proxy_ndp", "1"),
                   ("net.ipv6.neigh.%s.proxy_delay", "0")]
    return tuple(Sysctl(key % device, value, facts.get("sysctl", key % "default")) for key, value in wanted)


def _bridge_doubts(veth: Veth, tool: str, facts: Facts, bridge_mtu: int) -> List[Mistake]:
    bridge, where, found = veth.bridge, veth.bridge_where, []
    delay = facts.get("delays", bridge)
    if delay:
        found.append(Mistake(where, "bridge %s would not forward for the first %s s of a container" % (bridge, delay),
                             "'%s' is wanted" % AT_ONCE.format(bridge)))
    if tool != "ovs" and facts.get("pinned", bridge) == "no":
        found.append(Mistake(where, "bridge %s has no MAC of its own; it takes the lowest one of its ports, so that "
                             "the node can drop off the network" % bridge,
                             "'ip link set %s address %s' pins it" % (bridge, facts.get("mac", bridge))))
    inside = veth.mtu or min(bridge_mtu, DEFAULT_MTU)
    if inside > bridge_mtu:
        found.append(Mistake(veth.mtu_where, "VETH_MTU %d is more than the %d of bridge %s: larger packets will be lost"
                             % (inside, bridge_mtu, bridge), "%d at most is wanted" % bridge_mtu))
    elif bridge_mtu > DEFAULT_MTU:
        found.append(Mistake(where, "bridge %s has MTU %d, which a port of %d would lower; the port takes %d, inside "
                             "stays %d" % (bridge, bridge_mtu, DEFAULT_MTU, bridge_mtu, inside),
                             "VETH_MTU sets the one inside"))
    return found


def bridge_mistake(veth: Veth, facts: Facts) -> Optional[Mistake]:
    """What is wrong with the bridge that a conf file names, None when a veth can join it."""
    if not veth.bridge:
        return None
    kind = facts.get("kind", veth.bridge)
    if kind == "linux" and veth.vlan and facts.get("vlan_filtering", veth.bridge) != "1":
        return Mistake(veth.vlan_where, "VETH_VLAN %d, but bridge %s does not tell VLANs apart"
                       % (veth.vlan, veth.bridge), "'ip link set dev %s type bridge vlan_filtering 1' is wanted, on a "
                       "kernel that has it, or a bridge of Open vSwitch" % veth.bridge)
    if kind == "linux" or kind and ovs.is_bridge(veth.bridge):
        return None
    found = "bridge %s, which this node has not" % veth.bridge if not kind else "%s, which is no bridge" % veth.bridge
    return Mistake(veth.bridge_where, found, "the name of a bridge of this node is wanted")
