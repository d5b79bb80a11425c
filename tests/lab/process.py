"""How the lab starts programs: one function, and the mixin that every place to run something in shares."""
import os
import shlex
import signal
import subprocess
import sys
from typing import Dict, Iterable, List, Optional, Sequence

HERE = os.path.dirname(os.path.abspath(__file__))
PINGER = os.path.join(HERE, 'ping.py')


class CommandFailed(RuntimeError):
    """A command ended with another code than 0. The message has all that there is to know about it."""

    def __init__(self, argv: Sequence[str], result: 'subprocess.CompletedProcess[str]') -> None:
        self.result = result
        super().__init__('{} ended with {}\n--- stdout\n{}--- stderr\n{}'.format(
            ' '.join(shlex.quote(word) for word in argv), result.returncode, result.stdout, result.stderr))


def environment() -> Dict[str, str]:
    """The caller's environment with the sbin directories in PATH: an ordinary user often lacks them, and `ip` is there."""
    env = dict(os.environ)
    path = env.get('PATH', '/usr/bin:/bin').split(':')
    env['PATH'] = ':'.join(path + [d for d in ('/usr/sbin', '/sbin') if d not in path])
    return env


def popen(argv: Sequence[str], stdin: int = subprocess.DEVNULL, env: Optional[Dict[str, str]] = None,
          stdout: Optional[int] = subprocess.PIPE, stderr: Optional[int] = subprocess.PIPE) -> 'subprocess.Popen[str]':
    """Start `argv` in a session of its own, so that a time-out can end all its children, and Ctrl-C only the test."""
    return subprocess.Popen(list(argv), stdin=stdin, stdout=stdout, stderr=stderr, start_new_session=True,
                            env=environment() if env is None else env, encoding='utf-8', errors='replace')


def run(argv: Sequence[str], check: bool = True, input: Optional[str] = None, env: Optional[Dict[str, str]] = None,
        timeout: float = 60, shown: Optional[Sequence[str]] = None) -> 'subprocess.CompletedProcess[str]':
    """Run `argv` to its end. Raise CommandFailed on a non-zero code if `check`, subprocess.TimeoutExpired after `timeout` s.

    `shown` is what the message names instead of `argv`.
    """
    process = popen(argv, subprocess.DEVNULL if input is None else subprocess.PIPE, env)
    try:
        out, err = process.communicate(input, timeout)
    except BaseException:  # also KeyboardInterrupt: nothing may go on running behind a test that has ended
        _kill_session(process)
        raise
    result = subprocess.CompletedProcess(list(argv), process.returncode, out, err)
    if check and process.returncode:
        raise CommandFailed(shown or argv, result)
    return result


def _kill_session(process: 'subprocess.Popen[str]') -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    try:
        process.communicate(timeout=2)  # not for ever: a child in another session may hold the pipe
    except (subprocess.TimeoutExpired, ValueError):
        pass


class Host:
    """A place to run commands in: a namespace, a node, a container. Subclasses say how to get there by `command`."""

    def command(self, argv: Sequence[str]) -> List[str]:
        """The argv that runs `argv` here, started from the test process."""
        raise NotImplementedError

    def run(self, argv: Sequence[object], check: bool = True, input: Optional[str] = None,
            env: Optional[Dict[str, str]] = None, timeout: float = 60, cwd: Optional[str] = None,
            umask: Optional[int] = None) -> 'subprocess.CompletedProcess[str]':
        """Run a command here. `env` replaces the whole environment; cwd is / when not given."""
        words = [str(word) for word in argv]
        return run(self.command(_placed(words, cwd, umask)), check, input, env, timeout, shown=words)

    def popen(self, argv: Sequence[object], env: Optional[Dict[str, str]] = None, cwd: Optional[str] = None,
              umask: Optional[int] = None, stdin: int = subprocess.DEVNULL, stdout: Optional[int] = subprocess.PIPE,
              stderr: Optional[int] = subprocess.PIPE) -> 'subprocess.Popen[str]':
        """Start a command here and return at once. It is killed with the namespace at the latest."""
        words = [str(word) for word in argv]
        return popen(self.command(_placed(words, cwd, umask)), stdin, env, stdout, stderr)

    def ip(self, words: str) -> str:
        """What `ip WORDS` prints here."""
        return self.run(['ip'] + shlex.split(words)).stdout

    def batch(self, lines: Iterable[str]) -> None:
        """Many ip commands in one process."""
        self.run(['ip', '-batch', '-'], input='\n'.join(lines) + '\n')

    def sysctl(self, name: str, value: object) -> None:
        """Set one sysctl here; `/` for a dot that belongs to an interface name, as sysctl(8) has it."""
        path = '/proc/sys/' + name.translate({ord('.'): '/', ord('/'): '.'})
        self.run(['sh', '-c', 'echo "$1" >"$0"', path, value])

    def ping(self, target: str, count: int = 1, interval: float = 0.02, timeout: float = 1.0, size: int = 56,
             source: Optional[str] = None, dont_fragment: bool = False) -> int:
        """Send `count` echo requests to `target` (IPv4 or IPv6); the number of undamaged answers. See ping.py."""
        argv = self.ping_command(target, count, interval, timeout, size, source, dont_fragment)
        return int(self.run(argv, timeout=timeout + count * interval + 30).stdout)

    @staticmethod
    def ping_command(target: str, count: int = 1, interval: float = 0.02, timeout: float = 1.0, size: int = 56,
                     source: Optional[str] = None, dont_fragment: bool = False) -> List[str]:
        """The argv of `ping`, for popen: a ping that runs while something else happens."""
        argv = [sys.executable, '-IS', PINGER, '-c', str(count), '-i', str(interval), '-W', str(timeout), '-s', str(size)]
        return argv + (['-I', source] if source else []) + (['-M'] if dont_fragment else []) + [target]


def _placed(argv: List[str], cwd: Optional[str], umask: Optional[int]) -> List[str]:
    """`argv` in that directory and with that umask.

    nsenter leaves a process in / of the new mount namespace, and its --wd would open the directory in the old one.
    """
    if cwd is None and umask is None:
        return argv
    steps = ('' if umask is None else 'umask {:03o}; '.format(umask)) + 'cd "$0" && exec "$@"'
    return ['sh', '-c', steps, cwd or '/'] + argv
