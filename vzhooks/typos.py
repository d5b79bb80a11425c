"""Variables of a container's conf that are one letter away from one of ours, or for an interface that it lacks."""
import os
from typing import List, Sequence

from vzhooks import values
from vzhooks.conf import Conf, Variable
from vzhooks.mistakes import Mistake, shown
from vzhooks.model import FILTERS, OURS, Container

KNOWN = OURS + FILTERS + ("NETIF", "IP_ADDRESS")
OF_VETHS = tuple(name for name in KNOWN if name not in ("CONFIG_CUSTOMIZED", "NETIF", "IP_ADDRESS", "SNAT"))


def among(conf: Conf, path: str, found: Container) -> List[Mistake]:
    """The doubts about the variables of PATH."""
    suffixes = [values.suffix(veth.interface.ifname) for veth in found.veths]
    doubts = []
    for name, variable in conf.of(path).items():
        stem = next((one for one in OF_VETHS if name.startswith(one + "_")), "")
        if name in KNOWN or stem and name[len(stem):] in suffixes:
            continue
        if stem:
            doubts.append(_of_no_veth(variable, stem, suffixes))
            continue
        meant = [one + suffix for suffix in [""] + suffixes for one in KNOWN
                 if name.endswith(suffix) and is_near(name[:len(name) - len(suffix)], one)]
        doubts += [Mistake(variable.where, "%s, which means nothing" % shown(name), "'%s' is wanted, if that is meant"
                           % one) for one in meant[:1]]
    return doubts


def _of_no_veth(variable: Variable, stem: str, suffixes: Sequence[str]) -> Mistake:
    return Mistake(variable.where, "%s, but NETIF has no interface of that name" % shown(variable.name),
                   "%s is wanted" % (" or ".join(stem + suffix for suffix in suffixes[:4]) or "an interface in NETIF"))


def is_near(name: str, known: str) -> bool:
    """Whether NAME is KNOWN in other letters' case, or with one letter too many, too few, another, or two exchanged."""
    name = name.upper()
    if name == known:
        return True
    if len(known) < 5 or abs(len(name) - len(known)) > 1:  # a short one is near too much
        return False
    at = len(os.path.commonprefix([name, known]))
    rest, wanted = name[at:], known[at:]
    return rest[1:] == wanted or rest == wanted[1:] or rest[1:] == wanted[1:] \
        or rest[2:] == wanted[2:] and rest[:2] == wanted[1::-1]
