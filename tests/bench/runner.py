"""Runs inside the node's namespaces and spawns what is measured, so that no nsenter is in the times.

Reads one JSON request a line, answers with one line. A request is {"jobs": [[command, ...], ...], "width": N}: each job's
commands one behind the other, N jobs side by side; {"lean": true} besides for true peak memory, see _lean. A command is
{"argv", "env", "input"}; its sample is {"wall", "cpu" (seconds), "memory" (kB), "status", "output"}.

Imports little, since a child's peak memory is never less than that of the process which spawned it.
"""
import json
import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List

    Command = Dict[str, Any]
    Sample = Dict[str, Any]

FILES = '/run/vzbench'  # on a tmpfs of the node's own
KEPT = 4000


class Running:
    """A command that was started: its input and output are files, so that nobody has to read while it runs."""

    def __init__(self, command: 'Command', slot: int, lean: bool) -> None:
        self.output = '{}.{}.out'.format(FILES, slot)
        source = '/dev/null'
        if command.get('input'):
            source = '{}.{}.in'.format(FILES, slot)
            with open(source, 'w') as file:
                file.write(command['input'])
        argv, env = command['argv'], command['env']
        spawn = _lean if lean or not hasattr(os, 'posix_spawn') else _spawn
        self.began = time.monotonic()
        self.pid = spawn(argv, env, source, self.output)

    def ended(self, status: int, usage: 'Any') -> 'Sample':
        wall = time.monotonic() - self.began
        with open(self.output, errors='replace') as file:
            said = file.read(KEPT)
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)
        return {'wall': wall, 'cpu': usage.ru_utime + usage.ru_stime, 'memory': usage.ru_maxrss, 'status': code,
                'output': said}


def _spawn(argv: 'List[str]', env: 'Dict[str, str]', source: str, output: str) -> int:
    actions = [(os.POSIX_SPAWN_OPEN, 0, source, os.O_RDONLY, 0),  # novm
               (os.POSIX_SPAWN_OPEN, 1, output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),  # novm
               (os.POSIX_SPAWN_DUP2, 1, 2)]  # novm
    return os.posix_spawn(argv[0], argv, env, file_actions=actions)  # novm


def _lean(argv: 'List[str]', env: 'Dict[str, str]', source: str, output: str) -> int:
    """By fork: what posix_spawn's child has as its peak begins with all of ours, a forked one's with what fork copies."""
    pid = os.fork()
    if pid:
        return pid
    try:
        os.dup2(os.open(source, os.O_RDONLY), 0)
        os.dup2(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 1)
        os.dup2(1, 2)
        os.execve(argv[0], argv, env)
    finally:
        os._exit(127)


def answer(request: 'Dict[str, Any]') -> 'Dict[str, Any]':
    """Run all jobs. Answer with their samples, in the jobs' order, and the wall time of it all."""
    waiting = [list(job) for job in request['jobs']]
    samples: List[List[Sample]] = [[] for _ in waiting]
    running: Dict[int, Any] = {}
    free = list(range(request.get('width', 1)))
    following = 0
    began = time.monotonic()

    def start(job: int, slot: int) -> None:
        one = Running(waiting[job].pop(0), slot, bool(request.get('lean')))
        running[one.pid] = job, slot, one

    while running or following < len(waiting):
        while free and following < len(waiting):
            start(following, free.pop())
            following += 1
        pid, status, usage = os.wait4(-1, 0)
        job, slot, one = running.pop(pid)
        sample = one.ended(status, usage)
        samples[job].append(sample)
        if waiting[job] and not sample['status']:
            start(job, slot)
        else:
            free.append(slot)
    return {'wall': time.monotonic() - began, 'jobs': samples}


if __name__ == '__main__':
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(json.loads(line))) + '\n')
        sys.stdout.flush()
