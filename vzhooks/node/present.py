"""Which lines of a plan the kernel has already, so that nothing is written that is as wanted.  Hot path.

Interfaces are read from sysfs; addresses, routes and rules in one `ip -batch` of listings a family; the rest by the
tool that the line is for.  Names are resolved to numbers, and what a listing may add (scope, metric, linkdown,
[detached], the owner's protocol) is passed over: an equal route of somebody else is as good (design.md, The plan).
"""
from vzhooks import facts, process, rtnames
from vzhooks.node.tools import Tools

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Dict, List, Optional, Sequence, Set, Tuple

    Row = Dict[str, str]

RULES = "rule show"  # also what stands between two listings of a batch: nothing else prints a row that is always there
DEFAULTS = {"0.0.0.0/0": "default", "::/0": "default"}
ROUTE_TYPES = ("unicast", "unreachable", "blackhole", "prohibit", "throw", "local", "broadcast", "multicast", "anycast",
               "nat")
FLAGS = ("onlink", "linkdown", "dead", "pervasive", "offload", "trap", "notify", "rt_trap", "detached", "[detached]")
SELECTORS = ("iif", "oif", "fwmark", "suppress_prefixlength", "suppress_ifgroup", "tos", "dsfield", "ipproto", "sport",
             "dport", "uidrange", "goto")  # what else a rule says; of ours, only the first and third
MAIN = "254"


class Present:
    """The kernel's state as far as COMMANDS are about it, read at once when it is made."""

    def __init__(self, commands: "Sequence[str]", timeout: float = process.TIMEOUT) -> None:
        self.timeout = timeout
        self.tools = Tools(timeout)
        self.tables = rtnames.tables()
        self.rows: Dict[Tuple[str, str], List[str]] = {}
        self.sets: Dict[Tuple[str, str], Set[Tuple[Tuple[str, str], ...]]] = {}
        self._read([what for what in map(self._listing, commands) if what])

    def holds(self, command: str) -> "Optional[bool]":
        """Whether the kernel is as COMMAND would make it; None where that cannot be told."""
        words = command.split()
        if words[0] == "sysctl":
            key, _, value = words[1].partition("=")
            return facts.sysctl(key) == value
        listing = self._listing(command)
        if listing is not None:
            return self._listed(words, listing)
        if words[:2] == ["ip", "link"]:
            return self.tools.is_vxlan(words) if " type vxlan " in command else _link(words[2:])
        return self.tools.holds(command)

    def missing(self, commands: "Sequence[str]") -> "List[str]":
        """Those of COMMANDS that have not been carried out."""
        return [command for command in commands if not self.holds(command)]

    def _listing(self, command: str) -> "Optional[Tuple[str, str]]":
        """The family and the `ip` listing that tell about a command."""
        words = command.split()
        if words[0] != "ip":
            return None
        family = "-6" if words[1] == "-6" or ":" in command and "inet6" not in words else "-4"
        words = words[1:] if words[1] == "-6" else words
        if words[1] == "address":
            return family, "address show"
        if words[1] == "route":
            table = words[words.index("table") + 1] if "table" in words else MAIN
            return family, "route show table " + table
        if words[1] == "neigh" and words[3] == "proxy":
            return family, "neigh show proxy"
        return (family, RULES) if words[1] == "rule" else None

    def _read(self, wanted: "List[Tuple[str, str]]") -> None:
        batches = []
        for family in ("-4", "-6"):
            listings = list(dict.fromkeys(what for whose, what in wanted if whose == family and what != RULES))
            if listings or (family, RULES) in wanted:
                batches.append((family, listings))
        results = self._listings(batches)
        if any("Dump was interrupted" in result.errors for result in results):
            results = self._listings(batches)  # something changed meanwhile: rows can be missing
        for (family, listings), result in zip(batches, results):
            rows = result.output.replace("\\", " ").splitlines()
            parts: List[List[str]] = []
            for row in rows:
                if row == rows[0]:
                    parts.append([])  # the first rule once more: behind the rules begins another listing
                parts[-1].append(row)
            parts += [[]] * (len(listings) + 1 - len(parts))
            self.rows[family, RULES] = [row for row in parts[0] if _is_rule(row)] if parts else []
            for what, part in zip(listings, parts):
                self.rows[family, what] = [row for row in part if not _is_rule(row)]

    def _listings(self, batches: "Sequence[Tuple[str, List[str]]]") -> "List[process.Result]":
        """One ip for each family, side by side."""
        children = []
        for family, listings in batches:
            text = RULES + "\n" + "".join("%s\n%s\n" % (what, RULES) for what in listings)
            # -force: a table that does not exist yet is an error on new kernels
            children.append(process.Child(["ip", family, "-o", "-force", "-batch", "-"], text, process.LISTING))
        return process.run_all(children, self.timeout)

    def _listed(self, words: "List[str]", listing: "Tuple[str, str]") -> bool:
        words = words[1:] if words[1] == "-6" else words
        if listing not in self.sets:  # once: a node has thousands of routes
            self.sets[listing] = {_key(self._parsed(words[1], row.split())) for row in self.rows[listing]}
        wanted = words[3:] if words[1] != "address" else ["0:", words[words.index("dev") + 1], "", words[3]]
        return (_key(self._parsed(words[1], wanted)) in self.sets[listing]) != (words[2] == "del")

    def _parsed(self, kind: str, words: "List[str]") -> "Row":
        """A row of a listing, or the words of a command in the same order."""
        if kind == "address":
            return {"dev": words[1], "address": words[3]}
        if kind == "neigh":
            words = words[1:] if words[0] == "proxy" else words
            return {"address": words[0], "dev": words[2]}
        return self.route(words) if kind == "route" else self.rule(words)

    def route(self, words: "List[str]") -> "Row":
        """A route as `ip route add` or its listing has it: what it is for, and by which way."""
        kind = words[0] if words[0] in ROUTE_TYPES else "unicast"
        words = words[1:] if words[0] == kind else words
        if "nexthop" in words:
            at = words.index("nexthop")
            return {"to": _plain(words[0]), "by": " ".join(word for word in words[at:] if word not in FLAGS)}
        values = _pairs(words[1:])
        return {"type": kind, "to": _plain(words[0]), "via": values.get("via", ""), "dev": values.get("dev", "")}

    def rule(self, words: "List[str]") -> "Row":
        """A rule as `ip rule add` or its listing has it, without its owner."""
        preference = ""
        if words[0].endswith(":"):
            preference, words = words[0][:-1], words[1:]
        values = _pairs([word for word in words if word != "not"])
        table = values.get("lookup", values.get("table", ""))
        found = {"pref": values.get("pref", preference), "not": str("not" in words),
                 "from": _plain(values.get("from", "all")), "to": _plain(values.get("to", "all")),
                 "table": self.tables.get(table, table)}
        for key in SELECTORS:
            found[key] = values.get(key, "")
        return found


