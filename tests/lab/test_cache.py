"""The lean path of the hooks on real starts: what it uses, when it plans anew, and that the plan is never a stale one."""
import os
import time

import pytest

from tests.lab.confs import FIRST, SECOND, UUID, bridged, host_ifname, netif
from tests.lab.network import Lab
from tests.lab.node import Node


@pytest.fixture
def node(lab: Lab) -> Node:
    node = lab.nodes['hn']
    node.conf(101, bridged(101))
    time.sleep(0.03)  # a conf of this very moment is not cached
    return node


def traced(node: Node) -> str:
    """Set 101 up by the hook as vzctl would; the trace says which way it took."""
    env = {'VEID': '101', 'VZHOOKS_ROOT': node.root, 'VZHOOKS_TRACE': '1'}
    return node.run([node.path('/usr/libexec/vzhooks/vzhook-external'), 'init', 'veth', 'veth101.0'], env=env).stderr


def test_the_second_start_needs_no_library(node: Node) -> None:
    node.install(own=True)
    node.vzctl('start', 101)
    node.vzctl('stop', 101)
    # whoever imports one of these now fails
    for name in ('planner', 'render', 'model'):
        path = node.path('/usr/share/vzhooks/vzhooks/{}.py'.format(name))
        node.run(['sh', '-c', 'echo "1/0" >"$0"; rm -r "$1"', path, node.path('/usr/share/vzhooks/vzhooks/__pycache__')],
                 check=False)
    node.vzctl('start', 101)
    assert node.ping(FIRST) == 1
    node.vzctl('stop', 101)
    assert FIRST not in node.ip('route show')


@pytest.mark.parametrize('change, reason', [
    ('conf', '101.conf has changed'), ('vz.conf', 'vz.conf has changed'), ('vzhooks.conf', 'vzhooks.conf has changed'),
    ('template', 'has changed'), ('mtu', "mtu br0 was '1500' and is '1400'"), ('bridge address', 'ipv4 br0 was'),
])
def test_a_change_is_noticed(node: Node, change: str, reason: str) -> None:
    node.vzctl('start', 101)
    assert 'plan made' not in traced(node)
    if change == 'mtu':
        node.batch(['link set br0 mtu 1400'])
    elif change == 'bridge address':
        node.batch(['address del 10.0.0.2/24 dev br0', 'address add 10.0.0.77/24 dev br0'])
    else:
        path = {'conf': 'conf/101.conf', 'template': 'vzhooks/templates/announce.j2'}.get(change, change)
        old = node.read('/etc/vz/' + path) if os.path.exists(node.path('/etc/vz/' + path)) else ''
        node.write('/etc/vz/' + path, old + '\n')
    time.sleep(0.03)
    assert reason in node.vzhook('plan', 101, '--why').stdout
    assert 'plan made' in traced(node)
    assert 'plan made' not in traced(node)
    assert 'the cached plan is used' in node.vzhook('plan', 101, '--why').stdout


def test_an_edit_is_never_answered_with_the_old_plan(node: Node) -> None:
    """Written and started at once, within one tick of the kernel's clock if need be."""
    for address in (FIRST, SECOND) * 5:
        node.conf(101, bridged(101, address + '/26'))
        node.vzctl('start', 101)
        assert address + '/26' in node.ct(101).ip('-br address show dev eth0')
        node.vzctl('stop', 101)


@pytest.mark.parametrize('content', ['', 'rubbish', '\n\nhost  ip link del br0\n# end\n'])
def test_a_bad_cache_is_made_anew_and_logged(node: Node, content: str) -> None:
    node.vzctl('start', 101)
    cached = '/var/cache/vzhooks/101/veth101.0.plan'
    good = node.read(cached)
    node.write(cached, content, 0o600)
    assert 'plan made' in traced(node)
    assert node.read(cached) == good
    assert [line for line in node.syslog() if 'the cached plan is made anew; it was unusable: ' in line]
    assert 'br0' in node.ip('link show')


def test_a_cache_of_another_owner_is_not_believed(node: Node) -> None:
    node.vzctl('start', 101)
    cached = node.path('/var/cache/vzhooks/101/veth101.0.plan')
    os.chmod(cached, 0o666)
    assert 'plan made' in traced(node)


def test_warm_makes_all_plans(node: Node) -> None:
    node.conf(102, bridged(102, SECOND + '/26'))
    node.conf(103, netif(103))
    node.conf(104, bridged(104, '85.86.87.300/26'))
    node.conf(UUID, bridged(UUID, '85.86.87.199/26', network='br0'))
    time.sleep(0.03)
    result = node.vzhook('cache', 'warm', check=False)
    assert result.returncode == 2 and 'containers: 5, mistakes: 1, other troubles: 0' in result.stdout
    assert "104.conf:3: VETH_IP_ADDRESS: '85.86.87.300/26'" in result.stderr
    made = node.run(['find', node.path('/var/cache/vzhooks'), '-name', '*.plan']).stdout.split()
    assert len([path for path in made if 'validated' not in path]) == 4
    node.vzctl('start', 101)
    assert 'plan made' not in traced(node)
    node.generation = 'modern'
    node.write('/vz/generation', 'modern\n')
    node.vzctl('start', UUID)
    node.vzctl('stop', UUID)
    assert 'the cached plan is used' in node.vzhook('plan', UUID, '--why').stdout
    assert host_ifname(UUID) in node.vzhook('plan', UUID, '--why').stdout
