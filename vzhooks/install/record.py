"""Changes files of /etc/vz whole or not at all, remembers what was there, and puts exactly that back.

Below /var/lib/vzhooks/install lie the old files and a record, written before the first file is changed: of each the
checksums of what we wrote and of what was there.
"""
import hashlib
import os
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence

from vzhooks import paths, store
from vzhooks.errors import Expected
from vzhooks.install import texts
from vzhooks.mistakes import shown
from vzhooks.node import wholefile

VERSION = ("vzhooks-install", "1")
NOTHING = "-"  # in place of a checksum: there was no file
EDITED = "edited"  # in place of ours: between two installs somebody edited the file, which is not put back whole then
Say = Callable[[str], None]


class Change(NamedTuple):
    """A file that is to be written: its path below /, what it has now (None: it is not there), what it gets, why."""

    path: str
    now: Optional[str]
    wanted: str
    why: str
    mode: int = 0o644  # of a file that is not there yet


class Entry(NamedTuple):
    """What the record has of a file: the checksums of what we wrote and of what was there."""

    new: str
    old: str


def lock() -> store.Lock:
    """Held while files are read and changed."""
    return store.Lock(_below())


def read(path: str) -> Optional[str]:
    """The text of a file of the node, every byte of it, None where there is none.  Raise OSError."""
    try:
        with open(paths.rooted(path), encoding="utf-8", errors="surrogateescape", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return None


def write(changes: Sequence[Change], say: Say) -> None:
    """Save what is there, then the record, then write the files in their order.  The lock is held."""
    entries = load()
    for change in changes:
        before = entries.get(change.path)
        if before is None and change.now is not None:
            wholefile.copy(paths.rooted(change.path), _saved(change.path))
        edited = before is not None and _sum(change.now) not in before
        entries[change.path] = Entry(EDITED if edited else _sum(change.wanted),
                                     before.old if before else _sum(change.now))
    if changes:
        _save(entries)
    for change in changes:
        wholefile.put(paths.rooted(change.path), change.wanted.encode("utf-8", "surrogateescape"), change.mode)
        say("%s %s: %s" % ("made" if change.now is None else "changed", change.path, change.why))


def put_back(say: Say) -> int:
    """Put back what was there before write(), the last file first; return how many files.  The lock is held.

    A file that was edited since keeps its edits and loses our lines.
    """
    entries = load()
    count = 0
    for path, entry in reversed(list(entries.items())):
        now = read(path)
        if _sum(now) == entry.old:
            continue
        if _sum(now) != entry.new:
            count += _take_out(path, now, say)
        elif entry.old == NOTHING:
            os.unlink(paths.rooted(path))
            say("removed " + path)
            count += 1
        else:
            wholefile.copy(_saved(path), paths.rooted(path))
            say("put back " + path)
            count += 1
    for path in entries:
        for one in (_saved(path), paths.rooted(path)):
            wholefile.unfinished(one)  # removes what a killed run has left beside it
        if os.path.lexists(_saved(path)):
            os.unlink(_saved(path))
    store.remove(_below("record"))
    return count


def load() -> Dict[str, Entry]:
    """The files by their paths, in the order in which they were written.  Raise Expected."""
    found = store.load(_below("record"))
    if found and found[0] != [VERSION]:
        raise Expected("%s: %s; a record of this version of vzhooks is wanted"
                       % (_below("record"), shown(str(found[0]))))
    rows: List[List[str]] = [row.split(" ", 2) for row in found[1].splitlines()] if found else []
    return {path: Entry(new, old) for new, old, path in rows}


def _take_out(path: str, now: Optional[str], say: Say) -> int:
    """Take our lines out of an edited file; return 1 where there were any."""
    rest = texts.without_mark(now or "")
    if now is None or rest == now:
        say("%s: %s since; left so" % (path, "removed" if now is None else "edited"))
        return 0
    wholefile.put(paths.rooted(path), rest.encode("utf-8", "surrogateescape"), 0o644)
    say("%s was edited since: only our lines are out of it; the old file was not put back" % path)
    return 1


def _save(entries: Dict[str, Entry]) -> None:
    rows = ["%s %s %s\n" % (entry.new, entry.old, path) for path, entry in entries.items()]
    store.save(_below("record"), [VERSION], "".join(rows))


def _saved(path: str) -> str:
    return _below(os.path.basename(path))


def _below(*names: str) -> str:
    return paths.rooted("/".join(("/var/lib/vzhooks/install",) + names))


def _sum(text: Optional[str]) -> str:
    return NOTHING if text is None else hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
