"""A topology as a tree in text."""
from typing import List, NamedTuple, Sequence

from vzhooks.report.containers import RUNNING
from vzhooks.report.picture import cut
from vzhooks.report.table import BOLD, RED, Style
from vzhooks.report.topology import Group, Member, Topology


class Branch(NamedTuple):
    """A line, and what hangs below it."""

    text: str
    below: "Sequence[Branch]" = ()  # type: ignore[misc, unused-ignore]  # a type within itself
    trouble: str = ""


def lines(seen: Topology, style: Style) -> List[str]:
    """The tree, a line each."""
    branches = [_group(group, seen, style) for group in seen.groups]
    for device in seen.devices:
        branches.append(Branch("  ".join((device.name,) + device.about),
                               [Branch("gateway " + gateway) for gateway in device.gateways], device.trouble))
    for table in seen.tables:
        sources = "from %s " % ", ".join(table.sources) if table.sources else ""
        branches.append(Branch("%s: %s%s by %s" % (table.title, sources, "  ".join(table.about), table.dev), (),
                               table.trouble))
    branches += [Branch("", (), row) for row in seen.troubles]
    return [style.paint(style.plain("%s: %s" % (seen.node, seen.title)), BOLD)] + _drawn(branches, "", style)


def _drawn(branches: Sequence[Branch], before: str, style: Style) -> List[str]:
    forms = ("\u251c\u2500 ", "\u2502  ", "\u2514\u2500 ", "   ") if style.unicode else ("|- ", "|  ", "`- ", "   ")
    made = []
    for number, branch in enumerate(branches):
        last = 2 * (number == len(branches) - 1)
        trouble = style.paint("DRIFT: " + style.plain(branch.trouble), RED) if branch.trouble else ""
        made.append(before + forms[last] + "  ".join(filter(None, (style.plain(branch.text), trouble))))
        made += _drawn(branch.below, before + forms[last + 1], style)
    return made


def _group(group: Group, seen: Topology, style: Style) -> Branch:
    below = [Branch("port " + port) for port in group.ports]
    below += [Branch("gateway " + gateway) for gateway in group.gateways]
    for overlay in group.overlays:
        peers = [Branch("node " + peer.address + {"underlay": ": not through the overlay", "no": ": no answer",
                                                  "yes": ": answers"}.get(peer.answers, ""))
                 for peer in overlay.peers]
        below.append(Branch("overlay VNI %d, %s, from %s" % (overlay.vni, overlay.control, overlay.local or "nowhere"),
                            peers))
    below += [Branch("main table by " + target) for source, target in seen.ways if source == group.name]
    below += [_member(member, style) for member in group.members]
    return Branch("  ".join((group.name,) + group.about), below, group.trouble)


def _member(member: Member, style: Style) -> Branch:
    words = ["CT %s %s" % (member.veid, member.name) if member.name else "CT " + member.veid]
    words += [member.state] * (member.state != RUNNING) + [member.device] + cut(member.addresses)
    words += ["announced: " + member.announced] * bool(member.announced)
    floating = [Branch("%s %s %s" % (public, style.arrow, private)) for public, private in member.floating]
    return Branch("  ".join(filter(None, words)), floating, member.trouble)
