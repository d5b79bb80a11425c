"""From conf files to a container: which values belong to which veth, and what is a mistake of whom."""
import pytest

from vzhooks import nodeconf
from vzhooks.conf import Conf
from vzhooks.model import container
from vzhooks.netif import Interface

ONE = 'NETIF="ifname=eth0,host_ifname=veth101.0"\n'
TWO = 'NETIF="ifname=eth0,host_ifname=veth101.0;ifname=eth1,host_ifname=veth101.1"\n'


def model(text, vz="", node="", added=None):
    conf = Conf(VEID="101")
    conf.read("vz.conf", vz)
    conf.read("101.conf", text)
    return container("101", conf, "101.conf", text, nodeconf.read("vzhooks.conf", node), added)


def texts(mistakes):
    return [str(one) for one in mistakes]


def seen(found):
    """What matters of each veth, as texts."""
    rows = []
    for veth in found.veths:
        gateways = " ".join(one.address.ip + (" onlink" if one.onlink else "") for one in veth.gateways)
        ct0 = None if veth.ct0 is None else " ".join(one.ip for one in veth.ct0)
        rows.append((veth.interface.ifname, veth.bridge, " ".join(map(str, veth.addresses)), gateways, ct0, veth.mtu))
    return rows


@pytest.mark.parametrize("text, wanted", [
    (ONE + "VETH_IP_ADDRESS='10.0.0.5/24 2001:db8::5/64'\nVE_DEFAULT_GATEWAY='10.0.0.1 fe80::1'\nBRIDGEDEV=br0\n"
     "CT0_IP=10.0.0.2\nVETH_MTU=1400\n",
     [("eth0", "br0", "10.0.0.5/24 2001:db8::5/64", "10.0.0.1 fe80::1", "10.0.0.2", 1400)]),
    # Without a suffix: address, gateway, CT0_IP are the first veth's, bridge and MTU every veth's.
    (TWO + "VETH_IP_ADDRESS=10.0.0.5/24\nVE_DEFAULT_GATEWAY=10.0.0.1\nBRIDGEDEV=br0\nCT0_IP=10.0.0.2\nVETH_MTU=1400\n",
     [("eth0", "br0", "10.0.0.5/24", "10.0.0.1", "10.0.0.2", 1400), ("eth1", "br0", "", "", None, 1400)]),
    # With a suffix: that veth's, and it wins.
    (TWO + "VETH_IP_ADDRESS_eth0=10.0.0.5/24\nVETH_IP_ADDRESS_eth1=10.1.0.5/24\nVE_DEFAULT_GATEWAY_eth1=10.1.0.1\n"
     "BRIDGEDEV=br0\nBRIDGEDEV_eth1=br1\nCT0_IP_eth1=10.1.0.2\nVETH_MTU=1400\nVETH_MTU_eth0=1300\nVETH_IP_ADDRESS=10.9.9.9\n",
     [("eth0", "br0", "10.0.0.5/24", "", None, 1300), ("eth1", "br1", "10.1.0.5/24", "10.1.0.1", "10.1.0.2", 1400)]),
    # An empty one with a suffix takes the common one away.
    (TWO + "BRIDGEDEV=br0\nBRIDGEDEV_eth1=\n", [("eth0", "br0", "", "", None, 0), ("eth1", "", "", "", None, 0)]),
    # The first is NETIF's first, whatever its name.
    ('NETIF="ifname=eth1;ifname=eth0"\nVETH_IP_ADDRESS=10.0.0.5\n',
     [("eth1", "", "10.0.0.5/32", "", None, 0), ("eth0", "", "", "", None, 0)]),
    ('NETIF="ifname=eth0.5"\nVETH_IP_ADDRESS_eth0_5=10.0.0.5\n', [("eth0.5", "", "10.0.0.5/32", "", None, 0)]),
    # Bridges, weakest first: NETIF's bridge=, VZHOSTBR, BRIDGEDEV.
    ('NETIF="ifname=eth0,bridge=a"\nVETH_MTU=1400\n', [("eth0", "a", "", "", None, 1400)]),
    ('NETIF="ifname=eth0,bridge=a"\nVZHOSTBR=b\n', [("eth0", "b", "", "", None, 0)]),
    ('NETIF="ifname=eth0,bridge=a"\nBRIDGEDEV=c\nVZHOSTBR=b\n', [("eth0", "c", "", "", None, 0)]),
    (ONE + "VETH_IP_ADDRESS=10.0.0.5\nCT0_IP=none\n", [("eth0", "", "10.0.0.5/32", "", "", 0)]),
    (TWO + "VETH_IP_ADDRESS=10.0.0.5\nCT0_IP=None\n", [("eth0", "", "10.0.0.5/32", "", "", 0), ("eth1", "", "", "", "",
                                                                                                0)]),
    (ONE + "VETH_IP_ADDRESS=10.0.0.5\nCT0_IP=\n", [("eth0", "", "10.0.0.5/32", "", None, 0)]),
    ("VETH_IP_ADDRESS=10.0.0.5\n", []),
])
def test_each_variable_belongs_to_its_veth(text, wanted):
    found = model(text)
    assert (found.custom, texts(found.mistakes), seen(found)) == (True, [], wanted)


