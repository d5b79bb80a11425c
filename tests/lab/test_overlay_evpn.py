"""[overlay] with control = evpn: real FRR on three nodes says who is where; nothing is learned from the tunnels."""
import functools
import json
import os
import time
from typing import Any, Dict, Iterator, List

import pytest

from tests.lab import frr
from tests.lab.overlays import Overlay, broadcasts, ct_conf, tcp, wait_for
from tests.lab.snapshot import diff, snapshot
from tests.lab.underlay import ADDRESSES, Underlay

pytestmark = pytest.mark.needs('vtysh')
ALL = '00:00:00:00:00:00'


class Net:
    """Three nodes with FRR, whose configuration is what the export has written."""

    def __init__(self, underlay: Underlay) -> None:
        self.underlay, self.hosts = underlay, underlay.hosts
        key = self.hosts[0].write('/etc/vz/bgp.key', 'Tops3cret\n', 0o600)
        self.overlay = Overlay(underlay, [], type='linux', vni=42, control='evpn', auth_key_file=key)
        self.cts = self.overlay.cts
        self.frrs = [frr.on_node(host) for host in self.hosts]

    def start(self) -> float:
        """Export, and start all daemons; the seconds from the last one's start until all nodes know of each other."""
        for host, one in zip(self.hosts, self.frrs):
            host.vzhook('node', 'export', 'frr')
            one.start(['zebra', 'bgpd'])
        began = time.monotonic()
        assert wait_for(lambda: all(self.flood(number) == others(number) for number in range(3)), 20), [
            one.show('bgp l2vpn evpn summary') for one in self.frrs]
        return time.monotonic() - began

    def fdb(self, number: int) -> List[Dict[str, Any]]:
        """The entries of a node's vxlan device."""
        return list(json.loads(self.hosts[number].run(['bridge', '-j', 'fdb', 'show', 'dev', 'vx-br1']).stdout))

    def flood(self, number: int) -> List[str]:
        """To whom a node sends frames for all: what FRR has made of type 3."""
        return sorted(entry['dst'] for entry in self.fdb(number) if entry['mac'] == ALL)

    def behind(self, number: int, mac: str) -> str:
        """Behind which node a node believes a MAC to be: what FRR has made of type 2."""
        return ''.join(entry['dst'] for entry in self.fdb(number) if entry['mac'] == mac and 'dst' in entry)


def others(number: int) -> List[str]:
    return [address for address in ADDRESSES if address != ADDRESSES[number]]


@pytest.fixture(scope='module')
def net() -> Iterator[Net]:
    with Underlay() as underlay:
        yield Net(underlay)


def test_before_frr_nothing_is_known_and_up_says_so(net: Net) -> None:
    assert net.flood(0) == [] and net.cts[0].ping('192.168.223.102', 1) == 0
    said = net.hosts[0].vzhook('node', 'up')
    assert "control = evpn, but /etc/frr/frr.conf says nothing of EVPN" in said.stdout + said.stderr


def test_the_nodes_find_each_other(net: Net) -> None:
    print('type 3 routes from all nodes after {:.2f} s'.format(net.start()))
    one, two, three = net.cts
    assert [one.ping('192.168.223.102', 3), two.ping('192.168.223.103', 3), three.ping('192.168.223.101', 3)] == [3, 3, 3]
    assert tcp(one, two, '192.168.223.102') == 1 << 20
    assert broadcasts(two, [one, three]) == [20, 20, 0]
    entries = [entry for entry in net.fdb(0) if 'dst' in entry and entry['mac'] != ALL]
    assert entries and all('extern_learn' in entry['flags'] for entry in entries)  # FRR's, all of them
    for host in net.hosts:
        said = host.vzhook('node', 'up')
        assert 'nothing to do' in said.stdout and 'EVPN' not in said.stdout + said.stderr
        assert host.vzhook('node', 'check').returncode == 0


def test_a_container_moves_with_its_mac(net: Net) -> None:
    """As migration does: its conf appears on the other node, where it starts when it has stopped here."""
    conf = ct_conf(110)
    mac = conf.partition('mac=')[2][:17].lower()
    client, times = net.cts[0], []

    def known(node: str) -> bool:
        return net.behind(0, mac) == node

    for source, target in ((1, 2), (2, 1), (1, 2)):
        for number in (source, target):
            net.hosts[number].conf(110, conf)
        net.hosts[source].vzctl('start', 110)
        assert wait_for(functools.partial(known, ADDRESSES[source])) and client.ping('192.168.223.110', 3) == 3
        net.hosts[source].vzctl('stop', 110)
        net.hosts[target].vzctl('start', 110)
        began = time.monotonic()
        assert wait_for(functools.partial(known, ADDRESSES[target]))
        times.append(time.monotonic() - began)
        assert client.ping('192.168.223.110', 3) == 3
        net.hosts[target].vzctl('stop', 110)
        assert wait_for(functools.partial(known, ''))  # withdrawn, not aged
    print('a MAC that moves is known after', ' '.join('{:.3f}'.format(seconds) for seconds in times), 's')


def test_a_node_that_dies_is_forgotten_and_comes_back(net: Net) -> None:
    net.frrs[2].kill('bgpd')
    began = time.monotonic()
    assert wait_for(lambda: net.flood(0) == [ADDRESSES[1]])
    print('a dead bgpd: {:.2f} s'.format(time.monotonic() - began))
    assert net.cts[0].ping('192.168.223.102', 3) == 3
    net.frrs[2].restart('bgpd')
    assert wait_for(lambda: net.flood(0) == others(0), 10)
    assert wait_for(lambda: net.cts[0].ping('192.168.223.103', 1) == 1)


def test_a_route_reflector_takes_the_place_of_the_mesh(net: Net) -> None:
    """The first node reflects; the others have a session with it alone, and tunnels to each other."""
    for number, host in enumerate(net.hosts):
        net.overlay.write(number, reflectors=ADDRESSES[0])
        assert 'changed' in host.vzhook('node', 'export', 'frr').stdout
        net.frrs[number].stop()
    for one in net.frrs:
        one.start(['zebra', 'bgpd'])
    assert wait_for(lambda: all(net.flood(number) == others(number) for number in range(3)), 20)
    peers = json.loads(net.frrs[2].show('bgp l2vpn evpn summary json'))['peers']
    assert list(peers) == [ADDRESSES[0]]
    assert net.cts[1].ping('192.168.223.103', 3) == 3 and net.cts[2].ping('192.168.223.101', 3) == 3


def test_all_of_it_goes(net: Net) -> None:
    for number, host in enumerate(net.hosts):
        host.vzctl('stop', 101 + number)
        net.frrs[number].stop()
        host.vzhook('node', 'export', '--undo')
        assert not os.path.exists(host.path('/etc/frr/frr.conf'))
        host.vzhook('node', 'down')
        assert diff(net.overlay.before[number], snapshot(host)) == ''
