"""[overlay NAME]: the bridge NAME stretched over several nodes by VXLAN (RFC 7348), plain Linux or Open vSwitch.

The section is the same on all nodes: each finds itself among the peers.  The bridge is that of [bridge NAME], or made
of the overlay's own settings.
"""
import hashlib
from typing import Dict, List, NamedTuple, Sequence, Tuple

from vzhooks import ini, names, values
from vzhooks.mistakes import Mistake, shown
from vzhooks.node.bridge import SETTINGS as BRIDGE_SETTINGS
from vzhooks.node.bridge import Bridge
from vzhooks.routing.settings import FIELDS, Announce
from vzhooks.routing.settings import SETTINGS as ANNOUNCE_SETTINGS
from vzhooks.values import Address

LEAST_MTU6 = 1280  # RFC 8200
OVERHEAD = {4: 50, 6: 70}  # bytes around a container's packet: Ethernet 14, VXLAN 8, UDP 8, and IPv4 20 or IPv6 40
TAG = 4  # bytes of an 802.1Q tag, which Open vSwitch leaves on frames in the tunnel


class Overlay(NamedTuple):
    """An overlay as vzhooks.conf wants it; texts are "" and numbers 0 where nothing is said."""

    name: str  # of its bridge
    where: str  # FILE:LINE of the section
    type: str = "linux"  # linux | ovs
    vni: int = 0  # VXLAN network identifier, 24 bits
    peers: Tuple[Address, ...] = ()  # underlay addresses of all nodes, this one too; one family
    local: str = ""  # which of the node's addresses is its own; "": the one among the peers
    port: int = 4789  # UDP, the one that IANA gave VXLAN
    address: Tuple[Address, ...] = ()  # the node's own on the bridge
    mtu: int = 0  # 0: the underlay's less OVERHEAD
    control: str = "static"  # static | evpn: who says behind which node a MAC is
    asn: int = 0  # of the BGP sessions; 0: [announce]'s, or a private one
    reflectors: Tuple[str, ...] = ()  # the only ones that nodes have a session with; (): each with each
    auth_key_file: str = ""  # of these sessions
    mac: str = ""  # of the bridge; "": made of the underlay address and the name
    datapath: str = "system"  # of Open vSwitch: system (the kernel's) | netdev (userspace)
    wheres: Dict[str, str] = {}  # FILE:LINE of each setting that was given

    def at(self, key: str) -> str:
        """FILE:LINE of a setting, or of the section."""
        return self.wheres.get(key, self.where)

    @property
    def family(self) -> int:
        """Of the underlay: 4 or 6."""
        return self.peers[0].family

    @property
    def overhead(self) -> int:
        """Bytes by which a packet of the overlay is longer in the underlay."""
        return OVERHEAD[self.family]

    @property
    def device(self) -> str:
        """The name of its vxlan device (linux)."""
        return "vx-" + (self.name if len(self.name) <= 12 else self.name[:6] + "-" + _hash(self.name, 5))

    def port_to(self, peer: Address) -> str:
        """The name of its Open vSwitch port to a peer: of the overlay, then the address in hex, IPv6's as a hash."""
        number = "".join("%02x" % int(part) for part in peer.ip.split(".")) if peer.family == 4 else _hash(peer.ip, 8)
        return "v%s-%s" % (_hash(self.name, 5), number)

    def bridge(self) -> Bridge:
        """The bridge that the overlay makes where there is no [bridge] of its name."""
        given = {key: where for key, where in self.wheres.items() if key in BRIDGE_SETTINGS and key != "mtu"}
        return Bridge(self.name, self.where, self.type, address=self.address, mac=self.mac, datapath=self.datapath,
                      wheres=given)

    def mac_of(self, local: str) -> str:
        """The MAC of that bridge, which has no port to take it from: stable over reboots, another on every node."""
        return self.mac or "02:" + ":".join("%02x" % byte for byte in bytes.fromhex(_hash(local + " " + self.name, 10)))


def _hash(text: str, digits: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:digits]


def _peer(text: str, where: str) -> Address:
    peer = values.plain_address(text, where)
    if values.link_local(peer):
        raise ValueError("an address that is valid on every interface is wanted, not a link-local one")
    return peer


