"""vzhooks.conf and the node's state become the node's plan, exactly; and what stands in its way."""
import pytest

from tests.unit.fakenode import bridged_node, plan_of
from vzhooks import journal as container_journal
from vzhooks import kernel, plan
from vzhooks.errors import Expected
from vzhooks.node import journal, planner

SCENARIO2 = """[network internal]
cidr = 192.168.1.0/24
dev = vmbr0
gateway = 192.168.1.3
table = 210
[network external]
cidr = 200.200.100.0/23
dev = vmbr1
gateway = 200.200.100.30
table = 200
"""
BR0 = "[bridge br0]\nports = eth0\naddress = 10.0.0.2/24 2001:db8:1::2/64\ngateway = 10.0.0.1 2001:db8:1::1\n"


@pytest.fixture
def node(tmp_path, monkeypatch):
    return bridged_node(tmp_path, monkeypatch)


@pytest.fixture
def planned(put, root, node):
    """planned(INI): (the plan's text, what is doubted)."""
    return lambda ini: plan_of(ini, put, root)


def test_scenario_2(planned):
    text, doubts = planned(SCENARIO2)
    assert doubts == []
    assert text == """\
# F:2
node  ip route replace 192.168.1.0/24 dev vmbr0 table 210 proto 118
undo  ip route del 192.168.1.0/24 dev vmbr0 table 210 proto 118
# F:4
node  ip route replace default via 192.168.1.3 dev vmbr0 table 210 proto 118
undo  ip route del default via 192.168.1.3 dev vmbr0 table 210 proto 118
# F:2
node  ip rule add pref 11816 from 192.168.1.0/24 to 192.168.1.0/24 iif venet0 lookup 254 protocol 118
undo  ip rule del pref 11816 from 192.168.1.0/24 to 192.168.1.0/24 iif venet0 lookup 254
node  ip rule add pref 11817 from 192.168.1.0/24 iif venet0 lookup 210 protocol 118
undo  ip rule del pref 11817 from 192.168.1.0/24 iif venet0 lookup 210
# F:7
node  ip route replace 200.200.100.0/23 dev vmbr1 table 200 proto 118
undo  ip route del 200.200.100.0/23 dev vmbr1 table 200 proto 118
# F:9
node  ip route replace default via 200.200.100.30 dev vmbr1 table 200 proto 118
undo  ip route del default via 200.200.100.30 dev vmbr1 table 200 proto 118
# F:7
node  ip rule add pref 11818 from 200.200.100.0/23 to 200.200.100.0/23 iif venet0 lookup 254 protocol 118
undo  ip rule del pref 11818 from 200.200.100.0/23 to 200.200.100.0/23 iif venet0 lookup 254
node  ip rule add pref 11819 from 200.200.100.0/23 iif venet0 lookup 200 protocol 118
undo  ip rule del pref 11819 from 200.200.100.0/23 iif venet0 lookup 200
"""


def test_a_kernel_whose_rules_have_no_owner_is_not_told_one(planned, monkeypatch):
    monkeypatch.setattr(kernel, "rules_have_protocol", lambda: False)
    assert [row for row in planned(SCENARIO2)[0].splitlines() if " rule " in row and "protocol" in row] == []


