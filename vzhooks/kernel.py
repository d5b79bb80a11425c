"""What the kernel has now, from iproute2's text listings (EL7's 4.11 has no JSON).  Slow: one process a question."""
import _socket
from typing import Dict, List, NamedTuple, Optional

from vzhooks import names, netns, paths, process
from vzhooks.inside import Inside

PROTOCOL = "118"  # ours, in routes and rules
NAMES = ("/etc/iproute2/rt_protos", "/usr/share/iproute2/rt_protos", "/usr/lib/iproute2/rt_protos",
         "/etc/iproute2/rt_protos.d/vzhooks.conf")


class Link(NamedTuple):
    """An interface inside a container: its own name and index, its other end's index on the node, its MAC."""

    name: str
    number: int
    peer: int
    mac: str


class Route(NamedTuple):
    """A row of `ip route show`: its words, and the ones that matter."""

    row: str
    prefix: str
    device: str
    protocol: str  # a number, or a name that rt_protos does not know

    @property
    def ours(self) -> bool:
        return self.protocol == PROTOCOL


def listing(argv: List[str]) -> List[str]:
    """The rows that a listing command prints; [] when it fails, since then there is nothing of the kind."""
    for _ in range(5):
        result = process.run(argv, keep=process.LISTING)
        if "Dump was interrupted" not in result.errors:  # something changed meanwhile: rows can be missing
            break
    return result.output.splitlines() if result.status == 0 else []


def routes(prefix: str = "") -> List[Route]:
    """The routes of the main table, both families; only those exactly for PREFIX (an address) when it is given."""
    known = _protocol_names()
    found = []
    for family in ("-4", "-6"):
        if prefix and (":" in prefix) != (family == "-6"):
            continue
        for row in listing(["ip", family, "-o", "route", "show"] + (["exact", prefix] if prefix else [])):
            words = row.split()
            values = dict(zip(words, words[1:]))
            protocol = values.get("proto", "boot")
            found.append(Route(row.strip(), words[0], values.get("dev", ""), known.get(protocol, protocol)))
    return found


def links_inside(veid: str) -> List[Link]:
    """The interfaces of a container that have another end; their names are its owner's, so only sound ones count."""
    found = []
    for row in listing(Inside(veid, "").argv + ["-o", "link", "show"]):
        words = row.split()
        values = dict(zip(words, words[1:]))
        name, _, peer = words[1].rstrip(":").partition("@if") if len(words) > 1 else ("", "", "")
        try:
            names.interface(name)
            index = names.number(words[0].rstrip(":"), 1, 2 ** 31 - 1)
            found.append(Link(name, index, names.number(peer, 1, 2 ** 31 - 1),
                              names.mac(values.get("link/ether", ""))))
        except ValueError:
            continue  # no veth, or a name that we would not use
    return found


def peer_of(veid: str, device: str) -> Optional[Link]:
    """The interface inside whose other end is DEVICE."""
    try:
        index, inside = _socket.if_nametoindex(device), netns.peer_index(device)
    except (OSError, netns.Unknown):
        return None
    for link in links_inside(veid):
        if link.peer == index and link.number == inside:
            return link
    return None


def ip_sets_master() -> bool:
    """Whether this node's ip can put an interface into a bridge (iproute2 from 2011 on); else brctl must."""
    result = process.run(["ip", "link", "help"])
    return " master " in result.output + result.errors


def device_of(veid: str, link: Link) -> str:
    """The node's interface whose other end is LINK, "" where that is not certain.

    The container's owner can make a row of any numbers (a forged `ip`, a namespace within): the node's kernel decides.
    """
    try:
        name = _socket.if_indextoname(link.peer)
        if netns.has_name(veid) and netns.peer_index(name) == link.number and netns.doubt(veid, name) is None:
            return name
    except (OSError, netns.Unknown):
        pass
    return ""


def _protocol_names() -> Dict[str, str]:
    known = {}
    for path in NAMES:
        try:
            with open(paths.rooted(path)) as file:
                rows = [row.split("#")[0].split() for row in file]
        except OSError:
            continue
        known.update({row[1]: row[0] for row in rows if len(row) >= 2})
    return known
