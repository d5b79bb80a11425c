"""Live facts that a plan rests on: a bridge's kind, MTU, address.  Read in microseconds, without a process.  Hot path.

A plan records each fact that it asked for with its value; the cached plan is good as long as all are as they were.
"""
import _socket
import fcntl
import os
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Dict

SIOCGIFADDR, SIOCETHTOOL = 0x8915, 0x8946
SYS = "/sys/class/net/%s/"


class Facts:
    """Reads facts and remembers what it said."""

    def __init__(self) -> None:
        self.read: Dict[str, str] = {}

    def get(self, what: str, name: str) -> str:
        """The fact WHAT (a name of READERS) of NAME (an interface, or a sysctl); "" where there is none."""
        key = what + " " + name
        if key not in self.read:
            self.read[key] = READERS[what](name)
        return self.read[key]


def changed(read: "Dict[str, str]") -> str:
    """The first recorded fact that is not so any more, "" when all still are."""
    for key, value in read.items():
        what, _, name = key.partition(" ")
        now = READERS[what](name)
        if now != value:
            return "%s was '%s' and is '%s'" % (key, value, now)
    return ""


def file(path: str) -> str:
    """The text of a small file of /sys or /proc, "" where there is none."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return ""
    try:
        return os.read(fd, 4096).decode("ascii", "replace").strip()
    except OSError:
        return ""  # sysfs answers EINVAL for what an interface has not
    finally:
        os.close(fd)


def kind(name: str) -> str:
    """linux (a Linux bridge), other (an interface of another kind, perhaps an Open vSwitch bridge), or ""."""
    if os.path.isdir(SYS % name + "bridge"):
        return "linux"
    return "other" if os.path.isdir(SYS % name) else ""


def pinned(name: str) -> str:
    """yes when somebody set the bridge's MAC (NET_ADDR_SET, linux/netdevice.h), so that no port can change it."""
    return "yes" if file(SYS % name + "addr_assign_type") == "3" else "no"


def delays(name: str) -> str:
    """The seconds for which a new port of the bridge would not forward, "" when it forwards at once."""
    stp, delay = file(SYS % name + "bridge/stp_state"), file(SYS % name + "bridge/forward_delay")
    # Without STP only kernels before 3.x wait (br_make_forwarding); the file's unit is 1/100 s.
    if delay in ("", "0") or stp == "0" and not os.uname().release.startswith("2.6."):
        return ""
    return "%d" % ((2 if stp != "0" else 1) * int(delay) // 100)


def ipv4(name: str) -> str:
    """The primary IPv4 address of an interface; those with a label of their own (br0:vzh) are passed over."""
    sock = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM | 0o2000000)
    try:
        answer = fcntl.ioctl(sock.fileno(), SIOCGIFADDR, struct.pack("=16s24x", name.encode()))
    except OSError:
        return ""
    finally:
        sock.close()
    return _socket.inet_ntop(_socket.AF_INET, answer[20:24])


def ipv6(name: str) -> str:
    """The lowest permanent global IPv6 address of an interface (IPv6 knows no primary one); proc(5), if_inet6."""
    try:
        with open("/proc/net/if_inet6") as table:
            rows = [row.split() for row in table if row.rstrip().endswith(" " + name)]
    except OSError:
        return ""  # a node without IPv6
    # IFA_F_PERMANENT, and neither deprecated nor temporary nor tentative (linux/if_addr.h)
    found = [row[0] for row in rows if row[3] == "00" and int(row[4], 16) & 0xe1 == 0x80]
    return _socket.inet_ntop(_socket.AF_INET6, bytes.fromhex(min(found))) if found else ""


def is_up(name: str) -> bool:
    """Whether an interface is set up (IFF_UP, linux/if.h)."""
    flags = file(SYS % name + "flags")
    return bool(flags) and bool(int(flags, 16) & 1)


def alias(name: str) -> str:
    """The text that somebody gave an interface; ours begins with `vzhooks:`."""
    return file(SYS % name + "ifalias")


def ifindex(name: str) -> str:
    return file(SYS % name + "ifindex")


def master(name: str) -> str:
    """The Linux bridge (brport/bridge, every kernel) or other master that an interface is in."""
    for link in ("brport/bridge", "master"):
        if os.path.islink(SYS % name + link):
            return os.path.basename(os.readlink(SYS % name + link))
    return ""


def first_port(name: str) -> str:
    """The first port of a Linux bridge by name."""
    try:
        return min(os.listdir(SYS % name + "brif"), default="")
    except OSError:
        return ""


def offloads(name: str) -> str:
    """What `ethtool -k` says of rx, tx, sg, tso and gso, in the words of `ethtool -K`; linux/ethtool.h."""
    import array

    found = []
    sock = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM | 0o2000000)
    try:
        for feature, command in (("rx", 0x14), ("tx", 0x16), ("sg", 0x18), ("tso", 0x1e), ("gso", 0x23)):
            value = array.array("I", [command, 0])  # struct ethtool_value
            request = struct.pack("=16sQ16x", name.encode(), value.buffer_info()[0])
            fcntl.ioctl(sock.fileno(), SIOCETHTOOL, request)
            found += [feature, "on" if value[1] else "off"]
    except OSError:
        return ""  # no such interface, or one without such settings
    finally:
        sock.close()
    return " ".join(found)


def sysctl(key: str) -> str:
    return file(sysctl_path(key))


def rp_filter_of(device: str) -> str:
    """The sysctl's key; `/` stands for a dot within a name."""
    return "net.ipv4.conf.%s.rp_filter" % device.replace(".", "/")


def sysctl_path(key: str) -> str:
    """net.ipv4.conf.veth101/0.proxy_arp -> its file; as in sysctl(8), `/` stands for a dot within a name."""
    return "/proc/sys/" + key.translate({ord("."): "/", ord("/"): "."})


READERS: "Dict[str, Callable[[str], str]]" = {
    "kind": kind,
    "pinned": pinned,
    "delays": delays,
    "ipv4": ipv4,
    "ipv6": ipv6,
    "sysctl": sysctl,
    "mtu": lambda name: file(SYS % name + "mtu"),
    "mac": lambda name: file(SYS % name + "address"),
    "master": master,
    "openvswitch": lambda name: "runs" if os.path.exists("/var/run/openvswitch/db.sock") else "",
    "first_port": first_port,
    "offloads": offloads,
    "alias": alias,
    "vlan_filtering": lambda name: file(SYS % name + "bridge/vlan_filtering"),
    "default_pvid": lambda name: file(SYS % name + "bridge/default_pvid"),
    "up": lambda name: "yes" if is_up(name) else "no",
}
