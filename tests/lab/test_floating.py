"""Scenario 5: floating public addresses, replies by the uplink of the request, routes inside, SNAT for who asks."""
import json
import subprocess
import sys
from typing import Iterator, List

import pytest

from tests.lab.confs import netif
from tests.lab.network import INTERNET, INTERNET6, Lab
from tests.lab.node import Node
from tests.lab.process import Host
from tests.lab.snapshot import diff, snapshot
from tests.lab.stream import Stream
from tests.lab.uplinks import Uplinks, rp_filter

pytestmark = pytest.mark.needs('root', 'nft', 'conntrack')

CONF = '/etc/vz/vzhooks.conf'
PUBLIC, OTHER = '200.200.100.50', '200.200.100.51'  # on the uplink that is not the node's default
INNER = '192.168.1.50'  # on the one that is
PUBLIC6 = '2001:db8:20::50'
A, B = '10.17.64.5', '10.17.64.6'
A6 = 'fd17::5'
# The gateway of vmbr1 is known from the network's section, that of vmbr0 from the main table.
FLOATING = ('[network external]\ncidr = 200.200.100.0/23 2001:db8:20::/64\ndev = vmbr1\ngateway = 200.200.100.30 2001:db8:20::3\n'
            'table = 200\n[floating]\nuplinks = vmbr1 vmbr0\nbackend = {}\n')

# Answers each connection and datagram with the address that it came from, as the container sees it.
SERVER = r'''
import socket, sys, threading
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
tcp = socket.socket(family); tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
tcp.bind((sys.argv[1], 80)); tcp.listen(5)
udp = socket.socket(family, socket.SOCK_DGRAM); udp.bind((sys.argv[1], 53))
def serve():
    while True:
        data, peer = udp.recvfrom(100); udp.sendto(peer[0].encode(), peer)
threading.Thread(target=serve, daemon=True).start()
print("ready", flush=True)
while True:
    connection, peer = tcp.accept(); connection.sendall(peer[0].encode()); connection.close()
'''
CLIENT = r'''
import json, socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
found = []
try:
    connection = socket.create_connection((sys.argv[1], 80), 2); connection.settimeout(2); found.append(connection.recv(100).decode())
except OSError as error: found.append(str(error))
udp = socket.socket(family, socket.SOCK_DGRAM); udp.settimeout(1)
try:
    udp.sendto(b"x", (sys.argv[1], 53)); data, peer = udp.recvfrom(100); found.append(data.decode() if peer[0] == sys.argv[1] else "from " + peer[0])
except OSError as error: found.append(str(error))
print(json.dumps(found))
'''


def serve(host: Host, address: str) -> 'subprocess.Popen[str]':
    server = host.popen([sys.executable, '-IS', '-c', SERVER, address], stderr=None)
    assert server.stdout is not None and server.stdout.readline() == 'ready\n'
    return server


def seen_by(client: Host, address: str) -> List[str]:
    """Who the container saw asking, over TCP and UDP."""
    return json.loads(client.run([sys.executable, '-IS', '-c', CLIENT, address]).stdout)


def conf(veid: int, address: str, more: str = '') -> str:
    return netif(veid) + ('VETH_IP_ADDRESS="{}/16"\nVE_DEFAULT_GATEWAY="10.17.64.1"\nBRIDGEDEV="br0"\n'.format(address) + more)


@pytest.fixture(params=['nft', 'iptables'])
def uplinks(request: pytest.FixtureRequest) -> Iterator[Uplinks]:
    with Lab() as lab:
        made = Uplinks(lab)
        hn = made.node
        hn.install()
        # with a port that is up: a bridge without carrier gets its fe80:: only when a container comes
        hn.batch(['link add name br0 address 02:00:00:00:17:01 type bridge stp_state 0',
                  'link add name eth7 type veth peer name wire7', 'link set wire7 up', 'link set eth7 master br0 up',
                  'link set br0 addrgenmode none', 'address add 10.17.64.1/16 dev br0',
                  'address add fd17::1/64 dev br0 nodad', 'address add fe80::17/64 dev br0 nodad', 'link set br0 up'])
        hn.write(CONF, FLOATING.format(request.param))
        rp_filter(hn, 2)
        hn.run(['sh', '-c', 'for f in /proc/sys/net/bridge/bridge-nf-call-ip*tables; do echo 0 >$f; done'])
        if request.param == 'iptables':  # which makes its tables at the first look, and never removes them
            hn.run(['sh', '-c', 'for i in iptables ip6tables; do for t in nat mangle; do for c in PREROUTING OUTPUT POSTROUTING; do '
                    '$i -t $t -A $c -j ACCEPT; $i -t $t -D $c -j ACCEPT; done; done; done'])
        yield made


