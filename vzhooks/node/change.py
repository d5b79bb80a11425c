"""A change of the node's own networks: what is undone, what is done, and the way back.  Hot path.

Only lines that the kernel lacks are run, only lines that it still has are undone; new ones come before old ones go, so
that no moment is without the rules and addresses that both have.
"""
from vzhooks import apply, plan
from vzhooks.errors import Expected
from vzhooks.node import journal
from vzhooks.node.present import Present
from vzhooks.process import TIMEOUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, List, Optional, Sequence, Tuple


OVS_MARK = "external-ids:owner=vzhooks"


class Waiting(Expected):
    """A change still waits for its confirmation."""


class Change:
    """What leads from the journal's lines to WANTED ones.  The node's lock is held."""

    def __init__(self, wanted: "Sequence[plan.Line]", say: "Callable[[str], None]",
                 show: "Optional[Callable[[str], None]]" = None, timeout: float = TIMEOUT,
                 keep: bool = False, on_error: str = "fail") -> None:
        """KEEP: what the journal has beside WANTED stays, as when a container needs only a part."""
        self.timeout = timeout
        self.job = apply.Job("node", "", say, show, timeout, on_error)
        try:
            self.before = journal.read()
        except Expected as error:
            say("%s; what it said is forgotten" % error)
            self.before = []
        lines, gone = plan.merged(wanted, self.before, True)
        self.replaced: List[plan.Line] = []
        gone = [] if keep else self._without_replaced(gone, lines)
        present = Present([command for line in lines + gone + self.replaced for command in _both(line)], timeout)
        # A device whose nature cannot be changed has to go before its successor can have its name.
        self.first = [line for line in self.replaced if " type vxlan " in line.command
                      and present.holds(line.command) is not False]
        renewed = {line.command.split()[4] for line in self.first}
        self.new = [line for line in lines if _wanted(line, present, self.before)
                    or renewed & set(line.command.split())]
        self.lines = [line for line in lines if line in self.new or present.holds(line.command)]
        comes_back = {line.undo.command for line in gone if line.undo}
        self.gone = [line for line in gone if (present.holds(line.command) is not False or line.command in comes_back)
                     and not _stays_away(line, lines)]
        done = {line.key for line in self.before}
        # What carries our mark is ours, though no journal has it: Open vSwitch's database outlives a boot.
        self.adopted = [line for line in self.lines if OVS_MARK in line.command and line.key not in done]
        # In the plan's order, so that the journal is undone in its reverse.
        mine = [line for line in lines if line.key in done or line in self.new + self.adopted or _gets_back(line)]
        known = {line.key for line in lines}
        self.after = ([line for line in self.before if line.key not in known] if keep else []) + mine

    def _without_replaced(self, gone: "Sequence[plan.Line]", lines: "Sequence[plan.Line]") -> "List[plan.Line]":
        """Those of GONE whose setting no new line takes over; one that does inherits the way to the first state."""
        heirs = {_thing(line.command): line for line in lines if _thing(line.command)}
        kept = []
        for line in gone:
            heir = heirs.get(_thing(line.command))
            if heir is None:
                kept.append(line)
                continue
            self.replaced.append(line)
            if line.undo and " del " not in line.undo.command:
                heir.undo = line.undo
        return kept

    @property
    def empty(self) -> bool:
        """Whether the node is as wanted."""
        return not self.new and not self.gone

    @property
    def undoing(self) -> "List[plan.Line]":
        """What undoes the lines that go, as lines."""
        return [plan.Line("node", line.undo.command, line.undo.may_fail, None, line.origin)
                for line in reversed(self.first + self.gone) if line.undo]

    def note(self) -> None:
        """Where nothing has to be done: know what is ours nevertheless.  Raise OSError."""
        if self.adopted:
            journal.write(self.after)

    def refuse_waiting(self) -> None:
        """Raise Waiting while another change waits for its confirmation."""
        if journal.pending():
            raise Waiting("a change of the node's networks waits for 'vzhook node confirm'; confirm it, or wait until "
                          "it has gone back")

    def run(self) -> None:
        """Do it.  Raise Expected or OSError after all is as it was before."""
        known = {line.key for line in self.before}
        added = [line for line in self.new if line.key not in known]
        journal.write(self.before + added)
        try:
            self.job.take_back(self.first)
            self.job.carry_out(self.new, [])
        except BaseException:  # also when somebody presses Ctrl-C
            self.job.on_error = "warn"
            _undo(self.job, self.new)
            self.job.carry_out(self.replaced, [])
            self._again(self.before if self.first else [])
            present = Present([line.command for line in added], self.timeout)
            journal.write(self.before + [line for line in added if present.holds(line.command)])
            raise
        left = self.job.take_back(self.gone)
        try:
            journal.write(self.after + left)  # what could not be undone is tried again
        except OSError as error:
            self.job.say("the journal has more lines than it should: %s" % error.strerror)
        if self.gone or self.first:
            # With an interface's first address the kernel also took its others of that network, and their routes; with
            # a device all that was said of it.
            self._again([line for line in self.lines if not moved(line)])
            self._again(list(filter(moved, self.lines)))

    def _again(self, lines: "Sequence[plan.Line]") -> None:
        present = Present([line.command for line in lines], self.timeout)
        self.job.carry_out([line for line in lines if present.holds(line.command) is False], [])


