"""The report as a drawing has it: who is connected to whom.  Pure."""
from typing import List, NamedTuple, Sequence, Tuple

from vzhooks.log import printable
from vzhooks.report.containers import LEFT_OVER, ROUTED, VENET, Container, Port
from vzhooks.report.gather import Report
from vzhooks.report.node import Bridge, Network, Overlay, Uplink
from vzhooks.report.status import age, counted

LONGEST = 24  # characters of a container's name: its owner's, so of any length


class Member(NamedTuple):
    """A port of a container."""

    veid: str
    name: str  # printable, and not long
    state: str
    device: str
    addresses: Tuple[str, ...]
    floating: Tuple[Tuple[str, str], ...]  # (public, private)
    announced: str  # "" where that goes without saying
    trouble: str  # "": all is well, as far as the last check knows


class Group(NamedTuple):
    """What containers are connected to: a bridge, or the node's routing (ROUTED, VENET)."""

    name: str
    about: Tuple[str, ...]  # lines on it
    trouble: str
    ports: Tuple[str, ...]  # of a bridge: those that lead out
    gateways: Tuple[str, ...]
    overlays: Tuple[Overlay, ...]
    members: Tuple[Member, ...]


class Table(NamedTuple):
    """A policy routing table between what containers come from and an interface."""

    title: str
    about: Tuple[str, ...]
    trouble: str
    sources: Tuple[str, ...]  # groups
    dev: str  # a group, or an interface


class Device(NamedTuple):
    """An interface of the node that is no bridge and leads out."""

    name: str
    about: Tuple[str, ...]
    trouble: str
    gateways: Tuple[str, ...]


class Topology(NamedTuple):
    """The whole drawing."""

    node: str  # its name
    title: str
    groups: Tuple[Group, ...]
    tables: Tuple[Table, ...]
    devices: Tuple[Device, ...]
    ways: Tuple[Tuple[str, str], ...]  # (group, group or device): by the main table
    troubles: Tuple[str, ...]  # of the node


def topology(report: Report) -> Topology:
    """Given what there is, return how it hangs together."""
    node = report.node
    troubles = tuple(map(printable, report.drift.rows)) if report.drift else ()
    names = [one.name for one in node.bridges]
    groups = [_bridge(one, report, troubles) for one in node.bridges]
    for name, about in ((VENET, "venet containers"), (ROUTED, "veths without a bridge")):
        members = _members(report.containers, name)
        if members:
            groups.append(Group(name, (about,), "", (), (), (), members))
    routing = tuple(one.name for one in groups if one.name in (VENET, ROUTED))
    tables = tuple(_table(one, routing, troubles) for one in node.networks)
    leads_out = [one.dev for one in node.ways] + [one.dev for one in node.uplinks] + [one.dev for one in tables]
    devices = tuple(_device(name, report, troubles) for name in dict.fromkeys(leads_out) if name not in names)
    ways = tuple((group, way.dev) for group in routing for way in dict.fromkeys(node.ways))
    return Topology(printable(node.name), _title(report), tuple(groups), tables, devices, tuple(dict.fromkeys(ways)),
                    troubles)


def _title(report: Report) -> str:
    checks = [one.drift for one in report.containers if one.drift] + ([report.drift] if report.drift else [])
    drift = "never checked" if not checks else "%s, checked %s ago" % (
        counted(sum(len(one.rows) for one in checks), "difference"), age(max(one.age for one in checks)))
    return "%s, %s" % (counted(len(report.containers), "container"), drift)


def _bridge(one: Bridge, report: Report, troubles: Sequence[str]) -> Group:
    overlays = tuple(over for over in report.node.overlays if over.name == one.name)
    tunnels = {name for over in overlays for name in over.tunnels}
    about = ["%s bridge, MTU %d" % (one.type, one.mtu) if one.mtu else "%s bridge" % one.type]
    about += list(one.addresses) + _as_uplink(one.name, report.node.uplinks)
    return Group(one.name, tuple(about), one.state if one.state != "up" else _drifts(one.name, troubles),
                 tuple(port for port in one.ports if port not in tunnels), one.gateways, overlays,
                 _members(report.containers, one.name))


def _as_uplink(name: str, uplinks: Sequence[Uplink]) -> List[str]:
    return ["uplink, table %d, floating: %d" % (one.table, len(one.floating)) for one in uplinks if one.dev == name]


def _device(name: str, report: Report, troubles: Sequence[str]) -> Device:
    gateways = [one.gateway for one in report.node.ways if one.dev == name and one.gateway]
    uplinks = [one for one in report.node.uplinks if one.dev == name]
    gateways += [gateway for one in uplinks for gateway in one.gateways]
    gateways += [gateway for one in report.node.networks if one.dev == name for gateway in one.gateway]
    states = [one.state for one in uplinks] + [one.state for one in report.node.networks if one.dev == name]
    wrong = next((state for state in states if state != "up"), "")
    return Device(name, tuple(_as_uplink(name, uplinks)), wrong or _drifts(name, troubles),
                  tuple(dict.fromkeys(gateways)))


def _table(one: Network, routing: Sequence[str], troubles: Sequence[str]) -> Table:
    sources = tuple(name for name in routing if name in one.ingress or name == ROUTED)
    about = one.cidr + tuple("default via " + gateway for gateway in one.gateway)
    trouble = _drifts("table %d" % one.table, troubles) or _drifts("lookup %d" % one.table, troubles)
    return Table("table %d %s" % (one.table, one.name), about, trouble, sources, one.dev)


def _drifts(name: str, troubles: Sequence[str]) -> str:
    """The first row of the node's drift that has NAME in it."""
    return next((row for row in troubles if " %s " % name in row + " "), "")


def _members(containers: Sequence[Container], bridge: str) -> Tuple[Member, ...]:
    return tuple(_member(one, port) for one in containers for port in one.ports if port.bridge == bridge)


def _member(one: Container, port: Port) -> Member:
    own = {address.partition("/")[0] for address in port.addresses}
    name = printable(one.name)
    trouble = "left over: its devices have gone" if one.state == LEFT_OVER else ""
    if one.drift and one.drift.rows:
        trouble = printable(one.drift.rows[0]) + (" (+%d)" % (len(one.drift.rows) - 1) if one.drift.rows[1:] else "")
    return Member(one.veid, name if len(name) <= LONGEST else name[:LONGEST - 3] + "...", one.state, port.device,
                  port.addresses, tuple((pair.public, pair.private) for pair in one.floating if pair.private in own),
                  "" if port.announced == "yes" else port.announced, trouble)
