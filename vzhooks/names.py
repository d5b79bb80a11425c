"""Names from outside that become file names and words of commands: containers and interfaces.  Hot path."""

from vzhooks.errors import Expected

DIGITS = frozenset("0123456789")
HEX = frozenset("0123456789abcdef")
WORD = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:_-")  # of a UUID, a MAC
IFNAMSIZ = 16  # linux/if.h, with the ending NUL
# Legal in a kernel name, but not for us: they mean something in a conf file, an `ip -batch` line, the kernel's %d, or
# to nft, which takes `veth*` for all interfaces that begin so.
REFUSED = frozenset("/:,;\"'`\\#%*")


class BadName(Expected, ValueError):
    """A name or number that is none; the text says what is wanted."""


def veid(text: str) -> str:
    """A VEID: an integer (legacy) or a UUID (modern), in the one form that vzctl uses.  Raise BadName."""
    parts = text.split("-")
    integer = bool(text) and not set(text) - DIGITS and len(text) <= 10 \
        and text == str(int(text)) and 0 < int(text) < 2 ** 31
    if not integer and ([len(part) for part in parts] != [8, 4, 4, 4, 12] or set("".join(parts)) - HEX):
        raise BadName("VEID %r; an integer from 1 to 2147483647 or a UUID in lower case is wanted" % text[:60])
    return text


def is_veid(text: str) -> bool:
    try:
        return bool(veid(text))
    except ValueError:
        return False


def interface(text: str) -> str:
    """A name that the kernel takes for an interface (dev_valid_name) and that is safe in every listing and batch.

    Raise BadName, which says what is wanted.
    """
    if not 0 < len(text) < IFNAMSIZ:
        raise BadName("an interface name of 1 to %d characters is wanted" % (IFNAMSIZ - 1))
    if text in (".", "..") or text[0] == "-":
        raise BadName("an interface name is wanted, which cannot be '.', '..' or begin with '-'")
    if not all("!" <= char <= "~" for char in text) or set(text) & REFUSED:
        raise BadName("an interface name of printable ASCII without space, '/', ':', quotes or '#' is wanted")
    return text


def mac(text: str) -> str:
    """A station's MAC, in the kernel's form (lower case, colons).  Raise BadName, which says what is wanted."""
    lower = text.lower()
    parts = lower.split(":")
    if [len(part) for part in parts] != [2] * 6 or set("".join(parts)) - HEX \
            or int(parts[0], 16) & 1 or not set(lower) - set("0:"):
        raise BadName("six bytes of two hex digits with colons, of one station (even first byte), are wanted")
    return lower


def number(text: str, low: int, high: int) -> int:
    """A decimal number from LOW to HIGH.  Raise BadName."""
    if not text or set(text) - DIGITS or len(text) > 10 or not low <= int(text) <= high:
        raise BadName("a number from %d to %d is wanted" % (low, high))
    return int(text)
