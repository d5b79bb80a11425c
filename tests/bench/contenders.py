"""Who is compared. Each gives the commands of a container's start and stop; what they are made for must be there already.

A new feature's row (anti-spoofing, a floating address) is a case in cases.py: what it needs of the shell and of the floor
goes to shell/ and Floor.start here.
"""
import json
import os
import shutil
from typing import Dict, List, Sequence

from tests.bench.containers import BRIDGE, GATEWAY, Container
from tests.bench.place import HERE, PATH, Command, Place, batch, command

CNI_DIRECTORY = '/usr/lib/cni'
CNI = os.path.join(CNI_DIRECTORY, 'bridge')
SHELL = os.path.join(HERE, 'shell')
DASH = shutil.which('dash') or '/bin/sh'


class Contender:
    """One way to set up and take down a container's network."""

    key = label = ''
    makes_veths = False  # CNI does so itself

    def __init__(self, place: Place) -> None:
        self.place = place

    def prime(self, container: Container) -> None:
        """Once for each container, before anything is measured; its veths exist."""

    def before(self, container: Container) -> None:
        """Before each start, not measured."""

    def start(self, container: Container) -> List[Command]:
        raise NotImplementedError

    def mount(self, container: Container) -> List[Command]:
        """What vzctl runs besides, before the container exists."""
        return []

    def stop(self, container: Container) -> List[Command]:
        raise NotImplementedError

    def after(self, container: Container) -> List[Command]:
        """After each stop, not measured."""
        return []

    @staticmethod
    def missing() -> str:
        """The package without which it cannot be measured, or ""."""
        return ''


class Ours(Contender):
    key, label = 'ours', 'vzhooks, warm'

    def _hook(self, name: str, container: Container, *words: str) -> Command:
        """Called as vzctl does: VE_CONFFILE is for action scripts only (vzctl-protocol.md)."""
        env = {'VEID': container.veid, 'HOME': '/', 'TERM': 'linux', 'PATH': PATH, 'PWD': '/',
               'VZHOOKS_ROOT': self.place.node.root}
        if not words:
            env['VE_CONFFILE'] = self.place.node.path('/etc/vz/conf/{}.conf'.format(container.veid))
        return command([self.place.node.path('/usr/libexec/vzhooks/vzhook-' + name)] + list(words), env)

    def prime(self, container: Container) -> None:
        for _ in range(2):
            traced = self.mount(container) + self.start(container)
            for one in traced:
                one['env']['VZHOOKS_TRACE'] = '1'
            said = self.place.run(traced).output
        if 'plan made' in said:
            raise RuntimeError('the second start did not use the cached plan:\n' + said)
        self.place.run(self.stop(container))

    def mount(self, container: Container) -> List[Command]:
        return [self._hook('mount', container)]

    def start(self, container: Container) -> List[Command]:
        return [self._hook('external', container, 'init', 'veth', container.device(number))
                for number in range(len(container.veths))]

    def stop(self, container: Container) -> List[Command]:
        return [self._hook('umount', container)]


class Cold(Ours):
    key, label = 'cold', 'vzhooks, cold cache'

    def prime(self, container: Container) -> None:
        """Nothing: each start begins without a cache."""

    def before(self, container: Container) -> None:
        shutil.rmtree(self.place.node.path('/var/cache/vzhooks/' + container.veid), ignore_errors=True)


class Shell(Contender):
    key, label = 'shell', 'shell script'

    def _script(self, name: str, container: Container, *words: str) -> Command:
        env = {'VEID': container.veid, 'HOME': '/', 'TERM': 'linux', 'PATH': SHELL + ':' + PATH,
               'ROOT': self.place.node.root}
        return command([os.path.join(SHELL, name)] + list(words), env)

    def start(self, container: Container) -> List[Command]:
        return [self._script('start.sh', container, 'init', 'veth', container.device(number))
                for number in range(len(container.veths))]

    def stop(self, container: Container) -> List[Command]:
        return [self._script('umount.sh', container)]

    def exec_true(self, container: Container) -> List[Command]:
        """What the stand-in `vzctl exec` itself costs."""
        return [self._script('vzctl', container, 'exec', container.veid, '/bin/true')]


