"""The stand-in vzctl against shared/vzctl-protocol.md: which hooks run when, what the network is then, and failures."""
import os

import pytest

from tests.lab.recording import Recorder

UUID = 'b1c2d3e4-0001-4000-8000-0000000000aa'
NETIF = 'NETIF="ifname=eth0,mac=00:18:51:A1:B2:C3,host_ifname=veth101.0,host_mac=00:18:51:A1:B2:C4{}"\n'
UP = ['vps.premount', '101.premount', 'vps.mount', '101.mount']
DOWN = ['101.umount', 'vps.umount', '101.postumount', 'vps.postumount']
EXTERNAL = ['init veth veth101.0']


@pytest.fixture
def hn(bare_lab):
    return bare_lab.nodes['hn']


@pytest.fixture
def hooks(hn):
    """A legacy node with recording hooks everywhere."""
    recorder = Recorder(hn)
    recorder.external()
    recorder.actions('vps', '101')
    hn.conf(101, NETIF.format(''))
    return recorder


@pytest.fixture
def modern(hn):
    hn.generation = 'modern'
    hn.write('/vz/generation', 'modern\n')
    return hn


# Action scripts of the container

def test_order_of_start_and_stop_legacy(hn, hooks):
    for kind in ('start', 'stop'):
        hooks.place('/etc/vz/conf/101.' + kind)
    hn.vzctl('start', 101)
    assert hooks.order() == UP + EXTERNAL + ['101.start']
    hn.vzctl('stop', 101)
    assert hooks.order() == ['101.stop'] + DOWN


def test_action_scripts_in_the_private_area_modern(modern, hooks):
    modern.conf(UUID, NETIF.format(',network=n'))
    for kind in ('premount', 'mount', 'start', 'stop', 'umount', 'postumount'):
        hooks.place('/vz/private/{}/scripts/{}'.format(UUID, kind))
    modern.vzctl('start', UUID)
    assert hooks.order() == ['vps.premount', 'premount', 'vps.mount', 'mount', 'addif veth101.0 n', 'start']
    modern.vzctl('stop', UUID)
    assert hooks.order() == ['stop', 'umount', 'vps.umount', 'postumount', 'vps.postumount']


def test_action_scripts_of_old_layouts_modern(modern, hooks):
    modern.conf(101, NETIF.format(''))
    modern.vzctl('start', 101)
    assert hooks.order() == UP


@pytest.mark.parametrize('unnamed', [False, True])
def test_start_and_stop_scripts_run_inside(hn, hooks, unnamed):
    if unnamed:
        hn.write('/vz/no-netns-name', '')
    hooks.place('/etc/vz/conf/101.start')
    hooks.place('/etc/vz/conf/101.stop')
    hn.vzctl('start', 101)
    hn.vzctl('stop', 101)
    start, stop = [rec for rec in hooks.take() if rec['script'].endswith(('.start', '.stop'))]
    own = hn.run(['readlink', '/proc/self/ns/net']).stdout.strip()
    assert start['netns'] == stop['netns'] != own
    assert set(start['host']) == {'lo', 'eth0'}


# Non-zero codes

@pytest.mark.parametrize('generation, code', [('legacy', 130), ('modern', 136)])
def test_external_script_fails(hn, hooks, generation, code):
    hooks.external(code=3)
    hn.conf(101, NETIF.format(',network=n'))
    result = hn.vzctl('--generation', generation, 'start', 101, check=False)
    assert result.returncode == code
    records = hooks.take()
    assert [' '.join(rec['argv']) or os.path.basename(rec['script']) for rec in records] == UP + (
        EXTERNAL if generation == 'legacy' else ['addif veth101.0 n']) + DOWN
    assert all('veth101.0' not in rec['host'] and not rec['named'] for rec in records[5:])
    assert hn.vzctl('status', 101).stdout == 'CTID 101 exist unmounted down\n'


def test_external_script_is_missing(hn, hooks):
    os.unlink(hn.path('/usr/libexec/hook'))
    assert hn.vzctl('start', 101, check=False).returncode == 130
    assert hn.calls()[4].returncode == 127


