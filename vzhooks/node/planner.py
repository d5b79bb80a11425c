"""From [bridge] and [network] to the node's plan, with the node's live state.  Slow, needs libraries."""
from typing import List, NamedTuple, Sequence, Tuple

from vzhooks import facts, inputs, kernel, paths, plan, process, render
from vzhooks.errors import ConfigError, Expected
from vzhooks.mistakes import Mistake
from vzhooks.node import bridgeview, journal, tablenames
from vzhooks.node.bridge import Bridge
from vzhooks.node.bridgeview import Live
from vzhooks.node.network import ROUTED, Network
from vzhooks.nodeconf import NodeConf
from vzhooks.nodeconf import read as read_conf


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
    mistakes, doubts = judge(found, state)
    if mistakes:
        raise ConfigError([str(mistake) for mistake in in_order(mistakes)])
    lines: List[plan.Line] = []
    ways: List[str] = []
    tool = bridge_tool(found)
    for bridge in found.bridges:
        lines += bridge_lines(bridge, tool, state)
        ways += moves(bridge, state)
    marked = needs_marks(found.networks)
    lines += marks(found) if marked else []
    lines += antispoof() if any("vzhooks_antispoof" in line.command for line in journal.read()) else []
    for network in found.networks:
        lines += network_lines(network, marked)
    return NodePlan(_with_moved(lines, found.bridges), doubts, ways)


def judge(found: NodeConf, state: Live) -> Tuple[List[Mistake], List[Mistake]]:
    """All mistakes and doubts about the node, those of its state included."""
    mistakes = list(found.mistakes + found.node_mistakes)
    doubts = list(found.doubts)
    for bridge in found.bridges:
        mistakes += bridgeview.conflicts(bridge, state)
    for network in found.networks:
        mistakes += missing(network, found) + _strangers(network, state)
        doubts += _rp_filter(network, state)
    return mistakes + tablenames.conflicts(found.networks), doubts


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
    key = rp_filter_of(network.dev)
    now = facts.sysctl(key)
    return render.render("network", network=network, ingress=ingress, rp_filter=key,
                         rp_filter_before=now if now != network.rp_filter else "",
                         protocol=kernel.PROTOCOL if kernel.rules_have_protocol() else "")


def rp_filter_of(device: str) -> str:
    """The sysctl's key; `/` stands for a dot within a name."""
    return "net.ipv4.conf.%s.rp_filter" % device.replace(".", "/")


def needs_marks(networks: Sequence[Network]) -> bool:
    """Whether packets of routed veths are marked: asked for, or done for a container already."""
    return any(ROUTED in network.ingress for network in networks) or \
        any("INGRESS" in line.command.upper() and not line.command.startswith("ip ") for line in journal.read())


def marks(found: NodeConf) -> List[plan.Line]:
    """The lines that mark packets of routed veths."""
    return render.render("marks", backend=backend(found))


def antispoof() -> List[plan.Line]:
    """The table of what filtered containers may send, for nft."""
    return render.render("antispoof_node")


def backend(found: NodeConf) -> str:
    """nft or iptables: what is asked for, else what is there.  Raise Expected."""
    for program in ("nft", "iptables") if found.backend == "auto" else (found.backend,):
        try:
            process.find(program)
            return program
        except process.MissingCommand:
            continue
    raise Expected("neither nft nor iptables is there, and one of them must filter what containers send (ANTISPOOF) or "
                   "mark the packets of routed veths; install nftables")


def _with_moved(lines: List[plan.Line], bridges: Sequence[Bridge]) -> List[plan.Line]:
    """Routes that followed their address earlier are still part of the plan, or it would send them back.

    They stand where they stood: before the address leaves the port, so that it is back there when they come back.
    """
    names = {bridge.name for bridge in bridges}
    for line in journal.read():
        if line.undo and " route replace " in line.undo.command and _device(line.command) in names \
                and line.key not in {one.key for one in lines}:
            leaves = [index for index, one in enumerate(lines) if one.command.startswith("ip address del ")
                      and _device(one.command) == _device(line.undo.command)]
            lines.insert(min(leaves + [len(lines)]), line)
    return lines


def _device(command: str) -> str:
    words = command.split()
    return words[words.index("dev") + 1]


def moves(bridge: Bridge, state: Live) -> List[str]:
    """What of the node's way to the world a bridge would take along now."""
    ways = state.default_devices or [one.device for one in state.addresses]
    found = []
    for port in bridge.ports:
        has = [one.words[0] for one in state.addresses if one.device == port]
        if port in ways and (has or facts.master(port) != bridge.name):
            found.append("%s, by which this node is reached (%s), becomes a port of %s"
                         % (port, ", ".join(has) or "no address", bridge.name))
    return found


def down_moves(names: Sequence[str]) -> List[str]:
    """The same for bridges that are removed."""
    return ["%s, by which this node is reached, is removed" % name
            for name in dict.fromkeys(bridgeview.live().default_devices) if name in names]


def missing(network: Network, found: NodeConf) -> List[Mistake]:
    """A mistake when the network's interface is neither there nor one that we would make."""
    if facts.kind(network.dev) or any(bridge.name == network.dev for bridge in found.bridges):
        return []
    return [Mistake(network.at("dev"), "dev %s of [network %s]: there is no such interface"
                    % (network.dev, network.name), "an interface of this node, or a [bridge], is wanted")]


def _strangers(network: Network, state: Live) -> List[Mistake]:
    """Routes in a network's table that are not ours."""
    tables = tablenames.numbers()
    return [Mistake(network.at("table"), "table %d has a route of somebody else: '%s'"
                    % (network.table, " ".join(route.words)), "the number of an empty table is wanted")
            for route in state.routes
            if tables.get(route.value("table"), route.value("table")) == str(network.table)
            and tablenames.protocol(route.value("proto")) != kernel.PROTOCOL]


def _rp_filter(network: Network, state: Live) -> List[Mistake]:
    """rp_filter=1 drops what comes in by another interface than its answer would leave by (ip-sysctl.txt).

    For venet0 the kernel asks with the ingress interface, so that our rules answer; not for what it does not forward,
    and not with the mark of routed veths.
    """
    # The larger one counts; ours as it will be.
    values = [facts.sysctl(rp_filter_of("all")), network.rp_filter or facts.sysctl(rp_filter_of(network.dev))]
    if max(values) != "1" or network.dev in state.default_devices or all(cidr.family == 6 for cidr in network.cidr):
        return []
    return [Mistake(network.at("dev"), "rp_filter is 1 on %s, which drops what comes in there from beyond %s for the "
                    "node itself or a routed veth, since the way back is by %s"
                    % (network.dev, " ".join(map(str, network.cidr)),
                       " ".join(state.default_devices) or "no interface"),
                    "'rp_filter = 2' in [network %s] is wanted" % network.name)]
