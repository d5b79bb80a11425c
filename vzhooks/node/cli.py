"""`vzhook node`: the node's own networks, by hand and at boot."""
import functools
import signal
import sys
from typing import Callable, List, NamedTuple, Optional, Tuple

import click

from vzhooks import apply, kernel, paths, plan
from vzhooks.errors import ConfigError, Expected
from vzhooks.mistakes import Mistake
from vzhooks.node import bridgeview, confirm, export, journal, planner, saved, status, tablenames
from vzhooks.node.change import Change
from vzhooks.node.tree import Tree
from vzhooks.nodeconf import NodeConf
from vzhooks.routing import evpn
from vzhooks.routing import export as routing
from vzhooks.terminal import say, show


class Refused(Expected):
    """A change that nobody has allowed."""


class Options(NamedTuple):
    """How a change is to be made."""

    seconds: Optional[int]
    yes: bool
    dry_run: bool


def _change_options(command: Callable[[Options], None]) -> Callable[..., None]:
    @functools.wraps(command)
    def wrapped(seconds: Optional[int], yes: bool, dry_run: bool) -> None:
        command(Options(seconds, yes, dry_run))

    with_options: Callable[..., None] = wrapped
    for option in (click.option("--dry-run", is_flag=True, help="Show the commands, run none."),
                   click.option("--yes", is_flag=True, help="Also what can cut off who is logged in over the network."),
                   click.option("--confirm", "seconds", type=click.IntRange(1, 3600), metavar="SECONDS",
                                help="Go back after SECONDS, unless 'vzhook node confirm' comes before.")):
        with_options = option(with_options)
    return with_options


@click.group()
def node() -> None:
    """The node's own networks: bridges, tables and rules of /etc/vz/vzhooks.conf."""


@node.command("plan")
def plan_() -> None:
    """Show the commands that the node should have."""
    made = planner.node_plan(planner.conf())
    _say_all(made.doubts)
    click.echo(plan.text(made.lines), nl=False)


@node.command()
@_change_options
def up(options: Options) -> None:
    """Make the node's networks as vzhooks.conf says; what is so already stays untouched."""
    found = planner.conf()

    def change() -> Tuple[Change, List[str]]:
        made = planner.node_plan(found)
        _say_all(made.doubts)
        change = Change(made.lines, say, show, found.timeout)
        status.refuse_used(change.gone, found)
        moves = [] if confirm.is_known([line.command for line in change.new]) else made.moves
        moves += planner.lost_ways(change.gone)  # never allowed once and for all
        change.gone += status.left_over(made.lines + change.gone)
        return change, moves

    _perform(change, options)
    if not options.dry_run:
        left = _bring_back(found.timeout)
        tablenames.write(found.networks)
        if left:
            sys.exit(1)


@node.command()
@_change_options
def down(options: Options) -> None:
    """Undo what `up` and the starts of containers have done to the node, and nothing else."""
    found = planner.conf()

    def change() -> Tuple[Change, List[str]]:
        change = Change([], say, show, found.timeout)
        change.gone += status.marked(change.gone)
        status.refuse_used(change.gone, found)
        return change, planner.lost_ways(change.gone)

    _perform(change, options)
    if not options.dry_run:
        tablenames.write(())
        left = status.forgotten()
        if left and not options.seconds:
            raise Expected("%s: made by vzhooks, but what it was made from is forgotten (/run/vzhooks/node/journal): "
                           "left as it is" % ", ".join(left))


@node.command()
def check() -> None:
    """Compare the node with vzhooks.conf.  Exit code 0: as planned, 1: drift, 2: a mistake in the file."""
    made = planner.node_plan(planner.conf())
    _say_all(made.doubts)
    drift = status.drift(made.lines)
    drift += ["missing: " + line.command for line in status.lost_elements()]
    drift += confirm.waiting()
    for row in drift:
        click.echo(row)
    click.echo("lines: %d, drift: %d" % (len(made.lines), len(drift)))
    if drift:
        sys.exit(1)


@node.command("confirm")
def confirm_() -> None:
    """Keep the change that `up --confirm` has made; after `up --yes`: let it be made again at boot."""
    with journal.lock():
        confirm.overdue(say)
        if not confirm.confirm(say):
            raise Expected("no change of the node's networks waits for a confirmation")
    click.echo("confirmed")


@node.command("export")
@click.argument("kind", type=click.Choice(export.KINDS + routing.DAEMONS), required=False)
@click.option("--to", "directory", type=click.Path(file_okay=False), default="", metavar="DIR",
              help="Write below DIR, as it would lie below /.")
