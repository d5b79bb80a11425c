"""`vzhook doctor overlay`: which MTU really passes to each peer, whether VXLAN's packets do, and what to change."""
import json
import sys
from typing import Dict, List, NamedTuple, Sequence, Tuple

import click

from vzhooks import facts
from vzhooks.doctor import probe
from vzhooks.doctor.probe import Station
from vzhooks.doctor.step import Way, sound
from vzhooks.errors import ConfigError, Expected
from vzhooks.mistakes import Mistake
from vzhooks.node import bridgeview, overlayview, planner
from vzhooks.node.bridgeview import Live
from vzhooks.node.overlay import Overlay
from vzhooks.nodeconf import NodeConf

TRIED = 2  # stations behind a peer


class Finding(NamedTuple):
    """What the probes of one peer have shown; sizes are of IP packets, 0: no answer."""

    overlay: str
    peer: str
    port: int  # UDP
    underlay_mtu: int
    wanted: int  # of the underlay, for a full packet of the overlay
    udp: str  # passes | closed | refused | "": nothing is known
    overlay_mtu: int
    mtu: int  # which the overlay's bridge has
    problems: Tuple[str, ...]


def report(found: NodeConf, wanted: Sequence[str], asked: List[str], as_json: bool) -> None:
    """Probe the way to each peer of the overlays WANTED, or of all; exit code 1 when something is to be changed.

    ASKED: addresses of stations on them.  Raise ConfigError, Expected.
    """
    mistakes = found.mistakes + found.node_mistakes
    if mistakes:
        raise ConfigError([str(mistake) for mistake in planner.in_order(mistakes)])
    overlays = [overlay for overlay in found.overlays if overlay.name in wanted or not wanted]
    absent = [name for name in wanted if name not in [overlay.name for overlay in overlays]]
    if absent or not overlays:
        raise Expected("no [overlay %s] in vzhooks.conf" % (absent + ["NAME"])[0])
    probe.refuse_other_pings()
    state = bridgeview.live()
    findings = [finding for overlay in overlays for finding in examine(overlay, found, state, asked)]
    if as_json:
        click.echo(json.dumps([finding._asdict() for finding in findings], indent=2))
    else:
        for row in table(findings):
            click.echo(row)
    if any(finding.problems for finding in findings):
        sys.exit(1)


def way(found: NodeConf) -> Way:
    """A step for each peer of each overlay."""
    if found.overlays:
        probe.refuse_other_pings()
    state = bridgeview.live()
    for overlay in found.overlays:
        for finding in examine(overlay, found, state, []):
            yield sound("overlay %s: full packets reach peer %s" % (overlay.name, finding.peer), finding.problems,
                        "vzhook doctor overlay " + overlay.name, "vzhooks.conf, as it says, then 'vzhook node up'")


def examine(overlay: Overlay, found: NodeConf, state: Live, asked: List[str]) -> List[Finding]:
    """Probe all peers of an overlay.  Raise ConfigError where this node is none of them, Expected where it is down."""
    conflicts = overlayview.conflicts(overlay, found, state)
    if conflicts:
        raise ConfigError([str(conflict) for conflict in conflicts])
    if not facts.is_up(overlay.name):
        raise Expected("%s is not up; 'vzhook node up' is wanted first" % overlay.name)
    local = overlayview.local_of(overlay, overlayview.own(found, state))
    peers = overlayview.others(overlay, local)
    stations = probe.stations(overlay, {overlay.port_to(peer): peer.ip for peer in peers}, asked)
    ways = overlayview.ways(overlay, local)
    mtu = int(facts.READERS["mtu"](overlay.name))
    made = []
    for peer in peers:
        way = ways.get(peer.ip)
        most = int(facts.READERS["mtu"](way.device) or 1500) if way else 0
        below = probe.mtu_to(peer.ip, local, most) if way else 0
        above = _in_overlay(overlay, peer.ip, [one for one in stations if one.peer == peer.ip], mtu)
        udp = "passes" if above else _udp(overlay, peer.ip, local) if way else ""
        finding = Finding(overlay.name, peer.ip, overlay.port, below, mtu + overlay.overhead, udp, above, mtu, ())
        made.append(finding._replace(problems=tuple(map(str, problems(overlay, finding, bool(way))))))
    lost = [station.address for station in stations if not station.peer and asked]
    if lost:
        raise Expected("%s: no answer on %s, or from no peer; the address of a station on another node is wanted"
                       % (", ".join(lost), overlay.name))
    return made


