"""How the command line speaks: what it does on stdout, what is wrong on stderr."""
import os

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
