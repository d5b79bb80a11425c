"""`vzhook check`: what was set up for running containers and for the node against the kernel, line by line."""
import time
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

from vzhooks import facts, journal, plan
from vzhooks.drift import inside, running
from vzhooks.drift.edited import edited
from vzhooks.drift.inside import Inner
from vzhooks.drift.reading import Reading
from vzhooks.drift.running import Running
from vzhooks.errors import ConfigError, Expected
from vzhooks.node import confirm, planner, status
from vzhooks.node.change import moved
from vzhooks.nodeconf import NodeConf

NODE = "node"  # in place of a VEID
MISSING, DIFFERENT, FOREIGN, LEFT_OVER, UNREACHABLE, WAITING = (
    "missing", "different", "foreign", "left over", "unreachable", "waiting")
STOP = 1.0  # seconds, between the end of a container's interfaces and its vps.umount
REPAIRABLE = (MISSING, DIFFERENT)


class Drift(NamedTuple):
    """A difference.  found: what is there in place of it, "" for nothing."""

    kind: str
    side: str  # host | ct | node
    command: str
    origin: str  # FILE:LINE of the conf, "" where that is not known
    found: str

    def __str__(self) -> str:
        return ": ".join(filter(None, [self.kind, ("%s %s" % (self.side, self.command)).strip(),
                                       self.found and "found: " + self.found])) \
            + (" (from %s)" % self.origin if self.origin else "")


class Result(NamedTuple):
    """One container, or the node (NODE)."""

    veid: str
    state: str
    lines: int
    drift: List[Drift]
    unverified: int
    edited: List[str]  # what the conf wants otherwise since the start: `+ PLACE COMMAND`, `- PLACE COMMAND`
    mistakes: List[str]  # in the conf files

    def as_dict(self) -> Dict[str, Any]:
        """As JSON has it (docs/check.md)."""
        return dict(self._asdict(), drift=[one._asdict() for one in self.drift])


def check(veids: Sequence[str], node: NodeConf, whole: bool) -> List[Result]:
    """Compare containers, in the order given, and, WHOLE, the node, which comes last.

    A start or stop in progress is no drift: what differs is looked at again when its lock was free.
    """
    found = [running.read(veid) for veid in veids]
    nodes = _node_plan(node) if whole else None
    results = _compared(found, node, nodes)
    doubtful = [result for result in results if result.drift and result.veid != NODE]
    if any(drift.kind == LEFT_OVER for result in doubtful for drift in result.drift):
        time.sleep(STOP)
    for result in doubtful:
        try:
            with journal.lock(result.veid):
                pass
        except Expected:
            continue  # busy for a minute: what was seen stands
    if not doubtful:
        return results
    again = {result.veid: result for result in
             _compared([running.read(result.veid) for result in doubtful], node, None)}
    return [again.get(result.veid, result) for result in results]


def _compared(found: Sequence[Running], node: NodeConf, nodes: "Optional[NodeLines]") -> List[Result]:
    commands = [line.command for one in found for line in one.all_lines + one.gone_lines if line.place == "host"]
    reading = Reading(commands + [line.command for line in nodes.lines] if nodes else commands, node.timeout)
    inner, shut = inside.read(found, node.ct_exec, reading, node.timeout)
    results = [_container(one, reading, inner.get(one.veid), shut.get(one.veid, "")) for one in found]
    return results + ([_node(nodes, reading)] if nodes else [])


def _container(one: Running, reading: Reading, inner: Optional[Inner], shut: str) -> Result:
    result = Result(one.veid, one.state, len(one.all_lines), [], 0, [], [])
    unverified = 0
    for trouble in one.troubles:
        result.drift.append(Drift(UNREACHABLE, "host", "", "", trouble))
    if shut:
        result.drift.append(Drift(UNREACHABLE, "ct", "", "", shut))
    for line in one.all_lines:
        if line.place != "ct":
            unverified += judge(line, reading, result.drift)
        elif inner is None:
            unverified += 1
        else:
            held = inner.holds(line.command, reading)
            unverified += held is None
            if held is False and not _is_replaced(line, one, inner, reading):
                there = inner.found(line.command, reading)
                kind = DIFFERENT if there and not there.startswith("no interface") else MISSING
                result.drift.append(Drift(kind, "ct", line.command, line.origin, there))
    result.drift.extend(Drift(LEFT_OVER, "host", line.command, line.origin, "") for line in one.gone_lines
                        if line.undo and reading.holds(line.command))
    if one.state == running.RUNNING:
        try:
            result.edited.extend(edited(one))
        except ConfigError as error:
            result.mistakes.extend(error.mistakes)
        except Expected as error:
            result.edited.append(str(error))
    return result._replace(unverified=unverified)


def _is_replaced(line: plan.Line, one: Running, inner: Inner, reading: Reading) -> bool:
    """Whether another of the container's veths has taken over the route, as the one set up last in the same bridge does
    with that to the node.
    """
    route = line.command.split()[:4]  # ip route replace DESTINATION; `default` is that of either family
    return route[1:3] == ["route", "replace"] and any(
        other.place == "ct" and other.command.split()[:4] == route and (":" in other.command) == (":" in line.command)
        and inner.holds(other.command, reading) for other in one.all_lines)


def judge(line: plan.Line, reading: Reading, drift: List[Drift]) -> int:
    """Add to DRIFT what a line of the node's side lacks; return 1 where that cannot be told, else 0."""
    held = reading.holds(line.command)
    way = reading.in_the_way(line.command)
    if way:
        drift.append(Drift(FOREIGN, line.place, line.command, line.origin, way))
    elif held is False and not _hopeless(line):
        there = reading.found(line.command)
        kind = DIFFERENT if there and not there.startswith("no interface") else MISSING
        drift.append(Drift(kind, line.place, line.command, line.origin, there))
    return int(held is None)


def _hopeless(line: plan.Line) -> bool:
    """A line that may fail, about a bridge that is not there: stock's start went on without it, too."""
    words = line.command.split()
    if not line.may_fail:
        return False
    bridge = words[-1] if words[-2:-1] == ["master"] else words[2] if words[:2] == ["brctl", "addif"] else ""
    return bridge != "" and not facts.kind(bridge)


class NodeLines(NamedTuple):
    """What the node should have, or why that cannot be said."""

    lines: List[plan.Line]
    mistakes: List[str]


def _node_plan(node: NodeConf) -> NodeLines:
    try:
        return NodeLines(planner.node_plan(node).lines, [])
    except ConfigError as error:
        return NodeLines([], error.mistakes)


def _node(nodes: NodeLines, reading: Reading) -> Result:
    result = Result(NODE, running.RUNNING, len(nodes.lines), [], 0, [], nodes.mistakes)
    unverified = sum(judge(line, reading, result.drift) for line in nodes.lines if not moved(line))
    if not nodes.mistakes:
        result.drift.extend(Drift(LEFT_OVER, NODE, line.command, "", "") for line in status.left_over(nodes.lines))
    result.drift.extend(Drift(WAITING, NODE, "", "", row) for row in confirm.waiting())
    return result._replace(unverified=unverified)