def test_both_families_several_ingress_interfaces_and_rp_filter(planned, node):
    node.sysctl("net.ipv4.conf.eth1/5.rp_filter", "1")
    node.link("eth1.5")
    text, doubts = planned("[network dual]\ncidr = 10.0.0.0/8 2001:db8::5/128\ndev = eth1.5\ngateway = fe80::1 10.9.9.9\n"
                           "table = 4294967295\ningress = venet0 veth7\nrp_filter = 2\n")
    assert doubts == []
    assert text == """\
# F:2
node  ip route replace 10.0.0.0/8 dev eth1.5 table 4294967295 proto 118
undo  ip route del 10.0.0.0/8 dev eth1.5 table 4294967295 proto 118
# F:4
node  ip route replace default via 10.9.9.9 dev eth1.5 table 4294967295 proto 118
undo  ip route del default via 10.9.9.9 dev eth1.5 table 4294967295 proto 118
# F:2
node  ip route replace 2001:db8::5/128 dev eth1.5 table 4294967295 proto 118
undo  ip route del 2001:db8::5/128 dev eth1.5 table 4294967295 proto 118
# F:4
node  ip route replace default via fe80::1 dev eth1.5 table 4294967295 proto 118
undo  ip route del default via fe80::1 dev eth1.5 table 4294967295 proto 118
# F:2
node  ip rule add pref 11848 from 10.0.0.0/8 to 10.0.0.0/8 iif venet0 lookup 254 protocol 118
undo  ip rule del pref 11848 from 10.0.0.0/8 to 10.0.0.0/8 iif venet0 lookup 254
node  ip rule add pref 11848 from 10.0.0.0/8 to 10.0.0.0/8 iif veth7 lookup 254 protocol 118
undo  ip rule del pref 11848 from 10.0.0.0/8 to 10.0.0.0/8 iif veth7 lookup 254
node  ip rule add pref 11849 from 10.0.0.0/8 iif venet0 lookup 4294967295 protocol 118
undo  ip rule del pref 11849 from 10.0.0.0/8 iif venet0 lookup 4294967295
node  ip rule add pref 11849 from 10.0.0.0/8 iif veth7 lookup 4294967295 protocol 118
undo  ip rule del pref 11849 from 10.0.0.0/8 iif veth7 lookup 4294967295
node  ip -6 rule add pref 11800 from 2001:db8::5/128 to 2001:db8::5/128 iif venet0 lookup 254 protocol 118
undo  ip -6 rule del pref 11800 from 2001:db8::5/128 to 2001:db8::5/128 iif venet0 lookup 254
node  ip -6 rule add pref 11800 from 2001:db8::5/128 to 2001:db8::5/128 iif veth7 lookup 254 protocol 118
undo  ip -6 rule del pref 11800 from 2001:db8::5/128 to 2001:db8::5/128 iif veth7 lookup 254
node  ip -6 rule add pref 11801 from 2001:db8::5/128 iif venet0 lookup 4294967295 protocol 118
undo  ip -6 rule del pref 11801 from 2001:db8::5/128 iif venet0 lookup 4294967295
node  ip -6 rule add pref 11801 from 2001:db8::5/128 iif veth7 lookup 4294967295 protocol 118
undo  ip -6 rule del pref 11801 from 2001:db8::5/128 iif veth7 lookup 4294967295
# F:7
node  sysctl net.ipv4.conf.eth1/5.rp_filter=2
undo  sysctl net.ipv4.conf.eth1/5.rp_filter=1
"""


ROUTED = "[network internal]\ncidr = 192.168.1.0/24\ndev = vmbr0\ngateway = 192.168.1.3\ntable = 210\ningress = routed\n"


@pytest.mark.parametrize("ini, wanted", [
    ("", """\
node  nft add table inet vzhooks_ingress; add set inet vzhooks_ingress ingress { type ifname ; }; add chain inet \
vzhooks_ingress ingress { type filter hook prerouting priority -150 ; }; flush chain inet vzhooks_ingress ingress; add rule \
inet vzhooks_ingress ingress iifname @ingress meta mark set meta mark and 0xefffffff or 0x10000000 comment "vzhooks:ingress"
undo  nft delete table inet vzhooks_ingress
"""),
    ("[floating]\nbackend = iptables\n", """\
node  iptables -w -t mangle -N VZHOOKS-INGRESS
undo  iptables -w -t mangle -X VZHOOKS-INGRESS
node  iptables -w -t mangle -A PREROUTING -m comment --comment vzhooks -j VZHOOKS-INGRESS
undo  iptables -w -t mangle -D PREROUTING -m comment --comment vzhooks -j VZHOOKS-INGRESS
node  ip6tables -w -t mangle -N VZHOOKS-INGRESS
undo  ip6tables -w -t mangle -X VZHOOKS-INGRESS
node  ip6tables -w -t mangle -A PREROUTING -m comment --comment vzhooks -j VZHOOKS-INGRESS
undo  ip6tables -w -t mangle -D PREROUTING -m comment --comment vzhooks -j VZHOOKS-INGRESS
""")])
def test_packets_of_routed_veths_are_marked_once_and_the_rules_match_the_mark(planned, ini, wanted):
    text, _ = planned(ROUTED + ini)
    marks, _, rest = text.partition("# F:2\n")
    assert marks == wanted
    assert [row for row in rest.splitlines() if row.startswith("node  ip rule")] == [
        "node  ip rule add pref 11816 from 192.168.1.0/24 to 192.168.1.0/24 fwmark 0x10000000/0x10000000 lookup 254 "
        "protocol 118",
        "node  ip rule add pref 11817 from 192.168.1.0/24 fwmark 0x10000000/0x10000000 lookup 210 protocol 118"]


def test_what_marks_is_what_is_there(planned, node):
    node.programs.remove("nft")
    assert "iptables -w" in planned(ROUTED)[0]
    node.programs.remove("iptables")
    with pytest.raises(Expected) as caught:
        planned(ROUTED)
    assert str(caught.value).endswith("install nftables")
    assert "INGRESS" not in planned(SCENARIO2)[0]


def test_a_container_s_marks_stay_part_of_the_plan(planned):
    with journal.lock():
        journal.write(planner.marks(planner.conf()))
    assert [row for row in planned(SCENARIO2)[0].splitlines() if "fwmark" in row and row.startswith("node")] != []


