"""Scenario 2: venet containers with addresses of several networks; each source leaves by its own network's gateway."""
import re
import time
from typing import Iterator, List

import pytest

from tests.lab.network import INTERNET, INTERNET6, Lab
from tests.lab.node import Node
from tests.lab.snapshot import diff, snapshot
from tests.lab.uplinks import ALL, BOTH, INNER, INNER6, OUTER, OUTER6, Uplinks, rp_filter

pytestmark = pytest.mark.needs('root', 'nft')

CONF = '/etc/vz/vzhooks.conf'
NETWORKS = '''
[network internal]
cidr = 192.168.1.0/24 2001:db8:10::/64
dev = vmbr0
gateway = 192.168.1.3 2001:db8:10::3
table = 210

[network external]
cidr = 200.200.100.0/23 2001:db8:20::/64
dev = vmbr1
gateway = 200.200.100.30 2001:db8:20::3
table = 200
'''
BRIDGES = '''
[bridge vmbr0]
ports = eth0
address = 192.168.1.142/24 2001:db8:10::142/64
gateway = 192.168.1.3 2001:db8:10::3
[bridge vmbr1]
ports = eth1
address = 200.200.100.6/23 2001:db8:20::6/64
'''
OURS = re.compile(r'(?:118[0-9][0-9]|119[0-9][0-9]|120[0-9][0-9]):\t')


@pytest.fixture
def uplinks() -> Iterator[Uplinks]:
    with Lab() as lab:
        made = Uplinks(lab)
        made.node.install()
        made.node.write(CONF, NETWORKS)
        rp_filter(made.node, 2)
        yield made


def rules(node: Node, family: int = 4) -> List[str]:
    return [row.replace('\t', ' ') for row in node.ip('-N -{} rule show'.format(family)).splitlines() if OURS.match(row)]


def table(node: Node, number: int) -> str:
    return node.run(['ip', '-4', 'route', 'show', 'table', number], check=False).stdout


def by_its_own_gateway(uplinks: Uplinks, veid: int = 138) -> None:
    """Three pings from each source, all of them answered, and counted at the gateway of its network alone."""
    ct = uplinks.node.ct(veid)
    for mine, other, source, target in ((uplinks.internal, uplinks.external, INNER, INTERNET),
                                        (uplinks.external, uplinks.internal, OUTER, INTERNET),
                                        (uplinks.internal, uplinks.external, INNER6, INTERNET6),
                                        (uplinks.external, uplinks.internal, OUTER6, INTERNET6)):
        deadline = time.monotonic() + 5
        while ':' in source and not ct.ping(target, source=source) and time.monotonic() < deadline:
            pass  # the first discovery on a young link takes a second
        time.sleep(0.1 if ':' in source else 0)
        before, beside = mine.forwarded(source), other.forwarded(source)
        assert ct.ping(target, 3, source=source) == 3, source
        assert (mine.forwarded(source) - before, other.forwarded(source) - beside) == (3, 0), source


def test_the_node_gets_the_scenario_s_tables_and_rules_once_and_loses_them(hn: Node) -> None:
    before = snapshot(hn)
    hn.vzhook('node', 'up')
    assert rules(hn) == [
        '11816: from 192.168.1.0/24 to 192.168.1.0/24 iif venet0 lookup 254 proto 118',
        '11817: from 192.168.1.0/24 iif venet0 lookup 210 proto 118',
        '11818: from 200.200.100.0/23 to 200.200.100.0/23 iif venet0 lookup 254 proto 118',
        '11819: from 200.200.100.0/23 iif venet0 lookup 200 proto 118']
    assert len(rules(hn, 6)) == 4
    assert [row.strip() for row in hn.ip('-N route show table 210').splitlines()] == [
        'default via 192.168.1.3 dev vmbr0 proto 118', '192.168.1.0/24 dev vmbr0 proto 118 scope 253']
    assert 'default via 2001:db8:20::3 dev vmbr1' in hn.ip('-6 route show table 200')
    once = snapshot(hn)
    assert 'nothing to do' in hn.vzhook('node', 'up').stdout
    assert diff(once, snapshot(hn)) == ''
    assert hn.vzhook('node', 'check').returncode == 0
    assert hn.vzhook('node', 'down').stderr == ''
    assert diff(before, snapshot(hn)) == ''
    assert 'nothing to do' in hn.vzhook('node', 'down').stdout


