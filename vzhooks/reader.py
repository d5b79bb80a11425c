"""Reads a container's variables: which one holds for which veth, and every mistake in those that we use."""
from typing import Callable, List, Optional, TypeVar

from vzhooks import values
from vzhooks.conf import Conf, Variable
from vzhooks.mistakes import Mistake, shown
from vzhooks.netif import Interface

# Without a suffix these belong to the first veth in NETIF's order, the others to every veth.
OF_FIRST = frozenset(["VETH_IP_ADDRESS", "VE_DEFAULT_GATEWAY", "CT0_IP", "VETH_ROUTES"])

T = TypeVar("T")


class Reader:
    """The variables of CONF; mistakes and doubts gather what is wrong with them."""

    def __init__(self, conf: Conf) -> None:
        self.conf = conf
        self.mistakes: List[Mistake] = []
        self.doubts: List[Mistake] = []

    def read(self, name: str) -> Optional[Variable]:
        """A variable whose value is known; one that is not known is a mistake, since we need it."""
        variable = self.conf.get(name)
        if variable and variable.mistake:
            self.mistakes.append(variable.mistake)
            return None
        return variable

    def lookup(self, name: str, interface: Interface, index: int) -> Optional[Variable]:
        """The variable that holds for this veth: the suffixed one, else the one without a suffix."""
        suffixed = name + values.suffix(interface.ifname)
        if self.conf.get(suffixed):
            return self.read(suffixed)
        return self.read(name) if index == 0 or name not in OF_FIRST else None

    def single(self, name: str, interface: Interface, index: int, what: str) -> Optional[Variable]:
        """The same for a variable of one word, WHAT."""
        variable = self.lookup(name, interface, index)
        if variable and len((variable.value or "").split()) > 1:
            self.mistakes.append(Mistake(variable.where, "%s: '%s'" % (name, shown(variable.value or "")),
                                         "one %s is wanted" % what))
        return variable

    def each(self, variable: Optional[Variable], check: Callable[[str, str], T]) -> List[T]:
        """The words of a variable, each checked; a wrong one is a mistake and is left out."""
        found = []
        if variable:
            for word in (variable.value or "").split():
                try:
                    found.append(check(word, variable.where))
                except ValueError as error:
                    self.mistakes.append(Mistake(variable.where, "%s: '%s'" % (variable.name, shown(word)), str(error)))
        return found
