"""[overlay NAME]: what is taken, every mistake word for word, and the plan, exactly."""
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.fakenode import FakeNode
from vzhooks import nodeconf, paths, plan, process
from vzhooks.errors import ConfigError
from vzhooks.node import export, journal, overlay, planner, status
from vzhooks.node.change import Change

BR1 = "[overlay br1]\nvni = 42\npeers = 10.1.1.3 10.1.2.4 10.1.3.5\n"


def read(text):
    """The overlays, and the mistakes as texts."""
    found = nodeconf.read("F", text)
    assert found.mistakes == ()
    return found, [str(one) for one in found.node_mistakes]


def test_what_is_said_and_what_is_not():
    found, mistakes = read(BR1 + "[overlay br2]\ntype = OVS\nvni = 0\npeers = 2001:DB8::3 2001:db8::4\nlocal = 2001:db8:0::3\n"
                           "port = 8472\naddress = 192.168.223.3/24 2001:db8:7::3/64\nmtu = 1400\ncontrol = static\n"
                           "mac = 02:AA:00:00:00:01\ndatapath = netdev\n")
    assert mistakes == []
    plain, full = found.overlays
    assert (plain.type, plain.vni, [peer.ip for peer in plain.peers], plain.local, plain.port, plain.address, plain.mtu,
            plain.control, plain.mac, plain.datapath, plain.overhead) == (
                "linux", 42, ["10.1.1.3", "10.1.2.4", "10.1.3.5"], "", 4789, (), 0, "static", "", "system", 50)
    assert (full.type, full.vni, full.local, full.port, " ".join(map(str, full.address)), full.mtu, full.mac, full.datapath,
            full.overhead) == ("ovs", 0, "2001:db8::3", 8472, "192.168.223.3/24 2001:db8:7::3/64", 1400, "02:aa:00:00:00:01",
                               "netdev", 70)
    assert [(bridge.name, bridge.type, bridge.mtu, bridge.ports) for bridge in found.bridges] == [
        ("br1", "linux", 0, ()), ("br2", "ovs", 0, ())]


STATION = "the address of one station is wanted, not a multicast, broadcast, loopback, network or reserved address"
KEYS = "one of address, as, auth_key_file, control, datapath, local, mac, mtu, peers, port, reflectors, type, vni is wanted"


@pytest.mark.parametrize("rows, wanted", [
    ("vni = 16777216", ["F:3: vni = 16777216; a number from 0 to 16777215 is wanted"]),
    ("vni = 0x10", ["F:3: vni = 0x10; a number from 0 to 16777215 is wanted"]),
    ("type = openvswitch", ["F:3: type = openvswitch; linux or ovs is wanted"]),
    ("port = 0", ["F:3: port = 0; a number from 1 to 65535 is wanted"]),
    ("peers = 10.1.1.3/24", ["F:3: peers = 10.1.1.3/24; an IPv4 or IPv6 address is wanted, without '/'"]),
    ("peers = 10.1.1.3 10.1.1.3", ["F:3: peers = 10.1.1.3 10.1.1.3; each word once is wanted, '10.1.1.3' is there twice"]),
    ("peers = 224.0.0.1", ["F:3: peers = 224.0.0.1; " + STATION]),
    ("peers = fe80::1", ["F:3: peers = fe80::1; an address that is valid on every interface is wanted, not a link-local one"]),
    ("peers = host2", ["F:3: peers = host2; an IPv4 or IPv6 address is wanted"]),
    ("peers =", ["F:3: peers = ; one or more words are wanted"]),
    ("peers = 10.1.1.3 2001:db8::1", ["F:3: IPv4 and IPv6 addresses among the peers; one family is wanted, since each node has "
                                      "one underlay address"]),
    ("local = 2001:db8::1", ["F:3: local 2001:db8::1 is not of the peers' family; an IPv4 address is wanted"]),
    ("address = 192.168.223.3", ["F:3: address = 192.168.223.3; an IPv4 or IPv6 address with its /PREFIX is wanted"]),
    ("address = 2001:db8:7::3/64\nmtu = 1279", ["F:4: mtu = 1279; 1280 at least is wanted for the IPv6 address"]),
    ("control = bgp", ["F:3: control = bgp; static or evpn is wanted"]),
    ("control = evpn\ntype = ovs", ["F:3: control = evpn with type = ovs; type = linux is wanted: FRR drives the kernel's VXLAN "
                                    "only; or control = static"]),
    ("control = evpn\nvni = 0", ["F:4: control = evpn with vni = 0; a number from 1 to 16777215 is wanted: EVPN knows no VNI 0"]),
    ("vlan = 5", ["F:3: vlan = 5; " + KEYS]),
    ("mac = 01:00:00:00:00:01", ["F:3: mac = 01:00:00:00:00:01; six bytes of two hex digits with colons, of one station (even first "
                                 "byte), are wanted"]),
    ("datapath = dpdk", ["F:3: datapath = dpdk; system or netdev is wanted"]),
])
def test_a_mistake_names_its_line_and_leaves_the_overlay_out(rows, wanted):
    given = [row.partition(" ")[0] for row in rows.splitlines()]
    rest = [row for row in ("vni = 42", "peers = 10.1.1.3 10.1.2.4") if row.split()[0] not in given]
    found, mistakes = read("\n[overlay br1]\n%s\n%s\n[bridge br9]\n" % (rows, "\n".join(rest)))
    assert mistakes == wanted and [one.name for one in found.bridges] == ["br9"] and found.overlays == ()


