"""`make bench`, or `python -m tests.bench [--quick] [--rounds N] [--only CASE]`.

A whole run writes docs/benchmark.md and docs/benchmark.svg; a quick or partial one writes them to build/bench/.
"""
import argparse
import os
import sys
import time
from typing import List

from tests.bench import chart, checks, report, scale
from tests.bench.cases import CASES, Series, measure
from tests.bench.place import BenchFailed, Place
from tests.lab.namespaces import LabImpossible, left_over
from tests.lab.network import Lab
from tests.lab.node import REPOSITORY, forget_installed
from tests.lab.process import CommandFailed

PARTS = [case.key for case in CASES] + ['others', 'storm', 'memory', 'check']
ROUNDS, QUICK_ROUNDS = 30, 5
_began = time.monotonic()


def progress(what: str) -> None:
    print('{:6.1f} s  {}'.format(time.monotonic() - _began, what), file=sys.stderr, flush=True)


def options(argv: List[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='make bench', description='What a start and a stop cost, against others.')
    parser.add_argument('--quick', action='store_true', help='few rounds and a small storm: does it run, roughly')
    parser.add_argument('--rounds', type=int, metavar='N', help='rounds of each case ({})'.format(ROUNDS))
    parser.add_argument('--only', choices=PARTS, action='append', metavar='CASE', help=', '.join(PARTS))
    given = parser.parse_args(argv)
    given.rounds = given.rounds or (QUICK_ROUNDS if given.quick else ROUNDS)
    given.whole = not given.quick and not given.only and given.rounds >= ROUNDS
    given.only = given.only or PARTS
    return given


def measured(given: argparse.Namespace) -> report.Results:
    results = report.Results(given.rounds, Series())
    with Lab() as lab:
        place = Place(lab)
        try:
            results.exec_ms = scale.exec_cost(place, max(given.rounds, 10))
            progress('the stand-in vzctl exec takes {:.1f} ms'.format(results.exec_ms))
            for case in CASES:
                if case.key in given.only:
                    measure(place, case, given.rounds, results.series, progress)
            if 'storm' in given.only:
                results.storm_size, storms = (40, 1) if given.quick else (200, 2)
                results.storms = scale.storms(place, results.storm_size, storms, progress)
            if 'memory' in given.only:
                results.memory = scale.memory(place, 3, progress)
        finally:
            place.close()
        if 'others' in given.only:
            scale.others(lab, given.rounds, results.series, progress)
        if 'check' in given.only:
            results.checked = checks.checks(lab, 100 if given.quick else checks.CONTAINERS, 3, progress)
    return results


def main() -> int:
    given = options(sys.argv[1:])
    try:
        results = measured(given)
    except (LabImpossible, BenchFailed, CommandFailed) as error:
        print('make bench: {}'.format(error), file=sys.stderr)
        return 1
    finally:
        forget_installed()
    for what in left_over():
        print('make bench: left over: ' + what, file=sys.stderr)
    directory = os.path.join(REPOSITORY, 'docs' if given.whole else 'build/bench')
    os.makedirs(directory, exist_ok=True)
    text = report.markdown(results)
    for name, content in (('benchmark.md', text), ('benchmark.svg', chart.svg(results))):
        with open(os.path.join(directory, name), 'w', encoding='utf-8') as file:
            file.write(content)
    print(text)
    progress('written to {}'.format(directory))
    return bool(left_over())


if __name__ == '__main__':
    sys.exit(main())
