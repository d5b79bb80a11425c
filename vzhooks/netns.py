"""Is this network namespace the container's?  Two netlink questions, some microseconds.  Hot path.

/var/run/netns/VEID may be left from the last run and name another process's namespace by now, and a host interface may
be left from another life (vzctl-protocol.md).  So before anything is done inside, the other end of the host interface
must be in the namespace of that name.  Facts: linux/if_link.h, linux/net_namespace.h, rtnetlink(7).
"""
import _socket  # the socket module imports enum and selectors, five times the cost of what is done here
import os
import struct

from vzhooks import names, paths

AF_NETLINK, NETLINK_ROUTE, SOCK_RAW, SOCK_CLOEXEC = 16, 0, 3, 0o2000000
RTM_GETLINK, RTM_GETNSID = 18, 90
NLMSG_ERROR, NLM_F_REQUEST = 2, 1
IFLA_LINK, IFLA_LINK_NETNSID = 5, 37
NETNSA_NSID, NETNSA_FD = 1, 3

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Optional


class Unknown(Exception):
    """This kernel cannot say (no namespace ids before 4.0 and its backports)."""


def has_name(veid: str) -> bool:
    """Whether the container's namespace has a name at all; on the 2.6.32 vz kernel it has none."""
    return os.path.exists(paths.netns(veid))


def is_there(veid: str) -> bool:
    """Whether the container's name is that of a namespace, and neither of the node's own nor an empty file (stale)."""
    try:
        found, own = os.stat(paths.netns(veid)), os.stat("/proc/self/ns/net")
    except OSError:
        return False
    return found.st_dev == own.st_dev and found.st_ino != own.st_ino


def names_are_given() -> bool:
    """Whether this node's containers have named namespaces; one without a name does not run then."""
    try:
        return any(names.is_veid(name) for name in os.listdir(os.path.dirname(paths.netns("1"))))
    except OSError:
        return False


def doubt(veid: str, device: str) -> "Optional[str]":
    """Why DEVICE's other end is not in the namespace called VEID; None when it is.  Raise Unknown."""
    try:
        fd = hold(veid)
    except OSError as error:
        return "%s: %s" % (paths.netns(veid), error.strerror)
    try:
        return doubt_of(fd, veid, device)
    finally:
        os.close(fd)


def hold(veid: str) -> int:
    """A descriptor of the namespace that has the container's name now, whoever has it later.  Raise OSError."""
    return os.open(paths.netns(veid), os.O_RDONLY)


def doubt_of(fd: int, veid: str, device: str) -> "Optional[str]":
    """The same of a namespace that is held.  Raise Unknown."""
    name = paths.netns(veid)
    try:
        index = _socket.if_nametoindex(device)
    except OSError:
        return "%s: no such interface on the node" % device
    if os.path.samestat(os.fstat(fd), os.stat("/proc/self/ns/net")):
        return "%s is the node's own network namespace (a stale name), not container %s's" % (name, veid)
    wanted = _peer_namespace(index)
    if wanted is None:
        return "%s: its other end is not in another network namespace; it is left over from an earlier run " \
               "or no veth: remove it with 'ip link del %s' and start the container again" % (device, device)
    if wanted != _namespace_id(fd):
        return "%s: its other end is not in %s; one of them is left over from an earlier run" % (device, name)
    return None


def peer_index(device: str) -> int:
    """The interface index of the other end, in its own namespace.  Raise OSError."""
    found = _ask(RTM_GETLINK, struct.pack("=BxHiII", 0, 0, _socket.if_nametoindex(device), 0, 0), 16)
    return _number(found.get(IFLA_LINK, b"\0\0\0\0"))


def _peer_namespace(index: int) -> "Optional[int]":
    found = _ask(RTM_GETLINK, struct.pack("=BxHiII", 0, 0, index, 0, 0), 16)
    if IFLA_LINK in found and IFLA_LINK_NETNSID not in found:
        return None
    if IFLA_LINK_NETNSID not in found:
        raise Unknown()
    return _number(found[IFLA_LINK_NETNSID])


def _namespace_id(fd: int) -> int:
    # rtgenmsg is one byte, padded to four; then one attribute: the descriptor of the namespace
    return _number(_ask(RTM_GETNSID, struct.pack("=BxxxHHI", 0, 8, NETNSA_FD, fd), 4)[NETNSA_NSID])


def _number(value: bytes) -> int:
    return int(struct.unpack("=i", value)[0])


def _ask(kind: int, request: bytes, fixed: int) -> "Dict[int, bytes]":
    """Send one rtnetlink request, return the answer's attributes behind FIXED bytes of header."""
    netlink = _socket.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)
    try:
        netlink.send(struct.pack("=IHHII", 16 + len(request), kind, NLM_F_REQUEST, 1, 0) + request)
        answer = netlink.recv(65536)
    finally:
        netlink.close()
    length, answered = struct.unpack_from("=IH", answer)
    if answered == NLMSG_ERROR:
        raise Unknown()
    return attributes(answer[16 + fixed:length])


def attributes(data: bytes) -> "Dict[int, bytes]":
    """The attributes of an rtnetlink message (struct rtattr, rtnetlink(7)), by their types."""
    found = {}
    position = 0
    while position + 4 <= len(data):
        size, kind = struct.unpack_from("=HH", data, position)
        if size < 4:
            break
        found[kind & 0x3fff] = data[position + 4:position + size]
        position += size + 3 & ~3
    return found
