"""A bridge: up, forwarding at once, with a MAC that stays, an MTU that fits, and not filtered by others."""
import os
from typing import Sequence

from vzhooks import facts, ovs
from vzhooks.doctor.step import Step, Way, not_dropped
from vzhooks.node.status import ports_of
from vzhooks.view import AT_ONCE

STATES = {"0": "disabled", "1": "listening", "2": "learning", "4": "blocking"}  # linux/if_bridge.h; 3: forwarding
SYS = "/sys/class/net/"


def way(bridges: Sequence[str]) -> Way:
    """The steps of each bridge."""
    for name in bridges:
        yield from _bridge(name)


def _bridge(name: str) -> Way:
    kind = facts.kind(name)
    yield Step("%s is there" % name, "" if kind else "there is no such interface", "ip link show " + name,
               "vzhook node up, where vzhooks.conf has it")
    by_ovs = kind == "other" and ovs.is_bridge(name)
    yield Step("%s is a bridge" % name, "" if kind == "linux" or by_ovs else "it is an interface of another kind",
               "ip -d link show " + name, "another BRIDGEDEV, or another name for this interface")
    yield Step("%s is up" % name, "" if facts.is_up(name) else "it is down", "ip link show " + name,
               "ip link set dev %s up" % name)
    if not by_ovs:
        yield from _of_linux(name)
    mtu = facts.READERS["mtu"](name)
    for port in ports_of(name):
        yield from _port(name, port, int(mtu), by_ovs)
    yield not_dropped(name)


def _of_linux(name: str) -> Way:
    delay = facts.delays(name)
    yield Step("%s forwards for a new port at once" % name, "it waits %s s" % delay if delay else "",
               "cat /sys/class/net/%s/bridge/stp_state /sys/class/net/%s/bridge/forward_delay" % (name, name),
               AT_ONCE.format(name))
    yield Step("%s has a MAC of its own" % name, "" if facts.pinned(name) == "yes" else
               "it takes the lowest one of its ports, which come and go, so that the node can drop off the network",
               "cat /sys/class/net/%s/addr_assign_type  # 3 is wanted" % name,
               "ip link set dev %s address %s" % (name, facts.READERS["mac"](name)))


def _port(bridge: str, port: str, mtu: int, by_ovs: bool) -> Way:
    if by_ovs:
        error = ovs.error_of(port)
        yield Step("port %s of %s is sound" % (port, bridge), error, "ovs-vsctl get Interface %s error" % port,
                   "ovs-vsctl del-port %s %s, then the container's restart, or 'vzhook node up'" % (bridge, port))
    else:
        state = facts.file("%s%s/brport/state" % (SYS, port))
        yield Step("port %s of %s forwards" % (port, bridge), "it is %s" % STATES[state] if state in STATES else "",
                   "cat /sys/class/net/%s/brport/state  # 3 is wanted" % port,
                   "ip link set dev %s up; ip link set dev %s type bridge stp_state 0" % (port, bridge))
    size = facts.READERS["mtu"](port) if os.path.isdir(SYS + port) else ""
    yield Step("port %s carries what %s does" % (port, bridge), "its MTU is %s, the bridge's %d: larger packets are "
               "lost" % (size, mtu) if size and int(size) < mtu else "", "ip link show " + port,
               "ip link set dev %s mtu %d" % (port, mtu))
