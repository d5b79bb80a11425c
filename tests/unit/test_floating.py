"""FLOATING_IP, SNAT and [floating]: what is taken, what is a mistake, and the exact lines of one container."""
import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.fakenode import FakeNode
from tests.unit.test_model import ONE, TWO, model, texts
from vzhooks import floating, nodeconf, plan, planner, values
from vzhooks.errors import ConfigError

OWN = "VETH_IP_ADDRESS='10.17.64.5/16 10.17.64.6/16 fd17::5/64'\n"
UPLINKS = "[floating]\nuplinks = vmbr1 vmbr0\n"


def settings(text):
    found = nodeconf.read("F", "[floating]\n" + text)
    return found.floating, texts(found.node_mistakes), found.mistakes


def pairs(found):
    return " ".join("%s=%s" % (one.public.ip, one.private.ip) for one in found.floating)


# [floating]


def test_the_settings_and_their_defaults():
    found, mistakes, _ = settings("")
    assert (mistakes, found._replace(where="")) == ([], floating.Settings())
    assert (found.backend, found.answer, found.snat, found.tables, found.mark_mask) == ("auto", "address", "", 1181, 0xff00000)
    found, mistakes, _ = settings("uplinks = eth0  br0.5\nbackend = NFT\nanswer = Proxy\nsnat = 192.0.2.7\ntables = 256\n"
                                  "mark_mask = 0x3\n")
    assert mistakes == []
    assert found._replace(where="", wheres={}) == floating.Settings("", ("eth0", "br0.5"), "nft", "192.0.2.7", "proxy", 256, 3)
    assert (found.at("snat"), found.at("nothing")) == ("F:5", "F:1")
    assert settings("snat = Masquerade\n")[0].snat == "masquerade"
    assert settings("snat = 2001:DB8:0::7\n")[0].snat == "2001:db8::7"


MASK_WANTED = "a mask of bits in a row, like 0x0ff00000, without 0x10000000 (routed veths) is wanted"


@pytest.mark.parametrize("text, wanted", [
    ("uplinks =\n", "F:2: uplinks = ; one or more words are wanted"),
    ("uplinks = a a\n", "F:2: uplinks = a a; each word once is wanted, 'a' is there twice"),
    ("uplinks = a/b\n", "F:2: uplinks = a/b; an interface name of printable ASCII without space, '/', ':', quotes or '#' is "
                        "wanted"),
    ("backend = pf\n", "F:2: backend = pf; auto or nft or iptables is wanted"),
    ("answer = yes\n", "F:2: answer = yes; address or proxy is wanted"),
    ("snat = yes\n", "F:2: snat = yes; an IPv4 or IPv6 address is wanted"),
    ("snat = 192.0.2.0/24\n", "F:2: snat = 192.0.2.0/24; an IPv4 or IPv6 address is wanted, without '/'"),
    ("tables = 255\n", "F:2: tables = 255; a number from 256 to 2147483648 is wanted"),
    ("uplink = a\n", "F:2: uplink = a; one of answer, backend, mark_mask, snat, tables, uplinks is wanted"),
    ("mark_mask = 0x1\nuplinks = a b\n", "F:2: 2 uplinks; a mask with room for their numbers is wanted")] + [
    ("mark_mask = %s\n" % mask, "F:2: mark_mask = %s; %s" % (mask, MASK_WANTED)) for mask in (
        "0", "0x0", "255", "0xf0f", "0x10000000", "0xff000000", "0x100000000", "-0xff", "0x", "0xfg", "0x0ff0_0000", "0xf\u0663",
        "+0xf")])
def test_a_mistake_in_the_settings(text, wanted):
    found, mistakes, general = settings(text)
    assert (mistakes, general) == ([wanted], ())


@given(text=st.one_of(st.text(), st.from_regex(r"0[xX][0-9a-fA-F_]{0,9}"), st.integers(-2 ** 33, 2 ** 33).map(hex)))
def test_a_mask_is_bits_in_a_row_or_a_mistake_and_marks_stay_within_it(text):
    try:
        mask = floating.SETTINGS["mark_mask"](text, "F:1")
    except ValueError as error:
        assert str(error) == MASK_WANTED
        return
    bits = bin(mask)[2:]
    assert mask == int(text, 16) and 0 < mask < 2 ** 32 and "01" not in bits and not mask & 0x10000000
    assert set(text) <= set("0123456789abcdefxABCDEFX")
    found = floating.Settings(mark_mask=mask)
    marks = [found.mark(number) for number in range(1, min(bits.count("1") * 2, 20)) if number < 2 ** bits.count("1")]
    assert len(set(marks)) == len(marks)
    for mark in marks:
        value, _, behind = mark.partition("/")
        assert int(behind, 16) == mask and int(value, 16) & ~mask == 0 and int(value, 16) and mark == mark.lower()