@pytest.mark.parametrize('generation', ['legacy', 'modern'])
def test_mount_fails(hn, hooks, generation):
    hooks.place('/etc/vz/conf/vps.mount', code=1)
    result = hn.vzctl('--generation', generation, 'start', 101, check=False)
    assert result.returncode == 79
    assert hooks.order() == ['vps.premount', '101.premount', 'vps.mount']
    assert hn.vzctl('status', 101).stdout == 'CTID 101 exist unmounted down\n'


@pytest.mark.parametrize('generation, code', [('legacy', 79), ('modern', 0)])
def test_mount_ends_with_39(hn, hooks, generation, code):
    hooks.place('/etc/vz/conf/vps.mount', code=39)
    result = hn.vzctl('--generation', generation, 'start', 101, check=False)
    assert result.returncode == code
    assert hn.vzctl('status', 101).stdout.endswith('down\n')


def test_umount_fails_and_the_next_stop_does_nothing(hn, hooks):
    hn.vzctl('start', 101)
    hooks.place('/etc/vz/conf/vps.umount', code=1)
    hooks.take()
    assert hn.vzctl('stop', 101, check=False).returncode != 0
    assert hooks.order() == ['101.umount', 'vps.umount']
    assert hn.vzctl('status', 101).stdout == 'CTID 101 exist mounted down\n'
    hn.vzctl('stop', 101)
    assert hooks.order() == []


def test_umount_fails_modern_stop_aborts(modern, hooks):
    modern.vzctl('start', 101)
    hooks.place('/etc/vz/conf/vps.umount', code=1)
    hooks.take()
    assert modern.vzctl('stop', 101, check=False).returncode != 0
    assert hooks.order() == ['101.umount', 'vps.umount']


# "Order and state of the network"

def test_state_at_start(hn, hooks):
    hn.conf(101, NETIF.format(';ifname=eth1,mac=00:18:51:A1:B2:C5,host_ifname=veth101.1'))
    hn.vzctl('start', 101)
    records = hooks.take()
    for rec in records[:4]:  # premount, mount
        assert not rec['named'] and not rec['ct'] and 'veth101.0' not in rec['host']
    first, second = records[4:]
    assert set(first['ct']) == {'lo', 'eth0'}
    assert first['ct']['eth0'] == {'up': False, 'mac': '00:18:51:a1:b2:c3', 'master': None}
    assert not first['ct']['lo']['up'] and 'inet' not in first['ct_addr']
    assert first['host']['veth101.0'] == {'up': False, 'mac': '00:18:51:a1:b2:c4', 'master': None}
    assert 'veth101.1' not in first['host']
    assert set(second['ct']) == {'lo', 'eth0', 'eth1'} and 'veth101.1' in second['host']


@pytest.mark.parametrize('unnamed', [False, True])
def test_state_at_stop(hn, hooks, unnamed):
    if unnamed:
        hn.write('/vz/no-netns-name', '')
    hooks.external(then='run("ip", "link", "set", "veth101.0", "master", "br0")\n'
                        'run("ip", "link", "set", "veth101.0", "up")\nrun("ip", "route", "add", "192.0.2.1", "dev", "veth101.0")\n'
                        'run("ip", "route", "add", "192.0.2.2", "dev", "br0")')
    hn.vzctl('start', 101)
    assert '192.0.2.1 dev veth101.0' in hn.ip('route')
    hooks.take()
    daemon = hn.popen(['ip', 'netns', 'exec', '101', 'sleep', '60']) if not unnamed else None
    hn.vzctl('stop', 101)
    for rec in hooks.take():
        assert not rec['named'] and 'veth101.0' not in rec['host']
    assert '192.0.2.1' not in hn.ip('route') and '192.0.2.2 dev br0' in hn.ip('route')
    if daemon:
        assert daemon.wait(5) == -9


