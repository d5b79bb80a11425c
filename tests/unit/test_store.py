"""Files and locks of our own: whole or not at all, ours or not believed."""
import os
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vzhooks import store

HEADER = [("vzhooks-journal", "1"), ("boot", "b c")]


def mode(path):
    return os.lstat(path).st_mode & 0o7777


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "file")


def put(path, content, mode=0o600):
    with open(path, "w") as file:
        file.write(content)
    os.chmod(path, mode)


@pytest.mark.parametrize("umask", [0, 0o077])
def test_a_file_is_read_back_and_is_private_whatever_the_umask(path, umask):
    before = os.umask(umask)
    try:
        store.save(path, HEADER, "host  x\n")
    finally:
        os.umask(before)
    assert store.load(path) == (HEADER, "host  x\n") and mode(path) == 0o600
    with open(path) as file:
        assert file.read() == "vzhooks-journal 1\nboot b c\n\nhost  x\n# end\n"


@given(body=st.text(alphabet="ab \n#\u00e9\udcff").map(lambda text: text + "\n" if text else text))
def test_any_body_is_read_back(path, body):
    store.save(path, HEADER, body)
    assert store.load(path) == (HEADER, body)


def test_a_missing_file_is_none(path):
    assert store.load(path) is None


def test_a_save_that_fails_leaves_the_old_file_and_nothing_else(path, monkeypatch):
    store.save(path, HEADER, "old\n")

    def full(fd, data, write=os.write):
        write(fd, data[:5])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError):
        store.save(path, HEADER, "new\n")
    monkeypatch.undo()
    assert store.load(path)[1] == "old\n" and os.listdir(os.path.dirname(path)).count("file") == 1
    assert not [name for name in os.listdir(os.path.dirname(path)) if name.startswith("file.")]


PLANTED = {
    "a file": lambda path, other: put(path, "left over"),
    "a file that all can write": lambda path, other: put(path, "left over", 0o666),
    "a symbolic link": lambda path, other: os.symlink(other, path),
    "a dangling link": lambda path, other: os.symlink(other + "no", path),
    "a hard link": lambda path, other: os.link(other, path),
    "a pipe": lambda path, other: os.mkfifo(path),
}


@pytest.mark.parametrize("kind", sorted(PLANTED))
def test_what_was_planted_under_the_name_of_a_new_file_is_neither_opened_nor_an_obstacle(path, tmp_path, kind):
    other = str(tmp_path / "other")
    put(other, "theirs")
    PLANTED[kind](path + store.NEW, other)
    store.save(path, HEADER, "x\n")
    assert store.load(path)[1] == "x\n" and mode(path) == 0o600
    with open(other) as file:
        assert file.read() == "theirs"
    assert sorted(os.listdir(os.path.dirname(path))) == sorted(["file", "other"] + ["root"] * os.path.exists(str(tmp_path / "root")))


@pytest.mark.parametrize("content", ["", "a 1\n", "a 1\n\nx\n", "a 1\n\nx\n# end", "a 1\n\nx\n# end\nmore\n",
                                     "# end\n"])
def test_a_half_written_file_is_refused(path, content):
    put(path, content)
    with pytest.raises(store.Unusable) as caught:
        store.load(path)
    assert str(caught.value) == path + ": not whole"


WHOLE = "a 1\n\nx\n# end\n"


@pytest.mark.parametrize("bits", [0o644, 0o620, 0o602, 0o640, 0o666])
def test_a_file_that_others_can_touch_is_refused(path, bits):
    put(path, WHOLE, bits)
    with pytest.raises(store.Unusable) as caught:
        store.load(path)
    assert str(caught.value) == "%s: not a file of ours (mode 100%o, owner %d)" % (path, bits, os.geteuid())


def test_a_file_of_another_owner_is_refused(path, monkeypatch):
    put(path, WHOLE)
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    with pytest.raises(store.Unusable):
        store.load(path)


@pytest.mark.parametrize("make", [lambda path: os.symlink("/etc/passwd", path), os.mkdir, os.mkfifo])
def test_what_is_no_regular_file_is_refused_at_once(path, make):
    make(path)
    with pytest.raises(store.Unusable):
        store.load(path)


