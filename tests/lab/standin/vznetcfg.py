"""vznetcfg: gives one veth to EXTERNAL_SCRIPT, or where there is none does what it does by itself."""
import os
import re
import shutil
import subprocess
import sys
from typing import Dict, List, Optional

from tests.lab.standin.conf import Netif, variable
from tests.lab.standin.hookcall import Caller, external_env

OFFLOADS = {'rx': 'rx-checksumming', 'tx': 'tx-checksumming', 'sg': 'scatter-gather',
            'tso': 'tcp-segmentation-offload', 'gso': 'generic-segmentation-offload'}


def vznetcfg(caller: Caller, root: str, veid: str, modern: bool, verb: str, netif: Netif) -> int:
    """Configure a veth: `init` (legacy), `addif` or `delif` (modern). Return the code."""
    device, network = netif.host_ifname, netif.given.get('network', '')
    words = ['init', 'veth', device] if verb == 'init' else [verb, device, network if verb == 'addif' else '']
    env = external_env(veid, modern, _extra(netif))
    script = _external_script(root)
    if script:
        path = script if script.startswith(root + '/') else root + script
        return caller.run([path] + ' '.join(words).split(), env)  # $@ without quotes
    try:
        _stock(verb, netif, network, dict(os.environ, **env))
    except subprocess.CalledProcessError as e:
        print('vznetcfg: {}: code {}'.format(' '.join(e.cmd), e.returncode), file=sys.stderr)
        return e.returncode or 1
    return 0


def _extra(netif: Netif) -> Dict[str, str]:
    """The modern variables, those that are set."""
    given = netif.given
    wanted = {'NETWORK_TYPE': 'bridge' if given.get('type') == 'bridge' else '',
              'VPORT_TYPE': given.get('vport', ''), 'IFACEID': given.get('ifaceid', ''), 'MAC': given.get('mac', '')}
    return {name: value for name, value in wanted.items() if value}


def _external_script(root: str) -> Optional[str]:
    try:
        with open(os.path.join(root, 'etc/vz/vznet.conf'), encoding='utf-8') as f:
            return variable(f.read(), 'EXTERNAL_SCRIPT')
    except FileNotFoundError:
        return None


def _stock(verb: str, netif: Netif, network: str, env: Dict[str, str]) -> None:
    device, ovs = netif.host_ifname, netif.given.get('vport') == 'ovs'
    if verb == 'init':
        _run('ip', 'link', 'set', device, 'up')
        if netif.given.get('bridge'):
            _run('ip', 'link', 'set', device, 'master', netif.given['bridge'])
        return
    _run('ip', 'link', 'set', device, 'nomaster')  # of an earlier life, or for delif
    if ovs:
        _run('ovs-vsctl', '--if-exists', 'del-port', device)
    elif verb == 'addif' and shutil.which('ovs-vsctl'):  # it may be installed and not run
        subprocess.run(['ovs-vsctl', '--timeout=5', '--if-exists', 'del-port', device], stderr=subprocess.DEVNULL)
    if verb == 'delif':
        return
    bridge = network if env.get('NETWORK_TYPE') == 'bridge' else _bridge_of(network)
    _copy_offloads(bridge, device)
    if ovs:
        ids = ['iface-status=active', 'iface-id=' + env.get('IFACEID', ''), 'attached-mac=' + env.get('MAC', ''),
               'vm-id=' + env['VEID']]
        _run('ovs-vsctl', '--may-exist', 'add-port', bridge, device, '--', 'set', 'interface', device,
             *('external-ids:{}'.format(word) for word in ids))
    else:
        _run('ip', 'link', 'set', device, 'master', bridge)
    _run('ip', 'link', 'set', device, 'up')


def _run(*argv: str) -> str:
    try:
        return subprocess.run(argv, check=True, stdout=subprocess.PIPE, encoding='utf-8').stdout
    except FileNotFoundError:
        raise subprocess.CalledProcessError(127, argv) from None


def _bridge_of(network: str) -> str:
    found = re.search(r'^Bridge: *(\S+)', _run('virsh', 'net-info', network), re.MULTILINE)
    if not found:
        raise subprocess.CalledProcessError(1, ['virsh', 'net-info', network])
    return found.group(1)


def _copy_offloads(bridge: str, device: str) -> None:
    ports = '/sys/class/net/{}/brif'.format(bridge)
    others: List[str] = sorted(os.listdir(ports)) if os.path.isdir(ports) else []
    if not others or not shutil.which('ethtool'):
        return
    shown = dict(re.findall(r'^\s*([\w-]+): (on|off)', _run('ethtool', '-k', others[0]), re.MULTILINE))
    for short, name in OFFLOADS.items():
        if name in shown:
            subprocess.run(['ethtool', '-K', device, short, shown[name]], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
