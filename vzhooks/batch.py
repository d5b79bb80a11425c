"""Joins neighbouring plan lines into one process each, and says which line failed.  Hot path: standard library only.

`ip -batch` stops at the first error and names it by `Command failed -:LINE`; a line that it cannot parse ends it and
names none (field-notes.md, Tools): then the rest is run line by line to find it.
"""
from vzhooks import process, verbs
from vzhooks.errors import Expected
from vzhooks.inside import MARK, Inside, batch_text
from vzhooks.names import DIGITS
from vzhooks.verbs import Failure as Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Sequence, Tuple


class Broken(Expected):
    """A command did not end, was killed, or could not be started: what it did is unknown."""


class Command:
    """A command of a plan and where it runs: the plan's own line, or the one that undoes it."""

    __slots__ = ("place", "text", "may_fail", "origin", "vital")

    def __init__(self, place: str, text: str, may_fail: bool, origin: str, vital: bool = False) -> None:
        self.place = place
        self.text = text
        self.may_fail = may_fail
        self.origin = origin
        self.vital = vital

    @property
    def tool(self) -> str:
        """What neighbours must have in common to become one process; IPv6 rules are a batch of their own."""
        tool = self.text.partition(" ")[0]
        inside = "ct " if self.place == "ct" else ""
        return inside + ("ip -6" if self.text.startswith("ip -6 ") else tool)

    def __str__(self) -> str:
        return "%-5s %s" % (self.place, self.text)


def split(commands: "Sequence[Command]", forced: bool = False) -> "List[List[Command]]":
    """Neighbours of one tool together.  In a transaction nothing that may fail is with what may not, and on Open
    vSwitch alone, unless run_forced() runs it.
    """
    batches: List[List[Command]] = []
    for command in commands:
        last = batches[-1][-1] if batches else None
        if last and last.tool == command.tool and (forced or _together(last, command)):
            batches[-1].append(command)
        else:
            batches.append([command])
    return batches


def _together(last: Command, command: Command) -> bool:
    return command.tool not in WHOLE or last.may_fail == command.may_fail and not (
        command.may_fail and command.tool == "ovs-vsctl")


def run(commands: "Sequence[Command]", inside: Inside, timeout: float,
        first: "Optional[process.Result]" = None) -> "Optional[Failure]":
    """Run commands of one tool; return the first failure (behind it nothing was run), None when all went well.

    FIRST is the result of an ip batch that was run already, side by side with another.
    """
    tool = commands[0].tool
    try:
        if tool in IP:
            return _judge(commands, inside, timeout, first)
        if tool in RUNNERS:
            return RUNNERS[tool](commands, inside, timeout)
    except Expected as error:
        return Failure(0, str(error), isinstance(error, Broken))
    for index, command in enumerate(commands):
        try:
            result = _process(command.text.split(), "", timeout)
        except Expected as error:
            return Failure(index, str(error), isinstance(error, Broken))
        if result.status != 0:
            return Failure(index, _said(result))
    return None


def run_forced(commands: "Sequence[Command]", inside: Inside, timeout: float) -> "List[Tuple[Command, Failure]]":
    """Run all commands of one tool, whatever fails; return those that failed."""
    failures: List[Tuple[Command, Failure]] = []
    rest = list(commands)
    if commands[0].tool in IP:
        try:
            result = _ip(rest, inside, timeout, force=True)
        except Expected as error:
            return [(command, Failure(0, str(error), True)) for command in rest]
        if result.status == 0:
            return []
        failed = _failed_lines(result.errors, len(rest))
        failures = [(rest[one.index], one) for one in failed]
        if failed and not _unnamed(result.errors):
            return failures
        # A line that it could not parse ended it without being named; to do again what is undone does no harm.
        rest = rest[failed[-1].index + 1:] if failed else rest
    if commands[0].tool in WHOLE and len(rest) > 1 and not (commands[0].tool == "nft" and commands[0].may_fail):
        failure = run(rest, inside, timeout)
        if failure and failure.unknown:
            return [(command, failure) for command in rest]
        # One that fails has taken the others along: each by itself.
        alone = [(command, run([command], inside, timeout)) for command in rest] if failure else []
        return [(command, failure) for command, failure in alone if failure]
    while rest:
        failure = run(rest, inside, timeout)
        if failure is None:
            break
        failures.append((rest[failure.index], failure))
        rest = rest[failure.index + 1:]
    return failures


