"""What can go wrong and is no bug.  Hot path: standard library only."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Sequence


class Expected(Exception):
    """A failure of the surroundings, not of the program: its text is the whole message, and no traceback is wanted."""


class Elsewhere(Exception):
    """Not ours: [node] else_script sets up the network of containers without our variables."""

    def __init__(self, script: str) -> None:
        super().__init__(script)
        self.script = script


class ConfigError(Expected):
    """Mistakes in conf files, all at once; each is `FILE:LINE: what was found; what is wanted`."""

    def __init__(self, mistakes: "Sequence[str]") -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = list(mistakes)


def reason(error: BaseException) -> str:
    """What people are told of a failure: of one that the kernel names, the file and why, without its number."""
    if isinstance(error, OSError) and error.filename:
        return "%s: %s" % (error.filename, error.strerror)
    return str(error)
