"""Carries a plan out and takes it back: journal first, batches, rollback.  Hot path: standard library only.

A new plan over an old journal is a difference: what the new plan lacks is undone first, then the new plan is run whole
(its lines are idempotent).  Until that is done the journal holds both, so that a call that was killed at any moment is
put right by the next one.
"""
import os

from vzhooks import batch, facts, journal, plan
from vzhooks.batch import Broken, Command
from vzhooks.errors import Expected
from vzhooks.inside import Inside
from vzhooks.process import TIMEOUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, List, Optional, Sequence, Set, Tuple


class Failed(Expected):
    """A command of a plan failed; the text names the command, what it said, and the conf line behind it."""

    def __init__(self, command: Command, said: str) -> None:
        behind = " (from %s)" % command.origin if command.origin else ""
        super().__init__("%s: %s%s" % (command, said, behind))


class Job:
    """One device of one container, to be set up or taken down.

    show(text) prints a command as it runs, say(text) warns; timeout, on_error and ct_exec are those of [node].
    """

    def __init__(self, veid: str, device: str, say: "Callable[[str], None]",
                 show: "Optional[Callable[[str], None]]" = None, timeout: float = TIMEOUT,
                 on_error: str = "fail", ct_exec: str = "auto") -> None:
        self.veid = veid
        self.device = device
        self.say = say
        self.show = show
        self.timeout = timeout
        self.on_error = on_error
        self.inside = Inside(veid, device, ct_exec)
        self.known: Set[Tuple[str, str]] = set()
        self.trusted: Optional[bool] = None

    # Setting up

    def start(self, new: "Sequence[plan.Line]") -> None:
        """Make the network as the plan says.  The container's lock is held.

        Raise Expected after everything is as it was before; Broken after what is known to have been done is undone.
        """
        old, same_device = journal.load(self.veid, self.device)
        self.known = {line.key for line in old} if same_device else set()
        lines, gone = plan.merged(new, old, same_device)
        journal.write(self.veid, self.device, gone + lines)
        done: List[plan.Line] = []
        try:
            self._undo(gone)
            self._do(lines, done)
        except Broken:
            # What it did is unknown, and it may hang again: the journal keeps all, for the stop or the next start.
            self._undo_added(done, old)
            raise
        except Expected:
            self._undo_added(done, old)
            self._put_back(old if gone else [])
            if old:
                journal.write(self.veid, self.device, old)
            else:
                journal.remove(self.veid, self.device)
            raise
        if gone:
            journal.write(self.veid, self.device, lines)

    def _do(self, lines: "Sequence[plan.Line]", done: "List[plan.Line]") -> None:
        """Run lines, adding each to DONE when it is done.  Raise Failed or Broken at the first that fails."""
        batches = batch.split([Command(line.place, line.command, line.may_fail, line.origin) for line in lines])
        left = list(lines)
        while batches:
            together = batches.pop(0)
            beside = batches.pop(0) if batches and batch.independent(together, batches[0]) else []
            ours, theirs = left[:len(together)], left[len(together):len(together) + len(beside)]
            del left[:len(together) + len(beside)]
            self._prepare(together + beside)
            if not beside:
                self._finish(together, ours, batch.run(together, self.inside, self.timeout), done)
                continue
            on_node, in_ct = batch.run_side_by_side(together, beside, self.inside, self.timeout)
            try:
                self._finish(together, ours, batch.judge(together, self.inside, self.timeout, on_node), done)
            except Expected:
                done += theirs  # as far as it came; what was not done is not there to be undone
                raise
            self._finish(beside, theirs, batch.judge(beside, self.inside, self.timeout, in_ct), done)

    def _prepare(self, commands: "Sequence[Command]") -> None:
        """What has to be so before commands run."""
        for command in commands:
            if command.place == "ct":
                self.inside.check()
                break
        for command in commands:
            self._show(command)
            if command.tool == "ovs-vsctl" and (command.place, command.text) not in self.known:
                from vzhooks import ovs  # only nodes with Open vSwitch pay for it

                ovs.forget_stale(command, self.inside, self.timeout)

    def _finish(self, together: "List[Command]", lines: "List[plan.Line]", failure: "Optional[batch.Failure]",
                done: "List[plan.Line]") -> None:
        """Go on behind each failure that is none, to the end of the batch.  Raise Failed at the first that is one."""
        while failure:
            done += lines[:failure.index]
            self._settle(together[failure.index], failure.message)
            # A settled line may be another's: it is not among those that a rollback undoes.
            together, lines = together[failure.index + 1:], lines[failure.index + 1:]
            failure = batch.run(together, self.inside, self.timeout) if together else None
        done += lines

    def _settle(self, command: Command, said: str) -> None:
        """A command failed: return when that is no failure, else raise Failed."""
        if command.may_fail:
            return
        if command.text.startswith("brctl addif "):
            bridge, device = command.text.split()[2:]
            if facts.master(device) == bridge:
                return  # a second brctl addif is an error, a second `ip link set master` none
        if command.place == "host" and command.text.startswith("ip route add "):
            from vzhooks import conflict  # rare, and needs listings

            taken = conflict.settle(command.text, self.veid, self.device, self.timeout)
            if taken is not None:
                if taken:
                    self.say(taken)
                return
        if self.on_error != "warn":
            raise Failed(command, said)
        self.say(str(Failed(command, said)))

    def _undo_added(self, done: "Sequence[plan.Line]", old: "Sequence[plan.Line]") -> None:
        known = {line.key for line in old}
        self._undo([line for line in done if line.key not in known])

    def _put_back(self, old: "Sequence[plan.Line]") -> None:
        """Run all of the old plan: with a container's last address the kernel also took the routes over that device."""
        self.on_error = "warn"
        try:
            self._do(old, [])
        except Expected as error:
            self.say("rollback: %s" % error)

    # Taking down

    def stop(self) -> None:
        """Undo what the journal says, and forget it.  Trouble is said, not raised.  The container's lock is held."""
        try:
            lines = journal.read(self.veid, self.device)
        except Expected as error:
            self.say(str(error))
            lines = []
        if self._undo(lines):
            journal.remove(self.veid, self.device)

    def leave_bridge(self, ovs: bool) -> None:
        """Take the device out of whatever bridge it is in."""
        commands = []
        if facts.master(self.device):
            commands.append(Command("host", "ip link set dev %s nomaster" % self.device, False, ""))
        if ovs:
            commands.append(Command("host", "ovs-vsctl --if-exists del-port %s" % self.device, False, ""))
        for command in commands:
            for _, said in batch.run_forced([command], self.inside, self.timeout):
                self.say(str(Failed(command, said)))

    def undo(self, lines: "Sequence[plan.Line]") -> bool:
        """Undo lines that no journal has (leftovers)."""
        return self._undo(lines)

    def _undo(self, lines: "Sequence[plan.Line]") -> bool:
        """Undo lines in reverse, going on behind what fails; False when it is unknown what was done."""
        there = os.path.isdir("/sys/class/net/" + self.device)
        commands = [Command(line.place, line.undo.command, line.undo.may_fail, line.origin)
                    for line in reversed(lines) if line.undo and self._concerns(line.undo.command, line.place, there)]
        certain = True
        for together in batch.split(commands):
            for command in together:
                self._show(command)
            try:
                for command, said in batch.run_forced(together, self.inside, self.timeout):
                    if not command.may_fail:
                        self.say("undo: %s" % Failed(command, said))
            except Expected as error:
                self.say("undo: %s" % error)
                certain = False
        return certain

    def _concerns(self, command: str, place: str, there: bool) -> bool:
        """Whether there is still something to undo: what was on a device went with it (vzctl-protocol.md, stop)."""
        if place == "ct":
            return there and self._is_ours()
        return there or not (command.startswith(("ip ", "sysctl "))
                             and ("dev %s " % self.device in command + " "
                                  or ".%s." % self.device.replace(".", "/") in command))

    def _is_ours(self) -> bool:
        if self.trusted is None:
            try:
                self.inside.check()
                self.trusted = True
            except Expected:
                self.trusted = False
        return self.trusted

    def _show(self, command: Command) -> None:
        if self.show:
            self.show(str(command))
