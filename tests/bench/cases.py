"""The cases: what kind of container, and who is compared on it. One round is each contender's start and stop in turn."""
from statistics import median
from typing import Callable, Dict, List, NamedTuple, Sequence, Tuple, Type

from tests.bench.containers import Container
from tests.bench.contenders import Cni, CniGone, Cold, Contender, Floor, Ours, Shell
from tests.bench.place import BenchFailed, Place, Sample, batch

Progress = Callable[[str], None]
ALL: Tuple[Type[Contender], ...] = (Ours, Shell, Cni, Floor)


class Case(NamedTuple):
    """`veths` veths of `each` addresses. A case for anti-spoofing or a floating address is one more of these."""

    key: str
    title: str
    veths: int
    each: int
    contenders: Tuple[Type[Contender], ...]


CASES = [
    Case('1x1', '1 veth, 1 address', 1, 1, ALL[:3] + (CniGone,) + ALL[3:]),
    Case('1x8', '1 veth, 8 addresses', 1, 8, ALL),
    Case('4x8', '4 veths, 8 addresses each', 4, 8, ALL),
    Case('cold', 'cold cache: 1 veth, 1 address', 1, 1, (Cold, Ours, Shell)),
]


class Series:
    """All samples, by (case, contender, what): what is `mount`, `start` or `stop`."""

    def __init__(self) -> None:
        self.samples: Dict[Tuple[str, str, str], List[Sample]] = {}

    def add(self, case: str, contender: str, what: str, sample: Sample) -> None:
        self.samples.setdefault((case, contender, what), []).append(sample)

    def has(self, case: str, contender: str, what: str) -> bool:
        return (case, contender, what) in self.samples

    def wall(self, case: str, contender: str, what: str) -> float:
        """The median, in ms."""
        return float(median(one.wall for one in self.samples[case, contender, what]))

    def cpu(self, case: str, contender: str, what: str) -> float:
        return float(median(one.cpu for one in self.samples[case, contender, what]))

    def ratio(self, case: str, what: str, contender: str, against: str) -> float:
        return self.wall(case, contender, what) / self.wall(case, against, what)


def measure(place: Place, case: Case, rounds: int, series: Series, progress: Progress) -> None:
    """Measure a case in ROUNDS rounds. Each contender has a container of its own, since journals and caches are a container's."""
    entries: List[Tuple[Contender, Container]] = []
    base = 100 + 10 * CASES.index(case)
    for number, kind in enumerate(kind for kind in case.contenders if not kind.missing()):
        # All have the same addresses: only one of them is up at a time.
        container = Container(base + number, case.veths, case.each)
        place.add(container)
        contender = kind(place)
        place.run([batch(container.links())])
        contender.prime(container)
        place.run([batch(container.unlinks())])
        entries.append((contender, container))
    _same_result(place, entries)
    for number in range(rounds):
        if number % 10 == 0:
            progress('{}: round {} of {}'.format(case.title, number + 1, rounds))
        turn = number % len(entries)  # nobody is always behind the same one
        for contender, container in entries[turn:] + entries[:turn]:
            _round(place, case, contender, container, series)


def _round(place: Place, case: Case, contender: Contender, container: Container, series: Series) -> None:
    contender.before(container)
    mount = contender.mount(container)
    if mount:
        series.add(case.key, contender.key, 'mount', place.run(mount))
    up(place, contender, container)
    series.add(case.key, contender.key, 'start', place.run(contender.start(container)))
    down(place, contender, container)
    series.add(case.key, contender.key, 'stop', place.run(contender.stop(container)))
    place.run(contender.after(container))


def up(place: Place, contender: Contender, container: Container) -> None:
    """What is there when a hook is called for a start."""
    if not contender.makes_veths:
        place.run([batch(container.links())])


def down(place: Place, contender: Contender, container: Container) -> None:
    """What is gone when a hook is called for a stop; a CNI runtime calls DEL before."""
    if not contender.makes_veths:
        place.run([batch(container.unlinks())])


def _same_result(place: Place, entries: Sequence[Tuple[Contender, Container]]) -> None:
    """Raise BenchFailed unless everybody has set all addresses and the gateway, and has taken its routes away again."""
    for contender, container in entries:
        contender.before(container)
        up(place, contender, container)
        place.run(contender.start(container))
        inside = place.inside(container)
        wanted = [' {} '.format(address) for veth in container.veths for address in veth] + ['default via ']
        lacks = [one for one in wanted if one not in inside]
        down(place, contender, container)
        place.run(contender.stop(container) + contender.after(container))
        left = place.node.ip('route show')
        if lacks or '10.20.' in left:
            raise BenchFailed('{}: lacks {} inside, {} left on the node\n{}'.format(contender.label, lacks, left, inside))
