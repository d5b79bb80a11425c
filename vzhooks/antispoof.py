"""ANTISPOOF: what a veth may send, for the templates that drop everything else."""
import os
import zlib
from typing import List, NamedTuple, Sequence, Tuple

import netaddr

from vzhooks import kernel, process, values
from vzhooks.errors import Expected
from vzhooks.model import Veth
from vzhooks.values import Address, Mac

SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
COOKIE = 0x767a << 48  # how the cookies of our flows begin; the rest tells each flow by its text


class Guard(NamedTuple):
    """The `guard` of a template: one port, and what may come from it."""

    backend: str  # nft | ovs | ebtables | iptables
    device: str
    bridge: str
    where: str
    macs: Tuple[Mac, ...]
    named: Tuple[Address, ...]  # single addresses and networks as the conf names them; none: addresses are not filtered
    take_down: bool = False  # the port may be up while it joins a switch that does not filter it yet

    @property
    def loose(self) -> bool:
        """Whether addresses are not filtered, since the conf names none."""
        return not self.named

    @property
    def addresses(self) -> List[Address]:
        """Single addresses, with the link-local one that a MAC makes (RFC 4291, Appendix A)."""
        own = [Address(_link_local(mac.mac), 128, 6, mac.where) for mac in self.macs if self.named]
        found = {address.ip: address for address in own + [one for one in self.named if one.prefix == one.width]}
        return list(found.values())

    @property
    def networks(self) -> List[Address]:
        """Networks, those that are within another left out: a set of intervals takes none that overlap."""
        found = {str(one): one for one in self.named if one.prefix != one.width}
        return [one for one in found.values()
                if not any(other.reaches(one) and other.prefix < one.prefix for other in found.values())]

    @property
    def all(self) -> List[Address]:
        """Both, as ADDRESS or NETWORK/PREFIX by text()."""
        return self.addresses + self.networks

    def text(self, address: Address) -> str:
        """An address without its mask, a network with it."""
        return address.ip if address.prefix == address.width else str(address)

    def number(self, address: Address) -> str:
        """The same as nft takes a piece of a packet: a number, or FIRST-LAST."""
        network = netaddr.IPNetwork(str(address))
        return "0x%x" % network.first if network.first == network.last else "0x%x-0x%x" % (network.first, network.last)

    def cookie(self, flow: str) -> str:
        """The cookie of a flow: by it alone it is found again when its port has gone."""
        text = (self.device + " " + flow).encode()
        return "0x%x" % (COOKIE | (zlib.crc32(text) << 16) | (zlib.adler32(text) & 0xffff))

    @property
    def port_number(self) -> int:
        """A number that stands for the device, for a conjunction of flows."""
        return zlib.crc32(self.device.encode())

    @property
    def chain(self) -> str:
        """The name of a chain that is made whole and never changed: of another port or content, another name."""
        return "VZ-%08x%08x" % (self.port_number, zlib.crc32(repr(self._replace(where="", macs=tuple(
            mac._replace(where="") for mac in self.macs), named=tuple(
                one._replace(where="") for one in self.named))).encode()))


def guard(veth: Veth, mac: str, backend: str, bridge: str = "", take_down: bool = False) -> Guard:
    """Given a veth that is filtered, the MAC of its end in the container, and what filters it (nft, ovs or iptables),
    return its guard.  Raise Expected where it cannot be filtered.
    """
    interface = veth.interface
    device, where = interface.host_ifname, interface.where
    if not mac:
        raise Expected("%s: the MAC of %s is not known, and ANTISPOOF filters by it; 'mac=' in NETIF is wanted"
                       % (where, interface.ifname))
    if set(device) - SAFE:
        raise Expected("%s: host_ifname '%s' cannot be filtered (ANTISPOOF); a name of letters, digits, '.', '_' and "
                       "'-' is wanted" % (where, device))
    if backend == "iptables":
        backend = "ebtables" if bridge or not veth.all_addresses else "iptables"
    macs = {one.mac: one for one in [Mac(mac, where)] + [one for one in veth.allow or () if isinstance(one, Mac)]}
    named = [address._replace(prefix=address.width) for address in veth.all_addresses]
    named += [one for one in veth.allow or () if isinstance(one, Address)]
    once = {str(one): one for one in named}
    return Guard(backend, device, bridge, where, tuple(macs.values()), tuple(once.values()), take_down)


def leftovers(veid: str, device: str) -> List[str]:
    """The nft commands that remove what filters a device of a container and no journal has, unless it is another's."""
    table = "netdev vzhooks_antispoof"
    if os.path.isdir("/sys/class/net/" + device):
        return []  # it runs: to be filtered is what it wants
    commands: List[str] = []
    name = ""
    try:
        rows = kernel.listing(["nft", "list", "table"] + table.split())
    except process.MissingCommand:
        return []
    for row in rows:
        words = row.replace("elements = {", "").strip(" \t,}").split()
        if words[:1] in (["set"], ["chain"]):
            name = words[1]
        elif words[:1] == ['"%s"' % device]:
            commands.append("nft delete element %s %s { %s }" % (table, name, " ".join(words)))
        elif name == "port_" + device and "comment" in words:
            if words[-1] != '"vzhooks:%s"' % veid:
                return []
            commands.append("nft delete chain %s %s" % (table, name))
    return commands


def names_none(veths: Sequence[Veth]) -> List[Veth]:
    """The filtered veths whose addresses are not, since the conf names none."""
    return [veth for veth in veths if veth.allow is not None and not veth.all_addresses
            and not any(isinstance(one, Address) for one in veth.allow)]


def _link_local(mac: str) -> str:
    parts = [int(part, 16) for part in mac.split(":")]
    parts = [parts[0] ^ 2] + parts[1:3] + [0xff, 0xfe] + parts[3:]
    return values.plain_address("fe80::" + ":".join("%02x%02x" % (parts[at], parts[at + 1]) for at in (0, 2, 4, 6)),
                                "").ip
