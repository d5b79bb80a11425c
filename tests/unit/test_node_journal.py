"""What was done to the node, as noted on disk, and the change that waits."""
import os
import subprocess
import sys

import pytest
from hypothesis import given

from tests.unit.test_plan import lines_, parts
from vzhooks import paths, plan, store
from vzhooks.node import journal

TEXT = "# F:2\nnode  ip rule add pref 11816 from 10.0.0.0/24 lookup 210\nundo  ip rule del pref 11816\n-node nft x\n"


def files(root):
    return sorted(name for _, _, names in os.walk(root + "/run/vzhooks") for name in names)


@given(lines=lines_)
def test_what_was_written_is_read(root, lines):
    with journal.lock():
        journal.write(lines)
        assert parts(journal.read()) == parts(lines)
        assert files(root) == (["journal"] if lines else [])


@given(gone=lines_, new=lines_, before=lines_)
def test_a_change_that_waits_is_read_as_it_was_written(root, gone, new, before):
    with journal.lock():
        journal.wait(journal.Pending(gone, new, "12 345", 67.25, before))
        found = journal.pending()
        assert list(map(parts, (found.gone, found.new, found.before))) == list(map(parts, (gone, new, before)))
        assert (found.watcher, found.deadline) == ("12 345", 67.25)
        journal.settle()
        assert journal.pending() is None and "pending" not in files(root)


def test_nothing_is_noted_where_nothing_was_written(root):
    assert (journal.read(), journal.pending()) == ([], None)
    journal.settle()
    journal.write([])
    assert files(root) == []


def test_another_boot_knows_nothing_of_it(monkeypatch):
    with journal.lock():
        monkeypatch.setattr(paths, "boot_id", lambda: "before")
        lines = plan.parse(TEXT, "F")
        journal.write(lines)
        journal.wait(journal.Pending(lines, [], "1 2", 3.0))
        monkeypatch.setattr(paths, "boot_id", lambda: "now")
        assert (journal.read(), journal.pending()) == ([], None)


def test_an_empty_journal_leaves_no_directory(root):
    with journal.lock():
        journal.write(plan.parse(TEXT, "F"))
        with open(root + "/run/vzhooks/node/journal" + store.NEW, "w"):
            pass  # of a writer that was killed
        journal.write([])
    assert os.listdir(root + "/run/vzhooks") == []


def test_a_journal_that_somebody_else_can_have_written_is_not_believed(root):
    with journal.lock():
        journal.write(plan.parse(TEXT, "F"))
        os.chmod(root + "/run/vzhooks/node/journal", 0o644)
        with pytest.raises(store.Unusable) as caught:
            journal.read()
    assert str(caught.value).startswith(root + "/run/vzhooks/node/journal: not a file of ours")


def test_a_process_is_named_while_it_lives():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    name = journal.process_name(child.pid)
    assert name.split()[0] == str(child.pid) and name == journal.process_name(child.pid)
    child.stdin.close()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert journal.process_name(child.pid) == ""  # a zombie watches nothing
    child.wait()
    assert journal.process_name(child.pid) == ""
    assert journal.process_name(os.getpid()).split()[1] != name.split()[1]
