"""The log of a node without syslog, in a directory where others can write."""
import os

import pytest

from vzhooks import log


@pytest.fixture
def path(root):
    os.makedirs(root + "/var/log")
    return root + "/var/log/vzhooks.log"


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def test_lines_are_added_to_a_private_file(path):
    log.write(log.INFO, "one")
    log.write(log.INFO, "two\x1b[2J\nthree")
    rows = read(path).splitlines()
    assert [row.partition("]: ")[2] for row in rows] == ["one", "two\\x1b[2J\\nthree"]
    assert os.stat(path).st_mode & 0o777 == 0o600


@pytest.mark.parametrize("plant", [os.symlink, os.link, lambda other, path: os.mkfifo(path), lambda other, path: os.mkdir(path)],
                         ids=["symbolic link", "hard link", "pipe", "directory"])
def test_what_others_have_planted_there_neither_leads_away_nor_blocks(path, plant, root):
    other = root + "/other"
    with open(other, "w") as file:
        file.write("theirs")
    plant(other, path)
    log.write(log.ERROR, "x")
    assert read(other) == "theirs"


def test_a_full_or_read_only_disk_fails_nothing(path):
    os.symlink("/dev/full", path)
    log.write(log.ERROR, "x")
    os.unlink(path)
    os.rmdir(os.path.dirname(path))
    open(os.path.dirname(path), "w").close()
    log.write(log.ERROR, "x")
