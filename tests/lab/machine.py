"""A state machine: whatever is done to containers, in whatever order, four things hold after each step.

No address of a container that does not run is anywhere; each one that runs is reached; nothing foreign has changed; and `vzhook
check` says what an independent reading of the kernel says.
"""
import functools
import time
import traceback
from typing import Any, Callable, Dict, List, Set

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.lab import frr
from tests.lab.confs import host_ifname, netif
from tests.lab.network import Lab
from tests.lab.node import Node
from tests.lab.reading import Answering, Reading

CONF = '[announce]\ninterfaces = br0\nrouter_id = 10.0.0.2\n'
VEIDS = ('101', '102', '103')
VARIANTS = 3
SELDOM = st.integers(0, 3).map(lambda number: (number + 1) % 4)  # 0 one time in four, and not in the simplest example
FOREIGN = ('link add foreign address 02:00:00:00:00:31 type bridge stp_state 0', 'addr add 172.31.0.1/32 dev foreign', 'link set foreign up',
           'route add 172.16.0.0/12 via 10.0.0.1 proto static', 'rule add pref 100 from 172.20.0.1 lookup main',
           'route add 192.0.2.0/24 dev foreign')
FOREIGN_NFT = 'add table ip foreign; add chain ip foreign input { type filter hook input priority 5 ; }; ' \
    'add rule ip foreign input ip saddr 172.20.0.1 drop'


def addresses(veid: str, variant: int, extra: bool = False) -> Set[str]:
    """What a container has with this conf; `extra`: with its second interface."""
    last = int(veid[-1]) + 10 * variant
    if veid == '103':  # routed, without a bridge
        return {'192.0.2.{}'.format(last)}
    found = {'85.86.87.{}'.format(200 + last), '2001:db8:1::{:x}'.format(0x100 + last)}
    return found | {'85.86.87.{}'.format(240 + variant)} if extra else found


def conf(veid: str, variant: int, names: List[str]) -> str:
    """Its text: 102 is filtered, 103 a hot standby."""
    own = sorted(addresses(veid, variant))
    if veid == '103':
        return netif(veid) + 'VETH_IP_ADDRESS="{}"\nVE_DEFAULT_GATEWAY="10.0.0.1"\nANNOUNCE=standby\n'.format(own[0])
    text = netif(veid, *names) + 'BRIDGEDEV="br0"\nVETH_IP_ADDRESS="{}/64 {}/26"\n'.format(*own)
    text += 'VETH_IP_ADDRESS_eth1="85.86.87.{}/26"\n'.format(240 + variant) if veid == '101' else ''
    return text + ('ANTISPOOF=yes\n' if veid == '102' else '')


def same(found: object, wanted: object) -> None:
    """pytest explains the assertions of test modules alone."""
    assert found == wanted, '{}\nis not\n{}'.format(found, wanted)


class Place:
    """A node with what looks at it."""

    def __init__(self, node: Node) -> None:
        node.install()
        self.node, self.reading, self.checker = node, Reading(node), Answering(node, 'checker.py')
        node.batch(FOREIGN)
        node.run(['nft', FOREIGN_NFT])
        self.foreign = self.reading.now().foreign

    def close(self) -> None:
        self.reading.close()
        self.checker.close()


class World:
    """Two nodes, the first of them with FRR. It outlives an example: `Machine.teardown` brings it back to its beginning."""

    def __init__(self, lab: Lab) -> None:
        self.steps: Dict[str, int] = {}
        self.failure = ''
        self.places = [Place(lab.add_node('hn')), Place(lab.add_node('hn2'))]
        first = self.places[0].node
        for place, text in zip(self.places, (CONF, '')):
            place.node.write('/etc/vz/vzhooks.conf', text)
        first.vzhook('node', 'export', 'frr')
        self.frr = frr.on_node(first)
        self.frr.start()
        for place in self.places:
            place.foreign = place.reading.now().foreign

    def close(self) -> None:
        for place in self.places:
            place.close()