def test_vz_conf_gives_what_the_container_does_not_say():
    found = model(ONE + "VETH_IP_ADDRESS=10.0.0.5\n", vz="CT0_IP=10.0.0.2\nBRIDGEDEV=br0\n")
    assert seen(found) == [("eth0", "br0", "10.0.0.5/32", "", "10.0.0.2", 0)]


@pytest.mark.parametrize("text, custom", [
    ("", False), (ONE, False), (ONE + "IP_ADDRESS=10.0.0.5\n", False), (ONE + "DESCRIPTION=BRIDGEDEV=br0\n", False),
    (ONE + "BRIDGEDEV=br0\n", True), (ONE + "BRIDGEDEV_eth0=br0\n", True), (ONE + "CONFIG_CUSTOMIZED=yes\n", True),
    (ONE + "export VETH_MTU=1400\n", True), (ONE + "XBRIDGEDEV=br0\n", False),
    (ONE + "CONFIG_CUSTOMIZED=no\nBRIDGEDEV=br0\n", False), (ONE + "BRIDGEDEV=br0\nCONFIG_CUSTOMIZED=\"NO\"\n", False),
    (ONE + "CONFIG_CUSTOMIZED=$(x)\n", True),
    # What stands behind an unclosed quote was not read; that our variables stand in the text is enough.
    (ONE + "BRIDGEDEV=br0\nDESCRIPTION='x\n", True), ("DESCRIPTION='x\n" + ONE + "BRIDGEDEV=br0\n", True),
    ("DESCRIPTION='x\n" + ONE, False), ("reboot\n" + ONE, False), ("reboot\n" + ONE + "  BRIDGEDEV=br0\n", True),
])
def test_a_container_is_ours_when_its_own_file_says_so(text, custom):
    assert model(text).custom is custom
    assert model("", vz=text).custom is False


@pytest.mark.parametrize("broken", ["DESCRIPTION='it\n", "DESCRIPTION=$(x)\n", "reboot\n", "VEID=`x`\n"])
def test_a_mistake_in_a_container_without_our_variables_is_only_said(broken):
    found = model(ONE + broken)
    assert (found.custom, found.mistakes, len(found.doubts)) == (False, (), 1)
    assert [veth.interface.host_ifname for veth in found.veths] == ["veth101.0"]


@pytest.mark.parametrize("broken, stops", [
    ("DESCRIPTION=$(x)\n", False), ("DESCRIPTION='it\n", True), ("reboot\n", True), ("BRIDGEDEV=$(x)\n", True),
    ("VETH_MTU=`x`\n", True), ("BRIDGEDEV_eth7=$(x)\n", False)])
def test_a_mistake_stops_a_custom_container_where_it_makes_our_values_uncertain(broken, stops):
    found = model(ONE + "VETH_IP_ADDRESS=10.0.0.5\n" + broken)
    assert (len(found.mistakes), len(found.doubts)) == ((1, 0) if stops else (0, 1))
    assert texts(found.mistakes + found.doubts)[0].startswith("101.conf:3: ")


