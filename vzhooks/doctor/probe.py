"""What really gets through to a peer: packets of growing size that nobody may fragment, by ping of iputils."""
import errno
import re
import socket
from typing import Callable, Dict, List, NamedTuple

from vzhooks import ovs, process
from vzhooks.errors import Expected
from vzhooks.node.overlay import Overlay

HEADERS = {4: 28, 6: 48}  # bytes of IP and ICMP around what `ping -s` counts
SMALL = 56  # bytes, ping's default
ALL_NODES = "ff02::1"  # every station on a link, RFC 4291
TOO_BIG = re.compile(r"mtu ?[=:] ?(\d{2,5})")  # "Frag needed and DF set (mtu = 1400)", "message too long, mtu=1400"
ROUNDS = 3
WAIT = 0.3  # seconds for an ICMP error; the peers' kernels send it at once


class Station(NamedTuple):
    """Somebody on the overlay's bridge, and the peer behind whom he is ("" where that is not known)."""

    address: str
    peer: str
    mac: str = ""


def refuse_other_pings() -> None:
    """Raise Expected where ping is missing, or is busybox's, which cannot forbid fragments."""
    if "iputils" not in process.run(["ping", "-V"]).output:
        raise Expected("ping of iputils is wanted, which can forbid fragments ('-M do'); install %s"
                       % process.PACKAGES["ping"])


def mtu_to(address: str, source: str, most: int) -> int:
    """The largest packet of at most MOST bytes that ADDRESS answers and nobody fragments, 0 where it does not answer.

    SOURCE: an address of this node, or the interface.
    """
    family = 6 if ":" in address else 4

    def told(size: int) -> int:
        """SIZE when such a packet passes; else what somebody on the way says would pass, 0 where nobody does."""
        argv = ["ping", "-%d" % family, "-n", "-c", "1", "-W", "1", "-M", "do", "-I", source,
                "-s", str(size - HEADERS[family]), address]
        for _ in range(2):  # one lost packet says nothing
            result = process.run(argv)
            said = TOO_BIG.search(result.output + result.errors)
            if result.status == 0 or said:
                break
        return size if result.status == 0 else int(said.group(1)) if said else 0

    small = SMALL + HEADERS[family]
    if told(small) != small:
        return 0
    size = max(most, small)
    for _ in range(8):  # from one narrow place to the next
        hint = told(size)
        if hint == size:
            return size
        if not small <= hint < size:
            break
        size = hint
    return largest(lambda size: told(size) == size, small, size)


def largest(passes: Callable[[int], bool], low: int, high: int) -> int:
    """The largest number that passes, given that LOW does and HIGH does not."""
    while high - low > 1:
        middle = (low + high) // 2
        if passes(middle):
            low = middle
        else:
            high = middle
    return low


def udp(peer: str, local: str, port: int) -> str:
    """closed, refused or "" (nothing came back): what a datagram to a peer's VXLAN port meets with.

    Only an error tells something: an open port does not answer what is no frame.
    """
    with socket.socket(socket.AF_INET6 if ":" in peer else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(WAIT)
        try:
            sock.bind((local, 0))
            sock.connect((peer, port))
            sock.send(bytes(8))
            sock.recv(1)
        except socket.timeout:
            return ""
        except OSError as error:
            return "closed" if error.errno == errno.ECONNREFUSED else "refused"
    return ""


def stations(overlay: Overlay, peers: Dict[str, str], asked: List[str]) -> List[Station]:
    """Who answers on the bridge, or has an address that was ASKED for, and behind which peer.

    PEERS: {Open vSwitch's port: peer}.
    """
    found: List[Station] = []
    for _ in range(ROUNDS):  # who has just come up answers a little later
        for address in asked or [ALL_NODES]:
            process.run(["ping", "-6" if ":" in address else "-4", "-n", "-c", "2", "-i", "0.2", "-W", "1",
                         "-I", overlay.name, address], keep=process.LISTING)
        behind = _behind_ovs(overlay, peers) if overlay.type == "ovs" else _behind_linux(overlay)
        found = _neighbours(overlay, behind, asked)
        if asked or not set(peers.values()) - {station.peer for station in found}:
            break
    return found + [Station(address, "") for address in asked if address not in [one.address for one in found]]


def _neighbours(overlay: Overlay, behind: Dict[str, str], asked: List[str]) -> List[Station]:
    rows = process.run(["ip", "neigh", "show", "dev", overlay.name], keep=process.LISTING).output.splitlines()
    pairs = [(words[0], words[words.index("lladdr") + 1]) for words in map(str.split, rows) if "lladdr" in words]
    return [Station(address, behind.get(mac, ""), mac) for address, mac in pairs
            if address in asked or not asked and address.startswith("fe80:")]


def _behind_linux(overlay: Overlay) -> Dict[str, str]:
    """{MAC: peer}, as the vxlan device has learned it."""
    rows = process.run(["bridge", "fdb", "show", "dev", overlay.device], keep=process.LISTING).output.splitlines()
    return {row.split()[0]: row.split()[row.split().index("dst") + 1] for row in rows if " dst " in row}


def _behind_ovs(overlay: Overlay, peers: Dict[str, str]) -> Dict[str, str]:
    """{MAC: peer}, as the switch has learned it."""
    numbers = {ovs.number_of(port): peer for port, peer in peers.items()}
    rows = process.run(["ovs-appctl", "fdb/show", overlay.name], keep=process.LISTING).output.splitlines()
    return {row.split()[2]: numbers[row.split()[0]] for row in rows if row.split()[0] in numbers}
