"""Carrying out a plan: differences, conflicts, rollback, names that lie, many at once."""
import os
import re

import pytest

from tests.lab.confs import FIRST, SECOND, bridged, netif
from tests.lab.network import Lab
from tests.lab.node import Node
from tests.lab.snapshot import diff, snapshot


@pytest.fixture
def node(lab: Lab) -> Node:
    node = lab.nodes['hn']
    node.conf(101, bridged(101))
    return node


def said(node: Node, result: 'object') -> str:
    return result.stdout + result.stderr + '\n'.join(node.syslog())


def test_an_edit_while_running_changes_exactly_the_difference(lab: Lab, node: Node) -> None:
    node.vzctl('start', 101)
    node.conf(101, bridged(101, FIRST + '/26 85.86.87.200/26'))
    node.vzhook('run', 101)
    assert node.ping('85.86.87.200') == 1
    two = node.ct(101).ip('route show')
    node.conf(101, bridged(101, '85.86.87.200/26'))
    node.vzhook('run', 101)
    assert FIRST not in node.ip('route show') and FIRST not in node.ct(101).ip('address show')
    assert node.ping('85.86.87.200') == 1
    assert 'default via 85.86.87.193' in two and 'default via 85.86.87.193' in node.ct(101).ip('route show')


def test_dry_run_changes_nothing(node: Node) -> None:
    node.vzctl('start', 101)
    node.conf(101, bridged(101, SECOND + '/26'))
    before, inside = snapshot(node), snapshot(node.ct(101))
    shown = node.vzhook('run', 101, '--dry-run').stdout
    assert 'host  ip route add 85.86.87.196 dev br0 proto 118' in shown
    assert diff(before, snapshot(node)) == '' and diff(inside, snapshot(node.ct(101))) == ''


def test_somebody_elses_route_is_not_touched_and_the_start_is_rolled_back(node: Node) -> None:
    node.batch(['route add {} via 10.0.0.9 dev br0 proto static'.format(FIRST)])
    before = snapshot(node)
    result = node.vzctl('start', 101, check=False)
    assert result.returncode == 130
    text = said(node, result)
    assert 'a route of somebody else for 85.86.87.195' in text and 'via 10.0.0.9' in text
    assert diff(before, snapshot(node)) == ''
    assert not os.path.exists(node.path('/run/vzhooks/101'))


def test_a_rollback_on_a_running_container_puts_back_what_was(node: Node) -> None:
    node.vzctl('start', 101)
    before, inside = snapshot(node), snapshot(node.ct(101))
    journal = node.read('/run/vzhooks/101/veth101.0.journal')
    node.batch(['route add 85.86.87.200 via 10.0.0.9 proto static'])
    node.conf(101, bridged(101, SECOND + '/26 85.86.87.200/26', gateway='85.86.87.194'))
    result = node.vzhook('run', 101, check=False)
    assert result.returncode == 1 and '85.86.87.200' in result.stderr
    node.batch(['route del 85.86.87.200'])
    assert diff(before, snapshot(node)) == '' and diff(inside, snapshot(node.ct(101))) == ''
    assert node.read('/run/vzhooks/101/veth101.0.journal') == journal


def test_a_failure_names_command_output_and_conf_line(node: Node) -> None:
    node.conf(101, bridged(101, '2001:db8:1::101/64', gateway=''))
    node.sysctl('net.ipv6.conf.br0.disable_ipv6', 1)
    result = node.vzctl('start', 101, check=False)
    text = said(node, result)
    assert 'host  ip route add 2001:db8:1::101 dev br0 proto 118: ' in text
    assert '(from {})'.format(node.path('/etc/vz/conf/101.conf:3')) in text


def test_on_error_warn_goes_on(node: Node) -> None:
    node.write('/etc/vz/vzhooks.conf', '[node]\non_error = warn\n')
    node.conf(101, bridged(101, FIRST + '/26 2001:db8:1::101/64'))
    node.sysctl('net.ipv6.conf.br0.disable_ipv6', 1)
    node.vzctl('start', 101)
    assert node.ping(FIRST) == 1
    assert [line for line in node.syslog() if '2001:db8:1::101 dev br0 proto 118: ' in line]


def test_a_route_of_an_old_script_is_taken_over(node: Node) -> None:
    node.batch(['route add {} dev br0'.format(FIRST)])
    node.vzctl('start', 101)
    assert 'proto' in node.ip('route show ' + FIRST)
    assert [line for line in node.syslog() if 'took over the route' in line]
    node.vzctl('stop', 101)
    assert FIRST not in node.ip('route show')


