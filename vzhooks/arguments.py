"""Words of the command line that are checked before anything is done: a wrong one is usage (exit code 2)."""
import os
from typing import Optional

import click

from vzhooks import log, names, paths
from vzhooks.errors import ConfigError


class Veid(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.4 on
    name = "VEID"

    def convert(self, value: str, param: Optional[click.Parameter], ctx: Optional[click.Context]) -> str:
        try:
            return names.veid(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Device(click.ParamType):  # type: ignore[type-arg]
    name = "DEV"

    def convert(self, value: str, param: Optional[click.Parameter], ctx: Optional[click.Context]) -> str:
        try:
            return names.interface(value)
        except ValueError as error:
            self.fail("'%s': %s" % (log.printable(value), error), param, ctx)


class NewFile(click.ParamType):  # type: ignore[type-arg]
    """A file to be written; the kernel's message would name the one that is written before the renaming."""

    name = "FILE"

    def convert(self, value: str, param: Optional[click.Parameter], ctx: Optional[click.Context]) -> str:
        directory = os.path.dirname(os.path.abspath(value))
        if not value or os.path.isdir(value) or not os.path.isdir(directory):
            self.fail("'%s': a file in a directory that exists is wanted" % log.printable(value), param, ctx)
        return value


def must_exist(veid: str) -> None:
    """A typing error in a VEID must not look like a container without a network."""
    path = paths.container_conf(veid)
    if not os.path.lexists(path):
        raise ConfigError(["%s:1: no such file; the conf of an existing container is wanted" % path])
