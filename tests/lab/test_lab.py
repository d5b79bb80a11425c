"""The lab itself: who reaches whom, that snapshots are stable, that nothing of it stays and nothing of the machine is touched."""
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.lab import namespaces, ping
from tests.lab.network import GATEWAY, GATEWAY6, INTERNET, INTERNET6, Lab
from tests.lab.node import REPOSITORY
from tests.lab.process import CommandFailed, run
from tests.lab.snapshot import diff, snapshot

NETIF = 'NETIF="ifname=eth0,bridge=br0"\n'


@pytest.fixture
def hn(bare_lab):
    return bare_lab.nodes['hn']


def test_who_reaches_whom(bare_lab, hn):
    for target in (GATEWAY, GATEWAY6, '85.86.87.193', INTERNET, INTERNET6):
        assert hn.ping(target, 2) == 2, target
    assert bare_lab.ping(bare_lab.internet, '10.0.0.2') == 1
    assert bare_lab.ping(bare_lab.internet, '2001:db8:1::2') == 1
    second = bare_lab.add_node('hn2')
    assert hn.ping('10.0.0.3') == second.ping('2001:db8:1::2') == 1


def test_ping_of_nobody(hn):
    assert hn.ping('10.0.0.99', timeout=0.2) == 0
    assert hn.ping('2001:db8:1::99', timeout=0.2) == 0
    hn.ip('route del default')
    assert hn.ping(INTERNET, timeout=0.2) == 0


def test_ping_measures_an_outage(bare_lab, hn):
    process = hn.popen(hn.ping_command(GATEWAY, count=40, interval=0.02, timeout=0.3))
    time.sleep(0.3)
    bare_lab.outside.ip('addr del 10.0.0.1/24 dev lan')
    received = int(process.communicate(timeout=10)[0])
    assert 1 < received < 40


@pytest.mark.parametrize('target', [GATEWAY, GATEWAY6])
def test_ping_sizes_and_fragments(hn, target):
    headers = 48 if ':' in target else 28
    assert hn.ping(target, size=1500 - headers, dont_fragment=True) == 1
    assert hn.ping(target, size=1501 - headers, dont_fragment=True, timeout=0.2) == 0
    assert hn.ping(target, size=3000) == 1
    assert hn.ping(target, size=0) == 1
    assert hn.ping(target, source=hn.name and ('2001:db8:1::2' if ':' in target else '10.0.0.2')) == 1


def test_kinds_of_nodes(bare_lab):
    plain = bare_lab.add_node('plain', bridge=None)
    assert '10.0.0.3/24' in plain.ip('addr show eth0') and 'br0' not in plain.ip('-o link')
    stp = bare_lab.add_node('stp', stp=True, gateway=None)
    assert 'stp_state 1' in stp.ip('-d link show br0') and 'default' not in stp.ip('route')
    jumbo = bare_lab.add_node('jumbo', mtu=9000)
    assert 'mtu 9000' in jumbo.ip('link show br0')
    assert bare_lab.ping(plain, '10.0.0.5') == 1
    for pin, name, mac in ((True, 'pinned', '02:00:0a:00:00:06'), (False, 'loose', '00:18:51:00:00:01')):
        node = bare_lab.add_node(name, pin_mac=pin)
        node.conf(101, 'NETIF="ifname=eth0,bridge=br0,host_mac=00:18:51:00:00:01"\n')
        node.vzctl('start', 101)
        assert node.run(['cat', '/sys/class/net/br0/address']).stdout.strip() == mac


def test_containers_are_places_to_run_in(hn):
    hn.conf(101, NETIF)
    hn.vzctl('start', 101)
    hn.ct(101).batch(['link set eth0 up', 'addr add 10.0.0.101/24 dev eth0'])
    assert hn.ct(101).ping('10.0.0.2') == hn.ct(101).ping('10.0.0.101') == hn.ping('10.0.0.101') == 1
    hn.ct(101).sysctl('net.ipv4.conf.eth0.arp_notify', 1)
    assert hn.ct(101).run(['cat', '/proc/sys/net/ipv4/conf/eth0/arp_notify']).stdout == '1\n'
    with pytest.raises(CommandFailed, match='(?s)sh -c .*ended with 3.*out.*err'):
        hn.ct(101).run(['sh', '-c', 'echo out; echo err >&2; exit 3'])


