"""Makes inputs for one target, and times each: `python -m tests.fuzz.engine TARGET RUNS DIRECTORY`.

With atheris (coverage decides what is kept and mutated further), else by mutating seeds at random. What was found lies in
DIRECTORY: `result`, a line of counts, and `slowest`, the input that took longest. A failure ends it with a traceback, and
`failed` is the input behind it.
"""
import os
import random
import sys
import time
from typing import List

LIMIT = 0.1  # seconds for one input
LONGEST = 4096  # bytes of one input; ten times that now and then
AGAIN = 3  # times that a slow input is repeated: on a busy machine the least of them counts


class Run:
    """Counts and times what one target is fed with."""

    def __init__(self, target: str, runs: int, directory: str) -> None:
        from tests.fuzz import targets  # where atheris is, only within its instrument_imports()

        self.target, self.runs, self.directory = targets.TARGETS[target], runs, directory
        self.count, self.slowest = 0, 0.0

    def one(self, data: bytes) -> None:
        """Feed one input. Raise what the parser raises, or AssertionError for one that is too slow."""
        text = data.decode('utf-8', 'surrogateescape')
        self.count += 1
        try:
            took = self.timed(text)
            if took > LIMIT:
                took = min(self.timed(text) for _ in range(AGAIN))
            if took > self.slowest:
                self.slowest = took
                self.write('slowest', data)
            assert took <= LIMIT, '{:.3f} s for {} bytes'.format(took, len(data))
        except Exception:
            self.write('failed', data)
            raise
        if self.count == self.runs:
            self.write('result', '{} {:.6f}'.format(self.count, self.slowest).encode())

    def timed(self, text: str) -> float:
        began = time.perf_counter()
        self.target.run(text)
        return time.perf_counter() - began

    def write(self, name: str, data: bytes) -> None:
        with open(os.path.join(self.directory, name), 'wb') as file:
            file.write(data)


def mutated(chance: random.Random, words: List[bytes], pool: List[bytes]) -> bytes:
    """One input more: one of the pool with pieces cut out, doubled, put in from words or from another one."""
    data = chance.choice(pool)
    longest = LONGEST * 10 if chance.random() < 0.01 else LONGEST
    for _ in range(chance.randint(1, 8)):
        at, end = sorted((chance.randint(0, len(data)), chance.randint(0, len(data))))
        kind = chance.randrange(6)
        if kind == 0:
            data = data[:at] + data[min(end, at + 20):]
        elif kind == 1:
            data = data[:at] + chance.choice(words) + data[at:]
        elif kind == 2:
            data = data[:at] + chance.choice(words) * chance.choice((2, 10, 100)) + data[at:]
        elif kind == 3:
            data = data[:at] + bytes([chance.randrange(256)]) + data[at + 1:]
        elif kind == 4:
            data = data[:end] + data[at:]
        else:
            data = data[:at] + chance.choice(pool)[-end:]
        data = data[:longest]
    return data


def mutate(run: Run) -> None:
    """Without coverage: each input from the seeds, and from some of those before it."""
    chance = random.Random(run.runs)
    words = [word.encode('utf-8', 'surrogateescape') for word in run.target.words]
    pool = [seed.encode('utf-8', 'surrogateescape') for seed in run.target.seeds]
    seeds = len(pool)
    for data in list(pool)[:run.runs]:
        run.one(data)
    while run.count < run.runs:
        data = mutated(chance, words, pool)
        run.one(data)
        if chance.random() < 0.02:
            pool = pool[:seeds] + pool[seeds:][-50:] + [data]


def main(argv: List[str]) -> None:
    name, runs, directory = argv[1], int(argv[2]), argv[3]
    try:
        import atheris
    except ImportError:
        mutate(Run(name, runs, directory))
        return
    with atheris.instrument_imports(include=['vzhooks']):
        run = Run(name, runs, directory)
    corpus = os.path.join(directory, 'corpus')
    os.makedirs(corpus, exist_ok=True)
    for number, seed in enumerate(run.target.seeds):
        with open(os.path.join(corpus, 'seed{}'.format(number)), 'wb') as file:
            file.write(seed.encode('utf-8', 'surrogateescape'))
    words = os.path.join(directory, 'words')
    with open(words, 'w', encoding='ascii') as file:
        for word in run.target.words:
            file.write('"{}"\n'.format(''.join('\\x%02x' % byte for byte in word.encode('utf-8', 'surrogateescape'))))
    atheris.Setup(argv[:1] + ['-runs={}'.format(runs), '-max_len={}'.format(LONGEST), '-dict=' + words, '-timeout=30', '-len_control=0',
                              '-artifact_prefix={}/'.format(directory), '-print_final_stats=0', '-verbosity=0', corpus], run.one)
    atheris.Fuzz()


if __name__ == '__main__':
    main(sys.argv)  # VZHOOKS_ROOT is our caller's: libFuzzer ends a process without giving it time to clean up
