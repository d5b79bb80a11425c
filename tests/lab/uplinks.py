"""Scenario 2's network: nodes with two uplinks, a gateway behind each, and one Internet host behind both gateways.

    internet  198.51.100.1, 2001:db8:ffff::1 (the lab's own)
       |    \
       |     gw_external  lan 200.200.100.30/23, 2001:db8:20::3/64  ---+
       |                                                               |
    gw_internal  lan 192.168.1.3/24, 2001:db8:10::3/64  ---+           |
                                                           |           |
    hn   vmbr0 (eth0) 192.168.1.142/24, 2001:db8:10::142/64 +           |
         vmbr1 (eth1) 200.200.100.6/23, 2001:db8:20::6/64 -------------+
         default via 192.168.1.3, 2001:db8:10::3

Whatever source a packet has, each gateway forwards it and counts it; the answer comes back by the gateway whose network
the source is in.
"""
import ipaddress
import os
import re
from typing import Dict, List

from tests.lab import venet
from tests.lab.namespaces import Namespace
from tests.lab.network import NODE, ROUTER, Lab, configure
from tests.lab.node import Node

INTERNAL, INTERNAL6 = '192.168.1.3', '2001:db8:10::3'
EXTERNAL, EXTERNAL6 = '200.200.100.30', '2001:db8:20::3'

# Container 138's addresses of both networks, and IP_ADDRESS with them.
OUTER, INNER = '200.200.100.12', '192.168.1.100'
OUTER6, INNER6 = '2001:db8:20::12', '2001:db8:10::100'
BOTH = 'IP_ADDRESS="{}/23 {}/24"\n'.format(OUTER, INNER)
ALL = 'IP_ADDRESS="{}/23 {}/24 {}/64 {}/64"\n'.format(OUTER, INNER, OUTER6, INNER6)

# Scenario 2 by hand, table by table; those of `iif venet0 lookup main` let neighbours find each other.
TABLES = [
    'route add 192.168.1.0/24 dev vmbr0 table 210', 'route add default via 192.168.1.3 table 210',
    'route add 200.200.100.0/23 dev vmbr1 table 200', 'route add default via 200.200.100.30 table 200',
    'rule add pref 1001 from 200.200.100.0/23 iif venet0 lookup 200',
    'rule add pref 1001 from 192.168.1.0/24 iif venet0 lookup 210']
NEIGHBOURS = [
    'rule add pref 1000 from 200.200.100.0/23 to 200.200.100.0/23 iif venet0 lookup main',
    'rule add pref 1000 from 192.168.1.0/24 to 192.168.1.0/24 iif venet0 lookup main']
TABLES6 = [
    'route add 2001:db8:10::/64 dev vmbr0 table 210', 'route add default via 2001:db8:10::3 table 210',
    'route add 2001:db8:20::/64 dev vmbr1 table 200', 'route add default via 2001:db8:20::3 table 200',
    'rule add pref 1001 from 2001:db8:20::/64 iif venet0 lookup 200',
    'rule add pref 1001 from 2001:db8:10::/64 iif venet0 lookup 210']
NEIGHBOURS6 = [
    'rule add pref 1000 from 2001:db8:20::/64 to 2001:db8:20::/64 iif venet0 lookup main',
    'rule add pref 1000 from 2001:db8:10::/64 to 2001:db8:10::/64 iif venet0 lookup main']

# New namespaces take the machine's rp_filter: what a test says must not depend on it.
NO_FILTER = 'for conf in all default; do echo 0 >/proc/sys/net/ipv4/conf/$conf/rp_filter; done\n'
# OpenVZ's guide has it for IPv6 on venet: it makes the entries that vzctl adds count. ARP needs no such switch.
UPLINKED_NODE = NO_FILTER + 'echo 1 >/proc/sys/net/ipv6/conf/all/proxy_ndp' + NODE
GATEWAY = NO_FILTER + ROUTER
# All that comes from the nodes' side, also what goes back there: a neighbour's detour.
COUNTERS = '''
table inet counted {
    set v4 { type ipv4_addr; size 65535; flags dynamic; }
    set v6 { type ipv6_addr; size 65535; flags dynamic; }
    chain forward {
        type filter hook forward priority 0; policy accept;
        iifname "lan" add @v4 { ip saddr counter }
        iifname "lan" add @v6 { ip6 saddr counter }
    }
}
'''


