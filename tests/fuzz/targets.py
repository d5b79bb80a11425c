"""The parsers under attack: each a function of one text, the words that its inputs are made of, and what it begins with.

A function returns, whatever the text; an exception that is not the parser's documented one comes through, and is the finding.
"""
import os
import tempfile
from typing import Callable, Dict, List, NamedTuple

from vzhooks import batch, cache, conf, errors, journal, model, names, netif, nodeconf, paths, plan
from vzhooks.mistakes import Mistake
from vzhooks.node import journal as node_journal
from vzhooks.node import saved

NEVER = names.REFUSED - {'/', ':'} | {' '}  # in what reaches a template
BOOT = '@BOOT@'  # stands in an input for the id of this boot, so that a journal may be one of it


class Target(NamedTuple):
    """A parser, as a function of one text; `words` and `seeds` are what inputs are made of."""

    run: Callable[[str], None]
    words: List[str]
    seeds: List[str]


def sound(mistakes: List[Mistake]) -> None:
    """Each mistake is one printable line that names its place, and short enough to be read."""
    for mistake in mistakes:
        text = str(mistake)
        assert text.isprintable() and text.startswith(('F:', 'N:')) and len(text) < 2000, text


def read_conf(text: str) -> None:
    found = conf.Conf(VEID='101')
    found.read('F', text)
    sound(found.lost + [one.mistake for one in found.variables.values() if one.mistake])


def read_netif(text: str) -> None:
    interfaces, mistakes = netif.parse(conf.Variable('NETIF', text, 'F:1', None))
    sound(mistakes)
    assert all(0 < len(one.ifname) < 16 and len(one.host_ifname) < 16 for one in interfaces)


def read_node_conf(text: str) -> None:
    found = nodeconf.read('F', text)
    sound(list(found.mistakes + found.node_mistakes + found.doubts))


def read_container(text: str) -> None:
    """The whole of a container's conf; where no mistake is found, no value has a character that means something to anybody."""
    found = conf.Conf(VEID='101')
    found.read('F', text)
    made = model.container('101', found, 'F', text, NODE)
    sound(list(made.mistakes + made.doubts))
    for veth in made.veths if not made.mistakes else ():
        for word in [veth.bridge, veth.interface.ifname, veth.interface.host_ifname] + [
                str(one) for one in veth.addresses] + [one.address.ip for one in veth.gateways]:
            assert not set(word) & NEVER and word.isprintable(), word


def read_plan(text: str) -> None:
    try:
        lines = plan.parse(text, 'F')
    except plan.PlanError:
        return
    again = plan.parse(plan.text(lines), 'F')
    assert [line.key for line in again] == [line.key for line in lines]


def read_journal(text: str) -> None:
    put(text, 'run/vzhooks/101/v0.journal')
    try:
        journal.load('101', 'v0')
    except errors.Expected:
        pass


def read_node_journal(text: str) -> None:
    for name, read in (('journal', node_journal.read), ('pending', node_journal.pending)):
        put(text, 'run/vzhooks/node/' + name)
        try:
            read()
        except errors.Expected:
            pass


def read_cache(text: str) -> None:
    put(text, 'var/cache/vzhooks/101/v0.plan')
    found = cache.load('101', 'v0', 'CALL')
    assert isinstance(found, (str, cache.Ready))


def read_record(text: str) -> None:
    put(text, saved.RECORD)
    try:
        saved.has_written(paths.rooted(''), 'x')
    except errors.Expected:
        pass


def read_errors(text: str) -> None:
    """What a container's own ip says, which is its owner's to choose."""
    failed = batch._failed_lines(text, 5)
    assert all(0 <= one.index < 5 for one in failed)


def put(text: str, path: str) -> None:
    """Write a file of ours below VZHOOKS_ROOT, as the product would have: 0600."""
    whole = paths.rooted('/' + path)
    data = text.replace(BOOT, paths.boot_id()).encode('utf-8', 'surrogateescape')
    try:
        fd = os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(whole), 0o700)
        fd = os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.write(fd, data)
    os.close(fd)


def place() -> 'tempfile.TemporaryDirectory[str]':
    """A VZHOOKS_ROOT for the targets that read files, in memory where there is such a place."""
    made = tempfile.TemporaryDirectory(prefix='vzfuzz-', dir='/dev/shm' if os.path.isdir('/dev/shm') else None)
    os.environ['VZHOOKS_ROOT'] = made.name
    return made


