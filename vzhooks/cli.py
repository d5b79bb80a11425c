"""The command `vzhook`: what an operator does by hand.  The hooks never come here (click costs 60 ms)."""
import locale
import os
import sys
from typing import List, Optional

import click

from vzhooks import __version__, actions, log, names, plan, planner, process, warming
from vzhooks.call import Call
from vzhooks.errors import ConfigError, Expected

FAILED, WRONG = 1, 2  # exit codes; 0: done


class Veid(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.4 on
    name = "VEID"

    def convert(self, value: str, param: Optional[click.Parameter], ctx: Optional[click.Context]) -> str:
        try:
            return names.veid(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Device(click.ParamType):  # type: ignore[type-arg]
    name = "DEV"

    def convert(self, value: str, param: Optional[click.Parameter], ctx: Optional[click.Context]) -> str:
        try:
            return names.interface(value)
        except ValueError as error:
            self.fail("'%s': %s" % (log.printable(value), error), param, ctx)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def vzhook() -> None:
    """Container networking for OpenVZ nodes, by hand: what vzctl start and stop do to a container's network."""


@vzhook.command()
@click.argument("veid", type=Veid())
@click.option("--device", type=Device(), help="Only this interface of the node (host_ifname).")
@click.option("--dry-run", is_flag=True, help="Show the commands, run none.")
def run(veid: str, device: Optional[str], dry_run: bool) -> None:
    """Set a container's network up now, as vzctl start would, and show each command as it runs."""
    if dry_run:
        show_plan(veid, device)
        return
    count = actions.start(veid, Call("run", device or ""), say, show)
    if not count:
        say("CT %s: NETIF names no interface; nothing to do" % veid)


@vzhook.command()
@click.argument("veid", type=Veid())
def clean(veid: str) -> None:
    """Undo a container's network, as vzctl stop would, and show each command as it runs."""
    actions.stop(veid, say, show)


@vzhook.command("plan")
@click.argument("veid", type=Veid())
@click.option("--device", type=Device(), help="Only this interface of the node (host_ifname).")
@click.option("--why", is_flag=True, help="Also say whether the next start uses the cached plan, and what it rests on.")
def plan_(veid: str, device: Optional[str], why: bool) -> None:
    """Show the commands of a container's network."""
    show_plan(veid, device)
    if why:
        for line in warming.explain(veid, device or ""):
            click.echo(line)


@vzhook.group()
def cache() -> None:
    """Plans that are made already, so that a start costs less."""


@cache.command()
def warm() -> None:
    """Make the plans of all containers now, as the boot unit does."""
    troubles: List[str] = []
    veids = warming.containers()
    with click.progressbar(veids, label="plans", file=sys.stderr) as progress:
        for veid in progress:
            troubles += warming.warm(veid)
    for trouble in troubles:
        say(trouble)
    click.echo("%d containers, %d mistakes or troubles" % (len(veids), len(troubles)))
    if troubles:
        sys.exit(FAILED)


def show_plan(veid: str, device: Optional[str]) -> None:
    for one in planner.plans(veid, Call("run", device or "")):
        for doubt in one.ready.doubts:
            say(doubt)
        click.echo(plan.text(one.ready.lines), nl=False)


def show(command: str) -> None:
    """Each command as it runs, as wg-quick does."""
    click.echo("[#] " + command)


def say(message: str) -> None:
    click.echo(message, err=True)


def main(arguments: Optional[List[str]] = None) -> None:
    """The program.  Exit codes: 0 done, 1 failed or drift, 2 usage or configuration."""
    os.umask(0o077)
    process.close_inherited()
    if locale.getpreferredencoding().lower() in ("ascii", "ansi_x3.4-1968", "us-ascii"):
        os.environ["LC_ALL"] = "C.UTF-8"  # click before 8.1 refuses to run on Python 3.6 without (its documentation)
    try:
        vzhook.main(args=arguments, prog_name="vzhook", standalone_mode=True)
    except ConfigError as error:
        say(str(error))
        sys.exit(WRONG)
    except Expected as error:
        say(str(error))
        sys.exit(FAILED)
    except OSError as error:
        say("%s: %s" % (error.filename or "vzhook", error.strerror))
        sys.exit(FAILED)
