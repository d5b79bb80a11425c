"""Mistakes and doubts about the administrator's files, in the one form in which all of them are shown."""
from typing import NamedTuple

from vzhooks.log import printable


class Mistake(NamedTuple):
    """Something in a conf file that is not as it must be: `FILE:LINE: what was found; what is wanted`."""

    where: str
    found: str
    wanted: str

    def __str__(self) -> str:
        return printable("%s: %s; %s" % self)


def shown(value: str, limit: int = 60) -> str:
    """A value for a message: printable, on one line, of a length that can be read."""
    value = printable(value)
    return value if len(value) <= limit else value[:limit - 1] + "..."
