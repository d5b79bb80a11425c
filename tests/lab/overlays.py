"""What both kinds of overlay are tested with: containers, broadcasts, a DHCP server, packets of strangers."""
import os
import struct
import sys
import time
from typing import Callable, List

from tests.lab import frames
from tests.lab.confs import netif
from tests.lab.node import Ct, Node
from tests.lab.process import Host
from tests.lab.snapshot import snapshot
from tests.lab.underlay import ADDRESSES, Underlay, conf

CONF = '/etc/vz/vzhooks.conf'


class Overlay:
    """The bridge br1 of three nodes, 192.168.223.3 to .5, with containers 101 to 103 on them, one each."""

    def __init__(self, underlay: Underlay, head: List[str], **settings: object) -> None:
        """HEAD: for each node, what stands in its vzhooks.conf before [overlay br1]."""
        self.underlay, self.hosts = underlay, underlay.hosts
        self._head, self._settings = head, settings
        self.cts = [host.ct(101 + number) for number, host in enumerate(self.hosts)]
        self.before = []
        for number, host in enumerate(self.hosts):
            self.write(number)
            host.conf(101 + number, ct_conf(101 + number))
            self.before.append(snapshot(host))
            host.vzhook('node', 'up', '--yes')
            host.vzctl('start', 101 + number)

    def write(self, number: int, peers: List[str] = ADDRESSES, **settings: object) -> None:
        """A node's vzhooks.conf."""
        settings = dict(self._settings, address='192.168.223.{}/24'.format(number + 3), **settings)
        self.hosts[number].write(CONF, (self._head[number] if self._head else '') + conf(peers, **settings))


def ct_conf(veid: int, more: str = '') -> str:
    return netif(veid) + 'VETH_IP_ADDRESS="192.168.223.{}/24"\nBRIDGEDEV="br1"\n'.format(veid) + more


def wait_for(condition: Callable[[], bool], seconds: float = 5) -> bool:
    """Whether it comes true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def broadcasts(sender: Ct, receivers: List[Ct]) -> List[int]:
    """How many of COUNT broadcast frames each receiver got, and how many came back to the sender."""
    counters = [frames.Counter(ct, 'eth0') for ct in receivers + [sender]]
    frames.send(sender, [frames.ether('00:18:51:00:{:02x}:00'.format(int(sender.veid)), 0x0806, b'broadcast')])
    return [counter.counts().get(0, 0) for counter in counters]


def vxlan(vni: int, frame: bytes) -> bytes:
    """RFC 7348, section 5."""
    return struct.pack('!II', 1 << 27, vni << 8) + frame


# SO_NO_CHECK, as VXLAN allows: a checksum left to the network card would be wrong for the userspace datapath.
FOREIGN = 'import socket, sys\nsock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\nsock.setsockopt(1, 11, 1)\nfor _ in range(20):\n' \
    '    sock.sendto(bytes.fromhex(sys.argv[1]), (sys.argv[2], 4789))\n'


def strangers(sender: Host, target: str, receiver: Ct, vni: int) -> int:
    """How many of 20 broadcasts, in VXLAN packets from SENDER, which is no peer, a container gets."""
    counter = frames.Counter(receiver, 'eth0')
    frame = frames.marked(frames.ether('02:00:00:00:99:99', 0x0806, b'stranger'), 0)
    sender.run([sys.executable, '-IS', '-c', FOREIGN, vxlan(vni, frame).hex(), target])
    return counter.counts().get(0, 0)


class Dhcp:
    """dnsmasq in a container, with a range of one address."""

    def __init__(self, ct: Ct, address: str) -> None:
        leases = ct.node.path('/vz/leases')
        self._process = ct.popen(['dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--port=0', '--interface=eth0',
                                  '--bind-interfaces', '--user=root', '--no-ping', '--leasefile-ro', '--pid-file=' + leases,
                                  '--dhcp-authoritative', '--dhcp-range={0},{0},255.255.255.0,10m'.format(address)])
        assert wait_for(lambda: os.path.exists(leases)), self._process.communicate(timeout=5)

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


def lease(ct: Ct) -> float:
    """Have a container ask for an address, and take it; the seconds that it took."""
    script = ct.node.write('/vz/udhcpc', '#!/bin/sh\n[ "$1" != bound ] || ip address add $ip/24 dev $interface\n', 0o755)
    began = time.monotonic()
    ct.run(['busybox', 'udhcpc', '-f', '-q', '-n', '-t', '5', '-T', '1', '-i', 'eth0', '-s', script])
    return time.monotonic() - began


def tcp(client: Host, server: Host, address: str, size: int = 1 << 20) -> int:
    """How many bytes of SIZE arrive by a TCP connection."""
    listen = ('import socket\nlistener = socket.socket()\nlistener.bind(("", 2300))\nlistener.listen(1)\nprint("ready", flush=True)\n'
              'listener.settimeout(10)\nconnection = listener.accept()[0]\nconnection.settimeout(10)\ncount = 0\nwhile True:\n'
              '    data = connection.recv(65536)\n    if not data: break\n    count += len(data)\nprint(count)\n')
    process = server.popen([sys.executable, '-IS', '-c', listen])
    assert process.stdout is not None and process.stdout.readline() == 'ready\n'
    client.run([sys.executable, '-IS', '-c', 'import socket, sys\nconnection = socket.create_connection((sys.argv[1], 2300), 5)\n'
                'connection.settimeout(10)\nconnection.sendall(bytes(int(sys.argv[2])))\n', address, size])
    out, _ = process.communicate(timeout=20)
    return int(out)


def done(node: Node, *words: object) -> List[str]:
    """The commands that `vzhook node up` runs."""
    said = node.vzhook('node', 'up', *words).stdout
    return [line.split(None, 2)[2] for line in said.splitlines() if line.startswith('[#]')]


