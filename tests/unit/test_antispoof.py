"""ANTISPOOF and VETH_ALLOW: whose they are, what is wrong with them, and the plan's text."""
import pytest

from tests.unit.test_model import ONE, TWO, model, texts
from tests.unit.test_render import BR0, MAC, node  # noqa: F401 (a fixture)
from tests.unit.test_render import ONE as WITH_MAC
from vzhooks import antispoof, apply, batch, journal, plan, render, values
from vzhooks.model import Veth
from vzhooks.netif import Interface
from vzhooks.node import backend
from vzhooks.node.tools import Tools

YES = "[node]\nantispoof = yes\n"
OURS = ONE + "BRIDGEDEV=br0\nVETH_IP_ADDRESS=10.0.0.5/24\n"
KNOWN = OURS.replace(ONE, WITH_MAC)


def guarded(found):
    return [veth.allow is not None for veth in found.veths]


@pytest.mark.parametrize("text, vz, ini, wanted", [
    (OURS, "", "", [False]), (OURS, "", YES, [True]), (OURS, "", "[node]\nantispoof = no\n", [False]),
    (OURS + "ANTISPOOF=yes\n", "", "", [True]), (OURS + "ANTISPOOF=no\n", "", YES, [False]),
    (OURS + "ANTISPOOF=YES\n", "", "", [True]), (OURS + "ANTISPOOF=\n", "", YES, [True]),
    (OURS, "ANTISPOOF=yes\n", "", [True]),
    (TWO + "BRIDGEDEV=br0\nANTISPOOF=yes\nANTISPOOF_eth1=no\n", "", "", [True, False]),
    (TWO + "BRIDGEDEV=br0\nANTISPOOF_eth1=yes\n", "", "", [False, True]),
    # a stock one: its own conf alone
    (ONE, "", YES, [False]), (ONE, "ANTISPOOF=yes\n", YES, [False]), (ONE + "ANTISPOOF=yes\n", "", "", [True]),
    (TWO + "ANTISPOOF_eth1=yes\n", "ANTISPOOF=yes\n", "", [False, True]), (ONE + "VETH_ALLOW=10.0.0.5\n", "", YES, [False]),
    (ONE + "ANTISPOOF=yes\nCONFIG_CUSTOMIZED=no\n", "", YES, [False])])
def test_who_is_filtered(text, vz, ini, wanted):
    found = model(text, vz, ini)
    assert (guarded(found), found.mistakes) == (wanted, ())
    assert found.custom == ("BRIDGEDEV" in text)


@pytest.mark.parametrize("word, wanted", [
    ("10.0.0.300", "an IPv4 or IPv6 address, a network NETWORK/PREFIX or a MAC is wanted"),
    ("10.0.0.5/24", "the network itself is wanted, 10.0.0.0/24"), ("10.0.0.0/0", "an IPv4 or IPv6 network "
                                                                   "NETWORK/PREFIX is wanted"),
    ("01:00:5e:00:01:07", "six bytes of two hex digits with colons, of one station (even first byte), are wanted"),
    ("224.0.0.0/4", "a network of stations is wanted, not a multicast, loopback or link-local one")])
def test_a_mistake_in_veth_allow_is_named(word, wanted):
    assert texts(model(OURS + "VETH_ALLOW='10.0.0.7 %s'\n" % word).mistakes) == [
        "101.conf:4: VETH_ALLOW: '%s'; %s" % (word, wanted)]


@pytest.mark.parametrize("text", [OURS, ONE])
def test_a_wrong_antispoof_stops_a_stock_container_too(text):
    found = model(text + "ANTISPOOF=ja\n")
    assert texts(found.mistakes) == ["101.conf:%d: ANTISPOOF: 'ja'; yes or no is wanted" % (text.count("\n") + 1)]
    assert texts(model(text + "ANTISPOOF=\"yes\nX=$(x)\n").mistakes)  # what stands behind a mistake was not read


def made(allow="", addresses="10.0.0.5/24 2001:db8::5/64", backend="nft", bridge="br0", mac=MAC):
    interface = Interface("eth0", "F:1", "veth101.0")
    veth = Veth(interface, bridge, "F:2", tuple(values.address(one, "F:3") for one in addresses.split()),
                allow=tuple(values.allowed(one, "F:4") for one in allow.split()))
    return antispoof.guard(veth, mac, backend, bridge)


def test_what_a_guard_allows():
    guard = made("10.0.0.7 10.9.0.0/16 10.9.1.0/24 2001:db8:7::/64 00:00:5e:00:01:07 10.0.0.5/32")
    assert [guard.text(one) for one in guard.all] == [
        "fe80::218:51ff:fea1:b2c3", "fe80::200:5eff:fe00:107", "10.0.0.5", "2001:db8::5", "10.0.0.7", "10.9.0.0/16",
        "2001:db8:7::/64"]
    assert [one.mac for one in guard.macs] == [MAC, "00:00:5e:00:01:07"] and not guard.loose
    assert guard.number(guard.networks[1]) == "0x20010db8000700000000000000000000-0x20010db800070000ffffffffffffffff"
    assert made("00:00:5e:00:01:07", "").loose and made("", "").addresses == []


def test_what_cannot_be_filtered_is_an_error():
    with pytest.raises(Exception, match="the MAC of eth0 is not known, and ANTISPOOF filters by it; 'mac=' in NETIF is wanted"):
        made(mac="")


def test_a_changed_guard_has_another_chain_and_other_flows():
    assert made().chain == made().chain != made("10.0.0.7").chain
    assert len({made().cookie(flow) for flow in ("a", "b")}) == 2 and made().cookie("a").startswith("0x767a")