def test_all_mistakes_come_at_once():
    _, mistakes = read("[overlay a/b]\nvni = x\nport = y\n[overlay br2]\ncontrol = evpn\ntype = ovs\nvni = 0\npeers = 10.1.1.3\n")
    assert [one.split(";")[0] for one in mistakes] == [
        "F:2: vni = x", "F:3: port = y", "F:1: no 'peers' in this section", "F:1: [overlay a/b]",
        "F:5: control = evpn with type = ovs", "F:7: control = evpn with vni = 0"]


OTHER = BR1.replace("br1", "br2")


@pytest.mark.parametrize("text, wanted", [
    (BR1 + OTHER, ["F:5: vni 42 with port 4789 is that of [overlay br1] (F:2), too; one overlay for each is wanted"]),
    (BR1 + OTHER.replace("42", "43"), []),
    (BR1 + OTHER + "port = 4790\n", []),
    (BR1 + OTHER + "type = ovs\n", ["F:4: port 4789 is that of [overlay br1] (F:1), too, which is of type linux; another port is "
                                    "wanted, or the same type"]),
    ("[bridge br1]\ntype = ovs\n" + BR1, []),
    ("[bridge br1]\ntype = ovs\n" + BR1 + "type = linux\n", ["F:6: type = linux, but [bridge br1] has ovs (F:2); the same is wanted"]),
    ("[bridge br1]\ntype = ovs\n" + BR1 + "control = evpn\n", [
        "F:6: control = evpn with type = ovs; type = linux is wanted: FRR drives the kernel's VXLAN only; or control = static"]),
    ("[bridge br1]\nmtu = 1400\n" + BR1 + "mtu = 1450\n", ["F:6: mtu = 1450, but [bridge br1] has 1400 (F:2); the same is wanted"]),
    ("[bridge br1]\nmtu = 1400\n" + BR1 + "mtu = 1400\n", []),
    ("[bridge br1]\naddress = 10.0.0.2/24\n" + BR1 + "address = 10.0.0.3/24\n", [
        "F:6: address in [overlay br1] and in [bridge br1] (F:2); one of the two is wanted"]),
    ("[bridge br1]\n" + BR1 + "mac = 02:00:00:00:00:01\n", ["F:5: mac in [overlay br1]; it is wanted in [bridge br1] (F:1)"]),
    (BR1 + "address = 10.0.0.2/24\n[bridge br0]\naddress = 10.0.0.2/24\n", [
        "F:4: address 10.0.0.2 of br1 is an address of br0 (F:6), too; one interface for each address is wanted"]),
])
def test_mistakes_of_sections_together(text, wanted):
    assert read(text)[1] == wanted


def test_an_overlay_does_not_make_up_for_a_bridge_with_a_mistake():
    found, mistakes = read("[bridge br1]\nstp = maybe\n" + BR1)
    assert len(mistakes) == 1 and found.bridges == () and found.overlays == ()


def test_a_bridge_gets_the_overlays_address():
    found, mistakes = read("[bridge br1]\nports = eth1\n" + BR1 + "address = 10.0.0.3/24\n")
    assert mistakes == [] and [str(one) for one in found.bridges[0].address] == ["10.0.0.3/24"]
    assert found.bridges[0].ports == ("eth1",)