@click.option("--replace", is_flag=True, help="Also files that are not ours; the old ones are saved.")
@click.option("--undo", is_flag=True, help="Put back what exports have replaced, remove what they made.")
def export_(kind: Optional[str], directory: str, replace: bool, undo: bool) -> None:
    """Write the networks as files of the distribution, which then makes them at boot by itself."""
    if undo:
        to = Tree(directory or paths.rooted(""))
        count = routing.write(routing.removals(to), to, click.echo)
        click.echo("files: %d" % (count + saved.undo(directory, click.echo)))
        return
    if not kind:
        raise click.UsageError("one of %s, or --undo, is wanted" % ", ".join(export.KINDS + routing.DAEMONS))
    found = planner.conf()
    if kind in routing.DAEMONS:
        _export_routing(kind, found, directory)
        return
    found, unexported = export.without_overlays(found)
    _say_all(unexported)
    macs = {bridge.name: bridgeview.mac_of(bridge) for bridge in found.bridges}
    files = export.files(kind, found, macs, export.tree(directory), kernel.rules_have_protocol())
    saved.write(files, directory, replace, click.echo)
    click.echo("files: %d" % len(files))


def _export_routing(daemon: str, found: NodeConf, directory: str) -> None:
    mistakes = list(found.mistakes + found.node_mistakes)
    overlays = evpn.of(found) if daemon == "frr" and not mistakes else evpn.NONE
    if found.announce.daemon != daemon or not (found.announce.where or overlays.asn):
        mistakes.append(Mistake(found.announce.at("daemon") or paths.node_conf() + ":1",
                                "no [announce] with daemon = " + daemon, "that is wanted for this export"))
    if mistakes:
        raise ConfigError(list(map(str, mistakes)))
    to = Tree(directory or paths.rooted(""))
    count = routing.write(routing.changes(found.announce, to, export.tree(directory), overlays), to, click.echo)
    _say_all(routing.doubts(found.announce))
    click.echo("files: %d" % count)
    if count and not directory:
        click.echo("'systemctl daemon-reload', then 'systemctl restart %s', lets it be read" % daemon)


def _bring_back(timeout: float) -> int:
    """Put back what containers have lost, all at once, or else each line by itself; return how many could not be."""
    lost = status.lost_elements()
    job = apply.Job("node", "", say, show, timeout)
    try:
        job.carry_out(lost, [])
        return 0
    except Expected:
        failed = 0
    for line in lost:
        try:
            job.carry_out([line], [])
        except Expected as error:
            say(str(error))
            failed += 1
    return failed


def _say_all(doubts: List[Mistake]) -> None:
    for doubt in doubts:
        say(str(doubt))


def _perform(make: Callable[[], Tuple[Change, List[str]]], options: Options) -> None:
    """Make the change that MAKE finds to be wanted, or refuse it; nobody waits for our lock while we ask."""
    moves = _attempt(make, options, bool(options.seconds) or options.yes)
    if moves:
        _ask(moves)
        _attempt(make, options, True)


def _attempt(make: Callable[[], Tuple[Change, List[str]]], options: Options, allowed: bool) -> List[str]:
    """Carry a change out; return what would have to be allowed first, with nothing done then."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a terminal that goes must not leave half of it
    with journal.lock() as lock:
        if not options.dry_run:
            confirm.overdue(say)
        change, moves = make()
        if options.dry_run:
            click.echo(plan.text(change.new) + plan.text(change.undoing), nl=False)
            return []
        change.refuse_waiting()
        if change.empty:
            change.note()
            click.echo("nothing to do: all is as wanted")
        elif moves and not allowed:
            return moves
        elif options.seconds:
            code = confirm.carry_out_and_wait(change, options.seconds, say, lock)
            if code:
                sys.exit(code)
            click.echo("done; it goes back in %d s unless 'vzhook node confirm' comes before" % options.seconds)
        else:
            change.run()
            if moves and change.new:
                click.echo("done; 'vzhook node confirm' lets it be made again at boot without a question")
    return []


def _ask(moves: List[str]) -> None:
    """A change that may cut its own author off: only who says so gets it."""
    text = "\n".join(moves)
    if not sys.stdin.isatty() or not sys.stdout.isatty():
        raise Refused("%s\nthis can cut you off: '--confirm 60' goes back by itself unless 'vzhook node confirm' "
                      "comes, '--yes' does it at once" % text)
    click.echo(text)
    if not click.confirm("Go on? ('--confirm 60' would go back by itself)"):
        raise Refused("nothing was changed")
