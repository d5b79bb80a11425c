"""Work in a process of its own, which goes on when its caller and his terminal have gone; and a caller who is killed."""
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.unit.test_process import REPO, gone, took
from vzhooks import process


def mark(path, text):
    with open(str(path), "a") as file:
        file.write(text)


def read(path, wanted):
    """The file's text as soon as it is as wanted, or after some seconds."""
    for _ in range(250):
        if path.exists() and path.read_text() == wanted:
            break
        time.sleep(0.02)
    return path.read_text()


@pytest.mark.parametrize("work, code", [
    (lambda: 0, 0), (lambda: 7, 7), (lambda: os.kill(os.getpid(), signal.SIGKILL), 1), (lambda: 1 // 0, 1)])
def test_what_work_apart_returns_is_returned_and_a_death_is_no_success(work, code):
    assert process.apart(work) == code


def test_work_apart_has_a_session_of_its_own(tmp_path):
    assert process.apart(lambda: mark(tmp_path / "got", "%d %d" % (os.getpid() == os.getsid(0), os.getpgrp() == os.getpid()))
                         or 0) == 0
    assert (tmp_path / "got").read_text() == "1 1"


def test_work_that_is_left_alone_goes_on_and_holds_no_pipe_of_ours(tmp_path):
    reader, writer = os.pipe()

    def work():
        os.dup2(writer, 1)
        os.close(writer)
        process.left_alone()
        time.sleep(0.3)
        mark(tmp_path / "got", "done")
        return 5

    began = time.monotonic()
    assert process.apart(work) == 0 and took(began) < 0.3
    os.close(writer)
    assert os.read(reader, 1) == b""  # everybody has closed it
    assert not (tmp_path / "got").exists()
    os.close(reader)
    assert read(tmp_path / "got", "done") == "done"
    os.wait()


def test_work_goes_on_when_its_caller_has_been_killed_meanwhile(tmp_path):
    """An operator's Ctrl-C, or the end of his session: what would go back by itself must still do so."""
    def work():
        mark(tmp_path / "pid", "%d\n" % os.getpid())
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(0.2)
        process.left_alone()
        mark(tmp_path / "got", "done")
        return 0

    caller = os.fork()
    if not caller:
        process.apart(work)
        os._exit(0)
    assert os.waitpid(caller, 0)[1] == signal.SIGKILL
    assert read(tmp_path / "got", "done") == "done"
    assert gone(int((tmp_path / "pid").read_text()))


def test_what_work_starts_does_not_keep_the_caller_waiting(tmp_path):
    """Whatever it starts has none of the descriptors between the two."""
    code = "import os; print([fd for fd in os.listdir('/proc/self/fd') if fd == '%d'])" % process.APART

    def work():
        mark(tmp_path / "got", process.run(["sh", "-c", "exec %s -c \"%s\"" % (sys.executable, code)]).output)
        return 0

    assert process.apart(work) == 0
    assert (tmp_path / "got").read_text() == "[]\n"


FEED = """
import sys
sys.path.insert(0, %r)
from vzhooks import process
process.run(["sh", "-c", "echo $$ >%s.pid; while [ ! -e %s.go ]; do sleep 0.01; done; exec cat >%s"],
            "".join("%%06d\\n" %% number for number in range(20000)))
"""


def test_a_program_whose_caller_is_killed_reads_no_part_of_a_line(tmp_path):
    """It would take what came of an address for an address."""
    out = str(tmp_path / "out")
    caller = subprocess.Popen([sys.executable, "-c", FEED % (REPO, out, out, out)])
    until(lambda: os.path.exists(out + ".pid") and os.stat(out + ".pid").st_size)
    time.sleep(0.2)  # until the pipe is full
    caller.kill()
    caller.wait()
    with open(out + ".pid") as file:
        reader = int(file.read())
    open(out + ".go", "w").close()
    until(lambda: not os.path.exists("/proc/%d" % reader) or state(reader) == "Z")
    with open(out) as file:
        read = file.read()
    assert 0 < len(read) < 140000 and set(map(len, read.split("\n"))) == {0, 6}


def until(there):
    deadline = time.monotonic() + 20
    while not there():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def state(pid):
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"
