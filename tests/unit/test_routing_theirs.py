"""Others' rows in a daemon's files: what `write memory` or an editor made of them, and what stands against [announce]."""
import pytest

from tests.unit.test_export import now, there  # noqa: F401 (a fixture)
from tests.unit.test_routing_export import BGP, FRR, INI, NO5, QUAGGA, THEIRS, bin, files, made, run, undone  # noqa: F401
from vzhooks.errors import ConfigError

# As `write memory` of FRR 8.4 leaves it
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
