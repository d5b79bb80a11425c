"""`control = evpn`: which sessions a node has, and what FRR is told, word for word."""
import pytest

from tests.unit.test_export import now, there  # noqa: F401 (a fixture)
from tests.unit.test_node_overlay import BR1
from vzhooks import facts, kernel, nodeconf
from vzhooks.errors import ConfigError
from vzhooks.kernel import OnDevice
from vzhooks.routing import config, evpn, export
from vzhooks.routing.evpn import Evpn, Session

EVPN = BR1 + "control = evpn\n"
FRR, UNIT = "etc/frr/frr.conf", "etc/systemd/system/frr.service.d/vzhooks.conf"
SESSION = """\
 neighbor {0} remote-as internal
 neighbor {0} update-source {1}
 neighbor {0} timers 1 3
 neighbor {0} timers connect 1
 neighbor {0} advertisement-interval 0
"""


@pytest.fixture(autouse=True)
def address(monkeypatch):
    """address(IP): this node's own."""
    def set(*addresses):
        monkeypatch.setattr(kernel, "addresses", lambda: [
            OnDevice(4, "eth0", [ip + "/24", "scope", "global"]) for ip in addresses])
    monkeypatch.setattr(kernel, "all_routes", lambda: [])
    monkeypatch.setattr(facts, "kind", lambda device: "")
    set("10.1.1.3")
    return set


def conf(text):
    found = nodeconf.read("F", text)
    assert (found.mistakes, found.node_mistakes) == ((), ())
    return found


def rows(text):
    found = conf(text)
    return "\n".join(evpn.rows(evpn.of(found), found.announce)[0]) + "\n"


def test_a_mesh_word_for_word():
    assert rows(EVPN) == "ip nht resolve-via-default\nrouter bgp 65000\n bgp router-id 10.1.1.3\n no bgp default ipv4-unicast\n" \
        + SESSION.format("10.1.2.4", "10.1.1.3") + SESSION.format("10.1.3.5", "10.1.1.3") + """\
 address-family l2vpn evpn
  neighbor 10.1.2.4 activate
  neighbor 10.1.3.5 activate
  advertise-all-vni
 exit-address-family
"""


def test_two_overlays_share_the_sessions():
    more = EVPN.replace("br1", "br2").replace("42", "43").replace("10.1.3.5", "10.1.4.6")
    assert [one.neighbor for one in evpn.of(conf(EVPN + more)).sessions] == ["10.1.2.4", "10.1.3.5", "10.1.4.6"]
    assert evpn.of(conf(EVPN + BR1.replace("br1", "br2").replace("42", "43").replace("10.1.3.5", "10.1.4.6"))) == evpn.of(conf(EVPN))


@pytest.mark.parametrize("ip, reflectors, wanted", [
    ("10.1.1.3", "10.1.2.4", [("10.1.2.4", False)]),
    ("10.1.2.4", "10.1.2.4", [("10.1.1.3", True), ("10.1.3.5", True)]),
    ("10.1.2.4", "10.1.2.4 10.1.1.3", [("10.1.1.3", False), ("10.1.3.5", True)]),
    ("10.1.3.5", "10.1.2.4 10.1.1.3", [("10.1.2.4", False), ("10.1.1.3", False)]),
    ("10.1.3.5", "10.9.9.9", [("10.9.9.9", False)])])
def test_reflectors_take_the_place_of_the_mesh(address, ip, reflectors, wanted):
    address(ip)
    found = evpn.of(conf(EVPN + "reflectors = %s\n" % reflectors))
    assert [(one.neighbor, one.client) for one in found.sessions] == wanted and {one.local for one in found.sessions} == {ip}
    text = rows(EVPN + "reflectors = %s\n" % reflectors)
    assert text.count("route-reflector-client") == sum(client for _, client in wanted)


def test_a_node_that_is_no_peer(address):
    address("10.1.9.9")
    with pytest.raises(ConfigError) as raised:
        evpn.of(conf(EVPN))
    assert raised.value.mistakes == ["F:3: none of the peers of [overlay br1] is an address of this node; this node's underlay address among "
                                     "the peers, or 'local = ...', is wanted"]


def test_without_such_an_overlay_nothing_is_asked(monkeypatch):
    monkeypatch.setattr(kernel, "addresses", lambda: pytest.fail("asked"))
    assert evpn.of(conf(BR1)) == evpn.NONE and evpn.rows(evpn.NONE, conf("").announce) == ([], ())


def test_announced_by_bgp_too_it_is_one_daemon(put):
    key = put("/key", "Tops3cret\n", 0o600)
    found = conf(EVPN + "as = 65001\nauth_key_file = %s\n" % key + "[announce]\nprotocol = bgp\nas = 65001\nrouter_id = 10.0.0.9\n"
                 "neighbors = 10.1.1.1 10.1.2.4\nfamilies = 4\n")
    parts = {part.path: part for part in config.parts(found.announce, {}, [], evpn.of(found))}
    assert parts["etc/frr/daemons"].rows == ["bgpd=yes"]
    text = "\n".join(parts[FRR].rows) + "\n"
    assert parts[FRR].secrets == ("Tops3cret",)
    assert text.endswith("ip nht resolve-via-default\nrouter bgp 65001\n no bgp default ipv4-unicast\n" + SESSION.format("10.1.3.5", "10.1.1.3")
                         + " neighbor 10.1.3.5 password Tops3cret\n address-family l2vpn evpn\n  neighbor 10.1.2.4 activate\n"
                         "  neighbor 10.1.3.5 activate\n  advertise-all-vni\n exit-address-family\n")
    assert text.count(" neighbor 10.1.2.4 remote-as ") == 1


