"""VETH_ROUTES: what is taken, what is a mistake, and the lines inside."""
import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.test_model import ONE, TWO, model, texts
from vzhooks import render, routes


def parse(text):
    found, mistakes = routes.parse(text, "C:1")
    return ["%s via %s" % (one.to, one.via.ip) if one.via else str(one.to) for one in found], texts(mistakes)


@pytest.mark.parametrize("text, wanted", [
    ("", []), (" \n ", []),
    ("10.18.0.0/16 via 10.17.64.254", ["10.18.0.0/16 via 10.17.64.254"]),
    ("10.18.0.0/16 via 10.17.64.254, 192.0.2.1 via 10.17.64.253;2001:db8::/32\tvia fe80::1",
     ["10.18.0.0/16 via 10.17.64.254", "192.0.2.1/32 via 10.17.64.253", "2001:db8::/32 via fe80::1"]),
    ("10.18.0.0/16 10.19.0.0/255.255.0.0 via 10.17.64.254", ["10.18.0.0/16", "10.19.0.0/16 via 10.17.64.254"]),
    ("2001:DB8:0::5 via 2001:db8:1::1", ["2001:db8::5/128 via 2001:db8:1::1"])])
def test_routes(text, wanted):
    assert parse(text) == (wanted, [])


@pytest.mark.parametrize("text, wanted", [
    ("via 10.0.0.1", ["C:1: VETH_ROUTES: 'via'; %s" % routes.WANTED,
                      "C:1: VETH_ROUTES: '10.0.0.1'; "]),
    ("default via 10.0.0.1", ["C:1: VETH_ROUTES: 'default via 10.0.0.1'; %s; VE_DEFAULT_GATEWAY is for the default route"
                              % routes.WANTED]),
    ("0.0.0.0/0 via 10.0.0.1", ["C:1: VETH_ROUTES: '0.0.0.0/0 via 10.0.0.1'; "]),
    ("10.18.0.1/16 via 10.0.0.1", ["C:1: VETH_ROUTES: '10.18.0.1/16 via 10.0.0.1'; the network itself is wanted, 10.18.0.0/16"]),
    ("10.18.0.0/16 via", ["C:1: VETH_ROUTES: '10.18.0.0/16'; %s" % routes.WANTED]),
    ("10.18.0.0/16 via 2001:db8::1", ["C:1: VETH_ROUTES: '10.18.0.0/16 via 2001:db8::1'; a gateway of the network's own family is "
                                      "wanted"]),
    ("10.18.0.0/16 via 10.0.0.1 10.18.0.0/16 via 10.0.0.2",
     ["C:1: VETH_ROUTES: '10.18.0.0/16 via 10.0.0.2'; one route for each network is wanted"]),
    ("10.18.0.0/16 via 10.0.0.1/24", ["C:1: VETH_ROUTES: '10.18.0.0/16 via 10.0.0.1/24'; an IPv4 or IPv6 address is wanted, "
                                      "without '/'"]),
    ("ten via 10.0.0.1", ["C:1: VETH_ROUTES: 'ten via 10.0.0.1'; an IPv4 or IPv6 address is wanted"]),
    ("224.0.0.0/4 via 10.0.0.1", ["C:1: VETH_ROUTES: '224.0.0.0/4 via 10.0.0.1'; a network of stations is wanted, not a "
                                  "multicast, loopback or link-local one"])])
def test_a_mistake_names_the_route(text, wanted):
    found = parse(text)[1]
    assert len(found) == len(wanted) or text.startswith("via")
    assert all(one.startswith(start) for one, start in zip(found, wanted)), found


def test_a_mistake_leaves_the_other_routes():
    assert parse("10.18.0.0/16 via x 10.19.0.0/16 via 10.0.0.1")[0] == ["10.19.0.0/16 via 10.0.0.1"]


@given(text=st.one_of(st.text(), st.lists(st.sampled_from(
    ["via", "default", "10.18.0.0/16", "10.0.0.1", "2001:db8::/32", "fe80::1", ",", ";", "x", "/", "0.0.0.0/0", "dev", "\n"]),
    max_size=9).map(" ".join)))
