"""What the routing daemons are told, word for word."""
import pytest

from vzhooks import nodeconf
from vzhooks.routing import config, entries

HOSTS = {4: ["ip prefix-list vzhooks-single seq 5 permit 0.0.0.0/0 ge 32"],
         6: ["ipv6 prefix-list vzhooks-single seq 5 permit ::/0 ge 128"]}
KEY = "Tops3cret"
HELD = ["ip prefix-list vzhooks-no permit 192.0.2.5/32", "ip prefix-list vzhooks-standby permit 192.0.2.6/32",
        "ipv6 prefix-list vzhooks-anycast permit 2001:db8::5/128"]


def parts(text, networks=None, held=()):
    """{path: the rows of our part} for [announce] with TEXT."""
    read = nodeconf.read("F", "[announce]\n" + text)
    assert (read.mistakes, read.node_mistakes) == ((), ())
    found = config.parts(read.announce, networks or {}, held)
    assert len({part.path for part in found}) == len(found)
    assert all(KEY not in row or KEY in part.secrets for part in found for row in part.rows)
    return {part.path: part.rows for part in found}


def frr(text, held=()):
    """The text of our part of frr.conf."""
    return "\n".join(parts(text, held=held)["etc/frr/frr.conf"]) + "\n"


def lists(families, exclude=(), singles=None, held=()):
    """The prefix-lists, as they are when nobody has asked for anything else."""
    rows = []
    for family in families:
        word, all_ = {4: ("ip", "0.0.0.0/0"), 6: ("ipv6", "::/0")}[family]
        for kind in ("no", "standby", "anycast"):
            rows += ["%s prefix-list vzhooks-%s seq 1 deny %s" % (word, kind, all_)]
            rows += [row for row in held if row.startswith("%s prefix-list vzhooks-%s " % (word, kind))]
        rows += ["%s prefix-list vzhooks-exclude seq 1 deny %s" % (word, all_)] + [row for row in exclude if row.startswith(word + " ")]
        rows += ["%s prefix-list vzhooks-single seq 1 deny %s" % (word, all_)]
        rows += HOSTS[family] if singles is None else [row for row in singles if row.startswith(word + " ")]
    return "".join(row + "\n" for row in rows)


def ospf_map(family, metric=20, standby=1000):
    name, match = {4: ("vzhooks", " match ip address"), 6: ("vzhooks6", " match ipv6 address")}[family]
    return """\
route-map {0} deny 10
{1} prefix-list vzhooks-no
route-map {0} deny 20
{1} prefix-list vzhooks-exclude
route-map {0} permit 30
{1} prefix-list vzhooks-standby
 set metric {3}
route-map {0} permit 40
{1} prefix-list vzhooks-anycast
 set metric {2}
 set metric-type type-1
route-map {0} permit 50
{1} prefix-list vzhooks-single
 set metric {2}
""".format(name, match, metric, standby)


def bgp_map(family):
    name, match = {4: ("vzhooks", " match ip address"), 6: ("vzhooks6", " match ipv6 address")}[family]
    steps = (("deny 10", "no"), ("deny 20", "exclude"), ("permit 30", "standby"), ("permit 40", "anycast"), ("permit 50", "single"))
    return "".join("route-map %s %s\n%s prefix-list vzhooks-%s\n" % (name, step, match, kind) for step, kind in steps)


ROUTER = """\
router ospf
 passive-interface default
 timers throttle lsa all 0
 timers lsa min-arrival 0
 timers throttle spf 0 50 1000
 redistribute kernel route-map vzhooks
"""
ROUTER6 = """\
router ospf6
 timers lsa min-arrival 0
 timers throttle spf 0 50 1000
 redistribute kernel route-map vzhooks6
"""


