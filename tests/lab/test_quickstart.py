"""docs/quickstart.md and docs/migrating.md, as somebody would follow them."""
import os
from typing import Dict

import pytest

from tests.lab import frr, venet
from tests.lab.confs import FIRST, bridged
from tests.lab.network import Lab
from tests.lab.node import REPOSITORY, Node
from tests.lab.page import follow, lacks
from tests.lab.process import Host
from tests.lab.snapshot import diff, snapshot
from tests.lab.stream import Stream
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


OLD = '#!/bin/sh\nROOT={} exec {} "$@"\n'  # what people run today: bench/shell


def test_migrating_from_the_wikis_script(lab: Lab) -> None:
    node = lab.nodes['hn']
    node.write('/etc/vz/vz.conf', 'CT0_IP="10.0.0.2"\n')
    node.conf(101, bridged(101))
    node.write('/etc/vz/vznet.conf', 'EXTERNAL_SCRIPT="/usr/sbin/vznetcfg.custom"\n')
    node.write('/usr/sbin/vznetcfg.custom', OLD.format(node.root, os.path.join(REPOSITORY, 'tests/bench/shell/start.sh')), 0o755)
    hooks = [(path, node.read(path)) for path in ('/etc/vz/conf/vps.mount', '/etc/vz/conf/vps.umount')]
    for path, _ in hooks:
        os.unlink(node.path(path))
    node.vzctl('start', 101)
    assert '85.86.87.195 dev br0 scope link' in node.ip('route show')  # nobody's
    for path, text in hooks:
        node.write(path, text, 0o755)
    node.vzctl('stop', 101)
    assert '85.86.87.195 dev br0 scope link' in node.ip('route show')  # what nobody has taken over is not ours
    node.ip('route del 85.86.87.195')
    node.vzctl('start', 101)
    connection = Stream(node, node.ct(101), FIRST)
    reached = follow('migrating.md', 'Step', {'node': node}, {'node# vzctl stop 101': lambda: _stop(node, connection)})
    assert reached == 9


def _stop(node: Node, connection: Stream) -> None:
    count, longest = connection.end()
    assert count > 10 and longest < 1000
    node.vzctl('stop', 101)
