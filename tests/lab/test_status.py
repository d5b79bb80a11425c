"""`vzhook status` and `vzhook map` on a node whose containers come, go and die."""
import json
from typing import Any, Dict, List, Tuple

import pytest

from tests.lab.confs import SECOND, bridged
from tests.lab.network import Lab
from tests.lab.node import Node
from tests.lab.snapshot import diff, snapshot

pytestmark = pytest.mark.needs('dot')


def seen(node: Node, *words: str) -> Dict[str, Any]:
    report: Dict[str, Any] = json.loads(node.vzhook('status', '--json', *words).stdout)
    return report


def states(node: Node) -> List[Tuple[str, str]]:
    return [(one['veid'], one['state']) for one in seen(node)['containers']]


def test_states_follow_the_containers_and_nothing_is_touched(lab: Lab) -> None:
    node = lab.nodes['hn']
    node.conf(101, bridged(101) + 'HOSTNAME="<b>web"\n')
    node.conf(102, bridged(102, SECOND + '/26'))
    assert states(node) == [('101', 'stopped'), ('102', 'stopped')]
    node.vzctl('start', 101)
    node.vzctl('start', 102)
    before = snapshot(node)
    report = seen(node, '--bridge', 'br0')
    assert [one['state'] for one in report['containers']] == ['running', 'running']
    bridge, = report['node']['bridges']
    assert (bridge['ports'], bridge['containers'], bridge['addresses'][0], bridge['gateways'][0]) == (
        ['eth0'], 2, '10.0.0.2/24', '10.0.0.1')
    node.vzhook('map', '-o', node.path('/map.svg'))
    assert 'CT 101 &lt;b&gt;web' in node.read('/map.svg')
    assert node.vzhook('map', '101', '-o', node.path('/map.png')).stdout == ''
    assert diff(before, snapshot(node)) == ''
    node.vzctl('kill-inside', 101)  # nobody calls us
    node.run(['rm', '-r', node.path('/run/vzhooks/102')])
    assert states(node) == [('101', 'left over'), ('102', 'unmanaged')]
    node.vzctl('start', 101)
    node.vzctl('stop', 102)
    assert states(node) == [('101', 'running'), ('102', 'stopped')]
