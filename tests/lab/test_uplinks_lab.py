"""The lab's two uplinks: each source leaves by the gateway that the node's rules say, and the gateways count it."""
import time
from typing import Iterator

import pytest

from tests.lab.network import INTERNET, INTERNET6, Lab
from tests.lab.node import Node
from tests.lab.process import CommandFailed, Host
from tests.lab.recording import Recorder
from tests.lab.snapshot import diff, snapshot
from tests.lab.uplinks import (
    ALL,
    BOTH,
    EXTERNAL,
    INNER,
    INNER6,
    INTERNAL,
    INTERNAL6,
    NEIGHBOURS,
    NEIGHBOURS6,
    OUTER,
    OUTER6,
    TABLES,
    TABLES6,
    Uplinks,
    rp_filter,
)

pytestmark = pytest.mark.needs('root', 'nft')


def scenario(node: Node) -> None:
    """Scenario 2 by hand, in both families."""
    node.batch(TABLES + NEIGHBOURS)
    node.run(['ip', '-6', '-batch', '-'], input='\n'.join(TABLES6 + NEIGHBOURS6) + '\n')


def test_who_reaches_whom(uplinks: Uplinks, hn: Node) -> None:
    for target in (INTERNAL, EXTERNAL, INTERNAL6, '2001:db8:20::3', INTERNET, INTERNET6):
        assert hn.ping(target) == 1, target
    for target in ('192.168.1.142', '200.200.100.6', '2001:db8:10::142', '2001:db8:20::6'):
        assert uplinks.internet.ping(target) == 1, target
    assert uplinks.internal.forwarded('192.168.1.142') == 2  # its request, and its answer to the Internet
    second = uplinks.add_node('hn2', 1)
    assert hn.ping('192.168.1.143') == second.ping('2001:db8:20::6') == 1


def test_without_bridges() -> None:
    with Lab() as lab:
        node = Uplinks(lab, bridges=False, with_venet=False).node
        assert '192.168.1.142/24' in node.ip('addr show eth0') and '200.200.100.6/23' in node.ip('addr show eth1')
        assert 'vmbr' not in node.ip('link') and 'venet0' not in node.ip('link')
        assert node.ping(INTERNET) == node.ping(INTERNET6) == 1


def test_without_policy_routing_all_leaves_by_the_default_gateway(uplinks: Uplinks, hn: Node) -> None:
    hn.conf(138, ALL)
    hn.vzctl('start', 138)
    for source, target in ((OUTER, INTERNET), (INNER, INTERNET), (OUTER6, INTERNET6), (INNER6, INTERNET6)):
        assert hn.ct(138).ping(target, 3, source=source) == 3
        assert (uplinks.internal.forwarded(source), uplinks.external.forwarded(source)) == (3, 0)
    assert uplinks.internal.forwarded('200.200.100.0/23') == 3
    uplinks.internal.reset()
    assert uplinks.internal.counts() == {}


def test_with_the_scenario_s_rules_each_source_leaves_by_its_own_gateway(uplinks: Uplinks, hn: Node) -> None:
    hn.conf(138, ALL)
    hn.vzctl('start', 138)
    scenario(hn)
    ct = hn.ct(138)
    for source, target in ((OUTER, INTERNET), (INNER, INTERNET), (OUTER6, INTERNET6), (INNER6, INTERNET6)):
        assert ct.ping(target, 3, source=source) == 3, source
    assert uplinks.internal.counts() == {INNER: 3, INNER6: 3}
    assert uplinks.external.counts() == {OUTER: 3, OUTER6: 3}


def test_neighbours_talk_without_a_gateway(uplinks: Uplinks, hn: Node) -> None:
    hn.conf(138, ALL)
    hn.conf(139, 'IP_ADDRESS="200.200.100.13/23 192.168.1.101/24 2001:db8:10::101/64"\n')
    hn.vzctl('start', 138)
    hn.vzctl('start', 139)
    pairs = ((OUTER, '200.200.100.13'), (INNER, '192.168.1.101'), (INNER6, '2001:db8:10::101'))
    hn.batch(TABLES)
    # table 210 knows of no neighbour: this is what the scenario has its first rules for
    assert hn.ct(138).ping('192.168.1.101', source=INNER, timeout=0.3) == 0
    hn.batch(NEIGHBOURS)
    hn.run(['ip', '-6', '-batch', '-'], input='\n'.join(TABLES6 + NEIGHBOURS6) + '\n')
    uplinks.internal.reset()
    for source, target in pairs:
        assert hn.ct(138).ping(target, 2, source=source) == 2, target
    assert uplinks.internal.counts() == uplinks.external.counts() == {}
    for gateway in (uplinks.internal, uplinks.external):
        gateway.ns.ip('link set dev lan down')
    for source, target in pairs:
        assert hn.ct(138).ping(target, 2, source=source) == 2, target


