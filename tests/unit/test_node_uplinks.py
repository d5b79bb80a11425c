"""The node's half of floating addresses: each uplink's table, marks and translation, exactly; and that nft takes it."""
import re
import subprocess

import pytest

from tests.unit.fakenode import FakeNode
from vzhooks import batch, inside, plan, planner, process
from vzhooks.errors import Expected
from vzhooks.node import backend, bridgeview, uplinks
from vzhooks.node import planner as node_planner
from vzhooks.node.tools import Tools

EXTERNAL = "[network external]\ncidr = 200.200.100.0/23 2001:db8:20::/64\ndev = vmbr1\ngateway = 200.200.100.30 2001:db8:20::3\n" \
    "table = 200\n"


@pytest.fixture
def node(tmp_path, monkeypatch):
    made = FakeNode(tmp_path / "node", monkeypatch)
    made.programs.add("conntrack")
    made.link("vmbr0", "linux", mac="02:00:c0:a8:01:8e")
    made.link("vmbr1", "linux", mac="02:00:c8:c8:64:06")
    made.ip("address add 192.168.1.142/24 dev vmbr0", "address add 200.200.100.6/23 dev vmbr1",
            "address add 2001:db8:20::6/64 dev vmbr1", "route add default via 192.168.1.3 dev vmbr0 proto static")
    return made


@pytest.fixture
def conf(put, node):
    def make(ini):
        put("/etc/vz/vzhooks.conf", ini)
        return node_planner.conf()
    return make


@pytest.fixture
def lines(conf):
    def make(ini):
        found = conf(ini)
        assert (found.mistakes, found.node_mistakes) == ((), ())
        return uplinks.lines(found, bridgeview.live())
    return make


def tables(found):
    """Per uplink: its networks and gateways."""
    return [" ".join([one.dev] + [str(network) for network in one.networks] + ["via " + gateway.ip for gateway in one.gateways])
            for one in found]


@pytest.fixture
def seen(conf, node):
    return lambda ini: tables(uplinks.uplinks(conf(ini), bridgeview.live()))


# Whence an uplink's gateway comes


def test_the_gateway_of_a_network_else_of_the_main_table(seen):
    assert seen("[floating]\nuplinks = vmbr1 vmbr0\n" + EXTERNAL) == [
        "vmbr1 200.200.100.0/23 2001:db8:20::/64 via 2001:db8:20::3 via 200.200.100.30", "vmbr0 192.168.1.0/24 via 192.168.1.3"]


def test_without_any_only_the_connected_networks_are_reached(seen):
    assert seen("[floating]\nuplinks = vmbr1\n") == ["vmbr1 200.200.100.0/23 2001:db8:20::/64"]


def test_a_bridge_s_own_gateway_comes_first_and_its_addresses_count_before_it_is_made(seen, node):
    node.link("eth5")
    bridge = "[bridge br5]\nports = eth5\naddress = 10.5.0.2/24 2001:db8:5::2/64\ngateway = 10.5.0.1 2001:db8:5::1\n"
    assert seen("[floating]\nuplinks = br5\n" + bridge) == [
        "br5 10.5.0.0/24 2001:db8:5::/64 via 2001:db8:5::1 via 10.5.0.1"]
    network = "[network five]\ncidr = 10.5.0.0/24\ndev = br5\ngateway = 10.5.0.9\ntable = 205\n"
    assert seen("[floating]\nuplinks = br5\n" + bridge + network)[0].endswith("via 10.5.0.1 via 2001:db8:5::1")


def test_the_main_table_s_own_default_counts_and_not_one_of_another_table_or_interface(seen, node):
    node.ip("route add default via 200.200.100.99 dev vmbr1 table 77", "route add default via 2001:db8:20::9 dev vmbr1")
    assert seen("[floating]\nuplinks = vmbr1\n") == ["vmbr1 200.200.100.0/23 2001:db8:20::/64 via 2001:db8:20::9"]


