"""How vzctl runs a hook: the environment, the descriptors, the pipe.

shared/vzctl-protocol.md, "What a hook process inherits" and the row "environment".
"""
import fcntl
import os
import signal
import sys
import time
from typing import Dict, List, NoReturn, Optional

PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
LEAKED = (3, 4, 5, 7, 8)
WATCHDOG_CODE = 98  # not vzctl's: it has no time limit. Ours has one, so that a test ends and says why.


class Terminated(Exception):
    """SIGTERM came. What runs at the moment goes on running; the container is rolled back."""


def external_env(veid: str, modern: bool, extra: Dict[str, str]) -> Dict[str, str]:
    """EXTERNAL_SCRIPT's environment. `extra`: the modern NETWORK_TYPE, VPORT_TYPE, IFACEID, MAC, those that are set."""
    env = {'VEID': veid, 'HOME': '/', 'TERM': 'linux', 'PATH': PATH + (':.' if modern else '')}
    if modern:
        env.update(extra)
    else:
        env['PWD'] = os.getcwd()  # the shell's, since vznetcfg is a shell script
    return env


def action_env(veid: str, modern: bool, conffile: str) -> Dict[str, str]:
    """An action script's environment: modern has these two and no more, not even PATH."""
    env = {} if modern else external_env(veid, modern, {})
    env.update(VEID=veid, VE_CONFFILE=conffile)
    return env


class Caller:
    """Runs hooks for one vzctl, and notes each call in ROOT/vz/calls (see Node.calls)."""

    def __init__(self, root: str, lock: str) -> None:
        self._root, self._lock = root, lock
        try:
            with open(os.path.join(root, 'vz/watchdog')) as f:
                self._limit = float(f.read())
        except FileNotFoundError:
            self._limit = 60.0

    def run(self, argv: List[str], env: Dict[str, str], script: Optional[str] = None) -> int:
        """Run a hook to its end and to the end of its output. Return its code, 128 + N for a signal.

        `script` is what the note names, where that is not argv[0].
        """
        env = dict(env, VZHOOKS_ROOT=self._root)  # the lab's one addition
        begin = time.monotonic()
        reader, writer = os.pipe()
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            self._exec(writer, argv, env)
        os.close(writer)
        try:
            code = self._wait(pid, reader, argv[0])
        finally:
            os.close(reader)
        note = '{}\t{}\t{:.6f}\t{}\n'.format((script or argv[0])[len(self._root):], code, time.monotonic() - begin,
                                             '\x1f'.join(argv[1:] if script is None else []))
        with open(os.path.join(self._root, 'vz/calls'), 'a') as f:
            f.write(note)
        return code

    def _exec(self, writer: int, argv: List[str], env: Dict[str, str]) -> NoReturn:
        """In the child: exactly the descriptors that a hook has, then exec. SIGPIPE is ignored since Python started."""
        try:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # Python ignores it, vzctl does not
            sources = {0: os.open('/dev/null', os.O_WRONLY), 1: writer, 2: writer, 3: os.open(self._lock, os.O_RDWR)}
            spare = os.open('/dev/null', os.O_RDWR)
            # First out of the way of all targets, then to them: no dup2 may hit a source that is still needed.
            moved = {fd: fcntl.fcntl(sources.get(fd, spare), fcntl.F_DUPFD, 32) for fd in (0, 1, 2) + LEAKED}
            for fd, source in moved.items():
                os.dup2(source, fd)
            os.closerange(6, 7)
            os.closerange(9, 256)
            os.execve(argv[0], argv, env)
        except OSError as e:
            os.write(2, '{}: {}\n'.format(argv[0], e.strerror).encode())
            os._exit(127 if isinstance(e, FileNotFoundError) else 126)
        finally:
            os._exit(125)

    def _wait(self, pid: int, reader: int, name: str) -> int:
        """vzctl reads the output to its end, and only then waits for the hook."""
        signal.signal(signal.SIGALRM, _late)
        signal.setitimer(signal.ITIMER_REAL, self._limit)
        try:
            data = os.read(reader, 65536)
            while data:
                sys.stdout.buffer.write(data)
                sys.stdout.flush()
                data = os.read(reader, 65536)
            return _code(os.waitpid(pid, 0)[1])
        except _Late:
            running = os.waitpid(pid, os.WNOHANG) == (0, 0)
            if running:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            print('stand-in vzctl: gave up: {} {}; the real one would wait for ever'.format(
                name, 'has not ended' if running else 'has ended, but a child of it keeps its output open'), file=sys.stderr)
            raise SystemExit(WATCHDOG_CODE) from None
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)


class _Late(Exception):
    pass


def _late(*_: object) -> None:
    raise _Late


def _code(status: int) -> int:
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)
