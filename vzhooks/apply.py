"""Carries a plan out and takes it back: journal first, batches, rollback.  Hot path: standard library only.

A new plan over an old journal is a difference: what the new plan lacks is undone first, then the new plan is run whole
(its lines are idempotent).  Until that is done the journal holds both, so that a call that was killed at any moment is
put right by the next one.
"""
import os

from vzhooks import batch, facts, journal, plan
from vzhooks.batch import Broken, Command
from vzhooks.errors import Expected
from vzhooks.inside import Inside, NoWay
from vzhooks.process import TIMEOUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, List, Optional, Sequence, Set, Tuple


LONGEST = 200  # characters of a command in a message; a table of nft has thousands
SAME, ANOTHER, GONE = "same", "another", "gone"  # what became of the interface that a journal is about


class Failed(Expected):
    """A command of a plan failed; the text names the command, what it said, and the conf line behind it."""

    def __init__(self, command: Command, said: str) -> None:
        behind = " (from %s)" % command.origin if command.origin else ""
        text = str(command)
        super().__init__("%s: %s%s" % (text if len(text) <= LONGEST else text[:LONGEST] + " ...", said, behind))


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
        self.interface = SAME
        self.trusted: Optional[bool] = None

    # Setting up

    def start(self, new: "Sequence[plan.Line]") -> None:
        """Make the network as the plan says.  The container's lock is held.

        Raise Expected after everything is as it was before; Broken after what is known to have been done is undone.
        """
        new = self._enter(new)
        old = self._load()
        same_device = self.interface == SAME
        self.known = {line.key for line in old} if same_device else set()
        lines, gone = plan.merged(new, old, same_device)
        late = [line for line in gone if line.undo and line.undo.late]  # what protects goes when its successor is there
        journal.write(self.veid, self.device, gone + lines)
        done: List[plan.Line] = []
        try:
            self.take_back([line for line in gone if line not in late])
            self.interface = SAME  # what is done from here on is done to this very device
            self.carry_out(lines, done)
            self.take_back(late)
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

    def repair(self, lines: "Sequence[plan.Line]") -> None:
        """Run those lines of the journal again that somebody has undone.  The container's lock is held.

        Raise Expected, with what could be done done.  The journal stays as it is, unless the device was made anew.
        """
        old = self._load()
        if self.interface == ANOTHER:
            return self.start(old)
        self.carry_out(self._enter(lines), [])

    def _enter(self, lines: "Sequence[plan.Line]") -> "Sequence[plan.Line]":
        """The lines that can be run here: before anything is done, make sure that the device is this container's."""
        if any(line.place == "ct" for line in lines):
            try:
                self.inside.check()
            except NoWay as error:
                if self.on_error != "warn":
                    raise
                self.say(str(error))
                return [line for line in lines if line.place != "ct"]
        return lines

    def _load(self) -> "List[plan.Line]":
        """The journal's lines; from then on it is known what became of its device."""
        lines, same = journal.load(self.veid, self.device)
        if not same:
            self.interface = ANOTHER if os.path.isdir("/sys/class/net/" + self.device) else GONE
        return lines

    def carry_out(self, lines: "Sequence[plan.Line]", done: "List[plan.Line]") -> None:
        """Run lines, adding each to DONE when it is done.  Raise Failed or Broken at the first that fails."""
        # What is forgotten of an address is what was before it came: only once.
        lines = [line for line in lines if not line.command.startswith("forget ") or line.key not in self.known]
        batches = batch.split([Command(line.place, line.command, line.may_fail, line.origin, line.vital)
                               for line in lines])
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
                self._finish(together, ours, batch.run(together, self.inside, self.timeout, on_node), done)
            except Expected:
                done += theirs  # as far as it came; what was not done is not there to be undone
                raise
            self._finish(beside, theirs, batch.run(beside, self.inside, self.timeout, in_ct), done)

    def _prepare(self, commands: "Sequence[Command]") -> None:
        """Show commands, and make room for the ports among them."""
        for command in commands:
            self._show(command)
            if command.tool == "ovs-vsctl" and (command.place, command.text) not in self.known:
                from vzhooks import ovs  # only nodes with Open vSwitch pay for it

                failure = ovs.forget_stale(command, self.inside, self.timeout)
                if failure:
                    self._settle(command, failure)

    def _finish(self, together: "List[Command]", lines: "List[plan.Line]", failure: "Optional[batch.Failure]",
                done: "List[plan.Line]") -> None:
        """Go on behind each failure that is none, to the end of the batch.  Raise at the first that is one."""
        while failure:
            done += lines[:failure.index]
            if self._settle(together[failure.index], failure):
                done.append(lines[failure.index])
            # What hung once would hang again: then the whole batch counts as failed.
            behind = len(lines) if failure.unknown else failure.index + 1
            together, lines = together[behind:], lines[behind:]
            failure = batch.run(together, self.inside, self.timeout) if together else None
        done += lines

    def _settle(self, command: Command, failure: batch.Failure) -> bool:
        """A command failed: return whether all is as it wanted nevertheless, or raise Failed, Broken or Conflict."""
        if command.may_fail:
            if command.tool == "vtysh":  # [announce] on_error = warn
                self.say(str(Failed(command, failure.message)))
            return False
        if command.text.startswith("brctl addif "):
            bridge, device = command.text.split()[2:]
            if facts.master(device) == bridge:
                return True  # a second brctl addif is an error, a second `ip link set master` none
        if command.place == "host" and command.text.startswith(journal.ROUTE) and not failure.unknown:
            from vzhooks import conflict  # rare, and needs listings

            taken = conflict.settle(command.text, self.veid, self.device, self.timeout)
            if taken is not None:
                if taken:
                    self.say(taken)
                return True
        failed = Failed(command, failure.message)
        if self.on_error != "warn" or command.vital:
            raise Broken(str(failed)) if failure.unknown else failed
        self.say(str(failed))
        return False

    def _undo_added(self, done: "Sequence[plan.Line]", old: "Sequence[plan.Line]") -> None:
        known = {line.key for line in old}
        self.take_back([line for line in done if line.key not in known])

    def _put_back(self, old: "Sequence[plan.Line]") -> None:
        """Run all of the old plan: with a container's last address the kernel also took the routes over that device."""
        self.on_error = "warn"
        try:
            self.carry_out(old, [])
        except Expected as error:
            self.say("rollback: %s" % error)

    # Taking down

    def stop(self) -> bool:
        """Undo what the journal says, and forget it.  The container's lock is held.

        Return False when something could not be undone: said, and kept in the journal for the next try.
        Raise Unusable or PlanError for a journal that cannot be read.
        """
        lines = self._load()
        left = self.take_back(self._mine(lines) if self.interface == ANOTHER else lines)
        if left:
            journal.write(self.veid, self.device, left)
        else:
            journal.remove(self.veid, self.device)
        return not left

    def _mine(self, lines: "Sequence[plan.Line]") -> "List[plan.Line]":
        """Lines without what filters another container that has a device of this name now, and needs the same."""
        theirs = {line.key for other in journal.containers() if other != self.veid
                  and self.device in journal.devices(other) for line in journal.read(other, self.device)}
        return [line for line in lines if not (line.vital and line.key in theirs)]

    def leave_bridge(self, ovs: bool) -> None:
        """Take the device out of whatever bridge it is in."""
        undo = []
        if facts.master(self.device):
            undo.append("ip link set dev %s nomaster" % self.device)
        if ovs:
            undo.append("ovs-vsctl --if-exists del-port %s" % self.device)
        self.interface = SAME
        self.undo([plan.Line("host", "", False, plan.Undo(command, False)) for command in undo])

    def undo(self, lines: "Sequence[plan.Line]") -> bool:
        """Undo lines that no journal has."""
        return not self.take_back(lines)

    def take_back(self, lines: "Sequence[plan.Line]") -> "List[plan.Line]":
        """Undo lines in reverse, going on behind what fails; return those that must be tried again."""
        wanted = [line for line in reversed(lines) if line.undo and self._concerns(line.undo, line.place)]
        commands = {Command(line.place, line.undo.command, line.undo.may_fail, line.origin): line
                    for line in wanted if line.undo}
        again = []
        for together in batch.split(list(commands), forced=True):
            for command in together:
                self._show(command)
            for command, failure in batch.run_forced(together, self.inside, self.timeout):
                if command.may_fail:
                    continue
                self.say("undo: %s" % Failed(command, failure.message))
                # What ip cannot remove is not there any more; of others that is not certain.
                if failure.unknown or command.tool not in batch.IP + ("bridge",):
                    again.append(commands[command])
        return again[::-1]

    def _concerns(self, undo: plan.Undo, place: str) -> bool:
        """Whether there is still something to undo: what was on a device went with it (vzctl-protocol.md, stop), and
        another device of its name may be another container's, as is what protects it then.
        """
        command = undo.command
        if undo.late and self.interface == ANOTHER and not command.startswith("vtysh "):
            return False
        if place == "ct":
            return self.interface == SAME and self._is_ours()
        if self.interface == SAME or not (self.device in command.split()
                                          or ".%s." % self.device.replace(".", "/") in command):
            return True
        return self.interface == GONE and not command.startswith(("ip ", "sysctl ", "brctl ", "bridge "))

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
