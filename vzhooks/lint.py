"""`vzhook lint`: what is wrong or doubtful in the conf files, all of it, without touching anything."""
import os
from typing import Iterator, List, NamedTuple, Optional, Sequence, Tuple

from vzhooks import antispoof, duplicates, paths, planner, process, typos, warming
from vzhooks.duplicates import Read
from vzhooks.errors import ConfigError, Expected
from vzhooks.mistakes import Mistake
from vzhooks.model import Container
from vzhooks.node import bridgeview, share
from vzhooks.node import planner as node_planner
from vzhooks.nodeconf import NodeConf


class Findings(NamedTuple):
    """What was found: mistakes (texts, since some files cannot even be read) and doubts."""

    mistakes: List[str]
    doubts: List[str]
    read: Optional[Read] = None  # the container, where its files could be read


class Row(NamedTuple):
    """One finding, for programs."""

    file: str
    line: int
    severity: str  # mistake | doubt
    container: str  # VEID, "" where it is the node's or of several containers
    message: str


def row(veid: str, severity: str, text: str) -> Row:
    """A finding of a container, taken apart."""
    where, _, message = text.partition(": ")
    file, _, line = where.rpartition(":")
    return Row(file, int(line), severity, veid, message) if line.isdigit() else Row(where, 1, severity, veid, message)


def everything(veids: Sequence[str]) -> Iterator[Tuple[str, Findings]]:
    """(VEID, its findings) of the containers named; without any, of the node ("") and of all containers, and then what
    these have twice ("").
    """
    if not veids:
        yield "", node()
    all_read = []
    for veid in veids or warming.containers():
        found = container(veid)
        all_read += [found.read] if found.read else []
        yield veid, found
    if not veids:
        yield "", Findings([], _texts(duplicates.among(all_read)))


def node() -> Findings:
    """What is wrong with vzhooks.conf, on this node; without ip (a repository's CI) as far as files tell."""
    confs = os.path.dirname(paths.container_conf("0"))
    nowhere = [] if os.path.isdir(confs) else [
        Mistake(confs + ":1", "no such directory", "the conf files of vzctl's containers are wanted there")]
    try:
        found = node_planner.conf()
        try:
            mistakes, doubts = node_planner.judge(found, bridgeview.live())
        except process.MissingCommand:
            mistakes = list(found.mistakes + found.node_mistakes)
            doubts = list(found.doubts) + [Mistake(paths.node_conf() + ":1", "not compared with this machine, which "
                                                   "has no ip", "iproute2 is wanted for that")]
    except ConfigError as error:
        return Findings(error.mistakes, _texts(nowhere))
    return Findings(_texts(mistakes), _texts(doubts + nowhere))


def container(veid: str) -> Findings:
    """What is wrong with a container's files; mistakes in vzhooks.conf are the node's."""
    mistakes: List[str] = []
    here = []
    try:
        files, found = planner.read(veid)
    except ConfigError as error:
        return Findings(error.mistakes, [])
    try:
        planner.validate(veid)
    except ConfigError as error:
        mistakes = error.mistakes
    except Expected as error:  # no mistake of the conf's, and no reason to keep back what others have
        mistakes = [str(mistake) for mistake in found.mistakes]
        here = ["%s:1: no plan can be made on this machine: %s" % (paths.node_conf(), error)]
    doubts = (list(found.doubts) + _venet(found, files.node) + _filtered(found) + _announced(found, files.node)
              + share.in_overlays(files.node, found)
              + typos.among(files.conf, files.path, found))
    nodes = {str(mistake) for mistake in files.node.mistakes}
    return Findings([mistake for mistake in mistakes if mistake not in nodes], _texts(doubts) + here,
                    Read(files.conf, found))


def _filtered(found: Container) -> List[Mistake]:
    """What ANTISPOOF cannot do for a container."""
    doubts = [Mistake(veth.interface.where, "ANTISPOOF: the conf names no address of %s, so that only its MAC is "
                      "filtered, and DHCP servers, router advertisements, BPDUs and VLAN tags" % veth.interface.ifname,
                      "VETH_IP_ADDRESS or VETH_ALLOW is wanted for its addresses to be filtered")
              for veth in antispoof.names_none(found.veths)]
    return doubts + [
        Mistake(veth.interface.where, "ANTISPOOF: %s has type=routed, for which vzctl calls no hook, so that its start "
                "does not filter it" % veth.interface.ifname, "vzctl's own ip_filter=yes is wanted in NETIF")
        for veth in found.veths if veth.allow is not None and veth.interface.type == "routed"]


def _announced(found: Container, node: NodeConf) -> List[Mistake]:
    """What ANNOUNCE asks for and [announce] leaves out."""
    asked = [(found.venet, found.announced)] + [(veth.all_addresses, veth.announced) for veth in found.veths]
    return [Mistake(announced.where, "ANNOUNCE=%s, but [announce] (%s) leaves %s out"
                    % (announced.kind, node.announce.where, address.ip), "nothing comes of it")
            for addresses, announced in asked for address in addresses
            if node.announce.where and announced.where and announced.kind != "no"
            and not node.announce.announces(address)]


def _venet(found: Container, node: NodeConf) -> List[Mistake]:
    """The first address is the container's default source; the masks tell it which one to use for which network."""
    doubts = []
    seen = set()
    for address in found.venet if node.networks or node.floating.uplinks else ():
        networks = [network for network in node.networks if network.holds(address)]
        seen |= {network.name for network in networks}
        if not networks:
            doubts.append(Mistake(address.where, "IP_ADDRESS: %s is in no [network] of vzhooks.conf" % address.ip,
                                  "an address within one of them is wanted, or a [network] for it; it leaves by the "
                                  "node's own default route"))
    for address in found.venet if len(seen) > 1 else ():
        if address.prefix == address.width:
            doubts.append(Mistake(address.where, "IP_ADDRESS: %s has no mask, and the container is in several networks"
                                  % address.ip, "%s/PREFIX is wanted: the mask tells the container which of its "
                                  "addresses to use; the first one is the default" % address.ip))
    return doubts


def _texts(mistakes: Sequence[Mistake]) -> List[str]:
    return [str(mistake) for mistake in node_planner.in_order(mistakes)]
