"""A Debian in a directory, and namespaces of its own around it, so that nothing of it reaches the machine or the network."""
import fcntl
import os
import shutil
import subprocess
from contextlib import contextmanager
from typing import Any, Iterator, List, Sequence

from tests.lab.namespaces import Directory, Namespace

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SUITE = 'bookworm'
# What the deb depends on lies in the tarball's package cache: apt installs it without a network. Python is there already.
NEEDS = 'python3-click python3-jinja2 python3-netaddr iproute2'
CACHE = os.path.join(os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'), 'vzhooks')
TARBALL = os.path.join(CACHE, 'chroot-{}-1.tar'.format(SUITE))
PATH = '/usr/sbin:/usr/bin:/sbin:/bin'


class Chroot:
    """A context manager; `path` is where its / lies for whoever is outside, `inner` where it lies in its namespaces.

    In memory: dpkg waits for the disk after each file, and taking all of it away would take as long as unpacking it.
    """

    def __init__(self) -> None:
        tarball = _tarball()
        self._directory = Directory()
        self._namespace = Namespace('chroot', None)
        self.inner = self._directory.path
        self.path = '/proc/{}/root{}'.format(self._namespace.pid, self.inner)
        self.beside('mount', '-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', self.inner)
        self.beside('tar', '-xf', tarball, '-C', self.inner)
        self.beside('mount', '-t', 'proc', 'proc', self.inner + '/proc')

    def run(self, *argv: str, check: bool = True) -> 'subprocess.CompletedProcess[str]':
        """Run a command within."""
        return self._namespace.run(['chroot', self.inner] + list(argv), check=check, timeout=300,
                                   env={'PATH': PATH, 'LC_ALL': 'C.UTF-8', 'DEBIAN_FRONTEND': 'noninteractive', 'HOME': '/root'})

    def beside(self, *argv: str, check: bool = True) -> 'subprocess.CompletedProcess[str]':
        """Run a command of the machine in the same namespaces."""
        return self._namespace.run(list(argv), check=check, timeout=300)

    def bring(self, file: str) -> str:
        """Copy a file into /root; return its path within."""
        shutil.copy(file, self.path + '/root/')
        return '/root/' + os.path.basename(file)

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        whole = self.path + path
        os.makedirs(os.path.dirname(whole), exist_ok=True)
        with open(whole, 'w', encoding='utf-8') as file:
            file.write(text)
        os.chmod(whole, mode)

    def read(self, path: str) -> str:
        with open(self.path + path, encoding='utf-8') as file:
            return file.read()

    def find(self, word: str) -> List[str]:
        """All paths with a word in their name, dpkg's own notes and manuals of others left out."""
        found = self.run('find', '/', '-xdev', '-path', '/proc', '-prune', '-o', '-name', '*{}*'.format(word), '-print')
        return sorted(path for path in found.stdout.split() if not path.startswith('/root/'))

    def __enter__(self) -> 'Chroot':
        return self

    def __exit__(self, *_: Any) -> None:
        self._namespace.close()
        self._directory.close()


def _tarball() -> str:
    """The bare system, made once a machine: a minute or two, then it is only unpacked."""
    os.makedirs(CACHE, exist_ok=True)
    with _locked(CACHE):
        if not os.path.exists(TARBALL):
            _make(TARBALL)
    return TARBALL


def _make(tarball: str) -> None:
    directory = Directory()
    try:
        top = directory.path + '/new'
        _shown(['unshare', '-m', 'debootstrap', '--variant=minbase', SUITE, top])
        _shown(['chroot', top, 'apt-get', 'update'])
        install = ['chroot', top, 'apt-get', 'install', '-y', '--no-install-recommends']
        _shown(install + ['python3'])
        _shown(install + ['--download-only'] + NEEDS.split())
        _shown(['tar', '-cf', tarball + '.new', '--exclude=./usr/share/locale/*', '--exclude=./proc/*', '-C', top, '.'])
        os.rename(tarball + '.new', tarball)
    finally:
        directory.close()


def _shown(argv: Sequence[str]) -> None:
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600,
                          env={'PATH': PATH, 'LC_ALL': 'C.UTF-8', 'DEBIAN_FRONTEND': 'noninteractive'}, universal_newlines=True)
    assert done.returncode == 0, done.stdout[-4000:]


@contextmanager
def _locked(directory: str) -> Iterator[None]:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
