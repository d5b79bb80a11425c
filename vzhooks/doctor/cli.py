"""`vzhook doctor`: from the hook to the routers, up to the first thing that is wrong."""
import datetime
import json
import platform
import sys
from typing import Iterator, List, NamedTuple, Optional, Sequence, Tuple

import click

from vzhooks import __version__, kernel, names, process, values
from vzhooks.doctor import announce, bridge, container, floating, overlay
from vzhooks.doctor import node as node_
from vzhooks.doctor.step import Step, Way
from vzhooks.errors import Expected
from vzhooks.node import planner
from vzhooks.nodeconf import NodeConf

TOPICS = ("bridge", "overlay", "announce", "floating")
FAILED = 1


class Asked(NamedTuple):
    """What is to be looked at: all of the node without a VEID and a topic."""

    veid: str
    topic: str
    names: List[str]  # of bridges or overlays; none: all


def _asked(context: click.Context, option: click.Parameter, words: Sequence[str]) -> Asked:
    veid, topic, rest = "", "", list(words)
    if rest and names.is_veid(rest[0]):
        veid = rest.pop(0)
    if rest:
        topic = rest.pop(0)
        if topic not in TOPICS:
            raise click.BadParameter("'%s': a VEID, or one of %s, is wanted" % (topic, ", ".join(TOPICS)))
    if rest and (topic not in ("bridge", "overlay") or veid):
        raise click.BadParameter("'%s': nothing more is wanted behind '%s'" % (rest[0], topic))
    return Asked(veid, topic, rest)


def _addresses(context: click.Context, option: click.Parameter, given: Tuple[str, ...]) -> List[str]:
    try:
        return [values.plain_address(text, "").ip for text in given]
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command()
@click.argument("asked", nargs=-1, metavar="[VEID] [bridge|overlay|announce|floating [NAME]...]", callback=_asked)
@click.option("--to", "stations", multiple=True, metavar="ADDRESS", callback=_addresses,
              help="For overlay: a station on it to probe, instead of those that answer by IPv6.")
@click.option("--json", "as_json", is_flag=True, help="The steps, or an overlay's findings, as JSON.")
def doctor(asked: Asked, stations: List[str], as_json: bool) -> None:
    """Walk the way of a packet, and stop at the first thing that is wrong: with the command that shows it, and the one
    that mends it.  Exit code 1: something is wrong.
    """
    found = planner.conf()
    if asked.topic == "overlay":
        overlay.report(found, asked.names, stations, as_json)
        return
    if stations:
        raise click.UsageError("--to is for 'vzhook doctor overlay'")
    steps: List[Step] = []
    if not as_json:
        click.echo(header())
    for step in _until_wrong(way(asked, found)):
        steps.append(step)
        if not as_json:
            click.echo(text(step))
    if as_json:
        click.echo(json.dumps([step._asdict() for step in steps], indent=1))
    if steps and steps[-1].wrong:
        sys.exit(FAILED)


def way(asked: Asked, found: NodeConf) -> Way:
    """All steps that were asked for.  Raise Expected where there is nothing of that kind."""
    if not asked.topic:
        yield from node_.way(found)
    absent = {"announce": not found.announce.where, "floating": not found.floating.uplinks}
    if absent.get(asked.topic):
        raise Expected("no [%s] in vzhooks.conf" % asked.topic)
    if asked.veid and not asked.topic:
        yield from container.way(asked.veid, found)
    elif asked.topic in ("", "bridge"):
        made = container.bridges_of(asked.veid) if asked.veid else [one.name for one in found.bridges]
        bridges = asked.names or made
        if asked.topic and not bridges:
            raise Expected("no [bridge NAME] in vzhooks.conf; 'vzhook doctor bridge NAME' is wanted")
        yield from bridge.way(bridges)
    if not asked.topic and not asked.veid:
        yield from overlay.way(found)
    if asked.topic in ("", "announce") and not absent["announce"]:
        yield from announce.way(found, asked.veid)
    if asked.topic in ("", "floating") and not absent["floating"]:
        yield from floating.way(found)


def _until_wrong(steps: Way) -> Iterator[Step]:
    for step in steps:
        yield step
        if step.wrong:
            return


def text(step: Step) -> str:
    """A step for people and tickets."""
    if not step.wrong:
        return "ok     " + step.what
    return "WRONG  %s: %s\n       shown by:  %s\n       mended by: %s" % step


def header() -> str:
    """What whoever reads the ticket asks first."""
    return "vzhooks %s, kernel %s, %s, Python %s, %s" % (
        __version__, platform.release(), _iproute2() or "no iproute2", platform.python_version(),
        datetime.datetime.now().strftime("%Y-%m-%d %H:%M:%S"))


def _iproute2() -> Optional[str]:
    try:
        return "".join(kernel.listing(["ip", "-V"])).replace("ip utility, ", "").partition(",")[0]
    except (Expected, process.MissingCommand):
        return None
