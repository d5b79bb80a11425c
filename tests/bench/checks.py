"""What `vzhook check` and `reconcile` cost with very many containers that really run."""
import os
import time
from statistics import median
from typing import List, NamedTuple

from tests.bench.cases import Progress
from tests.bench.containers import Container
from tests.bench.contenders import Ours
from tests.bench.place import BenchFailed, Place, batch, command
from tests.lab.network import Lab

CONTAINERS, LIMIT = 1000, 10.0  # and the seconds that a check of them may take


class Cost(NamedTuple):
    """Seconds: on the wall, and of all processors."""

    wall: float
    cpu: float


class Checked(NamedTuple):
    """Checks of all, one that finds every host route gone, a reconcile of that."""

    count: int
    clean: List[Cost]
    drifted: Cost
    reconcile: Cost

    @property
    def check(self) -> Cost:
        """The medians of the clean checks."""
        return Cost(float(median(one.wall for one in self.clean)), float(median(one.cpu for one in self.clean)))


def checks(lab: Lab, count: int, rounds: int, progress: Progress) -> Checked:
    """COUNT containers on a node of their own, each started by the hooks; then check, spoil, check, reconcile."""
    place = Place(lab, 'checked')
    try:
        containers = [Container(3001 + number, first=3000 + number) for number in range(count)]
        ours = Ours(place)
        progress('check: making and starting {} containers'.format(count))
        for container in containers:
            place.node.conf(container.veid, container.conf())
        place.ask([[command(['/bin/sh', '-c', 'exec ip netns add ' + container.veid])] for container in containers], 2)
        place.run([batch(line for container in containers for line in container.links())])
        place.node.vzhook('cache', 'warm', timeout=600)
        place.ask([ours.mount(one) + ours.start(one) for one in containers], 2)
        clean = []
        for number in range(rounds):
            progress('check of {} containers: {} of {}'.format(count, number + 1, rounds))
            clean.append(_vzhook(place, 0, 'check'))
            progress('it took {0.wall:.1f} s, {0.cpu:.1f} s of CPU'.format(clean[-1]))
        place.node.ip('route flush proto 118')
        progress('check and reconcile of {} lost routes'.format(count))
        drifted = _vzhook(place, 1, 'check')
        reconcile = _vzhook(place, 0, 'reconcile')
        _vzhook(place, 0, 'check')
        return Checked(count, clean, drifted, reconcile)
    finally:
        place.close()


def _vzhook(place: Place, code: int, *words: str) -> Cost:
    began, before = time.monotonic(), os.times()
    result = place.node.vzhook(*words, check=False, timeout=600)
    if result.returncode != code:
        raise BenchFailed('vzhook {} ended with {}:\n{}{}'.format(' '.join(words), result.returncode, result.stdout[-2000:],
                                                                  result.stderr[-2000:]))
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Cost(time.monotonic() - began, cpu)
