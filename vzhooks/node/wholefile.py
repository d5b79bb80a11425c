"""Writes a file whole or not at all, like the one that it replaces."""
import os
import shutil

from vzhooks import store


def put(path: str, content: bytes, mode: int) -> None:
    """Write a file whole or not at all; one that is there keeps its owner, mode and security label."""
    new = unfinished(path)
    with open(store.create(new), "wb") as file:
        file.write(content)
        file.flush()
        if os.path.lexists(path):
            _like(path, new)
            os.utime(new)
        else:
            os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())
    os.rename(new, path)


def copy(source: str, target: str) -> None:
    """A file with its owner, mode, times and security label, whole or not at all."""
    new = unfinished(target)
    # Never readable by more than the source is, which may have passwords in it.
    with open(os.open(source, os.O_RDONLY | os.O_NOFOLLOW), "rb") as old, open(store.create(new), "wb") as file:
        shutil.copyfileobj(old, file)
    _like(source, new)
    os.rename(new, target)


def _like(source: str, target: str) -> None:
    status = os.stat(source)
    os.chown(target, status.st_uid, status.st_gid)
    shutil.copystat(source, target)


def make_directories(path: str, mode: int = 0o755) -> None:
    """Make a directory and those above it, which everybody may read, whatever the umask."""
    if not os.path.isdir(path):
        make_directories(os.path.dirname(path))
        os.mkdir(path)
        os.chmod(path, mode)


def unfinished(path: str) -> str:
    """A name that neither `ifcfg-*` nor `interfaces.d/*` matches; what a killed run left of it is removed."""
    directory, name = os.path.split(path)
    new = "%s/.%s%s" % (directory, name, store.NEW)
    if os.path.lexists(new):
        os.unlink(new)
    return new
