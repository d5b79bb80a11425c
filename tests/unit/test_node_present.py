"""What the kernel has already: a command's words and the listing's row of the same thing say the same."""
import os

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.unit.fakenode import FakeNode, single
from vzhooks import process
from vzhooks.node.present import Present

TABLES = {"210": "internal", "200": "external", "254": "main"}
v4 = st.tuples(st.ip_addresses(v=4).map(str), st.integers(1, 32)).map("%s/%d".__mod__)
v6 = st.tuples(st.ip_addresses(v=6).map(str), st.integers(1, 128)).map("%s/%d".__mod__)
network = st.one_of(v4, v6)
device = st.sampled_from(["venet0", "vmbr0", "eth0.5", "br-x", "proto", "default"])
table = st.sampled_from(["210", "200", "4294967295", "254"])
named = st.booleans()


@pytest.fixture
def names(put):
    put("/etc/iproute2/rt_tables", "255 local\n254 main\n253\tdefault\n0 unspec\n#\n210\tinternal # x\n")
    put("/etc/iproute2/rt_tables.d/more.conf", "200 external\n")
    put("/etc/iproute2/rt_tables.d/more.txt", "1 internal\n")


def rule_command(rule):
    words = ["pref", rule["pref"], "from", rule["from"]]
    for key in ("to", "iif", "fwmark"):
        words += [key, rule[key]] if rule[key] else []
    return words + ["lookup", rule["table"], "protocol", "118"]


def rule_row(rule, detached, name, owner):
    """As print_rule of iproute2's iprule.c does."""
    row = "%s:\tfrom %s" % (rule["pref"], single(rule["from"]))
    row += " to " + single(rule["to"]) if rule["to"] else ""
    row += " fwmark " + rule["fwmark"] if rule["fwmark"] else ""
    row += " iif %s%s" % (rule["iif"], " [detached]" if detached else "") if rule["iif"] else ""
    return row + " lookup " + (TABLES.get(rule["table"], rule["table"]) if name else rule["table"]) + owner


rules = st.fixed_dictionaries({
    "pref": st.integers(0, 2 ** 32 - 1).map(str), "from": network, "to": st.one_of(st.just(""), network),
    "iif": st.one_of(st.just(""), device), "fwmark": st.sampled_from(["", "0x10000000/0x10000000", "0x1"]), "table": table})
owners = st.sampled_from(["", " proto 118", " proto vzhooks", " proto kernel"])


@given(rule=rules, detached=st.booleans(), name=named, owner=owners)
def test_a_rule_is_known_in_its_listing(names, rule, detached, name, owner):
    present = Present([])
    assert present.rule(rule_command(rule)) == present.rule(rule_row(rule, detached, name, owner).split())


@given(rule=rules, other=rules, name=named)
def test_another_rule_is_another(names, rule, other, name):
    assume(rule != other and [single(rule[key]) for key in ("from", "to")] + [rule["pref"]] !=
           [single(other[key]) for key in ("from", "to")] + [other["pref"]])
    present = Present([])
    assert present.rule(rule_command(rule)) != present.rule(rule_row(other, False, name, "").split())


@given(rule=rules, key=st.sampled_from(["pref", "from", "to", "iif", "fwmark", "table"]), other=rules)
def test_each_word_of_a_rule_counts(names, rule, key, other):
    assume(rule[key] != other[key])
    present = Present([])
    assert present.rule(rule_command(rule)) != present.rule(rule_command(dict(rule, **{key: other[key]})))


@pytest.mark.parametrize("more", ["not", "ipproto tcp", "dport 80", "tos 0x10", "uidrange 0-5", "suppress_prefixlength 0",
                                  "oif eth0"])
def test_a_rule_that_asks_for_more_is_another(more):
    present = Present([])
    mine = "pref 11816 from 10.0.0.0/24 iif venet0 lookup 210"
    row = "11816:\tfrom 10.0.0.0/24 iif venet0 %s lookup 210" % more
    if more == "not":
        row = "11816:\tnot from 10.0.0.0/24 iif venet0 lookup 210"
    assert present.rule(mine.split()) != present.rule(row.split())


