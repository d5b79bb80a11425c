"""Exported files, read by Debian's own ifupdown, and row by row as EL's ifup-routes does."""
from typing import Iterator, List

import pytest

from tests.lab.namespaces import LabImpossible
from tests.lab.network import Lab
from tests.lab.node import Node
from tests.lab.openvswitch import OpenVSwitch
from tests.lab.snapshot import diff, snapshot
from vzhooks import nodeconf
from vzhooks.node import export, saved

MAC = '02:00:0a:00:00:02'  # of the node's eth0
BEFORE = 'auto lo eth0\niface lo inet loopback\n\niface eth0 inet static\n    address 10.0.0.2/24\n    gateway 10.0.0.1\n'
CONF = '''
[bridge br0]
ports = eth0 eth1
address = 10.0.0.2/24 10.9.0.1/24 2001:db8:1::2/64
gateway = 10.0.0.1 2001:db8:1::1
mtu = 1400
[network internal]
cidr = 10.0.0.0/24 2001:db8:1::/64
dev = br0
gateway = 10.0.0.3 2001:db8:1::3
table = 210
rp_filter = 2
[network external]
cidr = 10.9.0.0/24
dev = br0
gateway = 10.9.0.3
table = 200
ingress = venet0 lo
'''
# What the plan of [network internal] says for IPv4, in the issue's own words
PLAN = '''
ip route add 10.0.0.0/24 dev br0 table 210 proto 118
ip route add default via 10.0.0.3 dev br0 table 210 proto 118
ip rule add pref 11816 from 10.0.0.0/24 to 10.0.0.0/24 iif venet0 lookup 254 protocol 118
ip rule add pref 11817 from 10.0.0.0/24 iif venet0 lookup 210 protocol 118
ip -6 route add 2001:db8:1::/64 dev br0 table 210 proto 118
ip -6 route add default via 2001:db8:1::3 dev br0 table 210 proto 118
ip -6 rule add pref 11928 from 2001:db8:1::/64 to 2001:db8:1::/64 iif venet0 lookup 254 protocol 118
ip -6 rule add pref 11929 from 2001:db8:1::/64 iif venet0 lookup 210 protocol 118
ip route add 10.9.0.0/24 dev br0 table 200 proto 118
ip route add default via 10.9.0.3 dev br0 table 200 proto 118
ip rule add pref 11816 from 10.9.0.0/24 to 10.9.0.0/24 iif venet0 lookup 254 protocol 118
ip rule add pref 11816 from 10.9.0.0/24 to 10.9.0.0/24 iif lo lookup 254 protocol 118
ip rule add pref 11817 from 10.9.0.0/24 iif venet0 lookup 200 protocol 118
ip rule add pref 11817 from 10.9.0.0/24 iif lo lookup 200 protocol 118
'''.strip().splitlines()


@pytest.fixture
def node() -> Iterator[Node]:
    """A node as it boots: eth0 and eth1 without addresses, and /etc/network its own."""
    try:
        lab = Lab()
    except LabImpossible as e:
        pytest.fail(str(e), pytrace=False)
    with lab:
        made = lab.add_node('hn', bridge=None)
        made.batch(['link add eth1 address 02:00:00:00:00:00 type veth peer name wire1', 'link set wire1 up',
                    'address flush dev eth0', 'link set eth0 down', 'link set lo down'])
        yield made


def wanted(kind: str, node: Node, conf: str = CONF) -> 'List[export.File]':
    read = nodeconf.read('vzhooks.conf', conf)
    return export.files(kind, read, {'br0': MAC}, export.tree(node.root), True)


def write(kind: str, node: Node, conf: str = CONF) -> None:
    saved.write(wanted(kind, node, conf), node.root, True, print)


def with_ifupdown(node: Node) -> None:
    """The machine's hook scripts and the node's own files at /etc/network."""
    node.run(['cp', '-a', '/etc/network', node.path('/etc/')])
    node.write('/etc/network/interfaces', BEFORE)
    node.run(['sh', '-c', 'rm -f "$0"/interfaces.d/*; mount --bind "$0" /etc/network; mkdir -p /run/network',
              node.path('/etc/network')])


