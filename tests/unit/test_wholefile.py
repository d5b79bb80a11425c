"""Files that are replaced whole: their modes, also while they are written."""
import os

import pytest

from vzhooks import store
from vzhooks.node import wholefile


@pytest.mark.parametrize("umask", [0, 0o022, 0o077])
def test_a_copy_is_never_readable_by_more_than_its_source(tmp_path, monkeypatch, umask):
    source, target, seen = str(tmp_path / "frr.conf"), str(tmp_path / "copy"), []
    with open(source, "w") as file:
        file.write("password x\n")
    os.chmod(source, 0o640)
    monkeypatch.setattr(wholefile, "_like", lambda old, new, real=wholefile._like: (seen.append(os.stat(new).st_mode & 0o777),
                                                                                    real(old, new)))
    before = os.umask(umask)
    try:
        wholefile.copy(source, target)
    finally:
        os.umask(before)
    assert seen == [0o600] and os.stat(target).st_mode & 0o777 == 0o640
    with open(target) as file:
        assert file.read() == "password x\n"


def test_a_link_is_not_copied_through(tmp_path):
    os.symlink("/etc/passwd", str(tmp_path / "link"))
    with pytest.raises(OSError):
        wholefile.copy(str(tmp_path / "link"), str(tmp_path / "copy"))
    assert not os.path.exists(str(tmp_path / "copy"))


def test_what_was_planted_under_the_unfinished_name_is_not_opened(tmp_path):
    target, other = str(tmp_path / "x"), str(tmp_path / "other")
    os.symlink(other, "%s/.x%s" % (tmp_path, store.NEW))
    wholefile.put(target, b"x", 0o644)
    assert not os.path.exists(other) and os.stat(target).st_mode & 0o777 == 0o644
