"""What is special about Open vSwitch: ports that outlive their device, errors with exit code 0, announcements."""
from vzhooks import process
from vzhooks.batch import Command, Failure, run
from vzhooks.inside import Inside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Sequence


def is_bridge(name: str) -> bool:
    """Whether NAME is a bridge of this node's Open vSwitch; False where that is not installed or does not run."""
    return _asked("br-exists", name) is not None


def is_our_bridge(name: str) -> bool:
    """Whether a bridge of Open vSwitch is one that we made."""
    return _asked("br-get-external-id", name, "owner") == "vzhooks"


def bridge_of(port: str) -> str:
    """The Open vSwitch bridge that a port is in, "" where it is in none."""
    return _asked("port-to-br", port) or ""


def ports(bridge: str) -> "List[str]":
    """The ports of an Open vSwitch bridge."""
    return (_asked("list-ports", bridge) or "").split()


def tunnels() -> "List[str]":
    """Our ports to other nodes, of all bridges."""
    return _interfaces("type=vxlan")


def is_our_port(name: str) -> bool:
    """Whether Open vSwitch has a port of that name that we made (external-ids:owner=vzhooks)."""
    return name in _interfaces("name=" + name)


def _interfaces(condition: str) -> "List[str]":
    """Those of our interfaces that meet a condition."""
    found = _asked("--bare", "--columns=name", "find", "Interface", condition, "external_ids:owner=vzhooks")
    return (found or "").split()


def _asked(*words: str) -> "Optional[str]":
    """What ovs-vsctl prints, without space around it; None where it fails, does not run or is not installed."""
    try:
        found = process.run(("ovs-vsctl", "--timeout=5") + words)
    except process.MissingCommand:
        return None
    return found.output.strip() if found.status == 0 else None


def forget_stale(command: Command, inside: Inside, timeout: float) -> "Optional[Failure]":
    """Before a device's first `add-port`: remove a port of that name, which is one of an earlier life.

    A veth that was deleted and made again leaves a port that looks sound and forwards nothing.  del-port and add-port
    as two commands cure it, in one transaction they do not (field-notes.md, OVS).
    """
    port = _port(command)
    if port is None:
        return None
    return run([Command("host", "ovs-vsctl --if-exists del-port " + port, False, command.origin)], inside, timeout)


def port_error(command: Command, timeout: float) -> str:
    """The `error` column of the port that a command has added, "" when it is sound."""
    port = _port(command)
    return error_of(port, timeout) if port else ""


def error_of(port: str, timeout: float = process.TIMEOUT) -> str:
    """The same of a port by its name."""
    result = process.run(["ovs-vsctl", "--timeout=%d" % timeout, "get", "Interface", port, "error"])
    said = result.output.strip()
    return "" if said == "[]" else said.strip('"') or result.errors.strip()


def number_of(port: str, timeout: float = process.TIMEOUT) -> str:
    """The number by which the switch knows a port."""
    return process.run(["ovs-vsctl", "--timeout=%d" % timeout, "get", "Interface", port, "ofport"]).output.strip()


def announce(frame: bytes, bridge: str, port: str, timeout: float) -> None:
    """Send a frame as if the container had sent it on its port.  Raise OSError.

    A frame sent on the bridge device would teach the switch that the container's MAC is LOCAL (field-notes.md, GARP).
    """
    ofport = number_of(port, timeout)
    result = process.run(["ovs-ofctl", "packet-out", bridge, ofport, "NORMAL", frame.hex()], timeout=timeout)
    if result.status != 0:
        raise OSError("ovs-ofctl packet-out: %s" % " ".join(result.errors.split()))


def change_flows(commands: "Sequence[Command]", timeout: float) -> "Optional[Failure]":
    """Carry out lines `ovs-ofctl add-flow|del-flows BRIDGE FLOW`: neighbours for one bridge are one transaction."""
    rest = list(commands)
    while rest:
        bridge = rest[0].text.split()[2]
        count = [command.text.split()[2] == bridge for command in rest + [Command("", "- - /", False, "")]].index(False)
        text = "".join("%s %s\n" % ("add" if words[1] == "add-flow" else "delete", words[3])
                       for words in (command.text.split() for command in rest[:count]))
        try:
            result = process.run(["ovs-ofctl", "--bundle", "add-flows", bridge, "-"], text, timeout)
        except process.MissingCommand as error:
            return Failure(len(commands) - len(rest), str(error))
        if result.status != 0:
            said = " ".join((result.errors or result.output).split()) or result.ended
            return Failure(len(commands) - len(rest), said, result.status is None or result.status < 0)
        rest = rest[count:]
    return None


def _port(command: Command) -> "Optional[str]":
    """The port of `ovs-vsctl [--may-exist] add-port BRIDGE PORT ...`."""
    words = command.text.split()
    return words[words.index("add-port") + 2] if "add-port" in words[:-2] else None
