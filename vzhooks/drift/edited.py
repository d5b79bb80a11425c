"""What a container's conf wants otherwise now than when it was started."""
import os
from typing import Dict, List, Tuple

from vzhooks import cache, journal, paths, plan, planner
from vzhooks.call import Call
from vzhooks.drift.running import Running

LASTING = ("host", "ct")


def edited(one: Running) -> List[str]:
    """`+ PLACE COMMAND` for what the next start would do, `- PLACE COMMAND` for what it would not do any more.

    Raise ConfigError, Expected.
    """
    if not os.path.exists(paths.container_conf(one.veid)):
        return ["its conf file is gone"]
    found: List[str] = []
    for device, lines in sorted(one.lines.items()):
        wanted = _keys(_wanted(one.veid, device))
        now = _keys(lines)
        found += ["+ %s %s" % key for key in wanted if key not in now]
        found += ["- %s %s" % key for key in now if key not in wanted]
    return found


def _keys(lines: List[plan.Line]) -> Dict[Tuple[str, str], None]:
    return {line.key: None for line in lines if line.place in LASTING}


def _wanted(veid: str, device: str) -> List[plan.Line]:
    """The plan of a device by its conf: the cached one, where that is good, whatever call it was made for."""
    name = cache.VALIDATED if device == journal.BEFORE_START else device
    cached = cache.latest(veid, name)
    if not isinstance(cached, str):
        return cached.lines
    if device == journal.BEFORE_START:
        return planner.validate(veid).ready.lines
    return [line for planned in planner.plans(veid, Call("run", device)) for line in planned.ready.lines]
