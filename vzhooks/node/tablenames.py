"""Names of the networks' tables for people: in rt_tables.d/vzhooks.conf, or in rt_tables where iproute2 is older."""
from typing import Dict, List, Sequence

from vzhooks import rtnames
from vzhooks.mistakes import Mistake
from vzhooks.node.network import Network


def numbers() -> Dict[str, str]:
    """{name: number} of all tables that have a name."""
    return dict(rtnames.numbers("rt_tables"), main="254", local="255", default="253")


def protocol(name: str) -> str:
    """The number of a route's protocol."""
    return rtnames.numbers("rt_protos").get(name, name)


def conflicts(networks: Sequence[Network]) -> List[Mistake]:
    """Names and numbers of tables that somebody else uses otherwise."""
    found = []
    for name, number in numbers().items():
        for network in networks:
            if (name == network.name) != (number == str(network.table)):
                found.append(Mistake(network.at("table"), "table %d of [network %s], but %s is table %s in rt_tables"
                                     % (network.table, network.name, name, number),
                                     "the number and name of a table that nobody uses are wanted"))
    return found


def write(networks: Sequence[Network]) -> None:
    """Have exactly these networks' names.  Raise OSError."""
