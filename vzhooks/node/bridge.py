"""[bridge NAME]: a bridge that this node should have, Linux or Open vSwitch, with the node's own addresses on it."""
from typing import Dict, List, NamedTuple, Sequence, Tuple

from vzhooks import ini, names, values
from vzhooks.mistakes import Mistake
from vzhooks.values import Address


class Bridge(NamedTuple):
    """A bridge as vzhooks.conf wants it; texts are "" and numbers 0 where nothing is said."""

    name: str
    where: str  # FILE:LINE of the section
    type: str = "linux"  # linux | ovs
    ports: Tuple[str, ...] = ()  # the first one gives the bridge its MAC
    address: Tuple[Address, ...] = ()  # both families, in order; the first of a family is its primary one
    gateway: Tuple[Address, ...] = ()  # at most one a family
    mtu: int = 0  # of the bridge and its ports
    stp: bool = False
    forward_delay: int = 0  # seconds
    mac: str = ""  # "": the first port's
    datapath: str = "system"  # of Open vSwitch: system (the kernel's) | netdev (userspace)
    wheres: Dict[str, str] = {}  # FILE:LINE of each setting that was given

    def at(self, key: str) -> str:
        """FILE:LINE of a setting, or of the section."""
        return self.wheres.get(key, self.where)


def _gateway(text: str, where: str) -> Address:
    return values.plain_address(text, where)


def yes(text: str, where: str) -> bool:
    """The check of a switch."""
    return values.choice(text, "yes", "no") == "yes"


SETTINGS: Dict[str, ini.Check] = {
    "type": lambda text, where: values.choice(text, "linux", "ovs"),
    "ports": ini.words(lambda text, where: names.interface(text)),
    "address": ini.words(values.interface_address),
    "gateway": ini.words(_gateway),
    "mtu": lambda text, where: names.number(text, 68, 65535),
    "stp": yes,
    "forward_delay": lambda text, where: names.number(text, 0, 30),
    "mac": lambda text, where: names.mac(text),
    "datapath": lambda text, where: values.choice(text, "system", "netdev"),
}


def read(name: str, section: ini.Section) -> Tuple[Bridge, List[Mistake]]:
    """Given [bridge NAME], return the bridge and all mistakes in it."""
    found, mistakes = ini.values(section, SETTINGS)
    try:
        names.interface(name)
    except ValueError as error:
        mistakes.append(Mistake(section.where, "[bridge %s]" % name, str(error)))
    bridge = Bridge(name, section.where, wheres={key: setting.where for key, setting in section.items()},
                    **found)  # type: ignore[arg-type]
    if name in bridge.ports:
        mistakes.append(Mistake(bridge.at("ports"), "ports of %s: itself" % name, "other interfaces are wanted"))
    mistakes += one_a_family(bridge.gateway, "gateway")
    for gateway in bridge.gateway:
        if not values.link_local(gateway) and not any(address.reaches(gateway) for address in bridge.address):
            mistakes.append(Mistake(gateway.where, "gateway %s is in no network of %s" % (gateway.ip, name),
                                    "a gateway within the network of an 'address' is wanted"))
        if any(address.ip == gateway.ip for address in bridge.address):
            mistakes.append(Mistake(gateway.where, "gateway %s is the bridge's own address" % gateway.ip,
                                    "another station's address is wanted"))
    if bridge.forward_delay == 1 or bridge.stp and "forward_delay" in section and bridge.forward_delay < 2:
        mistakes.append(Mistake(bridge.at("forward_delay"), "forward_delay = %d" % bridge.forward_delay,
                                "0 without STP, or 2 to 30 seconds (IEEE 802.1D) is wanted"))
    return bridge, mistakes


def across(bridges: Sequence[Bridge]) -> List[Mistake]:
    """The mistakes that only several bridges together make."""
    mistakes = []
    owners: Dict[str, Bridge] = {}
    for bridge in bridges:
        for port in bridge.ports:
            other = owners.setdefault(port, bridge)
            if other is not bridge:
                mistakes.append(Mistake(bridge.at("ports"), "port %s of %s is a port of %s (%s), too"
                                        % (port, bridge.name, other.name, other.at("ports")),
                                        "one bridge for each port is wanted"))
    holders: Dict[str, Bridge] = {}
    for bridge in bridges:
        for address in bridge.address:
            holder = holders.setdefault(address.ip, bridge)
            if holder is not bridge:
                mistakes.append(Mistake(address.where, "address %s of %s is an address of %s (%s), too"
                                        % (address.ip, bridge.name, holder.name, holder.at("address")),
                                        "one interface for each address is wanted"))
    return mistakes


def one_a_family(addresses: Sequence[Address], what: str) -> List[Mistake]:
    """A mistake for each address beyond the first of its family."""
    seen: Dict[int, Address] = {}
    return [Mistake(address.where, "a second IPv%d %s, %s" % (address.family, what, address.ip),
                    "one for each family is wanted")
            for address in addresses if seen.setdefault(address.family, address) is not address]
