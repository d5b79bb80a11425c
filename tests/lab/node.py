"""A node (HN) of the lab, and a container (CT) on it."""
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from tests.lab.namespaces import Directory, Namespace
from tests.lab.process import HERE, Host, environment, run
from tests.lab.standin import container  # noqa: F401 (compiles it: the stand-in, with a hook's umask, writes no .pyc files)
from tests.lab.syslog import Syslog

if TYPE_CHECKING:
    from tests.lab.network import Lab
    from tests.lab.venet import Venet

REPOSITORY = os.path.dirname(os.path.dirname(HERE))
VZCTL = os.path.join(HERE, 'vzctl.py')
PACKAGE = '/usr/share/vzhooks/vzhooks'

# One call of a hook, as the stand-in vzctl noted it. `script` is its path on the node, without the node's root.
class Call(NamedTuple):
    script: str
    argv: List[str]
    returncode: int
    seconds: float

_installed: Dict[Tuple[str, bool], Directory] = {}


class Node(Host):
    """A node: its namespaces `ns`, and `root`, the directory that stands for / in the product (VZHOOKS_ROOT).

    Made by Lab.add_node. Run commands on it with run, popen, ip, batch, ping; see process.Host.
    """

    def __init__(self, lab: 'Lab', name: str, root: str, generation: str, connect: Callable[[Namespace], None]) -> None:
        self.lab, self.name, self.root = lab, name, root
        self._connect = connect
        self.services: List[Venet] = []  # what the node's boot starts
        os.mkdir(root)
        for directory in ('etc/vz/conf', 'vz/private', 'dev', 'run'):
            os.makedirs(os.path.join(root, directory))
        self.generation = generation
        self.write('vz/generation', generation + '\n')
        self._log = Syslog(os.path.join(root, 'dev/log'))
        self._boot()

    def _boot(self) -> None:
        self.ns = Namespace(self.name, self.lab.outside)
        self._connect(self.ns)
        self.write('vz/hn-pid', '{}\n'.format(self.ns.pid))
        # For hooks that call vzctl, by PATH: /usr/local/sbin comes first in it, and is a tmpfs of this namespace.
        self.ns.run(['sh', '-c', '[ ! -d /usr/local/sbin ] || install -m 755 /dev/stdin /usr/local/sbin/vzctl'],
                    input='#!/bin/sh\nexport VZHOOKS_ROOT={}\nexec {} -ISB {} "$@"\n'.format(self.root, sys.executable, VZCTL))

    def crash(self) -> None:
        """Power off and on: containers, interfaces, /run and vzctl's own state are gone; no hook has run."""
        self.ns.close()
        self.lab.outside.run(['ip', 'link', 'del', self.name], check=False)  # the kernel removes it too, a little later
        for directory in ('run', 'vz/state', 'vz/lock'):
            shutil.rmtree(self.path(directory), ignore_errors=True)
        os.mkdir(self.path('run'))
        self._boot()
        boot_id = self.write('vz/boot_id', run(['cat', '/proc/sys/kernel/random/uuid']).stdout)
        self.run(['mount', '--bind', boot_id, '/proc/sys/kernel/random/boot_id'])
        for service in self.services:
            service.stop()
            service.start()

    def command(self, argv: Sequence[str]) -> List[str]:
        return self.ns.command(argv)

    def install(self, python: Optional[str] = None, active: bool = True, own: bool = False) -> None:
        """Lay the product's files into `root`, as the packages do, with `python` (or the test's) in the first lines.

        `active`: and have vzctl call them, as `vzhook install` does. `own`: for who changes the Python package, which is a
        symbolic link otherwise: to copy its files was a fifth of the lab's work.
        """
        python = python or sys.executable
        if (python, active) not in _installed:
            _installed[python, active] = tree = Directory()
            root = tree.path + '/root'
            run(['make', '-s', '-C', REPOSITORY, 'install', 'DESTDIR=' + root, 'PYTHON=' + python])
            if active:
                os.mkdir(root + '/etc/vz/conf')
                run([root + '/usr/sbin/vzhook', 'install'], env=dict(environment(), VZHOOKS_ROOT=root))
            shutil.rmtree(root + '/usr/share/doc')
            os.rename(root + PACKAGE, tree.path + '/package')
            os.symlink(tree.path + '/package', root + PACKAGE)
        tree = _installed[python, active]
        if not os.path.islink(self.path(PACKAGE)):
            shutil.rmtree(self.path(PACKAGE), ignore_errors=True)  # an earlier own one
        run(['cp', '-a', tree.path + '/root/.', self.root])
        if own:
            os.unlink(self.path(PACKAGE))
            run(['cp', '-a', tree.path + '/package', self.path(PACKAGE)])

    # Files

    def path(self, path: str) -> str:
        """Where a path of the node, '/etc/vz/vz.conf' or 'etc/vz/vz.conf', really is."""
        return os.path.join(self.root, path.lstrip('/'))

    def write(self, path: str, text: str, mode: int = 0o644) -> str:
        """Write a file of the node (line ends as they are); directories are made. Return where it really is."""
        real = self.path(path)
        os.makedirs(os.path.dirname(real), exist_ok=True)
        with open(real, 'w', encoding='utf-8', newline='') as f:
            f.write(text)
        os.chmod(real, mode)
        return real

    def read(self, path: str) -> str:
        """The text of a file of the node."""
        with open(self.path(path), encoding='utf-8', newline='') as f:
            return f.read()

    def conf(self, veid: object, text: str, generation: Optional[str] = None) -> str:
        """Write $VEID.conf, for `modern` as a symbolic link to $VE_PRIVATE/ve.conf. Return the path of $VEID.conf."""
        name = '/etc/vz/conf/{}.conf'.format(veid)
        if (generation or self.generation) == 'legacy':
            return self.write(name, text)
        target = self.write('/vz/private/{}/ve.conf'.format(veid), text)
        link = self.path(name)
        os.makedirs(os.path.dirname(link), exist_ok=True)
        if os.path.lexists(link):
            os.unlink(link)
        os.symlink(target, link)
        return link

    # Programs

    def vzctl(self, *args: object, check: bool = True, env: Optional[Dict[str, str]] = None, timeout: float = 120,
              cwd: str = '/', umask: int = 0o077) -> 'subprocess.CompletedProcess[str]':
        """The stand-in vzctl. Raise CommandFailed on a non-zero code; `check=False` returns it."""
        return self.run(self._vzctl(args), check, env=self._env(env), timeout=timeout, cwd=cwd, umask=umask)

    def vzctl_popen(self, *args: object) -> 'subprocess.Popen[str]':
        """The same, not waited for: an init script starts several at once. Its pid is the stand-in's own."""
        return self.popen(self._vzctl(args), env=self._env(None), umask=0o077)

    @staticmethod
    def _vzctl(args: Sequence[object]) -> List[object]:
        return [sys.executable, '-ISB', VZCTL] + list(args)

    def vzhook(self, *args: object, check: bool = True, input: Optional[str] = None, env: Optional[Dict[str, str]] = None,
               timeout: float = 120) -> 'subprocess.CompletedProcess[str]':
        """The product's command as installed on this node. Raise CommandFailed on a non-zero code unless `check=False`."""
        return self.run([self.path('/usr/sbin/vzhook')] + list(args), check, input, self._env(env), timeout)

    def _env(self, env: Optional[Dict[str, str]]) -> Dict[str, str]:
        return dict(environment() if env is None else env, VZHOOKS_ROOT=self.root)

    def ct(self, veid: object) -> 'Ct':
        """A container of this node, running or not."""
        return Ct(self, str(veid))

    def migrate(self, veid: object, destination: 'Node', online: bool = False, frozen: Callable[[], None] = lambda: None,
                resumed: Callable[[], None] = lambda: None) -> None:
        """Move a container as vzmigrate does. Online, the destination's hooks run before the source's umount hooks.

        `frozen` and `resumed` are called when it stands still, and when it has its network there: for its processes.
        The destination's conf and private area replace what it had of this container; the source's are removed at last.
        """
        self.vzctl('migrate-freeze' if online else 'stop', veid)
        frozen()
        if os.path.isdir(self.path('vz/private/{}'.format(veid))):
            run(['cp', '-a', self.path('vz/private/{}'.format(veid)), destination.path('vz/private')])
        for name in sorted(os.listdir(self.path('etc/vz/conf'))):
            if name.startswith('{}.'.format(veid)) and not os.path.islink(self.path('etc/vz/conf/' + name)):
                shutil.copy2(self.path('etc/vz/conf/' + name), destination.path('etc/vz/conf'))
        if os.path.islink(self.path('etc/vz/conf/{}.conf'.format(veid))):
            destination.conf(veid, self.read('etc/vz/conf/{}.conf'.format(veid)), 'modern')
        if online:
            dump = 'vz/dump/{}'.format(veid)
            destination.write(dump, self.read(dump))
        destination.vzctl('resume' if online else 'start', veid)
        resumed()
        if online:
            self.vzctl('migrate-kill', veid)
        self.vzctl('destroy', veid)

    # What happened

    def syslog(self) -> List[str]:
        """The messages that came to the node's /dev/log, `<PRI>` included."""
        return self._log.messages()

    def syslog_clear(self) -> None:
        """Forget the messages so far."""
        self._log.clear()

    def calls(self) -> List[Call]:
        """All calls of hooks by the stand-in vzctl so far, in the order in which they ended."""
        made = []
        if os.path.exists(self.path('vz/calls')):
            for line in self.read('vz/calls').splitlines():
                script, code, seconds, argv = line.split('\t')
                made.append(Call(script, argv.split('\x1f') if argv else [], int(code), float(seconds)))
        return made

    def calls_clear(self) -> None:
        """Forget them."""
        self.write('vz/calls', '')

    def close(self) -> None:
        """End the node. Lab.close() does it."""
        self.ns.close()
        for service in self.services:
            service.stop()
        self._log.close()


class Ct(Host):
    """A container on a node: run and its kin enter the container's network namespace."""

    def __init__(self, node: Node, veid: str) -> None:
        self.node, self.veid = node, veid

    def command(self, argv: Sequence[str]) -> List[str]:
        if os.path.exists(self.node.path('vz/no-netns-name')):
            return self.node.command(['nsenter', '--net=/run/vz-ct/' + self.veid, '--'] + list(argv))
        return self.node.command(['ip', 'netns', 'exec', self.veid] + list(argv))


def forget_installed() -> None:
    """Remove the trees that Node.install copies from. For the end of a session; they are made again when needed."""
    while _installed:
        _installed.popitem()[1].close()
