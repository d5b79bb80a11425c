"""Scenario 1: what must be true of a bridged container's network after its start, and after its stop."""
import socket
import struct
import time

import pytest

from tests.lab.confs import FIRST, SECOND, bridged, netif
from tests.lab.network import INTERNET, INTERNET6, Lab
from tests.lab.node import Node
from tests.lab.snapshot import diff, snapshot


@pytest.fixture
def node(lab: Lab) -> Node:
    return lab.nodes['hn']


def test_a_bridged_container_gets_what_the_scenario_says_and_loses_it(lab: Lab, node: Node) -> None:
    node.write('/etc/vz/vz.conf', 'CT0_IP="10.0.0.2"\n')
    node.conf(101, bridged(101))
    node.conf(102, bridged(102, SECOND + '/26'))
    before = snapshot(node)
    node.vzctl('start', 101)
    node.vzctl('start', 102)
    assert 'master br0 state forwarding' in node.run(['bridge', 'link', 'show', 'dev', 'veth101.0']).stdout
    assert '85.86.87.195 dev br0' in node.ip('-N route show proto 118')
    ct = node.ct(101)
    inside = ct.ip('route show')
    assert 'default via 85.86.87.193 dev eth0' in inside
    assert '10.0.0.2 dev eth0 scope link' in inside
    assert '85.86.87.195/26' in ct.ip('-br address show dev eth0')
    assert node.ping(FIRST) == 1
    assert ct.ping('10.0.0.2') == 1
    assert ct.ping(SECOND) == 1
    assert ct.ping(INTERNET) == 1
    assert lab.internet.ping(FIRST) == 1
    node.vzctl('stop', 101)
    node.vzctl('stop', 102)
    assert diff(before, snapshot(node)) == ''
    left = node.run(['find', node.path('/run/vzhooks'), '-name', 'node', '-prune', '-o', '-name', 'metrics', '-prune', '-o', '-print'])
    assert left.stdout.split() == [node.path('/run/vzhooks')]


def test_ct_to_hn_needs_no_help_of_the_gateway(lab: Lab, node: Node) -> None:
    node.conf(101, bridged(101))
    node.vzctl('start', 101)
    lab.outside.batch(['link set dev lan down'])
    assert node.ping(FIRST) == 1
    assert node.ct(101).ping('10.0.0.2') == 1


def test_several_addresses_of_both_families(lab: Lab, node: Node) -> None:
    node.conf(101, bridged(101, FIRST + '/26 85.86.87.200/26 2001:db8:1::101/64', '85.86.87.193 2001:db8:1::1'))
    before = snapshot(node)
    node.vzctl('start', 101)
    for address in (FIRST, '85.86.87.200', '2001:db8:1::101'):
        assert node.ping(address) == 1, address
        assert lab.internet.ping(address) == 1, address
    assert node.ct(101).ping(INTERNET6) == 1
    assert node.ct(101).ping('2001:db8:1::2') == 1
    assert 'tentative' not in node.ct(101).ip('address show dev eth0 scope global')
    assert '2001:db8:1::2 dev eth0' in node.ct(101).ip('-6 route show')
    node.vzctl('stop', 101)
    assert diff(before, snapshot(node)) == ''


def test_two_veths_with_suffixes_and_a_second_bridge(lab: Lab, node: Node) -> None:
    # with a port that is up, as eth1 would be: a bridge without carrier gets its fe80:: only when a container comes
    node.batch(['link add br1 address 02:00:00:00:01:01 type bridge', 'link add eth1 type veth peer name wire1',
                'link set wire1 up', 'link set eth1 master br1 up', 'link set br1 addrgenmode none',
                'address add 10.1.0.1/24 dev br1', 'link set br1 up'])
    node.conf(101, netif(101, 'eth0', 'eth1') + 'VETH_IP_ADDRESS="85.86.87.195/26"\nVE_DEFAULT_GATEWAY="85.86.87.193"\n'
              'BRIDGEDEV="br0"\nVETH_IP_ADDRESS_eth1="10.1.0.101/24"\nBRIDGEDEV_eth1="br1"\n')
    node.conf(102, netif(102, 'eth0') + 'VETH_IP_ADDRESS="10.1.0.102/24"\nBRIDGEDEV="br1"\n')
    before = snapshot(node)
    node.vzctl('start', 101)
    node.vzctl('start', 102)
    assert node.ct(101).ping(INTERNET) == 1
    assert node.ct(101).ping('10.1.0.102') == 1
    assert node.ct(101).ping('10.1.0.1') == 1
    inside = node.ct(101).ip('route show')
    assert '10.0.0.2 dev eth0' in inside and '10.1.0.1 dev eth1' in inside
    assert '10.1.0.101 dev br1' in node.ip('route show')
    node.vzctl('stop', 101)
    node.vzctl('stop', 102)
    assert diff(before, snapshot(node)) == ''


