"""The stand-in vzctl against shared/vzctl-protocol.md: what a hook process is given. One test a row, or a half of one."""
import os
import re
import signal
import stat
import time

import pytest

from tests.lab.recording import Recorder

UUID = 'b1c2d3e4-0001-4000-8000-0000000000aa'
NETIF = 'NETIF="ifname=eth0,mac=00:18:51:A1:B2:C3,host_ifname=veth101.0,host_mac=00:18:51:A1:B2:C4"\n'
MODERN = 'NETIF="ifname=eth0,type={},network={},mac=00:1C:42:A1:B2:C3,host_ifname=vme1,host_mac=00:1C:42:A1:B2:C4{}"\n'
PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'


@pytest.fixture
def hn(bare_lab):
    return bare_lab.nodes['hn']


@pytest.fixture
def hooks(hn):
    return Recorder(hn)


@pytest.fixture
def modern(hn):
    hn.generation = 'modern'
    hn.write('/vz/generation', 'modern\n')
    return hn


# "Two generations"

def test_veid_is_a_number_in_the_legacy_generation(hn):
    hn.conf(UUID, NETIF)
    assert hn.vzctl('start', UUID, check=False).returncode == 2
    assert hn.vzctl('status', UUID, check=False).returncode == 2


@pytest.mark.parametrize('veid', [UUID, '101'])
def test_veid_is_a_uuid_or_a_number_in_the_modern_generation(modern, hooks, veid):
    hooks.external()
    modern.conf(veid, MODERN.format('bridge', 'br0', ''))
    modern.vzctl('start', veid)
    rec, = hooks.take()
    assert rec['env']['VEID'] == veid
    assert 'eth0' in rec['ct']


def test_argv_of_external_script_legacy(hn, hooks):
    hooks.external()
    hn.conf(101, NETIF)
    hn.vzctl('start', 101)
    assert [rec['argv'] for rec in hooks.take()] == [['init', 'veth', 'veth101.0']]


def test_argv_of_external_script_modern(modern, hooks):
    hooks.external()
    modern.conf(UUID, MODERN.format('bridge', 'br0', ''))
    modern.vzctl('start', UUID)
    assert [rec['argv'] for rec in hooks.take()] == [['addif', 'vme1', 'br0']]
    modern.vzctl('set', UUID, '--ifname', 'eth0', '--network', '', '--save')
    assert [rec['argv'] for rec in hooks.take()] == [['delif', 'vme1']]
    assert 'network=' not in modern.read('/etc/vz/conf/{}.conf'.format(UUID))


def test_a_network_name_with_spaces_arrives_as_several_words(modern, hooks):
    hooks.external()
    modern.conf(UUID, MODERN.format('bridged', 'My  public net', ''))
    modern.vzctl('start', UUID)
    assert [rec['argv'] for rec in hooks.take()] == [['addif', 'vme1', 'My', 'public', 'net']]


def test_legacy_calls_once_per_veth_in_netif_order_and_never_on_stop_or_delete(hn, hooks):
    hooks.external()
    hn.conf(101, 'NETIF="host_ifname=veth101.1,ifname=eth1;ifname=eth0,host_ifname=veth101.0"\n')
    hn.vzctl('start', 101)
    assert hooks.order() == ['init veth veth101.1', 'init veth veth101.0']
    hn.vzctl('set', 101, '--netif_add', 'eth2,00:18:51:00:00:02,veth101.2,00:18:51:00:00:03,br0', '--save')
    assert hooks.order() == ['init veth veth101.2']
    hn.vzctl('set', 101, '--netif_del', 'eth1', '--save')
    hn.vzctl('stop', 101)
    assert hooks.order() == []


def test_modern_calls_only_for_a_netif_with_network_and_never_for_routed(modern, hooks):
    hooks.external()
    modern.conf(UUID, 'NETIF="ifname=eth0,type=routed,network=a,host_ifname=v0;ifname=eth1,type=bridged,host_ifname=v1;'
                      'ifname=eth2,type=bridged,network=b,host_ifname=v2"\n')
    modern.vzctl('start', UUID)
    assert hooks.order() == ['addif v2 b']
    assert {'eth0', 'eth1', 'eth2'} <= set(re.findall(r' (eth\d)@', modern.ct(UUID).ip('-o link')))
    modern.vzctl('stop', UUID)
    assert hooks.order() == []
    modern.vzctl('start', UUID)
    hooks.take()
    modern.vzctl('set', UUID, '--ifname', 'eth1', '--network', 'c')
    assert hooks.order() == ['addif v1 c']


