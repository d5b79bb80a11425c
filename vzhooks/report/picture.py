"""A topology as graphviz' dot draws it.  All text is escaped: names are their containers' owners'."""
import html
import math
import textwrap
from typing import Dict, List, NamedTuple, Sequence, Tuple

from vzhooks.report.containers import RUNNING, STOPPED, UNMANAGED
from vzhooks.report.topology import Device, Group, Member, Table, Topology

SINGLE = 12  # ports, up to which each container is a box of its own
SHAPE = 9.0  # rows for a column, so that a group becomes broader than high
RED, GREY, BLUE = "#c00000", "#808080", "#1f4e9e"
PALE_RED = "#ffd9d9"
FILL = {"bridge": "#dbe8f8", "routing": "#e6e6f7", "table": "#fff3cc", "peer": "#dff0dc", "out": "#eeeeee",
        "container": "#ffffff"}
COLOURS = {RUNNING: "#000000", STOPPED: GREY, UNMANAGED: "#a05a00"}
TROUBLES = 8  # rows of the node's drift; the others are counted
BROAD = 32  # characters
SHOWN = 4  # addresses of a container; the others are counted
HEAD = """graph vzhooks {
graph [rankdir=LR, ordering=out, fontname="Helvetica", fontsize=14, labelloc=t, nodesep=0.15, ranksep=0.5, pad=0.2]
node [shape=plain, fontname="Helvetica", fontsize=11]
edge [color="#606060", fontname="Helvetica", fontsize=9, fontcolor="#606060"]
"""
LEGEND = (("drift or left over", RED), ("stopped", GREY), ("runs without vzhooks", COLOURS[UNMANAGED]),
          ("floating address", BLUE))
OUTSIDE = ("gateway", "peer")  # of the node


class Text(NamedTuple):
    """A line in a label."""

    text: str
    colour: str = ""
    bold: bool = False


def dot(seen: Topology) -> str:
    """The drawing in graphviz' language."""
    return _Drawing(seen).text()


def text_of(line: Text) -> str:
    """A line as HTML-like label text."""
    if not line.text:
        return ""  # graphviz takes no empty element
    said = html.escape(line.text).replace("\\", "\\\\")  # \N and \G mean something, here as everywhere
    said = "<B>%s</B>" % said if line.bold else said
    return '<FONT COLOR="%s">%s</FONT>' % (line.colour, said) if line.colour else said


def in_red(trouble: str) -> List[Text]:
    """What is wrong, as the last lines of a box; no box becomes much broader by it."""
    return [Text(row, RED) for row in textwrap.wrap(trouble, BROAD)]


def box(lines: Sequence[Text], fill: str, trouble: bool) -> str:
    """A label: lines in a frame."""
    rows = "".join('<TR><TD ALIGN="LEFT">%s</TD></TR>' % text_of(line) for line in lines)
    return '<TABLE STYLE="ROUNDED" BORDER="%d" COLOR="%s" BGCOLOR="%s" CELLBORDER="0" CELLSPACING="0" ' \
        'CELLPADDING="3">%s</TABLE>' % (2 if trouble else 1, RED if trouble else "#606060",
                                        PALE_RED if trouble else fill, rows)