# Directories and locks


def test_directories_are_made_private_and_those_above_readable(tmp_path):
    path = str(tmp_path / "run" / "vzhooks" / "101")
    with store.Lock(path):
        assert mode(path) == 0o700
        assert [mode(os.path.dirname(path)) & 0o022, mode(str(tmp_path / "run")) & 0o022] == [0, 0]


@pytest.mark.parametrize("spoil", [
    lambda path: os.chmod(path, 0o777), lambda path: os.chmod(path, 0o720),
    lambda path: (os.rmdir(path), os.symlink("/tmp", path)), lambda path: (os.rmdir(path), put(path, ""))])
def test_a_directory_that_is_not_ours_is_refused(tmp_path, spoil):
    path = str(tmp_path / "101")
    os.mkdir(path, 0o700)
    spoil(path)
    with pytest.raises(store.Unusable), store.Lock(path):
        pass


@pytest.mark.parametrize("bits", [0o777, 0o1777, 0o770])
def test_a_directory_below_one_that_others_can_write_to_is_refused(tmp_path, bits):
    """They could put another in its place, between our look at it and its use."""
    above = tmp_path / "vzhooks"
    above.mkdir()
    above.chmod(bits)
    for _ in range(2):
        with pytest.raises(store.Unusable) as caught, store.Lock(str(above / "101")):
            pass
        assert str(caught.value).startswith("%s: not a directory of ours" % above)
        above.chmod(0o755)
        (above / "101").mkdir(0o700) if not (above / "101").exists() else None
        above.chmod(bits)


def test_the_directory_of_a_lock_goes_when_it_is_empty_and_stays_when_not(tmp_path):
    path = str(tmp_path / "101")
    with store.Lock(path):
        assert os.path.isdir(path)
    assert not os.path.exists(path)
    with store.Lock(path):
        put(path + "/journal", "")
    assert os.listdir(path) == ["journal"]


def test_a_directory_that_its_last_holder_removes_just_now_is_made_anew(tmp_path, monkeypatch):
    """Found by the test below: mkdir says that it exists, and the next call that it does not."""
    path, mkdir, calls = str(tmp_path / "101"), os.mkdir, []

    def busy(*words):
        calls.append(words)
        if len(calls) == 1:
            raise FileExistsError(17, "File exists")
        mkdir(*words)

    monkeypatch.setattr(os, "mkdir", busy)
    with store.Lock(path):
        assert len(calls) == 2 and os.path.isdir(path)


def test_a_lock_excludes_and_gives_up_in_time(tmp_path):
    path = str(tmp_path / "101")
    with store.Lock(path):
        began = time.monotonic()
        with pytest.raises(store.Busy) as caught, store.Lock(path, timeout=0.1):
            pass
        assert 0.1 <= time.monotonic() - began < 5
        assert str(caught.value).startswith(path + ": locked by another vzhook")
    with store.Lock(path, timeout=0.1):
        pass


COUNT = """
import sys
sys.path.insert(0, %r)
from vzhooks import store
for _ in range(60):
    with store.Lock(sys.argv[1] + "/lock"):
        with open(sys.argv[1] + "/count") as file:
            count = int(file.read())
        with open(sys.argv[1] + "/count", "w") as file:
            file.write(str(count + 1))
"""


def test_processes_that_come_and_go_together_exclude_each_other(tmp_path):
    """Each holder removes the directory, so that the next may lock one that is gone already."""
    (tmp_path / "count").write_text("0")
    code = COUNT % os.path.join(os.path.dirname(__file__), "..", "..")
    runs = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) for _ in range(4)]
    assert [run.wait(timeout=60) for run in runs] == [0] * 4
    assert (tmp_path / "count").read_text() == "240" and not (tmp_path / "lock").exists()


def test_no_descriptor_stays_behind(tmp_path):
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with store.Lock(str(tmp_path / "a")), pytest.raises(store.Busy), store.Lock(str(tmp_path / "a"), timeout=0.0):
            pass
    assert len(os.listdir("/proc/self/fd")) == before
