"""What the hooks and the command line do to one container: start, stop, validate.  Hot path.

Libraries are imported only where a plan has to be made.
"""
import os

from vzhooks import apply, journal
from vzhooks.call import Call
from vzhooks.errors import Expected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Callable, Optional


def start(veid: str, call: Call, say: "Callable[[str], None]",
          show: "Optional[Callable[[str], None]]" = None) -> int:
    """Set up the call's device, or every device of the container; return how many.  Raise Expected."""
    with journal.lock(veid):
        planned = _planner().plans(veid, call)
        for one in planned:
            for doubt in one.doubts:
                say(str(doubt))
        for one in planned:
            if not os.path.isdir("/sys/class/net/" + one.device):
                raise Expected("CT %s: no interface %s on this node; the container does not run" % (veid, one.device))
            apply.Job(veid, one.device, say, show, one.node.timeout, one.node.on_error,
                      one.node.ct_exec).start(one.lines)
        return len(planned)


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
        if not devices:
            claimed = [line.command for other in journal.containers() for device in journal.devices(other)
                       for line in journal.read(other, device)]
            lines = _planner().leftovers(veid, claimed)
            apply.Job(veid, "", say, show).undo(lines)
        return len(devices)


def validate(veid: str, say: "Callable[[str], None]") -> None:
    """Before a container starts: raise ConfigError for mistakes that would stop it, and clean up an earlier life."""
    for doubt in _planner().validate(veid):
        say(str(doubt))
    if journal.devices(veid):
        say("CT %s: the last stop left its network; cleaning up" % veid)
        stop(veid, say)


def _planner() -> "ModuleType":
    from vzhooks import libraries

    libraries.find()
    from vzhooks import planner

    return planner
