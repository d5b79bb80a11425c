"""A bridge as its template sees it: what vzhooks.conf wants, and what the node has now and must not lose."""
import hashlib
import os
from typing import List, NamedTuple, Sequence, Tuple

from vzhooks import facts, kernel, ovs
from vzhooks.kernel import OnDevice
from vzhooks.mistakes import Mistake
from vzhooks.node import journal
from vzhooks.node.bridge import Bridge
from vzhooks.values import Address

VOLATILE = ("linkdown", "dead", "offload", "trap", "rt_trap")  # a route's states, each one word
TIMED = ("expires", "pref", "error", "users", "age", "nhid")  # and those with a value; a nexthop keeps its device
ALIAS = "vzhooks:"  # how the alias of an interface of ours begins


class Live(NamedTuple):
    """The node's addresses and routes, read once."""

    addresses: Sequence[OnDevice]
    routes: Sequence[OnDevice]

    @property
    def default_devices(self) -> List[str]:
        """The interfaces by which the node reaches the world."""
        return [device for route in self.routes if route.is_default for device in devices_of(route)]

    def strict(self, device: str, asked: str = "") -> List[str]:
        """Where rp_filter (ASKED, else as it is) drops on DEVICE what the node would not answer by it: the interfaces
        by which it would, "no interface" where by none; [] where nothing is dropped.  IPv4's (ip-sysctl.txt).
        """
        ways = self._replace(routes=[route for route in self.routes if route.family == 4]).default_devices
        values = [facts.sysctl(facts.rp_filter_of("all")), asked or facts.sysctl(facts.rp_filter_of(device))]
        return [] if max(values) != "1" or device in ways else ways or ["no interface"]  # the larger one counts


def live() -> Live:
    """Read the node's state."""
    return Live(kernel.addresses(), kernel.all_routes())


def devices_of(route: OnDevice) -> List[str]:
    """The interfaces of a route; one with several next hops can have several."""
    return [word for before, word in zip(route.words, route.words[1:]) if before == "dev"]


class Port(NamedTuple):
    """A port, and what it had before it became one."""

    name: str
    mtu_before: str
    was_down: bool
    leaving: Tuple[Address, ...]  # the bridge's addresses, in the order in which they leave it
    gets_back: Tuple[Address, ...]  # those of them that it has when the bridge has gone


class Moved(NamedTuple):
    """A route that follows its address from a port to the bridge; of whoever made it."""

    ip: str  # "ip" or "ip -6"
    before: str
    after: str


class Gateway(NamedTuple):
    """A default route that is ours, and the one in whose place it comes."""

    address: str
    where: str
    ip: str
    before: str  # as `ip route replace` takes it; "": none


class Before(NamedTuple):
    """What a bridge that is there had before us; "" where it is as wanted, or the bridge is made by us."""

    mac: str = ""
    stp: str = ""
    forward_delay: str = ""
    mtu: str = ""
    down: bool = False


class BridgeView(NamedTuple):
    """The `bridge` of bridge.j2."""

    name: str
    where: str
    tool: str  # ip | brctl | ovs
    ours: bool
    mac: str
    mac_where: str
    stp: bool
    forward_delay: int
    mtu: int
    datapath: str
    ports: Tuple[Port, ...]
    ports_where: str
    addresses: Tuple[Address, ...]
    routes: Tuple[Moved, ...]
    gateways: Tuple[Gateway, ...]
    before: Before


def view(bridge: Bridge, tool: str, state: Live) -> BridgeView:
    """The bridge for its template."""
    ports = tuple(_port(bridge, name, state) for name in bridge.ports)
    moving = [route for route in state.routes if set(devices_of(route)) & set(bridge.ports)
              and not route.ours]  # ours are made where they belong
    routes = tuple(_moved(route, bridge) for route in sorted(moving, key=lambda route: "via" in route.words))
    mac = mac_of(bridge)
    return BridgeView(
        bridge.name, bridge.where, "ovs" if bridge.type == "ovs" else tool, is_ours(bridge.name), mac,
        bridge.at("mac" if bridge.mac else "ports"), bridge.stp, delay_of(bridge), bridge.mtu, bridge.datapath,
        ports, bridge.at("ports"), bridge.address, routes,
        _gateways(bridge, moving, state), _before(bridge, mac))