def test_rp_filter(uplinks: Uplinks, hn: Node) -> None:
    """Without policy routing the answers to the external source come in where the node would not send."""
    hn.conf(138, BOTH)
    hn.vzctl('start', 138)
    for value, devices, received in ((1, (), 0), (2, (), 1), (0, (), 1), (1, ('vmbr1',), 0), (2, ('all',), 1)):
        rp_filter(hn, value, *devices)
        assert hn.ct(138).ping(INTERNET, source=OUTER, timeout=0.3) == received, (value, devices)
        assert hn.ct(138).ping(INTERNET, source=INNER) == 1
    assert hn.run(['cat', '/proc/sys/net/ipv4/conf/vmbr1/rp_filter']).stdout == '1\n'


def test_fifty_containers(uplinks: Uplinks, hn: Node) -> None:
    for number in range(50):
        hn.conf(200 + number, 'IP_ADDRESS="200.200.101.{0}/23 192.168.1.{0}/24"\n'.format(200 + number))
    before = snapshot(hn)
    scenario(hn)
    between = snapshot(hn)
    seconds = all_at_once(hn, 'start')
    assert len(hn.services[0].containers()) == 50 and hn.ip('route').count('venet0') == 100
    script = 'for i in $(seq 200 249); do ip netns exec $i {} & done; wait'.format(
        ' '.join(Host.ping_command(INTERNET, 2, timeout=5)))
    assert hn.run(['sh', '-c', script]).stdout.split() == ['2'] * 50
    assert uplinks.external.forwarded('200.200.101.0/24') == 100 and uplinks.internal.counts() == {}
    assert hn.ct(200).ping('192.168.1.249', source='192.168.1.200') == 1
    seconds += all_at_once(hn, 'stop')
    assert diff(between, snapshot(hn)) == '' and diff(before, between) != ''
    assert seconds < 60  # 8 on two idle cores


def all_at_once(node: Node, verb: str) -> float:
    """Like the init script: as many at the same time as 4 x 2 processors."""
    begin = time.monotonic()
    for first in range(200, 250, 8):
        processes = [node.vzctl_popen(verb, veid) for veid in range(first, min(250, first + 8))]
        for process in processes:
            out, err = process.communicate(timeout=60)
            assert process.returncode == 0, out + err
    return time.monotonic() - begin


def test_the_counters_do_not_hide_a_failed_read(uplinks: Uplinks) -> None:
    uplinks.internal.ns.run(['nft', 'delete', 'table', 'inet', 'counted'])
    with pytest.raises(CommandFailed):
        uplinks.internal.forwarded(INNER)


# The modern generation, and its routed veths

@pytest.fixture
def modern() -> Iterator[Uplinks]:
    with Lab() as lab:
        yield Uplinks(lab, generation='modern')


def test_modern_routes_have_a_metric(modern: Uplinks) -> None:
    node = modern.node
    node.conf(138, ALL)
    before = snapshot(node)
    node.vzctl('start', 138)
    assert '{} dev venet0 scope link metric 1000'.format(INNER) in node.ip('route')
    assert '{} dev venet0 metric 1000 '.format(INNER6) in node.ip('-6 route')
    for source, target in ((OUTER, INTERNET), (INNER, INTERNET), (OUTER6, INTERNET6), (INNER6, INTERNET6)):
        assert node.ct(138).ping(target, source=source) == 1, source
    node.vzctl('stop', 138)
    assert diff(before, snapshot(node)) == ''


ROUTED = 'NETIF="ifname=eth0,type=routed,host_ifname=vme{0},ip={1}/24,ip6={2}/64"\n'


def test_a_routed_veth(modern: Uplinks) -> None:
    node = modern.node
    hooks = Recorder(node)
    hooks.external()
    node.conf(138, ROUTED.format(138, INNER, INNER6))
    node.conf(139, ROUTED.format(139, '192.168.1.101', '2001:db8:10::101').replace('/24', ''))
    before = snapshot(node)
    for _ in range(2):
        node.vzctl('start', 138)
        node.vzctl('start', 139)
        listing = node.ip('route') + node.ip('-6 route')
        assert '{} dev vme138 scope link'.format(INNER) in listing
        assert '{} dev vme138 metric 1 '.format(INNER6) in listing
        assert 'master' not in node.ip('link show vme138')
        assert 'default dev eth0' in node.ct(138).ip('route')
        for veid, neighbour in ((138, '192.168.1.101'), (139, INNER)):
            for target in (INTERNET, INTERNET6, INTERNAL, neighbour):
                assert node.ct(veid).ping(target, 2) == 2, (veid, target)
        assert modern.internet.ping(INNER) == modern.internet.ping('2001:db8:10::101') == 1
        node.vzctl('stop', 138)
        node.vzctl('stop', 139)
        assert diff(before, snapshot(node)) == ''
    assert hooks.take() == []


def test_a_routed_veth_is_suspended_and_resumed_and_removed(modern: Uplinks) -> None:
    node = modern.node
    node.conf(138, ROUTED.format(138, INNER, INNER6))
    before = snapshot(node)
    node.vzctl('start', 138)
    node.vzctl('suspend', 138)
    assert diff(before, snapshot(node)) == ''
    node.vzctl('resume', 138)
    assert node.ct(138).ping(INTERNET) == node.ct(138).ping(INTERNET6) == modern.internet.ping(INNER) == 1
    node.vzctl('set', 138, '--netif_del', 'eth0', '--save')
    assert diff(before, snapshot(node)) == ''