@given(name=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=15),
       peers=st.lists(st.ip_addresses(v=4), min_size=1, max_size=4, unique=True), vni=st.integers(-1, 2 ** 24),
       words=st.lists(st.sampled_from(["type = ovs\n", "port = 8472\n", "mtu = 9000\n", "control = evpn\n", "local = 10.0.0.1\n",
                                       "x\n", "mac = 02:00:00:00:00:09\n"]), unique=True))
def test_any_section_gives_an_overlay_or_mistakes(name, peers, vni, words):
    found = nodeconf.read("F", "[overlay %s]\nvni = %d\npeers = %s\n%s" % (name, vni, " ".join(map(str, peers)), "".join(words)))
    assert bool(found.overlays) != bool(found.mistakes + found.node_mistakes) or "x\n" in words
    assert all(str(one).startswith("F:") and str(one).isprintable() for one in found.mistakes + found.node_mistakes)
    for one in found.overlays:
        names = [one.device] + [one.port_to(peer) for peer in one.peers]
        assert max(map(len, names)) <= 15 and len(set(names)) == len(names)


@given(names=st.lists(st.from_regex(r"\A[a-z0-9.@-]{1,15}\Z"), min_size=2, max_size=2, unique=True))
def test_names_of_ports_do_not_clash_or_are_a_mistake(names):
    one, other = [overlay.Overlay(name, "F:1") for name in names]
    peer = nodeconf.read("F", BR1).overlays[0].peers[0]
    assert one.device != other.device and one.port_to(peer) != other.port_to(peer)


# With a node

@pytest.fixture
def node(tmp_path, monkeypatch, root):
    made = FakeNode(tmp_path / "node", monkeypatch)
    made.link("eth0")
    made.ip("address add 10.1.1.3/24 dev eth0")
    made.sysctl("net.ipv6.conf.default.disable_ipv6", "0")
    made.ways = {"10.1.2.4": "via 10.1.1.1 dev eth0 uid 0 \\    cache", "10.1.3.5": "via 10.1.1.1 dev eth0 uid 0 \\    cache"}
    os.makedirs(paths.run("node"))
    return made


@pytest.fixture
def planned(put, root, node):
    """planned(INI): (the plan's text, what is doubted)."""
    def make(ini):
        put("/etc/vz/vzhooks.conf", ini)
        made = planner.node_plan(planner.conf())
        return plan.text(made.lines).replace(root + "/etc/vz/vzhooks.conf", "F"), [
            str(doubt).replace(root + "/etc/vz/vzhooks.conf", "F") for doubt in made.doubts]
    return make


TABLE = "inet vzhooks_overlay4_42_4789"
FILTER = ("node  nft add table {0}; add set {0} peers {{ type ipv4_addr ; }}; add chain {0} input {{ type filter hook input priority "
          "-200 ; }}; flush chain {0} input; add rule {0} input udp dport 4789 @th,96,24 42 ip saddr != @peers drop comment "
          "\"vzhooks:overlay\"\nundo  nft delete table {0}\n").format(TABLE)
ELEMENTS = "".join("node  nft add element %s peers { %s }\nundo  nft delete element %s peers { %s }\n" % (TABLE, ip, TABLE, ip)
                   for ip in ("10.1.2.4", "10.1.3.5"))


def test_the_plan_of_linux(planned):
    text, doubts = planned(BR1 + "address = 192.168.223.3/24\n")
    assert doubts == []
    assert text == """\
# F:1
node  ip link add name br1 type bridge
undo  ip link del dev br1 type bridge
node  ip link set dev br1 alias vzhooks:br1
node  ip link set dev br1 address 02:3d:ac:a9:85:b1
node  ip link set dev br1 type bridge stp_state 0
node  ip link set dev br1 type bridge forward_delay 0
node  ip link set dev br1 up
# F:4
node  ip address add 192.168.223.3/24 brd + dev br1
undo  ip address del 192.168.223.3/24 dev br1
# F:1
""" + FILTER + "# F:3\n" + ELEMENTS + """\
node  ip link set dev br1 mtu 1450
# F:1
node  ip link add name vx-br1 type vxlan id 42 dstport 4789 local 10.1.1.3 learning
undo  ip link del dev vx-br1
node  ip link set dev vx-br1 alias vzhooks:br1
node  sysctl net.ipv6.conf.vx-br1.disable_ipv6=1
# F:3
node  ip link set dev vx-br1 mtu 1450
# F:1
node  ip link set dev vx-br1 master br1
node  ip link set dev vx-br1 up
# F:3
node  bridge fdb append 00:00:00:00:00:00 dev vx-br1 dst 10.1.2.4
undo  bridge fdb del 00:00:00:00:00:00 dev vx-br1 dst 10.1.2.4
node  bridge fdb append 00:00:00:00:00:00 dev vx-br1 dst 10.1.3.5
undo  bridge fdb del 00:00:00:00:00:00 dev vx-br1 dst 10.1.3.5
"""


