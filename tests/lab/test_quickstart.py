"""docs/quickstart.md, as somebody would follow it."""
import os
from typing import Dict

import pytest

from tests.lab import frr, venet
from tests.lab.network import Lab
from tests.lab.node import Node
from tests.lab.page import follow, lacks
from tests.lab.process import Host
from tests.lab.snapshot import diff, snapshot
from tests.lab.underlay import Underlay
from tests.lab.uplinks import Uplinks, rp_filter

pytestmark = pytest.mark.needs('ping')
PAGE = 'quickstart.md'


def test_what_a_page_shows_must_be_said() -> None:
    said = 'a  b\nc d e\nf\n'
    assert lacks(said, ['a b', '...', 'f']) is None and lacks(said, ['c ... e']) is None and lacks(said, []) is None
    assert lacks(said, ['f', 'a b']) == 'a b' and lacks(said, ['a']) == 'a' and lacks(said, ['a.b']) == 'a.b'


def test_a_container_in_a_bridge(plain_node: Node) -> None:
    plain_node.batch(['route del default via 2001:db8:1::1', 'address del 2001:db8:1::2/64 dev eth0'])  # the page knows IPv4 alone
    places: Dict[str, Host] = {'node': plain_node, 'ct101': plain_node.ct(101)}
    assert follow(PAGE, '1.', places, {}) == 9
    plain_node.vzctl('stop', 101)
    assert plain_node.ip('route show proto 118') == ''


@pytest.mark.needs('root', 'nft')
def test_venet_with_addresses_of_several_networks(uplinks: Uplinks, hn: Node) -> None:
    hn.install()
    rp_filter(hn, 2)
    assert follow(PAGE, '2.', {'node': hn, 'ct138': hn.ct(138)}, {}) == 6
    assert (uplinks.internal.forwarded('192.168.1.100'), uplinks.external.forwarded('200.200.100.12')) == (1, 1)


@pytest.mark.needs('root', 'vtysh')
def test_addresses_announced_by_ospf(lab: Lab) -> None:
    node = lab.nodes['hn']
    venet.start(node)
    here = frr.on_node(node)
    router = frr.Frr(lab.outside, os.path.join(lab.directory.path, 'router'))
    services = {'router# systemctl restart frr': router.start, 'node# systemctl restart frr': here.start}
    assert follow(PAGE, '3.', {'node': node, 'router': lab.outside}, services) == 10


def test_one_bridge_over_two_nodes() -> None:
    with Underlay(2) as underlay:
        one, two = underlay.hosts
        assert follow(PAGE, '4.', {'host1': one, 'host2': two, 'ct101': one.ct(101)}, {}) == 8


@pytest.mark.needs('root', 'nft', 'conntrack')
def test_a_public_address_in_front_of_a_container(uplinks: Uplinks, hn: Node) -> None:
    hn.install()
    rp_filter(hn, 2)
    before = snapshot(hn)
    places = {'node': hn, 'ct101': hn.ct(101), 'internet': uplinks.internet}
    assert follow(PAGE, '5.', places, {}) == 6
    # the reply left by the uplink of the request, what the container asked by the node's default route
    assert (uplinks.external.forwarded('200.200.100.50'), uplinks.internal.forwarded('200.200.100.50')) == (1, 1)
    hn.vzctl('stop', 101)
    hn.vzhook('node', 'down')
    assert diff(before, snapshot(hn)) == ''
