"""The one place that starts processes, by both ways of starting them."""
import os
import signal
import sys
import time

import pytest

from vzhooks import paths, process

REPO = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
WAYS = ["fork", "posix_spawn"] if hasattr(os, "posix_spawn") else ["fork"]


@pytest.fixture(params=WAYS, autouse=True)
def way(request, monkeypatch):
    if request.param == "fork":
        monkeypatch.delattr(os, "posix_spawn", raising=False)


@pytest.fixture(autouse=True)
def nothing_left():
    before = sorted(os.listdir("/proc/self/fd")), children()
    yield
    assert (sorted(os.listdir("/proc/self/fd")), children()) == before


def children():
    """Our child processes; the lab has some when it runs in the same session."""
    with open("/proc/self/task/%d/children" % os.getpid()) as file:
        return file.read().split()


def sh(script, stdin="", timeout=20.0, keep=process.KEPT):
    return process.run(["sh", "-c", script], stdin, timeout, keep)


def seen(result):
    return result.status, result.output, result.errors


def gone(pid):
    """Whether a process is dead (perhaps a zombie of a PID 1 that does not reap), within some seconds."""
    for _ in range(200):
        try:
            with open("/proc/%d/stat" % pid) as file:
                if file.read().rsplit(")", 1)[1].split()[0] in "ZX":
                    return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


def took(began):
    return time.monotonic() - began


@pytest.mark.parametrize("script, wanted, ended", [
    ("echo out; echo err >&2", (0, "out\n", "err\n"), "exit code 0"), ("exit 3", (3, "", ""), "exit code 3"),
    ("kill -9 $$", (-9, "", ""), "signal 9"), ("exec 1>&- 2>&-; exit 4", (4, "", ""), "exit code 4"),
    ("printf '\\377'", (0, "\ufffd", ""), "exit code 0")])
def test_status_and_both_outputs_come_back(script, wanted, ended):
    result = sh(script)
    assert seen(result) == wanted and result.ended == ended


def test_output_larger_than_a_pipe_comes_whole():
    assert len(sh("head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2", keep=1 << 20).errors) == 300000


def test_of_much_output_only_the_first_part_is_kept_and_the_child_ends():
    result = sh("echo first; head -c 3000000 /dev/zero | tr '\\0' x; echo x >&2")
    assert (result.status, len(result.output), result.output[:6], result.errors) == (0, process.KEPT, "first\n", "x\n")


def test_endless_output_ends_with_the_time():
    began = time.monotonic()
    result = sh("exec yes", timeout=0.4)
    assert (result.status, len(result.output)) == (None, process.KEPT) and took(began) < 5


def test_a_large_input_is_fed_while_output_is_read():
    text = "0123456789abcdef" * 65536
    assert sh("cat", text, keep=1 << 21).output == text


def test_an_input_that_nobody_reads_is_no_failure():
    assert sh("exit 0", "x" * 1000000).status == 0
    assert sh("exec 0<&-; sleep 0.2", "x" * 1000000).status == 0


def test_a_large_input_is_fed_also_to_a_child_that_has_closed_its_outputs(tmp_path):
    result = sh("exec >%s 2>&1; cat" % (tmp_path / "got"), "x" * 1000000, timeout=3.0)
    assert (result.status, os.path.getsize(str(tmp_path / "got"))) == (0, 1000000)


def test_input_of_any_bytes_comes_through():
    assert sh("od -An -tx1", "\udcff\u00e9").output.split() == ["ff", "c3", "a9"]


def test_without_input_the_child_reads_the_end_of_it():
    assert sh("cat; echo end").output == "end\n"


@pytest.mark.parametrize("left", ["sleep 60", "sleep 60 >&-", "sleep 60 2>&-"])
def test_a_grandchild_that_holds_the_pipe_is_not_waited_for_and_killed(left):
    began = time.monotonic()
    result = sh("%s & echo $!; exit 5" % left)
    assert result.status == 5 and took(began) < 5
    assert gone(int(result.output))


def test_a_grandchild_that_goes_on_writing_is_not_waited_for():
    began = time.monotonic()
    result = sh("yes & echo $! >&2", timeout=4.0)
    assert result.status == 0 and gone(int(result.errors))
    assert took(began) < 2


