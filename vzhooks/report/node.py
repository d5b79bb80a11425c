"""The node's own side: bridges, networks, overlays, uplinks, as vzhooks.conf wants them and as they are now."""
import os
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from vzhooks import facts, process, values
from vzhooks.doctor import probe
from vzhooks.errors import Expected
from vzhooks.node import bridgeview, overlayview, status, uplinks
from vzhooks.node import overlay as overlays
from vzhooks.node.bridgeview import Live
from vzhooks.nodeconf import NodeConf
from vzhooks.report.containers import ROUTED, VENET, Container

PING = 3.0  # seconds
TRIED = 2  # stations behind a peer


class Bridge(NamedTuple):
    """A bridge of this node, or one that it should have."""

    name: str
    type: str  # linux | ovs
    state: str  # up | down | missing
    mtu: int  # 0: missing
    addresses: Tuple[str, ...]  # ADDRESS/PREFIX, the node's own
    gateways: Tuple[str, ...]
    ports: Tuple[str, ...]  # those that are no container's
    containers: int  # how many have a port in it


class Network(NamedTuple):
    """A [network], its table and how many containers have an address in it."""

    name: str
    cidr: Tuple[str, ...]
    dev: str
    state: str  # up | down | missing: of dev
    gateway: Tuple[str, ...]
    table: int
    ingress: Tuple[str, ...]
    containers: int


class Peer(NamedTuple):
    """Another node of an overlay.  answers: yes | underlay (but not through the overlay) | no | "" where not asked."""

    address: str
    answers: str


class Overlay(NamedTuple):
    """An [overlay]."""

    name: str
    type: str  # linux | ovs
    vni: int
    port: int  # UDP
    control: str  # static | evpn
    local: str  # "": this node is none of the peers
    peers: Tuple[Peer, ...]
    tunnels: Tuple[str, ...]  # the ports of its bridge that lead to them


class Public(NamedTuple):
    """A floating address, whose it is, and the address behind it."""

    public: str
    private: str
    veid: str
    name: str


class Uplink(NamedTuple):
    """An interface of [floating] uplinks."""

    dev: str
    state: str  # up | down | missing
    table: int
    networks: Tuple[str, ...]
    gateways: Tuple[str, ...]
    floating: Tuple[Public, ...]


class Way(NamedTuple):
    """A default route of the main table."""

    dev: str
    gateway: str  # "": there is none on the way


class Node(NamedTuple):
    """The node."""

    name: str
    ways: Tuple[Way, ...]
    bridges: Tuple[Bridge, ...]
    networks: Tuple[Network, ...]
    overlays: Tuple[Overlay, ...]
    uplinks: Tuple[Uplink, ...]
    announce: str  # "ospf by frr, area 0.0.0.0"; "" where nothing is announced


def gather(found: NodeConf, containers: Sequence[Container], ask: bool) -> Node:
    """The node now.  ASK: whether the peers of overlays answer, which sends packets and takes seconds."""
    state = bridgeview.live()
    announce = found.announce
    way = "area " + announce.area if announce.protocol == "ospf" else "AS %d" % announce.asn
    said = "%s by %s, %s" % (announce.protocol, announce.daemon, way) if announce.where else ""
    ways = [Way(dev, route.value("via")) for route in state.routes if route.is_default
            for dev in bridgeview.devices_of(route)]
    return Node(os.uname().nodename, tuple(dict.fromkeys(ways)), _bridges(found, state, containers),
                _networks(found, containers), tuple(_overlay(one, found, state, ask) for one in found.overlays),
                _uplinks(found, state, containers), said)


def state_of(name: str) -> str:
    """up | down | missing."""
    return "missing" if not facts.kind(name) else "up" if facts.is_up(name) else "down"


def _bridges(found: NodeConf, state: Live, containers: Sequence[Container]) -> Tuple[Bridge, ...]:
    """Those of vzhooks.conf, those that containers name, and every Linux bridge that is there."""
    wanted = {bridge.name: bridge for bridge in found.bridges}
    veths: Dict[str, List[str]] = {}
    for container in containers:
        for port in container.ports:
            if port.bridge not in ("", ROUTED, VENET):
                veths.setdefault(port.bridge, []).append(port.device)
    there = [name for name in os.listdir(os.path.dirname(facts.SYS.rstrip("/"))) if facts.kind(name) == "linux"]
    made = []
    for name in sorted(set(wanted) | set(veths) | set(there)):
        bridge = wanted.get(name)
        kind = facts.kind(name)
        mine = set(veths.get(name, ()))
        gateways = [route.value("via") for route in state.routes if route.is_default and route.device == name]
        made.append(Bridge(
            name, "linux" if kind == "linux" or not kind and not (bridge and bridge.type == "ovs") else "ovs",
            state_of(name), int(facts.READERS["mtu"](name) or 0),
            tuple(one.words[0] for one in state.addresses if one.device == name and not _is_single(one.words[0])),
            tuple(dict.fromkeys(gateways + [one.ip for one in bridge.gateway] if bridge else gateways)),
            tuple(sorted(port for port in _ports(name, kind) if port not in mine)),
            len(mine)))
    return tuple(made)


