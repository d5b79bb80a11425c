"""The one module that starts processes.  Hot path: standard library only, and little of it.

A child gets exactly three descriptors, an environment of its own, a process group of its own and a time limit; nothing
of it stays behind.  Its output is kept up to a limit, so that a container cannot fill the node's memory.
"""
import os
import select
import time

from vzhooks import paths
from vzhooks.errors import Expected

TYPE_CHECKING = False  # `typing` alone costs a third of a hook's time; mypy takes this name for the real one
if TYPE_CHECKING:
    from typing import Callable, Dict, List, Optional, Sequence

APART = 63  # the descriptor on which work that runs apart tells its caller to go
SIGKILL, SIGPIPE = 9, 13  # the signal module imports enum

TIMEOUT = 30.0  # seconds for one command; [node] timeout
KEPT = 64 * 1024  # bytes of each output stream that are kept
GRACE = 0.1  # seconds for what is still in the pipes of a process that has ended
LISTING = 64 * 1024 * 1024  # the same for listings of the node's own kernel
ENVIRONMENT = {"PATH": paths.PATH, "LC_ALL": "C", "HOME": "/"}

PACKAGES = {"ip": "iproute2", "bridge": "iproute2", "ping": "iputils-ping", "brctl": "bridge-utils", "nft": "nftables",
            "ovs-vsctl": "openvswitch-switch", "vtysh": "frr", "conntrack": "conntrack", "dot": "graphviz"}


class MissingCommand(Expected):
    """A program is not installed; the text names it and the package it usually comes in."""


class Result:
    """How a command ended.  status: exit code, -N for signal N, None when its time ran out."""

    __slots__ = ("argv", "status", "output", "errors")

    def __init__(self, argv: "Sequence[str]", status: "Optional[int]", output: str, errors: str) -> None:
        self.argv = argv
        self.status = status
        self.output = output
        self.errors = errors

    @property
    def ended(self) -> str:
        if self.status is None:
            return "did not end in time and was killed"
        return "signal %d" % -self.status if self.status < 0 else "exit code %d" % self.status


def settle() -> None:
    """Make the surroundings of a hook our own, whatever the caller left (vzctl-protocol.md, "What a hook inherits").

    Descriptor 0 is /dev/null opened write-only there and 3, 4, 5, 7, 8 leak; umask, cwd and environment are anybody's.
    """
    os.environ["PATH"] = paths.PATH
    os.environ["LC_ALL"] = "C"
    os.umask(0o077)
    os.chdir("/")
    close_inherited()
    null = os.open("/dev/null", os.O_RDWR)  # 0 itself where the caller closed it
    os.dup2(null, 0)
    for standard in (1, 2):
        try:
            os.fstat(standard)
        except OSError:
            os.dup2(null, standard)
    if null > 2:
        os.close(null)


def close_inherited() -> None:
    """Close every descriptor but the standard three, so that none is handed on."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2:
            try:
                os.close(int(name))
            except OSError:
                pass  # the listing's own descriptor


def become(path: str, words: "Sequence[str]", environment: "Dict[str, str]") -> None:
    """Become another program, which gets our standard descriptors, and the words and environment of our caller."""
    os.execve(path, [path] + list(words), environment)


def apart(work: "Callable[[], int]") -> int:
    """Run WORK in a process of its own session, which no terminal's end takes along; return what it returns.

    WORK may call left_alone() to let us go while it goes on; then 0 is returned.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writer)
        told = os.read(reader, 1)
        os.close(reader)
        status = 0 if told else os.waitpid(pid, 0)[1]
        return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 1
    code = 1
    try:
        os.close(reader)
        os.setsid()
        os.dup2(writer, APART, False)  # what WORK starts must not keep our caller waiting
        os.close(writer)
        code = work()
    finally:
        os._exit(code)


