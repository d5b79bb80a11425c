"""What one container shares with others: the bridges, tables, rules and marks that it needs before it starts."""
from typing import List, NamedTuple, Optional, Sequence, Tuple

from vzhooks import plan, render
from vzhooks.facts import Facts, rp_filter_of
from vzhooks.mistakes import Mistake
from vzhooks.model import Container, Veth
from vzhooks.node import backend, bridgeview, overlayview, planner, public
from vzhooks.node.bridge import Bridge
from vzhooks.node.network import Network
from vzhooks.node.overlay import Overlay
from vzhooks.nodeconf import NodeConf
from vzhooks.routing import plans as routing
from vzhooks.values import Address


class Needed(NamedTuple):
    """The lines that a container needs, what is to be said about them, and the bridges that they make."""

    lines: List[plan.Line]
    doubts: List[Mistake]
    bridges: List[str]
    mistakes: List[Mistake]


def needed(node: NodeConf, found: Container, facts: Facts) -> Needed:
    """The lines for one container before it starts.  Raise Expected.

    Left out, with a doubt: a network whose interface is missing, a bridge that would take the node's own way along.
    """
    lines, doubts, bridges = _bridges(node, found, facts)
    routed = [veth for veth in found.routed if _networks(node, veth.all_addresses)]
    addresses = found.venet + tuple(address for veth in routed for address in veth.all_addresses)
    networks = _networks(node, addresses)
    marked = bool(routed) or bool(networks) and planner.needs_marks(node.networks)
    lines += planner.marks(node) if marked else []
    state = bridgeview.live() if networks else None
    if any(veth.allow is not None for veth in found.veths) and backend.choose(node) == "nft":
        lines += planner.antispoof()
    for network in networks:
        strange = planner.strangers(network, state) if state else []
        if strange:
            doubts += strange
        elif facts.get("kind", network.dev) and facts.get("up", network.dev) != "yes":
            doubts.append(planner.down(network))
        elif facts.get("kind", network.dev) or network.dev in bridges:
            lines += planner.network_lines(network, marked)
            if network.rp_filter:  # what it goes back to is part of the plan
                facts.get("sysctl", rp_filter_of(network.dev))
        else:
            doubts.append(planner.absent(network))
    doubts += in_overlays(node, found)
    if addresses:
        doubts += node.node_mistakes  # a network that they belong to may be among them
    mistakes: List[Mistake] = []
    if node.floating.uplinks:
        state = state or bridgeview.live()
        mistakes = public.mistakes(node, found, state)
        more, said = public.lines(node, found, state, facts)
        lines += more
        doubts += said
    by_vzctl = [veth for veth in routed if veth.interface.type == "routed" and veth.interface.host_ifname]
    lines += routing.lines(node, [(found.venet, found.announced)] + [
        (veth.all_addresses, veth.announced) for veth in found.veths if veth.interface.type == "routed"])
    return Needed(lines + _ingress(found.veid, by_vzctl, node), doubts, bridges, mistakes)


def ingress(veid: str, found: Container, veth: Veth, node: NodeConf) -> List[plan.Line]:
    """The lines that make packets from a routed veth of ours known as a container's."""
    wanted = veth in found.routed and veth.interface.type != "routed" and _networks(node, veth.all_addresses)
    return _ingress(veid, [veth], node) if wanted else []


def _ingress(veid: str, veths: Sequence[Veth], node: NodeConf) -> List[plan.Line]:
    return render.render("routed", veid=veid, veths=veths, backend=backend.choose(node)) if veths else []


def _networks(node: NodeConf, addresses: Sequence[Address]) -> List[Network]:
    return [network for network in node.networks if any(map(network.holds, addresses))]


def _bridges(node: NodeConf, found: Container, facts: Facts) -> Tuple[List[plan.Line], List[Mistake], List[str]]:
    lines: List[plan.Line] = []
    doubts: List[Mistake] = []
    made = []
    wanted = {veth.bridge for veth in found.veths if found.custom}
    overlays = {overlay.name: overlay for overlay in node.overlays if overlay.name in wanted}
    for bridge in node.bridges:
        overlay = overlays.get(bridge.name)
        if bridge.name not in wanted or _is_there(bridge, overlay, facts):
            continue
        state = bridgeview.live()
        node = overlayview.with_macs(node, state)
        bridge = next(one for one in node.bridges if one.name == bridge.name)
        conflicts = bridgeview.conflicts(bridge, state)
        moves = planner.moves(bridge, state)
        if overlay:
            conflicts += overlayview.conflicts(overlay, node, state)
        if moves:
            conflicts.append(Mistake(bridge.where, moves[0], "'vzhook node up' is wanted, which asks first"))
        if conflicts:
            doubts += conflicts
        else:
            made.append(bridge.name)
            lines += planner.bridge_lines(bridge, planner.bridge_tool(node), state)
            if overlay:
                lines += overlayview.lines(overlay, node, state)
                doubts += overlayview.doubts(overlay, node, state)
    return lines, doubts, made


def in_overlays(node: NodeConf, found: Container) -> List[Mistake]:
    """What is to be said of veths in the bridge of an overlay."""
    doubts: List[Mistake] = []
    for veth in found.veths if found.custom else ():
        for overlay in [overlay for overlay in node.overlays if overlay.name == veth.bridge and veth.vlan]:
            doubts += overlayview.tagged(overlay, veth.vlan_where)
    return doubts


def _is_there(bridge: Bridge, overlay: Optional[Overlay], facts: Facts) -> bool:
    """Whether a container finds its bridge; Open vSwitch has kept the tunnels with it, Linux perhaps not."""
    return bool(facts.get("kind", bridge.name)) and (
        overlay is None or overlay.type == "ovs" or bool(facts.get("kind", overlay.device)))
