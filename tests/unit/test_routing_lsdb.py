"""What is announced, from listings as FRR 8.4 prints them."""
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vzhooks import process
from vzhooks.errors import Expected
from vzhooks.routing import lsdb
from vzhooks.routing.lsdb import Seen
from vzhooks.routing.settings import Announce

LSA = """
  LS age: {age}
  Options: 0x2  : *|-|-|-|-|-|E|-
  LS Flags: 0xb
  LS Type: AS-external-LSA
  Link State ID: {id} (External Network Number)
  Advertising Router: 10.9.0.1
  LS Seq Number: 80000003
  Checksum: 0xfd47
  Length: 36

  Network Mask: /{mask}
        Metric Type: {kind}
        TOS: 0
        Metric: {metric}
        Forward Address: 0.0.0.0
        External Route Tag: 0

"""
KIND = {1: "1", 2: "2 (Larger than any link state path)"}
HEAD = "\n       OSPF Router with ID (10.9.0.1)\n\n                AS External Link States \n"
LSA6 = """Age:  {age} Type: AS-External
Link State ID: 0.0.0.1
Advertising Router: 10.9.0.1
LS Sequence Number: 0x80000002
CheckSum: 0xd0a1 Length: 44
Duration: 00:08:42
     Bits: {bits}
     Metric:    {metric}
     Prefix Options: --|--|--|--|--
     Referenced LSType: 0
     Prefix: {prefix}

"""
HEAD6 = "\n        AS Scoped Link State Database\n\n"


def lsa(address, age=522, kind=2, metric=20, mask=32):
    return LSA.format(id=address, age=age, kind=KIND[kind], metric=metric, mask=mask)


def lsa6(prefix, age=522, bits="E--", metric=20):
    return LSA6.format(prefix=prefix, age=age, bits=bits, metric=metric)


# Listings


@pytest.mark.parametrize("text, wanted", [
    (HEAD, {}), ("", {}), (HEAD + lsa("198.51.100.5"), {"198.51.100.5": Seen("type-2", 20)}),
    (HEAD + lsa("198.51.100.5", kind=1, metric=0) + lsa("198.51.100.6", metric=16777214),
     {"198.51.100.5": Seen("type-1", 0), "198.51.100.6": Seen("type-2", 16777214)}),
    (lsa("198.51.100.5", age=3599) + lsa("198.51.100.6", age=3600) + lsa("198.51.100.7", age=3601), {"198.51.100.5": Seen("type-2", 20)}),
    (lsa("198.51.100.5", metric=16777215), {}), (lsa("198.51.100.0", mask=24), {"198.51.100.0/24": Seen("type-2", 20)}),
    (lsa("0.0.0.0", mask=0), {"0.0.0.0/0": Seen("type-2", 20)}),
    (lsa("198.51.100.5", age="522\r"), {"198.51.100.5": Seen("type-2", 20)}), (lsa("198.51.100.5", metric="\u00b2"), {}),
    (lsa("198.51.100.5", age="\u00b9"), {}), (lsa("198.51.100.5", metric="-1"), {}), (lsa("198.51.100.5", metric="9" * 9999), {})])
def test_external_lsas_of_ospf(text, wanted):
    assert lsdb.ospf(text) == wanted


@pytest.mark.parametrize("text, wanted", [
    (HEAD6, {}), (HEAD6 + lsa6("2001:db8::5/128"), {"2001:db8::5": Seen("type-2", 20)}),
    (lsa6("2001:db8::5/128", bits="---", metric=0) + lsa6("2001:db8::6/128", age=3600), {"2001:db8::5": Seen("type-1", 0)}),
    (lsa6("2001:db8::/64", bits="EFT"), {"2001:db8::/64": Seen("type-2", 20)}), (lsa6("2001:db8::5/128", metric=16777215), {}),
    (lsa6("2001:db8::128/120"), {"2001:db8::128/120": Seen("type-2", 20)}), (lsa6("2001:db8::5/128", metric="\u00b3"), {})])
def test_external_lsas_of_ospfv3(text, wanted):
    assert lsdb.ospf6(text) == wanted


@pytest.mark.parametrize("parse, head, one, two", [
    (lsdb.ospf, HEAD, lsa("198.51.100.5"), lsa("198.51.100.6")), (lsdb.ospf6, HEAD6, lsa6("2001:db8::5/128"), lsa6("2001:db8::6/128"))])
def test_of_a_listing_that_breaks_off_what_is_whole_counts(parse, head, one, two):
    text = head + one + two
    whole = parse(text)
    assert len(whole) == 2
    for end in range(len(text)):
        found = list(parse(text[:end]).items())
        assert len(found) <= 2
        if end > len(head + one):
            assert found[0] == list(whole.items())[0]


rows = st.lists(st.one_of(st.text(max_size=20), st.builds(
    "{}: {}".format, st.sampled_from(["LS age", "Age", "Link State ID", "Network Mask", "Metric", "Metric Type", "Bits", "Prefix"]),
    st.one_of(st.text(max_size=8), st.integers().map(str), st.characters(whitelist_categories=["No", "Nd"]))))).map("\n".join)


@given(text=rows)
def test_any_listing_is_something_or_nothing(text):
    for seen in list(lsdb.ospf(text).values()) + list(lsdb.ospf6(text).values()):
        assert 0 <= seen.metric < 0xffffff and str(seen)


# What is asked


