"""The hooks as processes, in the surroundings that vzctl gives them (vzctl-protocol.md)."""
import os
import re
import socket
import subprocess
import sys

import pytest

REPO = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
UUID = "b1c2d3e4-0000-4000-8000-0123456789ab"
# fd 0 is write-only, 3, 4, 5, 7, 8 leak, SIGPIPE is ignored, umask and cwd are the caller's.
CALLER = "umask 0; cd /tmp; trap '' PIPE; exec \"$@\" 0>/dev/null 3>/dev/null 4>&3 5>&3 7>&3 8>&3"
CODE = "import sys; sys.path.insert(0, %r); from vzhooks import hooks; %s; hooks.%s()"
ONE = 'NETIF="ifname=eth0,host_ifname=nosuch101.0"\n'
WRONG = ONE + "VETH_IP_ADDRESS='10 10.0.0.5/24'\nVE_DEFAULT_GATEWAY=10.0.0.1/24\n"


@pytest.fixture
def hook(root):
    def run(name, *words, **options):
        environment = {"HOME": "/", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin:.", "TERM": "linux", "VZHOOKS_ROOT": root}
        veid = options.get("veid", "101")
        if veid is not None:
            environment["VEID"] = veid
        environment.update(options.get("environment", {}))
        code = CODE % (REPO, options.get("patch", "0"), name)
        done = subprocess.run(["sh", "-c", CALLER + options.get("around", ""), "sh", sys.executable, "-c",
                               code] + list(words),
                              env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30)
        return done.returncode, done.stdout.decode("ascii"), done.stderr.decode("ascii").replace(root, "").splitlines()
    return run


@pytest.fixture
def log(root):
    """The log file's rows without stamp and process id; "<mode>" first."""
    def rows():
        path = root + "/var/log/vzhooks.log"
        if not os.path.exists(path):
            return []
        with open(path) as file:
            return ["%o" % (os.stat(path).st_mode & 0o777)] + [
                re.sub(r" (in|after) [0-9.]+ s$", "", row.split("]: ", 1)[1].rstrip("\n").replace(root, ""))
                for row in file]
    os.makedirs(root + "/var/log")
    return rows


@pytest.mark.parametrize("veid", ["101", UUID])
@pytest.mark.parametrize("name, done", [("external", "0 devices: network set up"), ("mount", "configuration is right"),
                                        ("umount", "network taken down (0 devices)")])
def test_a_container_without_any_file_starts_and_stops(hook, log, name, done, veid):
    assert hook(name, veid=veid) == (0, "", [])
    assert log() == ["600", "CT %s %s" % (veid, done)]


ODD = [None, "", "0", "0101", "-1", "../../etc/passwd", "101\n", "9" * 5000, os.fsdecode(b"\xc3\xa9"), "101;reboot",
       UUID.upper()]


@pytest.mark.parametrize("veid", ODD, ids=lambda veid: ascii(veid)[:20])
@pytest.mark.parametrize("name, code", [("external", 1), ("mount", 1), ("umount", 0)])
def test_an_odd_veid_is_refused_and_only_umount_says_so_with_0(hook, root, name, code, veid):
    before = sorted(os.listdir(root))
    found, _, said = hook(name, veid=veid)
    assert found == code and len(said) == 1
    assert said[0].startswith("VEID ") and said[0].endswith("is wanted")
    assert [name for name in sorted(os.listdir(root)) if name != "var"] == before  # var/log has what was said


@pytest.mark.parametrize("words", [["init"], ["init", "veth"], ["addif"], ["delif"], ["stop"], ["init", "venet", "x"],
                                   [""]])
def test_words_that_vzctl_does_not_use_are_refused(hook, words):
    code, _, said = hook("external", *words)
    assert code == 1 and said[0].endswith("init veth DEVICE, addif DEVICE NETWORK, delif DEVICE or no words are wanted")


@pytest.mark.parametrize("words", [["init", "veth", "../x"], ["addif", "x" * 16, "net"], ["delif", "-x"], ["init",
                                                                                                           "veth",
                                                                                                           "a b"],
                                   ["init", "veth", ""]])
def test_a_device_that_is_no_name_is_refused(hook, words):
    code, _, said = hook("external", *words)
    assert code == 1 and "an interface name" in said[0]


def test_a_device_that_is_not_there_stops_the_start(hook, put):
    put("/etc/vz/conf/101.conf", ONE)
    code, _, said = hook("external", "init", "veth", "nosuch101.0")
    assert (code, said) == (1, ["CT 101: no interface nosuch101.0 on this node; the container does not run"])


def test_mistakes_stop_the_mount_all_at_once_and_are_logged(hook, log, put, root):
    put("/etc/vz/conf/101.conf", WRONG)
    wanted = ["/etc/vz/conf/101.conf:2: VETH_IP_ADDRESS: '10'; an IPv4 or IPv6 address with or without /PREFIX is wanted",
              "/etc/vz/conf/101.conf:3: VE_DEFAULT_GATEWAY: '10.0.0.1/24'; an IPv4 or IPv6 address is wanted, without '/'"]
    assert hook("mount") == (1, "", wanted)
    assert log() == ["600"] + wanted + ["CT 101 mount failed"]
    assert hook("external", "init", "veth", "nosuch101.0")[::2] == (1, wanted)
    assert hook("umount")[0] == 0


def test_mistakes_of_a_container_without_our_variables_are_logged_and_it_starts(hook, log, put):
    put("/etc/vz/conf/101.conf", ONE + "DESCRIPTION='it\n")
    code, _, said = hook("mount")
    assert (code, len(said)) == (0, 1) and log()[1:] == said + ["CT 101 configuration is right"]


@pytest.mark.parametrize("spoil, wanted", [
    (os.mkdir, "not a regular file"), (lambda path: os.symlink(path, path), "Too many levels of symbolic links"),
    (lambda path: (open(path, "w").close(), os.chmod(path, 0o666)), "writable by everybody"), (os.mkfifo,
                                                                                               "not a regular file"),
    (lambda path: (open(path, "w").close(), os.truncate(path, 2000000)), "2000000 bytes; 1048576 at most are wanted")])
@pytest.mark.parametrize("name, code", [("mount", 1), ("umount", 0)])
def test_a_conf_that_cannot_be_believed_is_named_and_umount_goes_on(hook, root, spoil, wanted, name, code):
    spoil(root + "/etc/vz/conf/101.conf")
    found, _, said = hook(name)
    assert found == code and len(said) == 1
    assert said[0].startswith("/etc/vz/conf/101.conf:1: ") and wanted in said[0]


def test_the_file_that_vzctl_names_is_read(hook, put, tmp_path):
    path = tmp_path / "ve.conf"
    path.write_text(WRONG)
    path.chmod(0o644)
    assert hook("mount", environment={"VE_CONFFILE": str(path)})[2][0].startswith("%s:2: " % path)


@pytest.mark.parametrize("name, code", [("mount", 1), ("umount", 0), ("external", 1)])
def test_a_bug_is_a_traceback_in_the_log(hook, log, name, code):
    patch = "from vzhooks import actions; actions.validate = actions.stop = actions.start = lambda *all: 1 // 0"
    found, _, said = hook(name, patch=patch)
    assert found == code and said[0] == "a bug in vzhooks, please report it:"
    assert "ZeroDivisionError: integer division or modulo by zero" in log() and log()[-1] == "CT 101 %s failed" % name


@pytest.mark.parametrize("around", ["", " 2>&-", " 1>&- 2>&-", " 2>/dev/full", " 1>/dev/full"])
@pytest.mark.parametrize("veid", ["101", "no"])
def test_umount_is_0_and_logs_whatever_became_of_its_output(hook, log, around, veid):
    assert hook("umount", veid=veid, around=around)[0] == 0
    assert len(log()) >= 2


def test_umount_is_0_when_vzctl_has_gone(root):
    """SIGTERM to vzctl leaves the hook running with a pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    code = CODE % (REPO, "0", "umount")
    try:
        run = subprocess.Popen(["sh", "-c", CALLER, "sh", sys.executable, "-c", code], stdout=writer, stderr=writer,
                               env={"VEID": "no", "PATH": "/bin:/usr/bin", "VZHOOKS_ROOT": root})
        assert run.wait(timeout=30) == 0
    finally:
        os.close(writer)


@pytest.mark.parametrize("spoil", [lambda root: open(root + "/run", "w").close(),
                                   lambda root: os.makedirs(root + "/run/vzhooks/101", 0o777)
                                   or os.chmod(root + "/run/vzhooks/101", 0o777), lambda root: os.symlink("run",
                                                                                                          root + "/run")])
def test_umount_is_0_when_its_own_directory_is_no_good(hook, log, root, spoil):
    spoil(root)
    assert hook("umount")[0] == 0 and log()[-1] == "CT 101 umount failed"


def test_syslog_gets_the_lines_where_it_listens(hook, root, put):
    put("/etc/vz/conf/101.conf", ONE + "BRIDGEDEV='\x1b[31m'\n")
    os.makedirs(root + "/dev")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        directory = os.getcwd()
        os.chdir(root)  # such an address has 107 characters at most
        listener.bind("dev/log")
        os.chdir(directory)
        assert hook("mount")[0] == 1
        listener.settimeout(5)
        rows = [listener.recv(65536).decode("ascii") for _ in range(2)]
    assert rows[0].startswith("<27>") and "vzhooks[" in rows[0] and "BRIDGEDEV: '\\x1b[31m'" in rows[0]
    assert "CT 101 mount failed after 0." in rows[1]


def test_without_any_place_for_a_log_the_hook_works(hook):
    assert hook("mount") == (0, "", [])
    assert hook("umount", veid="no")[0] == 0


def test_each_call_is_noted_with_its_outcome(hook, put, root):
    def noted():
        with open(root + "/run/vzhooks/metrics/events", encoding="ascii") as file:
            return [" ".join(words[1:5] + words[6:]) for words in map(str.split, file)]

    hook("mount")
    hook("mount", veid="no")  # is no container
    hook("external", "init", "veth", "nosuch101.0")
    hook("external", "delif", "nosuch101.0")
    hook("umount")
    put("/etc/vz/vzhooks.conf", "[node]\nelse_script = /bin/true\n")
    hook("external", "init", "veth", "nosuch101.0")
    assert noted() == ["mount 101 - done miss", "start 101 nosuch101.0 failed miss", "leave 101 nosuch101.0 done -",
                       "stop 101 - done -", "start 101 nosuch101.0 elsewhere miss"]
