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
    from typing import Callable, List, Optional, Sequence


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
        self.before = journal.read()
        lines, gone = plan.merged(wanted, self.before, True)
        present = Present([line.command for line in lines + gone], timeout)
        self.lines = [line for line in lines if not _moved(line, self.before) or present.holds(line.command)]
        self.new = [line for line in lines if not present.holds(line.command) and not _moved(line, self.before)]
        self.gone = [line for line in gone if present.holds(line.command) is not False
                     and not _still_a_port(line, lines)] if not keep else []
        done = {line.key for line in self.before}
        # In the plan's order, so that the journal is undone in its reverse.
        mine = [line for line in lines if line.key in done or line in self.new or _gets_back(line)]
        self.after = (gone if keep else []) + mine

    @property
    def empty(self) -> bool:
        """Whether the node is as wanted."""
        return not self.new and not self.gone

    @property
    def undoing(self) -> "List[plan.Line]":
        """What undoes the lines that go, as lines."""
        return [plan.Line("node", line.undo.command, line.undo.may_fail, None, line.origin)
                for line in reversed(self.gone) if line.undo]

    def refuse_waiting(self) -> None:
        """Raise Waiting while another change waits for its confirmation."""
        if journal.pending():
            raise Waiting("a change of the node's networks waits for 'vzhook node confirm'; confirm it, or wait until "
                          "it has gone back")

    def run(self) -> None:
        """Do it.  Raise Expected after what was done is undone again."""
        done: List[plan.Line] = []
        known = {line.key for line in self.before}
        journal.write(self.before + [line for line in self.new if line.key not in known])
        try:
            self.job.carry_out(self.new, done)
        except Expected:
            self.job.take_back(done)
            journal.write(self.before)
            raise
        left = self.job.take_back(self.gone)
        journal.write(self.after + left)  # what could not be undone is tried again
        if self.gone:
            # With an interface's first address the kernel also took its others of that network, and their routes.
            for lines in ([line for line in self.lines if not _moved(line, self.before)],
                          [line for line in self.lines if _moved(line, self.before)]):
                present = Present([line.command for line in lines], self.timeout)
                self.job.carry_out([line for line in lines if present.holds(line.command) is False], [])


def restore(say: "Callable[[str], None]", gone: "Sequence[plan.Line]", new: "Sequence[plan.Line]",
            before: "Sequence[plan.Line]") -> None:
    """Make all as it was before a change: put back what was undone, then undo what was done.  What fails is said.

    BEFORE is the journal of that time, whose order is the way back; what containers have added since stays behind it.
    """
    present = Present([line.command for line in list(before) + list(gone) + list(new)])
    kept = [line for line in before if present.holds(line.command) or line.key in {one.key for one in gone}]
    job = apply.Job("node", "", say, on_error="warn")
    job.carry_out([line for line in gone if not present.holds(line.command)], [])
    left = job.take_back([line for line in new if present.holds(line.command) is not False])
    now = Present([line.command for line in kept])  # as in run(): more can have gone with an address
    job.carry_out([line for line in kept if now.holds(line.command) is False], [])
    known = {line.key for line in list(new) + list(before)}
    others = [line for line in journal.read() if line.key not in known and not _gets_back(line)]
    journal.write(list(before) + others + left)


def _moved(line: plan.Line, before: "Sequence[plan.Line]") -> bool:
    """Whether it is somebody else's route that has followed its address already: it is still his, not ours to keep."""
    return line.key in {one.key for one in before if one.undo and " route replace " in one.undo.command}


def _gets_back(line: plan.Line) -> bool:
    """Whether a port is to have an address when the bridge has gone, though it was never taken from it."""
    return line.undo is not None and line.command.startswith("ip address del ")


def _still_a_port(line: plan.Line, lines: "Sequence[plan.Line]") -> bool:
    """Whether an address left a port that stays one: there it is not wanted back."""
    words = line.command.split()
    ports = [one.command.split() for one in lines if " master " in one.command or "addif" in one.command
             or "add-port" in one.command]
    return words[:3] == ["ip", "address", "del"] and any(words[5] in port for port in ports)


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
        change = Change(lines, say, show, timeout, keep=True, on_error=on_error)
        change.run()
