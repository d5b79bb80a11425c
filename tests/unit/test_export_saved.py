"""Exported files replace others only when asked to, and an undo puts every byte back."""
import os
import shutil
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vzhooks.errors import Expected
from vzhooks.node import saved
from vzhooks.node.tree import File

SAVED = "var/lib/vzhooks/saved"


def tree(top):
    """{path: (mode, content)} of all that lies below TOP; directories and links too."""
    found = {}
    for directory, names, files in os.walk(str(top)):
        for name in names + files:
            path = os.path.join(directory, name)
            mode = os.lstat(path).st_mode
            content = os.readlink(path) if stat.S_ISLNK(mode) else None
            if stat.S_ISREG(mode):
                with open(path, "rb") as file:
                    content = file.read()
            found[os.path.relpath(path, str(top))] = (oct(mode), content)
    return found


@pytest.fixture
def top(tmp_path):
    (tmp_path / "top").mkdir()
    return str(tmp_path / "top")


@pytest.fixture
def said():
    return []


def put(top, path, text, mode=0o644):
    os.makedirs(os.path.dirname(top + "/" + path), exist_ok=True)
    with open(top + "/" + path, "w", newline="") as file:
        file.write(text)
    os.chmod(top + "/" + path, mode)


def write(top, files, replace=False, say=lambda text: None):
    saved.write([File(path, text) for path, text in files.items()], top, replace, say)


def undo(top, say=lambda text: None):
    return saved.undo(top, say)


def text(top, path):
    with open(top + "/" + path, newline="") as file:
        return file.read()


@pytest.mark.parametrize("umask", [0, 0o077])
def test_files_are_made_and_removed_with_their_directories(top, said, umask):
    before = os.umask(umask)
    try:
        write(top, {"etc/a/x": "1\n", "etc/a/y": "2\n"}, say=said.append)
    finally:
        os.umask(before)
    assert tree(top)["etc/a/x"] == (oct(0o100644), b"1\n") and tree(top)["etc/a"][0] == oct(0o40755)
    assert tree(top)[SAVED][0] == oct(0o40700)
    assert said == ["made %s/etc/a/x" % top, "made %s/etc/a/y" % top]
    state = tree(top)
    write(top, {"etc/a/x": "1\n", "etc/a/y": "2\n"}, say=said.append)
    assert tree(top) == state and len(said) == 2
    assert undo(top) == 2 and tree(top) == {}
    assert undo(top) == 0


def test_others_files_are_refused_all_at_once_and_nothing_is_written(top):
    put(top, "etc/x", "theirs\n")
    put(top, "etc/y", "theirs, too\n")
    before = tree(top)
    with pytest.raises(Expected) as caught:
        write(top, {"etc/x": "ours\n", "etc/new": "ours\n", "etc/y": "ours\n"})
    assert tree(top) == before
    assert str(caught.value) == (
        "--- {0}/etc/x\n+++ {0}/etc/x (vzhooks)\n@@ -1 +1 @@\n-theirs\n+ours\n"
        "--- {0}/etc/y\n+++ {0}/etc/y (vzhooks)\n@@ -1 +1 @@\n-theirs, too\n+ours\n"
        "etc/x, etc/y: not made by vzhooks, or edited since; '--replace' is wanted to write what is shown (the old file then "
        "lies below {0}/var/lib/vzhooks/saved, and '--undo' puts it back)".format(top))


def test_a_replaced_file_keeps_its_mode_and_comes_back_with_it(top, said):
    put(top, "etc/x", "theirs\r\n\tno end", 0o640)
    os.utime(top + "/etc/x", (1, 2))
    before = tree(top)
    write(top, {"etc/x": "ours\n"}, True, said.append)
    assert tree(top)["etc/x"] == (oct(0o100640), b"ours\n")
    assert tree(top)[SAVED + "/files/etc/x"] == before["etc/x"]
    write(top, {"etc/x": "ours, changed\n"})  # ours now
    assert undo(top, said.append) == 1
    assert tree(top) == before and os.stat(top + "/etc/x").st_mtime == 2
    assert said == ["changed %s/etc/x" % top, "put back %s/etc/x" % top]


@pytest.mark.needs("root")
def test_the_owner_comes_back(top):
    put(top, "etc/x", "theirs")
    os.chown(top + "/etc/x", 12, 34)
    write(top, {"etc/x": "ours\n"}, True)
    assert os.stat(top + "/etc/x").st_uid == 12
    undo(top)
    status = os.stat(top + "/etc/x")
    assert (status.st_uid, status.st_gid) == (12, 34)


def test_what_is_as_wanted_already_is_nobodys_business(top):
    put(top, "etc/x", "same\n")
    before = tree(top)
    write(top, {"etc/x": "same\n"})
    assert tree(top) == before and undo(top) == 0


def test_what_the_next_export_lacks_is_put_back(top):
    put(top, "etc/x", "theirs\n")
    before = tree(top)
    write(top, {"etc/x": "ours\n", "etc/y": "ours\n"}, True)
    write(top, {"etc/z": "ours\n"})
    assert text(top, "etc/x") == "theirs\n" and sorted(os.listdir(top + "/etc")) == ["x", "z"]
    write(top, {})
    assert tree(top) == before