# FLOATING_IP


@pytest.mark.parametrize("word, wanted", [
    ("203.0.113.10", "203.0.113.10=10.17.64.5"),  # to the first address of its family
    ("203.0.113.10:10.17.64.6", "203.0.113.10=10.17.64.6"), ("203.0.113.10=10.17.64.6", "203.0.113.10=10.17.64.6"),
    ("2001:DB8:0::1", "2001:db8::1=fd17::5"), ("2001:db8::1=FD17:0::5", "2001:db8::1=fd17::5"),
    ("203.0.113.10 203.0.113.11:10.17.64.5  2001:db8::1", "203.0.113.10=10.17.64.5 203.0.113.11=10.17.64.5 2001:db8::1=fd17::5")])
def test_pairs(word, wanted):
    found = model(ONE + OWN + "FLOATING_IP='%s'\n" % word, node=UPLINKS)
    assert (pairs(found), found.mistakes, found.doubts) == (wanted, (), ())
    assert {one.public.where for one in found.floating} == {"101.conf:3"}


FORM = "PUBLIC, PUBLIC=PRIVATE or, for IPv4, PUBLIC:PRIVATE is wanted"


@pytest.mark.parametrize("word, wanted", [
    (word, FORM) for word in ("x", "203.0.113.10/32", "203.0.113.10:", "203.0.113.10=", "=10.17.64.5", ":10.17.64.5", "1:2", "10",
                              "203.0.113.10=10.17.64.5=10.17.64.6", "203.0.113.10:10.17.64.5:80", "224.0.0.1", "127.0.0.1",
                              "0.0.0.0", "255.255.255.255", "::1", "203.0.113.010")] + [
    ("203.0.113.10=fd17::5", "behind it one of the container's own addresses of that family is wanted: 10.17.64.5 10.17.64.6"),
    ("203.0.113.10:10.17.64.7", "behind it one of the container's own addresses of that family is wanted: 10.17.64.5 10.17.64.6"),
    ("10.17.64.6", "an address that the container does not have itself is wanted"),
    ("10.17.64.5=10.17.64.6", "an address that the container does not have itself is wanted"),
    ("fe80::10", "an address that others can reach is wanted, not a link-local one")])
def test_a_mistake_in_a_pair(word, wanted):
    found = model(ONE + OWN + "FLOATING_IP='%s 203.0.113.99'\n" % word, node=UPLINKS)
    assert texts(found.mistakes) == ["101.conf:3: FLOATING_IP: '%s'; %s" % (word, wanted)]
    assert pairs(found) == "203.0.113.99=10.17.64.5"


@pytest.mark.parametrize("text, node, wanted", [
    (ONE + "VETH_IP_ADDRESS=10.17.64.5\nFLOATING_IP=2001:db8::1\n", UPLINKS,
     ["101.conf:3: FLOATING_IP: '2001:db8::1'; an IPv6 address of the container is wanted behind it"]),
    (ONE + OWN + "FLOATING_IP='203.0.113.10 203.0.113.10:10.17.64.6'\n", UPLINKS,
     ["101.conf:3: FLOATING_IP: 203.0.113.10 twice; each address once is wanted"]),
    (ONE + OWN + "FLOATING_IP=203.0.113.10\n", "",
     ["101.conf:3: FLOATING_IP, but vzhooks.conf names no uplinks; 'uplinks = ...' in [floating] is wanted"]),
    ("IP_ADDRESS=10.17.99.5\nFLOATING_IP=203.0.113.10\n", "",  # its address is not even read then
     ["101.conf:2: FLOATING_IP, but vzhooks.conf names no uplinks; 'uplinks = ...' in [floating] is wanted"]),
    (ONE + OWN + "FLOATING_IP=$(x)\n", UPLINKS, None),
    (ONE + OWN + "SNAT=maybe\n", UPLINKS + "snat = masquerade\n", ["101.conf:3: SNAT: 'maybe'; yes or no is wanted"]),
    (ONE + OWN + "SNAT=yes\n", UPLINKS,
     ["101.conf:3: SNAT=yes, but vzhooks.conf does not say by which address; 'uplinks = ...' and 'snat = ADDRESS' or "
      "'snat = masquerade' in [floating] are wanted"]),
    (ONE + OWN + "SNAT=yes\n", "[floating]\nsnat = masquerade\n",
     ["101.conf:3: SNAT=yes, but vzhooks.conf does not say by which address; 'uplinks = ...' and 'snat = ADDRESS' or "
      "'snat = masquerade' in [floating] are wanted"])])
