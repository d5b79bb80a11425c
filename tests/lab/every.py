"""Runs many command lines of vzhook, each in a fork of this one process: a start of Python for each would take minutes.

    every.py UID PATH open|closed|full <COMMAND-LINES

UID: whose rights they get (0: ours). PATH: where they find programs. closed: nobody reads their stdout; full: it goes to a
full disk. COMMAND-LINES: a JSON list of lists of words. Prints a JSON list of [exit code, stdout, stderr]. With the latter two each
child ends as a Python program does, so that what an interpreter still says at its end is part of stderr.
"""
import importlib
import json
import os
import pkgutil
import sys
import tempfile
from typing import List, Sequence

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..'))
import vzhooks  # noqa: E402
from vzhooks import cli, paths  # noqa: E402

# What is imported late. Another user may not be able to read our Python (root's pyenv), and that is not what is tried.
LATE = ['click._termui_impl', 'encodings.idna', 'encodings.unicode_escape', 'jinja2', 'netaddr', 'shutil'] + [
    module.name for module in pkgutil.walk_packages(vzhooks.__path__, 'vzhooks.')]


def begin(words: List[str], outputs: Sequence[int], uid: int, stdout: str) -> int:
    """Start one, return its process id. In the child: never returns."""
    pid = os.fork()
    if pid:
        return pid
    for number, output in enumerate(outputs, 1):
        os.dup2(output, number)
    if stdout != 'open':
        reader, writer = os.pipe()
        os.dup2(writer if stdout == 'closed' else os.open('/dev/full', os.O_WRONLY), 1)
        os.close(reader)
    if uid:
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
    try:
        cli.main(words)
    except SystemExit as end:
        if stdout != 'open':
            raise
        sys.stderr.flush()
        os._exit(int(end.code or 0))  # Python's own end is most of what a child costs
    raise AssertionError('main() has returned')


def scratch() -> int:
    """A file without a name, and a descriptor alone: the program closes what it inherits."""
    fd, name = tempfile.mkstemp()
    os.unlink(name)
    return fd


def text(fd: int) -> str:
    with open(fd, 'rb') as file:
        file.seek(0)
        return file.read().decode('utf-8', 'backslashreplace')


def main() -> None:
    for name in LATE:
        importlib.import_module(name)
    lines = json.load(sys.stdin)
    os.chdir('/')
    paths.PATH = sys.argv[2]
    results = []
    for words in lines:
        outputs = scratch(), scratch()
        status = os.waitpid(begin(words, outputs, int(sys.argv[1]), sys.argv[3]), 0)[1]
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)
        results.append([code] + [text(fd) for fd in outputs])
    json.dump(results, sys.stdout)


if __name__ == '__main__':
    main()
