"""venet0 in the stand-in vzctl, between two uplinks: what is there when, and what is left."""
import os
import re
import signal
import subprocess
import sys
import time
from typing import List

import pytest

from tests.lab import venet
from tests.lab.network import INTERNET, INTERNET6, Lab
from tests.lab.node import REPOSITORY, Node
from tests.lab.recording import Recorder
from tests.lab.snapshot import diff, snapshot
from tests.lab.uplinks import ALL, BOTH, EXTERNAL, INNER, INNER6, INTERNAL, INTERNAL6, OUTER, OUTER6, Uplinks

pytestmark = pytest.mark.needs('root', 'nft')


def routes(node: Node) -> List[str]:
    listing = node.ip('-4 route show') + node.ip('-6 route show')
    return [' '.join(line.split()) for line in listing.splitlines() if 'venet0' in line]


# venet0 in the stand-in vzctl

def test_start_and_stop(hn: Node) -> None:
    hn.conf(138, ALL)
    before = snapshot(hn)
    descriptors = '/proc/{}/fd'.format(hn.services[0].pid)
    open_before = os.listdir(descriptors)
    for _ in range(2):
        hn.vzctl('start', 138)
        assert routes(hn) == [
            '{} dev venet0 scope link'.format(INNER), '{} dev venet0 scope link'.format(OUTER),
            '{} dev venet0 metric 1024 pref medium'.format(INNER6),
            '{} dev venet0 metric 1024 pref medium'.format(OUTER6)]
        proxies = hn.ip('-4 neigh show proxy') + hn.ip('-6 neigh show proxy')
        assert {tuple(line.split()) for line in proxies.splitlines()} == {
            (address, 'dev', device, 'proxy') for address, device in (
                (INNER, 'vmbr0'), (OUTER, 'vmbr1'), (INNER6, 'vmbr0'), (OUTER6, 'vmbr1'))}
        ct = hn.ct(138)
        assert 'POINTOPOINT,MULTICAST,NOARP,UP' in ct.ip('link show venet0')
        assert re.findall(r'inet6? (\S+)', ct.ip('addr show venet0 scope global')) == [
            OUTER + '/23', INNER + '/24', INNER6 + '/64', OUTER6 + '/64']
        assert 'default dev venet0 scope link' in ct.ip('route show')
        assert 'default dev venet0' in ct.ip('-6 route show')
        for address in (OUTER, INNER, OUTER6, INNER6):
            assert hn.ping(address) == 1, address
        hn.vzctl('stop', 138)
        assert diff(before, snapshot(hn)) == '' and os.listdir(descriptors) == open_before


def test_the_first_address_is_the_default_source_and_a_mask_is_a_hint(hn: Node) -> None:
    hn.conf(138, BOTH)
    hn.conf(139, 'IP_ADDRESS="200.200.100.13 192.168.1.101/255.255.255.0 2001:db8:10::101"\n')
    hn.conf(140, 'IP_ADDRESS="192.168.1.102"\n')
    for veid in (138, 139, 140):
        hn.vzctl('start', veid)
    for veid, target, source in ((138, INTERNET, OUTER), (138, INTERNAL, INNER), (138, EXTERNAL, OUTER),
                                 (139, INTERNET, '200.200.100.13'), (139, INTERNAL, '192.168.1.101'),
                                 (140, EXTERNAL, '192.168.1.102')):
        assert 'src {} '.format(source) in hn.ct(veid).ip('route get ' + target), (veid, target)
    assert '200.200.100.13/32' in hn.ct(139).ip('addr') and '2001:db8:10::101/128' in hn.ct(139).ip('addr')


def test_nothing_is_there_at_mount_nor_at_umount(hn: Node) -> None:
    hooks = Recorder(hn)
    hn.conf(138, ALL + 'NETIF="ifname=eth0,host_ifname=veth138.0"\n')
    look = "rec['seen'] = run('ip', 'route')[1] + run('ip', 'neigh', 'show', 'proxy')[1]\n"
    for kind in ('premount', 'mount', 'umount', 'postumount'):
        hooks.place('/etc/vz/conf/vps.' + kind, then=look)
    hooks.external(then=look)
    hn.vzctl('start', 138)
    hn.vzctl('stop', 138)
    seen = {' '.join(rec['argv']) or os.path.basename(rec['script']): INNER in rec['seen'] for rec in hooks.take()}
    assert seen == {'vps.premount': False, 'vps.mount': False, 'init veth veth138.0': True, 'vps.umount': False,
                    'vps.postumount': False}