def test_each_source_leaves_by_its_own_gateway_without_node_up(uplinks: Uplinks, hn: Node) -> None:
    """vps.mount makes sure of what the container needs."""
    before = snapshot(hn)
    hn.conf(138, ALL)
    hn.vzctl('start', 138)
    by_its_own_gateway(uplinks)
    hn.vzctl('stop', 138)
    assert len(rules(hn)) == 4  # they are the node's
    hn.vzhook('node', 'down')
    assert diff(before, snapshot(hn)) == ''


def test_a_container_gets_only_the_networks_that_it_needs(hn: Node) -> None:
    hn.conf(139, 'IP_ADDRESS="192.168.1.101/24"\n')
    hn.vzctl('start', 139)
    assert len(rules(hn)) == 2 and len(rules(hn, 6)) == 2
    assert table(hn, 200) == ''
    hn.vzhook('node', 'up')
    assert len(rules(hn)) == 4
    assert hn.vzhook('node', 'check').returncode == 0


def test_neighbours_of_a_network_talk_without_any_gateway(uplinks: Uplinks, hn: Node) -> None:
    hn.conf(138, BOTH)
    hn.conf(139, 'IP_ADDRESS="192.168.1.101/24 200.200.100.13/23"\n')
    for veid in (138, 139):
        hn.vzctl('start', veid)
    for gateway in (uplinks.internal, uplinks.external):
        gateway.reset()
    assert hn.ct(138).ping('192.168.1.101', 3, source=INNER) == 3
    assert hn.ct(138).ping('200.200.100.13', 3, source=OUTER) == 3
    assert hn.ct(138).ping('192.168.1.142', source=INNER) == 1  # the node itself
    assert uplinks.internal.counts() == uplinks.external.counts() == {}
    hn.batch(['rule del pref 11816', 'rule del pref 11818'])  # broken on purpose: the table knows no neighbour
    assert hn.ct(138).ping('200.200.100.13', source=OUTER) == 0


def test_fifty_containers_have_no_more_rules_than_one(uplinks: Uplinks, hn: Node) -> None:
    for number in range(50):
        hn.conf(200 + number, 'IP_ADDRESS="192.168.1.{0}/24 200.200.101.{0}/23"\n'.format(10 + number))
        hn.vzctl('start', 200 + number)
    assert len(rules(hn)) == 4
    assert hn.ct(249).ping(INTERNET, source='200.200.101.59') == 1
    assert uplinks.external.forwarded('200.200.101.59') == 1
    assert hn.ct(200).ping('200.200.101.59', source='200.200.101.10') == 1
    # one reading and no write: nobody has the node's lock or writes its journal
    journal = hn.run(['stat', '-c', '%Y %i %z', hn.path('/run/vzhooks/node/journal')]).stdout
    hn.vzctl('restart', 249)
    assert hn.run(['stat', '-c', '%Y %i %z', hn.path('/run/vzhooks/node/journal')]).stdout == journal


def test_a_restart_of_the_network_is_made_up_for_at_the_next_start(uplinks: Uplinks, hn: Node) -> None:
    """ifdown takes a table's routes along, and rule-* files their rules."""
    hn.conf(138, ALL)
    hn.vzctl('start', 138)
    hn.vzctl('stop', 138)
    hn.batch(['link set vmbr1 down', 'link set vmbr1 up', 'addr replace 2001:db8:20::6/64 dev vmbr1 nodad',
              'rule del pref 11817', 'rule del pref 11816'])
    assert table(hn, 200) == '' and len(rules(hn)) == 2
    hn.vzctl('start', 138)
    by_its_own_gateway(uplinks)
    assert hn.vzhook('node', 'check').returncode == 0


def test_running_flows_and_counters_are_untouched_by_another_up(uplinks: Uplinks, hn: Node) -> None:
    hn.conf(138, ALL)
    hn.vzctl('start', 138)
    hn.vzhook('node', 'up')
    seen = hn.popen(['ip', 'monitor', 'link', 'address', 'route', 'rule', 'nexthop'])
    pings = hn.ct(138).popen(hn.ct(138).ping_command(INTERNET, 100, 0.01, source=OUTER))
    time.sleep(0.2)
    for _ in range(3):
        hn.vzhook('node', 'up')
    assert int(pings.communicate(timeout=30)[0]) == 100
    seen.terminate()
    assert seen.communicate(timeout=10)[0] == ''  # the kernel reports no change at all
    assert uplinks.external.forwarded(OUTER) == 100


