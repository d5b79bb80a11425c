"""The report as Markdown: the machine, the tables, what was wanted and whether it is so."""
import os
import subprocess
import time
from typing import Dict, List, Optional, Tuple

from tests.bench import checks, scale
from tests.bench.cases import CASES, Case, Series
from tests.bench.contenders import Cni, CniGone, Cold, Floor, Ours, Shell
from tests.bench.place import hooks_python

LABELS = {kind.key: kind.label for kind in (Ours, Cold, Shell, Cni, CniGone, Floor)}


WHAT_IS_LEFT = '''
What is left in a warm start, on a quiet machine: a bare Python (`python3 -IS`, about 6 ms), our twenty small modules (2.5),
two `ip` side by side (3.5), everything else (1.5: cached plan, lock, journal, two netlink questions, one frame an address,
syslog). So CNI's compiled plugin, whose whole ADD is about 7 ms, stays out of reach of a Python start; several veths are as
many hook processes, because vzctl calls one for each; and half of a boot storm's CPU is Python and our modules coming up, which vps.mount
doubles.
'''


class Results:
    """Everything that a run has found; parts that were not run are empty."""

    def __init__(self, rounds: int, series: Series) -> None:
        self.rounds = rounds
        self.series = series
        self.exec_ms = 0.0
        self.storm_size = 0
        self.storms: Dict[str, List[scale.Storm]] = {}
        self.memory: Dict[str, int] = {}
        self.checked: Optional[checks.Checked] = None
        self.load = os.getloadavg()[0]
        self.machine = machine()

    def storm(self, key: str) -> scale.Storm:
        return scale.storm_median(self.storms[key])

    def others(self) -> List[int]:
        """The numbers of other containers that were measured."""
        return [count for count in scale.OTHERS if self.series.has('others', str(count), 'start')]


def machine() -> str:
    model = 'unknown processor'
    with open('/proc/cpuinfo') as file:
        for row in file:
            if row.startswith('model name'):
                model = row.split(':', 1)[1].strip()
                break
    python = subprocess.run([hooks_python(), '-V'], stdout=subprocess.PIPE, encoding='utf-8').stdout.strip()
    return '{}, {} cores, Linux {}, hooks by {} ({}), {}'.format(
        model, os.cpu_count(), os.uname().release, hooks_python(), python, time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime()))


def markdown(results: Results) -> str:
    parts = [HEAD.format(machine=results.machine, rounds=results.rounds, load=results.load, exec_ms=results.exec_ms)]
    parts += [_wanted(results)]
    parts += [_case(results.series, case) for case in CASES if results.series.has(case.key, 'shell', 'start')]
    parts += [_others(results), _storm(results), _memory(results), _checked(results)]
    return '\n'.join(part for part in parts if part)


HEAD = '''# What a start and a stop cost

Made by `make bench`; [benchmark.svg](benchmark.svg) shows the same as bars.

{machine}. Load average at the beginning {load:.1f}. Medians of {rounds} rounds; in each round all contenders in turn.

- **The node has the shipped vzhooks.conf, which turns ANTISPOOF on**: a start and a stop carry the filter's nft processes,
  which the shell script and CNI have no equal of. Without it (2026-11-21, 07:39) a start took 0.50 of the shell's, a stop 0.67 of
  CNI's DEL.
- Times are wall times of the hooks' own processes, spawned inside the node's namespaces as vzctl spawns them. Containers,
  namespaces and veths are made and removed outside of the measured part.
- **vzhooks**: as `make install` lays it. *start* is `vzhook-external` for each veth, *with mount* adds `vzhook-mount`,
  *stop* is `vzhook-umount`. It also announces each address to the neighbours, journals what it did, and writes to syslog.
- **shell script**: our equivalent of the OpenVZ wiki's, called for each veth, with a stand-in `vzctl exec` of {exec_ms:.1f} ms
  (measured here for `vzctl exec N true`; the real one takes 26 to 33 ms). It has neither journal nor rollback nor checks.
- **CNI**: bridge plugin with static IPAM, for each interface. ADD also makes the veth, DEL also removes it, which vzctl does
  for the others; it sets no host routes.
- **floor**: dash and two bare `ip -batch` with the same commands from prepared files; a stop is one.
'''


def _table(head: List[str], rows: List[List[str]]) -> str:
    lines = ['| ' + ' | '.join(head) + ' |', '|---' + '|--:' * (len(head) - 1) + '|']
    return '\n'.join(lines + ['| ' + ' | '.join(row) + ' |' for row in rows]) + '\n'