def test_announced_by_ospf_bgpd_is_one_more():
    found = conf(EVPN + "[announce]\ninterfaces = eth0\nrouter_id = 10.0.0.9\n")
    parts = {part.path: part.rows for part in config.parts(found.announce, {}, [], evpn.of(found))}
    assert parts["etc/frr/daemons"] == ["ospfd=yes", "ospf6d=yes", "bgpd=yes"]
    assert parts[FRR].count(" bgp router-id 10.0.0.9") == 1 and parts[FRR][-2:] == ["  advertise-all-vni", " exit-address-family"]


def test_the_number_is_that_of_the_announcement_where_none_is_given():
    bgp = "[announce]\nprotocol = bgp\nas = 65001\nneighbors = eth0\n"
    assert (evpn.of(conf(EVPN + bgp)).asn, evpn.of(conf(EVPN + "as = 7\n")).asn, evpn.of(conf(EVPN)).asn) == (65001, 7, 65000)


def test_a_bad_key_is_named_and_not_shown(put):
    key = put("/key", "two words\n", 0o600)
    with pytest.raises(ConfigError) as raised:
        evpn.rows(Evpn(65000, "F:1", (Session("10.1.2.4", "10.1.1.3", False),), key, "F:5"), conf("").announce)
    assert raised.value.mistakes[0].startswith("F:5: %s; " % key) and "two words" not in str(raised.value)


@pytest.mark.parametrize("text, wanted", [
    (BR1 + "as = 1\nreflectors = 10.1.1.1\n", [
        "F:4: as = 1 with control = static; 'control = evpn' is wanted, or one without it",
        "F:5: reflectors = 10.1.1.1 with control = static; 'control = evpn' is wanted, or one without it"]),
    (EVPN.replace("10.1.1.3 10.1.2.4 10.1.3.5", "2001:db8::3 2001:db8::4"), [
        "F:3: control = evpn with IPv6 peers; IPv4 addresses are wanted: FRR's EVPN knows no tunnels over IPv6"]),
    (EVPN + "reflectors = 2001:db8::1\n", [
        "F:5: an IPv6 address among the reflectors of IPv4 peers; IPv4 addresses are wanted"]),
    (EVPN + "[announce]\ndaemon = quagga\ninterfaces = eth0\n", [
        "F:4: control = evpn with daemon = quagga (F:6); daemon = frr is wanted: Quagga knows no EVPN"]),
    (EVPN + "as = 1\n" + EVPN.replace("br1", "br2").replace("42", "43") + "as = 2\n", [
        "F:10: as = 2, but it is 1 at F:5; the same is wanted: bgpd has one"]),
    (EVPN + "as = 1\n[announce]\nprotocol = bgp\nneighbors = eth0\nas = 2\n", [
        "F:5: as = 1, but it is 2 at F:9; the same is wanted: bgpd has one"]),
    (BR1.replace("br1", "br0").replace("42", "41") + "[announce]\ndaemon = quagga\ninterfaces = eth0\n", []),
])
def test_mistakes(text, wanted):
    assert [str(one) for one in nodeconf.read("F", text).node_mistakes] == wanted


def test_overlays_with_different_keys(put):
    one, two = put("/one", "a\n", 0o600), put("/two", "b\n", 0o600)
    text = EVPN + "auth_key_file = %s\n" % one + EVPN.replace("br1", "br2").replace("42", "43") + "auth_key_file = %s\n" % two
    assert [str(mistake) for mistake in nodeconf.read("F", text).node_mistakes] == [
        "F:10: not the auth_key_file of [overlay br1] (F:5); the same is wanted: all overlays share their BGP sessions"]


def test_an_export_without_announcements(now):  # noqa: F811
    found = conf(EVPN)
    changes = export.changes(found.announce, now, now, evpn.of(found))
    assert [change.path for change in changes] == ["etc/frr/daemons", FRR]
    export.write(changes, now, lambda row: None)
    assert evpn.SIGN in now.text(FRR) and now.text("etc/frr/daemons").count("bgpd=yes") == 1
    export.write(export.removals(now), now, lambda row: None)
    assert (now.text(FRR), now.text("etc/frr/daemons"), now.text(UNIT)) == (None, None, None)


def test_another_number_of_the_administrator(now):  # noqa: F811
    there(now, FRR, "router bgp 65009\n!\nrouter ospf\n network 0.0.0.0/0 area 0\n")
    found = conf(EVPN)
    with pytest.raises(ConfigError) as raised:
        export.changes(found.announce, now, now, evpn.of(found))
    assert raised.value.mistakes == ["/etc/frr/frr.conf:1: 'router bgp 65009' beside as = 65000 (F:4); the same number is wanted"]


def test_up_says_that_frr_knows_nothing(put):
    found = conf(EVPN)
    assert [str(doubt) for doubt in evpn.doubts(found)] == ["F:4: control = evpn, but /etc/frr/frr.conf says nothing of EVPN, so that no frame "
                                                            "reaches another node; 'vzhook node export frr' is wanted"]
    put("/etc/frr/frr.conf", "\n".join(evpn.rows(evpn.of(found), found.announce)[0]))
    assert evpn.doubts(found) == [] and evpn.doubts(conf(BR1)) == []
