"""Nobody is cut off: a change that goes back by itself unless it is confirmed, and what was confirmed once.

Junos calls it `commit confirmed`.  The change and the wait are done by a process of its own session, so that they
survive the terminal over which the change was asked for; what it waits for lies in /run/vzhooks/node/pending.
"""
import os
import time
import traceback
from contextlib import contextmanager
from typing import Callable, ContextManager, Iterator, List, Sequence

from vzhooks import log, paths, process, store
from vzhooks.errors import Expected, reason
from vzhooks.node import change, journal, status
from vzhooks.node.change import Change


@contextmanager
def nullcontext() -> Iterator[None]:
    """No lock, where it is held already (contextlib's own is 3.7)."""
    yield


PAUSE = 0.1  # seconds between two looks whether the confirmation has come


def carry_out_and_wait(made: Change, seconds: int, say: Callable[[str], None], lock: store.Lock) -> int:
    """Carry a change out in a process of its own; return its exit code as soon as it is done, and go on waiting there.

    LOCK, the node's, is held; that process holds it too, until the change is done.
    """
    def work() -> int:
        deadline = time.monotonic() + seconds
        waits = journal.Pending(made.gone + made.replaced, made.new, journal.process_name(os.getpid()), deadline,
                                made.before)
        try:
            journal.wait(waits)
            made.run()
        except BaseException as error:
            if not isinstance(error, (Expected, OSError)):
                traceback.print_exc()  # a bug; nobody above would say it
            say(reason(error))
            _try_to_go_back(waits, say)  # whatever is not undone yet
            return 1
        os.close(lock.fd)
        process.left_alone()
        _watch(waits)
        return 0

    return process.apart(work)


def _watch(waits: journal.Pending) -> None:
    while time.monotonic() < waits.deadline:
        time.sleep(PAUSE)
        if not _still(waits):
            return
    log.write(log.WARNING, "the change of the node's networks was not confirmed in time and goes back")
    while _still(waits) and not _try_to_go_back(waits, lambda text: log.write(log.WARNING, text), journal.lock):
        time.sleep(1)


def _try_to_go_back(waits: journal.Pending, say: Callable[[str], None],
                    lock: Callable[[], ContextManager[object]] = nullcontext) -> bool:
    """Go back, whatever is in the way: a lock, a full disk, a bug; False where it is to be tried again."""
    try:
        with lock():
            if _still(waits):
                go_back(waits, say)
        return True
    except Exception as error:
        say("the way back: %s" % error)
        return False


def _still(waits: journal.Pending) -> bool:
    try:
        now = journal.pending()
    except Expected:
        return True  # damaged: we know what it said
    return now is not None and now.watcher == waits.watcher


def go_back(waits: journal.Pending, say: Callable[[str], None]) -> None:
    """Undo a change that waits.  The node's lock is held."""
    for name in status.bridges(waits.new):
        others = sorted(port for port in status.ports_of(name) if not any(port in line.command.split()
                                                                          for line in waits.new))
        if others:
            say("%s goes, and with it the bridge of %s: those containers need a restart" % (name, ", ".join(others)))
    try:
        change.restore(say, waits.gone, waits.new, waits.before)
    except OSError as error:  # all is done but the journal's writing: what it says too much does no harm
        say("the journal could not be written: %s" % error.strerror)
    journal.settle()


def confirm(say: Callable[[str], None]) -> bool:
    """Keep the change that waits, or let one that was made with --yes be made again at boot; False without either.

    The node's lock is held.
    """
    waits = journal.pending()
    lines = waits.new if waits else journal.read()
    journal.settle()
    if lines:
        try:
            remember([line.command for line in lines])
        except (Expected, OSError) as error:
            say("it is kept, but will be asked for again at boot: %s" % reason(error))
    return waits is not None or bool(lines)


def waiting() -> List[str]:
    """What is to be said of a change that waits."""
    waits = journal.pending()
    return ["waiting for 'vzhook node confirm': %d s left" % max(0, waits.deadline - time.monotonic())] if waits else []


def overdue(say: Callable[[str], None]) -> None:
    """A change whose watching process was killed goes back when its time is up.  The node's lock is held."""
    waits = journal.pending()
    if waits and time.monotonic() > waits.deadline and \
            journal.process_name(int(waits.watcher.split()[0])) != waits.watcher:
        say("the last change was not confirmed in time, and the process that watched it has gone: it goes back now")
        go_back(waits, say)


# What was confirmed once may be done again at boot, when nobody is there to ask.

def _confirmed() -> str:
    return paths.rooted("/var/lib/vzhooks/confirmed")


def remember(commands: Sequence[str]) -> None:
    """Note what takes the node's way to the world along as confirmed."""
    lines = list(dict.fromkeys(_noted() + _essence(commands)))
    store.make_directory(os.path.dirname(_confirmed()))
    store.save(_confirmed(), [("vzhooks-confirmed", "1")], "".join(line + "\n" for line in lines))


def is_known(commands: Sequence[str]) -> bool:
    """Whether all that COMMANDS take along has been confirmed before."""
    return not set(_essence(commands)) - set(_noted())


def _noted() -> List[str]:
    try:
        stored = store.load(_confirmed())
    except store.Unusable:
        return []
    return stored[1].splitlines() if stored else []


def _essence(commands: Sequence[str]) -> List[str]:
    """Of a change, which ports go into which bridge and which addresses leave them."""
    return [command for command in commands
            if " master " in command or "addif " in command or "add-port " in command
            or command.startswith("ip address del ")]