def route_row(route, name, owner, more):
    """As print_route of iproute2's iproute.c does."""
    row = [single(route["to"]) if route["to"] != "default" else "default"]
    row += ["via", route["via"]] if route["via"] else []
    return row + ["dev", route["dev"]] + owner.split() + more.split()


routes = st.one_of(*[st.fixed_dictionaries({
    "to": st.one_of(st.just("default"), prefix), "dev": device,
    "via": st.one_of(st.just(""), prefix.map(lambda text: text.partition("/")[0]))}) for prefix in (v4, v6)])
MORE = st.sampled_from(["", "scope link", "scope link linkdown", "metric 1024 pref medium", "src 10.0.0.1 metric 7 onlink",
                        "dead linkdown onlink", "metric 1024 expires 5sec pref medium", "mtu lock 1400"])


@given(route=routes, name=named, owner=owners, more=MORE)
def test_a_route_is_known_in_its_listing(names, route, name, owner, more):
    words = [route["to"]] + (["via", route["via"]] if route["via"] else []) + ["dev", route["dev"], "table", "210",
                                                                              "proto", "118"]
    present = Present([])
    assert present.route(words) == present.route(route_row(route, name, owner, more))


@given(one=routes, other=routes)
def test_another_route_is_another(one, other):
    assume((single(one["to"]), one["via"], one["dev"]) != (single(other["to"]), other["via"], other["dev"]))
    present = Present([])
    assert present.route(route_row(one, False, "", "")) != present.route(route_row(other, False, "", ""))


@pytest.mark.parametrize("command, row, same", [
    ("0.0.0.0/0 via 10.0.0.1 dev a", "default via 10.0.0.1 dev a", True), ("::/0 dev a", "default dev a metric 1024", True),
    ("unreachable 10.0.0.0/8", "unreachable 10.0.0.0/8", True), ("10.0.0.0/8 dev a", "unreachable 10.0.0.0/8", False),
    ("2001:db8::/32 dev a", "2001:db8:: dev a", False), ("2001:db8::/128 dev a", "2001:db8:: dev a", True),
    ("default nexthop via 10.0.0.1 dev a weight 1 nexthop via 10.1.0.1 dev b weight 1",
     "default proto static metric 5 nexthop via 10.0.0.1 dev a weight 1 linkdown nexthop via 10.1.0.1 dev b weight 1 ", True),
    ("default nexthop via 10.0.0.1 dev a weight 1 nexthop via 10.1.0.1 dev b weight 1",
     "default nexthop via 10.0.0.1 dev a weight 1", False),
    ("default via 10.0.0.1 dev a", "default nexthop via 10.0.0.1 dev a weight 1 nexthop via 10.1.0.1 dev b weight 1", False)])
def test_routes_at_the_edges(command, row, same):
    present = Present([])
    assert (present.route(command.split()) == present.route(row.split())) is same


# With a node

@pytest.fixture
def node(tmp_path, monkeypatch):
    made = FakeNode(tmp_path / "node", monkeypatch)
    made.link("eth0", mac="02:00:0a:00:00:02", mtu=1400)
    made.link("br0", "linux", up=False, alias="vzhooks:br0")
    made.enslave("eth0", "br0")
    return made


HELD = ["ip link add name br0 type bridge", "ip link set dev br0 down", "ip link set dev eth0 up",
        "ip link set dev eth0 master br0", "ip link set dev br0 nomaster", "ip link set dev eth0 mtu 1400",
        "ip link set dev eth0 address 02:00:0a:00:00:02", "ip link set dev br0 alias vzhooks:br0",
        "ip link set dev br0 type bridge stp_state 0", "ip link set dev br0 type bridge stp_state 0 forward_delay 1500",
        "ip address add 10.0.0.2/24 brd + dev br0", "ip address add 2001:db8::2/64 dev br0 nodad",
        "ip address del 10.0.0.2/24 dev eth0", "ip route add 10.0.0.5/32 dev br0 proto 118",
        "ip route replace default via 10.0.0.1 dev br0 table 210 proto 118",
        "ip route add default via fe80::1 dev br0 proto 118", "ip -6 route replace default via fe80::1 dev br0 proto ra",
        "ip rule add pref 11816 from 10.0.0.0/24 to 10.0.0.0/24 iif venet0 lookup 254 protocol 118",
        "ip -6 rule add pref 11801 from 2001:db8::5/128 iif venet0 lookup 210 protocol 118",
        "sysctl net.ipv4.conf.br0.rp_filter=2", "brctl addbr br0", "brctl addif br0 eth0", "brctl stp br0 off",
        "brctl setfd br0 15", "ip route del 10.9.9.9 dev br0", "ip rule del pref 5 from 10.0.0.0/8 lookup 210"]
