"""How the node's networks come back at boot, by the SysV script (systemd itself cannot run in the lab)."""
import configparser
import os

from tests.lab.confs import bridged
from tests.lab.network import INTERNET, Lab
from tests.lab.node import REPOSITORY

SCRIPT = '/usr/share/vzhooks/sysv/vzhooks'


def test_the_sysv_script_brings_the_networks_up_and_leaves_them_at_stop(lab: Lab) -> None:
    node = lab.nodes['hn']
    node.write('/etc/vz/vzhooks.conf', '[bridge br1]\naddress = 10.1.0.1/24\n')
    node.write('/var/lock/subsys/vz', '')
    node.conf(101, bridged(101, '10.1.0.101/24', '10.1.0.1', 'br1'))

    def script(verb: str) -> int:
        return node.run([node.path(SCRIPT), verb], check=False, env={'VZHOOKS_ROOT': node.root, 'PATH': '/usr/sbin:/usr/bin:/bin'}
                        ).returncode

    assert script('status') == 1
    assert script('start') == 0
    assert script('status') == 0
    assert os.path.exists(node.path('/var/lock/subsys/vzhooks'))
    assert node.run(['find', node.path('/var/cache/vzhooks'), '-name', '*.plan']).stdout.count('\n') == 2
    node.vzctl('start', 101)
    assert node.ct(101).ping('10.1.0.1') == 1
    assert script('reload') == 0 and script('stop') == 0
    assert node.ct(101).ping('10.1.0.1') == 1
    assert not os.path.exists(node.path('/var/lock/subsys/vzhooks'))
    assert script('nonsense') == 2
    node.write('/etc/vz/vzhooks.conf', '[bridge br1]\nadress = 10.1.0.1/24\n')
    assert script('start') == 2
    assert node.ping(INTERNET) == 1


def test_the_unit_is_in_order() -> None:
    """After the network and what loads firewalls, before containers; its commands exist where they are installed."""
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment]
    path = REPOSITORY + '/packaging/systemd/vzhooks.service'
    unit.read(path)
    with open(path) as f:
        lines = f.read().splitlines()
    after = ' '.join(line for line in lines if line.startswith('After=')).split()
    assert {'network-online.target', 'firewalld.service'} <= {word.replace('After=', '') for word in after}
    assert unit['Unit']['Before'] == 'vz.service'
    assert 'firewalld.service' in unit['Unit']['ReloadPropagatedFrom'] and 'ExecReload=/usr/sbin/vzhook node up' in lines
    assert lines.index('ExecStart=/usr/sbin/vzhook node up') < lines.index('ExecStart=-/usr/sbin/vzhook cache warm')
    assert unit['Service']['RemainAfterExit'] == 'yes'  # or a reload would have nothing to reload


def test_the_timer_reconciles_and_nothing_turns_it_on(lab: Lab) -> None:
    node = lab.nodes['hn']
    units = {}
    for name in ('service', 'timer'):
        units[name] = configparser.ConfigParser(interpolation=None)
        units[name].optionxform = str  # type: ignore[assignment]
        units[name].read_string(node.read('/usr/lib/systemd/system/vzhooks-reconcile.' + name))
    assert units['service']['Service']['ExecStart'].split() == ['/usr/sbin/vzhook', 'reconcile']
    assert units['service']['Service']['Type'] == 'oneshot' and 'Install' not in units['service']
    assert units['timer']['Install']['WantedBy'] == 'timers.target' and units['timer']['Timer']['OnUnitInactiveSec']
    assert node.vzhook('reconcile').stdout == 'repaired: 0 of 0 containers\n'
    assert node.run(['find', node.path('/etc'), node.path('/usr/lib/systemd'), '-name', '*.wants']).stdout == ''
