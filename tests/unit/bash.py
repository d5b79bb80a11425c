"""The oracle: what bash itself makes of conf texts.  Many texts in one bash, each in a subshell of its own."""
import os
import shutil
import subprocess
from typing import Dict, List, NamedTuple, Optional, Sequence

SCRIPT = r"""
set +H
ulimit -t 20
_own=" $(compgen -v | tr '\n' ' ') FUNCNAME PIPESTATUS OPTIND _ _own _name file "
PATH=/nonexistent
for file in "$1"/*.conf; do
    ( . "$file" </dev/null >/dev/null 2>"$file.err"
      for _name in VEID $(compgen -v); do
          case $_own in *" $_name "*) [ "$_name" = VEID ] || continue ;; esac
          [ -z "${!_name+set}" ] || builtin printf '%s=%s\0' "$_name" "${!_name}"
      done >"$file.out" )
done
exit 0
"""


class Seen(NamedTuple):
    """What bash saw: the variables (None when it gave up), and whether it called the text a syntax error."""

    variables: Optional[Dict[str, str]]
    syntax_error: bool
    errors: str


def seen(directory: str, texts: Sequence[str]) -> List[Seen]:
    """Source each text in an empty bash that can run no program; return what it saw."""
    os.makedirs(directory, exist_ok=True)
    for name in os.listdir(directory):
        os.unlink(os.path.join(directory, name))
    for number, text in enumerate(texts):
        with open("%s/%06d.conf" % (directory, number), "wb") as file:
            file.write(text.encode("utf-8", "surrogateescape"))
    subprocess.run([str(shutil.which("bash")), "--norc", "-c", SCRIPT, "bash", directory], check=True, timeout=60,
                   env={"PATH": "/usr/bin:/bin", "HOME": "/home/of/bash", "VEID": "101"},
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return [_one("%s/%06d.conf" % (directory, number)) for number in range(len(texts))]


def _one(path: str) -> Seen:
    errors = _read(path + ".err") or ""
    output = _read(path + ".out")
    variables = None
    if output is not None:
        pairs = [row.partition("=") for row in output.split("\0") if row]
        variables = {name: value for name, _, value in pairs}
    # What is wrong between backticks bash says when it runs that; it reads the file on.
    said = [row for row in errors.splitlines() if "command substitution:" not in row]
    return Seen(variables, any("syntax error" in row or "unexpected EOF" in row for row in said), errors)


def _read(path: str) -> Optional[str]:
    try:
        with open(path, "rb") as file:
            return file.read().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return None
