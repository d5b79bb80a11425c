"""The three programs that vzctl calls.  Words, environment and exit codes are those of vzctl-protocol.md.  Hot path.

vzhook-external   EXTERNAL_SCRIPT: once a veth at start and at `set --netif_add`; non-zero kills the start
vzhook-mount      vps.mount: before the container exists; a mistake in its conf stops the start here (exit 1, never 39)
vzhook-umount     vps.umount: netns and veths are gone already; always exit code 0, or the container stays half stopped
"""
import os
import sys

from vzhooks import actions, log, names, process, record
from vzhooks.call import Call
from vzhooks.errors import Elsewhere, Expected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, List, NoReturn

USAGE = "init veth DEVICE, addif DEVICE NETWORK, delif DEVICE or no words are wanted"


def external() -> "NoReturn":
    """The program vzhook-external."""
    leave(_run(_external, "start", sys.argv[1:]))


def mount() -> "NoReturn":
    """The program vzhook-mount."""
    leave(_run(_mount, "mount", sys.argv[1:]))


def umount() -> "NoReturn":
    """The program vzhook-umount."""
    _run(_umount, "stop", sys.argv[1:])
    leave(0)


def leave(code: int) -> "NoReturn":
    """Leave at once: taking the interpreter down in order costs as long as half of its start."""
    try:
        sys.stderr.flush()  # traces; everything else is written directly
    except (OSError, ValueError, AttributeError):
        pass  # closed, full, or not there at all
    os._exit(code)


def _external(event: record.Event, words: "List[str]", say: "Callable[[str], None]") -> str:
    if words[:1] == ["delif"] and len(words) >= 2:
        event.action, event.device = "leave", names.interface(words[1])
        actions.leave(event.veid, Call("delif", event.device, environment=os.environ), say)
        return "%s: left its network" % event.device
    if words[:2] == ["init", "veth"] and len(words) >= 3:
        call = Call("init", names.interface(words[2]))
    elif words[:1] == ["addif"] and len(words) >= 2:
        # vznetcfg hands its words on unquoted, so a network's name may arrive in pieces
        call = Call("addif", names.interface(words[1]), " ".join(words[2:]), os.environ)
    elif not words:
        call = Call("every")
    else:
        raise Expected("%s: %s" % (" ".join(words), USAGE))
    event.device = call.device
    count = actions.start(event.veid, call, say)
    return "%s: network set up" % (call.device or "%d devices" % count)


def _mount(event: record.Event, words: "List[str]", say: "Callable[[str], None]") -> str:
    actions.validate(event.veid, say)
    return "configuration is right"


def _umount(event: record.Event, words: "List[str]", say: "Callable[[str], None]") -> str:
    return "network taken down (%d devices)" % actions.stop(event.veid, say)


def _run(hook: "Callable[[record.Event, List[str], Callable[[str], None]], str]", action: str,
         words: "List[str]") -> int:
    """Run one hook in surroundings of our own; return 0 or 1, note what happened and how long it took."""
    inherited, mask = dict(os.environ), os.umask(0o077)
    veid = os.environ.get("VEID", "")
    event = record.Event(action, veid)

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
        done = hook(event, words, say)
        log.write(log.INFO, "CT %s %s in %.3f s" % (veid, done, event.seconds))
        event.end(record.DONE)
        return 0
    except Elsewhere as elsewhere:
        log.write(log.INFO, "CT %s has none of our variables: %s" % (veid, elsewhere.script))
        event.end(record.ELSEWHERE)
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
    log.write(log.ERROR, "CT %s %s failed after %.3f s" % (veid, hook.__name__.strip("_"), event.seconds))
    if names.is_veid(veid):
        event.end(record.FAILED)
    return 1