class Container:
    """What the machine believes of one."""

    def __init__(self, veid: str) -> None:
        self.veid, self.place = veid, 0
        self.variant, self.broken, self.names = 0, False, ['eth0']  # as the conf says
        self.running, self.suspended, self.unknown = False, False, False
        self.has, self.extra = 0, False  # the variant that it was started with, and whether with a second interface

    @property
    def addresses(self) -> Set[str]:
        return addresses(self.veid, self.has, self.extra) if self.running else set()


def watched(act: Callable[..., None]) -> Callable[..., None]:
    """Note the first failure with all that led to it: hypothesis tries it again, and what hangs on time may not happen twice."""
    @functools.wraps(act)
    def watching(self: 'Machine', **words: Any) -> None:
        try:
            act(self, **words)
        except Exception:
            if not self.world.failure:
                self.world.failure = '{}\n{}'.format('; '.join(self.history), traceback.format_exc())
            raise
    return watching


class Machine(RuleBasedStateMachine):
    """Rules are what people and vzctl do; `world` is set by whoever runs it."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.cts = {veid: Container(veid) for veid in VEIDS}
        self.touched: Set[int] = set()  # the places where something was done since they were looked at
        self.history: List[str] = []

    def node(self, ct: Container) -> Node:
        return self.world.places[ct.place].node

    def did(self, what: str, place: int, *words: object) -> None:
        self.touched.add(place)
        self.history.append(' '.join([what] + [str(word) for word in words]))
        self.world.steps[what] = self.world.steps.get(what, 0) + 1
        done = sum(self.world.steps.values())
        if done % 100 == 0:
            print('{} steps'.format(done), flush=True)

    def write(self, ct: Container) -> None:
        text = conf(ct.veid, ct.variant, ct.names)
        self.node(ct).conf(ct.veid, text.replace('VETH_IP_ADDRESS="', 'VETH_IP_ADDRESS="ten ') if ct.broken else text)

    @initialize()
    @watched
    def create(self) -> None:
        for ct in self.cts.values():
            self.write(ct)

    # What vzctl does

    @rule(veid=st.sampled_from(VEIDS))
    @watched
    def start(self, veid: str) -> None:
        ct = self.cts[veid]
        if ct.running or ct.suspended:
            return
        self.did('start', ct.place, veid)
        code = self.node(ct).vzctl('start', veid, check=False).returncode
        assert (code == 0) == (not ct.broken), (veid, code)
        self.up(ct, not ct.broken)

    def up(self, ct: Container, running: bool) -> None:
        ct.running, ct.unknown = running, False
        ct.has, ct.extra = ct.variant, len(ct.names) > 1

    @rule(veid=st.sampled_from(VEIDS))
    @watched
    def stop(self, veid: str) -> None:
        ct = self.cts[veid]
        if ct.running:
            self.did('stop', ct.place, veid)
            self.node(ct).vzctl('stop', veid)
            self.up(ct, False)

    @rule(veid=st.sampled_from(VEIDS), at_once=st.booleans())
    @watched
    def halt_inside(self, veid: str, at_once: bool) -> None:
        """Without vzeventd it is the next start that cleans up: until then what is there is not told."""
        ct = self.cts[veid]
        if ct.running:
            self.did('halt inside', ct.place, veid, at_once)
            self.node(ct).vzctl('kill-inside', veid, *(['--vzeventd'] if at_once else []))
            self.up(ct, False)
            ct.unknown = not at_once

    @rule(veid=st.sampled_from(VEIDS), seconds=st.sampled_from([0.05, 0.08, 0.1, 0.12, 0.15, 0.2]), verb=st.sampled_from(['start', 'stop']))
    @watched
    def kill(self, veid: str, seconds: float, verb: str) -> None:
        """vzctl dies at some point, its hook goes on without it. Somebody stops the container then, and what vzctl takes for
        stopped already is cleaned up by hand: it calls no hook.
        """
        ct = self.cts[veid]
        if not ct.broken and ct.running == (verb == 'stop') and not ct.suspended:
            self.did('kill in ' + verb, ct.place, veid, seconds)
            process = self.node(ct).vzctl_popen(verb, veid)
            time.sleep(seconds)
            process.kill()
            process.communicate()
            self.up(ct, False)
            self.node(ct).vzctl('stop', veid, check=False)
            # What the stand-in has made of a container that it does not know of yet would be a second one of its MAC.
            for number in range(2):
                self.node(ct).run(['ip', 'link', 'del', host_ifname(veid, number)], check=False)
            self.node(ct).vzhook('clean', veid)

    @rule(veid=st.sampled_from(VEIDS))
    @watched
    def suspend_or_resume(self, veid: str) -> None:
        ct = self.cts[veid]
        if ct.running and not ct.unknown:
            self.did('suspend', ct.place, veid)
            self.node(ct).vzctl('suspend', veid)
            self.up(ct, False)
            ct.suspended = True
        elif ct.suspended and not ct.broken:
            self.did('resume', ct.place, veid)
            self.node(ct).vzctl('resume', veid)
            self.up(ct, True)
            ct.suspended = False

    @rule(veid=st.sampled_from(VEIDS), online=st.booleans())
    @watched
    def migrate(self, veid: str, online: bool) -> None:
        ct = self.cts[veid]
        if ct.running and not ct.broken:
            self.did('migrate online' if online else 'migrate', ct.place, veid)
            self.node(ct).migrate(veid, self.world.places[1 - ct.place].node, online=online)
            ct.place = 1 - ct.place
            self.touched.add(ct.place)
            self.up(ct, True)

    @precondition(lambda self: self.cts['101'].running and not self.cts['101'].broken)
    @rule()
    @watched
    def netif(self) -> None:
        """A second interface comes, or goes."""
        ct = self.cts['101']
        if ct.has != ct.variant:
            return
        if len(ct.names) == 1:
            self.did('netif_add', ct.place)
            words = netif('101', 'eth0', 'eth1').partition(';')[2].rstrip('"\n')
            self.node(ct).vzctl('set', '101', '--netif_add', words, '--save')
        else:
            self.did('netif_del', ct.place)
            self.node(ct).vzctl('set', '101', '--netif_del', 'eth1', '--save')
            self.node(ct).vzhook('gc')  # legacy vzctl calls no hook then
            self.node(ct).vzhook('reconcile', '101')  # the route to the node went with it
            # Of two interfaces in one bridge either answers ARP: the node may know the MAC of the one that has gone, for up to 53 s
            # (base_reachable_time * 1.5, then delay_first_probe_time and three probes: arp(7)).
            self.node(ct).run(['ip', 'neigh', 'flush', 'dev', 'br0'])
        ct.names = ['eth0', 'eth1'] if len(ct.names) == 1 else ['eth0']
        ct.extra = len(ct.names) > 1

    # What administrators do

    @rule(veid=st.sampled_from(VEIDS), variant=st.integers(0, VARIANTS - 1))
    @watched
    def edit(self, veid: str, variant: int) -> None:
        ct = self.cts[veid]
        if ct.broken or ct.variant != variant:
            self.did('edit', ct.place, veid, variant)
            ct.variant, ct.broken = variant, False
            self.write(ct)

    @rule(veid=st.sampled_from(VEIDS), now=SELDOM)
    @watched
    def break_conf(self, veid: str, now: int) -> None:
        if not now and not self.cts[veid].broken:
            self.did('break the conf', self.cts[veid].place, veid)
            self.cts[veid].broken = True
            self.write(self.cts[veid])

    @rule(veid=st.sampled_from(VEIDS))
    @watched
    def run(self, veid: str) -> None:
        """What is edited is applied while the container runs; a mistake changes nothing."""
        ct = self.cts[veid]
        if ct.running:
            self.did('run', ct.place, veid)
            code = self.node(ct).vzhook('run', veid, check=False).returncode
            assert code == (2 if ct.broken else 0)
            if not ct.broken:
                ct.has = ct.variant

    @rule(place=st.integers(0, 1), now=SELDOM)
    @watched
    def flush_the_firewall(self, place: int, now: int) -> None:
        """Somebody's reload takes our tables along: check sees it, reconcile brings them back."""
        if now:
            return
        self.did('reload the firewall', place)
        one = self.world.places[place]
        had = bool(one.reading.now().filtered(self.all_addresses()))
        one.node.run(['nft', 'flush', 'ruleset'])
        one.node.run(['nft', FOREIGN_NFT])
        broken = any(ct.broken and ct.running and ct.place == place for ct in self.cts.values())
        found = one.checker.ask()
        assert found['code'] == (2 if broken else 1 if had else found['code']), found
        one.node.vzhook('reconcile', check=False)

    @rule(now=SELDOM)
    @watched
    def restart_frr(self, now: int) -> None:
        """The slowest of all."""
        if not now:
            self.did('restart FRR', 0)
            self.world.frr.stop()
            self.world.frr.start()

    @rule(place=st.integers(0, 1), cold=st.booleans(), now=SELDOM)
    @watched
    def upgrade(self, place: int, cold: bool, now: int) -> None:
        if now:
            return
        self.did('upgrade', place, cold)
        node = self.world.places[place].node
        kept = node.read('/etc/vz/vzhooks.conf')  # as packages do
        node.install()
        node.write('/etc/vz/vzhooks.conf', kept)
        if cold:
            node.run(['rm', '-rf', node.path('/var/cache/vzhooks')])

    # What holds after each of them

    def all_addresses(self) -> Set[str]:
        return {address for veid in VEIDS for variant in range(VARIANTS) for address in addresses(veid, variant, veid == '101')}

    @invariant()
    @watched
    def it_holds(self) -> None:
        places, self.touched = self.touched, set()  # none: the rule had nothing to do
        for number in sorted(places):
            place = self.world.places[number]
            here = [ct for ct in self.cts.values() if ct.place == number]
            doubtful = {address for ct in here if ct.unknown for variant in range(VARIANTS)
                        for address in addresses(ct.veid, variant, ct.veid == '101')}
            wanted = {address for ct in here for address in ct.addresses}
            now = place.reading.now()
            routes = now.host_routes(self.all_addresses())
            same({one for one in routes if one not in doubtful}, wanted - doubtful)
            for ct in here:
                for address in ct.addresses:
                    assert routes[address] == (host_ifname(ct.veid) if ct.veid == '103' else 'br0')
            filtered = {address for ct in here if ct.veid == '102' for address in ct.addresses}
            same(now.filtered(self.all_addresses()) - doubtful, filtered - doubtful)
            same(now.foreign, place.foreign)
            for address in sorted(wanted):
                assert any(place.node.ping(address, 1) for _ in range(12)), address
            found = place.checker.ask()
            if not any(ct.unknown for ct in here):
                assert found['code'] == (2 if any(ct.broken and ct.running for ct in here) else 0), found
        ct = self.cts['103']
        if 0 in places and not ct.unknown:
            rows = self.world.frr.show('running-config')
            announced = {address for variant in range(VARIANTS) for address in addresses('103', variant)
                         if 'prefix-list vzhooks-standby' in rows and ' permit {}/32\n'.format(address) in rows}
            same(announced, ct.addresses if ct.place == 0 else set())

    def teardown(self) -> None:
        """All stop, and the nodes are as they were."""
        for ct in self.cts.values():
            if ct.suspended:
                self.node(ct).run(['rm', '-f', self.node(ct).path('/vz/dump/{}'.format(ct.veid))])
            self.node(ct).vzctl('stop', ct.veid, check=False)
            if ct.unknown:
                self.node(ct).vzhook('clean', ct.veid)
        for place in self.world.places:
            place.node.run(['rm', '-f'] + [place.node.path('/etc/vz/conf/{}.conf'.format(veid)) for veid in VEIDS])
            now = place.reading.now()
            assert not now.veths
            assert now.host_routes(self.all_addresses()) == {} and now.filtered(self.all_addresses()) == set()
            same(now.foreign, place.foreign)
