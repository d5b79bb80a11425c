"""`vzhook doctor overlay`: what is asked, what is made of the answers."""
import re
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vzhooks import nodeconf, process
from vzhooks.doctor import overlay as doctor
from vzhooks.doctor import probe
from vzhooks.doctor.overlay import Finding
from vzhooks.errors import Expected

OVERLAY = nodeconf.read("F", "[overlay br1]\nvni = 42\npeers = 10.1.1.3 10.1.2.4\nmtu = 1450\n").overlays[0]


@given(st.integers(84, 9000), st.integers(84, 9000))
def test_the_largest_that_passes(real, most):
    low, high = 84, max(real, most) + 1
    asked = []
    assert probe.largest(lambda size: asked.append(size) or size <= real, low, high) == real
    assert len(asked) <= 14


class Way:
    """A path that carries SIZE bytes and may say so."""

    def __init__(self, monkeypatch, size, tells, lost=0):
        self.size, self.tells, self.lost, self.asked = size, tells, lost, []
        monkeypatch.setattr(process, "run", self.run)

    def run(self, argv, stdin="", timeout=0, keep=0):
        packet = int(argv[argv.index("-s") + 1]) + (28 if "-4" in argv else 48)
        self.asked.append(packet)
        self.lost -= 1
        if packet <= self.size and self.lost < 0:
            return process.Result(argv, 0, "", "")
        return process.Result(argv, 1, "From 10.1.1.1 icmp_seq=1 Frag needed and DF set (mtu = %d)" % self.size
                              if self.tells and packet > self.size else "", "")


@pytest.mark.parametrize("size, tells, count", [(1500, True, 2), (1500, False, 2), (1400, True, 3), (1400, False, 25)])
@pytest.mark.parametrize("address", ["10.1.2.4", "2001:db8::4"])
def test_the_mtu_of_a_way(monkeypatch, address, size, tells, count):
    way = Way(monkeypatch, size, tells)
    assert probe.mtu_to(address, "10.1.1.3", 1500) == size
    assert len(way.asked) <= count


def test_a_single_lost_packet_says_nothing(monkeypatch):
    assert Way(monkeypatch, 1500, False, 1) and probe.mtu_to("10.1.2.4", "10.1.1.3", 1500) == 1500
    assert Way(monkeypatch, 0, False) and probe.mtu_to("10.1.2.4", "10.1.1.3", 1500) == 0


def test_busyboxs_ping_will_not_do(monkeypatch):
    monkeypatch.setattr(process, "run", lambda argv: process.Result(argv, 1, "", "BusyBox v1.35.0"))
    with pytest.raises(Expected, match="install iputils-ping"):
        probe.refuse_other_pings()
    monkeypatch.setattr(process, "run", lambda argv: process.Result(argv, 0, "ping from iputils 20221126", ""))
    probe.refuse_other_pings()


def test_a_closed_udp_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        assert probe.udp("127.0.0.1", "127.0.0.1", port) == ""
    assert probe.udp("127.0.0.1", "127.0.0.1", port) == "closed"
    assert probe.udp("127.0.0.1", "192.0.2.1", port) == "refused"  # not even an address of ours


def finding(below=1500, udp="passes", above=1450):
    return Finding("br1", "10.1.2.4", 4789, below, 1500, udp, above, 1450, ())


OPEN = ("UDP port 4789 must be open both ways, and [overlay br1] up there with the same vni and this node among its peers; where it has "
        "no IPv6 on the bridge, '--to ADDRESS' names a station there")


@pytest.mark.parametrize("found, routed, wanted", [
    (finding(), True, []), (finding(9000), True, []),
    (finding(), False, ["F:3: no route to peer 10.1.2.4; one is wanted"]),
    (finding(1400, above=1350), True, [
        "F:4: the way to peer 10.1.2.4 carries packets of 1400 bytes, but a full one of the overlay has 1500; 'mtu = 1350' in "
        "[overlay br1] is wanted on all nodes, or 1500 bytes on the way"]),
    (finding(0), True, ["F:3: peer 10.1.2.4 does not answer ping on the underlay, so that its MTU is not known; ICMP echo must be "
                        "let through, if the node is up"]),
    (finding(udp="", above=0), True, ["F:3: nothing came back from peer 10.1.2.4 through the overlay; " + OPEN]),
    (finding(udp="refused", above=0), True, ["F:3: nothing came back from peer 10.1.2.4 through the overlay: UDP port 4789 is "
                                             "refused on the way; " + OPEN]),
    (finding(udp="closed", above=0), True, ["F:3: nothing came back from peer 10.1.2.4 through the overlay: nobody there listens on "
                                            "UDP port 4789; 'vzhook node up' is wanted there"]),
    (finding(above=1400), True, ["F:4: the overlay to peer 10.1.2.4 carries packets of 1400 bytes, but its mtu is 1450; 'mtu = "
                                 "1400' in [overlay br1] is wanted on all nodes, or the same mtu on the peer"]),
])
def test_what_is_to_be_changed(found, routed, wanted):
    assert [str(one) for one in doctor.problems(OVERLAY, found, routed)] == wanted


