"""What is set up now: one plan text for each device of a container, below /run/vzhooks/VEID.  Hot path.

Written before the first command, so that whatever happens, the next call knows what may be there.  A journal of an
earlier boot says nothing about this one and is dropped.
"""
import os

from vzhooks import facts, names, paths, plan, store
from vzhooks.errors import Expected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Sequence, Tuple

BEFORE_START = "before-the-start"  # in place of a device: what is set up when none exists; longer than any name of one
ROUTE = "ip route add "  # how the line of a host route begins; its prefix is the next word


def lock(veid: str) -> store.Lock:
    """The container's lock; everything that changes a container's network or journal holds it."""
    return store.Lock(paths.run(veid))


def devices(veid: str) -> "List[str]":
    """The devices (host_ifname) that the container has journals of, in order of their names."""
    try:
        files = os.listdir(paths.run(veid))
    except FileNotFoundError:
        return []
    suffix = ".journal"
    return sorted(name[:-len(suffix)] for name in files if name.endswith(suffix))


def containers() -> "List[str]":
    """The VEIDs that have journals; reads one directory, whatever their number."""
    try:
        return sorted(name for name in os.listdir(paths.run()) if names.is_veid(name))
    except FileNotFoundError:
        return []


def routes(veid: str = "", device: str = "") -> "Dict[str, Tuple[str, str]]":
    """Whose every journalled host route is: {prefix: (VEID, device)}; those of DEVICE of VEID are left out."""
    holders: Dict[str, Tuple[str, str]] = {}
    for other in containers():
        for name in devices(other):
            try:
                lines = read(other, name) if (other, name) != (veid, device) else []
            except Expected:
                continue  # a journal that cannot be read says nothing; its own stop will say so
            for line in lines:
                if line.command.startswith(ROUTE):
                    holders.setdefault(line.command.split()[3], (other, name))
    return holders


def read(veid: str, device: str) -> "List[plan.Line]":
    """The lines of a journal, [] where there is none of this boot.  Raise store.Unusable, plan.PlanError."""
    return load(veid, device)[0]


def load(veid: str, device: str) -> "Tuple[List[plan.Line], bool]":
    """The lines of a journal, and whether DEVICE is the very interface of it, not one made anew under its name."""
    path = _path(veid, device)
    stored = store.load(path)
    header = dict(stored[0]) if stored else {}
    if stored is None or header.get("boot") != paths.boot_id():
        return [], False
    same = header.get("ifindex") == facts.ifindex(device) and (header.get("ifindex") != "" or device == BEFORE_START)
    return plan.parse(stored[1], path), same


def boot_of(veid: str, device: str) -> str:
    """The boot that a journal is of, "" where there is none; its lines are not read.  Raise store.Unusable."""
    stored = store.load(_path(veid, device))
    return dict(stored[0]).get("boot", "") if stored else ""


def write(veid: str, device: str, lines: "Sequence[plan.Line]") -> None:
    """Replace a journal; actions that leave no state are not in it.  Raise OSError."""
    kept = [line for line in lines if line.place in ("host", "ct")]
    header = [("vzhooks-journal", "1"), ("boot", paths.boot_id()), ("ifindex", facts.ifindex(device))]
    store.save(_path(veid, device), header, plan.text(kept))


def remove(veid: str, device: str) -> None:
    """Forget a device, and what a killed writer may have left of its journal."""
    store.remove(_path(veid, device))


def _path(veid: str, device: str) -> str:
    return paths.run(veid, device + ".journal")
