"""Every command as somebody tries it who does not know it yet: no traceback, the exit code as documented, and what is wanted."""
import json
import os
import sys
from typing import Dict, Iterator, List, NamedTuple, Sequence, Tuple

import click
import pytest

from tests.lab.confs import bridged
from tests.lab.namespaces import Directory
from tests.lab.network import Lab
from tests.lab.node import Node
from tests.lab.process import HERE, environment
from vzhooks import cli
from vzhooks.paths import PATH

Words = Tuple[str, ...]
NOBODY = 65534


class Ended(NamedTuple):
    code: int
    out: str
    err: str


def commands(command: click.Command, names: Words = ()) -> Iterator[Tuple[Words, click.Command]]:
    """All that there are, groups too, by their words."""
    yield names, command
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            yield from commands(command.commands[name], names + (name,))


TREE = dict(commands(cli.whole()))
GROUPS = [names for names, command in TREE.items() if isinstance(command, click.Group)]
LEAVES = [names for names in TREE if names not in GROUPS]
WITH_VEID = [names for names in LEAVES for parameter in TREE[names].params if getattr(parameter.type, 'name', '') == 'VEID']


def tried(node: Node, lines: Sequence[Words], root: str = '', path: str = PATH, uid: int = 0, stdout: str = 'open',
          **env: str) -> Dict[Words, Ended]:
    """Run command lines on a node, each as {words: how it ended}; what must be so for all of them is asserted."""
    surroundings = {name: value for name, value in environment().items() if not name.startswith(('LANG', 'LC_'))}
    surroundings.update(env, VZHOOKS_ROOT=root or node.root)
    done = node.run([sys.executable, '-B', os.path.join(HERE, 'every.py'), uid, path, stdout],
                    input=json.dumps(lines), env=surroundings, timeout=120)
    ended = {words: Ended(*one) for words, one in zip(lines, json.loads(done.stdout))}
    assert len(ended) == len(lines)
    for words, one in ended.items():
        assert one.code in (0, 1, 2), (words, one)
        assert not [bad for bad in ('Traceback', 'Exception ignored', 'Errno') if bad in one.out + one.err], (words, one)
        rows = one.err.splitlines()
        assert len(set(rows)) == len(rows) or rows[0].startswith('Usage'), (words, one)
    return ended


@pytest.fixture
def nothing() -> Iterator[Directory]:
    """A node on which nothing is installed, not even vzctl."""
    made = Directory()
    os.mkdir(made.path + '/bin')
    yield made
    made.close()


def test_help_and_wrong_words(bare_lab: Lab, nothing: Directory) -> None:
    lines = [names + (word,) for names in TREE for word in ('--help', '--nosuch', 'no/such')]
    ended = tried(bare_lab.nodes['hn'], lines, nothing.path, nothing.path + '/bin', LANG='C', COLUMNS='80')
    for words, one in ended.items():
        if words[-1] == '--help':
            assert (one.code, one.err) == (0, '') and one.out.startswith('Usage: ' + ' '.join(('vzhook',) + words[:-1])), one
            assert max(map(len, one.out.splitlines())) <= 80, one.out
            assert all(row in one.out for row in TREE[words[:-1]].help.split('\n')[0].split()), one.out
        else:
            assert (one.code, one.out) == (2, '') and 'Error: ' in one.err, (words, one)
            assert words[-1] in one.err, one.err
    assert os.listdir(nothing.path) == ['bin']


def test_where_nothing_is_installed(bare_lab: Lab, nothing: Directory) -> None:
    lines = list(TREE) + [names + ('101',) for names in WITH_VEID]
    ended = tried(bare_lab.nodes['hn'], lines, nothing.path, nothing.path + '/bin', LANG='C')
    for words in GROUPS:
        assert 'Commands:\n' in ended[words].out + ended[words].err
    for words in set(ended) - set(GROUPS):
        one = ended[words]
        assert one.code == 0 or [said for said in (' wanted', 'install', 'in vzhooks.conf', 'waits for a confirmation', 'Missing argument')
                                 if said in (one.err or one.out)], (words, one)
        assert one.err.startswith('Usage') or one.code != 1 or one.err.count('\n') + one.out.count('WRONG') == 1, (words, one)
        assert '101' not in words or words[0] == 'clean' or one.code, (words, one)


@pytest.mark.needs('root')
def test_without_the_rights(lab: Lab, nothing: Directory) -> None:
    """Where nothing is set up, and where something is: /run/vzhooks is root's alone."""
    node = lab.nodes['hn']
    os.chmod(nothing.path, 0o755)
    os.makedirs(nothing.path + '/etc/vz/conf')
    with open(nothing.path + '/etc/vz/conf/101.conf', 'w', encoding='ascii') as file:
        file.write(bridged(101))
    lines = LEAVES + [names + ('101',) for names in WITH_VEID]
    for mode in 0, 0o700:
        if mode:
            os.makedirs(nothing.path + '/run/vzhooks/101', 0o700)
            os.chmod(nothing.path + '/run/vzhooks', mode)
        for words, one in tried(node, lines, nothing.path, PATH, NOBODY).items():
            denied = [row for row in one.err.splitlines() if 'ermission' in row or 'directory of ours' in row]
            assert len(denied) <= 1, (words, one)
            assert not denied or one.code == 0 or ': Permission denied' in denied[0], (words, one)
            assert not mode or words[0] not in ('status', 'map', 'check', 'gc', 'run', 'clean') or 'VEID' in one.err or denied, (words, one)


def test_a_reader_who_goes_and_a_narrow_terminal(lab: Lab) -> None:
    node = lab.nodes['hn']
    node.conf(101, bridged(101))
    node.vzctl('start', 101)
    shown = tried(node, [('status',), ('map',)], COLUMNS='80', LANG='C')
    assert max(len(row) for row in shown['status',].out.splitlines()) <= 80 and all(char < '\x7f' for char in shown['map',].out)
    lines: List[Words] = [('--version',)] + LEAVES + [names + ('--help',) for names in GROUPS] + [names + ('101',) for names in WITH_VEID]
    ended = tried(node, lines, stdout='closed', LANG='C.UTF-8', COLUMNS='200')
    assert [words for words, one in ended.items() if 'Broken pipe' in one.err] == []
    for words, one in tried(node, [('status',), ('map',), ('--help',)], stdout='full').items():
        assert (one.code, one.err) == (1, 'vzhook: No space left on device\n'), words
