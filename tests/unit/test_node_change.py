"""From what the node has to what it should have, and back: only what differs, nothing gone before its successor is there."""
import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.fakenode import FakeNode
from tests.unit.test_plan import parts
from vzhooks import apply, plan, store
from vzhooks.node import change, confirm, journal, planner
from vzhooks.node.change import Change, make_sure

BR0 = "[bridge br0]\nports = eth0\naddress = 10.0.0.2/24\ngateway = 10.0.0.1\n"
NETWORK = "[network internal]\ncidr = 192.168.1.0/24\ndev = eth1\ngateway = 192.168.1.3\ntable = 210\n"


@pytest.fixture
def node(tmp_path, monkeypatch):
    made = FakeNode(tmp_path / "node", monkeypatch)
    made.link("eth0", mac="02:00:0a:00:00:02")
    made.link("eth1", mac="02:00:0a:00:00:03")
    made.ip("address add 10.0.0.2/24 dev eth0", "route add default via 10.0.0.1 dev eth0 proto static")
    return made


@pytest.fixture
def up(put, node):
    """up(INI): make it so; return what was written."""
    def make(ini, said=None):
        put("/etc/vz/vzhooks.conf", ini)
        node.written = []
        with journal.lock():
            Change(planner.node_plan(planner.conf()).lines, (said if said is not None else []).append).run()
        return node.written
    return make


def down(node, said=None):
    node.written = []
    with journal.lock():
        Change([], (said if said is not None else []).append).run()
    return node.written


@pytest.mark.parametrize("ini", [BR0, NETWORK, BR0 + NETWORK, BR0 + NETWORK.replace("eth1", "br0")])
def test_twice_up_and_twice_down(node, up, ini):
    before = node.state()
    assert up(ini) != []
    once, noted = node.state(), parts(journal.read())
    assert (up(ini), node.state(), parts(journal.read())) == ([], once, noted)
    said = []
    assert down(node, said) != []
    assert (node.state(), journal.read(), said) == (before, [], [])
    assert down(node) == [] and node.state() == before


def test_what_is_lacking_is_made_and_nothing_else(node, up):
    up(NETWORK)
    noted = parts(journal.read())
    node.ip("rule del pref 11817 from 192.168.1.0/24 iif venet0 lookup 210")
    assert up(NETWORK) == ["rule add pref 11817 from 192.168.1.0/24 iif venet0 lookup 210 protocol 118"]
    assert parts(journal.read()) == noted


def test_what_was_there_before_us_is_not_ours(node, up):
    node.ip("route add default via 192.168.1.3 dev eth1 table 210 proto 118",
            "rule add pref 11817 from 192.168.1.0/24 iif venet0 lookup 210")
    before = node.state()
    assert len(up(NETWORK)) == 2
    assert [line.command.split()[1] for line in journal.read()] == ["route", "rule"]
    down(node)
    assert node.state() == before


def test_an_edited_network_changes_only_its_own_lines_and_the_new_ones_come_first(node, up):
    both = NETWORK + NETWORK.replace("internal", "other").replace("192.168.1", "10.5.0").replace("210", "211")
    up(both)
    written = up(both.replace("table = 211", "table = 212"))
    assert [row.split()[1] for row in written] == ["replace", "replace", "add", "del", "del", "del"]
    assert [row for row in written if "210" in row or "192.168.1" in row] == []
    assert up(NETWORK) != []
    assert sorted(node.rules[4]) == sorted([
        "0:\tfrom all lookup local", "32766:\tfrom all lookup main", "32767:\tfrom all lookup default",
        "11816:\tfrom 192.168.1.0/24 to 192.168.1.0/24 iif venet0 [detached] lookup main proto 118",
        "11817:\tfrom 192.168.1.0/24 iif venet0 [detached] lookup 210 proto 118"])


