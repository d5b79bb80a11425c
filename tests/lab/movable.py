"""A TCP server in a container that moves with its established connection: the handle for tests of checkpoint.py."""
import os
import subprocess
import sys

from tests.lab.process import HERE, Host


class Movable:
    """The server in a container (a Host) that stream.CLIENT talks to, and its move to another."""

    def __init__(self, container: Host, address: str, port: int = 2222) -> None:
        self._process = self._started(container, 'serve', address, str(port))

    @staticmethod
    def _started(container: Host, *words: str) -> 'subprocess.Popen[str]':
        return container.popen([sys.executable, '-IS', os.path.join(HERE, 'checkpoint.py')] + list(words), stdin=subprocess.PIPE,
                               stderr=None)

    def ready(self) -> None:
        """Wait until it listens, or goes on."""
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == 'ready\n'

    def freeze(self) -> None:
        """Take the connection's state; the process ends without a word to the other side."""
        self._state = self._process.communicate('dump\n', timeout=10)[0]

    def go_on(self, container: Host) -> None:
        """Go on in another container, which has the address now."""
        self._process = self._started(container, 'restore')
        assert self._process.stdin is not None
        self._process.stdin.write(self._state)
        self._process.stdin.flush()
        self.ready()
