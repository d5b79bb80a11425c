"""`vzhook gc`: what is ours and nobody's goes, and nothing else."""
import os
import time

import pytest

from tests.lab.confs import FIRST, SECOND, bridged
from tests.lab.network import Lab
from tests.lab.node import Node
from tests.lab.openvswitch import OpenVSwitch
from tests.lab.snapshot import diff, snapshot
from tests.lab.stream import Stream

OURS = '''
ip route add 85.86.87.201 dev br0 proto 118
ip -6 route add 2001:db8:1::201 dev br0 proto 118
ip route add 10.77.0.0/16 dev br0 table 210 proto 118
ip rule add pref 11816 from 10.77.0.0/16 iif venet0 lookup 210 protocol 118
ip address add 85.86.87.202/32 dev br0 label br0:vzh
ip link add name br7 type bridge
ip link set dev br7 alias vzhooks:br7
nft 'add table inet vzhooks_ingress; add set inet vzhooks_ingress ingress { type ifname ; }; add element inet vzhooks_ingress ingress { "veth99.0" }'
nft 'add element netdev vzhooks_antispoof macs { "veth99.0" . 00:18:51:00:00:99 }'
nft 'add chain netdev vzhooks_antispoof port_veth99.0'
'''
FOREIGN = '''
ip route add 85.86.87.211 dev br0 proto static
ip route add 85.86.87.212 dev br0
ip -6 route add 2001:db8:1::211 dev br0
ip route add 10.78.0.0/16 dev br0 table 211 proto static
ip rule add pref 11817 from 10.78.0.0/16 lookup 211
ip address add 85.86.87.213/32 dev br0 label br0:x
ip link add name br8 type bridge
nft 'add table inet mine; add set inet mine ingress { type ifname ; }; add element inet mine ingress { "veth99.0" }'
'''


@pytest.fixture
def node(lab: Lab) -> Node:
    return lab.nodes['hn']


@pytest.mark.needs('root', 'nft')
def test_what_is_marked_and_nobodys_goes(lab: Lab, node: Node) -> None:
    node.conf(101, bridged(101) + 'ANTISPOOF=yes\n')
    node.vzctl('start', 101)
    node.run(['sh', '-ec', FOREIGN])
    stream = Stream(lab.internet, node.ct(101), FIRST)
    assert node.vzhook('gc').stdout == 'removed: 0\n'
    before = snapshot(node)
    node.run(['sh', '-ec', OURS])
    node.write('/var/cache/vzhooks/199/veth199.0.plan', 'x', 0o600)
    node.write('/run/vzhooks/claims/192.0.2.9', '199', 0o600)
    os.chmod(node.path('/run/vzhooks/claims'), 0o700)
    spoiled = snapshot(node)
    shown = node.vzhook('gc', '--dry-run').stdout
    print(shown)
    assert shown.endswith('found: 11\n') and diff(spoiled, snapshot(node)) == ''
    assert node.vzhook('gc').stdout.endswith('removed: 11\n')
    node.run(['nft', 'delete table inet vzhooks_ingress'])  # a table of the node: 'node down' takes it
    assert diff(before, snapshot(node)) == ''
    assert not os.path.exists(node.path('/var/cache/vzhooks/199')) and not os.path.exists(node.path('/run/vzhooks/claims'))
    assert node.vzhook('gc').stdout == 'removed: 0\n'
    node.vzhook('check')
    assert stream.end()[0] > 100


def test_a_container_that_vanished_is_undone(node: Node) -> None:
    before = snapshot(node)
    for veid, address in ((101, FIRST), (102, SECOND)):
        node.conf(veid, bridged(veid, address + '/26'))
        node.vzctl('start', veid)
    node.vzctl('kill-inside', 101)
    assert 'CT 101: left over: host ip route add 85.86.87.195' in node.vzhook('check', check=False).stdout
    node.vzhook('gc')
    assert '85.86.87.195' not in node.ip('route show') and node.ping(SECOND) == 1
    assert not os.path.exists(node.path('/run/vzhooks/101'))
    node.vzctl('kill-inside', 102)
    refused = node.vzhook('gc', check=False)
    assert refused.returncode == 1 and '--yes' in refused.stderr and 'ip route del 85.86.87.196' in refused.stdout
    assert '85.86.87.196' in node.ip('route show')
    node.vzhook('gc', '--yes')
    assert diff(before, snapshot(node)) == ''


def test_what_runs_without_a_journal_and_what_starts_is_left(node: Node) -> None:
    for veid, address in ((101, FIRST), (102, SECOND)):
        node.conf(veid, bridged(veid, address + '/26'))
        node.vzctl('start', veid)
    node.run(['rm', '-r', node.path('/run/vzhooks/101')])
    node.write('/run/vzhooks/103/before-the-start.journal', node.read('/run/vzhooks/102/veth102.0.journal'), 0o600)
    os.chmod(node.path('/run/vzhooks/103'), 0o700)
    before = snapshot(node)
    result = node.vzhook('gc')
    assert result.stdout == 'removed: 0\n' and 'CT 101 runs without a journal' in result.stderr
    assert diff(before, snapshot(node)) == ''
    os.utime(node.path('/run/vzhooks/103/before-the-start.journal'), (time.time() - 1000,) * 2)
    assert 'CT 103' in node.vzhook('gc').stdout
    assert not os.path.exists(node.path('/run/vzhooks/103'))


@pytest.mark.needs('root', 'ovs-vsctl')
def test_ports_that_open_vswitch_has_kept(node: Node) -> None:
    switch = OpenVSwitch(node)
    switch.add_bridge('br1', '10.1.0.1/24')
    node.conf(101, bridged(101, '10.1.0.101/24', '10.1.0.1', 'br1'))
    node.vzctl('start', 101)
    switch.vsctl('add-port br1 veth99.0 -- set Interface veth99.0 external-ids:owner=vzhooks')
    switch.vsctl('add-port br1 veth98.0')
    assert 'del-port br1 veth99.0' in node.vzhook('gc').stdout
    assert sorted(switch.ports('br1')) == ['veth101.0', 'veth98.0']
