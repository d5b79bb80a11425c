"""`vzhook node` and bridges: what is made, that it moves without a gap, that it goes back, and what is refused."""
import time

import pytest

from tests.lab.confs import bridged
from tests.lab.network import GATEWAY, INTERNET, INTERNET6, Lab
from tests.lab.node import Node
from tests.lab.snapshot import diff, snapshot
from tests.lab.stream import Stream

BR0 = '[bridge br0]\nports = eth0\naddress = 10.0.0.2/24 2001:db8:1::2/64\ngateway = 10.0.0.1 2001:db8:1::1\n'
CONF = '/etc/vz/vzhooks.conf'


@pytest.fixture
def node(plain_node: Node) -> Node:
    plain_node.write(CONF, BR0)
    return plain_node


@pytest.fixture
def lab(bare_lab: Lab) -> Lab:
    return bare_lab


def test_a_bridge_is_made_twice_and_removed_twice(node: Node) -> None:
    before = snapshot(node)
    node.vzhook('node', 'up', '--yes')
    assert node.run(['cat', '/sys/class/net/br0/address']).stdout == node.run(['cat', '/sys/class/net/eth0/address']).stdout
    assert node.run(['cat', '/sys/class/net/br0/addr_assign_type']).stdout == '3\n'  # pinned
    assert node.run(['sh', '-c', 'cat /sys/class/net/br0/bridge/stp_state /sys/class/net/br0/bridge/forward_delay']
                    ).stdout.split() == ['0', '0']
    assert '10.0.0.2/24 brd 10.0.0.255' in node.ip('-o -4 address show dev br0')
    assert '10.0.0.2' not in node.ip('address show dev eth0')
    assert [node.ping(target) for target in (GATEWAY, INTERNET, INTERNET6)] == [1, 1, 1]
    once = snapshot(node)
    assert 'nothing to do' in node.vzhook('node', 'up').stdout
    assert diff(once, snapshot(node)) == ''
    assert node.vzhook('node', 'check').returncode == 0
    node.vzhook('node', 'down', '--yes')
    assert diff(before, snapshot(node)) == ''
    assert 'nothing to do' in node.vzhook('node', 'down').stdout
    assert diff(before, snapshot(node)) == ''
    assert node.ping(INTERNET) == 1


def test_a_connection_survives_the_move_there_and_back(lab: Lab, node: Node) -> None:
    streams = [Stream(lab.internet, node, '10.0.0.2'), Stream(lab.outside, node, '2001:db8:1::2', 2223),
               Stream(node, lab.internet, INTERNET, 2224)]
    node.vzhook('node', 'up', '--yes')
    node.vzhook('node', 'down', '--yes')
    for stream in streams:
        count, longest = stream.end()
        assert count > 100 and longest < 5000


def test_routes_of_others_follow_the_address_with_all_that_they_say(node: Node) -> None:
    node.batch(['route add 192.0.2.0/24 via 10.0.0.9 dev eth0 proto static metric 50',
                'route add 192.0.3.0/24 dev eth0 src 10.0.0.2', 'route add default via 10.0.0.7 dev eth0 table 77',
                'route add unreachable 192.0.4.0/24', 'route add 2001:db8:77::/48 via 2001:db8:1::9 dev eth0 metric 77'])
    before = snapshot(node)
    node.vzhook('node', 'up', '--yes')
    assert '192.0.2.0/24 via 10.0.0.9 dev br0 proto static metric 50' in node.ip('route show')
    assert '192.0.3.0/24 dev br0 scope link src 10.0.0.2' in node.ip('route show')
    assert 'default via 10.0.0.7 dev br0' in node.ip('route show table 77')
    assert '2001:db8:77::/48 via 2001:db8:1::9 dev br0 metric 77' in node.ip('-6 route show')
    assert ' dev eth0' not in node.ip('-4 route show table all')
    # what somebody does with his route afterwards is his
    node.batch(['route del 192.0.2.0/24'])
    assert 'nothing to do' in node.vzhook('node', 'up').stdout
    node.batch(['route add 192.0.2.0/24 via 10.0.0.9 dev br0 proto static metric 50'])
    node.vzhook('node', 'down', '--yes')
    assert diff(before, snapshot(node)) == ''


def test_without_a_terminal_nobody_is_cut_off(node: Node) -> None:
    before = snapshot(node)
    refused = node.vzhook('node', 'up', check=False)
    assert refused.returncode == 1
    assert 'eth0, by which this node is reached' in refused.stderr
    assert "'--confirm 60'" in refused.stderr and "'--yes'" in refused.stderr
    assert diff(before, snapshot(node)) == ''
    node.vzhook('node', 'up', '--yes')
    refused = node.vzhook('node', 'down', check=False)
    assert refused.returncode == 1 and "br0, by which this node is reached: 'ip link add name br0" in refused.stderr
    assert node.ping(INTERNET) == 1


