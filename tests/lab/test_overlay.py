"""[overlay] by the kernel's own VXLAN: three nodes on a routed underlay, containers on each."""
import json
import re
from typing import Dict, Iterator

import pytest

from tests.lab.overlays import CONF, Dhcp, Overlay, broadcasts, ct_conf, done, lease, strangers, tcp, wait_for
from tests.lab.snapshot import diff, snapshot
from tests.lab.stream import Stream
from tests.lab.underlay import ADDRESSES, ADDRESSES6, Underlay, conf

pytestmark = pytest.mark.needs('busybox', 'dnsmasq')


@pytest.fixture(scope='module')
def net() -> Iterator[Overlay]:
    """What a test changes, it brings back: the next one has the same nodes."""
    with Underlay() as underlay:
        yield Overlay(underlay, [], type='linux', vni=42)


def test_containers_of_different_nodes_reach_each_other(net: Overlay) -> None:
    one, two, three = net.cts
    assert [one.ping('192.168.223.102', 3), two.ping('192.168.223.103', 3), three.ping('192.168.223.3', 3)] == [3, 3, 3]
    assert tcp(one, two, '192.168.223.102') == 1 << 20
    for place, device in ((net.hosts[0], 'vx-br1'), (net.hosts[0], 'br1'), (net.hosts[0], 'veth101.0'), (one, 'eth0')):
        assert ' mtu 1450 ' in place.ip('link show dev ' + device)
    assert one.ping('192.168.223.102', 1, size=1450 - 28, dont_fragment=True) == 1
    assert one.ping('192.168.223.102', 1, size=1451 - 28, dont_fragment=True) == 0
    assert [host.vzhook('node', 'check').returncode for host in net.hosts] == [0, 0, 0]


def test_status_says_which_peers_answer(net: Overlay) -> None:
    def answers() -> Dict[str, str]:
        report = json.loads(net.hosts[0].vzhook('status', '--json', '--check').stdout)
        return {peer['address']: peer['answers'] for peer in report['node']['overlays'][0]['peers']}

    assert answers() == {'10.1.2.4': 'yes', '10.1.3.5': 'yes'}
    net.hosts[1].batch(['link set dev vx-br1 down'])
    net.underlay.router.batch(['route add blackhole 10.1.3.5'])
    try:
        assert answers() == {'10.1.2.4': 'underlay', '10.1.3.5': 'no'}
    finally:
        net.hosts[1].batch(['link set dev vx-br1 up'])
        net.underlay.router.batch(['route del blackhole 10.1.3.5'])


def test_a_broadcast_arrives_once_at_each_and_never_returns(net: Overlay) -> None:
    assert broadcasts(net.cts[1], [net.cts[0], net.cts[2]]) == [20, 20, 0]


def test_a_dhcp_server_on_one_node_serves_a_container_on_another(net: Overlay) -> None:
    dhcp = Dhcp(net.cts[0], '192.168.223.150')
    net.hosts[1].conf(104, ct_conf(104).replace('VETH_IP_ADDRESS="192.168.223.104/24"\n', ''))
    net.hosts[1].vzctl('start', 104)
    seconds = lease(net.hosts[1].ct(104))
    assert net.hosts[1].ct(104).ping('192.168.223.103', 2) == 2
    assert seconds < 5
    print('lease after {:.2f} s'.format(seconds))
    dhcp.close()
    net.hosts[1].vzctl('stop', 104)


def test_a_peer_comes_and_goes_and_the_others_lose_no_packet(net: Overlay) -> None:
    stream = Stream(net.cts[0], net.cts[1], '192.168.223.102')
    pings = net.cts[0].popen(net.cts[0].ping_command('192.168.223.102', 2000, interval=0.001))
    for number, peer in ((0, ADDRESSES[1]), (1, ADDRESSES[0])):
        net.write(number, [ADDRESSES[number], peer])
        commands = done(net.hosts[number])
        assert commands == ['bridge fdb del 00:00:00:00:00:00 dev vx-br1 dst 10.1.3.5',
                            'nft delete element inet vzhooks_overlay4_42_4789 peers { 10.1.3.5 }']
    assert broadcasts(net.cts[0], net.cts[1:]) == [20, 0, 0]
    for number in (0, 1):
        net.write(number)
        assert done(net.hosts[number]) == ['nft add element inet vzhooks_overlay4_42_4789 peers { 10.1.3.5 }',
                                           'bridge fdb append 00:00:00:00:00:00 dev vx-br1 dst 10.1.3.5']
    assert net.cts[0].ping('192.168.223.103', 3) == 3
    count, longest = stream.end()
    assert count > 100 and longest < 500
    assert pings.communicate(timeout=30)[0] == '2000\n'


