"""`vzhook announce`: what routers hear of this node's containers."""
import json
import sys

import click

from vzhooks.node import planner
from vzhooks.routing import check as checking
from vzhooks.routing import held
from vzhooks.terminal import show as show_command

HEADS = ("ADDRESS", "CT", "ANNOUNCE", "DEVICE", "WANTED", "SEEN", "")


@click.group()
def announce() -> None:
    """Addresses of containers that are announced by OSPF or BGP ([announce] in vzhooks.conf)."""


@announce.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def check(as_json: bool) -> None:
    """Compare running containers with what is announced.  Exit code 0: the same, 1: not, 2: a mistake in the file."""
    found = checking.check(planner.conf())
    wrong = [row for row in found.rows if row.trouble]
    if as_json:
        rows = [row._asdict() for row in found.rows]
        click.echo(json.dumps({"addresses": rows, "troubles": found.troubles}, indent=1))
    else:
        for row in wrong:
            click.echo("%s: %s (CT %s, ANNOUNCE %s): wanted: %s; announced: %s" % (
                row.trouble, row.address, row.container or "none", row.announce or "-", row.wanted or "nothing",
                row.seen or "nothing"))
        for trouble in found.troubles:
            click.echo(trouble)
        click.echo("addresses: %d, differences: %d" % (len(found.rows), len(wrong) + len(found.troubles)))
    if wrong or found.troubles:
        sys.exit(1)


@announce.command("show")
def show_() -> None:
    """Show each address: whose it is, how it is to be announced, and how it is."""
    found = checking.check(planner.conf())
    rows = [HEADS] + [tuple(value or "-" for value in row[:-1]) + (row.trouble,) for row in found.rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADS))]
    for row in rows:
        click.echo("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())
    for trouble in found.troubles:
        click.echo(trouble)


@announce.command()
@click.option("--file", "only_file", is_flag=True, help="Only in the daemon's file, before it reads that.")
def reconcile(only_file: bool) -> None:
    """Have the daemon know which containers are ANNOUNCE=no, standby, anycast: what it forgot comes back."""
    node = planner.conf()
    checking.wanted(node)
    done = held.reconcile(only_file, node.timeout, show_command)
    click.echo("entries added: %d, removed: %d%s"
               % (len(done.added), len(done.removed), ", file changed" if done.file else ""))