def test_what_was_confirmed_is_done_again_at_boot(node: Node) -> None:
    node.vzhook('node', 'up', '--yes')
    node.crash()
    assert node.vzhook('node', 'up', check=False).returncode == 1  # --yes allows it once: it may have cut somebody off
    node.vzhook('node', 'up', '--yes')
    assert node.vzhook('node', 'confirm').stdout == 'confirmed\n'
    node.crash()
    node.vzhook('node', 'up')  # as the boot unit does
    assert node.ping(INTERNET) == 1
    assert '10.0.0.2/24' in node.ip('address show dev br0')


def test_a_change_that_nobody_confirms_goes_back(lab: Lab, node: Node) -> None:
    before = snapshot(node)
    stream = Stream(lab.internet, node, '10.0.0.2')
    said = node.vzhook('node', 'up', '--confirm', '1').stdout
    assert 'it goes back in 1 s' in said
    assert '10.0.0.2/24' in node.ip('address show dev br0')
    waits = node.vzhook('node', 'up', '--yes', check=False)
    assert waits.returncode == 1 and "waits for 'vzhook node confirm'" in waits.stderr
    assert wait_for(lambda: diff(before, snapshot(node)) == '', 5), diff(before, snapshot(node))
    assert [line for line in node.syslog() if 'was not confirmed in time' in line]
    count, longest = stream.end()
    assert count > 100 and longest < 5000
    assert node.vzhook('node', 'confirm', check=False).returncode == 1
    assert node.run(['find', node.path('/run/vzhooks'), '-type', 'f']).stdout == ''


def test_a_confirmed_change_stays(node: Node) -> None:
    node.vzhook('node', 'up', '--confirm', '2')
    assert node.vzhook('node', 'confirm').stdout == 'confirmed\n'
    time.sleep(2.5)
    assert '10.0.0.2/24' in node.ip('address show dev br0')
    assert node.vzhook('node', 'check').returncode == 0
    node.vzhook('node', 'down', '--confirm', '1')
    assert not node.ip('-br link show').count('br0')
    assert wait_for(lambda: node.vzhook('node', 'check', check=False).returncode == 0, 5)
    assert node.ping(INTERNET) == 1


def test_the_way_back_survives_the_operators_terminal(node: Node) -> None:
    """The terminal is a pseudo-terminal whose session is killed as soon as the change is made."""
    before = snapshot(node)
    script = ("import os, pty, sys, time\npid, fd = pty.fork()\nif not pid:\n    os.execv(sys.argv[1], sys.argv[1:])\n"
              "seen = b''\nwhile b'it goes back' not in seen: seen += os.read(fd, 4096)\nos.close(fd)\n")
    node.run(['python3', '-c', script, node.path('/usr/sbin/vzhook'), 'node', 'up', '--confirm', '1'],
             env={'VZHOOKS_ROOT': node.root, 'PATH': '/usr/sbin:/usr/bin:/sbin:/bin'})
    assert '10.0.0.2/24' in node.ip('address show dev br0')
    assert wait_for(lambda: diff(before, snapshot(node)) == '', 5)


def test_on_a_terminal_it_asks(node: Node) -> None:
    script = ("import os, pty, sys\npid, fd = pty.fork()\nif not pid:\n    os.execv(sys.argv[2], sys.argv[2:])\n"
              "seen = b''\nwhile b'Go on?' not in seen: seen += os.read(fd, 4096)\nos.write(fd, sys.argv[1].encode() + b'\\n')\n"
              "try:\n    while os.read(fd, 4096): pass\nexcept OSError: pass\nprint(os.WEXITSTATUS(os.waitpid(pid, 0)[1]))\n")
    for answer, code in (('n', '1\n'), ('y', '0\n')):
        done = node.run(['python3', '-c', script, answer, node.path('/usr/sbin/vzhook'), 'node', 'up'],
                        env={'VZHOOKS_ROOT': node.root, 'PATH': '/usr/sbin:/usr/bin:/sbin:/bin'})
        assert done.stdout == code
        assert ('br0' in node.ip('-br link show')) == (answer == 'y')