@pytest.mark.parametrize('kind', ['dangling', 'host', '102'])
def test_stale_netns(hn, hooks, kind):
    hn.write('/vz/stale-netns', kind)
    hn.conf(102, '')
    hn.vzctl('start', 102)
    hn.vzctl('start', 101)
    hn.vzctl('stop', 101)
    hooks.take()
    where = {'host': hn.run(['stat', '-Lc', '%i', '/proc/self/ns/net']).stdout,
             '102': hn.ct(102).run(['stat', '-Lc', '%i', '/proc/self/ns/net']).stdout, 'dangling': ''}[kind]
    assert hn.run(['stat', '-Lc', '%i', '/run/netns/101'], check=False).stdout == where
    hn.vzctl('start', 101)
    records = hooks.take()
    assert all(rec['named'] for rec in records[:4])  # stale while the mount hooks run
    assert ('eth0' in records[0]['ct'], 'br0' in records[0]['ct']) == (kind == 'host', kind == 'host')
    assert set(records[4]['ct']) == {'lo', 'eth0'}  # and replaced for EXTERNAL_SCRIPT
    assert 'br0' in hn.ip('-o link')


@pytest.mark.parametrize('vzeventd', [False, True])
def test_end_from_inside(hn, hooks, vzeventd):
    hn.vzctl('start', 101)
    hooks.take()
    hn.vzctl('kill-inside', 101, *(['--vzeventd'] if vzeventd else []))
    assert hooks.order() == (DOWN if vzeventd else [])
    assert 'veth101.0' not in hn.ip('-o link')
    assert hn.vzctl('status', 101).stdout.split()[3:] == (['unmounted', 'down'] if vzeventd else ['mounted', 'down'])
    hn.vzctl('start', 101)
    assert hooks.order() == ([] if vzeventd else DOWN) + UP + EXTERNAL


@pytest.mark.parametrize('verbs', [('suspend', 'resume'), ('chkpnt', 'restore')])
def test_suspend_and_resume(hn, hooks, verbs):
    hn.vzctl('start', 101)
    hn.ct(101).batch(['link set eth0 up', 'addr add 192.0.2.5/24 dev eth0', 'addr add 2001:db8:9::5/64 dev eth0 nodad',
                      'route add default via 192.0.2.1 dev eth0', 'route add 198.51.100.7 via 192.0.2.9',
                      'route add 203.0.113.0/24 dev eth0', 'route add default via 2001:db8:9::1'])
    before = hn.ct(101).ip('-4 route'), hn.ct(101).ip('-6 route show default'), hn.ct(101).ip('-br addr show scope global')
    hooks.take()
    hn.vzctl(verbs[0], 101)
    assert hooks.order() == DOWN
    hn.vzctl(verbs[1], 101)
    records = hooks.take()
    assert [os.path.basename(rec['script']) for rec in records] == UP + ['hook']
    # its own addresses and routes are there again when the hook runs
    assert '192.0.2.5/24' in records[4]['ct_addr'] and 'default via 192.0.2.1' in records[4]['ct_route']
    assert not any('2001:db8:9::5' in line and 'tentative' in line for line in records[4]['ct_addr'].splitlines())
    after = hn.ct(101).ip('-4 route'), hn.ct(101).ip('-6 route show default'), hn.ct(101).ip('-br addr show scope global')
    assert [text.replace(' linkdown', '').split('\n') for text in after[:2]] == [
        text.replace(' linkdown', '').split('\n') for text in before[:2]]
    assert after[2].split()[2:] == before[2].split()[2:]


def _second(lab):
    other = Recorder(lab.add_node('hn2'))
    other.external()
    other.actions('vps', '101')
    return other


def test_migrate_offline(bare_lab, hn, hooks):
    other = _second(bare_lab)
    hn.vzctl('start', 101)
    hooks.take()
    hn.migrate(101, other.node)
    here, there = hooks.take(), other.take()
    assert [os.path.basename(rec['script']) for rec in here] == DOWN
    assert [os.path.basename(rec['script']) for rec in there] == UP + ['hook']
    assert hn.vzctl('status', 101).stdout == 'CTID 101 deleted unmounted down\n'
    assert other.node.vzctl('status', 101).stdout == 'CTID 101 exist mounted running\n'


