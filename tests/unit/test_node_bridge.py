"""[bridge NAME]: what is taken, and every mistake word for word."""
import pytest

from vzhooks import nodeconf


def read(text):
    """The bridges, and the mistakes as texts."""
    found = nodeconf.read("F", text)
    assert found.mistakes == ()
    return found.bridges, [str(one) for one in found.node_mistakes]


def test_what_is_said_and_what_is_not():
    bridges, mistakes = read("[bridge br0]\n[bridge vmbr1]\ntype = OVS\nports = eth0 eth1.5\naddress = 10.0.0.2/24 "
                             "2001:DB8::2/64\ngateway = 10.0.0.1 fe80::1\nmtu = 9000\nstp = yes\nforward_delay = 2\n"
                             "mac = 02:AA:00:00:00:01\ndatapath = netdev\n")
    assert mistakes == []
    plain, full = bridges
    assert (plain.type, plain.ports, plain.address, plain.gateway, plain.mtu, plain.stp, plain.forward_delay, plain.mac,
            plain.datapath, plain.at("ports")) == ("linux", (), (), (), 0, False, 0, "", "system", "F:1")
    assert (full.type, full.ports, " ".join(map(str, full.address)), [one.ip for one in full.gateway], full.mtu, full.stp,
            full.forward_delay, full.mac, full.datapath, full.at("ports")) == (
                "ovs", ("eth0", "eth1.5"), "10.0.0.2/24 2001:db8::2/64", ["10.0.0.1", "fe80::1"], 9000, True, 2,
                "02:aa:00:00:00:01", "netdev", "F:4")


INTERFACE = "an interface name of 1 to 15 characters is wanted"
DELAY = "0 without STP, or 2 to 30 seconds (IEEE 802.1D) is wanted"
STATION = "the address of one station is wanted, not a multicast, broadcast, loopback, network or reserved address"


@pytest.mark.parametrize("row, wanted", [
    ("type = bridge", "F:2: type = bridge; linux or ovs is wanted"),
    ("ports =", "F:2: ports = ; one or more words are wanted"),
    ("ports = eth0 eth0", "F:2: ports = eth0 eth0; each word once is wanted, 'eth0' is there twice"),
    ("ports = eth0 sixteen-letters-", "F:2: ports = eth0 sixteen-letters-; " + INTERFACE),
    ("ports = eth0,eth1", "F:2: ports = eth0,eth1; an interface name of printable ASCII without space, '/', ':', quotes or '#' "
                          "is wanted"),
    ("ports = br0", "F:2: ports of br0: itself; other interfaces are wanted"),
    ("address = 10.0.0.2", "F:2: address = 10.0.0.2; an IPv4 or IPv6 address with its /PREFIX is wanted"),
    ("address = 10.0.0.0/24", "F:2: address = 10.0.0.0/24; " + STATION),
    ("address = ten/24", "F:2: address = ten/24; an IPv4 or IPv6 address with or without /PREFIX is wanted"),
    ("address = 10.0.0.2/24 10.0.0.2/255.255.255.0",
     "F:2: address = 10.0.0.2/24 10.0.0.2/255.255.255.0; each word once is wanted, '10.0.0.2/255.255.255.0' is there twice"),
    ("address = 2001:db8::2/64 2001:DB8:0::2/64",
     "F:2: address = 2001:db8::2/64 2001:DB8:0::2/64; each word once is wanted, '2001:DB8:0::2/64' is there twice"),
    ("gateway = 10.0.0.1/24", "F:2: gateway = 10.0.0.1/24; an IPv4 or IPv6 address is wanted, without '/'"),
    ("gateway = 10.0.0.1", "F:2: gateway 10.0.0.1 is in no network of br0; a gateway within the network of an 'address' is "
                           "wanted"),
    ("address = 10.0.0.2/24\ngateway = 10.0.0.2", "F:3: gateway 10.0.0.2 is the bridge's own address; another station's "
                                                  "address is wanted"),
    ("address = 10.0.0.2/24\ngateway = 10.0.0.1 10.0.0.3", "F:3: a second IPv4 gateway, 10.0.0.3; one for each family is "
                                                           "wanted"),
    ("mtu = 67", "F:2: mtu = 67; a number from 68 to 65535 is wanted"), ("stp = on", "F:2: stp = on; yes or no is wanted"),
    ("forward_delay = 31", "F:2: forward_delay = 31; a number from 0 to 30 is wanted"),
    ("forward_delay = 1", "F:2: forward_delay = 1; " + DELAY),
    ("stp = yes\nforward_delay = 0", "F:3: forward_delay = 0; " + DELAY),
    ("mac = 01:00:00:00:00:01", "F:2: mac = 01:00:00:00:00:01; six bytes of two hex digits with colons, of one station (even "
                                "first byte), are wanted"),
    ("datapath = kernel", "F:2: datapath = kernel; system or netdev is wanted"),
    ("vlan = 5", "F:2: vlan = 5; one of address, datapath, forward_delay, gateway, mac, mtu, ports, stp, type is wanted"),
])
def test_a_mistake_names_its_line_and_leaves_the_bridge_out(row, wanted):
    bridges, mistakes = read("[bridge br0]\n%s\n[bridge br9]\n" % row)
    assert mistakes == [wanted] and [one.name for one in bridges] == ["br9"]


@pytest.mark.parametrize("name, wanted", [
    ("a/b", "an interface name of printable ASCII without space, '/', ':', quotes or '#' is wanted"), ("a" * 16, INTERFACE),
    ("br0 br1", "an interface name of printable ASCII without space, '/', ':', quotes or '#' is wanted"),
    ("..", "an interface name is wanted, which cannot be '.', '..' or begin with '-'")])
def test_what_is_no_name_of_a_bridge(name, wanted):
    assert read("\n[bridge %s]\n" % name) == ((), ["F:2: [bridge %s]; %s" % (name, wanted)])


@pytest.mark.parametrize("text, wanted", [
    ("[bridge a]\nports = eth0 eth1\n[bridge b]\nports = eth2 eth1\n",
     ["F:4: port eth1 of b is a port of a (F:2), too; one bridge for each port is wanted"]),
    ("[bridge a]\naddress = 10.0.0.2/24\n[bridge b]\naddress = 10.0.0.2/25 2001:db8::2/64\n",
     ["F:4: address 10.0.0.2 of b is an address of a (F:2), too; one interface for each address is wanted"])])
def test_mistakes_of_bridges_together(text, wanted):
    bridges, mistakes = read(text)
    assert mistakes == wanted and len(bridges) == 2


def test_all_mistakes_come_at_once():
    _, mistakes = read("[bridge br0]\nx = 1\nmtu = 1\nports = br0\naddress = 10.0.0.2/24\ngateway = 10.1.0.1 10.1.0.2\n"
                       "[bridge br1]\nstp = maybe\n")
    assert [one.split(":")[1] for one in mistakes] == ["2", "3", "4", "6", "6", "6", "8"]


@pytest.mark.parametrize("gateway", ["fe80::1", "fe80::1 10.0.0.1", "febf::1"])
def test_a_link_local_gateway_is_in_every_network(gateway):
    assert read("[bridge br0]\naddress = 10.0.0.2/24\ngateway = %s\n" % gateway)[1] == []
