"""What is on the node with our marks, and that no container and no line of the node accounts for."""
from typing import Dict, List, Sequence, Set, Tuple

from vzhooks import facts, journal, kernel, netns, plan, planner, warming
from vzhooks.drift.tools import WholeTools
from vzhooks.errors import Expected
from vzhooks.node import journal as node_journal
from vzhooks.node import planner as node_planner
from vzhooks.node import status
from vzhooks.node.present import Present
from vzhooks.node.tools import elements
from vzhooks.nodeconf import NodeConf
from vzhooks.routing import held

NFT_TABLES = (("ip", "vzhooks_floating"), ("ip6", "vzhooks_floating"), ("inet", "vzhooks_ingress"),
              ("netdev", "vzhooks_antispoof"))
PORT = "port_"  # how a filtered port's chain is called (antispoof_nft.j2)
LABEL = ":vzh"  # how the labels of our IPv4 addresses end
OF_KERNEL = ("linkdown", "dead")  # words of a listing that no command takes


class Marked:
    """The kernel's side is read before the journals, since a start writes its journal before its commands."""

    def __init__(self, node: NodeConf) -> None:
        """Raise Expected, ConfigError where it cannot be said what belongs to the node."""
        self.tools = WholeTools(node.timeout)
        self.parser = Present([], node.timeout)
        routes = [route for route in kernel.all_routes() if route.ours and not route.table and not route.is_default]
        addresses = [one for one in kernel.addresses() if one.words[-1].endswith(LABEL) or LABEL + " " in
                     " ".join(one.words)]
        tables = {table: self.tools.nft_table(*table) for table in NFT_TABLES}
        ports = {name: self.tools.bridge_of(name) for name, row in self.tools.ovs()["Interface"].items()
                 if ["owner", "vzhooks"] in row["external_ids"][1] and row["type"] != "vxlan"}
        entries = _entries(node)
        devices = [name for name in status.forgotten() if not _is_used(name)]

        self.nodes = node_journal.read() + node_planner.node_plan(node).lines
        commands = _journalled()
        self.known = commands | {line.command for line in self.nodes}
        self.words = {word for command in self.known for word in command.split()}
        self.spared, self.doubts = _without_journal()
        self.lines = self._routes(routes) + self._addresses(addresses) + self._elements(tables) + self._ports(ports)
        self.lines += [_line("vtysh no " + row) for row in entries if held.VTYSH + row not in commands]
        self.lines += [_line("ip link del dev " + name) for name in devices if name not in self.words]
        self.lines += status.marked(self.nodes)

    def _routes(self, routes: Sequence[kernel.OnDevice]) -> List[plan.Line]:
        known = {self._route(command.split()) for command in self.known if command.startswith("ip ")
                 and " route " in command and " table " not in command}
        found = []
        for route in routes:
            words = [word for word in route.words if word not in OF_KERNEL]
            if self._route(["route", "add"] + words) not in known and words[0] not in self.spared:
                found.append(_line("ip%s route del %s" % (" -6" if route.family == 6 else "", " ".join(words))))
        return found

    def _route(self, words: List[str]) -> Tuple[Tuple[str, str], ...]:
        return tuple(sorted(self.parser.route(words[words.index("route") + 2:]).items()))

    def _addresses(self, addresses: Sequence[kernel.OnDevice]) -> List[plan.Line]:
        return [_line("ip address del %s dev %s" % (_masked(one), one.device)) for one in addresses
                if one.family == 4 and _masked(one) not in self.words
                and one.words[0].partition("/")[0] not in self.spared]

    def _elements(self, tables: Dict[Tuple[str, str], Dict[Tuple[str, str], str]]) -> List[plan.Line]:
        found = []
        for (family, table), blocks in tables.items():
            place = "%s %s" % (family, table)
            for (kind, name), listing in blocks.items():
                if kind == "chain":
                    port = name[len(PORT):] if name.startswith(PORT) else ""
                    if port and not self._is_alive(port) and not self._is_known("nft add chain %s %s " % (place, name)):
                        found.append(_line("nft delete chain %s %s" % (place, name)))
                    continue
                for one in filter(None, elements(listing)):
                    element = "element %s %s { %s }" % (place, name, one)
                    if "nft add " + element not in self.known and not self._is_of_a_runner(one):
                        found.append(_line("nft delete " + element))
        return found

    def _is_of_a_runner(self, element: str) -> bool:
        words = element.split()
        return bool(self.spared & set(words)) or words[0].startswith('"') and self._is_alive(words[0].strip('"'))

    def _is_known(self, beginning: str) -> bool:
        return any(command.startswith(beginning) for command in self.known)

    def _is_alive(self, device: str) -> bool:
        """An interface that is there is somebody's, perhaps of a container without a journal."""
        return facts.kind(device) != ""

    def _ports(self, ports: Dict[str, str]) -> List[plan.Line]:
        return [_line("ovs-vsctl --if-exists del-port %s %s" % (bridge, port)) for port, bridge in sorted(ports.items())
                if bridge and port != bridge and port not in self.words and not self._is_alive(port)]


def _line(undo: str) -> plan.Line:
    return plan.Line("host", "", False, plan.Undo(undo, False))


def _masked(one: kernel.OnDevice) -> str:
    return one.words[0] if "/" in one.words[0] else one.words[0] + "/32"


def _journalled() -> Set[str]:
    """The commands of all journals.  Raise Expected for one that cannot be read: it may account for anything."""
    return {line.command for veid in journal.containers() for device in journal.devices(veid)
            for line in journal.read(veid, device)}


def _without_journal() -> Tuple[Set[str], List[str]]:
    """The addresses of containers that run though no journal says what they have, and what is to be said of them."""
    spared: Set[str] = set()
    doubts = []
    known = set(journal.containers())
    for veid in warming.containers():
        if netns.has_name(veid) and veid not in known:
            addresses = {address.ip for address in planner.read(veid)[1].addresses}
            if addresses:
                doubts.append("CT %s runs without a journal; what it has is left; 'vzhook run %s' makes one"
                              % (veid, veid))
            spared |= addresses
    return spared, doubts


def _entries(node: NodeConf) -> List[str]:
    if not node.announce.where:
        return []
    try:
        return held.running()
    except Expected:
        return []  # no daemon runs: it will read its file


def _is_used(name: str) -> bool:
    """Whether a device that we have made has ports or addresses."""
    return bool(status.ports_of(name)) or any(one.device == name for one in kernel.addresses())
