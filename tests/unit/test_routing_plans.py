"""ANNOUNCE: whose it is, what is wrong with it, and the exact lines of a container before its routes."""
import pytest

from tests.unit.fakenode import FakeNode
from tests.unit.test_model import ONE, TWO, model, texts
from tests.unit.test_render import BR0, node  # noqa: F401 (a fixture)
from tests.unit.test_render import ONE as WITH_MAC
from vzhooks import lint, plan, planner, render
from vzhooks.node import backend

ANNOUNCE = "[announce]\ninterfaces = vmbr0\n"
WARN = ANNOUNCE + "on_error = warn\n"
ROUTED = 'NETIF="ifname=eth0,type=routed,mac=00:18:51:A1:B2:C3,host_ifname=veth101.0"\n'


def kinds(text, ini=ANNOUNCE, vz=""):
    found = model(text, vz, ini)
    assert found.mistakes == ()
    return [found.announced.kind] + [veth.announced.kind for veth in found.veths]


@pytest.mark.parametrize("text, wanted", [
    ("IP_ADDRESS=10.0.0.5\n", ["yes"]), ("IP_ADDRESS=10.0.0.5\nANNOUNCE=no\n", ["no"]), ("IP_ADDRESS=10.0.0.5\nANNOUNCE=\n", ["yes"]),
    ("IP_ADDRESS=10.0.0.5\nANNOUNCE=StandBy\n", ["standby"]), ("IP_ADDRESS=10.0.0.5\nANNOUNCE=anycast\n", ["anycast"]),
    ("ANNOUNCE=no\n", ["yes"]), (TWO + "ANNOUNCE=no\n", ["yes", "no", "no"]), (TWO + "ANNOUNCE_eth1=no\n", ["yes", "yes", "no"]),
    (TWO + "ANNOUNCE=standby\nANNOUNCE_eth1=yes\nIP_ADDRESS=10.0.0.5\n", ["standby", "standby", "yes"]),
    (TWO + "ANNOUNCE=standby\nANNOUNCE_eth1=\n", ["yes", "standby", "yes"])])
def test_whose_it_is(text, wanted):
    assert kinds(text) == wanted


def test_vz_conf_speaks_for_containers_of_ours_only():
    assert kinds(ONE + "BRIDGEDEV=br0\nIP_ADDRESS=10.0.0.5\n", vz="ANNOUNCE=no\n") == ["no", "no"]
    assert kinds(ONE + "IP_ADDRESS=10.0.0.5\n", vz="ANNOUNCE=no\n") == ["yes", "yes"]


CHOICES = "yes or no or standby or anycast is wanted"


@pytest.mark.parametrize("text", ["IP_ADDRESS=10.0.0.5\n", ONE, ONE + "IP_ADDRESS=10.0.0.5\n"])
@pytest.mark.parametrize("value, wanted", [
    ("nein", ["ANNOUNCE: 'nein'; " + CHOICES]), ("no standby", ["ANNOUNCE: 'no standby'; one word is wanted"])])
def test_a_mistake_is_named_once(text, value, wanted):
    assert texts(model(text + "ANNOUNCE='%s'\n" % value, node=ANNOUNCE).mistakes) == [
        "101.conf:%d: %s" % (text.count("\n") + 1, one) for one in wanted]


def test_what_nothing_comes_of_is_said_once():
    said = ["101.conf:2: ANNOUNCE=standby, but vzhooks.conf has no [announce]; nothing comes of it"]
    assert texts(model(ONE + "ANNOUNCE=standby\n").doubts) == said
    assert texts(model(TWO + "ANNOUNCE=standby\n").doubts) == said
    assert texts(model(ONE + "ANNOUNCE=no\n").doubts) == []  # that is kept all the same


# Lines of a veth


def entry(kind, address, mark, line=""):
    word, width = ("ipv6", 128) if ":" in address else ("ip", 32)
    row = "%s prefix-list vzhooks-%s permit %s/%d" % (word, kind, address, width)
    return (line and "# 101.conf:%s\n" % line) + "%-5s vtysh %s\n!undo vtysh no %s\n" % (mark + "host", row, row)


BRIDGED = WITH_MAC + "BRIDGEDEV=br0\nVETH_IP_ADDRESS='10.0.0.5/24 2001:db8::5/64'\n"
FACTS = dict(BR0, **{"ipv6 br0": "2001:db8::2"})


