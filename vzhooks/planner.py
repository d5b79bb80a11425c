"""From the conf files to the plan of each device: reads, models, looks at the node, renders.  Slow, needs libraries."""
from typing import Dict, List, NamedTuple, Optional, Tuple

from vzhooks import antispoof, facts, inputs, journal, kernel, ovs, paths, plan, render
from vzhooks.cache import VALIDATED, Ready
from vzhooks.call import Call
from vzhooks.errors import ConfigError, Expected
from vzhooks.facts import Facts
from vzhooks.mistakes import Mistake
from vzhooks.model import Container, Veth, container
from vzhooks.netif import Interface
from vzhooks.network import Network, network_of, offload_words
from vzhooks.node import backend, share
from vzhooks.node.planner import bridge_tool, in_order
from vzhooks.nodeconf import NodeConf
from vzhooks.routing import plans as routing
from vzhooks.view import Attachment, bridge_mistake, view


class Planned(NamedTuple):
    """The plan of one device, and what it rests on; `live` when that includes the inside of the container."""

    ready: Ready
    inputs: Dict[str, str]
    facts: Dict[str, str]
    live: bool


class NoDevice(Expected):
    """There is nothing that could be set up: the container does not run, or has no such device."""


def read(veid: str) -> Tuple[inputs.Inputs, Container]:
    """A container's files and what they say of it.  Raise ConfigError for files that cannot be read."""
    files = inputs.read(veid)
    return files, _container(veid, files)


def _container(veid: str, files: inputs.Inputs, added: Optional[Interface] = None) -> Container:
    return container(veid, files.conf, files.path, files.text, files.node, added)


def plans(veid: str, call: Call) -> List[Planned]:
    """The plans of the call's device, or of every device of the container.

    Raise ConfigError with all mistakes at once when the container uses our variables, NoDevice for an unknown device.
    """
    files, found = read(veid)
    if files.node.else_script and not found.custom and call.action != "run":
        _refuse_mistakes(found, [], Facts())
        lines = _lines_of_filter(veid, found, call, files.node)
        ready = _ready(call.device, lines, list(found.doubts), files.node)
        ready.else_script = files.node.else_script
        return [Planned(ready, files.files, {}, False)]
    said: List[Mistake] = []
    unnamed = call.device and not any(veth.interface.host_ifname == call.device for veth in found.veths)
    if unnamed:
        found, said = _with_running_device(veid, call.device, files, found)
    named = [veth.interface for veth in found.veths]
    veths, networks = [], {}
    for veth in found.veths:
        network = network_of(veid, veth.interface, call) if call.device in ("", veth.interface.host_ifname) \
            else Network("")
        veth = _named(veid, veth)
        if not veth.bridge and network.bridge:
            veth = veth._replace(bridge=network.bridge, bridge_where=veth.interface.where)
        veths.append(veth)
        networks[veth.interface.ifname] = network
    wanted = [veth for veth in veths if call.device in ("", veth.interface.host_ifname)]
    _refuse_mistakes(found, veths, Facts())
    nameless = [veth.interface.ifname for veth in wanted if not veth.interface.host_ifname]
    if nameless:
        raise NoDevice("CT %s: NETIF gives no host_ifname for %s and the container does not run; name the device or "
                       "start the container" % (veid, ", ".join(nameless)))
    result = []
    for veth in wanted:
        facts, doubts = Facts(), list(found.doubts) + said
        network = networks[veth.interface.ifname]
        lines = _lines(veid, found, veth, network, files.node, facts, doubts, call.action == "run")
        live = bool(unnamed) or not veth.interface.mac or veth.interface not in named
        result.append(Planned(_ready(veth.interface.host_ifname, lines, doubts, files.node),
                              dict(files.files, **dict(network.inputs)), facts.read, live))
    return result


def _ready(device: str, lines: List[plan.Line], doubts: List[Mistake], node: NodeConf, devices: str = "") -> Ready:
    return Ready(device, lines, [str(doubt) for doubt in doubts], node.timeout, node.on_error, node.ct_exec, devices)