@pytest.mark.parametrize("said", ["inet6 fe80::1", "0.0.0.0"])
def test_a_gateway_of_a_kind_that_is_not_ours_to_copy_is_none(seen, node, monkeypatch, said):
    state = bridgeview.live()
    route = state.routes[0]._replace(words=("default via %s dev vmbr0" % said).split())
    monkeypatch.setattr(bridgeview, "live", lambda: state._replace(routes=[route]))
    assert seen("[floating]\nuplinks = vmbr0\n") == ["vmbr0 192.168.1.0/24"]


def test_floating_addresses_and_what_we_would_not_set_are_no_networks(seen, node):
    node.ip("address add 200.200.100.50/32 dev vmbr1", "address add 2001:db8:20::50/128 dev vmbr1",
            "address add 10.9.0.0/24 dev vmbr1", "address add 10.8.0.1 dev vmbr1")  # the last as of a point-to-point link
    assert seen("[floating]\nuplinks = vmbr1\n") == ["vmbr1 200.200.100.0/23 2001:db8:20::/64"]


def test_an_uplink_that_is_missing_keeps_the_numbers_of_the_others_and_is_a_mistake(conf, seen):
    ini = "[floating]\nuplinks = eth9 vmbr0\n"
    found = conf(ini)
    assert seen(ini) == ["vmbr0 192.168.1.0/24 via 192.168.1.3"]
    assert [(one.mark, one.table, one.preference) for one in uplinks.uplinks(found, bridgeview.live())] == [
        ("0x200000/0xff00000", 1182, 11702)]
    assert [str(one).partition("vzhooks.conf")[2] for one in uplinks.missing(found)] == [
        ":2: uplink eth9: there is no such interface; an interface of this node, or a [bridge], is wanted"]


def test_rp_filter(conf, node):
    found = conf("[floating]\nuplinks = vmbr1 vmbr0\n")

    def said(everywhere, here):
        node.sysctl("net.ipv4.conf.all.rp_filter", everywhere)
        node.sysctl("net.ipv4.conf.vmbr1.rp_filter", here)
        node.sysctl("net.ipv4.conf.vmbr0.rp_filter", here)
        return [str(one).partition(" on ")[2].partition(",")[0] for one in uplinks.rp_filters(found, bridgeview.live())]

    # The larger of both counts; strict is right where the main table's way back is.
    assert [said(*pair) for pair in ("00", "01", "10", "11", "02", "20", "12", "21")] == [
        [], ["vmbr1"], ["vmbr1"], ["vmbr1"], [], [], [], []]


# The plan


def test_tables_and_rules(lines):
    text = plan.text(lines("[floating]\nuplinks = vmbr1 vmbr0\nbackend = iptables\n" + EXTERNAL))
    text = re.sub(r"# \S+(:\d+)", r"# F\1", text)
    assert text[:text.index("node  iptables")] == """\
# F:2
node  ip route replace 200.200.100.0/23 dev vmbr1 table 1181 proto 118
undo  ip route del 200.200.100.0/23 dev vmbr1 table 1181 proto 118
node  ip route replace 2001:db8:20::/64 dev vmbr1 table 1181 proto 118
undo  ip route del 2001:db8:20::/64 dev vmbr1 table 1181 proto 118
node  ip route replace default via 2001:db8:20::3 dev vmbr1 table 1181 proto 118
undo  ip route del default via 2001:db8:20::3 dev vmbr1 table 1181 proto 118
node  ip route replace default via 200.200.100.30 dev vmbr1 table 1181 proto 118
undo  ip route del default via 200.200.100.30 dev vmbr1 table 1181 proto 118
node  ip rule add pref 11701 fwmark 0x100000/0xff00000 lookup 1181 protocol 118
undo  ip rule del pref 11701 fwmark 0x100000/0xff00000 lookup 1181
node  ip -6 rule add pref 11701 fwmark 0x100000/0xff00000 lookup 1181 protocol 118
undo  ip -6 rule del pref 11701 fwmark 0x100000/0xff00000 lookup 1181
node  ip route replace 192.168.1.0/24 dev vmbr0 table 1182 proto 118
undo  ip route del 192.168.1.0/24 dev vmbr0 table 1182 proto 118
node  ip route replace default via 192.168.1.3 dev vmbr0 table 1182 proto 118
undo  ip route del default via 192.168.1.3 dev vmbr0 table 1182 proto 118
node  ip rule add pref 11702 fwmark 0x200000/0xff00000 lookup 1182 protocol 118
undo  ip rule del pref 11702 fwmark 0x200000/0xff00000 lookup 1182
# F:1
"""


