"""`vzhook lint`: what is wrong or doubtful, all of it, without touching anything."""
import pytest

from tests.unit.fakenode import FakeNode
from tests.unit.test_node_plan import SCENARIO2
from vzhooks import lint


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
        return [[one.replace(root + "/etc/vz/", "").replace("conf/138", "138") for one in texts] for texts in found]
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
    mistakes, doubts = [[one.replace(root + "/etc/vz/vzhooks.conf", "F") for one in texts] for texts in lint.node()]
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
