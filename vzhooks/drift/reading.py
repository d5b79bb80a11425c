"""The node's side of a check: one reading for the lines of all containers, and of the node."""
import json
from typing import Dict, List, Optional, Sequence, Set, Tuple

from vzhooks import claims, facts, journal, kernel, process, rtnames
from vzhooks.drift.tools import WholeTools
from vzhooks.errors import Expected
from vzhooks.node.present import Present
from vzhooks.routing import held

LISTINGS = ("ip address del 127.0.0.1/8 dev lo", "ip address del ::1/128 dev lo")  # stand for both families' addresses
SETTINGS = {"mtu": "mtu", "address": "mac", "alias": "alias", "master": "master"}  # of `ip link set`: the facts


class Reading(Present):
    """The node's kernel and tools, as far as COMMANDS are about them."""

    def __init__(self, commands: Sequence[str], timeout: float = process.TIMEOUT) -> None:
        super().__init__(list(commands) + list(LISTINGS), timeout)
        self.tools: WholeTools = WholeTools(timeout)
        self.protocols = rtnames.numbers("rt_protos")
        self.by_prefix: Dict[Tuple[str, str], Dict[str, List[str]]] = {}
        self.entries: Optional[Set[str]] = None
        self.silent = ""  # why the routing daemon could not be asked

    def holds(self, command: str) -> Optional[bool]:
        """As Present does; also whose a public address is, and what routing daemons have been told."""
        words = command.split()
        if words[0] == "vtysh":
            return self._announced(command[len(held.VTYSH):])
        if words[0] == "claim":
            return claims.holder(words[1]) == words[3]
        return True if words[0] == "forget" else super().holds(command)  # forget: it leaves no state

    def _announced(self, row: str) -> Optional[bool]:
        if self.entries is None and not self.silent:
            try:
                self.entries = set(held.running())
            except Expected as error:
                self.silent = str(error)
        return None if self.entries is None else row in self.entries

    def found(self, command: str) -> str:
        """What is there in place of what a COMMAND that does not hold would have made; "" for nothing."""
        words = command.split()
        if words[:4] == ["ip", "link", "set", "dev"]:
            return _of_link(words[4], words[5:])
        if words[0] == "sysctl":
            return facts.sysctl(words[1].partition("=")[0])
        if words[:2] == ["ip", "address"]:
            return self._address(words[3].partition("/")[0])
        if words[0] == "claim":
            return "CT %s has it" % claims.holder(words[1]) if claims.holder(words[1]) else ""
        if words[0] == "ovs-vsctl" and "add-port" in words:
            return self._port(words[words.index("add-port") + 1], words[words.index("add-port") + 2])
        rows = self.rows_for(command) if " route " in command else []
        return rows[0] if rows else ""

    def _port(self, bridge: str, port: str) -> str:
        is_in = self.tools.bridge_of(port)
        error = self.tools.ovs()["Interface"].get(port, {}).get("error") if is_in == bridge else ""
        return "its error is %s" % json.dumps(error) if isinstance(error, str) and error else \
            "it is in %s" % is_in if is_in and is_in != bridge else ""

    def _address(self, ip: str) -> str:
        """The row of an address of the node, whatever its mask and interface."""
        rows = self.rows["-6" if ":" in ip else "-4", "address show"]
        return next((" ".join(row.split()[1:4]) for row in rows if row.split()[3].partition("/")[0] == ip), "")

    def rows_for(self, command: str) -> List[str]:
        """The routes to the destination of an `ip route` command in its table, that by which packets go first."""
        listing = self._listing(command)
        if listing is None:
            return []
        if listing not in self.by_prefix:
            by_prefix = self.by_prefix.setdefault(listing, {})
            for row in self.rows[listing]:
                by_prefix.setdefault(self.route(row.split())["to"], []).append(" ".join(row.split()))
        words = command.split()
        wanted = self.route(words[words.index("route") + 2:])
        return self.by_prefix[listing].get(wanted["to"], [])

    def in_the_way(self, command: str) -> str:
        """Somebody else's route or address that takes packets from a container's host route; "" where nothing does."""
        if not command.startswith(journal.ROUTE):
            return ""
        words = command.split()
        own = self._address(words[3])
        if own:
            return "the node itself has %s" % own
        rows = self.rows_for(command)
        if rows and self.route(rows[0].split()) != self.route(words[3:]) and not self.is_ours(rows[0]):
            return rows[0]
        return ""

    def is_ours(self, row: str) -> bool:
        """Whether a route says that we made it."""
        protocol = row.partition(" proto ")[2].split()[:1]
        return bool(protocol) and self.protocols.get(protocol[0], protocol[0]) == kernel.PROTOCOL


def _of_link(device: str, setting: List[str]) -> str:
    if not facts.kind(device):
        return "no interface " + device
    if setting in (["up"], ["down"]):
        return "down" if setting == ["up"] else "up"
    fact = SETTINGS.get(setting[0])
    return "%s %s" % (setting[0], facts.READERS[fact](device)) if fact and facts.READERS[fact](device) else ""
