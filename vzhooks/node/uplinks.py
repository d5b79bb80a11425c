"""The node's half of floating addresses: translation, and replies by the uplink that the request came in by.

What came in by uplink N is marked with N (connection mark), replies to it get the mark, and a rule leads them to the
uplink's table, which has its networks and its gateway.
"""
import hashlib
from typing import Callable, List, NamedTuple, Optional, Tuple

from vzhooks import facts, kernel, plan, render, values
from vzhooks.mistakes import Mistake
from vzhooks.node import backend
from vzhooks.node.bridgeview import Live
from vzhooks.node.network import REPLIES
from vzhooks.nodeconf import NodeConf
from vzhooks.values import Address


class Uplink(NamedTuple):
    """One interface of `[floating] uplinks` with what is behind it."""

    dev: str
    where: str
    mark: str  # VALUE/MASK
    preference: int
    table: int
    networks: Tuple[Address, ...]
    gateways: Tuple[Address, ...]  # at most one a family; none: only the networks are reached

    @property
    def value(self) -> str:
        """The mark without its mask."""
        return self.mark.partition("/")[0]

    @property
    def families(self) -> List[Tuple[str, int]]:
        """The `ip` commands and families of its rules."""
        has = {one.family for one in self.networks + self.gateways}
        return [(ip, family) for ip, family in (("ip", 4), ("ip -6", 6)) if family in has]


def uplinks(found: NodeConf, state: Live) -> List[Uplink]:
    """The uplinks whose interface is there, or a [bridge]."""
    made = []
    for number, dev in enumerate(found.floating.uplinks, 1):
        if facts.kind(dev) or found.makes(dev):
            made.append(Uplink(dev, found.floating.at("uplinks"), found.floating.mark(number), REPLIES + number,
                               found.floating.tables + number - 1, _networks(dev, found, state),
                               _gateways(dev, found, state)))
    return made


def missing(found: NodeConf) -> List[Mistake]:
    """Uplinks that are not there."""
    return [Mistake(found.floating.at("uplinks"), "uplink %s: there is no such interface" % dev,
                    "an interface of this node, or a [bridge], is wanted")
            for dev in found.floating.uplinks if not facts.kind(dev) and not found.makes(dev)]


def rp_filters(found: NodeConf, state: Live) -> List[Mistake]:
    """Strict, the kernel drops a request that came in by another interface than the main table's way back."""
    return [Mistake(found.floating.at("uplinks"), "rp_filter is 1 on %s, which drops requests from beyond its network, "
                    "since the main table's way back is by %s" % (dev, " ".join(state.strict(dev))),
                    "2 or 0 is wanted on uplinks") for dev in found.floating.uplinks if state.strict(dev)]


def _networks(dev: str, found: NodeConf, state: Live) -> Tuple[Address, ...]:
    where = found.floating.at("uplinks")
    texts = [str(address) for bridge in found.bridges if bridge.name == dev for address in bridge.address]
    texts += [one.words[0] for one in state.addresses if one.device == dev]
    made = {}
    for text in texts:
        address = _usable(values.interface_address, text, where)
        if address and address.prefix < address.width:  # not the floating ones
            network = values.network_of(address)
            made[str(network)] = network
    return tuple(made.values())


def _gateways(dev: str, found: NodeConf, state: Live) -> Tuple[Address, ...]:
    """Of [bridge] or [network], else of the main table's default route."""
    known = [gateway for bridge in found.bridges if bridge.name == dev for gateway in bridge.gateway]
    known += [gateway for network in found.networks if network.dev == dev for gateway in network.gateway]
    ways = [route.value("via") for route in state.routes if route.device == dev and route.is_default]
    known += [gateway for gateway in (_usable(values.plain_address, via, found.floating.at("uplinks")) for via in ways)
              if gateway]
    return tuple({gateway.family: gateway for gateway in reversed(known)}.values())


def _usable(check: Callable[[str, str], Address], text: str, where: str) -> Optional[Address]:
    """What the kernel takes is not always what we would: 10.0.0.0/24 as an address, `via inet6 fe80::1`."""
    try:
        return check(text, where)
    except ValueError:
        return None


def lines(found: NodeConf, state: Live) -> List[plan.Line]:
    """The plan's lines for all uplinks."""
    there = uplinks(found, state)
    if not there:
        return []
    settings = found.floating
    # Of what the transactions are made of; not of the lines of the file in which it stands.
    content = settings._replace(wheres={}, where=""), [(uplink.dev, uplink.mark) for uplink in there]
    sign = hashlib.sha256(repr(content).encode()).hexdigest()[:12]
    return render.render("uplinks", uplinks=there, settings=settings, backend=backend.choose(found),
                         sign=sign, others="0x%08x" % (0xffffffff ^ settings.mark_mask),
                         mask="0x%08x" % settings.mark_mask, snat=snat(settings.snat),
                         protocol=kernel.PROTOCOL if kernel.rules_have_protocol() else "")


def snat(asked: str) -> List[Tuple[int, str]]:
    """For each family what containers with SNAT=yes get: an address, or "" for the outgoing interface's."""
    if asked in ("", "masquerade"):
        return [(family, "") for family in (4, 6) if asked]
    return [(6 if ":" in asked else 4, asked)]


def home_of(public: Address, there: List[Uplink]) -> str:
    """The uplink that answers for a public address: the one whose network it is in, else the first."""
    for uplink in there:
        if any(network.reaches(public) for network in uplink.networks):
            return uplink.dev
    return there[0].dev
