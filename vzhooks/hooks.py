"""The three programs that vzctl calls.  Words, environment and exit codes are those of vzctl-protocol.md.  Hot path.

vzhook-external   EXTERNAL_SCRIPT: once a veth at start and at `set --netif_add`; non-zero kills the start
vzhook-mount      vps.mount: before the container exists; a mistake in its conf stops the start here (exit 1, never 39)
vzhook-umount     vps.umount: netns and veths are gone already; always exit code 0, or the container stays half stopped
"""
import os
import sys
import time

from vzhooks import actions, log, names, process
from vzhooks.call import Call
from vzhooks.errors import Elsewhere, Expected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, List, NoReturn

USAGE = "init veth DEVICE, addif DEVICE NETWORK, delif DEVICE or no words are wanted"


def external() -> "NoReturn":
    """The program vzhook-external."""
    _end(_run(_external, sys.argv[1:]))


def mount() -> "NoReturn":
    """The program vzhook-mount."""
    _end(_run(_mount, sys.argv[1:]))


def umount() -> "NoReturn":
    """The program vzhook-umount."""
    _run(_umount, sys.argv[1:])
    _end(0)


def _end(code: int) -> "NoReturn":
    """Leave at once: taking the interpreter down in order costs as long as half of its start."""
    try:
        sys.stderr.flush()  # traces; everything else is written directly
    except (OSError, ValueError, AttributeError):
        pass  # closed, full, or not there at all
    os._exit(code)


def _external(veid: str, words: "List[str]", say: "Callable[[str], None]") -> str:
    if words[:1] == ["delif"] and len(words) >= 2:
        actions.leave(veid, Call("delif", names.interface(words[1]), environment=os.environ), say)
        return "%s: left its network" % words[1]
    if words[:2] == ["init", "veth"] and len(words) >= 3:
        call = Call("init", names.interface(words[2]))
    elif words[:1] == ["addif"] and len(words) >= 2:
        # vznetcfg hands its words on unquoted, so a network's name may arrive in pieces
        call = Call("addif", names.interface(words[1]), " ".join(words[2:]), os.environ)
    elif not words:
        call = Call("every")
    else:
        raise Expected("%s: %s" % (" ".join(words), USAGE))
    count = actions.start(veid, call, say)
    return "%s: network set up" % (call.device or "%d devices" % count)


def _mount(veid: str, words: "List[str]", say: "Callable[[str], None]") -> str:
    actions.validate(veid, say)
    return "configuration is right"


def _umount(veid: str, words: "List[str]", say: "Callable[[str], None]") -> str:
    return "network taken down (%d devices)" % actions.stop(veid, say)


def _run(hook: "Callable[[str, List[str], Callable[[str], None]], str]", words: "List[str]") -> int:
    """Run one hook in surroundings of our own; return 0 or 1, log what happened and how long it took."""
    began = time.monotonic()
    inherited, mask = dict(os.environ), os.umask(0o077)
    veid = os.environ.get("VEID", "")

    def say(message: str, severity: int = log.WARNING) -> None:
        for line in message.split("\n"):
            log.write(severity, line)
            try:
                # Not through sys.stderr, which would fail once more when the interpreter ends.
                os.write(2, log.printable(line).encode("ascii", "backslashreplace") + b"\n")
            except OSError:
                pass  # vzctl has gone, or its disk is full: the log has it

    try:
        process.settle()
        names.veid(veid)
        done = hook(veid, words, say)
        log.write(log.INFO, "CT %s %s in %.3f s" % (veid, done, time.monotonic() - began))
        return 0
    except Elsewhere as elsewhere:
        log.write(log.INFO, "CT %s has none of our variables: %s" % (veid, elsewhere.script))
        os.umask(mask)
        try:
            process.become(elsewhere.script, words, inherited)
        except OSError as error:
            say("%s: %s" % (elsewhere.script, error.strerror), log.ERROR)
    except Expected as error:
        say(str(error), log.ERROR)
    except OSError as error:
        say("%s: %s" % (error.filename or "CT " + veid, error.strerror), log.ERROR)
    except Exception:
        import traceback  # a bug: all of it, since nobody will see it twice

        say("a bug in vzhooks, please report it:\n" + traceback.format_exc(), log.ERROR)
    log.write(log.ERROR, "CT %s %s failed after %.3f s" % (veid, hook.__name__.strip("_"), time.monotonic() - began))
    return 1
