"""`vzhook check` and `reconcile`: what differs from the plan is found, named and repaired, and nothing else is touched."""
import json
from typing import Any, Dict, List, Tuple

import pytest

from tests.lab import frames
from tests.lab.announcing import until
from tests.lab.confs import FIRST, SECOND, UUID, bridged, netif
from tests.lab.frames import Counter
from tests.lab.network import Lab
from tests.lab.node import Node
from tests.lab.openvswitch import OpenVSwitch
from tests.lab.snapshot import diff, snapshot
from tests.lab.stream import Stream


@pytest.fixture
def node(lab: Lab) -> Node:
    return lab.nodes['hn']


def check(node: Node, *veids: object) -> Dict[str, Dict[str, Any]]:
    """{VEID or `node`: its result}."""
    return {one['veid']: one for one in json.loads(node.vzhook('check', '--json', *veids, check=False).stdout)}


def drift(node: Node, veid: object = 101) -> List[Tuple[str, str, str, str]]:
    """(kind, side, command, found) of a container's differences."""
    return [(one['kind'], one['side'], one['command'], one['found']) for one in check(node)[str(veid)]['drift']]


def test_a_started_container_is_as_planned(node: Node) -> None:
    node.conf(101, bridged(101, FIRST + '/26 2001:db8:1::101/64', '85.86.87.193 2001:db8:1::1'))
    node.conf(102, netif(102) + 'VETH_IP_ADDRESS="85.86.87.196/26 2001:db8:1::102/64"\nVE_DEFAULT_GATEWAY="85.86.87.193 2001:db8:1::1"\n'
              'VETH_ROUTES="10.17.0.0/16 via 85.86.87.194"\nVETH_MTU=1400\nANTISPOOF=yes\n')
    node.conf(103, netif(103, bridge='br0'))
    for veid in (101, 102, 103):
        node.vzctl('start', veid)
    result = node.vzhook('check', check=False)
    print(result.stdout + result.stderr)
    assert result.returncode == 0 and 'containers: 3, ' in result.stdout and 'unverified: 0, drift: 0' in result.stdout
    assert result.stdout.count('\n') == 1


VETH6 = bridged(101, FIRST + '/26 2001:db8:1::101/64', '85.86.87.193 2001:db8:1::1')
ROUTE = 'ip route add 85.86.87.195 dev br0 proto 118'
DRIFTS = [
    ('ip route del 85.86.87.195', [('missing', 'host', ROUTE, '')]),
    ('ip route change 85.86.87.195 dev eth0 proto 118',
     [('different', 'host', ROUTE, '85.86.87.195 dev eth0 proto 118 scope link')]),
    ('ip route change 85.86.87.195 dev br0 proto static', []),  # an equal route of somebody else is as good
    ('ip link set veth101.0 nomaster', [('missing', 'host', 'ip link set dev veth101.0 master br0', '')]),
    ('ip link add br9 type bridge; ip link set veth101.0 master br9',
     [('different', 'host', 'ip link set dev veth101.0 master br0', 'master br9')]),
    ('ip link set veth101.0 down', [('different', 'host', 'ip link set dev veth101.0 up', 'down')]),
    ('ip -n 101 address flush dev eth0 scope global',
     [('missing', 'ct', 'ip address replace 85.86.87.195/26 dev eth0', ''),
      ('missing', 'ct', 'ip address replace 2001:db8:1::101/64 dev eth0 nodad', ''),
      ('missing', 'ct', 'ip route replace 10.0.0.2 dev eth0', ''),
      ('missing', 'ct', 'ip route replace default via 85.86.87.193 dev eth0', '')]),
    ('ip -n 101 -6 route del default', [('missing', 'ct', 'ip route replace default via 2001:db8:1::1 dev eth0', '')]),
]


