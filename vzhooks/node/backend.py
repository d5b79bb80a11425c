"""What translates, marks and filters packets on this node: nft or iptables."""
import os
from typing import List, Tuple

from vzhooks import kernel, process
from vzhooks.errors import Expected
from vzhooks.mistakes import Mistake
from vzhooks.nodeconf import NodeConf


def choose(found: NodeConf) -> str:
    """As asked; else what the node's other rules use, nft where there are none and the kernel is new enough.

    Raise Expected.
    """
    asked = found.floating.backend
    nft, legacy = in_use() if asked == "auto" else (False, False)
    # Before 5.6 nft has no intervals within concatenations, which the filter needs (antispoof_node.j2).
    order = ("iptables", "nft") if legacy and not nft or kernel.older_than(5, 6) else ("nft", "iptables")
    for program in order if asked == "auto" else (asked,):
        if kernel.has_program(program):
            return program
    raise Expected("%s there, and must mark and translate packets; install %s"
                   % (("neither nft nor iptables is", "nftables") if asked == "auto" else (asked + " is not", asked)))


def in_use() -> Tuple[bool, bool]:
    """Whether somebody else's rules are nft's, and whether some are those of legacy iptables."""
    # Not `list tables`, for which nft 1.0.6 reads every element of them.
    tables = [row for row in _listing("nft", "list", "chains") if row.startswith("table ") and "vzhooks" not in row]
    legacy = any(_loaded(name) for name in ("ip_tables_names", "ip6_tables_names"))
    rows = _listing("iptables-legacy-save") or _listing("iptables-save") if legacy else []
    return bool(tables), any(row.startswith("-A ") and "vzhooks" not in row.lower() for row in rows)


def doubts(found: NodeConf) -> List[Mistake]:
    """What is said of a mixture: each of them sees the packets, and one's order of rules says nothing to the other."""
    if found.floating.backend == "auto" and found.floating.uplinks and all(in_use()):
        return [Mistake(found.floating.where, "rules of nft and of legacy iptables on one node",
                        "one of them is wanted; vzhooks takes nft ('backend = ...' says otherwise)")]
    return []


def _listing(*argv: str) -> List[str]:
    try:
        return kernel.listing(list(argv))
    except process.MissingCommand:
        return []


def _loaded(name: str) -> bool:
    try:
        with open(os.path.join("/proc/net", name)) as file:
            return file.read().strip() != ""
    except OSError:
        return False
