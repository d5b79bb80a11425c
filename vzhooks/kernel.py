"""What the kernel has now, from iproute2's text listings (EL7's 4.11 has no JSON).  Slow: one process a question."""
import _socket
import functools
import os
from typing import List, NamedTuple, Optional

from vzhooks import names, netns, process, rtnames
from vzhooks.inside import Inside

PROTOCOL = "118"  # ours, in routes and rules


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
    known = rtnames.numbers("rt_protos")
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


class OnDevice(NamedTuple):
    """An address, or a route of any table, on one of the node's interfaces."""

    family: int
    device: str
    words: List[str]  # of an address: ADDRESS/PREFIX first; of a route: as `ip route add` takes them
    table: str = ""  # of a route: its table's number, "" for main
    protocol: str = ""  # of a route: its protocol's number

    @property
    def ours(self) -> bool:
        return self.protocol == PROTOCOL

    @property
    def is_default(self) -> bool:
        """Whether a route is one by which the node itself reaches the world."""
        return self.words[0] == "default" and not self.table

    def value(self, key: str) -> str:
        """The word behind KEY, "" where there is none."""
        return self.words[self.words.index(key) + 1] if key in self.words[:-1] else ""


def addresses() -> List[OnDevice]:
    """Every address of the node that is not link-local or loopback."""
    found = []
    for row in listing(["ip", "-o", "address", "show"]):
        words = row.replace("\\", " ").split()
        if words[2] in ("inet", "inet6") and not set(words) & {"link", "host"}:
            found.append(OnDevice(4 if words[2] == "inet" else 6, words[1], words[3:]))
    return found


def all_routes() -> List[OnDevice]:
    """The routes of all tables that the kernel has not made by itself."""
    tables, protocols = rtnames.tables(), rtnames.numbers("rt_protos")
    found = []
    for family in (4, 6):
        for row in listing(["ip", "-%d" % family, "-o", "route", "show", "table", "all"]):
            words = row.replace("\\", " ").split()
            route = OnDevice(family, "", words)
            if route.value("proto") != "kernel" and words[0] not in ("local", "broadcast", "anycast", "multicast"):
                table, protocol = route.value("table"), route.value("proto")
                found.append(route._replace(device=route.value("dev"), table=tables.get(table, table),
                                            protocol=protocols.get(protocol, protocol)))
    return found


def older_than(major: int, minor: int) -> bool:
    """Whether the kernel is older than MAJOR.MINOR; a distribution's backports are not known."""
    release = os.uname().release.split(".")
    return [int("0" + "".join(filter(str.isdigit, part))) for part in release[:2]] < [major, minor]


def has_program(name: str) -> bool:
    """Whether this node has a program, as process.find finds it."""
    try:
        return bool(process.find(name))
    except process.MissingCommand:
        return False


@functools.lru_cache(maxsize=None)
def rules_have_protocol() -> bool:
    """Whether rules can say whose they are: kernel and iproute2 from 4.17 on.  Asked once a process."""
    if older_than(4, 17):
        return False
    result = process.run(["ip", "rule", "help"])
    return "protocol" in result.output + result.errors


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


@functools.lru_cache(maxsize=None)
def ip_sets_master() -> bool:
    """Whether this node's ip can put an interface into a bridge (iproute2 from 2011 on); else brctl must.

    Asked once a process.
    """
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
