"""Tables that fit a terminal."""
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.reports import NODE, SMALL, container, many, port
from vzhooks.report import status
from vzhooks.report.known import Drift, Start
from vzhooks.report.table import Cell, Column, Style, cell, table, wrap

PLAIN = Style(80, False, False)
WORDS = st.lists(st.text("abc.:/0", min_size=1, max_size=30), max_size=12)


@given(WORDS, st.integers(5, 60), st.integers(1, 4))
def test_every_word_is_there_or_counted(words, width, most):
    lines = wrap(words, width, "~", most)
    assert len(lines) <= most and all(len(line) <= width for line in lines)
    shown = " ".join(lines).split()
    count = int(shown.pop()[1:]) if shown and shown[-1].startswith("+") else 0
    assert len(shown) + count == len(words)
    assert [word for word in shown if not word.endswith("~")] == [
        word for word, short in zip(words, shown) if not short.endswith("~")]


@settings(max_examples=40)
@given(st.lists(st.tuples(WORDS, WORDS, WORDS), min_size=1, max_size=5), st.integers(20, 200))
def test_a_table_is_never_broader_than_its_width(rows, width):
    columns = [Column("FIRST", "ONE", 6), Column("SECOND", "TWO", 6), Column("THIRD", "3", 5)]
    rows = [[cell("x")] + [Cell(tuple(words)) for words in row] for row in rows]
    for row in table([Column("X", "X")] + columns, rows, Style(width, False, False)):
        assert len(row) <= width or row.startswith("(no room for")


def test_columns_without_anything_are_left_out_and_those_without_room_named():
    columns = [Column("CT", "CT"), Column("NEVER", "NEVER"), Column("ADDRESSES", "ADDRESSES", 9), Column("LAST", "LAST")]
    rows = [[cell("101"), cell(""), Cell(("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5")), cell("value")],
            [cell("102"), cell(0), Cell(()), cell("x")]]
    assert table(columns, rows, Style(19, False, False)) == [
        "CT  ADDRESSES LAST", "101 10.0.0.1  value", "    10.0.0.2", "    +3", "102 -         x"]
    assert table(columns, rows, Style(14, False, False)) == [
        "CT   ADDRESSES", "101  10.0.0.1", "     10.0.0.2", "     +3", "102  -", "(no room for: last)"]
    assert table(columns, rows, Style(80, False, False))[1:] == [
        "101  10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5  value", "102  -                                             x"]


WIDE = """\
CT   STATE      DEVICE     BRIDGE  ADDRESSES                           FLOATING      LAST START  DRIFT  ANTISPOOF  ANNOUNCED
101  running    veth101.0  br0     85.86.87.195/26 2001:db8:1::101/64  -             3h 45ms     ok 2m  yes        yes
102  running    veth102.0  br0     85.86.87.196/26                     -             3h 45ms     1 2m   yes        yes
102  running    veth102.1  br1     192.168.223.102/24                  -             -           -      yes        yes
103  running    veth103.0  br1     192.168.223.103/24                  -             3h 45ms     ok 2m  yes        standby
104  running    veth104.0  br1     192.168.223.104/24                  203.0.113.10  3h 45ms     ok 2m  yes        yes
105  stopped    veth105.0  br0     85.86.87.199/26                     -             -           -      yes        yes
138  running    venet0     venet0  200.200.100.12/23 192.168.1.100/24  -             -           ok 2m  -          yes
139  unmanaged  venet0     venet0  192.168.1.101/24                    -             -           -      -          yes
"""
NARROW = """\
CT  STATE     DEVICE    BRIDGE ADDRESSES            START   DRIFT FILTER ANNOUN
101 running   veth101.0 br0    85.86.87.195/26      3h 45ms ok 2m yes    yes
                               2001:db8:1::101/64
102 running   veth102.0 br0    85.86.87.196/26      3h 45ms 1 2m  yes    yes
102 running   veth102.1 br1    192.168.223.102/24   -       -     yes    yes
103 running   veth103.0 br1    192.168.223.103/24   3h 45ms ok 2m yes    standby
104 running   veth104.0 br1    192.168.223.104/24   3h 45ms ok 2m yes    yes
                               <-203.0.113.10
"""


def test_status_at_80_and_at_200_columns():
    assert "\n".join(status.containers(SMALL.containers, Style(200, False, False))) + "\n" == WIDE
    assert "\n".join(status.containers(SMALL.containers, PLAIN)[:8]) + "\n" == NARROW
    assert status.lines(SMALL, PLAIN)[-4:] == [
        "announced: ospf by frr, area 0.0.0.0", "containers: 7 (5 running, 1 stopped, 1 unmanaged)",
        "drift: 1 in 1 container, 1 of the node; checked 2m ago",
        "  node: missing: node ip rule add pref 11817 from 192.168.1.0/24 iif venet0 lookup 210"]


@pytest.mark.parametrize("width", [80, 120, 200])
@pytest.mark.parametrize("unicode", [True, False])
def test_no_row_of_a_table_is_broader_than_the_terminal(width, unicode):
    uuid = container("b1c2d3e4-0000-4111-8222-333344445555", "", port(
        "vif-h63jg7pp01", "a-long-bridge15", *("2001:db8:1:2:3:4:5:%x/64" % number for number in range(20))))
    style = Style(width, False, unicode)
    for row in status.containers(SMALL.containers + (uuid,) + many(40).containers, style) + status.node(NODE, style):
        assert len(row) <= width
        assert unicode or all(" " <= char <= "~" for char in row)


def test_colours_change_nothing_but_the_colour():
    plain, painted = status.lines(SMALL, PLAIN), status.lines(SMALL, PLAIN._replace(coloured=True))
    assert [re.sub("\033\\[\\d*m", "", row).rstrip() for row in painted] == plain
    assert "\033[31m" in painted[3] and "\033[31m" not in painted[1]


@pytest.mark.parametrize("seconds, said", [(0, "0s"), (59.9, "59s"), (60, "1m"), (7199, "1h"), (86400 * 40, "40d")])
def test_ages(seconds, said):
    assert status.age(seconds) == said


def test_what_was_never_checked_and_what_is_wrong_are_said():
    one = container("101", "", port("veth101.0", "br0"), drift=None, mistakes=2)
    report = SMALL._replace(containers=(one,), drift=None, mistakes=("F:1: a; b",))
    assert status.summary(report, PLAIN)[1:] == [
        "drift: never checked; 'vzhook status --check' looks now",
        "mistakes in the conf of the node, CT 101; 'vzhook lint' shows them"]
    assert status.containers([], PLAIN) == ["no containers"]
    failed = container("101", "", port("v", "br0"), start=Start(5, 3.25, "failed"), drift=Drift([], 1))
    assert "5s 3.2s" in status.containers([failed], PLAIN)[1]
    assert "\033[31m5s 3.2s" in status.containers([failed], PLAIN._replace(coloured=True))[1]