def test_a_second_bridge_without_an_address_of_the_node(lab: Lab, node: Node) -> None:
    node.batch(['link add br1 address 02:00:00:00:01:01 type bridge', 'link set br1 up'])
    for veid in (101, 102):
        node.conf(veid, netif(veid, 'eth0') + 'VETH_IP_ADDRESS="10.1.0.{}/24"\nBRIDGEDEV="br1"\n'.format(veid))
        node.vzctl('start', veid)
    assert node.ct(101).ping('10.1.0.102') == 1
    assert node.ct(101).ip('route show').strip() == '10.1.0.0/24 dev eth0 proto kernel scope link src 10.1.0.101'


def test_a_gateway_outside_every_network_works_and_is_said(node: Node) -> None:
    """Common with single addresses: /32 and the provider's gateway."""
    node.conf(101, bridged(101, FIRST))
    node.vzctl('start', 101)
    assert node.ct(101).ping(INTERNET) == 1
    assert 'default via 85.86.87.193 dev eth0 onlink' in node.ct(101).ip('route show')
    assert [line for line in node.syslog() if '101.conf:4: gateway 85.86.87.193 is in no network of eth0' in line]


@pytest.mark.parametrize('where, conf, expected', [
    ('its own conf', 'CT0_IP="10.0.0.77"', '10.0.0.77 dev eth0'),
    ('vz.conf', '', '10.0.0.88 dev eth0'),
    ('turned off', 'CT0_IP="none"', None),
])
def test_ct0_ip_comes_from_the_conf_then_vz_conf(node: Node, where: str, conf: str, expected: str) -> None:
    node.write('/etc/vz/vz.conf', 'CT0_IP="10.0.0.88"\n')
    node.conf(101, bridged(101) + conf + '\n')
    node.vzctl('start', 101)
    routes = node.ct(101).ip('route show')
    assert (expected or 'default') in routes
    assert expected or '10.0.0.' not in routes


def test_without_bridgedev_the_node_answers_for_the_gateway(lab: Lab, node: Node) -> None:
    node.conf(101, netif(101) + 'VETH_IP_ADDRESS="85.86.87.195/26 2001:db8:1::101/64"\n'
              'VE_DEFAULT_GATEWAY="85.86.87.193 2001:db8:1::1"\nCT0_IP="10.0.0.2 2001:db8:1::2"\n')
    # the gateway's way to a container that is behind the node, not on its wire
    lab.outside.batch(['route add 85.86.87.195 via 10.0.0.2', 'route add 2001:db8:1::101 via 2001:db8:1::2'])
    node.batch(['route add 85.86.87.193 dev br0'])
    before = snapshot(node)
    node.vzctl('start', 101)
    ct = node.ct(101)
    assert '85.86.87.195 dev veth101.0' in node.ip('route show')
    assert ct.ping(INTERNET) == 1
    assert ct.ping(INTERNET6) == 1
    assert lab.internet.ping(FIRST) == 1
    assert node.ping(FIRST) == 1 and node.ping('2001:db8:1::101') == 1
    neighbours = ct.ip('neigh show')
    mac = node.run(['cat', '/sys/class/net/veth101.0/address']).stdout.strip()
    assert '85.86.87.193 dev eth0 lladdr ' + mac in neighbours
    node.vzctl('stop', 101)
    assert diff(before, snapshot(node)) == ''


def test_the_gateway_hears_where_the_addresses_are(lab: Lab, node: Node) -> None:
    """Stale entries of an earlier holder of the address are corrected at once."""
    lab.outside.batch(['neigh replace 85.86.87.195 lladdr 00:18:51:ff:ff:ff dev lan nud stale',
                       'neigh replace 2001:db8:1::101 lladdr 00:18:51:ff:ff:ff dev lan nud stale'])
    node.conf(101, bridged(101, FIRST + '/26 2001:db8:1::101/64'))
    node.vzctl('start', 101)
    deadline = time.monotonic() + 2
    while '00:18:51:ff:ff:ff' in lab.outside.ip('neigh show') and time.monotonic() < deadline:
        time.sleep(0.02)
    seen = lab.outside.ip('neigh show')
    assert '85.86.87.195 dev lan lladdr 00:18:51:00:01:00' in seen
    assert '2001:db8:1::101 dev lan lladdr 00:18:51:00:01:00' in seen


