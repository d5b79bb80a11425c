"""A node of the lab with the product installed, and the runner in it."""
import json
import os
import subprocess
import sys
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Sequence, Set

from tests.bench.containers import VZ_CONF, Container
from tests.lab.network import Lab
from tests.lab.node import Node

HERE = os.path.dirname(os.path.abspath(__file__))
SYSTEM_PYTHON = '/usr/bin/python3'
PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'  # vzctl's

Command = Dict[str, Any]


class Sample(NamedTuple):
    """What a command, or several behind each other, took: milliseconds and kB."""

    wall: float
    cpu: float
    memory: int
    output: str


class BenchFailed(RuntimeError):
    """A command that is measured, or needed for it, failed: its times would mean nothing."""


def hooks_python() -> str:
    """The interpreter of the hooks: the system's where it has the libraries (as packages lay them), else this one."""
    probe = [SYSTEM_PYTHON, '-I', '-c', 'import click, jinja2, netaddr']
    try:
        found = subprocess.run(probe, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        found = False
    return SYSTEM_PYTHON if found else sys.executable


def command(argv: Sequence[str], env: Optional[Dict[str, str]] = None, input: str = '') -> Command:
    return {'argv': list(argv), 'env': env or {'PATH': PATH}, 'input': input}


def batch(lines: Iterable[str], *options: str) -> Command:
    """One `ip -batch`, for what is not measured."""
    return command(['/bin/sh', '-c', 'exec ip "$@" -batch -', 'ip'] + list(options),
                   input=''.join(line + '\n' for line in lines))


class Place:
    """One node, ready to be measured on. Give back the node's namespaces by closing the lab."""

    def __init__(self, lab: Lab, name: str = 'hn') -> None:
        self.node: Node = lab.add_node(name)
        self.node.install(hooks_python())
        self.node.write('/etc/vz/vz.conf', VZ_CONF)
        self._runner = self.node.popen([sys.executable, '-IS', os.path.join(HERE, 'runner.py')],
                                       stdin=subprocess.PIPE, stderr=None)
        self._namespaces: Set[str] = set()

    def close(self) -> None:
        for pipe in (self._runner.stdin, self._runner.stdout):
            if pipe:
                pipe.close()
        self._runner.wait(10)

    def ask(self, jobs: List[List[Command]], width: int = 1, lean: bool = False) -> Dict[str, Any]:
        """Let the runner do it. Raise BenchFailed when a command fails."""
        assert self._runner.stdin and self._runner.stdout
        self._runner.stdin.write(json.dumps({'jobs': jobs, 'width': width, 'lean': lean}) + '\n')
        self._runner.stdin.flush()
        said = self._runner.stdout.readline()
        if not said:
            raise BenchFailed('the runner on {} has ended'.format(self.node.name))
        result: Dict[str, Any] = json.loads(said)
        for job, samples in zip(jobs, result['jobs']):
            for one, sample in zip(job, samples):
                if sample['status']:
                    raise BenchFailed('{}\nended with {}:\n{}'.format(
                        ' '.join(one['argv']), sample['status'], sample['output']))
        return result

    def run(self, commands: Sequence[Command], lean: bool = False) -> Sample:
        """Commands one behind the other, as one sample."""
        found = self.ask([list(commands)], lean=lean)['jobs'][0] if commands else []
        return Sample(sum(one['wall'] for one in found) * 1000, sum(one['cpu'] for one in found) * 1000,
                      max([one['memory'] for one in found], default=0), ''.join(one['output'] for one in found))

    # Containers

    def add(self, container: Container) -> None:
        """Write its conf and make its namespace.

        The namespace stays until the end: the kernel removes one later, by itself, and that would run into a measurement.
        """
        self.node.conf(container.veid, container.conf())
        if container.veid not in self._namespaces:
            self._namespaces.add(container.veid)
            self.run([command(['/bin/sh', '-c', 'exec ip netns add ' + container.veid])])

    def plan(self, container: Container) -> List[str]:
        """What the product would do, as `vzhook plan` prints it; the container's veths exist."""
        return self.node.vzhook('plan', container.veid).stdout.splitlines()

    def inside(self, container: Container) -> str:
        """Addresses and routes, as the kernel has them: every contender must have made the same."""
        return self.run([command(['/bin/sh', '-c', 'ip -n {0} -4 -o addr show scope global; ip -n {0} -4 route show'
                                  .format(container.veid)])]).output
