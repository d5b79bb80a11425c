"""The RPM: run by old and new Pythons with nothing but its own bundle; scripts, upgrade and removal in a root of its own."""
import os
from typing import Callable

import pytest

from tests.lab.network import Lab
from tests.packages.chroot import Chroot
from tests.packages.conftest import MANUALLY, PREVIOUS
from tests.packages.test_deb import scenario_1

WHERE = '''import sys
sys.path.insert(0, "%s/usr/share/vzhooks")
from vzhooks import libraries
libraries.find()
import click, jinja2, markupsafe, netaddr
from vzhooks import cli
print(*[module.__file__ for module in (click, jinja2, markupsafe, netaddr)])
print("site" in sys.modules, *sys.version_info[:2])'''


@pytest.mark.needs('cpio')
@pytest.mark.parametrize('version', ['3.6', '3.13'])
def test_scenario_1_with_nothing_but_its_bundle(bare_lab: Lab, built: Callable[..., str], pyenv: Callable[[str], str],
                                                version: str) -> None:
    node = bare_lab.nodes['hn']
    node.run(['sh', '-c', 'cd "$1" && rpm2cpio "$2" | cpio -idm --quiet', 'sh', node.root, built('rpm')])
    # A pyenv interpreter finds its own library wherever it is called; it has no click, Jinja2 or netaddr.
    node.run(['mount', '--bind', pyenv(version), os.path.realpath('/usr/bin/python3')])
    files, flags = node.run(['/usr/bin/python3', '-ISB', '-c', WHERE % node.root]).stdout.splitlines()
    assert [path.startswith(node.path('/usr/share/vzhooks/bundled/')) for path in files.split()] == [True] * 4
    assert flags.startswith('False ')
    scenario_1(bare_lab)


@pytest.mark.needs('root', 'debootstrap')
def test_scripts_of_install_upgrade_and_erase(clean: Chroot, built: Callable[..., str]) -> None:
    """In a Debian with its Python; what rpm would have installed before is not there."""
    def rpm(*words: str, check: bool = True) -> str:
        done = clean.beside('rpm', '--root', clean.inner, '--nodeps', *words, check=check)
        return done.stdout + done.stderr

    clean.run('apt-get', '-y', '--no-install-recommends', 'install', 'python3', 'iproute2')
    before = clean.find('vzhook')
    clean.write('/etc/vz/vznet.conf', MANUALLY)
    assert 'nothing is active yet' in rpm('-i', built('rpm', PREVIOUS))
    assert '/usr/share/vzhooks/vzhooks/node/__pycache__' in clean.find('__pycache__')
    clean.run('vzhook', 'install')
    clean.write('/etc/vz/vzhooks.conf', clean.read('/etc/vz/vzhooks.conf') + '# mine\n')
    clean.write('/run/vzhooks/101/veth101.0.journal', 'as it is\n', 0o600)
    active = {name: clean.read('/etc/vz/' + name) for name in ('vznet.conf', 'vzhooks.conf', 'conf/vps.mount')}

    assert 'nothing is active' not in rpm('-U', built('rpm'))
    assert {name: clean.read('/etc/vz/' + name) for name in active} == active
    assert clean.read('/run/vzhooks/101/veth101.0.journal') == 'as it is\n'
    assert clean.run('vzhook', '--version').stdout.split()[-1] != PREVIOUS

    rpm('-e', 'vzhooks')
    assert clean.read('/etc/vz/vznet.conf') == MANUALLY and os.listdir(clean.path + '/etc/vz/conf') == []
    left = [path for path in clean.find('vzhook') if path not in before]
    assert left == ['/etc/vz/vzhooks.conf.rpmsave', '/run/vzhooks']  # edited; and a running container's journal