def test_a_changed_network_has_no_moment_without_its_rules(uplinks: Uplinks, hn: Node) -> None:
    hn.conf(138, ALL)
    hn.vzctl('start', 138)
    hn.vzhook('node', 'up')
    hn.write(CONF, NETWORKS.replace('table = 200', 'table = 201'))
    uplinks.internal.reset()
    pings = hn.ct(138).popen(hn.ct(138).ping_command(INTERNET, 200, 0.005, source=OUTER))
    time.sleep(0.1)
    hn.vzhook('node', 'up')
    assert int(pings.communicate(timeout=30)[0]) == 200
    assert uplinks.internal.forwarded(OUTER) == 0
    assert table(hn, 200) == ''
    assert len(rules(hn)) == 4


@pytest.mark.parametrize('value, reached', [(0, 1), (1, 0), (2, 1)])
def test_rp_filter(uplinks: Uplinks, hn: Node, value: int, reached: int) -> None:
    """Strict, it drops what comes from beyond for the node's own address there: said, and mended when asked.

    Not for venet containers: the kernel asks the rules for the way back as if it came from venet0 (fib_validate_source).
    """
    rp_filter(hn, value)
    hn.conf(138, ALL)
    hn.vzctl('start', 138)
    assert uplinks.internet.ping('200.200.100.6') == reached
    assert uplinks.internet.ping(OUTER) == uplinks.internet.ping(INNER) == 1
    said = 'rp_filter is 1 on vmbr1, which drops what comes in there from beyond 200.200.100.0/23'
    assert (said in hn.vzhook('lint').stdout) == (value == 1)
    if value == 1:
        hn.write(CONF, NETWORKS + 'rp_filter = 2\n')
        hn.vzhook('node', 'up')
        assert uplinks.internet.ping('200.200.100.6') == 1
        assert said not in hn.vzhook('lint').stdout
        hn.vzhook('node', 'down')
        assert hn.run(['cat', '/proc/sys/net/ipv4/conf/vmbr1/rp_filter']).stdout == '1\n'


def test_a_missing_interface_is_said_and_the_others_work(uplinks: Uplinks, hn: Node) -> None:
    hn.write(CONF, NETWORKS.replace('dev = vmbr0', 'dev = vmbr7'))
    hn.conf(138, ALL)
    hn.vzctl('start', 138)
    assert [line for line in hn.syslog() if 'dev vmbr7 of [network internal]: there is no such interface' in line]
    assert hn.ct(138).ping(INTERNET, source=OUTER) == 1
    assert uplinks.external.forwarded(OUTER) == 1
    refused = hn.vzhook('node', 'up', check=False)
    assert refused.returncode == 2 and 'dev vmbr7 of [network internal]' in refused.stderr


def test_lint_says_what_is_doubtful_about_a_container_s_addresses(hn: Node) -> None:
    hn.conf(138, 'IP_ADDRESS="200.200.100.12 192.168.1.100/24"\n')
    hn.conf(139, 'IP_ADDRESS="10.77.0.1/24"\n')
    hn.conf(140, 'IP_ADDRESS="192.168.1.102"\n')
    said = hn.vzhook('lint').stdout.splitlines()
    assert [line.split('/etc/vz/conf/')[1].split(';')[0] for line in said if '/conf/' in line] == [
        '138.conf:1: doubtful: IP_ADDRESS: 200.200.100.12 has no mask, and the container is in several networks',
        '139.conf:1: doubtful: IP_ADDRESS: 10.77.0.1 is in no [network] of vzhooks.conf']


def test_a_network_that_is_wrong_stops_no_container(hn: Node) -> None:
    hn.write(CONF, NETWORKS.replace('gateway = 192.168.1.3', 'gateway = 10.0.0.1'))
    hn.conf(138, ALL)
    hn.vzctl('start', 138)
    assert [line for line in hn.syslog() if 'gateway 10.0.0.1 is outside cidr 192.168.1.0/24' in line]
    assert hn.ct(138).ping(INTERNET, source=OUTER) == 1


