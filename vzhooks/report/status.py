"""`vzhook status`: the containers and the node as tables."""
from typing import List, Optional, Sequence, Tuple

from vzhooks import record
from vzhooks.log import printable
from vzhooks.report.containers import LEFT_OVER, RUNNING, STOPPED, UNMANAGED, Container, Port
from vzhooks.report.gather import Report
from vzhooks.report.known import Drift
from vzhooks.report.node import Node
from vzhooks.report.table import BOLD, DIM, GREEN, RED, YELLOW, Cell, Column, Style, cell, table

WIDE = 120  # columns, from which on floating addresses have a column of their own
COLOURS = {RUNNING: GREEN, STOPPED: DIM, UNMANAGED: YELLOW, LEFT_OVER: RED, "up": "", "down": RED, "missing": RED}
CONTAINERS = (
    Column("CT", "CT", 9), Column("STATE", "STATE"), Column("DEVICE", "DEVICE", 9, 15),
    Column("BRIDGE", "BRIDGE", 5, 15), Column("ADDRESSES", "ADDRESSES", 16), Column("FLOATING", "FLOATING", 15),
    Column("LAST START", "START"), Column("DRIFT", "DRIFT"), Column("ANTISPOOF", "FILTER"),
    Column("ANNOUNCED", "ANNOUN", 6))
BRIDGES = (Column("BRIDGE", "BRIDGE"), Column("TYPE", "TYPE"), Column("STATE", "STATE"), Column("MTU", "MTU"),
           Column("ADDRESSES", "ADDRESSES", 16), Column("GATEWAY", "GATEWAY", 12), Column("CTS", "CTS"),
           Column("OTHER PORTS", "PORTS", 8))
NETWORKS = (Column("NETWORK", "NETWORK", 8), Column("CIDR", "CIDR", 16), Column("DEV", "DEV"),
            Column("STATE", "STATE"), Column("GATEWAY", "GATEWAY", 12), Column("TABLE", "TABLE"), Column("CTS", "CTS"))
OVERLAYS = (Column("OVERLAY", "OVERLAY"), Column("TYPE", "TYPE"), Column("VNI", "VNI"), Column("LOCAL", "LOCAL", 15),
            Column("PEER", "PEER", 15), Column("ANSWERS", "ANSWERS"))
UPLINKS = (Column("UPLINK", "UPLINK"), Column("STATE", "STATE"), Column("TABLE", "TABLE"),
           Column("NETWORKS", "NETWORKS", 16), Column("GATEWAY", "GATEWAY", 12), Column("FLOATING", "FLOATING", 15))


def lines(report: Report, style: Style) -> List[str]:
    """The whole of it, a line each."""
    return containers(report.containers, style) + [""] + node(report.node, style) + summary(report, style)


def containers(found: Sequence[Container], style: Style) -> List[str]:
    """The table of containers, a row for each veth."""
    rows = []
    for one in found:
        for number, port in enumerate(one.ports or (Port("", "", "", (), "", "", 0),)):
            rows.append(_row(one, port, number == 0, style))
    return table(CONTAINERS, rows, style) if rows else ["no containers"]


def _row(one: Container, port: Port, first: bool, style: Style) -> List[Cell]:
    behind = {address.partition("/")[0] for address in port.addresses}
    pairs = [pair for pair in one.floating if pair.private in behind]
    many = len(behind) > 1
    public = tuple("%s%s%s" % (pair.public, style.arrow, pair.private) if many else pair.public for pair in pairs)
    addresses = port.addresses
    if style.width < WIDE:
        addresses += tuple("%s%s" % ("\u2190" if style.unicode else "<-", pair.public) for pair in pairs)
        public = ()
    vlan = " vlan %d" % port.vlan if port.vlan else ""
    start = "%s %s" % (age(one.start.age), duration(one.start.seconds)) if one.start and first else ""
    failed = one.start is not None and one.start.outcome == record.FAILED
    return [cell(one.veid, BOLD if first else DIM), cell(one.state, COLOURS[one.state]), cell(port.device),
            cell(port.bridge + vlan), Cell(addresses), Cell(public), cell(start, RED if failed else ""),
            _drift(one.drift if first else None), cell(port.antispoof), cell(port.announced)]