def _undo(job: apply.Job, lines: "Sequence[plan.Line]") -> "List[plan.Line]":
    """Undo those of LINES that have been done; a command that hung may have done its work."""
    present = Present([line.command for line in lines], job.timeout)
    return job.take_back([line for line in lines if present.holds(line.command) is not False])


def restore(say: "Callable[[str], None]", gone: "Sequence[plan.Line]", new: "Sequence[plan.Line]",
            before: "Sequence[plan.Line]") -> None:
    """Make all as it was before a change: put back what was undone, then undo what was done.  What fails is said.

    BEFORE is the journal of that time, whose order is the way back; what containers have added since stays behind it.
    """
    present = Present([line.command for line in list(before) + list(gone)])
    kept = [line for line in before if present.holds(line.command) or line.key in {one.key for one in gone}]
    job = apply.Job("node", "", say, on_error="warn")
    job.carry_out([line for line in gone if not present.holds(line.command)], [])
    left = _undo(job, new)
    now = Present([line.command for line in kept])  # as in run(): more can have gone with an address
    job.carry_out([line for line in kept if now.holds(line.command) is False], [])
    known = {line.key for line in list(new) + list(before)}
    others = [line for line in journal.read() if line.key not in known and not _gets_back(line)]
    journal.write(list(before) + others + left)


def _wanted(line: plan.Line, present: Present, before: "Sequence[plan.Line]") -> bool:
    """Whether a line has to be run.  Somebody else's route that has followed its address already is still his: only
    where it is back on the port does it follow again.
    """
    if moved(line) and line.undo and line.key in {one.key for one in before}:
        return bool(present.holds(line.undo.command))
    return not present.holds(line.command)


def _both(line: plan.Line) -> "List[str]":
    return [line.command] + ([line.undo.command] if line.undo and moved(line) else [])


def moved(line: plan.Line) -> bool:
    """Whether it is somebody else's route that follows an address."""
    return line.undo is not None and " route replace " in line.undo.command and " proto 118" not in line.command


def _gets_back(line: plan.Line) -> bool:
    """Whether a port is to have an address when the bridge has gone, though it was never taken from it."""
    return line.undo is not None and line.command.startswith("ip address del ")


def _stays_away(line: plan.Line, lines: "Sequence[plan.Line]") -> bool:
    """Whether an address that left a port is not wanted back there: that is still a port, or the address is in use."""
    words = line.command.split()
    if words[:3] != ["ip", "address", "del"]:
        return False
    others = [one.command.split() for one in lines]
    return any(words[5] in one and ("master" in one or "addif" in one or "add-port" in one)
               or one[:4] == ["ip", "address", "add", words[3]] for one in others)


def _thing(command: str) -> "Tuple[str, ...]":
    """What a command sets, without the value: an MTU, a sysctl, the route to a network, nft's table; () for others."""
    words = command.split()
    if words[:3] == ["ip", "link", "add"] and " type vxlan " in command:
        return "vxlan", words[4]
    if "add-br" in words or "add-port" in words:
        return tuple(words[:words.index("--")] if "--" in words else words)
    if words[:3] == ["nft", "add", "table"]:
        return tuple(words[:5])
    if words[0] == "sysctl":
        return "sysctl", words[1].partition("=")[0]
    if words[:4] == ["ip", "link", "set", "dev"] and len(words) > 6 and words[5] not in ("master", "alias"):
        return tuple(words[:-1])
    if " route replace " in command:
        at = words.index("replace") + 1
        table = words[words.index("table") + 1] if "table" in words else ""
        metric = words[words.index("metric") + 1] if "metric" in words else ""
        return "route", str(words[1] == "-6" or ":" in command), words[at], table, metric
    return ()


def make_sure(lines: "Sequence[plan.Line]", say: "Callable[[str], None]",
              show: "Optional[Callable[[str], None]]" = None, timeout: float = TIMEOUT,
              on_error: str = "fail") -> None:
    """Before a container starts: have what it shares with others.  One reading, and no lock or write when it is there.

    Raise Expected.
    """
    lines = [line for line in lines if line.place == "node"]
    if not Present([line.command for line in lines], timeout).missing([line.command for line in lines]):
        return
    with journal.lock():
        Change(lines, say, show, timeout, keep=True, on_error=on_error).run()
