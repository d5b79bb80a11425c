"""`vzhook node export frr|quagga`: our parts of others' files, byte for byte, and what stands against them."""
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


# After `write memory`, which FRR 8.4 carries out so

WRITTEN = """\
frr version 8.4.4
hostname gate
!
interface vmbr0
 ip ospf area 0.0.0.0
 ip ospf dead-interval 3
exit
!
router ospf
 ospf router-id 10.0.0.2
 redistribute kernel route-map vzhooks
 passive-interface default
exit
!
ip prefix-list mine seq 5 permit 192.0.2.0/24
ip prefix-list vzhooks-no seq 1 deny 0.0.0.0/0
ip prefix-list vzhooks-no seq 6 permit 192.0.2.9/32
ip prefix-list vzhooks-single seq 5 permit 0.0.0.0/0 ge 32
!
ipv6 prefix-list vzhooks-no seq 1 deny ::/0
!
bgp as-path access-list vzhooks-own seq 5 permit ^$
!
route-map mine permit 10
 match ip address prefix-list mine
exit
!
route-map vzhooks deny 10
 match ip address prefix-list vzhooks-no
exit
!
route-map vzhooks6-out permit 50
 match as-path vzhooks-own
exit
!
line vty
exit
!
"""


def test_after_write_memory_nothing_of_ours_is_there_twice(now):  # noqa: F811
    there(now, FRR, WRITTEN)
    run(NO5)
    made(now)
    text = now.text(FRR)
    rows = text.split("! vzhooks: begin\n")[0].split("\n")
    assert [row for row in rows if "vzhooks" in row] == []
    for row in WRITTEN.split("\n"):
        if "vzhooks" not in row and row not in ("", "!", "exit"):
            assert "\n" + row + "\n" in "\n" + text, row
    assert "route-map mine permit 10\n match ip address prefix-list mine\nexit\n!\n" in text
    assert text.count("route-map vzhooks deny 10\n") == text.count(" redistribute kernel route-map vzhooks\n") == 1
    assert "192.0.2.9" not in text and text.count(NO5) == 1 and "as-path" not in text and "vzhooks6" not in text
    assert made(now) == []


def test_after_write_memory_an_undo_takes_out_what_has_our_name(now):  # noqa: F811
    there(now, FRR, WRITTEN)
    undone(now)
    assert "vzhooks" not in now.text(FRR) and "route-map mine permit 10\n match ip address prefix-list mine\n" in now.text(FRR)


@pytest.mark.parametrize("lost", ["! vzhooks: end\n", "! vzhooks: begin\n"])
def test_a_mark_without_its_other_half_takes_nobody_s_rows_along(now, lost):  # noqa: F811
    there(now, FRR, THEIRS)
    made(now)
    torn = now.text(FRR).replace(lost, "") + "router bgp 65000\n neighbor 192.0.2.9 remote-as 65009\nline vty\n"
    there(now, FRR, torn)
    made(now)
    text = now.text(FRR)
    assert "router bgp 65000\n neighbor 192.0.2.9 remote-as 65009\nline vty\n" in text and text.startswith(THEIRS)
    assert [text.count(row) for row in ("! vzhooks: begin\n", "! vzhooks: end\n", "route-map vzhooks deny 10\n")] == [1, 1, 1]
    there(now, FRR, torn)
    undone(now)
    assert "router bgp 65000\n neighbor 192.0.2.9 remote-as 65009\nline vty\n" in now.text(FRR) and "vzhooks" not in now.text(FRR)


def test_a_part_that_is_there_twice_is_there_once(now):  # noqa: F811
    made(now)
    part = now.text(FRR)
    there(now, FRR, "a\n" + part + "b\n" + part + "c\n")
    made(now)
    assert now.text(FRR) == "a\n" + part + "b\nc\n"
    there(now, FRR, "a\n" + part + "b\n! vzhooks: begin\nc\n" + part)
    made(now)
    assert now.text(FRR) == "a\n" + part + "b\nc\n"


# What stands against it


EVERYBODY = ("none is wanted: it lets everybody behind those interfaces speak OSPF with this node, and excludes 'ip ospf area' on an "
             "interface")