def test_a_watcher_that_was_killed_is_made_up_for(node: Node) -> None:
    before = snapshot(node)
    node.vzhook('node', 'up', '--confirm', '1')
    watcher = [line for line in node.read('/run/vzhooks/node/pending').splitlines() if line.startswith('watcher ')]
    node.run(['kill', '-9', watcher[0].split()[1]])
    time.sleep(1.2)
    said = node.vzhook('node', 'confirm', check=False)
    assert said.returncode == 1 and 'it goes back now' in said.stderr
    assert diff(before, snapshot(node)) == ''


def test_a_failure_halfway_leaves_nothing(node: Node) -> None:
    """The kernel takes no interface of that name, since it is a directory of sysctls."""
    node.write(CONF, BR0 + '[bridge default]\n')
    before = snapshot(node)
    failed = node.vzhook('node', 'up', '--yes', check=False)
    assert failed.returncode == 1
    assert 'ip link add name default type bridge: ' in failed.stderr and 'vzhooks.conf:5' in failed.stderr
    assert diff(before, snapshot(node)) == ''
    assert node.ping(INTERNET) == 1


@pytest.mark.parametrize('conf, commands, said', [
    (BR0.replace('eth0', 'eth7'), [], 'vzhooks.conf:2: port eth7 of br0: there is no such interface'),
    (BR0, ['link add br9 type bridge', 'link set eth0 master br9'], 'vzhooks.conf:2: port eth0 of br0 is a port of br9 now'),
    (BR0, ['link add br0 type bridge', 'address add 172.17.0.1/16 dev br0'],
     'a bridge br0 is there already, which vzhooks has not made: address 172.17.0.1/16, no port eth0'),
    (BR0, ['link add br0 type veth peer name x'], 'br0 is there already and is no Linux bridge'),
    (BR0, ['address add 10.0.0.77/24 dev eth0'], 'vzhooks.conf:3: port eth0 has the address 10.0.0.77/24'),
    (BR0, ['link add name d0 type veth peer name e0', 'link set d0 up', 'address add 10.7.0.2/24 dev d0', 'link set e0 up',
           'route del default', 'route add default via 10.7.0.1 dev d0'],
     "gateway 10.0.0.1, but the node has 'default via 10.7.0.1 dev d0'"),
])
def test_bad_input_is_refused_and_nothing_is_done(node: Node, conf: str, commands: list, said: str) -> None:
    node.write(CONF, conf)
    node.batch(commands)
    before = snapshot(node)
    for words in (['plan'], ['up', '--yes'], ['check']):
        refused = node.vzhook('node', *words, check=False)
        assert refused.returncode == 2
        assert said in refused.stderr
    assert said in node.vzhook('lint', check=False).stdout
    assert diff(before, snapshot(node)) == ''


def test_a_bridge_that_the_distribution_has_made_the_same_is_as_wanted(node: Node) -> None:
    node.batch(['link add br0 address 02:00:0a:00:00:02 type bridge stp_state 0 forward_delay 0', 'link set br0 up',
                'address flush dev eth0', 'route del default via 2001:db8:1::1', 'link set eth0 master br0', 'address add 10.0.0.2/24 brd + dev br0',
                'address add 2001:db8:1::2/64 dev br0 nodad', 'route add default via 10.0.0.1 dev br0',
                'route add default via 2001:db8:1::1 dev br0'])
    before = snapshot(node)
    assert 'nothing to do' in node.vzhook('node', 'up').stdout
    node.vzhook('node', 'down', '--yes')  # and it is not ours to remove
    assert diff(before, snapshot(node)) == ''


def test_a_bridge_with_containers_is_not_removed(node: Node) -> None:
    node.vzhook('node', 'up', '--yes')
    node.conf(101, bridged(101))
    node.vzctl('start', 101)
    refused = node.vzhook('node', 'down', '--yes', check=False)
    assert refused.returncode == 1 and 'br0 has other ports: veth101.0' in refused.stderr
    assert node.ct(101).ping(INTERNET) == 1
    node.vzctl('stop', 101)
    node.vzhook('node', 'down', '--yes')


def test_a_container_makes_the_bridge_that_it_needs(node: Node) -> None:
    node.write(CONF, '[bridge br1]\naddress = 10.1.0.1/24\n')
    node.conf(101, bridged(101, '10.1.0.101/24', '10.1.0.1', 'br1'))
    node.conf(102, bridged(102, '10.0.0.102/24', '10.0.0.1', 'br0'))
    node.vzctl('start', 101)
    assert node.ct(101).ping('10.1.0.1') == 1
    node.write(CONF, BR0)  # but never one that would take the node's own way along
    failed = node.vzctl('start', 102, check=False)
    assert failed.returncode == 79
    assert 'bridge br0, which this node has not' in failed.stderr + ''.join(node.syslog())
    assert '10.0.0.2/24' in node.ip('address show dev eth0')
    node.vzctl('stop', 101)