def left_alone() -> None:
    """In work that runs apart(): let the caller go, and give up its terminal and pipes."""
    try:
        os.write(APART, b"1")
    except BrokenPipeError:
        pass  # the caller has gone already: all the more must the work go on
    os.close(APART)
    null = os.open("/dev/null", os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    os.close(null)


def find(program: str) -> str:
    """The program's path on our own PATH.  Raise MissingCommand."""
    for directory in paths.PATH.split(":"):
        path = directory + "/" + program
        if os.access(path, os.X_OK) and not os.path.isdir(path):
            return path
    raise MissingCommand("%s: not found in %s; install %s"
                         % (program, paths.PATH, PACKAGES.get(program, "the package that has it")))


def run(argv: "Sequence[str]", stdin: str = "", timeout: float = TIMEOUT, keep: int = KEPT) -> Result:
    """Run one command to its end; see run_all."""
    return run_all([Child(argv, stdin, keep)], timeout)[0]


class Child:
    """A command to run: its words, what it reads, how much of what it says is kept (bytes)."""

    def __init__(self, argv: "Sequence[str]", stdin: str = "", keep: int = KEPT) -> None:
        self.argv = list(argv)
        self.input = stdin.encode("utf-8", "surrogateescape")
        self.keep = keep
        self.status: Optional[int] = None
        self.streams: Dict[int, List[bytes]] = {}

    def start(self) -> None:
        """Start it and give it what of its input the pipe takes.  Raise MissingCommand, OSError."""
        path = find(self.argv[0])
        ours: List[int] = []
        theirs: List[int] = []
        try:
            for stream in range(3):
                reader, writer = os.pipe()
                theirs.append(writer if stream else reader)
                ours.append(reader if stream else writer)
            self.pid = _spawn(path, self.argv, theirs)
        except OSError:
            for fd in ours:
                os.close(fd)
            raise
        finally:
            for fd in theirs:
                os.close(fd)
        self.stdin, self.stdout, self.stderr = ours
        os.set_blocking(self.stdin, False)
        self.streams = {self.stdout: [], self.stderr: []}
        self.open = set(ours)
        self.feed()

    def feed(self) -> None:
        """Write what the pipe takes, by whole lines: no part of one may be taken for a line when we are killed."""
        try:
            while self.input:
                end = self.input.rfind(b"\n", 0, select.PIPE_BUF) + 1  # what is no longer goes at once or not at all
                self.input = self.input[os.write(self.stdin, self.input[:end or select.PIPE_BUF]):]
        except BlockingIOError:
            return
        except OSError:
            pass  # it ended or closed its input: its exit code will say why
        self.close(self.stdin)

    def read(self, fd: int) -> None:
        """Take what a stream has; what is beyond the limit is read and forgotten."""
        data = os.read(fd, 65536)
        if not data:
            self.close(fd)
        elif sum(map(len, self.streams[fd])) < self.keep:
            self.streams[fd].append(data[:self.keep])

    def close(self, fd: int) -> None:
        """Close our end of a stream."""
        self.open.discard(fd)
        os.close(fd)

    def reap(self) -> bool:
        """Whether it has ended; then its status is known."""
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)
        return self.status is not None

    def end(self) -> Result:
        """Leave nothing behind: kill what still runs or still holds our pipes, reap, close."""
        running = not self.reap()
        if running or self.open - {self.stdin}:
            try:
                os.killpg(self.pid, SIGKILL)
            except OSError:
                pass  # the group is gone already
        if running:
            os.waitpid(self.pid, 0)
        for fd in list(self.open):
            self.close(fd)
        kept = [b"".join(self.streams[fd])[:self.keep].decode("utf-8", "replace") for fd in (self.stdout, self.stderr)]
        return Result(self.argv, self.status, kept[0], kept[1])


def run_all(children: "Sequence[Child]", timeout: float = TIMEOUT) -> "List[Result]":
    """Run commands side by side and wait for all, TIMEOUT seconds at most.  Raise MissingCommand or OSError."""
    started: List[Child] = []
    try:
        for child in children:
            child.start()
            started.append(child)
        _converse(started, time.monotonic() + timeout)
    finally:
        results = [child.end() for child in started]
    return results


def _converse(children: "Sequence[Child]", deadline: float) -> None:
    """Feed and read until every child has ended or the time is up."""
    poll = select.poll()
    owners: Dict[int, Child] = {}
    for child in children:
        for fd in child.open:
            poll.register(fd, select.POLLOUT if fd == child.stdin else select.POLLIN)
            owners[fd] = child
    pause = 0.0
    while time.monotonic() < deadline:
        ended = all([child.reap() for child in children])
        if ended:
            # What is in the pipes counts; whoever else holds them (a grandchild) is not waited for.
            deadline = min(deadline, time.monotonic() + GRACE)
        elif not any(child.open for child in children):
            # Pipes close a moment before the process can be reaped: first give way, then sleep.
            time.sleep(pause)
            pause = min(pause + 0.0001, 0.02)
            continue
        events = poll.poll(0 if ended else 100)
        for fd, _ in events:
            child = owners[fd]
            if fd == child.stdin:
                child.feed()
            else:
                child.read(fd)
            if fd not in child.open:
                poll.unregister(fd)
        if ended and not events:
            return


def _spawn(path: str, argv: "List[str]", fds: "Sequence[int]") -> int:
    """Start PATH with FDS as its 0, 1, 2, in a process group of its own; return its process id."""
    if hasattr(os, "posix_spawn"):  # Python 3.8; no copy of our memory is made
        actions = [(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate(fds)]  # novm
        return os.posix_spawn(path, argv, ENVIRONMENT, file_actions=actions, setpgroup=0,  # novm
                              setsigmask=[], setsigdef=[SIGPIPE])
    return _fork(path, argv, fds)


def _fork(path: str, argv: "List[str]", fds: "Sequence[int]") -> int:
    import signal  # only here: see above

    reader, writer = os.pipe()  # closed by a successful exec; else it carries the errno
    pid = os.fork()
    if pid:
        os.close(writer)
        failure = os.read(reader, 16)
        os.close(reader)
        if failure:
            os.waitpid(pid, 0)
            raise OSError(int(failure), os.strerror(int(failure)), path)
        return pid
    try:
        os.setpgid(0, 0)
        signal.signal(SIGPIPE, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        for number, fd in enumerate(fds):
            os.dup2(fd, number)
        os.execve(path, argv, ENVIRONMENT)
    except OSError as error:
        os.write(writer, b"%d" % (error.errno or 0))
    finally:
        os._exit(127)
