"""The deb, by apt in a Debian of its own: what it brings, what an upgrade keeps, what a removal and a purge leave."""
import os
from typing import Callable

import pytest

from tests.lab.confs import FIRST, bridged
from tests.lab.network import INTERNET, Lab
from tests.lab.snapshot import diff, snapshot
from tests.packages.chroot import Chroot
from tests.packages.conftest import MANUALLY, PREVIOUS

pytestmark = pytest.mark.needs('root', 'debootstrap')

RECORD = '/var/lib/vzhooks/install/record'


def apt(chroot: Chroot, *words: str) -> str:
    return chroot.run('apt-get', '-y', '--no-install-recommends', *words).stdout


def test_apt_brings_what_it_needs_and_nothing_is_active(clean: Chroot, built: Callable[..., str]) -> None:
    said = apt(clean, 'install', clean.bring(built('deb')))
    assert "nothing is active yet; 'vzhook install --dry-run' shows" in said
    assert sorted(os.listdir(clean.path + '/etc/vz')) == ['conf', 'vzhooks.conf'] and os.listdir(clean.path + '/etc/vz/conf') == []
    assert not os.path.exists(clean.path + '/etc/systemd/system/multi-user.target.wants/vzhooks.service')
    clean.run('vzhook', '--version')
    assert clean.run('vzhook', 'cache', 'warm').stdout == 'containers: 0, mistakes: 0, other troubles: 0\n'
    for name in ('external', 'mount', 'umount'):
        with open('{}/usr/libexec/vzhooks/vzhook-{}'.format(clean.path, name), encoding='utf-8') as file:
            assert file.readline() == '#!/usr/bin/python3 -IS\n'
    assert '/usr/share/vzhooks/vzhooks/__pycache__' in clean.find('__pycache__')
    assert clean.run('dpkg', '--verify', 'vzhooks').stdout == ''


def test_scenario_1_with_the_installed_files(chroot: Chroot, built: Callable[..., str], bare_lab: Lab) -> None:
    apt(chroot, 'install', chroot.bring(built('deb')))  # nothing to do where the test before has done it
    node = bare_lab.nodes['hn']
    version = 'import sys; print(*sys.version_info[:2])'
    assert chroot.run('python3', '-c', version).stdout == node.run(['/usr/bin/python3', '-c', version]).stdout
    for path in ('usr/share/vzhooks', 'usr/libexec/vzhooks', 'usr/sbin/vzhook', 'etc/vz/vzhooks.conf', 'usr/lib/python3/dist-packages'):
        os.makedirs(os.path.dirname(node.path(path)), exist_ok=True)
        node.run(['cp', '-a', chroot.path + '/' + path, node.path(path)])
    # The machine's own Python gets the libraries that the deb depends on.
    node.run(['mount', '--bind', node.path('/usr/lib/python3/dist-packages'), '/usr/lib/python3/dist-packages'])
    scenario_1(bare_lab)


def scenario_1(lab: Lab) -> None:
    """Scenario 1 on the node hn, on which vzhooks lies and is not active; start, stop, and all is as before."""
    node = lab.nodes['hn']
    node.vzhook('install')
    node.conf(101, bridged(101))
    before = snapshot(node)
    for _ in range(2):  # without a cached plan, and with one
        node.vzctl('start', 101)
        assert node.ct(101).ping(INTERNET) == 1 and node.ping(FIRST) == 1
        assert '85.86.87.195 dev br0' in node.ip('-N route show proto 118')
        node.vzctl('stop', 101)
        assert diff(before, snapshot(node)) == ''
    assert [call.returncode for call in node.calls()] == [0] * 6
    node.vzhook('lint')
    node.vzhook('uninstall')
    node.vzctl('start', 101)
    assert '85.86.87.195' not in node.ip('route show')


def test_an_upgrade_keeps_and_a_removal_and_a_purge_take_away(clean: Chroot, built: Callable[..., str]) -> None:
    before = clean.find('vzhook')
    clean.write('/usr/sbin/own', '#!/bin/sh\n', 0o755)
    clean.write('/etc/vz/vznet.conf', MANUALLY)
    apt(clean, 'install', clean.bring(built('deb', PREVIOUS)))
    assert clean.run('vzhook', '--version').stdout.endswith(PREVIOUS + '\n')
    clean.run('vzhook', 'install')
    clean.write('/etc/vz/vzhooks.conf', clean.read('/etc/vz/vzhooks.conf') + '# mine\n')
    clean.run('install', '-d', '-m', '0700', '/run/vzhooks', '/run/vzhooks/101')
    clean.write('/run/vzhooks/101/veth101.0.journal', 'as it is\n', 0o600)
    active = {name: clean.read('/etc/vz/' + name) for name in ('vznet.conf', 'vzhooks.conf', 'conf/vps.mount', 'conf/vps.umount')}

    said = apt(clean, 'install', clean.bring(built('deb')))
    assert 'nothing is active' not in said
    assert {name: clean.read('/etc/vz/' + name) for name in active} == active
    assert '/usr/libexec/vzhooks/vzhook-external' in active['vznet.conf'] and 'else_script = /usr/sbin/own' in active['vzhooks.conf']
    assert clean.read('/run/vzhooks/101/veth101.0.journal') == 'as it is\n'
    assert not clean.run('vzhook', '--version').stdout.endswith(PREVIOUS + '\n')

    # A removal that cannot put things back does not remove: no container would start without what EXTERNAL_SCRIPT names.
    record = clean.read(RECORD)
    clean.write(RECORD, 'nonsense', 0o600)
    done = clean.run('apt-get', '-y', 'remove', 'vzhooks', check=False)
    assert done.returncode and 'install/record: not whole' in done.stdout + done.stderr
    clean.run('test', '-x', '/usr/libexec/vzhooks/vzhook-external')
    clean.write(RECORD, record, 0o600)

    apt(clean, 'remove', 'vzhooks')
    assert clean.read('/etc/vz/vznet.conf') == MANUALLY and os.listdir(clean.path + '/etc/vz/conf') == []
    assert clean.read('/run/vzhooks/101/veth101.0.journal') == 'as it is\n'  # containers run on
    assert clean.read('/etc/vz/vzhooks.conf').endswith('# mine\n') and not os.path.exists(clean.path + '/usr/share/vzhooks')

    clean.write('/var/log/vzhooks.log', '')
    apt(clean, 'purge', 'vzhooks')
    assert clean.find('vzhook') == before
    assert sorted(os.listdir(clean.path + '/etc/vz')) == ['conf', 'vznet.conf']