def _case(series: Series, case: Case) -> str:
    ours = case.contenders[0].key
    rows = []
    for kind in case.contenders:
        if not series.has(case.key, kind.key, 'start'):
            rows.append([kind.label + ' (not installed: {})'.format(kind.missing())] + [''] * 6)
            continue
        start, stop = (series.wall(case.key, kind.key, what) for what in ('start', 'stop'))
        mount = start + series.wall(case.key, kind.key, 'mount') if series.has(case.key, kind.key, 'mount') else None
        rows.append([kind.label, '{:.1f}'.format(start), '{:.2f}'.format(series.ratio(case.key, 'start', ours, kind.key)),
                     '' if mount is None else '{:.1f}'.format(mount), '{:.1f}'.format(series.cpu(case.key, kind.key, 'start')),
                     '{:.1f}'.format(stop), '{:.2f}'.format(series.ratio(case.key, 'stop', ours, kind.key))])
    first = LABELS[ours]
    return '## {}\n\n'.format(case.title[0].upper() + case.title[1:]) + _table(
        ['', 'start ms', first + ' ÷ it', 'with mount ms', 'start CPU ms', 'stop ms', first + ' ÷ it'], rows)


def _others(results: Results) -> str:
    counts, series = results.others(), results.series
    if not counts:
        return ''
    least = str(counts[0])
    rows = [['{}'.format(count)] + [text for what in ('start', 'stop') for text in (
        '{:.1f}'.format(series.wall('others', str(count), what)),
        '{:.2f}'.format(series.ratio('others', what, str(count), least)))] for count in counts]
    return '''## Beside other containers

The others have a conf, a journal, a cached plan and a route on the bridge each; their veths do not exist. One node for each
number, all in turn. nft's elements of the filter are part of it; prefix-lists come with the features that make them.

''' + _table(['other containers', 'start ms', '÷ with ' + least, 'stop ms', '÷ with ' + least], rows)


def _storm(results: Results) -> str:
    if not results.storms:
        return ''
    shell, rows = results.storm('shell'), []
    for key, label in (('ours', 'vzhooks, warm'), ('whole', 'vzhooks, warm, with mount'), ('shell', 'shell script')):
        one = results.storm(key)
        rows.append([label, '{:.2f}'.format(one.wall / 1000), '{:.2f}'.format(one.wall / shell.wall),
                     '{:.2f}'.format(one.cpu / 1000), '{:.2f}'.format(one.cpu / shell.cpu)])
    return '## Boot storm: {} containers, {} at a time\n\n'.format(results.storm_size, scale.STORM_WIDTH) + _table(
        ['', 'wall s', '÷ shell', 'CPU s, all processes', '÷ shell'], rows)


def _memory(results: Results) -> str:
    if not results.memory:
        return ''
    found = results.memory
    rows = [[LABELS[key], '{:.1f}'.format(found[key] / 1024)] for key in ('ours', 'cold', 'shell')]
    return '## Peak memory of a start\n\nOf its largest process; {:.1f} MB is the least that can be told.\n\n'.format(
        found['floor'] / 1024) + _table(['', 'MB'], rows)


def _checked(results: Results) -> str:
    found = results.checked
    if not found:
        return ''
    rows = [[what, '{:.2f}'.format(cost.wall), '{:.2f}'.format(cost.cpu)] for what, cost in (
        ('check', found.check), ('check, every host route gone', found.drifted),
        ('reconcile of that, with its checks', found.reconcile))]
    return '## Check and reconcile: {} running containers\n\n'.format(found.count) + _table(['', 'wall s', 'CPU s, all processes'], rows)


def wanted(results: Results) -> List[Tuple[str, str, float, Optional[float]]]:
    """The issue's rows: case, against what, at most, and what was measured (None: not measured)."""
    series = results.series

    def ratio(case: str, what: str, against: str) -> Optional[float]:
        there = series.has(case, 'ours', what) and series.has(case, against, what)
        return series.ratio(case, what, 'ours', against) if there else None

    counts, storms = results.others(), results.storms
    return [
        ('start, 1 address', 'shell', 0.5, ratio('1x1', 'start', 'shell')),
        ('start, 8 addresses', 'shell', 0.25, ratio('1x8', 'start', 'shell')),
        ('start, 4 veths × 8', 'shell, called per veth', 0.2, ratio('4x8', 'start', 'shell')),
        ('start, 1 address', 'CNI bridge ADD', 1.0, ratio('1x1', 'start', 'cni')),
        ('stop', 'CNI DEL', 0.7, ratio('1x1', 'stop', 'cni')),
        ('start, 1 address', 'the floor', 3.5, ratio('1x1', 'start', 'floor')),
        ('boot storm, CPU', 'shell', 0.5, results.storm('ours').cpu / results.storm('shell').cpu if storms else None),
        ('start with 5000 other containers', 'with 1', 1.1,
         series.ratio('others', 'start', '5000', '1') if 5000 in counts else None),
        ('check of 1000 containers', '10 s', 1.0, results.checked.check.wall / checks.LIMIT
         if results.checked and results.checked.count == checks.CONTAINERS else None)]


def _wanted(results: Results) -> str:
    rows = [[case, against, '{:g}'.format(most), '–' if found is None else '{:.2f}'.format(found),
             'not measured' if found is None else 'met' if found <= most else '**not met**']
            for case, against, most, found in wanted(results)]
    return '## Wanted\n\n' + _table(['ours', 'against', 'at most', 'measured', ''], rows) + WHAT_IS_LEFT
