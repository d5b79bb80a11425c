"""`vzhook announce check`: the addresses of running containers against what the daemon announces."""
from typing import Dict, List, NamedTuple, Optional, Tuple

from vzhooks import journal, kernel, paths, planner, warming
from vzhooks.errors import ConfigError, Expected
from vzhooks.node.network import ROUTED
from vzhooks.node.tree import Tree
from vzhooks.nodeconf import NodeConf
from vzhooks.routing import evpn, export, held, lsdb
from vzhooks.routing.lsdb import Seen
from vzhooks.routing.settings import Announce
from vzhooks.values import Address

# Protocols of routes that zebra does not take for the kernel's: redirect, kernel, and those of routing daemons
# (linux/rtnetlink.h, FRR's rt_netlink.h).
NOT_REDISTRIBUTED = {"1", "2", "11", "kernel", "redirect"} | set(map(str, range(186, 199)))
VENET = "venet0"


class Row(NamedTuple):
    """An address: whose it is, how it is to be announced, how it is."""

    address: str
    container: str  # VEID, "?" where no journal and no conf names it, "" where it is no container's
    announce: str  # yes | no | standby | anycast | excluded
    device: str  # of its route; "" without one
    wanted: str  # "" where nothing is
    seen: str
    trouble: str  # "" | missing | foreign | wrong | leaked | no route


class Found(NamedTuple):
    """All addresses, and what is wrong beside them."""

    rows: List[Row]
    troubles: List[str]


def check(node: NodeConf) -> Found:
    """Compare.  Raise ConfigError without [announce] or with mistakes, Expected when the daemon cannot be asked."""
    announce = wanted(node)
    mistakes = node.mistakes + node.node_mistakes
    if mistakes:  # in place of each there is a default
        raise ConfigError(list(map(str, mistakes)))
    announced = lsdb.announced(announce)
    troubles = lsdb.deaf(announce) + _entries() + _files(node)
    rows = judged(announce, running(node), _kinds(), announced)
    return Found(rows, troubles)


def wanted(node: NodeConf) -> Announce:
    """The node's [announce].  Raise ConfigError where there is none."""
    if not node.announce.where:
        raise ConfigError(["%s:1: no section [announce]; it is wanted to know what is announced, and how"
                           % paths.node_conf()])
    return node.announce


def judged(announce: Announce, found: Dict[str, Tuple[str, str]], kinds: Dict[str, str],
           announced: Dict[str, Seen]) -> List[Row]:
    """FOUND: {address: (VEID, device)}; KINDS: of those that have entries; ANNOUNCED: lsdb.announced()."""
    rows = []
    for address in sorted(set(found) | set(announced), key=lambda one: (":" in one, one)):
        seen = announced.get(address)
        veid, device = found.get(address, ("", ""))
        if not veid:
            rows.append(Row(address, "", "", "", "", str(seen), "foreign"))
            continue
        family = 6 if ":" in address else 4
        out = announce.announces(Address(address, 128 if family == 6 else 32, family, ""))
        kind = kinds.get(address, "yes") if out else "excluded"
        goal = goal_of(announce, kind)
        trouble = ""
        if not device:
            trouble = "no route"
        elif goal is None:
            trouble = "leaked" if seen else ""
        elif seen != goal:
            trouble = "wrong" if seen else "missing"
        rows.append(Row(address, veid, kind, device, str(goal or ""), str(seen or ""), trouble))
    return rows


def goal_of(announce: Announce, kind: str) -> Optional[Seen]:
    """How an address of this kind is to be seen."""
    if kind in ("no", "excluded"):
        return None
    if announce.protocol == "bgp":
        return Seen("", 3 if kind == "standby" else 0)
    if kind == "standby":
        return Seen("type-2", announce.standby_metric)
    return Seen("type-1" if kind == "anycast" else "type-2", announce.metric)


def running(node: NodeConf) -> Dict[str, Tuple[str, str]]:
    """{address: (VEID, its route's device)} of running containers; "" for the device of a route that is gone."""
    journalled = {prefix: veid for prefix, (veid, _) in journal.routes().items()}
    found = {address: (veid, "") for address, veid in journalled.items()}
    venet = {VENET} | {one for network in node.networks for one in network.ingress if one != ROUTED}
    rest = []
    for route in kernel.routes():
        if "/" in route.prefix or route.prefix == "default" or route.protocol in NOT_REDISTRIBUTED:
            continue
        if route.prefix in journalled:
            found[route.prefix] = (journalled[route.prefix], route.device)
        else:
            rest.append(route)
    owners = _owners() if rest else {}
    for route in rest:
        if route.prefix in owners or route.device in venet:
            found[route.prefix] = (owners.get(route.prefix, "?"), route.device)
    return found


def _owners() -> Dict[str, str]:
    """{address: VEID} as the conf files say."""
    found: Dict[str, str] = {}
    for veid in warming.containers():
        try:
            container = planner.read(veid)[1]
        except Expected:
            continue  # lint's matter
        for address in container.addresses:
            found.setdefault(address.ip, veid)
    return found


def _kinds() -> Dict[str, str]:
    """{address: kind} of those that have an entry."""
    made = {}
    for row in held.wanted():
        words = row.split()
        made[words[4].partition("/")[0]] = words[2][len("vzhooks-"):]
    return made


def _entries() -> List[str]:
    goal, now = held.wanted(), held.running()
    return ["the daemon lacks '%s'; 'vzhook announce reconcile' is wanted" % row for row in goal if row not in now] + \
        ["the daemon has '%s', which is no running container's; 'vzhook announce reconcile' is wanted" % row
         for row in now if row not in goal]


def _files(node: NodeConf) -> List[str]:
    here = Tree(paths.rooted(""))
    return ["/%s is not as vzhooks.conf says; 'vzhook node export %s' is wanted" % (change.path, node.announce.daemon)
            for change in export.changes(node.announce, here, here, evpn.of(node)) if change.now != change.wanted]


