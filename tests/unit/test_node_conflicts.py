"""What on a node stands in the way of vzhooks.conf, and what of its way to the world would move."""
import pytest

from tests.unit.fakenode import bridged_node, plan_of
from tests.unit.test_node_plan import BR0, SCENARIO2
from vzhooks import lint, plan
from vzhooks.errors import ConfigError
from vzhooks.node import planner


@pytest.fixture
def node(tmp_path, monkeypatch):
    return bridged_node(tmp_path, monkeypatch)


@pytest.fixture
def planned(put, root, node):
    """planned(INI): (the plan's text, what is doubted)."""
    return lambda ini: plan_of(ini, put, root)


@pytest.fixture
def refused(planned, root):
    """refused(INI): the mistakes."""
    def make(ini):
        with pytest.raises(ConfigError) as caught:
            planned(ini)
        found = [one.replace(root + "/etc/vz/vzhooks.conf", "F") for one in caught.value.mistakes]
        assert [one.replace(root + "/etc/vz/vzhooks.conf", "F") for one in lint.node().mistakes] == found
        return found
    return make


@pytest.mark.parametrize("ini, setup, wanted", [
    ("[bridge br0]\nports = eth7\n", [], ["F:2: port eth7 of br0: there is no such interface; an interface of this node is "
                                          "wanted"]),
    ("[bridge eth1]\n", [], ["F:1: eth1 is there already and is no Linux bridge; another name is wanted, or its removal"]),
    ("[bridge vmbr0]\ntype = ovs\n", [], ["F:1: vmbr0 is there already and is no Open vSwitch bridge; another name is "
                                          "wanted, or its removal"]),
    ("[bridge vmbr1]\nports = eth0\naddress = 10.0.0.2/24\n",
     ["address add 172.17.0.1/16 dev vmbr1", "address add 10.0.0.2/24 dev vmbr1"],
     ["F:1: a bridge vmbr1 is there already, which vzhooks has not made: address 172.17.0.1/16, no port eth0; another name "
      "is wanted, or the same addresses and ports"]),
    ("[bridge br0]\nports = eth0\naddress = 10.0.0.2/24\n", ["link set dev eth0 master vmbr0",
                                                             "address add 10.0.0.3/24 dev eth0"],
     ["F:2: port eth0 of br0 is a port of vmbr0 now; a port that no other bridge has is wanted",
      "F:3: port eth0 has the address 10.0.0.3/24, which would not work on a port; 'address = ... 10.0.0.3/24' in [bridge "
      "br0], or its removal, is wanted"]),
    (BR0, [], ["F:4: gateway 10.0.0.1, but the node has 'default via 192.168.1.3 dev vmbr0 proto static'; one default route "
               "is wanted"]),
    (SCENARIO2.replace("vmbr1", "br9"), [],
     ["F:8: dev br9 of [network external]: there is no such interface; an interface of this node, or a [bridge], is wanted"]),
    (SCENARIO2, ["route add 10.0.0.0/8 dev vmbr1 table 200 proto static"],
     ["F:10: table 200 has a route of somebody else: '10.0.0.0/8 dev vmbr1 proto static scope link table 200'; the number of "
      "an empty table is wanted"]),
    (SCENARIO2, ["route add 10.0.0.0/8 dev vmbr1 table 200 proto 118"], None),
    ("[bridge br9]\n" + SCENARIO2.replace("vmbr1", "br9"), [], None),
])
def test_what_stands_in_the_way_is_named_and_nothing_planned(planned, refused, node, ini, setup, wanted):
    node.ip(*setup)
    if wanted is None:
        assert planned(ini)[0]
    else:
        assert refused(ini) == wanted


def test_all_of_it_comes_at_once_in_the_file_s_order(refused, node):
    assert [one.split(":")[1] for one in refused(
        SCENARIO2.replace("vmbr1", "br9") + BR0 + "[bridge br5]\nports = eth7 eth0\nmtu = 1\n[networks]\n")] == [
            "8", "14", "17", "18"]


@pytest.mark.parametrize("names, wanted", [
    ("210 internal\n200\texternal # ours\n", None), ("0xd2 internal\n", None),
    ("211 internal\n", "F:5: table 210 of [network internal], but internal is table 211 in rt_tables; the number and name of "
                       "a table that nobody uses are wanted"),
    ("210 isp\n", "F:5: table 210 of [network internal], but isp is table 210 in rt_tables; the number and name of a table "
                  "that nobody uses are wanted")])
@pytest.mark.parametrize("path", ["/etc/iproute2/rt_tables", "/etc/iproute2/rt_tables.d/isp.conf"])
def test_a_table_that_has_another_name(planned, refused, put, path, names, wanted):
    put(path, names)
    if wanted is None:
        planned(SCENARIO2)
    else:
        assert refused(SCENARIO2) == [wanted]


@pytest.mark.parametrize("every, device, asked, wanted", [
    ("0", "1", "", True), ("1", "0", "", True), ("1", "1", "", True), ("2", "1", "", False), ("1", "2", "", False),
    ("0", "0", "", False), ("1", "1", "rp_filter = 2", False), ("0", "1", "rp_filter = 0", False),
    ("1", "0", "rp_filter = 0", True), ("0", "0", "rp_filter = 1", True)])
def test_an_rp_filter_that_drops_what_comes_back_is_doubted(planned, node, every, device, asked, wanted):
    node.sysctl("net.ipv4.conf.all.rp_filter", every)
    node.sysctl("net.ipv4.conf.vmbr1.rp_filter", device)
    doubts = planned(SCENARIO2 + asked + "\n")[1]
    assert len(doubts) == int(wanted)
    for doubt in doubts:
        assert doubt.startswith("F:8: rp_filter is 1 on vmbr1, which drops what comes in there from beyond 200.200.100.0/23")
        assert doubt.endswith("; 'rp_filter = 2' in [network external] is wanted")


def test_the_way_to_the_world_is_known_to_move(planned, node):
    node.ip("address add 10.0.0.2/24 dev eth0", "route replace default via 10.0.0.1 dev eth0")
    planned(BR0)
    assert planner.node_plan(planner.conf()).moves == [
        "eth0, by which this node is reached (10.0.0.2/24), becomes a port of br0"]
    gone = [plan.Line("node", command) for command in (
        "ip link add name br0 type bridge", "ip route replace 10.0.0.0/8 dev eth0 scope link",
        "ip address del 10.0.0.2/24 dev eth0")]
    assert planner.lost_ways(gone) == []
    assert planner.lost_ways([plan.Line("node", "ip address add 10.0.0.2/24 dev eth0")]) == [
        "eth0, by which this node is reached: 'ip address add 10.0.0.2/24 dev eth0' is undone"]
    node.ip("route del default")
    assert planner.node_plan(planner.conf()).moves  # without a default route, every address is such a way


def test_a_node_plan_starts_nothing_that_writes(planned, node):
    node.ip("address add 10.0.0.2/24 dev eth0", "route replace default via 10.0.0.1 dev eth0")
    before, node.written = node.state(), []
    planned(BR0 + SCENARIO2)
    assert (node.written, node.state()) == ([], before)
