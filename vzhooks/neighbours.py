"""The node's own table of neighbours (ARP, NDP), which an announcement on the bridge does not reach.  Hot path.

The node would go on sending to the MAC of an address's last holder until that entry ends: base_reachable_time * 1.5,
delay_first_probe_time and three probes (arp(7)), up to 53 s.
"""
import _socket
import struct

from vzhooks import netns
from vzhooks.netns import AF_NETLINK, NETLINK_ROUTE, NLM_F_REQUEST, NLMSG_ERROR, SOCK_CLOEXEC, SOCK_RAW

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterator, Sequence, Tuple

AF_INET, AF_INET6 = 2, 10
RTM_NEWNEIGH, RTM_GETNEIGH = 28, 30
NLM_F_DUMP, NLM_F_REPLACE = 0x300, 0x100
NLMSG_DONE = 3
NDA_DST, NDA_LLADDR = 1, 2
NUD_STALE = 0x04
FIXED = 0x40 | 0x80  # NUD_NOARP, NUD_PERMANENT
HEADER, ENTRY, ATTRIBUTE = struct.Struct("=IHHII"), struct.Struct("=BxxxiHBB"), struct.Struct("=HH")


def correct(moved: "Sequence[Tuple[str, str, str]]") -> None:
    """Each of (ADDRESS, MAC, DEVICE): where the node knows ADDRESS on DEVICE by another MAC, it is told this one.

    What it does not know it will ask for; what an administrator has fixed stays.  Raise OSError, ValueError.
    """
    wanted: Dict[Tuple[int, bytes], bytes] = {}
    for address, mac, device in moved:
        family = AF_INET6 if ":" in address else AF_INET
        lladdr = bytes(int(part, 16) for part in mac.split(":"))
        wanted[_socket.if_nametoindex(device), _socket.inet_pton(family, address)] = lladdr
    netlink = _socket.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)
    try:
        for entry in list(_entries(netlink)):
            if not any(ip in entry for _, ip in wanted):
                continue  # the table has an entry a container
            _, index, state, _, _ = ENTRY.unpack_from(entry)
            found = netns.attributes(entry[ENTRY.size:])
            key = index, found.get(NDA_DST, b"")
            if key in wanted and found.get(NDA_LLADDR) not in (None, wanted[key]) and not state & FIXED:
                _replace(netlink, key, wanted[key])
    finally:
        netlink.close()


def _entries(netlink: _socket.socket) -> "Iterator[bytes]":
    """The entries of both families, without the messages' headers."""
    request = ENTRY.pack(0, 0, 0, 0, 0)
    netlink.send(HEADER.pack(16 + len(request), RTM_GETNEIGH, NLM_F_REQUEST | NLM_F_DUMP, 1, 0) + request)
    while True:
        answer = netlink.recv(65536)
        start = 0
        while start + HEADER.size <= len(answer):
            length, kind = HEADER.unpack_from(answer, start)[:2]
            if kind in (NLMSG_DONE, NLMSG_ERROR):
                return
            yield answer[start + HEADER.size:start + length]
            start += max(HEADER.size, length + 3 & ~3)


def _replace(netlink: _socket.socket, key: "Tuple[int, bytes]", lladdr: bytes) -> None:
    """Without NLM_F_CREATE: an entry that has gone meanwhile stays gone."""
    index, ip = key
    body = ENTRY.pack(AF_INET if len(ip) == 4 else AF_INET6, index, NUD_STALE, 0, 0)
    for kind, value in ((NDA_DST, ip), (NDA_LLADDR, lladdr)):
        body += ATTRIBUTE.pack(4 + len(value), kind) + value + bytes(-len(value) % 4)
    netlink.send(HEADER.pack(16 + len(body), RTM_NEWNEIGH, NLM_F_REQUEST | NLM_F_REPLACE, 1, 0) + body)
