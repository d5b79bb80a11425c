"""[network NAME]: a network that containers take addresses from, and the policy routing that its own gateway needs.

A packet that comes from a container (an ingress interface) leaves by the gateway of the network of its source; within
that network it goes by the main table, where vzctl keeps a host route to each container of this node:

    from CIDR to CIDR iif venet0 lookup main
    from CIDR         iif venet0 lookup TABLE
"""
from typing import Dict, List, NamedTuple, Sequence, Tuple

from vzhooks import ini, names, values
from vzhooks.mistakes import Mistake
from vzhooks.node.bridge import one_a_family
from vzhooks.values import Address

MAIN = 254  # linux/rtnetlink.h
RESERVED = (0, 253, MAIN, 255)  # unspec, default, main, local
RESERVED_NAMES = ("unspec", "default", "main", "local", "all")
# Rules are ours by their preference: from FIRST to LAST, two for each length of prefix, longer ones first.  So a
# network's rules stay as they are, whatever networks come and go beside it.
FIRST, LAST = 11800, 11800 + 2 * 128
REPLIES = 11700  # and the preferences from here to FIRST are those of replies by the uplink of the request
ROUTED = "routed"  # in place of an ingress interface: every veth whose addresses are routed to it
MARK = "0x10000000/0x10000000"  # what packets from routed veths carry


class Rule(NamedTuple):
    """A policy rule; words() is what stands behind `ip rule add`."""

    preference: int
    cidr: Address
    near: bool  # to its own network, by the main table
    ingress: str  # an interface, or ROUTED
    table: int

    def words(self, protocol: str = "") -> str:
        """The rule as ip takes it, with `protocol N` where one is given."""
        to = " to " + str(self.cidr) if self.near else ""
        by = "fwmark " + MARK if self.ingress == ROUTED else "iif " + self.ingress
        return "pref %d from %s%s %s lookup %d%s" % (self.preference, self.cidr, to, by, self.table,
                                                     " protocol " + protocol if protocol else "")

    @property
    def ip(self) -> str:
        """The command: IPv6 rules need its option."""
        return "ip -6" if self.cidr.family == 6 else "ip"


class Network(NamedTuple):
    """A network as vzhooks.conf wants it."""

    name: str
    where: str
    cidr: Tuple[Address, ...] = ()  # at most one a family
    dev: str = ""
    gateway: Tuple[Address, ...] = ()  # one for each cidr
    table: int = 0
    ingress: Tuple[str, ...] = ("venet0",)
    rp_filter: str = ""  # of dev; "": as it is
    wheres: Dict[str, str] = {}

    def at(self, key: str) -> str:
        """FILE:LINE of a setting, or of the section."""
        return self.wheres.get(key, self.where)

    def holds(self, address: Address) -> bool:
        """Whether an address is in this network."""
        return any(cidr.reaches(address) for cidr in self.cidr)

    def gateway_of(self, cidr: Address) -> Address:
        """The gateway of the cidr's family."""
        return next(gateway for gateway in self.gateway if gateway.family == cidr.family)

    def rules(self, ingress: Sequence[str]) -> List[Rule]:
        """The rules for packets from these interfaces, in the order in which they apply."""
        found = []
        for cidr in self.cidr:
            first = FIRST + 2 * (cidr.width - cidr.prefix)
            found += [Rule(first, cidr, True, one, MAIN) for one in ingress]
            found += [Rule(first + 1, cidr, False, one, self.table) for one in ingress]
        return found


def _table(text: str, where: str) -> int:
    number = names.number(text, 1, 2 ** 32 - 1)
    if number in RESERVED:
        raise ValueError("a table of its own is wanted, %d is the kernel's" % number)
    return number


def _ingress(text: str, where: str) -> str:
    return names.interface(text)


SETTINGS: Dict[str, ini.Check] = {
    "cidr": ini.words(values.network),
    "dev": lambda text, where: names.interface(text),
    "gateway": ini.words(values.plain_address),
    "table": _table,
    "ingress": ini.words(_ingress),
    "rp_filter": lambda text, where: str(names.number(text, 0, 2)),
}


def read(name: str, section: ini.Section) -> Tuple[Network, List[Mistake]]:
    """Given [network NAME], return the network and all mistakes in it."""
    found, mistakes = ini.values(section, SETTINGS, ("cidr", "dev", "gateway", "table"))
    if not name or set(name) - names.WORD or ":" in name or not name[0].isalpha() or len(name) > 40 \
            or name in RESERVED_NAMES:
        mistakes.append(Mistake(section.where, "[network %s]" % name,
                                "a name for its table is wanted: a letter, then up to 39 letters, digits, '-', '_', "
                                "'.', and none of %s" % ", ".join(RESERVED_NAMES)))
    network = Network(name, section.where, wheres={key: setting.where for key, setting in section.items()},
                      **found)  # type: ignore[arg-type]
    mistakes += one_a_family(network.cidr, "cidr") + one_a_family(network.gateway, "gateway")
    for gateway in network.gateway:
        if network.cidr and not values.link_local(gateway) and not network.holds(gateway):
            mistakes.append(Mistake(gateway.where, "gateway %s is outside cidr %s"
                                    % (gateway.ip, " ".join(map(str, network.cidr))), "a gateway within is wanted"))
    for cidr in network.cidr if network.gateway else ():
        if not any(gateway.family == cidr.family for gateway in network.gateway):
            mistakes.append(Mistake(network.at("gateway"), "no IPv%d gateway for %s" % (cidr.family, cidr),
                                    "one for each cidr is wanted"))
    return network, mistakes


def across(networks: Sequence[Network]) -> Tuple[List[Mistake], List[Mistake]]:
    """The mistakes and the doubts that only several networks together make."""
    mistakes: List[Mistake] = []
    doubts: List[Mistake] = []
    tables: Dict[int, Network] = {}
    for index, network in enumerate(networks):
        other = tables.setdefault(network.table, network)
        if network.table and other is not network:
            mistakes.append(Mistake(network.at("table"), "table %d is the table of [network %s] (%s), too"
                                    % (network.table, other.name, other.at("table")),
                                    "one table for each network is wanted"))
        for before in networks[:index]:
            for cidr, earlier in [(a, b) for a in network.cidr for b in before.cidr if values.overlap(a, b)]:
                same = str(cidr) == str(earlier)
                found = Mistake(cidr.where, "%s overlaps %s of [network %s] (%s)"
                                % (cidr, earlier, before.name, earlier.where),
                                "networks without a common address are wanted" + ("" if same else
                                                                                  "; the longer prefix goes first"))
                (mistakes if same else doubts).append(found)
    return mistakes, doubts