def test_from_outside_from_the_node_and_by_the_right_uplink(uplinks: Uplinks, hn: Node) -> None:
    hn.conf(101, conf(101, A, 'FLOATING_IP="{}"\n'.format(PUBLIC)))
    before = snapshot(hn)
    for _ in range(2):
        hn.vzctl('start', 101)
        serve(hn.ct(101), A)
        uplinks.internal.reset()
        uplinks.external.reset()
        assert seen_by(uplinks.internet, PUBLIC) == [INTERNET, INTERNET]  # the client stays visible
        # what went to the Internet's host left by the external gateway alone
        assert uplinks.external.forwarded(PUBLIC) > 3 and uplinks.internal.counts() == {}
        assert seen_by(hn, PUBLIC) == [PUBLIC, PUBLIC]  # a host that asks for its own address has it as its source
        uplinks.external.reset()
        assert hn.ct(101).ping(INTERNET, 3) == 3  # out: by its public address
        assert uplinks.internal.forwarded(PUBLIC) + uplinks.external.forwarded(PUBLIC) == 3
        hn.vzctl('stop', 101)
    hn.vzhook('node', 'down')
    assert diff(before, snapshot(hn)) == ''


def test_broken_on_purpose_without_the_mark_replies_leave_by_the_wrong_gateway(uplinks: Uplinks, hn: Node) -> None:
    hn.conf(101, conf(101, A, 'FLOATING_IP="{}"\n'.format(PUBLIC)))
    hn.vzctl('start', 101)
    serve(hn.ct(101), A)
    for pref in ('11701', '11702'):
        hn.batch(['rule del pref ' + pref])
    uplinks.internal.reset()
    uplinks.external.reset()
    seen_by(uplinks.internet, PUBLIC)
    assert uplinks.external.forwarded(PUBLIC) == 0 and uplinks.internal.forwarded(PUBLIC) > 0
    assert hn.vzhook('node', 'check', check=False).returncode == 1
    hn.vzhook('node', 'up')
    assert seen_by(uplinks.internet, PUBLIC) == [INTERNET, INTERNET]


@pytest.mark.parametrize('bridge_nf', [0, 1])
def test_hairpin(uplinks: Uplinks, hn: Node, bridge_nf: int) -> None:
    """A container reaches its own and its neighbour's floating address; a neighbour without one does, too."""
    hn.run(['sh', '-c', 'for f in /proc/sys/net/bridge/bridge-nf-call-ip*tables; do echo {} >$f; done'.format(bridge_nf)])
    hn.conf(101, conf(101, A, 'FLOATING_IP="{}"\n'.format(PUBLIC)))
    hn.conf(102, conf(102, B, 'FLOATING_IP="{}"\n'.format(OTHER)))
    hn.conf(103, conf(103, '10.17.64.7'))
    for veid in (101, 102, 103):
        hn.vzctl('start', veid)
    serve(hn.ct(101), A)
    assert seen_by(hn.ct(101), PUBLIC) == [PUBLIC, PUBLIC]
    assert seen_by(hn.ct(102), PUBLIC) == [OTHER, OTHER]
    assert seen_by(hn.ct(103), PUBLIC)[0] in ('10.17.64.1', '10.17.64.7')
    assert seen_by(hn.ct(103), A) == ['10.17.64.7', '10.17.64.7']


def test_an_edit_adds_and_removes_exactly_the_difference(uplinks: Uplinks, hn: Node) -> None:
    text = conf(101, A + '/16 10.17.64.15')
    hn.conf(101, text + 'FLOATING_IP="{} {}:10.17.64.15"\n'.format(PUBLIC, OTHER))
    hn.vzctl('start', 101)
    once = snapshot(hn)
    stream = Stream(uplinks.internet, Forwarded(hn.ct(101), '10.17.64.5'), PUBLIC)
    hn.vzhook('run', 101)
    assert diff(once, snapshot(hn)) == ''
    assert uplinks.internet.ping(OTHER) == 1
    hn.conf(101, text + 'FLOATING_IP="{} {}"\n'.format(PUBLIC, INNER))  # OTHER goes, INNER comes
    hn.vzhook('run', 101)
    assert OTHER not in hn.run(['conntrack', '-L']).stdout
    assert uplinks.internet.ping(OTHER) == 0 and uplinks.internet.ping(INNER) == uplinks.internet.ping(PUBLIC) == 1
    assert stream.end()[0] > 50  # flows of the other address survive
    hn.vzctl('stop', 101)
    left = hn.run(['conntrack', '-L']).stdout
    assert PUBLIC not in left and INNER not in left


