"""Values that reach a template: only strict ones, the same with every netaddr."""
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vzhooks import names, values

STATION = "the address of one station is wanted, not a multicast, broadcast, loopback, network or reserved address"
PREFIX4 = "a prefix of 1 to 32 or a netmask is wanted behind the '/'"
PREFIX6 = "a prefix of 1 to 128 or a netmask is wanted behind the '/'"


@pytest.mark.parametrize("text, wanted", [
    ("10.0.0.1", "10.0.0.1/32"), ("10.0.0.1/26", "10.0.0.1/26"), ("10.0.0.1/1", "10.0.0.1/1"),
    ("10.1.12.2/255.255.255.255", "10.1.12.2/32"), ("10.1.12.2/255.255.255.192", "10.1.12.2/26"),
    ("10.1.12.2/128.0.0.0", "10.1.12.2/1"),
    ("2001:db8::1", "2001:db8::1/128"), ("2001:DB8:0:0::1/64", "2001:db8::1/64"), ("fe80::1/64", "fe80::1/64"),
    ("2001:db8::10.0.0.1/128", "2001:db8::a00:1/128"),
])
def test_an_address_is_taken_in_the_kernel_s_form(text, wanted):
    found = values.address(text, "F:1")
    assert (str(found), found.where, found.family) == (wanted, "F:1", 6 if ":" in text else 4)


@pytest.mark.parametrize("text", [
    "", "10", "1.2.3", "010.0.0.1", "10.0.0.01", "1.2.3.4.5", "10.0.0.256", "0x0a.0.0.1", "167772161", "10.0.0.-1",
    " 10.0.0.1",
    "10.0.0.1 ", "10.0.0.1\n", "10.0.0.1\0", "１０.0.0.1", "10.0.0.١", "ten", "::1::", "2001:db8::g", "fe80::1%eth0",
    "[2001:db8::1]", "1:2:3:4:5:6:7:8:9", "12345::", ":1", "10.0.0.1:80", "/24", "10.0.0.1;reboot", "$(reboot)"])
def test_what_is_no_address_is_refused(text):
    with pytest.raises(ValueError) as caught:
        values.address(text, "F:1")
    assert str(caught.value) == values.ADDRESS


@pytest.mark.parametrize("text, wanted", [(one, PREFIX4) for one in (
    "10.0.0.1/", "10.0.0.1/0", "10.0.0.1/33", "10.0.0.1/024", "10.0.0.1/-1", "10.0.0.1/ 24", "10.0.0.1/24 ",
    "10.0.0.1/2.4",
    "10.0.0.1/２４", "10.0.0.1/²", "10.0.0.1/24/24", "10.0.0.1/255.0.255.0", "10.0.0.1/0.0.0.255", "10.0.0.1/0.0.0.0",
    "10.0.0.1/255.255.255", "10.0.0.1/ffff::", "10.0.0.1/1000")] + [(one, PREFIX6) for one in (
        "2001:db8::1/", "2001:db8::1/129", "2001:db8::1/0", "2001:db8::1/255.255.255.0", "2001:db8::1/ffff::",
        "2001:db8::1/064")])
def test_a_wrong_prefix_or_mask_is_refused(text, wanted):
    with pytest.raises(ValueError) as caught:
        values.address(text, "F:1")
    assert str(caught.value) == wanted


@pytest.mark.parametrize("text", ["0.0.0.0", "127.0.0.1/8", "127.1.2.3", "224.0.0.1", "239.1.1.1", "255.255.255.255",
                                  "::",
                                  "::1", "ff02::1"])
def test_what_is_no_station_is_refused(text):
    with pytest.raises(ValueError) as caught:
        values.address(text, "F:1")
    assert str(caught.value) == STATION


def test_a_gateway_has_no_prefix():
    assert values.plain_address("10.0.0.1", "F:1").ip == "10.0.0.1"
    for text, wanted in (("10.0.0.1/24", values.PLAIN + ", without '/'"), ("ten", values.PLAIN)):
        with pytest.raises(ValueError) as caught:
            values.plain_address(text, "F:1")
        assert str(caught.value) == wanted


@pytest.mark.parametrize("mine, other, wanted", [
    ("85.86.87.195/26", "85.86.87.193", True), ("85.86.87.195/26", "85.86.87.191", False),
    ("85.86.87.195", "85.86.87.193", False), ("2001:db8::5/64", "2001:db8::1", True),
    ("2001:db8::5/64", "2001:db8:0:1::1", False), ("10.0.0.5/8", "2001:db8::1", False)])
def test_reach_is_the_network_of_the_mask(mine, other, wanted):
    assert values.address(mine, "").reaches(values.plain_address(other, "")) is wanted


