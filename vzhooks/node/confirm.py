"""Nobody is cut off: a change that goes back by itself unless it is confirmed, and what was confirmed once.

Junos calls it `commit confirmed`.  The change and the wait are done by a process of its own session, so that they
survive the terminal over which the change was asked for; what it waits for lies in /run/vzhooks/node/pending.
"""
import os
import time
import traceback
from typing import Callable, List, Sequence

from vzhooks import log, paths, process, store
from vzhooks.errors import Expected
from vzhooks.node import change, journal
from vzhooks.node.change import Change

PAUSE = 0.1  # seconds between two looks whether the confirmation has come


def carry_out_and_wait(made: Change, seconds: int, say: Callable[[str], None], lock: store.Lock) -> int:
    """Carry a change out in a process of its own; return its exit code as soon as it is done, and go on waiting there.

    LOCK, the node's, is held; that process holds it too, until the change is done.
    """
    def work() -> int:
        deadline = time.monotonic() + seconds
        waits = journal.Pending(made.gone, made.new, journal.process_name(os.getpid()), deadline,
                                made.before)
        try:
            journal.wait(waits)
            made.run()
        except (Expected, OSError) as error:
            journal.settle()
            say(str(error))
            return 1
        except Exception:
            traceback.print_exc()  # a bug; nobody above would say it
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
    while _still(waits):
        try:
            with journal.lock():
                if _still(waits):
                    log.write(log.WARNING, "the change of the node's networks was not confirmed in time and goes back")
                    go_back(waits, lambda text: log.write(log.WARNING, text))
        except store.Busy as error:
            log.write(log.WARNING, str(error))


def _still(waits: journal.Pending) -> bool:
    now = journal.pending()
    return now is not None and now.watcher == waits.watcher


def go_back(waits: journal.Pending, say: Callable[[str], None]) -> None:
    """Undo a change that waits.  The node's lock is held."""
    change.restore(say, waits.gone, waits.new, waits.before)
    journal.settle()


def confirm() -> bool:
    """Keep the change that waits; False where none does.  The node's lock is held."""
    waits = journal.pending()
    if waits is None:
        return False
    remember([line.command for line in waits.new])
    journal.settle()
    return True


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
