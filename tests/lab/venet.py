"""venet0 for the lab: a switch between a tun device of the node and one in each container.

    python3 -IS venet.py SOCKET          the switch itself, in the node's namespaces; `start` runs it

The kernel's venet is one device on the node for all containers, and one in each container, without link-layer
addresses. What the node sends to venet0 goes to the container that has the destination address; what a container sends
comes out of the node's venet0 when the source address is the container's own, and nowhere else, not even when its
neighbour has the destination.

The stand-in vzctl says over SOCKET (see standin/venet.py) which containers there are:
    add VEID NETNS ADDRESS...      make venet0 in the namespace with that path        del VEID      remove it
    show                         one line a container, `VEID ADDRESS...`, then `dropped PACKETS`
The answer begins with `ok`, or is what was wrong.
"""
import ctypes
import fcntl
import os
import select
import socket
import struct
import subprocess
import sys
from typing import TYPE_CHECKING, Dict, List, Optional

if TYPE_CHECKING:
    from tests.lab.node import Node

HERE = os.path.dirname(os.path.abspath(__file__))
TUNSETIFF = 0x400454ca  # linux/if_tun.h
TUN_NO_PI = 0x1001  # IFF_TUN | IFF_NO_PI
CLONE_NEWNET = 0x40000000  # linux/sched.h; os.setns is Python 3.12
AT_ONCE = 64  # packets of one device before the others have their turn


class Venet:
    """The switch of one node, as its vz service starts it. It ends with the node, and comes back after Node.crash."""

    def __init__(self, node: 'Node') -> None:
        self._node = node
        self._process: Optional[subprocess.Popen[str]] = None

    @property
    def pid(self) -> int:
        """The switch's process id."""
        assert self._process
        return self._process.pid

    def start(self) -> None:
        """Start the switch; venet0 is there and up on return."""
        path = self._node.path('vz/venet')
        with open(path + '.log', 'w') as log:
            argv = [sys.executable, '-ISB', os.path.join(HERE, 'venet.py'), path]
            process = self._node.popen(argv, stderr=log.fileno())
        self._process = process
        assert process.stdout is not None
        if process.stdout.readline() != 'ready\n':
            self.stop()
            raise RuntimeError('the venet switch did not start: ' + self._node.read('vz/venet.log'))

    def stop(self) -> None:
        """End the switch; venet0 and its routes go with it, in the containers too. May be called again."""
        process, self._process = self._process, None
        if process:
            process.kill()
            process.communicate()
            try:
                os.unlink(self._node.path('vz/venet'))
            except FileNotFoundError:
                pass

    def containers(self) -> Dict[str, List[str]]:
        """The addresses of each container that has a venet0."""
        return {words[0]: words[1:] for words in map(str.split, self._show()[:-1])}

    def dropped(self) -> int:
        """How many packets containers have sent so far from addresses that are not theirs, multicast apart."""
        return int(self._show()[-1].split()[1])

    def _show(self) -> List[str]:
        from tests.lab.standin.venet import ask
        return ask(self._node.root, 'show').splitlines()


def start(node: 'Node') -> Venet:
    """Give a node its venet0, for containers with IP_ADDRESS. Needs real root: a user namespace has no tun."""
    venet = Venet(node)
    venet.start()
    node.services.append(venet)
    return venet


class Port:
    """A container's venet0: its tun device, and the addresses that are its own."""

    def __init__(self, veid: str, netns: str, addresses: List[str]) -> None:
        self.veid, self.addresses = veid, addresses
        self.own = {packed(address) for address in addresses}
        self.fd = tun_in(netns)