NETWORK = "an IPv4 or IPv6 network NETWORK/PREFIX is wanted"
STATIONS = "a network of stations is wanted, not a multicast, loopback or link-local one"


@pytest.mark.parametrize("text, wanted", [
    ("192.168.1.0/24", "192.168.1.0/24"), ("10.0.0.5/32", "10.0.0.5/32"), ("128.0.0.0/1", "128.0.0.0/1"),
    ("200.200.100.0/255.255.254.0", "200.200.100.0/23"), ("2001:DB8:0::/48", "2001:db8::/48"),
    ("2001:db8::5/128", "2001:db8::5/128"), ("fd00::/8", "fd00::/8")])
def test_a_network_is_taken_in_the_kernel_s_form(text, wanted):
    found = values.network(text, "F:1")
    assert (str(found), found.where, found.family) == (wanted, "F:1", 6 if ":" in text else 4)


@pytest.mark.parametrize("text, wanted", [(one, NETWORK) for one in (
    "", "10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "0.0.0.0/0", "::/0", "10/8", "10.0.0.0/255.0.255.0", "2001:db8::/129",
    "2001:db8::/255.0.0.0", "10.0.0.0/08", "10.0.0.0/8/8", "default")] + [
        ("192.168.1.1/24", "the network itself is wanted, 192.168.1.0/24"),
        ("2001:db8::1/64", "the network itself is wanted, 2001:db8::/64")] + [(one, STATIONS) for one in (
            "224.0.0.0/4", "127.0.0.0/8", "169.254.0.0/16", "fe80::/10", "ff00::/8", "::1/128")])
def test_what_is_no_network_is_refused(text, wanted):
    with pytest.raises(ValueError) as caught:
        values.network(text, "F:1")
    assert str(caught.value) == wanted


def test_an_interface_s_address_says_its_prefix():
    assert str(values.interface_address("10.0.0.2/24", "F:1")) == "10.0.0.2/24"
    for text, wanted in (("10.0.0.2", "an IPv4 or IPv6 address with its /PREFIX is wanted"), ("10.0.0.0/24", STATION),
                         ("10.0.0.2/", PREFIX4)):
        with pytest.raises(ValueError) as caught:
            values.interface_address(text, "F:1")
        assert str(caught.value) == wanted


@pytest.mark.parametrize("one, other, wanted", [
    ("10.0.0.0/8", "10.0.0.0/8", True), ("10.0.0.0/8", "10.255.255.255/32", True), ("10.0.0.0/9", "10.128.0.0/9", False),
    ("10.0.0.0/8", "11.0.0.0/8", False), ("2001:db8::/32", "2001:db8:5::/48", True), ("10.0.0.0/8", "a00::/8", False)])
def test_networks_with_a_common_address_overlap(one, other, wanted):
    mine, others = values.network(one, ""), values.network(other, "")
    assert values.overlap(mine, others) is values.overlap(others, mine) is wanted


@given(text=st.one_of(st.text(), st.text(alphabet="0123456789abf.:/ "),
                      st.tuples(st.ip_addresses().map(str), st.integers(0, 129)).map("%s/%d".__mod__)))
def test_a_network_has_one_form_or_is_a_value_error(text):
    try:
        found = values.network(text, "")
    except ValueError as error:
        assert " is wanted" in str(error)
    else:
        assert values.network(str(found), "") == found and values.overlap(found, found)


@pytest.mark.parametrize("text, wanted", [("68", 68), ("1500", 1500), ("0009", None), ("67", None), ("65536", None),
                                          ("", None),
                                          ("-1", None), ("1e3", None), ("１５００", None), ("9" * 5000, None), ("1500 ",
                                                                                                            None)])
def test_a_number_is_decimal_and_within_its_limits(text, wanted):
    if wanted is not None:
        assert names.number(text, 68, 65535) == wanted
        return
    with pytest.raises(ValueError) as caught:
        names.number(text, 68, 65535)
    assert str(caught.value) == "a number from 68 to 65535 is wanted"


@pytest.mark.parametrize("ifname, wanted", [("eth0", "_eth0"), ("eth0.5", "_eth0_5"), ("a-b:c", "_a_b_c")])
def test_the_suffix_of_an_interface_is_a_shell_name(ifname, wanted):
    assert values.suffix(ifname) == wanted


@given(text=st.one_of(st.text(), st.text(alphabet="0123456789abf.:/ "), st.ip_addresses().map(str)))
def test_an_address_has_one_form_or_is_a_value_error(text):
    try:
        found = values.address(text, "")
    except ValueError as error:
        assert str(error).endswith(("is wanted", "is wanted behind the '/'", "or reserved address"))
    else:
        assert values.address(str(found), "") == found
        assert set(str(found)) <= set("0123456789abcdef.:/")
