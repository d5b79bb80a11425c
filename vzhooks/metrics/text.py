"""Prometheus' text format: every metric of `vzhook metrics`, with its help."""
import time
from typing import Dict, Iterable, List, NamedTuple, Sequence, Tuple

from vzhooks import __version__, facts, journal, record, warming
from vzhooks.drift import check, last
from vzhooks.errors import Expected
from vzhooks.metrics.tally import LIMITS, Tally
from vzhooks.node import journal as node_journal

RUNNING, LEFT_OVER, NOT_SET_UP = "running", "left_over", "not_set_up"
OUTCOMES = (record.DONE, record.FAILED, record.ELSEWHERE)
Sample = Tuple[str, List[Tuple[str, str]], float]  # suffix of the name, labels, value


class Metric(NamedTuple):
    """One family; its name's first word is always vzhooks."""

    name: str
    type: str
    help: str
    samples: Sequence[Sample]


def page(tally: Tally) -> str:
    """All metrics, as node_exporter's textfile collector reads them.  Raise Expected, OSError."""
    return "".join(row + "\n" for metric in metrics(tally) for row in _rows(metric))


def metrics(tally: Tally) -> List[Metric]:
    """All families.  A counter is there, with 0, before it first counts: increase() sees no step from nothing to 1."""
    calls = [("", [("action", action), ("outcome", outcome)], float(tally.calls.get((action, outcome), 0)))
             for action in record.ACTIONS for outcome in OUTCOMES]
    plans = [("", [("result", result)], float(tally.plans.get(result, 0))) for result in (record.HIT, record.MISS)]
    states = [("", [("state", state)], float(count)) for state, count in _containers().items()]
    return [
        Metric("vzhooks_build_info", "gauge", "The version that writes these metrics.",
               [("", [("version", __version__)], 1)]),
        Metric("vzhooks_calls_total", "counter", "Calls of the hooks and of vzhook run and clean, by their outcome.",
               calls),
        Metric("vzhooks_call_duration_seconds", "histogram", "How long the calls took, without the start of Python.",
               [sample for action in record.ACTIONS for sample in _histogram(tally, action)]),
        Metric("vzhooks_plan_lookups_total", "counter",
               "Calls that used a cached plan (hit) and that had to make one (miss).", plans),
        Metric("vzhooks_containers", "gauge",
               "Containers by what vzhooks has set up for them; left_over: a network without its container.", states),
        *_drift(),
        Metric("vzhooks_node_lines", "gauge", "Lines of the node's own networks that vzhooks has carried out.",
               [("", [], float(len(node_journal.read())))]),
        Metric("vzhooks_written_timestamp_seconds", "gauge", "When these metrics were written.",
               [("", [], round(time.time(), 3))]),
    ]


def _histogram(tally: Tally, action: str) -> Iterable[Sample]:
    count = 0
    for limit in LIMITS + ("+Inf",):
        count += tally.buckets.get((action, limit), 0)
        yield "_bucket", [("action", action), ("le", limit)], float(count)
    yield "_sum", [("action", action)], round(tally.seconds.get(action, 0.0), 6)
    yield "_count", [("action", action)], float(count)


def _containers() -> Dict[str, int]:
    """How many are set up, have something left over, or (a conf file alone) have nothing of ours."""
    counts = {RUNNING: 0, LEFT_OVER: 0, NOT_SET_UP: 0}
    known = journal.containers()
    for veid in known:
        devices = [name for name in journal.devices(veid) if _of_this_boot(veid, name)]
        gone = [name for name in devices if name != journal.BEFORE_START and not facts.kind(name)]
        counts[LEFT_OVER if gone else RUNNING if devices else NOT_SET_UP] += 1
    counts[NOT_SET_UP] += len(set(warming.containers()) - set(known))
    return counts


def _of_this_boot(veid: str, device: str) -> bool:
    """Whether the journal says anything; one that cannot be read is something to be seen."""
    try:
        return bool(journal.read(veid, device))
    except Expected:
        return True


def _drift() -> List[Metric]:
    """What the last `vzhook check` found; no metric before the first one."""
    try:
        found = [(one["veid"] == check.NODE, len(one["drift"]), one["age"]) for one in last.load()]
    except (LookupError, TypeError):
        return []
    if not found:
        return []
    lines = {False: 0, True: 0}
    for is_node, count, _ in found:
        lines[is_node] += count
    oldest = time.time() - max(age for _, _, age in found)
    return [Metric("vzhooks_drift_lines", "gauge", "Lines that were not as planned at the last vzhook check.",
                   [("", [("side", "containers")], float(lines[False])), ("", [("side", "node")], float(lines[True]))]),
            Metric("vzhooks_drift_containers", "gauge", "Containers with drift at the last vzhook check.",
                   [("", [], float(sum(1 for is_node, count, _ in found if count and not is_node)))]),
            Metric("vzhooks_check_timestamp_seconds", "gauge", "When the oldest of these results was found.",
                   [("", [], round(oldest, 3))])]


def _rows(metric: Metric) -> Iterable[str]:
    yield "# HELP %s %s" % (metric.name, metric.help)
    yield "# TYPE %s %s" % (metric.name, metric.type)
    for suffix, labels, value in metric.samples:
        inner = ",".join('%s="%s"' % pair for pair in labels)  # all of them are words of our own
        yield "%s%s%s %s" % (metric.name, suffix, "{%s}" % inner if inner else "", _number(value))


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
