"""What an administrator's own configuration of the daemon says, and where it and ours cannot both be."""
from typing import Iterator, List, Sequence, Tuple

from vzhooks.mistakes import Mistake
from vzhooks.node.tree import Tree
from vzhooks.routing.entries import BEGIN, END
from vzhooks.routing.evpn import NONE, Evpn
from vzhooks.routing.settings import NO_EXTERNALS, Announce

OF_LISTS = ("ip prefix-list vzhooks-", "ipv6 prefix-list vzhooks-", "bgp as-path access-list vzhooks-",
            "ip as-path access-list vzhooks-")
NOTE = " made by 'vzhook node export' from /etc/vz/vzhooks.conf: change that instead"
BLOCKS = ("router", "interface", "route-map", "vrf", "line")  # a block's own rows need not be indented


def whole(rows: Sequence[str], begin: str, end: str) -> List[Tuple[int, int]]:
    """The first and last row of each part of ours.  A mark without its other half limits nothing: what stands behind
    it may be anybody's.
    """
    marks = [(index, row) for index, row in enumerate(rows) if row in (begin, end)]
    return [(first, last) for (first, one), (last, other) in zip(marks, marks[1:]) if (one, other) == (begin, end)]


def outside(rows: Sequence[str], begin: str, end: str) -> List[str]:
    """The rows that are neither within the marks, nor a mark, nor name a list or route-map of ours."""
    inside = {index for first, last in whole(rows, begin, end) for index in range(first, last + 1)}
    found = []
    block = False  # of a route-map of ours
    for index, row in enumerate(rows):
        if not row.startswith(" "):
            block = block and row in ("exit", "!") or row.startswith("route-map vzhooks")
        if index not in inside and not block and row not in (begin, end, begin[0] + NOTE) \
                and not row.startswith(OF_LISTS) and " route-map vzhooks" not in row:
            found.append(row)
        if row in ("exit", "!"):
            block = False
    return found


def conflicts(found: Announce, now: Tree, overlays: Evpn = NONE) -> List[Mistake]:
    """What in the daemon's own files stands against [announce] and the overlays of EVPN."""
    mistakes = []
    directory = "etc/" + found.daemon
    files = [directory + "/frr.conf"] if found.daemon == "frr" else [
        "%s/%s.conf" % (directory, name) for name in ("ospfd", "ospf6d", "bgpd")]
    if found.daemon == "frr":
        old = [path for path in ("etc/frr/%sd.conf" % name for name in ("ospf", "ospf6", "bgp")) if now.text(path)]
        if old and now.text(files[0]) is None:
            mistakes.append(Mistake("/%s:1" % old[0], "a file of one daemon, and no frr.conf; FRR reads either the one "
                                    "or the other", "one frr.conf with what is in them is wanted (vtysh: 'write')"))
        switch = [row.strip() for row in (now.text("etc/frr/vtysh.conf") or "").split("\n")]
        if "no service integrated-vtysh-config" in switch:
            mistakes.append(Mistake("/etc/frr/vtysh.conf:%d" % (switch.index("no service integrated-vtysh-config") + 1),
                                    "'no service integrated-vtysh-config', with which frr.conf is not read",
                                    "'service integrated-vtysh-config' is wanted"))
    for path in files:
        for where, block, row in _rows(now, path):
            mistakes += _judged(found, where, block, row) + _of_bgp(found, overlays, where, row)
    return mistakes


def _rows(now: Tree, path: str) -> Iterator[Tuple[str, str, str]]:
    """FILE:LINE, the block (`router ospf`) and the row, of all rows that are not ours."""
    rows = (now.text(path) or "").split("\n")
    ours = {index for first, last in whole(rows, BEGIN, END) for index in range(first, last + 1)}
    block = ""
    for index, row in enumerate(rows):
        words = row.split()
        if row[:1] not in (" ", "\t", "") and words[:1] and words[0] in BLOCKS and "area" not in words:
            block = " ".join(words)
        if index not in ours and words:
            yield "/%s:%d" % (path, index + 1), block, " ".join(words)


def _judged(found: Announce, where: str, block: str, row: str) -> List[Mistake]:
    words = row.split()
    if found.protocol != "ospf" or not found.where or block not in ("router ospf", "router ospf6"):
        return []
    if words[0] == "network" and block == "router ospf":
        return [Mistake(where, "'%s' beside interfaces = %s (%s)" % (row, " ".join(found.interfaces),
                                                                    found.at("interfaces")),
                        "none is wanted: it lets everybody behind those interfaces speak OSPF with this node, and "
                        "excludes 'ip ospf area' on an interface")] if found.daemon == "frr" else []
    if words[0] == "redistribute" and words[1:2] == ["kernel"] and "vzhooks" not in row:
        return [Mistake(where, "'%s', which announces every kernel route" % row,
                        "none is wanted: [announce] says which")]
    if words[0] == "area" and words[2:3] and words[2] in NO_EXTERNALS and words[1] in (found.area, _short(found.area)):
        return [Mistake(where, "'%s', the area of [announce]" % row,
                        "an ordinary area is wanted: " + NO_EXTERNALS[words[2]])]
    return []


def _of_bgp(found: Announce, overlays: Evpn, where: str, row: str) -> List[Mistake]:
    words = row.split()
    asn = found.asn or overlays.asn
    if not asn or words[:2] != ["router", "bgp"] or words[2:3] == [str(asn)] or "vrf" in words:
        return []
    return [Mistake(where, "'%s' beside as = %d (%s)" % (row, asn, found.at("as") if found.asn else overlays.where),
                    "the same number is wanted")]


def _short(area: str) -> str:
    """0.0.0.1 -> 1, as an area can be written, too."""
    number = 0
    for part in area.split("."):
        number = number * 256 + int(part)
    return str(number)