def test_the_equal_rule_of_an_exported_file_is_as_good(hn: Node) -> None:
    """With or without our protocol: two of them would be two to the kernel."""
    before = snapshot(hn)
    hn.batch(['rule add pref 11817 from 192.168.1.0/24 iif venet0 lookup 210',
              'route add default via 192.168.1.3 dev vmbr0 table 210 proto 118'])
    hn.vzhook('node', 'up')
    assert len(rules(hn)) == 4
    hn.batch(['rule add pref 11817 from 192.168.1.0/24 iif venet0 lookup 210 protocol 118',  # ifup once more
              'rule add pref 11999 from 10.0.0.0/8 iif venet0 lookup 77 protocol 118',
              'rule add pref 12000 from 10.9.0.0/16 lookup 77', 'rule add pref 11900 iif venet0 lookup 77 protocol static'])
    found = hn.vzhook('node', 'check', check=False)
    assert (found.returncode, found.stdout.splitlines()[-1]) == (1, 'lines: 16, drift: 2')
    hn.vzhook('node', 'up')
    assert len(rules(hn)) == 6
    assert hn.vzhook('node', 'check').returncode == 0
    assert hn.vzhook('node', 'down').stderr == ''
    assert [rule.split(':')[0] for rule in rules(hn)] == ['11900', '12000']  # somebody else's, though of our preferences
    hn.batch(['rule del pref 11900', 'rule del pref 12000'])
    assert diff(before, snapshot(hn)) == ''


def test_a_table_with_somebody_else_s_route_is_refused(hn: Node) -> None:
    hn.batch(['route add 10.66.0.0/16 dev vmbr0 table 210'])
    before = snapshot(hn)
    refused = hn.vzhook('node', 'up', check=False)
    assert refused.returncode == 2
    assert "table 210 has a route of somebody else: '10.66.0.0/16 dev vmbr0 table 210" in refused.stderr
    assert diff(before, snapshot(hn)) == ''
    hn.conf(138, ALL)
    hn.vzctl('start', 138)  # without that network
    assert [line for line in hn.syslog() if 'table 210 has a route of somebody else' in line]
    assert len(rules(hn)) == 2


def test_an_interface_that_is_down_is_said_and_the_others_work(uplinks: Uplinks, hn: Node) -> None:
    hn.batch(['link set vmbr0 down', 'route add default via 200.200.100.30'])
    hn.conf(138, ALL)
    hn.vzctl('start', 138)
    assert [line for line in hn.syslog() if 'dev vmbr0 of [network internal] is down' in line]
    assert hn.ct(138).ping(INTERNET, source=OUTER) == 1
    assert 'is down' in hn.vzhook('node', 'up').stderr
    assert hn.vzhook('node', 'check').returncode == 0


def test_with_the_journal_lost_down_still_finds_what_is_ours(hn: Node) -> None:
    before = snapshot(hn)
    hn.vzhook('node', 'up')
    hn.run(['rm', '-rf', hn.path('/run/vzhooks')])
    hn.write(CONF, '')
    hn.vzhook('node', 'down')
    assert diff(before, snapshot(hn)) == ''
    hn.write(CONF, '[bridge br7]\naddress = 10.7.0.1/24\n')
    hn.vzhook('node', 'up')
    hn.run(['rm', '-rf', hn.path('/run/vzhooks')])
    said = hn.vzhook('node', 'down', check=False)
    assert said.returncode == 1 and 'br7: made by vzhooks, but what it was made from is forgotten' in said.stderr


@pytest.mark.parametrize('generation, backend', [('modern', 'nft'), ('modern', 'iptables'), ('legacy', 'nft'),
                                                 ('legacy', 'iptables')])