def test_when_the_time_is_up_the_whole_group_is_killed():
    began = time.monotonic()
    result = sh("sleep 60 & echo $!; wait", timeout=0.3)
    assert (result.status, result.ended) == (None, "did not end in time and was killed") and took(began) < 5
    assert gone(int(result.output))


def test_a_child_that_ignores_sigterm_and_has_closed_its_outputs_is_killed_too():
    began = time.monotonic()
    assert sh("trap '' TERM; exec >&- 2>&-; sleep 60", timeout=0.3).status is None and took(began) < 5


def test_several_run_side_by_side():
    began = time.monotonic()
    results = process.run_all([process.Child(["sh", "-c", "sleep 0.5; cat; exit %d" % number], "in%d" % number)
                               for number in range(6)], 20.0)
    assert [seen(result) for result in results] == [(number, "in%d" % number, "") for number in range(6)]
    assert took(began) < 2.5


def test_a_missing_program_is_named_with_its_package_and_others_started_already_are_ended():
    with pytest.raises(process.MissingCommand) as caught:
        process.run(["no-such-program"])
    assert str(caught.value) == ("no-such-program: not found in %s; install the package that has it" % paths.PATH)
    began = time.monotonic()
    with pytest.raises(process.MissingCommand):
        process.run_all([process.Child(["sleep", "60"]), process.Child(["no-such-program"])])
    assert took(began) < 5


def test_what_cannot_be_executed_is_an_error_and_leaves_nothing(tmp_path, monkeypatch):
    program = tmp_path / "ip"
    program.write_text("#!/no/such/interpreter\n")
    program.chmod(0o755)
    monkeypatch.setattr(paths, "PATH", str(tmp_path))
    with pytest.raises(OSError):
        process.run(["ip"])


def test_a_directory_of_a_program_s_name_is_no_program(tmp_path, monkeypatch):
    (tmp_path / "sh").mkdir()
    monkeypatch.setattr(paths, "PATH", "%s:%s" % (tmp_path, paths.PATH))
    assert sh("echo x").output == "x\n"


def test_the_child_s_environment_is_ours_alone(monkeypatch):
    monkeypatch.setenv("LD_PRELOAD_", "x")
    monkeypatch.setenv("PATH", "/tmp:.")
    assert sorted(process.run(["env"]).output.split("\n")[:-1]) == ["HOME=/", "LC_ALL=C", "PATH=" + paths.PATH]


def test_the_child_has_three_descriptors_and_a_group_of_its_own():
    results = process.run_all([process.Child(["ls", "/proc/self/fd"]), process.Child(["sh", "-c",
                                                                                      "sleep 0.2; ls /proc/self/fd"])])
    callers = {name for name in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd/" + name)
               and int(name) > 2 and os.get_inheritable(int(name))}  # closed by settle(), not here
    for result in results:
        assert len(set(result.output.split()) - callers) == 4, result.output  # 0, 1, 2 and ls' own
    words = process.run(["cat", "/proc/self/stat"]).output.split()
    assert words[0] == words[4] != str(os.getpid())


def test_sigpipe_and_the_signal_mask_are_as_a_program_expects_them():
    before = signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    try:
        rows = dict(row.split(":\t") for row in process.run(["cat", "/proc/self/status"]).output.splitlines()
                    if "Sig" in row)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGPIPE, before)
    assert int(rows["SigIgn"], 16) & 1 << (signal.SIGPIPE - 1) == 0 and int(rows["SigBlk"], 16) == 0


SETTLE = """
import os, sys
sys.path.insert(0, %r)
from vzhooks import process
process.settle()
print(sorted(os.listdir("/proc/self/fd")), os.getcwd(), oct(os.umask(0)), os.read(0, 1), file=sys.stdout, flush=True)
"""


@pytest.mark.parametrize("around, wanted", [
    ("0>/dev/null 3>/dev/null 4>&3 5>&3 7>&3 8>&3", "['0', '1', '2', '3'] / 0o77 b''\n"), ("0<&-",
                                                                                           "['0', '1', '2', '3'] / 0o77 b''\n"),
    ("0<&- 2>&-", "['0', '1', '2', '3'] / 0o77 b''\n")])
def test_settled_surroundings_are_our_own(tmp_path, around, wanted):
    code = tmp_path / "code.py"
    code.write_text(SETTLE % REPO)
    result = sh("umask 0; cd /tmp; exec %s %s %s" % (sys.executable, code, around))
    assert (result.output, result.status) == (wanted, 0), result.errors