def test_an_unclosed_quote_before_our_variables_stops_the_container():
    found = model("DESCRIPTION='it\n" + ONE + "VETH_IP_ADDRESS=10.0.0.5\n")
    assert texts(found.mistakes) == ["101.conf:1: a quote (') in DESCRIPTION that is not closed; a closing quote is wanted"]


@pytest.mark.parametrize("text, wanted", [
    (TWO + "VETH_IP_ADDRESS='10.0.0.5/24 10.1.0.5/24'\nVE_DEFAULT_GATEWAY=10.0.0.1\nVE_DEFAULT_GATEWAY_eth1=10.1.0.1\n",
     ["101.conf:4: a second IPv4 default gateway (101.conf:3); one of each family for the whole container is wanted"]),
    (ONE + "VETH_IP_ADDRESS=10.0.0.5/24\nVE_DEFAULT_GATEWAY='10.0.0.1 10.0.0.2'\n",
     ["101.conf:3: a second IPv4 default gateway (101.conf:3); one of each family for the whole container is wanted"]),
    (TWO + "VETH_IP_ADDRESS=10.0.0.5/24\nVETH_IP_ADDRESS_eth1=10.0.0.5/32\n",
     ["101.conf:3: address 10.0.0.5 a second time (101.conf:2); one is wanted"]),
    (ONE + "VETH_IP_ADDRESS='2001:db8::5/64 2001:DB8:0::5'\n",
     ["101.conf:2: address 2001:db8::5 a second time (101.conf:2); one is wanted"]),
    (ONE + "VETH_IP_ADDRESS=10.0.0.5/24\nVE_DEFAULT_GATEWAY=10.0.0.5\n",
     ["101.conf:3: VE_DEFAULT_GATEWAY: '10.0.0.5', the container's own address; the address of a router is wanted"]),
    (ONE + "BRIDGEDEV='br0 br1'\n", ["101.conf:2: BRIDGEDEV: 'br0 br1'; one bridge is wanted"]),
    (ONE + "VETH_IP_ADDRESS='10 ten'\n", [
        "101.conf:2: VETH_IP_ADDRESS: '10'; an IPv4 or IPv6 address with or without /PREFIX is wanted",
        "101.conf:2: VETH_IP_ADDRESS: 'ten'; an IPv4 or IPv6 address with or without /PREFIX is wanted"]),
    (ONE + "VE_DEFAULT_GATEWAY=10.0.0.1/24\n",
     ["101.conf:2: VE_DEFAULT_GATEWAY: '10.0.0.1/24'; an IPv4 or IPv6 address is wanted, without '/'"]),
    (ONE + "VETH_IP_ADDRESS=2001:db8::5\nVETH_MTU=1279\n",
     ["101.conf:3: VETH_MTU: '1279'; a number from 1280 to 65535 is wanted"]),
    ('NETIF="ifname=eth0.5;ifname=eth0_5"\nBRIDGEDEV=br0\n',
     ["101.conf:1: eth0.5 and eth0_5 in NETIF, whose variables have the same suffix _eth0_5; names that differ in more than "
      "punctuation are wanted"]),
])
def test_a_mistake_in_our_values_names_file_and_line(text, wanted):
    assert texts(model(text).mistakes) == wanted


def test_mistakes_of_the_node_s_file_stop_only_custom_containers():
    assert len(model(ONE + "BRIDGEDEV=br0\n", node="[node]\nx = 1\n").mistakes) == 1
    assert model(ONE, node="[node]\nx = 1\n").mistakes == ()


def test_two_mtus_are_a_mistake():
    assert texts(model(ONE + "VETH_MTU='1400 1300'\n").mistakes)


def test_a_gateway_outside_every_network_is_made_onlink_and_said():
    found = model(ONE + "VETH_IP_ADDRESS=10.0.0.5\nVE_DEFAULT_GATEWAY=10.0.0.1\n")
    assert seen(found) == [("eth0", "", "10.0.0.5/32", "10.0.0.1 onlink", None, 0)] and not found.mistakes
    assert texts(found.doubts) == ["101.conf:3: gateway 10.0.0.1 is in no network of eth0; the route is made onlink; "
                                   "usually the mask of an address is missing or wrong"]


