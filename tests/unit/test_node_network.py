"""[network NAME]: what is taken, every mistake word for word, and the order of the rules."""
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vzhooks import nodeconf, values
from vzhooks.node.network import FIRST, LAST, MAIN, ROUTED, Network

GOOD = {"cidr": "192.168.1.0/24", "dev": "vmbr0", "gateway": "192.168.1.3", "table": "210"}


def section(name="internal", **settings):
    rows = ["%s = %s" % (key, dict(GOOD, **settings)[key]) for key in ("cidr", "dev", "gateway", "table")]
    rows += ["%s = %s" % pair for pair in sorted(settings.items()) if pair[0] not in GOOD]
    return "[network %s]\n%s\n" % (name, "\n".join(row for row in rows if not row.endswith("None")))


def read(text):
    found = nodeconf.read("F", text)
    assert found.mistakes == ()
    return found.networks, [str(one) for one in found.node_mistakes], [str(one) for one in found.doubts]


def test_what_is_said_and_what_is_not():
    networks, mistakes, doubts = read(section() + section(
        "dual-2.x", cidr="10.0.0.0/8 2001:DB8::/32", gateway="fe80::1 10.0.0.1", table="4294967295", ingress="venet0 routed",
        rp_filter="2"))
    assert mistakes == doubts == []
    plain, dual = networks
    assert (plain.ingress, plain.rp_filter, plain.at("ingress"), plain.at("table")) == (("venet0",), "", "F:1", "F:5")
    assert (" ".join(map(str, dual.cidr)), dual.ingress, dual.rp_filter, dual.table) == (
        "10.0.0.0/8 2001:db8::/32", ("venet0", "routed"), "2", 4294967295)
    assert [dual.gateway_of(cidr).ip for cidr in dual.cidr] == ["10.0.0.1", "fe80::1"]
    assert dual.holds(values.address("10.9.9.9", "")) and not dual.holds(values.address("11.0.0.1", ""))


NETWORK = "an IPv4 or IPv6 network NETWORK/PREFIX is wanted"
NAME = ("a name for its table is wanted: a letter, then up to 39 letters, digits, '-', '_', '.', and none of unspec, default, "
        "main, local, all")


@pytest.mark.parametrize("settings, wanted", [
    ({"cidr": None}, ["F:1: no 'cidr' in this section; 'cidr = ...' is wanted"]),
    ({"dev": None}, ["F:1: no 'dev' in this section; 'dev = ...' is wanted"]),
    ({"gateway": None}, ["F:1: no 'gateway' in this section; 'gateway = ...' is wanted"]),
    ({"table": None}, ["F:1: no 'table' in this section; 'table = ...' is wanted"]),
    ({"cidr": "192.168.1.0"}, ["F:2: cidr = 192.168.1.0; " + NETWORK]),
    ({"cidr": "192.168.1.7/24"}, ["F:2: cidr = 192.168.1.7/24; the network itself is wanted, 192.168.1.0/24"]),
    ({"cidr": "192.168.1.0/24 192.168.2.0/24"}, ["F:2: a second IPv4 cidr, 192.168.2.0; one for each family is wanted"]),
    ({"cidr": "192.168.1.0/24 2001:db8::/32"}, ["F:4: no IPv6 gateway for 2001:db8::/32; one for each cidr is wanted"]),
    ({"dev": "a b"}, ["F:3: dev = a b; an interface name of printable ASCII without space, '/', ':', quotes or '#' is wanted"]),
    ({"gateway": "192.168.2.3"}, ["F:4: gateway 192.168.2.3 is outside cidr 192.168.1.0/24; a gateway within is wanted"]),
    ({"gateway": "2001:db8::1"}, ["F:4: gateway 2001:db8::1 is outside cidr 192.168.1.0/24; a gateway within is wanted",
                                  "F:4: no IPv4 gateway for 192.168.1.0/24; one for each cidr is wanted"]),
    ({"gateway": "192.168.1.3 192.168.1.4"}, ["F:4: a second IPv4 gateway, 192.168.1.4; one for each family is wanted"]),
    ({"gateway": "192.168.1.3/24"}, ["F:4: gateway = 192.168.1.3/24; an IPv4 or IPv6 address is wanted, without '/'"]),
    ({"table": "internal"}, ["F:5: table = internal; a number from 1 to 4294967295 is wanted"]),
    ({"table": "4294967296"}, ["F:5: table = 4294967296; a number from 1 to 4294967295 is wanted"]),
    ({"table": "254"}, ["F:5: table = 254; a table of its own is wanted, 254 is the kernel's"]),
    ({"ingress": "venet0 venet0"}, ["F:6: ingress = venet0 venet0; each word once is wanted, 'venet0' is there twice"]),
    ({"rp_filter": "3"}, ["F:6: rp_filter = 3; a number from 0 to 2 is wanted"]),
    ({"mtu": "1500"}, ["F:6: mtu = 1500; one of cidr, dev, gateway, ingress, rp_filter, table is wanted"]),
])
def test_a_mistake_names_its_line_and_leaves_the_network_out(settings, wanted):
    networks, mistakes, _ = read(section(**settings))
    assert (networks, mistakes) == ((), wanted)