def delay_of(bridge: Bridge) -> int:
    """Seconds; with STP the standard's 15 where nothing else is asked."""
    return bridge.forward_delay or (15 if bridge.stp else 0)


def mac_of(bridge: Bridge) -> str:
    """The MAC that a bridge is pinned to: as asked, the first port's, or one made of the machine's and its own name."""
    if bridge.mac or bridge.ports:
        return bridge.mac or facts.READERS["mac"](bridge.ports[0])
    machine = facts.file("/etc/machine-id") or os.uname().nodename
    return "02:" + ":".join("%02x" % byte for byte in hashlib.sha256((machine + bridge.name).encode()).digest()[:5])


def is_ours(name: str) -> bool:
    """Whether a Linux bridge is not there yet, or was made by us."""
    return not facts.kind(name) or facts.alias(name).startswith(ALIAS)


def _port(bridge: Bridge, name: str, state: Live) -> Port:
    mtu = facts.READERS["mtu"](name)
    has = [one.words[0] for one in state.addresses if one.device == name]
    # One that the conf has replaced since is still a reason not to leave the port without any.
    lost = {":" in line.command.split()[3] for line in journal.read() if line.undo
            and line.command.startswith("ip address del ") and line.command.endswith(" dev " + name)
            and line.command.split()[3] not in map(str, bridge.address)}
    # The last one first: with a network's first address the kernel takes its others, and it is to come back first.
    leaving = sorted(bridge.address, reverse=True,
                     key=lambda address: has.index(str(address)) if str(address) in has else -1)
    return Port(name, mtu if mtu != str(bridge.mtu) else "", not facts.is_up(name), tuple(leaving),
                tuple(address for address in leaving if str(address) in has or (address.family == 6) in lost))


def _gateways(bridge: Bridge, moving: Sequence[OnDevice], state: Live) -> Tuple[Gateway, ...]:
    """The default routes to make; one whose gateway is there already, among several next hops or on its way, is not."""
    found = []
    defaults = [route for route in state.routes if route.is_default
                and (route in moving or bridge.name in devices_of(route))]
    for gateway in bridge.gateway:
        same = [route for route in defaults if route.family == gateway.family]
        known = [route for route in same if gateway.ip in route.words]
        if not any(route in moving or "nexthop" in route.words for route in known):
            other = [_moved(route, bridge) for route in same if not known and not route.value("metric")
                     or not known and route.family == 6]
            found.append(Gateway(gateway.ip, gateway.where, "ip -6" if gateway.family == 6 else "ip",
                                 other[0].after if other else ""))
    return tuple(found)


def _moved(route: OnDevice, bridge: Bridge) -> Moved:
    words = [word for word in route.words if word not in VOLATILE]
    for key in TIMED:
        if key in words:
            at = words.index(key)
            del words[at:at + 2]
    after = [bridge.name if before == "dev" and word in bridge.ports else word
             for before, word in zip([""] + words, words)]
    return Moved("ip -6" if route.family == 6 else "ip", " ".join(words), " ".join(after))


def _before(bridge: Bridge, mac: str) -> Before:
    if bridge.type == "ovs" or is_ours(bridge.name):
        return Before()  # it goes as a whole
    path = "/sys/class/net/%s/" % bridge.name
    now, mtu = facts.file(path + "address"), facts.file(path + "mtu")
    stp, delay = facts.file(path + "bridge/stp_state"), facts.file(path + "bridge/forward_delay")
    return Before(now if now != mac else "", stp if stp != str(int(bridge.stp)) else "",
                  delay if delay != str(100 * delay_of(bridge)) else "",
                  mtu if mtu != str(bridge.mtu) else "", not facts.is_up(bridge.name))