def validate(veid: str) -> Planned:
    """Before the container exists: raise ConfigError as plans() would; return the verdict.

    Its lines are those of the node that the container needs, and those of veths for which vzctl calls no hook.
    """
    files, found = read(veid)
    facts = Facts()
    shared = share.needed(files.node, found, facts)
    found = found._replace(mistakes=found.mistakes + tuple(shared.mistakes))
    _refuse_mistakes(found, [veth for veth in found.veths if veth.bridge not in shared.bridges], facts)
    devices = " ".join(veth.interface.host_ifname or "?" for veth in found.veths if found.custom)
    ready = _ready(VALIDATED, shared.lines, list(found.doubts) + shared.doubts, files.node, devices)
    return Planned(ready, files.files, facts.read, False)


def else_script(veid: str) -> str:
    """The script that sets up this container's network instead of us, "" when that is ours to do."""
    files, found = read(veid)
    return "" if found.custom else files.node.else_script


def leftovers(veid: str) -> List[plan.Line]:
    """Without a journal: what may be removed, which is our own routes to this container's addresses, ports of its
    devices, and their filters alone.
    """
    found = read(veid)[1]
    if not found.custom and all(veth.allow is None for veth in found.veths):
        return []
    lines = [plan.Line("host", "", False, plan.Undo(command, True), veth.interface.where) for veth in found.veths
             if veth.interface.host_ifname for command in antispoof.leftovers(veid, veth.interface.host_ifname)]
    addresses = {address.ip: address for veth in found.veths for address in veth.all_addresses}
    held = journal.routes()
    for route in kernel.routes() if addresses else []:
        if route.ours and route.prefix in addresses and route.prefix not in held:
            undo = "ip route del %s dev %s proto %s" % (route.prefix, route.device, kernel.PROTOCOL)
            lines.append(plan.Line("host", "", False, plan.Undo(undo, False), addresses[route.prefix].where))
    for interface in (veth.interface for veth in found.veths):
        device = interface.host_ifname
        if device and Facts().get("openvswitch", "") and not Facts().get("kind", device) and ovs.is_our_port(device):
            undo = "ovs-vsctl --if-exists del-port " + device
            lines.append(plan.Line("host", "", False, plan.Undo(undo, False), interface.where))
    return lines


def _refuse_mistakes(found: Container, veths: List[Veth], facts: Facts) -> None:
    bridges = [bridge_mistake(veth, facts) for veth in veths] if found.custom else []
    mistakes = list(found.mistakes) + [mistake for mistake in bridges if mistake]
    if mistakes:
        raise ConfigError([str(mistake) for mistake in in_order(mistakes)])


def _lines_of_filter(veid: str, found: Container, call: Call, node: NodeConf) -> List[plan.Line]:
    """What is filtered though another script sets the network up (else_script)."""
    lines: List[plan.Line] = []
    for veth in found.veths:
        guard = _guard(veid, veth, "", node, False) if veth.interface.host_ifname == call.device else None
        lines += render.render("antispoof", veid=veid, guard=guard) if guard else []
    return lines


def _guard(veid: str, veth: Veth, tool: str, node: NodeConf, running: bool) -> Optional[antispoof.Guard]:
    """What filters a veth that joins its bridge by TOOL, None where nothing does.  Raise Expected."""
    if veth.allow is None:
        return None
    device, bridge, mac = veth.interface.host_ifname, veth.bridge, veth.interface.mac
    if not mac:
        link = kernel.peer_of(veid, device)
        mac = link.mac if link else ""
    on_ovs = tool == "ovs" and bool(bridge)
    take_down = on_ovs and running and facts.is_up(device) and ovs.bridge_of(device) != bridge
    return antispoof.guard(veth, mac, "ovs" if on_ovs else backend.choose(node), bridge, take_down)


def _lines(veid: str, found: Container, veth: Veth, network: Network, node: NodeConf, facts: Facts,
           doubts: List[Mistake], running: bool) -> List[plan.Line]:
    tool = _tool(veth, node, facts)
    guard = _guard(veid, veth, "ovs" if network.vport else tool, node, running)
    lines = _lines_of(veid, found, veth, network, node, facts, doubts, tool, guard)
    if guard and not any(line.vital and not line.command.startswith("vtysh ") for line in lines):
        raise render.TemplateError("a template of %s leaves out antispoof.j2, so that %s would not be filtered; "
                                   "'include \"antispoof.j2\"' as in the shipped one is wanted"
                                   % (paths.templates(), veth.interface.host_ifname))
    return lines