def _in_overlay(overlay: Overlay, peer: str, stations: Sequence[Station], mtu: int) -> int:
    """The largest packet that somebody behind a peer answers: its bridge, else a container, whose MTU may be less."""
    largest = 0
    for station in sorted(stations, key=lambda one: one.mac != overlay.mac_of(peer))[:TRIED]:
        largest = max(largest, probe.mtu_to(station.address, overlay.name, mtu))
        if largest == mtu:
            break
    return largest


def _udp(overlay: Overlay, peer: str, local: str) -> str:
    """Userspace takes VXLAN's packets before the peer's kernel, which would say that nobody listens."""
    return probe.udp(peer, local, overlay.port) if overlay.datapath == "system" else ""


def problems(overlay: Overlay, finding: Finding, routed: bool) -> List[Mistake]:
    """What is to be changed for one peer."""
    where, peer = overlay.at("peers"), finding.peer
    if not routed:
        return [Mistake(where, "no route to peer %s" % peer, "one is wanted")]
    said = []
    least = finding.underlay_mtu - overlay.overhead
    if not finding.underlay_mtu:
        said.append(Mistake(where, "peer %s does not answer ping on the underlay, so that its MTU is not known" % peer,
                            "ICMP echo must be let through, if the node is up"))
    elif least < finding.mtu:
        said.append(Mistake(overlay.at("mtu"), "the way to peer %s carries packets of %d bytes, but a full one of the "
                            "overlay has %d" % (peer, finding.underlay_mtu, finding.wanted),
                            "'mtu = %d' in [overlay %s] is wanted on all nodes, or %d bytes on the way"
                            % (least, overlay.name, finding.wanted)))
    if not finding.overlay_mtu:
        said.append(Mistake(where, "nothing came back from peer %s through the overlay%s" % (peer, {
            "closed": ": nobody there listens on UDP port %d" % overlay.port,
            "refused": ": UDP port %d is refused on the way" % overlay.port}.get(finding.udp, "")), {
                "closed": "'vzhook node up' is wanted there",
            }.get(finding.udp, "UDP port %d must be open both ways, and [overlay %s] up there with the same vni and "
                  "this node among its peers; where it has no IPv6 on the bridge, '--to ADDRESS' names a station there"
                  % (overlay.port, overlay.name))))
    elif finding.overlay_mtu < finding.mtu and least >= finding.mtu:
        said.append(Mistake(overlay.at("mtu"), "the overlay to peer %s carries packets of %d bytes, but its mtu is %d"
                            % (peer, finding.overlay_mtu, finding.mtu), "'mtu = %d' in [overlay %s] is wanted on all "
                            "nodes, or the same mtu on the peer" % (finding.overlay_mtu, overlay.name)))
    return said


def table(findings: Sequence[Finding]) -> List[str]:
    """The findings for people."""
    head = {"overlay": "overlay", "peer": "peer", "underlay_mtu": "underlay", "wanted": "wanted", "udp": "udp",
            "overlay_mtu": "in overlay", "mtu": "mtu"}
    rows: List[Dict[str, str]] = [head]
    for finding in findings:
        rows.append({key: str(value or "-") for key, value in finding._asdict().items() if key in head})
    widths = {key: max(len(row[key]) for row in rows) for key in head}
    printed = ["  ".join(row[key].ljust(widths[key]) for key in head).rstrip() for row in rows]
    return printed + [problem for finding in findings for problem in finding.problems]