def test_mistakes_of_the_whole(text, node, wanted):
    found = texts(model(text, node=node).mistakes)
    assert found == wanted if wanted is not None else len(found) == 1 and found[0].startswith("101.conf:3: ")


@pytest.mark.parametrize("value, where", [("yes", "101.conf:3"), ("YES", "101.conf:3"), ("no", ""), ("", ""), ("No", "")])
def test_snat(value, where):
    found = model(ONE + OWN + "SNAT=%s\n" % value, node=UPLINKS + "snat = masquerade\n")
    assert (found.snat, found.mistakes) == (where, ())


def test_with_several_veths_the_suffix_chooses_and_without_one_all_addresses_count():
    text = TWO + "VETH_IP_ADDRESS=10.17.64.5\nVETH_IP_ADDRESS_eth1=10.18.0.5\n"
    assert pairs(model(text + "FLOATING_IP='203.0.113.1 203.0.113.2:10.18.0.5'\nFLOATING_IP_eth1=203.0.113.3\n", node=UPLINKS)) \
        == "203.0.113.1=10.17.64.5 203.0.113.2=10.18.0.5 203.0.113.3=10.18.0.5"
    assert len(model(text + "FLOATING_IP_eth1=203.0.113.3:10.17.64.5\n", node=UPLINKS).mistakes) == 1
    assert len(model(text + "FLOATING_IP=203.0.113.3\nFLOATING_IP_eth1=203.0.113.3\n", node=UPLINKS).mistakes) == 1


def test_a_venet_container_has_them_too_and_nothing_is_doubted():
    found = model("IP_ADDRESS='10.17.99.5 2001:db8::5'\nFLOATING_IP='203.0.113.10 2001:db8:1::1'\n", node=UPLINKS)
    assert (pairs(found), found.mistakes, found.doubts, found.custom) == (
        "203.0.113.10=10.17.99.5 2001:db8:1::1=2001:db8::5", (), (), True)


addresses = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str)
words = st.one_of(st.text(), addresses, st.lists(st.one_of(addresses, st.sampled_from(
    [":", "=", "10.17.64.5", "fd17::5", "203.0.113.10", "%eth0", "/32", "0x10", " "])), max_size=4).map("".join))


@given(word=words)
def test_any_word_is_a_pair_or_a_value_error(word):
    own = [values.address("10.17.64.5/16", "C:1"), values.address("fd17::5/64", "C:1")]
    try:
        found = floating.parse(word, "C:2", own)
    except ValueError as error:
        assert "wanted" in str(error)
        return
    assert found.public.family == found.private.family and found.private in own
    assert found.public.ip not in [one.ip for one in own] and found.public.prefix == found.public.width
    assert ipaddress.ip_address(found.public.ip) == ipaddress.ip_address(word.partition("=")[0] if "=" in word or word.count(":") != 1
                                                                        else word.partition(":")[0])
    for sign in "=:" if found.public.family == 4 else "=":
        again = floating.parse(found.public.ip + sign + found.private.ip, "C:2", own)
        assert again == found


@given(text=st.text(alphabet=st.characters(blacklist_characters="\0", blacklist_categories=["Cs"])))
def test_any_value_of_the_variable_is_addresses_or_mistakes(text):
    found = model(ONE + OWN + "FLOATING_IP='%s'\nSNAT='%s'\n" % ((text.replace("'", ""),) * 2), node=UPLINKS)
    assert all(one.startswith("101.conf:") and one.isprintable() for one in texts(found.mistakes))


# The lines


@pytest.fixture
def node(tmp_path, monkeypatch):
    made = FakeNode(tmp_path / "node", monkeypatch)
    made.programs.add("conntrack")
    made.link("vmbr0", "linux", mac="02:00:c0:a8:01:8e")
    made.link("vmbr1", "linux", mac="02:00:c8:c8:64:06")
    made.link("br0", "linux", mac="02:00:00:00:17:01")
    made.sysctl("net.ipv4.ip_forward", "1")
    made.ip("address add 192.168.1.142/24 dev vmbr0", "address add 200.200.100.6/23 dev vmbr1",
            "address add 2001:db8:20::6/64 dev vmbr1")
    return made


