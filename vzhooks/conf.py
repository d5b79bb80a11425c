"""Reads vz.conf and $VEID.conf as bash would see them, without ever running anything.

The files are shell: the wiki's hooks sourced them, vz.conf first.  So quotes, escapes, comments, `$NAME` and `${NAME}`
of earlier variables count as in bash(1); whatever bash would have to run or expand further (`$(...)`, backticks,
`${NAME:-...}`, globs of commands) is a mistake that names file and line, and the value is unknown.
"""
import re
from typing import Dict, List, NamedTuple, Optional, Tuple

from vzhooks.mistakes import Mistake, shown

NAME_START = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
NAME = re.compile(r"[A-Za-z_0-9]+")
# What means nothing but itself, outside quotes and within them.
ITSELF = {"": re.compile(r"[^\\$`'\" \t\n;|&<>()~:\0]+"), "'": re.compile(r"[^']+"), '"': re.compile(r'[^\\$`"\0]+')}
ENDS_WORD = frozenset(" \t\n;")
OPERATORS = frozenset("|&<>()")
UNCLEAR = frozenset("='\"`${#\\\n;&|<>")  # within what is skipped: where it ends, or what it does, is not certain
ONLY_ASSIGNMENTS = "only NAME=value is read from this file; nothing in it is run"
LONGEST = 1 << 20  # characters of a value: as many as a file may have, not what `A=$A$A` could make of it
# What bash has without being told, from its caller or by itself (bash(1), Shell Variables): unknown to us, not empty.
SHELLS_OWN = frozenset("""_ BASH BASHOPTS BASHPID BASH_ARGC BASH_ARGV BASH_VERSINFO BASH_VERSION COLUMNS DIRSTACK
    EPOCHREALTIME EPOCHSECONDS EUID FUNCNAME GROUPS HISTCMD HOME HOSTNAME HOSTTYPE IFS LANG LC_ALL LINENO LINES LOGNAME
    MACHTYPE OLDPWD OPTARG OPTERR OPTIND OSTYPE PATH PIPESTATUS PPID PS4 PWD RANDOM SECONDS SHELL SHELLOPTS SHLVL
    SRANDOM TERM UID USER""".split())  # noqa: SIM905 (a list of names is easier to read without its quotes)


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

    def __init__(self, found: str, lost: bool = False) -> None:
        super().__init__(found)
        self.lost = lost  # nothing behind it is certain either


