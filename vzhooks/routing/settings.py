"""[announce]: how this node tells other routers where its containers are."""
import os
import stat
from typing import Dict, List, NamedTuple, Tuple

from vzhooks import ini, names, values
from vzhooks.mistakes import Mistake, shown
from vzhooks.values import Address

BACKBONE = ".".join("0000")  # area and, as a router id, nobody's
OF_OSPF = ("area", "interfaces", "network", "cost", "metric", "standby_metric", "auth_key_id")
OF_BGP = ("as", "neighbors", "remote_as")
MINIMAL_OF_V3 = 3  # seconds; OSPFv3 of FRR and Quagga knows no minimal dead interval
INFINITY = 0xffffff  # LSInfinity, RFC 2328, B: an external route of this metric cannot be reached


class Announce(NamedTuple):
    """[announce] as vzhooks.conf wants it."""

    where: str = ""  # "": there is no such section
    daemon: str = "frr"  # frr | quagga
    protocol: str = "ospf"  # ospf | bgp
    families: Tuple[int, ...] = (4, 6)
    router_id: str = ""  # an IPv4 address; "": the daemon's choice
    exclude: Tuple[Address, ...] = ()  # networks whose addresses are not announced
    include: Tuple[Address, ...] = ()  # those that are; (): all
    hello: int = 1  # seconds
    dead: int = 3  # seconds; 0: minimal (one second, hellos four times in it)
    on_error: str = ""  # fail | warn; "": as [node] says
    auth_key_file: str = ""
    auth_key_id: int = 1
    area: str = BACKBONE
    interfaces: Tuple[str, ...] = ()
    network: str = ""  # broadcast | point-to-point | point-to-multipoint; "": the daemon's default
    cost: Tuple[Tuple[str, int], ...] = ()  # (interface, cost)
    metric: int = 20
    standby_metric: int = 1000
    asn: int = 0
    neighbors: Tuple[str, ...] = ()  # addresses, or interfaces (unnumbered)
    remote_as: str = "external"  # external | internal | a number
    wheres: Dict[str, str] = {}

    def at(self, key: str) -> str:
        """FILE:LINE of a setting, or of the section."""
        return self.wheres.get(key, self.where)

    def announces(self, address: Address) -> bool:
        """Whether exclude, include and families let an address out."""
        return address.family in self.families and not any(one.reaches(address) for one in self.exclude) \
            and (not self.include or any(one.reaches(address) for one in self.include))


def _area(text: str, where: str) -> str:
    """An area in the dotted form.  Raise ValueError."""
    words = text.lower().split()
    if len(words) > 1 and words[1] in ("nssa", "stub"):
        raise ValueError("an ordinary area is wanted: %s" % NO_EXTERNALS[words[1]])
    if len(words) == 1 and not set(text) - names.DIGITS:
        number = names.number(text, 0, 2 ** 32 - 1)
        return ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))
    return _dotted(text, "an area is wanted, like 0.0.0.0 or 0")


NO_EXTERNALS = {
    "stub": "a stub area takes no external routes (RFC 2328, 3.6), and those of containers are external",
    "nssa": "in an NSSA the border router translates each route (RFC 3101, 3.2), so that a withdrawn or moved "
            "address stays known beyond it under another router's name, and type 1 is not what the others see",
}


def _dotted(text: str, wanted: str) -> str:
    parts = text.split(".")
    if [part for part in parts if set(part) - names.DIGITS or not part or len(part) > 3
            or int(part) > 255 or part != str(int(part))] or len(parts) != 4:
        raise ValueError(wanted)
    return text


def _router_id(text: str, where: str) -> str:
    if text == BACKBONE:
        raise ValueError("a router id of its own is wanted, like 10.0.0.2")
    return _dotted(text, "a router id in the form of an IPv4 address is wanted")


def _family(text: str, where: str) -> int:
    return int(values.choice(text, "4", "6"))


def _dead(text: str, where: str) -> int:
    return 0 if text.lower() == "minimal" else names.number(text, 2, 65535)


def _cost(text: str, where: str) -> Tuple[str, int]:
    name, equals, number = text.rpartition("=")
    if not equals:
        raise ValueError("INTERFACE=COST is wanted")
    return names.interface(name), names.number(number, 1, 65535)


def _neighbor(text: str, where: str) -> str:
    try:
        return values.plain_address(text, where).ip
    except ValueError:
        if is_address(text):
            raise
        return names.interface(text)


def is_address(neighbor: str) -> bool:
    """Whether a neighbour is said by an address, not by the interface that it is behind (which may be named 100)."""
    return ":" in neighbor or "." in neighbor and not set(neighbor) - names.DIGITS - {"."}


def _remote_as(text: str, where: str) -> str:
    return text.lower() if text.lower() in ("external", "internal") else str(names.number(text, 1, 2 ** 32 - 1))


def _key_file(text: str, where: str) -> str:
    secret(text)
    return text