def test_a_container_that_ends_from_inside_leaves_its_routes(hn: Node) -> None:
    hn.conf(138, BOTH)
    before = snapshot(hn)
    for words, left in ((['--vzeventd'], 0), ([], 2)):
        hn.vzctl('start', 138)
        hn.vzctl('kill-inside', 138, *words)
        assert len(routes(hn)) == left
        assert hn.services[0].containers() == {}
    hn.vzctl('start', 138)  # takes them
    assert hn.ping(INNER) == 1
    hn.vzctl('stop', 138)
    assert diff(before, snapshot(hn)) == ''


def test_suspend_and_resume(hn: Node) -> None:
    hn.conf(138, ALL)
    before = snapshot(hn)
    hn.vzctl('start', 138)
    hn.ct(138).batch(['addr del {}/24 dev venet0'.format(INNER), 'addr add {}/32 dev venet0'.format(INNER)])
    inside = [hn.ct(138).ip(words) for words in ('-br addr', '-4 route', '-6 route')]
    hn.vzctl('suspend', 138)
    assert diff(before, snapshot(hn)) == ''
    hn.vzctl('resume', 138)
    assert [hn.ct(138).ip(words) for words in ('-br addr', '-4 route', '-6 route')] == inside
    assert hn.ct(138).ping(INTERNET, source=INNER) == hn.ct(138).ping(INTERNET6, source=INNER6) == 1


@pytest.mark.parametrize('online', [True, False])
def test_migration(uplinks: Uplinks, hn: Node, online: bool) -> None:
    second = uplinks.add_node('hn2', 1)
    hn.conf(138, BOTH)
    before = [snapshot(hn), snapshot(second)]
    hn.vzctl('start', 138)
    assert uplinks.internet.ping(INNER) == uplinks.internet.ping(OUTER) == 1
    hn.migrate(138, second, online)
    assert diff(before[0], snapshot(hn)) == ''
    assert '02:00:c0:a8:01:8f' in uplinks.internal.ns.ip('neigh show ' + INNER)  # the gateway has heard of it
    assert uplinks.internet.ping(INNER) == uplinks.internet.ping(OUTER) == 1
    assert second.ct(138).ping('192.168.1.142', source=INNER) == 1
    second.vzctl('stop', 138)
    assert diff(before[1], snapshot(second)) == ''


def test_a_container_sends_from_its_own_addresses_only(uplinks: Uplinks, hn: Node) -> None:
    hn.conf(138, ALL)
    hn.vzctl('start', 138)
    hn.ct(138).batch(['addr add 192.168.1.77/32 dev venet0', 'addr add 2001:db8:10::77/128 dev venet0'])
    assert hn.ct(138).ping(INTERNAL, 3, source='192.168.1.77', timeout=0.2) == 0
    assert hn.ct(138).ping(INTERNAL6, 2, source='2001:db8:10::77', timeout=0.2) == 0
    assert hn.services[0].dropped() == 5
    assert hn.ct(138).ping(INTERNAL, 3) == 3
    assert hn.services[0].dropped() == 5


def test_large_packets_and_streams(uplinks: Uplinks, hn: Node) -> None:
    hn.conf(138, BOTH)
    hn.vzctl('start', 138)
    assert hn.ct(138).ping(INTERNET, size=8000) == 1
    assert hn.ct(138).ping(INTERNET, size=1472, dont_fragment=True) == 1
    server = uplinks.internet.popen([sys.executable, '-c', SERVE])
    assert server.stdout is not None and server.stdout.readline() == 'ready\n'
    client = hn.ct(138).run([sys.executable, '-c', FETCH.format(INTERNET)])
    assert client.stdout == '{}\n'.format(4 << 20)
    server.communicate(timeout=10)


SERVE = '''
import socket
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("", 7777)); s.listen(1)
print("ready", flush=True)
c, _ = s.accept(); c.sendall(b"x" * (4 << 20)); c.close()
'''
FETCH = '''
import socket
c = socket.create_connection(("{}", 7777), 10); n = 0; part = c.recv(65536)
while part:
    n += len(part); part = c.recv(65536)
print(n)
'''


