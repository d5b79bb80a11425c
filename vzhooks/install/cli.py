"""`vzhook install`, `uninstall`: have vzctl call us, beside what is there, and put that back.  `vzhook adopt`."""
import os
import sys
from contextlib import contextmanager
from typing import Iterable, Iterator, List, Tuple

import click

from vzhooks import paths, plan, process, store, warming
from vzhooks.arguments import Veid, must_exist
from vzhooks.errors import ConfigError, Expected
from vzhooks.install import adopt as adopting
from vzhooks.install import changes, record
from vzhooks.node import saved
from vzhooks.terminal import say, show


@click.command()
@click.option("--dry-run", is_flag=True, help="Show the changes, make none.")
def install(dry_run: bool) -> None:
    """Have vzctl call vzhooks: EXTERNAL_SCRIPT in vznet.conf, vps.mount, vps.umount.

    What is there is kept: another EXTERNAL_SCRIPT as [node] else_script, a shell script with one more line.  Running
    containers keep their network.
    """
    if dry_run:
        found = changes.wanted()
        for change in found.changes:
            old = None if change.now is None else change.now.encode("utf-8", "surrogateescape")
            new = change.wanted.encode("utf-8", "surrogateescape")
            click.echo(saved.difference(paths.rooted(""), change.path.lstrip("/"), old, new), nl=False)
    else:
        with _recording():
            found = changes.wanted()
            record.write(found.changes, click.echo)
    for line in found.notes + found.undone:
        say(line)
    click.echo("files to change: %d" % len(found.changes) if dry_run else "files: %d" % len(found.changes)
               if found.changes else "nothing to do: vzctl calls vzhooks")
    if found.undone:
        sys.exit(1)


@click.command()
def uninstall() -> None:
    """Put back exactly what 'vzhook install' has found.  Running containers keep their network."""
    with _recording():
        count = record.put_back(click.echo)
    click.echo("files: %d" % count)


@click.command()
@click.argument("veids", type=Veid(), nargs=-1, metavar="[VEID]...")
@click.option("--clean", is_flag=True, help="Remove the host routes that are listed as stale.")
@click.option("--dry-run", is_flag=True, help="Show what would be remembered or removed.")
def adopt(veids: Tuple[str, ...], clean: bool, dry_run: bool) -> None:
    """Take over running containers whose network an older script has set up, so that their next stop cleans up.

    Nothing of their network is changed: only a journal is written ('vzhook run VEID' also adds what is missing).
    Host routes that the older script has left behind are listed.
    """
    for veid in veids:
        must_exist(veid)
    wrong = _adopt(veids or warming.containers(), dry_run)
    known = adopting.confs()
    with store.Lock(paths.run("node")):
        found = adopting.stale(known)
        for one in found:
            click.echo("stale: %s: %s" % (one.route.row, one.why))
        for one in found if clean else []:
            show(" ".join(one.removal))
            result = process.run(one.removal) if not dry_run else None
            if result and result.status != 0:
                say("%s: %s" % (" ".join(one.removal), result.errors.strip() or result.ended))
                wrong.append(1)
    if known.mistakes:
        say("routes to addresses that no conf has are not listed while there are mistakes ('vzhook lint' shows them)")
    if found and not clean:
        click.echo("'vzhook adopt --clean' removes them; look first whether they are what it says")
    if wrong:
        sys.exit(max(wrong))


def _adopt(veids: Iterable[str], dry_run: bool) -> List[int]:
    """Adopt containers one by one; say what went wrong, and return the exit codes of that."""
    wrong = []
    count = 0
    for veid in veids:
        try:
            adopted = adopting.adopt(veid, not dry_run)
        except Expected as error:
            say(str(error))
            wrong.append(2 if isinstance(error, ConfigError) else 1)
            continue
        for one in adopted:
            for doubt in one.doubts:
                say("CT %s %s: %s" % (veid, one.device, doubt))
            if dry_run:
                click.echo("CT %s %s:" % (veid, one.device))
                click.echo(plan.text(one.lines), nl=False)
            elif one.lines:
                click.echo("CT %s %s: remembered, %d lines" % (veid, one.device, len(one.lines)))
        count += len([one for one in adopted if one.lines])
    click.echo("interfaces: %d" % count)
    return wrong


@contextmanager
def _recording() -> Iterator[None]:
    """Nobody else changes the files meanwhile; nothing stays where nothing is to be remembered."""
    try:
        with record.lock():
            yield
    finally:
        try:
            os.rmdir(paths.rooted("/var/lib/vzhooks"))
        except OSError:
            pass  # there is something in it
