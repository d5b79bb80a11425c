"""What is set up now, as noted on disk."""
import os

import pytest

from vzhooks import journal, paths, plan, store

UUID = "b1c2d3e4-0000-4000-8000-0123456789ab"
TEXT = "# 101.conf:4\nhost  ip route add 10.0.0.5 dev br0\nundo  ip route del 10.0.0.5 dev br0\n-ct   ip link set dev eth0 up\n"


def test_lines_are_kept_less_what_leaves_no_state_or_is_the_node_s():
    with journal.lock("101"):
        journal.write("101", "veth101.0", plan.parse(TEXT + "-once announce x\nnode nft add table x\n", "F"))
        assert plan.text(journal.read("101", "veth101.0")) == TEXT
        assert journal.devices("101") == ["veth101.0"]


def test_nothing_is_noted_where_nothing_was_written():
    assert (journal.read("101", "v"), journal.devices("101"), journal.containers()) == ([], [], [])
    journal.remove("101", "v")


def test_a_journal_of_another_boot_is_no_journal(monkeypatch):
    with journal.lock("101"):
        monkeypatch.setattr(paths, "boot_id", lambda: "before")
        journal.write("101", "v", plan.parse(TEXT, "F"))
        assert len(journal.read("101", "v")) == 2
        monkeypatch.setattr(paths, "boot_id", lambda: "now")
        assert journal.read("101", "v") == []


def test_containers_and_devices_are_sorted_and_strangers_passed_over(root):
    for veid in ("102", UUID, "101"):
        with journal.lock(veid):
            journal.write(veid, "b", [])
            journal.write(veid, "a.0", [])
    os.mkdir(root + "/run/vzhooks/node")
    for name in ("a.0.journal.1234", "x"):
        open(root + "/run/vzhooks/101/" + name, "w").close()
    assert journal.containers() == ["101", "102", UUID]
    assert journal.devices("101") == ["a.0", "b"]


def test_a_removed_journal_leaves_no_directory(root):
    with journal.lock("101"):
        journal.write("101", "v", plan.parse(TEXT, "F"))
        journal.remove("101", "v")
    assert os.listdir(root + "/run/vzhooks") == []


@pytest.mark.parametrize("spoil, error", [
    (lambda path: os.truncate(path, os.path.getsize(path) - 3), store.Unusable), (lambda path: os.chmod(path, 0o666),
                                                                                  store.Unusable),
    (lambda path: store.save(path, [("boot", paths.boot_id())], "rubbish\n"), plan.PlanError)])
def test_a_spoilt_journal_is_an_expected_error_that_names_it(root, spoil, error):
    with journal.lock("101"):
        journal.write("101", "v", plan.parse(TEXT, "F"))
        spoil(root + "/run/vzhooks/101/v.journal")
        with pytest.raises(error) as caught:
            journal.read("101", "v")
    assert "/run/vzhooks/101/v.journal" in str(caught.value)
