"""A real FRR on a node or router of the lab: its own daemons in its namespaces, gone with them.

The configuration is the one below /etc/frr of the node's root, where the product's export writes it.
"""
import os
import subprocess
import time
from typing import Dict, Optional, Sequence

from tests.lab.namespaces import Namespace
from tests.lab.node import Node
from tests.lab.process import Host

DAEMONS = ('zebra', 'ospfd', 'ospf6d', 'bgpd')
PATH = '/usr/lib/frr/'


class Frr:
    """FRR on HOST, with its files in DIRECTORY. `start` and `stop` are what frr.service does, drop-in included."""

    def __init__(self, host: Host, directory: str, node: Optional[Node] = None) -> None:
        self.host, self.directory, self._node = host, directory, node
        self._running: Dict[str, subprocess.Popen[str]] = {}
        os.makedirs(directory, 0o755, exist_ok=True)
        os.chmod(directory, 0o755)
        host.run(['sh', '-ec', 'mkdir -p /run/frr; chown frr:frr /run/frr "$0"; mount --bind "$0" /etc/frr', directory])

    def start(self, daemons: Sequence[str] = ('zebra', 'ospfd', 'ospf6d'), service: bool = True) -> None:
        """Start the daemons, and have them read frr.conf as watchfrr does; not SERVICE: by hand, without our drop-in."""
        if service:
            self._hook('--file')
        for daemon in daemons:
            self._start(daemon)
        self.vtysh('-b')
        if service:
            self._hook()

    def _start(self, daemon: str) -> None:
        self._running[daemon] = self.host.popen([PATH + daemon, '-P', '0', '-f', '/dev/null', '-A', '127.0.0.1'],
                                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while self.host.run(['vtysh', '-d', daemon, '-c', 'show version'], check=False).returncode:
            assert time.monotonic() < deadline, daemon + ' did not come up'
            time.sleep(0.02)

    def _hook(self, *options: str) -> None:
        """ExecStartPre and ExecStartPost of frr.service.d/vzhooks.conf."""
        if self._node and os.path.exists(self._node.path('/etc/systemd/system/frr.service.d/vzhooks.conf')):
            self._node.vzhook('announce', 'reconcile', *options, check=False)

    def restart(self, daemon: str) -> None:
        """Start one that died, and give it its part of the file: watchfrr.sh restart."""
        self._start(daemon)
        self.vtysh('-b', '-d', daemon)

    def kill(self, daemon: str, signal: str = 'KILL') -> None:
        """End one daemon."""
        process = self._running.pop(daemon)
        self.host.run(['sh', '-c', 'kill -$0 $(cat /run/frr/$1.pid)', signal, daemon])
        process.wait(10)

    def stop(self) -> None:
        """As `systemctl stop frr`: zebra last."""
        for daemon in reversed(list(self._running)):
            self.kill(daemon, 'TERM')

    def vtysh(self, *argv: str) -> str:
        return self.host.run(['vtysh'] + list(argv)).stdout

    def show(self, command: str) -> str:
        """What `show COMMAND` prints."""
        return self.vtysh('-c', 'show ' + command)


def on_node(node: Node) -> Frr:
    """FRR on a node of the lab."""
    return Frr(node, node.path('/etc/frr'), node)


def on_router(namespace: Namespace, directory: str, conf: str, daemons: Sequence[str] = ('zebra', 'ospfd', 'ospf6d')) -> Frr:
    """FRR on a router with this frr.conf, started."""
    made = Frr(namespace, directory)
    with open(os.path.join(directory, 'frr.conf'), 'w') as f:
        f.write(conf)
    os.chmod(f.name, 0o644)
    made.start(daemons)
    return made