class _Drawing:
    def __init__(self, seen: Topology) -> None:
        self.seen = seen
        self.nodes: Dict[Tuple[str, str], str] = {}  # (kind, name): its name in the drawing, which nobody chooses
        self.inside: List[str] = []
        self.outside: List[str] = []
        self.edges: List[str] = []

    def text(self) -> str:
        seen = self.seen
        for group in seen.groups:
            self.group(group)
        for device in seen.devices:
            self.device(device)
        boxes = sum(len(group.members) for group in seen.groups) <= SINGLE
        for group in seen.groups:
            if boxes:
                self.containers(group)
            elif group.members:
                self.crowd(group)
        for table in seen.tables:
            self.table(table)
        by_table = {(source, table.dev) for table in seen.tables for source in table.sources}
        for source, target in seen.ways:
            if (source, target) not in by_table:
                self.edge(self.place(target), self.place(source), "main table")
        legend = " ".join(text_of(Text(said, colour)) for said, colour in LEGEND)
        rows = ["drift of the node: " + row for row in seen.troubles[:TROUBLES]]
        rows += ["+%d" % (len(seen.troubles) - TROUBLES)] * (len(seen.troubles) > TROUBLES)
        title = text_of(Text("%s: %s" % (seen.node, seen.title), "", True))
        for small in [legend] + [text_of(Text(row, RED)) for row in rows]:
            title += '<BR/><FONT POINT-SIZE="10">%s</FONT>' % small
        cluster = ["subgraph cluster_node {", 'style="rounded,filled"; color="#a0a0a0"; fillcolor="#fafafa"; margin=12']
        # With ordering=out the first edge of a node is the lowest one in a drawing from left to right.
        return HEAD + "\n".join(["label=<%s>" % title] + cluster + self.inside + ["label=\"\"", "}"] + self.outside
                                + self.edges[::-1]) + "\n}\n"

    def node(self, kind: str, name: str, label: str) -> str:
        """Draw something once, and return its name in the drawing."""
        key = kind, name
        if key not in self.nodes:
            self.nodes[key] = "n%d" % len(self.nodes)
            rows = self.outside if kind in OUTSIDE else self.inside
            rows.append("%s [label=<%s>]" % (self.nodes[key], label))
        return self.nodes[key]

    def place(self, name: str) -> str:
        """What a bridge, ROUTED, VENET or an interface is drawn as."""
        return self.nodes.get(("group", name)) or self.nodes[("device", name)]

    def edge(self, left: str, right: str, said: str = "", colour: str = "", back: bool = False) -> None:
        """Connect what is left with what is right; BACK: their order says nothing about their places."""
        options = ["label=<%s>" % text_of(Text(said))] * bool(said)
        options += ['color="%s", style=dashed' % colour] * bool(colour)
        options += ["constraint=false"] * back
        self.edges.append("%s -- %s%s" % (left, right, " [%s]" % ", ".join(options) if options else ""))

    def group(self, group: Group) -> None:
        lines = [Text(group.name, "", True)] + [Text(row) for row in group.about]
        lines += in_red(group.trouble)
        drawn = self.node("group", group.name, box(lines, FILL["bridge" if group.ports or group.members or group.about
                                                               else "out"], bool(group.trouble)))
        inner = drawn
        if group.ports:
            inner = self.node("ports", group.name, box([Text(port) for port in group.ports[:8]] + [
                Text("+%d ports" % (len(group.ports) - 8))] * (len(group.ports) > 8), FILL["out"], False))
            self.edge(inner, drawn)
        for gateway in group.gateways:
            self.edge(self.gateway(gateway), inner)
        for overlay in group.overlays:
            cloud = self.node("overlay", overlay.name, box(
                [Text("overlay", "", True), Text("VXLAN, VNI %d" % overlay.vni), Text(overlay.control)]
                + [Text("from " + overlay.local)] * bool(overlay.local), FILL["peer"], not overlay.local))
            self.edge(cloud, drawn)
            for peer in overlay.peers:
                silent = peer.answers not in ("", "yes")
                about = {"underlay": "not through the overlay", "no": "no answer"}.get(peer.answers, "")
                drawing = self.node("peer", peer.address, box([Text("node " + peer.address)] + [Text(about, RED)]
                                                              * bool(about), FILL["peer"], silent))
                self.edge(drawing, cloud, "", RED if silent else "")

    def gateway(self, address: str) -> str:
        return self.node("gateway", address, box([Text("gateway", "", True), Text(address)], FILL["out"], False))

    def device(self, device: Device) -> None:
        lines = [Text(device.name, "", True)] + [Text(row) for row in device.about]
        lines += in_red(device.trouble)
        drawn = self.node("device", device.name, box(lines, FILL["out"], bool(device.trouble)))
        for gateway in device.gateways:
            self.edge(self.gateway(gateway), drawn)

    def table(self, table: Table) -> None:
        lines = [Text(table.title, "", True)] + [Text(row) for row in table.about]
        lines += in_red(table.trouble)
        drawn = self.node("table", table.title, box(lines, FILL["table"], bool(table.trouble)))
        self.edge(self.place(table.dev), drawn, back=bool(table.sources))
        for source in table.sources:
            self.edge(drawn, self.place(source))

    def containers(self, group: Group) -> None:
        """Each container of a group as a box, which several groups may share."""
        for member in group.members:
            mine = [one for other in self.seen.groups for one in other.members if one.veid == member.veid]
            colour = COLOURS.get(member.state, RED)
            title = "CT %s %s" % (member.veid, member.name)
            lines = [Text(title.rstrip(), colour, True)] + [Text(member.state, colour)] * (member.state != RUNNING)
            for one in mine:
                lines += [Text(row, colour) for row in cut(one.addresses)]
                lines += [Text("%s \u21c4 %s" % pair, BLUE) for pair in one.floating]
                lines += [Text("announced: " + one.announced, GREY)] * bool(one.announced)
            lines += in_red(member.trouble)
            drawn = self.node("container", member.veid, box(lines, FILL["container"], bool(member.trouble)))
            self.edge(self.place(group.name), drawn, member.device if member.device != group.name else "")

    def crowd(self, group: Group) -> None:
        """All containers of a group as one table of several columns."""
        members = group.members
        columns = max(1, round(math.sqrt(len(members) / SHAPE)))
        height = -(-len(members) // columns)
        rows = []
        for number in range(height):
            cells: List[str] = []
            for member in members[number::height]:
                cells += (["<VR/>"] if cells else []) + _cells(member)
            cells += ["<VR/>", "<TD></TD>", "<TD></TD>"] * (columns - len(members[number::height]))
            rows.append("<TR>%s</TR>" % "".join(cells))
        drawn = self.node("crowd", group.name, '<TABLE BORDER="1" COLOR="#606060" CELLBORDER="0" CELLSPACING="0" '
                          'CELLPADDING="2" BGCOLOR="%s">%s</TABLE>' % (FILL["container"], "".join(rows)))
        self.edge(self.place(group.name), drawn, "%d ports" % len(members))


def _cells(member: Member) -> List[str]:
    """A container in a row: who it is, its addresses."""
    colour = RED if member.trouble else COLOURS.get(member.state, RED)
    who = text_of(Text(member.veid if len(member.veid) < 11 else member.veid[:8] + "\u2026", colour, True)) + " " \
        + text_of(Text(member.name, colour))
    first = text_of(Text(" ".join(cut(member.addresses, 1)) or "-", colour))
    if member.floating:
        more = " +%d" % (len(member.floating) - 1) if len(member.floating) > 1 else ""
        first += " " + text_of(Text("\u21c4 %s%s" % (member.floating[0][0], more), BLUE))
    fill = ' BGCOLOR="%s"' % PALE_RED if member.trouble else ""
    return ['<TD ALIGN="LEFT"%s>%s</TD>' % (fill, text) for text in (who, first)]


def cut(addresses: Sequence[str], most: int = SHOWN) -> List[str]:
    """The first addresses, and how many more there are."""
    return list(addresses[:most]) + ["+%d" % (len(addresses) - most)] * (len(addresses) > most)