SETTINGS: Dict[str, ini.Check] = {
    "type": BRIDGE_SETTINGS["type"],
    "vni": lambda text, where: names.number(text, 0, 2 ** 24 - 1),
    "peers": ini.words(_peer),
    "local": lambda text, where: _peer(text, where).ip,
    "port": lambda text, where: names.number(text, 1, 65535),
    "address": BRIDGE_SETTINGS["address"],
    "mtu": BRIDGE_SETTINGS["mtu"],
    "control": lambda text, where: values.choice(text, "static", "evpn"),
    "as": ANNOUNCE_SETTINGS["as"],
    "reflectors": ini.words(lambda text, where: _peer(text, where).ip),
    "auth_key_file": ANNOUNCE_SETTINGS["auth_key_file"],
    "mac": BRIDGE_SETTINGS["mac"],
    "datapath": BRIDGE_SETTINGS["datapath"],
}
OF_EVPN = ("as", "reflectors", "auth_key_file")


def read(name: str, section: ini.Section) -> Tuple[Overlay, List[Mistake]]:
    """Given [overlay NAME], return the overlay and all mistakes in it."""
    found, mistakes = ini.values(section, SETTINGS, ("vni", "peers"))
    try:
        names.interface(name)
    except ValueError as error:
        mistakes.append(Mistake(section.where, "[overlay %s]" % name, str(error)))
    overlay = Overlay(name, section.where, wheres={key: setting.where for key, setting in section.items()},
                      **{FIELDS.get(key, key): value for key, value in found.items()})  # type: ignore[arg-type]
    families = {peer.family for peer in overlay.peers}
    if len(families) > 1:
        mistakes.append(Mistake(overlay.at("peers"), "IPv4 and IPv6 addresses among the peers",
                                "one family is wanted, since each node has one underlay address"))
    elif overlay.local and families and (":" in overlay.local) != (6 in families):
        mistakes.append(Mistake(overlay.at("local"), "local %s is not of the peers' family" % overlay.local,
                                "an IPv%d address is wanted" % families.pop()))
    if overlay.mtu and overlay.mtu < LEAST_MTU6 and any(address.family == 6 for address in overlay.address):
        mistakes.append(Mistake(overlay.at("mtu"), "mtu = %d" % overlay.mtu,
                                "%d at least is wanted for the IPv6 address" % LEAST_MTU6))
    if overlay.control == "evpn":
        return overlay, mistakes + _evpn(overlay)
    return overlay, mistakes + [
        Mistake(overlay.at(key), "%s = %s with control = static" % (key, shown(section[key].value)),
                "'control = evpn' is wanted, or one without it") for key in OF_EVPN if key in section]


def _evpn(overlay: Overlay) -> List[Mistake]:
    """FRR drives the kernel's VXLAN only, over IPv4, and has no VNI 0."""
    mistakes = []
    if any(peer.family == 6 for peer in overlay.peers):
        mistakes.append(Mistake(overlay.at("peers"), "control = evpn with IPv6 peers",
                                "IPv4 addresses are wanted: FRR's EVPN knows no tunnels over IPv6"))
    elif any(":" in ip for ip in overlay.reflectors):
        mistakes.append(Mistake(overlay.at("reflectors"), "an IPv6 address among the reflectors of IPv4 peers",
                                "IPv4 addresses are wanted"))
    if overlay.type == "ovs":
        mistakes.append(Mistake(overlay.at("control"), "control = evpn with type = ovs",
                                "type = linux is wanted: FRR drives the kernel's VXLAN only; or control = static"))
    if "vni" in overlay.wheres and overlay.vni == 0:
        mistakes.append(Mistake(overlay.at("vni"), "control = evpn with vni = 0",
                                "a number from 1 to 16777215 is wanted: EVPN knows no VNI 0"))
    return mistakes


def join(overlays: Sequence[Overlay], bridges: Sequence[Bridge],
         ) -> Tuple[List[Overlay], List[Bridge], List[Mistake]]:
    """Given the overlays and the [bridge]s, return the overlays, all bridges, and the mistakes that they make together.

    What one of two sections says of a bridge holds for both.
    """
    made: List[Overlay] = []
    all_bridges = {bridge.name: bridge for bridge in bridges}
    mistakes: List[Mistake] = []
    for overlay in overlays:
        bridge = all_bridges.get(overlay.name)
        if bridge is None:
            made.append(overlay)
            all_bridges[overlay.name] = overlay.bridge()
            continue
        mistakes += _disagree(overlay, bridge)
        if overlay.address:
            all_bridges[overlay.name] = bridge._replace(
                address=overlay.address, wheres=dict(bridge.wheres, address=overlay.at("address")))
        made.append(overlay._replace(type=bridge.type, address=all_bridges[overlay.name].address,
                                     mtu=overlay.mtu or bridge.mtu, mac=bridge.mac, datapath=bridge.datapath,
                                     wheres=dict(bridge.wheres, **overlay.wheres)))
    return made, list(all_bridges.values()), mistakes + _clashes(made)


