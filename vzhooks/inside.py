"""Runs `ip` inside one container.  Hot path: standard library only.

With the node's own ip in the container's network namespace where that has a name, which needs no `ip` inside; else
through one `vzctl exec` a batch (the 2.6.32 vz kernel): constant words as arguments, values on standard input.
"""
import os

from vzhooks import netns, paths, process
from vzhooks.errors import Expected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Sequence

MARK = "Command failed -:"  # how `ip -batch` names a line; ours names it alike


class NotThere(Expected):
    """The container cannot be entered, or is not behind this interface; the text says why and what helps."""


class NoWay(NotThere):
    """The container may well be there, but the node's settings leave no way inside."""


def batch_text(lines: "Sequence[str]") -> str:
    """What `ip -batch -` reads."""
    return "".join(line + "\n" for line in lines)


class Inside:
    """The inside of container VEID behind DEVICE, entered as CT_EXEC (auto, netns, vzctl) says."""

    def __init__(self, veid: str, device: str, ct_exec: str = "auto") -> None:
        self.held = -1  # a descriptor of the namespace that check() has seen
        self.veid = veid
        self.device = device
        self.ct_exec = ct_exec
        self.named = netns.has_name(veid)
        self.by_vzctl = ct_exec == "vzctl" or not self.named

    def __del__(self) -> None:
        if self.held >= 0:
            os.close(self.held)

    @property
    def argv(self) -> "List[str]":
        """The words before the options of an `ip` inside.

        `ip -n NAME` opens /var/run/netns/NAME.  That may be another namespace by then, so NAME leads to the one that
        was checked.
        """
        if self.by_vzctl:
            return ["vzctl", "exec", self.veid, "ip"]
        return ["ip", "-n", self.veid if self.held < 0 else "../../../proc/%d/fd/%d" % (os.getpid(), self.held)]

    def check(self) -> None:
        """Nothing is done before it is certain that DEVICE is this container's.  Raise NotThere, or NoWay."""
        if self.ct_exec == "netns" and not self.named:
            raise NoWay("CT %s: its network namespace has no name here, and ct_exec is netns; ct_exec = auto in "
                        "vzhooks.conf goes through 'vzctl exec'" % self.veid)
        doubt = None
        if self.named:
            try:
                self.held = self.held if self.held >= 0 else netns.hold(self.veid)
                doubt = netns.doubt_of(self.held, self.veid, self.device)
            except OSError as error:
                doubt = "%s: %s" % (paths.netns(self.veid), error.strerror)
            except netns.Unknown:
                if not self.by_vzctl:
                    from vzhooks import kernel  # the long way, on kernels without namespace ids

                    if kernel.peer_of(self.veid, self.device) is None:
                        doubt = "the other end of %s is not in its network namespace" % self.device
        elif netns.names_are_given():
            doubt = "it has no network namespace, as other containers of this node have; it does not run"
        if doubt:
            raise NotThere("CT %s: %s" % (self.veid, doubt))

    def ip(self, options: "Sequence[str]", lines: "Sequence[str]", timeout: float,
           first: "Optional[process.Result]" = None) -> process.Result:
        """Run `ip OPTIONS -batch -` inside on LINES (without the leading `ip`).  Raise MissingCommand, OSError.

        FIRST is the result when that has been run already, side by side with another batch.
        """
        result = first or process.run(self.argv + list(options) + ["-batch", "-"], batch_text(lines), timeout)
        if not self.by_vzctl or result.status in (0, None) or MARK in result.errors:
            return result
        from vzhooks import plain_ip  # rare: its ip knows no -batch, or it has none

        return plain_ip.run(self.veid, options, lines, timeout, result)
