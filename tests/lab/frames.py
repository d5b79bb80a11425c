"""Raw frames that a container should not be able to send, a sender for inside it, and a counter for who receives them."""
import socket
import struct
import subprocess
import sys
import time
from typing import Dict, List

from tests.lab.process import Host

BROADCAST, ALL_NODES = 'ffffffffffff', '333300000001'
COUNT = 20

SEND = r'''
import json, socket, sys, time
sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
sender.bind((sys.argv[1], 0))
frames = json.loads(sys.stdin.read())
for _ in range(int(sys.argv[2])):
    for frame in frames:
        sender.send(bytes.fromhex(frame))
    time.sleep(float(sys.argv[3]))
'''
# Who ends its input gets the counts. Told by the last bytes of a frame, behind its payload: the kernel takes tags away in between.
COUNTER = r'''
import json, select, socket, sys, time
catcher = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
catcher.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
catcher.bind((sys.argv[1], 3))
print("ready", flush=True)
counts, last, until = {}, False, 0.0
while True:
    ready = select.select([catcher] + ([] if last else [sys.stdin]), [], [], 0.3)[0]
    if sys.stdin in ready:
        last, until = True, time.monotonic() + 0.3
    if catcher in ready:
        data, where = catcher.recvfrom(4096)
        if data[-6:-2] == b"VZ!!" and where[2] != 4:
            number = int.from_bytes(data[-2:], "big")
            counts[number] = counts.get(number, 0) + 1
            until = time.monotonic() + 0.3
    if last and time.monotonic() > until:  # others' frames may come for ever
        break
print(json.dumps(counts))
'''


class Counter:
    """Counts marked frames that arrive at an interface of a host, from now on."""

    def __init__(self, host: Host, device: str) -> None:
        self._process = host.popen([sys.executable, '-IS', '-c', COUNTER, device], stdin=subprocess.PIPE, stderr=None)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == 'ready\n'

    def counts(self) -> Dict[int, int]:
        """How many of each number; ends it."""
        import json
        out, _ = self._process.communicate('x\n', timeout=30)
        return {int(number): count for number, count in json.loads(out).items()}


def send(host: Host, frames: List[bytes], count: int = COUNT, interval: float = 0.002, device: str = 'eth0') -> None:
    """Send each of FRAMES so many times, marked by their index."""
    import json
    text = json.dumps([marked(frame, index).hex() for index, frame in enumerate(frames)])
    host.run([sys.executable, '-IS', '-c', SEND, device, count, interval], input=text)


def marked(frame: bytes, number: int) -> bytes:
    return frame.ljust(60, b'\0') + b'VZ!!' + struct.pack('!H', number)


def mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(':', ''))


def ether(source: str, kind: int, payload: bytes, to: str = BROADCAST) -> bytes:
    return bytes.fromhex(to) + mac(source) + struct.pack('!H', kind) + payload


def arp(source: str, sender: str, target: str, operation: int = 2, inside: str = '') -> bytes:
    """SENDER's address is at SOURCE, or at INSIDE."""
    return ether(source, 0x0806, struct.pack('!HHBBH', 1, 0x0800, 6, 4, operation) + mac(inside or source)
                 + socket.inet_aton(sender) + bytes(6) + socket.inet_aton(target))


