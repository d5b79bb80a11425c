"""Frames byte by byte, as a capture would show them."""
import pytest

from vzhooks import announcement

MAC = "00:18:51:a1:b2:c3"


def test_a_gratuitous_arp_request_padded_to_sixty_bytes():
    assert announcement.frame_for("85.86.87.195", MAC).hex() == "".join([
        "ffffffffffff", "001851a1b2c3", "0806",  # to everybody, from the container, ARP
        "0001", "0800", "06", "04", "0001",  # Ethernet, IPv4, lengths, request
        "001851a1b2c3", "555657c3", "000000000000", "555657c3",  # sender, and target with the sender's address
        "00" * 18])


@pytest.mark.parametrize("address, ip", [("2001:db8::5", "20010db8" + "00" * 11 + "05"),
                                         ("fe80::ffff:ffff:ffff:ffff", "fe80" + "00" * 6 + "ff" * 8)])
def test_an_unsolicited_neighbour_advertisement(address, ip):
    frame = announcement.frame_for(address, MAC).hex()
    nodes = "ff02" + "00" * 13 + "01"
    assert frame[:108] == "".join(["333300000001", "001851a1b2c3", "86dd",
                                   "60000000", "0020", "3a", "ff", ip, nodes])  # 32 bytes of ICMPv6, hop limit 255
    checksum = frame[112:116]
    assert frame[108:112] + frame[116:] == "".join(["8800", "20000000", ip,  # override, neither router nor solicited
                                                    "0201", "001851a1b2c3"])  # target link-layer address
    assert ones_complement_sum(ip + nodes + "00000020" + "0000003a" + "8800" + checksum + frame[116:]) == 0xffff


def ones_complement_sum(digits):
    """RFC 1071 by the book: add with end-around carry, one word at a time."""
    total = 0
    for start in range(0, len(digits), 4):
        total += int(digits[start:start + 4], 16)
        if total > 0xffff:
            total -= 0xffff
    return total


@pytest.mark.parametrize("address, mac", [("10", MAC), ("10.0.0.256", MAC), ("::g", MAC), ("10.0.0.1", ""),
                                          ("10.0.0.1", "x:y")])
def test_what_is_no_address_or_mac_is_an_expected_error(address, mac):
    with pytest.raises((OSError, ValueError)):
        announcement.frame_for(address, mac)