@pytest.fixture
def own_lines(put, root, node):
    """own_lines(CONF, [floating] ...): (the plan's text without the node's lines, the doubts)."""
    def make(conf, ini="backend = nft\n"):
        put("/etc/vz/vzhooks.conf", UPLINKS + ini)
        put("/etc/vz/conf/101.conf", 'NETIF="ifname=eth0,mac=00:18:51:A1:B2:C3,host_ifname=veth101.0"\nBRIDGEDEV=br0\n' + conf)
        ready = planner.validate("101").ready
        text = plan.text([line for line in ready.lines if line.place != "node"])
        return text.replace(root + "/etc/vz/conf/101.conf", "C"), [doubt.replace(root + "/etc/vz/vzhooks.conf", "F")
                                                                  for doubt in ready.doubts]
    return make


def nft(*elements):
    return "".join("host  nft add element %s\n-undo nft add element %s; delete element %s\n" % ((element,) * 3)
                   for element in elements)


def iptables(*rules):
    return "".join("host  {0} -A {1} -m comment --comment vzhooks:101\n-undo {0} -D {1} -m comment --comment vzhooks:101\n".format(
        *rule.split(" + ")) for rule in rules)


def test_one_address_with_nft(own_lines):
    assert own_lines("VETH_IP_ADDRESS=10.17.64.5/16\nFLOATING_IP=200.200.100.50\n") == ("""\
# C:4
host  claim 200.200.100.50 for 101
undo  release 200.200.100.50 of 101
# C:3
""" + nft("ip vzhooks_floating inside { 10.17.64.5 }") + "# C:4\n"
        + nft("ip vzhooks_floating public { 200.200.100.50 : 10.17.64.5 }",
              "ip vzhooks_floating leaving { 10.17.64.5 : 200.200.100.50 }") + """\
-host forget 200.200.100.50 to 10.17.64.5
host  ip address replace 200.200.100.50/32 dev vmbr1 label vmbr1:vzh
undo  ip address del 200.200.100.50/32 dev vmbr1
-once announce 200.200.100.50 lladdr 02:00:c8:c8:64:06 dev vmbr1
""", [])


SEVERAL = ("VETH_IP_ADDRESS='10.17.64.5/16 10.17.64.6/16 fd17::5/64'\n"
           "FLOATING_IP='200.200.100.50 200.200.100.51:10.17.64.6 192.168.1.50 2001:db8:20::50 2001:db8:99::1'\nSNAT=yes\n")
CLAIMS = "# C:4\n" + "".join("host  claim %s for 101\nundo  release %s of 101\n" % (ip, ip) for ip in (
    "200.200.100.50", "200.200.100.51", "192.168.1.50", "2001:db8:20::50", "2001:db8:99::1"))
FORGET = """\
-host forget 200.200.100.50 to 10.17.64.5
-host forget 200.200.100.51 to 10.17.64.6
-host forget 192.168.1.50 to 10.17.64.5
-host forget 2001:db8:20::50 to fd17::5
-host forget 2001:db8:99::1 to fd17::5
"""
# Each on the uplink in whose network it is; one in none on the first.
ANNOUNCE = """\
-once announce 200.200.100.50 lladdr 02:00:c8:c8:64:06 dev vmbr1
-once announce 200.200.100.51 lladdr 02:00:c8:c8:64:06 dev vmbr1
-once announce 192.168.1.50 lladdr 02:00:c0:a8:01:8e dev vmbr0
-once announce 2001:db8:20::50 lladdr 02:00:c8:c8:64:06 dev vmbr1
-once announce 2001:db8:99::1 lladdr 02:00:c8:c8:64:06 dev vmbr1
"""


