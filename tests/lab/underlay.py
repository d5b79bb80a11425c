"""Scenario 4's underlay: nodes in networks of their own, and one router between all of them.

    host1  under 10.1.1.3/24 ---+
    host2  under 10.1.2.4/24 ---+-- router 10.1.N.1, 2001:db8:N::1
    host3  under 10.1.3.5/24 ---+

`under` is eth0, or where the userspace datapath of Open vSwitch has to see the underlay a bridge over it.
"""
import os
import time
from typing import Dict, List

from tests.lab.namespaces import Directory, Namespace
from tests.lab.network import HOST, NODE, ROUTER, configure
from tests.lab.node import Node
from tests.lab.openvswitch import OpenVSwitch

ADDRESSES = ['10.1.1.3', '10.1.2.4', '10.1.3.5']
ADDRESSES6 = ['2001:db8:1::3', '2001:db8:2::4', '2001:db8:3::5']


class Underlay:
    """The nodes host1, host2, host3 with the product installed, and `router`. A context manager, as Lab is."""

    def __init__(self, count: int = 3, switches: bool = False) -> None:
        self.nodes: Dict[str, Node] = {}
        self.directory = Directory()
        self.router = self.outside = Namespace('router')
        try:
            configure(self.router, ROUTER, [])
            self.hosts = [self._host(number, switches) for number in range(count)]
        except BaseException:
            self.close()
            raise

    def _host(self, number: int, switches: bool) -> Node:
        name, address, address6 = 'host{}'.format(number + 1), ADDRESSES[number], ADDRESSES6[number]
        gateway, gateway6 = '10.1.{}.1'.format(number + 1), '2001:db8:{}::1'.format(number + 1)
        mac = '02:00:00:00:0{}:01'.format(number + 1)

        def connect(namespace: Namespace) -> None:
            configure(namespace, NODE, ['link add eth0 address {} type veth peer name {} netns {}'.format(
                mac, name, self.router.pid)])
            configure(self.router, HOST, [
                'address add {}/24 brd + dev {}'.format(gateway, name), 'address add {}/64 dev {} nodad'.format(gateway6, name),
                'link set dev {} up'.format(name)])
            configure(namespace, NODE, ['link set dev eth0 up'])
            if not switches:
                configure(namespace, NODE, [
                    'address add {}/24 brd + dev eth0'.format(address),
                    'address add {}/64 dev eth0 nodad'.format(address6), 'route add default via {}'.format(gateway),
                    'route add default via {}'.format(gateway6)])

        node = self.nodes[name] = Node(self, name, os.path.join(self.directory.path, name), 'legacy', connect)  # type: ignore[arg-type]
        node.install()
        deadline = time.monotonic() + 5
        while 'fe80' not in node.ip('address show dev eth0'):  # the last thing that a link gets when it comes up
            assert time.monotonic() < deadline
            time.sleep(0.01)
        if switches:
            OpenVSwitch(node)
        return node

    def mtu(self, number: int, mtu: int) -> None:
        """The router's side of a host's network carries no more than this."""
        self.router.batch(['link set dev host{} mtu {}'.format(number, mtu)])

    def close(self) -> None:
        """Remove it all. May be called again."""
        for namespace in [self.router] + [node.ns for node in self.nodes.values()]:
            namespace.hang_up()
        for node in self.nodes.values():
            node.close()
        self.router.close()
        self.directory.close()

    def __enter__(self) -> 'Underlay':
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def conf(hosts: List[str], **settings: object) -> str:
    """[overlay br1] with these peers; the section is the same on all of them but for its own address."""
    return '[overlay br1]\npeers = {}\n{}'.format(
        ' '.join(hosts), ''.join('{} = {}\n'.format(key, value) for key, value in settings.items()))
