"""`vzhook node export frr|quagga`: our parts of others' files, byte for byte, and the key in them."""
import os
import stat

import pytest
from hypothesis import assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.unit.test_batch import Node
from tests.unit.test_export import now, there  # noqa: F401 (a fixture)
from vzhooks import journal, kernel, nodeconf, paths, plan, process
from vzhooks.errors import ConfigError, Expected
from vzhooks.routing import entries, export

INI = "interfaces = vmbr0\nfamilies = 4\n"
QUAGGA = INI + "daemon = quagga\n"
BGP = "protocol = bgp\nas = 65001\nneighbors = eth0\n"
KEY = "Tops3cret"
FRR, DAEMONS, UNIT = "etc/frr/frr.conf", "etc/frr/daemons", "etc/systemd/system/frr.service.d/vzhooks.conf"
THEIRS = "hostname gate\npassword  zebra \n!\ninterface eth0\n ip address 192.0.2.1/24\n!\nrouter ospf\n ospf router-id 10.0.0.2\n!\n"
NO5, NO6 = "ip prefix-list vzhooks-no permit 192.0.2.5/32", "ip prefix-list vzhooks-no permit 192.0.2.6/32"


@pytest.fixture(autouse=True)
def bin(tmp_path, monkeypatch):
    """The directory that our programs come from: there is no vtysh in it, nor `ip`."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setattr(paths, "PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(kernel, "addresses", lambda: [])
    return Node(tmp_path / "bin")


def announce(text):
    read = nodeconf.read("F", "[announce]\n" + text)
    assert (read.mistakes, read.node_mistakes) == ((), ())
    return read.announce


def made(now, text=INI):  # noqa: F811
    """Export TEXT; return what was said, without the directory."""
    said = []
    changes = export.changes(announce(text), now, now)
    count = export.write(changes, now, lambda row: said.append(row.replace(now.top + "/", "")))
    assert count == len([row for row in said if not row.endswith("holds a key")])
    return said


def undone(now):  # noqa: F811
    said = []
    export.write(export.removals(now), now, lambda row: said.append(row.replace(now.top + "/", "")))
    return said


def files(now):  # noqa: F811
    return {os.path.relpath(os.path.join(path, name), now.top): now.text(os.path.relpath(os.path.join(path, name), now.top))
            for path, _, names in os.walk(now.top) for name in names}


def run(*rows):
    """Journal a container with these entries."""
    with journal.lock("101"):
        journal.write("101", journal.BEFORE_START, plan.parse("".join("!host vtysh %s\n!undo vtysh no %s\n" % (row, row)
                                                                     for row in rows), "F"))


# Files


def test_new_files_their_modes_and_owners(now, monkeypatch):  # noqa: F811
    owners = []
    monkeypatch.setattr(os, "chown", lambda path, *owner: owners.append((path.replace(now.top + "/", ""), owner)))
    os.umask(os.umask(0o077))
    assert made(now) == ["made " + path for path in (DAEMONS, FRR, UNIT)]
    assert sorted(files(now)) == sorted([DAEMONS, FRR, UNIT])
    assert [oct(os.stat(now.real(path)).st_mode & 0o7777) for path in (DAEMONS, FRR, UNIT)] == ["0o640", "0o640", "0o644"]
    assert owners == [(path, (os.geteuid(), os.getegid())) for path in (DAEMONS, FRR, UNIT)]  # of the directory
    assert now.text(DAEMONS) == ("# vzhooks: begin\n# made by 'vzhook node export' from /etc/vz/vzhooks.conf: change that instead\n"
                                 "ospfd=yes\n# vzhooks: end\n")
    assert now.text(UNIT) == ("# vzhooks: begin\n# made by 'vzhook node export' from /etc/vz/vzhooks.conf: change that instead\n"
                              "[Service]\nExecStartPre=-/usr/bin/env vzhook announce reconcile --file\n"
                              "ExecStartPost=-/usr/bin/env vzhook announce reconcile\n# vzhooks: end\n")
    assert now.text(FRR).startswith("! vzhooks: begin\n! made by 'vzhook node export' from /etc/vz/vzhooks.conf: change that instead\n"
                                    "ip forwarding\nip prefix-list vzhooks-no seq 1 deny 0.0.0.0/0\n")
    assert now.text(FRR).endswith(" redistribute kernel route-map vzhooks\n! vzhooks: end\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_new_files_belong_to_the_owner_of_their_directory(now):  # noqa: F811
    there(now, "etc/frr/x", "")
    os.chown(now.real("etc/frr"), 12, 34)
    made(now)
    assert [(os.stat(now.real(path)).st_uid, os.stat(now.real(path)).st_gid) for path in (FRR, DAEMONS, UNIT)] == [
        (12, 34), (12, 34), (0, 0)]


def test_quagga_has_its_files_and_units(now):  # noqa: F811
    units = ["etc/systemd/system/%s.service.d/vzhooks.conf" % name for name in ("ospfd", "ospf6d", "bgpd")]
    wanted = ["etc/quagga/daemons", "etc/quagga/zebra.conf", "etc/quagga/ospfd.conf"] + units
    assert made(now, QUAGGA) == ["made " + path for path in wanted]
    assert now.text("etc/quagga/zebra.conf").split("\n")[2:4] == ["ip forwarding", "! vzhooks: end"]
    assert undone(now) and files(now) == {}


def test_networks_of_quagga_s_interfaces(now, monkeypatch):  # noqa: F811
    def address(device, *words):
        return kernel.OnDevice(6 if ":" in words[0] else 4, device, list(words))

    monkeypatch.setattr(kernel, "addresses", lambda: [
        address("vmbr0", "192.168.1.142/24", "brd", "192.168.1.255"), address("vmbr0", "192.168.1.143/24"),
        address("vmbr0", "203.0.113.10/32", "scope", "global", "vmbr0:vzh"), address("eth9", "10.9.0.1/24"),
        address("vmbr0", "2001:db8::1/64"), address("ppp0", "10.0.0.1", "peer", "10.0.0.2/32"), address("vmbr0", "240.0.0.1/30")])
    made(now, "daemon = quagga\nfamilies = 4\ninterfaces = vmbr0 ppp0\n")
    assert [row for row in now.text("etc/quagga/ospfd.conf").split("\n") if row.startswith(" network ")] == [
        " network 192.168.1.0/24 area 0.0.0.0", " network 240.0.0.0/30 area 0.0.0.0", " network 10.0.0.2/32 area 0.0.0.0"]


def test_what_there_was_stays_byte_for_byte_and_comes_back(now):  # noqa: F811
    before = {FRR: THEIRS, DAEMONS: "# mine\nospfd=no\n", "etc/frr/vtysh.conf": "service integrated-vtysh-config\n"}
    for path, text in before.items():
        there(now, path, text)
        os.chmod(now.real(path), 0o604)
    assert made(now) == ["changed " + DAEMONS, "changed " + FRR, "made " + UNIT]
    assert now.text(FRR).startswith(THEIRS + "! vzhooks: begin\n") and now.text(FRR).endswith("! vzhooks: end\n")
    assert now.text(DAEMONS).startswith(before[DAEMONS] + "# vzhooks: begin\n")
    assert stat.S_IMODE(os.stat(now.real(FRR)).st_mode) == 0o604
    first = files(now)
    assert made(now) == [] and files(now) == first
    assert undone(now) == ["changed " + FRR, "changed " + DAEMONS, "removed " + UNIT]
    assert files(now) == before and undone(now) == []


@pytest.mark.parametrize("text", ["a\n\n\n", "\n\na\n", "! \udcff\r\na\r\n", "a\n \n", "!\n"])
def test_every_byte_around_our_part(now, text):  # noqa: F811
    there(now, FRR, "")
    with open(now.real(FRR), "w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)
    made(now)
    assert now.text(FRR).startswith(text + "! vzhooks: begin\n")
    undone(now)
    assert now.text(FRR) == (text if text.strip() else None)


def test_a_last_row_without_end_gets_one(now):  # noqa: F811
    there(now, FRR, "hostname a")
    made(now)
    assert now.text(FRR).startswith("hostname a\n! vzhooks: begin\n")
    undone(now)
    assert now.text(FRR) == "hostname a\n"


def test_our_part_stays_where_it_is(now):  # noqa: F811
    there(now, FRR, THEIRS)
    made(now)
    there(now, FRR, now.text(FRR) + "line vty\n exec-timeout 0\n")
    made(now, INI + "metric = 30\n")
    assert now.text(FRR).startswith(THEIRS + "! vzhooks: begin\n")
    assert now.text(FRR).endswith("! vzhooks: end\nline vty\n exec-timeout 0\n")
    assert now.text(FRR).count(" set metric 30\n") == 2


def test_entries_of_running_containers_are_in_it(now):  # noqa: F811
    made(now)
    empty = now.text(FRR)
    run(NO6, NO5, "ipv6 prefix-list vzhooks-no permit 2001:db8::5/128")
    made(now)
    begin = "ip prefix-list vzhooks-no seq 1 deny 0.0.0.0/0\n"
    assert now.text(FRR) == empty.replace(begin, "%s%s\n%s\n" % (begin, NO5, NO6))


def test_a_start_and_an_export_write_the_same(now):  # noqa: F811
    """Or `announce check` would find a difference in the order of starts."""
    made(now)
    text = entries.edited(entries.edited(now.text(FRR), lambda held: entries.changed(held, [NO6])),
                          lambda held: entries.changed(held, [NO5]))
    there(now, FRR, text)
    run(NO6, NO5)
    assert made(now) == []


def test_a_look_at_the_result_elsewhere_starts_from_this_node_s_files(now, tmp_path):  # noqa: F811
    there(now, FRR, THEIRS)
    elsewhere = type(now)(str(tmp_path / "out"))
    export.write(export.changes(announce(INI), elsewhere, now), elsewhere, lambda row: None)
    assert elsewhere.text(FRR).startswith(THEIRS + "! vzhooks: begin\n") and now.text(FRR) == THEIRS


def test_a_daemon_that_is_no_longer_meant_loses_its_part(now):  # noqa: F811
    there(now, "etc/quagga/ospfd.conf", "hostname a\n")
    made(now, QUAGGA)
    assert made(now, "daemon = quagga\nprotocol = bgp\nas = 1\nremote_as = 2\nneighbors = 192.0.2.1\nfamilies = 4\n")[0] == \
        "changed etc/quagga/ospfd.conf"
    assert now.text("etc/quagga/ospfd.conf") == "hostname a\n" and "vzhooks" in now.text("etc/quagga/bgpd.conf")
    made(now)  # to FRR: the other program's files stay until --undo
    assert "vzhooks" in now.text("etc/quagga/bgpd.conf")


foreign = st.lists(st.one_of(st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=12), st.sampled_from(
    ["router bgp 5", "interface a", " ip ospf cost 5", "exit", "!", "ip prefix-list other permit 192.0.2.5/32", "route-map other permit 5",
     " match ip address prefix-list vzhooks", "\r"])), max_size=6).map(lambda rows: "".join(row + "\n" for row in rows))


@hypothesis_settings(max_examples=50)
@given(text=foreign, after=foreign)
def test_others_rows_are_never_touched(text, after, now):  # noqa: F811
    assume(text.strip() or after.strip())
    there(now, FRR, text)
    made(now)
    part = now.text(FRR)[len(text):]
    assert now.text(FRR).startswith(text) and part.startswith("! vzhooks: begin\n") and part.endswith("! vzhooks: end\n")
    there(now, FRR, text + part + after)
    assert made(now) == []
    made(now, INI + "metric = 7\n")
    assert now.text(FRR).startswith(text) and now.text(FRR).endswith("! vzhooks: end\n" + after)
    undone(now)
    assert now.text(FRR) == text + after


# The key


@pytest.fixture
def key(put):
    return "auth_key_file = %s\n" % put("/key", KEY, 0o600)


def test_the_key_is_in_its_file_alone_which_not_everybody_can_read(now, key):  # noqa: F811
    there(now, FRR, THEIRS)
    os.chmod(now.real(FRR), 0o664)
    said = made(now, INI + key)
    assert said[1:3] == [FRR + " is not everybody's to read any more: it holds a key", "changed " + FRR] and KEY not in "".join(said)
    assert stat.S_IMODE(os.stat(now.real(FRR)).st_mode) == 0o660
    assert [path for path, text in files(now).items() if KEY in text] == [FRR]
    assert made(now, INI + key) == []


def test_a_key_that_cannot_be_read_is_a_mistake_at_its_line(now, key, put):  # noqa: F811
    found = announce(INI + key)
    path = put("/key", KEY, 0o644)
    with pytest.raises(ConfigError) as raised:
        export.changes(found, now, now)
    assert raised.value.mistakes == ["F:4: %s; mode 0644, owner %d: a file of root's with mode 0600, which holds the key alone, is wanted"
                                     % (path, os.geteuid())]


def test_what_vtysh_objects_to_is_said_without_the_key_and_nothing_is_written(now, key, bin, root):  # noqa: F811
    bin.put("vtysh", "#!/bin/sh\nstat -c %%a $3 >%s/mode\n/bin/grep -n md5 $3 >&2; echo bad; exit 2\n" % bin.directory)
    with pytest.raises(Expected) as raised:
        made(now, INI + key)
    assert str(raised.value).startswith("/etc/frr/frr.conf as it would be: ") and str(raised.value).endswith(" md5 <key> bad")
    assert (files(now), bin.rows("mode")) == ({}, ["600"])
    assert not os.path.exists(root + "/run/vzhooks/routing")


def test_a_vtysh_that_does_not_end_is_said(now, bin, monkeypatch):  # noqa: F811
    run_ = process.run
    bin.put("vtysh", "#!/bin/sh\nsleep 60\n")
    monkeypatch.setattr(process, "run", lambda argv, *rest: run_(argv, "", 0.2))
    with pytest.raises(Expected, match="as it would be: did not end in time and was killed"):
        made(now)
