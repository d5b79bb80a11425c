"""Packages, built once a session, and a Debian to install them in."""
import os
import shutil
import subprocess
import sys
from typing import Any, Callable, Iterator

import pytest

from tests.packages.chroot import REPOSITORY, Chroot

PREVIOUS = '0.0.9'  # a version before this one, of the same source

MANUALLY = 'EXTERNAL_SCRIPT=/usr/sbin/own\n'


def pytest_configure(config: Any) -> None:
    config.pluginmanager.import_plugin('tests.lab.plugin')


@pytest.fixture(scope='session')
def built(tmp_path_factory: Any) -> Callable[..., str]:
    """built(KIND, VERSION): the path of a deb or rpm, as tools/package.sh makes it; each is built once."""
    made = {}

    def build(kind: str, version: str = '') -> str:
        if (kind, version) not in made:
            made[kind, version] = package(kind, version, str(tmp_path_factory.mktemp('dist')))
        return made[kind, version]
    return build


def package(kind: str, version: str, to: str, **environment: str) -> str:
    """Build a package in a directory; return its path."""
    done = subprocess.run(['sh', REPOSITORY + '/tools/package.sh', kind] + ([version] if version else []), timeout=300,
                          env=dict(os.environ, PYTHON=sys.executable, DIST=to, **environment), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    assert done.returncode == 0, done.stdout
    return done.stdout.split()[-1]


@pytest.fixture(scope='session')
def chroot() -> Iterator[Chroot]:
    """A bare Debian, without a network."""
    with Chroot() as made:
        yield made


@pytest.fixture
def clean(chroot: Chroot) -> Chroot:
    """The same without vzhooks, whatever the test before has left; with a directory of vzctl's."""
    chroot.run('dpkg', '--purge', 'vzhooks')
    chroot.run('sh', '-c', 'rm -rf /etc/vz; mkdir -p /etc/vz/conf')
    return chroot


@pytest.fixture
def pyenv() -> Callable[[str], str]:
    """pyenv(VERSION): its newest interpreter on this machine; where there is none, the one that runs the tests."""
    def find(version: str) -> str:
        for home in ('/root', os.path.expanduser('~')):
            top = home + '/.pyenv/versions'
            found = sorted(name for name in (os.listdir(top) if os.path.isdir(top) else ()) if name.startswith(version + '.'))
            if found:
                return '{}/{}/bin/python{}'.format(top, found[-1], version)
        return os.path.realpath(shutil.which('python3') or sys.executable)
    return find
