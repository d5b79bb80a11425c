"""Plans that were made already, so that a start needs no library.  Hot path: standard library only.

/var/cache/vzhooks/VEID/DEVICE.plan holds the plan, the fingerprint of every file it came from (a missing one too), and
the live facts that it rests on.  It is used when all of that is as it was; anything doubtful is made anew.
"""
import os
import time

from vzhooks import __version__, facts, paths, plan, store
from vzhooks.errors import Expected, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Sequence, Tuple, Union

# A file changed again within one tick of the kernel's clock (4 or 10 ms) would have the same times.
TICK = 20_000_000  # ns
UNWRITABLE = "cannot be written: "
UNUSABLE = "unusable: "  # how the reason begins when a cache is not sound
VALIDATED = "validated"  # in place of a device: the verdict of vps.mount, without a plan


class Ready:
    """A plan that can be carried out: its lines, what should be said, and [node]'s timeout, on_error, ct_exec."""

    __slots__ = ("device", "lines", "doubts", "timeout", "on_error", "ct_exec", "devices", "else_script")

    def __init__(self, device: str, lines: "Sequence[plan.Line]", doubts: "Sequence[str]", timeout: float,
                 on_error: str, ct_exec: str, devices: str = "") -> None:
        self.device = device
        self.lines = list(lines)
        self.doubts = list(doubts)
        self.timeout = timeout
        self.on_error = on_error
        self.ct_exec = ct_exec
        self.devices = devices  # of a container with our variables, in VALIDATED only
        self.else_script = ""  # who sets up this container's network instead of us


def fingerprint(path: str) -> str:
    """What changes when a file changes."""
    try:
        status = os.stat(path)
    except OSError:
        return "missing"
    return "%d %d %d %d %d" % (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def load(veid: str, device: str, call: str) -> "Union[Ready, str]":
    """The cached plan of a device for a call (Call.words), or the reason why there is none that can be used."""
    path = _path(veid, device)
    try:
        stored = store.load(path)
        if stored is None:
            return "no cached plan yet"
        return _judged(stored, device, call, path)
    except (Expected, OSError, ValueError, KeyError) as error:
        return UNUSABLE + str(error)


def latest(veid: str, device: str) -> "Union[Ready, str]":
    """The cached plan of a device whatever call it was made for, or why there is none that can be used."""
    try:
        stored = store.load(_path(veid, device))
        return load(veid, device, dict(stored[0]).get("call", "")) if stored else load(veid, device, "")
    except Expected as error:
        return UNUSABLE + str(error)


def _judged(stored: "Tuple[List[Tuple[str, str]], str]", device: str, call: str, path: str) -> "Union[Ready, str]":
    header = dict(stored[0])
    if header["vzhooks-cache"] != __version__:
        return "made by version " + header["vzhooks-cache"]
    if header["call"] != call:
        return "called with '%s', made for '%s'" % (call, header["call"])
    for key, value in stored[0]:
        name, _, seen = value.partition(" = ")
        if key == "input" and fingerprint(name) != seen:
            return "%s has changed" % name
        what = facts.changed({name: seen}) if key == "fact" else ""
        if what:
            return what
    doubts = [value for key, value in stored[0] if key == "doubt"]
    ready = Ready(device, plan.parse(stored[1], path), doubts, float(header["timeout"]), header["on_error"],
                  header["ct_exec"], header["devices"])
    ready.else_script = header["else_script"]
    return ready


def save(veid: str, call: str, ready: Ready, inputs: "Dict[str, str]", live: "Dict[str, str]") -> str:
    """Keep a plan made from INPUTS (path: fingerprint taken before it was read) and LIVE facts.

    Return "" or why it was not kept; that a cache cannot be written never fails a start.
    """
    newest = max((int(seen.rsplit(" ", 1)[1]) for seen in inputs.values() if seen != "missing"), default=0)
    if time.time() * 1e9 - newest < TICK:
        return "is not kept: a conf file is only just written"
    header = [("vzhooks-cache", __version__), ("call", call), ("timeout", "%g" % ready.timeout),
              ("on_error", ready.on_error), ("ct_exec", ready.ct_exec), ("devices", ready.devices),
              ("else_script", ready.else_script)]
    header += [("doubt", doubt) for doubt in ready.doubts]
    header += [("input", "%s = %s" % pair) for pair in inputs.items()]
    header += [("fact", "%s = %s" % pair) for pair in live.items()]
    try:
        store.make_directory(paths.cache())
        store.make_directory(paths.cache(veid))
        store.save(_path(veid, ready.device), header, plan.text(ready.lines))
    except (Expected, OSError) as error:
        return UNWRITABLE + reason(error)
    return ""


def rests_on(veid: str, device: str) -> "List[str]":
    """The files and facts of a cached plan, a row each."""
    stored = store.load(_path(veid, device))
    return ["%s %s" % (key, value) for key, value in stored[0] if key in ("input", "fact")] if stored else []


def _path(veid: str, device: str) -> str:
    return paths.cache(veid, device + ".plan")
