"""The plan lines of containers with ANNOUNCE=no, standby or anycast."""
from typing import List, NamedTuple, Sequence, Tuple

from vzhooks import plan, render
from vzhooks.model import Announced
from vzhooks.nodeconf import NodeConf
from vzhooks.values import Address

MARKS = {"": "", "warn": "-", "fail": "!"}  # of [announce] on_error: as [node] says; no failure; one in any case


class Listed(NamedTuple):
    """An address in a prefix-list, as the template sees it."""

    address: Address
    kind: str
    where: str


def lines(node: NodeConf, wanted: Sequence[Tuple[Sequence[Address], Announced]]) -> List[plan.Line]:
    """The lines for addresses with how they are announced; [] where the usual way is meant, which needs none.

    An address that [announce] leaves out anyway needs none either.
    """
    listed = [Listed(address, announced.kind, announced.where) for addresses, announced in wanted
              for address in addresses if announced.kind != "yes" and node.announce.where
              and node.announce.announces(address)]
    if not listed:
        return []
    return render.render("listed", listed=listed, mark=MARKS[node.announce.on_error])
