"""/etc/vz/vzhooks.conf: what is said about the node; a missing file is an empty one."""
import os
import stat
from typing import Dict, List, NamedTuple, Tuple

from vzhooks import ini, names, values
from vzhooks.floating import Settings as Floating
from vzhooks.floating import read as read_floating
from vzhooks.mistakes import Mistake, shown
from vzhooks.node import bridge, network, overlay
from vzhooks.node.bridge import Bridge
from vzhooks.node.network import Network
from vzhooks.node.overlay import Overlay
from vzhooks.process import TIMEOUT
from vzhooks.routing.settings import Announce
from vzhooks.routing.settings import read as read_announce


class NodeConf(NamedTuple):
    """The file, checked; a setting with a mistake has its default, a bridge or network with one is left out."""

    timeout: float = TIMEOUT  # seconds for one command
    on_error: str = "fail"  # fail | warn
    ct_exec: str = "auto"  # auto | netns | vzctl
    bridge_tool: str = "auto"  # auto | ip | brctl
    else_script: str = ""  # EXTERNAL_SCRIPT of containers without our variables; "": as stock
    antispoof: str = "no"  # of containers with our variables that do not say: yes | no
    mistakes: Tuple[Mistake, ...] = ()  # in the file's form and in [node], which every container depends on
    bridges: Tuple[Bridge, ...] = ()  # those that only an overlay names, too
    overlays: Tuple[Overlay, ...] = ()
    networks: Tuple[Network, ...] = ()
    floating: Floating = Floating()
    announce: Announce = Announce()
    node_mistakes: Tuple[Mistake, ...] = ()  # in the other sections
    doubts: Tuple[Mistake, ...] = ()

    def makes(self, name: str) -> bool:
        """Whether NAME is a [bridge]: an interface that is there when `up` has made it."""
        return any(bridge.name == name for bridge in self.bridges)


def _seconds(text: str, where: str) -> float:
    return float(names.number(text, 1, 3600))


def _program(text: str, where: str) -> str:
    if not text.startswith("/") or not os.path.isfile(text) or not os.access(text, os.X_OK):
        raise ValueError("the path of a program that can be run is wanted")
    if os.stat(text).st_mode & stat.S_IWOTH:
        raise ValueError("a program that not everybody can write to is wanted, since root runs it")
    return text


SETTINGS: Dict[str, ini.Check] = {
    "timeout": _seconds,
    "on_error": lambda text, where: values.choice(text, "fail", "warn"),
    "bridge_tool": lambda text, where: values.choice(text, "auto", "ip", "brctl"),
    "else_script": _program,
    "antispoof": lambda text, where: values.choice(text, "yes", "no"),
    "ct_exec": lambda text, where: values.choice(text, "auto", "netns", "vzctl"),
}


def read(path: str, text: str) -> NodeConf:
    """Given the text of vzhooks.conf, return what it says, with all mistakes in it."""
    sections, mistakes = ini.sections(path, text)
    settings: Dict[str, object] = {}
    bridges: List[Bridge] = []
    overlays: List[Overlay] = []
    broken: List[str] = []  # bridges with a mistake, which no overlay makes up for
    networks: List[Network] = []
    others: List[Mistake] = []  # mistakes that are no container's
    for title, section in sections.items():
        kind, _, name = title.partition(" ")
        wrong: List[Mistake] = []
        if title == "node":
            found, wrong = ini.values(section, SETTINGS)
            settings.update(found)
            mistakes += wrong
            continue
        if title == "floating":
            settings["floating"], wrong = read_floating(section)
        elif title == "announce":
            settings["announce"], wrong = read_announce(section)
        elif kind == "bridge" and name:
            made, wrong = bridge.read(name, section)
            bridges += [made] if not wrong else []
            broken += [name] if wrong else []
        elif kind == "overlay" and name:
            stretched, wrong = overlay.read(name, section)
            overlays += [stretched] if not wrong else []
        elif kind == "network" and name:
            one, wrong = network.read(name, section)
            networks += [one] if not wrong else []
        else:
            mistakes.append(Mistake(section.where, "section [%s]" % shown(title), "[node], [bridge NAME], "
                                    "[overlay NAME], [network NAME], [floating], [announce] is wanted"))
        others += wrong
    more, doubts = network.across(networks)
    overlays, bridges, clashes = overlay.join([one for one in overlays if one.name not in broken], bridges)
    announce: Announce = settings.get("announce", Announce())  # type: ignore[assignment]
    others += bridge.across(bridges) + clashes + overlay.across(overlays, announce) + more
    uplinks: Floating = settings.get("floating", Floating())  # type: ignore[assignment]
    others += [Mistake(one.at("table"), "table %d of [network %s] is that of an uplink (%s)"
                       % (one.table, one.name, uplinks.at("tables")), "another number is wanted, or 'tables = ...'")
               for one in networks if 0 <= one.table - uplinks.tables < len(uplinks.uplinks)]
    return NodeConf(mistakes=tuple(mistakes), bridges=tuple(bridges), overlays=tuple(overlays),
                    networks=tuple(networks), node_mistakes=tuple(others), doubts=tuple(doubts),
                    **settings)  # type: ignore[arg-type]
