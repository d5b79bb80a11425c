"""What the kernel tells of its table of neighbours, read as it comes; tests/lab/test_neighbours.py has the real one."""
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vzhooks import neighbours, netns
from vzhooks.neighbours import NLMSG_DONE, NLMSG_ERROR, RTM_NEWNEIGH

IP, MAC, OTHER = bytes([10, 0, 0, 5]), bytes.fromhex("00185100aa01"), "00:18:51:00:bb:01"


class Kernel:
    """In place of the socket: answers as given, and what it is sent."""

    def __init__(self, *answers):
        self.answers, self.sent = list(answers), []

    def send(self, data):
        self.sent.append(data)

    def recv(self, size):
        return self.answers.pop(0)

    def close(self):
        pass


def message(kind, body=b""):
    return struct.pack("=IHHII", 16 + len(body), kind, 2, 1, 0) + body


def entry(ip=IP, lladdr=MAC, state=neighbours.NUD_STALE, index=1):
    attributes = struct.pack("=HH", 4 + len(ip), 1) + ip
    if lladdr:
        attributes += struct.pack("=HH", 4 + len(lladdr), 2) + lladdr + b"\0\0"
    return message(RTM_NEWNEIGH, struct.pack("=BxxxiHBB", 2 if len(ip) == 4 else 10, index, state, 0, 1) + attributes)


def corrected(monkeypatch, *answers, moved=(("10.0.0.5", OTHER, "lo"),)):
    kernel = Kernel(*answers)
    monkeypatch.setattr(neighbours._socket, "socket", lambda *words: kernel)
    monkeypatch.setattr(neighbours._socket, "if_nametoindex", lambda name: 1)
    neighbours.correct(moved)
    return kernel.sent[1:]


@pytest.mark.parametrize("end", [[entry() + message(NLMSG_DONE)], [entry(), message(NLMSG_DONE)],
                                 [entry(), message(NLMSG_ERROR, bytes(4))]])
def test_another_mac_is_replaced_wherever_the_listing_ends(monkeypatch, end):
    sent, = corrected(monkeypatch, entry(bytes([10, 0, 0, 6])), *end)
    assert sent.hex() == "".join([
        "30000000", "1c00", "0101", "01000000", "00000000",  # 48 bytes: RTM_NEWNEIGH, request and replace
        "02", "000000", "01000000", "0400", "00", "00",  # IPv4, ifindex 1, stale
        "0800", "0100", "0a000005", "0a00", "0200", "00185100bb01", "0000"])


@pytest.mark.parametrize("known", [
    pytest.param(entry(lladdr=bytes.fromhex(OTHER.replace(":", ""))), id="the same MAC"),
    pytest.param(entry(lladdr=b""), id="no MAC"),
    pytest.param(entry(index=2), id="another interface"),
    pytest.param(entry(state=0x80), id="permanent"),
    pytest.param(entry(state=0x40), id="noarp"),
    pytest.param(entry(bytes([10, 0, 0, 7]), IP + b"\0\0"), id="bytes that look like the address"),
    pytest.param(b"", id="an empty table")])
def test_all_else_is_left_alone(monkeypatch, known):
    assert corrected(monkeypatch, known + message(NLMSG_DONE)) == []


@given(st.lists(st.binary(max_size=80), max_size=3))
def test_a_listing_of_any_bytes_ends(answers):
    kernel = Kernel(*answers, message(NLMSG_DONE))
    for one in neighbours._entries(kernel):
        assert len(netns.attributes(one)) <= 20