def test_an_unpinned_bridge_keeps_its_mac_and_the_operator_is_told(lab: Lab) -> None:
    node = lab.add_node('loose', pin_mac=False)
    node.install()
    node.conf(101, bridged(101).replace('host_mac=00:18:51:0F', 'host_mac=00:00:00:0F'))
    mac = node.run(['cat', '/sys/class/net/br0/address']).stdout
    before = snapshot(node)
    node.vzctl('start', 101)
    assert node.run(['cat', '/sys/class/net/br0/address']).stdout == mac
    assert node.run(['cat', '/sys/class/net/veth101.0/address']).stdout.startswith('fe:00:00:0f')
    assert [line for line in node.syslog() if 'br0 has no MAC of its own' in line]
    node.vzhook('clean', 101)
    assert node.run(['cat', '/sys/class/net/veth101.0/address']).stdout.startswith('00:00:00:0f')
    node.vzctl('stop', 101)
    assert diff(before, snapshot(node)) == ''


def test_a_large_bridge_keeps_its_mtu(lab: Lab) -> None:
    node = lab.add_node('large', mtu=9000)
    node.install()
    node.conf(101, bridged(101))
    node.conf(102, bridged(102, SECOND + '/26') + 'VETH_MTU="9000"\n')
    before = snapshot(node)
    node.vzctl('start', 101)
    node.vzctl('start', 102)
    assert 'mtu 9000' in node.ip('link show dev br0')
    assert 'mtu 9000' in node.ip('link show dev veth101.0')
    assert 'mtu 1500' in node.ct(101).ip('link show dev eth0')
    assert 'mtu 9000' in node.ct(102).ip('link show dev eth0')
    assert node.ct(102).ping('10.0.0.3', size=8000, dont_fragment=True) == 1
    assert [line for line in node.syslog() if 'has MTU 9000, which a port of 1500 would lower' in line]
    node.vzctl('stop', 101)
    node.vzctl('stop', 102)
    assert diff(before, snapshot(node)) == ''


def test_a_bridge_that_delays_forwarding_is_reported(lab: Lab) -> None:
    node = lab.add_node('slow', stp=True)
    node.install()
    node.conf(101, bridged(101))
    node.vzctl('start', 101)
    assert [line for line in node.syslog() if 'would not forward for the first 30 s' in line]


def test_two_frames_are_what_the_standards_say(lab: Lab, node: Node) -> None:
    """Caught at the gateway: an ARP announcement (RFC 5227) and an unsolicited NA (RFC 4861)."""
    catcher = lab.outside.popen(['python3', '-c', CATCH], stdout=-1)
    assert catcher.stdout is not None
    assert catcher.stdout.readline() == 'ready\n'
    node.conf(101, bridged(101, FIRST + '/26 2001:db8:1::101/64'))
    node.vzctl('start', 101)
    frames = [bytes.fromhex(line) for line in catcher.communicate(timeout=20)[0].split()]
    arp = [frame for frame in frames if frame[12:14] == b'\x08\x06']
    na = [frame for frame in frames if frame[12:14] == b'\x86\xdd']
    mac, ip = bytes.fromhex('001851000100'), socket.inet_aton(FIRST)
    assert arp[0][:42] == b'\xff' * 6 + mac + bytes.fromhex('08060001080006040001') + mac + ip + bytes(6) + ip
    ip6 = socket.inet_pton(socket.AF_INET6, '2001:db8:1::101')
    assert na[0][6:12] == mac and na[0][22:38] == ip6
    assert na[0][21] == 255 and na[0][54:56] == b'\x88\x00'
    assert struct.unpack('!I', na[0][58:62])[0] == 0x20000000 and na[0][62:78] == ip6
    assert na[0][78:86] == b'\x02\x01' + mac


CATCH = r'''
import socket, sys, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.bind(("lan", 0)); s.settimeout(5)
print("ready", flush=True)
seen = set()
end = time.monotonic() + 5
while len(seen) < 2 and time.monotonic() < end:
    try:
        frame = s.recv(2048)
    except socket.timeout:
        break
    kind = frame[12:14]
    if frame[6:12].hex() == "001851000100" and (kind == b"\x08\x06" or kind == b"\x86\xdd" and frame[54] == 136
                                               and frame[22:24] != b"\xfe\x80") and kind not in seen:
        seen.add(kind)
        print(frame.hex())
'''
