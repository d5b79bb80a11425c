"""A pinger on raw sockets, IPv4 and IPv6: no package is needed, and it works as root of a user namespace too.

    python3 -IS ping.py [-c COUNT] [-i INTERVAL] [-W TIMEOUT] [-s SIZE] [-I SOURCE] [-M] TARGET

prints how many answers came back whole: each request carries a CRC over its own pattern, and an answer with another payload
is not counted. -M forbids fragments. Requests go out every INTERVAL s whatever comes back, so lost ones measure an outage;
the last is waited for TIMEOUT s. What a send or an answer complained about goes to stderr; the code is 0 all the same.
"""
import _socket as socket  # the other one makes enums, and `typing` classes: two thirds of what a ping costs
import os
import select
import struct
import sys
import time
import zlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Set, Tuple

ECHO: 'Dict[int, Tuple[int, int]]' = {socket.AF_INET: (8, 0), socket.AF_INET6: (128, 129)}  # request, reply: RFC 792, RFC 4443
PROTOCOL: 'Dict[int, int]' = {socket.AF_INET: socket.IPPROTO_ICMP, socket.AF_INET6: socket.IPPROTO_ICMPV6}
# linux/in.h, linux/in6.h: not in Python's socket module. 2 is PMTUDISC_DO.
MTU_DISCOVER: 'Dict[int, Tuple[int, int]]' = {socket.AF_INET: (socket.IPPROTO_IP, 10), socket.AF_INET6: (socket.IPPROTO_IPV6, 23)}


def checksum(data: bytes) -> int:
    """The Internet checksum, RFC 1071."""
    if len(data) % 2:
        data += b'\0'
    total: int = sum(struct.unpack('!%dH' % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def payload(number: int, size: int) -> bytes:
    """`size` bytes: a pattern that differs from request to request, then its CRC (when there is room for one)."""
    body = bytes((number + i) & 0xff for i in range(max(0, size - 4)))
    return (body + struct.pack('!I', zlib.crc32(body)))[:size]


def whole(data: bytes, size: int) -> bool:
    """Whether an answer's payload is one that `payload` made."""
    return len(data) == size and (size < 4 or struct.unpack('!I', data[-4:])[0] == zlib.crc32(data[:-4]))


def request(family: int, ident: int, number: int, size: int) -> bytes:
    """An echo request; IPv6's checksum is the kernel's work (RFC 3542)."""
    data = payload(number, size)
    head = struct.pack('!BBHHH', ECHO[family][0], 0, 0, ident, number & 0xffff)
    if family == socket.AF_INET:
        head = struct.pack('!BBHHH', ECHO[family][0], 0, checksum(head + data), ident, number & 0xffff)
    return head + data


def answered(family: int, packet: bytes, ident: int, size: int, complaints: 'Dict[str, None]') -> 'Optional[int]':
    """The number of the request that `packet` answers, or None."""
    if family == socket.AF_INET:
        packet = packet[(packet[0] & 15) * 4:]  # a raw IPv4 socket gives the IP header too
    if len(packet) < 8:
        return None
    kind, _, _, whose, number = struct.unpack('!BBHHH', packet[:8])
    if kind != ECHO[family][1] or whose != ident:
        return None
    if not whole(packet[8:], size):
        complaints['answer {} is damaged'.format(number)] = None
        return None
    return int(number)


def send(sock: socket.socket, packet: bytes, complaints: 'Dict[str, None]') -> None:
    """Send one request; a refusal is noted, and the next request may fare better."""
    try:
        sock.send(packet)
    except OSError as e:
        complaints[str(e.strerror)] = None


def receive(sock: socket.socket, ident: int, size: int, complaints: 'Dict[str, None]') -> 'Optional[int]':
    """The number of the request that the next packet answers, None when it is another packet or an ICMP error."""
    try:
        return answered(sock.family, sock.recv(65536), ident, size, complaints)
    except OSError as e:
        complaints[str(e.strerror)] = None
        return None


def ping(target: str, count: int = 1, interval: float = 0.02, timeout: float = 1.0, size: int = 56,
         source: 'Optional[str]' = None, dont_fragment: bool = False) -> int:
    """Send `count` (at most 65536) requests, return how many were answered. Times in seconds, `size` without headers."""
    family = socket.AF_INET6 if ':' in target else socket.AF_INET
    ident = os.getpid() & 0xffff
    answers: Set[int] = set()
    complaints: Dict[str, None] = {}
    sock = socket.socket(family, socket.SOCK_RAW, PROTOCOL[family])
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        if dont_fragment:
            level, option = MTU_DISCOVER[family]
            sock.setsockopt(level, option, 2)
        try:
            if source:
                sock.bind((source, 0))
            sock.connect((target, 0))
        except OSError as e:
            print('{}: {}'.format(target, e.strerror), file=sys.stderr)
            return 0
        begin = time.monotonic()
        for number in range(count):
            # until the next one is due; behind the last, as long as an answer may still come
            send(sock, request(family, ident, number, size), complaints)
            until = begin + (number + 1) * interval if number + 1 < count else time.monotonic() + timeout
            while number + 1 < count or len(answers) < count:
                left = until - time.monotonic()
                if left <= 0 or not select.select([sock], [], [], left)[0]:
                    break
                answer = receive(sock, ident, size, complaints)
                if answer is not None:
                    answers.add(answer)
    finally:
        sock.close()
    for complaint in complaints:
        print('{}: {}'.format(target, complaint), file=sys.stderr)
    return len(answers)


def main(argv: 'List[str]') -> int:
    """The command line above, without argparse: it costs as much as the interpreter's start."""
    kinds = {'-c': ('count', int), '-i': ('interval', float), '-W': ('timeout', float), '-s': ('size', int),
             '-I': ('source', str)}
    options: Dict[str, object] = {}
    words = list(argv)
    while len(words) > 1:
        option = words.pop(0)
        if option == '-M':
            options['dont_fragment'] = True
        elif option in kinds:
            name, kind = kinds[option]
            options[name] = kind(words.pop(0))
        else:
            break
    if len(words) != 1:
        sys.stderr.write(__doc__ or '')
        return 2
    print(ping(words[0], **options))  # type: ignore[arg-type]
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
