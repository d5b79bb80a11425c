"""What others have noted about containers: the last check's result, the last start, vzlist.  None of it is required."""
import json
import time
from typing import Any, Dict, List, NamedTuple, Optional

from vzhooks import names, paths, process, record, store

NODE = "node"  # in place of a VEID, of the node's own drift
FAILED = "failed"  # the outcome of a start
PATIENCE = 5.0  # seconds for vzlist, which waits for locks of others


class Drift(NamedTuple):
    """What the last check has found: its rows, and how many seconds ago."""

    rows: List[str]
    age: float


class Start(NamedTuple):
    """The last start: how many seconds ago, how many it took, its outcome: done, FAILED, elsewhere (else_script)."""

    age: float
    seconds: float
    outcome: str


def drifts() -> Dict[str, Drift]:
    """{VEID or NODE: Drift} of the last check of this boot; what is missing or unreadable was never checked."""
    try:
        stored = store.load(paths.run("checks", "last"))
        if stored is None or dict(stored[0]).get("boot") != paths.boot_id():
            return {}
        now = time.monotonic()  # the clock of `at`: all processes of a boot share it
        return {str(one["veid"]): Drift(_rows(one), max(0.0, now - float(one["at"]))) for one in json.loads(stored[1])}
    except (store.Unusable, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _rows(one: Dict[str, Any]) -> List[str]:
    """`KIND: SIDE COMMAND`, and a row when the conf has changed since the start or has mistakes."""
    rows = ["%s: %s" % (drift["kind"], ("%s %s" % (drift["side"], drift["command"])).strip())
            for drift in one["drift"]]
    return rows + ["conf changed since the start"] * bool(one.get("edited")) + list(map(str, one.get("mistakes", [])))


def starts() -> Dict[str, Start]:
    """{VEID: Start}, as the hooks have noted them."""
    found = record.last_starts()
    now = time.time()
    return {veid: Start(max(0.0, now - at), seconds, outcome) for veid, (at, seconds, outcome) in found.items()}


def listed() -> Optional[List[str]]:
    """The VEIDs that vzlist calls running, None where it is not installed or does not answer."""
    try:
        result = process.run(["vzlist", "-H", "-o", "ctid"], timeout=PATIENCE, keep=process.LISTING)
    except (process.MissingCommand, OSError):
        return None
    return [word for word in result.output.split() if names.is_veid(word)] if result.status == 0 else None
