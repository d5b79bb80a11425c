"""Plan lines about public addresses that need no other tool's state: whose they are, and flows of an earlier holder.

    claim ADDRESS for VEID        one container at a time; a file below /run/vzhooks/claims
    release ADDRESS of VEID       its connections are forgotten, too
    forget ADDRESS to PRIVATE     connection tracking entries of the address; only when the line is new

Hot path, of the containers that have such addresses.
"""
import os

from vzhooks import journal, names, paths, process, store
from vzhooks.errors import Expected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List


def run(words: "List[str]", timeout: float) -> None:
    """Carry a line out, given as its words.  Raise Expected, OSError."""
    verb, address, _, rest = words
    if verb == "claim":
        claim(address, rest)
    elif verb == "release":
        release(address, rest, timeout)
    else:
        said = forget(address, timeout)
        if said:
            raise Expected(said)


class Taken(Expected):
    """The address is another container's; the text names both."""


def claim(address: str, veid: str) -> None:
    """Note that ADDRESS is VEID's.  Raise Taken, OSError."""
    path = paths.run("claims", address)
    with store.Lock(paths.run("claims")):
        other = holder(address)
        if other == veid:
            return
        if holds(other, address):
            raise Taken("%s is wanted by CT %s, but CT %s has it" % (address, veid, other))
        # What a crash has left is overwritten.
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        try:
            os.write(fd, veid.encode())
        except OSError:  # disk full
            os.unlink(path)
            raise
        finally:
            os.close(fd)


def holder(address: str) -> str:
    """The container that has a public address, "" for none.  Raise store.Unusable."""
    return (store.read_trusted(paths.run("claims", address)) or "").strip()


def holds(veid: str, address: str) -> bool:
    """Whether a container's journal says that it has an address."""
    if not names.is_veid(veid):
        return False  # half written, or none
    try:
        lines = journal.read(veid, journal.BEFORE_START)
    except Expected:
        return False
    return any(line.command == "claim %s for %s" % (address, veid) for line in lines)


def release(address: str, veid: str, timeout: float) -> None:
    """The address is nobody's, and the connections to it are forgotten; unless it is another's by now."""
    path = paths.run("claims", address)
    if holder(address) != veid:
        return
    try:
        forget(address, timeout)  # without the lock: it can take its time
    except Expected:
        pass  # no conntrack; lint says so
    with store.Lock(paths.run("claims")):
        if holder(address) == veid:
            os.unlink(path)


def forget(address: str, timeout: float) -> str:
    """Remove the entries of connections to a public address, and of those that left by it.  "" or why not."""
    family = "ipv6" if ":" in address else "ipv4"
    children = [process.Child(["conntrack", "-D", "-f", family, direction, address], "")
                for direction in ("-d", "-q")]  # as sent, and as answered
    for result in process.run_all(children, timeout):
        if result.status != 0 and "0 flow entries" not in result.errors:
            return " ".join(result.errors.split()) or result.ended
    return ""
