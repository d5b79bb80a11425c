"""How the command line speaks: what it does on stdout, what is wrong on stderr."""
import os
import shutil
import sys
from typing import Tuple

import click


def show(command: str) -> None:
    """Each command as it runs, as wg-quick does."""
    quietly("[#] " + command, False)


def say(message: str) -> None:
    """A warning or an error."""
    quietly(message, True)


def quietly(message: str, err: bool) -> None:
    """Print, but never let a reader who has gone, or a full disk, stop the work halfway."""
    try:
        click.echo(message, err=err)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2 if err else 1)


def coloured() -> bool:
    """Whether stdout is a terminal whose user has not declined colours (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def beyond_ascii() -> bool:
    """Whether the locale has more than ASCII.  LC_CTYPE=C.UTF-8 is what Python itself makes of LANG=C (PEP 538)."""
    kind = os.environ.get("LC_CTYPE", "")
    said = os.environ.get("LC_ALL") or (kind if kind != "C.UTF-8" else "") or os.environ.get("LANG", "")
    return "utf8" in said.lower().replace("-", "") and "utf" in (sys.stdout.encoding or "").lower()


def size() -> Tuple[int, int]:
    """Columns and lines; a serial console says 0 of both, which Python before 3.8 believes."""
    found = shutil.get_terminal_size()
    return found.columns or 80, found.lines or 24
