"""Plan lines that need no process of their own.  Hot path: standard library only.

    sysctl KEY=VALUE                                       written directly, as sysctl(8) would
    announce ADDRESS lladdr MAC dev DEVICE [port DEVICE]   one frame, and the node's own table of neighbours;
                                                           `port`: on Open vSwitch
    claim ADDRESS for VEID, release ADDRESS of VEID, forget ADDRESS to PRIVATE     public addresses: claims.py
"""
from vzhooks import facts
from vzhooks.errors import Expected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, List, Optional

VERBS = ("sysctl", "announce", "claim", "release", "forget")


class Failure:
    """A command that failed: its index among those given, what was said, and whether it is unknown what it did."""

    __slots__ = ("index", "message", "unknown")

    def __init__(self, index: int, message: str, unknown: bool = False) -> None:
        self.index = index
        self.message = message
        self.unknown = unknown


def run(lines: "List[List[str]]", timeout: float) -> "Optional[Failure]":
    """Carry lines of one verb out, each as its words; return the first failure."""
    verb = lines[0][0]
    if verb == "announce":
        from vzhooks import announcement

        failed = announcement.announce(lines, timeout)
        return Failure(*failed) if failed else None
    if verb == "sysctl":
        return _each(lines, lambda words: _sysctl(words[1]))
    from vzhooks import claims  # few containers have such addresses

    return _each(lines, lambda words: claims.run(words, timeout))


def _each(lines: "List[List[str]]", carry_out: "Callable[[List[str]], None]") -> "Optional[Failure]":
    for index, words in enumerate(lines):
        try:
            carry_out(words)
        except (OSError, ValueError, Expected) as error:
            return Failure(index, str(error))
    return None


def _sysctl(setting: str) -> None:
    key, _, value = setting.partition("=")
    path = facts.sysctl_path(key)
    try:
        with open(path, "w") as file:
            file.write(value)
    except OSError as error:
        raise Expected("%s: %s" % (path, error.strerror)) from None
