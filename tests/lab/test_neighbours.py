"""Whatever is wrong with one container, the network of the others, and of the node, stays."""
import os
import shutil

import pytest

from tests.lab.confs import FIRST, SECOND, bridged, netif
from tests.lab.network import GATEWAY, Lab
from tests.lab.node import Node
from tests.lab.openvswitch import OpenVSwitch, switched
from tests.lab.snapshot import diff, snapshot

ROUTED = netif(101) + 'VETH_IP_ADDRESS="85.86.87.195/26"\nVE_DEFAULT_GATEWAY="85.86.87.193"\n'


@pytest.fixture
def node(lab: Lab) -> Node:
    return lab.nodes['hn']


def hostile(node: Node, script: str) -> None:
    """Container 101's own ip, on a node where namespaces have no names, so that it is asked."""
    directory = node.path('/vz/private/101/fs-bin')
    os.makedirs(directory, exist_ok=True)
    node.write('/vz/private/101/fs-bin/ip', '#!/bin/sh\n' + script, 0o755)
    for name in ('sh', 'cat', 'echo'):
        if not os.path.lexists(os.path.join(directory, name)):
            os.symlink(shutil.which(name) or '', os.path.join(directory, name))


@pytest.mark.parametrize('way', ['start', 'run'])
def test_a_copied_conf_with_the_same_host_ifname_harms_nobody(node: Node, way: str) -> None:
    node.conf(101, ROUTED)
    node.vzctl('start', 101)
    before, inside = snapshot(node), snapshot(node.ct(101))
    node.conf(102, ROUTED.replace('.195', '.196'))
    if way == 'start':
        assert node.vzctl('start', 102, check=False).returncode == 130
    else:
        result = node.vzhook('run', 102, check=False)
        assert result.returncode == 1 and 'CT 102: it has no network namespace' in result.stderr
    assert node.ping(FIRST) == 1
    assert diff(before, snapshot(node)) == '' and diff(inside, snapshot(node.ct(101))) == ''


@pytest.mark.needs('root', 'ovs-vsctl')
def test_a_copied_conf_takes_no_open_vswitch_port_away(node: Node) -> None:
    ovs = OpenVSwitch(node)
    ovs.add_bridge('br1', '192.168.223.3/24')
    conf = netif(101) + 'VETH_IP_ADDRESS="192.168.223.5/24"\nBRIDGEDEV="br1"\n'
    node.conf(101, conf)
    node.vzctl('start', 101)
    node.conf(102, conf.replace('.5/', '.6/'))
    assert node.vzctl('start', 102, check=False).returncode == 130
    assert ovs.ports('br1') == ['veth101.0'] and node.ping('192.168.223.5') == 1


def test_a_late_clean_up_spares_the_device_that_has_the_name_now(node: Node) -> None:
    node.conf(101, bridged(101))
    node.vzctl('start', 101)
    node.vzctl('kill-inside', 101)
    node.conf(102, bridged(101, SECOND + '/26'))  # its host_ifname is veth101.0
    node.vzctl('start', 102)
    node.conf(101, bridged(101).replace('veth101.0', 'veth101.1'))
    node.vzctl('start', 101)
    assert node.ping(FIRST) == 1 and node.ping(SECOND) == 1
    assert 'master br0' in node.ip('link show dev veth101.0')


def test_leftovers_of_one_are_not_the_route_of_another(node: Node) -> None:
    """101 has no journal; the address in its conf is 102's now, by an administrator's template."""
    node.write('/etc/vz/vzhooks/templates/routes.j2', '{% for a in veth.all_addresses %}\n'
               'host ip route add {{ a.ip }} dev br0 proto 118 src 10.0.0.2\nundo ip route del {{ a.ip }} dev br0\n'
               '{% endfor %}\n')
    node.conf(102, bridged(102))
    node.vzctl('start', 102)
    node.conf(101, bridged(101))
    node.vzhook('clean', 101)
    assert node.ping(FIRST) == 1 and FIRST in node.ip('route show')


