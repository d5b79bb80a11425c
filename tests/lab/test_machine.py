"""The state machine of machine.py: short here; `make machine` is the long run (STEPS of them)."""
import contextlib
import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.lab.machine import Machine, World
from tests.lab.network import Lab

STEPS = int(os.environ.get('STEPS', '120'))
LENGTH = 15 if STEPS < 1000 else 50  # steps of one sequence
RANDOM = 'RANDOM_STEPS' in os.environ  # else the same sequences each time


@pytest.mark.needs('root', 'vtysh', 'nft')
def test_whatever_is_done_to_containers() -> None:
    pytest.importorskip('pyroute2')  # setup.cfg: from Python 3.9 on
    with Lab() as lab, contextlib.closing(World(lab)) as world:
        Machine.world = world
        made = settings(max_examples=max(1, STEPS // LENGTH), stateful_step_count=LENGTH, deadline=None, database=None,
                        derandomize=not RANDOM, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
        try:
            run_state_machine_as_test(Machine, settings=made)
        finally:
            print(world.failure)
            print('steps: {}; {}'.format(sum(world.steps.values()), ', '.join(
                '{} {}'.format(what, count) for what, count in sorted(world.steps.items()))))
