"""The stand-in vzctl: calls the hooks as the real one does (shared/vzctl-protocol.md), in network namespaces.

    vzctl [--generation legacy|modern] VERB VEID [OPTIONS]

    start [--skip_ve_setup]   stop   restart   mount   umount   status   exec COMMAND…   destroy
    suspend (chkpnt)          resume (restore)
    set --netif_add IFNAME[,MAC,HOST_IFNAME,HOST_MAC,BRIDGE] | KEY=VALUE[,KEY=VALUE…] [--save]
    set --netif_del IFNAME [--save]
    set --ifname IFNAME --network NAME|'' [--save]                modern
    kill-inside [--vzeventd]     the container ends by itself; vzeventd cleans up at once, otherwise the next start does
    migrate-freeze, migrate-kill     the source's part of an online migration, before and after the destination's `resume`

VZHOOKS_ROOT is where /etc/vz and /vz are. Below ROOT/vz: generation; state/VEID; calls (all calls of hooks, see Node.calls);
private/VEID, with fs-bin (when there: all commands that the container has); watchdog (seconds); lock-timeout (modern, seconds);
stale-netns and no-netns-name (see standin/ctnet.py). Exit codes are the real one's where the page has them.
"""
import os
import signal
import subprocess
import sys
from typing import List, Optional

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from tests.lab.standin.container import Failed, Vzctl  # noqa: E402 (the path above)
from tests.lab.standin.hookcall import PATH, Terminated  # noqa: E402
from tests.lab.standin.lock import Locked  # noqa: E402

LOCKED = 9
SYNONYMS = {'chkpnt': 'suspend', 'restore': 'resume'}
PLAIN = ('stop', 'mount', 'umount', 'destroy', 'suspend', 'resume', 'migrate-freeze', 'migrate-kill')


class Usage(Exception):
    """The command line is wrong."""


def main(argv: List[str]) -> int:
    """The command line above. Return the exit code."""
    root = os.environ['VZHOOKS_ROOT'].rstrip('/')
    os.environ['PATH'] = PATH  # a hook may have called us without one
    words = list(argv)
    generation = _take(words, '--generation') or _generation(root)
    if len(words) < 2 or generation not in ('legacy', 'modern'):
        raise Usage
    verb, veid = SYNONYMS.get(words[0], words[0]), words[1]
    words = words[2:]
    if generation == 'legacy' and not veid.isdigit():
        print('Invalid VEID: ' + veid, file=sys.stderr)  # only modern ones are UUIDs
        return 2
    vzctl = Vzctl(root, veid, generation == 'modern')
    try:
        if verb == 'status':
            vzctl.status()
        elif verb == 'exec':
            vzctl.exec(words)
        else:
            signal.signal(signal.SIGTERM, _terminated)
            with vzctl.lock:
                _perform(vzctl, verb, words)
    except Locked:
        print('Container already locked', file=sys.stderr)
        return LOCKED
    except Failed as e:
        print(e, file=sys.stderr)
        return e.code
    except subprocess.CalledProcessError as e:
        print('stand-in vzctl: {}'.format(e), file=sys.stderr)
        return e.returncode or 1
    except Terminated:
        return 128 + signal.SIGTERM
    return 0


def _perform(vzctl: Vzctl, verb: str, words: List[str]) -> None:
    if verb in PLAIN and not words:
        getattr(vzctl, verb.replace('-', '_'))()
    elif verb == 'start' and words in ([], ['--skip_ve_setup']):
        vzctl.start(skip_setup=bool(words))
    elif verb == 'restart' and not words:
        vzctl.stop()
        vzctl.start()
    elif verb == 'kill-inside' and words in ([], ['--vzeventd']):
        vzctl.kill_inside(vzeventd=bool(words))
    elif verb == 'set':
        _set(vzctl, words)
    else:
        raise Usage


def _set(vzctl: Vzctl, words: List[str]) -> None:
    save = '--save' in words
    words = [word for word in words if word != '--save']
    add, remove = _take(words, '--netif_add'), _take(words, '--netif_del')
    ifname, network = _take(words, '--ifname'), _take(words, '--network')
    if words:
        raise Usage
    if add:
        vzctl.netif_add(add, save)
    elif remove:
        vzctl.netif_del(remove, save)
    elif ifname and network is not None:
        vzctl.set_network(ifname, network, save)
    else:
        raise Usage


def _take(words: List[str], option: str) -> Optional[str]:
    """Remove `option` and its value from `words`; the value, or None without the option."""
    if option not in words:
        return None
    at = words.index(option)
    if at + 1 == len(words):
        raise Usage
    value = words[at + 1]
    del words[at:at + 2]
    return value


def _generation(root: str) -> str:
    try:
        with open(os.path.join(root, 'vz/generation')) as f:
            return f.read().strip()
    except FileNotFoundError:
        return 'legacy'


def _terminated(*_: object) -> None:
    raise Terminated


if __name__ == '__main__':
    try:
        sys.exit(main(sys.argv[1:]))
    except Usage:
        sys.stderr.write(__doc__ or '')
        sys.exit(2)
