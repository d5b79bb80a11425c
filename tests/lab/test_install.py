"""A node on which an older script works gets vzhooks, and loses it again, while its containers run."""
import pytest

from tests.lab.confs import FIRST, SECOND, bridged
from tests.lab.network import INTERNET, Lab
from tests.lab.node import Node
from tests.lab.openvswitch import OpenVSwitch
from tests.lab.snapshot import diff, snapshot

# What the wiki's script does, in other words; vzhooks knows it by the names of two variables.
OLD = '''#!/bin/sh -e
. {root}/etc/vz/conf/$VEID.conf
VZHOSTIF=$3
ip link set dev $VZHOSTIF master $BRIDGEDEV up
ip -n $VEID link set dev eth0 up
for IP in $VETH_IP_ADDRESS; do
    ip -n $VEID address add $IP dev eth0
    ip route add ${{IP%/*}} dev $BRIDGEDEV
done
ip -n $VEID route add default via $VE_DEFAULT_GATEWAY dev eth0
'''
OLD_OVS = OLD.replace('ip link set dev $VZHOSTIF master $BRIDGEDEV up', 'ovs-vsctl add-port $BRIDGEDEV $VZHOSTIF; ip link set $VZHOSTIF up')
OLD_END = '''#!/bin/sh
. {root}/etc/vz/conf/$VEID.conf
for IP in $VETH_IP_ADDRESS; do ip route del ${{IP%/*}} dev $BRIDGEDEV; done
exit 0
'''
STOCK = '#!/bin/sh\nip link set dev $3 up\necho $3 >>{root}/called\n'


@pytest.fixture
def node(bare_lab: Lab) -> Node:
    """With the old script at work, and vzhooks laid beside it."""
    node = bare_lab.nodes['hn']
    node.install(active=False)
    script = node.write('/usr/sbin/vznetcfg.custom', OLD.format(root=node.root), 0o755)
    node.write('/etc/vz/vznet.conf', '#!/bin/bash\nEXTERNAL_SCRIPT="{}"\n'.format(script))
    node.write('/etc/vz/conf/vps.umount', OLD_END.format(root=node.root), 0o755)
    node.conf(101, bridged(101))
    node.conf(102, bridged(102, SECOND + '/26'))
    return node


def test_running_containers_are_taken_over_without_touching_their_network(bare_lab: Lab, node: Node) -> None:
    before = snapshot(node)
    node.vzctl('start', 101)
    node.vzctl('start', 102)
    running = snapshot(node)
    assert "made from the wiki's vznetcfg.custom" in node.vzhook('install').stderr
    shown = node.vzhook('adopt', '--dry-run').stdout
    assert 'host  ip route add 85.86.87.195 dev br0 proto 118\nundo  ip route del 85.86.87.195 dev br0\n' in shown
    assert not node.run(['find', node.path('/run/vzhooks'), '-name', '*.journal']).stdout
    assert node.vzhook('adopt').stdout.endswith('interfaces: 2\n')
    assert node.vzhook('adopt').stdout == 'interfaces: 0\n'
    assert diff(running, snapshot(node)) == ''
    assert node.ct(101).ping(INTERNET) == 1 and bare_lab.internet.ping(SECOND) == 1
    node.vzctl('stop', 101)
    assert FIRST not in node.ip('route show') and SECOND in node.ip('route show')
    node.vzhook('run', 102)  # from now on it is as if started by us
    assert '85.86.87.196 dev br0' in node.ip('-N route show proto 118')
    node.vzctl('stop', 102)
    assert diff(before, snapshot(node)) == ''
    node.vzctl('start', 101)
    assert node.ct(101).ping(INTERNET) == 1


def test_without_the_old_scripts_umount_an_adopted_container_cleans_up_too(node: Node) -> None:
    node.run(['rm', node.path('/etc/vz/conf/vps.umount')])
    before = snapshot(node)
    node.vzctl('start', 101)
    node.vzhook('install')
    node.vzhook('adopt', 101)
    node.conf(101, '')  # its conf is not asked any more
    node.vzctl('stop', 101)
    assert diff(before, snapshot(node)) == ''


