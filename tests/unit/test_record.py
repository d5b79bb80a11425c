"""What the calls note, and how it is added up: each line once, whatever happens, and never a call that fails for it."""
import fcntl
import os
import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vzhooks import paths, record, store
from vzhooks.metrics import tally

REPO = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
UUID = "b1c2d3e4-0000-4000-8000-0123456789ab"


def events(name="events"):
    with open(paths.run("metrics", name), encoding="ascii") as file:
        return file.read().splitlines()


def end(action, veid="101", device="", outcome=record.DONE):
    record.Event(action, veid, device).end(outcome)


@pytest.fixture(autouse=True)
def confs(put):
    for veid in ("101", "102", UUID):
        put("/etc/vz/conf/%s.conf" % veid, "")
    record._plan = record.NONE


def test_a_call_is_one_line_in_a_private_file():
    record.looked_up(True)
    end("start", device="veth101.0")
    words = events()[0].split()
    assert words[1:5] + words[6:] == ["start", "101", "veth101.0", "done", "hit"]
    assert abs(float(words[0]) - time.time()) < 60 and 0 <= float(words[5]) < 60
    assert os.stat(paths.run("metrics", "events")).st_mode & 0o777 == 0o600
    assert os.stat(paths.run("metrics")).st_mode & 0o777 == 0o700


def test_what_raises_has_failed():
    with pytest.raises(KeyError), record.Event("run", "101"):
        raise KeyError
    with record.Event("clean", "101"):
        pass
    assert [line.split()[1:6:3] for line in events()] == [["run", "failed"], ["clean", "done"]]
    assert tally.fold().calls == {("run", "failed"): 1, ("clean", "done"): 1}


@pytest.mark.parametrize("spoil", [
    lambda path: (os.makedirs(path)), lambda path: (os.makedirs(os.path.dirname(path)), os.mkfifo(path)),
    lambda path: (os.makedirs(os.path.dirname(path)), os.symlink("/etc/passwd", path)),
    lambda path: open(os.path.dirname(os.path.dirname(path)), "w").close()])
def test_a_place_that_is_no_good_is_no_matter(root, spoil):
    os.makedirs(root + "/run")
    spoil(paths.run("metrics", "events"))
    end("start")
    assert record.last_starts() == {}


def test_lines_are_added_up_and_taken_away():
    for outcome in (record.DONE, record.FAILED, record.DONE):
        end("stop", outcome=outcome)
    first = tally.fold()
    end("stop", UUID)
    second = tally.fold()
    assert first.calls == {("stop", "done"): 2, ("stop", "failed"): 1}
    assert second.calls == {("stop", "done"): 3, ("stop", "failed"): 1} == tally.fold().calls
    assert sum(second.buckets.values()) == 4 and second.seconds["stop"] >= 0
    assert os.listdir(paths.run("metrics")) == ["state"]


