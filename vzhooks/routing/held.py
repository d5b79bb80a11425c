"""Which prefix-list entries running containers have: as their journals say, in the daemon's file, and in the daemon."""
from typing import Callable, Dict, List, NamedTuple, Sequence

from vzhooks import journal, process
from vzhooks.errors import Expected
from vzhooks.routing import entries

VTYSH = "vtysh "


def by_container() -> Dict[str, str]:
    """{entry: VEID} of all containers; a journal that cannot be read says nothing."""
    found: Dict[str, str] = {}
    for veid in journal.containers():
        for device in journal.devices(veid):
            try:
                lines = journal.read(veid, device)
            except Expected:
                continue
            found.update({line.command[len(VTYSH):]: veid for line in lines if line.command.startswith(VTYSH)})
    return found


def wanted() -> List[str]:
    """The entries that are to be."""
    return sorted(by_container())


def running() -> List[str]:
    """The entries that the running daemons have.  Raise Expected where none runs."""
    result = process.run(["vtysh", "-c", "show running-config"], keep=process.LISTING)
    if result.status != 0:
        raise Expected("vtysh: %s" % (" ".join((result.errors or result.output).split()) or result.ended))
    found = []
    for row in result.output.split("\n"):
        words = row.split()
        if words[1:2] == ["prefix-list"] and words[3:4] == ["seq"] and not entries.is_placeholder(row.strip()) \
                and words[2] in ["vzhooks-" + kind for kind in entries.KINDS]:
            found.append(" ".join(words[:3] + words[5:]))
    return sorted(dict.fromkeys(found))


class Repaired(NamedTuple):
    """What was done: entries brought into the daemons, and out of them; whether a file was changed."""

    added: List[str]
    removed: List[str]
    file: bool


def reconcile(only_file: bool, timeout: float, show: Callable[[str], None]) -> Repaired:
    """Have the file, and unless ONLY_FILE the running daemons, know exactly the entries of the journals.

    Raise Expected where a daemon does not take one, or none runs.
    """
    changed = entries.edit_files(lambda now: wanted())
    if only_file:
        return Repaired([], [], changed)
    now = running()
    goal = wanted()  # read last: a container writes its journal before its entries
    added = [row for row in goal if row not in now]
    _configure(added, timeout, show)  # first what protects
    goal = wanted()  # and once more: one that has stopped meanwhile has taken its entries out already
    removed = [row for row in now + added if row not in goal]
    _configure(["no " + row for row in removed], timeout, show)
    return Repaired(added, removed, changed)


def _configure(rows: Sequence[str], timeout: float, show: Callable[[str], None]) -> None:
    for first in range(0, len(rows), 500):
        for row in rows[first:first + 500]:
            show(VTYSH + row)
        said = entries.configure(rows[first:first + 500], timeout)
        if said:
            raise Expected("vtysh: " + said)
