"""What check reads of listings, on the node and inside."""
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vzhooks import conflict, kernel, process
from vzhooks.drift import cli, inside, last, tools
from vzhooks.drift.check import Drift, Result
from vzhooks.node.present import Present
from vzhooks.node.tools import elements, vlans

INSIDE = """\
1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN mode DEFAULT group default qlen 1000\\    link/loopback 00 brd 00
2: eth0@if7: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1400 qdisc noqueue state UP\\    link/ether 00:18:51:00:00:65 brd ff:ff:ff:ff:ff:ff
3: eth1@if9: <BROADCAST,MULTICAST> mtu 1500 qdisc noop state DOWN\\    link/ether 00:18:51:00:01:65 brd ff:ff:ff:ff:ff:ff
1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever
2: eth0    inet 10.1.0.101/24 scope global eth0\\       valid_lft forever preferred_lft forever
2: eth0    inet6 2001:db8::101/64 scope global nodad \\       valid_lft forever preferred_lft forever
default via 10.1.0.1 dev eth0
10.1.0.0/24 dev eth0 proto kernel scope link src 10.1.0.101
local 10.1.0.101 dev eth0 table local proto kernel scope host src 10.1.0.101
10.7.0.0/16 via 10.1.0.9 dev eth0 table 7
2001:db8::2 dev eth0 metric 1024 pref medium
default via 2001:db8::1 dev eth0 metric 1024 onlink pref medium
"""
BRIEF = """\
lo               UNKNOWN        00:00:00:00:00:00 <LOOPBACK,UP,LOWER_UP>
eth0@if7         UP             00:18:51:00:00:65 <BROADCAST,MULTICAST,UP,LOWER_UP>
eth1@if9         DOWN           00:18:51:00:01:65 <BROADCAST,MULTICAST>
tun0             UNKNOWN        <POINTOPOINT,UP>
lo               UNKNOWN        127.0.0.1/8 ::1/128
eth0@if7         UP             10.1.0.101/24 2001:db8::101/64
eth1@if9         DOWN
""" + INSIDE[INSIDE.index("default via"):]
HELD = [
    ("ip link set dev eth0 up", True, ""), ("ip link set dev eth1 up", False, "down"),
    ("ip link set dev eth2 up", False, "no interface eth2"),
    ("ip link set dev eth0 mtu 1400", True, ""), ("ip link set dev eth1 mtu 1400", False, "mtu 1500"),
    ("ip link set dev eth0 txqueuelen 5", None, ""),
    ("ip address replace 10.1.0.101/24 dev eth0", True, ""),
    ("ip address replace 10.1.0.101/26 dev eth0", False, "10.1.0.101/24 on eth0"),
    ("ip address replace 10.1.0.101/24 dev eth1", False, "10.1.0.101/24 on eth0"),
    ("ip address replace 10.1.0.102/24 dev eth0", False, ""),
    ("ip address replace 2001:db8::101/64 dev eth0 nodad", True, ""),
    ("ip route replace default via 10.1.0.1 dev eth0 onlink", True, ""),
    ("ip route replace default via 10.1.0.2 dev eth0", False, "default via 10.1.0.1 dev eth0"),
    ("ip route replace default via 2001:db8::1 dev eth0", True, ""),
    ("ip -6 route replace default via 2001:db8::2 dev eth0", False,
     "default via 2001:db8::1 dev eth0 metric 1024 onlink pref medium"),
    ("ip route replace 2001:db8::2 dev eth0", True, ""), ("ip route replace 10.7.0.0/16 via 10.1.0.9 dev eth0", False, ""),
    ("ip route replace 10.7.0.0/16 via 10.1.0.9 dev eth0 table 7", None, ""), ("ip route replace 10.1.0.101 dev eth0", False, ""),
    ("sysctl net.ipv4.ip_forward=1", None, ""),
]


@pytest.mark.parametrize("command, held, found", HELD)
def test_what_a_container_has(command, held, found):
    parser = Present([])
    inner = inside.parsed(INSIDE, parser)
    assert inner.holds(command, parser) is held
    assert held is not False or inner.found(command, parser) == found


@pytest.mark.parametrize("command, held, found", [one for one in HELD if " mtu " not in one[0]])
def test_what_a_container_has_in_brief(command, held, found):
    parser = Present([])
    inner = inside.parsed(BRIEF, parser)
    assert inner.holds(command, parser) is held
    assert held is not False or inner.found(command, parser) == found
    assert inner.links["tun0"]["up"] == "up"


words = st.sampled_from(["1:", "eth0:", "eth0", "inet", "inet6", "default", "via", "dev", "table", "<UP>", "mtu", "nexthop", "::1", "\\",
                         "10.0.0.1/8", "local", "", "onlink", "inet6 fe80::1", "UP", "DOWN"])


@given(st.one_of(st.text(), st.lists(st.lists(words).map(" ".join)).map("\n".join)))
def test_whatever_a_container_prints_is_read(text):
    parser = Present([])
    inner = inside.parsed(text, parser)
    for command, _, _ in HELD:
        if inner.holds(command, parser) is False:
            inner.found(command, parser)


NFT = """table netdev vzhooks_antispoof {
\tset macs {
\t\ttype ifname . ether_addr
\t\telements = { "veth1.0" . 00:18:51:00:00:01,
\t\t\t     "veth2.0" . 00:18:51:00:00:02 }
\t}

\tset loose {
\t\ttype ifname
\t}

\tchain port_veth1.0 {
\t\ttype filter hook ingress device "veth1.0" priority -500; policy drop;
\t\tgoto port comment "vzhooks:1"
\t}
}
"""


