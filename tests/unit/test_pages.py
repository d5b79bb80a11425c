"""Man pages and completion say what the program says."""
import os
import re
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from vzhooks import cli, nodeconf, plan, verbs
from vzhooks.node import bridge, network, overlay
from vzhooks.routing import settings as announce

REPO = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(REPO, "tools"))
import pages  # noqa: E402

MADE = pages.pages()
TREE = list(pages.commands(cli.whole(), ()))


def bare(text):
    """Without white space, whose breaks differ, and without the marks of man(7)."""
    text = re.sub(r"\\f[BR]|\\&", "", text).replace("\\-", "-").replace("\\e", "\\")
    return "".join(text.split()).replace("`", "")


@pytest.mark.parametrize("names, command", TREE, ids=lambda value: "-".join(value) if isinstance(value, tuple) else "")
def test_the_page_says_of_a_command_what_its_help_says(names, command):
    page = MADE["man/man8/vzhook.8"]
    section = bare(page.partition(".SS " + pages.escaped(pages.usage(names, command)))[2].split("\n.S")[0])
    helped = bare(CliRunner(env={"LC_ALL": "C.UTF-8"}).invoke(cli.whole(), list(names) + ["--help"]).output)
    assert section and helped
    for paragraph in command.help.split("\n\n"):
        assert bare(paragraph) in section and bare(paragraph) in helped
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert bare(pages.option(parameter)) in helped and bare(pages.option(parameter) + parameter.help) in section
    shown = re.findall(r"^  (?:-\w, )?(--[a-z-]+)", CliRunner(env={"LC_ALL": "C.UTF-8"}).invoke(
        cli.whole(), list(names) + ["--help"]).output, re.MULTILINE)
    assert set(shown) == {one for parameter in command.params for one in parameter.opts if one.startswith("--")} | {"--help"}


def test_vzhooks_conf_5_has_every_setting():
    page = MADE["man/man5/vzhooks.conf.5"].replace("\\-", "-")
    told = set(re.findall(r"^\.TP\n\\fB(\w+) = ", page, re.MULTILINE))
    prose = set(re.findall(r"\w+", re.sub(r"\\f[BR]", " ", page)))
    for checks in (nodeconf.SETTINGS, bridge.SETTINGS, network.SETTINGS, overlay.SETTINGS):
        assert set(checks) - told - prose == set()
    assert set(announce.SETTINGS) - told - prose == set()
    for section in ("node", "bridge br0", "network internal", "overlay br1", "floating", "announce"):
        assert ".SS [%s]\n" % section in page


def test_vzhooks_plan_5_has_every_word_and_its_example_is_a_plan():
    text = pages.read("docs/plan.md")
    for word in plan.PLACES + ("undo",):
        assert "- `%s`: " % word in text
    for verb in verbs.VERBS:
        assert "`%s " % verb in text
    assert len(plan.parse(text.split("```")[1], "docs/plan.md")) == 4
    assert MADE["man/man5/vzhooks-plan.5"].count("\n.SH ") == 6


@pytest.mark.parametrize("path", [path for path in MADE if path.startswith("man/")])
def test_a_page_is_sound(path):
    rows = MADE[path].split("\n")
    assert rows[0].startswith(".TH VZHOOK") and MADE[path].encode("ascii")
    assert {row.split(" ")[0] for row in rows if row.startswith(".")} <= {".TH", ".SH", ".SS", ".TP", ".PP", ".IP", ".RS", ".RE",
                                                                          ".nf", ".fi"}
    assert "`" not in MADE[path]


CASES = [
    ("", sorted(cli.whole().commands)),
    ("node", ["check", "confirm", "down", "export", "plan", "up"]), ("run", ["101", "a1b2c3d4-0000-4111-8222-333344445555"]),
    ("plan 101 --device", sorted(os.listdir("/sys/class/net"))), ("node export", ["frr", "ifcfg", "interfaces", "quagga"]), ("node up", []),
    ("lint 101", ["101", "a1b2c3d4-0000-4111-8222-333344445555"]),
]


@pytest.mark.parametrize("shell", ["bash", pytest.param("zsh", marks=pytest.mark.needs("zsh"))])
@pytest.mark.parametrize("words, wanted", CASES)
def test_completion(put, root, tmp_path, shell, words, wanted):
    """The file as it is, what it registers itself with left out."""
    for name in ("101", "0", "ve-basic", "a1b2c3d4-0000-4111-8222-333344445555", "1$(touch x)"):
        put("/etc/vz/conf/%s.conf" % name, "")
    path = [path for path in MADE if shell in path][0]
    (tmp_path / "file").write_text(MADE[path].replace('\n_vzhook "$@"\n', "\n"), encoding="utf-8")
    if shell == "bash":
        code = '. ./file; COMP_WORDS=(vzhook "$@" ""); COMP_CWORD=$(($# + 1)); _vzhook; printf "%s\\n" "${COMPREPLY[@]}"'
    else:
        code = '. ./file; compadd() { shift; printf "%s\\n" "$@" }; words=(vzhook "$@" ""); CURRENT=$#words; _vzhook'
    done = subprocess.run([shell] + (["-f"] if shell == "zsh" else ["--norc"]) + ["-c", code, shell] + words.split(),
                          cwd=str(tmp_path), env={"VZHOOKS_ROOT": root, "PATH": "/usr/bin:/bin"}, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=30)
    given = [word for word in done.stdout.decode().split("\n") if word and not word.startswith("--")]
    assert sorted(given) == sorted(wanted)
    assert not (tmp_path / "x").exists()
