"""Two nodes, each behind a router of its own: anycast by OSPF, and the same by BGP.

    internet --- outside --- hn            client --- far --- hn2
                    |_________________________________|
"""
import os
import sys
from typing import Iterator, List, NamedTuple

import pytest

from tests.lab import frr, venet
from tests.lab.announcing import announcing, eventually, seen, troubles, until
from tests.lab.frr import Frr
from tests.lab.namespaces import Namespace
from tests.lab.network import HOST, ROUTER, Lab, configure
from tests.lab.node import Node

pytestmark = pytest.mark.needs('root', 'vtysh')

OSPF = '''
interface {0}
 ip ospf area 0
 ip ospf dead-interval minimal hello-multiplier 4
 ip ospf network point-to-multipoint
interface between
 ip ospf area 0
 ip ospf network point-to-point
 ip ospf hello-interval 1
 ip ospf dead-interval 3
router ospf
 ospf router-id 10.0.0.{1}
 redistribute connected
 timers throttle lsa all 0
 timers lsa min-arrival 0
 timers throttle spf 0 50 1000
'''
ON_NODE = '[announce]\ninterfaces = br0\ndead_interval = minimal\nnetwork = point-to-multipoint\nfamilies = 4\n'
BGP = '''
route-map all permit 10
router bgp 6500{1}
 bgp router-id 10.0.0.{1}
 no bgp default ipv4-unicast
 bgp bestpath as-path multipath-relax
 neighbor {0} interface remote-as external
 neighbor {0} password lab-secret
 neighbor between interface remote-as external
 address-family ipv4 unicast
  redistribute connected
  neighbor {0} activate
  neighbor {0} route-map all in
  neighbor {0} route-map all out
  neighbor between activate
  neighbor between route-map all in
  neighbor between route-map all out
 address-family ipv6 unicast
  neighbor {0} activate
  neighbor {0} route-map all in
  neighbor {0} route-map all out
'''
BGP_ON_NODE = '''[announce]
protocol = bgp
as = 65100
neighbors = br0
auth_key_file = {0}
'''


# Says its node's name to whoever asks.
SERVER = 'import socket, sys; s = socket.socket(type=socket.SOCK_DGRAM); s.bind(("192.0.2.5", 7)); print(flush=True)\n' \
    'while True: s.sendto(sys.argv[1].encode(), s.recvfrom(9)[1])'
ASK = 'import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.settimeout(0.3); s.sendto(b"?", ("192.0.2.5", 7)); ' \
    'print(s.recv(9).decode())'


class Far(NamedTuple):
    """The picture above."""

    lab: Lab
    far: Namespace
    client: Namespace
    nodes: List[Node]

    def start(self, node: Node) -> None:
        """Start container 101 there, and in it a server."""
        node.conf(101, 'IP_ADDRESS="192.0.2.5"\nANNOUNCE=anycast\n')
        node.vzctl('start', 101)
        server = node.ct(101).popen([sys.executable, '-IS', '-c', SERVER, node.name], stderr=None)
        assert server.stdout is not None and server.stdout.readline()

    def nearest(self) -> List[str]:
        """Which node's container answers the Internet host, and which the far client."""
        return [host.run([sys.executable, '-IS', '-c', ASK], check=False).stdout.strip()
                for host in (self.lab.internet, self.client)]

    def routers(self, conf: str, daemon: str) -> List[Frr]:
        """FRR on both, with CONF, whose {0} is the interface towards the node and {1} the router's number."""
        return [frr.on_router(namespace, os.path.join(self.lab.directory.path, 'router' + number),
                              conf.format('lan', number), ('zebra', daemon))
                for namespace, number in ((self.lab.outside, '1'), (self.far, '9'))]


@pytest.fixture
def far() -> Iterator[Far]:
    with Lab() as lab:
        nodes = [lab.add_node('hn'), lab.add_node('hn2', '10.1.0.3/24', gateway='10.1.0.1', gateway6=None)]
        far, client = lab.namespace('far'), lab.namespace('client')
        configure(far, ROUTER, [
            'link add lan type bridge stp_state 0', 'addr add 10.1.0.1/24 dev lan', 'link set lan up',
            'link add between type veth peer name between netns {}'.format(lab.outside.pid),
            'addr add 10.2.0.2/30 dev between', 'link set between up',
            'link add c type veth peer name eth0 netns {}'.format(client.pid),
            'addr add 198.51.101.254/24 dev c', 'link set c up'])
        configure(client, HOST, ['addr add 198.51.101.1/24 dev eth0', 'link set eth0 up',
                                 'route add default via 198.51.101.254'])
        # hn2's wire goes to the other router.
        lab.outside.batch(['addr add 10.2.0.1/30 dev between', 'link set between up',
                           'link set hn2 nomaster', 'link set hn2 netns {}'.format(far.pid)])
        far.batch(['link set hn2 master lan', 'link set hn2 up'])
        for node in nodes:
            node.install()
            venet.start(node)
        yield Far(lab, far, client, nodes)


def test_anycast_reaches_the_nearest_by_ospf(far: Far) -> None:
    far.routers(OSPF, 'ospfd')
    daemons = [announcing(node, number, ON_NODE, ('zebra', 'ospfd')) for node, number in zip(far.nodes, (2, 3))]
    nearest(far)
    assert seen(far.nodes[0]) == {'192.0.2.5': 'type-1, metric 20'}
    far.nodes[0].vzctl('stop', 101)
    eventually(far.nearest, ['hn2', 'hn2'])
    far.nodes[1].vzctl('stop', 101)
    assert len(daemons) == 2
    gone(far)


def nearest(far: Far) -> None:
    for node in far.nodes:
        far.start(node)
    eventually(far.nearest, ['hn', 'hn2'], 15)
    assert [troubles(node) for node in far.nodes] == [[], []]


def gone(far: Far) -> None:
    """Both withdrawn: nobody keeps what it learned from the other."""
    for where in (far.lab.outside, far.far, far.nodes[0], far.nodes[1]):
        until(lambda where=where: '192.0.2.5' not in where.ip('route show table all'), 3)  # type: ignore[misc]


def test_the_same_and_a_standby_by_bgp(far: Far) -> None:
    far.routers(BGP, 'bgpd')
    for node, number in zip(far.nodes, (2, 3)):
        announcing(node, number, BGP_ON_NODE, ('zebra', 'bgpd'))
    nearest(far)
    far.nodes[0].vzctl('stop', 101)
    eventually(far.nearest, ['hn2', 'hn2'])
    far.nodes[0].conf(101, 'IP_ADDRESS="192.0.2.5"\nANNOUNCE=standby\n')
    far.nodes[0].vzctl('start', 101)  # behind the nearer router, and yet it only waits
    eventually(lambda: seen(far.nodes[0]), {'192.0.2.5': 'prepended 3 times'})
    assert far.nearest() == ['hn2', 'hn2']
    assert [troubles(node) for node in far.nodes] == [[], []]
    far.nodes[1].vzctl('stop', 101)
    eventually(lambda: far.lab.internet.ping('192.0.2.5'), 1)
    far.nodes[0].vzctl('stop', 101)
    gone(far)
