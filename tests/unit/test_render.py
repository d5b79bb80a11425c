"""From conf files to the plan's text, exactly; live facts are faked."""
import pytest

from vzhooks import facts, kernel, netns, plan, planner, render
from vzhooks.call import Call
from vzhooks.errors import ConfigError

MAC = "00:18:51:a1:b2:c3"
ETH0 = "ifname=eth0,mac=00:18:51:A1:B2:C3,host_ifname=veth101.0"
ONE = 'NETIF="%s"\n' % ETH0
BR0 = {"kind br0": "linux", "pinned br0": "yes", "mtu br0": "1500", "mac br0": "02:00:00:00:00:01",
       "ipv4 br0": "10.0.0.2",
       "mac veth101.0": "00:18:51:a1:b2:c4"}


@pytest.fixture
def node(monkeypatch, put, root):
    """node(conf, facts, node=INI): (the plans of 101 as text, what is said), with ROOT for the root directory."""
    def planned(text, fake, ini="", call=None):
        for what in facts.READERS:
            monkeypatch.setitem(facts.READERS, what, lambda name, what=what: fake.get(what + " " + name, ""))
        monkeypatch.setattr(kernel, "ip_sets_master", lambda: True)
        monkeypatch.setattr(kernel, "peer_of", lambda veid, device: None)
        monkeypatch.setattr(netns, "has_name", lambda veid: False)
        put("/etc/vz/conf/101.conf", text)
        put("/etc/vz/vzhooks.conf", ini)
        found = planner.plans("101", call or Call("run"))
        where = root + "/etc/vz/conf/"
        return ("".join(plan.text(one.ready.lines) for one in found).replace(where, ""),
                [doubt.replace(where, "") for one in found for doubt in one.ready.doubts])
    return planned


def test_scenario_1_on_a_pinned_bridge(node, put):
    put("/etc/vz/vz.conf", 'CT0_IP="10.0.0.2"\n')
    text, said = node(ONE + 'CONFIG_CUSTOMIZED="yes"\nVETH_IP_ADDRESS="85.86.87.195/26"\nVE_DEFAULT_GATEWAY="85.86.87.193"\n'
                      'BRIDGEDEV="br0"\n', BR0)
    assert said == []
    assert text.replace("# %s\n" % text.split("# ")[5].split("\n")[0], "# VZCONF\n") == """\
# 101.conf:5
host  ip link set dev veth101.0 master br0
undo  ip link set dev veth101.0 nomaster
# 101.conf:1
host  ip link set dev veth101.0 up
undo  ip link set dev veth101.0 down
# 101.conf:3
host  ip route add 85.86.87.195 dev br0 proto 118
undo  ip route del 85.86.87.195 dev br0 proto 118
ct    ip address replace 85.86.87.195/26 dev eth0
undo  ip address del 85.86.87.195/26 dev eth0
# 101.conf:1
ct    ip link set dev eth0 up
undo  ip link set dev eth0 down
# VZCONF
ct    ip route replace 10.0.0.2 dev eth0
undo  ip route del 10.0.0.2 dev eth0
# 101.conf:4
ct    ip route replace default via 85.86.87.193 dev eth0
undo  ip route del default via 85.86.87.193 dev eth0
# 101.conf:3
-once announce 85.86.87.195 lladdr 00:18:51:a1:b2:c3 dev br0
"""


