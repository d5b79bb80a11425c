"""The names that iproute2 gives to numbers of tables and protocols: listings have the one or the other.  Hot path."""
import os

from vzhooks import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List

DIRECTORIES = ("/usr/share/iproute2", "/usr/lib/iproute2", "/etc/iproute2")  # a later one's name counts


def numbers(kind: str) -> "Dict[str, str]":
    """{name: number} of KIND, rt_tables or rt_protos, from its files and those in KIND.d."""
    known = {}
    for path in files(kind):
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                rows = [row.split("#")[0].split() for row in file]
        except OSError:
            continue
        known.update({row[1]: _decimal(row[0]) for row in rows if len(row) >= 2})
    return known


def _decimal(number: str) -> str:
    """A number of such a file, where 0x210 is allowed, too."""
    try:
        return str(int(number, 16 if number.lower().startswith("0x") else 10))
    except ValueError:
        return number


def tables() -> "Dict[str, str]":
    """{name: number} of all tables that have a name, those of the kernel whatever the files say (rt_tables)."""
    return dict(numbers("rt_tables"), main="254", local="255", default="253")


def files(kind: str) -> "List[str]":
    """The files of KIND that there are or could be."""
    found = []
    for directory in DIRECTORIES:
        path = paths.rooted("%s/%s" % (directory, kind))
        found.append(path)
        try:
            found += [path + ".d/" + name for name in sorted(os.listdir(path + ".d")) if name.endswith(".conf")]
        except OSError:
            pass  # older iproute2 knows no such directory
    return found
