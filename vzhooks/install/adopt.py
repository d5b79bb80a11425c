"""Take-over from the wiki's vznetcfg.custom: journals for what it has set up, and what it has left behind."""
import os
from typing import Dict, List, NamedTuple, Optional, Set, Tuple

from vzhooks import conflict, facts, journal, kernel, paths, plan, planner, warming
from vzhooks.call import Call
from vzhooks.errors import ConfigError
from vzhooks.kernel import Route
from vzhooks.model import Container
from vzhooks.node.present import Present


class Adopted(NamedTuple):
    """A device of a running container, and the lines that its stop has to undo; or why there are none."""

    veid: str
    device: str
    lines: List[plan.Line]
    doubts: List[str]


class Stale(NamedTuple):
    """A host route that an old script has left, and why it is thought so."""

    route: Route
    why: str

    @property
    def removal(self) -> List[str]:
        return ["ip", "route", "del", self.route.prefix, "dev", self.route.device, "proto", "boot"]


def adopt(veid: str, write: bool) -> List[Adopted]:
    """Give every running device of a container that has no journal one; nothing but that is written.

    Return what was found.  Raise ConfigError, Expected.
    """
    with journal.lock(veid):
        found = planner.read(veid)[1]
        known = journal.devices(veid)
        adopted = []
        for device in (veth.interface.host_ifname for veth in found.veths if found.custom):
            if device and device not in known and os.path.isdir("/sys/class/net/" + device):
                adopted.append(_device(veid, device))
        for one in adopted:
            if write and one.lines:
                journal.write(veid, one.device, one.lines)
        return adopted


def _device(veid: str, device: str) -> Adopted:
    """What of a device's plan the node has already; what is inside the container goes with it."""
    lines = [line for line in planner.plans(veid, Call("run", device))[0].ready.lines
             if line.place == "host" and line.undo]
    present = Present([line.command for line in lines])
    held = journal.routes(veid, device)
    kept, doubts = [], []
    for line in lines:
        if line.command.startswith(journal.ROUTE):
            one, doubt = _route(line, held)
            kept += [one] if one else []
            doubts += [doubt] if doubt else []
        elif present.holds(line.command.partition(" -- ")[0]):  # a port of Open vSwitch that is not marked as ours yet
            kept.append(line)
    return Adopted(veid, device, kept, doubts)


def _route(line: plan.Line, held: Dict[str, Tuple[str, str]]) -> Tuple[Optional[plan.Line], str]:
    """A host route as the stop removes it, whoever has set it; or what is in the way."""
    words = line.command.split()
    prefix, device = words[3], words[5]
    routes = kernel.routes(prefix)
    if not routes:
        return None, "no route to %s" % prefix
    if prefix in held:
        return None, "%s belongs to CT %s as well" % (prefix, held[prefix][0])
    route = routes[0]
    if route.device != device or not (route.ours or conflict.from_script(route, device)):
        return None, "the node has '%s' for %s, which is somebody else's" % (route.row, prefix)
    # Not `proto boot`: 'vzhook run' makes the route ours, and this undo stays.
    undo = plan.Undo("ip route del %s dev %s" % (prefix, device), False)
    return plan.Line(line.place, line.command, line.may_fail, undo, line.origin), ""


class Confs(NamedTuple):
    """What all containers' files say: whose each address is, bridges, addresses of others, and the mistakes."""

    owners: Dict[str, List[str]]
    bridges: Set[str]
    others: Set[str]
    running: Set[str]
    mistakes: List[str]


def stale(confs: Confs) -> List[Stale]:
    """Routes of the form that the old script wrote, on bridges of containers, to addresses of no running one."""
    held = journal.routes()
    ways = confs.others | {route.value("via") for route in kernel.all_routes()}
    found = []
    for route in kernel.routes():
        if route.device not in confs.bridges or "/" in route.prefix or route.prefix in ways or route.prefix in held \
                or not facts.kind(route.device) or not conflict.from_script(route, route.device):
            continue
        owners = confs.owners.get(route.prefix, [])
        if owners and not set(owners) & confs.running:
            found.append(Stale(route, "of CT %s, which does not run" % ", ".join(owners)))
        elif not owners and not confs.mistakes:
            found.append(Stale(route, "no container's conf has this address"))
    return found


def confs() -> Confs:
    """Read the files of all containers."""
    known = Confs({}, set(), set(), set(), [])
    for veid in warming.containers():
        try:
            found = planner.read(veid)[1]
        except ConfigError as error:
            known.mistakes.extend(error.mistakes)
            continue
        known.mistakes.extend(map(str, found.mistakes))
        for address in found.addresses:
            known.owners.setdefault(address.ip, []).append(veid)
        for veth in found.veths:
            known.bridges.update([veth.bridge] if veth.bridge else [])
            known.others.update(gateway.address.ip for gateway in veth.gateways)
            known.others.update(address.ip for address in veth.ct0 or ())
        if _runs(veid, found):
            known.running.add(veid)
    return known


def _runs(veid: str, found: Container) -> bool:
    """Whether a container may run; one that cannot be told does."""
    return os.path.exists(paths.netns(veid)) or any(
        not veth.interface.host_ifname or os.path.isdir("/sys/class/net/" + veth.interface.host_ifname)
        for veth in found.veths)
