"""What the running daemon announces for this node, from vtysh's text listings (Quagga has no JSON), and to whom."""
import json
from typing import Dict, List, NamedTuple, Optional, Tuple

from vzhooks import names, process
from vzhooks.errors import Expected
from vzhooks.routing.settings import INFINITY, Announce

MAX_AGE = 3600  # seconds; a flushed LSA stays listed with this age for a while (RFC 2328, 14)


class Seen(NamedTuple):
    """An address as others hear of it: `type-1` or `type-2` with its metric; of BGP: how often our AS was prepended."""

    kind: str
    metric: int

    def __str__(self) -> str:
        return "%s, metric %d" % self if self.kind else "prepended %d times" % self.metric


def announced(found: Announce) -> Dict[str, Seen]:
    """{ADDRESS or NETWORK/PREFIX: as it is announced}.  Raise Expected when the daemon cannot be asked."""
    if found.protocol == "bgp":
        return _bgp(found)
    made: Dict[str, Seen] = {}
    if 4 in found.families:
        made.update(ospf(_ask("show ip ospf database external self-originate")))
    if 6 in found.families:
        made.update(ospf6(_ask("show ipv6 ospf6 database as-external self-originated detail")))
    return made


def deaf(found: Announce) -> List[str]:
    """Why nobody would hear or believe it: a text for each reason."""
    if found.protocol == "bgp":
        return [] if _sessions(found) else ["no BGP neighbour is established: nobody hears it"]
    reasons = []
    for family, command in ((4, "show ip ospf neighbor"), (6, "show ipv6 ospf6 neighbor")):
        if family in found.families and "Full" not in _ask(command):
            reasons.append("no OSPF neighbour for IPv%d is in state Full: nobody hears it" % family)
    for family, command in ((4, "show ip ospf"), (6, "show ipv6 ospf6")):
        rows = _ask(command).split("\n") if family in found.families else []
        reasons += ["area %s is not an ordinary one (IPv%d: %s): others do not believe it"
                    % (found.area, family, " ".join(row.split())) for row in rows
                    if found.area in row.replace("[", " ").split() and ("nssa" in row.lower() or "stub" in row.lower())]
    return reasons


def ospf(text: str) -> Dict[str, Seen]:
    """Given `show ip ospf database external`, return what is in it and not flushed."""
    made = {}
    for fields in _blocks(text, "LS age"):
        width = fields.get("Network Mask", "").lstrip("/")
        address = fields.get("Link State ID", "").split(" ")[0]
        seen = _seen(fields.get("LS age", ""), "type-" + fields.get("Metric Type", "")[:1], fields.get("Metric", ""))
        if seen and address:
            made[address if width == "32" else "%s/%s" % (address, width)] = seen
    return made


def ospf6(text: str) -> Dict[str, Seen]:
    """Given `show ipv6 ospf6 database as-external detail`, return what is in it and not flushed."""
    made = {}
    for fields in _blocks(text, "Age"):
        kind = "type-2" if fields.get("Bits", "").startswith("E") else "type-1"
        prefix = fields.get("Prefix", "")
        seen = _seen(fields.get("Age", "").split(" ")[0], kind, fields.get("Metric", ""))
        if seen and prefix:
            made[prefix[:-len("/128")] if prefix.endswith("/128") else prefix] = seen
    return made


def _seen(age: str, kind: str, metric: str) -> Optional[Seen]:
    """None for an LSA that is flushed, or that nobody would take (LSInfinity)."""
    try:
        names.number(age, 0, MAX_AGE - 1)
        return Seen(kind, names.number(metric, 0, INFINITY - 1))
    except names.BadName:
        return None


def _blocks(text: str, first: str) -> List[Dict[str, str]]:
    """The `KEY: VALUE` rows of each LSA, which begins with the key FIRST."""
    found: List[Dict[str, str]] = []
    for row in text.split("\n"):
        key, colon, value = row.strip().partition(":")
        if colon and key == first:
            found.append({})
        if colon and found:
            found[-1][key] = value.strip()
    return found


def _bgp(found: Announce) -> Dict[str, Seen]:
    """What at least one neighbour is told."""
    made: Dict[str, Seen] = {}
    for neighbor, family in _sessions(found):
        routes = _json("show bgp ipv%d unicast neighbors %s advertised-routes json" % (family, neighbor))
        for prefix, route in routes.get("advertisedRoutes", {}).items():
            address, _, width = prefix.partition("/")
            path = str(route.get("path", "")).split()
            made[address if width == {4: "32", 6: "128"}[family] else prefix] = Seen("", path.count(str(found.asn)))
    return made


def _sessions(found: Announce) -> List[Tuple[str, int]]:
    """The (neighbour, family) pairs that are established."""
    made = []
    for family in found.families:
        peers = _json("show bgp ipv%d unicast summary json" % family).get("peers", {})
        made += [(name, family) for name, peer in peers.items()
                 if name in found.neighbors and peer.get("state") == "Established"]
    return made


def _json(command: str) -> Dict[str, Dict[str, Dict[str, object]]]:
    try:
        made = json.loads(_ask(command) or "{}")
    except ValueError:
        made = None
    if not isinstance(made, dict):
        raise Expected("vtysh: '%s' gave no JSON; FRR's bgpd is wanted" % command)
    return made


def _ask(command: str) -> str:
    result = process.run(["vtysh", "-c", command], keep=process.LISTING)
    if result.status != 0:
        said = " ".join((result.errors or result.output).split()) or result.ended
        raise Expected("vtysh: '%s': %s" % (command, said))
    return result.output