def test_snapshot_is_stable_and_sees_changes(hn):
    hn.conf(101, NETIF)
    hn.batch(['link add eth1 type veth peer name far', 'link set far up', 'link set eth1 up'])  # a device that has DAD
    before = snapshot(hn)
    hn.vzctl('start', 101)
    assert 'veth101.0' in diff(before, snapshot(hn))
    hn.vzctl('stop', 101)
    hn.ping(INTERNET)
    time.sleep(2.2)  # DAD, MLD and a bridge's carrier have come to rest
    assert diff(before, snapshot(hn)) == '' and before == snapshot(hn)


@pytest.mark.parametrize('words, section', [
    ('link set br0 type bridge ageing_time 1000', 'links'), ('link set eth0 mtu 1400', 'links'),
    ('link set br0 down', 'links'), ('link set eth0 type bridge_slave hairpin on', 'links'),
    ('addr add 10.0.0.77/32 dev br0', 'addresses'), ('addr add 2001:db8:1::77/64 dev br0', 'addresses'),
    ('route add 192.0.2.1 dev br0 proto 118', 'routes IPv4'), ('route add 192.0.2.0/24 via 10.0.0.1 table 210', 'routes IPv4'),
    ('-6 route add 2001:db8:7::/64 dev br0 table 210', 'routes IPv6'), ('rule add from 192.0.2.0/24 lookup 210', 'rules IPv4'),
    ('-6 rule add from 2001:db8:7::/64 lookup 210', 'rules IPv6'), ('neigh add proxy 10.0.0.88 dev br0', 'neighbour proxies'),
    ('neigh add proxy 2001:db8:1::88 dev br0', 'neighbour proxies IPv6')])
def test_snapshot_names_the_section(hn, words, section):
    before = snapshot(hn)
    hn.ip(words)
    changes = diff(before, snapshot(hn)).splitlines()
    assert any(line[1:].startswith(section + ': ') for line in changes), changes


@pytest.mark.parametrize('argv, section', [
    (['sh', '-c', 'echo 1 >/proc/sys/net/ipv4/conf/br0/proxy_arp'], 'sysctls'),
    (['sh', '-c', 'echo 1 >/proc/sys/net/ipv6/conf/all/proxy_ndp'], 'sysctls'),
    (['bridge', 'fdb', 'add', '02:00:00:00:00:77', 'dev', 'eth0', 'master', 'static'], 'fdb')])
def test_snapshot_sees_sysctls_and_fdb(hn, argv, section):
    before = snapshot(hn)
    hn.run(argv)
    changes = diff(before, snapshot(hn)).splitlines()
    assert {line[1:].split(':')[0] for line in changes[3:]} == {section}, changes


def test_syslog(hn):
    script = ('import socket; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.connect("%s/dev/log")\n'
              'for i in range(500): s.send(b"<30>vzhooks: %%d\\0" %% i)' % hn.root)
    hn.run([sys.executable, '-IS', '-c', script])
    assert hn.syslog() == ['<30>vzhooks: {}'.format(i) for i in range(500)]
    hn.syslog_clear()
    assert hn.syslog() == []


def test_the_product_is_laid_as_the_packages_do(hn):
    hn.install()
    for path in ('/usr/libexec/vzhooks/vzhook-external', '/usr/libexec/vzhooks/vzhook-mount',
                 '/usr/libexec/vzhooks/vzhook-umount', '/usr/sbin/vzhook', '/etc/vz/conf/vps.mount', '/etc/vz/conf/vps.umount'):
        assert os.access(hn.path(path), os.X_OK), path
    assert '/usr/libexec/vzhooks/vzhook-external' in hn.read('/etc/vz/vznet.conf')
    with open(hn.path('/usr/sbin/vzhook')) as f:
        assert f.readline().startswith('#!' + sys.executable)