class Forwarded(Host):
    """A server that listens on another address than its clients ask for."""

    def __init__(self, host: Host, address: str) -> None:
        self._host, self._address = host, address

    def command(self, argv):
        return self._host.command([self._address if word == PUBLIC else word for word in argv])


def test_one_address_wanted_by_two_is_an_error_that_names_both(hn: Node) -> None:
    hn.conf(101, conf(101, A, 'FLOATING_IP="{}"\n'.format(PUBLIC)))
    hn.conf(102, conf(102, B, 'FLOATING_IP="{}"\n'.format(PUBLIC)))
    hn.vzctl('start', 101)
    before = snapshot(hn)
    failed = hn.vzctl('start', 102, check=False)
    assert failed.returncode != 0
    assert [line for line in hn.syslog() if '{} is wanted by CT 102, but CT 101 has it'.format(PUBLIC) in line]
    assert diff(before, snapshot(hn)) == ''
    hn.vzctl('stop', 101)
    hn.vzctl('start', 102)


def test_the_node_s_own_address_is_refused_and_a_foreign_gateway_is_doubted(hn: Node) -> None:
    hn.conf(102, conf(102, B))
    hn.vzctl('start', 102)
    for address, whose in (('200.200.100.6', 'an address of the node itself'), ('200.200.100.30', 'the gateway of vmbr1'),
                           (B, 'routed to br0, which is another container')):
        hn.conf(101, conf(101, A, 'FLOATING_IP="{}"\n'.format(address)))
        assert hn.vzctl('start', 101, check=False).returncode == 79
        assert [line for line in hn.syslog() if 'FLOATING_IP: {} is {}'.format(address, whose) in line]
    hn.conf(101, conf(101, A, 'FLOATING_IP="{}"\n'.format(PUBLIC)).replace('GATEWAY="10.17.64.1"', 'GATEWAY="10.17.64.254"'))
    hn.vzctl('start', 101)
    assert [line for line in hn.syslog() if 'the container answers by 10.17.64.254, which is not this node' in line]


def test_ipv6_and_several_addresses(uplinks: Uplinks, hn: Node) -> None:
    hn.conf(101, conf(101, A, 'FLOATING_IP="{} {}={}"\n'.format(PUBLIC, PUBLIC6, A6)).replace(
        A + '/16', A + '/16 ' + A6 + '/64').replace('10.17.64.1"', '10.17.64.1 fd17::1"'))
    hn.vzctl('start', 101)
    serve(hn.ct(101), A6)
    assert any(uplinks.internet.ping(PUBLIC6) for _ in range(5))  # the first discovery on young links takes a second
    assert seen_by(uplinks.internet, PUBLIC6) == [INTERNET6, INTERNET6]
    assert hn.ct(101).ping(INTERNET6) == 1
    hn.vzctl('stop', 101)


def test_venet_containers_too(uplinks: Uplinks, hn: Node) -> None:
    hn.conf(138, 'IP_ADDRESS="10.17.99.5"\nFLOATING_IP="{}"\n'.format(PUBLIC))
    before = snapshot(hn)
    hn.vzctl('start', 138)
    serve(hn.ct(138), '10.17.99.5')
    assert seen_by(uplinks.internet, PUBLIC) == [INTERNET, INTERNET]
    assert seen_by(hn.ct(138), PUBLIC) == [PUBLIC, PUBLIC]
    hn.vzctl('stop', 138)
    hn.vzhook('node', 'down')
    assert diff(before, snapshot(hn)) == ''


@pytest.mark.parametrize('snat, source', [('masquerade', '192.168.1.142'), ('192.168.1.77', '192.168.1.77')])
def test_snat_only_for_who_asks(uplinks: Uplinks, hn: Node, snat: str, source: str) -> None:
    hn.write(CONF, hn.read(CONF) + 'snat = {}\n'.format(snat))
    hn.batch(['address add 192.168.1.77/32 dev vmbr0'])
    hn.conf(101, conf(101, A, 'SNAT=yes\n'))
    hn.conf(102, conf(102, B))
    for veid in (101, 102):
        hn.vzctl('start', veid)
    assert hn.ct(101).ping(INTERNET) == 1
    assert uplinks.internal.forwarded(source) == 1
    assert hn.ct(102).ping(INTERNET) == 0
    assert uplinks.internal.forwarded(B) == 1  # as it is


