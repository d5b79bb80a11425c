"""ANTISPOOF: real attacks by raw frames, each kind with and without protection; what is legitimate still works."""
from typing import Dict, List, Set

import pytest

from tests.lab import frames
from tests.lab.confs import FIRST, SECOND, bridged, netif
from tests.lab.frames import COUNT, Counter, send
from tests.lab.network import INTERNET, Lab
from tests.lab.node import Node
from tests.lab.openvswitch import OpenVSwitch
from tests.lab.snapshot import diff, snapshot
from tests.lab.stream import Stream

pytestmark = pytest.mark.needs('root', 'nft')

MINE6, OTHERS6, GATEWAY6 = '2001:db8:1::101', '2001:db8:1::102', '2001:db8:1::1'
CONF = '/etc/vz/vzhooks.conf'
BACKENDS = ['nft', pytest.param('iptables', marks=pytest.mark.needs('ebtables')),
            pytest.param('ovs', marks=pytest.mark.needs('ovs-vsctl'))]
# ebtables looks into no NA, NS or chain of headers beyond the type of a message (docs/antispoof.md).
BLIND = {'iptables': {'NA: neighbour', 'NA: gateway', 'DAD: neighbour', 'RA in two, 1st'}}
# What such a bridge forwards in no case: OVS drops frames to reserved addresses.
NEVER: Dict[str, Set[str]] = {'ovs': {'BPDU'}}


@pytest.fixture
def node(lab: Lab) -> Node:
    return lab.nodes['hn']


def place(node: Node, backend: str) -> str:
    """Prepare the node; return its bridge."""
    if backend != 'ovs':
        node.write(CONF, '[node]\nantispoof = yes\n[floating]\nbackend = {}\n'.format(backend))
        return 'br0'
    OpenVSwitch(node).add_bridge('br1', '85.86.87.254/26')
    return 'br1'


def conf(veid: int, bridge: str, more: str = '') -> str:
    address, six = (FIRST, MINE6) if veid == 101 else (SECOND, OTHERS6)
    return bridged(veid, '{}/26 {}/64'.format(address, six), bridge=bridge) + more


def mac_of(node: Node, veid: int) -> str:
    return node.ct(veid).run(['cat', '/sys/class/net/eth0/address']).stdout.strip()


def local_of(node: Node, veid: int) -> str:
    return node.ct(veid).ip('-6 -br address show dev eth0 scope link').split()[2].split('/')[0]


def attack(lab: Lab, node: Node, bridge: str) -> Dict[str, List[int]]:
    """Each kind of attack by container 101: how many arrived at the neighbour, the gateway and the node."""
    kinds = frames.attacks(mac_of(node, 101), FIRST, local_of(node, 101), SECOND, mac_of(node, 102), OTHERS6, '85.86.87.193',
                           GATEWAY6)
    counters = [Counter(node.ct(102), 'eth0'), Counter(lab.outside, 'lan'), Counter(node, bridge)]
    send(node.ct(101), list(kinds.values()))
    found = [counter.counts() for counter in counters]
    return {kind: [counts.get(index, 0) for counts in found] for index, kind in enumerate(kinds)}


@pytest.mark.parametrize('backend', BACKENDS)
def test_every_kind_of_attack_arrives_without_and_none_with_protection(lab: Lab, node: Node, backend: str) -> None:
    bridge = place(node, backend)
    node.conf(102, conf(102, bridge))
    node.vzctl('start', 102)
    seen = {}
    for protection in ('no', 'yes'):
        node.conf(101, conf(101, bridge, 'ANTISPOOF="{}"\n'.format(protection)))
        node.vzctl('start', 101)
        frames.settle(node.ct(101), SECOND)
        frames.settle(node.ct(101), OTHERS6)
        seen[protection] = attack(lab, node, bridge)
        node.vzctl('stop', 101)
    print('{:<26} {:>6} {:>18} {:>18}'.format(backend, 'tried', 'without: through', 'with: through'))
    for kind in seen['no']:
        print('{:<26} {:>6} {:>18} {:>18}'.format(kind, COUNT, str(seen['no'][kind]), str(seen['yes'][kind])))
    blind = BLIND.get(backend, set())
    assert [kind for kind, counts in seen['no'].items() if counts[0] != COUNT] == sorted(NEVER.get(backend, set()))
    assert {kind: counts for kind, counts in seen['yes'].items() if any(counts) and kind not in blind} == {}


