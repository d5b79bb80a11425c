"""`vzhook reconcile`: does again what somebody has undone, and nothing else."""
from typing import Callable, Iterable, List, Optional, Sequence

from vzhooks import apply, journal, plan
from vzhooks.drift import check, running
from vzhooks.drift.check import NODE, REPAIRABLE, Result
from vzhooks.errors import Expected
from vzhooks.node import confirm, planner
from vzhooks.node import journal as node_journal
from vzhooks.node.change import Change
from vzhooks.nodeconf import NodeConf
from vzhooks.routing import held

Say = Callable[[str], None]


class Reconciler:
    """Repairs what a check has found.  show(text): each command as it runs; DRY_RUN: instead of running it."""

    def __init__(self, node: NodeConf, say: Say, show: Optional[Say], dry_run: bool) -> None:
        self.node = node
        self.say = say
        self.show = show
        self.dry_run = dry_run

    def shared(self) -> None:
        """Repair what containers share, which they may need: the node's lines, then what routing daemons know."""
        for repair in self._node, self._announcements:
            try:
                repair()
            except Expected as error:
                self.say(str(error))

    def _node(self) -> None:
        with node_journal.lock():
            if not self.dry_run:
                confirm.overdue(self.say)
            made = planner.node_plan(self.node)
            # Nothing is undone: what vzhooks.conf does not say any more goes by 'vzhook node up'.
            change = Change(made.lines, self.say, self.show, self.node.timeout, keep=True)
            if change.empty:
                return
            change.refuse_waiting()
            if made.moves and not confirm.is_known([line.command for line in change.new]):
                raise Expected("%s\nthis can cut you off: left to 'vzhook node up'" % "\n".join(made.moves))
            if self.dry_run:
                self._print(change.new, "the node")
            else:
                change.run()

    def _announcements(self) -> None:
        if self.node.announce.where and not self.dry_run:
            held.reconcile(False, self.node.timeout, self.show or (lambda command: None))

    def container(self, veid: str) -> None:
        """Repair one container's difference, as it is when its lock is ours.  What cannot be repaired is said."""
        try:
            with journal.lock(veid):
                one = running.read(veid)
                lost = {(drift.side, drift.command) for drift in check.compare(one, self.node).drift
                        if drift.kind in REPAIRABLE}
                for device, lines in one.lines.items():
                    broken = [line for line in lines if line.key in lost]
                    if broken and self.dry_run:
                        self._print(broken, "CT %s, %s" % (veid, device))
                    elif broken:
                        job = apply.Job(veid, device, self.say, self.show, self.node.timeout, "warn", self.node.ct_exec)
                        job.repair(broken)
        except Expected as error:
            self.say(str(error))

    def _print(self, lines: Sequence[plan.Line], whose: str) -> None:
        if self.show:
            self.show("# " + whose)
            for line in lines:
                self.show("%-5s %s" % line.key)


def repairable(results: Iterable[Result]) -> List[str]:
    """The containers that have something that can be repaired."""
    return [result.veid for result in results if result.veid != NODE
            and any(drift.kind in REPAIRABLE for drift in result.drift)]