def test_several_addresses_of_both_families_with_nft(own_lines):
    """SNAT=yes asks only for an address that leaves by no public one."""
    assert own_lines(SEVERAL, "backend = nft\nsnat = masquerade\n") == (CLAIMS + "# C:3\n" + nft(
        "ip vzhooks_floating inside { 10.17.64.5 }", "ip vzhooks_floating inside { 10.17.64.6 }",
        "ip6 vzhooks_floating inside { fd17::5 }") + "# C:4\n" + nft(
        "ip vzhooks_floating public { 200.200.100.50 : 10.17.64.5 }",
        "ip vzhooks_floating leaving { 10.17.64.5 : 200.200.100.50 }",
        "ip vzhooks_floating public { 200.200.100.51 : 10.17.64.6 }",
        "ip vzhooks_floating leaving { 10.17.64.6 : 200.200.100.51 }",
        "ip vzhooks_floating public { 192.168.1.50 : 10.17.64.5 }",
        "ip6 vzhooks_floating public { 2001:db8:20::50 : fd17::5 }",
        "ip6 vzhooks_floating leaving { fd17::5 : 2001:db8:20::50 }",
        "ip6 vzhooks_floating public { 2001:db8:99::1 : fd17::5 }") + FORGET + """\
host  ip address replace 200.200.100.50/32 dev vmbr1 label vmbr1:vzh
undo  ip address del 200.200.100.50/32 dev vmbr1
host  ip address replace 200.200.100.51/32 dev vmbr1 label vmbr1:vzh
undo  ip address del 200.200.100.51/32 dev vmbr1
host  ip address replace 192.168.1.50/32 dev vmbr0 label vmbr0:vzh
undo  ip address del 192.168.1.50/32 dev vmbr0
host  ip address replace 2001:db8:20::50/128 dev vmbr1 nodad preferred_lft 0
undo  ip address del 2001:db8:20::50/128 dev vmbr1
host  ip address replace 2001:db8:99::1/128 dev vmbr1 nodad preferred_lft 0
undo  ip address del 2001:db8:99::1/128 dev vmbr1
""" + ANNOUNCE, [])


def test_several_addresses_with_iptables_and_proxy_arp(own_lines):
    def out(tool, private, public):
        return ["%s -w -t nat + VZHOOKS-SNAT -s %s %s -j SNAT --to-source %s" % (tool, private, match, public)
                for match in ("-m conntrack --ctstate DNAT", "-o vmbr1", "-o vmbr0")]

    def into(tool, public, private):
        return ["%s -w -t nat + VZHOOKS-DNAT -d %s -j DNAT --to-destination %s" % (tool, public, private)]

    def inside(tool, private):
        return ["%s -w -t mangle + VZHOOKS-INSIDE -s %s -j CONNMARK --set-xmark 0x0/0x0ff00000" % (tool, private)]

    found, doubts = own_lines(SEVERAL.replace(" fd17", " 10.17.64.7 fd17"),
                              "backend = iptables\nanswer = proxy\nsnat = 192.168.1.77\n")
    assert doubts == []
    assert found.partition("-host forget")[0] == CLAIMS + iptables(*(
        into("iptables", "200.200.100.50", "10.17.64.5") + out("iptables", "10.17.64.5", "200.200.100.50")
        + into("iptables", "200.200.100.51", "10.17.64.6") + out("iptables", "10.17.64.6", "200.200.100.51")
        + into("iptables", "192.168.1.50", "10.17.64.5")
        + into("ip6tables", "2001:db8:20::50", "fd17::5") + out("ip6tables", "fd17::5", "2001:db8:20::50")
        + into("ip6tables", "2001:db8:99::1", "fd17::5"))) + "# C:3\n" + iptables(*(
            inside("iptables", "10.17.64.5") + inside("iptables", "10.17.64.6") + inside("iptables", "10.17.64.7")
            + ["iptables -w -t nat + VZHOOKS-SNAT -s 10.17.64.7 -m conntrack --ctstate DNAT -j MASQUERADE"]
            + inside("ip6tables", "fd17::5")
            + ["iptables -w -t nat + VZHOOKS-SNAT -s 10.17.64.7 -o vmbr1 -j SNAT --to-source 192.168.1.77",
               "iptables -w -t nat + VZHOOKS-SNAT -s 10.17.64.7 -o vmbr0 -j SNAT --to-source 192.168.1.77"])) + "# C:4\n"
    assert found[found.index("-host forget"):] == FORGET + "".join("""\
host  ip route add %s dev br0 proto 118
undo  ip route del %s dev br0 proto 118
host  ip neigh replace proxy %s dev %s
undo  ip neigh del proxy %s dev %s
""" % (ip, ip, ip, dev, ip, dev) for ip, dev in [
        ("200.200.100.50", "vmbr1"), ("200.200.100.51", "vmbr1"), ("192.168.1.50", "vmbr0"), ("2001:db8:20::50", "vmbr1"),
        ("2001:db8:99::1", "vmbr1")]) + ANNOUNCE