@pytest.mark.parametrize('value, reached', [(0, 1), (1, 0), (2, 1)])
def test_rp_filter(uplinks: Uplinks, hn: Node, value: int, reached: int) -> None:
    hn.conf(101, conf(101, A, 'FLOATING_IP="{} {}"\n'.format(PUBLIC, INNER)))
    hn.vzctl('start', 101)
    rp_filter(hn, value)
    assert uplinks.internet.ping(PUBLIC) == reached
    assert uplinks.internet.ping(INNER) == 1
    assert ('rp_filter is 1 on vmbr1' in hn.vzhook('lint').stdout) == (value == 1)
    found = hn.vzhook('doctor', 'floating', check=False)
    assert found.returncode == (value == 1) and ("WRONG  no uplink drops" in found.stdout) == (value == 1)


def test_a_foreign_flush_in_between(uplinks: Uplinks, hn: Node) -> None:
    hn.conf(101, conf(101, A, 'FLOATING_IP="{}"\n'.format(PUBLIC)))
    before = snapshot(hn)
    hn.vzctl('start', 101)
    flush = ['nft', 'flush', 'ruleset'] if 'nft' in hn.read(CONF) else [
        'sh', '-c', 'for t in nat mangle; do iptables -t $t -F; iptables -t $t -X; ip6tables -t $t -F; ip6tables -t $t -X; done']
    hn.run(flush)
    assert uplinks.internet.ping(PUBLIC) == 1  # the node itself answers now
    assert hn.vzhook('node', 'check', check=False).returncode == 1
    hn.vzhook('node', 'up')
    assert hn.vzhook('node', 'check').returncode == 0
    serve(hn.ct(101), A)
    assert seen_by(uplinks.internet, PUBLIC) == [INTERNET, INTERNET]
    hn.run(flush)
    hn.vzctl('stop', 101)
    hn.vzhook('node', 'down')
    assert [line for line in diff(before, snapshot(hn)).splitlines() if 'nftables' not in line and line[:1] in '+-'][2:] == []


def test_proxy_arp_instead_of_an_address(uplinks: Uplinks, hn: Node) -> None:
    hn.write(CONF, hn.read(CONF) + 'answer = proxy\n')
    hn.conf(101, conf(101, A, 'FLOATING_IP="{}"\n'.format(PUBLIC)))
    hn.vzctl('start', 101)
    assert PUBLIC not in hn.ip('address show')
    serve(hn.ct(101), A)
    assert seen_by(uplinks.internet, PUBLIC) == [INTERNET, INTERNET]


def test_routes_inside(hn: Node) -> None:
    hn.conf(101, conf(101, A, 'VETH_ROUTES="10.18.0.0/16 via 10.17.64.254 192.0.2.1 via 10.17.64.253"\n'))
    hn.vzctl('start', 101)
    inside = hn.ct(101).ip('route show')
    assert '10.18.0.0/16 via 10.17.64.254 dev eth0' in inside and '192.0.2.1 via 10.17.64.253 dev eth0' in inside
    hn.conf(101, conf(101, A, 'VETH_ROUTES="10.18.0.0/16 via 10.17.64.253"\n'))
    hn.vzhook('run', 101)
    assert [row for row in hn.ct(101).ip('route show').splitlines() if ' via ' in row and 'default' not in row] == [
        '10.18.0.0/16 via 10.17.64.253 dev eth0 ']


def test_marks_of_others_stay(uplinks: Uplinks, hn: Node) -> None:
    """Only the bits of the mask are ours."""
    hn.conf(101, conf(101, A, 'FLOATING_IP="{}"\n'.format(PUBLIC)))
    hn.vzctl('start', 101)
    hn.run(['nft', '-f', '-'], input='table ip others {\nchain c {\ntype filter hook prerouting priority -180 ; policy accept;\n'
           'ct state new ct mark set 0x5\nmeta mark set 0x6\n}\nchain d {\ntype filter hook postrouting priority 200;\n'
           'meta mark 0x00100006 counter\n}\n}\n')
    assert uplinks.internet.ping(PUBLIC, 3) == 3
    assert 'mark={} '.format(0x00100005) in hn.run(['conntrack', '-L']).stdout
    assert 'counter packets 3 ' in hn.run(['nft', 'list', 'chain', 'ip', 'others', 'd']).stdout
