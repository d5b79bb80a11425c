"""The lab's network: an Internet host, the gateway's LAN, and any number of nodes on it.

    internet  eth0 198.51.100.1/24, 2001:db8:ffff::1/64
       │
    outside   wan 198.51.100.254/24; bridge lan 10.0.0.1/24, 85.86.87.193/26, 2001:db8:1::1/64
       │ │
       │ └─── hn2 …
       └───── hn  br0 (eth0 in it) 10.0.0.2/24, 2001:db8:1::2/64, default via 10.0.0.1
"""
import ipaddress
import os
from typing import Dict, List, Optional

from tests.lab.namespaces import Directory, Namespace
from tests.lab.node import Node
from tests.lab.process import Host

INTERNET = '198.51.100.1'
INTERNET6 = '2001:db8:ffff::1'
GATEWAY = '10.0.0.1'
GATEWAY6 = '2001:db8:1::1'

# Redirects would tell containers of one wire to talk to each other directly, and so hide routes that we should have set.
ROUTER = '''
cd /proc/sys/net
for conf in ipv4/conf/all ipv4/conf/default; do echo 0 >$conf/send_redirects; done
echo 0 >ipv6/conf/default/accept_dad
echo 1 >ipv4/ip_forward
echo 1 >ipv6/conf/all/forwarding
exec ip -batch -
'''
HOST = 'echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad; exec ip -batch -'
# Forwarding is what OpenVZ's own installation guide asks for on a node. Without DAD on its own devices a node is at rest as soon
# as it is built; the devices of containers have it, as everywhere.
NODE = '''
cd /proc/sys/net
echo 1 >ipv4/ip_forward
echo 1 >ipv6/conf/all/forwarding
echo 0 >ipv6/conf/default/accept_dad
ip -batch -
echo 1 >ipv6/conf/default/accept_dad
'''


class Lab:
    """A gateway (`outside`), the host `internet` behind it, and `nodes` by name. A context manager; close() removes all."""

    def __init__(self) -> None:
        self.nodes: Dict[str, Node] = {}
        self._namespaces: List[Namespace] = []
        self.directory = Directory()
        try:
            self.outside = self.namespace('outside')
            self.internet = self.namespace('internet')
            self._build()
        except BaseException:
            self.close()
            raise

    def namespace(self, name: str) -> Namespace:
        """One more namespace in this lab, without interfaces."""
        made = Namespace(name, self._namespaces[0] if self._namespaces else None)
        self._namespaces.append(made)
        return made

    def _build(self) -> None:
        configure(self.outside, ROUTER, [
            # Its address is fixed: a bridge takes the lowest of its ports', and the gateway's must not change with the nodes.
            'link add lan address 02:00:00:00:00:01 type bridge stp_state 0',
            'addr add {}/24 brd + dev lan'.format(GATEWAY),
            'addr add 85.86.87.193/26 brd + dev lan',
            'addr add {}/64 dev lan nodad'.format(GATEWAY6),
            'link set dev lan up',
            'link add wan type veth peer name eth0 netns {}'.format(self.internet.pid),
            'addr add 198.51.100.254/24 brd + dev wan',
            'addr add 2001:db8:ffff::fe/64 dev wan nodad',
            'link set dev wan up'])
        configure(self.internet, HOST, [
            'addr add {}/24 brd + dev eth0'.format(INTERNET),
            'addr add {}/64 dev eth0 nodad'.format(INTERNET6),
            'link set dev eth0 up',
            'route add default via 198.51.100.254 dev eth0',
            'route add default via 2001:db8:ffff::fe dev eth0'])

    def add_node(self, name: str = 'hn', address: Optional[str] = None, address6: Optional[str] = None,
                 gateway: Optional[str] = GATEWAY, gateway6: Optional[str] = GATEWAY6, bridge: Optional[str] = 'br0',
                 pin_mac: bool = True, mtu: Optional[int] = None, stp: bool = False,
                 generation: str = 'legacy') -> Node:
        """A node on the LAN: 10.0.0.2/24 and 2001:db8:1::2/64, the next 10.0.0.3 and ::3, on `bridge`, which holds eth0.

        `bridge=None`: no bridge, the addresses are on eth0. `pin_mac=False`: the bridge takes its ports' lowest MAC, as a
        bridge does that nobody has told. `gateway=None`: no default route.
        """
        number = len(self.nodes) + 2
        v4 = ipaddress.ip_interface(address or '10.0.0.{}/24'.format(number))
        v6 = address6 or '2001:db8:1::{}/64'.format(str(v4.ip).rsplit('.', 1)[1])
        mac = '02:00:' + ':'.join('{:02x}'.format(byte) for byte in v4.ip.packed)
        size = ' mtu {}'.format(mtu) if mtu else ''
        device = bridge or 'eth0'
        lines = ['link add eth0{} address {} type veth peer name {}{} netns {}'.format(
            size, mac, name, size, self.outside.pid)]
        if bridge:
            lines += ['link add {}{} type bridge stp_state {:d}'.format(
                bridge, ' address ' + mac if pin_mac else '', stp),
                'link set dev eth0 master {}'.format(bridge)]
        lines += ['link set dev eth0 up', 'link set dev {} up'.format(device),
                  'addr add {} brd + dev {}'.format(v4, device), 'addr add {} dev {} nodad'.format(v6, device)]
        lines += ['route add default via {} dev {}'.format(via, device) for via in (gateway, gateway6) if via]

        def connect(namespace: Namespace) -> None:
            # The far end comes up first, so that eth0 and the bridge have their carrier, and thereby all of their kernel's
            # routes, when the last command is done: a snapshot taken then is a snapshot of a node at rest.
            configure(namespace, NODE, lines[:1])
            self.outside.batch(['link set dev {} master lan up'.format(name)])
            configure(namespace, NODE, lines[1:])

        node = Node(self, name, os.path.join(self.directory.path, name), generation, connect)
        self.nodes[name] = node
        return node

    def ping(self, source: Host, target: str, count: int = 1, timeout: float = 1.0) -> int:
        """Answers to `count` pings from `source` (a node, a container, a namespace) to an address."""
        return source.ping(target, count, timeout=timeout)

    def close(self) -> None:
        """Remove the lab. May be called again."""
        for namespace in self._namespaces + [node.ns for node in self.nodes.values()]:
            namespace.hang_up()
        for node in self.nodes.values():
            node.close()
        for namespace in reversed(self._namespaces):
            namespace.close()
        self.directory.close()

    def __enter__(self) -> 'Lab':
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def configure(where: Namespace, script: str, lines: List[str]) -> None:
    """Run `script` (ROUTER, HOST, NODE) in a namespace, and in it the ip commands `lines`."""
    where.run(['sh', '-ec', script], input='\n'.join(lines) + '\n')