def test_each_drift_is_named_and_repaired_alone(lab: Lab, node: Node) -> None:
    """And flows go on: those of the container itself where its way was not cut, and those of another one always."""
    node.conf(101, VETH6)
    node.conf(102, bridged(102, SECOND + '/26'))
    for veid in (101, 102):
        node.vzctl('start', veid)
    other, own = Stream(lab.internet, node.ct(102), SECOND), Stream(lab.outside, node.ct(101), FIRST)
    node.vzhook('check')
    before = snapshot(node), snapshot(node.ct(101))
    for command, wanted in DRIFTS:
        node.run(['sh', '-c', command])
        found = check(node)
        assert [(one['kind'], one['side'], one['command'], one['found']) for one in found['101']['drift']] == wanted, command
        assert found['102']['drift'] + found['node']['drift'] == []
        if command == DRIFTS[0][0]:
            assert node.vzhook('reconcile', '--dry-run').stdout == '# CT 101, veth101.0\nhost  ' + ROUTE + '\n'
        done = node.vzhook('reconcile').stdout.splitlines()
        assert [row for row in done if row.startswith('[#]')] == ['[#] {:5} {}'.format(*one[1:3]) for one in wanted], command
        until(lambda: lab.internet.ping(FIRST) == 1, 10)  # a link that came up forwards a moment later
    node.run(['sh', '-ec', 'ip link del br9; ip route change {} dev br0 proto 118'.format(FIRST)])
    assert [diff(*both) for both in zip(before, (snapshot(node), snapshot(node.ct(101))))] == ['', '']
    assert other.end()[0] > 100 and own.end()[0] > 10


def test_what_is_in_the_way_is_named_and_left(node: Node) -> None:
    node.conf(101, bridged(101))
    node.conf(102, bridged(102, SECOND + '/26'))
    for veid in (101, 102):
        node.vzctl('start', veid)
    node.batch(['route replace 85.86.87.195 dev eth0 proto static', 'address add 85.86.87.196/32 dev eth0'])
    way = '85.86.87.195 dev eth0 proto static scope link'
    assert drift(node) == [('foreign', 'host', ROUTE, way)]
    assert drift(node, 102) == [('foreign', 'host', ROUTE.replace(FIRST, SECOND), 'the node itself has eth0 inet 85.86.87.196/32')]
    before = snapshot(node)
    result = node.vzhook('reconcile', check=False)
    assert result.returncode == 1 and 'CT 101: foreign: host ' + ROUTE + ': found: ' + way in result.stderr
    assert diff(before, snapshot(node)) == ''
    assert node.vzhook('check', 102, check=False).returncode == 1


def test_of_two_veths_in_one_bridge_either_route_to_the_node_will_do(node: Node) -> None:
    node.conf(101, netif(101, 'eth0', 'eth1') + 'BRIDGEDEV=br0\nVETH_IP_ADDRESS={}/26\nVETH_IP_ADDRESS_eth1=85.86.87.201/26\n'.format(FIRST))
    node.vzctl('start', 101)
    assert drift(node, 101) == []
    node.run(['ip', '-n', '101', 'route', 'del', '10.0.0.2'])
    assert len(drift(node, 101)) == 2
    node.vzhook('reconcile')
    assert drift(node, 101) == []


def test_a_conf_that_was_edited_and_one_with_a_mistake(node: Node) -> None:
    node.write('/etc/vz/vzhooks/templates/announce.j2', 'host  ip link set dev {{ veth.device }} txqueuelen 1001\n')
    for veid, address in ((101, FIRST), (102, SECOND)):
        node.conf(veid, bridged(veid, address + '/26'))
        node.vzctl('start', veid)
    assert check(node)['101']['unverified'] == 1
    node.conf(101, bridged(101, '85.86.87.200/26'))
    assert [row for row in check(node)['101']['edited'] if ' nft ' not in row] == [
        '+ host ip route add 85.86.87.200 dev br0 proto 118', '+ ct ip address replace 85.86.87.200/26 dev eth0',
        '- host ' + ROUTE, '- ct ip address replace 85.86.87.195/26 dev eth0']
    result = node.vzhook('check')
    assert "CT 101: its conf has changed since its start; 'vzhook run 101' applies it" in result.stdout
    node.vzhook('reconcile')
    assert FIRST in node.ip('route show') and '85.86.87.200' not in node.ip('route show')
    node.conf(102, bridged(102, '85.86.87.300/26'))
    result = node.vzhook('check', check=False)
    assert result.returncode == 2 and "102.conf:3: VETH_IP_ADDRESS: '85.86.87.300/26'" in result.stdout
    node.ip('route del ' + SECOND)
    assert drift(node, 102) != [] and node.vzhook('reconcile', check=False).returncode == 2
    assert drift(node, 102) == []  # what the journal says is repaired, whatever the conf says
    node.run(['rm', node.path('/etc/vz/conf/102.conf')])
    assert check(node)['102']['edited'] == ['its conf file is gone']


