"""Frames that tell neighbours where an address is now: gratuitous ARP (RFC 5227), unsolicited NA (RFC 4861).  Hot path.

Sent on the bridge device from the node's side: a frame sent by the container itself (arp_notify) is lost, because its
port does not forward yet (field-notes.md, GARP).  arping would cost a second.
"""
import _socket
import struct

from vzhooks import neighbours
from vzhooks.errors import Expected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Tuple

AF_UNIX, AF_PACKET, SOCK_DGRAM, SOCK_RAW, SOCK_CLOEXEC = 1, 17, 2, 3, 0o2000000
SOL_SOCKET, SCM_RIGHTS = 1, 1
ETH_P_ARP, ETH_P_IPV6 = 0x0806, 0x86dd


class Sender:
    """Sends frames, by one packet socket for all of them: `with Sender() as sender: sender.send(...)`."""

    def __enter__(self) -> "Sender":
        self.packet = _socket.socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)
        return self

    def send(self, address: str, mac: str, device: str) -> None:
        """Send one frame on DEVICE that says that ADDRESS (IPv4 or IPv6) is at MAC.  Raise OSError, ValueError."""
        self.packet.sendto(frame_for(address, mac), (device, 0))

    def __exit__(self, *exception: object) -> None:
        """Let the kernel close the socket in its own time.

        Whoever closes a packet socket last waits for an RCU grace period (packet_release, net/packet/af_packet.c), some
        10 ms, twice what the rest of a start costs.  So it goes into a UNIX socket pair that holds itself (unix(7),
        SCM_RIGHTS): nobody can reach that any more, and the kernel's own garbage collector closes all three.  A kernel
        that collects at once (before 6.9) makes us wait as a close would have.
        """
        ours, theirs = _socket.socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC)
        try:
            fds = struct.pack("=ii", self.packet.fileno(), theirs.fileno())
            ours.sendmsg([b"-"], [(SOL_SOCKET, SCM_RIGHTS, fds)])
        except OSError:
            pass  # too many in flight already: an ordinary close then
        finally:
            for sock in (self.packet, ours, theirs):
                sock.close()


def frame_for(address: str, mac: str) -> bytes:
    """The whole Ethernet frame.  Raise OSError or ValueError for what is no address or no MAC."""
    lladdr = bytes(int(part, 16) for part in mac.split(":"))
    if ":" in address:
        return _neighbour_advertisement(_socket.inet_pton(_socket.AF_INET6, address), lladdr)
    ip = _socket.inet_pton(_socket.AF_INET, address)
    broadcast = b"\xff" * 6
    header = broadcast + lladdr + struct.pack("!H", ETH_P_ARP)
    # Ethernet, IPv4, lengths 6 and 4, request: sender and target are the same address
    return header + struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + lladdr + ip + bytes(6) + ip + bytes(18)


def _neighbour_advertisement(ip: bytes, lladdr: bytes) -> bytes:
    nodes = _socket.inet_pton(_socket.AF_INET6, "ff02::1")
    override = 0x20000000
    body = struct.pack("!I", override) + ip + struct.pack("!BB", 2, 1) + lladdr  # target link-layer address option
    length = 4 + len(body)
    pseudo = ip + nodes + struct.pack("!II", length, 58)
    checksum = _checksum(pseudo + struct.pack("!BBH", 136, 0, 0) + body)
    payload = struct.pack("!BBH", 136, 0, checksum) + body
    header = struct.pack("!IHBB", 6 << 28, length, 58, 255) + ip + nodes  # ICMPv6, hop limit 255
    return b"\x33\x33\x00\x00\x00\x01" + lladdr + struct.pack("!H", ETH_P_IPV6) + header + payload


def _checksum(data: bytes) -> int:
    """RFC 1071, of an even number of bytes."""
    total: int = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def announce(lines: "List[List[str]]", timeout: float) -> "Optional[Tuple[int, str]]":
    """Carry out plan lines `announce ADDRESS lladdr MAC dev DEVICE`, with `port DEVICE` on Open vSwitch, as words.

    Return the index of the first that failed and why, None when all went well.
    """
    failed = None
    try:
        with Sender() as sender:
            for index, words in enumerate(lines):
                try:
                    _announce(words, sender, timeout)
                except (OSError, ValueError, Expected) as error:
                    failed = index, str(error)
                    break
    except OSError as error:
        return 0, str(error)
    _tell_the_node(lines[:failed[0]] if failed else lines)
    return failed


def _tell_the_node(announced: "List[List[str]]") -> None:
    """What went out on a bridge, for the node itself.  Open vSwitch has brought its own frames to the node, where the
    node is in the port's VLAN.
    """
    moved = [(words[1], words[3], words[5]) for words in announced if len(words) == 6]
    try:
        if moved:
            neighbours.correct(moved)
    except (OSError, ValueError):
        pass  # the others know, and the node's entry ends by itself


def _announce(words: "List[str]", sender: Sender, timeout: float) -> None:
    if len(words) == 6 and words[2::2] == ["lladdr", "dev"]:
        sender.send(words[1], words[3], words[5])
    elif len(words) == 8 and words[2::2] == ["lladdr", "dev", "port"]:
        from vzhooks import ovs

        ovs.announce(frame_for(words[1], words[3]), words[5], words[7], timeout)
    else:
        raise ValueError("'announce ADDRESS lladdr MAC dev DEVICE [port DEVICE]' is wanted")
