"""Faults in the hooks of a node, one after the other, and what must be true behind each (faulty.py has the points themselves).

A sweep lets the N-th point of a kind go wrong, for N = 1, 2, ... until the call ends without passing one more. Behind each fault the
next start works, and after the last stop the node is as it was, byte by byte, with nothing left in /run/vzhooks.
"""
import os
import re
import subprocess
import time
from collections import Counter
from contextlib import contextmanager
from typing import Counter as Counts
from typing import Dict, Iterator, List, Tuple

from tests.lab.confs import host_ifname
from tests.lab.node import Node
from tests.lab.process import HERE
from tests.lab.snapshot import diff, snapshot

HOOKS = ('usr/libexec/vzhooks/vzhook-external', 'usr/libexec/vzhooks/vzhook-mount', 'usr/libexec/vzhooks/vzhook-umount')
# No .pyc of it, which would have a hook's umask.
ARM = 'sys.path.append("{}")\nsys.dont_write_bytecode = True\nimport faulty\n\nsys.dont_write_bytecode = False\nfaulty.arm()\n'
FULL = bool(os.environ.get('FAULTS'))  # `make faults`; CI takes a selection
KINDS = ('kill', 'full', 'readonly', 'missing', 'fail', 'after', 'line', 'hang', 'late')
OF_ITSELF = re.compile(r'^.*\b(?:fe80:|ff00::/8 ).*\bveth.*\n|^.*\bveth\S* .*\bfe80:.*\n', re.MULTILINE)
ELEMENT = re.compile(r'elements = {|[,}]')  # what stands around an element, by its place in the list
PATIENT = ('hang', 'late')  # kinds for which a command's time must run out

# (what, fault): how often each outcome was seen; the table at the end of `make faults`
SEEN: Dict[Tuple[str, str], Counts[str]] = {}


@contextmanager
def paused(node: Node) -> Iterator[int]:
    """A hook has come to its `pause` point, gives its process id, and goes on behind this."""
    path = node.path('vz/pause')
    deadline = time.monotonic() + 30
    while not os.path.exists(path) or not os.stat(path).st_size:
        assert time.monotonic() < deadline, 'no hook came to that point'
        time.sleep(0.01)
    try:
        yield int(node.read('vz/pause'))
    finally:
        os.unlink(path)


def note(what: str, fault: str, outcome: str) -> None:
    """Count an outcome for the table."""
    SEEN.setdefault((what, fault), Counter())[outcome] += 1


def table() -> List[str]:
    """The rows of all that was counted: what, which fault, how many, what the call itself said, what was behind it."""
    rows = [('call', 'fault', 'faults', 'how the call ended')]
    rows += [(what, fault, str(sum(count for how, count in seen.items() if not how.startswith('has no'))), ', '.join('{} {}'.format(count, how) for how, count in sorted(seen.items())))
             for (what, fault), seen in sorted(SEEN.items())]
    return ['| {:34} | {:22} | {:>6} | {} |'.format(*row) for row in rows]


