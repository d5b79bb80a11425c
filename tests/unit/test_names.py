"""Names from outside: containers and interfaces.  They become file names and words of commands."""
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vzhooks import names

MAC = "six bytes of two hex digits with colons, of one station (even first byte), are wanted"
UUID = "b1c2d3e4-0000-4000-8000-0123456789ab"


@pytest.mark.parametrize("text", ["1", "101", "2147483647", UUID])
def test_the_forms_that_vzctl_uses_are_taken(text):
    assert names.veid(text) == text and names.is_veid(text)


@pytest.mark.parametrize("text", [
    "", "0", "0101", "-1", "+1", "1.0", "1 ", " 1", "1\n", "101\n", "1\0", "2147483648", "4294967297", "9" * 5000,
    "１０１", "²",
    "../../etc/passwd", "..", ".", "/", "101/../102", "101;reboot", "$VEID", "abc", UUID.upper(), UUID + "\n",
    "{%s}" % UUID,
    UUID.replace("-", ""), UUID[:-1], UUID + "0", UUID.replace("b", "g"), UUID.replace("-", "/"),
    "-".join([UUID[:8]] * 5)])
def test_anything_else_is_no_veid(text):
    assert not names.is_veid(text)
    with pytest.raises(ValueError) as caught:
        names.veid(text)
    assert str(caught.value) == "VEID %r; an integer from 1 to 2147483647 or a UUID in lower case is wanted" % text[:60]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["e", "eth0", "veth101.0", "veth1.eth0", "vif-h63jg7pp", "eth0.5", "a_b+c=d@e",
                                  "x" * 15,
                                  "...", "$VEID"])
def test_names_of_the_field_are_taken(text):
    assert names.interface(text) == text


@pytest.mark.parametrize("text, wanted", [
    ("", "1 to 15"), ("x" * 16, "1 to 15"), ("x" * 5000, "1 to 15"),
    (".", "'.', '..'"), ("..", "'.', '..'"), ("-x", "begin with '-'"), ("--help", "begin with '-'"),
    ("a b", "printable"), ("eth0\n", "printable"), ("a\tb", "printable"), ("a/b", "printable"), ("a:1", "printable"),
    ("veth%d", "printable"), ("a\"b", "printable"), ("a'b", "printable"), ("a`b", "printable"), ("a\\b", "printable"),
    ("a#b", "printable"), ("a;b", "printable"), ("a,b", "printable"), ("a\0", "printable"), ("ethé", "printable"),
    ("\u00a0", "printable"), ("a\x7f", "printable"), ("veth*", "printable")])
def test_a_name_that_the_kernel_or_a_batch_takes_otherwise_is_refused(text, wanted):
    with pytest.raises(ValueError) as caught:
        names.interface(text)
    assert wanted in str(caught.value) and "wanted" in str(caught.value)


@given(text=st.text(max_size=20))
def test_an_interface_name_is_one_word_of_ascii_or_refused(text):
    try:
        assert names.interface(text) == text
    except ValueError:
        return
    assert text.split() == [text] and len(text.encode()) <= 15 and "/" not in text and text not in (".", "..")


@given(text=st.one_of(st.text(), st.from_regex(r"[0-9a-f-]{36}"), st.integers().map(str)))
def test_a_veid_is_one_safe_file_name_or_refused(text):
    if names.is_veid(text):
        assert set(text) <= set("0123456789abcdef-") and not text.startswith("-")


def test_a_mac_is_given_in_lower_case():
    assert names.mac("00:18:51:A1:B2:C3") == "00:18:51:a1:b2:c3"


@pytest.mark.parametrize("text", [
    "", "00:18:51:a1:b2", "00:18:51:a1:b2:c3:d4", "00-18-51-a1-b2-c3", "001851a1b2c3", "0:18:51:a1:b2:c3",
    "00:18:51:a1:b2:cg",
    "01:18:51:a1:b2:c3", "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00", "00:18:51:a1:b2:c3\n", " 00:18:51:a1:b2:c3",
    "00:18:51:a1:b2:１１", "+0:18:51:a1:b2:c3"])
def test_what_is_no_station_s_mac_is_refused(text):
    with pytest.raises(ValueError) as caught:
        names.mac(text)
    assert str(caught.value) == MAC


@given(text=st.one_of(st.text(), st.text(alphabet="0123456789abcdef:", min_size=17, max_size=17)))
def test_a_mac_is_itself_or_a_value_error(text):
    try:
        assert names.mac(text) == text.lower()
    except ValueError as error:
        assert str(error) == MAC
