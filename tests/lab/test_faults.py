"""Whatever goes wrong at whatever point of a start or a stop: the next start works, and after the last stop all is as it was."""
import pytest

from tests.lab.confs import bridged
from tests.lab.faults import Faults, kinds
from tests.lab.network import Lab


@pytest.fixture
def faults(lab: Lab) -> Faults:
    node = lab.nodes['hn']
    node.conf(101, bridged(101))
    node.vzctl('start', 101)
    return Faults(node)


@pytest.mark.parametrize('verb', ['start', 'stop'])
def test_killed_at_any_point(faults: Faults, verb: str) -> None:
    faults.sweep(verb, 'kill', verb, least=10)


@pytest.mark.parametrize("verb", ["start", "stop"])
@pytest.mark.parametrize("kind", kinds(patient=True)[1:])
def test_other(faults: Faults, kind: str, verb: str) -> None:
    faults.node.write('/etc/vz/vzhooks.conf', '[node]\ntimeout = 1\nantispoof = yes\n')
    faults.sweep(verb, kind, verb, least=1)