def test_after_the_bridge_was_made_anew_all_comes_back(lab: Lab, node: Node) -> None:
    """`systemctl restart network`, or an ifreload that makes the bridge again."""
    node.conf(101, VETH6)
    node.conf(102, netif(102) + 'VETH_IP_ADDRESS="{}/26"\nVE_DEFAULT_GATEWAY="85.86.87.193"\n'.format(SECOND))
    for veid in (101, 102):
        node.vzctl('start', veid)
    node.sysctl('net.ipv4.conf.veth102/0.proxy_arp', 0)
    mac = node.run(['cat', '/sys/class/net/br0/address']).stdout.strip()
    node.batch(['link del br0', 'link add br0 address {} type bridge stp_state 0'.format(mac), 'link set eth0 master br0',
                'link set br0 up', 'address add 10.0.0.2/24 brd + dev br0', 'address add 2001:db8:1::2/64 dev br0 nodad',
                'route add default via 10.0.0.1 dev br0', 'route add default via 2001:db8:1::1 dev br0'])
    assert lab.internet.ping(FIRST, timeout=0.2) == 0
    assert [one[0] for one in drift(node)] == ['missing'] * 3
    assert drift(node, 102) == [('different', 'host', 'sysctl net.ipv4.conf.veth102/0.proxy_arp=1', '0')]
    node.vzhook('reconcile')
    until(lambda: [host.ping(target) for host, target in ((lab.internet, FIRST), (node, '2001:db8:1::101'), (node, SECOND))]
          == [1, 1, 1], 10)
    node.vzctl('stop', 101)
    node.vzhook('check')
    assert FIRST not in node.ip('route show')


@pytest.mark.needs('root', 'nft')
def test_after_a_firewall_reload_filters_and_public_addresses_come_back(lab: Lab, node: Node) -> None:
    node.batch(['link add pub0 type veth peer name wire', 'link set wire up', 'address add 203.0.113.1/24 dev pub0', 'link set pub0 up'])
    node.write('/etc/vz/vzhooks.conf', '[network internal]\ncidr = 85.86.87.192/26\ndev = br0\ngateway = 85.86.87.193\ntable = 210\n'
               '[floating]\nuplinks = pub0\n')
    node.conf(101, netif(101) + 'VETH_IP_ADDRESS="85.86.87.195/26"\nVE_DEFAULT_GATEWAY="85.86.87.193"\nANTISPOOF=yes\n'
              'FLOATING_IP="203.0.113.10"\n')
    node.vzctl('start', 101)
    result = node.vzhook('check', check=False)
    assert result.returncode == 0 and 'unverified: 0, drift: 0' in result.stdout, result.stdout + result.stderr
    before = snapshot(node)
    node.run(['sh', '-ec', 'nft flush ruleset; ip address del 203.0.113.10/32 dev pub0; ip route flush table 210'])
    found = check(node)
    assert {one['kind'] for one in found['101']['drift'] + found['node']['drift']} == {'missing'}
    assert len(found['101']['drift']) > 5 and len(found['node']['drift']) > 3
    node.vzhook('reconcile')
    assert diff(before, snapshot(node)) == ''
    node.vzhook('check')


