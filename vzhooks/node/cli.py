"""`vzhook node`: the node's own networks, by hand and at boot."""
import signal
import sys
from typing import Callable, List, NamedTuple, Optional

import click

from vzhooks import plan, store
from vzhooks.errors import Expected
from vzhooks.mistakes import Mistake
from vzhooks.node import confirm, journal, planner, status, tablenames
from vzhooks.node.change import Change


class Output(NamedTuple):
    """How the command line speaks (cli.py)."""

    say: Callable[[str], None]
    show: Callable[[str], None]


class Refused(Expected):
    """A change that nobody has allowed."""


def group(output: Output) -> click.Group:
    """The commands of `vzhook node`."""
    @click.group()
    def node() -> None:
        """The node's own networks: bridges, tables and rules of /etc/vz/vzhooks.conf."""

    @node.command("plan")
    def plan_() -> None:
        """Show the commands that the node should have."""
        made = planner.node_plan(planner.conf())
        _say_all(made.doubts, output)
        click.echo(plan.text(made.lines), nl=False)

    @node.command()
    @_change_options
    def up(seconds: Optional[int], yes: bool, dry_run: bool) -> None:
        """Make the node's networks as vzhooks.conf says; what is so already stays untouched."""
        found = planner.conf()
        with journal.lock() as lock:
            confirm.overdue(output.say)
            made = planner.node_plan(found)
            _say_all(made.doubts, output)
            change = Change(made.lines, output.say, output.show, found.timeout)
            moves = [] if confirm.is_known([line.command for line in change.new]) else made.moves
            _perform(change, moves, seconds, yes, dry_run, output, lock)
            if not dry_run:
                tablenames.write(found.networks)

    @node.command()
    @_change_options
    def down(seconds: Optional[int], yes: bool, dry_run: bool) -> None:
        """Undo what `up` and the starts of containers have done to the node, and nothing else."""
        found = planner.conf()
        with journal.lock() as lock:
            confirm.overdue(output.say)
            change = Change([], output.say, output.show, found.timeout)
            change.gone = status.with_marked(change.gone, found)
            status.refuse_used(change.gone, found)
            _perform(change, planner.down_moves(status.bridges(change.gone)), seconds, yes, dry_run, output, lock)
            if not dry_run:
                tablenames.write(())

    @node.command()
    def check() -> None:
        """Compare the node with vzhooks.conf.  Exit code 0: as planned, 1: drift, 2: a mistake in the file."""
        made = planner.node_plan(planner.conf())
        _say_all(made.doubts, output)
        drift = status.drift(made.lines)
        for row in drift:
            click.echo(row)
        click.echo("lines: %d, drift: %d" % (len(made.lines), len(drift)))
        if drift:
            sys.exit(1)

    @node.command("confirm")
    def confirm_() -> None:
        """Keep the change that `up --confirm` or `down --confirm` has made."""
        with journal.lock():
            confirm.overdue(output.say)
            if not confirm.confirm():
                raise Expected("no change of the node's networks waits for a confirmation")
        click.echo("confirmed")

    return node


def _change_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in (click.option("--dry-run", is_flag=True, help="Show the commands, run none."),
                   click.option("--yes", is_flag=True, help="Also what can cut off who is logged in over the network."),
                   click.option("--confirm", "seconds", type=click.IntRange(1, 3600), metavar="SECONDS",
                                help="Go back after SECONDS, unless 'vzhook node confirm' comes before.")):
        command = option(command)
    return command


def _say_all(doubts: List[Mistake], output: Output) -> None:
    for doubt in doubts:
        output.say(str(doubt))


def _perform(change: Change, moves: List[str], seconds: Optional[int], yes: bool, dry_run: bool,
             output: Output, lock: store.Lock) -> None:
    """Carry a change out as the options say, or refuse it."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a terminal that goes must not leave half of it
    if dry_run:
        click.echo(plan.text(change.new) + plan.text(change.undoing), nl=False)
        return
    change.refuse_waiting()
    if change.empty:
        click.echo("nothing to do: all is as wanted")
        return
    if moves and not seconds and not yes:
        _ask(moves)
    if not seconds:
        change.run()
        if moves:
            confirm.remember([line.command for line in change.new])
        return
    code = confirm.carry_out_and_wait(change, seconds, output.say, lock)
    if code:
        sys.exit(code)
    click.echo("done; it goes back in %d s unless 'vzhook node confirm' comes before" % seconds)


def _ask(moves: List[str]) -> None:
    """A change that may cut its own author off: only who says so gets it."""
    text = "\n".join(moves)
    if not sys.stdin.isatty() or not sys.stdout.isatty():
        raise Refused("%s\nthis can cut you off: '--confirm 60' goes back by itself unless 'vzhook node confirm' "
                      "comes, '--yes' does it at once" % text)
    click.echo(text)
    if not click.confirm("Go on? ('--confirm 60' would go back by itself)"):
        raise Refused("nothing was changed")
