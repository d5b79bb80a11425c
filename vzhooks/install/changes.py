"""What `vzhook install` has to change on this node, all of it checked before anything is written."""
import os
from typing import List, NamedTuple, Optional

from vzhooks import paths, process
from vzhooks.errors import ConfigError, Expected
from vzhooks.install import texts
from vzhooks.install.record import Change, read
from vzhooks.mistakes import Mistake
from vzhooks.nodeconf import NodeConf
from vzhooks.nodeconf import read as read_node

CONFS = "/etc/vz/conf"
SHIPPED = os.path.dirname(os.path.abspath(__file__))


class Wanted(NamedTuple):
    """The changes in their order, what is to be said, and what only the administrator can do."""

    changes: List[Change]
    notes: List[str]
    undone: List[str]


def wanted() -> Wanted:
    """What has to be changed so that vzctl calls us.

    Raise Expected, ConfigError with all mistakes that would stop the start of a container, ours and those that are
    there already; OSError.
    """
    if not os.path.isdir(paths.rooted(CONFS)):
        raise Expected("%s: no such directory; vzctl is wanted first" % paths.rooted(CONFS))
    _check_hooks()
    found = Wanted([], [], [])
    mistakes = list(map(str, _node().mistakes))
    for verb in ("umount", "mount"):
        mistakes += map(str, _script(verb, found))
    try:
        _external(found)  # the last: from then on, starts need us
    except ConfigError as error:
        mistakes += error.mistakes
    if mistakes:
        raise ConfigError(mistakes)
    return found


def _node() -> NodeConf:
    return read_node(paths.node_conf(), read("/etc/vz/vzhooks.conf") or "")


def _check_hooks() -> None:
    """A hook that does not run would stop every start.  Raise Expected, ConfigError."""
    mistakes: List[Mistake] = []
    for verb in ("external", "mount", "umount"):
        path = texts.HOOKS + "vzhook-" + verb
        text = read(path)
        if text is None:
            raise Expected("%s: no such program; the package vzhooks, or 'make install DESTDIR=/', is wanted first"
                           % paths.rooted(path))
        mistakes += texts.cannot_run(path, paths.rooted(path), text)
        if not mistakes:
            interpreter = text.split("\n")[0][2:].split()
            result = process.run(["env"] + interpreter + ["-c", ""])  # env: process.run finds programs by name alone
            if result.status != 0:
                mistakes.append(Mistake(path + ":1", "%s: %s" % (" ".join(interpreter), result.ended),
                                        "an interpreter that runs is wanted"))
    if mistakes:
        raise ConfigError([str(mistake) for mistake in mistakes])


def _script(verb: str, found: Wanted) -> List[Mistake]:
    """vps.mount or vps.umount: ours where there is none, one line in somebody's shell script."""
    path = "%s/vps.%s" % (CONFS, verb)
    real = paths.rooted(path)
    if os.path.islink(real):
        found.undone.append(_explained(path, "a symbolic link, which belongs to somebody else", verb))
        return []
    text = read(path)
    if text is None:
        with open(os.path.join(SHIPPED, "vps." + verb), encoding="ascii") as file:
            found.changes.append(Change(path, None, file.read(), "calls vzhook-" + verb, 0o755))
        return []
    mistakes = texts.cannot_run(path, real, text)
    if mistakes or texts.calls(text, verb):
        return mistakes
    if not texts.is_shell(text):
        found.undone.append(_explained(path, "no shell script", verb))
    else:
        found.changes.append(Change(path, text, texts.with_call(text, verb),
                                    "your script, with one line that calls vzhook-" + verb))
        if verb == "umount" and texts.WIKIS[1] in text:
            found.notes.append("%s is made from the wiki's, it seems: what it does with addresses, vzhooks does, too"
                               % path)
    return []


def _explained(path: str, what: str, verb: str) -> str:
    why = "a mistake in a conf is found only when the container exists already, and what containers share is not made" \
        if verb == "mount" else "what a container added to the node stays after its stop"
    end = "; a failure of it must be the script's own" if verb == "mount" else "; the script must end with 0"
    return "%s is %s: left as it is. Have it run %svzhook-%s, with its own environment%s. Without that %s." % (
        path, what, texts.HOOKS, verb, end, why)


def _external(found: Wanted) -> None:
    """vznet.conf, and [node] else_script for what it had.  Raise ConfigError."""
    path = "/etc/vz/vznet.conf"
    if os.path.islink(paths.rooted(path)):
        raise ConfigError(["%s:1: a symbolic link, which belongs to somebody else; EXTERNAL_SCRIPT=\"%s\" is wanted in "
                           "what it leads to, or a file in its place" % (path, texts.EXTERNAL)])
    text = read(path)
    old, where = texts.external_script(path, text or "")
    if old == texts.EXTERNAL:
        return
    if old:
        _else_script(old, where, found)
    changed = texts.with_external(text or "")
    if texts.external_script(path, changed)[0] != texts.EXTERNAL:
        raise ConfigError(["%s:%d: a backslash at the end; a line end without one is wanted"
                           % (path, changed.count("\n") - 1)])
    now = 'EXTERNAL_SCRIPT, which was "%s"' % old if old else "EXTERNAL_SCRIPT, which was not set"
    found.changes.append(Change(path, text, changed, now))


def _else_script(old: str, where: str, found: Wanted) -> None:
    """Keep the program that EXTERNAL_SCRIPT named, unless nothing is lost with it.  Raise ConfigError."""
    kept = _node().else_script
    if kept:
        found.notes.append("%s: %s: not called any more; [node] else_script is %s already" % (where, old, kept))
        return
    program = _text(old)
    if program is None:
        found.notes.append("%s: %s: not there, or not to be run; containers without our variables get what stock does"
                           % (where, old))
    elif texts.is_wikis(program):
        found.notes.append("%s: %s: made from the wiki's vznetcfg.custom, it seems, which does nothing that vzhooks "
                           "does not do: not called any more. If it does, set [node] else_script to it"
                           % (where, old))
    else:
        path = "/etc/vz/vzhooks.conf"
        now = read(path)
        changed = texts.with_else(now or "", old)
        again = read_node(path, changed)
        if again.else_script != old:
            raise ConfigError([str(mistake) for mistake in again.mistakes])
        found.changes.append(Change(path, now, changed, "else_script = %s, for containers without our variables" % old))


def _text(program: str) -> Optional[str]:
    """The beginning of a program, None where it cannot be run."""
    if not os.path.isfile(program) or not os.access(program, os.X_OK):
        return None
    with open(program, encoding="latin-1") as file:
        return file.read(1 << 16)
