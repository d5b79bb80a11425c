"""`vzhook gc`: removes what is marked as ours and belongs to no running container and to no line of the node."""
import os
from typing import Callable, Dict, List, Optional, Tuple

from vzhooks import actions, apply, cache, claims, journal, names, paths, store
from vzhooks.drift import running
from vzhooks.drift.marked import Marked
from vzhooks.errors import Expected
from vzhooks.node import journal as node_journal
from vzhooks.nodeconf import NodeConf

Say = Callable[[str], None]


class Collector:
    """Finds and removes.  show(text): each command as it runs; DRY_RUN: what would be removed."""

    def __init__(self, node: NodeConf, say: Say, show: Say, dry_run: bool) -> None:
        self.node = node
        self.say = say
        self.show = show
        self.dry_run = dry_run
        self.count = 0

    def run(self) -> int:
        """Do it; return how many things were found.  Raise Expected, ConfigError."""
        for veid in journal.containers():
            if running.read(veid).gone:
                self._devices(veid)
        with node_journal.lock():
            self._marked()
        for path in old_plans() + old_claims():
            self._file(path)
        return self.count

    def _devices(self, veid: str) -> None:
        """Undo the journals of devices that have gone."""
        with journal.lock(veid):
            for device, lines in running.read(veid).gone.items():
                self.count += 1
                self.show("# CT %s, %s has gone" % (veid, device))
                if not self.dry_run:
                    actions.stop_device(veid, device, self.say, self.show)
                for line in reversed(lines) if self.dry_run else ():
                    if line.undo and line.place == "host":
                        self.show("host  " + line.undo.command)

    def _marked(self) -> None:
        found = Marked(self.node)
        for doubt in found.doubts:
            self.say(doubt)
        if not found.lines:
            return
        self.count += len(found.lines)
        self.show("# nobody's")
        if not self.dry_run:
            apply.Job("node", "", self.say, self.show, self.node.timeout).undo(found.lines)
        for line in found.lines if self.dry_run else ():
            if line.undo:
                self.show("host  " + line.undo.command)

    def _file(self, path: str) -> None:
        self.count += 1
        self.show("file  " + path)
        if not self.dry_run:
            store.remove(path)
            try:
                os.rmdir(os.path.dirname(path))  # when it was the last one
            except OSError:
                pass


def written() -> Dict[Tuple[str, str], str]:
    """{(VEID, device): what changes with its journal}: containers that start meanwhile are told by it."""
    return {(veid, device): cache.fingerprint(paths.run(veid, device + ".journal")) for veid in journal.containers()
            for device in journal.devices(veid)}


def started(before: Dict[Tuple[str, str], str]) -> List[str]:
    """The containers whose journals were written since.

    A set's element that a start finds there may be one that was just to be removed: they are to be looked at again.
    """
    return sorted({veid for (veid, device), seen in written().items() if before.get((veid, device)) != seen})


def old_plans() -> List[str]:
    """Cached plans of containers whose conf file is gone."""
    return [paths.cache(veid, name) for veid in _listed(paths.cache()) if names.is_veid(veid)
            and not os.path.lexists(paths.container_conf(veid)) for name in _listed(paths.cache(veid))]


def old_claims() -> List[str]:
    """Public addresses that no container has any more."""
    found = []
    with store.Lock(paths.run("claims")):
        for address in _listed(paths.run("claims")):
            holder = _holder(address)
            if holder is not None and not claims.holds(holder, address):
                found.append(paths.run("claims", address))
    return found


def _holder(address: str) -> Optional[str]:
    try:
        return claims.holder(address)
    except Expected:
        return None  # not a file of ours


def _listed(directory: str) -> List[str]:
    try:
        return sorted(os.listdir(directory))
    except FileNotFoundError:
        return []
