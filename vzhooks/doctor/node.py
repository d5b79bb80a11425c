"""The node itself: is it called at a container's start, and has it what it should have."""
import os
import time

from vzhooks import lint, paths, process, warming
from vzhooks.doctor.step import Step, Way, of_error, sound
from vzhooks.drift import check as drift
from vzhooks.errors import Expected
from vzhooks.install import changes
from vzhooks.node import backend
from vzhooks.nodeconf import NodeConf

AHEAD = 60.0  # seconds by which a file may be newer than the clock


def way(found: NodeConf) -> Way:
    """The steps that every container depends on."""
    for program, package, needed in (("ip", "iproute2", True), ("ovs-vsctl", "openvswitch-switch", _switched(found))):
        if needed:
            yield _installed(program, package)
    yield sound("vzhooks.conf is without mistakes", lint.node().mistakes, "vzhook lint", "an editor")
    yield _called()
    yield _filters(found)
    yield _clock()
    nodes = drift.check([], found, True)[-1]
    yield sound("the node has what vzhooks.conf says", nodes.mistakes + [str(one) for one in nodes.drift],
                "vzhook node check", "vzhook node up")


def _installed(program: str, package: str) -> Step:
    try:
        process.find(program)
        return Step("%s is installed" % program)
    except process.MissingCommand as error:
        return Step("%s is installed" % program, str(error), "command -v " + program,
                    "apt install %s, or dnf" % package)


def _switched(found: NodeConf) -> bool:
    return any(bridge.type == "ovs" for bridge in found.bridges)


def _called() -> Step:
    """Whether vzctl calls us; a hook that it cannot run stops every start."""
    what = "vzctl calls the hooks"
    try:
        wanted = changes.wanted()
    except Expected as error:
        return sound(what, of_error(error), "vzhook install --dry-run", "what it says, then 'vzhook install'")
    return sound(what, ["%s: %s is wanted" % (change.path, change.why) for change in wanted.changes] + wanted.undone,
                 "vzhook install --dry-run", "vzhook install")


def _filters(found: NodeConf) -> Step:
    what = "nft or iptables is there for what marks, translates and filters"
    if not (found.networks or found.floating.uplinks or found.antispoof == "yes"):
        return Step(what)
    try:
        backend.choose(found)
        return Step(what)
    except Expected as error:
        return Step(what, str(error), "command -v nft iptables", "apt install nftables, or dnf")


def _clock() -> Step:
    """Files from the future were written before somebody set the clock back."""
    files = [paths.node_conf(), paths.vz_conf()] + list(map(paths.container_conf, warming.containers()))
    newest = max(((os.stat(path).st_mtime, path) for path in files if os.path.exists(path)), default=(0.0, ""))
    late = newest[0] - time.time()
    return Step("the clock is not behind the files", "%s is %d s newer than now" % (newest[1], late)
                if late > AHEAD else "", "date; ls -l --time-style=full-iso %s" % newest[1], "timedatectl set-ntp true")
