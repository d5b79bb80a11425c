"""/etc/vz/vzhooks.conf."""
import os
import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vzhooks import floating, nodeconf
from vzhooks.node import bridge, network, overlay
from vzhooks.routing import settings as announce

SHIPPED = os.path.join(os.path.dirname(__file__), "..", "..", "etc", "vz", "vzhooks.conf")


def read(text):
    found = nodeconf.read("F", text)
    return found, [str(one) for one in found.mistakes]


@pytest.mark.parametrize("text, wanted", [
    ("", (30.0, "fail")), ("[node]\n", (30.0, "fail")), ("# x\n; y\n \n", (30.0, "fail")),
    ("[node]\ntimeout = 5\non_error=warn\n", (5.0, "warn")), ("[node]\n\ttimeout=5 # s\n on_error = WARN\t; x\n", (5.0,
                                                                                                                   "warn")),
    ("[ node ]\r\ntimeout = 5\r\n", (5.0, "fail")), ("[node] # x\ntimeout = 5", (5.0, "fail")),
    ("[bridge br0]\ntype = linux\n[node]\ntimeout = 3600\n[overlay a b]\nx=y\n", (3600.0, "fail"))])
def test_settings_are_read(text, wanted):
    found, mistakes = read(text)
    assert (mistakes, (found.timeout, found.on_error)) == ([], wanted)


@pytest.mark.parametrize("text, wanted", [
    ("[node]\ntimeout = 0\n", "F:2: timeout = 0; a number from 1 to 3600 is wanted"),
    ("[node]\n\ntimeout = ٣\n", "F:3: timeout = ٣; a number from 1 to 3600 is wanted"),
    ("[node]\non_error = ignore\n", "F:2: on_error = ignore; fail or warn is wanted"),
    ("[node]\non_error =\n", "F:2: on_error = ; fail or warn is wanted"),
    ("[node]\ntimeout\n", "F:2: 'timeout'; key = value is wanted"),
    ("[node]\n= 5\n", "F:2: '= 5'; key = value is wanted"),
    ("timeout = 5\n", "F:1: 'timeout = 5' before any section; [node] or another is wanted"),
    ("[node\ntimeout = 5\n", "F:1: '[node'; [SECTION] or [SECTION NAME] is wanted"),
    ("[]\n", "F:1: '[]'; [SECTION] or [SECTION NAME] is wanted"),
    ("[node]\n[node]\n", "F:2: section [node] a second time; one section is wanted"),
    ("[node]\ntimeout = 5\ntimeout = 6\n", "F:3: 'timeout' a second time; one is wanted"),
])
def test_a_mistake_names_its_line(text, wanted):
    found, mistakes = read(text)
    assert mistakes == [wanted] and found.on_error == "fail"


def test_an_unknown_setting_names_the_known_ones():
    _, mistakes = read("[node]\ntimeuot = 5\n")
    assert mistakes == ["F:2: timeuot = 5; one of %s is wanted" % ", ".join(sorted(nodeconf.SETTINGS))]


def test_an_unknown_section_is_a_mistake_at_its_own_line():
    assert read("\n[nodes]\n\ntimeout = 5\n")[1] == [
        "F:2: section [nodes]; [node], [bridge NAME], [overlay NAME], [network NAME], [floating], [announce] is wanted"]


def test_all_mistakes_come_at_once():
    assert [one.split(":")[1] for one in read("x\n[node]\ny\ntimeout = z\n[a\n")[1]] == ["1", "3", "5", "4"]


def test_the_shipped_file_is_right_and_has_every_setting_with_its_default(put):
    with open(SHIPPED, encoding="utf-8") as file:
        text = file.read()
    assert read(text) == (nodeconf.NodeConf(antispoof="yes"), [])
    uncommented = re.sub(r"(?m)^#(?! |$)", "", text)
    key = put("/key", "secret", 0o600)
    found, mistakes = read(uncommented.replace("/usr/sbin/vznetaddbr", sys.executable).replace("/etc/vz/announce.key", key))
    assert (mistakes, found.node_mistakes, found.else_script) == ([], (), sys.executable)
    assert found._replace(else_script="", bridges=(), overlays=(), networks=(), floating=floating.Settings(),
                          announce=announce.Announce()) == nodeconf.NodeConf(
        antispoof="yes")
    of_ospf = {key: check for key, check in announce.SETTINGS.items() if key not in announce.OF_BGP}
    of_static = {key: check for key, check in overlay.SETTINGS.items() if key not in overlay.OF_EVPN}
    for made, settings, example in ((found.announce, of_ospf, ("where", "wheres", "router_id", "exclude", "include", "on_error",
                                                               "auth_key_file", "interfaces", "network", "cost")),
                                    (found.floating, floating.SETTINGS, ("where", "wheres", "uplinks", "snat")),
                                    (found.bridges[0], bridge.SETTINGS, ("name", "where", "wheres", "ports", "address",
                                                                         "gateway", "mtu", "mac")),
                                    (found.overlays[0], of_static, ("name", "where", "wheres", "vni", "peers", "local",
                                                                           "address", "mtu", "mac")),
                                    (found.networks[0], network.SETTINGS, ("name", "where", "wheres", "cidr", "dev", "gateway",
                                                                           "table", "rp_filter"))):
        assert set(settings) == set(made.wheres)
        default = type(made)() if made in (found.floating, found.announce) else type(made)("", "")
        assert [(key, value) for key, value in made._asdict().items() if key not in example] == [
            (key, value) for key, value in default._asdict().items() if key not in example]


def test_every_setting_stands_in_the_shipped_file():
    with open(SHIPPED) as file:
        text = file.read()
    assert [name for name in nodeconf.SETTINGS if "\n#%s = " % name not in text and "\n%s = " % name not in text] == []


@given(text=st.one_of(st.text(), st.lists(st.sampled_from(
    ["[", "]", "node", "\n", " ", "=", "timeout", "5", "#", ";", "on_error", "\r\n", "[node]\n",
     "bridge x"])).map("".join)))
def test_arbitrary_text_gives_settings_or_mistakes_and_no_exception(text):
    found, mistakes = read(text)
    assert 1 <= found.timeout <= 3600 and found.on_error in ("fail", "warn")
    assert all(one.startswith("F:") and one.isprintable() for one in mistakes)