def _drift(drift: Optional[Drift]) -> Cell:
    if drift is None:
        return cell("")
    return cell("%s %s" % (len(drift.rows) or "ok", age(drift.age)), RED if drift.rows else "")


def node(found: Node, style: Style) -> List[str]:
    """The tables of the node: those that have a row."""
    tables = [
        (BRIDGES, [[cell(one.name), cell(one.type), _state(one.state), cell(one.mtu), Cell(one.addresses),
                    Cell(one.gateways), cell(one.containers), Cell(one.ports)] for one in found.bridges]),
        (NETWORKS, [[cell(one.name), Cell(one.cidr), cell(one.dev), _state(one.state), Cell(one.gateway),
                     cell(one.table), cell(one.containers)] for one in found.networks]),
        (OVERLAYS, [[cell(one.name), cell(one.type), cell(str(one.vni)), cell(one.local or "?"), cell(peer.address),
                     cell(peer.answers or "?", "" if peer.answers in ("", "yes") else RED)]
                    for one in found.overlays for peer in one.peers]),
        (UPLINKS, [[cell(one.dev), _state(one.state), cell(one.table), Cell(one.networks), Cell(one.gateways),
                    Cell(tuple(pair.public for pair in one.floating))] for one in found.uplinks])]
    shown: List[str] = []
    for columns, rows in tables:
        if rows:
            shown += table(columns, rows, style) + [""]
    return shown + ["announced: %s" % found.announce] * bool(found.announce)


def _state(state: str) -> Cell:
    return cell(state, COLOURS[state])


def summary(report: Report, style: Style) -> List[str]:
    """The last lines: counts, and what is to be looked at."""
    counts = ["%d %s" % (count, state) for state, count in
              [(state, sum(1 for one in report.containers if one.state == state))
               for state in (RUNNING, STOPPED, UNMANAGED, LEFT_OVER)] if count]
    said = ["containers: %d%s" % (len(report.containers), " (%s)" % ", ".join(counts) if counts else "")]
    checks = [one.drift for one in report.containers if one.drift]
    drifted = [check for check in checks if check.rows]
    ages = [check.age for check in checks + ([report.drift] if report.drift else [])]
    if not ages:
        said.append("drift: never checked; 'vzhook status --check' looks now")
    else:
        rows = sum(len(check.rows) for check in drifted)
        own = list(report.drift.rows) if report.drift else []
        count = "%d in %s, %d of the node" % (rows, counted(len(drifted), "container"), len(own)) if rows or own \
            else "none"
        said.append(style.paint("drift: %s; checked %s ago" % (count, age(max(ages))), RED if rows or own else ""))
        said += [style.paint("  node: %s" % style.plain(printable(row)), RED) for row in own]
    wrong = [one.veid for one in report.containers if one.mistakes]
    if wrong or report.mistakes:
        files = ["CT %s" % veid for veid in wrong[:5]] + ["%d more" % (len(wrong) - 5)] * (len(wrong) > 5)
        said.append(style.paint("mistakes in the conf of %s; 'vzhook lint' shows them" % ", ".join(
            ["the node"] * bool(report.mistakes) + files), RED))
    return said


UNITS: Tuple[Tuple[str, int], ...] = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def age(seconds: float) -> str:
    """3 d, 5 h: the largest unit alone."""
    return next(("%d%s" % (seconds // size, unit) for unit, size in UNITS if seconds >= size), "0s")


def duration(seconds: float) -> str:
    """45ms, 3.2s."""
    return "%.0fms" % (seconds * 1000) if seconds < 1 else "%.1fs" % seconds


def counted(count: int, what: str) -> str:
    """1 container, 2 containers."""
    return "%d %s%s" % (count, what, "" if count == 1 else "s")
