"""[node] settings, libvirt networks, offload settings, and an environment that means us harm."""
import os

import pytest

from tests.lab.confs import FIRST, UUID, bridged, host_ifname, netif
from tests.lab.network import Lab
from tests.lab.node import Node
from tests.lab.snapshot import diff, snapshot


@pytest.fixture
def node(lab: Lab) -> Node:
    return lab.nodes['hn']


def modern(node: Node) -> None:
    node.generation = 'modern'
    node.write('/vz/generation', 'modern\n')


def program(node: Node, path: str, text: str) -> None:
    """A program on the node itself (in the lab's own tmpfs)."""
    node.run(['sh', '-c', 'cat >"$0"; chmod 755 "$0"', path], input='#!/bin/sh\n' + text)


@pytest.mark.needs('brctl')
@pytest.mark.parametrize('setting', ['brctl', 'auto'])
def test_brctl(node: Node, setting: str) -> None:
    if setting == 'auto':  # an ip from before 2011: it does not know `master`
        program(node, '/usr/local/sbin/ip', '[ "$*" = "link help" ] && echo Usage: ip link set DEVICE up && exit 1\n'
                'exec /usr/sbin/ip "$@"\n')
    node.write('/etc/vz/vzhooks.conf', '[node]\nbridge_tool = {}\n'.format(setting))
    node.conf(101, bridged(101))
    assert 'host  brctl addif br0 veth101.0\nundo  brctl delif br0 veth101.0\n' in node.vzhook('plan', 101).stdout
    before = snapshot(node)
    for _ in range(2):
        node.vzctl('start', 101)
        assert 'master br0' in node.ip('link show dev veth101.0')
        assert node.ping(FIRST) == 1
        node.vzhook('run', 101)
        assert node.ping(FIRST) == 1
        node.vzhook('clean', 101)
        assert 'master' not in node.ip('link show dev veth101.0')
        node.vzctl('stop', 101)
        assert diff(before, snapshot(node)) == ''


@pytest.mark.parametrize('custom', [False, True], ids=['stock', 'with our variables'])
def test_a_libvirt_network_gives_the_bridge(node: Node, custom: bool) -> None:
    modern(node)
    program(node, '/usr/local/sbin/virsh', '[ "$*" = "net-info Host-Only net" ] || exit 1\n'
            'printf "Name:   Host-Only net\\nActive:  yes\\nBridge:         br0\\n"\n')
    line = netif(UUID, network='Host-Only net').replace('type=bridge,', '')
    node.conf(UUID, line + ('VETH_IP_ADDRESS="{}/26"\n'.format(FIRST) if custom else ''))
    before = snapshot(node)
    node.vzctl('start', UUID)
    assert 'master br0' in node.ip('link show dev ' + host_ifname(UUID))
    assert (FIRST + ' dev br0' in node.ip('route show')) == custom
    node.vzctl('stop', UUID)
    assert diff(before, snapshot(node)) == ''


def test_an_unknown_libvirt_network_is_named(node: Node) -> None:
    modern(node)
    program(node, '/usr/local/sbin/virsh', 'echo "error: Network not found: $2" >&2; exit 1\n')
    node.conf(UUID, netif(UUID, network='nowhere').replace('type=bridge,', ''))
    result = node.vzctl('start', UUID, check=False)
    assert result.returncode == 136
    assert "network 'nowhere': virsh net-info names no bridge: error: Network not found: nowhere" in result.stdout


@pytest.mark.needs('ethtool')
def test_offload_settings_are_copied_from_the_bridges_first_port(node: Node) -> None:
    modern(node)
    node.run(['ethtool', '-K', 'eth0', 'tx', 'off'])
    node.conf(UUID, netif(UUID, network='br0'))
    node.vzctl('start', UUID)
    shown = node.run(['ethtool', '-k', host_ifname(UUID)]).stdout
    assert 'tx-checksumming: off' in shown and 'rx-checksumming: on' in shown


