"""The node as it is against what it should be: drift, what is ours by its marks, and what is in use."""
import os
from typing import List, Sequence

from vzhooks import facts, kernel, ovs, plan
from vzhooks.errors import Expected
from vzhooks.node import planner
from vzhooks.node.network import FIRST, LAST
from vzhooks.node.present import Present
from vzhooks.nodeconf import NodeConf


def drift(lines: Sequence[plan.Line]) -> List[str]:
    """A row for each line that the kernel lacks, and for each of our rules that no line has."""
    present = Present([line.command for line in lines])
    found = []
    for line in lines:
        held = present.holds(line.command)
        if held is not True:
            found.append("%s: %s%s" % ("missing" if held is False else "cannot be told", line.command,
                                       " (from %s)" % line.origin if line.origin else ""))
    wanted = [present.rule(line.command.replace("ip -6 ", "ip ").split()[3:])
              for line in lines if " rule add " in line.command]
    for family, rows in our_rules():
        found += ["left over: ip -%d rule %s" % (family, row) for row in rows
                  if present.rule(row.split()) not in wanted]
    return found


def our_rules() -> List["tuple[int, List[str]]"]:
    """The rules within our range of preferences, by their families, as listed."""
    found = []
    for family in (4, 6):
        rows = [row for row in kernel.listing(["ip", "-%d" % family, "rule", "show"])
                if row.partition(":")[0].isdigit() and FIRST <= int(row.partition(":")[0]) <= LAST]
        found.append((family, rows))
    return found


def with_marked(gone: List[plan.Line], found: NodeConf) -> List[plan.Line]:
    """What of our plan is there and marked as ours, though no journal has it: made by exported files."""
    known = {line.key for line in gone}
    lines: List[plan.Line] = []
    for network in found.networks:
        lines += [line for line in planner.network_lines(network, True)
                  if line.undo and line.command.startswith("ip ") and line.key not in known]
    present = Present([line.command for line in lines])
    return [line for line in lines if present.holds(line.command)] + gone


def refuse_used(gone: Sequence[plan.Line], found: NodeConf) -> None:
    """A bridge that something else uses is not taken away.  Raise Expected."""
    ports = {port for bridge in found.bridges for port in bridge.ports}
    mine = {line.command.split()[4] for line in gone if " master " in line.command}
    used = []
    for name in bridges(gone):
        others = [port for port in ports_of(name) if port not in ports | mine]
        if others:
            used.append("%s has other ports: %s; stop their containers first" % (name, ", ".join(sorted(others))))
    if used:
        raise Expected("\n".join(used))


def bridges(gone: Sequence[plan.Line]) -> List[str]:
    """The bridges that the undoing of lines would remove."""
    found = []
    for line in gone:
        words = line.command.split()
        if words[:4] == ["ip", "link", "add", "name"] or words[:2] == ["brctl", "addbr"]:
            found.append(words[4] if words[0] == "ip" else words[2])
        elif "add-br" in words:
            found.append(words[words.index("add-br") + 1])
    return found


def ports_of(name: str) -> List[str]:
    """The ports of a bridge of either kind."""
    if facts.kind(name) == "linux":
        return os.listdir("/sys/class/net/%s/brif" % name)
    return ovs.ports(name)