def test_a_table_of_nft_in_parts():
    parts = tools.blocks(NFT)
    assert sorted(parts) == [("chain", "port_veth1.0"), ("set", "loose"), ("set", "macs")]
    assert elements(parts["set", "macs"]) == ['"veth1.0" . 00:18:51:00:00:01', '"veth2.0" . 00:18:51:00:00:02']
    assert 'comment "vzhooks:1"' in parts["chain", "port_veth1.0"]
    assert list(filter(None, elements(parts["set", "loose"]))) == []


OVS = [{"headings": ["_uuid", "name", "ports", "external_ids"], "data": [
    [["uuid", "b"], "br1", ["uuid", "p1"], ["map", []]], [["uuid", "c"], "br2", ["set", [["uuid", "p2"], ["uuid", "p3"]]], ["map", []]]]},
    {"headings": ["_uuid", "name", "tag", "protected"], "data": [
        [["uuid", "p1"], "br1", ["set", []], False], [["uuid", "p2"], "veth1.0", 7, True]]},
    {"headings": ["_uuid", "name", "error", "external_ids"], "data": [
        [["uuid", "i"], "veth1.0", ["set", []], ["map", [["owner", "vzhooks"]]]]]}]


def test_the_tables_of_open_vswitch(monkeypatch):
    made = tools.WholeTools(1)
    made.switch = tools.rows_of("\n".join(map(json.dumps, OVS)) + "\n")
    assert [made.bridge_of(port) for port in ("veth1.0", "br1", "veth9.0")] == ["br2", "br1", ""]
    good = ["ovs-vsctl --may-exist add-br br1",
            "ovs-vsctl --may-exist add-port br2 veth1.0 -- set Interface veth1.0 external-ids:owner=vzhooks -- set Port veth1.0 tag=7"]
    bad = ["ovs-vsctl --may-exist add-br br3", "ovs-vsctl --may-exist add-port br1 veth1.0",
           "ovs-vsctl --may-exist add-port br2 veth9.0", "ovs-vsctl --if-exists set Port veth1.0 tag=8",
           "ovs-vsctl --if-exists set Port veth1.0 protected=false", "ovs-vsctl set Interface veth1.0 external-ids:x=y"]
    assert [made.holds(command) for command in good + bad] == [True] * 2 + [False] * 6
    assert tools.rows_of("") == {"Bridge": {}, "Port": {}, "Interface": {}}


def test_vlans_of_ports():
    assert vlans("port\tvlan ids\nbr0\t 1 PVID Egress Untagged\n\nveth1.0\t 5 PVID Egress Untagged\n\t 7\n") == {
        "br0": ["1"], "veth1.0": ["5", "7"]}
    assert vlans("") == {}


def result(veid, *drift):
    return Result(veid, "running", 3, list(drift), 0, [], [])


def test_the_last_result_is_kept(root):
    assert last.load() == []
    drift = Drift("missing", "host", "ip route add 10.0.0.1 dev br0", "F:1", "")
    assert str(drift) == "missing: host ip route add 10.0.0.1 dev br0 (from F:1)"
    last.save([result("101", drift), result("102"), result("node")], True)
    last.save([result("101")], False)
    kept = {one["veid"]: one for one in last.load()}
    assert sorted(kept) == ["101", "102", "node"] and kept["101"]["drift"] == []
    assert 0 <= kept["101"]["age"] <= kept["102"]["age"] < 60 and "at" not in kept["101"]
    last.save([result("103", drift)], True)
    assert [(one["veid"], one["drift"][0]["command"]) for one in last.load()] == [("103", drift.command)]
    with open(root + "/run/vzhooks/checks/last", "w", encoding="utf-8") as file:
        file.write("damaged")
    assert last.load() == []


@given(st.lists(st.sampled_from(["\tset a {", "\t}", "}", "table x y {", "\t\telements = { 1,", "port\tvlan", "br0\t 1", "\t 2", "", " "]))
       .map("\n".join))
def test_whatever_nft_and_bridge_print_is_read(text):
    assert all(part.endswith("\t}") for part in tools.blocks(text).values())
    assert "" not in [name for port in vlans(text).values() for name in port]


ports = st.sampled_from(["veth101.0", "veth1.5", "br0"])


@given(st.dictionaries(ports, st.lists(st.integers(1, 4094).map(str), min_size=1)))
def test_vlans_are_found_again(held):
    rows = ["port\tvlan ids"]
    for port, numbers in held.items():
        rows += [port + "\t " + numbers[0] + " PVID Egress Untagged"] + ["\t " + number for number in numbers[1:]] + [""]
    assert vlans("\n".join(rows)) == held


@pytest.mark.parametrize("bar", [False, True])
def test_work_is_done_for_each(bar):
    done = []
    cli.each([result("101"), result("102")], done.append, bar)
    assert done == [result("101"), result("102")]


@pytest.mark.parametrize("status, said", [(0, ""), (2, None)])
def test_a_route_in_the_way_that_has_gone_meanwhile(monkeypatch, status, said):
    """`vzhook gc` has taken it between our `route add` and our look."""
    ran = []
    monkeypatch.setattr(kernel, "routes", lambda prefix: [])
    monkeypatch.setattr(process, "run", lambda argv, timeout: ran.append(argv) or process.Result(argv, status, "", ""))
    assert conflict.settle("ip route add 10.0.0.1 dev br0 proto 118", "101", "veth101.0", 1) == said
    assert ran == [["ip", "route", "add", "10.0.0.1", "dev", "br0", "proto", "118"]]