def rules(node: Node) -> List[str]:
    """Those of both families in our range, sorted within one preference."""
    rows = (node.ip('-N -4 rule show') + node.ip('-N -6 rule show')).replace(' [detached]', '').splitlines()
    return sorted(row.strip() for row in rows if row.startswith(('118', '119')))


def routes(node: Node) -> List[str]:
    shown = ''
    for family in ('-4', '-6'):
        for table in ('200', '210'):
            shown += node.run(['ip', '-N', family, 'route', 'show', 'table', table], check=False).stdout
    return sorted(row.strip() for row in shown.splitlines())


def run_plan(node: Node) -> None:
    for command in PLAN:
        node.run(command.split())


def must_be_up(node: Node) -> None:
    bridge = node.ip('-d link show br0')
    assert ' link/ether ' + MAC in bridge and 'stp_state 0' in bridge and 'forward_delay 0 ' in bridge
    assert ' mtu 1400 ' in bridge and 'state UP' in bridge
    for port in ('eth0', 'eth1'):
        assert ' mtu 1400 master br0 ' in node.ip('-o link show ' + port).replace(' qdisc noqueue', '')
        assert 'inet' not in node.ip('-o address show scope global dev ' + port)
    addresses = node.ip('-o address show dev br0 scope global')
    assert [row.split()[3] for row in addresses.splitlines()] == ['10.0.0.2/24', '10.9.0.1/24', '2001:db8:1::2/64']
    assert 'inet 10.0.0.2/24 brd 10.0.0.255' in addresses
    assert node.ip('-N -4 route show default') == 'default via 10.0.0.1 dev br0 proto 118 \n'
    assert node.ip('-N -6 route show default') .startswith('default via 2001:db8:1::1 dev br0 proto 118 ')
    assert len(rules(node)) == 8
    assert len([row for row in routes(node) if 'proto 118' in row]) == 6
    assert node.run(['cat', '/proc/sys/net/ipv4/conf/br0/rp_filter']).stdout == '2\n'
    assert node.ping('10.0.0.1') == node.ping('2001:db8:1::1') == 1


@pytest.mark.needs('ifup', 'brctl')
def test_ifupdown_makes_the_network_and_takes_it_back_twice(node: Node) -> None:
    with_ifupdown(node)
    write('interfaces', node)
    before = None
    for _ in range(2):
        node.run(['ifup', '-a'])
        must_be_up(node)
        state = snapshot(node)
        assert 'rror' not in node.run(['ifup', '--force', 'br0']).stderr
        assert diff(state, snapshot(node)) == ''
        node.run(['ifdown', 'br0'])
        assert rules(node) == [] and routes(node) == []
        assert node.run(['ip', 'link', 'show', 'br0'], check=False).returncode == 1
        node.run(['ifdown', '--force', 'br0'], check=False)
        before = before or snapshot(node)
        assert diff(before, snapshot(node)) == ''


@pytest.mark.needs('ifup', 'brctl')
@pytest.mark.parametrize('protocol', [' protocol 118', ''])
def test_ifup_finds_what_the_plan_has_done_and_doubles_nothing(node: Node, protocol: str) -> None:
    with_ifupdown(node)
    node.batch(['link set lo up', 'link add br0 address {} mtu 1400 type bridge stp_state 0 forward_delay 0'.format(MAC)]
               + ['link set dev {} mtu 1400 master br0 up'.format(port) for port in ('eth0', 'eth1')]
               + ['link set br0 up', 'address add 10.0.0.2/24 brd + dev br0', 'address add 10.9.0.1/24 brd + dev br0',
                  'address add 2001:db8:1::2/64 dev br0 nodad', 'route add default via 10.0.0.1 dev br0 proto 118',
                  'route add default via 2001:db8:1::1 dev br0 proto 118', 'route add 10.7.7.7 dev br0 proto 118'])
    for command in PLAN:
        node.run((command.replace(' protocol 118', protocol) if ' rule ' in command else command).split())
    node.sysctl('net.ipv4.conf.br0.rp_filter', 2)
    write('interfaces', node)
    node.ping('10.0.0.1')
    before = snapshot(node)
    assert node.run(['ifup', 'br0']).stderr.strip() == ''
    assert diff(before, snapshot(node)) == ''
    must_be_up(node)
    assert 'br0' in node.run(['ifquery', '--state']).stdout
    node.run(['ifdown', 'br0'])
    assert rules(node) == []


