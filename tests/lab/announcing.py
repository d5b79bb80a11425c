"""Nodes that announce their containers, and what a router hears of it: scenario 3."""
import json
import time
from typing import Any, Callable, Dict, List, NamedTuple, Sequence, TypeVar

from tests.lab import frr
from tests.lab.frr import Frr
from tests.lab.network import Lab
from tests.lab.node import Node

T = TypeVar('T')

CONF = '''
[announce]
interfaces = br0
hello_interval = 1
dead_interval = minimal
network = point-to-multipoint
exclude = 192.0.2.128/25
auth_key_file = {}
'''
ROUTER = '''
interface lan
 ip ospf area 0.0.0.0
 ip ospf dead-interval minimal hello-multiplier 4
 ip ospf network point-to-multipoint
 ip ospf authentication message-digest
 ip ospf message-digest-key 1 md5 lab-secret
 ipv6 ospf6 area 0.0.0.0
 ipv6 ospf6 hello-interval 1
 ipv6 ospf6 dead-interval 3
 ipv6 ospf6 authentication key-id 1 hash-algo hmac-sha-256 key lab-secret
router ospf
 ospf router-id 10.0.0.1
 timers throttle lsa all 0
 timers lsa min-arrival 0
 timers throttle spf 0 50 1000
router ospf6
 ospf6 router-id 10.0.0.1
 timers lsa min-arrival 0
 timers throttle spf 0 50 1000
'''


class Net(NamedTuple):
    """Two nodes and the router between them and the Internet host, all speaking OSPF."""

    lab: Lab
    hn: Node
    hn2: Node
    frr: Frr
    frr2: Frr
    router: Frr

    def route(self, address: str) -> str:
        """The router's way to an address: the node's address, "" when there is none."""
        words = self.lab.outside.ip('-{} route show {}'.format(6 if ':' in address else 4, address)).split()
        return words[words.index('via') + 1] if 'via' in words else ''

    def routed(self, address: str, via: str, within: float = 3.0) -> float:
        """Wait until the router's way to an address is VIA; the seconds that it took."""
        return until(lambda: self.route(address) == via, within)


def until(holds: Callable[[], bool], within: float) -> float:
    """Wait for something; the seconds that it took."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() < began + within, 'it did not come'
        time.sleep(0.005)
    return time.monotonic() - began


def eventually(value: Callable[[], T], goal: T, within: float = 3.0) -> None:
    """Wait for a value, and show the difference where it does not come."""
    deadline = time.monotonic() + within
    while value() != goal and time.monotonic() < deadline:
        time.sleep(0.02)
    assert value() == goal


def announcing(node: Node, number: int, conf: str = CONF, daemons: Sequence[str] = ('zebra', 'ospfd', 'ospf6d')) -> Frr:
    """Give a node [announce], export it, and start FRR with that."""
    key = node.write('/etc/vz/announce.key', 'lab-secret\n', 0o600)
    node.write('/etc/vz/vzhooks.conf', conf.format(key) + 'router_id = 10.0.0.{}\n'.format(number))
    made = frr.on_node(node)
    assert 'lab-secret' not in node.vzhook('node', 'export', 'frr').stdout
    made.start(daemons)
    return made


def check(node: Node) -> Dict[str, Any]:
    """What `vzhook announce check` finds."""
    return json.loads(node.vzhook('announce', 'check', '--json', check=False).stdout)


def troubles(node: Node) -> List[Any]:
    """What is not as it should be: (address, trouble), then texts."""
    found = check(node)
    return [(row['address'], row['trouble']) for row in found['addresses'] if row['trouble']] + found['troubles']


def seen(node: Node) -> Dict[str, str]:
    """{address: how it is announced}."""
    return {row['address']: row['seen'] for row in check(node)['addresses']}
