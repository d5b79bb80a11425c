"""`vzhook lint`: what is wrong or doubtful, all of it, without touching anything."""
import json
import os

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.fakenode import FakeNode
from tests.unit.test_node_plan import SCENARIO2
from vzhooks import cli, lint, paths, typos


@pytest.fixture
def node(tmp_path, monkeypatch):
    made = FakeNode(tmp_path / "node", monkeypatch)
    made.link("vmbr0", "linux")
    made.link("vmbr1", "linux")
    made.ip("route add default via 192.168.1.3 dev vmbr0")
    return made


@pytest.fixture
def linted(put, root, node):
    """linted(CONF, INI): the mistakes and doubts of container 138."""
    def make(text, ini=SCENARIO2):
        put("/etc/vz/vzhooks.conf", ini)
        put("/etc/vz/conf/138.conf", text)
        before, node.written = node.state(), []
        found = lint.container("138")
        assert (node.state(), node.written) == (before, [])
        return [[one.replace(root + "/etc/vz/", "").replace("conf/138", "138") for one in texts] for texts in (found.mistakes, found.doubts)]
    return make


NO_MASK = ("138.conf:1: IP_ADDRESS: %s has no mask, and the container is in several networks; %s/PREFIX is wanted: the mask tells "
           "the container which of its addresses to use; the first one is the default")
NO_NETWORK = ("138.conf:1: IP_ADDRESS: %s is in no [network] of vzhooks.conf; an address within one of them is wanted, or a "
              "[network] for it; it leaves by the node's own default route")


@pytest.mark.parametrize("addresses, wanted", [
    ("200.200.100.12/23 192.168.1.100/24", []), ("192.168.1.100", []), ("192.168.1.100 192.168.1.101", []), ("", []),
    ("200.200.100.12 192.168.1.100/24", [NO_MASK % (("200.200.100.12",) * 2)]),
    ("200.200.100.12 192.168.1.100/255.255.255.255", [NO_MASK % ((one,) * 2) for one in ("200.200.100.12", "192.168.1.100")]),
    ("10.0.0.5/24", [NO_NETWORK % "10.0.0.5"]), ("2001:db8::5", [NO_NETWORK % "2001:db8::5"]),
    ("ten", ["138.conf:1: IP_ADDRESS: 'ten'; an IPv4 or IPv6 address with or without /PREFIX is wanted"])])
def test_addresses_of_venet(linted, addresses, wanted):
    assert linted("IP_ADDRESS='%s'\n" % addresses) == [[], wanted]


def test_without_networks_nothing_is_asked_of_addresses(linted):
    assert linted("IP_ADDRESS='10.0.0.5 10.1.0.5'\n", "") == [[], []]


def test_mistakes_and_doubts_come_together(linted):
    mistakes, doubts = linted("IP_ADDRESS=10.0.0.5\nNETIF='ifname=eth0'\nBRIDGEDEV=br7\nVETH_MTU=1\nANNOUNCE=standby\n")
    assert mistakes == ["138.conf:3: bridge br7, which this node has not; the name of a bridge of this node is wanted",
                        "138.conf:4: VETH_MTU: '1'; a number from 68 to 65535 is wanted"]
    assert doubts == [NO_NETWORK % "10.0.0.5", "138.conf:5: ANNOUNCE=standby, but vzhooks.conf has no [announce]; "
                      "nothing comes of it"]


def test_mistakes_of_the_node_s_file_are_the_node_s(linted, root):
    mistakes, _ = linted("NETIF='ifname=eth0,host_ifname=v'\nVETH_IP_ADDRESS=10.0.0.5\n", "[node]\ntimeout = 0\n")
    assert mistakes == []
    found = lint.node()
    assert [one.replace(root, "") for one in found.mistakes] == [
        "/etc/vz/vzhooks.conf:2: timeout = 0; a number from 1 to 3600 is wanted"]


def test_networks_that_overlap_are_doubted_and_those_that_are_the_same_a_mistake(linted, root):
    linted("", SCENARIO2 + "[network a]\ncidr = 192.168.0.0/16\ndev = vmbr0\ngateway = 192.168.0.1\ntable = 5\n"
           "[network b]\ncidr = 192.168.0.0/16\ndev = vmbr9\ngateway = 192.168.0.1\ntable = 5\n")
    mistakes, doubts = [[one.replace(root + "/etc/vz/vzhooks.conf", "F") for one in texts] for texts in lint.node()[:2]]
    wanted = "networks without a common address are wanted"
    longer = "; the longer prefix goes first"
    assert mistakes == [
        "F:17: 192.168.0.0/16 overlaps 192.168.0.0/16 of [network a] (F:12); " + wanted,
        "F:18: dev vmbr9 of [network b]: there is no such interface; an interface of this node, or a [bridge], is wanted",
        "F:20: table 5 is the table of [network a] (F:15), too; one table for each network is wanted"]
    assert doubts == ["F:12: 192.168.0.0/16 overlaps 192.168.1.0/24 of [network internal] (F:2); " + wanted + longer,
                      "F:17: 192.168.0.0/16 overlaps 192.168.1.0/24 of [network internal] (F:2); " + wanted + longer]


