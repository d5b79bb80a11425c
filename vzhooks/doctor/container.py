"""A container: its conf, what was set up for it, its bridge or route, and whether it and its gateway answer."""
from typing import Iterator, List

from vzhooks import lint, netns, planner
from vzhooks.doctor import bridge
from vzhooks.doctor.step import Step, Way, answers, forwarding, sound
from vzhooks.drift import check as drift
from vzhooks.drift import running
from vzhooks.model import Container, Veth
from vzhooks.nodeconf import NodeConf
from vzhooks.values import Address


def way(veid: str, node: NodeConf) -> Way:
    """The steps from the conf to the gateway."""
    yield sound("CT %s: its conf is without mistakes" % veid, lint.container(veid).mistakes, "vzhook lint " + veid,
                "an editor")
    now = running.read(veid)
    yield Step("CT %s runs, and was set up by vzhooks" % veid, "" if now.state == running.RUNNING else
               "there is no journal of it" if now.state == running.UNKNOWN else
               "there are journals of it, but its interfaces are gone", "vzlist %s; ls /run/vzhooks/%s" % (veid, veid),
               "vzctl start %s; if it runs, 'vzhook run %s'" % (veid, veid))
    result = drift.check([veid], node, False)[0]
    yield sound("CT %s: the kernel has what was set up" % veid, list(map(str, result.drift)), "vzhook check " + veid,
                "vzhook reconcile " + veid)
    yield sound("CT %s: the conf is as it was at the start" % veid, result.edited, "vzhook check %s --json" % veid,
                "vzhook run " + veid)
    found = planner.read(veid)[1]
    yield from bridge.way(list(dict.fromkeys(veth.bridge for veth in found.veths if veth.bridge)))
    if found.routed or found.venet or found.floating:
        yield from forwarding(sorted({address.family for address in found.addresses}))
    for veth in found.veths:
        yield from _answers(veid, found, veth)


def _answers(veid: str, found: Container, veth: Veth) -> Way:
    for address in veth.all_addresses:
        yield Step("CT %s: %s answers ping" % (veid, address.ip), "" if answers(address.ip) else
                   "it does not; a firewall inside can be the reason, too", "ping -c 3 " + address.ip,
                   "vzctl exec %s ip address; vzctl exec %s ip route" % (veid, veid))
    for gateway in _gateways(veid, veth):
        what = "CT %s: its gateway %s answers it" % (veid, gateway.ip)
        if answers(gateway.ip, inside=veid):
            yield Step(what)
        elif veth.bridge and answers(gateway.ip, veth.bridge):
            yield Step(what, "it answers the node on %s, not the container: an old ARP entry there, or a filter of "
                       "MACs on the way (MAC %s)" % (veth.bridge, veth.interface.mac or "of the container"),
                       "ip netns exec %s ping -c 3 %s" % (veid, gateway.ip),
                       "vzhook run %s, which announces the addresses again" % veid)
        else:
            yield Step(what, "it answers nobody", "ip netns exec %s ping -c 3 %s" % (veid, gateway.ip),
                       "on the gateway; or VE_DEFAULT_GATEWAY (%s)" % gateway.where)


def _gateways(veid: str, veth: Veth) -> Iterator[Address]:
    """Those that can be asked from inside: by the node's own ping, in a namespace that is surely the container's."""
    try:
        sure = netns.has_name(veid) and netns.doubt(veid, veth.interface.host_ifname) is None
    except netns.Unknown:
        sure = False
    for gateway in veth.gateways if sure else ():
        yield gateway.address


def bridges_of(veid: str) -> List[str]:
    """The bridges of a container."""
    return list(dict.fromkeys(veth.bridge for veth in planner.read(veid)[1].veths if veth.bridge))