def test_packets_of_strangers_are_dropped(net: Overlay) -> None:
    assert strangers(net.underlay.router, ADDRESSES[0], net.cts[0], 42) == 0
    element = 'element inet vzhooks_overlay4_42_4789 peers { 10.1.1.1 }'
    net.hosts[0].run(['nft', 'add ' + element])  # only the list keeps them out
    assert strangers(net.underlay.router, ADDRESSES[0], net.cts[0], 42) == 20
    net.hosts[0].run(['nft', 'delete ' + element])


def test_a_container_stops_and_starts(net: Overlay) -> None:
    for stop in ('stop', 'kill-inside'):
        net.hosts[1].vzctl(stop, 102)
        net.hosts[1].vzctl('start', 102)
        assert net.cts[0].ping('192.168.223.102', 3) == 3


def test_veth_mtu_overrides_inside_only(net: Overlay) -> None:
    net.hosts[1].conf(105, ct_conf(105, 'VETH_MTU="1400"\n'))
    net.hosts[1].vzctl('start', 105)
    assert ' mtu 1400 ' in net.hosts[1].ct(105).ip('link show dev eth0')
    assert ' mtu 1450 ' in net.hosts[1].ip('link show dev veth105.0')
    assert ' mtu 1450 ' in net.hosts[1].ip('link show dev br1')
    net.hosts[1].vzctl('stop', 105)


def test_drift_is_found_and_mended(net: Overlay) -> None:
    host = net.hosts[0]
    host.batch(['link del vx-br1'])
    found = host.vzhook('node', 'check', check=False)
    assert found.returncode == 1 and 'missing: ip link add name vx-br1 type vxlan' in found.stdout
    host.vzhook('node', 'up')
    assert net.cts[0].ping('192.168.223.103', 3) == 3


def test_another_vni_replaces_the_device(net: Overlay) -> None:
    for number, host in enumerate(net.hosts):
        net.write(number, vni=43)
        host.vzhook('node', 'up')
        assert 'vxlan id 43 ' in host.ip('-d link show dev vx-br1')
        assert 'nothing to do' in host.vzhook('node', 'up').stdout
    assert net.cts[0].ping('192.168.223.103', 3) == 3
    for number, host in enumerate(net.hosts):
        net.write(number)
        host.vzhook('node', 'up')
    assert net.cts[0].ping('192.168.223.103', 3) == 3


def test_a_failure_brings_the_old_device_back(net: Overlay) -> None:
    """The new device takes another's VNI; with the old one all that was said of it had gone."""
    host = net.hosts[0]
    host.batch(['link add other type vxlan id 44 dstport 4789 local 10.1.1.3'])
    before = snapshot(host)
    net.write(0, vni=44)
    failed = host.vzhook('node', 'up', check=False)
    assert failed.returncode == 1 and 'id 44' in failed.stderr
    host.run(['sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=0'], check=False)
    after = snapshot(host)
    host.batch(['link del other'])
    net.write(0)
    assert net.cts[0].ping('192.168.223.103', 3) == 3
    assert 'nothing to do' in host.vzhook('node', 'up').stdout
    assert _without_macs(before, after) == ''


def _without_macs(before: str, after: str) -> str:
    """The vxlan device's own MAC is another each time, and so is that entry's place in the list."""
    lists = [re.sub(r'(?m)^.* dev vx-br1 master br1 permanent\n', '', text) for text in (before, after)]
    return diff(*[re.sub(r'(?m)^vx-br1.*$', lambda row: re.sub(r'([0-9a-f]{2}:){5}[0-9a-f]{2}', 'MAC', row.group()), text)
                  for text in lists])


