"""Fits a table to a width: what has room on one line stays there, lists wrap, the rest is counted."""
from typing import List, NamedTuple, Sequence, Tuple

LINES = 3  # of one cell; what is beyond is counted
BOLD, DIM, RED, GREEN, YELLOW = "1", "2", "31", "32", "33"  # ECMA-48, SGR


class Column(NamedTuple):
    """How wide a column may be.  least: 0 means never narrower than its content; its head then takes the short form."""

    head: str
    short: str
    least: int = 0
    most: int = 46  # columns; an IPv6 address with its prefix has 43


class Cell(NamedTuple):
    """Words of which none is broken where that can be helped, and their colour."""

    words: Tuple[str, ...]
    colour: str = ""


class Style(NamedTuple):
    """Where the table is shown."""

    width: int  # columns
    coloured: bool
    unicode: bool

    @property
    def cut(self) -> str:
        """What stands where a word goes on."""
        return "\u2026" if self.unicode else "~"

    @property
    def arrow(self) -> str:
        """What points from a floating address to the one behind it."""
        return "\u2192" if self.unicode else "->"

    def plain(self, text: str) -> str:
        """TEXT in what characters there are."""
        return text if self.unicode else text.encode("ascii", "backslashreplace").decode()

    def paint(self, text: str, colour: str) -> str:
        """TEXT in a colour, where that is wanted."""
        return "\033[%sm%s\033[0m" % (colour, text) if self.coloured and colour and text.strip() else text


def cell(text: object, colour: str = "") -> Cell:
    """A cell of one word; none for "" and 0."""
    return Cell((str(text),) if text else (), colour)


def table(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], style: Style) -> List[str]:
    """The lines of a table.  Columns without anything in them are left out, and, where even the narrowest form is too
    wide, those at the end, which the last line then names.
    """
    kept = [index for index in range(len(columns)) if any(row[index].words for row in rows)]
    dropped: List[str] = []
    while True:
        widths, gap, heads = _widths([columns[index] for index in kept], [[row[index] for index in kept]
                                                                          for row in rows], style.width)
        if sum(widths) + gap * (len(kept) - 1) <= style.width or len(kept) < 2:
            break
        dropped.insert(0, columns[kept.pop()].head.lower())
    lines = [style.paint((" " * gap).join(head[:width].ljust(width) for head, width in zip(heads, widths)).rstrip(),
                         BOLD)]
    for row in rows:
        lines += _row([row[index] for index in kept], widths, gap, style)
    if dropped:
        lines.append("(no room for: %s)" % ", ".join(dropped))
    return lines


def _widths(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], room: int) -> Tuple[List[int], int, List[str]]:
    """The width of each column, the gap between them, and their heads.

    When room is short, first heads become short and lists wrap, then gaps become narrow, and only then words are cut.
    """
    words = [[len(word) for row in rows for word in row[index].words] + [1] for index in range(len(columns))]
    content = [min(max([len(" ".join(row[index].words)) for row in rows] + [1]), column.most)
               for index, column in enumerate(columns)]
    whole = [max(len(column.short), min(max(lengths), column.most) if column.least else width)
             for column, lengths, width in zip(columns, words, content)]
    cut = [max(len(column.short), column.least or width) for column, width in zip(columns, content)]
    long, short = [column.head for column in columns], [column.short for column in columns]
    for gap, heads, least in ((2, long, content), (2, short, whole), (1, short, whole), (1, short, cut)):
        widths = [max(width, len(head)) for width, head in zip(content, heads)]
        _shrink(widths, least, room - gap * (len(columns) - 1))
        if sum(widths) + gap * (len(columns) - 1) <= room:
            break
    return widths, gap, heads


def _shrink(widths: List[int], least: Sequence[int], room: int) -> None:
    """Make the widest one narrower, again and again, until they fit or none can be."""
    while sum(widths) > room:
        able = [index for index, width in enumerate(widths) if width > least[index]]
        if not able:
            return
        widths[max(able, key=lambda index: widths[index])] -= 1


def _row(cells: Sequence[Cell], widths: Sequence[int], gap: int, style: Style) -> List[str]:
    wrapped = [wrap(one.words or ("-",), width, style.cut) for one, width in zip(cells, widths)]
    lines = []
    for number in range(max(map(len, wrapped))):
        parts = [style.paint((text[number] if number < len(text) else "").ljust(width), one.colour)
                 for text, width, one in zip(wrapped, widths, cells)]
        lines.append((" " * gap).join(parts).rstrip())
    return lines


def wrap(words: Sequence[str], width: int, cut: str, most: int = LINES) -> List[str]:
    """WORDS in at most MOST lines of WIDTH, a longer word cut; what has no room is counted by a `+N` at the end."""
    lines: List[List[str]] = [[]]
    for number, word in enumerate(words):
        if lines[-1] and len(" ".join(lines[-1] + [word])) > width:
            if len(lines) == most:
                left = len(words) - number
                while lines[-1] and len(" ".join(lines[-1] + ["+%d" % left])) > width:
                    lines[-1].pop()
                    left += 1
                lines[-1].append("+%d" % left)
                break
            lines.append([])
        lines[-1].append(word if len(word) <= width else word[:width - len(cut)] + cut)
    return [" ".join(line) for line in lines]