def test_two_veths_each_with_its_own_bridge_and_ipv6_without_dad(node):
    text, said = node('NETIF="%s;ifname=eth1,host_ifname=veth101.1"\nVETH_IP_ADDRESS_eth0=10.0.0.5/24\nBRIDGEDEV_eth0=br0\n'
                      'VETH_IP_ADDRESS_eth1=2001:db8::5/64\nBRIDGEDEV_eth1=br1\nVE_DEFAULT_GATEWAY_eth1=fe80::1\n' % ETH0,
                      dict(BR0, **{"kind br1": "linux", "pinned br1": "yes", "mtu br1": "1500",
                                   "ipv6 br1": "2001:db8::2"}))
    assert said == []
    assert text == """\
# 101.conf:3
host  ip link set dev veth101.0 master br0
undo  ip link set dev veth101.0 nomaster
# 101.conf:1
host  ip link set dev veth101.0 up
undo  ip link set dev veth101.0 down
# 101.conf:2
host  ip route add 10.0.0.5 dev br0 proto 118
undo  ip route del 10.0.0.5 dev br0 proto 118
ct    ip address replace 10.0.0.5/24 dev eth0
undo  ip address del 10.0.0.5/24 dev eth0
# 101.conf:1
ct    ip link set dev eth0 up
undo  ip link set dev eth0 down
# 101.conf:3
ct    ip route replace 10.0.0.2 dev eth0
undo  ip route del 10.0.0.2 dev eth0
# 101.conf:2
-once announce 10.0.0.5 lladdr 00:18:51:a1:b2:c3 dev br0
# 101.conf:5
host  ip link set dev veth101.1 master br1
undo  ip link set dev veth101.1 nomaster
# 101.conf:1
host  ip link set dev veth101.1 up
undo  ip link set dev veth101.1 down
# 101.conf:4
host  ip route add 2001:db8::5 dev br1 proto 118
undo  ip route del 2001:db8::5 dev br1 proto 118
ct    ip address replace 2001:db8::5/64 dev eth1 nodad
undo  ip address del 2001:db8::5/64 dev eth1
# 101.conf:1
ct    ip link set dev eth1 up
undo  ip link set dev eth1 down
# 101.conf:5
ct    ip route replace 2001:db8::2 dev eth1
undo  ip route del 2001:db8::2 dev eth1
# 101.conf:6
ct    ip route replace default via fe80::1 dev eth1
undo  ip route del default via fe80::1 dev eth1
"""


def test_without_a_bridge_the_node_routes_to_the_veth_and_answers_for_the_gateway(node):
    text, said = node(ONE + "VETH_IP_ADDRESS='10.0.0.5/24 2001:db8::5/64'\nVE_DEFAULT_GATEWAY='10.0.0.1 2001:db8::1'\n",
                      {"sysctl net.ipv4.conf.default.proxy_arp": "0", "sysctl net.ipv4.conf.default.forwarding": "1",
                       "sysctl net.ipv4.neigh.default.proxy_delay": "80",
                       "sysctl net.ipv6.conf.default.forwarding": "0",
                       "sysctl net.ipv6.conf.default.proxy_ndp": "0",
                       "sysctl net.ipv6.neigh.default.proxy_delay": "80"})
    assert said == []
    assert text == """\
# 101.conf:1
host  ip link set dev veth101.0 up
undo  ip link set dev veth101.0 down
host  sysctl net.ipv4.conf.veth101/0.proxy_arp=1
undo  sysctl net.ipv4.conf.veth101/0.proxy_arp=0
host  sysctl net.ipv4.conf.veth101/0.forwarding=1
undo  sysctl net.ipv4.conf.veth101/0.forwarding=1
host  sysctl net.ipv4.neigh.veth101/0.proxy_delay=0
undo  sysctl net.ipv4.neigh.veth101/0.proxy_delay=80
host  sysctl net.ipv6.conf.veth101/0.forwarding=1
undo  sysctl net.ipv6.conf.veth101/0.forwarding=0
host  sysctl net.ipv6.conf.veth101/0.proxy_ndp=1
undo  sysctl net.ipv6.conf.veth101/0.proxy_ndp=0
host  sysctl net.ipv6.neigh.veth101/0.proxy_delay=0
undo  sysctl net.ipv6.neigh.veth101/0.proxy_delay=80
# 101.conf:3
host  ip neigh replace proxy 2001:db8::1 dev veth101.0
undo  ip neigh del proxy 2001:db8::1 dev veth101.0
# 101.conf:2
host  ip route add 10.0.0.5 dev veth101.0 proto 118
undo  ip route del 10.0.0.5 dev veth101.0 proto 118
host  ip route add 2001:db8::5 dev veth101.0 proto 118
undo  ip route del 2001:db8::5 dev veth101.0 proto 118
ct    ip address replace 10.0.0.5/24 dev eth0
undo  ip address del 10.0.0.5/24 dev eth0
ct    ip address replace 2001:db8::5/64 dev eth0 nodad
undo  ip address del 2001:db8::5/64 dev eth0
# 101.conf:1
ct    ip link set dev eth0 up
undo  ip link set dev eth0 down
# 101.conf:3
ct    ip route replace default via 10.0.0.1 dev eth0
undo  ip route del default via 10.0.0.1 dev eth0
ct    ip route replace default via 2001:db8::1 dev eth0
undo  ip route del default via 2001:db8::1 dev eth0
"""