@pytest.mark.needs('ping')
def test_the_doctor_says_what_passes_and_its_advice_helps(net: Overlay) -> None:
    host, far = net.hosts[0], net.hosts[2]
    net.underlay.mtu(3, 1400)
    far.batch(['link set eth0 mtu 1400'])
    said = host.vzhook('doctor', 'overlay', 'br1', '--json', check=False)
    sizes = {found['peer']: (found['underlay_mtu'], found['wanted'], found['udp'], found['overlay_mtu'], found['mtu'])
             for found in json.loads(said.stdout)}
    assert said.returncode == 1
    assert sizes == {'10.1.2.4': (1500, 1500, 'passes', 1450, 1450), '10.1.3.5': (1400, 1500, 'passes', 1350, 1450)}
    assert "10.1.3.5 carries packets of 1400 bytes, but a full one of the overlay has 1500; 'mtu = 1350'" in said.stdout
    for number, one in enumerate(net.hosts):
        net.write(number, mtu=1350)
        one.vzhook('node', 'up')
    assert host.vzhook('doctor', 'overlay', '--to', '192.168.223.5', '--to', '192.168.223.4').returncode == 0
    net.underlay.mtu(3, 1500)
    far.batch(['link set eth0 mtu 1500'])
    for number, one in enumerate(net.hosts):
        net.write(number)
        one.vzhook('node', 'up')
    assert ' mtu 1450 ' in host.ip('link show dev vx-br1')


@pytest.mark.needs('ping')
def test_the_doctor_finds_a_closed_port(net: Overlay) -> None:
    net.hosts[1].batch(['link set vx-br1 down'])
    said = net.hosts[0].vzhook('doctor', 'overlay', check=False)
    assert said.returncode == 1
    assert '10.1.2.4 through the overlay: nobody there listens on UDP port 4789' in said.stdout
    assert '10.1.3.5 through' not in said.stdout
    walked = net.hosts[0].vzhook('doctor', check=False).stdout.splitlines()
    assert walked[-3].startswith('WRONG  overlay br1: full packets reach peer 10.1.2.4: ')
    net.hosts[1].vzhook('node', 'up')
    assert net.cts[0].ping('192.168.223.102', 3) == 3


def test_two_overlays_and_ipv6_underneath(net: Overlay) -> None:
    for number, host in enumerate(net.hosts[:2]):
        net.write(number)
        host.write(CONF, host.read(CONF) + conf(ADDRESSES6, vni=6, address='192.168.6.{}/24'.format(number + 3)).replace(
            'br1', 'br6'))
        host.vzhook('node', 'up')
        assert ' mtu 1430 ' in host.ip('link show dev br6')
    one = net.hosts[0]
    assert one.ping('192.168.6.4', 3) == 3
    assert one.ping('192.168.6.4', 1, size=1430 - 28, dont_fragment=True) == 1
    assert net.cts[0].ping('192.168.223.102', 3) == 3
    for number, host in enumerate(net.hosts[:2]):
        net.write(number)
        host.vzhook('node', 'up')
        assert 'br6' not in host.ip('-br link show')


def test_all_goes_and_a_container_brings_what_it_needs(net: Overlay) -> None:
    """The last test: it takes the overlay down."""
    refused = net.hosts[0].vzhook('node', 'down', check=False)
    assert refused.returncode == 1 and 'br1 has other ports: veth101.0' in refused.stderr
    for number, host in enumerate(net.hosts):
        host.vzctl('stop', 101 + number)
        once = snapshot(host)
        assert 'nothing to do' in host.vzhook('node', 'up').stdout
        assert diff(once, snapshot(host)) == ''
        host.vzhook('node', 'down')
        assert diff(net.before[number], snapshot(host)) == ''
        assert 'nothing to do' in host.vzhook('node', 'down').stdout
    assert diff(net.before[0], snapshot(net.hosts[0])) == ''
    for number, host in enumerate(net.hosts[:2]):
        host.vzctl('start', 101 + number)
    assert wait_for(lambda: net.cts[0].ping('192.168.223.102') == 1)
    assert net.hosts[0].vzhook('node', 'check').returncode == 0
    for number, host in enumerate(net.hosts[:2]):
        host.vzctl('stop', 101 + number)
        host.vzhook('node', 'down')
        assert diff(net.before[number], snapshot(host)) == ''
