"""`vzhook doctor` on a real network: what is broken on purpose is what it names first, and its command mends it."""
import json
from typing import Any, Dict

import pytest

from tests.lab.confs import FIRST, bridged
from tests.lab.network import GATEWAY, INTERNET, Lab
from tests.lab.node import Node

PINNED = 'ip link set dev br0 address 02:00:0a:00:00:02'


@pytest.fixture
def node(lab: Lab) -> Node:
    node = lab.nodes['hn']
    node.run(['sh', '-c', PINNED])
    node.conf(101, bridged(101))
    node.vzctl('start', 101)
    return node


def wrong(node: Node, *words: object) -> Dict[str, Any]:
    """The step that the doctor stops at, {} where all is right."""
    run = node.vzhook('doctor', '--json', *words, check=False)
    steps = json.loads(run.stdout)
    assert [step for step in steps[:-1] if step['wrong']] == [] and run.returncode == int(bool(steps[-1]['wrong'])), run.stderr
    return dict(steps[-1]) if steps[-1]['wrong'] else {}


def shell(node: Node, command: str) -> str:
    """What a doctor's command prints, with the node's own vzhook."""
    return node.run(['sh', '-c', 'export VZHOOKS_ROOT={0} PATH={0}/usr/sbin:$PATH; {1}'.format(node.root, command)]).stdout


@pytest.mark.needs('ping')
def test_what_is_broken_is_named_and_its_command_mends_it(lab: Lab, node: Node) -> None:
    assert wrong(node) == {} and wrong(node, 101) == {} and wrong(node, 'bridge', 'br0') == {}
    table = [
        ('CT 101: the kernel has what was set up', 'ip route del {}'.format(FIRST)),
        ('CT 101: the kernel has what was set up', 'ip link set dev veth101.0 nomaster'),
        ('br0 forwards for a new port at once', 'ip link set dev br0 type bridge stp_state 1 forward_delay 1500'),
        ('CT 101: the conf is as it was at the start', 'sed -i s/195.26/195\\\\/27/ ' + node.path('/etc/vz/conf/101.conf')),
    ]
    for what, broken in table:
        node.run(['sh', '-c', broken])
        found = wrong(node, *([101] if what.startswith('CT') else ['bridge', 'br0']))
        assert found.get('what') == what, (broken, found)
        shell(node, found['shows'] + ' || true')
        shell(node, found['mends'])
        assert wrong(node, 101) == {}, broken
    assert node.ct(101).ping(INTERNET) == 1


@pytest.mark.needs('ping')
def test_a_port_smaller_than_its_bridge(node: Node) -> None:
    node.batch(['link set dev eth0 mtu 1400', 'link set dev br0 mtu 1500'])
    found = wrong(node, 'bridge', 'br0')
    assert found['what'] == 'port eth0 carries what br0 does'
    shell(node, found['mends'])
    assert wrong(node, 'bridge', 'br0') == {}


@pytest.mark.needs('ping', 'nft')
def test_a_foreign_filter_is_named(node: Node) -> None:
    node.run(['nft', 'add table ip docker; add chain ip docker FORWARD { type filter hook forward priority 0 ; policy drop ; }'])
    node.conf(102, bridged(102, '85.86.87.200/26').replace('BRIDGEDEV', 'VETH_MTU=1500\n#BRIDGEDEV'))
    node.vzctl('start', 102)
    found = wrong(node, 102)
    assert found['what'] == 'no filter drops what the node forwards' and "'table ip docker'" in found['wrong']
    assert 'policy drop' in shell(node, found['shows'])


@pytest.mark.needs('ping')
def test_a_gateway_that_knows_another_mac(lab: Lab, node: Node) -> None:
    """An entry that a reload cannot overwrite; our announcement does where the gateway takes it."""
    lab.outside.batch(['neigh replace {} lladdr 02:00:00:00:99:99 dev lan nud permanent'.format(FIRST)])
    found = wrong(node, 101)
    assert found['what'] == 'CT 101: its gateway 85.86.87.193 answers it' and 'an old ARP entry' in found['wrong']
    lab.outside.batch(['neigh replace {} lladdr 02:00:00:00:99:99 dev lan nud stale'.format(FIRST)])
    shell(node, found['mends'].partition(',')[0])
    assert wrong(node, 101) == {}
    lab.outside.batch(['link set lan down'])
    found = wrong(node, 101)
    assert found['wrong'] == 'it answers nobody'


@pytest.mark.needs('ping')
def test_hooks_that_vzctl_does_not_call(node: Node) -> None:
    node.write('/etc/vz/vznet.conf', '')
    found = wrong(node)
    assert found['what'] == 'vzctl calls the hooks' and 'vznet.conf' in found['wrong'] and found['mends'] == 'vzhook install'
    node.vzhook('install')
    assert wrong(node) == {}
    node.run(['chmod', '0644', node.path('/etc/vz/conf/vps.umount')])
    assert 'chmod 0755' in wrong(node)['wrong']


@pytest.mark.needs('ping')
def test_words_and_a_stopped_container(node: Node) -> None:
    node.vzctl('stop', 101)
    assert wrong(node, 101)['what'] == 'CT 101 runs, and was set up by vzhooks'
    for words, said in ((['brige'], 'is wanted'), (['101', 'bridge', 'br0'], 'nothing more'), (['--to', GATEWAY], '--to is for')):
        run = node.vzhook('doctor', *words, check=False)
        assert run.returncode == 2 and said in run.stderr
    for topic in ('announce', 'floating', 'bridge'):
        run = node.vzhook('doctor', topic, check=False)
        assert run.returncode == 1 and 'in vzhooks.conf' in run.stderr
    text = node.vzhook('doctor', '101', check=False).stdout
    assert text.startswith('vzhooks ') and '\nok     ' in text and '\nWRONG  CT 101 runs' in text and 'mended by: vzctl start 101' in text