def test_a_fold_that_was_killed_before_it_took_the_lines_away_counts_them_once(monkeypatch):
    end("mount")
    end("start", device="v")
    with monkeypatch.context() as patched:
        patched.setattr(os, "unlink", lambda path: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            tally.fold()
    assert len(events("adding")) == 2
    end("stop")  # into a new file
    assert tally.fold().calls == {("mount", "done"): 1, ("start", "done"): 1}
    assert tally.fold().calls == {("mount", "done"): 1, ("start", "done"): 1, ("stop", "done"): 1}


def test_a_fold_that_was_killed_before_it_saved_loses_nothing(monkeypatch):
    end("mount")
    with monkeypatch.context() as patched:
        patched.setattr(store, "save", lambda *words: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            tally.fold()
    assert tally.fold().calls == {("mount", "done"): 1}


def test_a_fold_waits_for_a_writer_and_writers_do_not_wait_for_it(monkeypatch):
    end("mount")
    with open(paths.run("metrics", "events"), "a", encoding="ascii") as writer:
        fcntl.flock(writer, fcntl.LOCK_SH)
        monkeypatch.setattr(tally, "SETTLED", 0.02)
        with pytest.raises(store.Busy, match="a hook has been writing"):
            tally.fold()
        writer.write(events("adding")[0].replace("mount", "stop") + "\n")
    end("start")  # the old file has been renamed: a new one
    assert len(events()) == 1 and tally.fold().calls == {("mount", "done"): 1, ("stop", "done"): 1}
    assert tally.fold().calls[("start", "done")] == 1


def test_a_file_that_is_being_added_up_is_not_written_to(monkeypatch):
    """The writer who opened it before it was renamed tries again, and has a new one."""
    end("mount")
    path = paths.run("metrics", "events")
    held = os.open(path, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    real = fcntl.flock

    def renamed(fd, how):
        if os.path.exists(path) and os.path.samestat(os.stat(path), os.fstat(held)):
            os.rename(path, paths.run("metrics", "adding"))
        return real(fd, how)

    monkeypatch.setattr(record.fcntl, "flock", renamed)
    end("stop")
    os.close(held)
    assert [len(events("adding")), len(events())] == [1, 1]


def test_who_finds_too_many_lines_adds_them_up(monkeypatch):
    monkeypatch.setattr(record, "LIMIT", 100)
    for _ in range(10):
        end("stop")
    assert tally.fold().calls == {("stop", "done"): 10}
    assert len(events("state")) < 10


def test_lines_that_cannot_be_added_up_end_at_a_limit(monkeypatch):
    monkeypatch.setattr(record, "LIMIT", 100)
    with store.Lock(paths.run("metrics")):
        for _ in range(20):
            end("stop")
    assert os.stat(paths.run("metrics", "events")).st_size < 300
    assert tally.fold().calls[("stop", "done")] == 5  # the first ones


def test_many_at_once_lose_nothing(root):
    """Three processes write 300 lines each while a fourth adds up."""
    code = ("import sys; sys.path.insert(0, %r); from vzhooks import record; "
            "[record.Event('stop', '101').end('done') for _ in range(300)]" % REPO)
    writers = [subprocess.Popen([sys.executable, "-IS", "-c", code], env=dict(os.environ)) for _ in range(3)]
    while any(writer.poll() is None for writer in writers):
        tally.fold()
    assert tally.fold().calls == {("stop", "done"): 900}


def test_the_last_start_is_all_calls_since_the_mount():
    end("mount")
    end("start", device="veth101.0")
    end("start", device="veth101.1", outcome=record.FAILED)
    end("stop")
    at, seconds, outcome = record.last_starts()["101"]
    assert outcome == "failed" and at <= time.time() and 0 <= seconds < 60
    for _ in range(2):  # without a mount hook: the same device again is another start
        end("start", device="veth101.0")
        assert record.last_starts()["101"][2] == "done"
    end("mount", outcome=record.FAILED)
    assert record.last_starts()["101"][2] == "failed"
    end("run", UUID)
    assert sorted(record.last_starts()) == ["101", UUID]


def test_the_last_start_of_a_container_that_is_gone_is_forgotten(root):
    end("mount")
    end("mount", "102")
    os.unlink(root + "/etc/vz/conf/101.conf")
    assert list(record.last_starts()) == ["102"]


LINES = st.builds("{:.6f} {} {} {} {} {:.6f} {}".format, st.floats(0, 1e9), st.sampled_from(record.ACTIONS),
                  st.sampled_from(["101", "102", UUID]), st.sampled_from(["-", "veth101.0", "a"]),
                  st.sampled_from(["done", "failed", "elsewhere"]), st.floats(0, 100),
                  st.sampled_from(["hit", "miss", "-"]))


@settings(max_examples=30)
@given(lines=st.lists(LINES | st.text(max_size=40), max_size=12))
def test_a_state_is_read_back_and_odd_lines_are_passed_over(lines):
    whole, read = tally.Tally(), tally.Tally()
    for line in lines:
        whole.add(line)
    read.read(whole.rows())
    assert read.rows() == whole.rows()
    assert sum(whole.calls.values()) == sum(whole.buckets.values()) <= len(lines)


@pytest.mark.parametrize("content", ["", "x", "vzhooks-metrics 1\nlast a\n\ncalls a\n# end\n",
                                     "vzhooks-metrics 2\nlast a\n\n# end\n", "vzhooks-metrics 1\n\n# end\n"])
def test_a_state_that_cannot_be_read_is_begun_anew(put, content):
    end("stop")
    put("/run/vzhooks/metrics/state", content, 0o600)
    assert tally.fold().calls == {("stop", "done"): 1} == tally.fold().calls
