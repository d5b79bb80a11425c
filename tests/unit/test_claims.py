"""Whose a public address is: one container's at a time, whatever crashed, is planted or full."""
import errno
import os
import threading

import pytest

from vzhooks import apply, batch, claims, inside, journal, paths, plan, process, store
from vzhooks.batch import Command

IP = "203.0.113.10"


@pytest.fixture(autouse=True)
def conntrack(monkeypatch):
    """Its calls; `answers` are its exit codes and what it says, by direction."""
    calls = []

    def run_all(children, timeout=0.0):
        results = []
        for child in children:
            calls.append(" ".join(child.argv))
            status, errors = answers.get(child.argv[4], (0, "conntrack v1: 2 flow entries have been deleted."))
            results.append(process.Result(child.argv, status, "", errors))
        return results

    answers = {}
    monkeypatch.setattr(process, "run_all", run_all)
    calls_and_answers = type("Conntrack", (), {"calls": calls, "answers": answers})
    return calls_and_answers


def run(text):
    failure = batch.run([Command("host", text, False, "")], inside.Inside("101", ""), 5.0)
    return failure and failure.message


def holder(address=IP):
    path = paths.run("claims", address)
    return open(path).read() if os.path.exists(path) else None


def running(veid, address=IP):
    """A container that has claimed."""
    with journal.lock(veid):
        journal.write(veid, journal.BEFORE_START, plan.parse("host claim %s for %s\nundo release %s of %s" % (
            address, veid, address, veid), "F"))
    assert run("claim %s for %s" % (address, veid)) is None


def test_claim_and_release_each_twice(root):
    running("101")
    assert run("claim %s for 101" % IP) is None and holder() == "101"
    assert os.stat(paths.run("claims", IP)).st_mode & 0o777 == 0o600
    assert run("release %s of 101" % IP) is None and holder() is None
    assert run("release %s of 101" % IP) is None
    assert not os.path.exists(paths.run("claims"))  # nothing is left


def test_two_containers_the_error_names_both_and_the_first_keeps_it():
    running("101")
    assert run("claim %s for 102" % IP) == "%s is wanted by CT 102, but CT 101 has it" % IP
    assert run("claim 203.0.113.11 for 102") is None
    assert run("release %s of 102" % IP) is None  # another's is not released
    assert holder() == "101"


