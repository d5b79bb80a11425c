"""The node's syslog: a datagram socket that remembers what came."""
import os
import socket
import threading
from typing import List


class Syslog:
    """Listens at `path`. A thread reads all the time: the kernel queues few datagrams, and then a logger would block."""

    def __init__(self, path: str) -> None:
        self._lock = threading.Condition()
        self._messages: List[str] = []
        self._marks = 0
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(path)
        os.chmod(path, 0o666)
        self._sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._sender.connect(path)  # once: the path may be gone when we close
        self._thread = threading.Thread(target=self._read, name='syslog', daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while True:
            data = self._socket.recv(65536)
            with self._lock:
                if not data:  # only we send nothing
                    self._marks += 1
                    self._lock.notify_all()
                    if self._marks < 0:
                        return
                else:
                    self._messages.append(data.decode('utf-8', 'replace').rstrip('\0\n'))

    def messages(self) -> List[str]:
        """All messages so far, as sent: `<PRI>...`. Those sent before this call are there, since a mark comes after them."""
        with self._lock:
            wanted = self._marks + 1
        self._sender.send(b'')
        with self._lock:
            self._lock.wait_for(lambda: self._marks >= wanted, timeout=10)
            return list(self._messages)

    def clear(self) -> None:
        """Forget them."""
        self.messages()
        with self._lock:
            del self._messages[:]

    def close(self) -> None:
        """Stop to listen."""
        if self._socket.fileno() < 0:
            return
        with self._lock:
            self._marks = -2  # the next mark is the last
        self._sender.send(b'')
        self._thread.join(10)
        self._socket.close()
        self._sender.close()
