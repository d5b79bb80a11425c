"""What README, docs and messages name is there: commands with their options, files, tests, make targets, links."""
import glob
import os
import re

import click
import pytest

from vzhooks import cli

REPO = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
PAGES = sorted(glob.glob(REPO + "/*.md") + glob.glob(REPO + "/docs/*.md") + glob.glob(REPO + "/contrib/**/*.md", recursive=True))
SOURCES = sorted(glob.glob(REPO + "/vzhooks/**/*.py", recursive=True) + glob.glob(REPO + "/packaging/**/*", recursive=True)
                 + glob.glob(REPO + "/contrib/**/*", recursive=True) + [REPO + "/etc/vz/vzhooks.conf"])
END = re.compile(r" \||[#;&)'\",:`]|\.\.\.(?=\s|$)")  # of a command's words


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def code(text):
    """The blocks of a page and its code spans."""
    blocks = re.findall(r"(?ms)^```[a-z]*\n(.*?)^```", text)
    rest = re.sub(r"(?ms)^```.*?^```", "", text)
    return blocks + [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", rest)]


def named(text):
    """The words behind each `vzhook` of a piece of code."""
    return [END.split(found)[0].split() for found in re.findall(r"(?m)\bvzhook (.*)$", text)]


def wrong(words):
    """What there is not among the words of a command line; alternatives are a|b, brackets are for what may be left out."""
    words = [word.strip("[].") for word in words]
    found = [cli.whole()]
    while words and any(isinstance(command, click.Group) for command in found) and not words[0].startswith("-"):
        name = words.pop(0)
        found = [command.commands.get(one) for command in found for one in name.split("|")]
        if None in found:
            return name
    known = {"-h", "--help", "--version"}
    known.update(option for command in found for parameter in command.params for option in parameter.opts)
    return next((word for word in words if re.match(r"--?[a-z]", word) and word.split("=")[0] not in known), None)


@pytest.mark.parametrize("words, said", [
    ("run 101 --dry-run", None), ("run|clean|plan", None), ("node export frr --to DIR", None), ("lint [VEID...] [--json]", None),
    ("rum 101", "rum"), ("node export --nosuch", "--nosuch"), ("node plan|ap", "plan|ap"), ("plan [--way]", "--way")])
def test_the_test(words, said):
    assert wrong(words.split()) == said


@pytest.mark.parametrize("path", PAGES, ids=os.path.basename)
def test_commands_that_a_page_names(path):
    assert [words for piece in code(read(path)) for words in named(piece) if words and wrong(words)] == []


def test_commands_that_messages_and_files_name():
    found = {}
    for path in filter(os.path.isfile, SOURCES):
        for piece in re.findall(r"['`](vzhook [a-z][^'`\n]*)['`]", read(path)):
            found.update({(os.path.relpath(path, REPO), piece): words for words in named(piece)})
    assert len(found) > 30 and {key: wrong(words) for key, words in found.items() if wrong(words)} == {}


def slug(heading):
    """An anchor as GitHub makes it."""
    return re.sub(r"[^\w -]", "", heading.replace("`", "")).strip().lower().replace(" ", "-")


@pytest.mark.parametrize("path", PAGES, ids=os.path.basename)
def test_links_and_files_that_a_page_names(path):
    text = read(path)
    missing = []
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text):
        file, _, anchor = target.partition("#")
        file = os.path.join(os.path.dirname(path), file) if file else path
        if not os.path.exists(file) or anchor and anchor not in map(slug, re.findall(r"(?m)^#+ (.*)$", read(file))):
            missing.append(target)
    for piece in code(text):
        for file, test in re.findall(r"(?<![\w/.-])((?:tests|tools|docs|contrib|packaging)/[\w/.-]*\w)(?:::(\w+))?", piece):
            if not os.path.exists(os.path.join(REPO, file)) or test and "def %s(" % test not in read(os.path.join(REPO, file)):
                missing.append(file)
    targets = re.findall(r"(?m)^([a-z]+):", read(REPO + "/Makefile"))
    missing += [name for piece in code(text) for name in re.findall(r"(?m)^make ([a-z]+)", piece) if name not in targets]
    assert missing == []


def test_the_walk_of_the_readme_leads_through_files_that_exist():
    walk = read(REPO + "/README.md").partition("## The walk")[2].partition("```\n")[2].partition("```")[0]
    missing = []
    for part in walk.split("\n\n"):
        folder = re.match(r"\s*(\w+)/ ", part)
        for file in re.findall(r"[\w/]+\.py", part):
            if not os.path.exists(os.path.join(REPO, "vzhooks", folder.group(1) if folder else "", file)) and (
                    not os.path.exists(os.path.join(REPO, "vzhooks", file)) and not os.path.exists(REPO + "/vzhooks/node/" + file)):
                missing.append(file)
    assert walk.count(".py") > 50 and missing == []


def test_every_command_is_in_the_readmes_table():
    table = " ".join(re.findall(r"(?m)^\| (`vzhook.*?) \| ", read(REPO + "/README.md")))
    assert {name for name in cli.whole().commands if not re.search(r"`vzhook %s\b" % name, table)} == set()
