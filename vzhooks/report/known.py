"""What others have noted about containers: the last check's result, the last start, vzlist.  None of it is required."""
import time
from typing import Any, Dict, List, NamedTuple, Optional

from vzhooks import names, process, record
from vzhooks.drift import last

PATIENCE = 5.0  # seconds for vzlist, which waits for locks of others


class Drift(NamedTuple):
    """What the last check has found: its rows, and how many seconds ago."""

    rows: List[str]
    age: float


class Start(NamedTuple):
    """The last start: how many seconds ago, how many it took, its outcome, record.DONE, FAILED or ELSEWHERE."""

    age: float
    seconds: float
    outcome: str


def drifts() -> Dict[str, Drift]:
    """{VEID or check.NODE: Drift} of the last check of this boot; what is missing or unreadable was never checked."""
    try:
        return {str(one["veid"]): Drift(_rows(one), one["age"]) for one in last.load()}
    except (LookupError, TypeError, AttributeError):
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
