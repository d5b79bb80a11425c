"""`make fuzz`, or `python -m tests.fuzz [--runs N] [TARGET...]`: N inputs in all for the parsers, and a table of what they met."""
import argparse
import os
import subprocess
import sys
import time
from typing import List, Tuple

from tests.fuzz.engine import LIMIT, Run
from tests.fuzz.targets import TARGETS, place

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(HERE))


def fuzzed(target: str, runs: int, directory: str) -> Tuple[int, float, str]:
    """Run one target in a process of its own: (inputs, seconds of the slowest, what failed)."""
    os.makedirs(directory, exist_ok=True)
    for name in ('result', 'slowest', 'failed'):
        if os.path.exists(os.path.join(directory, name)):
            os.unlink(os.path.join(directory, name))
    with open(os.path.join(directory, 'log'), 'wb') as log, place():
        code = subprocess.call([sys.executable, '-m', 'tests.fuzz.engine', target, str(runs), directory], cwd=REPOSITORY,
                               stdout=log, stderr=log)
    if not os.path.exists(os.path.join(directory, 'result')):
        return 0, 0.0, 'FAILED with {}: see {}'.format(code, directory)
    with open(os.path.join(directory, 'result')) as file:
        count = int(file.read().split()[0])
    return count, again(target, directory), ''


def again(target: str, directory: str) -> float:
    """What the slowest input takes here, where nothing counts branches: the least of three."""
    with open(os.path.join(directory, 'slowest'), 'rb') as file:
        text = file.read().decode('utf-8', 'surrogateescape')
    with place():
        run = Run(target, 1, directory)
        return min(run.timed(text) for _ in range(3))


def main(argv: List[str]) -> int:
    parser = argparse.ArgumentParser(prog='make fuzz', description='Hostile input for every parser.')
    parser.add_argument('--runs', type=int, default=1000000, metavar='N', help='inputs in all (1000000)')
    parser.add_argument('targets', nargs='*', metavar='TARGET', help=', '.join(TARGETS))
    given = parser.parse_args(argv)
    chosen = given.targets or list(TARGETS)
    each = -(-given.runs // len(chosen))
    try:
        import atheris
        print('inputs by atheris {}'.format(getattr(atheris, '__version__', '')), flush=True)
    except ImportError:
        print('inputs by mutation of seeds: atheris is not installed', flush=True)
    total, bad = 0, 0
    began = time.monotonic()
    for target in chosen:
        count, slowest, failed = fuzzed(target, each, os.path.join(REPOSITORY, 'build/fuzz', target.replace(' ', '-')))
        total, bad = total + count, bad + bool(failed)
        print('{:18} {:>9} inputs, slowest {:6.2f} ms  {}'.format(target, count, slowest * 1000, failed), flush=True)
    print('{} inputs in {:.0f} s, {} parsers failed (an undocumented error, or more than {:.0f} ms)'.format(
        total, time.monotonic() - began, bad, LIMIT * 1000))
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