def test_the_address_is_on_the_bridge_before_it_leaves_the_port(node, up):
    written = up(BR0)
    order = [written.index(row) for row in (
        "address add 10.0.0.2/24 brd + dev br0", "link set dev eth0 master br0",
        "route replace default via 10.0.0.1 dev br0 proto static", "address del 10.0.0.2/24 dev eth0")]
    assert order == sorted(order)
    back = down(node)
    order = [back.index(row) for row in (
        "address add 10.0.0.2/24 brd + dev eth0", "route replace default via 10.0.0.1 dev eth0 proto static",
        "link set dev eth0 nomaster", "address del 10.0.0.2/24 dev br0", "link del dev br0 type bridge")]
    assert order == sorted(order)


@pytest.mark.parametrize("part", ["link set dev eth0 master", "address add", "route replace", "address del 10.0.0.2/24 dev eth0",
                                  "link set dev br0 alias"])
def test_a_failure_leaves_all_as_it_was_and_names_the_conf_line(node, up, root, part):
    before = node.state()
    node.refused = {part: "Device or resource busy"}
    with pytest.raises(apply.Failed) as caught:
        up(BR0)
    assert "RTNETLINK answers: Device or resource busy (from %s/etc/vz/vzhooks.conf:" % root in str(caught.value)
    node.refused = {}
    assert (node.state(), journal.read()) == (before, [])


def test_a_line_that_could_not_be_done_again_is_noted_once(node, up):
    """What is noted while the change runs is what a killed one leaves for the next."""
    up(NETWORK)
    noted = parts(journal.read())
    node.ip("rule del pref 11817 from 192.168.1.0/24 iif venet0 lookup 210")
    node.refused = {"rule add": "Killed"}
    seen = []
    write = journal.write
    journal.write = lambda lines: (seen.append(parts(lines)), write(lines))
    try:
        with pytest.raises(apply.Failed):
            up(NETWORK)
    finally:
        journal.write = write
    assert seen == [noted, noted]


def test_a_change_goes_back_and_down_still_finds_its_way(node, up, put):
    """The journal's order is the way back: an address must be there before the route over it."""
    before = node.state()
    up(BR0)
    with_bridge, noted = node.state(), parts(journal.read())
    put("/etc/vz/vzhooks.conf", BR0.replace("10.0.0.2", "10.0.0.3") + NETWORK)
    said = []
    with journal.lock():
        made = Change(planner.node_plan(planner.conf()).lines, said.append)
        made.run()
    theirs = plan.parse("node ip rule add pref 5 from 10.9.0.1 lookup 9\nundo ip rule del pref 5 from 10.9.0.1 lookup 9", "F")
    make_sure(theirs, said.append)  # of a container that starts meanwhile
    with journal.lock():
        change.restore(said.append, made.gone, made.new, made.before)
        assert parts(journal.read()) == noted + parts(theirs)
    node.rules[4].remove("5:\tfrom 10.9.0.1 lookup 9")
    assert (node.state(), said) == (with_bridge, [])
    assert down(node, said) != []
    assert (node.state(), said) == (before, [])


def test_what_could_not_be_undone_is_tried_again(node, up):
    node.others = {"iptables -w -t mangle -S VZHOOKS-INGRESS": (1, "")}  # all else is there
    up(NETWORK + "ingress = routed\n[floating]\nbackend = iptables\n")
    node.others = {"iptables -w -t mangle -X VZHOOKS-INGRESS": (1, "")}
    said = []
    down(node, said)
    assert said == ["undo: node  iptables -w -t mangle -X VZHOOKS-INGRESS: exit code 1"]
    assert [line.command for line in journal.read()] == ["iptables -w -t mangle -N VZHOOKS-INGRESS"]


# Before a container starts

def test_a_container_s_need_is_read_once_and_written_only_where_it_lacks(node, put):
    put("/etc/vz/vzhooks.conf", NETWORK)
    lines = planner.node_plan(planner.conf()).lines
    node.asked, node.written = [], []
    make_sure(lines + plan.parse("host ip link set dev eth0 down\nct ip x\n", "F"), print)
    assert len(node.written) == 4
    node.asked, node.written = [], []
    make_sure(lines, print)
    assert node.written == [] and node.asked.count("rule show") == 2  # one batch; each listing ends with the rules