LACKED = ["ip link add name br1 type bridge", "ip link add name eth0 type bridge", "ip link set dev br0 up",
          "ip link set dev nosuch up", "ip link set dev eth0 down", "ip link set dev eth0 nomaster",
          "ip link set dev br0 master br0", "ip link set dev eth0 mtu 1500", "ip link set dev br0 alias x",
          "ip link set dev br0 type bridge forward_delay 0", "ip link set dev br0 type bridge stp_state 0 forward_delay 0",
          "ip link set dev eth0 type bridge stp_state 0", "ip address add 10.0.0.2/25 dev br0",
          "ip address add 10.0.0.2/24 dev eth0", "ip address del 10.0.0.2/24 dev br0", "ip address add 2001:db8::2/64 dev eth0",
          "ip route add 10.0.0.5 dev br0 table 210", "ip route add 10.0.0.5 via 10.0.0.1 dev br0",
          "ip route replace default via 10.0.0.1 dev br0 proto 118", "ip route add default via fe80::2 dev br0",
          "ip rule add pref 11816 from 10.0.0.0/24 to 10.0.0.0/24 iif venet0 lookup 210",
          "ip -6 rule add pref 11816 from 10.0.0.0/24 to 10.0.0.0/24 iif venet0 lookup 254", "sysctl net.ipv4.conf.br0.rp_filter=1",
          "sysctl net.ipv4.conf.br1.rp_filter=1", "brctl addbr br1", "brctl addif br0 eth1", "brctl stp br0 on",
          "brctl setfd br0 0", "ip route del 10.0.0.5 dev br0",
          "ip rule del pref 11816 from 10.0.0.0/24 to 10.0.0.0/24 iif venet0 lookup 254"]


def filled(node):
    node.tables = {"internal": "210"}
    node.sysctl("net.ipv4.conf.br0.rp_filter", "2")
    node.ip("address add 10.0.0.2/24 dev br0", "address add 2001:db8::2/64 dev br0", "route add 10.0.0.5 dev br0 proto boot",
            "route add default via 10.0.0.1 dev br0 table 210 proto 118", "route add default via fe80::1 dev br0",
            "rule add pref 11816 from 10.0.0.0/24 to 10.0.0.0/24 iif venet0 lookup 254 protocol 118",
            "-6 rule add pref 11801 from 2001:db8::5/128 iif venet0 lookup 210")
    node.asked, node.written = [], []


def test_what_is_there_is_held_and_nothing_else(node, put, names):
    filled(node)
    present = Present(HELD + LACKED)
    assert [command for command in HELD if present.holds(command) is not True] == []
    assert [command for command in LACKED if present.holds(command) is not False] == []
    assert present.missing(HELD + LACKED) == LACKED
    assert node.written == []


def test_each_listing_is_read_once(node):
    filled(node)
    Present(HELD + LACKED)
    assert [row for row in node.asked if row != "rule show"] == [
        "address show", "route show table 254", "route show table 210", "address show", "route show table 254"]
    node.asked = []
    Present(["ip link set dev br0 up", "sysctl a=1"])
    assert node.asked == []


def test_a_node_without_ipv6_and_a_table_that_is_not_there(node):
    filled(node)
    node.rules[6] = []
    node.refused = {"show table 77": "No such table"}
    commands = ["ip -6 rule add pref 1 from ::1 lookup 5", "ip route add 10.0.0.0/8 dev br0 table 77",
                "ip address add 2001:db8::9/64 dev br0", "ip route add 10.0.0.5 dev br0"]
    present = Present(commands)
    assert [present.holds(command) for command in commands] == [False, False, False, True]


