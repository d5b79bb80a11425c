"""The prefix-list entries of containers with ANNOUNCE=no, standby or anycast, in the daemon and in its file.  Hot path.

A plan line is `vtysh` and a line of the daemon's configuration:

    host  vtysh ip prefix-list vzhooks-standby permit 192.0.2.5/32
    undo  vtysh no ip prefix-list vzhooks-standby permit 192.0.2.5/32

It goes into our part of the daemon's file, too (where `vzhook node export` has written one), so that a daemon that is
down, or dies and is started again, knows it from its first moment on.
"""
from vzhooks import paths, process, store
from vzhooks.errors import Expected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, List, Optional, Sequence, Tuple

KINDS = ("no", "standby", "anycast")
FILES = ("/etc/frr/frr.conf", "/etc/quagga/ospfd.conf", "/etc/quagga/ospf6d.conf", "/etc/quagga/bgpd.conf")
BEGIN, END = "! vzhooks: begin", "! vzhooks: end"
DOWN = "failed to connect to any daemons"  # how vtysh says that none runs


def placeholder(family: int, name: str) -> str:
    """The first row of a list, which matches no single address: a list is there though nothing is in it."""
    return ("ip prefix-list vzhooks-%s seq 1 deny 0.0.0.0/0" if family == 4
            else "ipv6 prefix-list vzhooks-%s seq 1 deny ::/0") % name


def name_of(row: str) -> str:
    """`ip prefix-list NAME` of such a row."""
    return " ".join(row.split()[:3])


def run(rows: "Sequence[str]", timeout: float) -> "Optional[Tuple[int, str]]":
    """Carry lines of configuration out, with or without `no`; return the first that failed and what was said.

    A daemon that does not run is no failure: it will read its file.  Raise Expected.
    """
    before: List[str] = []

    def change(held: "List[str]") -> "List[str]":
        before.extend(held)
        return changed(held, rows)

    # First the file: a daemon that starts just now reads it, or else hears vtysh.
    unwritten = _try_to_edit(change)
    failed = _first_refused(rows, timeout)
    if failed:
        new = [row for row in rows[failed[0]:] if row not in before]
        _try_to_edit(lambda held: [row for row in held if row not in new])
    return failed or ((0, unwritten) if unwritten else None)


def _try_to_edit(change: "Callable[[List[str]], List[str]]") -> str:
    try:
        edit_files(change)
    except OSError as error:
        return "%s: %s" % (error.filename, error.strerror)
    return ""


def _first_refused(rows: "Sequence[str]", timeout: float) -> "Optional[Tuple[int, str]]":
    try:
        said = configure(rows, timeout)
    except process.MissingCommand as error:
        said = str(error)
    except Expected as error:
        return 0, str(error)
    except OSError as error:
        return 0, "vtysh: %s" % error.strerror
    if not said or len(rows) == 1:
        return (0, said) if said else None
    for index, row in enumerate(rows):
        alone = _first_refused([row], timeout)
        if alone:
            return index, alone[1]
    return None


def configure(rows: "Sequence[str]", timeout: float) -> str:
    """Tell the running daemons; return what they object to.  Raise Expected, OSError."""
    argv = ["vtysh", "-c", "configure terminal"]
    for row in rows:
        argv += ["-c", row]
    try:
        result = process.run(argv, "", timeout)
    except process.MissingCommand:
        if all(name_of(row[len("no "):] if row.startswith("no ") else row).endswith("-no") for row in rows):
            return ""  # nobody is there who could announce it
        raise
    said = [row for row in (result.output + result.errors).splitlines()
            if row.strip() and "Can't open configuration file" not in row]
    objections = [row for row in said if row.startswith("%")]
    if result.status is None:
        raise Expected("vtysh " + result.ended)
    if any(DOWN in row for row in said) or result.status == 0 and not objections:
        return ""
    if not said and all(row.startswith("no ") for row in rows):
        # FRR's only sign that there is no such entry; behind that vtysh has done nothing.
        return " ".join(filter(None, [configure([row], timeout) for row in rows])) if len(rows) > 1 else ""
    return " ".join(" ".join(objections or said).split()) or result.ended


def changed(held: "List[str]", rows: "Sequence[str]") -> "List[str]":
    """The entries HELD with lines of configuration carried out on them."""
    for row in rows:
        if row.startswith("no "):
            held = [one for one in held if one != row[len("no "):]]
        elif row not in held:
            held = held + [row]
    return held


def edit_files(change: "Callable[[List[str]], List[str]]") -> bool:
    """Have the entries in all files that have a part of ours be what CHANGE makes of them; whether any was changed."""
    written = False
    with store.Lock(paths.run("routing")):
        for path in FILES:
            text = text_of(paths.rooted(path))
            new = edited(text, change)
            if new != text:
                from vzhooks.node import wholefile  # few containers have entries

                wholefile.put(paths.rooted(path), new.encode("utf-8", "surrogateescape"), 0o640)
                written = True
    return written


def text_of(path: str) -> str:
    """The text of a daemon's file, "" where there is none."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def edited(text: str, change: "Callable[[List[str]], List[str]]") -> str:
    """The text with the entries of our part changed: each stands behind the placeholder of its list."""
    rows = text.split("\n")
    if BEGIN not in rows or END not in rows[rows.index(BEGIN):]:
        return text
    begin = rows.index(BEGIN)
    end = rows.index(END, begin)
    part = rows[begin:end]
    lists = {name_of(row) for row in part if is_placeholder(row)}
    held = [row for row in part if name_of(row) in lists and not is_placeholder(row)]
    wanted = sorted(row for row in change(held) if name_of(row) in lists)
    if wanted == held:
        return text
    made: List[str] = []
    for row in part:
        if row in held:
            continue
        made.append(row)
        if is_placeholder(row):
            made += [one for one in wanted if name_of(one) == name_of(row)]
    return "\n".join(rows[:begin] + made + rows[end:])


def is_placeholder(row: str) -> bool:
    """Whether a row begins a list of containers."""
    return any(row == placeholder(family, kind) for family in (4, 6) for kind in KINDS)