def test_drift_is_found_and_mended_without_touching_the_rest(node: Node) -> None:
    node.vzhook('node', 'up', '--yes')
    node.batch(['link set br0 type bridge stp_state 1', 'address del 2001:db8:1::2/64 dev br0'])
    found = node.vzhook('node', 'check', check=False)
    assert found.returncode == 1
    assert found.stdout.splitlines()[-1] == 'lines: 16, drift: 3'
    done = [line for line in node.vzhook('node', 'up').stdout.splitlines() if line.startswith('[#]')]
    assert len(done) == 3
    assert node.vzhook('node', 'check').returncode == 0


def test_another_address_comes_before_the_old_one_goes(lab: Lab, node: Node) -> None:
    node.vzhook('node', 'up', '--yes')
    node.write(CONF, BR0.replace('address = 10.0.0.2/24', 'address = 10.0.0.3/24'))
    node.vzhook('node', 'up', '--yes')
    assert lab.outside.ping('10.0.0.3') == 1
    assert ' 10.0.0.2/' not in node.ip('address show')
    assert node.ping(INTERNET) == 1
    before = node.ip('route show')
    node.vzhook('node', 'down', '--yes')
    assert node.ip('route show') == before.replace('br0', 'eth0').replace(' proto 118', '')
    assert node.ping(INTERNET) == 1


def test_an_address_that_was_changed_comes_back_with_its_routes(node: Node) -> None:
    """The kernel drops an interface's other addresses of a network with the first."""
    at_first = snapshot(node)
    node.vzhook('node', 'up', '--yes')
    before = snapshot(node)
    node.write(CONF, BR0.replace('address = 10.0.0.2/24', 'address = 10.0.0.3/24'))
    node.vzhook('node', 'up', '--confirm', '1')
    assert wait_for(lambda: diff(before, snapshot(node)) == '', 5), diff(before, snapshot(node))
    node.write(CONF, BR0)
    assert node.vzhook('node', 'down', '--yes').stderr == ''
    assert diff(at_first, snapshot(node)) == ''


@pytest.mark.parametrize('signal', ['KILL', 'INT', 'HUP'])
@pytest.mark.parametrize('moment', range(4))
def test_killed_at_any_moment_the_next_up_makes_it_right(node: Node, signal: str, moment: int) -> None:
    """An `ip` that is slow: the batch that moves the address, or one before or after it, is cut off."""
    before = snapshot(node)
    node.write('/slow/ip', '#!/bin/sh\ncase "$*" in *-batch*) sleep 0.{0};; esac\n/sbin/ip "$@"; code=$?\n'
               'case "$*" in *-batch*) sleep 0.{0};; esac\nexit $code\n'.format(2), 0o755)
    node.run(['sh', '-c', 'cp "$0" /usr/local/sbin/ip', node.path('/slow/ip')])
    up = node.popen([node.path('/usr/sbin/vzhook'), 'node', 'up', '--yes'],
                    env={'VZHOOKS_ROOT': node.root, 'PATH': '/usr/sbin:/usr/bin:/sbin:/bin'})
    time.sleep(0.7 + 0.25 * moment)
    up.send_signal(getattr(__import__('signal'), 'SIG' + signal))
    up.communicate(timeout=30)
    node.run(['rm', '/usr/local/sbin/ip'])
    time.sleep(0.5)  # what was started may still do its work
    node.vzhook('node', 'up', '--yes')
    assert node.vzhook('node', 'check').returncode == 0
    assert [node.ping(INTERNET), node.ping(INTERNET6)] == [1, 1]
    node.vzhook('node', 'down', '--yes')
    assert diff(before, snapshot(node)) == ''


def test_a_networking_restart_is_made_up_for(node: Node) -> None:
    node.vzhook('node', 'up', '--yes')
    node.batch(['address add 10.0.0.2/24 brd + dev eth0', 'route replace default via 10.0.0.1 dev eth0'])
    node.vzhook('node', 'up', '--yes')
    assert 'default via 10.0.0.1 dev br0' in node.ip('route show') and 'eth0' not in node.ip('-4 route show')
    assert node.ping(INTERNET) == 1


@pytest.mark.parametrize('change', [lambda conf: conf.replace('ports = eth0\n', ''), lambda conf: '',
                                    lambda conf: conf.replace('10.0.0.2/24', '10.0.0.4/24')])
