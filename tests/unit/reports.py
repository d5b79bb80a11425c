"""A node as vzhook status and map show it, without a node; `python -m tests.unit.reports` draws docs/map*.svg of it (make pictures)."""
import os
import re

from vzhooks.report import output, picture, topology
from vzhooks.report.containers import Container, Port, Public
from vzhooks.report.gather import Report
from vzhooks.report.known import Drift, Start
from vzhooks.report.node import Bridge, Network, Node, Overlay, Peer, Uplink, Way
from vzhooks.report.node import Public as Home

DOCS = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "docs")
STARTED = Start(11000, 0.0452, "done")
OK = Drift([], 130.0)
LOST = Drift(["missing: host ip route add 85.86.87.196 dev br0 proto 118"], 130.0)


def port(device, bridge, *addresses, announced="yes", antispoof="yes", vlan=0, name="eth0"):
    return Port(device, name, bridge, addresses, announced, antispoof, vlan)


def container(veid, name, *ports, state="running", floating=(), start=STARTED, drift=OK, mistakes=0):
    return Container(veid, name, state, ports, floating, start, drift, mistakes)


CONTAINERS = (
    container("101", "web", port("veth101.0", "br0", "85.86.87.195/26", "2001:db8:1::101/64")),
    container("102", "mail", port("veth102.0", "br0", "85.86.87.196/26"), port("veth102.1", "br1", "192.168.223.102/24", name="eth1"),
              drift=LOST),
    container("103", "database", port("veth103.0", "br1", "192.168.223.103/24", announced="standby")),
    container("104", "shop", port("veth104.0", "br1", "192.168.223.104/24"), floating=(Public("203.0.113.10", "192.168.223.104"),)),
    container("105", "old", port("veth105.0", "br0", "85.86.87.199/26"), state="stopped", start=None, drift=None),
    container("138", "venet", Port("venet0", "venet0", "venet0", ("200.200.100.12/23", "192.168.1.100/24"), "yes", "", 0), start=None),
    container("139", "foreign", Port("venet0", "venet0", "venet0", ("192.168.1.101/24",), "yes", "", 0), state="unmanaged", start=None,
              drift=None),
)
NODE = Node(
    "hn1", (Way("br0", "85.86.87.193"),),
    (Bridge("br0", "linux", "up", 1500, ("10.0.0.2/24",), ("85.86.87.193",), ("eth0",), 3),
     Bridge("br1", "linux", "up", 1450, ("192.168.223.3/24",), (), ("vx-br1",), 3)),
    (Network("internal", ("192.168.1.0/24",), "eth1", "up", ("192.168.1.3",), 210, ("venet0",), 2),
     Network("external", ("200.200.100.0/23",), "eth2", "up", ("200.200.100.30",), 200, ("venet0",), 1)),
    (Overlay("br1", "linux", 42, 4789, "static", "10.1.1.3", (Peer("10.1.2.4", "yes"), Peer("10.1.3.5", "no")), ("vx-br1",)),),
    (Uplink("br0", "up", 1181, ("10.0.0.0/24",), ("85.86.87.193",), (Home("203.0.113.10", "192.168.223.104", "104", "shop"),)),),
    "ospf by frr, area 0.0.0.0")
SMALL = Report(NODE, CONTAINERS, Drift(["missing: node ip rule add pref 11817 from 192.168.1.0/24 iif venet0 lookup 210"], 130.0), ())


def many(count):
    """COUNT containers, two thirds of them in one bridge."""
    made = []
    for number in range(count):
        veid = str(101 + number)
        bridge, address = ("br1", "192.168.%d.%d/16" % (223 + number // 250, number % 250 + 4)) if number % 3 == 2 else (
            "br0", "10.17.%d.%d/16" % (64 + number // 250, number % 250 + 4))
        state, drift = ("stopped", None) if number % 13 == 7 else ("running", LOST if number % 17 == 9 else OK)
        floating = (Public("203.0.113.%d" % (number % 250 + 4), address.partition("/")[0]),) if number % 5 == 3 else ()
        made.append(container(veid, "host%d" % (number + 1), port("veth%s.0" % veid, bridge, address), state=state, floating=floating,
                              drift=drift))
    return Report(NODE._replace(networks=()), tuple(made), OK, ())


def draw(report, name):
    path = os.path.join(DOCS, name)
    output.draw(path, "svg", picture.dot(topology.topology(report)))
    with open(path, encoding="utf-8") as file:
        text = file.read()
    with open(path, "w", encoding="utf-8") as file:  # graphviz' own comments name its version
        file.write(re.sub(r"<!--.*?-->\n?", "", text, flags=re.DOTALL))


if __name__ == "__main__":
    draw(SMALL, "map.svg")
    draw(many(30), "map-30.svg")