IPTABLES = """\
X -t mangle -N VZHOOKS-REPLIES
X -t mangle -A PREROUTING C -j VZHOOKS-REPLIES
X -t mangle -A OUTPUT C -j VZHOOKS-REPLIES
X -t nat -N VZHOOKS-DNAT
X -t nat -A PREROUTING C -j VZHOOKS-DNAT
X -t nat -A OUTPUT C -j VZHOOKS-DNAT
X -t nat -N VZHOOKS-SNAT
X -t nat -A POSTROUTING C -j VZHOOKS-SNAT
X -t mangle -N VZHOOKS-INSIDE
X -t mangle -A VZHOOKS-REPLIES -i vmbr1 -m conntrack --ctstate NEW C -j CONNMARK --set-xmark 0x1/0x3
X -t mangle -A VZHOOKS-REPLIES -i vmbr0 -m conntrack --ctstate NEW C -j CONNMARK --set-xmark 0x2/0x3
X -t mangle -A VZHOOKS-REPLIES -m conntrack --ctstate NEW C -j VZHOOKS-INSIDE
X -t mangle -A VZHOOKS-REPLIES -m conntrack --ctdir REPLY -m connmark --mark 0x1/0x3 C -j MARK --set-xmark 0x1/0x3
X -t mangle -A VZHOOKS-REPLIES -m conntrack --ctdir REPLY -m connmark --mark 0x2/0x3 C -j MARK --set-xmark 0x2/0x3
"""


def test_chains_of_iptables(lines):
    found = [line for line in lines("[floating]\nuplinks = vmbr1 vmbr0\nbackend = iptables\nmark_mask = 0x3\ntables = 300\n")
             if "tables -w" in line.command]
    wanted = "".join(IPTABLES.replace("X ", tool + " -w ") for tool in ("iptables", "ip6tables")).replace(
        " C ", " -m comment --comment vzhooks ")
    assert "".join(line.command + "\n" for line in found) == wanted
    assert [line.undo.command for line in found] == [
        line.command.replace(" -A ", " -D ").replace(" -N ", " -X ") for line in found]
    assert {line.place for line in found} == {"node"}


NFT = """\
nft add table I vzhooks_floating
add map I vzhooks_floating public { type A : A ; }
add map I vzhooks_floating leaving { type A : A ; }
add set I vzhooks_floating inside { type A ; }
add set I vzhooks_floating asked { type A ; }
add chain I vzhooks_floating incoming { type filter hook prerouting priority -150 ; }
add chain I vzhooks_floating local { type route hook output priority -150 ; }
add chain I vzhooks_floating prerouting { type nat hook prerouting priority -100 ; }
add chain I vzhooks_floating output { type nat hook output priority -100 ; }
add chain I vzhooks_floating postrouting { type nat hook postrouting priority 100 ; }
flush chain I vzhooks_floating incoming
flush chain I vzhooks_floating local
flush chain I vzhooks_floating prerouting
flush chain I vzhooks_floating output
flush chain I vzhooks_floating postrouting
add rule I vzhooks_floating incoming iifname "vmbr1" ct state new I saddr != @inside ct mark set ct mark and 0xf00fffff or 0x100000
add rule I vzhooks_floating incoming ct direction reply ct mark and 0x0ff00000 == 0x100000 meta mark set meta mark and \
0xf00fffff or 0x100000
add rule I vzhooks_floating local ct direction reply ct mark and 0x0ff00000 == 0x100000 meta mark set meta mark and \
0xf00fffff or 0x100000
add rule I vzhooks_floating prerouting dnat to I daddr map @public
add rule I vzhooks_floating output dnat to I daddr map @public
add rule I vzhooks_floating postrouting ct status dnat I saddr @inside I daddr @inside snat to I saddr map @leaving
add rule I vzhooks_floating postrouting ct status dnat I saddr @inside I daddr @inside masquerade
add rule I vzhooks_floating postrouting oifname "vmbr1" snat to I saddr map @leaving
%sadd table I vzhooks_floating_sign
delete table I vzhooks_floating_sign
add table I vzhooks_floating_sign
add chain I vzhooks_floating_sign is_SIGN"""
ASKED = "add rule I vzhooks_floating postrouting oifname \"vmbr1\" I saddr @asked %s\n"
V4, V6 = ("ip", "ipv4_addr"), ("ip6", "ipv6_addr")


