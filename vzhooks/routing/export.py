"""`vzhook node export frr|quagga`: our parts of the routing daemon's files; the rest of those files stays as it is.

A part stands between two comments.  `write memory` in vtysh rewrites frr.conf without comments: the prefix-lists and
route-maps that it leaves of ours are known by their names and go, what else was ours is simply said again.
"""
import os
from typing import Callable, Dict, List, NamedTuple, Sequence

from vzhooks import facts, kernel, paths, process, store, values
from vzhooks.errors import ConfigError, Expected
from vzhooks.mistakes import Mistake
from vzhooks.node import wholefile
from vzhooks.node.tree import Tree
from vzhooks.routing import config, entries, held, theirs
from vzhooks.routing.config import Part
from vzhooks.routing.evpn import NONE, Evpn
from vzhooks.routing.settings import Announce

DAEMONS = ("frr", "quagga")
# `env`: systemd wants an absolute path, and vzhook is in /usr/sbin or /usr/local/bin.
UNIT = """[Service]
ExecStartPre=-/usr/bin/env vzhook announce reconcile --file
ExecStartPost=-/usr/bin/env vzhook announce reconcile"""
UNITS = {"frr": ("frr",), "quagga": ("ospfd", "ospf6d", "bgpd")}


class Change(NamedTuple):
    """A file as it is and as it is to be; a text of "" is no file."""

    path: str  # below /
    now: str
    wanted: str
    secrets: Sequence[str] = ()


def changes(found: Announce, to: Tree, now: Tree, overlays: Evpn = NONE) -> List[Change]:
    """What an export below TO makes of the files that are in NOW.  Raise ConfigError with all mistakes."""
    try:
        parts = config.parts(found, _networks(found), held.wanted(), overlays)
    except ValueError as error:
        raise ConfigError([str(Mistake(found.at("auth_key_file"), found.auth_key_file, str(error)))]) from None
    parts += [Part("etc/systemd/system/%s.service.d/vzhooks.conf" % unit, UNIT.split("\n"))
              for unit in UNITS[found.daemon] if found.where]
    mistakes = theirs.conflicts(found, now, overlays)
    made = [change for change in removals(to) if change.path.startswith("etc/%s/" % found.daemon)
            and change.path not in [part.path for part in parts]]  # of a family or protocol that there was before
    for part in parts:
        text = now.text(part.path) or ""
        made.append(Change(part.path, to.text(part.path) or "", _with(text, part), part.secrets))
    if mistakes:
        raise ConfigError(list(map(str, mistakes)))
    for change in made:
        if change.path == "etc/frr/frr.conf":
            _check(change)
    return made


def removals(to: Tree) -> List[Change]:
    """What taking every part of ours away makes of the files below TO."""
    found = []
    for path in [path[1:] for path in entries.FILES] + ["etc/quagga/zebra.conf"] \
            + ["etc/%s/daemons" % daemon for daemon in DAEMONS] \
            + ["etc/systemd/system/%s.service.d/vzhooks.conf" % unit for units in UNITS.values() for unit in units]:
        text = to.text(path)
        rest = "\n".join(_outside((text or "").split("\n"), path))
        if text and rest != text:
            found.append(Change(path, text, rest if rest.strip() else ""))
    return found


def write(made: Sequence[Change], to: Tree, say: Callable[[str], None]) -> int:
    """Write what has changed; return how many files."""
    changed = [change for change in made if change.now != change.wanted]
    for change in changed:
        real = to.real(change.path)
        if not change.wanted:
            os.unlink(real)
            say("removed " + real)
            _remove_empty(os.path.dirname(real))
            continue
        wholefile.make_directories(os.path.dirname(real))
        new = not os.path.lexists(real)
        if change.secrets and not new and os.stat(real).st_mode & 0o007:
            os.chmod(real, os.stat(real).st_mode & 0o770)  # before the key is in it
            say("%s is not everybody's to read any more: it holds a key" % real)
        wholefile.put(real, change.wanted.encode("utf-8", "surrogateescape"),
                      0o644 if "systemd" in change.path else 0o640)
        if new:  # the daemons' directory is theirs, and they read their files as its owner
            owner = os.stat(os.path.dirname(real))
            os.chown(real, owner.st_uid, owner.st_gid)
        say("%s %s" % ("made" if new else "changed", real))
    return len(changed)


def doubts(found: Announce) -> List[Mistake]:
    """What is to be said of the node."""
    made = []
    for name in found.interfaces if 6 in found.families else ():
        key = "net.ipv6.conf.%s.accept_ra" % name.replace(".", "/")
        if facts.sysctl(key) == "1":
            made.append(Mistake(found.at("families"), "'ipv6 forwarding' ends router advertisements on %s (accept_ra "
                                "is 1), and a default route learned from them" % name, "'%s = 2' is wanted" % key))
    return made


def _networks(found: Announce) -> Dict[str, List[str]]:
    """The IPv4 networks of each interface, or what is at the other end; floating addresses come and go."""
    made: Dict[str, List[str]] = {name: [] for name in found.interfaces}
    for address in kernel.addresses() if found.daemon == "quagga" else ():
        if address.family == 4 and address.device in made and address.device + ":vzh" not in address.words:
            ip, _, prefix = (address.words[2] if address.words[1:2] == ["peer"] else address.words[0]).partition("/")
            made[address.device].append(str(values.network_of(values.Address(ip, int(prefix or "32"), 4, ""))))
    return made


def _mark(path: str, which: str) -> str:
    return "%s vzhooks: %s" % ("!" if path.endswith(".conf") and "systemd" not in path else "#", which)


def _with(text: str, part: Part) -> str:
    """The text with our part, where an earlier one stood or at the end."""
    begin, end = _mark(part.path, "begin"), _mark(part.path, "end")
    rows = text.split("\n")
    ours = [begin, begin[0] + theirs.NOTE] + part.rows + [end]
    for first, last in theirs.whole(rows, begin, end)[:1]:
        return "\n".join(_outside(rows[:first], part.path) + ours + _outside(rows[last + 1:], part.path))
    rest = _outside(rows, part.path)
    if not rest[-1:] or not rest[-1]:
        rest = rest[:-1]  # what stands behind the last newline
    return "\n".join(rest + ours + [""])


def _outside(rows: Sequence[str], path: str) -> List[str]:
    """The rows that are not ours: neither within the marks nor of a name of ours."""
    return theirs.outside(rows, _mark(path, "begin"), _mark(path, "end"))


def _check(change: Change) -> None:
    """Have vtysh read what is to be written.  Raise Expected with what it objects to, without secrets."""
    if not kernel.has_program("vtysh"):
        return  # it will be read where it is installed
    with store.Lock(paths.run("routing")):
        path = paths.run("routing", "check")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "w",
                  encoding="utf-8", errors="surrogateescape") as file:
            file.write(change.wanted)
        try:
            result = process.run(["vtysh", "-C", "-f", path])
        finally:
            os.unlink(path)
    if result.status != 0:
        said = " ".join((result.errors + result.output).split()) or result.ended
        for secret in change.secrets:
            said = said.replace(secret, "<key>")
        raise Expected("/%s as it would be: %s" % (change.path, said))


def _remove_empty(directory: str) -> None:
    try:
        os.rmdir(directory)
    except OSError:
        pass  # somebody else's files are in it
