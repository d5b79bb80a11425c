"""`vzhook node export`: the files, word for word."""
import os
import subprocess

import pytest

from vzhooks import nodeconf
from vzhooks.errors import ConfigError
from vzhooks.node import export, interfaces
from vzhooks.node.ifcfg import assignments
from vzhooks.node.tree import HEADER, Tree

SCENARIO2 = """
[bridge vmbr0]
ports = eth0
address = 192.168.1.142/24
gateway = 192.168.1.3
[bridge vmbr1]
ports = eth1
address = 200.200.100.6/23
[network internal]
cidr = 192.168.1.0/24
dev = vmbr0
gateway = 192.168.1.3
table = 210
[network external]
cidr = 200.200.100.0/23
dev = vmbr1
gateway = 200.200.100.30
table = 200
"""
SCRIPTS = "etc/sysconfig/network-scripts/"
OURS = "etc/network/interfaces.d/vzhooks"
LO = "auto lo\niface lo inet loopback\n"
NEXT = "# vzhooks: the next line is ours\n"
SOURCE = NEXT + "source /etc/network/interfaces.d/vzhooks\n"


@pytest.fixture
def now(tmp_path):
    (tmp_path / "tree" / "etc").mkdir(parents=True)
    return Tree(str(tmp_path / "tree"))