@pytest.mark.parametrize("snat, asked", [
    ("", ("", "")), ("snat = masquerade\n", (ASKED % "masquerade",) * 2),
    ("snat = 200.200.100.7\n", (ASKED % "snat to 200.200.100.7", "")),
    ("snat = 2001:db8:20::7\n", ("", ASKED % "snat to 2001:db8:20::7"))])
def test_transactions_of_nft(lines, snat, asked):
    found = [line for line in lines("[floating]\nuplinks = vmbr1\nbackend = nft\n" + snat) if line.command.startswith("nft ")]
    signs = {line.command.rpartition("is_")[2] for line in found}
    assert len(signs) == 1 and re.match("[0-9a-f]{12}$", min(signs))
    wanted = [re.sub(r"\bI\b", ip, re.sub(r"\bA\b", kind, NFT % rules)).replace("\n", "; ").replace("SIGN", min(signs))
              for (ip, kind), rules in zip((V4, V6), asked)]
    assert [line.command for line in found] == wanted
    assert [line.undo.command for line in found] == [
        "nft delete table %s vzhooks_floating; delete table %s vzhooks_floating_sign" % (ip, ip) for ip in ("ip", "ip6")]


def sign(found):
    return found[-1].command.rpartition("is_")[2]


def test_the_sign_says_when_anything_is_otherwise_and_not_where_it_stands(lines, node):
    ini = "[floating]\nuplinks = vmbr1 vmbr0\nbackend = nft\n"
    once = sign(lines(ini))
    assert sign(lines("\n[node]\ntimeout = 5\n" + ini)) == once
    assert sign(lines(ini + EXTERNAL)) == once  # a gateway is in the table of routes alone
    others = [sign(lines(ini + more)) for more in ("snat = masquerade\n", "mark_mask = 0xff\n")]
    others.append(sign(lines(ini.replace("vmbr1 vmbr0", "vmbr0 vmbr1"))))
    assert len(set(others + [once])) == 4


def test_without_uplinks_there_is_nothing(lines):
    assert lines("") == lines("[floating]\nbackend = nft\n") == lines("[floating]\nuplinks = eth9\n") == []


# What the node has already


LISTED = "table ip vzhooks_floating {\n\tchain incoming {\n\t\ttype filter hook prerouting priority mangle; policy accept;\n\t}\n}\n" \
    "table ip vzhooks_floating_sign {\n\tchain is_%s {\n\t}\n}\n"
HERE = "nft add table ip vzhooks_floating; add chain ip vzhooks_floating_sign is_abc"


@pytest.mark.parametrize("listed, holds", [
    (LISTED % "abc", True), (LISTED % "abcd", False), (LISTED % "ab", False), ("", False), (None, False),
    ((LISTED % "abc").replace("table ip vzhooks_floating {", "table ip6 vzhooks_floating {"), False),
    ((LISTED % "abc").replace("ip vzhooks_floating_sign", "ip other"), False)])
def test_a_transaction_holds_while_its_table_and_its_sign_are_there(node, listed, holds):
    node.others["nft list chains"] = (1, "") if listed is None else (0, listed)
    tools = Tools(5.0)
    assert (tools.holds(HERE), tools.holds(HERE)) == (holds, holds)
    assert node.asked == ["nft list chains"]


ELEMENTS = "table ip t {\n\tmap m {\n\t\ttype ipv4_addr : ipv4_addr\n\t\telements = { 10.0.0.50 : 10.1.0.5, 10.0.0.6 : 10.1.0.60,\n" \
    "\t\t\t     10.0.0.7 : 10.1.0.7 }\n\t}\n}\n"


