"""From [bridge], [overlay] and [network] to the node's plan, with the node's live state.  Slow, needs libraries."""
import os
from typing import List, NamedTuple, Sequence, Tuple

from vzhooks import facts, inputs, kernel, paths, plan, render
from vzhooks.errors import ConfigError
from vzhooks.mistakes import Mistake
from vzhooks.node import backend, bridgeview, change, journal, overlayview, tablenames, uplinks
from vzhooks.node.bridge import Bridge
from vzhooks.node.bridgeview import Live
from vzhooks.node.network import ROUTED, Network
from vzhooks.nodeconf import NodeConf
from vzhooks.nodeconf import read as read_conf
from vzhooks.routing import evpn


class NodePlan(NamedTuple):
    """The lines that the node should have; what is said of them; `moves`: what takes the way to the world along."""

    lines: List[plan.Line]
    doubts: List[Mistake]
    moves: List[str]


def conf() -> NodeConf:
    """vzhooks.conf.  Raise ConfigError where it cannot be read."""
    path = paths.node_conf()
    return read_conf(path, inputs.text_of(path))


def node_plan(found: NodeConf) -> NodePlan:
    """The plan of the whole node.  Raise ConfigError with all mistakes, those in the node's state included."""
    state = bridgeview.live()
    found = overlayview.with_macs(found, state)
    mistakes, doubts = judge(found, state)
    if mistakes:
        raise ConfigError([str(mistake) for mistake in in_order(mistakes)])
    lines: List[plan.Line] = []
    taken: List[str] = []
    tool = bridge_tool(found)
    for bridge in found.bridges:
        lines += bridge_lines(bridge, tool, state)
        taken += moves(bridge, state)
    for overlay in found.overlays:
        lines += overlayview.lines(overlay, found, state)
    marked = needs_marks(found.networks) or any(map(_is_marking, journal.elements()))
    lines += marks(found) if marked else []
    lines += antispoof() if any("vzhooks_antispoof" in line.command for line in journal.read()) else []
    for network in found.networks:
        if is_up(network, found):
            lines += network_lines(network, marked)
    lines += uplinks.lines(found, state)
    return NodePlan(_with_moved(lines, found.bridges), doubts, taken)


def judge(found: NodeConf, state: Live) -> Tuple[List[Mistake], List[Mistake]]:
    """All mistakes and doubts about the node, those of its state included."""
    mistakes = list(found.mistakes + found.node_mistakes)
    doubts = list(found.doubts)
    for bridge in found.bridges:
        mistakes += bridgeview.conflicts(bridge, state)
    for overlay in found.overlays:
        wrong = overlayview.conflicts(overlay, found, state)
        mistakes += wrong
        doubts += overlayview.doubts(overlay, found, state) if not wrong else []
    for network in found.networks:
        mistakes += missing(network, found) + strangers(network, state)
        doubts += _rp_filter(network, state)
        if facts.kind(network.dev) and not is_up(network, found):
            doubts.append(down(network))
    mistakes += uplinks.missing(found)
    return mistakes + tablenames.conflicts(found.networks), \
        doubts + uplinks.rp_filters(found, state) + backend.doubts(found) + evpn.doubts(found)


def in_order(mistakes: Sequence[Mistake]) -> List[Mistake]:
    """Each once, by file and line."""
    def place(mistake: Mistake) -> Tuple[str, int]:
        path, _, line = mistake.where.rpartition(":")
        return path, int(line) if line.isdigit() else 0

    return sorted(dict.fromkeys(mistakes), key=place)


def bridge_tool(found: NodeConf) -> str:
    """What makes Linux bridges on this node: ip, or brctl on old ones."""
    if found.bridge_tool != "auto":
        return found.bridge_tool
    return "ip" if kernel.ip_sets_master() else "brctl"


def bridge_lines(bridge: Bridge, tool: str, state: Live) -> List[plan.Line]:
    """The lines of one bridge."""
    return render.render("bridge", bridge=bridgeview.view(bridge, tool, state))


def network_lines(network: Network, marked: bool) -> List[plan.Line]:
    """The lines of one network; MARKED: for packets from routed veths, too."""
    ingress = [one for one in network.ingress if one != ROUTED] + ([ROUTED] if marked else [])
    key = facts.rp_filter_of(network.dev)
    now = facts.sysctl(key)
    return render.render("network", network=network, ingress=ingress, rp_filter=key,
                         rp_filter_before=now if now != network.rp_filter else "",
                         protocol=kernel.PROTOCOL if kernel.rules_have_protocol() else "")


def needs_marks(networks: Sequence[Network]) -> bool:
    """Whether packets of routed veths are marked: asked for, or done for a container already."""
    return any(ROUTED in network.ingress for network in networks) or any(map(_is_marking, journal.read()))


def _is_marking(line: plan.Line) -> bool:
    """Whether a line belongs to the marking (marks.j2, routed.j2), of nft or of iptables."""
    return " inet vzhooks_ingress" in line.command or " VZHOOKS-INGRESS " in line.command


