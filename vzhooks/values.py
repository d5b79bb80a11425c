"""The values that reach a template: addresses, MACs, interface names.  All strict; ValueError says what is wanted."""
from typing import NamedTuple, Optional, Union

import netaddr
from netaddr import INET_PTON, AddrFormatError

from vzhooks import names

ADDRESS = "an IPv4 or IPv6 address with or without /PREFIX is wanted"
PLAIN = "an IPv4 or IPv6 address is wanted"


class Address(NamedTuple):
    """An address of a container: its text without and with prefix, its family (4 or 6), and where it was set."""

    ip: str
    prefix: int
    family: int
    where: str

    def __str__(self) -> str:
        return "%s/%d" % (self.ip, self.prefix)

    @property
    def width(self) -> int:
        return 32 if self.family == 4 else 128

    def reaches(self, other: "Address") -> bool:
        """Whether OTHER is in the network that this address is in."""
        return self.family == other.family and other.ip in netaddr.IPNetwork(str(self))


def address(text: str, where: str) -> Address:
    """Given ADDRESS[/PREFIX|/NETMASK], return the Address of one station.  Raise ValueError."""
    ip, slash, prefix = text.partition("/")
    found = _strict(ip, ADDRESS)
    width = 32 if found.version == 4 else 128
    length = _prefix(prefix, width) if slash else width
    if length is None:
        raise ValueError("a prefix of 1 to %d or a netmask is wanted behind the '/'" % width)
    made = Address(str(found), length, found.version, where)
    if found.is_multicast() or found.is_loopback() or int(found) == 0 or _special(made):
        raise ValueError("the address of one station is wanted, not a multicast, broadcast, loopback, network or "
                         "reserved address")
    return made


def _special(made: Address) -> bool:
    """Whether an IPv4 address is its network's own or broadcast address, or in 0/8 or 240/4 (RFC 6890)."""
    if made.family == 6:
        return False
    network = netaddr.IPNetwork(str(made))
    ends = (network.first, network.last) if made.prefix < 31 else ()
    return int(made.ip.split(".")[0]) in (0, *range(240, 256)) or int(netaddr.IPAddress(made.ip)) in ends


def interface_address(text: str, where: str) -> Address:
    """ADDRESS/PREFIX of one of the node's own interfaces, where the prefix must be said.  Raise ValueError."""
    if "/" not in text:
        raise ValueError("an IPv4 or IPv6 address with its /PREFIX is wanted")
    return address(text, where)


def network(text: str, where: str) -> Address:
    """A network NETWORK/PREFIX; the Address is its first one.  Raise ValueError."""
    ip, _, prefix = text.partition("/")
    wanted = "an IPv4 or IPv6 network NETWORK/PREFIX is wanted"
    found = _strict(ip, wanted)
    length = _prefix(prefix, 32 if found.version == 4 else 128)
    if length is None:
        raise ValueError(wanted)
    first = netaddr.IPNetwork("%s/%d" % (found, length)).network
    if first != found:
        raise ValueError("the network itself is wanted, %s/%d" % (first, length))
    if found.is_multicast() or found.is_loopback() or found.is_link_local() or int(found) == 0:
        raise ValueError("a network of stations is wanted, not a multicast, loopback or link-local one")
    return Address(str(found), length, found.version, where)


def network_of(one: Address) -> Address:
    """The network that an interface's address is in."""
    return one._replace(ip=str(netaddr.IPNetwork(str(one)).network))


class Mac(NamedTuple):
    """A station's MAC and where it was set."""

    mac: str
    where: str


def allowed(text: str, where: str) -> Union[Address, Mac]:
    """A word of VETH_ALLOW: an address, a network, or a MAC.  Raise ValueError."""
    if text.count(":") == 5 and "::" not in text and "/" not in text:
        return Mac(names.mac(text), where)
    ip, slash, prefix = text.partition("/")
    try:
        width = 32 if _strict(ip, "").version == 4 else 128
    except ValueError:
        raise ValueError("an IPv4 or IPv6 address, a network NETWORK/PREFIX or a MAC is wanted") from None
    return network(text, where) if slash and prefix != str(width) else address(text, where)


def overlap(one: Address, other: Address) -> bool:
    """Whether two networks have an address in common."""
    return one.family == other.family and (one.reaches(other) or other.reaches(one))


def link_local(one: Address) -> bool:
    """fe80::/10, which is valid on every interface (RFC 4291)."""
    return one.family == 6 and one.ip.startswith(("fe8", "fe9", "fea", "feb"))


def plain_address(text: str, where: str) -> Address:
    """The same without a prefix: a gateway, the node's own address."""
    if "/" in text:
        raise ValueError(PLAIN + ", without '/'")
    _strict(text, PLAIN)
    return address(text, where)


def _strict(text: str, wanted: str) -> netaddr.IPAddress:
    # Old netaddr takes '10' for 10.0.0.0, new one takes some; inet_pton takes neither, nor 010.0.0.1.
    if not set(text) <= frozenset("0123456789abcdefABCDEF.:"):
        raise ValueError(wanted)
    try:
        return netaddr.IPAddress(text, flags=INET_PTON)
    except (AddrFormatError, ValueError, TypeError):
        raise ValueError(wanted) from None


def _prefix(text: str, width: int) -> Optional[int]:
    if text and len(text) <= 3 and not set(text) - names.DIGITS:
        return int(text) if text == str(int(text)) and 1 <= int(text) <= width else None
    if width == 128:
        return None
    try:
        mask = _strict(text, "")
    except ValueError:
        return None
    return mask.netmask_bits() if mask.version == 4 and mask.is_netmask() and int(mask) else None


def choice(text: str, *choices: str) -> str:
    """One of CHOICES, in any case.  Raise ValueError."""
    if text.lower() not in choices:
        raise ValueError("%s is wanted" % " or ".join(choices))
    return text.lower()


def suffix(ifname: str) -> str:
    """The end of a variable's name that means this interface in the container: eth0.5 -> _eth0_5."""
    return "_" + "".join(char if char.isalnum() else "_" for char in ifname)