def test_routed_veths_take_venet_s_place(generation: str, backend: str) -> None:
    """On modern nodes `type=routed`, of which no hook hears but vps.mount; on legacy ones a veth without a bridge."""
    with Lab() as lab:
        uplinks = Uplinks(lab, generation=generation, with_venet=False)
        hn = uplinks.node
        hn.install()
        hn.write(CONF, NETWORKS + '[floating]\nbackend = {}\n'.format(backend))
        rp_filter(hn, 2)
        before = snapshot(hn)
        for veid, inner, outer in (('101', '192.168.1.101', '200.200.100.101'), ('102', '192.168.1.102', '200.200.100.102')):
            both = '{}/24{{0}}{}/23'.format(inner, outer)
            if generation == 'modern':
                text = 'NETIF="ifname=eth0,type=routed,mac=00:18:51:00:00:{0},host_ifname=veth{0}.0,ip={1}"\n'.format(
                    veid[1:], both.format(':'))
            else:
                text = ('NETIF="ifname=eth0,mac=00:18:51:00:00:{},host_ifname=veth{}.0"\nVETH_IP_ADDRESS="{}"\n'
                        'VE_DEFAULT_GATEWAY="192.168.1.3"\n'.format(veid[1:], veid, both.format(' ')))
            hn.conf(veid, text)
            hn.vzctl('start', veid)
        device = 'veth01.0' if generation == 'modern' else 'veth101.0'
        # neighbours beyond answer to the containers by way of the node
        for bridge in ('vmbr0', 'vmbr1'):
            hn.sysctl('net.ipv4.conf.{}.proxy_arp'.format(bridge), 1)
        for source in ('192.168.1.101', '200.200.100.101'):
            assert hn.ct('101').ping(INTERNET, 3, source=source) == 3, source
        assert uplinks.internal.forwarded('192.168.1.101') == uplinks.external.forwarded('200.200.100.101') == 3
        assert uplinks.internal.forwarded('200.200.100.101') == uplinks.external.forwarded('192.168.1.101') == 0
        assert hn.ct('101').ping('200.200.100.102', source='200.200.100.101') == 1
        for value, reached in ((1, 0), (2, 1)):  # here the way back has no mark: strict drops
            rp_filter(hn, value)
            assert uplinks.internet.ping('200.200.100.101') == reached
        assert len(rules(hn)) == 8  # two networks by two kinds of ingress, whatever the number of containers
        assert hn.vzhook('node', 'check').returncode == 0
        listing = hn.run(['nft', 'list', 'ruleset'] if backend == 'nft' else ['iptables', '-t', 'mangle', '-S']).stdout
        assert device in listing
        # a foreign reload takes it all away; ours is done again after it (vzhooks.service)
        for command in (['nft', 'flush', 'ruleset'],) if backend == 'nft' else (
                ['iptables', '-t', 'mangle', '-F'], ['iptables', '-t', 'mangle', '-X']):
            hn.run(command)
        assert hn.vzhook('node', 'check', check=False).returncode == 1
        hn.vzhook('node', 'up')
        assert hn.vzhook('node', 'check').returncode == 0
        assert hn.ct('102').ping(INTERNET, source='200.200.100.102') == 1
        assert uplinks.external.forwarded('200.200.100.102') == 1
        for veid in ('101', '102'):
            hn.vzctl('stop', veid)
        assert device not in hn.run(['nft', 'list', 'ruleset'] if backend == 'nft' else ['iptables', '-t', 'mangle', '-S']).stdout
        for bridge in ('vmbr0', 'vmbr1'):
            hn.sysctl('net.ipv4.conf.{}.proxy_arp'.format(bridge), 0)
        hn.vzhook('node', 'down')
        left = [line for line in diff(before, snapshot(hn)).splitlines() if line.startswith('+') and 'nftables' not in line]
        assert left in ([], ['+++ after'])


def test_the_node_s_bridges_and_networks_from_one_file() -> None:
    """A node as it is delivered: two interfaces with their addresses. One command makes scenario 2 whole."""
    with Lab() as lab:
        uplinks = Uplinks(lab, bridges=False)
        hn = uplinks.node
        hn.install()
        hn.write(CONF, BRIDGES + NETWORKS)
        rp_filter(hn, 2)
        before = snapshot(hn)
        hn.vzhook('node', 'up', '--confirm', '60')
        hn.vzhook('node', 'confirm')
        rp_filter(hn, 2)
        hn.conf(138, ALL)
        hn.vzctl('start', 138)
        by_its_own_gateway(uplinks)
        hn.vzctl('stop', 138)
        hn.vzhook('node', 'down', '--yes')
        assert diff(before, snapshot(hn)) == ''