class Gateway:
    """One gateway in `ns`: `address` and `address6` are on its bridge `lan`, to which the nodes are connected."""

    def __init__(self, lab: Lab, name: str, network: str, network6: str, number: int) -> None:
        v4, v6 = ipaddress.ip_interface(network), ipaddress.ip_interface(network6)
        self.address, self.address6, self.name = str(v4.ip), str(v6.ip), name
        self.ns: Namespace = lab.namespace(name)
        link, link6 = '172.31.{}.'.format(number), 'fd00:31:{}::'.format(number)
        near, far = '02:00:00:00:02:{:02x}'.format(number), '02:00:00:00:03:{:02x}'.format(number)
        configure(self.ns, GATEWAY, [
            'link add lan address 02:00:00:00:01:{:02x} type bridge stp_state 0'.format(number),
            'addr add {} brd + dev lan'.format(v4), 'addr add {} dev lan nodad'.format(v6), 'link set dev lan up',
            'link add wan address {} type veth peer name {} address {} netns {}'.format(
                near, name, far, lab.internet.pid),
            'addr add {}2/30 dev wan'.format(link), 'addr add {}2/64 dev wan nodad'.format(link6),
            'link set dev wan up'])
        no_filter = NO_FILTER + 'echo 0 >/proc/sys/net/ipv4/conf/{}/rp_filter\nexec ip -batch -'.format(name)
        configure(lab.internet, no_filter, [
            'addr add {}1/30 dev {}'.format(link, name), 'addr add {}1/64 dev {} nodad'.format(link6, name),
            'link set dev {} up'.format(name),
            'route add {} via {}2 src 198.51.100.1'.format(v4.network, link),
            'route add {} via {}2 src 2001:db8:ffff::1'.format(v6.network, link6)])
        self.ns.batch(['route add default via {}1'.format(link), 'route add default via {}1'.format(link6)])
        # The first neighbour discovery on a link so young takes 1 s now and then, as long as a test's ping waits.
        for family in (link, link6):
            self.ns.batch(['neigh replace {}1 lladdr {} dev wan nud permanent'.format(family, far)])
            lab.internet.batch(['neigh replace {}2 lladdr {} dev {} nud permanent'.format(family, near, name)])
        self.ns.run(['nft', '-f', '-'], input=COUNTERS)

    def counts(self) -> Dict[str, int]:
        """The packets forwarded so far for the nodes' side, by source address."""
        listing = self.ns.run(['nft', 'list', 'table', 'inet', 'counted']).stdout
        return {source: int(packets) for source, packets in re.findall(r'([\da-f.:]+) counter packets (\d+)', listing)}

    def forwarded(self, source: str) -> int:
        """The packets forwarded so far from an address, or from all addresses of a network."""
        network = ipaddress.ip_network(source, strict=False)
        counts = [(ipaddress.ip_address(address), packets) for address, packets in self.counts().items()]
        return sum(packets for address, packets in counts if address.version == network.version and address in network)

    def reset(self) -> None:
        """Count from 0 again."""
        self.ns.run(['nft', '-f', '-'], input='delete table inet counted\n' + COUNTERS)


class Uplinks:
    """The network above on a lab, with the node `hn`. Closing the lab removes it. Needs real root (venet) and nft.

    `bridges=False`: the node's addresses are on eth0 and eth1. `with_venet=False`: no venet0; a user namespace does.
    """

    def __init__(self, lab: Lab, bridges: bool = True, generation: str = 'legacy', with_venet: bool = True) -> None:
        self.lab, self.internet, self._with_venet = lab, lab.internet, with_venet
        self.internal = Gateway(lab, 'gw_internal', INTERNAL + '/24', INTERNAL6 + '/64', 1)
        self.external = Gateway(lab, 'gw_external', EXTERNAL + '/23', EXTERNAL6 + '/64', 2)
        self.node = self.add_node('hn', 0, bridges, generation)

    def add_node(self, name: str, number: int, bridges: bool = True, generation: str = 'legacy') -> Node:
        """One more node, with addresses that are `number` higher than those of `hn`."""
        wires: List[str] = []
        devices: List[str] = []
        for wire, v4, v6 in ((0, '192.168.1.{}/24'.format(142 + number), '2001:db8:10::{}/64'.format(142 + number)),
                             (1, '200.200.100.{}/23'.format(6 + number), '2001:db8:20::{}/64'.format(6 + number))):
            port, bridge = 'eth{}'.format(wire), 'vmbr{}'.format(wire)
            mac = '02:00:' + ':'.join('{:02x}'.format(byte) for byte in ipaddress.ip_interface(v4).ip.packed)
            wires.append('link add {} address {} type veth peer name {} netns {}'.format(
                port, mac, name, (self.internal, self.external)[wire].ns.pid))
            if bridges:
                devices += ['link add {} address {} type bridge stp_state 0'.format(bridge, mac),
                            'link set dev {} master {}'.format(port, bridge), 'link set dev {} up'.format(port)]
            device = bridge if bridges else port
            devices += ['link set dev {} up'.format(device), 'addr add {} brd + dev {}'.format(v4, device),
                        'addr add {} dev {} nodad'.format(v6, device)]
        devices += ['route add default via {}'.format(via) for via in (INTERNAL, INTERNAL6)]

        def connect(namespace: Namespace) -> None:
            for gateway in (self.internal, self.external):
                gateway.ns.run(['ip', 'link', 'del', name], check=False)  # of this node's life before a crash
            configure(namespace, UPLINKED_NODE, wires)
            for gateway in (self.internal, self.external):  # the far ends first, as in Lab.add_node
                gateway.ns.batch(['link set dev {} master lan up'.format(name)])
            configure(namespace, UPLINKED_NODE, devices)

        node = Node(self.lab, name, os.path.join(self.lab.directory.path, name), generation, connect)
        self.lab.nodes[name] = node
        if self._with_venet:
            venet.start(node)
        return node


def rp_filter(node: Node, value: int, *devices: str) -> None:
    """Set a node's rp_filter (0 off, 1 strict, 2 loose) for devices, also `all` and `default`; without any, for all.

    The kernel takes the larger of `all` and the device's.
    """
    if not devices:
        devices = tuple(node.run(['ls', '/proc/sys/net/ipv4/conf']).stdout.split())
    script = 'v=$0; for d; do echo $v >/proc/sys/net/ipv4/conf/$d/rp_filter; done'
    node.run(['sh', '-ec', script, str(value)] + list(devices))