class _Reader:
    def __init__(self, path: str, text: str, conf: Conf) -> None:
        self.path = path
        self.text = text
        self.conf = conf
        self.position = 0
        self.counted = (0, 1)  # a position and the number of its line
        self.exports = False  # within the words of an `export`

    # Positions

    def peek(self) -> str:
        return self.text[self.position:self.position + 1]

    def take(self) -> str:
        char = self.peek()
        self.position += 1
        return char

    def skip_joins(self) -> None:
        """A backslash at the end of a line joins it with the next, even in the middle of a name."""
        while self.text.startswith("\\\n", self.position):
            self.position += 2

    def name(self) -> str:
        """The characters of a name that stand here."""
        found = ""
        while True:
            self.skip_joins()
            run = NAME.match(self.text, self.position)
            if run is None:
                return found
            found += run.group()
            self.position = run.end()

    def where(self, position: int) -> str:
        last, line = self.counted
        line += self.text.count("\n", last, position) - self.text.count("\n", position, last)
        self.counted = (position, line)  # counted on from here next time
        return "%s:%d" % (self.path, line)

    def lose(self, position: int, found: str) -> None:
        self.conf.lost.append(Mistake(self.where(position), found, ONLY_ASSIGNMENTS))

    # Statements

    def read(self) -> None:
        line: Dict[str, Variable] = {}  # NAME=value before a command holds for that command only
        ended = True  # whether a statement could begin here, so that `;` has nothing to end
        while self.position < len(self.text):
            char = self.peek()
            if char in "\n;":
                if char == ";" and ended:
                    self.lose(self.position, "';' behind nothing")
                self.take()
                self.conf.variables.update(line)
                line, ended, self.exports = {}, True, False
            elif char in " \t":
                self.take()
            elif self.text.startswith("\\\n", self.position):
                self.skip_joins()
            elif char == "#":
                self.skip_line()
            else:
                if not self.statement(line):
                    line = {}
                ended = False
        self.conf.variables.update(line)

    def skip_line(self) -> None:
        end = self.text.find("\n", self.position)
        self.position = len(self.text) if end < 0 else end

    def statement(self, line: Dict[str, Variable]) -> bool:
        """Read one NAME=value into LINE (earlier ones of the same line count already, as in bash)."""
        start = self.position
        if not line and self.text.startswith(("export ", "export\t"), start):
            self.position += len("export ")
            self.exports = True
            while self.peek() in (" ", "\t"):
                self.take()
        name = self.name()
        appends = self.peek() == "+"
        self.position += appends
        self.skip_joins()
        if not name or name[0] not in NAME_START or self.take() != "=":
            self.position = start
            self.skip_line()
            self.lose(start, "'%s'" % shown(self.text[start:self.position]))
            return False
        earlier = line.get(name) or self.conf.get(name)
        # export is a command: all its words are expanded before it assigns the first
        value, mistake = self.value(start, name, {} if self.exports else line)
        if appends and earlier and value is not None:
            value = None if earlier.value is None else earlier.value + value
            mistake = earlier.mistake
        if value is not None and len(value) > LONGEST:
            value, mistake = None, Mistake(self.where(start), "%s, which would be too long" % name,
                                           "%d characters at most are wanted" % LONGEST)
        line[name] = Variable(name, value, self.where(start), mistake)
        return True

    # Values

    def value(self, start: int, name: str, line: Dict[str, Variable]) -> Tuple[Optional[str], Optional[Mistake]]:
        """Read one value to its end, also behind a mistake in it; return (value, None) or (None, the first mistake)."""
        parts: List[str] = []
        mistake: Optional[Mistake] = None
        quote = ""
        begins = True  # where a shell would expand a `~`
        while self.position < len(self.text):
            plain = ITSELF[quote].match(self.text, self.position)
            if plain:
                parts.append(plain.group())
                self.position = plain.end()
                begins = False
                continue
            char = self.peek()
            if not quote and char in ENDS_WORD:
                break
            at = self.position
            try:
                if quote != "'" and self.text.startswith("\\\n", at):
                    self.skip_joins()
                    continue
                if char in "'\"" and quote in ("", char):
                    quote = "" if quote else char
                    self.take()
                else:
                    parts.append(self.piece(quote, line, begins, not parts))
            except _Found as found:
                mistake = mistake or Mistake(self.where(at), str(found), ONLY_ASSIGNMENTS)
                if found.lost:
                    self.conf.lost.append(Mistake(self.where(at), str(found), ONLY_ASSIGNMENTS))
            begins = not quote and char == ":"
        if quote:
            mistake = Mistake(self.where(start), "a quote (%s) in %s that is not closed" % (quote, name),
                              "a closing quote is wanted")
            self.conf.lost.append(mistake)
        return (None, mistake) if mistake else ("".join(parts), None)

    def piece(self, quote: str, line: Dict[str, Variable], begins: bool, first: bool) -> str:
        """Read what stands next outside single quotes.  Raise _Found for what we do not read."""
        char = self.peek()
        if char == "\\":
            return self.escaped(quote)
        if char == "$":
            return self.expansion(quote, line)
        self.take()
        if char == "`":
            self.skip_to("`", "a command between backticks")
        if not quote and char == "(" and first:
            self.skip_to(")", "'(' outside quotes")
        if not quote and char in OPERATORS:
            raise _Found("'%s' outside quotes" % char, lost=True)
        if char == "\0":
            raise _Found("a NUL byte", lost=True)
        if char == "~" and begins:
            raise _Found("'~', which a shell would expand")
        return char

    def escaped(self, quote: str) -> str:
        self.take()
        char = self.take()
        return char if char and not quote or char in ("$", "`", '"', "\\") else "\\" + char

    def expansion(self, quote: str, line: Dict[str, Variable]) -> str:
        """Read `$NAME` or `${NAME}`; a `$` before anything that is no name is itself."""
        self.take()
        self.skip_joins()
        char = self.peek()
        if char in ("(", "["):
            self.take()
            self.skip_to(")" if char == "(" else "]", "a command or a calculation, '$%s...'" % char)
        if char == "{":
            self.take()
            start = self.position
            name = self.name()
            if self.peek() != "}" or not name or name[0] not in NAME_START:
                self.position = start
                inside = self.text[start:start + 60].partition("}")[0]
                self.skip_to("}", "'${%s}'; only ${NAME} is expanded" % shown(inside))
            self.take()
        elif char in NAME_START:
            name = self.name()
        elif char and char in "0123456789@*#?-$!" or not quote and char and char in "'\"":
            if char not in "'\"":
                self.take()  # a quote still opens a quoted part
            raise _Found("'$%s'" % char)
        else:
            return "$"
        variable = line.get(name) or self.conf.get(name)
        if variable is None and name in SHELLS_OWN:
            raise _Found("$%s, which only a shell knows" % name)
        if variable is not None and variable.value is None:
            raise _Found("$%s, whose own value is uncertain (%s)" % (name, variable.where))
        return (variable.value or "") if variable else ""

    def skip_to(self, end: str, found: str) -> None:
        """Skip what we do not read, to the END that belongs to it, and raise _Found; nested parentheses count.

        What is never closed, could set another variable (`${A:=x}`, `$((A=1))`), or has quotes, substitutions and
        operators of its own (whose ends we do not look for) leaves nothing certain.
        """
        start = self.position
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
        skipped = self.text[start:self.position]
        unclear = bool(set(skipped) & UNCLEAR) or "++" in skipped or "--" in skipped
        raise _Found(found, lost=depth > 0 or end != "`" and unclear)
