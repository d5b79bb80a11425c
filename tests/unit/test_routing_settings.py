"""[announce] of vzhooks.conf: every key, every mistake in its own words, all at once."""
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vzhooks import ini, nodeconf, values
from vzhooks.mistakes import Mistake
from vzhooks.routing import settings
from vzhooks.routing.settings import Announce

OSPF = "interfaces = vmbr0\n"
BGP = "protocol = bgp\nas = 65001\nneighbors = eth0\n"
KEY = "Tops3cret"
NAME_WANTED = "an interface name of printable ASCII without space, '/', ':', quotes or '#' is wanted"
NETWORK_WANTED = "an IPv4 or IPv6 network NETWORK/PREFIX is wanted"
NUMBER = "a number from %d to %d is wanted"


def read(text):
    """The settings and the mistakes as texts; [announce] is line 1, TEXT begins in line 2."""
    found = nodeconf.read("F", "[announce]\n" + text)
    assert found.mistakes == ()
    return found.announce, [str(one) for one in found.node_mistakes]


@pytest.fixture
def key(put):
    """key(TEXT): the path of a file with it, of mode 0600."""
    return lambda text=KEY + "\n", mode=0o600: put("/etc/vz/ospf.key", text, mode)


def networks(*texts):
    return tuple(values.network(text, where) for text, where in texts)


# What is taken


def test_without_the_section_there_is_none_and_with_it_the_defaults():
    assert nodeconf.read("F", "[node]\n").announce == Announce() and Announce().where == ""
    found, mistakes = read(OSPF)
    assert mistakes == []
    assert found._replace(where="", wheres={}) == Announce(interfaces=("vmbr0",))
    assert (found.where, found.at("interfaces"), found.at("area")) == ("F:1", "F:2", "F:1")
    assert (found.daemon, found.protocol, found.families, found.area, found.hello, found.dead, found.metric,
            found.standby_metric, found.on_error) == ("frr", "ospf", (4, 6), "0.0.0.0", 1, 3, 20, 1000, "")


def test_every_key_of_ospf(key):
    path = key()
    found, mistakes = read(
        "daemon = Quagga\nprotocol = OSPF\nfamilies = 4\nrouter_id = 10.0.0.2\nexclude = 192.0.2.0/24  2001:DB8:0::/48\n"
        "include = 198.51.100.7/32\nhello_interval = 2\ndead_interval = 8\non_error = WARN\nauth_key_file = %s\nauth_key_id = 255\n"
        "area = 257\ninterfaces = vmbr0 eth1.5\nnetwork = Point-To-Point\ncost = vmbr0=100 eth1.5=65535\nmetric = 0\n"
        "standby_metric = 16777214\n" % path)
    assert mistakes == []
    assert found._replace(where="", wheres={}) == Announce(
        "", "quagga", "ospf", (4,), "10.0.0.2", networks(("192.0.2.0/24", "F:6"), ("2001:db8::/48", "F:6")),
        networks(("198.51.100.7/32", "F:7")), 2, 8, "warn", path, 255, "0.0.1.1", ("vmbr0", "eth1.5"), "point-to-point",
        (("vmbr0", 100), ("eth1.5", 65535)), 0, 16777214)
    assert KEY not in repr(found)


def test_every_key_of_bgp(key):
    found, mistakes = read("protocol = BGP\nas = 4294967295\nneighbors = eth0 192.0.2.1 2001:DB8:0::1\nremote_as = Internal\n"
                           "families = 6 4\nauth_key_file = %s\nrouter_id = 255.255.255.254\n" % key())
    assert mistakes == []
    assert (found.asn, found.neighbors, found.remote_as, found.families) == (
        4294967295, ("eth0", "192.0.2.1", "2001:db8::1"), "internal", (6, 4))
    assert read(BGP + "remote_as = 65002\n")[0].remote_as == "65002" and read(BGP)[0].remote_as == "external"


def test_every_key_has_a_field():
    fields = set(Announce()._asdict()) - {"where", "wheres"}
    assert {settings.FIELDS.get(name, name) for name in settings.SETTINGS} == fields


@pytest.mark.parametrize("text, wanted", [
    ("0", "0.0.0.0"), ("1", "0.0.0.1"), ("4294967295", "255.255.255.255"), ("0.0.0.7", "0.0.0.7"), ("10.1.2.3", "10.1.2.3")])