@pytest.mark.parametrize('backend', BACKENDS)
def test_what_is_legitimate_still_works_twice_and_nothing_is_left(lab: Lab, node: Node, backend: str) -> None:
    bridge = place(node, backend)
    for veid in (101, 102):
        node.conf(veid, conf(veid, bridge, 'VETH_ALLOW="85.86.87.200 2001:db8:1::200 10.9.0.0/16 00:00:5e:00:01:07"\n'))
    node.vzctl('start', 102)
    before = snapshot(node)
    for _ in range(2):
        node.vzctl('start', 101)
        node.vzhook('run', 101)
        ct = node.ct(101)
        node.ct(102).batch(['neigh flush dev eth0'])  # knows the virtual MAC of the round before
        if backend == 'ovs':  # the userspace datapath takes no packet whose checksum is left to the device
            for veid in (101, 102):
                node.ct(veid).run(['ethtool', '-K', 'eth0', 'tx', 'off'])
        for target in (SECOND, OTHERS6):
            frames.settle(ct, target)
            assert ct.ping(target, 3) == 3, target
            assert node.ct(102).ping(FIRST if '.' in target else MINE6, 3) == 3
        assert ct.ping(SECOND, size=4000) == 1 and (backend == 'ovs' or ct.ping(OTHERS6, size=4000) == 1)
        stream = Stream(ct, node.ct(102), SECOND)
        stream.end()
        assert backend == 'ovs' or ct.ping(INTERNET) == 1
        # a VRRP address, with DAD, and one of its network, announced by the virtual MAC
        ct.batch(['address add 85.86.87.200/26 dev eth0', 'address add 2001:db8:1::200/64 dev eth0',
                  'address add 10.9.1.1/16 dev eth0'])
        node.ct(102).batch(['address replace 10.9.1.2/16 dev eth0'])
        assert node.ct(102).ping('85.86.87.200') == 1
        assert node.ct(102).ping('10.9.1.1') == 1
        frames.settle(node.ct(102), '2001:db8:1::200')
        assert node.ct(102).ping('2001:db8:1::200') == 1
        assert 'dadfailed' not in ct.ip('-6 address show dev eth0')
        counter = Counter(node.ct(102), 'eth0')
        virtual = '00:00:5e:00:01:07'
        send(ct, [frames.arp(virtual, '85.86.87.200', '85.86.87.200', 1),
                  frames.ipv4(mac_of(node, 101), FIRST, 112, b'vrrp....', '224.0.0.18'),
                  frames.ipv4(mac_of(node, 101), '0.0.0.0', 17, frames.udp(68, 67)),
                  frames.arp(mac_of(node, 101), '0.0.0.0', FIRST, 1)])
        assert counter.counts() == {0: COUNT, 1: COUNT, 2: COUNT, 3: COUNT}
        node.vzctl('stop', 101)
        assert diff(before, snapshot(node)) == ''


def test_a_bridge_learns_no_foreign_mac_past_its_hooks(lab: Lab, node: Node) -> None:
    """Frames to 01:80:c2:00:00:0e pass no hook of the bridge family, and the bridge would learn the gateway at this port."""
    frame = frames.ether('02:00:00:00:00:01', 0x88cc, b'', '0180c200000e')
    for protection, port in (('no', 'veth101.0'), ('yes', 'eth0')):
        node.conf(101, bridged(101) + 'ANTISPOOF="{}"\n'.format(protection))
        node.vzctl('start', 101)
        frames.settle(node.ct(101), INTERNET)
        send(node.ct(101), [frame])
        rows = node.run(['bridge', 'fdb', 'show', 'br', 'br0']).stdout.splitlines()
        assert [row.split()[2] for row in rows if row.startswith('02:00:00:00:00:01 ')] == [port]
        node.vzctl('stop', 101)