def checksum(data: bytes) -> int:
    data += b'\0' * (len(data) % 2)
    total = sum(struct.unpack('!%dH' % (len(data) // 2), data))
    total = (total & 0xffff) + (total >> 16)
    return 0xffff ^ ((total & 0xffff) + (total >> 16))


def ipv4(source: str, sender: str, protocol: int, payload: bytes, to: str = '255.255.255.255', fragment: int = 0) -> bytes:
    head = struct.pack('!BBHHHBBH', 0x45, 0, 20 + len(payload), 7, fragment, 64, protocol, 0) + socket.inet_aton(sender) \
        + socket.inet_aton(to)
    return ether(source, 0x0800, head[:10] + struct.pack('!H', checksum(head)) + head[12:] + payload)


def udp(sport: int, dport: int) -> bytes:
    return struct.pack('!HHHH', sport, dport, 16, 0) + b'dhcp....'


def ipv6(source: str, sender: str, nexthdr: int, payload: bytes, to: str = 'ff02::1') -> bytes:
    return ether(source, 0x86dd, struct.pack('!IHBB', 6 << 28, len(payload), nexthdr, 255)
                 + socket.inet_pton(socket.AF_INET6, sender) + socket.inet_pton(socket.AF_INET6, to) + payload, ALL_NODES)


def icmp6(sender: str, kind: int, body: bytes, to: str = 'ff02::1') -> bytes:
    """An ICMPv6 message with its checksum."""
    text = bytes([kind, 0, 0, 0]) + body
    pseudo = socket.inet_pton(socket.AF_INET6, sender) + socket.inet_pton(socket.AF_INET6, to) \
        + struct.pack('!II', len(text), 58)
    return text[:2] + struct.pack('!H', checksum(pseudo + text)) + text[4:]


def advert(source: str, sender: str, target: str) -> bytes:
    """TARGET is at SOURCE, whoever it was before (override)."""
    body = struct.pack('!I', 0x20000000) + socket.inet_pton(socket.AF_INET6, target) + b'\x02\x01' + mac(source)
    return ipv6(source, sender, 58, icmp6(sender, 136, body))


def router(sender: str) -> bytes:
    """A router advertisement: default router for 1800 s."""
    return icmp6(sender, 134, struct.pack('!BBHII', 64, 0, 1800, 0, 0))


def attacks(me: str, own: str, local: str, neighbour: str, neighbour_mac: str, neighbour6: str, gateway: str,
            gateway6: str) -> Dict[str, bytes]:
    """Every kind of frame that is not ME's (MAC) to send, with OWN address and link-LOCAL one, by its name."""
    hop = bytes([58, 0, 1, 4, 0, 0, 0, 0])
    options = bytes([58, 0, 1, 4, 0, 0, 0, 0])
    ra = router(local)
    ns = icmp6('::', 135, bytes(4) + socket.inet_pton(socket.AF_INET6, neighbour6))
    hello = udp(1000, 1000)
    return {
        'foreign MAC': ipv4(neighbour_mac, own, 17, hello),
        'foreign IPv4 source': ipv4(me, neighbour, 17, hello),
        'IPv4 of the gateway': ipv4(me, gateway, 17, hello),
        'ARP: neighbour': arp(me, neighbour, own),
        'ARP: gateway': arp(me, gateway, own),
        'gratuitous ARP: gateway': arp(me, gateway, gateway, 1),
        'ARP: foreign MAC inside': arp(me, own, own, 2, neighbour_mac),
        'ARP probe: neighbour': arp(me, '0.0.0.0', neighbour, 1),
        'NA: neighbour': advert(me, local, neighbour6),
        'NA: gateway': advert(me, local, gateway6),
        'DAD: neighbour': ipv6(me, '::', 58, ns),
        'foreign IPv6 source': ipv6(me, neighbour6, 17, hello),
        'DHCP server': ipv4(me, own, 17, udp(67, 68)),
        'DHCP server, another port': ipv4(me, own, 17, udp(1067, 68)),
        'DHCPv6 server': ipv6(me, local, 17, udp(547, 546)),
        'RA': ipv6(me, local, 58, ra),
        'RA behind hop-by-hop': ipv6(me, local, 0, hop + ra),
        'RA behind fragment': ipv6(me, local, 44, bytes([58, 0, 0, 0, 0, 0, 0, 9]) + ra),
        'RA in two, 1st': ipv6(me, local, 44, bytes([60, 0, 0, 1, 0, 0, 0, 9]) + options),
        'redirect': ipv6(me, local, 58, icmp6(local, 137, bytes(36))),
        'BPDU': ether(me, 0x26, bytes.fromhex('424203' + '00' * 35), '0180c2000000'),
        '802.1Q': ether(me, 0x8100, struct.pack('!HH', 5, 0x0800) + ipv4(me, own, 17, hello)[14:]),
        '802.1ad': ether(me, 0x88a8, struct.pack('!HH', 5, 0x0800) + ipv4(me, own, 17, hello)[14:]),
        'unknown EtherType': ether(me, 0x88b5, b'hello'),
    }


def settle(host: Host, target: str, seconds: float = 5) -> None:
    """Wait until TARGET answers, as far as SECONDS."""
    deadline = time.monotonic() + seconds
    while not host.ping(target) and time.monotonic() < deadline:
        pass
