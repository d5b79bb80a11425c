"""A container without our variables gets what the stock vznetcfg of its generation would have done, no more."""
import pytest

from tests.lab.confs import UUID, bridged, host_ifname, netif
from tests.lab.network import Lab
from tests.lab.node import Node
from tests.lab.snapshot import diff, snapshot


@pytest.fixture
def node(lab: Lab) -> Node:
    return lab.nodes['hn']


def stock(node: Node, generation: str) -> None:
    """Take our hooks out, so that the stand-in does what stock vznetcfg does."""
    node.write('/etc/vz/vznet.conf', '')
    node.run(['rm', '-f', node.path('/etc/vz/conf/vps.mount'), node.path('/etc/vz/conf/vps.umount')])
    node.generation = generation
    node.write('/vz/generation', generation + '\n')


@pytest.mark.parametrize('conf', [
    netif(101), netif(101, 'eth0', 'eth1'), netif(101, bridge='br0'), 'NETIF=""\n', '',
    'IP_ADDRESS="10.1.12.2/255.255.255.255"\nDESCRIPTION="see $(reboot)"\n' + netif(101),
    netif(101) + 'DESCRIPTION="never closed\n',
    bridged(101).replace('"yes"', '"no"'),
], ids=['one veth', 'two', 'bridge= in NETIF', 'empty NETIF', 'empty conf', 'a command in DESCRIPTION', 'an open quote',
        'CONFIG_CUSTOMIZED=no'])
def test_legacy_stock_containers(lab: Lab, node: Node, conf: str) -> None:
    node.conf(101, conf)
    before = snapshot(node)
    node.vzctl('start', 101)
    ours, inside = snapshot(node), snapshot(node.ct(101))
    node.vzctl('stop', 101)
    assert diff(before, snapshot(node)) == ''
    stock(node, 'legacy')
    node.vzctl('start', 101)
    if 'bridge=' in conf:  # stock vznetaddbr, which its administrator had as EXTERNAL_SCRIPT
        node.batch(['link set veth101.0 master br0'])
    assert diff(snapshot(node), ours) == ''
    assert diff(snapshot(node.ct(101)), inside) == ''


def test_modern_stock_container_in_a_bridge(lab: Lab, node: Node) -> None:
    node.generation = 'modern'
    node.write('/vz/generation', 'modern\n')
    node.conf(UUID, netif(UUID, network='br0'))
    before = snapshot(node)
    node.vzctl('start', UUID)
    ours, inside = snapshot(node), snapshot(node.ct(UUID))
    assert 'master br0' in node.ip('link show dev ' + host_ifname(UUID))
    node.vzctl('stop', UUID)
    assert diff(before, snapshot(node)) == ''
    stock(node, 'modern')
    node.vzctl('start', UUID)
    assert diff(snapshot(node), ours) == ''
    assert diff(snapshot(node.ct(UUID)), inside) == ''


def test_mistakes_that_do_not_matter_are_logged(node: Node) -> None:
    node.conf(101, 'DESCRIPTION="$(reboot)"\n' + netif(101))
    node.vzctl('start', 101)
    assert [line for line in node.syslog() if "101.conf:1: a command or a calculation, '$(...'" in line]
