"""What packagers' own tools say of both, that they are made again the same, and what else lies in them."""
import hashlib
import os
import subprocess
from typing import Any, Callable

import pytest

from tests.packages.chroot import REPOSITORY
from tests.packages.conftest import package


def said(*argv: str) -> str:
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, universal_newlines=True)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.needs('lintian')
def test_lintian_finds_no_error_and_no_warning(built: Callable[..., str]) -> None:
    assert said('lintian', '--allow-root', '--fail-on', 'error,warning', built('deb')).strip() == ''


@pytest.mark.needs('rpmlint')
def test_rpmlint_finds_no_error(built: Callable[..., str]) -> None:
    assert ' 0 errors, ' in said('rpmlint', '-c', REPOSITORY + '/packaging/rpm/rpmlint.toml', built('rpm'))


@pytest.mark.parametrize('kind', ['deb', 'rpm'])
def test_the_same_bytes_each_time(built: Callable[..., str], tmp_path: Any, kind: str) -> None:
    """Also elsewhere, with another umask, time zone and locale, a while later."""
    again = package(kind, '', str(tmp_path), TZ='Asia/Tokyo', LANG='de_DE.UTF-8', HOME=os.path.expanduser('~'))
    with open(built(kind), 'rb') as one, open(again, 'rb') as other:
        assert hashlib.sha256(one.read()).hexdigest() == hashlib.sha256(other.read()).hexdigest()


def test_the_rpm_says_what_it_needs_and_bundles(built: Callable[..., str]) -> None:
    needs = said('rpm', '-qp', '--requires', built('rpm')).split('\n')
    assert sorted({row.split(' ')[0] for row in needs if row and not row.startswith('rpmlib(')}) == [
        '/bin/sh', '/usr/bin/python3', 'iproute', 'python3']
    provides = said('rpm', '-qp', '--provides', built('rpm'))
    with open(REPOSITORY + '/packaging/bundle.txt', encoding='utf-8') as file:
        pinned = [row.split(' ')[0].split('==') for row in file if '==' in row]
    files = said('rpm', '-qpl', built('rpm')).split()
    for name, version in pinned:
        assert 'bundled(python3-{}) = {}\n'.format(name.lower().replace('_', '-'), version) in provides
        assert [path for path in files if path.startswith('/usr/share/licenses/vzhooks/{}/LICENSE'.format(name))]
    assert not [path for path in files if path.endswith(('.so', '.pyc'))]
    assert said('rpm', '-qp', '--qf', '%{ARCH}', built('rpm')) == 'noarch'


def test_the_deb_says_what_it_needs(built: Callable[..., str]) -> None:
    fields = said('dpkg-deb', '-f', built('deb'), 'Depends', 'Architecture')
    for name in ('python3 (>= 3.6)', 'python3-click (>= 6.7)', 'python3-jinja2 (>= 2.10)', 'python3-netaddr (>= 0.7.18)', 'iproute2'):
        assert name in fields
    assert 'Architecture: all' in fields


def test_the_versions_that_setup_cfg_wants_are_those_that_the_deb_wants() -> None:
    with open(REPOSITORY + '/packaging/debian/control', encoding='utf-8') as file:
        control = file.read()
    for row in said('python3', REPOSITORY + '/tools/deps.py', 'run').split():
        name, _, version = row.partition('>=')
        assert 'python3-{} (>= {})'.format(name.lower(), version) in control


def test_man_pages_and_completion_are_in_both(built: Callable[..., str]) -> None:
    in_deb, in_rpm = said('dpkg-deb', '-c', built('deb')), said('rpm', '-qpl', built('rpm'))
    for path in ('/usr/share/man/man8/vzhook.8.gz', '/usr/share/man/man5/vzhooks.conf.5.gz', '/usr/share/man/man5/vzhooks-plan.5.gz',
                 '/usr/share/bash-completion/completions/vzhook', '/_vzhook', '/etc/logrotate.d/vzhooks', '/vzhooks.service'):
        assert path in in_deb and path in in_rpm, path


@pytest.mark.needs('logrotate', 'root')
def test_logrotate_takes_our_file(tmp_path: Any) -> None:
    log = tmp_path / 'vzhooks.log'
    log.write_text('one\n', encoding='utf-8')
    conf = tmp_path / 'conf'
    with open(REPOSITORY + '/packaging/logrotate/vzhooks', encoding='utf-8') as file:
        conf.write_text(file.read().replace('/var/log/vzhooks.log', str(log)), encoding='utf-8')
    tmp_path.chmod(0o755)
    conf.chmod(0o644)
    said('logrotate', '-f', '-s', str(tmp_path / 'state'), str(conf))
    assert not log.exists() and (tmp_path / 'vzhooks.log.1.gz').exists()