def marks(found: NodeConf) -> List[plan.Line]:
    """The lines that mark packets of routed veths."""
    return render.render("marks", backend=backend.choose(found))


def antispoof() -> List[plan.Line]:
    """The table of what filtered containers may send, for nft."""
    return render.render("antispoof_node")


def _with_moved(lines: List[plan.Line], bridges: Sequence[Bridge]) -> List[plan.Line]:
    """Routes that followed their address earlier are still part of the plan, or it would send them back.

    They stand where they stood: before the address leaves the port, so that it is back there when they come back.
    """
    names = {bridge.name for bridge in bridges}
    for line in journal.read():
        if line.undo and change.moved(line) and _device(line.command) in names \
                and line.key not in {one.key for one in lines}:
            leaves = [index for index, one in enumerate(lines) if one.command.startswith("ip address del ")
                      and _device(one.command) == _device(line.undo.command)]
            lines.insert(min(leaves + [len(lines)]), line)
    return lines


def _device(command: str) -> str:
    words = command.split()
    return words[words.index("dev") + 1]


def ways(state: Live) -> List[str]:
    """The interfaces by which the node is reached: of its default routes, and of the login that asks."""
    login = os.environ.get("SSH_CONNECTION", "").split()[2:3]
    found = state.default_devices + [one.device for one in state.addresses if one.words[0].partition("/")[0] in login]
    return found or [one.device for one in state.addresses]


def moves(bridge: Bridge, state: Live) -> List[str]:
    """What of the node's way to the world a bridge would take along now."""
    found = []
    for port in bridge.ports:
        has = [one.words[0] for one in state.addresses if one.device == port]
        if port in ways(state) and (has or facts.master(port) != bridge.name):
            found.append("%s, by which this node is reached (%s), becomes a port of %s"
                         % (port, ", ".join(has) or "no address", bridge.name))
    return found + ["the default route '%s' gets a better one by %s" % (" ".join(route.words), bridge.name)
                    for _, route in bridgeview.other_defaults(bridge, state)
                    if not any(one.device == bridge.name and one.words[0] == "default" and one.family == route.family
                               for one in state.routes)]


def lost_ways(gone: Sequence[plan.Line]) -> List[str]:
    """The same for lines that are undone: bridges, ports and addresses that go."""
    reached = ways(bridgeview.live())
    found = []
    for line in gone:
        words = line.command.split()
        made = set(words) & set(reached)
        if made and words[:3] != ["ip", "address", "del"] and (
                words[1] in ("link", "address") or set(words) & {"addbr", "addif", "add-br", "add-port"}):
            found.append("%s, by which this node is reached: '%s' is undone" % (sorted(made)[0], line.command))
    return found


def missing(network: Network, found: NodeConf) -> List[Mistake]:
    """A mistake when the network's interface is neither there nor one that we would make."""
    return [] if facts.kind(network.dev) or found.makes(network.dev) else [absent(network)]


def absent(network: Network) -> Mistake:
    """What is said of an interface that is not there."""
    return Mistake(network.at("dev"), "dev %s of [network %s]: there is no such interface"
                   % (network.dev, network.name), "an interface of this node, or a [bridge], is wanted")


def is_up(network: Network, found: NodeConf) -> bool:
    """Whether routes over the network's interface can be made, now or when `up` has made its bridge."""
    return facts.is_up(network.dev) or found.makes(network.dev)


def down(network: Network) -> Mistake:
    """What is said of an interface that is down: its network is left out."""
    return Mistake(network.at("dev"), "dev %s of [network %s] is down" % (network.dev, network.name),
                   "'ip link set %s up' is wanted, and 'vzhook node up' after it" % network.dev)


def strangers(network: Network, state: Live) -> List[Mistake]:
    """Routes in a network's table that are not ours."""
    return [Mistake(network.at("table"), "table %d has a route of somebody else: '%s'"
                    % (network.table, " ".join(route.words)), "the number of an empty table is wanted")
            for route in state.routes if route.table == str(network.table) and not route.ours]


def _rp_filter(network: Network, state: Live) -> List[Mistake]:
    """rp_filter=1 drops what comes in by another interface than its answer would leave by.

    For venet0 the kernel asks with the ingress interface, so that our rules answer; not for what it does not forward,
    and not with the mark of routed veths.
    """
    ways = [] if all(cidr.family == 6 for cidr in network.cidr) else state.strict(network.dev, network.rp_filter)
    if not ways:
        return []
    return [Mistake(network.at("dev"), "rp_filter is 1 on %s, which drops what comes in there from beyond %s for the "
                    "node itself or a routed veth, since the way back is by %s"
                    % (network.dev, " ".join(map(str, network.cidr)), " ".join(ways)),
                    "'rp_filter = 2' in [network %s] is wanted" % network.name)]
