"""A real Open vSwitch on a node of the lab: its own database and daemons, userspace datapath, gone with the node."""
import time
from typing import List

from tests.lab.network import Lab
from tests.lab.node import Node

SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema'


class OpenVSwitch:
    """ovsdb-server and ovs-vswitchd on NODE, in its namespaces, as foreground children of the lab."""

    def __init__(self, node: Node) -> None:
        self.node = node
        database = node.path('/vz/ovs.db')
        node.run(['mkdir', '-p', '/run/openvswitch'])
        node.run(['ovsdb-tool', 'create', database, SCHEMA])
        quiet = ['-vconsole:off', '-vsyslog:off', '-vfile:off']
        self._start(['ovsdb-server', database, '--remote=punix:/run/openvswitch/db.sock',
                     '--pidfile=/run/openvswitch/ovsdb-server.pid'] + quiet, '/run/openvswitch/db.sock')
        self.vsctl('--no-wait init')
        self._switch = ['ovs-vswitchd', '--pidfile=/run/openvswitch/ovs-vswitchd.pid'] + quiet
        self._start(self._switch, '/run/openvswitch/ovs-vswitchd.pid')

    def restart(self) -> None:
        """The switch, without what its service does to keep flows; ports are in the database."""
        self.node.run(['sh', '-ec', 'pid=$(cat /run/openvswitch/ovs-vswitchd.pid); kill $pid; '
                       'while [ -e /run/openvswitch/ovs-vswitchd.pid ]; do sleep 0.02; done'])
        self._start(self._switch, '/run/openvswitch/ovs-vswitchd.pid')

    def _start(self, argv: List[str], sign: str) -> None:
        self.node.popen(argv, stdout=None, stderr=None)
        deadline = time.monotonic() + 10
        while self.node.run(['test', '-e', sign], check=False).returncode:
            assert time.monotonic() < deadline, '{} did not come up'.format(argv[0])
            time.sleep(0.02)

    def vsctl(self, words: str) -> str:
        return self.node.run(['ovs-vsctl', '--timeout=10'] + words.split()).stdout

    def add_bridge(self, name: str, address: str = '') -> None:
        """A bridge with the userspace datapath (this kernel may have no other), up, with an address of the node."""
        self.vsctl('add-br {0} -- set bridge {0} datapath_type=netdev'.format(name))
        self.node.batch(['link set {} up'.format(name)] + (
            ['address add {} dev {}'.format(address, name)] if address else []))

    def ports(self, bridge: str) -> List[str]:
        return self.vsctl('list-ports ' + bridge).split()


def switched(lab: Lab) -> Node:
    """A node whose br0 is an Open vSwitch bridge with eth0 in it."""
    node = lab.add_node('ovs', bridge=None)
    node.install()
    OpenVSwitch(node).add_bridge('br0')
    node.run(['ovs-vsctl', 'add-port', 'br0', 'eth0'])
    node.batch(['address flush dev eth0', 'address add 10.0.0.3/24 brd + dev br0',
                'address add 2001:db8:1::3/64 dev br0 nodad', 'route replace default via 10.0.0.1 dev br0'])
    return node