def _key(row: "Row") -> "Tuple[Tuple[str, str], ...]":
    return tuple(sorted(row.items()))


def _is_rule(row: str) -> bool:
    return row.partition(":")[2].startswith("\t")


def _pairs(words: "List[str]") -> "Row":
    words = [word for word in words if word not in FLAGS and word not in ("inet", "inet6")]  # via inet6 fe80::1
    return dict(zip(words[::2], words[1::2]))


def _plain(prefix: str) -> str:
    """A destination as listings have it: without the mask of a single address."""
    prefix = DEFAULTS.get(prefix, prefix)
    return prefix[:-len(prefix.partition("/")[2]) - 1] if prefix.endswith(("/32", "/128")) and \
        (":" in prefix) == prefix.endswith("/128") else prefix


def _link(words: "List[str]") -> "Optional[bool]":
    """`ip link add name NAME ...` and `ip link set dev DEV SETTING VALUE ...`."""
    if words[0] == "add":
        kind = facts.kind(words[words.index("name") + 1])
        return kind == "linux" if words[-1] == "bridge" else kind != ""
    if words[:2] != ["set", "dev"]:
        return None
    device, rest = words[2], words[3:]
    if rest[:2] == ["type", "bridge"]:
        pairs = zip(rest[2::2], rest[3::2])
        return all(facts.file("/sys/class/net/%s/bridge/%s" % (device, key)) == value for key, value in pairs)
    if rest[:2] == ["type", "bridge_slave"]:
        return all(facts.file("/sys/class/net/%s/brport/%s" % (device, key)) == {"on": "1", "off": "0"}[value]
                   for key, value in zip(rest[2::2], rest[3::2]))
    if rest in (["up"], ["down"]):
        return facts.kind(device) != "" and facts.is_up(device) == (rest == ["up"])
    if rest == ["nomaster"]:
        return facts.master(device) == ""
    readers: Dict[str, Callable[[str], str]] = {
        "master": facts.master, "mtu": facts.READERS["mtu"], "address": facts.READERS["mac"], "alias": facts.alias}
    return readers[rest[0]](device) == rest[1] if len(rest) == 2 and rest[0] in readers else None
