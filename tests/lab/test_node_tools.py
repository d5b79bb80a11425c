"""Bridges of the node by the other tools: Open vSwitch, and brctl on nodes whose ip cannot make one."""
import pytest

from tests.lab.confs import bridged
from tests.lab.network import GATEWAY, INTERNET, Lab
from tests.lab.node import Node
from tests.lab.openvswitch import OpenVSwitch
from tests.lab.snapshot import diff, snapshot
from tests.lab.stream import Stream

CONF = '/etc/vz/vzhooks.conf'
BR0 = '[bridge br0]\ntype = {}\nports = eth0\naddress = 10.0.0.2/24\ngateway = 10.0.0.1\n'


@pytest.fixture
def node(plain_node: Node) -> Node:
    # without IPv6, since [bridge] names all addresses of a port
    plain_node.batch(['address del 2001:db8:1::2/64 dev eth0', 'route del default via 2001:db8:1::1'])
    return plain_node


@pytest.mark.needs('brctl')
def test_brctl_makes_the_same_bridge_as_ip(node: Node) -> None:
    before = snapshot(node)
    made = []
    for tool in ('brctl', 'ip'):
        node.write(CONF, '[node]\nbridge_tool = {}\n'.format(tool) + BR0.format('linux'))
        assert ('brctl addbr br0' in node.vzhook('node', 'plan').stdout) == (tool == 'brctl')
        node.vzhook('node', 'up', '--yes')
        assert 'nothing to do' in node.vzhook('node', 'up').stdout
        assert node.vzhook('node', 'check').returncode == 0
        assert node.ping(INTERNET) == 1
        made.append(snapshot(node))
        node.vzhook('node', 'down', '--yes')
        assert diff(before, snapshot(node)) == ''
    assert diff(*made) == ''


@pytest.mark.needs('root', 'ovs-vsctl')
def test_an_open_vswitch_bridge_takes_the_address_over_and_gives_it_back(bare_lab: Lab, node: Node) -> None:
    switch = OpenVSwitch(node)
    # A veth's checksums are not computed where the userspace datapath would need them (field-notes.md, OVS).
    for host, device in ((node, 'eth0'), (bare_lab.outside, 'plain')):
        host.run(['ethtool', '-K', device, 'tx', 'off'])
    node.write(CONF, BR0.format('ovs') + 'datapath = netdev\n')
    before = snapshot(node)
    stream = Stream(bare_lab.outside, node, '10.0.0.2')
    node.vzhook('node', 'up', '--yes')
    mac = '02:00:0a:00:00:02\n'
    assert node.run(['cat', '/sys/class/net/br0/address']).stdout == mac
    assert switch.ports('br0') == ['eth0']
    assert '10.0.0.2/24' in node.ip('address show dev br0') and '10.0.0.2/' not in node.ip('address show dev eth0')
    assert [node.ping(target) for target in (GATEWAY, INTERNET)] == [1, 1]
    assert 'nothing to do' in node.vzhook('node', 'up').stdout
    assert node.vzhook('node', 'check').returncode == 0
    node.conf(101, bridged(101, '10.0.0.101/24', '10.0.0.1'))
    node.vzctl('start', 101)
    assert node.ct(101).ping(INTERNET) == 1
    assert node.run(['cat', '/sys/class/net/br0/address']).stdout == mac  # pinned, whatever ports come
    refused = node.vzhook('node', 'down', '--yes', check=False)
    assert 'br0 has other ports: veth101.0' in refused.stderr
    node.vzctl('stop', 101)
    node.vzhook('node', 'down', '--yes')
    assert switch.vsctl('list-br') == ''
    assert stream.end()[0] > 10
    assert [line for line in diff(before, snapshot(node)).splitlines() if 'ovs-netdev' not in line and '@@' not in line] == []
    assert node.ping(INTERNET) == 1


@pytest.mark.needs('root', 'ovs-vsctl')
def test_a_port_of_another_open_vswitch_bridge_is_refused(node: Node) -> None:
    switch = OpenVSwitch(node)
    switch.add_bridge('br9')
    switch.vsctl('add-port br9 eth0')
    for kind in ('ovs', 'linux'):
        node.write(CONF, BR0.format(kind))
        refused = node.vzhook('node', 'up', '--yes', check=False)
        assert refused.returncode == 2 and 'port eth0 of br0 is a port of br9 now' in refused.stderr
    node.write(CONF, BR0.format('linux').replace('br0', 'br9'))
    refused = node.vzhook('node', 'up', '--yes', check=False)
    assert 'br9 is there already and is no Linux bridge' in refused.stderr


@pytest.mark.needs('root', 'ovs-vsctl')
def test_an_open_vswitch_bridge_of_somebody_else_stays_his(node: Node) -> None:
    switch = OpenVSwitch(node)
    switch.add_bridge('br9')
    before = switch.vsctl('list Bridge br9')
    node.write(CONF, '[bridge br9]\ntype = ovs\ndatapath = netdev\n')
    refused = node.vzhook('node', 'up', '--yes', check=False)
    assert refused.returncode == 2 and 'an Open vSwitch bridge br9 is there already, which vzhooks has not made' in refused.stderr
    assert switch.vsctl('list Bridge br9') == before
    switch.vsctl('br-set-external-id br9 owner vzhooks')
    node.vzhook('node', 'up', '--yes')
    node.vzhook('node', 'down', '--yes')
    assert switch.vsctl('list-br') == ''
