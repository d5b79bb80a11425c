"""NETIF of both generations."""
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vzhooks import netif
from vzhooks.conf import Variable

KEYS = ("ifname", "host_ifname", "mac", "host_mac", "bridge", "network", "type")


def parse(text):
    """The interfaces as {key: value} of what is set, and the mistakes without their common end of the message."""
    found, mistakes = netif.parse(Variable("NETIF", text, "F:3", None))
    for one in found:
        assert one.where == "F:3"
    rows = [dict({key: getattr(one, key) for key in KEYS if getattr(one, key)},
                 **({"addresses": " ".join(map(str, one.addresses))} if one.addresses else {})) for one in found]
    return rows, [str(one) for one in mistakes], [one.modern for one in found]


GOOD = [
    ("", [], []), (";", [], []), (None, [], []),
    ("ifname=eth0", [{"ifname": "eth0"}], [False]),
    ("ifname=eth0,bridge=vmbr0,mac=00:18:51:A1:B2:C3,host_ifname=veth101.0,host_mac=00:18:51:A1:B2:C4,mac_filter=off",
     [{"ifname": "eth0", "bridge": "vmbr0", "mac": "00:18:51:a1:b2:c3", "host_ifname": "veth101.0",
       "host_mac": "00:18:51:a1:b2:c4"}], [False]),
    ("host_ifname=veth1.eth1,ifname=eth1", [{"ifname": "eth1", "host_ifname": "veth1.eth1"}], [False]),
    ("ifname=eth0;ifname=eth1;", [{"ifname": "eth0"}, {"ifname": "eth1"}], [False, False]),
    ("ifname=eth0 ;\n ifname=eth1, bridge=br1", [{"ifname": "eth0"}, {"ifname": "eth1", "bridge": "br1"}], [False,
                                                                                                            False]),
    ("ifname=eth0,mac=,bridge=", [{"ifname": "eth0"}], [False]),
    ("type=bridge,ifname=eth0,network=Net A,vport=ovs,host_ifname=vif-h63jg7pp,gw=10.0.0.1,ip_filter=yes,"
     "ip=10.0.0.5/255.255.255.0:10.0.0.6,ip6=2001:db8::1/64,2001:db8::2",
     [{"ifname": "eth0", "type": "bridge", "network": "Net A", "host_ifname": "vif-h63jg7pp",
       "addresses": "10.0.0.5/24 10.0.0.6/32 2001:db8::1/64 2001:db8::2/128"}], [True]),
]


@pytest.mark.parametrize("text, wanted, modern", GOOD, ids=[str(text) for text, _, _ in GOOD])
def test_interfaces_are_read_in_their_order(text, wanted, modern):
    assert parse(text) == (wanted, [], modern)


NAME = "; an interface name of 1 to 15 characters is wanted"
PRINTABLE = "; an interface name of printable ASCII without space, '/', ':', quotes or '#' is wanted"
IFNAME = "; ifname=NAME, the interface's name in the container, is wanted"
WRONG = [
    ("mac=00:18:51:a1:b2:c3", ["F:3: NETIF 'mac=00:18:51:a1:b2:c3' has no ifname" + IFNAME]),
    ("ifname=", ["F:3: NETIF 'ifname=' has no ifname" + IFNAME]),
    ("ifname=" + "x" * 16, ["F:3: NETIF ifname=" + "x" * 16 + NAME]),
    ("ifname=eth0,host_ifname=veth%d", ["F:3: NETIF host_ifname=veth%d" + PRINTABLE]),
    ("ifname=eth0,bridge=a b", ["F:3: NETIF bridge=a b" + PRINTABLE]),
    ("ifname=eth0,mac=0018",
     ["F:3: NETIF mac=0018; six bytes of two hex digits with colons, of one station (even first "
                              "byte), are wanted"]),
    ("ifname=eth0,ip=10.0.0.5:10", ["F:3: NETIF ip=10; an IPv4 or IPv6 address with or without /PREFIX is wanted"]),
    ("ifname=eth0,eth1", ["F:3: NETIF word 'eth1'; KEY=VALUE is wanted"]),
    ("ifname=eth0;ifname=eth0", ["F:3: ifname=eth0 twice in NETIF; each interface needs its own"]),
    ("ifname=eth0,host_ifname=v;ifname=eth1,host_ifname=v",
     ["F:3: host_ifname=v twice in NETIF; each interface needs its own"]),
    ("ifname=eth\x1b[31m", ["F:3: NETIF ifname=eth\\x1b[31m" + PRINTABLE]),
]


@pytest.mark.parametrize("text, wanted", WRONG, ids=[repr(text) for text, _ in WRONG])
def test_a_mistake_is_named(text, wanted):
    assert parse(text)[1] == wanted


def test_all_mistakes_are_named_at_once():
    assert len(parse("mac=1,host_mac=2,bridge=..;ifname=a b,ip=1,x")[1]) == 7


@given(text=st.one_of(st.text(), st.lists(st.sampled_from(
    ["ifname", "mac", "ip", "ip6", "=", ",", ";", "eth0", "10.0.0.1", "::", ":", " ", "\n", "x" * 16,
     "/"])).map("".join)))
def test_arbitrary_text_gives_sound_interfaces_or_mistakes_and_no_exception(text):
    rows, mistakes, _ = parse(text)
    assert all(0 < len(row["ifname"]) < 16 for row in rows)
    assert all(one.startswith("F:3: ") and one.isprintable() for one in mistakes)
