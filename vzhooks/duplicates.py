"""What two containers of one node both say is theirs: addresses, public addresses, MACs, names of interfaces."""
from typing import Dict, Iterator, List, NamedTuple, Sequence, Tuple

from vzhooks import values
from vzhooks.conf import Conf
from vzhooks.mistakes import Mistake
from vzhooks.model import Container


class Read(NamedTuple):
    """A container as its files have it, and the variables that it comes from."""

    conf: Conf
    container: Container


def among(all_read: Sequence[Read]) -> List[Mistake]:
    """One doubt for each thing that a second container has, too: while both run, at most one of them works."""
    holders: Dict[Tuple[str, str], Tuple[str, str]] = {}
    doubts = []
    for read in all_read:
        veid = read.container.veid
        for what, value, where in _things(read):
            holder, first = holders.setdefault((what, value), (veid, where))
            if holder != veid:
                doubts.append(Mistake(where, "%s %s, which is CT %s's, too (%s)" % (what, value, holder, first),
                                      "one of its own is wanted, unless only one of the two ever runs"))
    return list(dict.fromkeys(doubts))


def _things(read: Read) -> Iterator[Tuple[str, str, str]]:
    """(what it is, its value, FILE:LINE) of all that a container has for itself."""
    found = read.container
    for address in found.addresses or _venet(read.conf):
        yield "address", address.ip, address.where
    for public in found.floating:
        yield "public address", public.public.ip, public.public.where
    for veth in found.veths:
        if veth.interface.mac:  # host_mac is the same for all of them on new nodes
            yield "MAC", veth.interface.mac, veth.interface.where
        if veth.interface.host_ifname:
            yield "host_ifname", veth.interface.host_ifname, veth.interface.where


def _venet(conf: Conf) -> Iterator[values.Address]:
    """IP_ADDRESS, which the model leaves to vzctl where the node has no networks."""
    variable = conf.get("IP_ADDRESS")
    for word in ((variable.value if variable else "") or "").split():
        try:
            yield values.address(word, variable.where if variable else "")
        except ValueError:
            pass  # vzctl's to refuse