class Faults:
    """The hooks of a node, which have fault points from now on."""

    def __init__(self, node: Node, veid: str = '101', devices: int = 1) -> None:
        self.node, self.veid, self.said = node, veid, ''
        self.devices = [host_ifname(veid, index) for index in range(devices)]
        for hook in HOOKS + ('usr/sbin/vzhook',):
            text = node.read(hook)
            if 'faulty' not in text:
                head, last = text.rsplit('from vzhooks', 1)
                node.write(hook, head + ARM.format(HERE) + 'from vzhooks' + last, 0o755)

    # A fault

    def arm(self, kind: str, number: int) -> None:
        """The N-th point of this kind goes wrong from now on."""
        self._clear('vz/points')
        self.node.write('vz/fault', '{} {}'.format(kind, number))

    def disarm(self) -> bool:
        """Nothing goes wrong any more; whether the fault happened."""
        self._clear('vz/fault')
        return any(row.startswith('hit ') for row in self.points())

    def points(self) -> List[str]:
        """The points that were passed since arm()."""
        return self.node.read('vz/points').splitlines() if os.path.exists(self.node.path('vz/points')) else []

    def _clear(self, name: str) -> None:
        if os.path.exists(self.node.path(name)):
            os.unlink(self.node.path(name))

    # The hooks, as vzctl calls them, for a container that goes on running

    def hook(self, name: str, *words: str) -> int:
        """Run one hook; its exit code, negative for a signal."""
        process = self.popen(name, *words)
        self.said = '\n' + ''.join(process.communicate(timeout=120))
        return process.returncode

    def popen(self, name: str, *words: str) -> 'subprocess.Popen[str]':
        """The same, not waited for."""
        env = {'VEID': self.veid, 'VZHOOKS_ROOT': self.node.root}
        return self.node.popen([self.node.path('usr/libexec/vzhooks/vzhook-' + name)] + list(words), env=env)

    def start(self) -> int:
        """The hooks of a start; the code of the first that fails."""
        for words in [['mount']] + [['external', 'init', 'veth', device] for device in self.devices]:
            code = self.hook(*words)
            if code:
                return code
        return 0

    def stop(self) -> int:
        return self.hook('umount')

    def left(self) -> List[str]:
        """What lies in /run/vzhooks beside what is the node's own."""
        there = self.node.run(['find', self.node.path('run/vzhooks'), '-mindepth', '1', '-not', '-path', '*/run/vzhooks/node*',
                               '-not', '-path', '*/run/vzhooks/metrics*'],
                              check=False).stdout
        return there.split()

    def state(self) -> str:
        """Of the node and of the inside of the container.

        Without what the kernel gives each veth that is up a moment before it joins its bridge, and no other one; and without
        the order of nft's chains and elements, which is that of their making.
        """
        text = OF_ITSELF.sub('', snapshot(self.node) + snapshot(self.node.ct(self.veid)))
        head, title, rest = text.partition('==== nftables\n')
        ruleset, end, tail = rest.partition('==== ')
        return head + title + '\n'.join(sorted(' '.join(ELEMENT.sub(' ', row).split()) for row in ruleset.splitlines())) + '\n' + end + tail

    def same(self, wanted: str, where: str) -> None:
        """Fail with the difference, and with what the last hook said."""
        difference = diff(wanted, self.state())
        assert not difference, '{}:\n{}{}'.format(where, difference, self.said)

    def sweep(self, verb: str, kind: str, what: str, cold: bool = False, least: int = 1) -> None:
        """Every point of one kind in a start or a stop of a container that runs, as vzctl's hooks are called for it.

        cold: nothing is cached. At LEAST so many points are there, or the test tests nothing.
        """
        assert self.start() == 0  # what containers share stays from here on
        self.stop()
        before = self.state()
        assert self.start() == 0
        running = self.state()
        self.stop()
        self.same(before, 'without a fault')
        number = 0
        while True:
            number += 1
            if verb == 'stop':
                assert self.start() == 0
            if cold:
                self.node.run(['rm', '-rf', self.node.path('var/cache/vzhooks')])
            self.arm(kind, number)
            code = self.start() if verb == 'start' else self.stop()
            last = self.points()[-1:]
            if not self.disarm():
                break
            where = '{} of {} {}, at {}'.format(kind, verb, number, last)
            if verb == 'start' and number % 2:  # vzctl goes back, and calls the next hook
                self.stop()
                self.same(before, where)
            assert self.start() == 0, where + self.said
            self.same(running, where)
            assert self.stop() == 0, where + self.said
            self.same(before, where)
            assert self.left() == [], where
            note(what, kind, {0: 'went on', -9: 'killed'}.get(code, 'failed'))
        self.stop()
        self.same(before, 'at the end')
        assert number > least, 'only {} points'.format(number - 1)
        if number == 1:
            note(what, kind, 'has no such point')
