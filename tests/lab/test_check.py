"""`vzhook check` and `reconcile`: what differs from the plan is found, named and repaired, and nothing else is touched."""
import json
from typing import Any, Dict, List, Tuple

import pytest

from tests.lab.confs import FIRST, SECOND, bridged, netif
from tests.lab.network import Lab
from tests.lab.node import Node
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
    ('ip -n 101 address add 85.86.87.195/24 dev eth0; ip -n 101 address del 85.86.87.195/26 dev eth0', [
        ('different', 'ct', 'ip address replace 85.86.87.195/26 dev eth0', '85.86.87.195/24 on eth0')]),
    ('ip -n 101 route change default via 85.86.87.194',
     [('different', 'ct', 'ip route replace default via 85.86.87.193 dev eth0', 'default via 85.86.87.194 dev eth0')]),
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
        assert lab.internet.ping(FIRST) == 1, command
    node.run(['sh', '-ec', 'ip link del br9; ip -n 101 address del 85.86.87.195/24 dev eth0; ip route change {} dev br0 proto 118'.format(FIRST)])
    assert [diff(*both) for both in zip(before, (snapshot(node), snapshot(node.ct(101))))] == ['', '']
    assert other.end()[0] > 100 and own.end()[0] > 10
