"""Containers and node together, once for every way to show them."""
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from vzhooks import paths, values
from vzhooks.drift import check
from vzhooks.errors import ConfigError, Expected
from vzhooks.node import planner
from vzhooks.nodeconf import NodeConf
from vzhooks.report import containers, known, node
from vzhooks.report.containers import Container
from vzhooks.report.known import Drift
from vzhooks.report.node import Node


class Report(NamedTuple):
    """What there is to be seen."""

    node: Node
    containers: Tuple[Container, ...]
    drift: Optional[Drift]  # the node's own; None: never checked
    mistakes: Tuple[str, ...]  # in vzhooks.conf

    def as_dict(self) -> Dict[str, Any]:
        """As `vzhook status --json` prints it (docs/status.md)."""
        made: Dict[str, Any] = _plain(self)
        return made


def gather(ask: bool = False, bridge: str = "", network: str = "") -> Report:
    """Look at all; ASK: at the peers of overlays, too.

    BRIDGE (also `routed` and `venet0`) and NETWORK leave only the containers in them, and those two themselves.
    Raise Expected for a bridge or network that there is not.
    """
    try:
        found = planner.conf()
        mistakes = tuple(map(str, found.mistakes + found.node_mistakes))
    except ConfigError as error:
        found, mistakes = NodeConf(), tuple(error.mistakes)
    drifts = known.drifts()
    all_of_them = containers.gather(found, drifts)
    seen = node.gather(found, all_of_them, ask)
    report = Report(seen, tuple(all_of_them), drifts.get(check.NODE), mistakes)
    report = _of_network(report, found, network) if network else report
    return _of_bridge(report, bridge) if bridge else report


def _of_network(report: Report, found: NodeConf, name: str) -> Report:
    cidr = next((one.cidr for one in found.networks if one.name == name), None)
    if cidr is None:
        raise Expected("no [network %s] in %s" % (name, paths.node_conf()))
    chosen = tuple(one for one in report.containers if node.in_network(one, cidr))
    networks = tuple(one for one in report.node.networks if one.name == name)
    return report._replace(containers=chosen, node=_narrowed(report.node, chosen)._replace(networks=networks))


def _of_bridge(report: Report, name: str) -> Report:
    chosen = tuple(one for one in report.containers if any(port.bridge == name for port in one.ports))
    if not chosen and name not in [one.name for one in report.node.bridges]:
        raise Expected("no bridge %s on this node" % name)
    seen = _narrowed(report.node, chosen)
    return report._replace(containers=chosen, node=seen._replace(
        bridges=tuple(one for one in report.node.bridges if one.name == name),
        overlays=tuple(one for one in seen.overlays if one.name == name)))


def of_container(report: Report, veid: str) -> Report:
    """One container, and what of the node it has to do with."""
    chosen = tuple(one for one in report.containers if one.veid == veid)
    seen = _narrowed(report.node, chosen)
    seen = seen._replace(networks=tuple(
        network for network in seen.networks
        if any(node.in_network(one, [values.network(text, "") for text in network.cidr]) for one in chosen)))
    bridges = {port.bridge for one in chosen for port in one.ports}
    devices = bridges | {one.dev for one in seen.networks + seen.uplinks}
    return report._replace(containers=chosen, node=seen._replace(
        bridges=tuple(one for one in report.node.bridges if one.name in devices),
        overlays=tuple(one for one in seen.overlays if one.name in bridges)))


def _narrowed(seen: Node, chosen: Tuple[Container, ...]) -> Node:
    """The node with the floating addresses of these containers alone."""
    veids = {one.veid for one in chosen}
    return seen._replace(uplinks=tuple(
        one._replace(floating=tuple(public for public in one.floating if public.veid in veids))
        for one in seen.uplinks))


def _plain(value: Any) -> Any:
    """NamedTuples as objects, tuples as lists."""
    if hasattr(value, "_asdict"):
        return {key: _plain(one) for key, one in value._asdict().items()}
    if isinstance(value, tuple):
        rows: List[Any] = [_plain(one) for one in value]
        return rows
    return value
