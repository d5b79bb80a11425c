"""/etc/vz/vzhooks.conf: an INI file about the node; a missing one is an empty one.

configparser knows no line numbers and stops at the first mistake, so the lines are read here: `[section NAME]`,
`key = value`, `#` or `;` at the start of a line or behind a space for comments.
"""
import os
import stat
from typing import Callable, Dict, List, NamedTuple, Tuple

from vzhooks import names, values
from vzhooks.mistakes import Mistake, shown
from vzhooks.process import TIMEOUT

LATER = ("bridge", "network", "overlay", "announce", "floating")  # sections of design.md that no command reads yet


class Setting(NamedTuple):
    value: str
    where: str


class NodeConf(NamedTuple):
    """The settings of [node], checked; mistakes are all mistakes of the file."""

    timeout: float = TIMEOUT  # seconds for one command
    on_error: str = "fail"  # fail | warn
    ct_exec: str = "auto"  # auto | netns | vzctl
    bridge_tool: str = "auto"  # auto | ip | brctl
    else_script: str = ""  # EXTERNAL_SCRIPT of containers without our variables; "": as stock
    mistakes: Tuple[Mistake, ...] = ()


def _seconds(text: str) -> float:
    return float(names.number(text, 1, 3600))


def _program(text: str) -> str:
    if not text.startswith("/") or not os.path.isfile(text) or not os.access(text, os.X_OK):
        raise ValueError("the path of a program that can be run is wanted")
    if os.stat(text).st_mode & stat.S_IWOTH:
        raise ValueError("a program that not everybody can write to is wanted, since root runs it")
    return text


SETTINGS: Dict[str, Callable[[str], object]] = {
    "timeout": _seconds,
    "on_error": lambda text: values.choice(text, "fail", "warn"),
    "bridge_tool": lambda text: values.choice(text, "auto", "ip", "brctl"),
    "else_script": _program,
    "ct_exec": lambda text: values.choice(text, "auto", "netns", "vzctl"),
}


class Section(Dict[str, Setting]):
    """The settings of one section by their keys, and where it begins."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self.where = where


def sections(path: str, text: str) -> Tuple[Dict[str, Section], List[Mistake]]:
    """Given the text of an INI file, return its sections by name and the mistakes of its form."""
    found: Dict[str, Section] = {}
    mistakes: List[Mistake] = []
    current = None
    for number, row in enumerate(text.split("\n"), 1):
        where = "%s:%d" % (path, number)
        row = _without_comment(row).strip()
        key, equals, value = row.partition("=")
        if not row:
            continue
        if row.startswith("["):
            name = " ".join(row[1:].rstrip("]").split())
            if not row.endswith("]") or not name or "[" in name or "]" in name:
                mistakes.append(Mistake(where, "'%s'" % shown(row), "[SECTION] or [SECTION NAME] is wanted"))
                current = Section(where)  # what follows belongs to nothing that we know
            elif name in found:
                mistakes.append(Mistake(where, "section [%s] a second time" % shown(name), "one section is wanted"))
            else:
                current = found[name] = Section(where)
        elif not equals or not key.strip():
            mistakes.append(Mistake(where, "'%s'" % shown(row), "key = value is wanted"))
        elif current is None:
            mistakes.append(Mistake(where, "'%s' before any section" % shown(row), "[node] or another is wanted"))
        elif key.strip() in current:
            mistakes.append(Mistake(where, "'%s' a second time" % shown(key.strip()), "one is wanted"))
        else:
            current[key.strip()] = Setting(value.strip(), where)
    return found, mistakes


def _without_comment(row: str) -> str:
    if row.lstrip().startswith(("#", ";")):
        return ""
    positions = [row.find(mark) for mark in (" #", "\t#", " ;", "\t;")]
    return row[:min(position for position in positions + [len(row)] if position >= 0)]


def read(path: str, text: str) -> NodeConf:
    """Given the text of vzhooks.conf, return its settings; a setting with a mistake keeps its default."""
    found, mistakes = sections(path, text)
    settings: Dict[str, object] = {}
    for name, section in found.items():
        if name.split()[0] in LATER:
            continue
        if name != "node":
            mistakes.append(Mistake(section.where, "section [%s]" % shown(name),
                                    "[node], [%s] is wanted" % "], [".join(LATER)))
            continue
        for key, setting in section.items():
            try:
                if key not in SETTINGS:
                    raise ValueError("one of %s is wanted" % ", ".join(sorted(SETTINGS)))
                settings[key] = SETTINGS[key](setting.value)
            except ValueError as error:
                mistakes.append(Mistake(setting.where, "%s = %s" % (shown(key), shown(setting.value)), str(error)))
    return NodeConf(mistakes=tuple(mistakes), **settings)  # type: ignore[arg-type]