def conflicts(bridge: Bridge, state: Live) -> List[Mistake]:
    """What on this node stands in a bridge's way."""
    name, where = bridge.name, bridge.where
    kind = facts.kind(name)
    found = []
    wanted = "linux" if bridge.type == "linux" else "other"
    by_ovs = kind == "other" and ovs.is_bridge(name)
    if kind and (kind != wanted or by_ovs != (bridge.type == "ovs")):
        found.append(Mistake(where, "%s is there already and is no %s bridge" % (
            name, "Linux" if bridge.type == "linux" else "Open vSwitch"), "another name is wanted, or its removal"))
    elif kind == "linux" and not is_ours(name):
        found += _foreign(bridge, state)
    elif by_ovs and not ovs.is_our_bridge(name):  # our settings would change it, and `down` remove it
        found.append(Mistake(where, "an Open vSwitch bridge %s is there already, which vzhooks has not made" % name,
                             "another name is wanted, or 'ovs-vsctl br-set-external-id %s owner vzhooks', which "
                             "gives it to vzhooks" % name))
    for port in bridge.ports:
        found += _port_conflicts(bridge, port, state)
    for gateway, route in other_defaults(bridge, state):
        if route.value("metric") == ("1024" if route.family == 6 else ""):  # what ours would have, too
            found.append(Mistake(gateway.where, "gateway %s, but the node has '%s'"
                                 % (gateway.ip, " ".join(route.words)), "one default route is wanted"))
    return found


def other_defaults(bridge: Bridge, state: Live) -> List[Tuple[Address, OnDevice]]:
    """The node's default routes by other interfaces, each with the bridge's gateway of its family."""
    return [(gateway, route) for gateway in bridge.gateway for route in state.routes
            if route.family == gateway.family and route.is_default
            and not set(devices_of(route)) & set(bridge.ports + (bridge.name,))]


def _foreign(bridge: Bridge, state: Live) -> List[Mistake]:
    """A bridge of our name that we did not make is left alone, unless it is what we want already."""
    name = bridge.name
    ours = {str(address) for address in bridge.address}
    strange = [one.words[0] for one in state.addresses if one.device == name and one.words[0] not in ours]
    lacking = [port for port in bridge.ports if facts.master(port) != name]
    if not strange and not lacking:
        return []
    has = ["address " + address for address in strange] + ["no port " + port for port in lacking]
    return [Mistake(bridge.where, "a bridge %s is there already, which vzhooks has not made: %s"
                    % (name, ", ".join(has)), "another name is wanted, or the same addresses and ports")]


def _port_conflicts(bridge: Bridge, port: str, state: Live) -> List[Mistake]:
    where = bridge.at("ports")
    if not facts.kind(port):
        return [Mistake(where, "port %s of %s: there is no such interface" % (port, bridge.name),
                        "an interface of this node is wanted")]
    if facts.READERS["mac"](port) in ("", "00:00:00:00:00:00"):
        return [Mistake(where, "port %s of %s is no Ethernet interface" % (port, bridge.name), "one is wanted")]
    found = []
    master = facts.master(port)
    if master in ("", "ovs-system") and facts.READERS["openvswitch"](""):
        master = ovs.bridge_of(port)  # with the userspace datapath sysfs tells nothing
    if master not in ("", bridge.name):
        found.append(Mistake(where, "port %s of %s is a port of %s now" % (port, bridge.name, master),
                             "a port that no other bridge has is wanted"))
    ours = {str(address) for address in bridge.address}
    for one in state.addresses:
        if one.device == port and one.words[0] not in ours:
            found.append(Mistake(bridge.at("address"), "port %s has the address %s, which would not work on a port"
                                 % (port, one.words[0]), "'address = ... %s' in [bridge %s], or its removal, is wanted"
                                 % (one.words[0], bridge.name)))
    return found
