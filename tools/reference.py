"""docs/reference.md: all variables, settings, commands and exit codes, from where each is said; run, it writes it."""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import pages  # noqa: E402

from vzhooks import cli, floating, nodeconf  # noqa: E402
from vzhooks.node import bridge, network, overlay  # noqa: E402
from vzhooks.routing import settings as announce  # noqa: E402

PATH = os.path.join(pages.REPOSITORY, "docs", "reference.md")
HEAD = """# Reference

Made by `make reference` from the README's table of variables, from etc/vz/vzhooks.conf, from the settings that the code
knows and from the help texts. The same is in vzhook(8) and vzhooks.conf(5).

"""
SECTIONS = (("node", nodeconf.SETTINGS), ("bridge NAME", bridge.SETTINGS), ("overlay NAME", overlay.SETTINGS),
            ("network NAME", network.SETTINGS), ("announce", announce.SETTINGS), ("floating", floating.SETTINGS))
EXITS = """## Exit codes

| program | code | meaning |
|---|---|---|
| vzhook | 0 | done, or as planned |
| vzhook | 1 | failed, or drift |
| vzhook | 2 | usage, or a mistake in a conf file |
| vzhook-external | 0 | the network is set up |
| vzhook-external | 1 | it is not: vzctl ends the start |
| vzhook-mount | 0 | the container may start |
| vzhook-mount | 1 | a mistake in its conf, or what it needs cannot be made: vzctl ends the start |
| vzhook-umount | 0 | always: any other would leave the container half stopped; what failed is in syslog |

A container without our variables ends with the code of `[node] else_script`, where there is one.
"""


def text():
    """The whole page."""
    readme = pages.read("README.md")
    variables = re.search(r"(?s)## Variables of a container\n(.*?)\n## ", readme).group(1)
    variables = variables.replace("](docs/", "](").replace("](etc/", "](../etc/")
    rows = ["## Variables of a container\n", variables, "\n\n## Settings of vzhooks.conf\n\n"]
    rows += ["`[%s]`: %s\n\n" % (title, ", ".join("`%s`" % key for key in sorted(keys))) for title, keys in SECTIONS]
    settings = pages.conf_page(pages.read(pages.CONF)).replace("## DESCRIPTION\n\n", "").replace("\n: ", "  \n")
    rows += [settings, "## Commands\n\n"]
    for names, command in pages.commands(cli.whole(), ()):
        rows.append("### %s\n\n%s" % (pages.usage(names, command), pages.paragraphs(command.help)))
        options = [one for one in command.params if one.param_type_name == "option"]
        rows += ["- `%s`: %s\n" % (pages.option(one), one.help) for one in options] + ["\n"] * bool(options)
    return HEAD + "".join(rows) + EXITS


if __name__ == "__main__":
    with open(PATH, "w", encoding="utf-8", newline="\n") as page:
        page.write(text())
