"""Which containers run, as their journals of this boot, their interfaces and their network namespaces say."""
import os
import time
from typing import Dict, List, NamedTuple

from vzhooks import facts, journal, kernel, netns, paths, plan
from vzhooks.errors import Expected

START = 900.0  # seconds that a container may take from vps.mount to its first interface
RUNNING, STOPPED, UNKNOWN = "running", "stopped", "unknown"


class Running(NamedTuple):
    """A container and the lines of its journals: of devices that are there, and of those that have gone.

    Before-the-start lines count as a device's while the container runs.
    """

    veid: str
    lines: Dict[str, List[plan.Line]]
    gone: Dict[str, List[plan.Line]]
    troubles: List[str]  # journals that cannot be read
    anew: List[str]  # devices that were made anew since their journal was written

    @property
    def state(self) -> str:
        """running; stopped: there are journals, but nothing that they are about; unknown: we have set nothing up."""
        return RUNNING if self.lines else STOPPED if self.gone or self.troubles else UNKNOWN

    @property
    def way_inside(self) -> str:
        """A device by which to be sure of the container, "" where nothing inside is to be known."""
        return next((device for device, lines in self.lines.items() if any(line.place == "ct" for line in lines)), "")

    @property
    def all_lines(self) -> List[plan.Line]:
        """What a check compares, in the order in which it was made."""
        first = self.lines.get(journal.BEFORE_START, [])
        return first + [line for device, lines in self.lines.items() if device != journal.BEFORE_START
                        for line in lines]

    @property
    def gone_lines(self) -> List[plan.Line]:
        """The node's lines of devices that have gone."""
        return [line for lines in self.gone.values() for line in lines if line.place == "host"]


def read(veid: str) -> Running:
    """The container as it is now."""
    found = Running(veid, {}, {}, [], [])
    early: Dict[str, List[plan.Line]] = {}
    for device in journal.devices(veid):
        try:
            lines, same = journal.load(veid, device)
        except Expected as error:
            found.troubles.append(str(error))
            continue
        if device == journal.BEFORE_START:
            early = {device: lines}
        elif not facts.kind(device):
            found.gone[device] = lines
        else:
            found.lines[device] = lines
            if not same:
                found.anew.append(device)
    (found.lines if found.lines or netns.has_name(veid) or _may_start(veid, early) else found.gone).update(early)
    return found


def _may_start(veid: str, early: Dict[str, List[plan.Line]]) -> bool:
    """Whether a container without devices and namespace may run nevertheless: where namespaces have no names (the
    2.6.32 vz kernel), and between vps.mount and the making of its interfaces.
    """
    return bool(early) and (kernel.older_than(3, 0) or _age(veid) < START)


def _age(veid: str) -> float:
    """Seconds since what is wanted before a container's start was noted; 0 for a time to come (the clock was set)."""
    try:
        return max(0.0, time.time() - os.stat(paths.run(veid, journal.BEFORE_START + ".journal")).st_mtime)
    except OSError:
        return 0.0
