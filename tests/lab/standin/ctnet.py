"""A container's network namespace and veths, as vzctl makes and removes them."""
import os
import re
import shutil
import subprocess
from typing import List, Optional

from tests.lab.standin.conf import Netif

ROUTED_GATEWAY6 = 'fe80::1'  # the node's end of every routed veth


def ip(*words: str, input: Optional[str] = None, check: bool = True) -> str:
    """Run the node's ip. Its complaint goes to stderr; a failure is CalledProcessError unless `check` is False."""
    done = subprocess.run(['ip'] + list(words), input=input, stdout=subprocess.PIPE, check=check, encoding='utf-8',
                          stderr=None if check else subprocess.DEVNULL)
    return done.stdout


def answer_at_once(device: str) -> None:
    """The lab's addition: for a proxied address the kernel answers after up to 0.8 s, which no ping need wait for."""
    for family in ('ipv4', 'ipv6'):
        with open('/proc/sys/net/{}/neigh/{}/proxy_delay'.format(family, device), 'w') as f:
            f.write('0')


def link_exists(name: str) -> bool:
    return os.path.exists('/sys/class/net/' + name)


class CtNet:
    """The network of one container. `path` is its namespace: /run/netns/VEID, or what no one knows on a 2.6.32 vz kernel."""

    def __init__(self, root: str, veid: str) -> None:
        self._root, self._veid = root, veid
        self._named = not os.path.exists(os.path.join(root, 'vz/no-netns-name'))
        self.path = ('/run/netns/' if self._named else '/run/vz-ct/') + veid
        self._name = os.path.relpath(self.path, '/run/netns')  # what ip puts behind /run/netns/

    def create(self) -> None:
        """Make the namespace: only lo in it, down. A stale name of an earlier life is replaced."""
        self._forget(self.path)
        if self._named:
            ip('netns', 'add', self._veid)
            return
        os.makedirs('/run/vz-ct', exist_ok=True)
        open(self.path, 'w').close()
        subprocess.run(['unshare', '-n', 'sh', '-c', 'mount --bind /proc/$$/ns/net "$0"', self.path], check=True)

    def destroy(self) -> None:
        """End what runs in the container and remove its namespace and veths, at once: they are gone before a hook runs."""
        if os.path.ismount(self.path):
            for pid in self._processes():
                os.kill(pid, 9)
            # A veth goes with its peer. The kernel would do it too when the namespace dies, but some time later.
            links = re.findall(r'^\d+: ([^@:\s]+)@', self._ip('-o', 'link', 'show', 'type', 'veth'), re.MULTILINE)
            if links:
                self._ip('-batch', '-', input=''.join('link del dev {}\n'.format(name) for name in links))
        self._forget(self.path)
        self._leave_stale()

    def _processes(self) -> List[int]:
        own, found = os.stat(self.path), []
        for name in os.listdir('/proc'):
            try:
                if name.isdigit() and os.path.samestat(own, os.stat('/proc/{}/ns/net'.format(name))):
                    found.append(int(name))
            except OSError:
                pass  # has ended, or belongs to somebody else
        return found

    @staticmethod
    def _forget(path: str) -> None:
        if os.path.ismount(path) and not os.path.islink(path):
            subprocess.run(['umount', '-l', path], check=True)
        if os.path.lexists(path):
            os.unlink(path)

    def _leave_stale(self) -> None:
        """ROOT/vz/stale-netns: what a stop leaves behind under the name: `dangling`, `host` (the node's own) or a VEID."""
        try:
            with open(os.path.join(self._root, 'vz/stale-netns')) as f:
                kind = f.read().strip()
        except FileNotFoundError:
            return
        # upstream vzctl's name is a symbolic link to the init's /proc/PID/ns/net, and nobody removes it
        target = '/run/netns/' + kind
        if kind == 'dangling':
            target = '/proc/4194305/ns/net'  # beyond pid_max's maximum
        elif kind == 'host':
            with open(os.path.join(self._root, 'vz/hn-pid')) as f:
                target = '/proc/{}/ns/net'.format(f.read().strip())
        os.makedirs('/run/netns', exist_ok=True)
        os.symlink(target, '/run/netns/' + self._veid)

    def _ip(self, *words: str, input: Optional[str] = None, check: bool = True) -> str:
        return ip('-n', self._name, *words, input=input, check=check)

    def enter(self, argv: List[str]) -> List[str]:
        """The argv that runs `argv` in the container."""
        enter = [shutil.which('ip') or 'ip', 'netns', 'exec', self._veid]
        if not self._named:
            enter = [shutil.which('nsenter') or 'nsenter', '--net=' + self.path, '--']
        return enter + argv

    def add_veth(self, netif: Netif) -> None:
        """Make the pair: both ends down, the CT's in the container with its MAC.

        Where an interface of that name is left over on the host, nothing is made, and nobody is told.
        """
        if not link_exists(netif.host_ifname):
            ip('link', 'add', netif.host_ifname, 'address', netif.host_mac, 'type', 'veth',
               'peer', 'name', netif.ifname, 'address', netif.mac, 'netns', self.path)

    def batch(self, lines: List[str]) -> None:
        """ip commands inside the container."""
        self._ip('-batch', '-', input='\n'.join(lines) + '\n')

    def up_lo(self) -> None:
        """What the container's own init does."""
        self._ip('link', 'set', 'dev', 'lo', 'up')

    def configure(self, netif: Netif) -> None:
        """Set NETIF's ip=, ip6=, gw= and gw6= inside (modern): the distribution scripts' work."""
        from ipaddress import ip_interface  # masks may be dotted; costs more than all other imports
        device = ' dev ' + netif.ifname
        nodad = ' nodad' if netif.routed else ''  # nobody else is on its wire
        lines = ['addr replace {}{}'.format(ip_interface(word), device) for word in netif.list('ip')]
        lines += ['addr replace {}{}{}'.format(ip_interface(word), device, nodad) for word in netif.list('ip6')]
        if lines:
            lines.append('link set up' + device)
        lines += ['route replace default via {}{}'.format(netif.given[key], device)
                  for key in ('gw', 'gw6') if netif.given.get(key)]
        if netif.routed:
            defaults = {'ip': 'default', 'ip6': 'default via ' + ROUTED_GATEWAY6}
            lines += ['route replace {}{}'.format(defaults[key], device) for key in ('ip', 'ip6')
                      if netif.list(key) and not netif.given.get(key.replace('ip', 'gw'))]
        if lines:
            self.batch(lines)

    @staticmethod
    def up_routed(netif: Netif) -> None:
        """The node's end of a routed veth: the node answers for all that the container asks for."""
        device = netif.host_ifname
        with open('/proc/sys/net/ipv4/conf/{}/proxy_arp'.format(device), 'w') as f:
            f.write('1')
        answer_at_once(device)
        ip('link', 'set', 'dev', device, 'up')
        ip('addr', 'replace', ROUTED_GATEWAY6 + '/64', 'dev', device, 'nodad')

    def dump(self) -> str:
        """The container's addresses and routes, as ip commands that `restore` runs."""
        lines = []
        for row in self._ip('-o', 'link', 'show', 'up').splitlines():
            lines.append('link set dev {} up'.format(re.split('[:@ ]+', row)[1]))
        # IPv6 addresses are listed with the newest first, and are to be so again
        rows = self._ip('-4', '-o', 'addr', 'show').splitlines()
        rows += reversed(self._ip('-6', '-o', 'addr', 'show').splitlines())
        for words in map(str.split, rows):
            if words[1] != 'lo' and 'link' not in words:
                nodad = ' nodad' if words[2] == 'inet6' else ''  # it has had it already
                lines.append('addr replace {} dev {}{}'.format(words[3], words[1], nodad))
        # a default route says its family by its gateway, and without one not at all
        routes = self._ip('-4', 'route', 'show').splitlines()
        routes += [re.sub('^default ', '::/0 ', row) for row in self._ip('-6', 'route', 'show').splitlines()]
        routes = [row for row in routes if ' dev ' in row and 'proto kernel' not in row]
        for row in sorted(routes, key=lambda row: ' via ' in row):  # what a gateway is reached by comes first
            lines.append('route replace ' + re.sub(r' (linkdown|dead|pref \w+|expires \w+)\b', '', row).strip())
        return ''.join(line + '\n' for line in lines)

    def freeze(self) -> None:
        """Take the container off the network, as it is while its copy starts elsewhere."""
        for kind in ('veth', 'tun'):
            for row in self._ip('-o', 'link', 'show', 'type', kind).splitlines():
                self._ip('link', 'set', 'dev', re.split('[:@ ]+', row)[1], 'down')

    def restore(self, dump: str, ifname: str) -> None:
        """Give one interface back what the dump has of it."""
        lines = [line for line in dump.splitlines() if ' dev {} '.format(ifname) in line + ' ']
        self._ip('-force', '-batch', '-', input='\n'.join(lines) + '\n', check=False)
