"""VETH_VLAN: what is taken, and the plan on both kinds of bridges.

The lab's kernel has no vlan_filtering, so that on Linux bridges these texts are all that is tested; Open vSwitch has its own test.
"""
import pytest

from tests.unit.fakenode import FakeNode
from vzhooks import lint, ovs, plan, planner
from vzhooks.call import Call
from vzhooks.errors import ConfigError

CONF = ('NETIF="ifname=eth0,mac=00:18:51:a1:b2:c3,host_ifname=veth101.0,host_mac=00:18:51:a1:b2:c4"\n'
        'VETH_IP_ADDRESS=10.0.0.5/24\nBRIDGEDEV=br0\nVETH_VLAN=%s\n')


@pytest.fixture
def node(tmp_path, monkeypatch):
    made = FakeNode(tmp_path / "node", monkeypatch)
    made.link("br0", "linux")
    made.put("br0", "addr_assign_type", "3")
    made.put("br0", "bridge/vlan_filtering", "1")
    made.put("br0", "bridge/default_pvid", "1")
    made.put("br0", "bridge/forward_delay", "0")
    made.ip("address add 10.0.0.2/24 dev br0")
    return made


@pytest.fixture
def planned(put, root, node):
    """planned(TEXT): (the plan's text, the doubts)."""
    def make(text):
        put("/etc/vz/conf/101.conf", text)
        made = planner.plans("101", Call("run", ""))[0].ready
        return (plan.text(made.lines).replace(root + "/etc/vz/conf/101.conf", "F"),
                [text.replace(root + "/etc/vz/conf/101.conf", "F") for text in made.doubts])
    return make


def test_a_linux_bridge(planned):
    text, doubts = planned(CONF % "5")
    assert doubts == []
    assert text == """\
# F:3
host  ip link set dev veth101.0 master br0
undo  ip link set dev veth101.0 nomaster
# F:4
host  bridge vlan add vid 5 dev veth101.0 pvid untagged
undo  bridge vlan del vid 5 dev veth101.0
host  bridge vlan del vid 1 dev veth101.0
undo  bridge vlan add vid 1 dev veth101.0 pvid untagged
# F:1
host  ip link set dev veth101.0 up
undo  ip link set dev veth101.0 down
# F:2
ct    ip address replace 10.0.0.5/24 dev eth0
undo  ip address del 10.0.0.5/24 dev eth0
# F:1
ct    ip link set dev eth0 up
undo  ip link set dev eth0 down
"""


def test_the_bridges_own_vlan(planned, node):
    """In it the node itself is, too."""
    text, _ = planned(CONF % "1")
    assert "host  bridge vlan add vid 1 dev veth101.0 pvid untagged\n" in text and "vlan del vid 1 dev veth101.0\nundo" not in text
    assert "ip route add 10.0.0.5 dev br0 proto 118" in text and "announce 10.0.0.5" in text
    node.put("br0", "bridge/default_pvid", "0")
    text, _ = planned(CONF % "1")
    assert text.count("bridge vlan") == 2 and "route add" not in text


def test_open_vswitch(planned, node, monkeypatch):
    node.link("br7")
    monkeypatch.setattr(ovs, "is_bridge", lambda name: True)
    text, _ = planned(CONF.replace("br0", "br7") % "5")
    assert ("host  ovs-vsctl --may-exist add-port br7 veth101.0 -- set Interface veth101.0 external-ids:owner=vzhooks "
            "-- set Port veth101.0 tag=5\nundo  ovs-vsctl --if-exists del-port br7 veth101.0\n") in text
    assert "bridge vlan" not in text and "route add" not in text and "announce 10.0.0.5 lladdr" in text


def test_a_node_address_that_the_conf_names_gets_its_route(planned):
    assert "ct    ip route replace 10.0.0.9 dev eth0" in planned(CONF % "5" + "CT0_IP=10.0.0.9\n")[0]


@pytest.mark.parametrize("value, wanted", [
    ("0", "VETH_VLAN: '0'; a number from 1 to 4094 is wanted"), ("4095", "VETH_VLAN: '4095'; a number from 1 to 4094 is wanted"),
    ("five", "VETH_VLAN: 'five'; a number from 1 to 4094 is wanted"), ("'5 6'", "VETH_VLAN: '5 6'; one number is wanted")])
def test_mistakes(planned, root, value, wanted):
    with pytest.raises(ConfigError) as error:
        planned(CONF % value)
    assert str(error.value) == root + "/etc/vz/conf/101.conf:4: " + wanted


def test_a_bridge_that_does_not_tell_them_apart(planned, node, root):
    node.put("br0", "bridge/vlan_filtering", "0")
    with pytest.raises(ConfigError) as error:
        planned(CONF % "5")
    assert str(error.value).replace(root + "/etc/vz/conf/101.conf", "F") == (
        "F:4: VETH_VLAN 5, but bridge br0 does not tell VLANs apart; 'ip link set dev br0 type bridge vlan_filtering 1' is wanted, "
        "on a kernel that has it, or a bridge of Open vSwitch")


def test_without_a_bridge_it_is_said(planned):
    text, doubts = planned((CONF % "5").replace("BRIDGEDEV=br0\n", ""))
    assert "vlan" not in text and doubts == ["F:3: VETH_VLAN 5, but eth0 is in no bridge; BRIDGEDEV is wanted for it to have an effect"]


@pytest.mark.parametrize("ini, said", [
    ("type = ovs\n", "frames of a VLAN are 4 bytes longer in the tunnels of [overlay br0], for which its mtu leaves no room; "
                     "'mtu = ...', 4 less than the default, is wanted"),
    ("type = ovs\nmtu = 1446\n", ""),
    ("", "VETH_VLAN on the bridge of [overlay br0], which is of type linux; 'bridge vlan add vid N dev vx-br0' is wanted on all its "
         "nodes, or type = ovs")])
def test_in_an_overlay(put, root, node, monkeypatch, ini, said):
    node.link("vx-br0", alias="vzhooks:br0")
    put("/etc/vz/vzhooks.conf", "[overlay br0]\nvni = 5\npeers = 10.0.0.2 10.0.0.3\n" + ini)
    put("/etc/vz/conf/101.conf", CONF % "5")
    doubts = planner.validate("101").ready.doubts
    assert [one for one in doubts if "VLAN" in one] == [one for one in lint.container("101").doubts if "VLAN" in one] == ([
        root + "/etc/vz/conf/101.conf:4: " + said] if said else [])
