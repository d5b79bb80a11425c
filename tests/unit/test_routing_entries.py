"""Prefix-list entries of containers: in the text of a daemon's file, in the daemon (a small script here)."""
import os

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.unit.test_batch import Node
from vzhooks import batch, inside, paths, process
from vzhooks.errors import Expected
from vzhooks.routing import entries

NO5, NO6 = "ip prefix-list vzhooks-no permit 192.0.2.5/32", "ip prefix-list vzhooks-no permit 192.0.2.6/32"
STANDBY5 = "ip prefix-list vzhooks-standby permit 192.0.2.5/32"
ANYCAST = "ipv6 prefix-list vzhooks-anycast permit 2001:db8::5/128"
LISTS = ["%s prefix-list vzhooks-%s seq 1 deny %s" % (word, kind, all_) for word, all_ in (("ip", "0.0.0.0/0"), ("ipv6", "::/0"))
         for kind in entries.KINDS]
PART = "\n".join(["! vzhooks: begin", "! made by"] + LISTS + ["route-map vzhooks deny 10", "! vzhooks: end"]) + "\n"
TEXT = "hostname a\npassword  zebra \n" + PART + "line vty\n!\n"


def done(text, *rows):
    return entries.edited(text, lambda now: entries.changed(now, rows))


def rows_of(text):
    """The entries within a text."""
    return [row for row in text.split("\n") if " permit " in row and row.split()[2][8:] in entries.KINDS]


# The text


def test_an_entry_stands_behind_the_beginning_of_its_list():
    assert done(TEXT, NO5, ANYCAST) == TEXT.replace(LISTS[0] + "\n", LISTS[0] + "\n" + NO5 + "\n").replace(
        LISTS[5] + "\n", LISTS[5] + "\n" + ANYCAST + "\n")
    assert rows_of(done(TEXT, NO6, STANDBY5, NO5)) == [NO5, NO6, STANDBY5]  # as an export would write them
    assert done(done(TEXT, NO5), NO5) == done(TEXT, NO5)


def test_no_takes_it_out_and_one_that_is_not_there_is_no_difference():
    assert done(done(TEXT, NO5, NO6), "no " + NO5) == done(TEXT, NO6)
    assert done(TEXT, "no " + NO5) == TEXT
    assert done(TEXT, NO5, "no " + NO5) == TEXT


def test_only_lists_that_are_there_get_entries():
    text = TEXT.replace(LISTS[0] + "\n", "")
    assert done(text, NO5) == text
    assert done(text, NO5, STANDBY5) == done(text, STANDBY5) != text


def test_entries_outside_of_the_part_are_nobody_s():
    text = NO5 + "\n" + TEXT + NO5 + "\n"
    assert done(text, "no " + NO5) == text
    assert done(text, NO5).count(NO5) == 3


@pytest.mark.parametrize("text", [
    "", "hostname a\n", TEXT.replace("! vzhooks: end\n", ""), TEXT.replace("! vzhooks: begin\n", ""), TEXT.replace("\n", "\r\n"),
    "! vzhooks: end\n" + TEXT.replace("! vzhooks: end\n", ""), TEXT.replace("! vzhooks: begin", " ! vzhooks: begin")])
def test_a_text_without_a_whole_part_of_ours_stays_as_it_is(text):
    assert done(text, NO5) == text


def test_without_a_newline_at_the_end_and_with_carriage_returns_around():
    assert done(TEXT[:-1], NO5) == done(TEXT, NO5)[:-1]
    assert done("hostname a\r\n" + PART + "line vty\r\n", NO5) == "hostname a\r\n" + done(PART, NO5) + "line vty\r\n"
    assert done(PART[:-1], NO5) == done(PART, NO5)[:-1]


def test_of_two_beginnings_the_first_counts_up_to_the_first_end():
    assert done("! vzhooks: begin\n" + TEXT, NO5) == "! vzhooks: begin\n" + done(TEXT, NO5)
    assert done(TEXT + PART, NO5) == done(TEXT, NO5) + PART


foreign = st.lists(st.one_of(st.text(max_size=20), st.sampled_from(
    [NO5, "! vzhooks: end", "ip prefix-list other permit 192.0.2.5/32", LISTS[0], "interface a", " ip ospf cost 5", "a\r"])), max_size=5)
entry = st.builds(lambda kind, number: "ip prefix-list vzhooks-%s permit 192.0.2.%d/32" % (kind, number),
                  st.sampled_from(entries.KINDS), st.integers(1, 9))