def test_a_stock_container_gets_stock_and_the_filter_only_when_it_asks(lab: Lab, node: Node) -> None:
    """It has no address that we know of: then its MAC, DHCP, RA, BPDU and VLANs are filtered."""
    node.conf(102, conf(102, 'br0'))
    node.vzctl('start', 102)
    plans = []
    for more in ('', 'ANTISPOOF="yes"\n'):
        node.conf(101, netif(101, bridge='br0') + more)
        plans.append([line for line in node.vzhook('plan', 101).stdout.splitlines() if line.split()[0] in ('host', '-once')])
        node.vzctl('start', 101)
        node.ct(101).batch(['link set eth0 up', 'address add {}/26 dev eth0'.format(FIRST)])
        frames.settle(node.ct(101), SECOND)
        through = {kind for kind, counts in attack(lab, node, 'br0').items() if counts[0]}
        if more:
            assert through == {'foreign IPv4 source', 'IPv4 of the gateway', 'ARP: neighbour', 'ARP: gateway', 'DAD: neighbour',
                               'gratuitous ARP: gateway', 'ARP probe: neighbour', 'NA: neighbour', 'NA: gateway',
                               'foreign IPv6 source'}
            assert 'names no address of eth0' in node.vzhook('lint', 101).stdout
        else:
            assert len(through) == 24
        node.vzctl('stop', 101)
    assert plans[0] == plans[1] != []


@pytest.mark.parametrize('backend', BACKENDS[:2])
def test_a_routed_veth_sends_only_from_its_own_addresses(lab: Lab, node: Node, backend: str) -> None:
    place(node, backend)
    lab.outside.batch(['route add 85.86.87.195 via 10.0.0.2', 'route add 2001:db8:1::101 via 2001:db8:1::2'])
    if backend == 'iptables':  # makes its tables at the first use, and keeps them
        for iptables in ('iptables', 'ip6tables'):
            for verb in ('-A', '-D'):
                node.run([iptables, '-t', 'raw', verb, 'PREROUTING', '-i', 'x', '-j', 'ACCEPT'])
    before = snapshot(node)
    tried = {}
    for protection in ('no', 'yes'):
        node.conf(101, netif(101) + 'VETH_IP_ADDRESS="{}/26 {}/64"\nVE_DEFAULT_GATEWAY="85.86.87.193 2001:db8:1::1"\n'
                  'CT0_IP="10.0.0.2 2001:db8:1::2"\nANTISPOOF="{}"\n'.format(FIRST, MINE6, protection))
        node.vzctl('start', 101)
        ct = node.ct(101)
        for target in ('10.0.0.1', '2001:db8:1::1'):
            frames.settle(ct, target)
            assert ct.ping(target, 3) == 3, target
        mine, host = mac_of(node, 101), node.run(['cat', '/sys/class/net/veth101.0/address']).stdout.strip().replace(':', '')
        hello = frames.udp(1, 1)
        kinds = [frames.ipv4(mine, FIRST, 17, hello, '10.0.0.1'), frames.ipv4(mine, '85.86.87.199', 17, hello, '10.0.0.1'),
                 frames.ipv6(mine, MINE6, 17, hello, '2001:db8:1::1'),
                 frames.ipv6(mine, '2001:db8:1::199', 17, hello, '2001:db8:1::1')]
        node.sysctl('net.ipv4.conf.veth101/0.rp_filter', 0)
        node.sysctl('net.ipv4.conf.all.rp_filter', 0)
        counter = Counter(lab.outside, 'hn')
        node.ct(101).run(['python3', '-IS', '-c', PAYLOADS, host, COUNT] + [kind.hex() for kind in kinds])
        tried[protection] = counter.counts()
        node.vzctl('stop', 101)
        assert diff(before, snapshot(node)) == ''
    assert tried == {'no': {0: COUNT, 1: COUNT, 2: COUNT, 3: COUNT}, 'yes': {0: COUNT, 2: COUNT}}


# A router forwards what belongs to the packet, not what is behind it: the mark is the end of the UDP payload.
PAYLOADS = r'''
import socket, sys
sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
sender.bind(("eth0", 0))
for number, text in enumerate(sys.argv[3:]):
    frame = bytes.fromhex(text)
    frame = bytes.fromhex(sys.argv[1]) + frame[6:-8] + b"..VZ!!" + number.to_bytes(2, "big")
    for _ in range(int(sys.argv[2])):
        sender.send(frame)
'''
