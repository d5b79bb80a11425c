"""Turns what a template prints into a plan.  The only place that renders; slow, since it needs Jinja2."""
import functools
import os
import shlex
import stat
from typing import List, Tuple

import jinja2

from vzhooks import paths, plan
from vzhooks.errors import Expected

SHIPPED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "templates")


class TemplateError(Expected):
    """A template that cannot be rendered or prints what is no plan; the text names file and line."""


def render(name: str, **values: object) -> List[plan.Line]:
    """Given the template NAME.j2 and its values, return the plan that it prints.  Raise TemplateError."""
    files = template_files()
    for path in files:
        _check_file(path)
    try:
        text = _environment(tuple(files)).get_template(name + ".j2").render(**values)
    except jinja2.TemplateSyntaxError as error:
        raise TemplateError("%s:%d: %s; a Jinja2 template is wanted"
                            % (error.filename, error.lineno, error.message)) from None
    except Exception as error:  # whatever an administrator's template does: divide, recurse, not be UTF-8
        raise TemplateError("%s.j2: %s: %s; a Jinja2 template with the values of the shipped one is wanted (%s)"
                            % (name, type(error).__name__, error, _place(error))) from None
    try:
        lines = plan.parse(text, name + ".j2, as rendered")
    except plan.PlanError as error:
        raise TemplateError(str(error)) from None
    for line in lines:
        line.command = _normal(line.command, name)
        if line.undo:
            line.undo.command = _normal(line.undo.command, name)
    return lines


@functools.lru_cache(maxsize=4)
def _environment(files: Tuple[str, ...]) -> jinja2.Environment:
    """Compiled once: that is most of what a plan costs.  Jinja2 itself sees that one of FILES has changed; a new one,
    which may take the place of another, is a new environment.
    """
    loader = jinja2.FileSystemLoader([paths.templates(), SHIPPED])  # the administrator's first
    # No HTML escaping: only values of checked alphabets come here (values.py), and _normal looks at the result.
    return jinja2.Environment(loader=loader, undefined=jinja2.StrictUndefined, autoescape=False,
                              trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)


def _check_file(path: str) -> None:
    """A template is root's input, and text."""
    if os.path.exists(path) and os.stat(path).st_mode & stat.S_IWOTH:
        raise TemplateError("%s:1: writable by everybody; 'chmod o-w' is wanted, since root acts on it" % path)
    if os.path.isfile(path):
        try:
            with open(path, encoding="utf-8") as file:
                file.read()
        except UnicodeDecodeError as error:
            raise TemplateError("%s:1: %s; UTF-8 is wanted" % (path, error)) from None


def _place(error: Exception) -> str:
    """FILE:LINE of the template in which an error came up."""
    import traceback

    places = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.endswith(".j2")]
    return "%s:%d" % (places[-1].filename, places[-1].lineno or 0) if places else paths.templates()


def template_files() -> List[str]:
    """Every template that a plan can come from, and the directories: a change of one is a new plan."""
    found = []
    for directory in (paths.templates(), SHIPPED):
        found.append(directory)
        try:
            found += [os.path.join(directory, name) for name in sorted(os.listdir(directory)) if name.endswith(".j2")]
        except OSError:
            pass  # no templates of the administrator's own
    return found


def _normal(command: str, name: str) -> str:
    """Split a command as POSIX quoting does and put it back in the form that `ip -batch` and the hot path take.

    Behind `nft` the rest goes verbatim to `nft -f`.
    """
    if command.startswith("nft "):
        return command
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise TemplateError("%s.j2: %s; %s" % (name, command, error)) from None
    for word in words:
        if not word or set(word) & set("\"'\\#`") or word.split() != [word]:
            raise TemplateError("%s.j2: %s; words without spaces, quotes, '#' and backslashes are wanted"
                                % (name, command))
    return " ".join(words)