@given(before=foreign, after=foreign, there=st.lists(entry, unique=True, max_size=4), new=entry)
def test_added_and_taken_out_again_is_as_before_and_all_else_stays(before, after, there, new):
    assume(new not in there)
    text = "\n".join(before + [PART] + after)
    full = done(text, *there)
    added = done(full, new)
    assert done(added, "no " + new) == full
    assert done(full, *["no " + row for row in there]) == text
    assert sorted(added.split("\n")) == sorted(full.split("\n") + [new])
    begin, end = len("\n".join(before + [""])) if before else 0, len("\n".join([""] + after)) if after else 0
    assert (added[:begin], added[len(added) - end:]) == (text[:begin], text[len(text) - end:])
    rest = added.split("\n")
    rest.remove(new) if new not in before + after else None
    assert rest == full.split("\n") or new in before + after


# The files


def test_every_file_with_a_part_is_edited_and_keeps_its_mode(put, root):
    for path, mode in zip(entries.FILES, (0o640, 0o600, 0o644, 0o640)):
        put(path, TEXT, mode)
    put("/etc/frr/zebra.conf", TEXT)
    assert entries.edit_files(lambda now: entries.changed(now, [NO5])) is True
    for path, mode in zip(entries.FILES, (0o640, 0o600, 0o644, 0o640)):
        assert entries.text_of(root + path) == done(TEXT, NO5) and os.stat(root + path).st_mode & 0o777 == mode
    assert entries.text_of(root + "/etc/frr/zebra.conf") == TEXT
    before = os.stat(root + entries.FILES[0]).st_ino
    assert entries.edit_files(lambda now: entries.changed(now, [NO5])) is False
    assert os.stat(root + entries.FILES[0]).st_ino == before
    assert sorted(os.listdir(root + "/etc/frr")) == ["frr.conf", "zebra.conf"] and not os.path.exists(root + "/run/vzhooks/routing")


def test_every_byte_of_a_file_stays(put, root):
    path = put("/etc/frr/frr.conf", "")
    with open(path, "wb") as file:
        file.write(b"! \xff\xe9\r\n" + PART.encode() + b"! \x80")
    entries.edit_files(lambda now: entries.changed(now, [NO5]))
    with open(path, "rb") as file:
        assert file.read() == b"! \xff\xe9\r\n" + done(PART, NO5).encode() + b"! \x80"


# The daemon

VTYSH = """#!/bin/sh
# Notes each command behind `configure terminal`; like vtysh it ends at the first that fails.
dir={dir}
echo "$#" >>$dir/calls
[ ! -e $dir/down ] || {{ echo "Exiting: failed to connect to any daemons."; exit 1; }}
[ ! -e $dir/hangs ] || sleep 60
echo "% Can't open configuration file /etc/frr/vtysh.conf due to 'No such file or directory'."
while [ $# -gt 0 ]; do
    shift
    case $1 in
        "configure terminal") ;;
        "show running-config") cat $dir/list ;;
        *192.0.2.66/32) echo "% Unknown command: $1"; exit {objects} ;;
        *192.0.2.67/32) exit 7 ;;
        "no "*) grep -qxF "${{1#no }}" $dir/list || exit 1
                grep -vxF "${{1#no }}" $dir/list >$dir/new; mv $dir/new $dir/list; echo "$1" >>$dir/done ;;
        *) echo "$1" >>$dir/list; echo "$1" >>$dir/done ;;
    esac
    shift
done
"""
BAD, SILENT = NO5.replace(".5/", ".66/"), NO5.replace(".5/", ".67/")


class Daemon(Node):
    """A directory of programs with a fake `vtysh`, and what it was told."""

    def __init__(self, directory):
        self.directory = str(directory)
        self.be(1)
        for name in ("list", "done"):
            self.set(name)

    def be(self, objects):
        self.put("vtysh", VTYSH.format(dir=self.directory, objects=objects))

    def set(self, name, text=""):
        with open(os.path.join(self.directory, name), "w") as file:
            file.write(text)


@pytest.fixture
def daemon(tmp_path, monkeypatch):
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setattr(paths, "PATH", str(directory))
    return Daemon(directory)


def test_entries_are_one_call(daemon):
    assert entries.run([NO5, STANDBY5, ANYCAST], 10.0) is None
    assert daemon.rows("list") == [NO5, STANDBY5, ANYCAST] and daemon.rows("calls") == ["8"]
    assert entries.run(["no " + NO5, NO6], 10.0) is None
    assert daemon.rows("list") == [STANDBY5, ANYCAST, NO6]


