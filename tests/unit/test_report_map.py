"""`vzhook map`: the drawing and the tree, with names that want to be something else."""
import os
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.reports import DOCS, LOST, NODE, SMALL, container, many, port
from vzhooks import process
from vzhooks.report import gather, output, picture, status, topology, tree
from vzhooks.report.known import Drift
from vzhooks.report.table import Style

ASCII, UNICODE = Style(0, False, False), Style(0, False, True)
HOSTILE = ["<IMG SRC=\"/etc/passwd\"/>", "</TD></TR>", "\"]; n9 [label=\"x", "a\\N\\G\\", "&lt;&#1;&bogus;", "\x1b[31m\x00\r\n", "--", "]]>",
           "<script>alert(1)</script>", "\udcff\ufffe", "x" * 300, "<!-- ", "%s%d"]


def drawn(report):
    return picture.dot(topology.topology(report))


def svg(report, path):
    output.draw(str(path), "svg", drawn(report))
    return [(element.text or "") for element in ElementTree.parse(str(path)).iter() if element.tag.endswith("}text")]


PLAIN = drawn(SMALL._replace(containers=(container("101", "x", port("v", "br0")),)))


@settings(max_examples=40)
@given(st.text(min_size=1, max_size=60) | st.sampled_from(HOSTILE))
def test_a_name_is_text_wherever_it_stands(name):
    report = SMALL._replace(containers=(container("101", name, port("v", "br0")),))
    named = drawn(report)
    assert [named.count(mark) - PLAIN.count(mark) for mark in "<>\"\n"] == [0, 0, 0, 0]  # of what the language is made
    assert named.replace("\\\\", "").count("\\") == 0 and named.replace("\n", "").isprintable()
    rows = tree.lines(topology.topology(report), ASCII)
    assert all(" " <= char <= "~" for row in rows for char in row)


@pytest.mark.needs("dot")
def test_graphviz_draws_hostile_names_as_they_are(tmp_path):
    containers = tuple(container(str(101 + number), name, port("v%d" % number, "br0", "10.0.0.%d" % number))
                       for number, name in enumerate(HOSTILE))
    for report in (SMALL._replace(containers=containers), SMALL._replace(containers=containers * 2)):  # boxes, and a table
        texts = " ".join(svg(report, tmp_path / "map.svg"))
        for name in HOSTILE[:5] + HOSTILE[6:9] + ["\\x1b[31m\\x00\\r\\n", "\\udcff\\ufffe", "x" * 21 + "..."]:
            short = name if len(name) <= topology.LONGEST else name[:topology.LONGEST - 3] + "..."
            assert short in texts
    assert not (tmp_path / "map.svg.new").exists()


@pytest.mark.needs("dot")
def test_everything_is_in_the_picture(tmp_path):
    texts = svg(SMALL, tmp_path / "map.svg")
    for wanted in ["hn1: 7 containers, 2 differences, checked 2m ago", "br0", "eth0", "85.86.87.193", "VXLAN, VNI 42", "node 10.1.2.4",
                   "no answer", "table 210 internal", "CT 102 mail", "192.168.223.102/24", "announced: standby", "unmanaged",
                   "203.0.113.10 \u21c4 192.168.223.104", "2001:db8:1::101/64", "veth102.1", "main table"]:
        assert wanted in texts
    assert "CT 102 mail" not in svg(gather.of_container(SMALL, "104"), tmp_path / "map.svg")


@pytest.mark.needs("dot")
def test_many_containers_are_one_table_a_bridge(tmp_path):
    report = many(300)
    texts = svg(report, tmp_path / "map.svg")
    assert [one.veid for one in report.containers if one.veid not in texts] == []
    assert "200 ports" in texts and len([row for row in drawn(report).splitlines() if row.startswith("n")]) < 30


@pytest.mark.parametrize("name, report", [("map.svg", SMALL), ("map-30.svg", many(30))])
def test_the_pictures_of_the_docs_are_of_today(name, report):
    """What graphviz makes of it differs between its versions; the texts do not."""
    texts = {element.text for element in ElementTree.parse(os.path.join(DOCS, name)).iter() if element.text}
    found = topology.topology(report)
    wanted = [text for group in found.groups for text in (group.name,) + group.about]
    wanted += [address for group in found.groups for member in group.members for address in member.addresses]
    assert [text for text in wanted if text not in texts] == []