@pytest.mark.needs('root', 'ovs-vsctl')
def test_a_port_of_open_vswitch_is_remembered_too(node: Node) -> None:
    ovs = OpenVSwitch(node)
    ovs.add_bridge('br1', '85.86.87.194/26')
    node.write('/etc/vz/vznet.conf', 'EXTERNAL_SCRIPT={}\n'.format(node.write('/usr/sbin/old', OLD_OVS.format(root=node.root), 0o755)))
    node.run(['rm', node.path('/etc/vz/conf/vps.umount')])
    node.conf(101, bridged(101, bridge='br1'))
    node.vzctl('start', 101)
    assert node.ping(FIRST) == 1
    node.vzhook('install')
    node.vzhook('adopt')
    node.vzctl('stop', 101)
    assert ovs.ports('br1') == [] and FIRST not in node.ip('route show')


def test_stale_routes_are_listed_and_nothing_else_is_removed(node: Node) -> None:
    node.vzctl('start', 101)
    node.batch(['route add 85.86.87.193 dev br0',               # a gateway's
                'route add 10.9.9.9 dev br0', 'route add 192.0.2.0/24 via 10.9.9.9 dev br0 onlink',
                'route add 85.86.87.200 dev br0 proto static',  # somebody's own
                'route add 192.0.2.7 dev br0 src 10.0.0.2'])
    kept = snapshot(node)
    node.batch(['route add {} dev br0'.format(SECOND), 'route add 85.86.87.222 dev br0', 'route add 2001:db8:1::222 dev br0'])
    said = node.vzhook('adopt')
    rows = [line.split(':', 1)[1].split()[0] for line in said.stdout.splitlines() if line.startswith('stale: ')]
    assert sorted(rows) == ['2001:db8:1::222', SECOND, '85.86.87.222']
    assert SECOND + ' dev br0 scope link: of CT 102, which does not run' in said.stdout
    assert '85.86.87.222 dev br0 scope link: no container\'s conf has this address' in said.stdout
    node.vzhook('adopt', '--clean', '--dry-run')
    assert SECOND in node.ip('route show')
    node.vzhook('adopt', '--clean')
    assert diff(kept, snapshot(node)) == ''
    assert 'stale' not in node.vzhook('adopt').stdout


def test_a_running_container_whose_conf_is_wrong_is_left_and_told(node: Node) -> None:
    node.vzctl('start', 101)
    node.vzctl('start', 102)
    node.conf(101, bridged(101, FIRST + '/33'))
    said = node.vzhook('adopt', check=False)
    assert said.returncode == 2 and '/etc/vz/conf/101.conf:3: VETH_IP_ADDRESS: ' in said.stderr
    assert said.stdout.startswith('CT 102 veth102.0: remembered, 3 lines\n')


def test_a_mistake_in_a_conf_keeps_unknown_routes(node: Node) -> None:
    node.batch(['route add 85.86.87.222 dev br0', 'route add {} dev br0'.format(FIRST)])
    node.conf(102, bridged(102, '85.86.87.222/33'))
    said = node.vzhook('adopt', '--clean')
    assert '85.86.87.222' in node.ip('route show') and FIRST not in node.ip('route show')
    assert 'not listed while there are mistakes' in said.stderr


def test_other_scripts_go_on_for_other_containers_until_all_is_put_back(bare_lab: Lab, node: Node) -> None:
    script = node.write('/usr/sbin/own', STOCK.format(root=node.root), 0o755)
    node.write('/etc/vz/vznet.conf', 'EXTERNAL_SCRIPT={}\n'.format(script))
    node.write('/etc/vz/conf/vps.mount', '#!/bin/bash\necho mounted >>{}/called\nexit 0\n'.format(node.root), 0o755)
    node.conf(103, 'NETIF="ifname=eth0,host_ifname=veth103.0,mac=00:18:51:00:67:00"\n')
    before = {name: node.read('/etc/vz/' + name) for name in ('vznet.conf', 'conf/vps.mount', 'conf/vps.umount', 'vzhooks.conf')}
    node.vzhook('install')
    node.vzctl('start', 101)
    assert bare_lab.internet.ping(FIRST) == 1
    node.vzctl('start', 103)
    assert node.read('/called') == 'mounted\nmounted\nveth103.0\n'
    node.conf(102, bridged(102, 'nonsense'))
    assert node.vzctl('start', 102, check=False).returncode == 79  # found by vps.mount
    node.vzhook('uninstall')
    assert before == {name: node.read('/etc/vz/' + name) for name in before}
    assert bare_lab.internet.ping(FIRST) == 1
    node.vzctl('stop', 103)
    node.vzctl('start', 103)
    assert node.read('/called').endswith('mounted\nveth103.0\nmounted\nveth103.0\n')
