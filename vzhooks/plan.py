"""The plan: what is done to the network, as plain text with one command a line.  Hot path: standard library only.

    # /etc/vz/conf/101.conf:4
    host  ip route add 85.86.87.195 dev br0 proto 118
    undo  ip route del 85.86.87.195 dev br0 proto 118

The first word says where a command runs: `host` on the node, `ct` inside the container, `node` on the node for
something that containers share (never undone by a stop, only by `vzhook node down`), `once` an action that leaves no
state.  `undo` takes back the line above it.  `-` before the first word: a failure is no failure.  `!` before it:
nothing goes on without this line, whatever on_error says; `!undo`: what it takes away protects, so it goes last, when
the lines of a new plan are done, and a failure is no failure.  A `#` line names the conf line behind those that follow
it.  The same text is printed, cached, journalled, undone and checked.
"""
from vzhooks.errors import Expected

TYPE_CHECKING = False  # `typing` alone costs a third of a hook's time; mypy takes this name for the real one
if TYPE_CHECKING:
    from typing import List, Optional, Sequence, Tuple

PLACES = ("host", "ct", "node", "once")


class PlanError(Expected):
    """A line that is no plan line; the text says where and what is wanted."""


class Undo:
    """What takes a line back."""

    __slots__ = ("command", "may_fail", "late")

    def __init__(self, command: str, may_fail: bool, late: bool = False) -> None:
        self.command = command
        self.may_fail = may_fail
        self.late = late


class Line:
    """One command: where it runs, its text, what undoes it, and the conf line behind it (FILE:LINE or "")."""

    __slots__ = ("place", "command", "may_fail", "undo", "origin", "vital")

    def __init__(self, place: str, command: str, may_fail: bool = False, undo: "Optional[Undo]" = None,
                 origin: str = "", vital: bool = False) -> None:
        self.place = place
        self.command = command
        self.may_fail = may_fail
        self.undo = undo
        self.origin = origin
        self.vital = vital

    @property
    def key(self) -> "Tuple[str, str]":
        """What makes two lines the same line: where and what, not how it is undone."""
        return self.place, self.command

    def __repr__(self) -> str:
        return "<%s %s>" % self.key


def parse(text: str, source: str) -> "List[Line]":
    """Given plan text, return its lines.  Raise PlanError, which names SOURCE and the line's number."""
    lines: List[Line] = []
    origin = ""
    for number, row in enumerate(text.split("\n"), 1):
        row = row.strip()
        if not row:
            continue
        if row.startswith("#"):
            origin = row[1:].strip()
            continue
        may_fail, vital = row[0] == "-", row[0] == "!"
        place, _, command = row[may_fail or vital:].partition(" ")
        command = command.strip()
        if not command or place not in PLACES and place != "undo":
            raise PlanError("%s:%d: %s; a line 'host|ct|node|once|undo COMMAND' is wanted" % (source, number, row[:80]))
        inside = place == "ct" or place == "undo" and lines and lines[-1].place == "ct"
        if inside and not command.startswith("ip "):
            raise PlanError("%s:%d: %s; inside a container only 'ip' is run" % (source, number, row[:80]))
        if place != "undo":
            lines.append(Line(place, command, may_fail, None, origin, vital))
        elif not lines or lines[-1].undo or lines[-1].place == "once":
            raise PlanError("%s:%d: %s; one 'undo' below a host, ct or node line is wanted"
                            % (source, number, row[:80]))
        else:
            lines[-1].undo = Undo(command, may_fail or vital, vital)
    return lines


def text(lines: "Sequence[Line]") -> str:
    """The lines as plan text; parse() gives the same lines back."""
    rows: List[str] = []
    origin = ""
    for line in lines:
        if line.origin != origin:
            origin = line.origin
            rows.append("# " + origin)
        rows.append(_row("!" if line.vital else "-" if line.may_fail else "", line.place, line.command))
        if line.undo:
            rows.append(_row("!" if line.undo.late else "-" if line.undo.may_fail else "", "undo", line.undo.command))
    return "\n".join(rows + [""])


def _row(mark: str, word: str, command: str) -> str:
    return "%-5s %s" % (mark + word, command)


def merged(new: "Sequence[Line]", old: "Sequence[Line]",
           same_device: bool) -> "Tuple[List[Line], List[Line]]":
    """Given a new plan and the journal's lines, return (the new lines, the old lines that the new plan lacks).

    A line that is in both keeps the journal's undo while the device is the same: that one saw the state before us (an
    old MAC, an old sysctl), the new one perhaps only what we had set already.
    """
    known = {line.key: line for line in old}
    lines = []
    for line in new:
        before = known.pop(line.key, None)
        undo = before.undo if same_device and before and before.undo else line.undo
        lines.append(Line(line.place, line.command, line.may_fail, undo, line.origin, line.vital))
    return lines, [line for line in old if line.key in known]