def test_an_address_of_another_running_container_is_an_error_that_names_both(node: Node) -> None:
    node.conf(102, bridged(102))
    node.vzctl('start', 101)
    before = snapshot(node)
    result = node.vzctl('start', 102, check=False)
    assert result.returncode == 130
    assert '85.86.87.195 belongs to CT 101 as well as to CT 102' in said(node, result)
    assert diff(before, snapshot(node)) == ''
    assert node.ping(FIRST) == 1


def test_the_address_of_a_container_that_died_is_free(node: Node) -> None:
    node.conf(102, bridged(102))
    node.vzctl('start', 101)
    node.vzctl('kill-inside', 101)
    node.vzctl('start', 102)
    assert node.ping(FIRST) == 1
    node.vzctl('umount', 101, check=False)
    node.run([node.path('/usr/libexec/vzhooks/vzhook-umount')], env={'VEID': '101', 'VZHOOKS_ROOT': node.root})
    assert node.ping(FIRST) == 1, "the late clean-up of 101 took 102's route away"


def test_a_leftover_veth_is_recognised(node: Node) -> None:
    node.batch(['link add veth101.0 type veth peer name other'])
    result = node.vzctl('start', 101, check=False)
    assert result.returncode == 130
    assert 'its other end is not in another network namespace' in said(node, result)
    assert FIRST not in node.ip('route show')


def test_a_stale_name_of_the_nodes_own_namespace_is_not_entered(node: Node) -> None:
    node.vzctl('start', 101)
    node.vzhook('clean', 101)
    node.ct(101).popen(['sleep', '60'])  # the container's processes keep its namespace
    node.run(['sh', '-c', 'umount -l /run/netns/101; mount --bind /proc/self/ns/net /run/netns/101'])
    before = snapshot(node)
    result = node.vzhook('run', 101, check=False)
    assert result.returncode == 1
    assert "is the node's own network namespace" in result.stderr
    assert diff(before, snapshot(node)) == ''


def test_a_stale_name_of_another_containers_namespace_is_not_entered(node: Node) -> None:
    node.conf(102, netif(102))
    node.vzctl('start', 102)
    node.vzctl('start', 101)
    node.vzhook('clean', 101)
    node.ct(101).popen(['sleep', '60'])
    inside = snapshot(node.ct(102))
    node.run(['sh', '-c', 'umount -l /run/netns/101; mount --bind /run/netns/102 /run/netns/101'])
    result = node.vzhook('run', 101, check=False)
    assert result.returncode == 1 and 'left over from an earlier run' in result.stderr
    assert diff(inside, snapshot(node.ct(102))) == ''


def test_many_start_and_stop_at_once(lab: Lab, node: Node) -> None:
    veids = range(101, 117)
    for veid in veids:
        node.conf(veid, bridged(veid, '85.86.87.{}/26'.format(veid + 95)))
    before = snapshot(node)
    for verb in ('start', 'stop'):
        running = [node.vzctl_popen(verb, veid) for veid in veids]
        for process in running:
            out, err = process.communicate(timeout=60)
            assert process.returncode == 0, out + err
        if verb == 'start':
            assert node.ip('route show').count(' dev br0 proto ') == 16 + 1
            assert all(lab.internet.ping('85.86.87.{}'.format(veid + 95)) == 1 for veid in veids)
    assert diff(before, snapshot(node)) == ''


def test_a_mistake_stops_the_start_before_the_container_exists(node: Node) -> None:
    node.conf(101, bridged(101, '85.86.87.300/26', bridge='br9').replace('NETIF="', 'NETIF="ifname=a b,;'))
    before = snapshot(node)
    result = node.vzctl('start', 101, check=False)
    assert result.returncode == 79
    text = said(node, result)
    for mistake in ("101.conf:1: NETIF ifname=a b; an interface name", "101.conf:3: VETH_IP_ADDRESS: '85.86.87.300/26'",
                    '101.conf:5: bridge br9, which this node has not'):
        assert mistake in text
    assert [call.script for call in node.calls()] == ['/etc/vz/conf/vps.mount']
    assert diff(before, snapshot(node)) == ''


def test_nothing_in_a_conf_is_run(node: Node) -> None:
    canary = node.path('/canary')
    node.conf(101, bridged(101) + 'BRIDGEDEV_eth0="$(touch {0})"\nVETH_MTU=`touch {0}`\n'.format(canary))
    result = node.vzctl('start', 101, check=False)
    assert result.returncode == 79
    assert '101.conf:6: a command or a calculation' in said(node, result)
    assert not os.path.exists(canary)


def test_the_log_has_ct_and_duration(node: Node) -> None:
    node.vzctl('start', 101)
    assert [line for line in node.syslog() if 'vzhooks[' in line and re.search(r'CT 101 veth101\.0: network set up in \d+\.\d+ s', line)]
