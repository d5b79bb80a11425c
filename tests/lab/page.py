"""Carries out what a page of docs/ says: its files and commands, held to the output that it shows.

In a block, `# /PATH [on PLACE]` begins a file of PLACE (`node` where none is named), `PLACE# COMMAND` is a command, and what
follows it are lines of its output, in their order; `...` stands for anything, on a line of its own for any lines.
"""
import os
import re
import shlex
import time
from typing import Callable, Dict, List, NamedTuple, Optional

from tests.lab.node import REPOSITORY, Node
from tests.lab.process import Host

FILE = re.compile(r'# (/\S+)(?: on (\w+))?$')
PROMPT = re.compile(r'(\w+)# (.*)$')
SHARED = ('vzhooks.conf', 'vz.conf')  # which a page adds to
PATIENT = ('ping', 'ip', 'vzhook announce check', 'vzhook doctor overlay')  # asked again until they say it
PATIENCE = 15.0  # seconds


class Step(NamedTuple):
    """A file (`text`) or a command (`output`) at a line of the page."""

    line: int
    place: str
    what: str
    text: Optional[str]
    output: List[str]


def steps(page: str, heading: str) -> List[Step]:
    """The steps of the part of docs/PAGE below a heading that begins so."""
    with open(os.path.join(REPOSITORY, 'docs', page), encoding='utf-8') as file:
        rows = file.read().splitlines()
    start = next(number for number, row in enumerate(rows) if row.startswith('## ' + heading))
    end = next((number for number, row in enumerate(rows) if row.startswith('## ') and number > start), len(rows))
    found: List[Step] = []
    inside = False
    for number, row in enumerate(rows[start:end], start + 1):
        if row.startswith('```'):
            inside = not inside
        elif inside:
            _read(found, number, row)
    assert found and not inside, heading
    return found


def _read(found: List[Step], number: int, row: str) -> None:
    file, prompt = FILE.match(row), PROMPT.match(row)
    if file:
        found.append(Step(number, file.group(2) or 'node', file.group(1), '', []))
    elif prompt:
        found.append(Step(number, prompt.group(1), prompt.group(2), None, []))
    elif found[-1].text is not None:
        found[-1] = found[-1]._replace(text=found[-1].text + row + '\n')
    else:
        found[-1].output.append(row)


def follow(page: str, heading: str, places: Dict[str, Host], services: Dict[str, Callable[[], object]]) -> int:
    """Do all of it; return how many steps there were. SERVICES: `PLACE# COMMAND` that the lab does in its own way."""
    made = steps(page, heading)
    for step in made:
        where = 'docs/{}:{}: {}# {}'.format(page, step.line, step.place, step.what)
        place = places[step.place]
        if step.text is not None:
            _write(place, step.what, step.text)
        elif '{}# {}'.format(step.place, step.what) in services:
            services['{}# {}'.format(step.place, step.what)]()
        else:
            _run(where, place, step)
    return len(made)


def _write(place: Host, path: str, text: str) -> None:
    if not isinstance(place, Node):
        place.run(['sh', '-c', 'cat >"$0"', path], input=text)
    elif os.path.basename(path) in SHARED:
        old = place.read(path) if os.path.exists(place.path(path)) else ''
        place.write(path, old + text)
    else:
        place.write(path, text)


def _run(where: str, place: Host, step: Step) -> None:
    words = shlex.split(step.what)
    deadline = time.monotonic() + (PATIENCE if step.what.startswith(PATIENT) else 0)
    while True:
        if words[0] in ('vzctl', 'vzhook'):
            assert isinstance(place, Node), where
            done = getattr(place, words[0])(*words[1:], check=False)
        else:
            done = place.run(words, check=False)
        said = done.stdout + done.stderr
        missing = lacks(said, step.output)
        if done.returncode == 0 and missing is None:
            return
        assert time.monotonic() < deadline, '{}\nended with {}; {!r} is not in\n{}'.format(
            where, done.returncode, missing, said)
        time.sleep(0.05)


def lacks(said: str, wanted: List[str]) -> Optional[str]:
    """The first wanted line that does not come in its order; None when all are there."""
    rows = iter([' '.join(row.split()) for row in said.splitlines()])
    for line in wanted:
        pattern = '.*'.join(re.escape(' '.join(part.split(' '))) for part in ' '.join(line.split()).split('...'))
        if line.strip() != '...' and not any(re.match(pattern + '$', row) for row in rows):
            return line
    return None