def test_the_least_for_ospf_of_both_families():
    assert parts("interfaces = vmbr0\n")["etc/frr/daemons"] == ["ospfd=yes", "ospf6d=yes"]
    assert list(parts("interfaces = vmbr0\n")) == ["etc/frr/daemons", "etc/frr/frr.conf"]
    assert frr("interfaces = vmbr0\n") == "ip forwarding\nipv6 forwarding\n" + lists((4, 6)) + ospf_map(4) + ospf_map(6) + """\
interface vmbr0
 ip ospf area 0.0.0.0
 no ip ospf passive
 ip ospf hello-interval 1
 ip ospf dead-interval 3
 ip ospf retransmit-interval 3
""" + ROUTER + """\
interface vmbr0
 ipv6 ospf6 area 0.0.0.0
 ipv6 ospf6 hello-interval 1
 ipv6 ospf6 dead-interval 3
 ipv6 ospf6 retransmit-interval 1
""" + ROUTER6


def test_everything_for_ospf(put):
    text = frr("interfaces = vmbr0 eth1\nrouter_id = 10.0.0.2\nauth_key_file = %s\nauth_key_id = 7\narea = 5\nnetwork = point-to-point\n"
               "cost = eth1=500\nmetric = 30\nstandby_metric = 31\nhello_interval = 2\ndead_interval = 9\nexclude = 192.0.2.0/24 "
               "198.51.100.7/32 2001:db8:9::/48\n" % put("/key", KEY + "\n", 0o600), HELD)
    exclude = ["ip prefix-list vzhooks-exclude seq 5 permit 192.0.2.0/24 le 32",
               "ip prefix-list vzhooks-exclude seq 10 permit 198.51.100.7/32",
               "ipv6 prefix-list vzhooks-exclude seq 5 permit 2001:db8:9::/48 le 128"]
    v4 = """\
interface %s
 ip ospf area 0.0.0.5
 no ip ospf passive
 ip ospf hello-interval 2
 ip ospf dead-interval 9
 ip ospf network point-to-point
%s ip ospf retransmit-interval 3
 ip ospf authentication message-digest
 ip ospf message-digest-key 7 md5 Tops3cret
"""
    v6 = """\
interface %s
 ipv6 ospf6 area 0.0.0.5
 ipv6 ospf6 hello-interval 2
 ipv6 ospf6 dead-interval 9
 ipv6 ospf6 network point-to-point
%s ipv6 ospf6 retransmit-interval 1
 ipv6 ospf6 authentication key-id 7 hash-algo hmac-sha-256 key Tops3cret
"""
    assert text == (
        "ip forwarding\nipv6 forwarding\n" + lists((4, 6), exclude, None, HELD) + ospf_map(4, 30, 31) + ospf_map(6, 30, 31)
        + v4 % ("vmbr0", "") + v4 % ("eth1", " ip ospf cost 500\n") + ROUTER.replace("ospf\n", "ospf\n ospf router-id 10.0.0.2\n")
        + v6 % ("vmbr0", "") + v6 % ("eth1", " ipv6 ospf6 cost 500\n")
        + ROUTER6.replace("ospf6\n", "ospf6\n ospf6 router-id 10.0.0.2\n"))


def test_a_minimal_dead_interval():
    text = frr("interfaces = a\ndead_interval = minimal\nnetwork = point-to-multipoint\n")
    assert " no ip ospf passive\n ip ospf dead-interval minimal hello-multiplier 4\n ip ospf network point-to-multipoint\n" in text
    assert " ip ospf hello-interval" not in text
    assert " ipv6 ospf6 hello-interval 1\n ipv6 ospf6 dead-interval 3\n ipv6 ospf6 retransmit-interval 1\n" in text


@pytest.mark.parametrize("family, daemon, other", [(4, "ospfd=yes", "ipv6 "), (6, "ospf6d=yes", "ip ")])
def test_one_family_alone(family, daemon, other):
    found = parts("interfaces = a\nfamilies = %d\n" % family, held=HELD)
    assert found["etc/frr/daemons"] == [daemon]
    rows = found["etc/frr/frr.conf"]
    assert rows[0] == {4: "ip forwarding", 6: "ipv6 forwarding"}[family]
    assert [row for row in rows if row.strip().startswith(other)] == []
    assert len([row for row in rows if row in HELD]) == {4: 2, 6: 1}[family]


