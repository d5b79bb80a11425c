"""Files of our own (journals, cached plans) and the locks on them.  Hot path: standard library only.

A file is `KEY VALUE` lines, an empty line, and plan text; its last line is `# end`, so that a half-written one is
known.  Files are root's, 0600 in directories of 0700, written to a temporary name and renamed; one that is not so was
not written by us and is not believed.
"""
import errno
import fcntl
import os
import time

from vzhooks.errors import Expected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Sequence, Tuple

END = "# end\n"
NEW = ".new"  # a file that is being written; one name, so that what a killed writer left is overwritten
LOCK_TIMEOUT = 60.0  # seconds; another vzhook at the same container ends long before


class Unusable(Expected):
    """A file that is not ours, not whole or not of this format; the text names it and says why."""


class Busy(Expected):
    """Somebody else held the lock for too long; the text names it."""


def save(path: str, header: "Sequence[Tuple[str, str]]", body: str) -> None:
    """Write a file whole or not at all.  Raise OSError (disk full, read-only)."""
    temporary = path + NEW
    content = "".join("%s %s\n" % pair for pair in header) + "\n" + body + END
    fd = create(temporary)
    try:
        try:
            data = content.encode("utf-8", "surrogateescape")
            while data:
                data = data[os.write(fd, data):]
        finally:
            os.close(fd)
        os.rename(temporary, path)
    except OSError:
        os.unlink(temporary)
        raise


def create(path: str) -> int:
    """Open a new file of mode 0600 for writing; whatever was there (a link, a pipe) is removed, never opened.

    Raise OSError.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        return os.open(path, flags, 0o600)
    except FileExistsError:
        os.unlink(path)
        return os.open(path, flags, 0o600)


def remove(path: str) -> None:
    """Remove a file, where there is one, and what a killed writer may have left of it."""
    for name in (path, path + NEW):
        try:
            os.unlink(name)
        except FileNotFoundError:
            pass


def load(path: str) -> "Optional[Tuple[List[Tuple[str, str]], str]]":
    """Return a file's (header, body), None where there is none; a key may stand several times.  Raise Unusable."""
    content = read_trusted(path)
    if content is None:
        return None
    top, separator, body = content.partition("\n\n")
    if not separator or not body.endswith(END):
        raise Unusable("%s: not whole" % path)
    pairs = [row.partition(" ") for row in top.split("\n")]
    return [(key, value) for key, _, value in pairs], body[:-len(END)]


def read_trusted(path: str) -> "Optional[str]":
    """The text of a file that only we can have written, None where there is none.  Raise Unusable."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unusable("%s: %s" % (path, error.strerror)) from None
    try:
        status = os.fstat(fd)
        if status.st_mode & 0o170077 != 0o100000 or status.st_uid != os.geteuid():
            raise Unusable("%s: not a file of ours (mode %o, owner %d)" % (path, status.st_mode, status.st_uid))
        chunks: List[bytes] = []
        while True:
            chunk = os.read(fd, 1 << 16)
            if not chunk:
                return b"".join(chunks).decode("utf-8", "surrogateescape")
            chunks.append(chunk)
    finally:
        os.close(fd)


def make_directory(path: str) -> None:
    """Make a private directory and what is above it.  Raise Unusable where it, or the one above, is somebody else's:
    whoever can write there could put another in its place; PermissionError where it is root's and we are not.
    """
    above = os.path.dirname(path)
    try:
        _check_directory(above, os.lstat(above))
        os.mkdir(path, 0o700)
    except FileExistsError:
        try:
            _check_directory(path, os.lstat(path))
        except FileNotFoundError:
            return make_directory(path)  # its last holder has just removed it
    except FileNotFoundError:
        os.makedirs(above, 0o755, exist_ok=True)
        make_directory(path)


def _check_directory(path: str, status: os.stat_result) -> None:
    if status.st_uid == 0 != os.geteuid():
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)  # the command line says who may
    if status.st_mode & 0o170022 != 0o040000 or status.st_uid != os.geteuid():
        raise Unusable("%s: not a directory of ours (mode %o, owner %d)" % (path, status.st_mode, status.st_uid))


class Lock:
    """A directory of ours, locked against other vzhooks: `with Lock(path): ...`.

    The directory itself is locked, so that nothing stays when it is removed; it is made when it is missing.
    """

    def __init__(self, path: str, timeout: float = LOCK_TIMEOUT) -> None:
        self.path = path
        self.timeout = timeout
        self.fd = -1

    def __enter__(self) -> "Lock":
        deadline = time.monotonic() + self.timeout
        while True:
            make_directory(self.path)
            try:
                self.fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            except FileNotFoundError:
                continue  # removed by the one who held it
            try:
                fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.path.samestat(os.fstat(self.fd), os.lstat(self.path)):
                    return self
            except FileNotFoundError:
                pass
            except BlockingIOError:
                if time.monotonic() > deadline:
                    os.close(self.fd)
                    raise Busy("%s: locked by another vzhook for more than %d s"
                               % (self.path, self.timeout)) from None
                time.sleep(0.005)
            os.close(self.fd)

    def __exit__(self, *exception: object) -> None:
        try:
            os.rmdir(self.path)  # only when it is empty
        except OSError:
            pass
        os.close(self.fd)
