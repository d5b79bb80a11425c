"""One container and the verbs of the stand-in vzctl on it. shared/vzctl-protocol.md: "Two generations", "Order and state"."""
import os
import shutil
import subprocess
import sys
from typing import List, Optional

from tests.lab.standin.conf import CtConf, Netif, parse_netif
from tests.lab.standin.ctnet import CtNet, ip, link_exists
from tests.lab.standin.hookcall import PATH, Caller, Terminated, action_env
from tests.lab.standin.lock import Lock
from tests.lab.standin.venet import HostSide, Venet
from tests.lab.standin.vznetcfg import vznetcfg

NO_CONF, NOT_RUNNING, RUNNING, CANT_ADDIP, MOUNT_FAILED = 14, 31, 32, 34, 79
EXTERNAL_FAILED = {False: 130, True: 136}
SKIP_ACTION = 39


class Failed(Exception):
    """The command ends with this code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Vzctl:
    """One container, and one method a verb."""

    def __init__(self, root: str, veid: str, modern: bool) -> None:
        self.root, self.veid, self.modern = root, veid, modern
        self.private = os.path.join(root, 'vz/private', veid)
        self.conf = CtConf(os.path.join(root, 'etc/vz/conf', veid + '.conf'), veid, modern)
        lock = os.path.join(self.private, '.lck') if modern else os.path.join(root, 'vz/lock', veid + '.lck')
        self.lock = Lock(lock, root, modern)
        self.caller = Caller(root, lock)
        self.net = CtNet(root, veid)
        self.host = HostSide(root, veid, modern)
        self.venet = Venet(root, veid, self.net, self.host)
        self._state = os.path.join(root, 'vz/state', veid)
        self._dump = os.path.join(root, 'vz/dump', veid)

    # State: '' (down), 'mounted', 'mounted running'. A container that ended by itself is mounted and not running.

    @property
    def state(self) -> str:
        return _read(self._state) or ''

    @state.setter
    def state(self, value: str) -> None:
        _write(self._state, value)

    def _must_run(self) -> None:
        if 'running' not in self.state:
            raise Failed(NOT_RUNNING, 'Container is not running')

    # Action scripts

    def _own_script(self, kind: str) -> str:
        new = os.path.join(self.private, 'scripts', kind)
        if self.modern and os.path.exists(new):
            return new
        return os.path.join(self.root, 'etc/vz/conf', '{}.{}'.format(self.veid, kind))

    def _scripts(self, kind: str) -> List[str]:
        """The node's before the container's own on the way up, after it on the way down."""
        both = [os.path.join(self.root, 'etc/vz/conf/vps.' + kind), self._own_script(kind)]
        return [path for path in (reversed(both) if 'umount' in kind else both) if os.path.exists(path)]

    def _run_script(self, path: str) -> int:
        return self.caller.run([path], action_env(self.veid, self.modern, self.conf.path))

    def _run_inside(self, kind: str) -> None:
        """N.start and N.stop: inside the container."""
        path = self._own_script(kind)
        if os.path.exists(path):
            self.caller.run(self.net.enter([path]), action_env(self.veid, self.modern, self.conf.path), script=path)

    # The steps that the verbs are made of

    def _mount(self) -> None:
        if not os.path.exists(self.conf.path):
            raise Failed(NO_CONF, 'Container config file does not exist')
        for kind in ('premount', 'mount'):
            if kind == 'mount':
                self.state = 'mounted'
            for path in self._scripts(kind):
                code = self._run_script(path)
                if code:
                    self.state = ''
                    if self.modern and code == SKIP_ACTION:
                        raise Failed(0, '{} said to skip the action'.format(path))
                    raise Failed(MOUNT_FAILED, 'Error executing {}: code {}'.format(path, code))

    def _umount(self) -> None:
        for path in self._scripts('umount'):
            code = self._run_script(path)
            if code:  # and the container stays mounted, so that the next stop finds nothing to stop
                raise Failed(MOUNT_FAILED, 'Error executing {}: code {}'.format(path, code))
        self.state = ''
        for path in self._scripts('postumount'):
            self._run_script(path)

    def _kill(self, from_inside: bool = False) -> None:
        """End the container; what the node has for its addresses goes too, unless nobody was there to see the end."""
        self.venet.unplug()
        self.net.destroy()
        if not from_inside:
            self.host.remove()
        self.state = 'mounted'

    def _external(self, netif: Netif) -> None:
        """vznetcfg for a veth that is new: legacy for each, modern for those with a network, and never for routed ones."""
        if self.modern and (not netif.given.get('network') or netif.routed):
            return
        code = vznetcfg(self.caller, self.root, self.veid, self.modern, 'addif' if self.modern else 'init', netif)
        if code:
            raise Failed(EXTERNAL_FAILED[self.modern], 'vznetcfg exited with error {}'.format(code))

    def _network(self, dump: str = '') -> None:
        """Make venet0, then the interfaces one by one, each followed by its hook: later ones do not exist yet."""
        try:
            self.venet.add(self.conf.addresses(), dump)
        except subprocess.CalledProcessError as e:
            raise Failed(CANT_ADDIP, 'Unable to add an address: {}'.format(e)) from None
        for netif in self.conf.netifs():
            self.net.add_veth(netif)
            if dump:
                self.net.restore(dump, netif.ifname)
            self._external(netif)

    def _configure(self, netif: Netif, inside: bool = True) -> None:
        """What modern vzctl does for an interface after the hooks."""
        if inside:
            self.net.configure(netif)
        if netif.routed:
            self.net.up_routed(netif)
            self.host.add([word.split('/')[0] for word in netif.list('ip') + netif.list('ip6')], netif.host_ifname)

    def _run(self, skip_setup: bool = False, dump: Optional[str] = None) -> None:
        """From mounted to running; back by way of the umount hooks when EXTERNAL_SCRIPT fails, without them on SIGTERM."""
        try:
            self.net.create()
            self.state = 'mounted running'
            if not skip_setup:
                self._network(dump or '')
            if self.modern and not skip_setup:
                for netif in self.conf.netifs():
                    self._configure(netif, inside=dump is None)
            self.net.up_lo()
            if dump is None:
                self._run_inside('start')
        except Terminated:
            self._kill()
            self.state = ''
            raise
        except (Failed, subprocess.CalledProcessError):
            self._kill()
            try:
                self._umount()
            except Failed as e:  # the first failure is the one that vzctl ends with
                print(e, file=sys.stderr)
            raise

    # The verbs

    def mount(self) -> None:
        if not self.state:
            self._mount()

    def umount(self) -> None:
        if 'running' in self.state:
            raise Failed(RUNNING, 'Container is running. Stop it first.')
        if self.state:
            self._umount()

    def start(self, skip_setup: bool = False) -> None:
        if 'running' in self.state:
            raise Failed(RUNNING, 'Container is already running')
        if self.state:  # ended from inside, or half stopped: first what the end left undone
            self._umount()
        self._mount()
        self._run(skip_setup)

    def stop(self) -> None:
        if 'running' not in self.state:
            print('Unable to stop: container is not running')
            return
        self._run_inside('stop')
        self._kill()
        self._umount()

    def kill_inside(self, vzeventd: bool = False) -> None:
        self._must_run()
        self._kill(from_inside=True)
        if vzeventd:
            self._umount()
            self.host.remove()

    def suspend(self) -> None:
        self._must_run()
        _write(self._dump, self.net.dump())
        self._kill()
        self._umount()

    def resume(self) -> None:
        dump = _read(self._dump)
        if dump is None:
            raise Failed(NOT_RUNNING, 'Container is not suspended')
        if self.state:
            self._umount()
        self._mount()
        self._run(dump=dump)
        os.unlink(self._dump)

    def migrate_freeze(self) -> None:
        self._must_run()
        _write(self._dump, self.net.dump())
        self.net.freeze()

    def migrate_kill(self) -> None:
        self._kill()
        os.unlink(self._dump)
        self._umount()

    def netif_add(self, text: str, save: bool) -> None:
        netifs = self.conf.netifs()
        if '=' not in text:
            keys = ('ifname', 'mac', 'host_ifname', 'host_mac', 'bridge')
            text = ','.join('{}={}'.format(key, word) for key, word in zip(keys, text.split(',')) if word)
        given = parse_netif(text, self.veid, self.modern)[0].given
        new = Netif(given, self.veid, len(netifs), self.modern)
        if 'running' in self.state:
            self.net.add_veth(new)
            self._external(new)
            if self.modern:
                self._configure(new)
        if save:  # after the hook: it cannot know the interface from the conf
            self.conf.save_netifs(netifs + [new])

    def netif_del(self, ifname: str, save: bool) -> None:
        netifs = self.conf.netifs()
        gone = [netif for netif in netifs if netif.ifname == ifname]
        for netif in gone:
            if 'running' in self.state and link_exists(netif.host_ifname):
                ip('link', 'del', netif.host_ifname)
                self.host.remove(netif.host_ifname)
        if save:
            self.conf.save_netifs([netif for netif in netifs if netif not in gone])

    def set_network(self, ifname: str, network: str, save: bool) -> None:
        netifs = self.conf.netifs()
        netif = next(netif for netif in netifs if netif.ifname == ifname)
        netif.given.pop('network', None)
        if network:
            # an address list in ip6= comes last, since its commas end at no other key
            ip6 = netif.given.pop('ip6', None)
            netif.given.update({'network': network}, **({'ip6': ip6} if ip6 else {}))
        if 'running' in self.state:
            if network:
                self._external(netif)
            elif vznetcfg(self.caller, self.root, self.veid, True, 'delif', netif):
                raise Failed(EXTERNAL_FAILED[True], 'vznetcfg exited with an error')
        if save:
            self.conf.save_netifs(netifs)

    def destroy(self) -> None:
        self.umount()
        shutil.rmtree(self.private, ignore_errors=True)
        directory = os.path.dirname(self.conf.path)
        for name in os.listdir(directory):
            if name.startswith(self.veid + '.'):
                os.unlink(os.path.join(directory, name))

    def status(self) -> None:
        print('CTID', self.veid, 'exist' if os.path.exists(self.conf.path) else 'deleted',
              'mounted' if self.state else 'unmounted', 'running' if 'running' in self.state else 'down')

    def exec(self, words: List[str]) -> None:
        """Does not return: a shell inside the container, with its environment, our stdin and stdout."""
        self._must_run()
        own = os.path.join(self.private, 'fs-bin')
        env = {'PATH': own if os.path.isdir(own) else PATH, 'HOME': '/', 'TERM': 'linux'}
        argv = self.net.enter(['/bin/sh', '-c', ' '.join(words)])
        os.execve(argv[0], argv, env)


def _read(path: str) -> Optional[str]:
    try:
        with open(path, encoding='utf-8') as f:
            return f.read()
    except FileNotFoundError:
        return None


def _write(path: str, text: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)