def run_side_by_side(host: "Sequence[Command]", ct: "Sequence[Command]", inside: Inside,
                     timeout: float) -> "Sequence[Optional[process.Result]]":
    """Run an ip batch of the node and one inside at the same time; run() says what their results mean.

    Where they cannot be started there are no results, and run() will say why.
    """
    children = []
    for commands, argv in ((host, ["ip"]), (ct, inside.argv)):
        options, lines = _ip_words(commands)
        children.append(process.Child(argv + options + ["-batch", "-"], batch_text(lines)))
    try:
        return process.run_all(children, timeout)
    except (OSError, Expected):
        return None, None


def independent(host: "Sequence[Command]", ct: "Sequence[Command]") -> bool:
    """Whether two neighbouring batches may run at the same time: the node's makes nothing that the other needs."""
    return host[0].tool == "ip" and host[0].place == "host" and ct[0].tool == "ct ip" \
        and all(command.text.startswith(("ip link set dev ", "ip route add ")) and " netns " not in command.text
                for command in host)


def _judge(commands: "Sequence[Command]", inside: Inside, timeout: float,
           first: "Optional[process.Result]") -> "Optional[Failure]":
    """Run an ip batch, unless FIRST is its result already, and find the line that failed.  Raise Expected."""
    result = _ip(commands, inside, timeout, first=first)
    if result.status == 0:
        return None
    failed = _failed_lines(result.errors, len(commands))
    if failed:
        return failed[0]
    if len(commands) == 1:
        return Failure(0, _said(result))
    for index, command in enumerate(commands):
        alone = _ip([command], inside, timeout)
        if alone.status != 0:
            return Failure(index, _said(alone))
    return None


def _ip(commands: "Sequence[Command]", inside: Inside, timeout: float, force: bool = False,
        first: "Optional[process.Result]" = None) -> process.Result:
    """Run an ip batch where its commands belong; FIRST is its result when it has been run already."""
    options, lines = _ip_words(commands)
    if force:
        options.insert(0, "-force")
    try:
        if commands[0].place == "ct":
            return _ended(inside.ip(options, lines, timeout, first), timeout)
        return _ended(first or process.run(["ip"] + options + ["-batch", "-"], batch_text(lines), timeout), timeout)
    except OSError as error:
        raise Broken("ip: %s" % error.strerror) from None


def _ip_words(commands: "Sequence[Command]") -> "Tuple[List[str], List[str]]":
    """The options of `ip` and the lines behind them."""
    options = ["-6"] if commands[0].tool.endswith("-6") else []
    skip = len("ip -6 " if options else "ip ")
    return options, [command.text[skip:] for command in commands]


def _failed_lines(errors: str, count: int) -> "List[Failure]":
    """The lines of COUNT that an `ip -batch` names as failed, each with what was said above it.

    What a container's own ip prints is its owner's: a number that cannot be one is text like any other.
    """
    found = []
    said: List[str] = []
    for row in errors.splitlines():
        number = row[len(MARK):] if row.startswith(MARK) else ""
        if number and len(number) < 9 and not set(number) - DIGITS and 1 <= int(number) <= count:
            found.append(Failure(int(number) - 1, " ".join(said)))
            said = []
        else:
            said.append(row.strip())
    return found


def _unnamed(errors: str) -> bool:
    """Whether something was said behind the last line that was named."""
    return bool(errors.rpartition(MARK)[2].partition("\n")[2].strip())