def test_files_that_cannot_be_read_are_mistakes(put, node, root):
    put("/etc/vz/conf/139.conf", "IP_ADDRESS=10.0.0.5\n", 0o666)
    put("/etc/vz/vzhooks.conf", "[node]\n", 0o666)
    for found, names in ((lint.container("139"), ["conf/139.conf", "vzhooks.conf"]), (lint.node(), ["vzhooks.conf"])):
        assert [one.split(";")[0] for one in found.mistakes] == [
            "%s/etc/vz/%s:1: writable by everybody" % (root, name) for name in names]
        assert found.doubts == []


# What containers have twice, and variables that nobody knows

def two(put, first, second):
    put("/etc/vz/conf/101.conf", first)
    put("/etc/vz/conf/102.conf", second)
    return [text for _, found in lint.everything([]) for text in found.mistakes + found.doubts]


NETIF = "NETIF='ifname=eth0,mac=00:18:51:00:00:0%d,host_ifname=veth10%d.0,host_mac=fe:ff:ff:ff:ff:ff'\n"


@pytest.mark.parametrize("first, second, wanted", [
    (NETIF % (1, 1) + "IP_ADDRESS=10.0.0.5\n", NETIF % (2, 2) + "IP_ADDRESS='10.0.0.4 10.0.0.5/24'\n", [
        "102.conf:2: address 10.0.0.5, which is CT 101's, too (101.conf:2)"]),
    (NETIF % (1, 1) + "VETH_IP_ADDRESS=2001:db8::5\n", NETIF % (2, 2) + "VETH_IP_ADDRESS=2001:DB8:0::5/64\n", [
        "102.conf:2: address 2001:db8::5, which is CT 101's, too (101.conf:2)"]),
    (NETIF % (1, 1), NETIF % (1, 1), ["102.conf:1: MAC 00:18:51:00:00:01, which is CT 101's, too (101.conf:1)",
                                      "102.conf:1: host_ifname veth101.0, which is CT 101's, too (101.conf:1)"]),
    (NETIF % (1, 1) + "VETH_IP_ADDRESS=10.0.0.5/24\n", NETIF % (2, 2) + "VETH_IP_ADDRESS=10.0.0.6/24\n", []),
    ("", "", [])])
def test_what_two_containers_have(put, root, node, first, second, wanted):
    said = [text.replace(root + "/etc/vz/conf/", "") for text in two(put, first, second)]
    assert said == [text + "; one of its own is wanted, unless only one of the two ever runs" for text in wanted]


def test_a_public_address_of_two(put, root, node):
    conf = "[floating]\nuplinks = vmbr1\n"
    put("/etc/vz/vzhooks.conf", conf)
    text = NETIF + "VETH_IP_ADDRESS=10.17.0.%d/24\nFLOATING_IP=203.0.113.10\n"
    said = two(put, text % (1, 1, 1), text % (2, 2, 2))
    assert [one for one in said if "public address 203.0.113.10, which is CT 101's, too" in one]


NOTHING = "138.conf:2: %s, which means nothing; '%s' is wanted, if that is meant"
LOST = "138.conf:2: %s, but NETIF has no interface of that name; %s is wanted"