def test_the_switch_sleeps_while_there_is_nothing_to_do(hn: Node) -> None:
    hn.conf(138, BOTH)
    hn.vzctl('start', 138)

    def spent() -> int:
        with open('/proc/{}/schedstat'.format(hn.services[0].pid)) as f:
            return int(f.read().split()[0])  # ns
    before = spent()
    time.sleep(0.3)
    assert spent() - before < 30e6  # a late packet of the kernel's own may come, a busy loop would take it all


# Failures

def test_a_failed_hook_leaves_nothing(hn: Node) -> None:
    hooks = Recorder(hn)
    hooks.external(code=1)
    hn.conf(138, ALL + 'NETIF="ifname=eth0,host_ifname=veth138.0"\n')
    before = snapshot(hn)
    assert hn.vzctl('start', 138, check=False).returncode == 130
    assert diff(before, snapshot(hn)) == '' and hn.services[0].containers() == {}


def test_a_route_of_somebody_else_is_an_error_that_leaves_nothing(hn: Node) -> None:
    hn.ip('route add {} dev vmbr0 table main'.format(INNER))
    hn.conf(138, BOTH)
    before = snapshot(hn)
    assert hn.vzctl('start', 138, check=False).returncode == 34
    assert diff(before, snapshot(hn)) == '' and hn.services[0].containers() == {}


def test_an_address_of_a_neighbour_is_an_error_that_leaves_the_neighbour(hn: Node) -> None:
    hn.conf(138, 'IP_ADDRESS="{}"\n'.format(INNER))
    hn.conf(139, 'IP_ADDRESS="192.168.1.101 {}"\n'.format(INNER))
    hn.vzctl('start', 138)
    before = snapshot(hn)
    failed = hn.vzctl('start', 139, check=False)
    assert failed.returncode == 34 and '{} belongs to container 138'.format(INNER) in failed.stderr
    assert diff(before, snapshot(hn)) == '' and list(hn.services[0].containers()) == ['138']
    assert hn.ping(INNER) == 1


def test_without_a_switch_ip_address_does_nothing(bare_lab: Lab) -> None:
    node = bare_lab.nodes['hn']
    node.conf(138, BOTH)
    before = snapshot(node)
    node.vzctl('start', 138)
    assert diff(before, snapshot(node)) == '' and 'venet0' not in node.ct(138).ip('link')


def test_venet_comes_back_after_a_crash(uplinks: Uplinks, hn: Node) -> None:
    hn.conf(138, BOTH)
    before = snapshot(hn)
    hn.vzctl('start', 138)
    hn.crash()
    assert diff(before, snapshot(hn)) == '' and hn.services[0].containers() == {}
    hn.vzctl('start', 138)
    assert hn.ct(138).ping(INTERNET) == uplinks.internet.ping(INNER) == 1


def test_a_switch_that_does_not_start_says_why(hn: Node) -> None:
    with pytest.raises(RuntimeError, match='did not start(.|\n)*Device or resource busy'):
        venet.start(hn)  # there is a venet0 already
    assert len(hn.services) == 1


CRASHING = '''
import time
from tests.lab.network import Lab
from tests.lab.uplinks import Uplinks
lab = Lab()
node = Uplinks(lab).node
node.conf(138, 'IP_ADDRESS="192.168.1.100"')
node.vzctl('start', 138)
print(lab.directory.path, node.services[0].pid, flush=True)
time.sleep(1000)
'''


def test_the_switch_ends_with_its_lab() -> None:
    process = subprocess.Popen([sys.executable, '-c', CRASHING], cwd=REPOSITORY, stdout=subprocess.PIPE,
                               env=dict(os.environ, PYTHONPATH=REPOSITORY), encoding='utf-8')
    assert process.stdout is not None
    directory, pid = process.stdout.readline().split()
    assert os.path.exists('/proc/' + pid)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    limit = time.monotonic() + 10
    while os.path.exists(directory) or running(pid):
        assert time.monotonic() < limit
        time.sleep(0.02)


def running(pid: str) -> bool:
    try:
        with open('/proc/{}/stat'.format(pid)) as f:
            return f.read().rsplit(')', 1)[1].split()[0] not in 'ZX'  # an orphan may stay a zombie for ever
    except FileNotFoundError:
        return False
