"""What the hooks and the command line do to one container: start, stop, validate.  Hot path.

Libraries are imported only where a plan has to be made.
"""
import os
import sys

from vzhooks import apply, cache, journal, trace
from vzhooks.call import Call
from vzhooks.errors import Expected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Callable, List, Optional


def start(veid: str, call: Call, say: "Callable[[str], None]",
          show: "Optional[Callable[[str], None]]" = None) -> int:
    """Set up the call's device, or every device of the container; return how many.  Raise Expected."""
    with journal.lock(veid):
        plans = _plans(veid, call, say)
        for ready in plans:
            for doubt in ready.doubts:
                say(doubt)
        for ready in plans:
            if not os.path.isdir("/sys/class/net/" + ready.device):
                raise Expected("CT %s: no interface %s on this node; the container does not run" % (veid, ready.device))
            apply.Job(veid, ready.device, say, show, ready.timeout, ready.on_error, ready.ct_exec).start(ready.lines)
        return len(plans)


def _plans(veid: str, call: Call, say: "Callable[[str], None]") -> "List[cache.Ready]":
    """The plan of the call's device, cached or made now; or, without a device, those of all, made now."""
    if call.device:
        cached = cache.load(veid, call.device, call.words)
        trace.mark("cached plan")
        if not isinstance(cached, str):
            return [cached]
        if cached.startswith(cache.UNUSABLE):
            say("CT %s: the cached plan is made anew; it was %s" % (veid, cached))
    planned = _planner().plans(veid, call)
    for one in planned:
        if call.device and not one.live:
            cache.save(veid, call.words, one.ready, one.inputs, one.facts)
    trace.mark("plan made")
    return [one.ready for one in planned]


def leave(veid: str, call: Call, say: "Callable[[str], None]") -> None:
    """`delif`: the device is in no network any more; what its journal says is undone, and any bridge left."""
    with journal.lock(veid):
        job = apply.Job(veid, call.device, say)
        job.stop()
        job.leave_bridge(call.vport == "ovs")


def stop(veid: str, say: "Callable[[str], None]", show: "Optional[Callable[[str], None]]" = None) -> int:
    """Undo what the journals of a container say, or, without any, its leftovers; return how many devices.

    Trouble is said; raise Expected only for what keeps it from knowing what to do.
    """
    with journal.lock(veid):
        devices = journal.devices(veid)
        for device in devices:
            apply.Job(veid, device, say, show).stop()
        if not devices and _may_have_leftovers(veid):
            apply.Job(veid, "", say, show).undo(_planner().leftovers(veid, journal.claimed()))
        return len(devices)


def _may_have_leftovers(veid: str) -> bool:
    """False for a container that is known to have no address of ours (venet, stock): nothing is read then."""
    verdict = cache.load(veid, cache.VALIDATED, "")
    return isinstance(verdict, str) or bool(verdict.addresses)


def validate(veid: str, say: "Callable[[str], None]") -> None:
    """Before a container starts: raise ConfigError for mistakes that would stop it, and clean up an earlier life."""
    verdict = cache.load(veid, cache.VALIDATED, "")
    if isinstance(verdict, str):
        planned = _planner().validate(veid)
        verdict = planned.ready
        cache.save(veid, "", verdict, planned.inputs, planned.facts)
    for doubt in verdict.doubts:
        say(doubt)
    if journal.devices(veid):
        say("CT %s: the last stop left its network; cleaning up" % veid)
        stop(veid, say)


def _planner() -> "ModuleType":
    from vzhooks import libraries

    libraries.find()
    try:
        from vzhooks import planner
    except ModuleNotFoundError as error:
        raise Expected("%s is missing for %s; install it (Debian: python3-click python3-jinja2 python3-netaddr)"
                       % (error.name, sys.executable)) from None
    return planner