@pytest.mark.parametrize("backend, bridge, addresses, wanted", [
    ("nft", "br0", "10.0.0.5", "nft"), ("nft", "", "10.0.0.5", "nft"), ("ovs", "br0", "10.0.0.5", "ovs"),
    ("iptables", "br0", "10.0.0.5", "ebtables"), ("iptables", "", "10.0.0.5", "iptables"), ("iptables", "", "", "ebtables")])
def test_the_back_end(backend, bridge, addresses, wanted):
    guard = made(backend=backend, bridge=bridge, addresses=addresses)
    assert guard.backend == wanted
    lines = render.render("antispoof", veid="101", guard=guard)
    assert lines and all(line.vital for line in lines)
    assert [line for line in lines if line.undo and line.undo.late]


def test_the_plan_of_a_bridged_container(node, monkeypatch):  # noqa: F811
    monkeypatch.setattr(backend.process, "find", lambda program: "/sbin/" + program)
    text, said = node(KNOWN, dict(BR0, **{"ipv4 br0": ""}), YES)
    t, element = "nft add chain netdev vzhooks_antispoof", "nft add element netdev vzhooks_antispoof %s"
    delete = "; delete element netdev vzhooks_antispoof %s"
    rows = ["# 101.conf:1", "!host " + t + ' port_veth101.0 { type filter hook ingress device "veth101.0" priority -500 ; policy '
            "drop ; }; flush chain netdev vzhooks_antispoof port_veth101.0; add rule netdev vzhooks_antispoof port_veth101.0 "
            'goto port comment "vzhooks:101"', "!undo nft delete chain netdev vzhooks_antispoof port_veth101.0"]
    fe80 = "fe80::218:51ff:fea1:b2c3"
    for origin, set_, value in (("", "macs", MAC), ("", "ipv6", fe80), ("", "targets", "0xfe80000000000000021851fffea1b2c3"),
                                ("# 101.conf:3", "ipv4", "10.0.0.5")):
        what = '%s { "veth101.0" . %s }' % (set_, value)
        rows += [origin] * bool(origin) + ["!host " + element % what, "-undo " + element % what + delete % what]
    rows += ["# 101.conf:2", "host  ip link set dev veth101.0 master br0", "undo  ip link set dev veth101.0 nomaster",
             "# 101.conf:1", "host  ip link set dev veth101.0 up"]
    assert (text.splitlines()[:len(rows)], said) == (rows, [])
    assert "ANTISPOOF" not in text and node(KNOWN + "ANTISPOOF=no\n", dict(BR0, **{"ipv4 br0": ""}), YES)[0] == "\n".join(
        ["# 101.conf:2"] + text.split("# 101.conf:2\n", 1)[1].split("\n"))


def test_a_stock_container_stays_one(node, monkeypatch):  # noqa: F811
    monkeypatch.setattr(backend.process, "find", lambda program: "/sbin/" + program)
    stock = node(WITH_MAC.replace('.0"', '.0,bridge=br0"'), BR0)[0]
    text = node(WITH_MAC.replace('.0"', '.0,bridge=br0"') + "ANTISPOOF=yes\n", BR0)[0]
    ours = [line for line in plan.parse(text, "F") if line.vital]
    rest = [line for line in plan.parse(text, "F") if not line.vital]
    assert plan.text(rest) == stock and "loose" in plan.text(ours)
    assert text.index("port_veth101.0") < text.index(" up\n")


def test_a_copied_template_without_the_filter_is_refused(node, put, monkeypatch):  # noqa: F811
    monkeypatch.setattr(backend.process, "find", lambda program: "/sbin/" + program)
    put("/etc/vz/vzhooks/templates/attach.j2", "host ip link set dev {{ veth.device }} up\n")
    with pytest.raises(render.TemplateError, match="leaves out antispoof.j2, so that veth101.0 would not be filtered"):
        node(KNOWN, BR0, YES)


def test_a_vital_line_fails_the_start_and_a_late_undo_comes_last(monkeypatch, root):
    done = []

    def run(commands, *_):
        done.extend(command.text for command in commands)
        bad = [index for index, command in enumerate(commands) if "bad" in command.text]
        return batch.Failure(bad[0], "no") if bad else None

    monkeypatch.setattr(batch, "run", run)
    monkeypatch.setattr(batch, "run_forced", lambda commands, *_: run(commands) or [])
    monkeypatch.setattr(journal.facts, "ifindex", lambda name: "7")
    said = []
    with journal.lock("101"):
        job = apply.Job("101", "veth101.0", said.append, on_error="warn")
        job.start(plan.parse("!host nft a\n!undo nft not a\nhost nft b\nundo nft not b\nhost nft bad\n", "F"))
        assert len(said) == 1 and "bad" in said[0]
        del done[:]
        apply.Job("101", "veth101.0", said.append).start(plan.parse("!host nft c\n!undo nft not c\n", "F"))
        assert done == ["nft not b", "nft c", "nft not a"]
        with pytest.raises(apply.Failed):
            apply.Job("101", "veth101.0", said.append, on_error="warn").start(plan.parse("!host nft bad\n", "F"))
    assert plan.text(plan.parse("!host a\n!undo b\n-host c\n-undo d\n", "F")) == "!host a\n!undo b\n-host c\n-undo d\n"


def test_an_element_is_not_the_beginning_of_another(monkeypatch):
    listing = 'table netdev t {\n set ipv4 {\n elements = { "v1" . 10.0.0.10,\n\t"v1" . 10.0.0.2 }\n }\n}\n'
    monkeypatch.setattr(Tools, "_ask", lambda self, *argv: listing)
    held = [Tools(1).holds('nft add element netdev t ipv4 { "v1" . 10.0.0.%d }' % last) for last in (10, 2, 1)]
    assert held == [True, True, False]