def test_environment_of_external_script_legacy(hn, hooks):
    hooks.external()
    hn.conf(101, NETIF)
    hn.vzctl('start', 101, env={'LANG': 'C.UTF-8', 'FOO': 'bar', 'PATH': '/usr/bin:/usr/sbin'})
    rec, = hooks.take()
    assert rec['env'] == {'HOME': '/', 'TERM': 'linux', 'PATH': PATH, 'VEID': '101', 'PWD': '/', 'VZHOOKS_ROOT': hn.root}


def test_environment_of_external_script_modern(modern, hooks):
    hooks.external()
    modern.conf(UUID, MODERN.format('bridge', 'br0', ',vport=ovs,ifaceid=f00'))
    modern.vzctl('start', UUID)
    rec, = hooks.take()
    assert rec['env'] == {
        'VEID': UUID, 'HOME': '/', 'TERM': 'linux', 'PATH': PATH + ':.', 'NETWORK_TYPE': 'bridge', 'VPORT_TYPE': 'ovs',
        'IFACEID': 'f00', 'MAC': '00:1C:42:A1:B2:C3', 'VZHOOKS_ROOT': modern.root}
    modern.conf(102, 'NETIF="ifname=eth0,type=bridged,network=n"\n')
    modern.vzctl('start', 102)
    rec, = hooks.take()
    assert not {'NETWORK_TYPE', 'VPORT_TYPE', 'IFACEID', 'MAC'} & set(rec['env'])


def test_action_scripts_have_no_argv_and_ve_conffile_legacy(hn, hooks):
    hooks.actions('vps')
    conf = hn.conf(101, '')
    hn.vzctl('start', 101)
    hn.vzctl('stop', 101)
    records = hooks.take()
    assert len(records) == 4
    for rec in records:
        assert rec['argv'] == []
        assert rec['env'] == {'HOME': '/', 'TERM': 'linux', 'PATH': PATH, 'VEID': '101', 'PWD': '/', 'VE_CONFFILE': conf,
                              'VZHOOKS_ROOT': hn.root}


def test_action_scripts_have_no_argv_and_ve_conffile_modern(modern, hooks):
    hooks.actions('vps')
    conf = modern.conf(UUID, '')
    modern.vzctl('start', UUID)
    modern.vzctl('stop', UUID)
    records = hooks.take()
    assert [os.path.basename(rec['script']) for rec in records] == ['vps.premount', 'vps.mount', 'vps.umount', 'vps.postumount']
    for rec in records:
        assert rec['argv'] == []
        assert rec['env'] == {'VEID': UUID, 'VE_CONFFILE': conf, 'VZHOOKS_ROOT': modern.root}


def test_lock_legacy_fails_at_once_and_exec_works_from_external_script_only(hn, hooks):
    verbs = ('rec["locked"] = [run("vzctl", *words)[0] for words in (("set", veid, "--netif_add", "eth5", "--save"),'
             ' ("start", veid), ("stop", veid), ("mount", veid))]\nrec["exec"] = run("vzctl", "exec", veid, "echo", "in", "$0")\n')
    hooks.external(then=verbs)
    hooks.place('/etc/vz/conf/vps.mount', then=verbs)
    hooks.place('/etc/vz/conf/vps.umount', then=verbs)
    hn.conf(101, NETIF)
    begin = time.monotonic()
    hn.vzctl('start', 101)
    hn.vzctl('stop', 101)
    assert time.monotonic() - begin < 20
    mount, external, umount = hooks.take()
    assert mount['locked'] == external['locked'] == umount['locked'] == [9, 9, 9, 9]
    assert mount['exec'] == umount['exec'] == [31, 'Container is not running\n']
    assert external['exec'] == [0, 'in /bin/sh\n']
    assert not os.listdir(hn.path('/vz/lock'))


def test_lock_modern_stalls(modern, hooks):
    modern.write('/vz/lock-timeout', '0.8')
    hooks.external(then='begin = time.monotonic(); rec["code"] = run("vzctl", "set", veid, "--netif_add", "eth5")[0]\n'
                        'rec["stalled"] = time.monotonic() - begin')
    modern.conf(UUID, MODERN.format('bridge', 'br0', ''))
    modern.vzctl('start', UUID)
    rec, = hooks.take()
    assert rec['code'] == 9
    assert 0.8 <= rec['stalled'] < 5


