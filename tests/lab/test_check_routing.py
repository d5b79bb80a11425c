"""What a routing daemon forgets is found and brought back."""
import pytest

from tests.lab.announcing import announcing, until
from tests.lab.confs import FIRST, bridged
from tests.lab.network import Lab
from tests.lab.test_check import check, drift

ENTRY = 'ip prefix-list vzhooks-standby permit 85.86.87.195/32'


@pytest.mark.needs('root', 'vtysh')
def test_after_frr_was_restarted_its_entries_come_back(lab: Lab) -> None:
    node = lab.nodes['hn']
    frr = announcing(node, 2)
    node.conf(101, bridged(101) + 'ANNOUNCE=standby\n')
    node.vzctl('start', 101)
    result = node.vzhook('check', check=False)
    assert result.returncode == 0 and 'unverified: 0, drift: 0' in result.stdout, result.stdout + result.stderr
    frr.vtysh('-c', 'configure terminal', '-c', 'no ' + ENTRY)
    assert drift(node) == [('missing', 'host', 'vtysh ' + ENTRY, '')]
    assert '[#] vtysh ' + ENTRY in node.vzhook('reconcile').stdout
    assert drift(node) == []
    frr.kill('ospfd')
    frr.kill('zebra', 'TERM')
    frr.kill('ospf6d', 'TERM')
    found = check(node)['101']
    assert found['drift'] == [] and found['unverified'] == 1  # nobody is there to be asked
    path = node.path('/etc/frr/frr.conf')
    node.run(['sed', '-i', '/{}/d'.format(FIRST), path])
    frr.start(service=False)
    until(lambda: check(node)['101']['drift'] != [], 5)
    node.vzhook('reconcile')
    node.vzhook('check')
    assert 'permit {}/32'.format(FIRST) in frr.show('running-config') and FIRST in node.read('/etc/frr/frr.conf')
    frr.vtysh('-c', 'configure terminal', '-c', ENTRY.replace(FIRST, '85.86.87.222'))
    assert 'vtysh no ' + ENTRY.replace(FIRST, '85.86.87.222') in node.vzhook('gc').stdout
    assert '85.86.87.222' not in frr.show('running-config')
