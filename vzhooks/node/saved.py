"""Writes files below a directory and puts back what was there before (`vzhook node export --replace`, `--undo`).

Below var/lib/vzhooks/saved lie the old files, under the paths that they had, and a record: of each file that was
written the checksums of what we wrote and of what was there, and the directories that were made.  A file that is not
as the record has it is somebody else's.  The record is written before the first file, so that a run that was killed
halfway can be repeated or undone.
"""
import difflib
import fcntl
import hashlib
import os
import stat
from contextlib import contextmanager
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence

from vzhooks import paths, store
from vzhooks.errors import Expected
from vzhooks.log import printable
from vzhooks.mistakes import shown
from vzhooks.node import wholefile
from vzhooks.node.tree import File

SAVED = "var/lib/vzhooks/saved"
FILES, EDITED, RECORD = SAVED + "/files/", SAVED + "/edited/", SAVED + "/record"
VERSION = ("vzhooks-export", "1")
NOTHING = "-"  # in place of a checksum: there was no file
Say = Callable[[str], None]


class Entry(NamedTuple):
    """What the record has of a file: the checksums of what we wrote and of what was there."""

    new: str
    old: str


class Record(NamedTuple):
    """The files by their paths, and the directories that were made, the upper ones first."""

    files: Dict[str, Entry]
    directories: List[str]


def write(files: Sequence[File], to: str, replace: bool, say: Say) -> None:
    """Have exactly these FILES of ours below TO ("": /), put back what an earlier export wrote and this one has not.

    A file that we did not write, or that was edited since, is replaced only with REPLACE, and kept below SAVED.  Raise
    Expected, with all differences, before anything is written.
    """
    top = _top(to)
    os.makedirs(top or "/", 0o755, exist_ok=True)
    with _locked(top):
        record = _load(top)
        wanted: Dict[str, Optional[bytes]] = {
            file.path: file.text.encode("utf-8", "surrogateescape") for file in files}
        modes = {file.path: file.mode for file in files}
        for path, entry in record.files.items():
            if path not in wanted:
                wanted[path] = None if entry.old == NOTHING else _read(top, FILES + path)
        now = {path: _present(top, path) for path in wanted}
        foreign = [path for path in wanted if now[path] is not None and now[path] != wanted[path]
                   and _sum(now[path]) != record.files.get(path, Entry("", "")).new]
        if foreign and not replace:
            raise Expected("".join(difference(top, path, now[path], wanted[path]) for path in foreign) + "%s: not made "
                           "by vzhooks, or edited since; '--replace' is wanted to write what is shown (the old file "
                           "then lies below %s, and '--undo' puts it back)"
                           % (", ".join(map(printable, foreign)), top + "/" + SAVED))
        _exchange(top, record, wanted, now, modes, foreign, say)


def undo(to: str, say: Say) -> int:
    """Put back everything that write() has replaced below TO, remove what it has made; return how many files."""
    top = _top(to)
    if not os.path.isdir(top or "/"):
        return 0
    with _locked(top):
        record = _load(top)
        wanted = {path: None if entry.old == NOTHING else _read(top, FILES + path)
                  for path, entry in record.files.items()}
        now = {path: _present(top, path) for path in wanted}
        edited = [path for path in wanted if now[path] is not None
                  and _sum(now[path]) not in (record.files[path].new, record.files[path].old)]
        count = sum(now[path] != wanted[path] for path in wanted)
        _keep_edited(top, edited, say)
        for path in wanted:
            _put_back(top, path, now[path], wanted[path], say)
        _forget(top, record)
        return count


def has_written(top: str, path: str) -> bool:
    """Whether a file is one of an export below TOP."""
    return path in _load(top).files


def _exchange(top: str, record: Record, wanted: Dict[str, Optional[bytes]], now: Dict[str, Optional[bytes]],
              modes: Dict[str, int], foreign: Sequence[str], say: Say) -> None:
    """Save what is there, then the record, then write the files."""
    kept = dict(record.files)
    _keep_edited(top, [path for path in foreign if path in kept and _sum(now[path]) != kept[path].old], say)
    directories = list(record.directories)
    for path in [path for path in modes if now[path] != wanted[path]]:
        old = kept[path].old if path in kept else _sum(now[path])
        kept[path] = Entry(_sum(wanted[path]), old)
        if path not in record.files and now[path] is not None:
            directories += _make(top, os.path.dirname(FILES + path), 0o700)
            wholefile.copy(top + "/" + path, top + "/" + FILES + path)
        directories += _missing(top, os.path.dirname(path), directories)
    if kept:
        directories += _make(top, SAVED, 0o700)
        _save(top, Record(kept, directories))
    for path, content in wanted.items():
        if path not in modes:
            _put_back(top, path, now[path], content, say)
        elif content is not None and now[path] != content:
            _make(top, os.path.dirname(path), 0o755)
            wholefile.put(top + "/" + path, content, modes[path])
            say("%s %s" % ("made" if now[path] is None else "changed", top + "/" + path))
    rest = Record({path: entry for path, entry in kept.items() if path in modes}, directories)
    if rest.files:
        _save(top, rest)
        _remove_copies(top, [path for path in kept if path not in modes])
    elif record.files or kept:
        _forget(top, Record(kept, directories))


def _put_back(top: str, path: str, now: Optional[bytes], old: Optional[bytes], say: Say) -> None:
    if now == old:
        return
    if old is None:
        os.unlink(top + "/" + path)
        say("removed " + top + "/" + path)
    else:
        _make(top, os.path.dirname(path), 0o755)
        wholefile.copy(top + "/" + FILES + path, top + "/" + path)
        say("put back " + top + "/" + path)