class Switch:
    """Hands packets from fd to fd; one process and no threads, asleep while there is none."""

    def __init__(self, path: str) -> None:
        self._node = tun()
        # Its fe80:: would be a random one; the kernel's venet0 has none that counts.
        for words in (['addrgenmode', 'none'], ['up']):
            subprocess.run(['ip', 'link', 'set', 'dev', 'venet0'] + words, check=True)
        if os.path.exists(path):
            os.unlink(path)  # of a switch that was killed
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(path)
        self._listener.listen(64)
        self._poll = select.epoll()
        self._poll.register(self._node, select.EPOLLIN)
        self._poll.register(self._listener, select.EPOLLIN)
        self._ports: Dict[str, Port] = {}
        self._by_fd: Dict[int, Port] = {}
        self._by_address: Dict[bytes, Port] = {}
        self._dropped = 0

    def run(self) -> None:
        while True:
            for fd, _ in self._poll.poll():
                if fd == self._listener.fileno():
                    self._serve()
                elif fd == self._node:
                    self._from_node()
                elif fd in self._by_fd:
                    self._from_container(self._by_fd[fd])

    def _from_node(self) -> None:
        for _ in range(AT_ONCE):
            try:
                packet = os.read(self._node, 65536)
            except BlockingIOError:
                return
            port = self._by_address.get(packet[16:20] if packet[0] >> 4 == 4 else packet[24:40])
            if port:
                hand(port.fd, packet)

    def _from_container(self, port: Port) -> None:
        for _ in range(AT_ONCE):
            try:
                packet = os.read(port.fd, 65536)
            except BlockingIOError:
                return
            except OSError:  # the namespace has ended, and the device with it
                self._remove(port.veid)
                return
            four = packet[0] >> 4 == 4
            if (packet[12:16] if four else packet[8:24]) in port.own:
                hand(self._node, packet)
            elif not (224 <= packet[16] < 240 if four else packet[24] == 255):
                self._dropped += 1  # multicast is the kernel's own: MLD and the like

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            connection.settimeout(2)
            try:
                words = connection.recv(65536).decode().split()
                connection.sendall(self._answer(words).encode())
            except OSError as e:  # whoever asked has gone
                print('{}'.format(e), file=sys.stderr, flush=True)

    def _answer(self, words: List[str]) -> str:
        try:
            if words[:1] == ['add'] and len(words) > 3:
                return self._add(words[1], words[2], words[3:])
            if words[:1] == ['del'] and len(words) == 2:
                self._remove(words[1])
                return 'ok\n'
            if words == ['show']:
                lines = ['{} {}\n'.format(port.veid, ' '.join(port.addresses)) for port in self._ports.values()]
                return 'ok\n{}dropped {}\n'.format(''.join(lines), self._dropped)
        except (OSError, ValueError) as e:
            return '{}: {}\n'.format(' '.join(words), e)
        return 'unknown: {}\n'.format(' '.join(words))

    def _add(self, veid: str, netns: str, addresses: List[str]) -> str:
        self._remove(veid)
        for address in addresses:
            taken = self._by_address.get(packed(address))
            if taken:
                return '{} belongs to container {}\n'.format(address, taken.veid)
        port = Port(veid, netns, addresses)
        self._ports[veid] = self._by_fd[port.fd] = port
        self._by_address.update((address, port) for address in port.own)
        self._poll.register(port.fd, select.EPOLLIN)
        return 'ok\n'

    def _remove(self, veid: str) -> None:
        port = self._ports.pop(veid, None)
        if port:
            del self._by_fd[port.fd]
            for address in port.own:
                del self._by_address[address]
            self._poll.unregister(port.fd)
            os.close(port.fd)  # and the device is gone when this returns


def tun() -> int:
    """A new tun device `venet0` in this process's network namespace: it lives as long as the descriptor."""
    fd = os.open('/dev/net/tun', os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.ioctl(fd, TUNSETIFF, struct.pack('16sH22x', b'venet0', TUN_NO_PI))
    except OSError:
        os.close(fd)
        raise
    return fd


def tun_in(netns: str) -> int:
    """The same in another namespace, without being seen in this one."""
    own = os.open('/proc/self/ns/net', os.O_RDONLY)
    other = os.open(netns, os.O_RDONLY)
    try:
        enter(other)
        try:
            return tun()
        finally:
            enter(own)
    finally:
        os.close(other)
        os.close(own)


def enter(fd: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(fd, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), 'setns: ' + os.strerror(ctypes.get_errno()))


def packed(address: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ':' in address else socket.AF_INET, address)


def hand(fd: int, packet: bytes) -> None:
    try:
        os.write(fd, packet)
    except OSError:
        pass  # down, or full: the packet is lost, as on any wire


if __name__ == '__main__':
    switch = Switch(sys.argv[1])
    print('ready', flush=True)
    switch.run()