def test_the_plan_of_evpn_has_no_flood_list(planned):
    text, _ = planned(BR1 + "control = evpn\n")
    assert FILTER in text and ELEMENTS in text and "fdb" not in text
    assert text.endswith("""\
# F:1
node  ip link add name vx-br1 type vxlan id 42 dstport 4789 local 10.1.1.3 nolearning
undo  ip link del dev vx-br1
node  ip link set dev vx-br1 alias vzhooks:br1
node  sysctl net.ipv6.conf.vx-br1.disable_ipv6=1
# F:3
node  ip link set dev vx-br1 mtu 1450
# F:1
node  ip link set dev vx-br1 master br1
node  ip link set dev vx-br1 type bridge_slave learning off
node  ip link set dev vx-br1 up
""")


def test_the_plan_of_open_vswitch(planned, node):
    node.programs.add("ovs-vsctl")
    text, doubts = planned(BR1 + "type = ovs\naddress = 192.168.223.3/24\n")
    assert doubts == []
    ports = "".join(
        "node  ovs-vsctl --may-exist add-port br1 {0} -- set Interface {0} type=vxlan options:remote_ip={1} options:local_ip=10.1.1.3 "
        "options:key=42 options:dst_port=4789 external-ids:owner=vzhooks -- set Port {0} protected=true\n"
        "undo  ovs-vsctl --if-exists del-port br1 {0}\n".format(*pair)
        for pair in (("v26578-0a010204", "10.1.2.4"), ("v26578-0a010305", "10.1.3.5")))
    assert text == """\
# F:1
node  ovs-vsctl --may-exist add-br br1 -- set Bridge br1 datapath_type=system stp_enable=false \
other-config:hwaddr=02:3d:ac:a9:85:b1 external-ids:owner=vzhooks
undo  ovs-vsctl --if-exists del-br br1
node  ip link set dev br1 up
# F:5
node  ip address add 192.168.223.3/24 brd + dev br1
undo  ip address del 192.168.223.3/24 dev br1
# F:1
""" + FILTER + "# F:3\n" + ELEMENTS + """\
node  ovs-vsctl set Interface br1 mtu_request=1450
undo  ovs-vsctl --if-exists clear Interface br1 mtu_request
""" + ports


def test_a_bridge_of_its_own_section_goes_back_to_its_mtu(planned, node):
    node.link("br1", "linux", mtu=1500, alias="vzhooks:br1")
    text, _ = planned("[bridge br1]\nmac = 02:00:00:00:00:09\n" + BR1)
    assert "node  ip link set dev br1 mtu 1450\nundo  ip link set dev br1 mtu 1500\n" in text
    text, _ = planned("[bridge br1]\nmtu = 1400\nmac = 02:00:00:00:00:09\n" + BR1)
    assert text.count("ip link set dev br1 mtu 1400") == 1 and "ip link set dev vx-br1 mtu 1400" in text


def test_the_peer_list_is_the_same_on_all_nodes(planned, node):
    first, _ = planned(BR1)
    second, _ = planned(BR1.replace("10.1.1.3 10.1.2.4 10.1.3.5", "10.1.3.5 10.1.2.4 10.1.1.3"))
    assert sorted(first.splitlines()) == sorted(second.splitlines())


@pytest.mark.parametrize("route, mtu, wanted", [
    ("dev eth0", 1500, 1450), ("dev eth0", 9000, 8950), ("dev eth0 \\    cache mtu 1400", 1500, 1350),
    ("dev eth0 \\    cache expires 597sec mtu 1300", 1500, 1450), ("", 1500, 1450), ("", 9000, 8950)])
def test_the_mtu_is_that_of_the_way(planned, node, route, mtu, wanted):
    node.put("eth0", "mtu", mtu)
    node.ways = {"10.1.2.4": route, "10.1.3.5": "dev eth0"} if route else {}
    assert "ip link set dev vx-br1 mtu %d\n" % wanted in planned(BR1)[0]


def test_over_ipv6_it_is_70_less(planned, node):
    node.ip("address add 2001:db8:1::3/64 dev eth0")
    node.ways = {"2001:db8:2::4": "dev eth0"}
    text, doubts = planned("[overlay br1]\nvni = 42\npeers = 2001:db8:1::3 2001:db8:2::4\n")
    assert "ip link set dev vx-br1 mtu 1430\n" in text and doubts == []
    assert "local 2001:db8:1::3 learning" in text and "type ipv6_addr" in text and "ip6 saddr != @peers" in text