def secret(path: str) -> str:
    """The key in a file of root's alone: one line of 1 to 16 characters.  Raise ValueError, without the key."""
    wanted = "a file of root's with mode 0600, which holds the key alone, is wanted"
    if not path.startswith("/"):
        raise ValueError(wanted)
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError as error:
        raise ValueError("%s: %s" % (error.strerror, wanted)) from None
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_mode & 0o077 or status.st_uid != os.geteuid():
            raise ValueError("mode %04o, owner %d: %s" % (stat.S_IMODE(status.st_mode), status.st_uid, wanted))
        key = os.read(fd, 256).decode("utf-8", "replace").strip()
    finally:
        os.close(fd)
    # RFC 2328, D.4.3: 16 bytes. The rest means something in a line of the daemon's configuration.
    if not 1 <= len(key) <= 16 or any(not "!" < char <= "~" or char in "\"'#?\\|" for char in key):
        raise ValueError("a key of 1 to 16 printable characters, without space, quotes, '!', '#', '?', '\\' and '|', "
                         "is wanted in it")
    return key


SETTINGS: Dict[str, ini.Check] = {
    "daemon": lambda text, where: values.choice(text, "frr", "quagga"),
    "protocol": lambda text, where: values.choice(text, "ospf", "bgp"),
    "families": ini.words(_family),
    "router_id": _router_id,
    "exclude": ini.words(values.network),
    "include": ini.words(values.network),
    "hello_interval": lambda text, where: names.number(text, 1, 65535),
    "dead_interval": _dead,
    "on_error": lambda text, where: values.choice(text, "fail", "warn"),
    "auth_key_file": _key_file,
    "auth_key_id": lambda text, where: names.number(text, 1, 255),
    "area": _area,
    "interfaces": ini.words(lambda text, where: names.interface(text)),
    "network": lambda text, where: values.choice(text, "broadcast", "point-to-point", "point-to-multipoint"),
    "cost": ini.words(_cost),
    "metric": lambda text, where: names.number(text, 0, INFINITY - 1),
    "standby_metric": lambda text, where: names.number(text, 1, INFINITY - 1),
    "as": lambda text, where: names.number(text, 1, 2 ** 32 - 1),
    "neighbors": ini.words(_neighbor),
    "remote_as": _remote_as,
}
FIELDS = {"hello_interval": "hello", "dead_interval": "dead", "as": "asn"}  # of Announce, where it is not the key


def read(section: ini.Section) -> Tuple[Announce, List[Mistake]]:
    """Given [announce], return its settings and all mistakes in it."""
    found, mistakes = ini.values(section, SETTINGS)
    made = Announce(section.where, wheres={key: setting.where for key, setting in section.items()},
                    **{FIELDS.get(key, key): value for key, value in found.items()})  # type: ignore[arg-type]
    for key in OF_BGP if made.protocol == "ospf" else OF_OSPF:
        if key in section:
            mistakes.append(Mistake(made.at(key), "%s = %s with protocol = %s"
                                    % (key, shown(section[key].value), made.protocol), "one without it is wanted"))
    for key in ("interfaces",) if made.protocol == "ospf" else ("as", "neighbors"):
        if key not in section:
            mistakes.append(Mistake(section.where, "no '%s' in this section" % key, "'%s = ...' is wanted" % key))
    if (made.dead or MINIMAL_OF_V3) <= made.hello:
        mistakes.append(Mistake(made.at("dead_interval"), "dead_interval = %s with hello_interval = %d"
                                % (made.dead or "minimal", made.hello),
                                "more than one hello within it is wanted, usually three"))
    if made.protocol == "bgp" and made.dead < 3:
        mistakes.append(Mistake(made.at("dead_interval"), "dead_interval = %s with protocol = bgp"
                                % (made.dead or "minimal"), "3 seconds or more are wanted (RFC 4271, 4.2)"))
    priced = [name for name, _ in made.cost]
    for name in dict.fromkeys(priced):
        if priced.count(name) > 1:
            mistakes.append(Mistake(made.at("cost"), "cost of %s twice" % name, "one is wanted"))
        if name not in made.interfaces:
            mistakes.append(Mistake(made.at("cost"), "cost of %s, which 'interfaces' does not name" % name,
                                    "one of them is wanted: %s" % shown(" ".join(made.interfaces))))
    if made.standby_metric <= made.metric and made.protocol == "ospf":
        mistakes.append(Mistake(made.at("standby_metric"), "standby_metric = %d with metric = %d"
                                % (made.standby_metric, made.metric), "a higher one is wanted"))
    if made.daemon == "quagga":
        mistakes += _beyond_quagga(made)
    return made, mistakes


def _beyond_quagga(made: Announce) -> List[Mistake]:
    found = []
    if made.auth_key_file and made.protocol == "ospf" and 6 in made.families:
        found.append(Mistake(made.at("auth_key_file"), "auth_key_file with families = %s and daemon = quagga"
                             % " ".join(map(str, made.families)),
                             "'families = 4' is wanted: Quagga's ospf6d knows no authentication"))
    unnumbered = [name for name in made.neighbors if not is_address(name)]
    if unnumbered:
        found.append(Mistake(made.at("neighbors"), "neighbor %s with daemon = quagga" % unnumbered[0],
                             "addresses are wanted: Quagga's bgpd knows no unnumbered neighbours"))
    if made.remote_as in ("external", "internal") and made.protocol == "bgp":
        found.append(Mistake(made.at("remote_as"), "remote_as = %s with daemon = quagga" % made.remote_as,
                             "the number is wanted"))
    return found