CONTAINER = '''NETIF="ifname=eth0,mac=00:18:51:A1:B2:C3,host_ifname=veth101.0,host_mac=00:18:51:A1:B2:C4,bridge=br0"
VETH_IP_ADDRESS="85.86.87.195/26 2001:db8:1::101/64"
VE_DEFAULT_GATEWAY="85.86.87.193"  # the provider's
BRIDGEDEV=br0
CT0_IP='10.0.0.2'
'''
MORE = '''export VETH_MTU=1400
VETH_VLAN=5;VETH_ROUTES="10.17.0.0/16 via 85.86.87.194"
FLOATING_IP="203.0.113.10 203.0.113.11=85.86.87.195"
SNAT=yes ANTISPOOF=yes
VETH_ALLOW="10.9.0.0/16 00:00:5e:00:01:01"
ANNOUNCE_eth0=standby
IP_ADDRESS="192.168.1.5/24 192.0.2.1"
NAME="ct$VEID${VEID}"
'''
NODE_CONF = '''[node]
timeout = 30
on_error = fail
ct_exec = auto
antispoof = yes

[bridge br0]
type = linux
ports = eth0
address = 10.0.0.2/24
gateway = 10.0.0.1

[network internal]
cidr = 192.168.1.0/24
dev = vmbr0
gateway = 192.168.1.3
table = 210

[overlay br1]
type = ovs
vni = 7
peers = 10.1.1.3 10.1.2.4
address = 192.168.223.3/24

[announce]
daemon = frr
area = 0.0.0.0
interfaces = vmbr0
hello_interval = 1
dead_interval = 3
exclude = 192.0.2.0/24

[floating]
uplinks = vmbr1
backend = auto
'''
NODE = nodeconf.read('N', NODE_CONF.replace('vmbr1', 'lo'))
PLAN = '''# F:4
host  ip route add 10.0.0.5 dev br0 proto 118
undo  ip route del 10.0.0.5 dev br0 proto 118
-ct   ip link set dev eth0 up
!host nft add element netdev vzhooks x { y }
!undo nft delete element netdev vzhooks x { y }
-once announce 10.0.0.5 lladdr 00:18:51:a1:b2:c3 dev br0
'''
SHELL = ['$VEID', '${', '}', '$(', ')', '`', '"', "'", '\\', '\\\n', '\n', '\r\n', ';', '#', ' ', '=', '+=', '~', '$', '${VEID}',
         'export ', '&', '|', '<', '>', '\0', '$A', 'A', 'VETH_IP_ADDRESS', '_eth0', 'NETIF="', 'A=$A$A\n', '$((', '$[']
VALUES = ['10.0.0.1', '/26', '/255.255.255.0', '2001:db8::1/64', '::', ':', '/', ',', '=', 'eth0', '00:18:51:a1:b2:c3', 'x' * 16,
          '4294967296', '-1', '\u00e9', '\udcff', '\u2028', '%d', '..', 'none', 'yes', '999999999999999999999']
STORED = ['\n\n', '# end\n', 'boot ', BOOT, '\nifindex ', 'host ', 'undo ', 'input ', ' = ', 'fact ', 'mtu ', 'sysctl ', 'gone ',
          'new ', 'watcher ', 'deadline ', 'nan', 'doubt ', 'timeout ', 'devices ']

TARGETS: Dict[str, Target] = {
    'conf': Target(read_conf, SHELL + VALUES, [CONTAINER, MORE, 'A=1\n', 'A="$VEID" B=$(x)\n']),
    'netif': Target(read_netif, [';', ',', 'ifname=', 'host_ifname=', 'ip=', 'ip6=', 'mac=', 'type=', 'gw='] + VALUES, [
        'ifname=eth0,bridge=br0,mac=00:18:51:A1:B2:C3,host_ifname=veth101.0,host_mac=00:18:51:A1:B2:C4',
        'type=bridge,ifname=eth0,network=A B,vport=ovs,host_ifname=vif-x,gw=10.0.0.1,ip=10.0.0.5/255.255.255.0:10.0.0.6,'
        'ip6=2001:db8::1/64,2001:db8::2']),
    'ini': Target(read_node_conf, ['[', ']', '\n', ' = ', '#', ';', '[node]', '[bridge ', '[network ', '[overlay ', '[announce]',
                                   '[floating]', 'peers = ', 'table = ', 'cidr = '] + VALUES, [NODE_CONF, '[node]\n']),
    'container': Target(read_container, SHELL + VALUES, [CONTAINER + MORE, CONTAINER]),
    'plan': Target(read_plan, ['host ', 'ct ip ', 'node ', 'once ', 'undo ', '-', '!', '#', '\n', '\r', '\x0b', '\u2028'] + VALUES,
                   [PLAN]),
    'journal': Target(read_journal, STORED + VALUES, [
        'vzhooks-journal 1\nboot {}\nifindex 5\n\n{}# end\n'.format(BOOT, PLAN)]),
    'node journal': Target(read_node_journal, STORED + VALUES, [
        'vzhooks-node 1\nboot {}\ngone 1\nnew 1\nwatcher 7 9\ndeadline 5.5\n\n{}# end\n'.format(BOOT, PLAN)]),
    'cache': Target(read_cache, STORED + VALUES, [
        'vzhooks-cache {}\ncall CALL\ntimeout 30\non_error fail\nct_exec auto\ndevices v0\nelse_script \ndoubt x\n'
        'input /nowhere = missing\nfact mtu lo = 65536\n\n{}# end\n'.format(cache.__version__, PLAN)]),
    'record': Target(read_record, STORED + ['file ', 'directory ', '-'] + VALUES, [
        'vzhooks-export 1\n\ndirectory etc/x\nfile aa - etc/x/y\n# end\n']),
    "a container's ip": Target(read_errors, ['Command failed -:', '\n', '1', '9', '0', '\u0661'] + VALUES, [
        'RTNETLINK answers: File exists\nCommand failed -:2\n']),
}