def test_an_edit_that_takes_the_way_in_away_is_asked_for(node: Node, change) -> None:
    node.vzhook('node', 'up', '--confirm', '60')
    node.vzhook('node', 'confirm')
    before = snapshot(node)
    node.write(CONF, change(BR0))
    refused = node.vzhook('node', 'up', check=False)
    assert refused.returncode == 1 and "'--confirm 60'" in refused.stderr and 'is undone' in refused.stderr
    assert diff(before, snapshot(node)) == ''
    node.vzhook('node', 'up', '--confirm', '1')

    def changed() -> list:  # under which of a bridge's interfaces its own MAC is listed is the kernel's affair
        return [line for line in diff(before, snapshot(node)).splitlines() if line[1:].startswith(('links', 'addr', 'rou'))]

    assert wait_for(lambda: changed() == [], 5), changed()
    node.write(CONF, BR0)
    assert 'nothing to do' in node.vzhook('node', 'up').stdout


def test_a_command_that_hangs_leaves_nothing_of_the_change(node: Node) -> None:
    """It has done its work, but does not end."""
    node.write(CONF, '[node]\ntimeout = 1\n' + BR0)
    before = snapshot(node)
    node.write('/slow/ip', '#!/bin/sh\n/sbin/ip "$@"; code=$?\ncase "$*" in "-batch -") sleep 3;; esac\nexit $code\n', 0o755)
    for words in (['--yes'], ['--confirm', '1']):
        node.run(['sh', '-c', 'cp "$0" /usr/local/sbin/ip', node.path('/slow/ip')])
        failed = node.vzhook('node', 'up', *words, check=False)
        node.run(['rm', '/usr/local/sbin/ip'])
        assert failed.returncode == 1 and 'did not end within 1 s' in failed.stderr
        if diff(before, snapshot(node)):  # undoing hung, too: then the journal knows, and the next one does it
            node.vzhook('node', 'down', '--yes')
        assert diff(before, snapshot(node)) == ''
        assert node.ping(INTERNET) == 1


def test_another_gateway_and_a_default_route_that_is_not_the_conf_s(node: Node) -> None:
    node.batch(['route replace default via 10.0.0.77 dev eth0 proto static'])
    before = snapshot(node)
    node.vzhook('node', 'up', '--yes')
    assert node.ip('-4 route show default') == 'default via 10.0.0.1 dev br0 proto 118 \n'
    for gateway in ('10.0.0.9', '10.0.0.1', '10.0.0.8'):
        node.write(CONF, BR0.replace('gateway = 10.0.0.1', 'gateway = ' + gateway))
        node.vzhook('node', 'up', '--yes')
        assert node.ip('-4 route show default') == 'default via {} dev br0 proto 118 \n'.format(gateway)
        assert node.vzhook('node', 'check').returncode == 0
    node.vzhook('node', 'down', '--yes')
    assert diff(before, snapshot(node)) == ''


@pytest.mark.parametrize('promote', [0, 1])
def test_several_addresses_of_one_network_keep_their_order(node: Node, promote: int) -> None:
    node.sysctl('net.ipv4.conf.all.promote_secondaries', promote)
    node.batch(['address add 10.0.0.9/24 brd + dev eth0', 'address add 10.0.0.7/24 brd + dev eth0'])
    node.write(CONF, BR0.replace('10.0.0.2/24', '10.0.0.2/24 10.0.0.7/24 10.0.0.9/24'))
    before = snapshot(node)
    node.vzhook('node', 'up', '--yes')
    assert node.vzhook('node', 'check').returncode == 0
    node.vzhook('node', 'down', '--yes')
    assert diff(before, snapshot(node)) == ''


def test_the_first_state_comes_back_after_several_edits(node: Node) -> None:
    before = snapshot(node)
    for mtu in (1400, 1300, 1450):
        node.write(CONF, BR0 + 'mtu = {}\n'.format(mtu))
        node.vzhook('node', 'up', '--yes')
        assert 'mtu {} '.format(mtu) in node.ip('link show eth0') and 'mtu {} '.format(mtu) in node.ip('link show br0')
    node.vzhook('node', 'down', '--yes')
    assert diff(before, snapshot(node)) == ''


def test_a_better_default_route_is_asked_for(node: Node) -> None:
    node.batch(['link add name eth1 type veth peer name wire1', 'link set wire1 up', 'route del default via 10.0.0.1',
                'route add default via 10.0.0.1 dev eth0 metric 100'])
    node.write(CONF, '[bridge br1]\nports = eth1\naddress = 10.8.0.2/24\ngateway = 10.8.0.1\n')
    refused = node.vzhook('node', 'up', check=False)
    assert refused.returncode == 1
    assert "the default route 'default via 10.0.0.1 dev eth0 metric 100' gets a better one by br1" in refused.stderr


def wait_for(condition, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