@pytest.mark.parametrize("name, wanted", [
    ("BRIDGDEV", NOTHING % ("BRIDGDEV", "BRIDGEDEV")), ("BRIDGEDEVV", NOTHING % ("BRIDGEDEVV", "BRIDGEDEV")),
    ("VETH_IP_ADRESS", NOTHING % ("VETH_IP_ADRESS", "VETH_IP_ADDRESS")), ("ANITSPOOF", NOTHING % ("ANITSPOOF", "ANTISPOOF")),
    ("veth_mtu", NOTHING % ("veth_mtu", "VETH_MTU")), ("VETH_NTU", NOTHING % ("VETH_NTU", "VETH_MTU")),
    ("BRIDGDEV_eth0", NOTHING % ("BRIDGDEV_eth0", "BRIDGEDEV_eth0")), ("NETIFF", NOTHING % ("NETIFF", "NETIF")),
    ("IP_ADRESS", NOTHING % ("IP_ADRESS", "IP_ADDRESS")), ("CONFIG_CUSTOMISED", NOTHING % ("CONFIG_CUSTOMISED", "CONFIG_CUSTOMIZED")),
    ("VETH_MTU_eth7", LOST % ("VETH_MTU_eth7", "VETH_MTU_eth0")), ("BRIDGEDEV_eth", LOST % ("BRIDGEDEV_eth", "BRIDGEDEV_eth0")),
    ("VETH_MTU_eth0", ""), ("SNAP", ""), ("HOSTNAME", ""), ("VE_ROOT", ""), ("NAMESERVER", ""), ("DISKSPACE", ""), ("OSTEMPLATE", ""),
    ("PHYSPAGES", ""), ("BRIDGE", ""), ("VETH", ""), ("CONFIG_CUSTOMIZED", "")])
def test_variables_that_nobody_knows(linted, name, wanted):
    mistakes, doubts = linted("NETIF='ifname=eth0,host_ifname=v'\n%s=1500\n" % name, "")
    assert [one for one in doubts if name in one] == ([wanted] if wanted else [])


@given(known=st.sampled_from([name for name in typos.KNOWN if len(name) >= 5]), at=st.integers(0, 20), letter=st.sampled_from("AEX_9"))
def test_one_letter_away_is_near_and_two_are_not(known, at, letter):
    at %= len(known)
    assert typos.is_near(known[:at] + letter + known[at:], known) and typos.is_near(known[:at] + known[at + 1:], known)
    assert typos.is_near(known[:at] + letter + known[at + 1:], known) and typos.is_near(known.lower(), known)
    assert typos.is_near(known[:at] + known[at:at + 2][::-1] + known[at + 2:], known)
    assert not typos.is_near(known + letter + letter, known) and not typos.is_near(known[2:], known)


def test_the_command_as_compilers_and_as_json(put, root, node):
    put("/etc/vz/conf/101.conf", "NETIF='ifname=eth0,host_ifname=v1'\nVETH_MTU=1\nBRIDGDEV=br0\n")
    run = CliRunner().invoke(cli.vzhook, ["lint", "101"], env={"LC_ALL": "C.UTF-8"})
    path = root + "/etc/vz/conf/101.conf"
    assert run.exit_code == 2
    assert path + ":2: VETH_MTU: '1'; a number from 68 to 65535 is wanted\n" in run.output
    assert path + ":3: doubtful: BRIDGDEV, which means nothing; 'BRIDGEDEV' is wanted, if that is meant\n" in run.output
    run = CliRunner().invoke(cli.vzhook, ["lint", "--json"], env={"LC_ALL": "C.UTF-8"})
    rows = json.loads(run.output.partition("mistakes:")[0])
    assert run.exit_code == 2 and [(row["file"], row["line"], row["severity"], row["container"]) for row in rows] == [
        (path, 2, "mistake", "101"), (path, 3, "doubt", "101")]
    assert rows[1]["message"] == "BRIDGDEV, which means nothing; 'BRIDGEDEV' is wanted, if that is meant"


def test_a_machine_without_programs_says_what_files_tell(put, root, monkeypatch):
    """A configuration repository's CI.  What cannot be known there is said once."""
    monkeypatch.setattr(paths, "PATH", root + "/bin")
    put("/etc/vz/vzhooks.conf", "[bridge br0]\nports = eth0\n[network x]\ncidr = 10\n")
    for number in 1, 2:
        put("/etc/vz/conf/10%d.conf" % number, NETIF % (number, number) + "BRIDGEDEV=br0\nVETH_IP_ADDRESS=ten\n")
    rows = CliRunner(env={"LC_ALL": "C.UTF-8"}).invoke(cli.vzhook, ["lint"]).output.replace(root + "/etc/vz/", "").splitlines()
    places = [(row.split(":")[0], ": doubtful: " in row) for row in rows]
    assert places.count(("conf/101.conf", False)) == places.count(("conf/102.conf", False)) == 1
    assert places.count(("vzhooks.conf", False)) >= 1 and 1 <= places.count(("vzhooks.conf", True)) <= 2, rows


def test_a_machine_without_vzctl(root, node):
    os.rmdir(root + "/etc/vz/conf")
    assert [text.replace(root, "") for text in lint.node().doubts] == [
        "/etc/vz/conf:1: no such directory; the conf files of vzctl's containers are wanted there"]