@pytest.mark.parametrize("element, holds", [
    ("10.0.0.50 : 10.1.0.5", True), ("10.0.0.7 : 10.1.0.7", True), ("10.0.0.5 : 10.1.0.5", False),
    ("10.0.0.6 : 10.1.0.6", False), ("0.0.0.7 : 10.1.0.7", False)])
def test_an_element_is_not_taken_for_one_that_begins_or_ends_like_it(node, element, holds):
    node.others["nft list map ip t m"] = (0, ELEMENTS)
    assert Tools(5.0).holds("nft add element ip t m { %s }" % element) is holds


def test_the_back_end_is_that_of_the_others(conf, node):
    auto = conf("[floating]\nuplinks = vmbr0\n")
    assert backend.choose(auto) == "nft" and backend.doubts(auto) == []
    node.others["nft list chains"] = (0, LISTED % "abc")
    assert backend.in_use() == (False, False)  # ours alone
    node.others["nft list chains"] = (0, "table inet filter {\n\tchain c {\n\t}\n}\n")
    assert backend.in_use() == (True, False) and backend.choose(auto) == "nft"
    node.programs.discard("nft")
    assert backend.choose(auto) == "iptables"
    for name in ("iptables", "ip6tables"):
        node.programs.discard(name)
    with pytest.raises(Expected) as caught:
        backend.choose(auto)
    assert str(caught.value) == "neither nft nor iptables is there, and must mark and translate packets; install nftables"
    with pytest.raises(Expected) as caught:
        backend.choose(conf("[floating]\nbackend = iptables\n"))
    assert str(caught.value) == "iptables is not there, and must mark and translate packets; install iptables"


def test_an_edited_table_of_nft_is_replaced_and_never_gone_in_between(lines, node):
    """Undoing the old transaction would take every container's elements along."""
    from vzhooks.node import change, journal

    with journal.lock():
        old = lines("[floating]\nuplinks = vmbr0\nbackend = nft\n")
        journal.write(old)
        here = LISTED % sign(old)
        node.others["nft list chains"] = (0, here + here.replace("table ip ", "table ip6 "))
        made = change.Change(lines("[floating]\nuplinks = vmbr0\nbackend = nft\nsnat = masquerade\n"), print)
    assert [line.command for line in made.gone if line.command.startswith("nft ")] == []
    assert len([line for line in made.new if line.command.startswith("nft ")]) == 2


# The real nft, in a network namespace of its own


@pytest.mark.needs("root", "nft")
@pytest.mark.parametrize("snat", ["", "snat = masquerade\n", "snat = 192.168.1.7\n", "snat = 2001:db8::7\n"])
def test_nft_takes_it_twice_and_its_undo(lines, put, node, monkeypatch, snat):
    put("/etc/vz/vzhooks.conf", "[floating]\nuplinks = vmbr1 vmbr0\nbackend = nft\n" + snat)
    put("/etc/vz/conf/101.conf", "IP_ADDRESS='10.17.99.5 10.17.99.6 fd17::5'\nSNAT=%s\nFLOATING_IP='203.0.113.1 203.0.113.2 "
        "2001:db8:20::7'\n" % ("yes" if snat else "no"))
    wanted = [line for line in planner.validate("101").ready.lines if line.command.startswith("nft ")]
    texts = []

    def kept(argv, stdin="", timeout=0.0, keep=0):
        texts.append(stdin)
        return process.Result(list(argv), 0, "", "")

    monkeypatch.setattr(process, "run", kept)
    for commands in ([line.command for line in wanted] * 2, [line.undo.command for line in reversed(wanted)]):
        assert batch.run([batch.Command("host", text, False, "") for text in commands], inside.Inside("101", ""), 5.0) is None
    assert len(texts) == 2
    monkeypatch.undo()
    script = "nft -c -f - <<'EOF'\n{0}EOF\nnft -f - <<'EOF'\n{0}EOF\nnft -f - <<'EOF'\n{0}EOF\nnft -f - <<'EOF'\n{1}EOF\n" \
        "nft list ruleset\n".format(*texts)
    result = subprocess.run(["unshare", "-n", "sh", "-ec", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            universal_newlines=True)
    assert (result.returncode, result.stdout) == (0, "")