def _disagree(overlay: Overlay, bridge: Bridge) -> List[Mistake]:
    """An overlay and the [bridge] of its name that want different things."""
    mistakes = []
    for key in ("type", "mtu"):
        ours, theirs = getattr(overlay, key), getattr(bridge, key)
        if key in overlay.wheres and (theirs or key == "type") and ours != theirs:
            mistakes.append(Mistake(overlay.at(key), "%s = %s, but [bridge %s] has %s (%s)"
                                    % (key, ours, bridge.name, theirs, bridge.at(key)), "the same is wanted"))
    if overlay.address and bridge.address:
        mistakes.append(Mistake(overlay.at("address"), "address in [overlay %s] and in [bridge %s] (%s)"
                                % (overlay.name, bridge.name, bridge.at("address")), "one of the two is wanted"))
    for key in ("mac", "datapath"):
        if key in overlay.wheres:
            mistakes.append(Mistake(overlay.at(key), "%s in [overlay %s]" % (key, overlay.name),
                                    "it is wanted in [bridge %s] (%s)" % (bridge.name, bridge.where)))
    if bridge.type == "ovs" and overlay.control == "evpn" and "type" not in overlay.wheres:
        mistakes += _evpn(overlay._replace(type="ovs"))
    return mistakes


def _clashes(overlays: Sequence[Overlay]) -> List[Mistake]:
    """Overlays that the kernel or Open vSwitch could not tell apart."""
    mistakes = []
    for index, overlay in enumerate(overlays):
        for other in overlays[:index]:
            if (overlay.vni, overlay.port, overlay.type) == (other.vni, other.port, other.type):
                mistakes.append(Mistake(overlay.at("vni"), "vni %d with port %d is that of [overlay %s] (%s), too"
                                        % (overlay.vni, overlay.port, other.name, other.at("vni")),
                                        "one overlay for each is wanted"))
            elif overlay.port == other.port and overlay.type != other.type:
                # Open vSwitch's kernel device takes the port for itself (vxlan_sys_4789), whatever the VNI.
                mistakes.append(Mistake(overlay.at("port"), "port %d is that of [overlay %s] (%s), too, which is of "
                                        "type %s" % (overlay.port, other.name, other.at("port"), other.type),
                                        "another port is wanted, or the same type"))
            if overlay.device == other.device or overlay.port_to(overlay.peers[0]) == other.port_to(overlay.peers[0]):
                mistakes.append(Mistake(overlay.where, "[overlay %s] has the port names of [overlay %s] (%s)"
                                        % (overlay.name, other.name, other.where), "another name is wanted"))
    return mistakes


def across(overlays: Sequence[Overlay], announce: Announce) -> List[Mistake]:
    """What overlays of EVPN want that one bgpd cannot do, or that [announce] wants otherwise."""
    mine = [overlay for overlay in overlays if overlay.control == "evpn"]
    mistakes = []
    if mine and announce.daemon == "quagga":
        mistakes.append(Mistake(mine[0].at("control"), "control = evpn with daemon = quagga (%s)"
                                % announce.at("daemon"), "daemon = frr is wanted: Quagga knows no EVPN"))
    numbers = [(one.asn, one.at("as")) for one in [announce] * bool(announce.asn) + mine if one.asn]
    mistakes += [Mistake(where, "as = %d, but it is %d at %s" % ((number,) + numbers[0]),
                         "the same is wanted: bgpd has one") for number, where in numbers if number != numbers[0][0]]
    mistakes += [Mistake(one.at("auth_key_file"), "not the auth_key_file of [overlay %s] (%s)"
                         % (mine[0].name, mine[0].at("auth_key_file")),
                         "the same is wanted: all overlays share their BGP sessions")
                 for one in mine if one.auth_key_file != mine[0].auth_key_file]
    return mistakes
