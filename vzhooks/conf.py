"""Reads vz.conf and $VEID.conf as bash would see them, without ever running anything.

The files are shell: the wiki's hooks sourced them, vz.conf first.  So quotes, escapes, comments, `$NAME` and `${NAME}`
of earlier variables count as in bash(1); whatever bash would have to run or expand further (`$(...)`, backticks,
`${NAME:-...}`, globs of commands) is a mistake that names file and line, and the value is unknown.
"""
from typing import Dict, List, NamedTuple, Optional, Tuple

from vzhooks.mistakes import Mistake, shown

NAME_START = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
NAME = NAME_START | frozenset("0123456789")
ENDS_WORD = frozenset(" \t\n;")
SPECIAL = frozenset("|&<>()")
ONLY_ASSIGNMENTS = "only NAME=value is read from this file; nothing in it is run"


class Variable(NamedTuple):
    """One variable: its last value (None when a mistake makes it unknown) and where it was set (FILE:LINE)."""

    name: str
    value: Optional[str]
    where: str
    mistake: Optional[Mistake]


class Conf:
    """The variables of the files read so far, as bash would have them, and the mistakes of their syntax.

    `lost` are mistakes behind which nothing is certain (an unclosed quote, a command); a mistake inside one value
    belongs to its variable alone.
    """

    def __init__(self, **known: str) -> None:
        self.variables = {name: Variable(name, value, "the caller", None) for name, value in known.items()}
        self.lost: List[Mistake] = []

    def read(self, path: str, text: str) -> None:
        """Read one more file.  Windows line ends count as line ends: vzctl takes them so, too."""
        _Reader(path, text.replace("\r\n", "\n").rstrip("\r"), self).read()

    def get(self, name: str) -> Optional[Variable]:
        return self.variables.get(name)

    def of(self, path: str) -> Dict[str, Variable]:
        """The variables whose last value comes from PATH."""
        return {name: one for name, one in self.variables.items() if one.where.startswith(path + ":")}


class _Found(Exception):
    """Raised within a value for what is not read; the value is unknown, reading goes on behind it."""


