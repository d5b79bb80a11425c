"""What the hooks and the command line do to one container: start, stop, validate.  Hot path.

Libraries are imported only where a plan has to be made.
"""
import os
import sys

from vzhooks import apply, cache, journal, paths, record, trace
from vzhooks.call import Call
from vzhooks.errors import Elsewhere, Expected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Callable, List, Optional, Sequence


def start(veid: str, call: Call, say: "Callable[[str], None]",
          show: "Optional[Callable[[str], None]]" = None) -> int:
    """Set up the call's device, or every device of the container; return how many.

    Raise Expected, or Elsewhere for a container of else_script.
    """
    with journal.lock(veid):
        if call.action == "run":
            verdict = _planner().validate(veid).ready
            _refuse_stopped(veid, verdict.devices.split())
            _share(veid, verdict, say, show)
        plans = _plans(veid, call, say)
        for ready in plans:
            if ready.else_script:
                if ready.lines:
                    apply.Job(veid, ready.device, say, show, ready.timeout, ready.on_error).start(ready.lines)
                raise Elsewhere(ready.else_script)
            for doubt in ready.doubts:
                say(doubt)
        for device in journal.devices(veid) if not call.device else []:
            if device not in [ready.device for ready in plans] + [journal.BEFORE_START]:
                stop_device(veid, device, say, show)  # taken out of NETIF since
        for ready in plans:
            _refuse_stopped(veid, [ready.device])
            apply.Job(veid, ready.device, say, show, ready.timeout, ready.on_error, ready.ct_exec).start(ready.lines)
        return len(plans)


def _refuse_stopped(veid: str, devices: "Sequence[str]") -> None:
    for device in devices:
        if device != "?" and not os.path.isdir("/sys/class/net/" + device):  # "?": NETIF does not name it
            raise Expected("CT %s: no interface %s on this node; the container does not run" % (veid, device))


def _plans(veid: str, call: Call, say: "Callable[[str], None]") -> "List[cache.Ready]":
    """The plan of the call's device, cached or made now; or, without a device, those of all, made now."""
    if call.device:
        cached = cache.load(veid, call.device, call.words)
        trace.mark("cached plan")
        if call.action != "run":  # which never finds a plan made for a hook's words
            record.looked_up(not isinstance(cached, str))
        if not isinstance(cached, str):
            return [cached]
        if cached.startswith(cache.UNUSABLE):
            say("CT %s: the cached plan is made anew; it was %s" % (veid, cached))
    planned = _planner().plans(veid, call)
    for one in planned:
        if call.action in ("init", "addif") and not one.live:
            kept = cache.save(veid, call.words, one.ready, one.inputs, one.facts)
            if kept.startswith(cache.UNWRITABLE):
                say("CT %s: the plan %s" % (veid, kept))
    trace.mark("plan made")
    return [one.ready for one in planned]


def leave(veid: str, call: Call, say: "Callable[[str], None]") -> None:
    """`delif`: the device is in no network any more; what its journal says is undone, and any bridge left.

    Raise Elsewhere for a container of else_script.
    """
    with journal.lock(veid):
        script = _planner().else_script(veid)
        if script:
            raise Elsewhere(script)
        stop_device(veid, call.device, say)
        apply.Job(veid, call.device, say).leave_bridge(call.vport == "ovs")


def stop(veid: str, say: "Callable[[str], None]", show: "Optional[Callable[[str], None]]" = None) -> int:
    """Undo what the journals of a container say, or, without any, its leftovers; return how many devices.

    Raise Expected after all of it when something could not be undone.
    """
    with journal.lock(veid):
        devices = journal.devices(veid)
        ended = [stop_device(veid, device, say, show) for device in devices]
        if not all(ended) or not devices and _may_have_leftovers(veid):
            ended = [apply.Job(veid, "", say, show).undo(_planner().leftovers(veid))]
        if not all(ended) or journal.devices(veid):
            raise Expected("CT %s: not everything could be undone; the next start, stop or 'vzhook clean %s' tries "
                           "again" % (veid, veid))
        return len([device for device in devices if device != journal.BEFORE_START])


def stop_device(veid: str, device: str, say: "Callable[[str], None]",
                 show: "Optional[Callable[[str], None]]" = None) -> bool:
    """Undo one device's journal; False when that journal could not be read, so that nothing is known of it."""
    try:
        apply.Job(veid, device, say, show).stop()
        return True
    except Expected as error:
        say(str(error))
        journal.remove(veid, device)
        return False


def _may_have_leftovers(veid: str) -> bool:
    """False for a container that is known not to be ours, or without veths: nothing is read then."""
    verdict = cache.load(veid, cache.VALIDATED, paths.container_conf(veid))
    return isinstance(verdict, str) or bool(verdict.devices)


def validate(veid: str, say: "Callable[[str], None]") -> None:
    """Before a container starts: raise ConfigError for mistakes that would stop it, and clean up an earlier life."""
    conf = paths.container_conf(veid)
    verdict = cache.load(veid, cache.VALIDATED, conf)
    record.looked_up(not isinstance(verdict, str))
    if isinstance(verdict, str):
        planned = _planner().validate(veid)
        verdict = planned.ready
        cache.save(veid, conf, verdict, planned.inputs, planned.facts)
    for doubt in verdict.doubts:
        say(doubt)
    if journal.devices(veid):
        say("CT %s: the last stop left its network; cleaning up" % veid)
        try:
            stop(veid, say)
        except Expected as error:
            say(str(error))  # the start itself will find out whether that is in its way
    if verdict.lines:
        with journal.lock(veid):
            _share(veid, verdict, say)


def _share(veid: str, verdict: cache.Ready, say: "Callable[[str], None]",
           show: "Optional[Callable[[str], None]]" = None) -> None:
    """Have what a container needs before it starts: what it shares, and what is its own without a device.

    Raise Expected.
    """
    from vzhooks.node import change  # few containers need it

    change.make_sure(verdict.lines, say, show, verdict.timeout, verdict.on_error)
    own = [line for line in verdict.lines if line.place == "host"]
    if own or journal.BEFORE_START in journal.devices(veid):
        apply.Job(veid, journal.BEFORE_START, say, show, verdict.timeout, verdict.on_error).start(own)


def _planner() -> "ModuleType":
    from vzhooks import libraries

    libraries.find()
    try:
        from vzhooks import planner
    except ModuleNotFoundError as error:
        raise Expected("%s is missing for %s; install it (Debian: python3-click python3-jinja2 python3-netaddr)"
                       % (error.name, sys.executable)) from None
    return planner
