"""`vzhook status` and `vzhook map` as an operator types them: terminals, pipes, locales, mistakes."""
import fcntl
import io
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time

import pytest

from tests.unit.fakenode import FakeNode
from vzhooks import cli, terminal

REPO = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
SETPIPE_SZ = 1031  # linux/fcntl.h
CODE = "import sys; sys.path.insert(0, %r); from vzhooks import cli, paths; paths.PATH = %r; cli.main()"
ONE = ('NETIF="ifname=eth0,host_ifname=nosuch%d.0"\nVETH_IP_ADDRESS="10.0.0.5/24 2001:db8::5/64 10.0.0.6/24"\nBRIDGEDEV=nosuchbr0\n'
       'HOSTNAME="M\u00fcller <b>"\n')


@pytest.fixture
def started(root, tmp_path):
    """started(WORD…): the command as a process; `ip` knows nothing of this machine."""
    (tmp_path / "ip").write_text("#!/bin/sh\n")
    (tmp_path / "ip").chmod(0o755)
    running = []

    def start(*words, stdout=subprocess.PIPE, **environment):
        running.append(subprocess.Popen(
            [sys.executable, "-c", CODE % (REPO, str(tmp_path))] + list(words), stdin=subprocess.DEVNULL, stdout=stdout,
            stderr=subprocess.PIPE, env=dict({"VZHOOKS_ROOT": root, "PATH": "/usr/bin:/bin", "TERM": "xterm"}, **environment)))
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()


@pytest.fixture
def vzhook(root, tmp_path, monkeypatch, capsys):
    """vzhook(WORD…): (exit code, stdout, stderr), within this process."""
    def run(*words, **environment):
        for name, value in dict(LC_ALL="C.UTF-8", **environment).items():
            monkeypatch.setenv(name, value)
        code = cli._outcome(list(words))
        output, errors = capsys.readouterr()
        return code, output, errors.replace(root, "")

    FakeNode(tmp_path / "node", monkeypatch)
    return run


@pytest.fixture
def one(put):
    put("/etc/vz/conf/101.conf", ONE % 101)


def rows(output):
    return [row for row in output.splitlines() if row.startswith(("CT ", "101 ", "  "))]


def test_a_status_fits_the_terminal(vzhook, one):
    code, output, errors = vzhook("status", COLUMNS="200")
    assert (code, errors) == (0, "")
    assert rows(output)[:2] == ["CT   STATE    DEVICE       BRIDGE     ADDRESSES                               ANTISPOOF",
                                "101  stopped  nosuch101.0  nosuchbr0  10.0.0.5/24 2001:db8::5/64 10.0.0.6/24  no"]
    code, output, errors = vzhook("status", COLUMNS="60")
    assert rows(output)[:4] == [
        "CT   STATE    DEVICE       BRIDGE     ADDRESSES       FILTER", "101  stopped  nosuch101.0  nosuchbr0  10.0.0.5/24     no",
        "                                      2001:db8::5/64", "                                      10.0.0.6/24"]
    assert max(map(len, output.splitlines())) <= 60 and "\033" not in output


def test_json_has_all_of_it(vzhook, one):
    code, output, errors = vzhook("status", "--json")
    report = json.loads(output)
    assert (code, errors) == (0, "")
    assert report["containers"][0]["name"] == "M\u00fcller <b>" and report["containers"][0]["state"] == "stopped"
    assert [bridge["state"] for bridge in report["node"]["bridges"] if bridge["name"] == "nosuchbr0"] == ["missing"]


@pytest.mark.parametrize("environment, line, name", [
    ({"LANG": "C"}, "`- ", "M\\xfcller"), ({"LC_ALL": "C.UTF-8"}, "\u2514\u2500 ", "M\u00fcller")])
def test_lines_and_names_are_as_the_locale_allows(started, one, environment, line, name):
    process = started("map", **environment)
    output, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, b"")
    output = output.decode()
    assert any(row.endswith(line + "CT 101 %s <b>  stopped  nosuch101.0  10.0.0.5/24  2001:db8::5/64  10.0.0.6/24" % name)
               for row in output.splitlines())


@pytest.mark.parametrize("environment, wanted", [
    ({}, False), ({"LANG": "C"}, False), ({"LANG": "de_DE.UTF-8"}, True), ({"LANG": "de_DE.utf8", "LC_ALL": "POSIX"}, False),
    ({"LC_CTYPE": "C.UTF-8"}, False), ({"LC_CTYPE": "C.UTF-8", "LANG": "C.UTF-8"}, True), ({"LC_CTYPE": "en_US.UTF-8"}, True),
    ({"LC_ALL": "de_DE.ISO-8859-15", "LANG": "de_DE.UTF-8"}, False)])