@pytest.mark.parametrize("text, ini, wanted", [
    ("!\nrouter ospf\n network 0.0.0.0/0  area 0.0.0.0\n", INI,
     ["/etc/frr/frr.conf:3: 'network 0.0.0.0/0 area 0.0.0.0' beside interfaces = vmbr0 (F:2); " + EVERYBODY]),
    ("router ospf\nnetwork 0.0.0.0/0 area 0\nredistribute kernel\n", INI,  # a daemon wants no indentation
     ["/etc/frr/frr.conf:2: 'network 0.0.0.0/0 area 0' beside interfaces = vmbr0 (F:2); " + EVERYBODY,
      "/etc/frr/frr.conf:3: 'redistribute kernel', which announces every kernel route; none is wanted: [announce] says which"]),
    ("router ospf\n\tnetwork 10.0.0.0/8 area 0\n", INI,
     ["/etc/frr/frr.conf:2: 'network 10.0.0.0/8 area 0' beside interfaces = vmbr0 (F:2); " + EVERYBODY]),
    ("router  ospf6\n redistribute kernel route-map all\n", INI,
     ["/etc/frr/frr.conf:2: 'redistribute kernel route-map all', which announces every kernel route; none is wanted: [announce] says "
      "which"]),
    ("router ospf\n area 0.0.0.5 nssa\n area 5 stub no-summary\n area 6 stub\n", INI + "area = 5\n",
     ["/etc/frr/frr.conf:2: 'area 0.0.0.5 nssa', the area of [announce]; an ordinary area is wanted: in an NSSA the border router "
      "translates each route (RFC 3101, 3.2), so that a withdrawn or moved address stays known beyond it under another router's name, "
      "and type 1 is not what the others see",
      "/etc/frr/frr.conf:3: 'area 5 stub no-summary', the area of [announce]; an ordinary area is wanted: a stub area takes no external "
      "routes (RFC 2328, 3.6), and those of containers are external"]),
    ("router bgp 65000\n network 10.0.0.0/8\nrouter bgp 65009 vrf red\nrouter bgp 65001\n", BGP,
     ["/etc/frr/frr.conf:1: 'router bgp 65000' beside as = 65001 (F:3); the same number is wanted"]),
    ("router bgp 65000\n network 10.0.0.0/8\n redistribute kernel\n", INI, []),
    ("router ospf\n redistribute kernel route-map vzhooks\n area 0 range 10.0.0.0/8\n", INI, []),
    ("router ospf\n network 0.0.0.0/0 area 0\n", BGP, []), ("router ospf vrf red\n network 0.0.0.0/0 area 0\n", INI, []),
    ("router ospf\n!\nrouter rip\n network 10.0.0.0/8\n", INI, []), ("! router ospf\n! network 0.0.0.0/0 area 0\n", INI, []),
    ("! vzhooks: begin\nrouter ospf\n network 0.0.0.0/0 area 0\n! vzhooks: end\n", INI, []),
    ("! vzhooks: begin\nrouter ospf\n redistribute kernel\n", INI,
     ["/etc/frr/frr.conf:3: 'redistribute kernel', which announces every kernel route; none is wanted: [announce] says which"])])
def test_conflicts_with_frr_conf(now, text, ini, wanted):  # noqa: F811
    there(now, FRR, text)
    before = files(now)
    if not wanted:
        made(now, ini)
        return
    with pytest.raises(ConfigError) as raised:
        made(now, ini)
    assert (raised.value.mistakes, files(now)) == (wanted, before)


def test_conflicts_of_quagga_s_files(now):  # noqa: F811
    there(now, "etc/quagga/ospfd.conf", "router ospf\n network 10.0.0.0/8 area 0\n redistribute kernel\n")
    there(now, "etc/quagga/ospf6d.conf", "router ospf6\n interface vmbr0 area 0\n redistribute kernel\n")
    with pytest.raises(ConfigError) as raised:
        made(now, QUAGGA)
    said = "'redistribute kernel', which announces every kernel route; none is wanted: [announce] says which"
    assert raised.value.mistakes == ["/etc/quagga/ospfd.conf:3: " + said, "/etc/quagga/ospf6d.conf:3: " + said]


def test_frr_in_the_old_manner(now):  # noqa: F811
    there(now, "etc/frr/ospfd.conf", "!\n")
    there(now, "etc/frr/vtysh.conf", "!\n no service integrated-vtysh-config \n")
    with pytest.raises(ConfigError) as raised:
        made(now)
    assert raised.value.mistakes == [
        "/etc/frr/ospfd.conf:1: a file of one daemon, and no frr.conf; FRR reads either the one or the other; one frr.conf with what is in "
        "them is wanted (vtysh: 'write')",
        "/etc/frr/vtysh.conf:2: 'no service integrated-vtysh-config', with which frr.conf is not read; 'service integrated-vtysh-config' is "
        "wanted"]
    there(now, FRR, "")
    there(now, "etc/frr/vtysh.conf", "!\n")
    assert made(now)


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


@pytest.mark.needs("vtysh")
def test_what_is_made_of_others_configuration_is_what_frr_takes(now, key, monkeypatch):  # noqa: F811
    monkeypatch.setattr(paths, "PATH", "/usr/bin:/bin")
    there(now, FRR, WRITTEN)
    run(NO5)
    assert "changed " + FRR in made(now, INI.replace("4", "4 6") + key)
    there(now, FRR, "bogus\n" + WRITTEN)
    with pytest.raises(Expected, match="/etc/frr/frr.conf as it would be: .*bogus"):
        made(now)
