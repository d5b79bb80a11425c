"""One container's floating addresses, and its own as addresses from inside: floating.j2."""
from typing import Dict, List, NamedTuple, Tuple

from vzhooks import facts, kernel, plan, render
from vzhooks.facts import Facts
from vzhooks.floating import Floating
from vzhooks.mistakes import Mistake
from vzhooks.model import Container
from vzhooks.node import backend, uplinks
from vzhooks.node.bridgeview import Live
from vzhooks.nodeconf import NodeConf
from vzhooks.values import Address


class Public(NamedTuple):
    """A floating address as the template sees it."""

    public: Address
    private: Address
    first: bool  # the one by which its container's address leaves
    home: str  # the uplink that answers for it
    home_mac: str
    options: str  # of `ip address replace`
    route_device: str


def mistakes(node: NodeConf, found: Container, state: Live) -> List[Mistake]:
    """Floating addresses that are the node's own, a gateway's or another container's: those would be gone."""
    whose = {one.words[0].partition("/")[0]: "an address of the node itself" for one in state.addresses
             if one.device not in node.floating.uplinks or not one.words[0].endswith(("/32", "/128"))}
    whose.update({gateway.ip: "the gateway of %s" % uplink.dev for uplink in uplinks.uplinks(node, state)
                  for gateway in uplink.gateways})
    own = {address.ip for address in found.addresses}
    whose.update({route.words[0]: "routed to %s, which is another container's" % route.device for route in state.routes
                  if route.words[0] not in own and route.words[0][:1].isalnum() and "/" not in route.words[0]
                  and not route.value("table") and route.device and not route.value("via")
                  and node.floating.answer != "proxy"})
    return [Mistake(one.public.where, "FLOATING_IP: %s is %s" % (one.public.ip, whose[one.public.ip]),
                    "one that nobody has is wanted") for one in found.floating if one.public.ip in whose]


def lines(node: NodeConf, found: Container, state: Live, known: Facts) -> Tuple[List[plan.Line], List[Mistake]]:
    """The lines of the node and of one container, and what is to be said; the facts that they rest on go to KNOWN."""
    there = uplinks.uplinks(node, state)
    doubts = uplinks.missing(node) if found.floating or found.snat else []
    if not there or not found.addresses:
        return [], doubts
    for uplink in there:
        for what in ("kind", "ipv4", "ipv6", "mac"):
            known.get(what, uplink.dev)
    made = _publics(node, found, there)
    if made:
        doubts += _doubts(node, state) + _ways_back(found, state)
    translated = {one.private.ip for one in made}
    values: Dict[str, object] = dict(
        veid=found.veid, floating=made, inside=list({address.ip: address for address in found.addresses}.values()),
        asked=[one for one in found.addresses if found.snat and one.ip not in translated],
        translated=translated, answer=node.floating.answer, backend=backend.choose(node), uplinks=there,
        snat=uplinks.snat(node.floating.snat), mask="0x%08x" % node.floating.mark_mask)
    return uplinks.lines(node, state) + render.render("floating", **values), doubts


def _publics(node: NodeConf, found: Container, there: List[uplinks.Uplink]) -> List[Public]:
    made: List[Public] = []
    for one in found.floating:
        home = uplinks.home_of(one.public, there)
        label = " label %s:vzh" % home if one.public.family == 4 and len(home) <= 11 else ""
        made.append(Public(one.public, one.private, one.private.ip not in [other.private.ip for other in made], home,
                           facts.READERS["mac"](home), label if one.public.family == 4 else " nodad preferred_lft 0",
                           _device_to(found, one)))
    return made


def _device_to(found: Container, one: Floating) -> str:
    """An interface that is not the uplink: usually the one by which the node reaches the private address."""
    for veth in found.veths:
        if one.private.ip in [address.ip for address in veth.all_addresses]:
            return veth.bridge or "lo"  # the veth is not there before the start; any other than the uplink will do
    return "venet0"


def _doubts(node: NodeConf, state: Live) -> List[Mistake]:
    where = node.floating.at("uplinks")
    found = []
    if facts.sysctl("net.ipv4.ip_forward") == "0":
        found.append(Mistake(where, "net.ipv4.ip_forward is 0", "1 is wanted, or nothing reaches a container"))
    if not kernel.has_program("conntrack"):
        found.append(Mistake(where, "no program 'conntrack', so that flows of an address's earlier holder go on",
                             "the package conntrack (conntrack-tools) is wanted"))
    return found + uplinks.rp_filters(node, state)


def _ways_back(found: Container, state: Live) -> List[Mistake]:
    """Replies must come by this node, or nobody translates them back."""
    own = {one.words[0].partition("/")[0] for one in state.addresses}
    doubts = []
    for veth in found.veths:
        families = {one.private.family for one in found.floating
                    if one.private.ip in [address.ip for address in veth.all_addresses]}
        for gateway in veth.gateways if veth.bridge else ():
            if gateway.address.family in families and gateway.address.ip not in own:
                doubts.append(Mistake(gateway.address.where, "the container answers by %s, which is not this node, so "
                                      "that its FLOATING_IP is not translated back" % gateway.address.ip,
                                      "an address of this node is wanted in VE_DEFAULT_GATEWAY, and VETH_ROUTES for "
                                      "what is behind the other gateway"))
    return doubts