class _Reader:
    def __init__(self, path: str, text: str, conf: Conf) -> None:
        self.path = path
        self.text = text
        self.conf = conf
        self.position = 0
        self.counted = (0, 1)  # a position and the number of its line

    # Positions

    def peek(self) -> str:
        return self.text[self.position:self.position + 1]

    def take(self) -> str:
        char = self.peek()
        self.position += 1
        return char

    def where(self, position: int) -> str:
        if position < self.counted[0]:
            self.counted = (0, 1)
        line = self.counted[1] + self.text.count("\n", self.counted[0], position)
        self.counted = (position, line)  # counted on from here next time
        return "%s:%d" % (self.path, line)

    # Statements

    def read(self) -> None:
        line: Dict[str, Variable] = {}
        while self.position < len(self.text):
            char = self.peek()
            if char in "\n;":
                self.take()
                self.conf.variables.update(line)
                line = {}
            elif char in " \t":
                self.take()
            elif self.text.startswith("\\\n", self.position):
                self.position += 2
            elif char == "#":
                self.skip_line()
            elif not self.statement(line):
                line = {}  # NAME=value before a command holds for that command only
        self.conf.variables.update(line)

    def skip_line(self) -> None:
        end = self.text.find("\n", self.position)
        self.position = len(self.text) if end < 0 else end

    def statement(self, line: Dict[str, Variable]) -> bool:
        """Read one NAME=value into LINE (earlier ones of the same line count already, as in bash)."""
        start = self.position
        if self.text.startswith(("export ", "export\t"), start):
            self.position += len("export ")
            return True
        while self.peek() in NAME:
            self.take()
        name = self.text[start:self.position]
        appends = self.text.startswith("+=", self.position)
        self.position += appends
        if not name or name[0] not in NAME_START or self.take() != "=":
            self.position = start
            self.skip_line()
            found = "'%s'" % shown(self.text[start:self.position])
            self.conf.lost.append(Mistake(self.where(start), found, ONLY_ASSIGNMENTS))
            return False
        earlier = line.get(name) or self.conf.get(name)
        value, mistake = self.value(start, line)
        if appends and earlier and value is not None:
            value = None if earlier.value is None else earlier.value + value
            mistake = earlier.mistake
        line[name] = Variable(name, value, self.where(start), mistake)
        return True

    # Values

    def value(self, start: int, line: Dict[str, Variable]) -> Tuple[Optional[str], Optional[Mistake]]:
        """Read one value to its end, also behind a mistake in it; return (value, None) or (None, the first mistake)."""
        parts: List[str] = []
        mistake: Optional[Mistake] = None
        first = self.position
        quote = ""
        while self.position < len(self.text):
            char = self.peek()
            if not quote and char in ENDS_WORD:
                break
            at = self.position
            try:
                if char in "'\"" and quote in ("", char):
                    quote = "" if quote else char
                    self.take()
                elif quote == "'":
                    parts.append(self.take())
                else:
                    parts.append(self.piece(quote, line, at == first or self.text[at - 1] == ":"))
            except _Found as found:
                mistake = mistake or Mistake(self.where(at), str(found), ONLY_ASSIGNMENTS)
        if quote:
            name = self.text[start:first].rstrip("+=")
            mistake = Mistake(self.where(start), "a quote (%s) in %s that is not closed" % (quote, name),
                              "a closing quote is wanted")
            self.conf.lost.append(mistake)
        return (None, mistake) if mistake else ("".join(parts), None)

    def piece(self, quote: str, line: Dict[str, Variable], begins: bool) -> str:
        """Read what stands next outside single quotes; BEGINS where a shell would expand a `~`.  Raise _Found."""
        char = self.peek()
        if char == "\\":
            return self.escaped(quote)
        if char == "$":
            return self.expansion(quote, line)
        self.take()
        if char == "`":
            self.skip_to("`")
            raise _Found("a command between backticks")
        if char == "\0" or not quote and char in SPECIAL:
            if char == "(":
                self.skip_to(")")
            raise _Found("'%s' outside quotes" % shown(char))
        if char == "~" and not quote and begins:
            raise _Found("'~', which a shell would expand")
        return char

    def escaped(self, quote: str) -> str:
        self.take()
        char = self.take()
        if char == "\n":
            return ""
        return char if not quote or char in ("$", "`", '"', "\\") else "\\" + char

    def expansion(self, quote: str, line: Dict[str, Variable]) -> str:
        """Read `$NAME` or `${NAME}`; a `$` before anything that is no name is itself."""
        self.take()
        char = self.peek()
        if char == "(" or char == "[":
            self.take()
            self.skip_to(")" if char == "(" else "]")
            raise _Found("a command or a calculation, '$%s...'" % char)
        if char == "{":
            self.take()
            start = self.position
            self.skip_to("}")
            name = self.text[start:self.position - 1]
            if not name or name[0] not in NAME_START or set(name) - NAME:
                raise _Found("'${%s}'; only ${NAME} is expanded" % shown(name))
        elif char in NAME_START:
            start = self.position
            while self.peek() in NAME:
                self.take()
            name = self.text[start:self.position]
        elif char and char in "0123456789@*#?-$!" or not quote and char and char in "'\"":
            self.take()
            if char in "'\"":
                self.position -= 1  # the quote still opens a quoted part
            raise _Found("'$%s'" % char)
        else:
            return "$"
        variable = line.get(name) or self.conf.get(name)
        if variable is None:
            return ""
        if variable.value is None:
            raise _Found("$%s, whose own value is uncertain (%s)" % (name, variable.where))
        return variable.value

    def skip_to(self, end: str) -> None:
        """Skip what we do not read, to the END that belongs to it; nested parentheses count."""
        opening = {")": "(", "}": "{", "]": "["}.get(end)
        depth = 1
        while depth and self.position < len(self.text):
            char = self.take()
            if char == "\\":
                self.take()
            elif char == end:
                depth -= 1
            elif char == opening:
                depth += 1