def test_a_killed_vzctl_leaves_no_lock(hn):
    hn.conf(101, '')
    hn.write('/vz/lock/101.lck', '4194305')
    hn.vzctl('start', 101)


def test_netns_has_a_name(hn, hooks):
    hooks.external()
    hn.conf(101, NETIF)
    hn.vzctl('start', 101)
    rec, = hooks.take()
    assert rec['named'] and 'eth0' in rec['ct']
    assert rec['netns'] == hn.run(['readlink', '/proc/self/ns/net']).stdout.strip()


def test_netns_has_no_name_on_a_2_6_32_kernel(hn, hooks):
    hn.write('/vz/no-netns-name', '')
    hooks.external(then='rec["exec"] = run("vzctl", "exec", veid, "ip -br link show eth0; echo $PATH")')
    hn.conf(101, NETIF)
    hn.vzctl('start', 101)
    rec, = hooks.take()
    assert not rec['named'] and not rec['ct']
    assert rec['exec'][0] == 0 and '00:18:51:a1:b2:c3' in rec['exec'][1]
    assert 'veth101.0' in hn.ip('-o link')
    assert hn.ct(101).run(['cat', '/sys/class/net/eth0/address'], check=False).returncode in (0, 1)
    hn.vzctl('stop', 101)
    assert 'veth101.0' not in hn.ip('-o link')


# "What a hook process inherits"

def test_descriptors(hn, hooks):
    hooks.external()
    hn.conf(101, NETIF)
    hn.vzctl('start', 101)
    rec, = hooks.take()
    fds = {int(fd): what for fd, what in rec['fds'].items()}
    assert fds[0] == ['/dev/null', 'w']  # write-only: reading it is EBADF
    assert sorted(set(fds) - {6}) == [0, 1, 2, 3, 4, 5, 7, 8]  # 6: the hook's own, for its source
    assert fds[1] == fds[2] and re.match(r'pipe:', fds[1][0])


def test_exactly_these_descriptors_leak(hn):
    """Without an interpreter between: a shell's builtins only."""
    hn.write('/etc/vz/vznet.conf', 'EXTERNAL_SCRIPT=/hook\n')
    hn.write('/hook', '#!/bin/sh\nexec ls /proc/self/fd\n', 0o755)
    hn.conf(101, NETIF)
    # ls has one of its own, the lowest that is free: the directory
    assert hn.vzctl('start', 101).stdout.split() == ['0', '1', '2', '3', '4', '5', '6', '7', '8']


@pytest.mark.parametrize('cwd, umask', [('/', 0o077), ('/usr', 0o022)])
def test_umask_and_cwd_are_the_callers(hn, hooks, cwd, umask):
    hooks.external()
    hooks.place('/etc/vz/conf/vps.mount')
    hn.conf(101, NETIF)
    hn.vzctl('start', 101, cwd=cwd, umask=umask)
    assert [(rec['cwd'], rec['umask']) for rec in hooks.take()] == [(cwd, umask)] * 2


def test_sigpipe_is_ignored(hn):
    hn.write('/etc/vz/conf/vps.mount', '#!/bin/sh\ngrep SigIgn /proc/$$/status\n', 0o755)
    hn.conf(101, '')
    ignored = int(hn.vzctl('start', 101).stdout.split()[1], 16)
    # The rest of the mask is our caller's: make's children ignore two signals of the C library, too.
    assert ignored & ((1 << 31) - 1) == 1 << (signal.SIGPIPE - 1)


def test_output_goes_through_vzctl_to_its_stdout(hn):
    hn.write('/etc/vz/conf/vps.mount', '#!/bin/sh\necho out\necho err >&2\n', 0o755)
    hn.conf(101, '')
    result = hn.vzctl('start', 101)
    assert (result.stdout, result.stderr) == ('out\nerr\n', '')


def test_a_background_child_that_keeps_the_output_open_blocks(hn):
    hn.write('/vz/watchdog', '0.7')
    hn.write('/etc/vz/conf/vps.mount', '#!/bin/sh\nsleep 30 &\n', 0o755)
    hn.conf(101, '')
    begin = time.monotonic()
    result = hn.vzctl('start', 101, check=False)
    assert result.returncode == 98 and 'a child of it keeps its output open' in result.stderr
    assert 0.7 < time.monotonic() - begin < 10
    hn.write('/etc/vz/conf/vps.mount', '#!/bin/sh\nsleep 30 >/dev/null 2>&1 &\n', 0o755)
    hn.vzctl('umount', 101)
    hn.vzctl('start', 101)


