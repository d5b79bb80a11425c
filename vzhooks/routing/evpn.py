"""`control = evpn`: which BGP sessions tell this node behind which other one a container's MAC is.

All sessions are internal ones, between underlay addresses: of each node with each, or of each with the reflectors
(RFC 4456), which are some of the nodes, or routers that have been told to be such.  EVPN's types 2 and 3, RFC 8365.
"""
from typing import Dict, List, NamedTuple, Tuple

from vzhooks import paths
from vzhooks.errors import ConfigError
from vzhooks.mistakes import Mistake
from vzhooks.node import bridgeview, overlayview
from vzhooks.node.overlay import Overlay
from vzhooks.node.tree import Tree
from vzhooks.nodeconf import NodeConf
from vzhooks.routing.settings import Announce, secret

FILE = "etc/frr/frr.conf"
SIGN = "  advertise-all-vni"  # the row without which bgpd says nothing of the node's MACs
PRIVATE_AS = 65000  # RFC 6996


class Session(NamedTuple):
    """A neighbour for EVPN."""

    neighbor: str
    local: str
    client: bool  # whether this node reflects routes to it


class Evpn(NamedTuple):
    """What bgpd is told for all overlays together."""

    asn: int = 0  # 0: there is no such overlay
    where: str = ""  # FILE:LINE of what decides the number
    sessions: Tuple[Session, ...] = ()
    key_file: str = ""
    key_where: str = ""


NONE = Evpn()


def of(found: NodeConf) -> Evpn:
    """The sessions of this node.  Raise ConfigError where it is not one of the peers."""
    overlays = _overlays(found)
    if not overlays:
        return NONE
    state = bridgeview.live()
    mistakes = [mistake for overlay in overlays for mistake in overlayview.conflicts(overlay, found, state)]
    if mistakes:
        raise ConfigError(list(map(str, mistakes)))
    addresses = overlayview.own(found, state)
    sessions: Dict[str, Session] = {}
    for overlay in overlays:
        for session in _sessions(overlay, overlayview.local_of(overlay, addresses)):
            known = sessions.setdefault(session.neighbor, session)
            sessions[session.neighbor] = known._replace(client=known.client or session.client)
    first = overlays[0]  # all say the same (overlay.across)
    numbered = [(one.asn, one.at("as")) for one in overlays + [found.announce] if one.asn]
    asn, where = (numbered + [(PRIVATE_AS, first.at("control"))])[0]
    return Evpn(asn, where, tuple(sessions.values()), first.auth_key_file, first.at("auth_key_file"))


def _overlays(found: NodeConf) -> List[Overlay]:
    return [overlay for overlay in found.overlays if overlay.control == "evpn"]


def _sessions(overlay: Overlay, local: str) -> List[Session]:
    reflecting = local in overlay.reflectors
    wanted = list(overlay.reflectors)
    if reflecting or not wanted:
        wanted += [peer.ip for peer in overlay.peers]
    return [Session(ip, local, reflecting and ip not in overlay.reflectors)
            for ip in dict.fromkeys(wanted) if ip != local]


def rows(evpn: Evpn, announce: Announce) -> Tuple[List[str], Tuple[str, ...]]:
    """What frr.conf says for the sessions, and words in it that nobody is shown.  Raise ConfigError for the key's file.

    A neighbour that [announce] has, too, is one session, which is described there.
    """
    if not evpn.asn:
        return [], ()
    try:
        key = secret(evpn.key_file) if evpn.key_file else ""
    except ValueError as error:
        raise ConfigError([str(Mistake(evpn.key_where, evpn.key_file, str(error)))]) from None
    # Peers behind a router are usually reached by the default route, which bgpd takes for none without this.
    made = ["ip nht resolve-via-default", "router bgp %d" % evpn.asn]
    if evpn.sessions and not (announce.router_id and announce.protocol == "bgp"):
        made.append(" bgp router-id " + (announce.router_id or evpn.sessions[0].local))
    made.append(" no bgp default ipv4-unicast")
    for neighbor, local, _ in evpn.sessions:
        if neighbor not in announce.neighbors:
            made += [" neighbor %s %s" % (neighbor, words) for words in (
                "remote-as internal", "update-source " + local, "timers 1 3", "timers connect 1",
                "advertisement-interval 0")]
            made += [" neighbor %s password %s" % (neighbor, key)] if key else []
    made.append(" address-family l2vpn evpn")
    for neighbor, _, client in evpn.sessions:
        made.append("  neighbor %s activate" % neighbor)
        made += ["  neighbor %s route-reflector-client" % neighbor] if client else []
    return made + [SIGN, " exit-address-family"], (key,) if key else ()


def doubts(found: NodeConf) -> List[Mistake]:
    """Overlays that FRR does not know of: nothing is forwarded in them."""
    mine = _overlays(found)
    if not mine or SIGN in (Tree(paths.rooted("")).text(FILE) or "").split("\n"):
        return []
    return [Mistake(mine[0].at("control"), "control = evpn, but /%s says nothing of EVPN, so that no frame reaches "
                    "another node" % FILE, "'vzhook node export frr' is wanted")]