def _ports(name: str, kind: str) -> List[str]:
    try:
        return status.ports_of(name) if kind == "linux" or kind and facts.READERS["openvswitch"]("") else []
    except OSError:
        return []  # it has gone meanwhile


def _is_single(address: str) -> bool:
    """Whether an address of the node is a floating one, which is its own alone."""
    return address.endswith("/128" if ":" in address else "/32") or "/" not in address


def _networks(found: NodeConf, containers: Sequence[Container]) -> Tuple[Network, ...]:
    return tuple(Network(one.name, tuple(map(str, one.cidr)), one.dev, state_of(one.dev),
                         tuple(gateway.ip for gateway in one.gateway), one.table, one.ingress,
                         sum(1 for container in containers if in_network(container, one.cidr)))
                 for one in found.networks)


def in_network(container: Container, cidr: Sequence[values.Address]) -> bool:
    """Whether a container has an address in one of these networks."""
    return any(network.reaches(values.Address(text.partition("/")[0], 0, 6 if ":" in text else 4, ""))
               for port in container.ports for text in port.addresses for network in cidr)


def _overlay(one: overlays.Overlay, found: NodeConf, state: Live, ask: bool) -> Overlay:
    local = overlayview.local_of(one, overlayview.own(found, state))
    others = overlayview.others(one, local)
    answers = _answers(one, [peer.ip for peer in others]) if ask and local and facts.is_up(one.name) else {}
    return Overlay(one.name, one.type, one.vni, one.port, one.control, local,
                   tuple(Peer(peer.ip, answers.get(peer.ip, "")) for peer in others),
                   (one.device,) if one.type == "linux" else tuple(map(one.port_to, others)))


def _answers(one: overlays.Overlay, peers: Sequence[str]) -> Dict[str, str]:
    """Who answers through the overlay, and who on the underlay alone.  {} without a ping."""
    try:
        stations = probe.stations(one, {one.port_to(peer): peer.ip for peer in one.peers}, [])
        behind = [station for peer in peers for station in sorted(
            (station for station in stations if station.peer == peer),
            key=lambda station: station.mac != one.mac_of(peer))[:TRIED]]  # they may be of earlier days: ask again
        results = process.run_all([_ping(peer) for peer in peers]
                                  + [_ping(station.address, "-I", one.name) for station in behind], PING)
    except (Expected, OSError):
        return {}
    near = {peer for peer, result in zip(peers, results) if result.status == 0}
    through = {station.peer for station, result in zip(behind, results[len(peers):]) if result.status == 0}
    return {peer: "yes" if peer in through else "underlay" if peer in near else "no" for peer in peers}


def _ping(address: str, *options: str) -> process.Child:
    return process.Child(["ping", "-6" if ":" in address else "-4", "-n", "-c", "2", "-i", "0.2", "-W", "1"]
                         + list(options) + [address])


def _uplinks(found: NodeConf, state: Live, containers: Sequence[Container]) -> Tuple[Uplink, ...]:
    there = uplinks.uplinks(found, state)
    by_dev: Dict[str, List[Public]] = {}
    for container in containers:
        for one in container.floating:
            home = uplinks.home_of(values.plain_address(one.public, ""), there) if there else ""
            by_dev.setdefault(home, []).append(Public(one.public, one.private, container.veid, container.name))
    made = []
    for number, dev in enumerate(found.floating.uplinks):
        uplink: Optional[uplinks.Uplink] = next((one for one in there if one.dev == dev), None)
        made.append(Uplink(dev, state_of(dev), found.floating.tables + number,
                           tuple(map(str, uplink.networks)) if uplink else (),
                           tuple(one.ip for one in uplink.gateways) if uplink else (), tuple(by_dev.get(dev, ()))))
    return tuple(made)
