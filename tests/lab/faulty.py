"""Fault points of a hook: what it does to files and processes is counted here, and goes wrong at the N-th.

Faults (faults.py) puts two lines into an installed hook that call arm(); the product knows nothing of this. ROOT/vz/fault holds
`KIND N`; ROOT/vz/points gets a line for each point of that kind that is passed, and `hit` when it is the N-th.

    kill        SIGKILL before any change of a file, half-way through its writing, before and after a process is started, and
                when it has ended; and at the very end
    full        from there on no file can be made or written (ENOSPC), the first one is written half
    readonly    from there on no file or directory can be changed (EROFS)
    missing     from there on that program is not there
    hang        that program does nothing and does not end;  late: it does its work and does not end
    fail        that program does nothing and fails;  after: it does its work and is killed, as by a kernel out of memory
    line        that line of what `ip -batch` reads is one that fails
    pause       wait there until ROOT/vz/pause, which has our process id, is gone
    clock       it is N days earlier
"""
import builtins
import os
import stat
import time

FILES = ('make', 'write', 'half', 'rename', 'remove')
WHERE = {'kill': FILES + ('before', 'runs', 'ended', 'end'), 'pause': ('before', 'runs', 'ended', 'end'), 'full': ('make', 'write'),
         'readonly': ('make', 'rename', 'remove'), 'line': ('line',)}
LASTS = ('full', 'readonly', 'missing')
FAILS_ANYHOW = 'link set dev no-such-dev up'

_open, _write, _exit = os.open, os.write, os._exit


class Fault:
    """What shall go wrong, and when."""

    def __init__(self, root: str, kind: str, number: int) -> None:
        self.root, self.kind, self.number = root, kind, number
        self.where = WHERE.get(kind, ('before',))
        self.on = False  # from here on, for what lasts
        self.program = ''

    def reached(self, where: str, what: str) -> bool:
        """Count a point; whether it goes wrong here."""
        if where not in self.where:
            return False
        if self.on and self.kind in LASTS:
            return True
        fd = _open(self.root + '/vz/points', os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        passed = os.fstat(fd).st_size and os.pread(fd, 1 << 20, 0).count(b'\n')
        hit = passed + 1 == self.number
        _write(fd, '{}{} {}\n'.format('hit ' if hit else '', where, what).encode())
        os.close(fd)
        self.on = self.on or hit
        if hit and self.kind == 'kill':
            os.kill(os.getpid(), 9)
        if hit and self.kind == 'pause':
            fd = _open(self.root + '/vz/pause', os.O_WRONLY | os.O_CREAT, 0o600)
            _write(fd, str(os.getpid()).encode())
            os.close(fd)
            while os.path.exists(self.root + '/vz/pause'):
                time.sleep(0.01)
        return hit

    def file(self, where: str, path: object) -> None:
        """A file is about to be changed."""
        if self.reached(where, os.path.basename(str(path))) and self.kind in ('full', 'readonly'):
            raise OSError(*((28, 'No space left on device') if self.kind == 'full' else (30, 'Read-only file system')))


def arm() -> None:
    """Patch this interpreter, before the hook runs."""
    root = os.environ['VZHOOKS_ROOT']
    try:
        with open(root + '/vz/fault') as file:
            kind, number = file.read().split()
    except FileNotFoundError:
        return
    if kind == 'clock':
        time.time = lambda real=time.time: real() - int(number) * 86400
        return
    from vzhooks import process

    fault = Fault(root, kind, int(number))
    _patch_files(fault)
    _patch_processes(fault, process)

    def end(code: int) -> None:
        fault.reached('end', '')
        _exit(code)

    os._exit = end  # type: ignore[assignment]


def _patch_files(fault: Fault) -> None:
    def opened(path, flags, *words, **more):  # type: ignore[no-untyped-def]
        if flags & os.O_CREAT:
            fault.file('make', path)
        return _open(path, flags, *words, **more)

    def written(fd, data):  # type: ignore[no-untyped-def]
        if stat.S_ISREG(os.fstat(fd).st_mode):
            if fault.reached('write', ''):
                _write(fd, data[:len(data) // 2])
                raise OSError(28, 'No space left on device')
            if 'half' in fault.where:
                done = _write(fd, data[:len(data) // 2])
                fault.reached('half', '')
                return done + _write(fd, data[done:])
        return _write(fd, data)

    def plain(where, real):  # type: ignore[no-untyped-def]
        def call(path, *words, **more):  # type: ignore[no-untyped-def]
            fault.file(where, path)
            return real(path, *words, **more)
        return call

    def sysctl(path, mode='r', *words, real=builtins.open, **more):  # type: ignore[no-untyped-def]
        if 'w' in mode:
            fault.reached('make', path)
        return real(path, mode, *words, **more)

    builtins.open = sysctl  # type: ignore[assignment]
    os.open, os.write = opened, written
    os.mkdir, os.rename = plain('make', os.mkdir), plain('rename', os.rename)
    os.unlink, os.rmdir = plain('remove', os.unlink), plain('remove', os.rmdir)


def _patch_processes(fault: Fault, process) -> None:  # type: ignore[no-untyped-def]
    start, end = process.Child.start, process.Child.end

    def started(child):  # type: ignore[no-untyped-def]
        if '-batch' in child.argv:
            rows = child.input.decode().splitlines()
            for number, row in enumerate(rows):
                if fault.reached('line', row):
                    rows[number] = FAILS_ANYHOW
            child.input = ''.join(row + '\n' for row in rows).encode()
        name = ' '.join(child.argv)
        if (not fault.program or fault.program == child.argv[0]) and fault.reached('before', name):
            fault.program = child.argv[0]
            if fault.kind == 'missing':
                raise process.MissingCommand('%s: not found' % fault.program)
            work = {'hang': 'exec sleep 1000', 'late': '"$@"; exec sleep 1000', 'fail': 'exit 1', 'after': '"$@"; kill -9 $$'}
            if fault.kind in work:
                child.argv = ['sh', '-c', work[fault.kind], 'sh'] + child.argv
        start(child)
        fault.reached('runs', name)

    def ended(child):  # type: ignore[no-untyped-def]
        result = end(child)
        fault.reached('ended', ' '.join(child.argv))
        return result

    process.Child.start, process.Child.end = started, ended