class Daemon:
    """What vtysh answers to each command; other commands fail."""

    def __init__(self, monkeypatch):
        self.answers = {}
        monkeypatch.setattr(process, "run", self.run)

    def run(self, argv, stdin="", timeout=0.0, keep=0):
        assert argv[:2] == ["vtysh", "-c"] and len(argv) == 3
        answer = self.answers.get(argv[2])
        if answer is None:
            return process.Result(argv, 1, "", "Exiting: failed to\nconnect to any daemons.\n")
        return process.Result(argv, 0, answer if isinstance(answer, str) else json.dumps(answer), "")


@pytest.fixture
def daemon(monkeypatch):
    return Daemon(monkeypatch)


V4, V6 = "show ip ospf database external self-originate", "show ipv6 ospf6 database as-external self-originated detail"
NEAR4, NEAR6 = "show ip ospf neighbor", "show ipv6 ospf6 neighbor"
FULL = "Neighbor ID     Pri State           Up Time\n10.9.0.2          1 Full/DROther    8m42s\n"
AREA4 = " OSPF Routing Process, Router ID: 10.9.0.1\n Area ID: {} ({})\n   Number of NSSA LSA 0. Checksum Sum 0x00000000\n"
AREA6 = " OSPFv3 Routing Process (0) with Router-ID 10.9.0.1\n Area {}{}\n     Interface attached to this area: v\n"
OSPF = Announce("F:1", interfaces=("vmbr0",))
BGP = Announce("F:1", protocol="bgp", asn=65001, neighbors=("eth0", "192.0.2.1"))


def test_both_families_are_asked(daemon):
    daemon.answers = {V4: HEAD + lsa("198.51.100.5"), V6: HEAD6 + lsa6("2001:db8::5/128")}
    assert lsdb.announced(OSPF) == {"198.51.100.5": Seen("type-2", 20), "2001:db8::5": Seen("type-2", 20)}
    assert list(lsdb.announced(OSPF._replace(families=(6,)))) == ["2001:db8::5"]
    del daemon.answers[V4]
    with pytest.raises(Expected, match="vtysh: 'show ip ospf database external self-originate': Exiting: failed to connect to any daemons."):
        lsdb.announced(OSPF)


@pytest.mark.parametrize("near4, near6, area4, area6, wanted", [
    (FULL, FULL, AREA4.format("0.0.0.0", "Backbone"), AREA6.format("0.0.0.0", ""), []),
    ("", FULL, "", "", ["no OSPF neighbour for IPv4 is in state Full: nobody hears it"]),
    (FULL, FULL.replace("Full", "ExStart"), "", "", ["no OSPF neighbour for IPv6 is in state Full: nobody hears it"]),
    (FULL, FULL, AREA4.format("0.0.0.0", "NSSA"), AREA6.format("0.0.0.0", "[Stub]"), [
        "area 0.0.0.0 is not an ordinary one (IPv4: Area ID: 0.0.0.0 (NSSA)): others do not believe it",
        "area 0.0.0.0 is not an ordinary one (IPv6: Area 0.0.0.0[Stub]): others do not believe it"]),
    (FULL, FULL, AREA4.format("0.0.0.05", "NSSA") + AREA4.format("10.0.0.0", "Stub"), AREA6.format("10.0.0.0.0", "[NSSA]"), [])])
def test_why_nobody_would_hear_it(daemon, near4, near6, area4, area6, wanted):
    daemon.answers = {NEAR4: near4, NEAR6: near6, "show ip ospf": area4, "show ipv6 ospf6": area6}
    assert lsdb.deaf(OSPF) == wanted
    del daemon.answers[NEAR6], daemon.answers["show ipv6 ospf6"]
    assert [one for one in wanted if "IPv6" not in one] == lsdb.deaf(OSPF._replace(families=(4,)))


def summary(**peers):
    return {"routerId": "10.0.0.2", "peers": {name.replace("_", "."): {"state": state} for name, state in peers.items()}}


def told(family, neighbor):
    return "show bgp ipv%d unicast neighbors %s advertised-routes json" % (family, neighbor)


SUMMARY4, SUMMARY6 = "show bgp ipv4 unicast summary json", "show bgp ipv6 unicast summary json"


def test_what_bgp_neighbours_are_told(daemon):
    daemon.answers = {
        SUMMARY4: {"peers": {"eth0": {"state": "Established"}, "192.0.2.1": {"state": "Active"}, "192.0.2.9": {"state": "Established"}}},
        SUMMARY6: summary(eth0="Established"),
        told(4, "eth0"): {"advertisedRoutes": {"198.51.100.5/32": {"path": ""}, "198.51.100.6/32": {"path": "65001 65001 65001"},
                                               "10.0.0.0/8": {"path": "65009"}}, "totalPrefixCounter": 3},
        told(6, "eth0"): {"advertisedRoutes": {"2001:db8::5/128": {}}}}
    assert lsdb.announced(BGP) == {"198.51.100.5": Seen("", 0), "198.51.100.6": Seen("", 3), "10.0.0.0/8": Seen("", 0),
                                   "2001:db8::5": Seen("", 0)}
    assert lsdb.deaf(BGP) == []
    daemon.answers = {SUMMARY4: summary(eth0="Idle"), SUMMARY6: ""}
    assert (lsdb.announced(BGP), lsdb.deaf(BGP)) == ({}, ["no BGP neighbour is established: nobody hears it"])
    for answer in ("% Unknown command", "[]", "5"):
        daemon.answers = {SUMMARY4: answer}
        with pytest.raises(Expected, match="'show bgp ipv4 unicast summary json' gave no JSON; FRR's bgpd is wanted"):
            lsdb.announced(BGP)
