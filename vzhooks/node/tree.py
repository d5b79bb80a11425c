"""The files of a distribution below a directory, as `vzhook node export` reads and writes them."""
import os
from typing import List, NamedTuple, Optional

HEADER = "# Made by 'vzhook node' from /etc/vz/vzhooks.conf: change that instead. Edited files count as yours.\n"


class File(NamedTuple):
    """A file to be written: its path below /, its text, the mode that it gets where it is not there yet."""

    path: str
    text: str
    mode: int = 0o644


class Tree:
    """What lies below a directory TOP, "" for /, as it would lie below /."""

    def __init__(self, top: str) -> None:
        self.top = top.rstrip("/")

    def real(self, path: str) -> str:
        return self.top + "/" + path

    def is_directory(self, path: str) -> bool:
        return os.path.isdir(self.real(path))

    def names(self, directory: str) -> List[str]:
        """What a directory holds, sorted; [] where there is none."""
        return sorted(os.listdir(self.real(directory))) if self.is_directory(directory) else []

    def text(self, path: str) -> Optional[str]:
        """A file's text, every byte of it as it is; None where there is no such file."""
        if not os.path.isfile(self.real(path)):
            return None
        with open(self.real(path), encoding="utf-8", errors="surrogateescape", newline="") as file:
            return file.read()