PINNED = "ip link set dev veth101.0 address "


@pytest.mark.parametrize("netif, mac, wanted", [
    (ETH0, "00:00:00:00:00:01", ["host  " + PINNED + "fe:18:51:a1:b2:c3"]),  # from the container's, the same each time
    (ETH0 + ",host_mac=00:18:51:A1:B2:C5", "00:18:51:a1:b2:c5",
     ["host  " + PINNED + "fe:18:51:a1:b2:c5", "undo  " + PINNED + "00:18:51:a1:b2:c5"]),
    (ETH0 + ",host_mac=FE:18:51:A1:B2:C5", "fe:18:51:a1:b2:c5", []),
])
def test_on_an_unpinned_bridge_the_host_end_gets_the_highest_mac_first(node, netif, mac, wanted):
    text, said = node('NETIF="%s"\nBRIDGEDEV=br0\n' % netif, dict(BR0, **{"pinned br0": "no", "mac veth101.0": mac}))
    assert [row for row in text.split("\n") if " address " in row] == wanted
    assert text.find(" address ") < text.find(" master ")
    assert said == ["101.conf:2: bridge br0 has no MAC of its own; it takes the lowest one of its ports, so that the node can "
                    "drop off the network; 'ip link set br0 address 02:00:00:00:00:01' pins it"]


@pytest.mark.parametrize("bridge, wanted_mtu, wanted, doubts", [
    ("1500", "", [], 0), ("1500", "1400", ["ct    ip link set dev eth0 mtu 1400"], 0),
    ("9000", "", ["host  ip link set dev veth101.0 mtu 9000"], 1),
    ("9000", "9000", ["host  ip link set dev veth101.0 mtu 9000", "ct    ip link set dev eth0 mtu 9000"], 1),
    ("1450", "", ["host  ip link set dev veth101.0 mtu 1450", "ct    ip link set dev eth0 mtu 1450"], 0),
    ("1450", "1400", ["host  ip link set dev veth101.0 mtu 1450", "ct    ip link set dev eth0 mtu 1400"], 0),
    ("1450", "1500", ["host  ip link set dev veth101.0 mtu 1450", "ct    ip link set dev eth0 mtu 1500"], 1)])
def test_the_host_end_takes_the_bridge_s_mtu_and_the_inside_what_is_wanted(node, bridge, wanted_mtu, wanted, doubts):
    text, said = node(ONE + "BRIDGEDEV=br0\n" + "VETH_MTU=%s\n" % wanted_mtu * bool(wanted_mtu), dict(BR0,
                                                                                                      **{"mtu br0": bridge}))
    assert [row for row in text.split("\n") if " mtu " in row and not row.startswith("undo")] == wanted
    assert [row.split()[-1] for row in text.split("\n") if " mtu " in row
            and row.startswith("undo")] == ["1500"] * len(wanted)
    assert len(said) == doubts
    if wanted and wanted[0].startswith("host"):
        assert text.find(" mtu ") < text.find(" master ")  # a bridge follows its smallest port


def test_a_veth_without_a_bridge_takes_a_large_mtu_on_both_ends(node):
    text, _ = node(ONE + "VETH_MTU=9000\n", {})
    assert [row for row in text.split("\n") if " mtu 9000" in row] == [
        "host  ip link set dev veth101.0 mtu 9000", "ct    ip link set dev eth0 mtu 9000"]