def test_two_with_one_address_never_both_start(node: Node) -> None:
    for veid in (101, 102):
        node.conf(veid, bridged(veid))
    for _ in range(4):
        node.run(['ip', 'route', 'add', FIRST, 'dev', 'br0'], check=False)  # an old script's, which both would take over
        starting = [node.vzctl_popen('start', veid) for veid in (101, 102)]
        for process in starting:
            process.communicate(timeout=60)
        assert [process.returncode for process in starting].count(0) <= 1
        for veid in (101, 102):
            node.vzctl('stop', veid, check=False)


@pytest.mark.parametrize('target', ['eth0', 'veth102.0'])
def test_a_forged_listing_moves_no_device_of_the_node(node: Node, target: str) -> None:
    node.write('/vz/no-netns-name', '')
    node.conf(102, bridged(102, SECOND + '/26'))
    node.vzctl('start', 102)
    node.conf(101, bridged(101))
    node.vzctl('start', 101)
    node.vzhook('clean', 101)
    index = node.run(['cat', '/sys/class/net/{}/ifindex'.format(target)]).stdout.strip()
    hostile(node, 'echo "2: eth0@if{}: <UP> mtu 1500 link/ether 00:18:51:00:01:00 brd ff"\n'.format(index))
    node.conf(101, 'NETIF="ifname=eth0"\nVETH_IP_ADDRESS="85.86.87.195/26"\nBRIDGEDEV=br0\n')
    before = snapshot(node)
    result = node.vzhook('run', 101, check=False)
    assert result.returncode == 1 and 'NETIF gives no host_ifname for eth0' in result.stderr
    node.vzhook('clean', 101)
    assert diff(before, snapshot(node)) == ''
    assert node.ping(GATEWAY) == 1 and node.ping(SECOND) == 1


@pytest.mark.parametrize('number', ['abc', '0', '999', '99999999999999999999', '-1', ''])
@pytest.mark.parametrize('on_error', ['fail', 'warn'])
def test_a_forged_line_number_is_text(node: Node, number: str, on_error: str) -> None:
    node.write('/vz/no-netns-name', '')
    node.write('/etc/vz/vzhooks.conf', '[node]\non_error = {}\n'.format(on_error))
    node.conf(101, bridged(101))
    node.vzctl('start', 101)
    node.vzhook('clean', 101)
    before = snapshot(node)
    hostile(node, 'echo "Command failed -:{}" >&2; exit 1\n'.format(number))
    result = node.vzhook('run', 101, check=False, timeout=20)
    assert 'Traceback' not in result.stderr and 'a bug' not in result.stderr
    assert result.returncode == (1 if on_error == 'fail' else 0)
    node.vzhook('clean', 101, check=False)
    assert diff(before, snapshot(node)) == ''


@pytest.mark.parametrize('switch', ['linux', pytest.param('ovs', marks=pytest.mark.needs('root', 'ovs-vsctl'))])
def test_an_address_that_moves_to_another_container_is_reached_at_once(lab: Lab, switch: str) -> None:
    """The node has just spoken with the old one, whose MAC it would go on using."""
    node, first6 = lab.nodes['hn'] if switch == 'linux' else switched(lab), '2001:db8:1::195'
    for veid in (101, 102):
        node.conf(veid, bridged(veid, '{}/26 {}/64'.format(FIRST, first6)))
        node.vzctl('start', veid)
        assert node.ping(FIRST) == 1 and node.ping(first6) == 1
        node.vzctl('stop', veid)


def test_what_an_administrator_has_fixed_and_what_others_have_stays(node: Node) -> None:
    node.batch(['neigh add {} dev br0 lladdr 00:18:51:00:00:aa nud permanent'.format(FIRST),
                'neigh add {} dev br0 lladdr 00:18:51:00:00:bb nud stale'.format(SECOND)])
    node.conf(101, bridged(101))
    node.vzctl('start', 101)
    known = node.ip('neigh show dev br0')
    assert '{} lladdr 00:18:51:00:00:aa PERMANENT'.format(FIRST) in known
    assert '{} lladdr 00:18:51:00:00:bb STALE'.format(SECOND) in known
