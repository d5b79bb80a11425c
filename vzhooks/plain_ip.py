"""A container whose ip has no -batch (busybox), or that has no ip at all, on a node that must use `vzctl exec`.

Its own sh reads the commands from standard input.  It is the one place where values meet a shell, and a shell of the
container's at that; so each word must be of an alphabet in which a shell sees nothing special.
"""
from typing import Sequence

from vzhooks import process
from vzhooks.inside import MARK, NotThere

ALPHABET = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:/_-+@")
NO_IP = 127  # sh: command not found
# busybox's ip knows no `nodad`.  With DAD, our own announcement of the address would be its duplicate (dadfailed).
NO_DAD = "echo 0 2>/dev/null >/proc/sys/net/ipv6/conf/%s/accept_dad\n"


def run(veid: str, options: Sequence[str], lines: Sequence[str], timeout: float,
        refused: process.Result) -> process.Result:
    """Run LINES one after another inside; the result names a failed line as `ip -batch` does.

    REFUSED is what `ip -batch` said there.  Raise NotThere when the container has no ip, MissingCommand or OSError.
    """
    words = [line.split() for line in lines]
    strange = [word for line in words for word in line if set(word) - ALPHABET]
    if strange:
        raise NotThere("CT %s: its ip has no -batch, and %r cannot be handed to a shell" % (veid, strange[0]))
    flags = [option for option in options if option != "-force"]
    stop = "" if "-force" in options else "; exit 1"
    script = "command -v ip >/dev/null || exit %d\n" % NO_IP
    for number, line in enumerate(words, 1):
        if line[-1] == "nodad":
            script += NO_DAD % line[line.index("dev") + 1]
            line = line[:-1]
        script += 'ip %s || { echo "%s%d" >&2%s; }\n' % (" ".join(flags + line), MARK, number, stop)
    result = process.run(["vzctl", "exec", veid, "sh"], script, timeout)
    if result.status == NO_IP:
        raise NotThere("CT %s: it has no 'ip', and this kernel gives its network namespace no name, so nothing could "
                       "be set inside: %s; install iproute2 or busybox in the container, or set its addresses there"
                       % (veid, "; ".join(lines)))
    if result.status != 0 and MARK not in result.errors:
        return refused  # not even a shell: what its ip said first says more
    return result
