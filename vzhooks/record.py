"""What each call did and how long it took, for `vzhook metrics` and `vzhook status`.  Hot path: standard library only.

One line a call is appended to /run/vzhooks/metrics/events: `TIME ACTION VEID DEVICE OUTCOME SECONDS PLAN`, in a few
microseconds.  vzhooks/metrics/tally.py adds the lines up and takes them away.  Nothing here ever fails a call.
"""
import fcntl
import os
import time

from vzhooks import paths, store
from vzhooks.errors import Expected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Tuple

# What was done: by vps.mount, by EXTERNAL_SCRIPT (delif: leave), by vps.umount, by `vzhook run` and `vzhook clean`.
ACTIONS = ("mount", "start", "leave", "stop", "run", "clean")
DONE, FAILED, ELSEWHERE = "done", "failed", "elsewhere"  # elsewhere: handed over to else_script
HIT, MISS, NONE = "hit", "miss", "-"  # whether a cached plan was used; NONE also stands for no device
LIMIT = 1 << 20  # bytes, some 15000 calls; who finds more adds them up himself
ATTEMPTS = 10  # one is enough, but for the moments in which the file is renamed or its directory made

_plan = NONE


def looked_up(hit: bool) -> None:
    """A cached plan was used, or has to be made."""
    global _plan
    _plan = HIT if hit else MISS


class Event:
    """A call that begins now.  `with Event(...):` ends it, too: FAILED where anything is raised."""

    __slots__ = ("action", "veid", "device", "began")

    def __init__(self, action: str, veid: str, device: str = "") -> None:
        self.action = action
        self.veid = veid  # a name that names.veid() has taken
        self.device = device
        self.began = time.monotonic()

    def __enter__(self) -> "Event":
        return self

    def __exit__(self, kind: object, *exception: object) -> None:
        self.end(FAILED if kind else DONE)

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self.began

    def end(self, outcome: str) -> None:
        """Note how it ended; nothing is said when that is not possible."""
        line = "%.6f %s %s %s %s %.6f %s\n" % (time.time(), self.action, self.veid, self.device or NONE, outcome,
                                               self.seconds, _plan)
        try:
            if _append(line.encode("ascii", "replace")) > LIMIT:
                from vzhooks.metrics import tally  # once in some 15000 calls

                tally.fold(timeout=0)
        except (OSError, Expected):
            pass


def _append(line: bytes) -> int:
    """Append a line; return how long the file was.  Raise OSError, Expected.

    The lock tells the one who adds up that a line is still to come: he renames the file and then waits for its writers.
    """
    path = paths.run("metrics", "events")
    for _ in range(ATTEMPTS):
        try:
            fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
        except FileNotFoundError:
            store.make_directory(os.path.dirname(path))
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
            status = os.fstat(fd)
            if status.st_nlink:
                if status.st_size <= 2 * LIMIT:  # beyond, adding up has failed for long: the disk is full, or the like
                    os.write(fd, line)
                return status.st_size
        except BlockingIOError:
            pass  # it is being added up: there is a new one by now
        finally:
            os.close(fd)
    return 0


def last_starts() -> "Dict[str, Tuple[float, float, str]]":
    """When each container's network was last set up: {VEID: (time of the beginning, seconds, outcome)}.

    The outcome is DONE, FAILED or ELSEWHERE.  A start with several veths is one: its seconds are added up.
    {} where nothing can be read.
    """
    from vzhooks.metrics import tally

    try:
        starts = tally.fold().starts
    except (OSError, Expected):
        return {}
    return {veid: (start.began, start.seconds, start.outcome) for veid, start in starts.items()}
