"""vzctl's lock on a container: a file with the holder's process id, held while hooks run."""
import os
import time


class Locked(Exception):
    """Another vzctl works on this container."""


class Lock:
    """A context manager. Legacy gives up at once; modern waits, 60 s or what ROOT/vz/lock-timeout says."""

    def __init__(self, path: str, root: str, modern: bool) -> None:
        self._path = path
        self._patience = 60.0 if modern else 0.0
        timeout = os.path.join(root, 'vz/lock-timeout')
        if modern and os.path.exists(timeout):
            with open(timeout) as f:
                self._patience = float(f.read())

    def __enter__(self) -> None:
        os.makedirs(os.path.dirname(self._path), exist_ok=True)
        own = '{}.{}'.format(self._path, os.getpid())
        with open(own, 'w') as f:
            f.write(str(os.getpid()))
        end = time.monotonic() + self._patience
        try:
            while not self._taken(own):
                if time.monotonic() >= end:
                    raise Locked
                time.sleep(0.05)
        finally:
            os.unlink(own)

    def _taken(self, own: str) -> bool:
        try:
            with open(self._path) as f:
                holder = f.read().strip()
            if not os.path.exists('/proc/' + holder):  # killed: nobody holds it
                os.unlink(self._path)
        except FileNotFoundError:
            pass
        try:
            os.link(own, self._path)  # at once there and complete
        except FileExistsError:
            return False
        return True

    def __exit__(self, *_: object) -> None:
        if os.path.exists(self._path):  # `destroy` removes the modern one with the private area
            os.unlink(self._path)
