"""A hook that writes down what it was given and what it found, for the tests of the stand-in vzctl."""
import json
import os
import sys
from typing import Any, Dict, List

from tests.lab.node import Node

HOOK = r'''#!{python} -IS
import fcntl, json, os, subprocess, sys, time
root = os.environ['VZHOOKS_ROOT']
fds = {{}}
for fd in sorted(int(name) for name in os.listdir('/proc/self/fd')):
    try:
        mode = fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE
        fds[fd] = [os.readlink('/proc/self/fd/%d' % fd), ['r', 'w', 'rw'][mode]]
    except OSError:
        pass                    # the descriptor of the listing itself
umask = os.umask(0)
os.umask(umask)
with open('/proc/self/status') as f:
    status = dict(line.split(':', 1) for line in f)
env = dict(os.environ)
env.pop('LC_CTYPE', None)       # Python 3.7 and newer add it themselves, PEP 538
veid = env['VEID']
os.environ['PATH'] = '/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin'
def run(*argv):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, encoding='utf-8')
    return [done.returncode, done.stdout]
def links(*where):
    found = {{}}
    code, text = run('ip', *where, '-o', 'link', 'show')
    for line in text.splitlines() if code == 0 else []:
        words = line.split()
        if 'brd' not in words:  # "Dump was interrupted", while other containers come and go
            continue
        found[words[1].rstrip(':').split('@')[0]] = {{
            'up': 'UP' in words[2].strip('<>').split(','), 'mac': words[words.index('brd') - 1],
            'master': words[words.index('master') + 1] if 'master' in words else None}}
    return found
rec = {{'script': {path!r}, 'argv': sys.argv[1:], 'env': env, 'fds': fds, 'umask': umask, 'cwd': os.getcwd(),
       'sigpipe_ignored': bool(int(status['SigIgn'], 16) >> 12 & 1), 'netns': os.readlink('/proc/self/ns/net'),
       'host': links(), 'ct': links('-n', veid), 'named': os.path.lexists('/run/netns/' + veid),
       'ct_addr': run('ip', '-n', veid, 'addr', 'show')[1], 'ct_route': run('ip', '-n', veid, 'route', 'show')[1]}}
{then}
directory = os.path.join(root, 'recorded')
os.makedirs(directory, exist_ok=True)
with open('%s/%.6f.%d' % (directory, time.time(), os.getpid()), 'w') as f:
    json.dump(rec, f)
sys.exit({code})
'''


class Recorder:
    """Places recording hooks on a node, and reads what they wrote."""

    def __init__(self, node: Node) -> None:
        self.node = node

    def place(self, path: str, code: int = 0, then: str = '') -> None:
        """A hook at `path` that ends with `code`. `then`: Python that runs before, with `rec`, `run`, `links`, `veid`."""
        self.node.write(path, HOOK.format(python=sys.executable, path=path, code=code, then=then), 0o755)

    def external(self, code: int = 0, then: str = '') -> None:
        """The same as EXTERNAL_SCRIPT."""
        self.node.write('/etc/vz/vznet.conf', '#!/bin/bash\nEXTERNAL_SCRIPT="/usr/libexec/hook"\n')
        self.place('/usr/libexec/hook', code, then)

    def actions(self, *whose: str) -> None:
        """All four action scripts: of `vps`, or of a container by its VEID."""
        for name in whose:
            for kind in ('premount', 'mount', 'umount', 'postumount'):
                self.place('/etc/vz/conf/{}.{}'.format(name, kind))

    def take(self) -> List[Dict[str, Any]]:
        """What was recorded since the last time, in order."""
        directory = self.node.path('recorded')
        records = []
        for name in sorted(os.listdir(directory) if os.path.isdir(directory) else []):
            path = os.path.join(directory, name)
            with open(path) as f:
                records.append(json.load(f))
            os.unlink(path)
        return records

    def order(self) -> List[str]:
        """Only the names: `vps.mount`, `101.stop`, or for EXTERNAL_SCRIPT its arguments. Takes the records."""
        return [' '.join(rec['argv']) or os.path.basename(rec['script']) for rec in self.take()]
