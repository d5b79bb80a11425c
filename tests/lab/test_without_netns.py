"""Containers whose network namespace has no name (the 2.6.32 vz kernel): everything inside goes through `vzctl exec`."""
import os
import shutil
from typing import Dict

import pytest

from tests.lab.confs import FIRST, bridged
from tests.lab.network import INTERNET, Lab
from tests.lab.node import Node
from tests.lab.process import environment
from tests.lab.snapshot import diff, snapshot

FULL = bridged(101, FIRST + '/26 2001:db8:1::101/64', '85.86.87.193 2001:db8:1::1') + 'VETH_MTU="1400"\n'


@pytest.fixture
def node(lab: Lab) -> Node:
    node = lab.nodes['hn']
    node.write('/vz/no-netns-name', '')
    node.conf(101, FULL)
    return node


def commands(node: Node, **programs: str) -> None:
    """Give container 101 exactly these commands."""
    directory = node.path('/vz/private/101/fs-bin')
    os.makedirs(directory)
    for name, program in programs.items():
        os.symlink(found(program), os.path.join(directory, name))


def found(program: str) -> str:
    path = shutil.which(program, path=environment()['PATH'])
    assert path, program
    return path


def check_network(lab: Lab, node: Node) -> None:
    ct = node.ct(101)
    assert ct.ping(INTERNET) == 1
    assert lab.internet.ping('2001:db8:1::101') == 1
    assert node.ping(FIRST) == 1
    assert 'mtu 1400' in ct.ip('link show dev eth0')
    assert '10.0.0.2 dev eth0' in ct.ip('route show')


def test_one_vzctl_exec_with_constant_words_does_it_all(lab: Lab, node: Node) -> None:
    before = snapshot(node)
    log = node.path('/vz/exec.log')
    node.run(['sh', '-c', 'mv /usr/local/sbin/vzctl /usr/local/sbin/vzctl.real; cat >/usr/local/sbin/vzctl; '
              'chmod 755 /usr/local/sbin/vzctl'],
             input='#!/bin/sh\necho "$@" >>{}\nexec /usr/local/sbin/vzctl.real "$@"\n'.format(log))
    for _ in range(2):
        node.vzctl('start', 101)
        check_network(lab, node)
        node.vzctl('stop', 101)
        assert diff(before, snapshot(node)) == ''
    assert node.read('/vz/exec.log').splitlines() == ['exec 101 ip -batch -'] * 2


@pytest.mark.needs('busybox')
def test_busybox_ip_reads_its_commands_from_the_containers_sh(lab: Lab, node: Node) -> None:
    commands(node, ip='busybox', sh='busybox')
    node.vzctl('start', 101)
    check_network(lab, node)
    node.conf(101, FULL.replace(FIRST, '85.86.87.222'))
    node.vzhook('run', 101)
    assert node.ping('85.86.87.222') == 1
    assert FIRST not in node.ct(101).ip('address show')


@pytest.mark.needs('busybox')
def test_a_failure_in_busybox_names_the_line(node: Node) -> None:
    commands(node, ip='busybox', sh='busybox')
    node.write('/etc/vz/vzhooks/templates/inside.j2', 'ct ip link set dev eth0 up\nct ip link set dev nowhere up\n')
    result = node.vzctl('start', 101, check=False)
    assert result.returncode == 130
    assert 'ct    ip link set dev nowhere up: ' in result.stdout + result.stderr


def test_a_container_without_ip_is_told_what_helps(node: Node) -> None:
    commands(node, sh='sh')
    before = snapshot(node)
    result = node.vzctl('start', 101, check=False)
    text = result.stdout + result.stderr
    assert result.returncode == 130
    assert "CT 101: it has no 'ip'" in text and 'install iproute2 or busybox in the container' in text
    assert 'address replace 85.86.87.195/26 dev eth0' in text
    assert diff(before, snapshot(node)) == ''


def test_a_container_without_ip_needs_none_where_its_namespace_has_a_name(lab: Lab, node: Node) -> None:
    os.unlink(node.path('/vz/no-netns-name'))
    commands(node, sh='sh')
    node.vzctl('start', 101)
    check_network(lab, node)


@pytest.mark.parametrize('setting, named, works', [
    ('netns', True, True), ('netns', False, False), ('vzctl', True, True), ('vzctl', False, True), ('auto', False, True),
])
def test_ct_exec(lab: Lab, node: Node, setting: str, named: bool, works: bool) -> None:
    node.write('/etc/vz/vzhooks.conf', '[node]\nct_exec = {}\n'.format(setting))
    if named:
        os.unlink(node.path('/vz/no-netns-name'))
    result = node.vzctl('start', 101, check=False)
    assert (result.returncode == 0) == works, result.stdout
    if works:
        check_network(lab, node)
    else:
        assert 'its network namespace has no name here, and ct_exec is netns' in result.stdout


HOSTILE: Dict[str, str] = {
    'output without end': 'while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done',
    'it never ends': 'sleep 1000',
    'a child stays and holds the pipe': 'sleep 1000 & exit 1',
}


@pytest.mark.parametrize('kind', sorted(HOSTILE))
def test_a_hostile_ip_blocks_nothing(node: Node, kind: str) -> None:
    node.write('/etc/vz/vzhooks.conf', '[node]\ntimeout = 1\n')
    node.write('/vz/private/101/fs-bin/ip', '#!/bin/sh\nPATH=/bin:/usr/bin\n' + HOSTILE[kind] + '\n', 0o755)
    os.symlink(found('sh'), node.path('/vz/private/101/fs-bin/sh'))
    before = snapshot(node)
    result = node.vzctl('start', 101, check=False, timeout=30)
    assert result.returncode == 130
    assert diff(before, snapshot(node)) == ''
