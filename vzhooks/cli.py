"""The command `vzhook`: what an operator does by hand.  The hooks never come here (click costs 60 ms).

What a command needs is imported when it is used: all of it together would cost more than setting a container up.
"""
import json
import locale
import os
import sys
from typing import Dict, List, Optional, Tuple

import click

from vzhooks import __version__, actions, process, record
from vzhooks.arguments import Device, Veid, must_exist
from vzhooks.call import Call
from vzhooks.errors import ConfigError, Expected
from vzhooks.terminal import say, show

FAILED, WRONG = 1, 2  # exit codes; 0: done
OTHERS = ("adopt", "announce", "check", "doctor", "gc", "install", "map", "metrics", "node", "reconcile", "status",
          "uninstall")  # the commands that packages of their own have


class Program(click.Group):
    """A group whose OTHERS are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> List[str]:
        return sorted(set(self.commands) | set(OTHERS))

    def get_command(self, ctx: click.Context, cmd_name: str) -> Optional[click.Command]:
        if cmd_name not in self.commands:
            for name in [cmd_name] if cmd_name in OTHERS else OTHERS:  # all: click suggests what a wrong one may mean
                for one in _package_of(name):
                    self.add_command(one)
        return super().get_command(ctx, cmd_name)


def _package_of(name: str) -> List[click.Command]:
    """The commands of the package that has one of OTHERS."""
    if name in ("check", "reconcile", "gc"):
        from vzhooks.drift.cli import check, gc, reconcile
        return [check, gc, reconcile]
    if name in ("install", "adopt", "uninstall"):
        from vzhooks.install.cli import adopt, install, uninstall
        return [adopt, install, uninstall]
    if name in ("status", "map"):
        from vzhooks.report.cli import map_, status_
        return [map_, status_]
    if name == "announce":
        from vzhooks.routing.cli import announce
        return [announce]
    if name == "doctor":
        from vzhooks.doctor.cli import doctor
        return [doctor]
    if name == "metrics":
        from vzhooks.metrics.cli import metrics
        return [metrics]
    from vzhooks.node.cli import node
    return [node]


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def vzhook() -> None:
    """Container networking for OpenVZ nodes, by hand: what vzctl start and stop do to a container's network."""


@vzhook.command()
@click.argument("veid", type=Veid())
@click.option("--device", type=Device(), help="Only this interface of the node (host_ifname).")
@click.option("--dry-run", is_flag=True, help="Show the commands, run none.")
def run(veid: str, device: Optional[str], dry_run: bool) -> None:
    """Set a container's network up now, as vzctl start would, and show each command as it runs."""
    must_exist(veid)
    if dry_run:
        show_plan(veid, device)
        return
    with record.Event("run", veid, device or ""):
        count = actions.start(veid, Call("run", device or ""), say, show)
    if not count:
        say("CT %s: NETIF names no interface; nothing to do" % veid)


@vzhook.command()
@click.argument("veid", type=Veid())
def clean(veid: str) -> None:
    """Undo a container's network, as vzctl stop would, and show each command as it runs."""
    with record.Event("clean", veid):
        actions.stop(veid, say, show)


@vzhook.command("plan")
@click.argument("veid", type=Veid())
@click.option("--device", type=Device(), help="Only this interface of the node (host_ifname).")
@click.option("--why", is_flag=True, help="Also say whether the next start uses the cached plan, and what it rests on.")
def plan_(veid: str, device: Optional[str], why: bool) -> None:
    """Show the commands of a container's network."""
    must_exist(veid)
    show_plan(veid, device)
    if why:
        from vzhooks import warming

        for line in warming.explain(veid, device or ""):
            click.echo(line)


@vzhook.group()
def cache() -> None:
    """Plans that are made already, so that a start costs less."""


