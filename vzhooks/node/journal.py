"""What vzhooks has done to the node itself, below /run/vzhooks/node: the lines with their undo.  Hot path.

And, while a change waits for `vzhook node confirm`, what it consists of.
"""
from vzhooks import facts, journal, paths, plan, store
from vzhooks.errors import Expected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Sequence, Tuple
ELEMENTS = ("nft ", "iptables ", "ip6tables ", "ebtables ", "ovs-ofctl ")  # of several containers in one place


class Pending:
    """A change that goes back by itself: what it undoes and does, the journal before it, and who waits until when."""

    __slots__ = ("gone", "new", "watcher", "deadline", "before")

    def __init__(self, gone: "Sequence[plan.Line]", new: "Sequence[plan.Line]", watcher: str,
                 deadline: float, before: "Sequence[plan.Line]" = ()) -> None:
        self.gone = list(gone)
        self.new = list(new)
        self.before = list(before)
        self.watcher = watcher  # the watching process, as process_name() gives it
        self.deadline = deadline  # of time.monotonic(), which all processes of a boot share


def lock() -> store.Lock:
    """The node's lock; everything that changes what containers share holds it."""
    return store.Lock(paths.run("node"))


def read() -> "List[plan.Line]":
    """The journal's lines, [] where there is none of this boot.  Raise store.Unusable, plan.PlanError."""
    stored = _stored("journal")
    return plan.parse(stored[1], _path("journal")) if stored else []


def elements() -> "List[plan.Line]":
    """What containers have put into sets, maps, chains and flows that they share."""
    return [line for veid in journal.containers() for device in journal.devices(veid)
            if device == journal.BEFORE_START or facts.kind(device)
            for line in _of(veid, device) if line.place == "host" and line.command.startswith(ELEMENTS)]


def _of(veid: str, device: str) -> "List[plan.Line]":
    try:
        return journal.read(veid, device)
    except Expected:
        return []  # its own stop will say so


def write(lines: "Sequence[plan.Line]") -> None:
    """Replace the journal.  Raise OSError."""
    _save("journal", lines, [])


def pending() -> "Optional[Pending]":
    """The change that waits for its confirmation.  Raise store.Unusable, plan.PlanError."""
    stored = _stored("pending")
    if stored is None:
        return None
    header, body = stored
    path = _path("pending")
    try:
        gone, new = int(header["gone"]), int(header["gone"]) + int(header["new"])
        watcher, deadline = header["watcher"], float(header["deadline"])
        int(watcher.split()[0])
    except (KeyError, ValueError, IndexError):
        raise store.Unusable("%s: damaged; its removal is wanted, and a look at 'vzhook node check'" % path) from None
    lines = plan.parse(body, path)
    return Pending(lines[:gone], lines[gone:new], watcher, deadline, lines[new:])


def wait(change: Pending) -> None:
    """Note a change that waits.  Raise OSError."""
    _save("pending", change.gone + change.new + change.before,
          [("gone", str(len(change.gone))), ("new", str(len(change.new))), ("watcher", change.watcher),
           ("deadline", "%f" % change.deadline)])


def settle() -> None:
    """Nothing waits any more."""
    store.remove(_path("pending"))


def process_name(pid: int) -> str:
    """A process by its number and start time, "" when it has ended; a number alone may be another's later."""
    try:
        with open("/proc/%d/stat" % pid) as file:
            fields = file.read().rpartition(")")[2].split()  # proc(5): state, ..., starttime
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else "%d %s" % (pid, fields[19])


def _path(name: str) -> str:
    return paths.run("node", name)


def _stored(name: str) -> "Optional[Tuple[Dict[str, str], str]]":
    """The header and the text of a file of this boot, None where there is none.  Raise store.Unusable."""
    stored = store.load(_path(name))
    header = dict(stored[0]) if stored else {}
    return None if stored is None or header.get("boot") != paths.boot_id() else (header, stored[1])


def _save(name: str, lines: "Sequence[plan.Line]", more: "Sequence[Tuple[str, str]]") -> None:
    if not lines and not more:
        return store.remove(_path(name))
    header = [("vzhooks-node", "1"), ("boot", paths.boot_id())] + list(more)
    store.save(_path(name), header, plan.text(lines))