def _machine():
    listing = [run(['ip'] + words.split()).stdout for words in ('-br link', '-br addr', 'route', '-6 route', 'rule', 'netns list')]
    return listing + sorted(os.listdir('/run')) + sorted(name for name in os.listdir('/usr/local/sbin'))


def test_nothing_of_the_machine_is_touched():
    before = _machine()
    with Lab() as lab:
        node = lab.add_node()
        node.conf(101, NETIF)
        node.vzctl('start', 101)
        assert node.run(['ls', '/sys/class/net', '/usr/local/sbin', '/run/netns']).stdout.split() == [
            '/run/netns:', '101', '/sys/class/net:', 'br0', 'eth0', 'lo', 'veth101.0', '/usr/local/sbin:', 'vzctl']
        assert _machine() == before
    assert _machine() == before


CRASHING = '''
import os, signal, sys, time
from tests.lab.network import Lab
lab = Lab()
node = lab.add_node()
node.conf(101, 'NETIF="ifname=eth0"')
node.vzctl('start', 101)
inside = [node.popen(['sleep', '1000']), node.ct(101).popen(['setsid', 'sleep', '1000'])]
node.run(['ln', '-s', '/proc/%d/ns/net' % os.getpid(), '/run/netns/machine'])
print(lab.directory.path, lab.outside.pid, lab.internet.pid, node.ns.pid, inside[0].pid, inside[1].pid, flush=True)
time.sleep(1000)
'''


@pytest.mark.parametrize('end', [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_lab_ends_with_its_process(end):
    bystander = subprocess.Popen(['sleep', '1000'])  # in the machine's network: a stale name there must not kill it
    process = subprocess.Popen([sys.executable, '-c', CRASHING], cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                               env=dict(os.environ, PYTHONPATH=REPOSITORY))
    directory, *pids = process.stdout.readline().decode().split()
    assert os.path.isdir(directory) and all(os.path.exists('/proc/' + pid) for pid in pids)
    process.send_signal(end)
    process.wait()
    process.stdout.close()
    limit = time.monotonic() + 10
    # orphans may stay zombies under a PID 1 that does not wait for them
    while os.path.exists(directory) or not all(_ended(pid) for pid in pids):
        assert time.monotonic() < limit, (directory, [pid for pid in pids if not _ended(pid)])
        time.sleep(0.02)
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()


def _ended(pid):
    try:
        with open('/proc/{}/stat'.format(pid)) as f:
            return f.read().rsplit(')', 1)[1].split()[0] in 'ZX'
    except FileNotFoundError:
        return True


def test_the_missing_thing_is_named(monkeypatch):
    monkeypatch.setattr(namespaces, 'TOOLS', ('ip', 'no-such-tool'))
    assert namespaces.missing('') == 'the lab needs the program no-such-tool, which is not installed'
    monkeypatch.setattr(namespaces, 'TOOLS', ('ip',))
    monkeypatch.setattr(namespaces.os, 'geteuid', lambda: 1000)
    for name in ('user/max_user_namespaces', 'kernel/unprivileged_userns_clone'):
        monkeypatch.setattr(namespaces, '_read', lambda path, name=name: '0' if path == '/proc/sys/' + name else None)
        assert namespaces.missing('') == 'the lab needs user namespaces, and sysctl {} is 0'.format(name.replace('/', '.'))
    monkeypatch.setattr(namespaces, '_read', lambda path: None)
    assert namespaces.missing('Operation not permitted') == 'the lab cannot make namespaces: Operation not permitted'


def test_speed():
    """Far below what a test may notice; the best of three, since the machine has other work too."""
    times = []
    for _ in range(3):
        begin = time.monotonic()
        with Lab() as lab:
            lab.add_node()
            times.append(time.monotonic() - begin)
    assert min(times) < 0.3, times


def test_a_damaged_answer_is_no_answer():
    for size in (0, 3, 4, 56, 1472):
        assert ping.whole(ping.payload(7, size), size)
    assert not ping.whole(ping.payload(7, 56), 57)
    assert not ping.whole(b'\xff' + ping.payload(7, 56)[1:], 56)
    assert ping.checksum(bytes.fromhex('0001f203f4f5f6f7')) == 0x220d  # RFC 1071, 3
