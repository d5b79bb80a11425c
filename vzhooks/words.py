"""Words of the command line that are checked: containers and interfaces."""
from typing import Optional

import click

from vzhooks import log, names


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