def test_there_is_no_time_limit_but_the_watchdogs(hn):
    hn.write('/vz/watchdog', '0.5')
    hn.write('/etc/vz/conf/vps.mount', '#!/bin/sh\nexec >/dev/null 2>&1\nsleep 30\n', 0o755)
    hn.conf(101, '')
    result = hn.vzctl('start', 101, check=False)
    assert result.returncode == 98 and 'has not ended' in result.stderr


def test_sigterm_rolls_back_at_once_and_leaves_the_hook_running(hn, hooks):
    hooks.actions('vps')
    hooks.external(then='open(root + "/there", "w").close(); time.sleep(1)\n'
                        'rec["after"] = [os.path.exists("/run/netns/" + veid), links()]')
    hn.conf(101, NETIF)
    process = hn.vzctl_popen('start', 101)
    _wait_for(hn.path('there'))
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=10)
    assert process.returncode == 143
    assert hn.vzctl('status', 101).stdout == 'CTID 101 exist unmounted down\n'
    before = hooks.order()
    assert before == ['vps.premount', 'vps.mount']
    time.sleep(1.2)
    rec, = hooks.take()
    assert rec['after'][0] is False and 'veth101.0' not in rec['after'][1]


def test_a_leftover_host_interface_makes_a_start_without_eth0(hn, hooks):
    hooks.external()
    hn.ip('link add veth101.0 type bridge')
    hn.conf(101, NETIF)
    hn.vzctl('start', 101)
    rec, = hooks.take()
    assert rec['argv'] == ['init', 'veth', 'veth101.0'] and list(rec['ct']) == ['lo']
    assert 'running' in hn.vzctl('status', 101).stdout


# "The configuration files"

def test_modern_conf_is_a_link_that_is_followed_and_kept(modern):
    path = modern.conf(UUID, MODERN.format('bridged', '', ''))
    modern.vzctl('set', UUID, '--netif_add', 'ifname=eth1,network=n', '--save')
    assert os.path.islink(path)
    assert modern.read('/vz/private/{}/ve.conf'.format(UUID)).count('network=n') == 1
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o644


def test_missing_names_and_macs_are_made_up(hn, hooks):
    hooks.external()
    hn.conf(101, 'NETIF="ifname=eth0;ifname=eth1"')
    hn.vzctl('start', 101)
    first, second = hooks.take()
    assert [first['argv'][2], second['argv'][2]] == ['veth101.0', 'veth101.1']
    macs = {second['ct'][name]['mac'] for name in ('eth0', 'eth1')} | {second['host'][first['argv'][2]]['mac']}
    assert len(macs) == 3 and all(mac.startswith('00:18:51:') for mac in macs)


def test_conf_with_windows_line_ends_several_lines_and_duplicates(hn, hooks):
    hooks.external()
    hn.conf(101, 'NETIF="ifname=eth7"\r\n# NETIF="ifname=eth8"\r\nNETIF="ifname=eth0,host_ifname=v$VEID.a;\r\nifname=eth1"\r\n')
    hn.vzctl('start', 101)
    assert hooks.order() == ['init veth v101.a', 'init veth veth101.1']


def test_a_container_without_netif_starts(hn, hooks):
    hooks.external()
    hn.conf(101, 'ONBOOT="yes"\n')
    hn.vzctl('start', 101)
    assert hooks.order() == []


def test_a_container_may_have_few_commands(hn):
    """Some containers have no ip at all, some only busybox's."""
    hn.conf(101, '')
    hn.write('/vz/private/101/fs-bin/ip', '#!/bin/sh\necho no -batch here >&2\nexit 1\n', 0o755)
    hn.vzctl('start', 101)
    assert hn.vzctl('exec', 101, 'ip -batch -', check=False).stderr == 'no -batch here\n'
    assert hn.vzctl('exec', 101, 'cat', '/dev/null', check=False).returncode == 127


def _wait_for(path):
    end = time.monotonic() + 10
    while not os.path.exists(path):
        assert time.monotonic() < end, path
        time.sleep(0.01)
