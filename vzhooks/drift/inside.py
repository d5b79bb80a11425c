"""The container's side of a check: one process for each container, two at a time.

What is read there is what the container's owner lets us see; it decides nothing but his own container's result.
"""
import os
from typing import Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

from vzhooks import kernel, process
from vzhooks.drift.running import Running
from vzhooks.errors import Expected
from vzhooks.inside import Inside, batch_text
from vzhooks.node.present import Present

LISTINGS = ["link show", "address show", "route show table all"]  # without -4 or -6: both families
OPTIONS = ["-o", "-force"]
# A full listing of links names the namespaces of their other ends, for which ip opens those of all containers.
BRIEF = ["-br"]
STATES = ("UNKNOWN", "NOTPRESENT", "DOWN", "LOWERLAYERDOWN", "TESTING", "DORMANT", "UP")  # of links in brief listings
KEPT = 1024 * 1024  # bytes of a container's listings
Key = Tuple[Tuple[str, str], ...]


class Inner(NamedTuple):
    """What a container has: {interface: flags and settings}, {(interface, address)}, routes of its main table."""

    links: Dict[str, Dict[str, str]]
    addresses: Set[Tuple[str, str]]
    routes: Dict[Key, str]

    def holds(self, command: str, parser: Present) -> Optional[bool]:
        """Whether a plan line's COMMAND has been carried out; None where that cannot be told."""
        words = _plain(command)
        if words[:4] == ["ip", "link", "set", "dev"] and words[5:] == ["up"]:
            return self.links.get(words[4], {}).get("up") == "up"
        if words[:4] == ["ip", "link", "set", "dev"] and words[5] == "mtu":
            return self.links.get(words[4], {}).get("mtu") == words[6]
        if words[:3] == ["ip", "address", "replace"]:
            return (words[words.index("dev") + 1], words[3]) in self.addresses
        if words[:3] == ["ip", "route", "replace"] and "table" not in words:
            return _key(parser, words[3:]) in self.routes
        return None

    def found(self, command: str, parser: Present) -> str:
        """What is there in place of what COMMAND would have made; "" for nothing."""
        words = _plain(command)
        if words[1] == "link":
            link = self.links.get(words[4])
            return "no interface " + words[4] if link is None else \
                link["up"] if words[5] == "up" else "mtu " + link["mtu"]
        if words[1] == "address":
            ip = words[3].partition("/")[0]
            return next(("%s on %s" % (address, device) for device, address in sorted(self.addresses)
                         if address.partition("/")[0] == ip), "")
        wanted = parser.route(words[3:])
        return next((row for key, row in self.routes.items() if dict(key)["to"] == wanted["to"]
                     and (":" in row) == (":" in command)), "")


def _plain(command: str) -> List[str]:
    words = command.split()
    return words[:1] + words[2:] if words[1:2] == ["-6"] else words


def _key(parser: Present, words: List[str]) -> Key:
    return tuple(sorted(parser.route(words).items()))


def read(found: Sequence[Running], ct_exec: str, parser: Present,
         timeout: float) -> Tuple[Dict[str, Inner], Dict[str, str]]:
    """{VEID: what it has} of the containers that have `ct` lines, and {VEID: why it could not be entered}."""
    inner: Dict[str, Inner] = {}
    shut: Dict[str, str] = {}
    rest = [one for one in found if one.way_inside]
    brief = BRIEF
    while rest:
        both, rest = rest[:2], rest[2:]
        # Made here, not before: each holds a descriptor of its container's namespace.
        ways = [way for way in (_way(one, ct_exec, brief, shut) for one in both) if way]
        for way, result in zip(ways, process.run_all([way.child() for way in ways], timeout)):
            if brief and way.options[-1:] == brief and brief[0] in result.errors:
                brief, rest = [], both + rest  # iproute2 before 4.3 knows no such option
                break
            try:
                answer = way.inside.ip(OPTIONS, LISTINGS, timeout, result)
            except Expected as error:
                shut[way.veid] = str(error)
                continue
            if answer.status is None or not answer.output:  # lo is always there
                shut[way.veid] = "%s: %s" % (" ".join(answer.argv), " ".join(answer.errors.split()) or answer.ended)
            else:
                inner[way.veid] = parsed(answer.output, parser)
    return inner, shut


def _way(one: Running, ct_exec: str, brief: List[str], shut: Dict[str, str]) -> "Optional[Way]":
    inside = Inside(one.veid, one.way_inside, ct_exec)
    try:
        inside.check()
    except Expected as error:
        shut[one.veid] = str(error)
        return None
    full = inside.by_vzctl or any(" mtu " in line.command for line in one.all_lines if line.place == "ct")
    return Way(one.veid, inside, OPTIONS if full else OPTIONS + brief)


class Way(NamedTuple):
    """How a container is read."""

    veid: str
    inside: Inside
    options: List[str]

    def child(self) -> process.Child:
        """The process that does it."""
        return process.Child(_argv(self.inside) + self.options + ["-batch", "-"], batch_text(LISTINGS), KEPT)


def _argv(inside: Inside) -> List[str]:
    """`ip -n` copies all mounts of the node, and each namespace's name is one: among many, nsenter costs half."""
    if inside.held >= 0 and kernel.has_program("nsenter"):
        return ["nsenter", "--net=/proc/%d/fd/%d" % (os.getpid(), inside.held), "ip"]
    return inside.argv


def parsed(output: str, parser: Present) -> Inner:
    """The three listings: `N: NAME: <FLAGS>` or, brief, `NAME STATE MAC <FLAGS>`; `N: NAME inet[6] ADDRESS` or `NAME
    STATE ADDRESS...`; and routes.  Other rows do not count.
    """
    inner = Inner({}, set(), {})
    for row in output.replace("\\", " ").splitlines():
        words = row.split()
        if len(words) < 2:
            continue
        if words[1] in STATES:
            _brief(inner, words[0].partition("@")[0], words[2:])
        elif words[0][:-1].isdigit() and words[0].endswith(":"):
            if words[1].endswith(":") and len(words) > 2:
                values = dict(zip(words[3::2], words[4::2]))
                _add_link(inner, words[1][:-1].partition("@")[0], words[2], values.get("mtu", ""))
            elif words[2:3] in (["inet"], ["inet6"]) and len(words) > 3:
                inner.addresses.add((words[1], words[3]))
        elif "table" not in words:
            inner.routes.setdefault(_key(parser, words), " ".join(words))
    return inner


def _brief(inner: Inner, name: str, words: List[str]) -> None:
    if words and words[-1].startswith("<"):
        _add_link(inner, name, words[-1], "")
    inner.addresses.update((name, word) for word in words if "/" in word)


def _add_link(inner: Inner, name: str, flags: str, mtu: str) -> None:
    inner.links.setdefault(name, {"up": "up" if "UP" in flags.strip("<>").split(",") else "down", "mtu": mtu})
