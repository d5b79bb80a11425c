"""When something does not work: what is no failure, what stays to be done, what is left for the next try."""
import os

import pytest

from tests.lab.confs import FIRST, SECOND, UUID, bridged, netif
from tests.lab.network import Lab
from tests.lab.node import Node
from tests.lab.openvswitch import OpenVSwitch
from tests.lab.snapshot import diff, snapshot


@pytest.fixture
def node(lab: Lab) -> Node:
    node = lab.nodes['hn']
    node.conf(101, bridged(101))
    return node


@pytest.mark.parametrize('command', ['nosuch 3', 'sleep 3', 'false'])
def test_a_dash_forgives_a_missing_program_and_one_that_hangs(node: Node, command: str) -> None:
    node.write('/etc/vz/vzhooks.conf', '[node]\ntimeout = 1\n')
    node.write('/etc/vz/vzhooks/templates/announce.j2', '-once {}\n'.format(command))
    node.vzctl('start', 101)
    assert node.ping(FIRST) == 1


@pytest.mark.parametrize('command', ['nosuch 3', 'sleep 3', 'false'])
def test_without_it_they_fail_the_start_or_are_said(node: Node, command: str) -> None:
    node.write('/etc/vz/vzhooks/templates/announce.j2', 'once {}\n'.format(command))
    node.write('/etc/vz/vzhooks.conf', '[node]\ntimeout = 1\n')
    before = snapshot(node)
    assert node.vzctl('start', 101, check=False).returncode == 130
    assert diff(before, snapshot(node)) == ''
    node.write('/etc/vz/vzhooks.conf', '[node]\ntimeout = 1\non_error = warn\n')
    node.vzctl('start', 101)
    assert node.ping(FIRST) == 1
    assert [line for line in node.syslog() if 'once  ' + command in line]


def test_a_modern_stock_container_starts_without_ethtool(lab: Lab) -> None:
    node = lab.add_node('m1', generation='modern')
    node.install()
    node.conf(UUID, netif(UUID, network='br0'))
    node.run(['sh', '-c', 'for d in /usr/sbin /sbin; do [ ! -e $d/ethtool ] || mount --bind /dev/null $d/ethtool; done'])
    node.vzctl('start', UUID)


def test_warn_goes_on_where_there_is_no_way_inside(node: Node) -> None:
    node.write('/vz/no-netns-name', '')
    node.write('/etc/vz/vzhooks.conf', '[node]\non_error = warn\nct_exec = netns\n')
    node.vzctl('start', 101)
    assert FIRST in node.ip('route show')
    assert [line for line in node.syslog() if 'its network namespace has no name here' in line]


def test_a_line_that_ip_cannot_parse_leaves_nothing_of_its_batch(node: Node) -> None:
    node.conf(101, bridged(101, FIRST + '/26 ' + SECOND + '/26'))
    node.vzctl('start', 101)
    node.vzhook('clean', 101)
    before = snapshot(node)
    shipped = node.read('/usr/share/vzhooks/vzhooks/templates/routes.j2')
    node.write('/etc/vz/vzhooks/templates/routes.j2', shipped + 'host ip route add bogus\n')
    result = node.vzhook('run', 101, check=False)
    assert result.returncode == 1 and 'host  ip route add bogus: ' in result.stderr
    assert diff(before, snapshot(node)) == ''


def test_a_veth_taken_out_of_netif_is_taken_down_by_run(node: Node) -> None:
    addresses = 'BRIDGEDEV=br0\nVETH_IP_ADDRESS_eth0="{}/26"\nVETH_IP_ADDRESS_eth1="{}/26"\n'.format(FIRST, SECOND)
    node.conf(101, netif(101, 'eth0', 'eth1') + addresses)
    node.vzctl('start', 101)
    node.conf(101, netif(101, 'eth0') + addresses)
    node.vzhook('run', 101)
    assert SECOND not in node.ip('route show') and node.ping(FIRST) == 1
    assert 'master' not in node.ip('link show dev veth101.1')


