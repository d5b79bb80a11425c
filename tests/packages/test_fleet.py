"""contrib/ansible, run against a node of the lab as over a connection of its own."""
import os
import re
import subprocess
from typing import Iterator, List

import pytest

from tests.lab.network import Lab
from tests.lab.node import REPOSITORY, Node

pytestmark = pytest.mark.needs('ansible-playbook')
ANSIBLE = os.path.join(REPOSITORY, 'contrib/ansible')
RECAP = re.compile(r'hn1 +: ok=\d+ +changed=(\d+) +unreachable=0 +failed=(\d+)')


def play(node: Node, *words: object, template: str = '') -> 'subprocess.CompletedProcess[str]':
    home = node.path('/vz/ansible')
    env = dict(os.environ, VZHOOKS_ROOT=node.root, HOME=home, LC_ALL='C.UTF-8', ANSIBLE_NOCOLOR='1', ANSIBLE_LOCAL_TEMP=home,
               PYTHONDONTWRITEBYTECODE='1')
    given: List[object] = ['vzhooks_program=' + node.path('/usr/sbin/vzhook'), 'vzhooks_etc=' + node.path('/etc/vz'),
                           'ansible_python_interpreter=/usr/bin/python3', 'ansible_become=false',
                           'ansible_remote_tmp=' + home, 'vzhooks_confirm=30'] + (['vzhooks_conf=' + template] if template else [])
    command: List[object] = ['ansible-playbook', '-i', ANSIBLE + '/inventory.yml', '-c', 'local', '--limit', 'hn1', ANSIBLE + '/site.yml',
                             '-e', '{"vzhooks_services": []}']
    for one in given:
        command += ['-e', one]
    return node.run(command + list(words), check=False, env=env)


def changes(done: 'subprocess.CompletedProcess[str]') -> List[int]:
    """How many tasks changed something, and how many failed."""
    found = RECAP.search(done.stdout)
    assert found, done.stdout + done.stderr
    return [int(count) for count in found.groups()]


@pytest.fixture
def node() -> Iterator[Node]:
    """A node as it is delivered, its IPv4 address on eth0, with the product installed."""
    with Lab() as lab:
        made = lab.add_node('plain', '10.0.0.2/24', bridge=None)
        made.batch(['route del default via 2001:db8:1::1', 'address del 2001:db8:1::2/64 dev eth0'])
        made.install()
        yield made


def test_one_file_for_all_nodes_is_put_into_effect_and_a_mistake_is_taken_back(node: Node) -> None:
    assert play(node, '--syntax-check').returncode == 0
    done = play(node)
    assert changes(done) == [3, 0], done.stdout  # the file, the networks, their confirmation
    assert '10.0.0.2/24' in node.ip('address show dev br0') and '192.168.223.2/24' in node.ip('address show dev br1')
    assert 'dst 10.0.0.3' in node.run(['bridge', 'fdb', 'show', 'dev', 'vx-br1']).stdout
    assert os.path.exists(node.path('/run/vzhooks/node/journal'))
    assert not os.path.exists(node.path('/run/vzhooks/node/pending'))  # nothing waits for a confirmation
    good = node.read('/etc/vz/vzhooks.conf')

    wrong = node.write('/vz/wrong.j2', good.replace('vni = 42', 'vni = x') + 'nonsense = 1\n')
    done = play(node, template=wrong)
    assert changes(done)[1] == 1 and 'vzhooks.conf:' in done.stdout and 'vni' in done.stdout, done.stdout
    assert node.read('/etc/vz/vzhooks.conf') == good
    assert node.vzhook('node', 'check').returncode == 0

    done = play(node)
    assert changes(done) == [0, 0], done.stdout
