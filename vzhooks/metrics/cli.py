"""The command `vzhook metrics`."""
import os
from typing import Optional

import click

from vzhooks import store
from vzhooks.arguments import NewFile
from vzhooks.metrics import tally, text


@click.command()
@click.option("--textfile", metavar="PATH", type=NewFile(),
              help="Replace this file, for node_exporter's textfile collector.")
def metrics(textfile: Optional[str]) -> None:
    """Print what the hooks did and what is set up, in Prometheus' text format."""
    page = text.page(tally.fold())
    if textfile is None:
        click.echo(page, nl=False)
    else:
        replace(textfile, page)


def replace(path: str, content: str) -> None:
    """Write a file whole or not at all, readable by everybody.  Raise OSError.

    Its directory may be another user's (Debian: prometheus), so no link of his is followed.
    """
    new = path + store.NEW  # the collector reads *.prom alone
    fd = store.create(new)
    try:
        with open(fd, "w", encoding="ascii") as file:
            os.fchmod(fd, 0o644)
            file.write(content)
        os.rename(new, path)
    except OSError:
        os.unlink(new)
        raise
