"""What `vzhook status` and `map` know of a node: from conf files, journals, the last check, listings."""
import json
import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.fakenode import FakeNode
from vzhooks import journal, netns, paths, plan, planner, record, store
from vzhooks.errors import Expected
from vzhooks.report import containers, gather, known
from vzhooks.report.containers import LEFT_OVER, ROUTED, RUNNING, STOPPED, UNMANAGED, Port, Public
from vzhooks.report.known import Drift
from vzhooks.report.node import Bridge, Network, Overlay, Peer, Uplink, Way

BOTH = ('NETIF="ifname=eth0,host_ifname=veth101.0;ifname=eth1,host_ifname=veth101.1"\nVETH_IP_ADDRESS="10.0.0.5/24 10.0.0.6"\nBRIDGEDEV=br0\n'
        'BRIDGEDEV_eth1=\nVETH_IP_ADDRESS_eth1=192.168.1.7/24\nFLOATING_IP="203.0.113.10 203.0.113.11=10.0.0.6"\nHOSTNAME=web.example\n'
        'ANNOUNCE_eth1=standby\nVETH_VLAN_eth0=5\n')
CONF = """[node]
antispoof = yes
[bridge br0]
ports = eth0
address = 10.0.0.2/24
[network internal]
cidr = 192.168.1.0/24
dev = eth1
gateway = 192.168.1.3
table = 210
[overlay br7]
vni = 7
peers = 10.0.0.2 10.0.0.3
[floating]
uplinks = br0 eth9
[announce]
interfaces = br0
exclude = 10.0.0.0/24
"""


@pytest.fixture
def node(tmp_path, monkeypatch):
    made = FakeNode(tmp_path / "node", monkeypatch)
    made.link("br0", "linux")
    made.link("eth0")
    made.link("eth1", up=False)
    made.enslave("eth0", "br0")
    os.makedirs(made.sys + "/br0/brif/eth0")
    os.makedirs(made.sys + "/br0/brif/veth101.0")
    made.ip("address add 10.0.0.2/24 dev br0", "address add 203.0.113.10/32 dev br0", "route add default via 10.0.0.1 dev br0")
    made.written.clear()
    return made


def journalled(veid, device, *commands):
    with journal.lock(veid):
        journal.write(veid, device, [plan.Line("host", command) for command in commands or ["ip link set dev x up"]])


def test_a_container_with_two_veths(put, node):
    put("/etc/vz/vzhooks.conf", CONF)
    put("/etc/vz/conf/101.conf", BOTH)
    node.link("veth101.0")
    journalled("101", "veth101.0")
    one, = gather.gather().containers
    assert one == containers.Container("101", "web.example", RUNNING, (
        Port("veth101.0", "eth0", "br0", ("10.0.0.5/24", "10.0.0.6"), "excluded", "yes", 5),
        Port("veth101.1", "eth1", ROUTED, ("192.168.1.7/24",), "standby", "yes", 0)),
        (Public("203.0.113.10", "10.0.0.5"), Public("203.0.113.11", "10.0.0.6")), None, None, 0)
    assert node.written == []


def test_the_node(put, node):
    put("/etc/vz/vzhooks.conf", CONF)
    put("/etc/vz/conf/101.conf", BOTH)
    put("/etc/vz/conf/102.conf", "IP_ADDRESS=192.168.1.8/24\n")
    found = gather.gather().node
    assert found.ways == (Way("br0", "10.0.0.1"),)
    assert found.bridges == (Bridge("br0", "linux", "up", 1500, ("10.0.0.2/24",), ("10.0.0.1",), ("eth0",), 1),
                             Bridge("br7", "linux", "missing", 0, (), (), (), 0))
    assert found.networks == (Network("internal", ("192.168.1.0/24",), "eth1", "down", ("192.168.1.3",), 210, ("venet0",), 2),)
    assert found.overlays == (Overlay("br7", "linux", 7, 4789, "static", "10.0.0.2", (Peer("10.0.0.3", ""),), ("vx-br7",)),)
    assert [(one.dev, one.state, one.table, one.networks, one.gateways, [pair.public for pair in one.floating])
            for one in found.uplinks] == [
        ("br0", "up", 1181, ("10.0.0.0/24",), ("10.0.0.1",), ["203.0.113.10", "203.0.113.11"]), ("eth9", "missing", 1182, (), (), [])]
    assert isinstance(found.uplinks[0], Uplink) and found.announce == "ospf by frr, area 0.0.0.0"