@pytest.mark.parametrize("kind, ini, mark", [
    ("no", ANNOUNCE, "!"), ("no", WARN, "!"), ("standby", ANNOUNCE, ""), ("standby", WARN, "-"), ("anycast", ANNOUNCE, ""),
    ("anycast", WARN, "-"), ("standby", ANNOUNCE + "on_error = fail\n", "!"), ("no", ANNOUNCE + "on_error = fail\n", "!")])
def test_a_bridged_veth(node, kind, ini, mark):  # noqa: F811
    """First of all: before any route, and after it at the stop."""
    bare, said = node(BRIDGED, FACTS, ini)
    assert "vtysh" not in bare and bare == node(BRIDGED, FACTS)[0]
    text, said = node(BRIDGED + "ANNOUNCE=%s\n" % kind, FACTS, ini)
    assert said == []
    assert text == entry(kind, "10.0.0.5", mark, "4") + entry(kind, "2001:db8::5", mark) + bare


@pytest.mark.parametrize("more", ["ANNOUNCE=yes\n", "ANNOUNCE=Yes\n", "ANNOUNCE=\n"])
def test_the_usual_way_needs_no_line(node, more):  # noqa: F811
    assert node(BRIDGED + more, FACTS, ANNOUNCE) == node(BRIDGED, FACTS, ANNOUNCE)


@pytest.mark.parametrize("ini", ["", "[node]\non_error = warn\n"])
def test_without_the_section_there_is_no_line(node, ini):  # noqa: F811
    assert "vtysh" not in node(BRIDGED + "ANNOUNCE=no\n", FACTS, ini)[0]


@pytest.mark.parametrize("more, wanted", [
    ("exclude = 10.0.0.0/24\n", ["2001:db8::5"]), ("exclude = 2001:db8::/32\n", ["10.0.0.5"]), ("families = 6\n", ["2001:db8::5"]),
    ("include = 10.0.0.4/30\n", ["10.0.0.5"]), ("exclude = 10.0.0.0/8 2001:db8::/32\n", [])])
def test_what_is_left_out_anyway_needs_no_line(node, more, wanted):  # noqa: F811
    text, _ = node(BRIDGED + "ANNOUNCE=standby\n", FACTS, ANNOUNCE + more)
    assert [line.command.split()[5].partition("/")[0] for line in plan.parse(text, "F") if line.command.startswith("vtysh ")] == wanted


def test_each_veth_has_its_own(node):  # noqa: F811
    text, said = node('NETIF="ifname=eth0,mac=00:18:51:A1:B2:C3,host_ifname=veth101.0;ifname=eth1,mac=00:18:51:A1:B2:C5,host_ifname='
                      'veth101.1"\nVETH_IP_ADDRESS=10.0.0.5/32\nVETH_IP_ADDRESS_eth1=10.0.1.5/32\nANNOUNCE_eth1=anycast\n'
                      'BRIDGEDEV=br0\n', BR0, ANNOUNCE)
    assert [line.command for line in plan.parse(text, "F") if "vtysh" in line.command] == [
        "vtysh ip prefix-list vzhooks-anycast permit 10.0.1.5/32"]
    assert text.index("veth101.0 master") < text.index("vtysh") < text.index("veth101.1 master")


def test_a_routed_veth(node):  # noqa: F811
    conf = WITH_MAC + "VETH_IP_ADDRESS=10.0.0.5\n"
    bare = node(conf, {}, ANNOUNCE)[0]
    assert "host  ip route add 10.0.0.5 dev veth101.0 proto 118" in bare
    assert node(conf + "ANNOUNCE=no\n", {}, ANNOUNCE)[0] == entry("no", "10.0.0.5", "!", "3") + bare


def test_netif_s_own_address_counts(node):  # noqa: F811
    conf = WITH_MAC.replace("ifname=eth0,", "ifname=eth0,ip=10.0.0.6/24,") + "ANNOUNCE=no\nBRIDGEDEV=br0\n"
    assert node(conf, BR0, ANNOUNCE)[0].startswith(entry("no", "10.0.0.6", "!", "2"))


def test_a_template_without_the_filter_is_refused_though_announce_is_vital_too(node, put, monkeypatch):  # noqa: F811
    monkeypatch.setattr(backend.process, "find", lambda program: "/sbin/" + program)
    conf = WITH_MAC + "BRIDGEDEV=br0\nVETH_IP_ADDRESS=10.0.0.5/24\nANTISPOOF=yes\nANNOUNCE=no\n"
    assert "antispoof" in node(conf, BR0, ANNOUNCE)[0]
    put("/etc/vz/vzhooks/templates/veth.j2", "host ip link set dev {{ veth.device }} up\n")
    with pytest.raises(render.TemplateError, match="leaves out antispoof.j2, so that veth101.0 would not be filtered"):
        node(conf, BR0, ANNOUNCE)
    assert "vtysh" in node(conf.replace("ANTISPOOF=yes", "ANTISPOOF=no"), BR0, ANNOUNCE)[0]


