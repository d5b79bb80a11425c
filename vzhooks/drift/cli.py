"""`vzhook check`, `reconcile` and `gc`."""
import json
import sys
from typing import Callable, List, Sequence, Tuple

import click

from vzhooks import journal, process
from vzhooks.arguments import Veid, must_exist
from vzhooks.drift import check as checking
from vzhooks.drift import last, running
from vzhooks.drift.check import NODE, Result
from vzhooks.drift.gc import Collector, started, written
from vzhooks.drift.reconcile import Reconciler, repairable
from vzhooks.errors import Expected, reason
from vzhooks.node import planner
from vzhooks.terminal import say, show

FAILED, WRONG = 1, 2  # exit codes; 0: as planned
ROUNDS = 3  # of repairs: what is made anew can have taken something along
MANY = 20  # containers, from which on a progress bar is shown in place of commands


@click.command()
@click.argument("veids", type=Veid(), nargs=-1, metavar="[VEID]...")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def check(veids: Tuple[str, ...], as_json: bool) -> None:
    """Compare running containers, all or those named, with the kernel; without a VEID the node, too.

    Exit code 0: as planned, 1: drift, 2: a mistake in a conf file.
    """
    results = checking.check(chosen(veids), planner.conf(), not veids)
    keep(results, not veids)
    if as_json:
        click.echo(json.dumps([result.as_dict() for result in results], indent=1))
    else:
        for row in rows(results):
            click.echo(row)
        click.echo(summary(results))
    sys.exit(code(results))


@click.command()
@click.argument("veids", type=Veid(), nargs=-1, metavar="[VEID]...")
@click.option("--dry-run", is_flag=True, help="Show the commands, run none.")
def reconcile(veids: Tuple[str, ...], dry_run: bool) -> None:
    """Do again what somebody has undone of running containers, all or those named, and without a VEID of the node.

    What is right stays untouched.  Exit code 0: now all is as planned, 1: not, 2: a mistake in a conf file.
    """
    found, wanted = planner.conf(), chosen(veids)
    process.find("ip")  # each step would say that it is missing
    if not veids:
        Reconciler(found, say, click.echo if dry_run else show, dry_run).shared()
    results = checking.check(wanted, found, not veids)
    first = broken = repairable(results)
    many = len(broken) > MANY and sys.stderr.isatty() and not dry_run
    worker = Reconciler(found, say, None if many else click.echo if dry_run else show, dry_run)
    for _ in range(ROUNDS):
        each(broken, worker.container, many)
        if dry_run:
            return
        before = broken
        results = checking.check(wanted, found, not veids) if broken else results
        broken = repairable(results)
        if not broken or broken == before:
            break
    keep(results, not veids)
    for row in rows(results):
        say(row)
    click.echo("repaired: %d of %d containers" % (len(first) - len(broken), len(first)))
    sys.exit(code(results))


@click.command()
@click.option("--yes", is_flag=True, help="Also where no container runs at all.")
@click.option("--dry-run", is_flag=True, help="Show what would be removed, remove nothing.")
def gc(yes: bool, dry_run: bool) -> None:
    """Remove what is marked as ours and belongs to no running container and to no line of the node."""
    found = planner.conf()
    none = not any(running.read(veid).lines for veid in journal.containers())
    if none and not yes and not dry_run and Collector(found, say, click.echo, True).run():
        raise Expected("no container runs here, so that all of this would go; '--yes' does it")
    before = written()
    count = Collector(found, say, click.echo if dry_run else show, dry_run).run()
    if not dry_run:
        for result in checking.check(started(before), found, False):
            Reconciler(found, say, show, False).container(result)
    click.echo("%s: %d" % ("found" if dry_run else "removed", count))


def chosen(veids: Sequence[str]) -> Sequence[str]:
    """The containers named, or all that have journals.  Raise ConfigError for one that there is not."""
    known = journal.containers()
    for veid in veids:
        if veid not in known:
            must_exist(veid)
    return veids or known


def each(results: Sequence[Result], work: Callable[[Result], None], bar: bool) -> None:
    """Do WORK for all, behind a progress bar where a person waits for many."""
    if not bar:
        for result in results:
            work(result)
        return
    with click.progressbar(results, label="containers", file=sys.stderr) as progress:
        for result in progress:
            work(result)


def keep(results: Sequence[Result], whole: bool) -> None:
    """Keep results for `vzhook status`; that it cannot be done is no failure of the check."""
    try:
        last.save(results, whole)
    except (Expected, OSError) as error:
        say("the result is not kept: %s" % reason(error))


def name(result: Result) -> str:
    """How a result's rows begin."""
    return NODE if result.veid == NODE else "CT " + result.veid


def rows(results: Sequence[Result]) -> List[str]:
    """What people read."""
    found = []
    for result in results:
        found += ["%s: %s" % (name(result), drift) for drift in result.drift]
        if result.edited:
            found.append("%s: its conf has changed since its start; 'vzhook run %s' applies it:"
                         % (name(result), result.veid))
            found += ["    " + row for row in result.edited]
        found += result.mistakes
    return list(dict.fromkeys(found))


def summary(results: Sequence[Result]) -> str:
    """The last row."""
    containers = [result for result in results if result.veid != NODE]
    return "containers: %d, lines: %d, unverified: %d, drift: %d" % (
        len(containers), sum(result.lines for result in results), sum(result.unverified for result in results),
        sum(len(result.drift) for result in results))


def code(results: Sequence[Result]) -> int:
    """The exit code."""
    if any(result.mistakes for result in results):
        return WRONG
    return FAILED if any(result.drift for result in results) else 0