def _run_nft(commands: "Sequence[Command]", inside: Inside, timeout: float) -> "Optional[Failure]":
    """One transaction: all or nothing."""
    # A part a line, so that nft's errors show that part.  Behind ` ;` in braces goes on what stands before it.
    text = "".join(command.text[len("nft "):].replace("; ", "\n").replace(" \n", " ; ") + "\n" for command in commands)
    result = _process(["nft", "-f", "-"], text, timeout)
    if result.status == 0 or len(commands) == 1 or not commands[0].may_fail:
        return None if result.status == 0 else Failure(0, _said(result))
    for index, command in enumerate(commands):  # none was done; which of them cannot be is not for us to guess
        failure = _run_nft([command], inside, timeout)
        if failure:
            return Failure(index, failure.message)
    return None


def _run_ovs(commands: "Sequence[Command]", inside: Inside, timeout: float) -> "Optional[Failure]":
    """One transaction: all or nothing."""
    argv = ["ovs-vsctl", "--timeout=%d" % timeout]
    for command in commands:
        argv += ["--"] + command.text.split()[1:]
    result = _process(argv, "", timeout)
    if result.status == 0 and result.errors:
        # A port of a missing device is added with exit code 0; only its `error` column tells (field-notes.md).
        from vzhooks import ovs

        for index, command in enumerate(commands):
            error = ovs.port_error(command, timeout)
            if error:
                return Failure(index, error)
    return None if result.status == 0 else Failure(0, _said(result))


def _run_flows(commands: "Sequence[Command]", inside: Inside, timeout: float) -> "Optional[Failure]":
    from vzhooks import ovs
    return ovs.change_flows(commands, timeout)


def _run_tables(commands: "Sequence[Command]", inside: Inside, timeout: float) -> "Optional[Failure]":
    """One by one; what is there is left alone, since iptables and ebtables would add it a second time."""
    from vzhooks.node.tools import Tools  # old nodes only

    tools = Tools(timeout)
    for index, command in enumerate(commands):
        words = command.text.split()
        held = tools.holds(command.text)
        if not held and words[0] == "ebtables" and "-N" in words:  # a chain that nobody jumps to was not finished
            for verb in "-F", "-X":
                _process([verb if word == "-N" else word for word in words], "", timeout)
        result = None if held else _process(words, "", timeout)
        if result and result.status != 0:
            return Failure(index, _said(result))
    return None


def _run_vtysh(commands: "Sequence[Command]", inside: Inside, timeout: float) -> "Optional[Failure]":
    from vzhooks.routing import entries  # few containers have such lines

    failed = entries.run([command.text[len("vtysh "):] for command in commands], timeout)
    return Failure(*failed) if failed else None


def _run_verbs(commands: "Sequence[Command]", inside: Inside, timeout: float) -> "Optional[Failure]":
    """Lines that need no process of their own."""
    return verbs.run([command.text.split() for command in commands], timeout)


IP = ("ip", "ip -6", "ct ip", "ct ip -6")
WHOLE = ("nft", "ovs-vsctl", "ovs-ofctl")  # transactions
RUNNERS = {
    "nft": _run_nft,
    "ovs-vsctl": _run_ovs,
    "ovs-ofctl": _run_flows,
    "ebtables": _run_tables,
    "iptables": _run_tables,
    "ip6tables": _run_tables,
    "vtysh": _run_vtysh,
}
RUNNERS.update({verb: _run_verbs for verb in verbs.VERBS})


def _process(argv: "List[str]", stdin: str, timeout: float) -> process.Result:
    """Run a process to its end.  Raise Broken when it could not be started or did not end."""
    try:
        return _ended(process.run(argv, stdin, timeout), timeout)
    except OSError as error:
        raise Broken("%s: %s" % (argv[0], error.strerror)) from None


def _ended(result: process.Result, timeout: float) -> process.Result:
    if result.status is None:
        raise Broken("%s: did not end within %g s and was killed" % (" ".join(result.argv), timeout))
    if result.status < 0:  # by a kernel out of memory, say; perhaps its work was done
        raise Broken("%s: %s" % (" ".join(result.argv), result.ended))
    return result


def _said(result: process.Result) -> str:
    return " ".join((result.errors or result.output).split()) or result.ended