@cache.command()
def warm() -> None:
    """Make the plans of all containers now, as the boot unit does."""
    from vzhooks import warming

    veids = warming.containers()
    mistakes: List[str] = []
    others: List[str] = []
    with click.progressbar(veids, label="plans", file=sys.stderr) as progress:
        for veid in progress:
            try:
                others += warming.warm(veid)
            except ConfigError as error:
                mistakes += error.mistakes
            except Expected as error:
                others.append(str(error))
    for trouble in dict.fromkeys(mistakes + others):  # one in vz.conf is every container's
        say(trouble)
    click.echo("containers: %d, mistakes: %d, other troubles: %d"
               % (len(veids), len(dict.fromkeys(mistakes)), len(others)))
    if mistakes or others:
        sys.exit(WRONG if mistakes else FAILED)


@vzhook.command("lint")
@click.argument("veids", type=Veid(), nargs=-1, metavar="[VEID]...")
@click.option("--json", "as_json", is_flag=True, help="The findings as JSON: file, line, severity, container, message.")
def lint_(veids: Tuple[str, ...], as_json: bool) -> None:
    """Show all mistakes and doubts in the conf files: of the containers named, or of all and the node."""
    from vzhooks import lint

    for veid in veids:
        must_exist(veid)
    found: Dict[Tuple[str, str], str] = {}  # one in vz.conf is every container's, and is said once
    for veid, findings in lint.everything(veids):
        for severity, texts in (("mistake", findings.mistakes), ("doubt", findings.doubts)):
            for text in texts:
                found.setdefault((severity, text), veid)
    rows = [lint.row(veid, *key) for key, veid in sorted(found.items(), key=lambda one: one[0][0] == "doubt")]
    if as_json:
        click.echo(json.dumps([row._asdict() for row in rows], indent=1))
    else:
        for row in rows:
            doubtful = "doubtful: " if row.severity == "doubt" else ""
            click.echo("%s:%d: %s%s" % (row.file, row.line, doubtful, row.message))
    mistakes = [row for row in rows if row.severity == "mistake"]
    click.echo("mistakes: %d, doubts: %d" % (len(mistakes), len(rows) - len(mistakes)), err=True)
    if mistakes:
        sys.exit(WRONG)


def show_plan(veid: str, device: Optional[str]) -> None:
    """What is wanted before the container starts, unless only one device was asked for, and of each device."""
    from vzhooks import plan, planner

    before = [] if device else [planner.validate(veid)]
    for one in before + planner.plans(veid, Call("run", device or "")):
        for doubt in one.ready.doubts:
            say(doubt)
        click.echo(plan.text(one.ready.lines), nl=False)


def whole() -> click.Group:
    """The program with all its commands, for what describes it."""
    context = click.Context(vzhook)
    for name in OTHERS:
        vzhook.get_command(context, name)
    return vzhook


def main(arguments: Optional[List[str]] = None) -> None:
    """The program.  Exit codes: 0 done, 1 failed or drift, 2 usage or configuration."""
    os.umask(0o077)
    process.close_inherited()
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the caller
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 (for the rest of the process)
    if locale.getpreferredencoding().lower() in ("ascii", "ansi_x3.4-1968", "us-ascii"):
        os.environ["LC_ALL"] = "C.UTF-8"  # click before 8.1 refuses to run on Python 3.6 without (its documentation)
    sys.exit(_outcome(arguments))


def _outcome(arguments: Optional[List[str]]) -> int:
    """Run the command line and return its exit code."""
    try:
        vzhook.main(args=arguments, prog_name="vzhook", standalone_mode=True)
    except SystemExit as end:
        return _flushed(end.code if isinstance(end.code, int) else int(bool(end.code)))
    except ConfigError as error:
        say(str(error))
        return _flushed(WRONG)
    except Expected as error:
        say(str(error))
    except PermissionError as error:
        say("%s: %s; this is for root" % (error.filename or "vzhook", error.strerror))
    except OSError as error:
        say("%s: %s" % (error.filename or "vzhook", error.strerror))
    return _flushed(FAILED)


def _flushed(code: int) -> int:
    """The exit code, 1 when what was printed did not arrive."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or the interpreter would fail once more at its end
        return code or FAILED
    return code