@pytest.mark.parametrize("command, answers, wanted", [
    ("ovs-vsctl --may-exist add-br br5 -- set Bridge br5 stp_enable=false other-config:hwaddr=02:00:00:00:00:01",
     {"br-exists br5": (0, ""),
      "--if-exists get Bridge br5 stp_enable other-config:hwaddr": (0, 'false\n"02:00:00:00:00:01"\n')}, True),
    ("ovs-vsctl --may-exist add-br br5 -- set Bridge br5 stp_enable=false other-config:hwaddr=02:00:00:00:00:01",
     {"br-exists br5": (0, ""), "--if-exists get Bridge br5 stp_enable other-config:hwaddr": (0, 'false\n\n')}, False),
    ("ovs-vsctl --may-exist add-br br5 -- set Bridge br5 stp_enable=false", {
        "--if-exists get Bridge br5 stp_enable": (0, "true\n")}, False),
    ("ovs-vsctl --may-exist add-br br5", {"br-exists br5": (2, "")}, False),
    ("ovs-vsctl --may-exist add-port br5 eth0", {
        "port-to-br eth0": (0, "br5\n"), "--if-exists get Interface eth0 error": (0, "[]\n")}, True),
    ("ovs-vsctl --may-exist add-port br5 eth0", {
        "port-to-br eth0": (0, "br5\n"), "--if-exists get Interface eth0 error": (0, '"no such device"\n')}, False),
    ("ovs-vsctl --may-exist add-port br5 eth0", {"port-to-br eth0": (0, "br6\n")}, False),
    ("ovs-vsctl --if-exists del-port br5 eth0", {}, None),
    ("bridge fdb append 00:00:00:00:00:00 dev vx-br1 dst 10.1.2.4", {"bridge fdb show dev vx-br1": (
        0, "8e:42:64:7f:fe:31 master br1 permanent\n00:00:00:00:00:00 dst 10.1.2.40 self permanent\n"
           "00:00:00:00:00:00 dst 10.1.2.4 self permanent\n")}, True),
    ("bridge fdb append 00:00:00:00:00:00 dev vx-br1 dst 10.1.2.4", {"bridge fdb show dev vx-br1": (
        0, "8e:42:64:7f:fe:31 dst 10.1.2.4 self\n00:00:00:00:00:00 dst 10.1.2.40 self permanent\n")}, False),
    ("bridge fdb append 00:00:00:00:00:00 dev vx-br1 dst 10.1.2.4", {"bridge fdb show dev vx-br1": (1, "")}, False),
    ("bridge fdb del 00:00:00:00:00:00 dev vx-br1 dst 10.1.2.4", {}, None),
    ('nft add table inet t; add chain inet t c; add rule inet t c iifname @i mark set 1 comment "vzhooks:ingress"',
     {"nft list chain inet t c": (0, '\tiifname @i mark set 1 comment "vzhooks:ingress"\n')}, True),
    ('nft add rule inet t c accept comment "vzhooks:ingress"', {"nft list chain inet t c": (0, "accept\n")}, False),
    ('nft add rule inet t c accept comment "vzhooks:ingress"', {"nft list chain inet t c": (1, "")}, False),
    ("nft delete table inet t", {}, None),
    ("iptables -w -t mangle -N X", {"iptables -w -t mangle -S X": (0, "-N X\n")}, True),
    ("iptables -w -t mangle -N X", {"iptables -w -t mangle -S X": (1, "")}, False),
    ("ip6tables -w -t mangle -A P -j X", {"ip6tables -w -t mangle -C P -j X": (0, "")}, True),
    ("ip6tables -w -t mangle -A P -j X", {"ip6tables -w -t mangle -C P -j X": (1, "")}, False),
    ("iptables -w -t mangle -X X", {}, None), ("ethtool -K eth0 rx off", {}, None)])
def test_what_other_tools_have(node, command, answers, wanted):
    node.programs.add("ovs-vsctl")
    node.others = answers
    assert Present([command]).holds(command) is wanted


def test_of_a_tool_that_is_missing_nothing_is_there(node):
    node.programs = {"ip"}
    assert Present([]).holds("iptables -w -t mangle -N X") is False
    with pytest.raises(process.MissingCommand):
        node.find("ovs-vsctl")
    assert os.path.isdir(node.sys)
