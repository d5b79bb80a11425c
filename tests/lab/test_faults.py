"""Whatever goes wrong at whatever point of a start or a stop: the next start works, and after the last stop all is as it was.

CI takes every point of one start and one stop at which a hook can be killed, and little more; `make faults` takes all faults of all
these containers, and prints a table.
"""
from typing import Dict, List, NamedTuple, Tuple

import pytest

from tests.lab.confs import FIRST, SECOND, bridged, netif
from tests.lab.faults import FULL, KINDS, PATIENT, Faults, note
from tests.lab.network import Lab
from tests.lab.node import Node
from tests.lab.snapshot import diff, snapshot


class Case(NamedTuple):
    """A container, and what its node has for it."""

    conf: str
    node_conf: str = '[node]\nantispoof = yes\n'
    devices: int = 1


MORE = 'VETH_MTU=1400\nVETH_ROUTES="10.17.0.0/16 via 85.86.87.194"\nVETH_ALLOW="10.9.0.0/16"\n'
CASES: Dict[str, Case] = {
    'one address': Case(bridged(101)),
    'two veths, IPv6': Case(netif(101, 'eth0', 'eth1') + MORE + (
        'VETH_IP_ADDRESS="{}/26 2001:db8:1::101/64"\nVE_DEFAULT_GATEWAY="85.86.87.193 2001:db8:1::1"\nBRIDGEDEV=br0\n'
        'VETH_IP_ADDRESS_eth1="{}/26"\n'.format(FIRST, SECOND)), devices=2),
    'no bridge': Case(netif(101) + 'VETH_IP_ADDRESS="10.20.0.5/32"\nVE_DEFAULT_GATEWAY="10.20.0.1"\n'),
    'vzctl exec': Case(bridged(101)),
    'floating': Case(bridged(101) + 'FLOATING_IP="203.0.113.10"\n', '[node]\nantispoof = yes\n[floating]\nuplinks = br0\n'),
    'stock': Case(netif(101, bridge='br0')),
}
KILLS = [('one address', verb, 'kill', False) for verb in ('start', 'stop')]


def sweeps() -> List[Tuple[str, str, str, bool]]:
    """Case, verb, kind, and whether nothing is cached. What waits for a command's time is tried once."""
    found = [(case, verb, kind, False) for case in CASES for verb in ('start', 'stop') for kind in KINDS if kind not in PATIENT]
    found += [('one address', 'start', kind, False) for kind in PATIENT]
    return found + [(case, 'start', kind, True) for case in ('one address', 'floating') for kind in ('kill', 'full', 'readonly')]


@pytest.mark.needs('conntrack')
@pytest.mark.parametrize('case, verb, kind, cold', sweeps() if FULL else KILLS)
def test_every_point_of_a_start_and_of_a_stop(lab: Lab, case: str, verb: str, kind: str, cold: bool) -> None:
    node, container = lab.nodes['hn'], CASES[case]
    node.write('/etc/vz/vzhooks.conf', container.node_conf + 'timeout = 1\n' * (kind in PATIENT))
    node.conf(101, container.conf)
    if case == 'vzctl exec':
        node.write('/vz/no-netns-name', '')
    node.vzctl('start', 101)
    what = '{}, {}{}'.format(case, verb, ', nothing cached' if cold else '')
    Faults(node, devices=container.devices).sweep(verb, kind, what, cold, least=3 if kind == 'kill' else 0)


NODE_CONF = '[bridge br1]\naddress = 10.1.0.1/24\n[network internal]\ncidr = 10.2.0.0/24\ndev = br0\ngateway = 10.2.0.1\ntable = 210\n'


@pytest.mark.parametrize('verb, kind', [(verb, kind) for verb in ('up', 'down') for kind in ('kill', 'readonly', 'missing')] if FULL
                         else [('up', 'readonly')])
def test_every_point_of_node_up_and_down(lab: Lab, verb: str, kind: str) -> None:
    """The node's own networks: what was half done is done by the next `up`, and undone by the next `down`."""
    node = lab.nodes['hn']
    node.write('/etc/vz/vzhooks.conf', NODE_CONF)
    node.batch(['address add 10.2.0.2/24 dev br0'])
    faults = Faults(node)

    def up() -> None:
        node.vzhook('node', 'up', '--yes')

    def down() -> None:
        node.vzhook('node', 'down', '--yes')

    up()
    down()
    before = snapshot(node)
    up()
    running = snapshot(node)
    for number in range(1, 200) if FULL else (3,):
        if verb == 'up':
            down()
        faults.arm(kind, number)
        code = node.vzhook('node', verb, '--yes', check=False).returncode
        where = '{} at {}'.format(kind, faults.points()[-1:])
        if not faults.disarm():
            break
        up()
        assert diff(running, snapshot(node)) == '', where
        down()
        assert diff(before, snapshot(node)) == '', where
        up()
        note('vzhook node ' + verb, kind, {0: 'went on', -9: 'killed'}.get(code, 'failed'))
    assert number > 1


def test_a_start_by_vzctl_whose_hook_is_killed_leaves_nothing(lab: Lab) -> None:
    """vzctl itself: the container is ended, its umount hooks run, and the next start works."""
    node = lab.nodes['hn']
    node.conf(101, bridged(101))
    before = snapshot(node)
    faults = Faults(node)
    started_and_stopped(node)
    for number in range(1, 200) if FULL else (16,):
        faults.arm('kill', number)
        code = node.vzctl('start', 101, check=False).returncode
        if not faults.disarm():
            break
        assert code in (79, 130) and diff(before, snapshot(node)) == '', faults.points()[-1:]
        started_and_stopped(node)
        assert diff(before, snapshot(node)) == '' and faults.left() == []
        note('start by vzctl', 'kill', 'start refused')
    node.vzctl('stop', 101, check=False)


def started_and_stopped(node: Node) -> None:
    node.vzctl('start', 101)
    assert node.ping(FIRST) == 1
    node.vzctl('stop', 101)
