"""What brctl, Open vSwitch, nft and iptables already have of a plan's line.  Hot path."""
from vzhooks import facts, process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional


def holds(words: "List[str]", command: str, timeout: float) -> "Optional[bool]":
    """Whether all is as a command of one of these tools would make it; None where that cannot be told."""
    checks = {"brctl": _brctl, "ovs-vsctl": _ovs, "nft": _nft, "iptables": _iptables, "ip6tables": _iptables}
    check = checks.get(words[0])
    try:
        return check(words, command, timeout) if check else None
    except process.MissingCommand:
        return False  # the command itself will say so


def _brctl(words: "List[str]", command: str, timeout: float) -> "Optional[bool]":
    verb, bridge = words[1:3]
    bridge_file = "/sys/class/net/%s/bridge/" % bridge
    if verb == "addbr":
        return facts.kind(bridge) == "linux"
    if verb == "addif":
        return facts.master(words[3]) == bridge
    if verb == "stp":
        return facts.file(bridge_file + "stp_state") == {"on": "1", "off": "0"}[words[3]]
    return facts.file(bridge_file + "forward_delay") == "%d00" % int(words[3]) if verb == "setfd" and words[3] != "0" \
        else facts.file(bridge_file + "forward_delay") == "0" if verb == "setfd" else None


def _ovs(words: "List[str]", command: str, timeout: float) -> "Optional[bool]":
    """Each part of `ovs-vsctl --may-exist add-br|add-port ... -- set TABLE RECORD COLUMN[:KEY]=VALUE ...`."""
    for part in command[len("ovs-vsctl "):].split(" -- "):
        words = [word for word in part.split() if not word.startswith("--")]
        if words[0] == "add-br":
            good = _ask(["br-exists", words[1]], timeout) is not None
        elif words[0] == "add-port":
            good = _ask(["port-to-br", words[2]], timeout) == words[1]
        elif words[0] == "set":
            good = all(_is_set(words[1:3], setting, timeout) for setting in words[3:])
        else:
            return None
        if not good:
            return False
    return True


def _is_set(record: "List[str]", setting: str, timeout: float) -> bool:
    column, _, value = setting.partition("=")
    return (_ask(["--if-exists", "get"] + record + [column], timeout) or "").strip('"') == value


def _ask(words: "List[str]", timeout: float) -> "Optional[str]":
    """What ovs-vsctl answers, None when it fails."""
    result = process.run(["ovs-vsctl", "--timeout=5"] + words, timeout=timeout)
    return result.output.strip() if result.status == 0 else None


def _nft(words: "List[str]", command: str, timeout: float) -> "Optional[bool]":
    """A transaction whose last rule has a comment: the rule is the last part, so with it everything is there."""
    _, rule, rest = command.rpartition("add rule ")
    _, mark, comment = rest.partition(' comment "')
    if not rule or not mark:
        return None
    chain = rest.split()[:3]  # FAMILY TABLE CHAIN
    result = process.run(["nft", "list", "chain"] + chain, timeout=timeout)
    return result.status == 0 and mark + comment in result.output


def _iptables(words: "List[str]", command: str, timeout: float) -> "Optional[bool]":
    argv = list(words)
    for old, new in (("-A", "-C"), ("-I", "-C"), ("-N", "-S")):
        if old in argv:
            argv[argv.index(old)] = new
            return process.run(argv, timeout=timeout).status == 0
    return None