def test_locales(monkeypatch, environment, wanted):
    for name in ("LC_ALL", "LC_CTYPE", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))
    assert terminal.beyond_ascii() is wanted
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))  # as Python 3.6 has it with LANG=C
    assert terminal.beyond_ascii() is False


@pytest.mark.parametrize("words, said", [
    (["status", "--json", "--watch"], "--json or --watch is wanted, not both"), (["status", "--watch", "0"], "--watch"),
    (["map", "-o", "map.gif"], "FILE.gif; a name that ends in .svg, .png, .dot, .txt is wanted"), (["map", "x"], "VEID 'x'"),
    (["map", "-o", "/nonexistent/x.txt"], "'/nonexistent/x.txt': a file in a directory that exists is wanted"), (["map", "-o", "/"], "'/'")])
def test_usage(vzhook, one, words, said):
    code, output, errors = vzhook(*words)
    assert (code, output) == (2, "") and said in errors and "Traceback" not in errors


@pytest.mark.parametrize("words, said", [
    (["status", "--bridge", "br9"], "no bridge br9 on this node"), (["map", "102"], "CT 102: no conf file, no journal and no row of vzlist"),
    (["status", "--network", "x"], "no [network x] in /etc/vz/vzhooks.conf")])
def test_failures(vzhook, one, words, said):
    code, output, errors = vzhook(*words)
    assert (code, output) == (1, "") and said in errors and errors.count("\n") == 1


def test_a_map_goes_into_a_file(vzhook, one, tmp_path):
    assert vzhook("map", "101", "-o", str(tmp_path / "map.txt")) == (0, "", "")
    assert "\u2514\u2500 CT 101 M\u00fcller <b>" in (tmp_path / "map.txt").read_text(encoding="utf-8")
    assert vzhook("map", "-o", str(tmp_path / "map.dot")) == (0, "", "")
    assert "CT 101 M\u00fcller &lt;b&gt;" in (tmp_path / "map.dot").read_text(encoding="utf-8")
    code, _, errors = vzhook("map", "-o", str(tmp_path / "map.svg"))
    assert code == 1 and "'-o FILE.txt' writes a tree without it" in errors
    assert not list(tmp_path.glob("map.svg*"))


def test_a_pipe_that_is_closed_early_ends_it_quietly(started, put):
    for veid in range(1, 200):
        put("/etc/vz/conf/%d.conf" % veid, "NETIF='ifname=eth0,host_ifname=nosuch%d'\nBRIDGEDEV=nosuch\n" % veid)
    process = started("status", COLUMNS="200")
    fcntl.fcntl(process.stdout, SETPIPE_SZ, 4096)
    assert os.read(process.stdout.fileno(), 3) == b"CT "
    process.stdout.close()
    assert process.stderr.read() == b"" and process.wait(timeout=30) == 1


def on_terminal(started, words, until, **environment):
    """What a terminal gets until UNTIL is true of it; who watches, gets Ctrl-C then.  Return (its exit code, what it got)."""
    master, slave = pty.openpty()
    process = started(*words, stdout=slave, **environment)
    os.close(slave)
    got, deadline = b"", time.monotonic() + 30
    while not until(got) and time.monotonic() < deadline and select.select([master], [], [], 30)[0]:
        try:
            data = os.read(master, 65536)
        except OSError:
            break
        got += data
    if "--watch" in words:
        process.send_signal(signal.SIGINT)
    errors = process.communicate(timeout=30)[1]
    os.close(master)
    assert errors == b""
    return process.returncode, got.decode()


def test_colours_are_for_terminals_whose_user_wants_them(started, one):
    assert "\033[1mCT" in on_terminal(started, ["status"], lambda got: b"never" in got)[1]
    assert "\033" not in on_terminal(started, ["status"], lambda got: b"never" in got, NO_COLOR="1")[1]
    assert "\033" not in on_terminal(started, ["map"], lambda got: b"never" in got, TERM="dumb")[1]


@pytest.mark.parametrize("words", [["--watch"], ["--watch", "1"]])
def test_watching_ends_with_ctrl_c(started, one, words):
    code, got = on_terminal(started, ["status"] + words, lambda got: got.count(b"\033[H\033[J") == 1 and b"never" in got)
    assert code == 0 and "Traceback" not in got and got.startswith("\033[H\033[J")


def test_watching_looks_again_and_keeps_to_the_screen(started, put):
    for veid in range(101, 140):
        put("/etc/vz/conf/%d.conf" % veid, ONE % veid)
    code, got = on_terminal(started, ["status", "--watch", "1"], lambda got: got.count(b"\033[H\033[J") == 2, LINES="24", COLUMNS="80")
    screen = got.split("\033[H\033[J")[1]
    assert code == 0 and screen.count("\n") == 23 and screen.splitlines()[-1].endswith(" lines more)")
