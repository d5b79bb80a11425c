"""The container's side of a check: one process for each container, two at a time.

What is read there is what the container's owner lets us see; it decides nothing but his own container's result.
"""
from typing import Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

from vzhooks import process
from vzhooks.drift.running import Running
from vzhooks.errors import Expected
from vzhooks.inside import Inside, batch_text
from vzhooks.node.present import Present

LISTINGS = ["link show", "address show", "route show table all"]  # without -4 or -6: both families
OPTIONS = ["-o", "-force"]
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
    ways: List[Tuple[str, Inside]] = []
    shut: Dict[str, str] = {}
    for one in found:
        device = one.way_inside
        if device:
            inside = Inside(one.veid, device, ct_exec)
            try:
                inside.check()
                ways.append((one.veid, inside))
            except Expected as error:
                shut[one.veid] = str(error)
    read_: Dict[str, Inner] = {}
    for first in range(0, len(ways), 2):
        both = ways[first:first + 2]
        children = [process.Child(inside.argv + OPTIONS + ["-batch", "-"], batch_text(LISTINGS), KEPT)
                    for _, inside in both]
        for (veid, inside), result in zip(both, process.run_all(children, timeout)):
            try:
                read_[veid] = parsed(inside.ip(OPTIONS, LISTINGS, timeout, result).output, parser)
            except Expected as error:
                shut[veid] = str(error)
                continue
            if result.status is None:
                shut[veid] = "%s: %s" % (" ".join(result.argv), result.ended)
                del read_[veid]
    return read_, shut


def parsed(output: str, parser: Present) -> Inner:
    """The three listings: `N: NAME: <FLAGS>`, `N: NAME inet[6] ADDRESS`, and routes.  Other rows do not count."""
    inner = Inner({}, set(), {})
    for row in output.replace("\\", " ").splitlines():
        words = row.split()
        if len(words) < 2:
            continue
        if words[0][:-1].isdigit() and words[0].endswith(":"):
            if words[1].endswith(":") and len(words) > 2:
                values = dict(zip(words[3::2], words[4::2]))
                up = "UP" in words[2].strip("<>").split(",")
                inner.links.setdefault(words[1][:-1].partition("@")[0],
                                       {"up": "up" if up else "down", "mtu": values.get("mtu", "")})
            elif words[2:3] in (["inet"], ["inet6"]) and len(words) > 3:
                inner.addresses.add((words[1], words[3]))
        elif "table" not in words:
            inner.routes.setdefault(_key(parser, words), " ".join(words))
    return inner
