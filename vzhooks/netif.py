"""NETIF of both vzctl generations: `;` between interfaces, `,` between KEY=VALUE, in any order."""
from typing import Dict, List, NamedTuple, Tuple

from vzhooks import names, values
from vzhooks.conf import Variable
from vzhooks.mistakes import Mistake, shown
from vzhooks.values import Address

# Keys that only the modern generation writes; one of them tells it.
MODERN = frozenset(["type", "network", "vport", "gw", "gw6", "ip_filter", "ifaceid", "configure", "dhcp", "dhcp6",
                    "ip", "ip6"])


class Interface(NamedTuple):
    """One interface as vzctl makes it; "" for what NETIF does not say (vzctl makes it up)."""

    ifname: str
    where: str
    host_ifname: str = ""
    mac: str = ""
    host_mac: str = ""
    bridge: str = ""
    network: str = ""
    type: str = ""
    vport: str = ""
    ifaceid: str = ""
    addresses: Tuple[Address, ...] = ()  # ip= and ip6=, which vzctl configures inside
    modern: bool = False


def parse(variable: Variable) -> Tuple[List[Interface], List[Mistake]]:
    """Given NETIF, return its interfaces in their order and all mistakes in it."""
    interfaces: List[Interface] = []
    mistakes: List[Mistake] = []
    for part in (variable.value or "").split(";"):
        part = part.strip()
        if part:
            interface = _interface(part, variable.where, mistakes)
            if interface.ifname:
                interfaces.append(interface)
    for attribute in ("ifname", "host_ifname"):
        seen = set()
        for interface in interfaces:
            name = getattr(interface, attribute)
            if name and name in seen:
                mistakes.append(Mistake(variable.where, "%s=%s twice in NETIF" % (attribute, name),
                                        "each interface needs its own"))
            seen.add(name)
    return interfaces, mistakes


def _interface(text: str, where: str, mistakes: List[Mistake]) -> Interface:
    words = _words(text, where, mistakes)
    found: Dict[str, str] = {}
    for key, check in (("ifname", names.interface), ("host_ifname", names.interface), ("bridge", names.interface),
                       ("mac", names.mac), ("host_mac", names.mac)):
        value = words.get(key, "")
        try:
            found[key] = check(value) if value else ""
        except ValueError as error:
            mistakes.append(Mistake(where, "NETIF %s=%s" % (key, shown(value)), str(error)))
            found[key] = ""
    if not words.get("ifname"):
        mistakes.append(Mistake(where, "NETIF '%s' has no ifname" % shown(text),
                                "ifname=NAME, the interface's name in the container, is wanted"))
    addresses = []
    # ip= is separated by colons (so only IPv4), ip6= by commas
    for key, separator in (("ip", ":"), ("ip6", ",")):
        for one in filter(None, words.get(key, "").split(separator)):
            try:
                addresses.append(values.address(one, where))
            except ValueError as error:
                mistakes.append(Mistake(where, "NETIF %s=%s" % (key, shown(one)), str(error)))
    return Interface(found["ifname"], where, found["host_ifname"], found["mac"], found["host_mac"], found["bridge"],
                     words.get("network", ""), words.get("type", ""), words.get("vport", ""),
                     words.get("ifaceid", ""), tuple(addresses), bool(set(words) & MODERN))


def _words(text: str, where: str, mistakes: List[Mistake]) -> Dict[str, str]:
    """KEY=VALUE by `,`; a word without `=` belongs to the list before it (ip6=A,B)."""
    words: Dict[str, str] = {}
    last = ""
    for word in text.split(","):
        key, equals, value = word.strip().partition("=")
        if equals:
            last = key
            words[key] = value
        elif last == "ip6" and key:
            words[last] += "," + key
        elif key:
            mistakes.append(Mistake(where, "NETIF word '%s'" % shown(word), "KEY=VALUE is wanted"))
    return words
