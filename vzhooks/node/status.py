"""The node as it is against what it should be: drift, what is ours by its marks, and what is in use."""
import os
from typing import Dict, List, Sequence

from vzhooks import facts, kernel, ovs, plan, rtnames
from vzhooks.errors import Expected
from vzhooks.node import journal
from vzhooks.node.bridgeview import ALIAS
from vzhooks.node.change import moved
from vzhooks.node.network import FIRST, LAST, MAIN, MARK, REPLIES
from vzhooks.node.present import Present
from vzhooks.nodeconf import NodeConf


def drift(lines: Sequence[plan.Line]) -> List[str]:
    """A row for each line that the kernel lacks, and for each rule of ours that no line has."""
    present = Present([line.command for line in lines])
    found = []
    for line in lines:
        held = present.holds(line.command)
        error = _error(line) if held is False else ""
        if error:
            found.append("error of a port: %s: %s" % (line.command.split()[4], error))
        elif held is not True and not moved(line):
            found.append("%s: %s%s" % ("missing" if held is False else "cannot be told", line.command,
                                       " (from %s)" % line.origin if line.origin else ""))
    return found + ["left over: " + line.command.replace(" add ", " ") for line in left_over(lines)]


def _error(line: plan.Line) -> str:
    """What Open vSwitch has against a port that it was given."""
    words = line.command.split()
    return ovs.error_of(words[4]) if words[0] == "ovs-vsctl" and words[2:3] == ["add-port"] \
        and ovs.bridge_of(words[4]) == words[3] else ""


def left_over(lines: Sequence[plan.Line]) -> List[plan.Line]:
    """Our rules that no line has, or that are there twice: two that differ only in their protocol are two to the
    kernel, and old kernels take even the same one again.  And our tunnels that no line has.
    """
    present = Present([])
    rules = [(line.command.startswith("ip -6 "), present.rule(line.command.partition(" rule add ")[2].split()))
             for line in lines if " rule add " in line.command]
    found = []
    for ip, six in (("ip", False), ("ip -6", True)):
        for row in kernel.listing(["ip", "-6" if six else "-4", "rule", "show"]):
            rule = six, present.rule(row.split())
            if rule in rules:
                rules.remove(rule)
            elif _is_ours(row, rule[1], six):
                preference, _, rest = row.partition(":")
                words = "pref %s %s" % (preference, " ".join(rest.replace("[detached]", "").split()))
                words = words.replace(" proto ", " protocol ")
                found.append(plan.Line("node", "%s rule add %s" % (ip, words),
                                       undo=plan.Undo("%s rule del %s" % (ip, words), False)))
    return found + _tunnels(lines)


def _tunnels(lines: Sequence[plan.Line]) -> List[plan.Line]:
    """Open vSwitch's database outlives a boot, and no journal does."""
    if not facts.READERS["openvswitch"](""):
        return []
    wanted = {line.command.split()[4] for line in lines if " add-port " in line.command}
    pairs = [(ovs.bridge_of(port), port) for port in ovs.tunnels() if port not in wanted]
    return [plan.Line("node", "ovs-vsctl --may-exist add-port %s %s" % pair,
                      undo=plan.Undo("ovs-vsctl --if-exists del-port %s %s" % pair, False)) for pair in pairs]


def _is_ours(row: str, rule: Dict[str, str], six: bool) -> bool:
    """Within our preferences and with our protocol; without one, as old kernels show it, exactly of our form."""
    if not rule["pref"].isdigit() or not REPLIES <= int(rule["pref"]) <= LAST:
        return False
    protocol = row.partition(" proto ")[2].split()[:1]
    if protocol:
        return rtnames.numbers("rt_protos").get(protocol[0], protocol[0]) == kernel.PROTOCOL
    length = rule["from"].partition("/")[2] or ("128" if six else "32")
    first = FIRST + 2 * ((128 if six else 32) - int(length)) if length.isdigit() else -1
    near = rule["to"] == rule["from"] and rule["table"] == str(MAIN)
    return (rule["iif"] != "" or rule["fwmark"] == MARK) and int(rule["pref"]) == (first if near else first + 1) \
        and (near or rule["to"] == "all")


def marked(gone: Sequence[plan.Line]) -> List[plan.Line]:
    """What is on the node with our marks, though no journal has it: made by exported files, or the journal was lost."""
    present = Present([])
    known = [present.route(line.command.partition(" route replace ")[2].split())
             for line in gone if " route replace " in line.command]
    lines = []
    for route in kernel.all_routes():
        words = [word for word in route.words if word not in ("linkdown", "dead")]
        if route.table and route.ours and present.route(words) not in known:
            ip = "ip -6" if route.family == 6 else "ip"
            lines.append(plan.Line("node", "%s route replace %s" % (ip, " ".join(words)),
                                   undo=plan.Undo("%s route del %s" % (ip, " ".join(words)), False)))
    return lines + left_over(gone)


def forgotten() -> List[str]:
    """After `down`: bridges and vxlan devices that we have made, though no journal said how."""
    return [name for name in os.listdir("/sys/class/net")
            if facts.alias(name).startswith(ALIAS)]


def lost_elements() -> List[plan.Line]:
    """What containers have put into sets, chains and flows that they share, and a foreign flush has taken away."""
    present = Present([])
    return [line for line in journal.elements() if present.holds(line.command) is False]


def refuse_used(gone: Sequence[plan.Line], found: NodeConf) -> None:
    """A bridge that something else uses is not taken away.  Raise Expected."""
    ports = {port for bridge in found.bridges for port in bridge.ports}
    mine = {line.command.split()[4] for line in gone if " master " in line.command or " add-port " in line.command}
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
        if words[:4] == ["ip", "link", "add", "name"] and words[-1] == "bridge" or words[:2] == ["brctl", "addbr"]:
            found.append(words[4] if words[0] == "ip" else words[2])
        elif "add-br" in words:
            found.append(words[words.index("add-br") + 1])
    return found


def ports_of(name: str) -> List[str]:
    """The ports of a bridge of either kind."""
    if facts.kind(name) == "linux":
        return os.listdir(facts.SYS % name + "brif")
    return ovs.ports(name)