def _keep_edited(top: str, files: Sequence[str], say: Say) -> None:
    """What somebody made of a file of ours is not lost; it lies beside the saved ones, and no undo touches it."""
    for path in files:
        number = 1
        while os.path.lexists("%s/%s%s.%d" % (top, EDITED, path, number)):
            number += 1
        kept = "%s/%s%s.%d" % (top, EDITED, path, number)
        _make(top, os.path.dirname(EDITED + path), 0o700)
        wholefile.copy(top + "/" + path, kept)
        say("%s was edited; that is kept as %s" % (top + "/" + path, kept))


def _forget(top: str, record: Record) -> None:
    """Remove the record, the saved files, and the directories that were made, where nothing else is in them."""
    if record.files:
        os.unlink(top + "/" + RECORD)
    _remove_copies(top, list(record.files))
    for directory in reversed(record.directories):
        try:
            os.rmdir(top + "/" + directory)
        except OSError:
            pass  # somebody else's files are in it, or it is gone


def _remove_copies(top: str, files: Sequence[str]) -> None:
    """The saved files of these paths, and what a killed run has left beside them."""
    for path in files:
        for one in (top + "/" + FILES + path, top + "/" + path):
            wholefile.unfinished(one)
        if os.path.lexists(top + "/" + FILES + path):
            os.unlink(top + "/" + FILES + path)


def _load(top: str) -> Record:
    """The record.  Raise Expected where it is not ours."""
    found = store.load(top + "/" + RECORD) if os.path.isdir(top + "/" + SAVED) else None
    record = Record({}, [])
    for row in found[1].splitlines() if found and found[0] == [VERSION] else ():
        kind, _, rest = row.partition(" ")
        if kind == "directory":
            record.directories.append(rest)
        elif kind == "file" and rest.count(" ") >= 2:
            new, old, path = rest.split(" ", 2)
            record.files[path] = Entry(new, old)
        else:
            raise Expected("%s/%s: '%s'; a directory or a file with its two checksums is wanted"
                           % (top, RECORD, shown(row)))
    if found and found[0] != [VERSION]:
        raise Expected("%s/%s: %s; a record of this version of vzhooks is wanted" % (top, RECORD, shown(str(found[0]))))
    return record


def _save(top: str, record: Record) -> None:
    rows = ["directory " + path for path in record.directories]
    rows += ["file %s %s %s" % (entry.new, entry.old, path) for path, entry in record.files.items()]
    store.save(top + "/" + RECORD, [VERSION], "".join(row + "\n" for row in rows))


def _top(to: str) -> str:
    return os.path.abspath(to).rstrip("/") if to else paths.rooted("")


@contextmanager
def _locked(top: str) -> Iterator[None]:
    """Against another export at the same place; the directory itself is locked, so that nothing is made for it."""
    fd = os.open(top or "/", os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise Expected("%s: another 'vzhook node export' is at work; its end is wanted" % (top or "/")) from None
    finally:
        os.close(fd)


def _sum(content: Optional[bytes]) -> str:
    return NOTHING if content is None else hashlib.sha256(content).hexdigest()


def _present(top: str, path: str) -> Optional[bytes]:
    """The content of a file, None where there is none.  Raise Expected for what we would not replace."""
    whole = top + "/" + path
    parent = os.path.realpath(os.path.dirname(whole))
    if not (parent + "/").startswith(os.path.realpath(top or "/").rstrip("/") + "/"):
        raise Expected("%s: lies outside of %s, by a symbolic link; a directory is wanted there" % (whole, top or "/"))
    try:
        status = os.lstat(whole)
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        raise Expected("%s: a file is in the way; a directory is wanted above it" % whole) from None
    if not stat.S_ISREG(status.st_mode):
        raise Expected("%s: %s is in the way; a file, or nothing, is wanted there" % (
            whole, "a symbolic link" if stat.S_ISLNK(status.st_mode) else "a directory"
            if stat.S_ISDIR(status.st_mode) else "a special file"))
    with open(whole, "rb") as file:
        return file.read()


def _read(top: str, path: str) -> bytes:
    with open(top + "/" + path, "rb") as file:
        return file.read()


def _missing(top: str, directory: str, known: Sequence[str] = ()) -> List[str]:
    """The directories that are to be made for DIRECTORY, the upper ones first."""
    found: List[str] = []
    while directory and not os.path.isdir(top + "/" + directory):
        found.insert(0, directory)
        directory = os.path.dirname(directory)
    return [path for path in found if path not in known]


def _make(top: str, directory: str, mode: int) -> List[str]:
    """Make a directory and those above it, whatever the umask; return those that were made."""
    made = _missing(top, directory)
    for path in made:
        os.mkdir(top + "/" + path)
        os.chmod(top + "/" + path, mode if path.startswith(SAVED) else 0o755)
    return made


def difference(top: str, path: str, now: Optional[bytes], wanted: Optional[bytes]) -> str:
    """What would change in a file below TOP, as a unified diff; None: there is no file."""
    texts = [(content or b"").decode("utf-8", "replace").splitlines(True) for content in (now, wanted)]
    rows = difflib.unified_diff(texts[0], texts[1], top + "/" + path, top + "/" + path + " (vzhooks)", n=1)
    return "".join("%s\n" % printable(row.rstrip("\n")).replace("\\t", "\t") for row in rows)