def test_an_earlier_bridge_is_left_first(node: Node) -> None:
    modern(node)
    node.batch(['link add br7 type bridge', 'link set br7 up'])
    node.conf(UUID, netif(UUID, network='br7'))
    node.vzctl('start', UUID)
    assert 'master br7' in node.ip('link show dev ' + host_ifname(UUID))
    node.vzctl('set', UUID, '--ifname', 'eth0', '--network', 'br0')
    assert 'master br0' in node.ip('link show dev ' + host_ifname(UUID))


def test_else_script_serves_the_others_with_the_same_words(node: Node) -> None:
    script = node.write('/else', '#!/bin/sh\necho "$@" >>"$VZHOOKS_ROOT/else.log"; umask >>"$VZHOOKS_ROOT/else.log"\n'
                        'exit ${CODE-3}\n', 0o755)
    node.write('/etc/vz/vzhooks.conf', '[node]\nelse_script = {}\n'.format(script))
    node.conf(101, netif(101))
    node.conf(102, bridged(102))
    result = node.vzctl('start', 101, check=False)
    assert result.returncode == 130  # vzctl's own for any non-zero
    assert node.read('/else.log') == 'init veth veth101.0\n0077\n'
    assert [call.returncode for call in node.calls() if 'external' in call.script] == [3]
    node.vzctl('start', 102)
    assert node.read('/else.log').count('init') == 1


def test_a_hostile_ip_in_the_callers_path_is_not_run(node: Node) -> None:
    canary = node.path('/canary')
    directory = node.path('/hostile')
    node.write('/hostile/ip', '#!/bin/sh\ntouch {}\n'.format(canary), 0o755)
    node.conf(101, bridged(101))
    hook = node.path('/usr/libexec/vzhooks/vzhook-external')
    node.vzctl('start', 101)
    env = {'PATH': directory + ':.:/usr/sbin:/usr/bin', 'VEID': '101', 'VZHOOKS_ROOT': node.root,
           'PYTHONPATH': directory, 'PYTHONSTARTUP': directory + '/ip', 'LD_PRELOAD_': ''}
    node.write('/hostile/os.py', 'open({!r}, "w")\n'.format(canary))
    node.run([hook, 'init', 'veth', 'veth101.0'], env=env, cwd=directory)
    node.run([node.path('/usr/sbin/vzhook'), 'run', '101'], env=env, cwd=directory)
    assert not os.path.exists(canary)


@pytest.mark.parametrize('kind, found', [
    ('directory', 'not a regular file'), ('ten megabytes', '1048576 at most are wanted'),
    ('symlink loop', 'Too many levels of symbolic links'), ('world-writable', 'writable by everybody'),
])
def test_a_conf_that_is_no_conf(node: Node, kind: str, found: str) -> None:
    path = '/etc/vz/conf/101.conf'
    if kind == 'directory':
        os.mkdir(node.path(path))
    elif kind == 'symlink loop':
        os.symlink(node.path(path), node.path(path))
    elif kind == 'world-writable':
        node.write(path, bridged(101), 0o666)
    else:
        node.write(path, bridged(101) + '#' * 10_000_000)
    env = {'VEID': '101', 'VZHOOKS_ROOT': node.root}
    for hook, code in (('external', 1), ('mount', 1), ('umount', 0)):
        result = node.run([node.path('/usr/libexec/vzhooks/vzhook-' + hook)], env=env, check=False)
        assert result.returncode == code
        assert '101.conf:1: ' in result.stderr and found in result.stderr, hook
    result = node.vzhook('plan', 101, check=False)
    assert result.returncode == 2 and found in result.stderr


@pytest.mark.parametrize('veid', ['../../etc/passwd', '', '0', '101\n', '-h', '1 2'])
def test_a_veid_that_is_none(node: Node, veid: str) -> None:
    before = snapshot(node)
    for hook, code in (('external', 1), ('mount', 1), ('umount', 0)):
        result = node.run([node.path('/usr/libexec/vzhooks/vzhook-' + hook)], check=False,
                          env={'VEID': veid, 'VZHOOKS_ROOT': node.root})
        assert result.returncode == code and 'a UUID in lower case is wanted' in result.stderr
    assert node.vzhook('run', '--', veid, check=False).returncode == 2
    assert diff(before, snapshot(node)) == '' and not os.path.exists(node.path('/run/vzhooks'))
