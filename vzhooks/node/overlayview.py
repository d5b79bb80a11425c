"""An overlay as its template sees it: the node's own underlay address, the way to the peers, what stands in the way."""
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from vzhooks import facts, kernel, ovs, plan, process, render
from vzhooks.mistakes import Mistake
from vzhooks.node import bridgeview
from vzhooks.node.bridge import Bridge
from vzhooks.node.bridgeview import Live
from vzhooks.node.overlay import TAG, Overlay
from vzhooks.nodeconf import NodeConf
from vzhooks.values import Address

DEFAULT_MTU = 1500  # where nothing is known of the underlay; RFC 894


class Way(NamedTuple):
    """How the node reaches a peer."""

    device: str
    mtu: int  # the route's own, 0: the device's


class Peer(NamedTuple):
    """Another node, and the Open vSwitch port that leads to it."""

    ip: str
    port: str


class OverlayView(NamedTuple):
    """The `overlay` of overlay.j2."""

    name: str
    where: str
    type: str
    device: str
    vni: int
    port: int
    local: str
    peers: Tuple[Peer, ...]
    peers_where: str
    family: int
    evpn: bool
    mtu: int
    mtu_where: str
    bridge_mtu: bool  # whether the bridge gets it here: its own section may say it
    mtu_before: str  # of the bridge; "": it goes with the bridge
    no_ipv6: str  # the sysctl that keeps the vxlan device from having addresses of its own; "": a node without IPv6
    table: str  # of nft, which drops what comes from nobody's address; "": not on this node


def own(found: NodeConf, state: Live) -> List[str]:
    """The node's addresses, those that its bridges will have included."""
    now = [one.words[0].partition("/")[0] for one in state.addresses]
    return now + [address.ip for bridge in found.bridges for address in bridge.address]


def local_of(overlay: Overlay, addresses: Sequence[str]) -> str:
    """The node's own underlay address, "" where that is not certain."""
    mine = [overlay.local] if overlay.local else [peer.ip for peer in overlay.peers]
    known = [ip for ip in mine if ip in addresses]
    return known[0] if len(known) == 1 else ""


def with_macs(found: NodeConf, state: Live) -> NodeConf:
    """The conf, with MACs for the bridges that overlays make: they have no port to take one from."""
    addresses = own(found, state)
    macs = {one.name: one.mac_of(local_of(one, addresses)) for one in found.overlays}
    return found._replace(bridges=tuple(
        bridge if bridge.mac or bridge.ports else bridge._replace(mac=macs.get(bridge.name, ""))
        for bridge in found.bridges))


def conflicts(overlay: Overlay, found: NodeConf, state: Live) -> List[Mistake]:
    """What on this node stands in an overlay's way."""
    addresses = own(found, state)
    mistakes = []
    if not local_of(overlay, addresses):
        mine = [peer.ip for peer in overlay.peers if peer.ip in addresses]
        if overlay.local:
            mistakes.append(Mistake(overlay.at("local"), "local %s is no address of this node" % overlay.local,
                                    "one of its own is wanted"))
        else:
            mistakes.append(Mistake(
                overlay.at("peers"), "%s of the peers of [overlay %s] is an address of this node" % (
                    "none" if not mine else "more than one (%s)" % ", ".join(mine), overlay.name),
                "this node's underlay address among the peers, or 'local = ...', is wanted" if not mine
                else "'local = ...' is wanted"))
    if overlay.type == "linux" and facts.kind(overlay.device) and facts.alias(overlay.device) != alias(overlay):
        mistakes.append(Mistake(overlay.where, "%s is there already, which vzhooks has not made" % overlay.device,
                                "its removal is wanted: it is the name of the vxlan device of [overlay %s]"
                                % overlay.name))
    return mistakes


def alias(overlay: Overlay) -> str:
    """What its vxlan device is known by."""
    return bridgeview.ALIAS + overlay.name


def doubts(overlay: Overlay, found: NodeConf, state: Live) -> List[Mistake]:
    """What is to be said of an overlay on this node, of one without conflicts."""
    local = local_of(overlay, own(found, state))
    known = ways(overlay, local)
    there = local in own(found._replace(bridges=()), state)  # else the routes come with it
    said = [Mistake(peer.where, "no route to peer %s of [overlay %s]" % (peer.ip, overlay.name), "one is wanted")
            for peer in others(overlay, local) if peer.ip not in known and there]
    most = _underlay_mtu(overlay, local, known, found, state) - overlay.overhead
    if overlay.mtu > most:
        said.append(Mistake(overlay.at("mtu"), "mtu %d of [overlay %s], but the way to the peers carries packets of %d"
                            % (overlay.mtu, overlay.name, most), "%d at most is wanted, or a larger one there" % most))
    if overlay.type == "ovs" and overlay.datapath == "netdev":
        said += [Mistake(overlay.at("datapath"), "peers of [overlay %s] are reached by %s, which is no bridge of the "
                         "userspace datapath" % (overlay.name, device),
                         "a [bridge] with 'type = ovs', 'datapath = netdev' and this node's underlay address is wanted")
                 for device in sorted({_bridge_over(way.device, found) for way in known.values()})
                 if not any(bridge.name == device and bridge.datapath == "netdev" for bridge in found.bridges)
                 and not ovs.is_bridge(device)]
    elif not filters():
        said.append(Mistake(overlay.where, "no nft on this node, so that VXLAN packets for [overlay %s] are taken from "
                            "any address" % overlay.name,
                            "nftables is wanted, or another filter of UDP port %d on the underlay" % overlay.port))
    return said