def test_exclude_and_include_of_one_family_only():
    text = frr("interfaces = a\nexclude = 192.0.2.0/24\ninclude = 2001:db8::/64 2001:db8:1::7/128\n")
    assert lists((4, 6), ["ip prefix-list vzhooks-exclude seq 5 permit 192.0.2.0/24 le 32"],
                 ["ipv6 prefix-list vzhooks-single seq 5 permit 2001:db8::/64 ge 128",
                  "ipv6 prefix-list vzhooks-single seq 10 permit 2001:db8:1::7/128"]) in text


BGP = "protocol = bgp\nas = 65001\nneighbors = eth0 192.0.2.1 2001:db8::1\nrouter_id = 10.0.0.2\n"


def outward(family):
    name, match = {4: ("vzhooks", " match ip"), 6: ("vzhooks6", " match ipv6")}[family]
    return """\
route-map {0}-out permit 10
 match as-path vzhooks-own
{1} address prefix-list vzhooks-standby
 set as-path prepend 65001 65001 65001
route-map {0}-out permit 20
 match as-path vzhooks-own
route-map {0}-in permit 10
""".format(name, match)


def test_bgp_with_unnumbered_and_named_neighbours(put):
    found = parts(BGP + "auth_key_file = %s\n" % put("/key", KEY, 0o600), held=HELD)
    assert found["etc/frr/daemons"] == ["bgpd=yes"]
    neighbor = """\
 neighbor {0} {1}remote-as external
 neighbor {0} timers 1 3
 neighbor {0} timers connect 1
 neighbor {0} advertisement-interval 0
 neighbor {0} password Tops3cret
"""
    active = "  neighbor {0} activate\n  neighbor {0} route-map {1}-in in\n  neighbor {0} route-map {1}-out out\n"
    assert "\n".join(found["etc/frr/frr.conf"]) + "\n" == (
        "ip forwarding\nipv6 forwarding\n" + lists((4, 6), (), None, HELD) + bgp_map(4) + bgp_map(6)
        + "bgp as-path access-list vzhooks-own seq 5 permit ^$\n" + outward(4) + outward(6)
        + "router bgp 65001\n bgp router-id 10.0.0.2\n no bgp default ipv4-unicast\n bgp bestpath as-path multipath-relax\n"
        + neighbor.format("eth0", "interface ") + neighbor.format("192.0.2.1", "") + neighbor.format("2001:db8::1", "")
        + " address-family ipv4 unicast\n  redistribute kernel route-map vzhooks\n" + active.format("eth0", "vzhooks")
        + active.format("192.0.2.1", "vzhooks") + " exit-address-family\n"
        + " address-family ipv6 unicast\n  redistribute kernel route-map vzhooks6\n" + active.format("eth0", "vzhooks6")
        + active.format("2001:db8::1", "vzhooks6") + " exit-address-family\n")


def test_an_interface_of_digits_is_an_interface():
    assert " neighbor 100 interface remote-as external\n" in frr("protocol = bgp\nas = 1\nneighbors = 100\n")