def there(now, path, text):
    os.makedirs(os.path.dirname(now.real(path)), exist_ok=True)
    with open(now.real(path), "w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)


def made(kind, conf, now, rule_protocol=True, macs=None):
    read = nodeconf.read("F", conf)
    assert read.mistakes + read.node_mistakes == ()
    found = export.files(kind, read, macs or {bridge.name: "02:00:00:00:00:01" for bridge in read.bridges}, now,
                         rule_protocol)
    assert len({file.path for file in found}) == len(found)
    return {file.path: file.text[len(HEADER):] if file.text.startswith(HEADER) else file.text for file in found}


def test_ifcfg_of_scenario_2(now):
    found = made("ifcfg", SCENARIO2, now)
    bridge = ("DEVICE=%s\nTYPE=Bridge\nONBOOT=yes\nNM_CONTROLLED=no\nBOOTPROTO=none\nMACADDR=02:00:00:00:00:01\nSTP=off\n"
              "DELAY=0\nNOZEROCONF=yes\nIPADDR=%s\nPREFIX=%d\n%sIPV6INIT=no\n")
    port = "DEVICE=%s\nONBOOT=yes\nNM_CONTROLLED=no\nBOOTPROTO=none\nBRIDGE=%s\n"
    assert found == {
        SCRIPTS + "ifcfg-vmbr0": bridge % ("vmbr0", "192.168.1.142", 24, "GATEWAY=192.168.1.3\n"),
        SCRIPTS + "ifcfg-eth0": port % ("eth0", "vmbr0"),
        SCRIPTS + "ifcfg-vmbr1": bridge % ("vmbr1", "200.200.100.6", 23, ""),
        SCRIPTS + "ifcfg-eth1": port % ("eth1", "vmbr1"),
        SCRIPTS + "route-vmbr0": "192.168.1.0/24 dev vmbr0 table 210 proto 118\n"
                                 "default via 192.168.1.3 dev vmbr0 table 210 proto 118\n",
        SCRIPTS + "route-vmbr1": "200.200.100.0/23 dev vmbr1 table 200 proto 118\n"
                                 "default via 200.200.100.30 dev vmbr1 table 200 proto 118\n",
        SCRIPTS + "rule-vmbr0":
            "pref 11817 from 192.168.1.0/24 iif venet0 lookup 210 protocol 118\n"
            "pref 11816 from 192.168.1.0/24 to 192.168.1.0/24 iif venet0 lookup 254 protocol 118\n",
        SCRIPTS + "rule-vmbr1":
            "pref 11819 from 200.200.100.0/23 iif venet0 lookup 200 protocol 118\n"
            "pref 11818 from 200.200.100.0/23 to 200.200.100.0/23 iif venet0 lookup 254 protocol 118\n",
        "etc/iproute2/rt_tables.d/vzhooks.conf": "210\tinternal\n200\texternal\n"}


def test_interfaces_of_scenario_2(now):
    conf = SCENARIO2.partition("[bridge vmbr1]")[0] + "[network" + SCENARIO2.split("[network")[1]
    there(now, interfaces.MAIN, LO + "\nauto eth0\niface eth0 inet static\n\taddress 192.168.1.142/24\n")
    assert made("interfaces", conf, now) == {
        interfaces.MAIN: LO + "\n#vzhooks# auto eth0\n#vzhooks# iface eth0 inet static\n"
                              "#vzhooks# \taddress 192.168.1.142/24\n" + SOURCE,
        OURS: """
iface eth0 inet manual

auto vmbr0
iface vmbr0 inet manual
    bridge_ports eth0
    bridge_hw 02:00:00:00:00:01
    bridge_stp off
    bridge_fd 0
    bridge_maxwait 0
    up ip link set dev vmbr0 up
    up ip address replace 192.168.1.142/24 brd + dev vmbr0
    up ip route replace default via 192.168.1.3 dev vmbr0 proto 118
    up ip route replace 192.168.1.0/24 dev vmbr0 table 210 proto 118
    up ip route replace default via 192.168.1.3 dev vmbr0 table 210 proto 118
    up ip rule show | grep -q '^11816:.from 192\\.168\\.1\\.0/24 to 192\\.168\\.1\\.0/24 iif venet0 ' || """
              """ip rule add pref 11816 from 192.168.1.0/24 to 192.168.1.0/24 iif venet0 lookup 254 protocol 118
    up ip rule show | grep -q '^11817:.from 192\\.168\\.1\\.0/24 iif venet0 ' || """
              """ip rule add pref 11817 from 192.168.1.0/24 iif venet0 lookup 210 protocol 118
    down ip rule del pref 11817 from 192.168.1.0/24 iif venet0 lookup 210 2>/dev/null || true
    down ip rule del pref 11816 from 192.168.1.0/24 to 192.168.1.0/24 iif venet0 lookup 254 2>/dev/null || true
    down ip route del default via 192.168.1.3 dev vmbr0 table 210 proto 118 2>/dev/null || true
    down ip route del 192.168.1.0/24 dev vmbr0 table 210 proto 118 2>/dev/null || true
""",
        "etc/iproute2/rt_tables.d/vzhooks.conf": "210\tinternal\n"}


def test_rules_name_a_protocol_only_where_the_kernel_knows_it(now):
    for kind in export.KINDS:
        text = "".join(made(kind, SCENARIO2, now, rule_protocol=False).values())
        assert "lookup 210" in text and " protocol " not in text and " proto 118" in text


def test_ipv6_in_ifcfg(now):
    conf = """
[bridge br0]
ports = eth0
address = 2001:db8::2/64 2001:db8::3/64 2001:db8:1::4/48 10.0.0.2/24 10.9.0.2/24
gateway = fe80::1 10.9.0.1
mtu = 1400
stp = yes
[network six]
cidr = 2001:db8::/64
dev = br0
gateway = fe80::1
table = 6
rp_filter = 2
"""
    found = made("ifcfg", conf, now)
    assert found[SCRIPTS + "ifcfg-br0"].endswith(
        "STP=on\nDELAY=15\nMTU=1400\nNOZEROCONF=yes\nIPADDR=10.0.0.2\nPREFIX=24\nIPADDR1=10.9.0.2\nPREFIX1=24\n"
        "IPV6INIT=yes\nIPV6ADDR=2001:db8::2/64\nIPV6ADDR_SECONDARIES=\"2001:db8::3/64 2001:db8:1::4/48\"\n"
        "IPV6_DEFAULTGW=fe80::1%br0\n")
    assert "MTU=1400\n" in found[SCRIPTS + "ifcfg-eth0"]
    assert found[SCRIPTS + "route-br0"] == "default via 10.9.0.1 dev br0 proto 118\n"  # ifup-eth would pass it over
    assert found[SCRIPTS + "route6-br0"] == ("2001:db8::/64 dev br0 table 6 proto 118\n"
                                             "default via fe80::1 dev br0 table 6 proto 118\n")
    assert found[SCRIPTS + "rule6-br0"] == (
        "pref 11929 from 2001:db8::/64 iif venet0 lookup 6 protocol 118\n"
        "pref 11928 from 2001:db8::/64 to 2001:db8::/64 iif venet0 lookup 254 protocol 118\n")
    assert found["etc/sysctl.d/90-vzhooks.conf"] == "net/ipv4/conf/br0/rp_filter = 2\n"


OVS = "[bridge br1]\ntype = ovs\nports = eth1\naddress = 10.0.0.2/24\ndatapath = netdev\nstp = yes\nmtu = 1400\n"
OVS_EXTRA = ("set Bridge br1 datapath_type=netdev stp_enable=true other-config:hwaddr=02:00:00:00:00:01 "
             "external-ids:owner=vzhooks")


def test_open_vswitch(now):
    found = made("ifcfg", OVS, now)
    assert found[SCRIPTS + "ifcfg-br1"] == (
        "DEVICE=br1\nDEVICETYPE=ovs\nTYPE=OVSBridge\nONBOOT=yes\nHOTPLUG=no\nNM_CONTROLLED=no\nBOOTPROTO=none\n"
        "OVS_EXTRA=\"%s\"\nNOZEROCONF=yes\nIPADDR=10.0.0.2\nPREFIX=24\nIPV6INIT=no\n" % OVS_EXTRA)
    assert found[SCRIPTS + "ifcfg-eth1"] == (
        "DEVICE=eth1\nONBOOT=yes\nNM_CONTROLLED=no\nBOOTPROTO=none\nMTU=1400\nDEVICETYPE=ovs\nTYPE=OVSPort\nHOTPLUG=no\n"
        "OVS_BRIDGE=br1\nOVS_EXTRA=\"set Interface eth1 external-ids:owner=vzhooks\"\n")
    assert made("interfaces", OVS, now)[OURS] == """
allow-br1 eth1
iface eth1 inet manual
    ovs_bridge br1
    ovs_type OVSPort
    ovs_extra set Interface eth1 external-ids:owner=vzhooks

auto br1
iface br1 inet manual
    ovs_type OVSBridge
    ovs_ports eth1
    ovs_extra %s
    pre-up ip link set dev eth1 mtu 1400
    up ip link set dev br1 up
    up ip address replace 10.0.0.2/24 brd + dev br1
""" % OVS_EXTRA


def test_a_port_keeps_what_it_is_and_the_bridge_gets_what_belongs_to_the_addresses(now):
    there(now, SCRIPTS + "ifcfg-eth0", "# comment\nDEVICE=\"eth0\"\nexport TYPE=Ethernet\r\nHWADDR=00:11:22:33:44:55 # x\n"
          "UUID='a b'\nIPADDR=192.168.1.142\nIPADDR2=1.2.3.4\nNETMASK2=255.0.0.0\nGATEWAY=192.168.1.3\nDNS1=9.9.9.9\n"
          "DOMAIN=example.org\nZONE=public\nIPV6_AUTOCONF=yes\nIPV4_FAILURE_FATAL=no\nETHTOOL_OPTS=\"speed 100\"\n"
          "BOOTPROTO=dhcp\nONBOOT=no\nMASTERS=\"two\nrows\"\nDHCP_HOSTNAME=x\n")
    found = made("ifcfg", SCENARIO2, now)
    assert found[SCRIPTS + "ifcfg-eth0"].partition("BRIDGE=vmbr0\n")[2] == (
        "export TYPE=Ethernet\nHWADDR=00:11:22:33:44:55 # x\nUUID='a b'\nETHTOOL_OPTS=\"speed 100\"\n")
    assert "DELAY=0\nDNS1=9.9.9.9\nDOMAIN=example.org\nZONE=public\nNOZEROCONF" in found[SCRIPTS + "ifcfg-vmbr0"]
    for path, text in found.items():
        there(now, path, HEADER + text)
    assert made("ifcfg", SCENARIO2, now) == found  # what we carried over is carried on


def test_a_shell_reads_every_ifcfg_file_as_it_is_meant(now):
    for path, text in made("ifcfg", SCENARIO2 + OVS.replace("eth1", "eth2"), now).items():
        if "/ifcfg-" in path:
            there(now, path, text)
            keys = [row.partition("=")[0] for row in text.splitlines()]
            run = subprocess.run(["sh", "-euc", '. "$0"; for key; do eval "echo \\"\\$$key\\""; done', now.real(path)] + keys,
                                 stdout=subprocess.PIPE, check=True)
            assert run.stdout.decode().splitlines() == [row.partition("=")[2].strip('"') for row in text.splitlines()]


def test_assignments():
    assert assignments("A=1\n B='x y' # c\nexport C=3\nD = 4\nE\n=5\nF=1 G=2\nH='1\n2'\nA=2\n") == {
        "A": "A=2", "B": "B='x y' # c", "C": "export C=3"}


# /etc/network/interfaces


def test_stanzas_of_ports_and_bridges_go_wherever_ifupdown_reads_them(now):
    there(now, interfaces.MAIN, "source interfaces.d/*\nsource-directory other\n" + LO +
          "auto eth0 eth0:1 eth9\nallow-hotplug eth0\niface eth0:1 inet static\n  address 10.1.1.1/24\n# kept\n"
          "iface eth9 inet dhcp\n  up ip rule add from 1.2.3.4 table 9\n")
    there(now, "etc/network/interfaces.d/50-cloud", "iface eth0 inet dhcp\n  dns-nameservers 9.9.9.9 \\\n  8.8.8.8\n"
          "mapping eth0\n  script x\niface vmbr0 inet static\n  address 1.2.3.4/24\n  dns-search example.org\n")
    there(now, "etc/network/other/x", "iface eth9 inet6 auto\n")
    there(now, "etc/network/not-read", "iface eth0 inet dhcp\n")
    found = made("interfaces", SCENARIO2, now)
    assert sorted(found) == ["etc/iproute2/rt_tables.d/vzhooks.conf", interfaces.MAIN,
                             "etc/network/interfaces.d/50-cloud", OURS]
    assert found[interfaces.MAIN] == (
        "source interfaces.d/*\nsource-directory other\n" + LO +
        "#vzhooks# auto eth0 eth0:1 eth9\n" + NEXT + "auto eth9\n#vzhooks# allow-hotplug eth0\n"
        "#vzhooks# iface eth0:1 inet static\n#vzhooks#   address 10.1.1.1/24\n# kept\n"
        "iface eth9 inet dhcp\n  up ip rule add from 1.2.3.4 table 9\n")
    assert found["etc/network/interfaces.d/50-cloud"] == (
        "#vzhooks# iface eth0 inet dhcp\n#vzhooks#   dns-nameservers 9.9.9.9 \\\n#vzhooks#   8.8.8.8\n"
        "mapping eth0\n  script x\n#vzhooks# iface vmbr0 inet static\n#vzhooks#   address 1.2.3.4/24\n"
        "#vzhooks#   dns-search example.org\n")
    assert "    dns-search example.org\n    dns-nameservers 9.9.9.9 8.8.8.8\n" in found[OURS]
    before = {path: now.text(path) for path in (interfaces.MAIN, "etc/network/interfaces.d/50-cloud")}
    for path, text in found.items():
        there(now, path, text)
    assert made("interfaces", SCENARIO2, now) == found
    assert {path: interfaces.unmarked(now.text(path)) for path in before} == before


def test_a_bond_stays_one(now):
    there(now, interfaces.MAIN, LO + "auto eth0\niface eth0 inet static\n address 1.2.3.4/24\n bond-slaves a b\n")
    assert made("interfaces", SCENARIO2, now)[OURS].startswith(
        "\nauto eth0\niface eth0 inet manual\n    bond-slaves a b\n\nauto vmbr0\n")


def test_a_missing_interfaces_file_is_made_and_a_row_without_end_gets_one(now):
    assert made("interfaces", SCENARIO2, now)[interfaces.MAIN] == LO + "source /" + OURS + "\n"
    there(now, interfaces.MAIN, "auto lo")
    assert made("interfaces", SCENARIO2, now)[interfaces.MAIN] == "auto lo\n" + SOURCE


@pytest.mark.parametrize("row", ["source /etc/network/interfaces.d/*", "source interfaces.d/vzhooks",
                                 "source-directory interfaces.d", "source-directory /etc/network/interfaces.d/"])
def test_a_file_that_reads_ours_already_is_left_alone(now, row):
    there(now, interfaces.MAIN, LO + row + "\n")
    assert interfaces.MAIN not in made("interfaces", SCENARIO2, now)


def test_a_network_on_somebody_elses_interface_gets_a_further_stanza(now):
    there(now, interfaces.MAIN, LO + "auto eth5\niface eth5 inet static\n address 10.0.0.2/24\n")
    conf = "[network a]\ncidr = 10.0.0.0/24\ndev = eth5\ngateway = 10.0.0.1\ntable = 5\nrp_filter = 0\n"
    found = made("interfaces", conf, now)
    assert found[OURS].startswith("\niface eth5 inet manual\n    up echo 0 >/proc/sys/net/ipv4/conf/eth5/rp_filter\n"
                                  "    up ip route replace 10.0.0.0/24 dev eth5 table 5 proto 118\n")
    assert "#vzhooks#" not in found[interfaces.MAIN]


def test_single_addresses_are_found_as_they_are_listed(now):
    conf = "[network a]\ncidr = 10.0.0.7/32 2001:db8::7/128\ndev = eth5\ngateway = 10.0.0.7 fe80::1\ntable = 5\n"
    text = made("interfaces", conf, now)[OURS]
    assert "grep -q '^11801:.from 10\\.0\\.0\\.7 iif venet0 ' || ip rule add pref 11801 from 10.0.0.7/32 iif" in text
    assert "grep -q '^11800:.from 2001:db8::7 to 2001:db8::7 iif venet0 '" in text


def test_routed_veths_are_known_by_their_mark_in_all_networks(now):
    conf = SCENARIO2.replace("table = 210\n", "table = 210\ningress = routed\n")
    found = made("ifcfg", conf, now)
    assert found[SCRIPTS + "rule-vmbr0"].splitlines()[0] == (
        "pref 11817 from 192.168.1.0/24 fwmark 0x10000000/0x10000000 lookup 210 protocol 118")
    assert len(found[SCRIPTS + "rule-vmbr0"].splitlines()) == 2
    assert len(found[SCRIPTS + "rule-vmbr1"].splitlines()) == 4


# Names of tables


def test_names_of_tables_stand_behind_the_others_once(now):
    there(now, "etc/iproute2/rt_tables", "254 main")
    found = made("ifcfg", SCENARIO2, now)
    assert found["etc/iproute2/rt_tables"] == (
        "254 main\n# vzhooks: begin\n210\tinternal\n200\texternal\n# vzhooks: end\n")
    assert "etc/iproute2/rt_tables.d/vzhooks.conf" not in found
    there(now, "etc/iproute2/rt_tables", found["etc/iproute2/rt_tables"] + "7 mine\n")
    assert made("ifcfg", SCENARIO2.replace("210", "211"), now)["etc/iproute2/rt_tables"] == (
        "254 main\n7 mine\n# vzhooks: begin\n211\tinternal\n200\texternal\n# vzhooks: end\n")


def test_names_and_numbers_of_others_stay_theirs(now):
    there(now, "etc/iproute2/rt_tables", "210 somebodys # external\n99 external\n")
    assert "etc/iproute2/rt_tables" not in made("ifcfg", SCENARIO2, now)
    os.mkdir(now.real("etc/iproute2/rt_tables.d"))
    assert "etc/iproute2/rt_tables.d/vzhooks.conf" not in made("ifcfg", SCENARIO2, now)


# What cannot be exported


@pytest.mark.parametrize("name", ["a$(id)", "a|b", "a&", "br0>x", "a!b", "all", "none", "regex"])
def test_names_that_a_shell_would_not_leave_alone_are_refused(now, name):
    for conf in ("[bridge %s]\nports = eth0\n" % name, "[bridge br0]\nports = %s\n" % name,
                 "[network a]\ncidr = 10.0.0.0/24\ndev = %s\ngateway = 10.0.0.1\ntable = 5\n" % name,
                 "[network a]\ncidr = 10.0.0.0/24\ndev = eth0\ngateway = 10.0.0.1\ntable = 5\ningress = %s\n" % name):
        with pytest.raises(ConfigError) as caught:
            made("ifcfg", conf, now)
        assert str(caught.value) == ("F:1: interface %s; for an export a name of letters, digits, '.', '_' and '-' is wanted"
                                     % name)


def test_nothing_is_exported_of_a_file_with_mistakes_or_without_a_mac(now):
    with pytest.raises(ConfigError) as caught:
        export.files("ifcfg", nodeconf.read("F", "[bridge br0]\nmtu = x\n"), {}, now, True)
    assert str(caught.value).startswith("F:2: mtu = x; ")
    with pytest.raises(ConfigError) as caught:
        export.files("ifcfg", nodeconf.read("F", "[bridge br0]\nports = eth7\n"), {"br0": ""}, now, True)
    assert str(caught.value) == ("F:2: no MAC of br0's first port is known; a port that is there, or 'mac = ...', "
                                 "is wanted")


def test_an_empty_place_starts_from_this_nodes_files(root, put, tmp_path):
    put("/etc/network/interfaces", LO)
    assert export.tree("").text(interfaces.MAIN) == LO
    assert export.tree(str(tmp_path / "not-there")).text(interfaces.MAIN) == LO
    (tmp_path / "image" / "etc").mkdir(parents=True)
    assert export.tree(str(tmp_path / "image")).text(interfaces.MAIN) is None