def test_only_what_a_container_is_connected_to():
    seen = topology.topology(gather.of_container(SMALL, "102"))
    assert [(group.name, len(group.members)) for group in seen.groups] == [("br0", 1), ("br1", 1)]
    assert [over.name for group in seen.groups for over in group.overlays] == ["br1"] and seen.tables == ()
    venet = topology.topology(gather.of_container(SMALL, "139"))
    assert [table.title for table in venet.tables] == ["table 210 internal"]
    assert [group.name for group in venet.groups] == ["br0", "venet0"] and venet.groups[0].members == ()  # br0: its way out


TREE = """\
hn1: 7 containers, 2 differences, checked 2m ago
|- br0  linux bridge, MTU 1500  10.0.0.2/24  uplink, table 1181, floating: 1
|  |- port eth0
|  |- gateway 85.86.87.193
|  |- CT 101 web  veth101.0  85.86.87.195/26  2001:db8:1::101/64
|  |- CT 102 mail  veth102.0  85.86.87.196/26  DRIFT: missing: host ip route add 85.86.87.196 dev br0 proto 118
|  `- CT 105 old  stopped  veth105.0  85.86.87.199/26
|- br1  linux bridge, MTU 1450  192.168.223.3/24
|  |- overlay VNI 42, static, from 10.1.1.3
|  |  |- node 10.1.2.4: answers
|  |  `- node 10.1.3.5: no answer
|  |- CT 102 mail  veth102.1  192.168.223.102/24  DRIFT: missing: host ip route add 85.86.87.196 dev br0 proto 118
|  |- CT 103 database  veth103.0  192.168.223.103/24  announced: standby
|  `- CT 104 shop  veth104.0  192.168.223.104/24
|     `- 203.0.113.10 -> 192.168.223.104
|- venet0  venet containers
|  |- main table by br0
|  |- CT 138 venet  venet0  200.200.100.12/23  192.168.1.100/24
|  `- CT 139 foreign  unmanaged  venet0  192.168.1.101/24
|- eth1
|  `- gateway 192.168.1.3
|- eth2
|  `- gateway 200.200.100.30
|- table 210 internal: from venet0 192.168.1.0/24  default via 192.168.1.3 by eth1  DRIFT: missing: node ip rule add pref 11817 from 192.168.1.0/24 iif venet0 lookup 210
|- table 200 external: from venet0 200.200.100.0/23  default via 200.200.100.30 by eth2
`- DRIFT: missing: node ip rule add pref 11817 from 192.168.1.0/24 iif venet0 lookup 210
"""


def test_the_tree():
    seen = topology.topology(SMALL)
    assert "\n".join(tree.lines(seen, ASCII)) + "\n" == TREE
    lines = tree.lines(seen, UNICODE)
    assert lines[3] == "\u2502  \u251c\u2500 gateway 85.86.87.193" and len(lines) == TREE.count("\n")
    assert "\033[31mDRIFT" in "\n".join(tree.lines(seen, ASCII._replace(coloured=True)))


def test_what_has_no_form_in_ascii_is_written_out():
    odd = topology.topology(SMALL._replace(node=NODE._replace(name="kn\u00f6del"), drift=Drift(["conf:1: \u00e9; x"], 1.0)))
    assert [row for row in tree.lines(odd, ASCII) if not all(" " <= char <= "~" for char in row)] == []
    assert tree.lines(odd, UNICODE)[-1].endswith("DRIFT: conf:1: \u00e9; x")
    assert status.summary(SMALL._replace(drift=Drift(["\u00e9\n"], 1.0)), ASCII)[-1] == "  node: \\xe9\\n"


@settings(max_examples=20)
@given(st.integers(0, 60), st.booleans())
def test_any_number_of_containers_is_drawn(count, drifts):
    report = many(count)
    if drifts:
        report = report._replace(drift=LOST, node=NODE._replace(bridges=()))
    text = drawn(report)
    assert text.count("<TABLE") == text.count("</TABLE>") and text.count("<TR>") == text.count("</TR>")
    assert text.count("{") == text.count("}") == 2


def test_without_graphviz_the_tree_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(process.paths, "PATH", str(tmp_path))
    with pytest.raises(process.Expected, match="install graphviz; '-o FILE.txt' writes a tree without it"):
        output.draw(str(tmp_path / "map.svg"), "svg", drawn(SMALL))
    assert not (tmp_path / "map.svg").exists()


@pytest.mark.needs("dot")
def test_a_failure_of_graphviz_leaves_the_old_picture(tmp_path):
    path = tmp_path / "-map.svg"
    path.write_text("old")
    with pytest.raises(process.Expected, match="dot: .*syntax error"):
        output.draw(str(path), "svg", "graph {")
    assert path.read_text() == "old" and not (tmp_path / "-map.svg.new").exists()
