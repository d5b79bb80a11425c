"""A host route that could not be added because one is there already: whose is it?  The slow path of `ip route add`.

Ours and this container's: nothing to do.  An old script's (`proto boot`, otherwise equal): taken over.  Another
container's: an error that names both.  Anybody else's: an error that names the route.
"""
import os
from typing import List, Optional

from vzhooks import journal, kernel, paths, process, store
from vzhooks.errors import Expected


class Conflict(Expected):
    """The address is somebody else's; the text says whose."""


def settle(command: str, veid: str, device: str, timeout: float) -> Optional[str]:
    """Given a failed `ip route add PREFIX dev DEV ...`, return what should be said ("" for nothing) when the route is
    as wanted now, None when there is no such route, so that the failure was another.  Raise Conflict.
    """
    with store.Lock(paths.run("node")):  # two containers must not take the same route over
        return _settle(command.split(), veid, device, timeout)


def _settle(words: List[str], veid: str, device: str, timeout: float) -> Optional[str]:
    prefix = words[3]
    wanted = dict(zip(words[4::2], words[5::2]))
    found = kernel.routes(prefix)
    if not found:  # it has gone since: 'vzhook gc' holds the same lock
        return "" if process.run(words, timeout=timeout).status == 0 else None
    route = found[0]
    holder = journal.routes(veid, device).get(prefix)
    if holder and holder[0] != veid and _runs(*holder):
        raise Conflict("%s belongs to CT %s as well as to CT %s: the node has '%s'"
                       % (prefix, holder[0], veid, route.row))
    if route.ours:
        if holder:
            _release(holder[0], holder[1], prefix, locked=holder[0] == veid)
        if route.device == wanted["dev"]:
            return ""
    elif not from_script(route, wanted["dev"]):
        raise Conflict("CT %s: the node has a route of somebody else for %s: '%s'; remove it, or the address from the "
                       "container" % (veid, prefix, route.row))
    replaced = process.run(["ip"] + ["replace" if word == "add" else word for word in words[1:]], timeout=timeout)
    if replaced.status != 0:
        return None
    return "CT %s: took over the route '%s', left by an earlier script or run" % (veid, route.row)


def from_script(route: kernel.Route, device: str) -> bool:
    """Whether a route is what `ip route add ADDRESS dev DEVICE` of a shell script leaves, no more."""
    words = route.row.split()
    plain = {"scope", "link", "linkdown", "metric", "1024", "pref", "medium"}  # what the kernel adds by itself
    return route.protocol == "boot" and words[1:3] == ["dev", device] and set(words[3:]) <= plain


def _runs(veid: str, device: str) -> bool:
    return os.path.isdir("/sys/class/net/" + device) or os.path.exists(paths.netns(veid))


def _release(veid: str, device: str, prefix: str, locked: bool) -> None:
    """A device that has the address no more loses its claim, so that its late clean-up does not take the route away."""
    if not locked:
        with store.Lock(paths.run(veid), timeout=1.0):
            return _release(veid, device, prefix, locked=True)
    lines = journal.read(veid, device)
    journal.write(veid, device, [line for line in lines if not line.command.startswith(journal.ROUTE + prefix + " ")])
