"""Floating public addresses: FLOATING_IP, SNAT, and the node's [floating] section."""
from typing import Dict, List, NamedTuple, Sequence, Tuple

from vzhooks import ini, names, values
from vzhooks.mistakes import Mistake, shown
from vzhooks.reader import Reader
from vzhooks.values import Address

MASK = "0x0ff00000"
FIRST_TABLE = 1181  # of the first uplink


class Settings(NamedTuple):
    """[floating] as vzhooks.conf wants it."""

    where: str = ""
    uplinks: Tuple[str, ...] = ()  # interfaces behind which the public addresses are; the first is the usual one
    backend: str = "auto"  # auto | nft | iptables
    snat: str = ""  # "masquerade", or the address that containers with SNAT=yes get
    answer: str = "address"  # how the node answers for a floating address: address (it has it) | proxy (ARP, ND)
    tables: int = FIRST_TABLE
    mark_mask: int = int(MASK, 16)
    wheres: Dict[str, str] = {}

    def at(self, key: str) -> str:
        """FILE:LINE of a setting, or of the section."""
        return self.wheres.get(key, self.where)

    def mark(self, number: int) -> str:
        """VALUE/MASK of what came in by uplink NUMBER (from 1): only these bits of a mark are ours."""
        lowest = self.mark_mask & -self.mark_mask
        return "0x%x/0x%x" % (number * lowest, self.mark_mask)  # as rules are listed


class Floating(NamedTuple):
    """A public address and the container's own address behind it, of the same family."""

    public: Address
    private: Address


def _snat(text: str, where: str) -> str:
    return "masquerade" if text.lower() == "masquerade" else values.plain_address(text, where).ip


def _mask(text: str, where: str) -> int:
    try:
        mask = 0 if set(text) - set("0123456789abcdefxABCDEFX") else int(text, 16)
    except ValueError:
        mask = 0
    ones = mask // (mask & -mask) if mask > 0 else 0
    if not 0 < mask < 2 ** 32 or ones & (ones + 1) or not text.lower().startswith("0x") or mask & 0x10000000:
        raise ValueError("a mask of bits in a row, like %s, without 0x10000000 (routed veths) is wanted" % MASK)
    return mask


SETTINGS: Dict[str, ini.Check] = {
    "uplinks": ini.words(lambda text, where: names.interface(text)),
    "backend": lambda text, where: values.choice(text, "auto", "nft", "iptables"),
    "snat": _snat,
    "answer": lambda text, where: values.choice(text, "address", "proxy"),
    "tables": lambda text, where: names.number(text, 256, 2 ** 31),
    "mark_mask": _mask,
}


def read(section: ini.Section) -> Tuple[Settings, List[Mistake]]:
    """Given [floating], return its settings and all mistakes in it."""
    found, mistakes = ini.values(section, SETTINGS)
    made = Settings(section.where, wheres={key: setting.where for key, setting in section.items()},
                    **found)  # type: ignore[arg-type]
    most = min(99, made.mark_mask // (made.mark_mask & -made.mark_mask))  # 99: preferences (node/network.py)
    if len(made.uplinks) > most:
        mistakes.append(Mistake(made.at("mark_mask"), "%d uplinks" % len(made.uplinks), "a mask with room for their "
                                "numbers is wanted"))
    return made, mistakes


def parse(word: str, where: str, own: Sequence[Address]) -> Floating:
    """Given PUBLIC, PUBLIC=PRIVATE or, for IPv4, PUBLIC:PRIVATE, and the container's OWN addresses, return the pair.

    Raise ValueError.
    """
    first, mark, second = word.partition("=")
    if not mark and word.count(":") == 1:
        first, mark, second = word.partition(":")
    try:
        public = values.plain_address(first, where)
        private = values.plain_address(second, where) if mark else None
    except ValueError:
        raise ValueError("PUBLIC, PUBLIC=PRIVATE or, for IPv4, PUBLIC:PRIVATE is wanted") from None
    if values.link_local(public):
        raise ValueError("an address that others can reach is wanted, not a link-local one")
    candidates = [address for address in own if address.family == public.family]
    if not candidates:
        raise ValueError("an IPv%d address of the container is wanted behind it" % public.family)
    if private and private.ip not in [address.ip for address in candidates]:
        raise ValueError("behind it one of the container's own addresses of that family is wanted: %s"
                         % shown(" ".join(address.ip for address in candidates)))
    behind = next(address for address in candidates if private is None or address.ip == private.ip)
    if public.ip in [address.ip for address in own]:
        raise ValueError("an address that the container does not have itself is wanted")
    return Floating(public, behind)


def of_container(reader: Reader, own: Sequence[Tuple[str, Sequence[Address]]], settings: Settings,
                 ) -> Tuple[Floating, ...]:
    """The floating addresses of a container.  OWN: each variable, and the addresses that it can be in front of."""
    found: List[Floating] = []
    named = [variable for variable in (reader.conf.get(name) for name, _ in own) if variable and variable.value]
    if named and not settings.uplinks:
        reader.mistakes.append(Mistake(named[0].where, "%s, but vzhooks.conf names no uplinks" % named[0].name,
                                       "'uplinks = ...' in [floating] is wanted"))
        return ()
    for name, addresses in own:
        def pair(word: str, where: str, addresses: Sequence[Address] = addresses) -> Floating:
            return parse(word, where, addresses)

        found += reader.each(reader.read(name), pair)
    for index, one in enumerate(found):
        if one.public.ip in [other.public.ip for other in found[:index]]:
            reader.mistakes.append(Mistake(one.public.where, "FLOATING_IP: %s twice" % one.public.ip,
                                           "each address once is wanted"))
    return tuple(found)


def asked(reader: Reader, settings: Settings) -> str:
    """Where SNAT=yes stands, "" where the container does not ask."""
    variable = reader.read("SNAT")
    if not variable or (variable.value or "").lower() in ("", "no"):
        return ""
    if (variable.value or "").lower() != "yes":
        reader.mistakes.append(Mistake(variable.where, "SNAT: '%s'" % shown(variable.value or ""),
                                       "yes or no is wanted"))
    elif not settings.snat or not settings.uplinks:
        reader.mistakes.append(Mistake(variable.where, "SNAT=yes, but vzhooks.conf does not say by which address",
                                       "'uplinks = ...' and 'snat = ADDRESS' or 'snat = masquerade' in [floating] are "
                                       "wanted"))
    return variable.where