def test_an_underlay_bridge_that_is_still_to_be_made(planned, node):
    text, doubts = planned("[bridge br0]\nports = eth0\naddress = 10.1.1.3/24\nmtu = 9000\n" + BR1)
    assert "ip link set dev vx-br1 mtu 8950\n" in text and doubts == []


@pytest.mark.parametrize("rows, wanted", [
    ("peers = 10.1.2.4 10.1.3.5", "F:3: none of the peers of [overlay br1] is an address of this node; this node's underlay address "
                                  "among the peers, or 'local = ...', is wanted"),
    ("peers = 10.1.1.3 10.1.1.33 10.1.2.4", "F:3: more than one (10.1.1.3, 10.1.1.33) of the peers of [overlay br1] is an address of "
                                            "this node; 'local = ...' is wanted"),
    ("peers = 10.1.2.4\nlocal = 10.1.1.9", "F:4: local 10.1.1.9 is no address of this node; one of its own is wanted"),
])
def test_a_node_that_does_not_find_itself(planned, node, root, rows, wanted):
    node.ip("address add 10.1.1.33/24 dev eth0")
    with pytest.raises(ConfigError) as error:
        planned("[overlay br1]\nvni = 42\n%s\n" % rows)
    assert str(error.value).replace(root + "/etc/vz/vzhooks.conf", "F") == wanted


def test_local_says_which_one(planned, node):
    node.ip("address add 10.1.1.33/24 dev eth0")
    text, _ = planned("[overlay br1]\nvni = 42\npeers = 10.1.1.3 10.1.1.33 10.1.2.4\nlocal = 10.1.1.33\n")
    assert "local 10.1.1.33 " in text and "dst 10.1.1.3\n" in text


def test_somebody_elses_device_is_a_mistake(planned, node):
    node.link("vx-br1")
    with pytest.raises(ConfigError, match="vx-br1 is there already, which vzhooks has not made"):
        planned(BR1)


def test_what_is_doubted(planned, node, monkeypatch):
    node.ways = {"10.1.2.4": "dev eth0"}
    assert planned(BR1 + "mtu = 1451\n")[1] == [
        "F:3: no route to peer 10.1.3.5 of [overlay br1]; one is wanted",
        "F:4: mtu 1451 of [overlay br1], but the way to the peers carries packets of 1450; 1450 at most is wanted, or a larger one "
        "there"]
    node.programs.remove("nft")
    text, doubts = planned(BR1.replace(" 10.1.3.5", ""))
    assert "nft" not in text
    assert doubts == ["F:1: no nft on this node, so that VXLAN packets for [overlay br1] are taken from any address; nftables is "
                      "wanted, or another filter of UDP port 4789 on the underlay"]


def test_the_userspace_datapath_needs_its_own_bridge_underneath(planned, node):
    node.programs.add("ovs-vsctl")
    node.others = {"br-exists eth0": (2, ""), "br-exists under": (2, "")}
    text, doubts = planned(BR1 + "type = ovs\ndatapath = netdev\n")
    assert doubts == ["F:5: peers of [overlay br1] are reached by eth0, which is no bridge of the userspace datapath; a [bridge] with "
                      "'type = ovs', 'datapath = netdev' and this node's underlay address is wanted"]
    assert "nft" not in text  # the kernel does not see these packets; the ports know their peers
    assert planned("[bridge under]\ntype = ovs\ndatapath = netdev\nports = eth0\naddress = 10.1.1.3/24\n" + BR1
                   + "type = ovs\ndatapath = netdev\n")[1] == []


def test_a_changed_list_is_a_difference(planned, node, put):
    text, _ = planned(BR1)
    journal.write(plan.parse(text, "F"))
    node.others = {"bridge fdb show dev vx-br1": (0, "00:00:00:00:00:00 dst 10.1.2.4 self permanent\n"
                                                  "00:00:00:00:00:00 dst 10.1.3.5 self permanent\n"),
                   "nft list set inet vzhooks_overlay4_42_4789 peers": (0, "elements = { 10.1.2.4, 10.1.3.5 }")}
    put("/etc/vz/vzhooks.conf", BR1.replace("10.1.3.5", "10.1.4.6"))
    node.ways["10.1.4.6"] = "dev eth0"
    change = Change(planner.node_plan(planner.conf()).lines, print)
    assert [line.command for line in change.new if "10.1." in line.command and "local" not in line.command] == [
        "nft add element inet vzhooks_overlay4_42_4789 peers { 10.1.4.6 }",
        "bridge fdb append 00:00:00:00:00:00 dev vx-br1 dst 10.1.4.6"]
    assert [line.command for line in change.undoing] == [
        "bridge fdb del 00:00:00:00:00:00 dev vx-br1 dst 10.1.3.5",
        "nft delete element inet vzhooks_overlay4_42_4789 peers { 10.1.3.5 }"]


