"""Modern nodes: a veth's network, and what the stock vznetcfg makes of it (vzctl-protocol.md)."""
from typing import List, NamedTuple, Tuple

from vzhooks import names, paths, process
from vzhooks.cache import fingerprint
from vzhooks.call import Call
from vzhooks.errors import Expected
from vzhooks.facts import Facts
from vzhooks.netif import Interface


class Network(NamedTuple):
    """What a veth of a modern node is connected to; "" where there is nothing of the kind."""

    bridge: str
    vport: bool = False  # an Open vSwitch port, as VPORT_TYPE=ovs wants it
    external_ids: str = ""  # KEY=VALUE words for it
    inputs: Tuple[Tuple[str, str], ...] = ()  # the files that the answer comes from, and their fingerprints before


def network_of(veid: str, interface: Interface, call: Call) -> Network:
    """The network of an interface: as vzctl called us for it, else as NETIF says.  Raise Expected."""
    called = call.action == "addif" and interface.host_ifname == call.device
    name = call.network if called else interface.network
    kind = call.network_type if called else interface.type
    if not name or interface.type == "routed":
        return Network("")
    inputs: Tuple[Tuple[str, str], ...]
    if kind == "bridge":
        bridge, inputs = name, ()
    else:
        # what is defined, and what is live
        files = [paths.rooted(directory + "/%s.xml" % name)
                 for directory in ("/etc/libvirt/qemu/networks", "/var/run/libvirt/network")]
        inputs = tuple((path, fingerprint(path)) for path in files)
        bridge = _bridge_of(name)
    try:
        names.interface(bridge)
    except ValueError as error:
        raise Expected("CT %s: network %r: %s" % (veid, name, error)) from None
    if (call.vport if called else interface.vport) != "ovs":
        return Network(bridge, inputs=inputs)
    iface_id = call.ifaceid if called else interface.ifaceid
    wanted = [("iface-status", "active"), ("iface-id", iface_id), ("vm-id", veid),
              ("attached-mac", _sound_mac(call.mac if called else interface.mac))]
    ids = ["external-ids:%s=%s" % pair for pair in wanted if pair[1] and set(pair[1]) <= names.WORD]
    return Network(bridge, True, " ".join(ids), inputs)


def _bridge_of(network: str) -> str:
    """The bridge of a libvirt network, as `virsh net-info` tells it.  Raise Expected."""
    if network.startswith("-") or not network.isprintable():
        raise Expected("network %r; the name of a libvirt network is wanted" % network[:60])
    result = process.run(["virsh", "net-info", network])
    for row in result.output.splitlines():
        key, _, value = row.partition(":")
        if key == "Bridge":
            return value.strip()
    raise Expected("network '%s': virsh net-info names no bridge: %s"
                   % (network, " ".join((result.errors or result.output).split()) or result.ended))


def _sound_mac(text: str) -> str:
    try:
        return names.mac(text)
    except ValueError:
        return ""


def offload_words(bridge: str, device: str, facts: Facts) -> List[str]:
    """The offload settings of a bridge's first port, for `ethtool -K DEVICE`; [] where there is none to copy from."""
    first = facts.get("first_port", bridge)
    return facts.get("offloads", first).split() if first and first != device else []