@pytest.mark.parametrize("has_journal, has_device, has_netns, listed, state", [
    (True, True, False, False, RUNNING), (True, False, True, False, RUNNING), (True, False, False, True, RUNNING),
    (True, False, False, False, LEFT_OVER), (False, False, False, False, STOPPED), (False, True, False, False, UNMANAGED),
    (False, False, True, False, UNMANAGED), (False, False, False, True, UNMANAGED)])
def test_states(put, node, monkeypatch, has_journal, has_device, has_netns, listed, state):
    put("/etc/vz/conf/101.conf", 'NETIF="ifname=eth0,host_ifname=veth101.0"\n')
    monkeypatch.setattr(netns, "is_there", lambda veid: has_netns)
    if has_journal:
        journalled("101", "veth101.0")
    if has_device:
        node.link("veth101.0")
    if listed:
        node.programs.add("vzlist")
        node.others["vzlist -H -o ctid"] = (0, "       101\n")
    assert [(one.veid, one.state, one.runs) for one in gather.gather().containers] == [
        ("101", state, state in (RUNNING, UNMANAGED))]


def test_a_journal_of_an_earlier_boot_says_nothing(put, node, root):
    put("/etc/vz/conf/101.conf", "")
    journalled("101", "veth101.0")
    path = paths.run("101", "veth101.0.journal")
    with open(path) as file:
        text = file.read().replace(paths.boot_id(), "another")
    put(path[len(root):], text, 0o600)
    assert gather.gather().containers[0].state == STOPPED


def test_a_container_without_a_conf_is_told_from_its_journal(put, node):
    node.link("veth103.0")
    node.enslave("veth103.0", "br0")
    journalled("103", "veth103.0", "ip link set dev veth103.0 master br0", "ip route add 10.0.0.9 dev br0 proto 118")
    assert gather.gather().containers[0] == containers.Container(
        "103", "", RUNNING, (Port("veth103.0", "", "br0", ("10.0.0.9",), "", "", 0),), (), None, None, 0)


def test_a_device_that_netif_does_not_name_is_the_one_of_the_journal(put, node):
    put("/etc/vz/conf/101.conf", 'NETIF="ifname=eth0"\nVETH_IP_ADDRESS=10.0.0.5/24\nBRIDGEDEV=br0\n')
    node.link("veth9f")
    journalled("101", "veth9f")
    one, = gather.gather().containers
    assert [(port.device, port.name, port.bridge) for port in one.ports] == [("veth9f", "eth0", "br0")] and one.state == RUNNING


def test_mistakes_are_counted_and_stop_nothing(put, node, root):
    put("/etc/vz/vzhooks.conf", "[node]\ntimeout = 0\n")
    put("/etc/vz/conf/101.conf", 'NETIF="ifname=eth0"\nVETH_IP_ADDRESS=300.0.0.5\nHOSTNAME=$(id)\n')
    put("/etc/vz/conf/102.conf", "", 0o666)
    report = gather.gather()
    assert [(one.veid, one.mistakes > 0, one.name) for one in report.containers] == [("101", True, ""), ("102", True, "")]
    assert [row.replace(root, "").split(";")[0] for row in report.mistakes] == ["/etc/vz/vzhooks.conf:2: timeout = 0"]
    put("/etc/vz/vzhooks.conf", "[node]\n", 0o666)
    assert "writable by everybody" in gather.gather().mistakes[0]


def test_containers_are_sorted_and_chosen(put, node):
    put("/etc/vz/vzhooks.conf", CONF)
    uuid = "b1c2d3e4-0000-4111-8222-333344445555"
    put("/etc/vz/conf/%s.conf" % uuid, 'NETIF="ifname=eth0,host_ifname=v"\nBRIDGEDEV=br0\n')
    put("/etc/vz/conf/1000.conf", "IP_ADDRESS=192.168.1.8\n")
    put("/etc/vz/conf/101.conf", BOTH)
    put("/etc/vz/conf/0.conf", "")  # vzctl's own

    def veids(*words, **chosen):
        return [one.veid for one in gather.gather(*words, **chosen).containers]

    assert veids() == ["101", "1000", uuid]
    assert veids(bridge="br0") == ["101", uuid] and veids(bridge="venet0") == ["1000"] and veids(bridge="br7") == []
    assert veids(network="internal") == ["101", "1000"] and veids(network="internal", bridge="routed") == ["101"]
    report = gather.gather(bridge="br7")
    assert [[one.name for one in report.node.bridges], [one.name for one in report.node.overlays]] == [["br7"], ["br7"]]
    assert [len(one.floating) for one in report.node.uplinks] == [0, 0]
    for words, said in (({"bridge": "br9"}, "no bridge br9 on this node"), ({"network": "x"}, r"no \[network x\] in ")):
        with pytest.raises(Expected, match=said):
            gather.gather(**words)