# Bridges

def test_a_bridge_of_a_port_that_has_nothing(planned):
    text, doubts = planned("[bridge br0]\nports = eth0\n")
    assert doubts == []
    assert text == """\
# F:1
node  ip link add name br0 type bridge
undo  ip link del dev br0 type bridge
node  ip link set dev br0 alias vzhooks:br0
# F:2
node  ip link set dev br0 address 02:00:0a:00:00:02
# F:1
node  ip link set dev br0 type bridge stp_state 0
node  ip link set dev br0 type bridge forward_delay 0
# F:2
node  ip link set dev eth0 up
node  ip link set dev br0 up
node  ip link set dev eth0 master br0
undo  ip link set dev eth0 nomaster
"""


def test_a_bridge_whose_port_has_the_node_s_addresses_and_routes(planned, node):
    node.ip("address add 10.0.0.2/24 dev eth0", "address add 2001:db8:1::2/64 dev eth0",
            "route replace default via 10.0.0.1 dev eth0 proto dhcp src 10.0.0.2 metric 100",
            "route add 10.7.0.0/16 dev eth0 proto static",
            "-6 route add default via fe80::1 dev eth0 proto ra metric 1024 ")
    text, _ = planned(BR0)
    assert text[text.index("# F:3"):] == """\
# F:3
node  ip address add 10.0.0.2/24 brd + dev br0
undo  ip address del 10.0.0.2/24 dev br0
node  ip address add 2001:db8:1::2/64 dev br0 nodad
undo  ip address del 2001:db8:1::2/64 dev br0
# F:2
node  ip link set dev eth0 master br0
undo  ip link set dev eth0 nomaster
node  ip route replace 10.7.0.0/16 dev br0 proto static scope link
undo  ip route replace 10.7.0.0/16 dev eth0 proto static scope link
node  ip route replace default via 10.0.0.1 dev br0 proto dhcp src 10.0.0.2 metric 100
undo  ip route replace default via 10.0.0.1 dev eth0 proto dhcp src 10.0.0.2 metric 100
node  ip -6 route replace default via fe80::1 dev br0 proto ra metric 1024
undo  ip -6 route replace default via fe80::1 dev eth0 proto ra metric 1024
# F:3
node  ip address del 2001:db8:1::2/64 dev eth0
undo  ip address add 2001:db8:1::2/64 dev eth0 nodad
node  ip address del 10.0.0.2/24 dev eth0
undo  ip address add 10.0.0.2/24 brd + dev eth0
# F:4
node  ip -6 route replace default via 2001:db8:1::1 dev br0 proto 118
undo  ip -6 route replace default via fe80::1 dev br0 proto ra metric 1024
"""


def test_a_route_of_several_next_hops_moves_with_the_one_that_is_the_port_s(planned, node):
    """And the node's way to the world is also the second one."""
    node.link("eth9")
    row = "default proto static nexthop via 10.9.0.1 dev eth9 weight 1 nexthop via 10.0.0.1 dev eth0 weight 1"
    node.routes = [(4, "254", row.split())]
    node.ip("address add 10.0.0.2/24 dev eth0")
    text, _ = planned("[bridge br0]\nports = eth0\naddress = 10.0.0.2/24\ngateway = 10.0.0.1\n")
    assert [row for row in text.splitlines() if " route " in row] == [
        "node  ip route replace default proto static nexthop via 10.9.0.1 dev eth9 weight 1 nexthop via 10.0.0.1 dev br0 "
        "weight 1",
        "undo  ip route replace default proto static nexthop via 10.9.0.1 dev eth9 weight 1 nexthop via 10.0.0.1 dev eth0 "
        "weight 1"]
    assert planner.node_plan(planner.conf()).moves == [
        "eth0, by which this node is reached (10.0.0.2/24), becomes a port of br0"]


@pytest.mark.parametrize("row, after", [
    ("default nhid 5 via 10.0.0.1 dev eth0 proto static", "default via 10.0.0.1 dev br0 proto static"),
    ("default via fe80::1 dev eth0 proto ra metric 1024 expires 1799sec hoplimit 64 pref medium",
     "default via fe80::1 dev br0 proto ra metric 1024 hoplimit 64"),
    ("10.7.0.0/16 dev eth0 scope link linkdown", "10.7.0.0/16 dev br0 scope link"),
    ("10.7.0.0/16 via 10.0.0.1 dev eth0 table 77 onlink", "10.7.0.0/16 via 10.0.0.1 dev br0 table 77 onlink")])
def test_of_a_route_what_cannot_be_said_again_is_left_out(planned, node, row, after):
    node.routes = [(6 if "fe80" in row else 4, "254", row.split())]
    text, _ = planned("[bridge br0]\nports = eth0\n")
    assert [line[6:] for line in text.splitlines() if line.startswith("node  ip") and " route " in line] == [
        ("ip -6" if "fe80" in row else "ip") + " route replace " + after]