def test_the_table():
    rows = doctor.table([finding(), finding(0, "", 0)._replace(peer="10.1.3.5", problems=("F:3: x; y",))])
    assert rows == ["overlay  peer      underlay  wanted  udp     in overlay  mtu",
                    "br1      10.1.2.4  1500      1500    passes  1450        1450",
                    "br1      10.1.3.5  -         1500    -       -           1450", "F:3: x; y"]


class Answers:
    """process.run by the first words."""

    def __init__(self, monkeypatch, answers):
        self.answers, self.asked = answers, []
        monkeypatch.setattr(process, "run", self.run)

    def run(self, argv, stdin="", timeout=0, keep=0):
        self.asked.append(" ".join(argv))
        return process.Result(argv, 0, "".join(text for pattern, text in self.answers.items()
                                               if re.match(pattern, self.asked[-1])), "")


NEIGHBOURS = ("fe80::1 lladdr 02:00:00:00:00:01 STALE\nfe80::2 lladdr 02:00:00:00:00:02 REACHABLE\n"
              "192.168.223.4 lladdr 02:00:00:00:00:02 STALE\nfe80::9 FAILED\n")


@pytest.mark.parametrize("kind, answers", [
    ("linux", {"bridge fdb": "02:00:00:00:00:02 dst 10.1.2.4 self\n02:00:00:00:00:07 master br1 permanent\n"
                             "00:00:00:00:00:00 dst 10.1.2.4 self permanent\n"}),
    ("ovs", {"ovs-vsctl .* get Interface port2 ofport": "3\n",
             "ovs-appctl fdb/show br1": " port  VLAN  MAC                Age\n    3     0  02:00:00:00:00:02    1\n"
                                        "LOCAL     0  02:00:00:00:00:07    0\n"})])
def test_who_is_behind_which_peer(monkeypatch, kind, answers):
    run = Answers(monkeypatch, dict(answers, **{"ip neigh": NEIGHBOURS}))
    found = probe.stations(OVERLAY._replace(type=kind), {"port2": "10.1.2.4"}, [])
    assert found == [("fe80::1", "", "02:00:00:00:00:01"), ("fe80::2", "10.1.2.4", "02:00:00:00:00:02")]
    assert len([text for text in run.asked if text.startswith("ping")]) == 1
    assert probe.stations(OVERLAY._replace(type=kind), {"port2": "10.1.2.4"}, ["192.168.223.4", "192.168.223.5"]) == [
        ("192.168.223.4", "10.1.2.4", "02:00:00:00:00:02"), ("192.168.223.5", "", "")]


def test_the_peers_bridge_is_asked_before_containers(monkeypatch):
    """A container's own MTU may be less than the overlay's."""
    asked = []
    sizes = {"fe80::1": 1400, "fe80::2": 1450, "fe80::3": 0}
    monkeypatch.setattr(probe, "mtu_to", lambda address, source, most: asked.append(address) or sizes[address])
    stations = [probe.Station("fe80::1", "10.1.2.4", "02:00:00:00:00:01"),
                probe.Station("fe80::2", "10.1.2.4", OVERLAY.mac_of("10.1.2.4"))]
    assert doctor._in_overlay(OVERLAY, "10.1.2.4", stations, 1450) == 1450 and asked == ["fe80::2"]
    sizes["fe80::2"] = 0
    assert doctor._in_overlay(OVERLAY, "10.1.2.4", stations, 1450) == 1400
    asked.clear()
    assert doctor._in_overlay(OVERLAY, "10.1.2.4", [probe.Station("fe80::3", "10.1.2.4", "")] * 9, 1450) == 0 and len(asked) == 2


def test_who_does_not_answer_is_asked_again(monkeypatch):
    run = Answers(monkeypatch, {})
    assert probe.stations(OVERLAY, {"port2": "10.1.2.4"}, []) == []
    assert len([text for text in run.asked if text.startswith("ping")]) == probe.ROUNDS
