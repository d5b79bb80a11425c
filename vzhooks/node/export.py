"""`vzhook node export`: bridges and networks as files of the distribution, which then makes them at boot by itself.

What the files make is what `vzhook node up` makes, with its preferences, tables and protocol, and each finds what the
other has done: whichever comes first, and however often.
"""
import os
from typing import Dict, List, Tuple

from vzhooks import names, paths
from vzhooks.errors import ConfigError
from vzhooks.mistakes import Mistake
from vzhooks.node import ifcfg, interfaces, tablenames
from vzhooks.node.network import ROUTED, Network
from vzhooks.node.tree import File, Tree
from vzhooks.nodeconf import NodeConf

KINDS = ("ifcfg", "interfaces")
IN_A_SHELL = names.WORD - {":"}  # ifcfg files and `up` lines are a shell's


def tree(to: str) -> Tree:
    """The files that new ones start from: those below TO ("": of this node).

    A TO without etc/ is no system but a place to look at the result, which starts from this node's files.
    """
    return Tree(to) if to and os.path.isdir(to + "/etc") else Tree(paths.rooted(""))


def without_overlays(conf: NodeConf) -> Tuple[NodeConf, List[Mistake]]:
    """What can be exported, and what is to be said of the rest: distributions' files know little of VXLAN."""
    left = {overlay.name for overlay in conf.overlays for bridge in conf.bridges
            if bridge.name == overlay.name and bridge.where == overlay.where}
    kept = conf._replace(bridges=tuple(bridge for bridge in conf.bridges if bridge.name not in left), overlays=(),
                         networks=tuple(network for network in conf.networks if network.dev not in left))
    said = [Mistake(overlay.where, "[overlay %s] is not exported" % overlay.name,
                    "'systemctl enable vzhooks' is wanted, which makes it at boot") for overlay in conf.overlays]
    return kept, said + [Mistake(network.where, "[network %s] is not exported, being on the bridge of an overlay"
                                 % network.name, "the same is wanted")
                         for network in conf.networks if network.dev in left]


def files(kind: str, conf: NodeConf, macs: Dict[str, str], now: Tree, rule_protocol: bool) -> List[File]:
    """The files that KIND (of KINDS) wants for what vzhooks.conf says.

    MACS: of each bridge by its name; NOW: what is there; RULE_PROTOCOL: kernel and ip know `protocol` in rules.
    Raise ConfigError with all mistakes.
    """
    mistakes = list(conf.mistakes + conf.node_mistakes) + _names(conf)
    mistakes += [Mistake(bridge.at("ports"), "no MAC of %s's first port is known" % bridge.name,
                         "a port that is there, or 'mac = ...', is wanted")
                 for bridge in conf.bridges if not macs.get(bridge.name)]
    if mistakes:
        raise ConfigError([str(mistake) for mistake in mistakes])
    if not conf.bridges and not conf.networks:
        return []
    conf = conf._replace(networks=tuple(map(_with_marks, conf.networks)) if
                         any(ROUTED in network.ingress for network in conf.networks) else conf.networks)
    return {"ifcfg": ifcfg.files, "interfaces": interfaces.files}[kind](conf, macs, now, rule_protocol) \
        + tablenames.files(conf.networks, now)


def _with_marks(network: Network) -> Network:
    """As in the plan: what is marked as coming from a routed veth is marked for all networks."""
    return network._replace(ingress=tuple(one for one in network.ingress if one != ROUTED) + (ROUTED,))


def _names(conf: NodeConf) -> List[Mistake]:
    """Names that the kernel takes, but a shell would not leave alone."""
    found = [(name, bridge.where) for bridge in conf.bridges for name in (bridge.name,) + bridge.ports]
    found += [(name, network.where) for network in conf.networks for name in (network.dev,) + network.ingress]
    # The last ones are words of bridge_ports, bridge-utils-interfaces(5).
    return [Mistake(where, "interface %s" % name, "for an export a name of letters, digits, '.', '_' and '-' is wanted")
            for name, where in dict.fromkeys(found)
            if set(name) - IN_A_SHELL or name in ("all", "none", "regex", "noregex")]