def test_a_node_with_nothing(node, root):
    os.rmdir(root + "/etc/vz/conf")
    report = gather.gather()
    assert report.containers == () and report.drift is None and [one.name for one in report.node.bridges] == ["br0"]


def test_as_json(put, node):
    put("/etc/vz/vzhooks.conf", CONF)
    put("/etc/vz/conf/101.conf", BOTH)
    made = json.loads(json.dumps(gather.gather().as_dict()))
    assert sorted(made) == ["containers", "drift", "mistakes", "node"]
    assert made["containers"][0]["ports"][0] == {"device": "veth101.0", "name": "eth0", "bridge": "br0", "vlan": 5,
                                                 "addresses": ["10.0.0.5/24", "10.0.0.6"], "announced": "excluded", "antispoof": "yes"}
    assert made["node"]["uplinks"][0]["floating"][1] == {"public": "203.0.113.11", "private": "10.0.0.6", "veid": "101",
                                                         "name": "web.example"}


@pytest.mark.parametrize("text", [
    "VE_ROOT=/vz/$VEID\nBRIDGEDEV=br$VEID\nX='$VEID'\n", "VETH_MTU=1\n", "A=$VEID\nB=$A$A\n", "A=$(id)\n", "A='\n", "VEID=7\nC=$VEID\n"])
def test_vz_conf_read_once_is_what_it_is_for_each(put, text):
    put("/etc/vz/vz.conf", text)
    for veid in ("101", "b1c2d3e4-0000-4111-8222-333344445555"):
        put("/etc/vz/conf/%s.conf" % veid, "")
        whole = planner.read(veid)[0].conf
        ours = containers.VzConf().of(veid)
        assert (ours.variables, ours.lost) == (whole.variables, whole.lost)


def keep(body, boot=""):
    with store.Lock(paths.run("checks")):
        store.save(paths.run("checks", "last"), [("vzhooks-check", "1"), ("boot", boot or paths.boot_id())], body)


def test_the_last_check(put, node):
    drift = {"kind": "missing", "side": "host", "command": "ip route add 10.0.0.5 dev br0", "origin": "F:1", "found": ""}
    one = {"veid": "101", "state": "running", "lines": 3, "drift": [drift], "unverified": 0, "edited": ["+ host x"],
           "mistakes": ["F:1: a; b"], "at": time.monotonic() - 100}
    keep(json.dumps([one, dict(one, veid="node", drift=[dict(drift, kind="waiting", side="node", command="")], edited=[], mistakes=[])]))
    found = known.drifts()
    assert found["101"].rows == ["missing: host ip route add 10.0.0.5 dev br0", "conf changed since the start", "F:1: a; b"]
    assert found["node"].rows == ["waiting: node"] and 100 <= found["101"].age < 200
    put("/etc/vz/conf/101.conf", 'NETIF="ifname=eth0,host_ifname=veth101.0"\n')
    report = gather.gather()
    assert report.drift == Drift(["waiting: node"], pytest.approx(found["node"].age, abs=60))
    assert report.containers[0].drift is None  # it has stopped since
    keep(json.dumps([one]), "another")
    assert known.drifts() == {}


@given(st.one_of(st.text(), st.recursive(st.none() | st.floats() | st.text(max_size=5), lambda one: st.lists(one, max_size=3) |
                                         st.dictionaries(st.sampled_from(["veid", "drift", "at", "kind"]), one), max_leaves=8).map(json.dumps)))
def test_an_unknown_file_is_never_checked(root, text):
    keep(text)
    assert known.drifts() == {}


def test_the_last_start(put, node, monkeypatch):
    monkeypatch.setattr(record, "last_starts", lambda: {"101": (time.time() - 100, 0.045, "done"), "102": (time.time() + 50, 1.5, "failed")})
    put("/etc/vz/conf/101.conf", "")
    put("/etc/vz/conf/102.conf", "")
    one, two = [one.start for one in gather.gather().containers]
    assert (one.seconds, one.outcome, 100 <= one.age < 160) == (0.045, "done", True)
    assert two == known.Start(0.0, 1.5, "failed")  # the clock was set back