# Lines before the start, where the routes are vzctl's


@pytest.fixture
def before(put, root, tmp_path, monkeypatch):
    """before(CONF, INI): the container's own lines before it starts, and the doubts."""
    FakeNode(tmp_path / "node", monkeypatch)

    def make(text, ini=ANNOUNCE):
        put("/etc/vz/vzhooks.conf", ini)
        put("/etc/vz/conf/101.conf", text)
        ready = planner.validate("101").ready
        return (plan.text([line for line in ready.lines if line.place != "node"]).replace(root + "/etc/vz/conf/", ""),
                [doubt.replace(root + "/etc/vz/", "") for doubt in ready.doubts])
    return make


VENET = "IP_ADDRESS='10.0.0.5 10.0.1.5/24 2001:db8::5'\n"


@pytest.mark.parametrize("kind, mark", [("no", "!"), ("standby", ""), ("anycast", "")])
def test_venet(before, kind, mark):
    assert before(VENET + "ANNOUNCE=%s\n" % kind) == (
        entry(kind, "10.0.0.5", mark, "2") + entry(kind, "10.0.1.5", mark) + entry(kind, "2001:db8::5", mark), [])


@pytest.mark.parametrize("more, ini", [("", ANNOUNCE), ("ANNOUNCE=yes\n", ANNOUNCE), ("ANNOUNCE=no\n", ""), (
    "ANNOUNCE=no\nCONFIG_CUSTOMIZED=no\n", ANNOUNCE), ("ANNOUNCE=standby\n", ANNOUNCE + "exclude = 10.0.0.0/23 2001:db8::/32\n")])
def test_venet_the_usual_way(before, more, ini):
    assert before(VENET + more, ini) == ("", [])


def test_venet_where_announcements_may_fail(before):
    assert before("IP_ADDRESS=10.0.0.5\nANNOUNCE=standby\n", WARN) == (entry("standby", "10.0.0.5", "-", "2"), [])


def test_routes_that_vzctl_makes_for_a_routed_veth(before):
    conf = ROUTED + "VETH_IP_ADDRESS=10.0.0.5\nANNOUNCE=standby\n"
    assert before(conf) == (entry("standby", "10.0.0.5", "", "3"), [])
    assert before(WITH_MAC + "VETH_IP_ADDRESS=10.0.0.5\nANNOUNCE=standby\n") == ("", [])  # with its device
    assert before(ROUTED.replace("type=routed", "type=routed,ip=10.0.0.6") + "ANNOUNCE=no\n") == (
        entry("no", "10.0.0.6", "!", "2"), [])


def test_the_device_of_a_routed_veth_has_no_line_again(node):  # noqa: F811
    assert "vtysh" not in node(ROUTED + "VETH_IP_ADDRESS=10.0.0.5\nANNOUNCE=standby\n", {}, ANNOUNCE)[0]


def test_mistakes_of_announce_are_said_and_no_still_holds(before):
    text, doubts = before("IP_ADDRESS=10.0.0.5\nANNOUNCE=no\n", ANNOUNCE + "area = x\n")
    assert text == entry("no", "10.0.0.5", "!", "2")
    assert doubts == ["vzhooks.conf:3: area = x; an area is wanted, like 0.0.0.0 or 0"]


# lint


def test_lint_says_what_is_left_out(before, root):
    before("IP_ADDRESS='10.0.0.5 10.0.1.5'\nANNOUNCE=anycast\n", ANNOUNCE + "exclude = 10.0.0.0/24\n")
    assert [one.replace(root + "/etc/vz/", "").replace("conf/", "") for one in lint.container("101").doubts] == [
        "101.conf:2: ANNOUNCE=anycast, but [announce] (vzhooks.conf:1) leaves 10.0.0.5 out; nothing comes of it"]
    for announce in ("yes", "no"):
        before("IP_ADDRESS='10.0.0.5 10.0.1.5'\nANNOUNCE=%s\n" % announce, ANNOUNCE + "exclude = 10.0.0.0/24\n")
        assert len(lint.container("101").doubts) == (announce == "yes")
