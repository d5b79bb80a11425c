"""Nodes with many other containers, a boot storm, and memory."""
import os
from statistics import median
from typing import Dict, List, NamedTuple, Sequence

from tests.bench.cases import Progress, Series, down, up
from tests.bench.containers import BRIDGE, Container
from tests.bench.contenders import Cold, Contender, Ours, Shell
from tests.bench.place import Place, batch, command
from tests.lab.network import Lab

OTHERS = (1, 100, 1000, 5000)
STORM_WIDTH = 8
MODEL = Container(10, first=20)


class Storm(NamedTuple):
    """A boot storm: wall and CPU time, in ms."""

    wall: float
    cpu: float


def others(lab: Lab, rounds: int, series: Series, progress: Progress) -> None:
    """Start and stop beside 1, 100, 1000 and 5000 other containers, on a node for each number, in turn."""
    places = []
    container = Container(11, first=30)
    try:
        for count in OTHERS:
            progress('a node with {} other containers'.format(count))
            place = Place(lab, 'n{}'.format(count))
            places.append((count, place, Ours(place)))
            _populate(place, count)
            _prime(place, Ours(place), container)
        for number in range(rounds):
            if number % 10 == 0:
                progress('start beside other containers: round {} of {}'.format(number + 1, rounds))
            turn = number % len(places)
            for count, place, ours in places[turn:] + places[:turn]:
                up(place, ours, container)
                series.add('others', str(count), 'start', place.run(ours.start(container)))
                down(place, ours, container)
                series.add('others', str(count), 'stop', place.run(ours.stop(container)))
    finally:
        for _, place, _ in places:
            place.close()


def _prime(place: Place, contender: Contender, container: Container) -> None:
    place.add(container)
    place.run([batch(container.links())])
    contender.prime(container)
    place.run([batch(container.unlinks())])


def _populate(place: Place, count: int) -> None:
    """COUNT containers that run, as far as files and routes go: copies of what a real one has. Their veths do not exist."""
    ours = Ours(place)
    _prime(place, ours, MODEL)
    up(place, ours, MODEL)
    place.run(ours.start(MODEL))
    node = place.node
    trees = ['/run/vzhooks/{}', '/var/cache/vzhooks/{}']
    contents: Dict[str, Dict[str, str]] = {}
    for tree in trees:
        real = node.path(tree.format(MODEL.veid))
        contents[tree] = {}
        for name in os.listdir(real):
            contents[tree][name] = node.read(tree.format(MODEL.veid) + '/' + name)
    conf, address = MODEL.conf(), MODEL.veths[0][0].split('/')[0]
    routes = []
    for number in range(count):
        veid, own = str(20000 + number), '10.20.{}.{}'.format(100 + number // 250, 1 + number % 250)

        def renamed(text: str, veid: str = veid, own: str = own) -> str:
            return text.replace('veth{}.'.format(MODEL.veid), 'veth{}.'.format(veid)) \
                .replace('/{}.conf'.format(MODEL.veid), '/{}.conf'.format(veid)).replace(address, own)

        node.conf(veid, renamed(conf))
        for tree, files in contents.items():
            os.makedirs(node.path(tree.format(veid)), 0o700)
            for name, text in files.items():
                node.write(tree.format(veid) + '/' + renamed(name), renamed(text), 0o600)
        routes.append('route add {} dev {} proto 118'.format(own, BRIDGE))
    place.run([batch(routes)])
    down(place, ours, MODEL)
    place.run(ours.stop(MODEL))


def storms(place: Place, count: int, rounds: int, progress: Progress) -> Dict[str, List[Storm]]:
    """Start COUNT containers at once, 8 at a time: ours with and without vps.mount, and the shell."""
    containers = [Container(2001 + number, first=1000 + number) for number in range(count)]
    ours, shell = Ours(place), Shell(place)
    progress('boot storm: making {} containers'.format(count))
    for container in containers:
        place.node.conf(container.veid, container.conf())
    place.ask([[command(['/bin/sh', '-c', 'exec ip netns add ' + container.veid])] for container in containers], 4)
    links = batch(line for container in containers for line in container.links())
    unlinks = batch(line for container in containers for line in container.unlinks())

    def every(kind: str, who: Contender, width: int = STORM_WIDTH) -> Storm:
        jobs = [(who.mount(one) if kind == 'whole' else []) + (who.stop(one) if kind == 'stop' else who.start(one))
                for one in containers]
        done = place.ask(jobs, width)
        return Storm(done['wall'] * 1000, sum(sample['cpu'] for job in done['jobs'] for sample in job) * 1000)

    progress('boot storm: warming {} caches'.format(count))
    place.run([links])
    every('whole', ours, 2)
    place.run([unlinks])
    every('stop', ours, 2)
    found: Dict[str, List[Storm]] = {'ours': [], 'whole': [], 'shell': []}
    for number in range(rounds):
        for key, who in (('ours', ours), ('whole', ours), ('shell', shell)):
            progress('boot storm {} of {}: {}'.format(number + 1, rounds, key))
            place.run([links])
            found[key].append(every(key, who))
            place.run([unlinks])
            every('stop', who, 2)
    return found


def storm_median(found: List[Storm]) -> Storm:
    return Storm(median(one.wall for one in found), median(one.cpu for one in found))


def memory(place: Place, rounds: int, progress: Progress) -> Dict[str, int]:
    """Peak resident memory in kB: of our hooks, warm and cold; of the shell; and the least that can be told."""
    progress('memory')
    container = Container(12, first=40)
    found: Dict[str, int] = {}
    contenders: Sequence[Contender] = (Ours(place), Cold(place), Shell(place))
    for contender in contenders:
        _prime(place, contender, container)
        samples = []
        for _ in range(rounds):
            contender.before(container)
            up(place, contender, container)
            samples.append(place.run(contender.start(container), lean=True).memory)
            down(place, contender, container)
            place.run(contender.stop(container))
        found[contender.key] = int(median(samples))
    found['floor'] = place.run([command(['/bin/true'])], lean=True).memory
    return found


def exec_cost(place: Place, rounds: int) -> float:
    """What the stand-in `vzctl exec true` takes, in ms."""
    container = Container(13, first=50)
    place.add(container)
    shell = Shell(place)
    return float(median(place.run(shell.exec_true(container)).wall for _ in range(rounds)))


