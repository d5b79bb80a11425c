"""Makes cached plans before they are needed, and says why one would be used or not."""
import os
from typing import List, Tuple

from vzhooks import cache, names, paths, planner
from vzhooks.call import Call


def containers() -> List[str]:
    """The VEIDs that have a conf file, integers first in their order; none where no container was ever made."""
    found = []
    try:
        listed = os.listdir(os.path.dirname(paths.container_conf("0")))
    except FileNotFoundError:
        return []
    for name in listed:
        if name.endswith(".conf") and names.is_veid(name[:-len(".conf")]):
            found.append(name[:-len(".conf")])
    return sorted(found, key=order)


def order(veid: str) -> Tuple[bool, int, str]:
    """What VEIDs are sorted by: integers first, in their order."""
    return not veid.isdigit(), len(veid), veid


def calls(veid: str) -> List[Call]:
    """The calls that vzctl will make for a container at its start, one a veth with a known device."""
    found = planner.read(veid)[1]
    made = []
    for interface in (veth.interface for veth in found.veths):
        if interface.modern and interface.host_ifname:
            kind = "bridge" if interface.type == "bridge" else ""
            made.append(Call("addif", interface.host_ifname, interface.network, {
                "NETWORK_TYPE": kind, "VPORT_TYPE": interface.vport, "IFACEID": interface.ifaceid,
                "MAC": interface.mac}))
        elif interface.host_ifname:
            made.append(Call("init", interface.host_ifname))
    return made


def warm(veid: str) -> List[str]:
    """Make and keep a container's plans; return what stood in the way.  Raise ConfigError, Expected."""
    verdict = planner.validate(veid)
    kept = [cache.save(veid, paths.container_conf(veid), verdict.ready, verdict.inputs, verdict.facts)]
    for call in calls(veid):
        for one in planner.plans(veid, call):
            if not one.live:
                kept.append(cache.save(veid, call.words, one.ready, one.inputs, one.facts))
    return ["CT %s: a plan %s" % (veid, reason) for reason in dict.fromkeys(kept) if reason]


def explain(veid: str, device: str) -> List[str]:
    """For people: whether the next start of each device uses its cached plan, why not, and what the plan rests on."""
    said = []
    for call in calls(veid):
        if device not in ("", call.device):
            continue
        cached = cache.load(veid, call.device, call.words)
        if isinstance(cached, str):
            said.append("# %s: the cached plan is not used: %s" % (call.device, cached))
            continue
        said.append("# %s: the cached plan is used, as long as these are as they are:" % call.device)
        said += ["#   %s" % row for row in cache.rests_on(veid, call.device)]
    return said