@pytest.mark.needs('ifup', 'brctl')
def test_undo_gives_ifupdown_its_old_network(node: Node) -> None:
    with_ifupdown(node)
    write('interfaces', node)
    assert saved.undo(node.root, print) == 3
    node.run(['ifup', '-a'])
    assert '10.0.0.2/24' in node.ip('address show dev eth0')
    assert node.run(['ip', 'link', 'show', 'br0'], check=False).returncode == 1 and rules(node) == []


@pytest.mark.needs('ifup', 'ovs-vsctl')
def test_ifupdown_makes_an_open_vswitch_bridge(node: Node) -> None:
    with_ifupdown(node)
    switch = OpenVSwitch(node)
    conf = CONF.replace('ports = eth0 eth1', 'type = ovs\ndatapath = netdev\nports = eth0')
    write('interfaces', node, conf.replace('mtu = 1400\n', ''))
    for _ in range(2):
        node.run(['ifup', '-a'])
        assert switch.ports('br0') == ['eth0']
        assert switch.vsctl('get Bridge br0 other-config:hwaddr').strip().strip('"') == MAC
        assert ' link/ether ' + MAC in node.ip('link show br0')
        assert node.ip('-N -4 route show default') == 'default via 10.0.0.1 dev br0 proto 118 \n'
        assert len(rules(node)) == 8 and node.ping('10.0.0.1') == 1
        node.run(['ifdown', 'br0'])
        assert rules(node) == [] and 'br0' not in switch.vsctl('list-br').split()


def ifup_routes(node: Node) -> None:
    """What ifup-routes does with the files of br0: `ip -4|-6 route|rule add ROW`."""
    directory = '/etc/sysconfig/network-scripts/'
    for name, command in (('route-br0', '-4 route'), ('route6-br0', '-6 route'), ('rule-br0', '-4 rule'),
                          ('rule6-br0', '-6 rule')):
        for row in node.read(directory + name).splitlines():
            if row and not row.startswith('#'):
                node.ip('{} add {}'.format(command, row))


def test_the_rows_of_route_and_rule_files_are_those_of_the_plan(node: Node) -> None:
    write('ifcfg', node)
    node.batch(['link set lo up', 'link add br0 type bridge', 'link set br0 up', 'address add 10.0.0.2/24 dev br0',
                'address add 10.9.0.1/24 dev br0', 'address add 2001:db8:1::2/64 dev br0 nodad'])
    run_plan(node)
    by_plan = rules(node), routes(node)
    assert len(by_plan[0]) == 8
    node.run(['sh', '-c', 'for p in 11816 11817; do while ip rule del pref $p; do :; done; done; ip -6 rule del pref 11928;'
              'ip -6 rule del pref 11929; for t in 200 210; do ip route flush table $t; ip -6 route flush table $t; done'],
             check=False)
    assert rules(node) == []
    ifup_routes(node)
    assert (rules(node), routes(node)) == by_plan


def test_rule_files_are_in_order_even_where_the_preference_is_dropped(node: Node) -> None:
    conf = CONF.replace('10.9.0.0/24', '10.0.0.128/25').replace('10.9.0.3', '10.0.0.129')
    write('ifcfg', node, conf)
    node.batch(['link set lo up'])
    rows = [row for row in node.read('/etc/sysconfig/network-scripts/rule-br0').splitlines() if not row.startswith('#')]
    for row in rows:
        node.ip('rule add ' + row.partition(' from ')[1].strip() + ' ' + row.partition(' from ')[2])
    listed = [row.split('\t')[1].replace(' [detached]', '').strip() for row in node.ip('-N rule show').splitlines()[1:-2]]
    assert listed == [
        'from 10.0.0.128/25 to 10.0.0.128/25 iif venet0 lookup 254 proto 118',
        'from 10.0.0.128/25 to 10.0.0.128/25 iif lo lookup 254 proto 118',
        'from 10.0.0.128/25 iif venet0 lookup 200 proto 118', 'from 10.0.0.128/25 iif lo lookup 200 proto 118',
        'from 10.0.0.0/24 to 10.0.0.0/24 iif venet0 lookup 254 proto 118', 'from 10.0.0.0/24 iif venet0 lookup 210 proto 118']