def test_values_without_a_veth_are_said():
    assert texts(model("VETH_IP_ADDRESS=10.0.0.5\n").doubts) == [
        '101.conf:1: VETH_IP_ADDRESS, but NETIF names no veth; NETIF="ifname=..." is wanted for it to have an effect']


def test_netif_s_own_addresses_are_the_veth_s_but_not_ours_to_configure():
    veth = model('NETIF="ifname=eth0,ip=10.0.0.6/24"\nVETH_IP_ADDRESS=10.0.0.5/24\nVE_DEFAULT_GATEWAY=10.0.0.1\n').veths[0]
    assert [one.ip for one in veth.addresses] == ["10.0.0.5"]
    assert [one.ip for one in veth.all_addresses] == ["10.0.0.5", "10.0.0.6"]


@pytest.mark.parametrize("text, names", [
    (ONE + "VETH_IP_ADDRESS_eth1=10.1.0.5\n", ["veth101.0", "veth101.9"]), ("NETIF=ifname=eth1\nVETH_MTU=1400\n",
                                                                            ["veth101.9"])])
def test_an_interface_that_netif_does_not_name_yet_joins(text, names):
    found = model(text, added=Interface("eth1", "101.conf:1", "veth101.9", "00:18:51:a1:b2:c3"))
    assert [veth.interface.host_ifname for veth in found.veths] == names
    assert found.veths[-1].interface.mac == "00:18:51:a1:b2:c3" and not found.mistakes


# What containers share: networks of the node

NETWORKS = """[network internal]
cidr = 192.168.1.0/24
dev = vmbr0
gateway = 192.168.1.3
table = 210
"""


def test_ip_address_is_read_where_the_node_has_networks():
    text = "IP_ADDRESS='200.200.100.12/23 192.168.1.100/255.255.255.0 2001:db8::5'\n"
    found = model(text, node=NETWORKS)
    assert [(str(one), one.where) for one in found.venet] == [
        ("200.200.100.12/23", "101.conf:1"), ("192.168.1.100/24", "101.conf:1"), ("2001:db8::5/128", "101.conf:1")]
    assert (found.custom, found.mistakes, found.doubts) == (False, (), ())
    assert model(text).venet == model("", node=NETWORKS).venet == ()
    assert model("IP_ADDRESS=\n", node=NETWORKS).venet == ()
    assert [str(one) for one in model("", vz="IP_ADDRESS=10.0.0.5\n", node=NETWORKS).venet] == ["10.0.0.5/32"]


@pytest.mark.parametrize("text, venet, doubts", [
    ("IP_ADDRESS='10 192.168.1.5'\n", ["192.168.1.5/32"],
     ["101.conf:1: IP_ADDRESS: '10'; an IPv4 or IPv6 address with or without /PREFIX is wanted"]),
    ("IP_ADDRESS=$(x)\n", [], None)])
def test_what_is_wrong_in_ip_address_is_only_said(text, venet, doubts):
    for more in ("", ONE + "VETH_IP_ADDRESS=10.0.0.5\n"):
        found = model(text + more, node=NETWORKS)
        assert ([str(one) for one in found.venet], found.mistakes) == (venet, ())
        assert len(found.doubts) == 1 and (doubts is None or texts(found.doubts) == doubts)


@pytest.mark.parametrize("text, wanted", [
    (ONE + "VETH_IP_ADDRESS=10.0.0.5\n", ["eth0"]), (ONE + "VETH_IP_ADDRESS=10.0.0.5\nBRIDGEDEV=br0\n", []), (ONE, []),
    (TWO + "VETH_IP_ADDRESS=10.0.0.5\nBRIDGEDEV_eth1=br0\n", ["eth0"]),
    ('NETIF="ifname=eth0,type=routed,ip=10.0.0.5;ifname=eth1,bridge=br0"\n', ["eth0"]),
    ('NETIF="ifname=eth0,network=net1;ifname=eth1"\nVETH_IP_ADDRESS_eth1=10.0.0.5\n', ["eth1"])])
def test_the_veths_whose_addresses_are_routed_to_them(text, wanted):
    assert [veth.interface.ifname for veth in model(text).routed] == wanted
