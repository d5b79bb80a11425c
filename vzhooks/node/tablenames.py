"""Names of the networks' tables for people: in rt_tables.d/vzhooks.conf, or in rt_tables where iproute2 is older."""
import os
from typing import List, Sequence

from vzhooks import paths, rtnames
from vzhooks.mistakes import Mistake
from vzhooks.node import saved, wholefile
from vzhooks.node.network import Network
from vzhooks.node.tree import HEADER, File, Tree

TABLES, BEGIN, END = "etc/iproute2/rt_tables", "# vzhooks: begin\n", "# vzhooks: end\n"
OWN = TABLES + ".d/vzhooks.conf"


def conflicts(networks: Sequence[Network]) -> List[Mistake]:
    """Names and numbers of tables that somebody else uses otherwise."""
    now = Tree(paths.rooted(""))
    ours = _rows(now.text(OWN) or "") + _rows((now.text(TABLES) or "").partition(BEGIN)[2].partition(END)[0])
    found = []
    for name, number in rtnames.tables().items():
        for network in networks if [number, name] not in ours else ():
            if (name == network.name) != (number == str(network.table)):
                found.append(Mistake(network.at("table"), "table %d of [network %s], but %s is table %s in rt_tables"
                                     % (network.table, network.name, name, number),
                                     "the number and name of a table that nobody uses are wanted"))
    return found


def _rows(text: str) -> List[List[str]]:
    return [row.split("#")[0].split() for row in text.splitlines()]


def files(networks: Sequence[Network], now: Tree) -> List[File]:
    """The files with our names, in one of their own where iproute2 reads such.  Names and numbers in use stay."""
    text = now.text(TABLES)
    kept = "" if text is None else text
    if BEGIN in kept and END in kept:
        before, _, rest = kept.partition(BEGIN)
        kept = before + rest.partition(END)[2]
    used = {word for row in _rows(kept) for word in row[:2]}
    rows = "".join("%d\t%s\n" % (network.table, network.name) for network in networks
                   if not used & {str(network.table), network.name})
    own = now.is_directory(TABLES + ".d") or text is None
    found = [File(OWN, HEADER + rows)] if own and rows else []
    if not own and rows:
        ended = kept if kept.endswith("\n") or not kept else kept + "\n"
        kept = ended + BEGIN + rows + END
    return found + ([File(TABLES, kept)] if text is not None and (kept != text or BEGIN in kept) else [])


def write(networks: Sequence[Network]) -> None:
    """Have these networks' names on this node; those of an export stay its own.  Raise OSError."""
    now = Tree(paths.rooted(""))
    if saved.has_written(now.top, OWN) or saved.has_written(now.top, TABLES):
        return
    wanted = files(networks, now)
    for file in wanted:
        if now.text(file.path) != file.text:
            os.makedirs(os.path.dirname(now.real(file.path)), 0o755, exist_ok=True)
            wholefile.put(now.real(file.path), file.text.encode("utf-8", "surrogateescape"), file.mode)
    if OWN not in [file.path for file in wanted] and (now.text(OWN) or "").startswith(HEADER):
        os.unlink(now.real(OWN))