@pytest.mark.needs('root', 'ovs-vsctl')
def test_what_could_not_be_undone_is_tried_again(node: Node) -> None:
    ovs = OpenVSwitch(node)
    ovs.add_bridge('br1', '192.168.223.3/24')
    node.conf(101, netif(101) + 'VETH_IP_ADDRESS="192.168.223.5/24"\nBRIDGEDEV="br1"\n')
    before = snapshot(node)
    node.vzctl('start', 101)
    node.run(['mv', '/run/openvswitch/db.sock', '/run/openvswitch/away'])
    node.vzctl('stop', 101)
    assert os.path.exists(node.path('/run/vzhooks/101/veth101.0.journal'))
    assert node.vzhook('clean', 101, check=False).returncode == 1
    node.run(['mv', '/run/openvswitch/away', '/run/openvswitch/db.sock'])
    assert ovs.ports('br1') == ['veth101.0']
    node.vzhook('clean', 101)
    assert ovs.ports('br1') == [] and diff(before, snapshot(node)) == ''


@pytest.mark.parametrize('content', ['', 'rubbish', None])
def test_a_journal_that_cannot_be_read_is_no_reason_to_leave_routes(node: Node, content: str) -> None:
    before = snapshot(node)
    node.vzctl('start', 101)
    path = '/run/vzhooks/101/veth101.0.journal'
    if content is None:
        os.chmod(node.path(path), 0o666)
    else:
        node.write(path, content, 0o600)
    node.vzctl('stop', 101)
    assert diff(before, snapshot(node)) == '' and not os.path.exists(node.path('/run/vzhooks/101'))


def test_what_a_killed_writer_left_is_no_obstacle(node: Node) -> None:
    node.run(['mkdir', '-p', '-m', '700', node.path('/run/vzhooks/101')])
    node.write('/run/vzhooks/101/veth101.0.journal.new', 'half', 0o600)
    node.vzctl('start', 101)
    node.vzctl('stop', 101)
    assert not os.path.exists(node.path('/run/vzhooks/101'))


def test_the_verdict_of_one_conf_is_not_that_of_another(node: Node) -> None:
    hook = node.path('/usr/libexec/vzhooks/vzhook-mount')
    env = {'VEID': '101', 'VZHOOKS_ROOT': node.root, 'VE_CONFFILE': node.path('/etc/vz/conf/101.conf')}
    node.run([hook], env=env)
    other = node.write('/other.conf', bridged(101, '10.0.0.999/24'))
    result = node.run([hook], env=dict(env, VE_CONFFILE=other), check=False)
    assert result.returncode == 1 and 'other.conf:3: ' in result.stderr


def test_else_script_gets_every_call_of_its_containers(lab: Lab) -> None:
    node = lab.add_node('m1', generation='modern')
    node.install()
    script = node.write('/else', '#!/bin/sh\necho "$@" >>"$VZHOOKS_ROOT/else.log"\nexit 7\n', 0o755)
    node.write('/etc/vz/vzhooks.conf', '[node]\nelse_script = {}\n'.format(script))
    node.conf(UUID, netif(UUID, network='a libvirt network').replace('type=bridge,', ''))
    hook = node.path('/usr/libexec/vzhooks/vzhook-external')
    for words in (['addif', 'vethx', 'a', 'libvirt', 'network'], ['delif', 'vethx'], []):
        assert node.run([hook] + words, env={'VEID': UUID, 'VZHOOKS_ROOT': node.root}, check=False).returncode == 7
    assert node.read('/else.log') == 'addif vethx a libvirt network\ndelif vethx\n\n'


@pytest.mark.parametrize('script', ['/usr', '/nowhere', 'relative'])
def test_an_else_script_that_is_none_is_a_mistake(node: Node, script: str) -> None:
    node.write('/etc/vz/vzhooks.conf', '[node]\nelse_script = {}\n'.format(script))
    result = node.vzctl('start', 101, check=False)
    assert result.returncode == 79
    assert 'vzhooks.conf:2: else_script = {}; the path of a program'.format(script) in result.stdout + result.stderr


def test_a_reader_who_has_gone_does_not_stop_the_work(node: Node) -> None:
    node.vzctl('start', 101)
    node.conf(101, bridged(101, SECOND + '/26'))
    command = [node.path('/usr/sbin/vzhook'), 'run', '101']
    env = {'VZHOOKS_ROOT': node.root, 'PATH': '/usr/sbin:/usr/bin:/sbin:/bin'}
    for ending in ('| true', '>/dev/full', '>&-'):
        node.run(['sh', '-c', '"$@" ' + ending, 'sh'] + command, env=env, check=False)
        assert node.ping(SECOND) == 1, ending
        assert FIRST not in node.ip('route show')