def test_an_area_in_both_forms(text, wanted):
    assert read(OSPF + "area = %s\n" % text) == (read(OSPF + "area = %s\n" % text)[0], [])
    assert read(OSPF + "area = %s\n" % text)[0].area == wanted


def test_minimal_is_no_number_of_seconds():
    assert [(found.dead, wrong) for found, wrong in [read(OSPF + "dead_interval = Minimal\n")]] == [(0, [])]


@pytest.mark.parametrize("text, address, wanted", [
    ("", "192.0.2.5/32", True), ("", "192.0.2.5/24", True), ("families = 6\n", "192.0.2.5/32", False),
    ("families = 4\n", "2001:db8::5/128", False), ("exclude = 192.0.2.0/24\n", "192.0.2.5/32", False),
    ("exclude = 192.0.2.0/24\n", "192.0.3.5/22", True), ("exclude = 192.0.2.5/32\n", "192.0.2.5/32", False),
    ("include = 192.0.2.0/24\n", "192.0.2.5/32", True), ("include = 192.0.2.0/24\n", "192.0.3.5/32", False),
    ("include = 192.0.2.0/24\n", "2001:db8::5/128", False), ("include = 192.0.2.0/24 2001:db8::/64\n", "2001:db8::5/128", True),
    ("include = 192.0.2.0/24\nexclude = 192.0.2.5/32\n", "192.0.2.5/32", False)])
def test_what_is_announced(text, address, wanted):
    found, mistakes = read(OSPF + text)
    assert mistakes == [] and found.announces(values.address(address, "")) is wanted


# Mistakes


ORDINARY = "an ordinary area is wanted: "
STUB = ORDINARY + "a stub area takes no external routes (RFC 2328, 3.6), and those of containers are external"
NSSA = ORDINARY + ("in an NSSA the border router translates each route (RFC 3101, 3.2), so that a withdrawn or moved address stays "
                   "known beyond it under another router's name, and type 1 is not what the others see")
AREA = "an area is wanted, like 0.0.0.0 or 0"
ID = "a router id in the form of an IPv4 address is wanted"


@pytest.mark.parametrize("text, wanted", [
    ("daemon = bird", "frr or quagga is wanted"), ("protocol = rip", "ospf or bgp is wanted"), ("families = 5", "4 or 6 is wanted"),
    ("families =", "one or more words are wanted"), ("families = 4 4", "each word once is wanted, '4' is there twice"),
    ("router_id = 0.0.0.0", "a router id of its own is wanted, like 10.0.0.2"), ("router_id = 10.0.0", ID), ("router_id = ", ID),
    ("router_id = 10.0.0.256", ID), ("router_id = 10.0.0.02", ID), ("router_id = 7", ID), ("router_id = 1.2.3.4.5", ID),
    ("router_id = 1.2.3.\u0664", ID), ("exclude = 192.0.2.5/24", "the network itself is wanted, 192.0.2.0/24"),
    ("exclude = 192.0.2.5", NETWORK_WANTED), ("include = ten", NETWORK_WANTED), ("include = 0.0.0.0/0", NETWORK_WANTED),
    ("exclude = 192.0.2.0/24 192.0.2.0/24", "each word once is wanted, '192.0.2.0/24' is there twice"),
    ("exclude = 224.0.0.0/4", "a network of stations is wanted, not a multicast, loopback or link-local one"),
    ("hello_interval = 0", NUMBER % (1, 65535)), ("hello_interval = 65536", NUMBER % (1, 65535)),
    ("dead_interval = 1", NUMBER % (2, 65535)), ("dead_interval = least", NUMBER % (2, 65535)), ("on_error = no", "fail or warn is wanted"),
    ("auth_key_id = 0", NUMBER % (1, 255)), ("auth_key_id = 256", NUMBER % (1, 255)),
    ("area = ", AREA), ("area = 4294967296", NUMBER % (0, 4294967295)), ("area = 0.0.0.0.0", AREA), ("area = backbone", AREA),
    ("area = 1 2", AREA), ("area = 1 stub", STUB), ("area = 0.0.0.1 NSSA", NSSA), ("area = 1 nssa no-summary", NSSA),
    ("interfaces = eth0 eth0", "each word once is wanted, 'eth0' is there twice"), ("interfaces = a/b", NAME_WANTED),
    ("interfaces = ", "one or more words are wanted"), ("interfaces = abcdefghijklmnop", "an interface name of 1 to 15 characters is wanted"),
    ("network = nbma", "broadcast or point-to-point or point-to-multipoint is wanted"), ("cost = vmbr0", "INTERFACE=COST is wanted"),
    ("cost = vmbr0=0", NUMBER % (1, 65535)), ("cost = =5", "an interface name of 1 to 15 characters is wanted"),
    ("metric = 16777215", NUMBER % (0, 16777214)), ("standby_metric = 0", NUMBER % (1, 16777214)),
    ("as = 0", NUMBER % (1, 4294967295)), ("as = 65.1", NUMBER % (1, 4294967295)), ("neighbors = 192.0.2.256", "an IPv4 or IPv6 address is wanted"),
    ("neighbors = 2001:db8::/64", "an IPv4 or IPv6 address is wanted, without '/'"), ("neighbors = a/b", NAME_WANTED),
    ("neighbors = 224.0.0.5", "the address of one station is wanted, not a multicast, broadcast, loopback, network or reserved address"),
    ("remote_as = 0", NUMBER % (1, 4294967295)), ("remote_as = both", NUMBER % (1, 4294967295)),
    ("hello = 1", "one of area, as, auth_key_file, auth_key_id, cost, daemon, dead_interval, exclude, families, hello_interval, "
                  "include, interfaces, metric, neighbors, network, on_error, protocol, remote_as, router_id, standby_metric is wanted")])
