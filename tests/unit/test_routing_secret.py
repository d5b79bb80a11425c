"""The file of the key in [announce]: who may read it, and that nothing of it is ever said."""
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.test_routing_settings import KEY, OSPF, key, read  # noqa: F401 (a fixture)
from vzhooks.routing import settings

FILE_WANTED = "a file of root's with mode 0600, which holds the key alone, is wanted"
CHARS_WANTED = ("a key of 1 to 16 printable characters, without space, quotes, '!', '#', '?', '\\' and '|', is wanted in it")


def mistake_of(path):
    _, mistakes = read(OSPF + "auth_key_file = %s\n" % path)
    assert len(mistakes) == 1 and KEY not in mistakes[0]
    return mistakes[0].replace("F:3: auth_key_file = %s; " % (path if len(path) <= 60 else path[:59] + "..."), "")


@pytest.mark.parametrize("text", [KEY, KEY + "\n", "  %s \r\n\n" % KEY])
def test_a_key_is_read(key, text):  # noqa: F811
    assert settings.secret(key(text)) == KEY


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_file_of_roots_alone(key, mode):  # noqa: F811
    assert read(OSPF + "auth_key_file = %s\n" % key(mode=mode))[1] == []


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o602, 0o620, 0o601])
def test_a_file_that_others_could_read_is_refused(key, mode):  # noqa: F811
    assert mistake_of(key(mode=mode)) == "mode %04o, owner %d: %s" % (mode, os.geteuid(), FILE_WANTED)


def test_a_file_of_somebody_elses_is_refused(key, monkeypatch):  # noqa: F811
    path, owner = key(), os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    assert mistake_of(path) == "mode 0600, owner %d: %s" % (owner, FILE_WANTED)


def test_a_link_a_directory_a_pipe_or_nothing_is_refused(key, tmp_path):  # noqa: F811
    (tmp_path / "link").symlink_to(key())
    (tmp_path / "dir").mkdir(mode=0o700)
    os.mkfifo(str(tmp_path / "pipe"), 0o600)
    for name, wanted in (("link", "Too many levels of symbolic links"), ("dir", "mode 0700, owner %d" % os.geteuid()),
                         ("pipe", "mode 0600, owner %d" % os.geteuid()), ("none", "No such file or directory")):
        assert mistake_of(str(tmp_path / name)) == "%s: %s" % (wanted, FILE_WANTED)
    assert mistake_of("ospf.key") == FILE_WANTED


@pytest.mark.parametrize("char", sorted(" \t!\"'#?\\|\x7f\n\0"))
def test_a_key_that_a_daemon_would_not_read_as_it_is(key, char):  # noqa: F811
    assert mistake_of(key(KEY[:4] + char + KEY[4:])) == CHARS_WANTED


def test_the_length_of_a_key(key):  # noqa: F811
    assert settings.secret(key("k" * 16)) == "k" * 16
    for text in ("k" * 17, "", "\n", KEY + "\n" + KEY, "\u00e9" * 8):
        assert mistake_of(key(text)) == CHARS_WANTED


def test_a_key_that_is_no_utf8(key):  # noqa: F811
    path = key()
    with open(path, "wb") as file:
        file.write(b"\xff\xfe")
    assert mistake_of(path) == CHARS_WANTED


printable = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)


@given(text=st.one_of(printable, st.text(max_size=20)))
def test_no_character_of_a_key_is_ever_in_a_message(text, tmp_path):
    path = str(tmp_path / "key")
    with open(path, "wb") as file:
        file.write(text.encode("utf-8", "replace"))
    os.chmod(path, 0o600)
    try:
        assert settings.secret(path) == text.strip()
    except ValueError as error:
        assert str(error) == CHARS_WANTED
    os.chmod(path, 0o644)
    with pytest.raises(ValueError) as raised:
        settings.secret(path)
    assert str(raised.value) == "mode 0644, owner %d: %s" % (os.geteuid(), FILE_WANTED)