@pytest.mark.needs('root', 'ovs-vsctl')
def test_after_an_open_vswitch_restart(node: Node) -> None:
    switch = OpenVSwitch(node)
    switch.add_bridge('br1', '10.1.0.1/24')
    for veid in (101, 102):
        node.conf(veid, bridged(veid, '10.1.0.{}/24'.format(veid), '10.1.0.1', 'br1') + 'ANTISPOOF=yes\nVETH_VLAN=7\n')
        node.vzctl('start', veid)
        node.ct(veid).run(['ethtool', '-K', 'eth0', 'tx', 'off'])
    result = node.vzhook('check', check=False)
    assert result.returncode == 0 and 'unverified: 0, drift: 0' in result.stdout, result.stdout + result.stderr
    switch.vsctl('del-port br1 veth101.0')
    switch.vsctl('set Port veth102.0 tag=8')
    assert [one[2].split()[2] for one in drift(node) if 'flow' not in one[2]][0] == 'add-port'
    assert [one[0] for one in drift(node, 102)] == ['different']
    number = switch.vsctl('get Interface veth102.0 ofport')
    assert 'del-port' not in node.vzhook('reconcile').stdout
    node.vzhook('check')
    assert switch.vsctl('get Interface veth102.0 ofport') == number
    assert node.ct(101).ping('10.1.0.102') == 1
    frames.settle(node.ct(101), '10.1.0.102')
    counter = Counter(node.ct(102), 'eth0')
    mac = node.ct(101).run(['cat', '/sys/class/net/eth0/address']).stdout.strip()
    frames.send(node.ct(101), [frames.arp(mac, '10.1.0.99', '10.1.0.102')])
    assert counter.counts() == {}  # though the port has another number now
    switch.restart()
    assert len(drift(node)) > 10  # its flows
    node.vzhook('reconcile')
    node.vzhook('check')
    assert node.ct(101).ping('10.1.0.102') == 1


def test_a_modern_node(lab: Lab) -> None:
    node = lab.add_node('modern', '10.0.0.7/24', generation='modern')
    node.install()
    node.conf(UUID, bridged(UUID, network='br0'))
    node.vzctl('start', UUID)
    result = check(node, UUID)[UUID]
    assert (result['state'], result['drift'], result['edited'], result['unverified']) == ('running', [], [], 0)
    node.run(['ip', '-n', UUID, 'link', 'set', 'eth0', 'down'])
    node.ip('link set veth{}.0 nomaster'.format(UUID[:8]))
    node.vzhook('reconcile', UUID)
    until(lambda: node.ct(UUID).ping('85.86.87.193') == 1, 10)
    node.run(['sh', '-c', 'cat >/usr/local/sbin/nsenter; chmod 755 /usr/local/sbin/nsenter'], input='#!/bin/sh\necho gone >&2; exit 1\n')
    result = check(node, UUID)[UUID]
    assert [(one['kind'], one['found'].split(': ')[-1]) for one in result['drift']] == [('unreachable', 'gone')]
    assert result['unverified'] == 4
    node.run(['rm', '/usr/local/sbin/nsenter'])
    node.vzctl('stop', UUID)
    assert check(node, UUID)[UUID]['state'] == 'unknown'
    assert node.vzhook('check', 999, check=False).returncode == 2


def test_a_container_without_a_named_namespace(node: Node) -> None:
    node.write('/vz/no-netns-name', '')
    node.conf(101, bridged(101))
    node.vzctl('start', 101)
    assert check(node)['101']['drift'] == []
    node.ct(101).run(['ip', 'route', 'del', 'default'])
    assert [one[:2] for one in drift(node)] == [('missing', 'ct')]
    node.vzhook('reconcile')
    assert node.ct(101).ping('85.86.87.193') == 1


def test_while_containers_start_and_stop(node: Node) -> None:
    """Nothing of a start in progress is drift, or is nobody's; what gc takes of a stop, the stop would have taken."""
    veids = range(101, 105)
    for veid in veids:
        node.conf(veid, bridged(veid, '85.86.87.{}/26'.format(veid + 94)))
    node.vzctl('start', 101)
    looking = [node.popen([node.path('/usr/sbin/vzhook')] + words, env=node._env(None)) for words in (['gc'], ['check'])]
    for _ in range(2):
        for verb in ('start', 'stop'):
            for one in [node.vzctl_popen(verb, veid) for veid in veids if veid != 101]:
                assert one.wait(30) == 0
            for number, words in enumerate((['gc'], ['check'])):
                if looking[number].poll() is not None:
                    out, err = looking[number].communicate()
                    assert looking[number].returncode == 0, out + err
                    looking[number] = node.popen([node.path('/usr/sbin/vzhook')] + words, env=node._env(None))
            if verb == 'start':
                node.vzhook('check')
    for one in looking:
        out, err = one.communicate(timeout=30)
        assert one.returncode == 0, out + err