def test_proxy_arp_of_a_veth_that_is_not_there_before_the_start(own_lines):
    """Its address is routed to the veth itself, which vzctl makes later."""
    text = own_lines("BRIDGEDEV=\nVETH_IP_ADDRESS=10.17.64.5\nFLOATING_IP=200.200.100.50\n", "backend = nft\nanswer = proxy\n")[0]
    assert "host  ip route add 200.200.100.50 dev lo proto 118\n" in text and "veth101.0" not in text


@pytest.mark.parametrize("snat, rule", [("masquerade", "-j MASQUERADE"), ("192.168.1.77", "-j SNAT --to-source 192.168.1.77")])
def test_who_asks_leaves_by_the_node_s_address(own_lines, snat, rule):
    conf = "VETH_IP_ADDRESS='10.17.64.5 fd17::5'\nSNAT=yes\n"
    elements = [row for row in own_lines(conf, "backend = nft\nsnat = %s\n" % snat)[0].splitlines() if row.startswith("host")]
    # An element of a family without an address to leave by is in no rule's way.
    assert elements == ["host  nft add element %s vzhooks_floating %s { %s }" % (ip, name, address) for name in ("inside", "asked")
                        for ip, address in (("ip", "10.17.64.5"), ("ip6", "fd17::5"))]
    rules = [row for row in own_lines(conf, "backend = iptables\nsnat = %s\n" % snat)[0].splitlines()
             if row.startswith("host") and " -o " in row]
    tools = [("iptables", "10.17.64.5")] + [("ip6tables", "fd17::5")] * (snat == "masquerade")
    assert rules == ["host  %s -w -t nat -A VZHOOKS-SNAT -s %s -o %s %s -m comment --comment vzhooks:101" % (
        tool, address, dev, rule) for tool, address in tools for dev in ("vmbr1", "vmbr0")]


def test_a_container_without_any_is_known_as_inside_and_nothing_else(own_lines):
    assert own_lines("VETH_IP_ADDRESS=10.17.64.5\n")[0] == "# C:3\n" + nft("ip vzhooks_floating inside { 10.17.64.5 }")
    assert own_lines("")[0] == ""


def test_what_is_missing_on_the_node_is_said(own_lines, node):
    conf = "VETH_IP_ADDRESS=10.17.64.5\nFLOATING_IP=200.200.100.50\n"
    node.programs.discard("conntrack")
    node.sysctl("net.ipv4.ip_forward", "0")
    node.sysctl("net.ipv4.conf.all.rp_filter", "1")
    node.sysctl("net.ipv4.conf.vmbr1.rp_filter", "0")
    node.ip("route add default via 192.168.1.3 dev vmbr0")
    wanted = ["F:2: net.ipv4.ip_forward is 0; 1 is wanted, or nothing reaches a container",
              "F:2: no program 'conntrack', so that flows of an address's earlier holder go on; the package conntrack "
              "(conntrack-tools) is wanted",
              "F:2: rp_filter is 1 on vmbr1, which drops requests from beyond its network, since the main table's way back is by "
              "vmbr0; 2 or 0 is wanted on uplinks"]
    assert own_lines(conf)[1] == wanted
    node.sysctl("net.ipv4.conf.vmbr1.rp_filter", "2")
    assert own_lines(conf)[1] == wanted[:2]


def test_an_uplink_that_is_not_there_is_said_and_the_others_serve(own_lines):
    conf = "VETH_IP_ADDRESS=10.17.64.5\nFLOATING_IP=10.9.9.9\n"
    text, doubts = own_lines(conf, "backend = nft\n".replace("nft", "nft\n[bridge br7]\nports = eth0"))
    assert "dev vmbr1" in text and doubts == []
    text, doubts = own_lines(conf.replace("10.9.9.9", "192.168.1.50"))
    assert "dev vmbr0" in text


def test_mistakes_stop_the_container_before_it_exists(own_lines):
    with pytest.raises(ConfigError) as caught:
        own_lines("VETH_IP_ADDRESS=10.17.64.5\nFLOATING_IP=10.17.64.5\n")
    assert str(caught.value).endswith("101.conf:4: FLOATING_IP: '10.17.64.5'; an address that the container does not have itself is "
                                      "wanted")
