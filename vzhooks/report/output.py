"""Writes what was drawn into files: whole or not at all."""
import os

from vzhooks import process
from vzhooks.errors import Expected
from vzhooks.store import NEW

PATIENCE = 120.0  # seconds for graphviz; a node of a thousand containers takes a few


def save(path: str, text: str) -> None:
    """Write a text.  Raise OSError."""
    with open(path + NEW, "w", encoding="utf-8") as file:
        file.write(text)
    os.rename(path + NEW, path)


def draw(path: str, kind: str, dot: str) -> None:
    """Have graphviz lay it out as KIND: svg or png.  Raise Expected where it is not installed or fails, OSError."""
    try:
        process.find("dot")
    except process.MissingCommand as error:
        raise Expected("%s; '-o FILE.txt' writes a tree without it" % error) from None
    whole = os.path.abspath(path)  # so that it begins with no `-`
    result = process.run(["dot", "-T" + kind, "-o", whole + NEW], dot, PATIENCE)
    if result.status != 0:
        raise Expected("dot: %s" % (" ".join(result.errors.split())[:300] or result.ended))
    os.rename(whole + NEW, whole)
