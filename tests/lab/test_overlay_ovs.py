"""[overlay] by Open vSwitch: the same with tunnel ports, whose mesh must not loop; userspace datapath."""
from typing import Iterator

import pytest

from tests.lab import frames
from tests.lab.overlays import Dhcp, Overlay, broadcasts, ct_conf, done, lease, strangers, tcp
from tests.lab.snapshot import diff, snapshot
from tests.lab.stream import Stream
from tests.lab.underlay import ADDRESSES, Underlay

pytestmark = pytest.mark.needs('root', 'ovs-vsctl', 'busybox', 'dnsmasq', 'ethtool')

PORTS = {peer: 'v26578-' + ''.join('{:02x}'.format(int(part)) for part in peer.split('.')) for peer in ADDRESSES}


@pytest.fixture(scope='module')
def net() -> Iterator[Overlay]:
    """What a test changes, it brings back: the next one has the same nodes."""
    under = '[bridge under]\ntype = ovs\ndatapath = netdev\nports = eth0\naddress = {}/24\ngateway = 10.1.{}.1\n'
    with Underlay(switches=True) as underlay:
        made = Overlay(underlay, [under.format(ADDRESSES[number], number + 1) for number in range(3)],
                      type='ovs', vni=0, datapath='netdev')
        # The userspace datapath forwards what the sender's kernel has left to a network card, the checksum, as it is: ping works,
        # TCP does not.  docs/overlay.md says so.
        for ct in made.cts:
            ct.run(['ethtool', '-K', 'eth0', 'tx', 'off'])
        yield made


def vsctl(net: Overlay, number: int, words: str) -> str:
    return net.hosts[number].run(['ovs-vsctl', '--timeout=10'] + words.split()).stdout


def test_containers_of_different_nodes_reach_each_other(net: Overlay) -> None:
    one, two, three = net.cts
    assert [one.ping('192.168.223.102', 3), two.ping('192.168.223.103', 3), three.ping('192.168.223.3', 3)] == [3, 3, 3]
    assert tcp(one, two, '192.168.223.102') == 1 << 20
    for place, device in ((net.hosts[0], 'br1'), (net.hosts[0], 'veth101.0'), (one, 'eth0')):
        assert ' mtu 1450 ' in place.ip('link show dev ' + device)
    assert one.ping('192.168.223.102', 1, size=1450 - 28, dont_fragment=True) == 1
    assert one.ping('192.168.223.102', 1, size=1451 - 28, dont_fragment=True) == 0
    assert [host.vzhook('node', 'check').returncode for host in net.hosts] == [0, 0, 0]


def test_three_nodes_are_no_loop(net: Overlay) -> None:
    assert broadcasts(net.cts[1], [net.cts[0], net.cts[2]]) == [20, 20, 0]
    for number in range(3):  # and it is the split horizon that does it
        for peer in ADDRESSES[:number] + ADDRESSES[number + 1:]:
            vsctl(net, number, 'set Port {} protected=false'.format(PORTS[peer]))
    counter = frames.Counter(net.cts[1], 'eth0')
    frames.send(net.cts[0], [frames.ether('00:18:51:00:01:00', 0x0806, b'broadcast')], 1)
    for host in net.hosts:
        assert len(done(host)) == 2  # which ends the storm
    for host in net.hosts:
        host.run(['ovs-appctl', 'fdb/flush', 'br1'])  # of what the switches learned from it
    assert counter.counts()[0] > 20
    assert broadcasts(net.cts[0], net.cts[1:]) == [20, 20, 0]


def test_a_dhcp_server_on_one_node_serves_a_container_on_another(net: Overlay) -> None:
    dhcp = Dhcp(net.cts[0], '192.168.223.150')
    net.hosts[1].conf(104, ct_conf(104).replace('VETH_IP_ADDRESS="192.168.223.104/24"\n', ''))
    net.hosts[1].vzctl('start', 104)
    print('lease after {:.2f} s'.format(lease(net.hosts[1].ct(104))))
    assert net.hosts[1].ct(104).ping('192.168.223.103', 2) == 2
    dhcp.close()
    net.hosts[1].vzctl('stop', 104)


def test_a_peer_comes_and_goes_and_the_others_lose_no_packet(net: Overlay) -> None:
    stream = Stream(net.cts[0], net.cts[1], '192.168.223.102')
    pings = net.cts[0].popen(net.cts[0].ping_command('192.168.223.102', 2000, interval=0.001))
    for number in (0, 1):
        net.write(number, [ADDRESSES[0], ADDRESSES[1]])
        assert done(net.hosts[number]) == ['ovs-vsctl --if-exists del-port br1 ' + PORTS[ADDRESSES[2]]]
    assert broadcasts(net.cts[0], net.cts[1:]) == [20, 0, 0]
    for number in (0, 1):
        net.write(number)
        assert [command.split()[4] for command in done(net.hosts[number])] == [PORTS[ADDRESSES[2]]]
    assert net.cts[0].ping('192.168.223.103', 3) == 3
    count, longest = stream.end()
    assert count > 100 and longest < 500
    assert pings.communicate(timeout=30)[0] == '2000\n'


def test_open_vswitch_takes_nothing_from_strangers(net: Overlay) -> None:
    """Here it is the ports themselves that know their peers."""
    assert strangers(net.underlay.router, ADDRESSES[0], net.cts[0], 0) == 0
    vsctl(net, 0, 'add-port br1 router -- set Interface router type=vxlan options:remote_ip=10.1.1.1 options:key=0')
    assert strangers(net.underlay.router, ADDRESSES[0], net.cts[0], 0) == 20
    vsctl(net, 0, 'del-port br1 router')