class Cni(Contender):
    key, label = 'cni', 'CNI bridge + static'
    makes_veths = True

    def _plugin(self, verb: str, container: Container, number: int, netns: str) -> Command:
        ipam = {'type': 'static', 'addresses': [{'address': one} for one in container.veths[number]]}
        if number == 0:
            ipam['routes'] = [{'dst': '0.0.0.0/0', 'gw': GATEWAY}]
        config = {'cniVersion': '0.4.0', 'name': 'bench', 'type': 'bridge', 'bridge': BRIDGE, 'ipam': ipam}
        env = {'CNI_COMMAND': verb, 'CNI_CONTAINERID': container.veid, 'CNI_NETNS': netns,
               'CNI_IFNAME': container.ifname(number), 'CNI_PATH': CNI_DIRECTORY, 'PATH': PATH}
        return command([CNI], env, json.dumps(config))

    def _all(self, verb: str, container: Container, netns: str) -> List[Command]:
        return [self._plugin(verb, container, number, netns) for number in range(len(container.veths))]

    def start(self, container: Container) -> List[Command]:
        return self._all('ADD', container, '/run/netns/' + container.veid)

    def stop(self, container: Container) -> List[Command]:
        return self._all('DEL', container, '/run/netns/' + container.veid)

    @staticmethod
    def missing() -> str:
        return '' if os.path.exists(CNI) else 'containernetworking-plugins'


class CniGone(Cni):
    """Its DEL when the namespace is gone already, as it is when vzctl calls us: then it has nothing to do."""

    key, label = 'cni-gone', 'CNI DEL, namespace gone'

    def stop(self, container: Container) -> List[Command]:
        return self._all('DEL', container, '')

    def after(self, container: Container) -> List[Command]:
        return [batch(['link del ' + container.ifname(number) for number in range(len(container.veths))],
                      '-n', container.veid)]


class Floor(Contender):
    key, label = 'floor', 'floor: two ip -batch'

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._calls: Dict[str, List[List[str]]] = {}

    def prime(self, container: Container) -> None:
        """Our own plan, in files; what we do without a process (announcements) is left out."""
        plan, calls = self.place.plan(container), []
        for number in range(len(container.veths)):
            names = ' dev ' + container.device(number), ' dev ' + container.ifname(number) + ' '
            own = [' ' + one.split('/')[0] + ' ' for one in container.veths[number]]
            node = [row[len('host  ip '):] for row in plan if row.startswith('host  ip ')
                    and (names[0] in row or any(one in row for one in own))]
            inside = [row[len('ct    ip '):] for row in plan if row.startswith('ct    ip ') and names[1] in row + ' ']
            calls.append([self._file(container, number, 'node', node), container.veid,
                          self._file(container, number, 'inside', inside)])
        undo = [row[len('undo  ip '):] for row in plan if row.startswith('undo  ip route del ') and BRIDGE in row]
        self._calls[container.veid] = calls + [[self._file(container, 0, 'stop', undo)]]

    def _file(self, container: Container, number: int, kind: str, lines: Sequence[str]) -> str:
        text = ''.join(line + '\n' for line in lines)
        return self.place.node.write('/floor/{}.{}.{}'.format(container.veid, number, kind), text)

    def _commands(self, calls: List[List[str]]) -> List[Command]:
        return [command([DASH, os.path.join(SHELL, 'floor.sh')] + words) for words in calls]

    def start(self, container: Container) -> List[Command]:
        return self._commands(self._calls[container.veid][:-1])

    def stop(self, container: Container) -> List[Command]:
        return self._commands(self._calls[container.veid][-1:])