@pytest.mark.parametrize("left", ["101", "", "101\n", "../../etc", "\0", "b1c2"])
def test_what_a_crash_has_left_is_taken_over(left):
    """Its container has no journal of this boot with that claim."""
    os.makedirs(paths.run("claims"), 0o700)
    with open(os.open(paths.run("claims", IP), os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        file.write(left)
    assert run("claim %s for 102" % IP) is None and holder() == "102"


def test_a_claim_of_an_earlier_boot_is_none(monkeypatch):
    monkeypatch.setattr(paths, "boot_id", lambda: "before")
    running("101")
    monkeypatch.setattr(paths, "boot_id", lambda: "now")
    assert run("claim %s for 102" % IP) is None and holder() == "102"


def test_a_journal_of_another_address_does_not_hold_this_one():
    running("101")
    running("101", "203.0.113.1")  # its journal names only this one now
    assert run("claim %s for 102" % IP) is None


@pytest.mark.parametrize("verb", ["claim %s for 101" % IP, "release %s of 101" % IP])
def test_a_symbolic_link_is_not_followed(tmp_path, verb):
    os.makedirs(paths.run("claims"), 0o700)
    target = tmp_path / "precious"
    target.write_text("101")
    os.symlink(str(target), paths.run("claims", IP))
    assert run(verb).startswith(paths.run("claims", IP) + ": ")
    assert target.read_text() == "101"


def test_a_file_or_directory_that_others_can_write_is_not_believed():
    os.makedirs(paths.run("claims"), 0o700)
    with open(paths.run("claims", IP), "w") as file:
        file.write("102")
    os.chmod(file.name, 0o666)
    assert "not a file of ours" in run("claim %s for 101" % IP)
    os.unlink(file.name)
    os.chmod(paths.run("claims"), 0o777)
    assert "not a directory of ours" in run("claim %s for 101" % IP)


def test_a_full_disk_is_a_failure_and_leaves_nothing(monkeypatch):
    def full(fd, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    descriptors = len(os.listdir("/proc/self/fd"))
    monkeypatch.setattr(os, "write", full)
    assert "No space left on device" in run("claim %s for 101" % IP)
    monkeypatch.undo()
    assert holder() is None and len(os.listdir("/proc/self/fd")) == descriptors


def test_of_many_at_once_one_gets_it(monkeypatch):
    for number in range(20):
        veid = str(200 + number)
        with journal.lock(veid):
            journal.write(veid, journal.BEFORE_START, plan.parse("host claim %s for %s" % (IP, veid), "F"))
    os.makedirs(paths.run("claims"), 0o700)
    with open(os.open(paths.run("claims", IP), os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        file.write("999")  # stale: all of them want to replace it
    got, barrier = [], threading.Barrier(20)

    def want(veid):
        barrier.wait()
        try:
            claims.claim(IP, veid)
            got.append(veid)
        except claims.Taken:
            pass

    threads = [threading.Thread(target=want, args=(str(200 + number),)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [holder()]


# Connections


@pytest.mark.parametrize("address, family", [(IP, "ipv4"), ("2001:db8::1", "ipv6")])
def test_forget_asks_for_both_directions(conntrack, address, family):
    assert run("forget %s to 10.0.0.5" % address) is None
    assert conntrack.calls == ["conntrack -D -f %s %s %s" % (family, direction, address) for direction in ("-d", "-q")]


def test_none_to_forget_is_no_failure(conntrack):
    conntrack.answers.update({"-d": (1, "conntrack v1: 0 flow entries have been deleted."),
                              "-q": (1, "conntrack v1: 0 flow entries have been deleted.")})
    assert run("forget %s to 10.0.0.5" % IP) is None
    conntrack.answers["-q"] = (1, "conntrack v1: Operation failed: no\n permission")
    assert run("forget %s to 10.0.0.5" % IP) == "conntrack v1: Operation failed: no permission"


def test_release_forgets_its_own_and_never_another_s(conntrack, monkeypatch):
    running("101")
    run("release %s of 102" % IP)
    assert conntrack.calls == []
    run("release %s of 101" % IP)
    assert len(conntrack.calls) == 2 and holder() is None
    running("101")

    def missing(children, timeout=0.0):
        raise process.MissingCommand("conntrack: not found")

    monkeypatch.setattr(process, "run_all", missing)
    assert run("release %s of 101" % IP) is None and holder() is None


# The whole: journal and difference


def lines(*pairs):
    return plan.parse("".join("host claim {0} for 101\nundo release {0} of 101\n".format(public) for public, _ in pairs)
                      + "".join("-host forget %s to %s\n" % pair for pair in pairs), "F")


def start(new, shown=None, on_error="fail"):
    shown = [] if shown is None else shown
    with journal.lock("101"):
        apply.Job("101", journal.BEFORE_START, shown.append, shown.append, on_error=on_error).start(new)
    return shown


def test_an_edit_forgets_exactly_the_difference(conntrack):
    one, two, three = (IP, "10.0.0.5"), ("203.0.113.11", "10.0.0.5"), ("203.0.113.12", "10.0.0.6")
    start(lines(one, two))
    assert len(conntrack.calls) == 4
    del conntrack.calls[:]
    assert [row for row in start(lines(one, two)) if "forget" in row] == [] and conntrack.calls == []
    shown = start(lines(two, three))
    assert conntrack.calls == ["conntrack -D -f ipv4 %s %s" % (direction, address) for address in (IP, three[0])
                               for direction in ("-d", "-q")]  # the one that goes, then the one that comes
    assert [row for row in shown if "forget" in row or "release" in row] == ["host  release %s of 101" % IP,
                                                                           "host  forget %s to 10.0.0.6" % three[0]]
    assert sorted(os.listdir(paths.run("claims"))) == [two[0], three[0]]
    del conntrack.calls[:]
    start(lines((two[0], "10.0.0.6"), three))  # the same address in front of another
    assert conntrack.calls == ["conntrack -D -f ipv4 %s %s" % (direction, two[0]) for direction in ("-d", "-q")]
    with journal.lock("101"):
        assert apply.Job("101", journal.BEFORE_START, print).stop()
    assert os.listdir(paths.run()) == []


def test_a_taken_address_fails_the_start_and_gives_back_what_it_has_claimed():
    running("102", "203.0.113.11")
    with pytest.raises(apply.Failed) as caught:
        start(lines((IP, "10.0.0.5"), ("203.0.113.11", "10.0.0.5")))
    assert str(caught.value) == ("host  claim 203.0.113.11 for 101: 203.0.113.11 is wanted by CT 101, but CT 102 has it")
    assert (holder(), holder("203.0.113.11"), journal.devices("101")) == (None, "102", [])


def test_a_taken_address_in_an_edit_leaves_all_as_it_was(conntrack):
    start(lines((IP, "10.0.0.5")))
    running("102", "203.0.113.11")
    before = plan.text(journal.read("101", journal.BEFORE_START))
    with pytest.raises(apply.Failed):
        start(lines(("203.0.113.11", "10.0.0.5")))
    assert (holder(), plan.text(journal.read("101", journal.BEFORE_START))) == ("101", before)


def test_a_journal_that_cannot_be_read_holds_nothing():
    running("101")
    os.chmod(paths.run("101", journal.BEFORE_START + ".journal"), 0o666)
    with pytest.raises(store.Unusable):
        journal.read("101", journal.BEFORE_START)
    assert run("claim %s for 102" % IP) is None