def test_an_edited_file_of_ours_is_theirs_and_is_kept(top, said):
    put(top, "etc/x", "theirs\n")
    write(top, {"etc/x": "ours\n", "etc/new": "ours\n"}, True)
    put(top, "etc/x", "edited\n")
    put(top, "etc/new", "edited, too\n")
    with pytest.raises(Expected):
        write(top, {"etc/x": "ours 2\n", "etc/new": "ours 2\n"})
    with pytest.raises(Expected):
        write(top, {})
    write(top, {"etc/x": "ours 2\n", "etc/new": "ours 2\n"}, True, said.append)
    assert text(top, SAVED + "/edited/etc/x.1") == "edited\n" and text(top, SAVED + "/edited/etc/new.1") == "edited, too\n"
    put(top, "etc/x", "edited again\n")
    assert undo(top, said.append) == 2
    assert text(top, "etc/x") == "theirs\n" and not os.path.exists(top + "/etc/new")
    assert text(top, SAVED + "/edited/etc/x.2") == "edited again\n"
    assert "%s/etc/x was edited; that is kept as %s/%s/edited/etc/x.2" % (top, top, SAVED) in said
    assert undo(top) == 0


def test_what_was_removed_meanwhile_comes_back_only_where_it_was_before(top):
    put(top, "etc/x", "theirs\n")
    before = tree(top)
    write(top, {"etc/x": "ours\n", "etc/y": "ours\n"}, True)
    os.unlink(top + "/etc/x")
    os.unlink(top + "/etc/y")
    assert undo(top) == 1 and tree(top) == before


@pytest.mark.parametrize("make, what", [
    (lambda path: os.symlink("/etc/passwd", path), "a symbolic link"), (os.mkdir, "a directory"),
    (os.mkfifo, "a special file"), (lambda path: os.symlink("nowhere", path), "a symbolic link")])
def test_what_is_no_file_is_refused(top, make, what):
    os.mkdir(top + "/etc")
    make(top + "/etc/x")
    before = tree(top)
    with pytest.raises(Expected) as caught:
        write(top, {"etc/a": "ours\n", "etc/x": "ours\n"}, True)
    assert str(caught.value) == "%s/etc/x: %s is in the way; a file, or nothing, is wanted there" % (top, what)
    assert tree(top) == before


def test_nothing_is_written_through_a_link_that_leads_outside(top, tmp_path):
    (tmp_path / "outside").mkdir()
    os.symlink(str(tmp_path / "outside"), top + "/etc")
    with pytest.raises(Expected) as caught:
        write(top, {"etc/x": "ours\n"}, True)
    assert "by a symbolic link" in str(caught.value) and os.listdir(str(tmp_path / "outside")) == []
    os.unlink(top + "/etc")
    put(top, "etc", "a file")
    with pytest.raises(Expected):
        write(top, {"etc/x": "ours\n"}, True)


def test_two_at_once_are_one_too_many(top):
    with saved._locked(top):
        with pytest.raises(Expected) as caught:
            write(top, {"etc/x": "ours\n"})
        assert str(caught.value) == "%s: another 'vzhook node export' is at work; its end is wanted" % top
    assert tree(top) == {}


@pytest.mark.parametrize("after", range(1, 30))
def test_killed_at_any_moment_it_can_be_repeated_or_undone(top, tmp_path, monkeypatch, after):
    """Each write, rename or mkdir may be the last one."""
    put(top, "etc/x", "theirs\n", 0o600)
    before = tree(top)
    files = {"etc/x": "ours\n", "etc/new/y": "ours\n"}
    left = [after]

    def mortal(call):
        def die(*words, **more):
            left[0] -= 1
            if left[0] == 0:
                raise KeyboardInterrupt
            return call(*words, **more)
        return die

    for name in ("rename", "mkdir", "unlink", "chown", "chmod"):
        monkeypatch.setattr(os, name, mortal(getattr(os, name)))
    try:
        write(top, files, True)
        undo(top)
        assert tree(top) == before
    except KeyboardInterrupt:
        pass
    monkeypatch.undo()
    shutil.copytree(top, str(tmp_path / "copy"), symlinks=True)
    write(top, files, True)
    assert text(top, "etc/x") == "ours\n" and text(top, "etc/new/y") == "ours\n"
    for place in (top, str(tmp_path / "copy")):
        undo(place)
        shown = {path: what for path, what in tree(place).items() if not path.startswith(("var", "etc/new"))}
        assert shown == before, place
        assert not [path for path, what in tree(place).items() if what[1] is not None and path.startswith("etc/new")]
        assert undo(place) == 0


PATHS = ("etc/a", "etc/b", "etc/d/a", "etc/d/e/a", "usr/x/y")
CONTENTS = st.text(alphabet="ab\n\r\u00e9\udcff", max_size=6)


@given(there=st.dictionaries(st.sampled_from(PATHS), st.tuples(CONTENTS, st.sampled_from([0o600, 0o644, 0o755]))),
       runs=st.lists(st.dictionaries(st.sampled_from(PATHS), CONTENTS), max_size=4))
def test_an_undo_restores_every_byte(tmp_path, there, runs):
    top = str(tmp_path / "place")
    shutil.rmtree(top, ignore_errors=True)
    os.mkdir(top)
    for path, (content, mode) in there.items():
        os.makedirs(os.path.dirname(top + "/" + path), exist_ok=True)
        with open(top + "/" + path, "wb") as file:
            file.write(content.encode("utf-8", "surrogateescape"))
        os.chmod(top + "/" + path, mode)
    before = tree(top)
    for files in runs:
        write(top, files, True)
        for path, content in files.items():
            assert tree(top)[path][1] == content.encode("utf-8", "surrogateescape")
        state = tree(top)
        write(top, files)  # nothing to refuse, nothing to do
        assert tree(top) == state
    undo(top)
    assert tree(top) == before
    assert undo(top) == 0
