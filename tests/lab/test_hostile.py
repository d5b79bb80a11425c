"""A container whose owner means ill, and things planted where our own files lie."""
import os
import re
import time
from typing import List

import pytest

from tests.lab.confs import FIRST, bridged, netif
from tests.lab.faults import FULL, Faults, paused
from tests.lab.network import Lab
from tests.lab.node import Node
from tests.lab.snapshot import diff, snapshot


@pytest.fixture
def node(lab: Lab) -> Node:
    node = lab.nodes['hn']
    node.conf(101, bridged(101))
    return node


def test_a_namespace_replaced_between_check_and_use_is_not_entered(node: Node) -> None:
    """The name leads to the node's own namespace when `ip` is started: what was checked is entered nevertheless."""
    node.vzctl('start', 101)
    faults = Faults(node)
    faults.stop()
    before = snapshot(node)
    assert faults.start() == 0
    running = snapshot(node)
    faults.stop()
    node.batch(['link add eth0 type bridge'] if 'eth0' not in node.ip('link show') else [])
    faults.arm('pause', len(faults_before_inside(faults)))
    process = faults.popen('external', 'init', 'veth', 'veth101.0')
    with paused(node):
        node.run(['sh', '-c', 'mkdir /run/kept; touch /run/kept/101; mount --bind /run/netns/101 /run/kept/101; '
                  'umount -l /run/netns/101; mount --bind /proc/self/ns/net /run/netns/101'])
    process.communicate(timeout=60)
    faults.disarm()
    inside = node.run(['nsenter', '--net=/run/kept/101', 'ip', 'address', 'show', 'dev', 'eth0']).stdout
    assert diff(nameless(running), nameless(snapshot(node))) == '' and FIRST in inside and process.returncode == 0
    node.run(['sh', '-c', 'umount -l /run/netns/101; mount --bind /run/kept/101 /run/netns/101; umount /run/kept/101'])
    faults.stop()
    assert diff(before, snapshot(node)) == ''


def nameless(text: str) -> str:
    """A snapshot without the names of the namespaces in which other ends are."""
    return re.sub(r' link-netns \S+', '', text)


def faults_before_inside(faults: Faults) -> List[str]:
    """The points that a start passes up to the one before `ip` is started in the container."""
    faults.arm('pause', 10 ** 6)
    faults.hook('external', 'init', 'veth', 'veth101.0')
    points = faults.points()
    faults.disarm()
    faults.stop()
    first = next(number for number, row in enumerate(points) if row.startswith('before ip -n'))
    return points[:first + 1]


@pytest.mark.parametrize('name', ['$(id>c)', 'veth101.0'] + FULL * ['`id>c`', 'a;id>c', '\x1b[2Jx', 'eth0@if2', '-batch'])
def test_what_a_container_calls_its_interfaces_runs_nowhere_and_confuses_nobody(node: Node, name: str) -> None:
    """NETIF names no host_ifname, so that the container's own names are read."""
    node.conf(101, bridged(101))
    node.vzctl('start', 101)
    node.vzhook('clean', 101)
    before = snapshot(node)
    node.conf(101, bridged(101).replace(',host_ifname=veth101.0', ''))
    ct = node.ct(101)
    ct.run(['ip', 'link', 'add', 'br9', 'type', 'bridge'])
    if ct.run(['ip', 'link', 'set', 'dev', 'br9', 'name', name], check=False).returncode:
        pytest.fail('this kernel takes no such name')
    ct.run(['ip', 'link', 'set', 'dev', 'eth0', 'name', 'other'])
    assert node.vzhook('run', 101, check=False).returncode in (1, 2)
    assert diff(before, snapshot(node)) == '' and not os.path.exists('/c') and not os.path.exists(node.path('/c'))
    ct.run(['ip', 'link', 'set', 'dev', 'other', 'name', 'eth0'])
    node.vzhook('run', 101)
    assert FIRST in node.ip('route show') and node.ping(FIRST) == 1


def test_a_veth_that_its_container_has_moved_away_is_not_followed(node: Node) -> None:
    node.vzctl('start', 101)
    node.vzhook('clean', 101)
    before = snapshot(node)
    holder = node.ct(101).popen(['unshare', '-n', 'sleep', '60'])
    for _ in range(100):
        if node.ct(101).run(['ip', 'link', 'set', 'eth0', 'netns', str(holder.pid)], check=False).returncode == 0 \
                and 'eth0' not in node.ct(101).ip('link show'):
            break
        node.ct(101).run(['nsenter', '-t', str(holder.pid), '-n', 'ip', 'link', 'set', 'eth0', 'netns', '1'], check=False)
        time.sleep(0.05)
    result = node.vzhook('run', 101, check=False)
    assert result.returncode == 1 and diff(nameless(before), nameless(snapshot(node))) == '', result.stderr
    holder.kill()
    holder.communicate()


PLANTS = {
    'a link to another directory': 'ln -s {other} {run}/101',
    'a directory that all can write': 'mkdir {run}/101; chmod 777 {run}/101',
    'a file': 'touch {run}/101',
    'a pipe': 'mkfifo {run}/101',
}


@pytest.mark.parametrize('what', sorted(PLANTS)[:None if FULL else 2])
def test_what_is_planted_in_place_of_a_journal_directory_is_not_used(node: Node, what: str) -> None:
    before = snapshot(node)
    run, other = node.path('/run/vzhooks'), node.path('/elsewhere')
    node.run(['sh', '-c', 'mkdir -m 700 {run} {other}; '.format(run=run, other=other) + PLANTS[what].format(run=run, other=other)])
    result = node.vzctl('start', 101, check=False)
    assert result.returncode == 79 and '/run/vzhooks/101: ' in result.stdout + result.stderr
    assert diff(before, snapshot(node)) == '' and os.listdir(other) == []
    node.run(['rm', '-r', run + '/101'])
    node.vzctl('start', 101)
    node.vzctl('stop', 101)
    assert diff(before, snapshot(node)) == ''


@pytest.mark.parametrize('what', ['a link', 'a pipe'] + FULL * ['a hard link'])
def test_what_is_planted_in_place_of_a_cached_plan_is_not_believed(node: Node, what: str) -> None:
    """A plan of somebody else's is not run; the start plans anew."""
    before = snapshot(node)
    node.vzctl('start', 101)
    node.vzctl('stop', 101)
    plan = node.path('/var/cache/vzhooks/101/veth101.0.plan')
    evil = node.write('/evil', node.read('/var/cache/vzhooks/101/veth101.0.plan').replace(FIRST, '85.86.87.250'), 0o644)
    make = {'a link': 'ln -s', 'a hard link': 'ln', 'a pipe': 'mkfifo "$1"; true'}[what]
    node.run(['sh', '-c', 'rm "$1"; {} "$0" "$1"'.format(make), evil, plan])
    node.vzctl('start', 101)
    assert '85.86.87.250' not in node.ip('route show') and node.ping(FIRST) == 1
    node.vzctl('stop', 101)
    assert diff(before, snapshot(node)) == ''


def test_a_netif_of_a_stopped_container_finds_nobody_elses_interface(node: Node) -> None:
    """The names in NETIF are another running container's: nothing of that one is touched."""
    node.conf(102, netif(102))
    node.vzctl('start', 102)
    before, inside = snapshot(node), snapshot(node.ct(102))
    node.conf(101, bridged(101).replace('veth101.0', 'veth102.0'))
    assert node.vzhook('run', 101, check=False).returncode == 1
    assert diff(before, snapshot(node)) == '' and diff(inside, snapshot(node.ct(102))) == ''
