"""Floating addresses: uplinks that are up, packets that are let through, replies that find their way."""
from vzhooks import facts
from vzhooks.doctor.step import Step, Way, forwarding, sound
from vzhooks.node import bridgeview, uplinks
from vzhooks.nodeconf import NodeConf


def way(found: NodeConf) -> Way:
    """The steps of [floating]."""
    for dev in found.floating.uplinks:
        yield Step("uplink %s is there and up" % dev, "" if facts.is_up(dev) else "it is not", "ip link show " + dev,
                   "vzhook node up, where vzhooks.conf has it; or 'ip link set dev %s up'" % dev)
    state = bridgeview.live()
    there = uplinks.uplinks(found, state)
    yield from forwarding(sorted({family for one in there for _, family in one.families}))
    yield sound("no uplink drops what comes in by another way than the main table's",
                list(map(str, uplinks.rp_filters(found, state))), "sysctl -a -r rp_filter",
                "; ".join("sysctl -w %s=2" % facts.rp_filter_of(dev) for dev in found.floating.uplinks))
    for one in there:
        yield Step("uplink %s has a gateway for replies" % one.dev, "" if one.gateways else
                   "it has none: only its own networks are answered", "ip route show table %d" % one.table,
                   "'gateway = ...' in [bridge %s], or a default route by it" % one.dev)