def test_ports_of_an_earlier_life_are_cured(net: Overlay) -> None:
    """The veth was deleted and made again under its name: its port looks sound and forwards nothing."""
    for stop in ('stop', 'kill-inside'):
        net.hosts[1].vzctl(stop, 102)
        assert ('veth102.0' in vsctl(net, 1, 'list-ports br1')) == (stop == 'kill-inside')
        net.hosts[1].vzctl('start', 102)
        net.cts[1].run(['ethtool', '-K', 'eth0', 'tx', 'off'])
        assert net.cts[0].ping('192.168.223.102', 3) == 3
    assert tcp(net.cts[0], net.cts[1], '192.168.223.102') == 1 << 20


def test_a_containers_port_does_not_change_the_bridges_mtu(net: Overlay) -> None:
    net.hosts[1].conf(105, ct_conf(105, 'VETH_MTU="1400"\n'))
    net.hosts[1].vzctl('start', 105)
    assert ' mtu 1400 ' in net.hosts[1].ct(105).ip('link show dev eth0')
    net.hosts[1].batch(['link set veth105.0 mtu 1400'])
    assert ' mtu 1450 ' in net.hosts[1].ip('link show dev br1')
    net.hosts[1].vzctl('stop', 105)


def test_an_access_vlan_is_its_own_network(net: Overlay) -> None:
    """With ANTISPOOF, which lets no container tag its frames itself."""
    for number, veid in ((0, 106), (1, 107)):
        net.hosts[number].conf(veid, ct_conf(veid, 'VETH_VLAN="5"\nANTISPOOF="yes"\n'))
        net.hosts[number].vzctl('start', veid)
    one = net.hosts[0].ct(106)
    assert vsctl(net, 0, 'get Port veth106.0 tag') == '5\n'
    assert one.ping('192.168.223.107', 3) == 3
    assert [one.ping(target, timeout=0.3) for target in ('192.168.223.101', '192.168.223.102', '192.168.223.3')] == [0, 0, 0]
    assert 'proto 118' not in net.hosts[0].ip('route show 192.168.223.106')
    net.hosts[0].conf(106, ct_conf(106, 'ANTISPOOF="yes"\n'))
    net.hosts[0].vzhook('run', 106)
    assert [one.ping('192.168.223.107', timeout=0.3), one.ping('192.168.223.102', 3)] == [0, 3]
    for number, veid in ((0, 106), (1, 107)):
        net.hosts[number].vzctl('stop', veid)


def test_a_port_with_an_error_is_reported(net: Overlay) -> None:
    """Somebody else's port to the same peer was there first."""
    host, port = net.hosts[0], PORTS[ADDRESSES[2]]
    vsctl(net, 0, 'del-port br1 ' + port)
    vsctl(net, 0, 'add-port br1 mine -- set Interface mine type=vxlan options:remote_ip=10.1.3.5 options:local_ip=10.1.1.3 '
                  'options:key=0')
    host.vzhook('node', 'up', check=False)
    vsctl(net, 0, '--may-exist add-port br1 {0} -- set Interface {0} type=vxlan options:remote_ip=10.1.3.5 options:local_ip='
                  '10.1.1.3 options:key=0'.format(port))
    found = host.vzhook('node', 'check', check=False)
    assert found.returncode == 1
    assert 'error of a port: {}: could not add network device {} to ofproto (File exists)'.format(port, port) in found.stdout
    vsctl(net, 0, 'del-port br1 mine')
    host.vzhook('node', 'up')
    assert net.cts[0].ping('192.168.223.103', 3) == 3


def test_a_peer_that_went_while_the_node_was_off_is_removed(net: Overlay) -> None:
    """Open vSwitch's database outlives a boot, our journal does not."""
    net.hosts[0].run(['rm', net.hosts[0].path('/run/vzhooks/node/journal')])
    net.write(0, ADDRESSES[:2])
    found = net.hosts[0].vzhook('node', 'check', check=False)
    assert 'left over: ovs-vsctl --may-exist add-port br1 ' + PORTS[ADDRESSES[2]] in found.stdout
    assert done(net.hosts[0]) == ['ovs-vsctl --if-exists del-port br1 ' + PORTS[ADDRESSES[2]]]
    net.write(0)
    net.hosts[0].vzhook('node', 'up')
    assert net.cts[0].ping('192.168.223.103', 3) == 3


def test_all_goes(net: Overlay) -> None:
    """The last test; the first node's journal was lost meanwhile."""
    for number, host in enumerate(net.hosts):
        refused = host.vzhook('node', 'down', '--yes', check=False)
        assert refused.returncode == 1 and 'br1 has other ports: veth10{}.0'.format(number + 1) in refused.stderr
        host.vzctl('stop', 101 + number)
        once = snapshot(host)
        assert 'nothing to do' in host.vzhook('node', 'up').stdout
        assert diff(once, snapshot(host)) == ''
        host.vzhook('node', 'down', '--yes')
        assert vsctl(net, number, 'list-br') == ''
        assert diff(net.before[number], snapshot(host)) == ''
        assert 'nothing to do' in host.vzhook('node', 'down').stdout
    assert diff(net.before[0], snapshot(net.hosts[0])) == ''
