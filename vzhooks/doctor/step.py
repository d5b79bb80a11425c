"""One step of the way, and the few questions that several ways ask of the node."""
from typing import Iterator, List, NamedTuple, Sequence

from vzhooks import facts, kernel, process
from vzhooks.errors import ConfigError, Expected


class Step(NamedTuple):
    """What should be so; where it is not: how it is, the command that shows it, and the one that mends it."""

    what: str
    wrong: str = ""  # "": it is so
    shows: str = ""
    mends: str = ""


Way = Iterator[Step]
TRIES = 3  # pings: the first may wait for ARP


def sound(what: str, texts: Sequence[str], shows: str, mends: str) -> Step:
    """A step that is wrong with the first of TEXTS, and right without any."""
    return Step(what, texts[0] + (" (and %d more)" % (len(texts) - 1) if texts[1:] else "") if texts else "",
                shows, mends)


def of_error(error: Expected) -> List[str]:
    """What an error says, a text a mistake."""
    return error.mistakes if isinstance(error, ConfigError) else [str(error)]


def sysctl(key: str, wanted: str, why: str) -> Step:
    """A setting of the kernel; one that this kernel has not is right."""
    now = facts.sysctl(key)
    return Step("%s is %s" % (key, wanted), "it is %s: %s" % (now, why) if now not in ("", wanted) else "",
                "sysctl " + key, "sysctl -w %s=%s" % (key, wanted))


def forwarding(families: Sequence[int]) -> Way:
    """What the node must do for packets that are not its own."""
    keys = {4: "net.ipv4.ip_forward", 6: "net.ipv6.conf.all.forwarding"}
    for family in families:
        yield sysctl(keys[family], "1", "the node forwards nothing")
    yield not_dropped("")


def not_dropped(bridge: str) -> Step:
    """Whether somebody's filter (Docker's, often) drops what the node forwards, or what a BRIDGE has pass there."""
    what = "no filter drops what %s forwards" % (bridge or "the node")
    if bridge and facts.sysctl("net.bridge.bridge-nf-call-iptables") != "1":
        return Step(what)
    chains = _listing("nft", "list", "chains")
    table = ""
    for row in chains:
        table = row.strip(" {") if row.startswith("table ") else table
        if "hook forward" in row and "policy drop" in row:
            return Step(what, "'%s' has a chain for forwarded packets whose policy is drop" % table,
                        "nft list " + table, _accepting(bridge))
    if any(row == "-P FORWARD DROP" for row in _listing("iptables", "-S", "FORWARD")):
        return Step(what, "the policy of iptables' FORWARD is DROP", "iptables -S FORWARD", _accepting(bridge))
    return Step(what)


def _accepting(bridge: str) -> str:
    if bridge:
        return "sysctl -w net.bridge.bridge-nf-call-iptables=0"
    return "a rule that accepts the containers' addresses there (with Docker: in its chain DOCKER-USER)"


def _listing(*argv: str) -> List[str]:
    try:
        return kernel.listing(list(argv))
    except Expected:
        return []  # not installed: then it drops nothing


def answers(address: str, source: str = "", inside: str = "") -> bool:
    """Whether an address answers ping, from SOURCE (an interface), or from a container's named namespace."""
    argv = ["ip", "netns", "exec", inside] if inside else []
    argv += ["ping", "-6" if ":" in address else "-4", "-n", "-c", "1", "-W", "1", "-q"]
    argv += (["-I", source] if source else []) + [address]
    return any(process.run(argv).status == 0 for _ in range(TRIES))