def test_migrate_online(bare_lab, hn, hooks):
    other = _second(bare_lab)
    hooks.place('/etc/vz/conf/vps.umount', then='rec["when"] = time.time()')
    other.external(then='rec["when"] = time.time()')
    hn.vzctl('start', 101)
    hn.ct(101).batch(['link set eth0 up', 'addr add 192.0.2.5/24 dev eth0'])
    hooks.take()
    hn.migrate(101, other.node, online=True)
    here, there = hooks.take(), other.take()
    assert [os.path.basename(rec['script']) for rec in here] == DOWN
    assert [os.path.basename(rec['script']) for rec in there] == UP + ['hook']
    assert there[4]['when'] < here[1]['when']
    assert '192.0.2.5/24' in there[4]['ct_addr']
    assert 'veth101.0' not in hn.ip('-o link') and 'veth101.0' in other.node.ip('-o link')


def test_netif_add_to_a_running_container(hn, hooks):
    hooks.external(then='rec["conf"] = open(root + "/etc/vz/conf/101.conf").read()')
    hn.vzctl('start', 101)
    hooks.take()
    hn.vzctl('set', 101, '--netif_add', 'eth1,00:18:51:00:00:02,veth101.9,00:18:51:00:00:03,br0', '--save')
    rec, = hooks.take()
    assert rec['argv'] == ['init', 'veth', 'veth101.9'] and rec['ct']['eth1']['mac'] == '00:18:51:00:00:02'
    assert rec['host']['veth101.9']['mac'] == '00:18:51:00:00:03'
    assert 'ifname=eth1' not in rec['conf']
    assert ';ifname=eth1,mac=00:18:51:00:00:02,host_ifname=veth101.9,host_mac=00:18:51:00:00:03,bridge=br0"' in hn.read(
        '/etc/vz/conf/101.conf')
    hn.vzctl('set', 101, '--netif_del', 'eth1', '--save')
    assert 'veth101.9' not in hn.ip('-o link') and 'ifname=eth1' not in hn.read('/etc/vz/conf/101.conf')


def test_netif_add_to_a_stopped_container(hn, hooks):
    hn.vzctl('set', 101, '--netif_add', 'eth1', '--save')
    assert hooks.order() == [] and 'ifname=eth1' in hn.read('/etc/vz/conf/101.conf')


def test_mount_and_umount_without_start(hn, hooks):
    hn.vzctl('mount', 101)
    hn.vzctl('umount', 101)
    records = hooks.take()
    assert [os.path.basename(rec['script']) for rec in records] == UP + DOWN
    assert not any(rec['named'] or 'veth101.0' in rec['host'] for rec in records)


def test_skip_ve_setup(hn, hooks):
    hn.vzctl('start', 101, '--skip_ve_setup')
    assert hooks.order() == UP
    assert 'veth101.0' not in hn.ip('-o link') and 'running' in hn.vzctl('status', 101).stdout
    hn.vzctl('stop', 101)
    assert hooks.order() == DOWN


def test_node_crash(hn, hooks):
    hn.vzctl('start', 101)
    hn.write('/run/vzhooks/101/eth0', 'journal')
    boot = hn.run(['cat', '/proc/sys/kernel/random/boot_id']).stdout
    hooks.take()
    hn.crash()
    assert hooks.order() == []
    assert 'veth101.0' not in hn.ip('-o link') and not os.path.exists(hn.path('/run/vzhooks'))
    assert hn.run(['cat', '/proc/sys/kernel/random/boot_id']).stdout != boot
    assert hn.vzctl('status', 101).stdout == 'CTID 101 exist unmounted down\n'
    hn.vzctl('start', 101)
    assert hooks.order() == UP + EXTERNAL


def test_different_containers_run_hooks_at_the_same_time(hn, hooks):
    hooks.external(then='open(root + "/met." + veid, "w").close()\nend = time.monotonic() + 20\n'
                        'met = lambda: len([name for name in os.listdir(root) if name.startswith("met.")])\n'
                        'while met() < 8 and time.monotonic() < end: time.sleep(0.01)\nrec["met"] = met()')
    for veid in range(201, 209):
        hn.conf(veid, 'NETIF="ifname=eth0"\n')
    processes = [hn.vzctl_popen('start', veid) for veid in range(201, 209)]
    assert [(process.communicate(timeout=60), process.returncode) for process in processes] == [(('', ''), 0)] * 8
    assert [rec['met'] for rec in hooks.take() if rec['argv']] == [8] * 8
    assert sum(call.script == '/usr/libexec/hook' and call.returncode == 0 for call in hn.calls()) == 8


