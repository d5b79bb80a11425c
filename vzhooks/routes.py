"""VETH_ROUTES: static routes inside a container, "NETWORK via GATEWAY ..."."""
from typing import List, NamedTuple, Optional, Sequence, Tuple

from vzhooks import values
from vzhooks.mistakes import Mistake, shown
from vzhooks.netif import Interface
from vzhooks.reader import Reader
from vzhooks.values import Address

WANTED = "NETWORK/PREFIX via GATEWAY, several with spaces between, are wanted"


class Route(NamedTuple):
    """A route inside; onlink where no address of the veth has the gateway in its network."""

    to: Address
    via: Optional[Address]  # None: directly on the veth
    onlink: bool = False


def parse(text: str, where: str) -> Tuple[List[Route], List[Mistake]]:
    """Given VETH_ROUTES, return the routes and the mistakes in it."""
    found: List[Route] = []
    mistakes = []
    words = text.replace(",", " ").replace(";", " ").split()
    while words:
        destination = words.pop(0)
        cut_off = words == ["via"]
        via = words[1] if words[:1] == ["via"] and not cut_off else ""
        if words[:1] == ["via"]:
            del words[:2]
        try:
            if destination in ("via", "default") or cut_off:
                raise ValueError(WANTED + ("; VE_DEFAULT_GATEWAY is for the default route"
                                           if destination == "default" else ""))
            made = Route(_network(destination, where), values.plain_address(via, where) if via else None)
            if made.via and made.via.family != made.to.family:
                raise ValueError("a gateway of the network's own family is wanted")
            if str(made.to) in [str(one.to) for one in found]:
                raise ValueError("one route for each network is wanted")
            found.append(made)
        except ValueError as error:
            mistakes.append(Mistake(where, "VETH_ROUTES: '%s'" % shown((destination + " via " + via).strip()
                                                                      if via else destination), str(error)))
    return found, mistakes


def _network(text: str, where: str) -> Address:
    """A network, or a single address without a prefix."""
    found = values.network(text, where) if "/" in text else values.plain_address(text, where)
    if values.link_local(found):
        raise ValueError("a network beyond the veth's own link is wanted, not a link-local one")
    return found


def of_veth(reader: Reader, interface: Interface, index: int, own: Sequence[Address]) -> Tuple[Route, ...]:
    """The routes of a veth that has the addresses OWN."""
    variable = reader.lookup("VETH_ROUTES", interface, index)
    found, mistakes = parse(variable.value or "", variable.where) if variable else ([], [])
    reader.mistakes += mistakes
    made = []
    for route in found:
        via = route.via
        onlink = via is not None and not values.link_local(via) and not any(address.reaches(via) for address in own)
        if via is not None and onlink:
            reader.doubts.append(Mistake(via.where, "gateway %s of VETH_ROUTES is in no network of %s"
                                         % (via.ip, interface.ifname),
                                         "it is taken as reachable on the veth (onlink)"))
        made.append(route._replace(onlink=onlink))
    return tuple(made)