def test_a_daemon_that_is_down_will_read_its_file(daemon, put, root):
    path = put("/etc/frr/frr.conf", TEXT)
    daemon.set("down")
    assert entries.run([NO5], 10.0) is None and entries.text_of(path) == done(TEXT, NO5)
    assert entries.run(["no " + NO5], 10.0) is None and entries.text_of(path) == TEXT


@pytest.mark.parametrize("objects", [1, 2, 0])
def test_an_objection_is_a_failure_whatever_the_exit_code(daemon, objects):
    """Quagga's vtysh ends with 0 all the same."""
    daemon.be(objects)
    assert entries.run([BAD], 10.0) == (0, "% Unknown command: " + BAD)
    assert entries.run([NO5, BAD, NO6], 10.0) == (1, "% Unknown command: " + BAD)
    assert entries.configure(["no " + BAD], 10.0) == "% Unknown command: no " + BAD


def test_what_is_refused_does_not_stay_in_the_file_and_the_others_do(daemon, put):
    path = put("/etc/frr/frr.conf", done(TEXT, NO6))
    assert entries.run([NO5, BAD, STANDBY5], 10.0)[0] == 1
    assert rows_of(entries.text_of(path)) == [NO5, NO6]  # what is behind the failure was not done
    assert entries.run([SILENT, NO6], 10.0)[0] == 0
    assert rows_of(entries.text_of(path)) == [NO5, NO6]


def test_silence_is_an_objection_but_to_a_no(daemon):
    assert entries.run([SILENT], 10.0) == (0, "exit code 7")
    assert entries.run(["no " + NO5], 10.0) is None


def test_behind_an_entry_that_is_gone_already_the_others_go_all_the_same(daemon):
    """vtysh ends at the first command that fails, and of a missing entry it says nothing (FRR 8.4)."""
    entries.run([NO6, ANYCAST], 10.0)
    assert entries.run(["no " + NO5, "no " + NO6, "no " + STANDBY5, "no " + ANYCAST], 10.0) is None
    assert daemon.rows("list") == []


def test_behind_an_entry_that_is_gone_already_new_ones_come_all_the_same(daemon):
    assert entries.run(["no " + NO5, NO6], 10.0) is None and daemon.rows("list") == [NO6]


def test_one_that_hangs_is_killed_and_said(daemon):
    daemon.set("hangs")
    with pytest.raises(Expected, match="vtysh did not end in time and was killed"):
        entries.configure([NO5], 0.3)
    assert entries.run([NO5, NO6], 0.3) == (0, "vtysh did not end in time and was killed")
    assert len(daemon.rows("calls")) == 2  # not once more for each


def test_without_the_program_nobody_announces_but_standby_cannot_be(daemon, put):
    path = put("/etc/frr/frr.conf", TEXT)
    os.unlink(daemon.directory + "/vtysh")
    assert entries.run([NO5, "no " + NO6], 10.0) is None and rows_of(entries.text_of(path)) == [NO5]
    for row in (STANDBY5, "no " + STANDBY5, ANYCAST):
        with pytest.raises(process.MissingCommand, match="vtysh: not found"):
            entries.configure([row], 10.0)


def commands(*texts):
    return [batch.Command("host", "vtysh " + text, False, "F:1") for text in texts]


def failure(*texts):
    found = batch.run(commands(*texts), inside.Inside("101", "v"), 10.0)
    return found and (found.index, found.message.split(" in ")[0])


def test_the_entry_that_needs_the_program_is_the_one_that_fails(daemon):
    """ANNOUNCE=no of another veth must not fail for it: nothing goes on without that one."""
    os.unlink(daemon.directory + "/vtysh")
    assert failure(NO5) is None
    assert failure(NO5, STANDBY5) == (1, "vtysh: not found")
    assert failure(STANDBY5, NO5) == (0, "vtysh: not found")


def test_a_file_that_cannot_be_written_is_an_expected_failure(daemon, put, monkeypatch):
    """A full disk, a node that is read-only: a stop goes on."""
    put("/etc/frr/frr.conf", TEXT)

    def full(path, content, mode):
        raise OSError(28, "No space left on device", path)

    monkeypatch.setattr("vzhooks.node.wholefile.put", full)
    found = batch.run(commands(NO5), inside.Inside("101", "v"), 10.0)
    assert found.index == 0 and found.message.endswith("/etc/frr/frr.conf: No space left on device")
    assert daemon.rows("list") == [NO5]  # the daemon knows it all the same