def test_what_is_there_needs_no_lock(node, put, monkeypatch):
    put("/etc/vz/vzhooks.conf", NETWORK)
    lines = planner.node_plan(planner.conf()).lines
    make_sure(lines, print)
    monkeypatch.setattr(store, "LOCK_TIMEOUT", 0.0)
    with journal.lock():
        make_sure(lines, print)


def test_a_container_s_need_leaves_what_others_need(node, up, put):
    up(BR0 + NETWORK)
    noted = [line.key for line in journal.read()]
    put("/etc/vz/vzhooks.conf", NETWORK.replace("internal", "other").replace("192.168.1", "10.5.0").replace("210", "211"))
    lines = planner.node_plan(planner.conf()).lines
    make_sure(lines, print)
    assert sorted(line.key for line in journal.read()) == sorted(noted + [line.key for line in lines])
    with pytest.raises(apply.Failed):
        node.refused = {"rule add": "No"}
        make_sure(plan.parse("node ip rule add pref 1 from 10.0.0.1 lookup 5", "F"), print)
    assert len(journal.read()) == len(noted + lines)


def test_a_change_that_waits_holds_up_the_next(node, up):
    with journal.lock():
        made = Change([], print)
        made.refuse_waiting()
        journal.wait(journal.Pending([], [], "1 2", 3.0))
        with pytest.raises(change.Waiting) as caught:
            made.refuse_waiting()
    assert "'vzhook node confirm'" in str(caught.value)


# Any plan after any other

def rules_of(numbers):
    rows = ["node  ip rule add pref %d from 10.%d.0.0/16 lookup %d\nundo  ip rule del pref %d from 10.%d.0.0/16 lookup %d\n"
            % (11800 + n, n, 100 + n, 11800 + n, n, 100 + n) for n in numbers]
    return plan.parse("".join(rows), "F")


numbers = st.lists(st.integers(0, 5), unique=True)


@given(first=numbers, second=numbers, lost=st.sets(st.integers(0, 5)), foreign=st.sets(st.integers(0, 5)))
def test_any_plan_after_any_other(root, node, first, second, lost, foreign):
    """Drift and rules that others have made the same: what was there before us stays, all else goes with `down`."""
    row = "pref %d from 10.%d.0.0/16 lookup %d"
    for n in foreign:
        node.ip("rule add " + row % (11800 + n, n, 100 + n))
    before = node.state()
    with journal.lock():
        Change(rules_of(first), print).run()
        for n in lost & set(first) - foreign:
            node.ip("rule del " + row % (11800 + n, n, 100 + n))
        node.written = []
        made = Change(rules_of(second), print)
        made.run()
        kinds = [text.split()[1] for text in node.written]
        assert kinds == sorted(kinds)  # every add before every del
        assert {int(text.split(":")[0]) - 11800 for text in node.rules[4] if text.startswith("118")} == set(second) | foreign
        assert [line.key for line in journal.read()] == [line.key for line in rules_of(second)
                                                         if int(line.command.split()[4]) - 11800 not in foreign]
        assert Change(rules_of(second), print).empty
        Change([], print).run()
        assert node.state() == before
        for n in foreign:
            node.ip("rule del " + row % (11800 + n, n, 100 + n))


def test_a_change_that_only_takes_away_is_confirmed_too_and_without_one_nothing_is_noted(root):
    said = []
    with journal.lock():
        assert not confirm.confirm(said.append)
        journal.wait(journal.Pending([plan.Line("node", "ip link set dev br0 up")], [], "1 1", time.monotonic() + 60, []))
        assert confirm.confirm(said.append) and journal.pending() is None
    assert said == [] and not os.path.exists(root + "/var/lib/vzhooks")
