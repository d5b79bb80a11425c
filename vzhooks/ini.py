"""The form of vzhooks.conf: an INI file whose every value keeps the line that it stands in.

configparser knows no line numbers and stops at the first mistake, so the lines are read here: `[section NAME]`,
`key = value`, `#` or `;` at the start of a line or behind a space for comments.
"""
from typing import Callable, Dict, List, NamedTuple, Sequence, Tuple

from vzhooks.mistakes import Mistake, shown


class Setting(NamedTuple):
    value: str
    where: str


class Section(Dict[str, Setting]):
    """The settings of one section by their keys, and where it begins."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self.where = where


Check = Callable[[str, str], object]  # given a value and its FILE:LINE, the checked one, or ValueError


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
            name = " ".join(row[1:-1].split())
            if not row.endswith("]") or not name or "[" in name or "]" in name:
                mistakes.append(Mistake(where, "'%s'" % shown(row), "[SECTION] or [SECTION NAME] is wanted"))
                current = Section(where)  # what follows belongs to nothing that we know
            elif name in found:
                mistakes.append(Mistake(where, "section [%s] a second time" % shown(name), "one section is wanted"))
                current = found[name]
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


def values(section: Section, checks: Dict[str, Check], required: Sequence[str] = (),
           ) -> Tuple[Dict[str, object], List[Mistake]]:
    """The checked settings of a section, those with a mistake left out, and all mistakes."""
    found: Dict[str, object] = {}
    mistakes = []
    for key, setting in section.items():
        try:
            if key not in checks:
                raise ValueError("one of %s is wanted" % ", ".join(sorted(checks)))
            found[key] = checks[key](setting.value, setting.where)
        except ValueError as error:
            mistakes.append(Mistake(setting.where, "%s = %s" % (shown(key), shown(setting.value)), str(error)))
    for key in required:
        if key not in section:
            mistakes.append(Mistake(section.where, "no '%s' in this section" % key, "'%s = ...' is wanted" % key))
    return found, mistakes


def words(check: Callable[[str, str], object]) -> Check:
    """The check of a setting of several words, each of which CHECK takes; none twice."""
    def each(text: str, where: str) -> Tuple[object, ...]:
        found = text.split()
        if not found:
            raise ValueError("one or more words are wanted")
        made: List[object] = []
        for word in found:
            value = check(word, where)
            if value in made:  # the same in another spelling, too
                raise ValueError("each word once is wanted, '%s' is there twice" % shown(word))
            made.append(value)
        return tuple(made)
    return each
