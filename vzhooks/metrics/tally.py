"""Adds up what the calls have noted (record.py).  Hot path: standard library only.

/run/vzhooks/metrics/state holds the sums, as rows of words:
    calls ACTION OUTCOME COUNT          seconds ACTION SUM          plans hit|miss COUNT
    bucket ACTION LIMIT COUNT           start VEID BEGAN SECONDS OUTCOME [DEVICE...]
A state that cannot be read is begun anew: to Prometheus that is a reboot.
"""
import fcntl
import os
import time

from vzhooks import names, paths, record, store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Sequence, Tuple

LIMITS = ("0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "30", "60")  # seconds
SETTLED = 1.0  # seconds that a call may need for writing its line
FORMAT = ("vzhooks-metrics", "1")


class Start:
    """A container's last start: when it began (time.time()), the seconds of its calls, the worst outcome of them."""

    __slots__ = ("began", "seconds", "outcome", "devices")

    def __init__(self, began: float, seconds: float, outcome: str, devices: "Sequence[str]" = ()) -> None:
        self.began = began
        self.seconds = seconds
        self.outcome = outcome
        self.devices = list(devices)  # a second call for one of them is another start


class Tally:
    """The sums; `buckets` are counts of calls by the first of LIMITS that they kept, "+Inf" for none."""

    def __init__(self) -> None:
        self.calls: Dict[Tuple[str, str], int] = {}
        self.seconds: Dict[str, float] = {}
        self.buckets: Dict[Tuple[str, str], int] = {}
        self.plans: Dict[str, int] = {}
        self.starts: Dict[str, Start] = {}

    def add(self, line: str) -> None:
        """One line of `events`; one that is none (the disk was full) is passed over."""
        words = line.split()
        try:
            at, action, veid, device, outcome, seconds, plan = words
            ended, took = float(at), float(seconds)
        except ValueError:
            return
        if action not in record.ACTIONS or not names.is_veid(veid):
            return
        bucket = action, next((limit for limit in LIMITS if took <= float(limit)), "+Inf")
        self.calls[action, outcome] = self.calls.get((action, outcome), 0) + 1
        self.seconds[action] = self.seconds.get(action, 0.0) + took
        self.buckets[bucket] = self.buckets.get(bucket, 0) + 1
        if plan != record.NONE:
            self.plans[plan] = self.plans.get(plan, 0) + 1
        self._start(action, veid, device, Start(ended - took, took, outcome))

    def _start(self, action: str, veid: str, device: str, call: Start) -> None:
        """A start begins with vps.mount, and has a call for each veth."""
        known = self.starts.get(veid)
        if action == "start" and known and device not in known.devices:
            known.seconds += call.seconds
            known.outcome = known.outcome if call.outcome == record.DONE else call.outcome
            known.devices.append(device)
        elif action in ("mount", "start", "run"):
            call.devices = [device] if action == "start" else []
            self.starts[veid] = call

    def rows(self) -> "List[str]":
        """As the file has it."""
        rows = ["calls %s %s %d" % (key + (count,)) for key, count in self.calls.items()]
        rows += ["seconds %s %.6f" % pair for pair in self.seconds.items()]
        rows += ["bucket %s %s %d" % (key + (count,)) for key, count in self.buckets.items()]
        rows += ["plans %s %d" % pair for pair in self.plans.items()]
        return rows + [" ".join(["start", veid, "%.6f" % one.began, "%.6f" % one.seconds, one.outcome] + one.devices)
                       for veid, one in self.starts.items()]

    def read(self, rows: "Sequence[str]") -> None:
        """The reverse.  Raise ValueError, IndexError."""
        for row in rows:
            kind, *words = row.split()
            if kind == "calls":
                self.calls[words[0], words[1]] = int(words[2])
            elif kind == "seconds":
                self.seconds[words[0]] = float(words[1])
            elif kind == "bucket":
                self.buckets[words[0], words[1]] = int(words[2])
            elif kind == "plans":
                self.plans[words[0]] = int(words[1])
            else:
                self.starts[words[0]] = Start(float(words[1]), float(words[2]), words[3], words[4:])


def fold(timeout: float = store.LOCK_TIMEOUT) -> Tally:
    """Add the new lines to the sums, keep them, and return them.  Raise Expected (Busy, Unusable), OSError.

    Killed at any moment, the next one counts each line once: a state knows the first line (all differ, by their time)
    of what was added last, and finds it again where that has not been taken away yet.
    """
    directory = paths.run("metrics")
    events, pending, state = (directory + "/" + name for name in ("events", "adding", "state"))
    with store.Lock(directory, timeout):
        tally, last = _load(state)
        if not os.path.lexists(pending):
            try:
                os.rename(events, pending)
            except FileNotFoundError:
                return tally
        fd = os.open(pending, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            _wait_for_writers(fd, pending)
            lines = (store.read_trusted(pending) or "").splitlines()
            if lines[:1] != [last]:
                for line in lines:
                    tally.add(line)
                tally.starts = {veid: start for veid, start in tally.starts.items()
                                if os.path.lexists(paths.container_conf(veid))}
                body = "".join(row + "\n" for row in tally.rows())
                store.save(state, [FORMAT, ("last", "".join(lines[:1]))], body)
            os.unlink(pending)
        finally:
            os.close(fd)
    return tally


def _load(path: str) -> "Tuple[Tally, Optional[str]]":
    """The sums so far, and the first line of what was added last."""
    tally = Tally()
    try:
        stored = store.load(path)
        if stored is None or stored[0][0] != FORMAT:
            return Tally(), None
        tally.read(stored[1].splitlines())
        return tally, dict(stored[0])["last"]
    except (store.Unusable, ValueError, LookupError):
        return Tally(), None


def _wait_for_writers(fd: int, path: str) -> None:
    """Until all who have the file open have written their line.  Raise Busy."""
    deadline = time.monotonic() + SETTLED
    while True:
        try:
            return fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise store.Busy("%s: a hook has been writing to it for more than %d s" % (path, SETTLED)) from None
            time.sleep(0.001)