VXLAN = ("5: vx-br1: <UP> mtu 1450 master br1 \\    link/ether 8e:42:64:7f:fe:31 brd ff:ff:ff:ff:ff:ff \\    vxlan id 42 local 10.1.1.3 "
         "srcport 0 0 dstport 4789 ttl auto ageing 300 udpcsum \\    bridge_slave state disabled")


@pytest.mark.parametrize("words, same", [
    ("id 42 dstport 4789 local 10.1.1.3 learning", True), ("id 43 dstport 4789 local 10.1.1.3 learning", False),
    ("id 42 dstport 8472 local 10.1.1.3 learning", False), ("id 42 dstport 4789 local 10.1.1.4 learning", False),
    ("id 42 dstport 4789 local 10.1.1.3 nolearning", False)])
def test_a_device_of_another_nature_goes_first(node, words, same):
    node.link("vx-br1")
    node.shown = {"vx-br1": VXLAN}
    old = plan.parse("node ip link add name vx-br1 type vxlan id 42 dstport 4789 local 10.1.1.3 learning\n"
                     "undo ip link del dev vx-br1\nnode ip link set dev vx-br1 up", "F")
    journal.write(old)
    new = plan.parse("node ip link add name vx-br1 type vxlan %s\nundo ip link del dev vx-br1\n"
                     "node ip link set dev vx-br1 up" % words, "F")
    change = Change(new, print)
    assert (change.empty, [line.command for line in change.first]) == (same, [] if same else [old[0].command])
    assert [line.command for line in change.new] == ([] if same else [line.command for line in new])


def test_tunnels_that_no_line_has(node, monkeypatch):
    from vzhooks import facts
    monkeypatch.setitem(facts.READERS, "openvswitch", lambda name: "runs")
    node.programs.add("ovs-vsctl")
    node.others = {"--bare --columns=name find Interface type=vxlan external_ids:owner=vzhooks":
                   (0, "v26578-0a010204\n\nv26578-0a010305\n"), "port-to-br v26578-0a010305": (0, "br1\n")}
    lines = plan.parse("node ovs-vsctl --may-exist add-port br1 v26578-0a010204 -- set Interface v26578-0a010204 type=vxlan", "F")
    assert [line.undo.command for line in status.left_over(lines)] == ["ovs-vsctl --if-exists del-port br1 v26578-0a010305"]


def test_what_open_vswitch_still_has_after_a_boot_is_ours(node):
    node.programs.add("ovs-vsctl")
    node.others = {"br-exists br1": (0, ""), "--if-exists get Bridge br1 external-ids:owner": (0, "vzhooks\n")}
    lines = plan.parse("node ovs-vsctl --may-exist add-br br1 -- set Bridge br1 external-ids:owner=vzhooks\n"
                       "undo ovs-vsctl --if-exists del-br br1", "F")
    change = Change(lines, print)
    assert change.empty
    change.note()
    assert [line.command for line in journal.read()] == [lines[0].command]
    assert process.PACKAGES["bridge"] == "iproute2"


def test_an_export_leaves_overlays_out_and_says_so():
    found = nodeconf.read("F", BR1 + "[bridge br0]\nports = eth0\n" + BR1.replace("br1", "br0").replace("42", "43")
                          + "[network a]\ncidr = 10.9.0.0/16\ngateway = 10.9.0.1\ndev = br1\ntable = 9\n")
    kept, said = export.without_overlays(found)
    assert [bridge.name for bridge in kept.bridges] == ["br0"] and kept.networks == ()
    assert [str(one) for one in said] == [
        "F:1: [overlay br1] is not exported; 'systemctl enable vzhooks' is wanted, which makes it at boot",
        "F:6: [overlay br0] is not exported; 'systemctl enable vzhooks' is wanted, which makes it at boot",
        "F:9: [network a] is not exported, being on the bridge of an overlay; the same is wanted"]
