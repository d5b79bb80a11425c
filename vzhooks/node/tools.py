"""What brctl, Open vSwitch, nft and iptables already have of a plan's line.  Hot path."""
from vzhooks import facts, process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Set, Tuple


class Tools:
    """Asks the tools, each question once."""

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        self.answers: Dict[Tuple[str, ...], Optional[str]] = {}
        self.elements: Dict[Tuple[str, ...], Set[str]] = {}

    def holds(self, command: str) -> "Optional[bool]":
        """Whether all is as a command of one of these tools would make it; None where that cannot be told."""
        words = command.split()
        if words[0] == "brctl":
            return _brctl(words)
        if words[0] == "ovs-vsctl":
            return self._ovs(command)
        if words[0] == "nft":
            return self._nft(command)
        if words[0] == "ebtables":
            return self._ebtables(words)
        if words[0] == "bridge":
            return self._bridge(words)
        if words[:2] == ["ovs-ofctl", "add-flow"]:
            cookie = words[3].partition(",")[0]
            return cookie + "," in (self._ask("ovs-ofctl", "dump-flows", words[2], cookie + "/-1") or "")
        return self._iptables(words) if words[0] in ("iptables", "ip6tables") else None

    def _ask(self, *argv: str) -> "Optional[str]":
        """What a command prints, None when it fails."""
        if argv not in self.answers:
            try:
                result = process.run(argv, timeout=self.timeout, keep=process.LISTING)
                self.answers[argv] = result.output if result.status == 0 else None
            except process.MissingCommand:
                self.answers[argv] = None  # the command itself will say so
        return self.answers[argv]

    def _ovs(self, command: str) -> "Optional[bool]":
        """Each part of `ovs-vsctl --may-exist add-br|add-port ... -- set TABLE RECORD COLUMN[:KEY]=VALUE ...`."""
        for part in command[len("ovs-vsctl "):].split(" -- "):
            words = [word for word in part.split() if not word.startswith("--")]
            if words[0] == "add-br":
                good = self._vsctl("br-exists", words[1]) is not None
            elif words[0] == "add-port":
                good = self._vsctl("port-to-br", words[2]) == words[1] and self._are_set(
                    "Interface", words[2], ["error=[]"])
            elif words[0] == "set":
                good = self._are_set(words[1], words[2], words[3:])
            else:
                return None
            if not good:
                return False
        return True

    def _vsctl(self, *words: str) -> "Optional[str]":
        answer = self._ask("ovs-vsctl", "--timeout=5", *words)
        return None if answer is None else answer.strip()

    def _are_set(self, table: str, record: str, settings: "List[str]") -> bool:
        """Whether columns (COLUMN[:KEY]=VALUE) are as wanted: one question for all of a record."""
        pairs = [setting.partition("=") for setting in settings]
        columns = [pair[0] for pair in pairs]
        answer = self._ask("ovs-vsctl", "--timeout=5", "--if-exists", "get", table, record, *columns)
        return [row.strip('"') for row in (answer or "").splitlines()] == [pair[2] for pair in pairs]

    def _nft(self, command: str) -> "Optional[bool]":
        """An element of a set; or a transaction: its last rule's comment, or its last chain's name, stands for all."""
        if command.startswith("nft add element "):
            place, _, element = command[len("nft add element "):].partition(" { ")
            return element.rpartition(" }")[0] in self._elements("map" if " : " in element else "set", *place.split())
        words, last = command.split(), command.rpartition("; ")[2].split()
        if words[1:3] == ["add", "table"] and last[:2] == ["add", "chain"]:
            chains = self._chains()
            return (words[3], words[4].rstrip(";"), "") in chains and tuple(last[2:]) in chains
        _, rule, rest = command.rpartition("add rule ")
        _, mark, comment = rest.partition(' comment "')
        if not rule or not mark:
            return None
        return mark + comment in (self._ask("nft", "list", "chain", *rest.split()[:3]) or "")

    def _elements(self, *place: str) -> "Set[str]":
        if place not in self.elements:
            self.elements[place] = set(elements(self._ask("nft", "list", *place) or ""))
        return self.elements[place]

    def _bridge(self, words: "List[str]") -> "Optional[bool]":
        """`bridge fdb append MAC dev DEV dst PEER`: among what the device sends to for that MAC; `bridge vlan add|del
        vid VLAN dev DEV`: among the device's VLANs.
        """
        if words[:2] == ["bridge", "vlan"]:
            held = vlans(self._ask("bridge", "vlan", "show") or "").get(words[6], ())
            return (words[4] in held) == (words[2] == "add")
        if words[:3] != ["bridge", "fdb", "append"]:
            return None
        rows = (self._ask("bridge", "fdb", "show", "dev", words[words.index("dev") + 1]) or "").splitlines()
        peer = words[words.index("dst") + 1]
        return any(row.split()[:1] == [words[3]] and "dst %s " % peer in row + " " for row in rows)

    def is_vxlan(self, words: "List[str]") -> bool:
        """Whether there is what `ip link add name DEV type vxlan id N dstport N local IP [no]learning` makes."""
        listing = (self._ask("ip", "-o", "-d", "link", "show", "dev", words[words.index("name") + 1]) or "").split()
        there = dict(zip(listing, listing[1:]))
        wanted = dict(zip(words, words[1:]))
        return all(there.get(key) == wanted[key] for key in ("id", "dstport", "local")) \
            and ("nolearning" in listing) == ("nolearning" in words)

    def _ebtables(self, words: "List[str]") -> "Optional[bool]":
        """A line of a chain is there when the chain is jumped to, since then it is whole (antispoof_ebtables.j2)."""
        if not {"-N", "-A", "-I"} & set(words):
            return None
        table = words[words.index("-t") + 1]
        chain = words[words.index("-j") + 1] if "-I" in words else words[words.index("-t") + 3]
        listing = self._ask("ebtables", "--concurrent", "-t", table, "-L",
                            "INPUT" if table == "filter" else "PREROUTING") or ""
        return any(row.endswith("-j " + chain) for row in map(str.strip, listing.splitlines()))

    def _chains(self) -> "Set[Tuple[str, str, str]]":
        """(family, table, chain) of all chains, and of their tables with ""; nft reads no elements for it."""
        found = set()
        family = table = ""
        for words in map(str.split, (self._ask("nft", "list", "chains") or "").splitlines()):
            if words[:1] == ["table"]:
                family, table = words[1:3]
                found.add((family, table, ""))
            elif words[:1] == ["chain"]:
                found.add((family, table, words[1]))
        return found

    def _iptables(self, words: "List[str]") -> "Optional[bool]":
        argv = list(words)
        for old, new in (("-A", "-C"), ("-I", "-C"), ("-N", "-S")):
            if old in argv:
                argv[argv.index(old)] = new
                return self._ask(*argv) is not None
        return None


def vlans(listing: str) -> "Dict[str, List[str]]":
    """{port: its VLANs} of `bridge vlan show`: a port's further VLANs stand in rows that begin with a space."""
    found: Dict[str, List[str]] = {}
    port = ""
    for row in listing.splitlines()[1:]:
        words = row.split()
        if words and not row[0].isspace():
            port = words.pop(0)
        if words:
            found.setdefault(port, []).append(words[0])
    return found


def elements(listing: str) -> "List[str]":
    """Of a set or map, as nft lists it: several rows of several each."""
    inner = listing.partition("elements = {")[2].partition("}")[0]
    return [" ".join(one.split()) for one in inner.split(",")]


def _brctl(words: "List[str]") -> "Optional[bool]":
    verb, bridge = words[1:3]
    if verb == "addbr":
        return facts.kind(bridge) == "linux"
    if verb == "addif":
        return facts.master(words[3]) == bridge
    path = "/sys/class/net/%s/bridge/" % bridge
    if verb == "stp":
        return facts.file(path + "stp_state") == {"on": "1", "off": "0"}[words[3]]
    return facts.file(path + "forward_delay") == str(100 * int(words[3])) if verb == "setfd" else None