def tagged(overlay: Overlay, where: str) -> List[Mistake]:
    """What is to be said of a VLAN in an overlay, set at WHERE."""
    if overlay.type == "linux":
        return [Mistake(where, "VETH_VLAN on the bridge of [overlay %s], which is of type linux" % overlay.name,
                        "'bridge vlan add vid N dev %s' is wanted on all its nodes, or type = ovs" % overlay.device)]
    if "mtu" in overlay.wheres:
        return []
    return [Mistake(where, "frames of a VLAN are %d bytes longer in the tunnels of [overlay %s], for which its mtu "
                    "leaves no room" % (TAG, overlay.name), "'mtu = ...', %d less than the default, is wanted" % TAG)]


def lines(overlay: Overlay, found: NodeConf, state: Live) -> List[plan.Line]:
    """The lines of one overlay, behind those of its bridge."""
    local = local_of(overlay, own(found, state))
    bridge = next(bridge for bridge in found.bridges if bridge.name == overlay.name)
    mtu = overlay.mtu or _underlay_mtu(overlay, local, ways(overlay, local), found, state) - overlay.overhead
    now = facts.READERS["mtu"](overlay.name) or str(DEFAULT_MTU)
    netdev = overlay.type == "ovs" and overlay.datapath == "netdev"
    table = "inet vzhooks_overlay%d_%d_%d" % (overlay.family, overlay.vni, overlay.port)
    peers = tuple(Peer(peer.ip, overlay.port_to(peer)) for peer in others(overlay, local))
    seen = OverlayView(
        overlay.name, overlay.where, overlay.type, overlay.device, overlay.vni, overlay.port, local, peers,
        overlay.at("peers"), overlay.family, overlay.control == "evpn", mtu,
        overlay.at("mtu" if overlay.mtu else "peers"), not bridge.mtu,
        "" if bridge.where == overlay.where or now == str(mtu) else now,
        "net.ipv6.conf.%s.disable_ipv6" % overlay.device.replace(".", "/")
        if facts.sysctl("net.ipv6.conf.default.disable_ipv6") else "",
        table if filters() and not netdev else "")
    return render.render("overlay", overlay=seen)


def others(overlay: Overlay, local: str) -> List[Address]:
    """The peers without this node."""
    return [peer for peer in overlay.peers if peer.ip != local]


def filters() -> bool:
    """Whether this node has nft.  What drops packets does so beside whatever filters the rest (backend.py)."""
    return kernel.has_program("nft")


def ways(overlay: Overlay, local: str) -> Dict[str, Way]:
    """By which interface each peer is reached, as the kernel says; those without a route are left out."""
    peers = others(overlay, local)
    if not peers or not local:
        return {}
    batch = "".join("route get %s from %s\n" % (peer.ip, local) for peer in peers)
    output = process.run(["ip", "-o", "-force", "-batch", "-"], batch, keep=process.LISTING).output
    found = {}
    for row in output.replace("\\", " ").splitlines():
        words = row.split()
        values = dict(zip(words, words[1:]))
        # A PMTU that the kernel has learned expires: it would be another plan tomorrow.
        mtu = values.get("mtu", "") if "expires" not in words else ""
        if "dev" in values:
            found[words[0]] = Way(values["dev"], int(mtu) if mtu.isdigit() else 0)
    return found


def _underlay_mtu(overlay: Overlay, local: str, known: Dict[str, Way], found: NodeConf, state: Live) -> int:
    """The largest packet that leaves for every peer, as far as this node knows."""
    sizes = [way.mtu or _mtu_of(way.device, found) for way in known.values()]
    if not sizes:  # at boot perhaps, before there is a route
        homes = [one.device for one in state.addresses if one.words[0].partition("/")[0] == local]
        homes += [bridge.name for bridge in found.bridges if any(one.ip == local for one in bridge.address)]
        sizes = [_mtu_of(device, found) for device in homes]
    return min(sizes + [65535]) if sizes else DEFAULT_MTU


def _mtu_of(device: str, found: NodeConf) -> int:
    """What it has, or will have as (a port of) one of the node's bridges."""
    bridge = _wanted(device, found)
    mtu = facts.READERS["mtu"](device) or (facts.READERS["mtu"](bridge.ports[0]) if bridge and bridge.ports else "")
    return bridge.mtu if bridge and bridge.mtu else int(mtu or DEFAULT_MTU)


def _bridge_over(device: str, found: NodeConf) -> str:
    bridge = _wanted(device, found)
    return bridge.name if bridge else device


def _wanted(device: str, found: NodeConf) -> Optional[Bridge]:
    return next((bridge for bridge in found.bridges if device == bridge.name or device in bridge.ports), None)
