"""The command `vzhook` as a process."""
import os
import subprocess
import sys

import click
import pytest

REPO = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
CODE = "import sys; sys.path.insert(0, %r); from vzhooks import cli, paths; paths.PATH = %r; cli.main()"
ONE = 'NETIF="ifname=eth0,mac=00:18:51:a1:b2:c3,host_ifname=nosuch101.0"\n'
GOOD = ONE + "VETH_IP_ADDRESS=10.0.0.5/24\nVE_DEFAULT_GATEWAY=10.0.0.1\n"


@pytest.fixture
def vzhook(root, tmp_path):
    """vzhook(WORD…): (exit code, stdout, stderr); `ip` only notes what it was asked for."""
    (tmp_path / "ip").write_text("#!/bin/sh\necho \"$@\" >>%s/asked\necho ' master '\n" % tmp_path)
    (tmp_path / "ip").chmod(0o755)

    def run(*words, **environment):
        done = subprocess.run([sys.executable, "-c", CODE % (REPO, str(tmp_path))] + list(words),
                              stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30,
                              env=dict({"VZHOOKS_ROOT": root, "PATH": "/usr/bin:/bin"}, **environment))
        return done.returncode, done.stdout.decode(), done.stderr.decode().replace(root, "")
    return run


@pytest.fixture
def asked(tmp_path):
    def rows():
        path = tmp_path / "asked"
        return [row for row in path.read_text().splitlines() if row != "link help"] if path.exists() else []
    return rows


@pytest.mark.parametrize("words", [["plan", "101"], ["run", "101", "--dry-run"], ["plan", "101", "--device",
                                                                                  "nosuch101.0"]])
def test_a_plan_is_shown_and_nothing_is_run(vzhook, asked, put, root, words):
    put("/etc/vz/conf/101.conf", GOOD)
    code, output, errors = vzhook(*words)
    assert (code, errors, asked()) == (0, "", [])
    rows = output.splitlines()
    assert "host  ip route add 10.0.0.5 dev nosuch101.0 proto 118" in rows
    assert "ct    ip route replace default via 10.0.0.1 dev eth0" in rows
    assert not os.path.exists(root + "/run")


@pytest.mark.parametrize("command", ["plan", "run", "clean"])
@pytest.mark.parametrize("veid", ["0", "0101", "../../etc/passwd", "abc", "101\n", ""])
def test_a_wrong_veid_is_usage(vzhook, asked, command, veid):
    code, output, errors = vzhook(command, veid)
    assert (code, output, asked()) == (2, "", [])
    assert "an integer from 1 to 2147483647 or a UUID in lower case is wanted" in errors and "Traceback" not in errors


def test_a_wrong_device_is_usage(vzhook):
    code, _, errors = vzhook("plan", "101", "--device", "a/b")
    assert code == 2 and "'a/b': an interface name" in errors


@pytest.mark.parametrize("words", [["plan", "101"], ["run", "101"], ["run", "101", "--dry-run"]])
def test_all_mistakes_come_at_once_on_stderr_and_nothing_is_run(vzhook, asked, put, root, words, tmp_path):
    put("/etc/vz/vzhooks.conf", "[node]\ntimeout = 0\n")
    put("/etc/vz/conf/101.conf", ONE + "VETH_IP_ADDRESS=10\nBRIDGEDEV=$(touch %s/canary)\nVETH_MTU='1\n" % tmp_path)
    code, output, errors = vzhook(*words)
    assert (code, output, asked()) == (2, "", [])
    assert sorted(row.split(": ")[0] for row in errors.splitlines()) == [
        "/etc/vz/conf/101.conf:2", "/etc/vz/conf/101.conf:3", "/etc/vz/conf/101.conf:4", "/etc/vz/vzhooks.conf:2"]
    assert not (tmp_path / "canary").exists() and not os.path.exists(root + "/run/vzhooks/101")


def test_a_container_that_does_not_run_is_a_failure(vzhook, put):
    put("/etc/vz/conf/101.conf", GOOD)
    assert vzhook("run", "101") == (1, "",
                                    "CT 101: no interface nosuch101.0 on this node; the container does not run\n")


def test_a_container_that_does_not_exist_is_a_mistake(vzhook):
    for verb in ("run", "plan"):
        code, output, errors = vzhook(verb, "101")
        assert (code, output) == (2, "") and errors.endswith(
            "/etc/vz/conf/101.conf:1: no such file; the conf of an existing container is wanted\n")


def test_a_container_without_interfaces_is_done(vzhook, put):
    put("/etc/vz/conf/101.conf", "")
    assert vzhook("run", "101") == (0, "", "CT 101: NETIF names no interface; nothing to do\n")
    assert vzhook("clean", "101") == (0, "", "")


def test_a_device_of_another_name_is_a_failure_that_says_so(vzhook, put):
    put("/etc/vz/conf/101.conf", GOOD)
    code, _, errors = vzhook("plan", "101", "--device", "other0")
    assert code == 1 and "other0 is neither a host_ifname in NETIF" in errors


@pytest.mark.parametrize("environment", [{}, {"LANG": "C"}, {"LC_ALL": "POSIX"}, {"LC_ALL": "C.UTF-8"}])
def test_it_works_in_every_locale(vzhook, put, environment):
    put("/etc/vz/conf/101.conf", GOOD + "VETH_MTU=\u00e9\n".encode("utf-8").decode("latin-1"))
    code, _, errors = vzhook("plan", "101", **environment)
    assert code == 2 and errors.startswith("/etc/vz/conf/101.conf:4: VETH_MTU: ") and "Traceback" not in errors


def test_stdout_that_nobody_reads_is_no_traceback(vzhook, put, root):
    put("/etc/vz/conf/101.conf", GOOD)
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([sys.executable, "-c", CODE % (REPO, "/usr/sbin:/usr/bin:/sbin:/bin"), "plan", "101"],
                          stdout=writer,
                          stderr=subprocess.PIPE, timeout=30, env={"VZHOOKS_ROOT": root})
    os.close(writer)
    assert "Traceback" not in done.stderr.decode()


@pytest.mark.parametrize("words, wanted", [(["--version"], "0."), (["--help"], "plan"), (["run", "-h"], "--dry-run")])
def test_help_and_version(vzhook, words, wanted):
    code, output, _ = vzhook(*words)
    assert code == 0 and wanted in output


def test_a_command_that_there_is_not_is_usage(vzhook):
    code, out, err = vzhook("metric")
    assert code == 2 and out == "" and "No such command" in err
    if hasattr(click.exceptions, "NoSuchCommand"):  # it suggests
        assert "metrics" in err


def test_a_command_imports_only_what_it_needs(root, tmp_path):
    code = ("import atexit, sys; sys.path.insert(0, %r)\nfrom vzhooks import cli, paths\npaths.PATH = %r\n"
            "atexit.register(lambda: print(*[name for name in sys.modules if name.split('.')[0] in "
            "('vzhooks', 'jinja2', 'netaddr')]))\ncli.main()")
    done = subprocess.run([sys.executable, "-c", code % (REPO, str(tmp_path)), "clean", "--help"],
                          stdout=subprocess.PIPE, timeout=30, env={"VZHOOKS_ROOT": root, "PATH": "/usr/bin:/bin"})
    imported = set(done.stdout.decode().split())
    assert "vzhooks.actions" in imported
    assert not imported & {"jinja2", "netaddr", "vzhooks.planner", "vzhooks.node", "vzhooks.drift", "vzhooks.report"}
