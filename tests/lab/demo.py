"""`make demo`: container 101 gets its network from 101.conf on real kernel networking, and loses it again.

Nothing of this machine is touched: everything happens in network and mount namespaces of the lab's own.
"""
import os
import sys
from typing import List

from tests.lab.namespaces import LabImpossible
from tests.lab.network import GATEWAY, INTERNET, Lab
from tests.lab.node import Node
from tests.lab.process import Host
from tests.lab.snapshot import diff, snapshot

CONF = '''NETIF="ifname=eth0,mac=00:18:51:A1:B2:C3,host_ifname=veth101.0,host_mac=00:18:51:A1:B2:C4"
CONFIG_CUSTOMIZED="yes"
VETH_IP_ADDRESS="85.86.87.195/26"
VE_DEFAULT_GATEWAY="85.86.87.193"
BRIDGEDEV="br0"
'''
NEIGHBOUR = '''NETIF="ifname=eth0,mac=00:18:51:A1:B2:D3,host_ifname=veth102.0,host_mac=00:18:51:A1:B2:D4"
VETH_IP_ADDRESS="85.86.87.196/26"
VE_DEFAULT_GATEWAY="85.86.87.193"
BRIDGEDEV="br0"
'''
COLOURED = sys.stdout.isatty() and not os.environ.get('NO_COLOR')
failures: List[str] = []


def paint(code: str, text: str) -> str:
    return '\033[{}m{}\033[0m'.format(code, text) if COLOURED else text


def step(title: str, *explained: str) -> None:
    print('\n' + paint('1;34', '== ' + title))
    for line in explained:
        print('   ' + line)


def shown(text: str) -> None:
    for line in text.rstrip().splitlines():
        print('     ' + line)


def asked(host: Host, where: str, command: str) -> str:
    """Run a command and show it as an operator would see it."""
    print(paint('2', '   {}# {}'.format(where, command)))
    output = host.run(command.split()).stdout
    shown(output)
    return output


def checked(what: str, holds: bool) -> None:
    print('   {} {}'.format(paint('1;32', 'ok  ') if holds else paint('1;31', 'FAIL'), what))
    if not holds:
        failures.append(what)


def reached(source: Host, who: str, target: str) -> None:
    count = source.ping(target, 3)
    checked('{:<42} {} of 3 answers'.format(who, count), count == 3)


def show(lab: Lab, node: Node) -> None:
    step('A node, as its administrator set it up', 'br0 holds eth0 and the node\'s address; beyond it a gateway, and the '
         'Internet behind that.')
    asked(node, 'node', 'ip -br address show dev br0')
    asked(node, 'node', 'ip route show')
    before = snapshot(node)

    step('What he wrote: /etc/vz/conf/101.conf', 'The variables of the OpenVZ wiki, with their old meaning.')
    node.write('/etc/vz/vz.conf', 'CT0_IP="10.0.0.2"\n')
    node.conf(101, CONF)
    node.conf(102, NEIGHBOUR)
    shown(CONF)

    step('What will be done: vzhook plan 101', 'One command a line, where it runs, and what undoes it. "#" names the '
         'line of the conf behind it.')
    print(paint('2', '   node# vzhook plan 101'))
    shown(node.vzhook('plan', '101').stdout.replace(node.root, ''))

    step('vzctl start 101, vzctl start 102', 'vzctl makes the namespace and the veth, then calls vzhook-external.')
    for veid in (101, 102):
        node.vzctl('start', veid)
    for call in node.calls():
        print('     {:<38} {:<24} exit {}  {:3.0f} ms'.format(
            call.script, ' '.join(call.argv), call.returncode, call.seconds * 1000))

    step('What the kernel has now')
    routes = asked(node, 'node', 'ip -N route show proto 118')
    checked('the node knows the way to both containers', '85.86.87.195' in routes and '85.86.87.196' in routes)
    asked(node, 'node', 'bridge link show dev veth101.0')
    asked(node.ct(101), 'CT101', 'ip -br address show dev eth0')
    inside = asked(node.ct(101), 'CT101', 'ip route show')
    checked('the container knows its gateway and its node',
            'default via 85.86.87.193' in inside and '10.0.0.2 dev eth0' in inside)

    step('Who reaches whom')
    reached(node, 'node to container', '85.86.87.195')
    reached(node.ct(101), 'container to node', '10.0.0.2')
    reached(node.ct(101), 'container to its neighbour', '85.86.87.196')
    reached(node.ct(101), 'container to a host beyond the gateway', INTERNET)
    reached(lab.internet, 'that host to the container', '85.86.87.195')

    step('The conf is edited while the container runs', 'A second address; then vzhook run 101 shows what it does.')
    node.conf(101, CONF.replace('195/26"', '195/26 85.86.87.200/26"'))
    print(paint('2', '   node# vzhook run 101'))
    shown(node.vzhook('run', '101').stdout)
    reached(lab.internet, 'the Internet host to the new address', '85.86.87.200')

    step('A mistake is found before the container exists')
    node.conf(103, CONF.replace('101', '103').replace('195/26', '300/26').replace('A1:B2', 'A1:C2')
              .replace('BRIDGEDEV="br0"', 'BRIDGEDEV="br9"'))
    result = node.vzctl('start', 103, check=False)
    shown((result.stdout + result.stderr).replace(node.root, ''))
    checked('vzctl start 103 is refused, and nothing was done', result.returncode != 0)

    step('vzctl stop 101, vzctl stop 102', 'Namespace and veth are gone by then; the routes go now.')
    for veid in (101, 102):
        node.vzctl('stop', veid)
    left = diff(before, snapshot(node))
    shown(left)
    checked('the node is byte for byte as it was', not left)
    checked('the gateway alone is reached as before', node.ping(GATEWAY, 1) == 1)


def main() -> int:
    try:
        with Lab() as lab:
            node = lab.add_node('hn')
            node.install()
            show(lab, node)
    except LabImpossible as error:
        print('make demo: {}'.format(error), file=sys.stderr)
        return 1
    print('\n' + (paint('1;31', '{} of the steps failed'.format(len(failures))) if failures
                  else paint('1;32', 'All as it should be. README.md says how to have this on a node.')))
    return bool(failures)


if __name__ == '__main__':
    sys.exit(main())