@pytest.mark.parametrize("name", ["main", "local", "default", "all", "unspec", "5", "a b", "a" * 41, "-a", "a/b", "\u00e9", "a:b"])
def test_what_is_no_name_of_a_table(name):
    assert read(section(name))[:2] == ((), ["F:1: [network %s]; %s" % (name, NAME)])


@pytest.mark.parametrize("more, mistakes, doubts", [
    ({"cidr": "10.5.0.0/16", "gateway": "10.5.0.1", "table": "211"}, [], []),
    ({"cidr": "10.5.0.0/16", "gateway": "10.5.0.1"},
     ["F:10: table 210 is the table of [network internal] (F:5), too; one table for each network is wanted"], []),
    ({"table": "211"}, ["F:7: 192.168.1.0/24 overlaps 192.168.1.0/24 of [network internal] (F:2); networks without a common "
                        "address are wanted"], []),
    ({"cidr": "192.168.0.0/16", "table": "211"}, [],
     ["F:7: 192.168.0.0/16 overlaps 192.168.1.0/24 of [network internal] (F:2); networks without a common address are wanted; "
      "the longer prefix goes first"]),
])
def test_mistakes_and_doubts_of_networks_together(more, mistakes, doubts):
    assert read(section() + section("other", **more))[1:] == (mistakes, doubts)


def test_all_mistakes_come_at_once():
    _, mistakes, _ = read(section("main", cidr="10", table="0", rp_filter="9") + section("b") + section("c"))
    assert [one.split(":")[1] for one in mistakes] == ["2", "5", "6", "1", "16", "13"]


# The rules

cidrs = st.one_of(*[st.tuples(st.ip_addresses(v=version), st.integers(1, width)).map(
    lambda pair, width=width: (int(pair[0]) >> (width - pair[1]) << (width - pair[1]), pair[1], width))
    for version, width in ((4, 32), (6, 128))])


def made(cidr, table=210, ingress=("venet0",)):
    number, prefix, width = cidr
    text = ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0)) if width == 32 else \
        ":".join("%x" % (number >> shift & 0xffff) for shift in range(112, -1, -16))
    return Network("n", "F:1", (values.Address(text, prefix, 4 if width == 32 else 6, "F:2"),), "vmbr0", (), table, ingress)


def matching(networks, address, width, to=None):
    """The table that the kernel would look up for a packet from ADDRESS (to TO): the first rule by its preference."""
    found = []
    for cidr, network in networks:
        for rule in network.rules(network.ingress):
            held = [one >> (width - cidr[1]) == cidr[0] >> (width - cidr[1]) for one in (address, to) if one is not None]
            if cidr[2] == width and held[0] and (not rule.near or to is not None and all(held)):
                found.append((rule.preference, rule.table))
    return found and min(found)[1]


@given(one=cidrs, other=cidrs, ingress=st.lists(st.sampled_from(["venet0", "veth7", ROUTED]), min_size=1, unique=True))
def test_the_longer_prefix_goes_first_within_our_range(one, other, ingress):
    first, second = (made(cidr).rules(ingress) for cidr in (one, other))
    assert [rule.near for rule in first] == [True] * len(ingress) + [False] * len(ingress)
    assert [rule.preference for rule in first] == sorted(rule.preference for rule in first)
    assert all(FIRST <= rule.preference <= LAST for rule in first + second)
    if one[2] == other[2] and one[1] > other[1]:
        assert max(rule.preference for rule in first) < min(rule.preference for rule in second)
    if one[2] == other[2] and one[1] == other[1]:
        assert [rule.preference for rule in first] == [rule.preference for rule in second]


@given(one=cidrs, other=cidrs)
def test_the_rules_of_a_network_do_not_depend_on_others(one, other):
    assert made(one).rules(["venet0"]) == made(one).rules(["venet0"])
    alone = [rule.words("118") for rule in made(one).rules(["venet0"])]
    assume(one != other)
    assert not set(alone) & {rule.words("118") for rule in made(other).rules(["venet0"])}
    assert all("lookup 210" in words or "lookup %d" % MAIN in words for words in alone)


@given(one=cidrs, shorter=st.integers(0, 8), offset=st.integers(0))
def test_a_source_leaves_by_its_own_network_s_table_and_within_it_by_the_main_one(one, shorter, offset):
    """Two networks, of which one is perhaps within the other: the kernel takes the first rule that matches."""
    number, prefix, width = one
    wide = max(1, prefix - shorter)
    assume(wide != prefix)
    other = (number >> (width - wide) << (width - wide), wide, width)
    networks = [(other, made(other, 211)), (one, made(one, 210))]
    address = number + offset % (1 << (width - prefix))
    assert matching(networks, address, width) == 210
    assert matching(networks, address, width, number) == MAIN
    beyond = number ^ 1 << (width - prefix)  # in the wide one alone
    assert matching(networks, beyond, width) == 211
    assert matching(networks, beyond, width, address) == MAIN
    assert matching(networks, address, width, beyond) == 210


def test_the_number_of_rules_is_that_of_networks_and_ingress_interfaces():
    assert len(made((0x0a000000, 8, 32)).rules(["venet0", ROUTED])) == 4