def test_a_mistake_in_a_value(text, wanted):
    of_bgp = text.split(" ")[0] in ("as", "neighbors", "remote_as")
    base = ("protocol = bgp\n" + "".join(row + "\n" for row in ("as = 1", "neighbors = eth0") if row.split()[0] != text.split()[0])
            if of_bgp else "" if text.startswith("interfaces") else OSPF)
    found, mistakes = read(base + text + "\n")
    key, _, value = text.partition(" =")
    assert mistakes == ["F:%d: %s = %s; %s" % (base.count("\n") + 2, key, value.strip(), wanted)]
    field = settings.FIELDS.get(key, key)
    assert getattr(found, field, None) == getattr(Announce(), field, None)


@pytest.mark.parametrize("text, wanted", [
    ("", ["F:1: no 'interfaces' in this section; 'interfaces = ...' is wanted"]),
    ("protocol = bgp\n", ["F:1: no 'as' in this section; 'as = ...' is wanted",
                          "F:1: no 'neighbors' in this section; 'neighbors = ...' is wanted"]),
    (OSPF + "as = 65001\nremote_as = 5\n", ["F:3: as = 65001 with protocol = ospf; one without it is wanted",
                                            "F:4: remote_as = 5 with protocol = ospf; one without it is wanted"]),
    (BGP + "area = 0\ncost = a=5\n", ["F:5: area = 0 with protocol = bgp; one without it is wanted",
                                      "F:6: cost = a=5 with protocol = bgp; one without it is wanted",
                                      "F:6: cost of a, which 'interfaces' does not name; one of them is wanted: "]),
    (BGP + "auth_key_id = 5\n", ["F:5: auth_key_id = 5 with protocol = bgp; one without it is wanted"]),
    (OSPF + "hello_interval = 3\n", ["F:1: dead_interval = 3 with hello_interval = 3; more than one hello within it is wanted, usually "
                                     "three"]),
    (OSPF + "hello_interval = 9\ndead_interval = 9\n", ["F:4: dead_interval = 9 with hello_interval = 9; more than one hello within it "
                                                        "is wanted, usually three"]),
    (BGP + "dead_interval = 2\n", ["F:5: dead_interval = 2 with protocol = bgp; 3 seconds or more are wanted (RFC 4271, 4.2)"]),
    (BGP + "dead_interval = minimal\n", ["F:5: dead_interval = minimal with protocol = bgp; 3 seconds or more are wanted (RFC 4271, "
                                         "4.2)"]),
    (OSPF + "cost = eth7=5\n", ["F:3: cost of eth7, which 'interfaces' does not name; one of them is wanted: vmbr0"]),
    (OSPF + "standby_metric = 20\n", ["F:3: standby_metric = 20 with metric = 20; a higher one is wanted"]),
    (OSPF + "metric = 1000\n", ["F:1: standby_metric = 1000 with metric = 1000; a higher one is wanted"]),
    (BGP + "daemon = quagga\n", ["F:4: neighbor eth0 with daemon = quagga; addresses are wanted: Quagga's bgpd knows no unnumbered "
                                 "neighbours", "F:1: remote_as = external with daemon = quagga; the number is wanted"]),
    ("protocol = bgp\nas = 1\nneighbors = 192.0.2.1 2001:db8::1\nremote_as = internal\ndaemon = quagga\n",
     ["F:5: remote_as = internal with daemon = quagga; the number is wanted"])])
