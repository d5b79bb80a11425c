"""Network + mount namespaces that live exactly as long as the process that made them.

Each is held by an anchor: a shell that reads a pipe from us. When we close it, or end in whatever way (kill -9 too), the read
ends, and the anchor kills what still runs in its namespaces and ends itself; with it go mounts, interfaces and rules. A pipe
rather than PR_SET_PDEATHSIG: that one is cleared by entering a user namespace, and fires when a mere thread ends.
"""
import os
import shutil
import subprocess
import tempfile
from typing import List, Optional, Sequence, Tuple

from tests.lab.process import Host, environment

TOOLS = ('ip', 'nsenter', 'unshare', 'mount', 'sh')

# All that the lab's processes see of the machine's own state is covered: /sys (its net/ shows the namespace in which it was
# mounted), /run (netns names, sockets, locks), and /usr/local/sbin, first in the hooks' PATH, where a stand-in can lie.
ANCHOR = r'''
trap "" INT TERM HUP
set -e
mount -t sysfs sysfs /sys
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/netns
mount --bind --make-shared /run/netns /run/netns  # as the first `ip netns add` would do; two at once would race
[ -L /var/run ] || [ ! -d /var/run ] || mount --bind /run /var/run
[ ! -d /usr/local/sbin ] || mount -t tmpfs -o mode=755 tmpfs /usr/local/sbin
ip link set lo up
for f in arp ip ip6; do
    f=/proc/sys/net/bridge/bridge-nf-call-${f}tables
    [ ! -e $f ] || echo 0 >$f
done
echo ready
exec >/dev/null 2>&1
set +e
read -r end
cd /run/netns && : >.closing
for ns in /proc/$$/ns/net /run/netns/* /run/vz-ct/*; do
    # A name may be a stale link to any namespace at all: what runs in the machine's own is never ours to kill.
    [ "$(stat -Lc %d:%i $ns)" != "$1" ] && mount --bind $ns .closing || continue
    for p in $(ip netns pids .closing); do [ $p = $$ ] || kill -9 $p; done
    umount .closing
done
'''


class LabImpossible(RuntimeError):
    """This machine cannot have lab namespaces; the message names the one thing that is missing."""


_anchors: 'List[Tuple[str, subprocess.Popen[bytes]]]' = []
_directories: List[str] = []


class Namespace(Host):
    """One network and mount namespace. `family` is another of the same lab: an ordinary user's have one user namespace.

    Otherwise a veth could not be moved from one to the other. The constructor returns before the anchor is ready, so that
    several start at the same time; `pid` and everything else waits for it.
    """

    def __init__(self, name: str, family: Optional['Namespace'] = None) -> None:
        self.name = name
        self._ready = False
        self._users: List[str] = []
        if os.geteuid() == 0:
            unshare = ['unshare', '-n', '-m']
        elif family is None:
            unshare, self._users = ['unshare', '-Urnm'], ['-U', '--preserve-credentials']
        else:
            self._users = ['-U', '--preserve-credentials']
            unshare = ['nsenter', '-t', str(family.pid)] + self._users + ['unshare', '-n', '-m']
        own = os.stat('/proc/self/ns/net')
        try:
            self._anchor = subprocess.Popen(
                unshare + ['sh', '-c', ANCHOR, 'vzlab-anchor-' + name, '{}:{}'.format(own.st_dev, own.st_ino)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                env=environment(), start_new_session=True)
        except FileNotFoundError:
            raise LabImpossible(missing('')) from None
        _anchors.append(('the anchor of ' + name, self._anchor))

    @property
    def pid(self) -> int:
        """The anchor's process id; the namespaces are /proc/PID/ns/*."""
        if not self._ready:
            assert self._anchor.stdout is not None
            said = self._anchor.stdout.readline()
            if said != b'ready\n':
                said += self._anchor.stdout.read()
                self.close()
                raise LabImpossible(missing(said.decode('utf-8', 'replace').strip()))
            self._anchor.stdout.close()
            self._ready = True
        return self._anchor.pid

    def command(self, argv: Sequence[str]) -> List[str]:
        return ['nsenter', '-t', str(self.pid)] + self._users + ['-n', '-m', '--'] + list(argv)

    def hang_up(self) -> None:
        """Begin to close: several namespaces can do so at the same time."""
        for pipe in (self._anchor.stdin, self._anchor.stdout):
            if pipe and not pipe.closed:
                pipe.close()

    def close(self) -> None:
        """End all that runs in the namespaces, and them. May be called again."""
        self.hang_up()
        try:
            self._anchor.wait(20)
        except subprocess.TimeoutExpired:
            self._anchor.kill()
            self._anchor.wait()


class Directory:
    """A temporary directory that is removed by close(), and also when this process dies without a chance to do so."""

    def __init__(self) -> None:
        self.path = tempfile.mkdtemp(prefix='vzlab-')
        os.chmod(self.path, 0o755)  # as / is: programs of other users (frr) go through it
        _directories.append(self.path)
        self._guard = subprocess.Popen(
            ['sh', '-c', 'trap "" INT TERM HUP; read -r end; rm -rf -- "$1"', 'vzlab-guard', self.path],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        _anchors.append(('the guard of ' + self.path, self._guard))

    def close(self) -> None:
        """Remove it. May be called again."""
        if self._guard.stdin and not self._guard.stdin.closed:
            self._guard.stdin.close()
        self._guard.wait()


def left_over() -> List[str]:
    """What this process made and has not removed: anchors that run, directories that exist. For the end of a session."""
    running = ['process {}, {}'.format(process.pid, what) for what, process in _anchors if process.poll() is None]
    return running + ['directory ' + path for path in _directories if os.path.exists(path)]


def missing(said: str) -> str:
    """Name the one thing that keeps this machine from having lab namespaces; `said` is what unshare printed."""
    for tool in TOOLS:
        if not shutil.which(tool, path=environment()['PATH']):
            return 'the lab needs the program {}, which is not installed'.format(tool)
    if os.geteuid() != 0:
        for name, forbids in (('user/max_user_namespaces', '0'), ('kernel/unprivileged_userns_clone', '0'),
                              ('kernel/apparmor_restrict_unprivileged_userns', '1')):
            if _read('/proc/sys/' + name) == forbids:
                return 'the lab needs user namespaces, and sysctl {} is {}'.format(name.replace('/', '.'), forbids)
    return 'the lab cannot make namespaces: {}'.format(said or 'unshare was ended')


def _read(path: str) -> Optional[str]:
    try:
        with open(path) as f:
            return f.read().strip()
    except OSError:
        return None