def test_destroy_and_restart(hn, hooks):
    hn.vzctl('start', 101)
    assert hn.vzctl('destroy', 101, check=False).returncode == 32
    hooks.take()
    hn.vzctl('restart', 101)
    assert hooks.order() == DOWN + UP + EXTERNAL
    hn.vzctl('stop', 101)
    hn.vzctl('destroy', 101)
    assert sorted(os.listdir(hn.path('/etc/vz/conf'))) == ['vps.mount', 'vps.postumount', 'vps.premount', 'vps.umount']


# "What EXTERNAL_SCRIPT replaces"

@pytest.mark.parametrize('bridge', ['', 'br0'])
def test_stock_legacy(hn, bridge):
    hn.conf(101, NETIF.format(',bridge=' + bridge if bridge else ''))
    hn.write('/etc/vz/vznet.conf', '#EXTERNAL_SCRIPT="/usr/libexec/hook"\n')
    hn.vzctl('start', 101)
    link = hn.ip('-o link show veth101.0')
    assert 'UP' in link.split('<')[1].split('>')[0].split(',') and ('master br0' in link) == bool(bridge)


def test_stock_modern_bridge(modern):
    modern.conf(UUID, NETIF.format(',type=bridge,network=br0'))
    modern.vzctl('start', UUID)
    assert 'master br0' in modern.ip('-o link show veth101.0')
    modern.vzctl('set', UUID, '--ifname', 'eth0', '--network', '')
    assert 'master' not in modern.ip('-o link show veth101.0')


def test_stock_modern_network_and_ovs(modern):
    for name, text in (('virsh', 'test "$*" = "net-info My net" && printf "Name: My\\nBridge:         br0\\n"'),
                       ('ovs-vsctl', 'echo "$*" >>' + modern.path('/ovs'))):
        modern.run(['sh', '-c', 'cat >/usr/local/sbin/$0; chmod 755 /usr/local/sbin/$0', name], input='#!/bin/sh\n' + text)
    modern.conf(UUID, NETIF.format(',type=bridged,network=My net'))
    modern.vzctl('start', UUID)
    assert 'master br0' in modern.ip('-o link show veth101.0')
    assert modern.read('/ovs') == '--timeout=5 --if-exists del-port veth101.0\n'
    modern.vzctl('stop', UUID)
    modern.conf(UUID, NETIF.format(',type=bridged,network=My net,vport=ovs,ifaceid=f00'))
    modern.vzctl('start', UUID)
    assert modern.read('/ovs').splitlines()[-1] == (
        '--may-exist add-port br0 veth101.0 -- set interface veth101.0 external-ids:iface-status=active '
        'external-ids:iface-id=f00 external-ids:attached-mac=00:18:51:A1:B2:C3 external-ids:vm-id=' + UUID)


def test_ip_and_gw_of_netif_are_set_inside_afterwards(modern, hooks):
    modern.conf(UUID, NETIF.format(',network=n,ip=192.0.2.5/255.255.255.0:192.0.2.6/32,gw=192.0.2.1,gw6=2001:db8:9::1,'
                                   'ip6=2001:db8:9::5/64,2001:db8:9::6/64'))
    modern.vzctl('start', UUID)
    rec = hooks.take()[2]
    assert rec['argv'][0] == 'addif' and 'inet' not in rec['ct_addr']
    addresses = modern.ct(UUID).ip('-br addr show eth0 scope global').split()
    assert {'192.0.2.5/24', '192.0.2.6/32', '2001:db8:9::5/64', '2001:db8:9::6/64'} <= set(addresses)
    assert 'via 192.0.2.1 dev eth0' in modern.ct(UUID).ip('route show default')
    assert 'via 2001:db8:9::1 dev eth0' in modern.ct(UUID).ip('-6 route show default')