def test_everything_that_can_be_said_of_a_bridge(planned, node):
    node.put("eth0", "flags", "0x1002")
    text, _ = planned("[bridge br0]\nports = eth0 eth1\nmtu = 9000\nstp = yes\nmac = 02:AA:00:00:00:09\n")
    assert text == """\
# F:1
node  ip link add name br0 type bridge
undo  ip link del dev br0 type bridge
node  ip link set dev br0 alias vzhooks:br0
# F:5
node  ip link set dev br0 address 02:aa:00:00:00:09
# F:1
node  ip link set dev br0 type bridge stp_state 1
node  ip link set dev br0 type bridge forward_delay 1500
# F:2
node  ip link set dev eth0 mtu 9000
undo  ip link set dev eth0 mtu 1500
node  ip link set dev eth0 up
undo  ip link set dev eth0 down
node  ip link set dev eth1 mtu 9000
undo  ip link set dev eth1 mtu 1500
node  ip link set dev eth1 up
node  ip link set dev br0 mtu 9000
node  ip link set dev br0 up
node  ip link set dev eth0 master br0
undo  ip link set dev eth0 nomaster
node  ip link set dev eth1 master br0
undo  ip link set dev eth1 nomaster
"""


def test_with_brctl(planned):
    text, _ = planned("[node]\nbridge_tool = brctl\n[bridge br0]\nports = eth0\nforward_delay = 4\n")
    assert [row for row in text.splitlines() if "brctl" in row or "br0 down" in row] == [
        "node  brctl addbr br0", "undo  brctl delbr br0", "node  brctl stp br0 off", "node  brctl setfd br0 4",
        "undo  ip link set dev br0 down", "node  brctl addif br0 eth0", "undo  brctl delif br0 eth0"]


def test_with_open_vswitch(planned):
    text, _ = planned("[bridge br0]\ntype = ovs\nports = eth0\nmtu = 1400\ndatapath = netdev\naddress = 10.0.0.2/31\n")
    assert text == """\
# F:1
node  ovs-vsctl --may-exist add-br br0 -- set Bridge br0 datapath_type=netdev stp_enable=false \
other-config:hwaddr=02:00:0a:00:00:02 external-ids:owner=vzhooks
undo  ovs-vsctl --if-exists del-br br0
# F:3
node  ip link set dev eth0 mtu 1400
undo  ip link set dev eth0 mtu 1500
node  ip link set dev eth0 up
node  ip link set dev br0 up
# F:6
node  ip address add 10.0.0.2/31 dev br0
undo  ip address del 10.0.0.2/31 dev br0
# F:3
node  ovs-vsctl --may-exist add-port br0 eth0 -- set Interface eth0 external-ids:owner=vzhooks
undo  ovs-vsctl --if-exists del-port br0 eth0
# F:6
node  ip address del 10.0.0.2/31 dev eth0
"""


def test_a_bridge_of_somebody_else_that_is_as_wanted_goes_back_to_what_it_was(planned, node):
    node.link("br7", "linux", mac="02:00:00:00:00:77", up=False)
    node.put("br7", "bridge/stp_state", "1")
    node.enslave("eth0", "br7")
    text, _ = planned("[bridge br7]\nports = eth0\nmtu = 1400\n")
    assert [row for row in text.splitlines() if row.startswith("undo")] == [
        "undo  ip link del dev br7 type bridge", "undo  ip link set dev br7 address 02:00:00:00:00:77",
        "undo  ip link set dev br7 type bridge stp_state 1", "undo  ip link set dev br7 type bridge forward_delay 1500",
        "undo  ip link set dev eth0 mtu 1500", "undo  ip link set dev br7 mtu 1500", "undo  ip link set dev br7 down",
        "undo  ip link set dev eth0 nomaster"]
    assert "alias" not in text


def test_a_bridge_without_ports_has_a_mac_of_its_own_that_stays(planned):
    macs = [[row.split()[-1] for row in planned("[bridge %s]\n" % name)[0].splitlines() if " address " in row][0]
            for name in ("br0", "br0", "br1")]
    assert macs[0] == macs[1] != macs[2] and macs[0].startswith("02:") and len(macs[0]) == 17


def test_a_filter_is_no_mark(planned):
    """Its chain hooks in at `ingress`, and yet marks no routed veth."""
    without = planned(SCENARIO2)
    with container_journal.lock("101"):
        container_journal.write("101", container_journal.BEFORE_START, plan.parse(
            '!host nft add chain netdev vzhooks_antispoof port_v { type filter hook ingress device "v" priority -500 ; }', "F"))
    assert journal.elements() != []
    assert planned(SCENARIO2) == without
