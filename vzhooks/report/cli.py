"""`vzhook status` and `vzhook map`."""
import json
import os
import sys
import time
from typing import List, Optional

import click

from vzhooks import journal, process
from vzhooks.arguments import NewFile, Veid
from vzhooks.drift import check as checking
from vzhooks.drift.cli import keep
from vzhooks.errors import Expected
from vzhooks.node import planner
from vzhooks.report import gather, output, picture, status, topology, tree
from vzhooks.report.table import Style
from vzhooks.terminal import beyond_ascii, coloured, say, size

KINDS = ("svg", "png", "dot", "txt")
SECONDS = 2  # between two looks
CLEAR = "\033[H\033[J"  # ECMA-48: to the first column of the first row, and nothing below


class Watched(click.Command):
    """click knows options whose value may be left out only from 8.0 on."""

    def parse_args(self, ctx: click.Context, args: List[str]) -> List[str]:
        """Give --watch its value, where none stands there."""
        words: List[str] = []
        for number, word in enumerate(args):
            words.append(word)
            if word == "--watch" and not "".join(args[number + 1:number + 2]).isdigit():
                words.append(str(SECONDS))
        return super().parse_args(ctx, words)


@click.command("status", cls=Watched)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option("--watch", type=click.IntRange(1, 86400), metavar="[SECONDS]",
              help="Look again and again, each 2 s or SECONDS, until Ctrl-C.")
@click.option("--check", is_flag=True, help="Compare with the kernel now, and ask the peers of overlays.")
@click.option("--bridge", default="", metavar="NAME", help="Only containers in this bridge ('routed', 'venet0').")
@click.option("--network", default="", metavar="NAME", help="Only containers with an address in this [network].")
def status_(as_json: bool, watch: Optional[int], check: bool, bridge: str, network: str) -> None:
    """Show the containers and the node: a table each."""
    if as_json and watch:
        raise click.UsageError("--json or --watch is wanted, not both")
    try:
        while True:
            if check:
                look()
            report = gather.gather(check, bridge, network)
            if as_json:
                click.echo(json.dumps(report.as_dict(), indent=1))
            else:
                _show(report, bool(watch))
            if not watch:
                return
            if not sys.stdout.isatty():
                click.echo()
            time.sleep(watch)
    except KeyboardInterrupt:
        sys.exit(0)


def _show(report: gather.Report, again: bool) -> None:
    columns, height = size()
    rows = status.lines(report, Style(columns, coloured(), beyond_ascii()))
    if again and sys.stdout.isatty():
        click.echo(CLEAR, nl=False)
        if len(rows) > height - 1:
            rows = rows[:height - 2] + ["(%d lines more)" % (len(rows) - height + 2)]
    click.echo("\n".join(rows))


def look() -> None:
    """Have containers and node compared with the kernel, so that their drift is that of now."""
    process.find("ip")  # without it the rest has nothing to show either, and would say so once more
    try:
        keep(checking.check(journal.containers(), planner.conf(), True), True)
    except Expected as error:
        say(str(error))


@click.command("map")
@click.argument("veid", type=Veid(), required=False)
@click.option("-o", "--output", "path", metavar="FILE", type=NewFile(),
              help="A picture: FILE.svg, .png (both by graphviz) or .dot, or the tree in FILE.txt.")
@click.option("--check", is_flag=True, help="Compare with the kernel now, and ask the peers of overlays.")
def map_(veid: Optional[str], path: Optional[str], check: bool) -> None:
    """Draw the node, or one container and what it is connected to; without -o as a tree."""
    kind = os.path.splitext(path or "tree.txt")[1][1:].lower()
    if kind not in KINDS:
        raise click.UsageError("FILE%s; a name that ends in .%s is wanted" % (
            "." + kind if kind else "", ", .".join(KINDS)))
    if check:
        look()
    report = gather.gather(check)
    if veid:
        report = gather.of_container(report, veid)
        if not report.containers:
            raise Expected("CT %s: no conf file, no journal and no row of vzlist" % veid)
    seen = topology.topology(report)
    if path is None:
        click.echo("\n".join(tree.lines(seen, Style(0, coloured(), beyond_ascii()))))
    elif kind == "txt":
        output.save(path, "\n".join(tree.lines(seen, Style(0, False, True))) + "\n")
    elif kind == "dot":
        output.save(path, picture.dot(seen))
    else:
        output.draw(path, kind, picture.dot(seen))
