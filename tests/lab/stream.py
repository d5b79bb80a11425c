"""A TCP connection through which bytes flow both ways all the time: does it survive what happens meanwhile?"""
import subprocess
import sys
import time
from typing import List

from tests.lab.process import Host

SERVER = r'''
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
listener = socket.socket(family)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind((sys.argv[1], int(sys.argv[2])))
listener.listen(1)
print("ready", flush=True)
connection = listener.accept()[0]
connection.settimeout(20)
while True:
    data = connection.recv(65536)
    if not data:
        break
    connection.sendall(data)
'''
# One number after another, each sent when the last one has come back; at the end: how many, and the longest wait in ms.
CLIENT = r'''
import select, socket, sys, time
connection = socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)
connection.settimeout(20)
print("ready", flush=True)
count, longest = 0, 0.0
while not select.select([sys.stdin], [], [], 0)[0]:
    began = time.monotonic()
    message = b"%015d\n" % count
    connection.sendall(message)
    answer = b""
    while len(answer) < 16:
        data = connection.recv(16 - len(answer))
        assert data, "the connection was closed"
        answer += data
    assert answer == message
    longest = max(longest, time.monotonic() - began)
    count += 1
    time.sleep(0.0005)
print(count, int(longest * 1000))
'''


class Client:
    """An established connection from HOST to an address where something echoes."""

    def __init__(self, host: Host, address: str, port: int = 2222) -> None:
        self._client = host.popen([sys.executable, '-IS', '-c', CLIENT, address, port], stdin=subprocess.PIPE, stderr=None)
        _ready(self._client)

    def end(self) -> List[int]:
        """Close it: [numbers that went there and back, milliseconds of the longest wait]. An AssertionError when it broke."""
        time.sleep(0.1)
        out, _ = self._client.communicate('\n', timeout=30)
        assert self._client.returncode == 0, 'the connection did not survive'
        return [int(word) for word in out.split()]


class Stream(Client):
    """The same with its server, on another Host."""

    def __init__(self, client: Host, server: Host, address: str, port: int = 2222) -> None:
        self._server = server.popen([sys.executable, '-IS', '-c', SERVER, address, port], stderr=None)
        _ready(self._server)
        super().__init__(client, address, port)

    def end(self) -> List[int]:
        found = super().end()
        self._server.communicate(timeout=30)
        return found


def _ready(process: 'subprocess.Popen[str]') -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == 'ready\n'