def test_a_bridge_that_delays_is_said(node):
    _, said = node(ONE + "BRIDGEDEV=br0\n", dict(BR0, **{"delays br0": "30"}))
    assert said == ["101.conf:2: bridge br0 would not forward for the first 30 s of a container; 'ip link set br0 type bridge "
                    "stp_state 0; ip link set br0 type bridge forward_delay 0' is wanted"]


UP = "# 101.conf:1\nhost  ip link set dev veth101.0 up\n-undo ip link set dev veth101.0 down\n"


@pytest.mark.parametrize("netif, wanted", [
    (ETH0, UP), (ETH0 + ",bridge=br0", UP.replace("\n", "\n-host ip link set dev veth101.0 master br0\n"
                                                  "-undo ip link set dev veth101.0 nomaster\n", 1))])
def test_a_container_without_our_variables_gets_what_stock_would_have_done(node, netif, wanted):
    assert node('NETIF="%s"\nIP_ADDRESS=10.9.9.9\n' % netif, dict(BR0, **{"pinned br0": "no"})) == (wanted, [])


@pytest.mark.parametrize("kind", ["", "linux"])
def test_a_bridge_that_does_not_exist_is_refused_and_named(node, kind):
    with pytest.raises(ConfigError) as caught:
        node(ONE + "BRIDGEDEV=br9\nVETH_MTU=x\n", {"kind br0": kind})
    assert [one.rsplit("/", 1)[1] for one in caught.value.mistakes] == [
        "101.conf:2: bridge br9, which this node has not; the name of a bridge of this node is wanted",
        "101.conf:3: VETH_MTU: 'x'; a number from 68 to 65535 is wanted"]


def test_an_administrator_s_template_replaces_the_shipped_one(node, put):
    put("/etc/vz/vzhooks/templates/announce.j2", "{% for address in veth.all_addresses %}\n# mine\n"
        "-once ip neigh flush to {{ address.ip }} dev '{{ veth.device }}'\n{% endfor %}\n")
    text, _ = node(ONE + "VETH_IP_ADDRESS=10.0.0.5\n", {})
    assert text.endswith("# mine\n-once ip neigh flush to 10.0.0.5 dev veth101.0\n") and "route add 10.0.0.5" in text


@pytest.mark.parametrize("template, wanted", [
    ("rubbish\n", "veth.j2, as rendered:"), ("host ip link set dev 'a b' up\n", "words without spaces"),
    ("host ip link set dev 'a up\n", "No closing quotation"), ("{{ veth.nothing }}\n", "nothing"), ("{% if %}\n",
                                                                                                    "announce.j2:1:"),
    ("{{ 1 // 0 }}\n", "zero"), ("{{ 'x' + 1 }}\n", "announce"), ("{% include 'none.j2' %}", "none.j2"),
    ("{% include 'announce.j2' %}", "announce"), ("\udcff", "announce")])
def test_a_template_that_prints_rubbish_is_named(node, put, template, wanted):
    path = put("/etc/vz/vzhooks/templates/announce.j2", "")
    with open(path, "wb") as file:
        file.write(template.encode("utf-8", "surrogateescape"))
    with pytest.raises(render.TemplateError) as caught:
        node(ONE + "VETH_IP_ADDRESS=10.0.0.5\n", {})
    assert wanted in str(caught.value)


@pytest.mark.parametrize("words", ["ip route add 10.0.0.5 dev $(reboot)", "ip link\x0bset", "ip a;reboot"])
def test_a_word_of_a_command_is_one_word_whatever_its_characters(put, words):
    put("/etc/vz/vzhooks/templates/x.j2", "host {{ words }}\n")
    try:
        assert [line.command for line in render.render("x", words=words)] == [words]
    except render.TemplateError:
        pass
    assert [line.command for line in render.render("x", words="ip 'a' \"b\" c\\d")] == ["ip a b cd"]
    assert [line.command for line in render.render("x", words="nft add 'x'  y # z")] == ["nft add 'x'  y # z"]
