"""Every event of the protocol's table, in both generations: set up twice, taken down twice, and the node as before."""
import itertools
import os
from typing import Callable, Dict, Sequence

import pytest

from tests.lab.confs import FIRST, UUID, bridged, host_ifname
from tests.lab.network import INTERNET, Lab
from tests.lab.node import Node
from tests.lab.openvswitch import switched
from tests.lab.snapshot import diff, snapshot

VEID = {'legacy': '101', 'modern': UUID}
NEEDS = {'brctl': ['brctl'], 'ovs': ['root', 'ovs-vsctl']}


def each_way(*cases: str, paths: Sequence[str] = ('ip', 'brctl', 'ovs', 'vzctl exec'),
             generations: Sequence[str] = ('legacy', 'modern')) -> pytest.MarkDecorator:
    """Each case in both generations, and on all paths; all three together is MATRIX=all (`make matrix`)."""
    every = os.environ.get('MATRIX') == 'all'
    chosen = []
    for number, (case, path) in enumerate(itertools.product(cases or [''], paths)):
        turn = (number + number // len(paths)) % len(generations)  # the other generation for the next path, and the next case
        for generation in generations if every or path == 'ip' else [generations[turn]]:
            marks = [pytest.mark.needs(*NEEDS[path])] if path in NEEDS else []
            words = [generation, path] + [case] * bool(cases)
            chosen.append(pytest.param(*words, id='-'.join(words), marks=marks))
    return pytest.mark.parametrize(['generation', 'path'] + ['case'] * bool(cases), chosen, indirect=['generation', 'path'])


# The lab's reboot makes the node's bridge anew, but no Open vSwitch.
BOOTS_AGAIN = each_way(paths=['ip', 'vzctl exec'])


@pytest.fixture
def generation(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def path(request: pytest.FixtureRequest) -> str:
    """The ways to the kernel: what joins the bridge, how the inside is entered."""
    return str(request.param)


@pytest.fixture
def node(lab: Lab, generation: str, path: str) -> Node:
    node = switched(lab) if path == 'ovs' else lab.nodes['hn']
    if path == 'brctl':
        node.write('/etc/vz/vzhooks.conf', '[node]\nbridge_tool = brctl\n')
    elif path == 'vzctl exec':
        node.write('/vz/no-netns-name', '')
    node.generation = generation
    node.write('/vz/generation', generation + '\n')
    return node


@pytest.fixture
def veid(node: Node, generation: str) -> str:
    veid = VEID[generation]
    node.conf(veid, bridged(veid, network='br0' if generation == 'modern' else ''))
    return veid


def works(node: Node, veid: str) -> bool:
    """The container has its network, on the node and inside."""
    return (node.ping(FIRST) == 1 and node.ct(veid).ping(INTERNET) == 1
            and FIRST + ' dev br0' in node.ip('route show'))


def start_stop(node: Node, veid: str) -> None:
    node.vzctl('start', veid)
    assert works(node, veid)
    node.vzctl('stop', veid)


def restart(node: Node, veid: str) -> None:
    node.vzctl('start', veid)
    node.vzctl('restart', veid)
    assert works(node, veid)
    node.vzctl('stop', veid)


def halt_inside(node: Node, veid: str) -> None:
    node.vzctl('start', veid)
    node.vzctl('kill-inside', veid)
    node.vzctl('start', veid)
    assert works(node, veid)
    node.vzctl('stop', veid)


def halt_inside_with_vzeventd(node: Node, veid: str) -> None:
    node.vzctl('start', veid)
    node.vzctl('kill-inside', veid, '--vzeventd')


def suspend_resume(node: Node, veid: str) -> None:
    node.vzctl('start', veid)
    node.vzctl('suspend', veid)
    assert FIRST not in node.ip('route show')
    node.vzctl('resume', veid)
    assert works(node, veid)
    node.vzctl('stop', veid)


def mount_umount(node: Node, veid: str) -> None:
    node.vzctl('mount', veid)
    node.vzctl('umount', veid)


def skip_ve_setup(node: Node, veid: str) -> None:
    node.vzctl('start', veid, '--skip_ve_setup')
    node.vzctl('stop', veid)


def run_and_clean_by_hand(node: Node, veid: str) -> None:
    node.vzctl('start', veid)
    running = snapshot(node)
    node.vzhook('clean', veid)
    assert FIRST not in node.ip('route show')
    node.vzhook('clean', veid)
    node.vzhook('run', veid)
    node.vzhook('run', veid)
    assert works(node, veid)
    assert diff(running, snapshot(node)) == ''
    node.vzctl('stop', veid)


def stop_without_journal(node: Node, veid: str) -> None:
    node.vzctl('start', veid)
    node.run(['rm', '-r', node.path('/run/vzhooks')])
    node.vzctl('stop', veid)


def stop_with_the_conf_gone(node: Node, veid: str) -> None:
    node.vzctl('start', veid)
    os.rename(node.path('/etc/vz/conf/%s.conf' % veid), node.path('/etc/vz/conf/gone'))
    hook = node.path('/usr/libexec/vzhooks/vzhook-umount')
    node.vzctl('kill-inside', veid)
    node.run([hook], env={'VEID': veid, 'VZHOOKS_ROOT': node.root})
    assert FIRST not in node.ip('route show')
    os.rename(node.path('/etc/vz/conf/gone'), node.path('/etc/vz/conf/%s.conf' % veid))
    node.vzctl('umount', veid, check=False)


def stop_with_the_conf_edited(node: Node, veid: str) -> None:
    node.vzctl('start', veid)
    node.conf(veid, bridged(veid, '85.86.87.222/26', bridge='br7', network='br0'))
    node.vzctl('stop', veid)
    node.conf(veid, bridged(veid, network='br0' if node.generation == 'modern' else ''))


def start_over_a_start(node: Node, veid: str) -> None:
    """Set-up without tear-down: the container died with its hooks never run."""
    node.vzctl('start', veid)
    node.vzctl('kill-inside', veid)
    node.run(['rm', '-f', node.path('/etc/vz/conf/vps.umount')])
    node.vzctl('start', veid)
    assert works(node, veid)
    node.install()
    node.vzctl('stop', veid)


EVENTS: Dict[str, Callable[[Node, str], None]] = {function.__name__: function for function in (
    start_stop, restart, halt_inside, halt_inside_with_vzeventd, suspend_resume, mount_umount, skip_ve_setup,
    run_and_clean_by_hand, stop_without_journal, stop_with_the_conf_gone, stop_with_the_conf_edited, start_over_a_start)}


@each_way(*sorted(EVENTS))
def test_an_event_twice_leaves_the_node_as_it_was(node: Node, veid: str, case: str) -> None:
    before = snapshot(node)
    for _ in range(2):
        EVENTS[case](node, veid)
        assert diff(before, snapshot(node)) == ''
    umount = node.run([node.path('/usr/libexec/vzhooks/vzhook-umount')], env={'VEID': veid, 'VZHOOKS_ROOT': node.root})
    assert umount.returncode == 0
    assert diff(before, snapshot(node)) == ''
    failed = [call for call in node.calls() if call.returncode]
    assert not failed


@each_way('offline', 'online')
def test_migration_moves_the_network(lab: Lab, node: Node, veid: str, generation: str, case: str) -> None:
    other = lab.add_node('hn2', generation=generation)
    other.install()
    before, before_there = snapshot(node), snapshot(other)
    node.vzctl('start', veid)
    assert lab.internet.ping(FIRST) == 1
    node.migrate(veid, other, case == 'online')
    assert works(other, veid)
    assert lab.internet.ping(FIRST) == 1, 'the gateway still has the old place of the address'
    assert diff(before, snapshot(node)) == ''
    other.vzctl('stop', veid)
    assert diff(before_there, snapshot(other)) == ''


@BOOTS_AGAIN
def test_after_a_crash_of_the_node_the_next_start_works(lab: Lab, node: Node, veid: str) -> None:
    node.vzctl('start', veid)
    node.crash()
    node.vzctl('start', veid)
    assert works(node, veid)
    node.vzctl('stop', veid)


@BOOTS_AGAIN
def test_a_journal_of_an_earlier_boot_says_nothing(lab: Lab, node: Node, veid: str) -> None:
    node.vzctl('start', veid)
    journal = '/run/vzhooks/{}/{}.journal'.format(veid, host_ifname(veid))
    old = node.read(journal)
    node.crash()
    node.run(['mkdir', '-p', '-m', '700', node.path('/run/vzhooks/' + veid)])
    node.write(journal, old, 0o600)
    node.batch(['route add {} dev br0 proto static'.format(FIRST)])  # somebody else's, since then
    node.vzctl('umount', veid, check=False)
    node.run([node.path('/usr/libexec/vzhooks/vzhook-umount')], env={'VEID': veid, 'VZHOOKS_ROOT': node.root})
    assert FIRST in node.ip('route show')


@each_way()
def test_netif_add_on_a_running_container_whose_conf_does_not_name_it_yet(node: Node, veid: str) -> None:
    if node.generation == 'modern':
        extra = 'ifname=eth1,mac=00:18:51:00:00:77,host_ifname=vethadd.1,type=bridge,network=br0'
    else:
        extra = 'eth1,00:18:51:00:00:77,vethadd.1,00:18:51:0F:00:77'
    with open(node.path('/etc/vz/conf/%s.conf' % veid), 'a') as file:
        file.write('VETH_IP_ADDRESS_eth1="85.86.87.201/26"\nBRIDGEDEV_eth1="br0"\n')
    before = snapshot(node)
    node.vzctl('start', veid)
    node.syslog_clear()
    node.vzctl('set', veid, '--netif_add', extra, '--save')
    assert '85.86.87.201/26' in node.ct(veid).ip('-br address show dev eth1')
    assert node.ping('85.86.87.201') == 1
    assert [line for line in node.syslog() if 'NETIF does not name vethadd.1 yet' in line]
    node.vzctl('restart', veid)
    assert node.ping('85.86.87.201') == 1
    node.vzctl('stop', veid)
    assert diff(before, snapshot(node)) == ''


@each_way(generations=['modern'])  # legacy vzctl has no such call
def test_delif_leaves_the_bridge(node: Node, veid: str) -> None:
    node.vzctl('start', veid)
    node.vzctl('set', veid, '--ifname', 'eth0', '--network', '')
    assert 'master' not in node.ip('link show dev ' + host_ifname(veid))
    assert FIRST not in node.ip('route show')
    node.vzctl('stop', veid)


@each_way()
def test_no_words_mean_every_veth(node: Node, veid: str) -> None:
    node.vzctl('start', veid)
    node.vzhook('clean', veid)
    hook = node.path('/usr/libexec/vzhooks/vzhook-external')
    node.run([hook], env={'VEID': veid, 'VZHOOKS_ROOT': node.root})
    assert works(node, veid)
