"""Places that are full or read-only, a clock that is wrong, vzctl killed while its hook runs, two at the same container."""
import os
import signal
import time
from typing import Iterator

import pytest

from tests.lab.confs import FIRST, SECOND, bridged
from tests.lab.faults import FULL, Faults, note, paused
from tests.lab.network import Lab
from tests.lab.node import Node
from tests.lab.snapshot import diff, snapshot

RUN, CACHE, LOG = '/run/vzhooks', '/var/cache/vzhooks', '/var/log'


@pytest.fixture
def node(lab: Lab) -> Node:
    node = lab.nodes['hn']
    node.conf(101, bridged(101))
    return node


class Place:
    """A tiny file system of its own at a place of the node, which is full or read-only."""

    def __init__(self, node: Node, path: str) -> None:
        self.node, self.path = node, node.path(path)
        node.run(['mkdir', '-p', self.path])
        node.run(['mount', '-t', 'tmpfs', '-o', 'size=64k,mode=700', 'tmpfs', self.path])

    def spoil(self, how: str) -> None:
        if how == 'full':
            self.node.run(['sh', '-c', 'cat /dev/zero >"$0"', self.path + '/ballast'], check=False)
        else:
            self.node.run(['mount', '-o', 'remount,ro', self.path])

    def mend(self, how: str) -> None:
        if how == 'full':
            self.node.run(['rm', self.path + '/ballast'])
        else:
            self.node.run(['mount', '-o', 'remount,rw', self.path])


def started_and_stopped(node: Node) -> None:
    node.vzctl('start', 101)
    assert node.ping(FIRST) == 1
    node.vzctl('stop', 101)


@pytest.mark.parametrize('how', ['full', 'read-only'])
def test_without_a_place_for_the_journal_nothing_is_begun_and_a_stop_still_undoes(node: Node, how: str) -> None:
    before = snapshot(node)
    place = Place(node, RUN)
    place.spoil(how)
    result = node.vzctl('start', 101, check=False)
    assert result.returncode in (79, 130) and diff(before, snapshot(node)) == '', result.stdout
    place.mend(how)
    note('start', RUN + ' ' + how, 'refused')
    node.vzctl('start', 101)
    place.spoil(how)
    node.vzctl('stop', 101)
    assert diff(before, snapshot(node)) == ''
    place.mend(how)
    note('stop', RUN + ' ' + how, 'undone')
    started_and_stopped(node)
    assert diff(before, snapshot(node)) == ''


@pytest.mark.parametrize('path, how', [(CACHE, 'full'), (LOG, 'read-only')] + FULL * [(CACHE, 'read-only'), (LOG, 'full')])
def test_without_cache_or_log_containers_start_and_stop(node: Node, path: str, how: str) -> None:
    before = snapshot(node)
    if path == LOG:
        os.unlink(node.path('/dev/log'))
    place = Place(node, path)
    place.spoil(how)
    for _ in range(2):
        started_and_stopped(node)
        note('start and stop', path + ' ' + how, 'went on')
        assert diff(before, snapshot(node)) == ''
    place.mend(how)
    started_and_stopped(node)
    assert diff(before, snapshot(node)) == ''


def test_an_edit_that_fails_goes_back_though_the_disk_is_full_from_any_point_on(node: Node) -> None:
    """Somebody else has a route to the new address; why it failed is said even when going back cannot be noted."""
    before = snapshot(node)
    node.vzctl('start', 101)
    node.batch(['route add {} via 10.0.0.9 dev br0 proto static'.format(SECOND)])
    faults = Faults(node)
    running = faults.state()
    said = []
    for number in range(1, 100) if FULL else (1, 3, 5):
        node.conf(101, bridged(101))
        node.vzhook('run', 101)  # and the journal is right again
        node.conf(101, bridged(101, SECOND + '/26'))
        faults.arm('full', number)
        result = node.vzhook('run', 101, check=False)
        last = faults.points()[-1]
        if not faults.disarm():
            break
        said.append(result.stderr)
        assert result.returncode == 1 and diff(running, faults.state()) == '', last
        note('edit and run', 'full', 'went back')
    assert [text for text in said if 'somebody else for ' + SECOND in text and 'rollback: the journal' in text]
    node.batch(['route del {}'.format(SECOND)])
    node.vzctl('stop', 101)
    assert diff(before, snapshot(node)) == ''


