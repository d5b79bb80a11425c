"""The last result of a check, kept below /run/vzhooks, so that `vzhook status` can say it without asking anew."""
import json
import time
from typing import Any, Dict, List, Sequence

from vzhooks import names, paths, store
from vzhooks.drift.check import NODE, Result


def load() -> List[Dict[str, Any]]:
    """The last results of this boot, each as Result.as_dict() gives it with `age`, the seconds since; [] where there
    are none that can be read.
    """
    try:
        stored = store.load(_path())
        if stored is None or dict(stored[0]).get("boot") != paths.boot_id():
            return []
        # The clock that nobody sets; all processes of a boot share it.
        return [dict(one, age=max(0.0, time.monotonic() - one.pop("at"))) for one in json.loads(stored[1])]
    except (store.Unusable, ValueError, LookupError, TypeError, AttributeError):
        return []


def save(results: Sequence[Result], whole: bool) -> None:
    """Keep results, WHOLE: instead of all others, else of those containers alone.  Raise Expected, OSError."""
    now = time.monotonic()
    with store.Lock(paths.run("checks")):
        known = {} if whole else {one["veid"]: dict(one, at=now - one.pop("age")) for one in load()}
        known.update({result.veid: dict(result.as_dict(), at=now) for result in results})
        body = json.dumps([one for veid, one in known.items() if veid == NODE or names.is_veid(veid)]) + "\n"
        store.save(_path(), [("vzhooks-check", "1"), ("boot", paths.boot_id())], body)


def _path() -> str:
    return paths.run("checks", "last")