def test_quagga_has_a_file_for_each_daemon(put):
    text = "daemon = quagga\ninterfaces = vmbr0 a.5\nfamilies = 4 6\nrouter_id = 10.0.0.2\narea = 7\ncost = vmbr0=5\n"
    found = parts(text + "network = broadcast\n", {"vmbr0": ["192.168.1.0/24", "10.0.0.0/8"], "a.5": []}, HELD)
    assert list(found) == ["etc/quagga/daemons", "etc/quagga/zebra.conf", "etc/quagga/ospfd.conf", "etc/quagga/ospf6d.conf"]
    assert found["etc/quagga/daemons"] == ["zebra=yes", "ospfd=yes", "ospf6d=yes"]
    assert found["etc/quagga/zebra.conf"] == ["ip forwarding", "ipv6 forwarding"]
    v4 = """\
interface %s
 ip ospf hello-interval 1
 ip ospf dead-interval 3
 ip ospf network broadcast
%s ip ospf retransmit-interval 3
"""
    assert "\n".join(found["etc/quagga/ospfd.conf"]) + "\n" == (
        lists((4,), (), None, HELD) + ospf_map(4) + v4 % ("vmbr0", " ip ospf cost 5\n") + v4 % ("a.5", "") + """\
router ospf
 ospf router-id 10.0.0.2
 passive-interface default
 no passive-interface vmbr0
 no passive-interface a.5
 network 192.168.1.0/24 area 0.0.0.7
 network 10.0.0.0/8 area 0.0.0.7
 redistribute kernel route-map vzhooks
""")
    v6 = """\
interface %s
 ipv6 ospf6 hello-interval 1
 ipv6 ospf6 dead-interval 3
%s ipv6 ospf6 retransmit-interval 1
"""
    assert "\n".join(found["etc/quagga/ospf6d.conf"]) + "\n" == (
        lists((6,), (), None, HELD) + ospf_map(6) + v6 % ("vmbr0", " ipv6 ospf6 cost 5\n") + v6 % ("a.5", "") + """\
router ospf6
 router-id 10.0.0.2
 interface vmbr0 area 0.0.0.7
 interface a.5 area 0.0.0.7
 redistribute kernel route-map vzhooks6
""")


def test_quagga_with_one_family_and_a_key(put):
    found = parts("daemon = quagga\ninterfaces = a\nfamilies = 4\nauth_key_file = %s\n" % put("/key", KEY, 0o600), {"a": ["10.0.0.0/8"]})
    assert list(found) == ["etc/quagga/daemons", "etc/quagga/zebra.conf", "etc/quagga/ospfd.conf"]
    assert (found["etc/quagga/daemons"], found["etc/quagga/zebra.conf"]) == (["zebra=yes", "ospfd=yes"], ["ip forwarding"])
    assert " ip ospf message-digest-key 1 md5 " + KEY in found["etc/quagga/ospfd.conf"]


def test_bgp_of_quagga():
    found = parts("daemon = quagga\nprotocol = bgp\nas = 65001\nneighbors = 192.0.2.1\nremote_as = 65002\nfamilies = 4\n")
    assert found["etc/quagga/daemons"] == ["zebra=yes", "bgpd=yes"] and list(found)[2:] == ["etc/quagga/bgpd.conf"]
    assert "\n".join(found["etc/quagga/bgpd.conf"]) + "\n" == (
        lists((4,)) + bgp_map(4) + "ip as-path access-list vzhooks-own permit ^$\n" + outward(4) + """\
router bgp 65001
 no bgp default ipv4-unicast
 bgp bestpath as-path multipath-relax
 neighbor 192.0.2.1 remote-as 65002
 neighbor 192.0.2.1 timers 1 3
 neighbor 192.0.2.1 timers connect 1
 neighbor 192.0.2.1 advertisement-interval 0
 address-family ipv4 unicast
  redistribute kernel route-map vzhooks
  neighbor 192.0.2.1 activate
  neighbor 192.0.2.1 route-map vzhooks-in in
  neighbor 192.0.2.1 route-map vzhooks-out out
 exit-address-family
""")


def test_a_key_that_has_gone_since_is_said_without_it(put):
    read = nodeconf.read("F", "[announce]\ninterfaces = a\nauth_key_file = %s\n" % put("/key", KEY, 0o600))
    put("/key", KEY, 0o644)
    with pytest.raises(ValueError, match="mode 0644") as raised:
        config.parts(read.announce, {}, [])
    assert KEY not in str(raised.value)


def test_the_map_goes_by_what_is_said_here():
    """`entries` finds its lists by the rows that are written here."""
    rows = parts("interfaces = a\n")["etc/frr/frr.conf"]
    assert [entries.name_of(row) for row in rows if entries.is_placeholder(row)] == [
        "%s prefix-list vzhooks-%s" % (word, kind) for word in ("ip", "ipv6") for kind in entries.KINDS]