@pytest.mark.parametrize('days', [1, 20000] if FULL else [1])
def test_a_clock_set_back_changes_nothing(node: Node, days: int) -> None:
    """Files of the future: what is edited counts, the newer and the older time alike."""
    before = snapshot(node)
    faults = Faults(node)
    faults.arm('clock', days)
    started_and_stopped(node)
    conf = node.conf(101, bridged(101, SECOND + '/26'))
    os.utime(conf, (1, time.time() - days * 86400))
    node.vzctl('start', 101)
    assert node.ping(SECOND) == 1 and FIRST not in node.ip('route show')
    node.vzctl('stop', 101)
    assert diff(before, snapshot(node)) == ''
    note('start and stop', 'clock set back', 'went on')


def test_files_of_the_future_are_believed_as_they_are(node: Node) -> None:
    before = snapshot(node)
    for number, address in enumerate((FIRST, SECOND)):
        conf = node.conf(101, bridged(101, address + '/26'))
        os.utime(conf, (2 ** 31 - number, 2 ** 31 - number))
        node.vzctl('start', 101)
        assert node.ping(address) == 1
        node.vzctl('stop', 101)
        assert diff(before, snapshot(node)) == ''
    note('start and stop', 'files of the future', 'went on')


def points(faults: Faults) -> Iterator[int]:
    """The numbers of the points of a start by vzctl at which its hook can be waiting; few of them in CI."""
    for _ in range(2):  # the second one with what the first has cached
        faults.arm('pause', 10 ** 6)
        faults.node.vzctl('start', 101)
        count = len(faults.points())
        faults.disarm()
        faults.node.vzctl('stop', 101)
    yield from range(1, count + 1) if FULL else [count - 1]


def test_vzctl_killed_while_its_hook_runs(node: Node) -> None:
    """SIGTERM: the container is gone at once, no umount hook runs, and the hook goes on without it."""
    before = snapshot(node)
    faults = Faults(node)
    for number in points(faults):
        for signum in (signal.SIGTERM, signal.SIGKILL) if FULL else (signal.SIGTERM,):
            faults.arm('pause', number)
            vzctl = node.vzctl_popen('start', 101)
            with paused(node) as hook:
                os.kill(vzctl.pid, signum)
                vzctl.wait(timeout=30)
                if signum == signal.SIGKILL:
                    node.vzctl('kill-inside', 101, check=False)  # what a container without its vzctl comes to
                faults.disarm()
            vzctl.communicate(timeout=30)
            deadline = time.monotonic() + 30
            while os.path.exists('/proc/{}'.format(hook)):
                assert time.monotonic() < deadline
                time.sleep(0.01)
            node.vzctl('start', 101)
            assert node.ping(FIRST) == 1, number
            node.vzctl('stop', 101)
            assert diff(before, snapshot(node)) == '' and faults.left() == [], number
            note('start', 'vzctl killed', 'next start went on')


def test_two_at_the_same_container(node: Node) -> None:
    """vzctl excludes vzctl; by hand and by its hooks, several may come at once."""
    before = snapshot(node)
    both = [node.vzctl_popen('start', 101) for _ in range(2)]
    for process in both:
        process.communicate(timeout=60)
    assert {process.returncode for process in both} <= {0, 9} and node.ping(FIRST) == 1
    running = snapshot(node)
    faults = Faults(node)
    for _ in range(10 if FULL else 1):
        many = [faults.popen(*words) for words in 2 * [('external', 'init', 'veth', 'veth101.0'), ('umount',), ('external',)]]
        for process in many:
            process.communicate(timeout=60)
            assert process.returncode == 0
            note('six hooks at once', 'same container', 'went on')
        assert faults.start() == 0 and diff(running, snapshot(node)) == ''
    stops = [node.vzctl_popen('stop', 101) for _ in range(2)]
    for process in stops:
        process.communicate(timeout=60)
    assert diff(before, snapshot(node)) == '' and faults.left() == []


@pytest.mark.parametrize('count', [64 if FULL else 4])
def test_many_of_one_network_start_and_stop_at_once(lab: Lab, node: Node, count: int) -> None:
    """64 by `make faults`."""
    veids = range(101, 101 + count)
    for veid in veids:
        node.conf(veid, bridged(veid, '10.0.0.{}/24'.format(veid), '10.0.0.1'))
    before = snapshot(node)
    for verb in ('start', 'stop'):
        running = [node.vzctl_popen(verb, veid) for veid in veids]
        for process in running:
            out, err = process.communicate(timeout=300)
            assert process.returncode == 0, out + err
            note(verb, '{} at once'.format(count), 'went on')
        if verb == 'start':
            assert all(lab.internet.ping('10.0.0.{}'.format(veid)) == 1 for veid in veids)
    assert diff(before, snapshot(node)) == ''
