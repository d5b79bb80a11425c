"""What vzctl does on the node for addresses routed to a container: venet's (IP_ADDRESS), and modern routed veths'.

After vps-net_add, vps-net_del and vps-functions of vzctl 4.x, and vz-functions of libvzctl: each address gets an entry
for proxy ARP (or ND), an ARP announcement, and a host route. They go at the stop, before the umount hooks; a container
that ends from inside leaves them behind until vzeventd has run the umount hooks, and without vzeventd for the next
start, which takes them.
"""
import os
import re
import socket
import struct
import subprocess
from typing import List, Tuple

from tests.lab.standin.ctnet import CtNet, answer_at_once, ip


def ask(root: str, *words: str) -> str:
    """Say something to the node's switch (tests/lab/venet.py), and return its answer behind `ok`."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(20)
        sock.connect(os.path.join(root, 'vz/venet'))
        sock.sendall(' '.join(words).encode())
        answer = b''
        part = sock.recv(65536)
        while part:
            answer += part
            part = sock.recv(65536)
    text = answer.decode()
    if not text.startswith('ok\n'):
        raise subprocess.CalledProcessError(1, ['venet: ' + text.strip()])
    return text[3:]


class HostSide:
    """The node's routes and proxies for one container. ROOT/vz/veip/VEID keeps them: a conf may change meanwhile."""

    def __init__(self, root: str, veid: str, modern: bool) -> None:
        self._veip, self._modern = os.path.join(root, 'vz/veip', veid), modern

    def add(self, addresses: List[str], device: str) -> None:
        """A container's addresses are behind `device`. CalledProcessError when a route is somebody else's."""
        if not addresses:
            return
        # First, unlike the real one: a start that fails halfway leaves nothing behind here.
        self._write([row for row in self._rows() if row[1] != device] + [(address, device) for address in addresses])
        devices = _netdevices()
        for address in addresses:
            for neighbour in devices if self._modern else _detected(address, devices):
                answer_at_once(neighbour)
                ip('neigh', 'add', 'proxy', address, 'dev', neighbour, check=False)
                if ':' not in address:
                    _announce(address, neighbour)
            if device not in _devices_of(address):
                ip('route', 'add', address, 'dev', device, *self._metric(address, device))

    def _metric(self, address: str, device: str) -> Tuple[str, ...]:
        if not self._modern or device != 'venet0' and ':' not in address:
            return ()
        return ('metric', '1000' if device == 'venet0' else '1')

    def remove(self, device: str = '') -> None:
        """Take it all back, or what belongs to one device."""
        rows = self._rows()
        gone = [row for row in rows if device in ('', row[1])]
        if not gone:
            return
        listing = ip('-4', 'neigh', 'show', 'proxy') + ip('-6', 'neigh', 'show', 'proxy')
        proxies = re.findall(r'^(\S+) dev (\S+)', listing, re.MULTILINE)
        for address, behind in gone:
            if behind in _devices_of(address):
                ip('route', 'del', address, 'dev', behind, check=False)
            for _, neighbour in (row for row in proxies if row[0] == address):
                ip('neigh', 'del', 'proxy', address, 'dev', neighbour, check=False)
        self._write([row for row in rows if row not in gone])

    def _rows(self) -> List[Tuple[str, str]]:
        try:
            with open(self._veip) as f:
                return [(words[0], words[1]) for words in map(str.split, f)]
        except FileNotFoundError:
            return []

    def _write(self, rows: List[Tuple[str, str]]) -> None:
        if not rows:
            os.unlink(self._veip)
            return
        os.makedirs(os.path.dirname(self._veip), exist_ok=True)
        with open(self._veip, 'w') as f:
            f.write(''.join('{} {}\n'.format(*row) for row in rows))


class Venet:
    """venet0 of one container, from IP_ADDRESS. A node without the switch is one without venet: nothing is made."""

    def __init__(self, root: str, veid: str, net: CtNet, host: HostSide) -> None:
        self._root, self._veid, self._net, self._host = root, veid, net, host

    @property
    def _present(self) -> bool:
        return os.path.exists(os.path.join(self._root, 'vz/venet'))

    def add(self, words: List[str], dump: str = '') -> None:
        """Plug the container in and set it up, inside and on the node. `words`: IP_ADDRESS; masks are only for inside.

        `dump`: the container's own state, which takes the place of the distribution scripts' work.
        """
        if not words or not self._present:
            return
        from ipaddress import ip_interface  # masks may be dotted; costs more than all other imports
        interfaces = [ip_interface(word) for word in words]
        addresses = [str(interface.ip) for interface in interfaces]
        ask(self._root, 'add', self._veid, self._net.path, *addresses)
        # debian-add_ip.sh, redhat-add_ip.sh. A mask makes a connected route, by which the kernel chooses the source.
        lines = ['link set dev venet0 addrgenmode none', 'link set dev venet0 up', 'addr add 127.0.0.2/32 dev venet0']
        lines += ['addr add {} dev venet0{}'.format(interface, ' nodad' if interface.version == 6 else '')
                  for interface in interfaces]
        lines += ['route add {} dev venet0'.format('::/0' if version == 6 else 'default')
                  for version in sorted({interface.version for interface in interfaces})]
        self._net.batch(lines[:1] if dump else lines)
        if dump:
            self._net.restore(dump, 'venet0')
        self._host.add(addresses, 'venet0')

    def unplug(self) -> None:
        """The container has ended: its device is gone, what the node has is still there."""
        if self._present:
            ask(self._root, 'del', self._veid)


def _devices_of(address: str) -> List[str]:
    """Where host routes of any table lead for an address."""
    family = '-6' if ':' in address else '-4'
    listing = ip(family, 'route', 'show', 'table', 'all', address, check=False)
    return re.findall(r'^{}(?:/\d+)? dev (\S+)'.format(re.escape(address)), listing, re.MULTILINE)


def _netdevices() -> List[str]:
    """vzgetnetdev: what is up, has an address, and is neither loopback nor NOARP nor a bond's slave."""
    device, found = '', []
    for line in ip('addr', 'show', 'up').splitlines():
        head = re.match(r'\d+: ([^:@]+)\S* <(\S*)>', line)
        if head:
            device = '' if {'LOOPBACK', 'NOARP', 'SLAVE'} & set(head.group(2).split(',')) else head.group(1)
        elif device and re.match(r'\s+inet6? ', line):
            found.append(device)
            device = ''
    return found


def _detected(address: str, devices: List[str]) -> List[str]:
    """vz_get_neighbour_devs with NEIGHBOUR_DEVS=detect: the device of the network that the address is in."""
    found = re.match(r'(\S+) (?:.*via (\S+) )?.*dev (\S+) .*src ', ip('route', 'get', address, check=False))
    if not found or found.group(2) not in (None, found.group(1)):
        return []
    return [device for device in devices if device == found.group(3)]


def _announce(address: str, device: str) -> None:
    """`arpsend -U -i ADDRESS -e ADDRESS DEVICE`."""
    raw = socket.inet_aton(address)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
        sock.bind((device, 0))
        mac = sock.getsockname()[4]
        sock.send(b'\xff' * 6 + mac + struct.pack('!HHHBBH', 0x806, 1, 0x800, 6, 4, 1) + mac + raw + b'\xff' * 6 + raw)