def test_mistakes_of_several_values(text, wanted):
    assert read(text)[1] == wanted


def test_all_mistakes_come_at_once():
    assert [one.split(":")[1] for one in read("daemon = a\nfamilies = 7\nas = 5\narea = 1 stub\nhello_interval = 0\nx = y\n")[1]] == [
        "2", "3", "5", "6", "7", "4", "1"]


def test_a_section_with_a_mistake_still_says_where_it_is():
    """So that a container's ANNOUNCE=no is still kept in."""
    assert read("interfaces = vmbr0\narea = x\n")[0].where == "F:1"


@pytest.mark.parametrize("hello, wanted", [(1, 0), (2, 0), (3, 1), (10, 1)])
def test_a_minimal_dead_interval_is_three_seconds_in_ospfv3(hello, wanted):
    mistakes = read(OSPF + "dead_interval = minimal\nhello_interval = %d\n" % hello)[1]
    assert mistakes == ["F:3: dead_interval = minimal with hello_interval = %d; more than one hello within it is wanted, usually "
                        "three" % hello] * wanted


def test_one_interface_has_one_cost():
    assert read(OSPF + "cost = vmbr0=5 vmbr0=6\n")[1] == ["F:3: cost of vmbr0 twice; one is wanted"]


@pytest.mark.parametrize("name", ["fe0.5", "abc", "100", "be.ef", "eth0"])
def test_an_interface_that_looks_like_hex_digits_is_no_address(name):
    assert read("protocol = bgp\nas = 1\nremote_as = 2\nneighbors = %s\ndaemon = quagga\n" % name)[1] == [
        "F:5: neighbor %s with daemon = quagga; addresses are wanted: Quagga's bgpd knows no unnumbered neighbours" % name]


@pytest.mark.parametrize("families", ["4 6", "6"])
def test_quagga_has_no_authentication_of_ospfv3(key, families):
    text = OSPF + "daemon = quagga\nauth_key_file = %s\nfamilies = %s\n" % (key(), families)
    assert read(text)[1] == ["F:4: auth_key_file with families = %s and daemon = quagga; 'families = 4' is wanted: Quagga's ospf6d "
                             "knows no authentication" % families]
    assert read(text.replace(families + "\n", "4\n"))[1] == []


# Anything


keys = st.one_of(st.sampled_from(sorted(settings.SETTINGS)), st.text(max_size=4))
words = st.one_of(st.text(max_size=12), st.ip_addresses().map(str), st.integers(-5, 2 ** 33).map(str), st.sampled_from(
    ["minimal", "nssa", "0.0.0.1", "bgp", "ospf", "quagga", "eth0", "eth0=5", "192.0.2.0/24", "/", "/etc/passwd", "\0", "\u00b2", "=",
     "external", "4", "6"]))


@given(rows=st.lists(st.tuples(keys, st.lists(words, max_size=4).map(" ".join)), max_size=8))
def test_any_section_is_settings_or_mistakes_and_no_exception(rows):
    section = ini.Section("F:1")
    section.update({name: ini.Setting(value, "F:2") for name, value in rows})
    found, mistakes = settings.read(section)
    assert all(isinstance(one, Mistake) and str(one).isprintable() and "wanted" in str(one) or "\0" in section["auth_key_file"].value
               for one in mistakes)
    assert 1 <= found.hello <= 65535 and (found.dead == 0 or 2 <= found.dead <= 65535)
    assert 0 <= found.metric < settings.INFINITY and set(found.families) <= {4, 6} and found.families