def test_any_text_is_routes_or_mistakes_and_round_trips(text):
    found, mistakes = routes.parse(text, "C:1")
    assert all(str(one).startswith("C:1: VETH_ROUTES: ") and str(one).isprintable() for one in mistakes)
    assert bool(found or mistakes) == bool(text.replace(",", " ").replace(";", " ").split())
    written = " ".join("%s via %s" % (one.to, one.via.ip) if one.via else str(one.to) for one in found)
    again, wrong = routes.parse(written, "C:1")
    assert (again, wrong) == (found, [])
    for one in found:
        ipaddress.ip_network(str(one.to))
        assert one.via is None or one.via.family == one.to.family


BASE = ONE + "VETH_IP_ADDRESS='10.17.64.5/16 2001:db8::5/64'\n"


def inside(found):
    return [(str(one.to), one.via.ip if one.via else "", one.onlink) for veth in found.veths for one in veth.routes]


@pytest.mark.parametrize("text, wanted, doubts", [
    ("10.18.0.0/16 via 10.17.64.254", [("10.18.0.0/16", "10.17.64.254", False)], []),
    ("2001:db8:9::/48 via fe80::1", [("2001:db8:9::/48", "fe80::1", False)], []),
    ("10.18.0.0/16", [("10.18.0.0/16", "", False)], []),
    ("10.18.0.0/16 via 10.99.0.1", [("10.18.0.0/16", "10.99.0.1", True)],
     ["101.conf:3: gateway 10.99.0.1 of VETH_ROUTES is in no network of eth0; it is taken as reachable on the veth (onlink)"])])
def test_a_gateway_beyond_the_veth_s_networks_is_onlink_and_said(text, wanted, doubts):
    found = model(BASE + "VETH_ROUTES='%s'\n" % text)
    assert (inside(found), texts(found.mistakes), texts(found.doubts)) == (wanted, [], doubts)


def test_without_a_suffix_they_are_the_first_veth_s():
    found = model(TWO + "VETH_IP_ADDRESS=10.0.0.5/24\nVETH_IP_ADDRESS_eth1=10.1.0.5/24\nVETH_ROUTES='10.2.0.0/16 via 10.0.0.1'\n"
                  "VETH_ROUTES_eth1='10.3.0.0/16 via 10.1.0.1'\n")
    assert [[str(one.to) for one in veth.routes] for veth in found.veths] == [["10.2.0.0/16"], ["10.3.0.0/16"]]
    found = model(TWO + "VETH_IP_ADDRESS=10.0.0.5/24\nVETH_ROUTES='10.2.0.0/16 via 10.0.0.1'\n")
    assert [len(veth.routes) for veth in found.veths] == [1, 0]
    assert texts(model("VETH_ROUTES=10.2.0.0/16\n").doubts) == [
        '101.conf:1: VETH_ROUTES, but NETIF names no veth; NETIF="ifname=..." is wanted for it to have an effect']


def test_the_lines_inside():
    veth = model(ONE + "VETH_IP_ADDRESS=10.17.64.5/16\nVETH_ROUTES='10.18.0.0/16 via 10.17.64.254 192.0.2.1 10.19.0.0/16 via "
                 "10.99.0.1'\n").veths[0]
    lines = render.render("inside", veth=dict(veth._asdict(), name="eth0", where="C:1", mtu_where="", ct0=()))
    assert [(line.place, line.command, line.undo.command) for line in lines][2:] == [
        ("ct", "ip route replace %s dev eth0%s" % (route, onlink), "ip route del %s dev eth0" % route)
        for route, onlink in (("10.18.0.0/16 via 10.17.64.254", ""), ("192.0.2.1/32", ""),
                              ("10.19.0.0/16 via 10.99.0.1", " onlink"))]
    assert {line.origin for line in lines[2:]} == {"101.conf:3"}