def _lines_of(veid: str, found: Container, veth: Veth, network: Network, node: NodeConf, facts: Facts,
              doubts: List[Mistake], tool: str, guard: Optional[antispoof.Guard]) -> List[plan.Line]:
    interface = veth.interface
    device = interface.host_ifname
    attachment = Attachment("ovs" if network.vport else tool, _leave(veth, tool, facts) if interface.modern else (),
                            network.external_ids,
                            " ".join(offload_words(network.bridge, device, facts) if network.bridge else []))
    if found.custom:
        ids = (attachment.external_ids + " external-ids:owner=vzhooks").strip()
        own = {address.ip for address in veth.all_addresses}
        public = any(one.private.ip in own for one in found.floating)
        seen = view(veth, attachment._replace(external_ids=ids), facts, doubts, public)
        if not seen.mac:
            link = kernel.peer_of(veid, device)
            seen = seen._replace(mac=link.mac if link else "")
        listed = [] if interface.type == "routed" else routing.lines(node, [(veth.all_addresses, veth.announced)])
        lines = listed + render.render("veth", veid=veid, veth=seen, guard=guard)
        return lines + share.ingress(veid, found, veth, node)
    if veth.bridge and not facts.get("kind", veth.bridge):
        doubts.append(Mistake(veth.bridge_where, "bridge %s, which this node has not" % veth.bridge,
                              "the name of a bridge of this node is wanted"))
    # The stock script of the legacy generation is not stopped by a bridge that is not there.
    return render.render("stock", veid=veid, guard=guard, veth=dict(
        attachment._asdict(), device=device, where=interface.where, bridge=veth.bridge, vlan=0,
        dash="" if interface.modern else "-"))


def _leave(veth: Veth, tool: str, facts: Facts) -> Tuple[str, ...]:
    """Modern stock first leaves any bridge and any Open vSwitch port of an earlier life."""
    device = veth.interface.host_ifname
    commands = []
    if facts.get("master", device) not in ("", veth.bridge):
        commands.append("ip link set dev %s nomaster" % device)
    if tool != "ovs" and facts.get("openvswitch", ""):
        commands.append("ovs-vsctl --if-exists del-port %s" % device)
    return tuple(commands)


def _tool(veth: Veth, node: NodeConf, facts: Facts) -> str:
    """What puts a veth into its bridge on this node."""
    if veth.bridge and facts.get("kind", veth.bridge) == "other":
        return "ovs"
    return bridge_tool(node)


def _named(veid: str, veth: Veth) -> Veth:
    """Give a veth whose host_ifname NETIF does not say the name that it has now; "" while it does not run."""
    if veth.interface.host_ifname:
        return veth
    for link in kernel.links_inside(veid):
        device = kernel.device_of(veid, link) if link.name == veth.interface.ifname else ""
        if device:
            interface = veth.interface._replace(host_ifname=device, mac=veth.interface.mac or link.mac)
            return veth._replace(interface=interface)
    return veth


def _with_running_device(veid: str, device: str, files: inputs.Inputs,
                         found: Container) -> Tuple[Container, List[Mistake]]:
    """A device that runs already and that NETIF does not name (yet): configure what is known, say what is not."""
    where = files.path + ":1"
    link = kernel.peer_of(veid, device)
    if link is None:
        if found.custom:
            raise NoDevice("CT %s: %s is neither a host_ifname in NETIF of %s nor an interface of the container"
                           % (veid, device, files.path))
        added = Interface(device, where, device)  # stock does not look inside
    else:
        added = Interface(link.name, where, device, link.mac)
    again = _container(veid, files, added)
    known = any(one.interface.ifname == added.ifname for one in found.veths)
    said = [] if known or not again.custom else [Mistake(
        where, "NETIF does not name %s yet (%s inside); its bridge= is not known" % (device, added.ifname),
        "variables with the suffix _%s are used, and those that hold for every veth" % added.ifname)]
    return again, said
