"""Containers on a real Open vSwitch bridge: attached, announced, cured of stale ports, left again."""
import pytest

from tests.lab.confs import UUID, host_ifname, netif
from tests.lab.network import Lab
from tests.lab.node import Node
from tests.lab.openvswitch import OpenVSwitch
from tests.lab.snapshot import diff, snapshot

pytestmark = pytest.mark.needs('root', 'ovs-vsctl')


@pytest.fixture
def node(lab: Lab) -> Node:
    return lab.nodes['hn']


@pytest.fixture
def ovs(node: Node) -> OpenVSwitch:
    switch = OpenVSwitch(node)
    switch.add_bridge('br1', '192.168.223.3/24')
    return switch


def conf(veid: int) -> str:
    return netif(veid) + 'VETH_IP_ADDRESS="192.168.223.{}/24"\nBRIDGEDEV="br1"\n'.format(veid)


def test_a_container_joins_and_leaves(node: Node, ovs: OpenVSwitch) -> None:
    node.conf(101, conf(101))
    node.conf(102, conf(102))
    before = snapshot(node)
    for _ in range(2):
        node.vzctl('start', 101)
        node.vzctl('start', 102)
        assert ovs.ports('br1') == ['veth101.0', 'veth102.0']
        assert 'owner=vzhooks' in ovs.vsctl('get Interface veth101.0 external_ids').replace('"', '')
        assert node.ping('192.168.223.101') == 1
        assert node.ct(101).ping('192.168.223.3') == 1
        assert node.ct(101).ping('192.168.223.102') == 1
        assert '192.168.223.3 dev eth0' in node.ct(101).ip('route show')
        node.vzctl('stop', 101)
        node.vzctl('stop', 102)
        assert ovs.ports('br1') == []
        assert diff(before, snapshot(node)) == ''


def test_run_again_does_not_interrupt(node: Node, ovs: OpenVSwitch) -> None:
    node.conf(101, conf(101))
    node.vzctl('start', 101)
    ofport = ovs.vsctl('get Interface veth101.0 ofport')
    node.vzhook('run', 101)
    assert ovs.vsctl('get Interface veth101.0 ofport') == ofport


def test_a_port_of_an_earlier_life_is_cured(node: Node, ovs: OpenVSwitch) -> None:
    """The veth was deleted and made again under its name: the port looks sound and forwards nothing."""
    node.conf(101, conf(101))
    node.vzctl('start', 101)
    node.vzctl('kill-inside', 101)
    node.run(['rm', node.path('/etc/vz/conf/vps.umount')])
    assert ovs.ports('br1') == ['veth101.0']
    node.vzctl('start', 101)
    assert node.ping('192.168.223.101', 3) == 3
    # the same without a journal
    node.vzctl('kill-inside', 101)
    node.run(['rm', '-r', node.path('/run/vzhooks')])
    node.vzctl('start', 101)
    assert node.ping('192.168.223.101', 3) == 3


def test_a_port_with_an_error_fails_the_start(node: Node, ovs: OpenVSwitch) -> None:
    node.write('/etc/vz/vzhooks/templates/join.j2',
               'host ovs-vsctl --may-exist add-port br1 nowhere\nundo ovs-vsctl --if-exists del-port nowhere\n')
    node.conf(101, conf(101))
    result = node.vzctl('start', 101, check=False)
    assert result.returncode == 130
    assert 'could not open network device nowhere' in result.stdout + result.stderr
    assert ovs.ports('br1') in ([], ['nowhere'])


def test_the_announcement_teaches_the_switch_the_containers_port(node: Node, ovs: OpenVSwitch) -> None:
    node.conf(101, conf(101))
    node.vzctl('start', 101)
    ofport = ovs.vsctl('get Interface veth101.0 ofport').strip()
    rows = [row.split() for row in node.run(['ovs-appctl', 'fdb/show', 'br1']).stdout.splitlines()]
    assert [row[0] for row in rows if row[2] == '00:18:51:00:01:00'] == [ofport]


def test_stock_vport_gets_the_external_ids_of_stock(node: Node, ovs: OpenVSwitch) -> None:
    node.generation = 'modern'
    node.write('/vz/generation', 'modern\n')
    line = netif(UUID, network='br1').replace('type=bridge', 'vport=ovs,ifaceid=9d2c-1,type=bridge')
    node.conf(UUID, line)
    device = host_ifname(UUID)
    node.vzctl('start', UUID)
    assert ovs.ports('br1') == [device]
    ids = ovs.vsctl('get Interface {} external_ids'.format(device)).replace('"', '')
    assert ids.strip() == '{attached-mac=00:18:51:00:e4:00, iface-id=9d2c-1, iface-status=active, vm-id=' + UUID + '}'
    node.vzctl('set', UUID, '--ifname', 'eth0', '--network', '')
    assert ovs.ports('br1') == []


def test_a_bridge_without_its_open_vswitch_is_a_mistake(lab: Lab, node: Node) -> None:
    node.batch(['link add br1 type veth peer name other'])  # an interface, but no bridge
    node.conf(101, conf(101))
    result = node.vzctl('start', 101, check=False)
    assert result.returncode == 79 and 'br1, which is no bridge' in result.stdout + result.stderr
