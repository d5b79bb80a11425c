"""The containers of a node: what their conf files say, and whether they run.  Reads files alone, but for vzlist."""
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from vzhooks import facts, inputs, journal, kernel, model, netns, paths, store, warming
from vzhooks.conf import Conf
from vzhooks.errors import ConfigError, Expected
from vzhooks.model import Announced, Veth
from vzhooks.nodeconf import NodeConf
from vzhooks.report import known
from vzhooks.report.known import Drift, Start
from vzhooks.values import Address

RUNNING, STOPPED, UNMANAGED, LEFT_OVER = "running", "stopped", "unmanaged", "left over"
VENET, ROUTED = "venet0", "routed"
SOME = "\0VEID"  # in place of a VEID; no file that is read to its end has a NUL


class Port(NamedTuple):
    """A veth of a container, or its share of venet0; texts are "" where nothing is said."""

    device: str  # on the node
    name: str  # in the container
    bridge: str  # a bridge, or ROUTED, or VENET
    addresses: Tuple[str, ...]  # ADDRESS/PREFIX
    announced: str  # yes | no | standby | anycast | excluded; "" where the node announces nothing
    antispoof: str  # yes | no; "" for venet, where the kernel does it
    vlan: int  # 0: none


class Public(NamedTuple):
    """A floating address and the one behind it."""

    public: str
    private: str


class Container(NamedTuple):
    """A container as it is to be shown."""

    veid: str
    name: str  # "": it has none; its owner's text
    state: str  # RUNNING: set up by us | STOPPED | UNMANAGED: runs without us | LEFT_OVER: its devices have gone
    ports: Tuple[Port, ...]
    floating: Tuple[Public, ...]
    start: Optional[Start]
    drift: Optional[Drift]  # None: never checked
    mistakes: int  # in its conf files

    @property
    def runs(self) -> bool:
        return self.state in (RUNNING, UNMANAGED)


class VzConf:
    """vz.conf, read once for all containers: nothing in it differs between them but what $VEID is."""

    def __init__(self) -> None:
        self.base = Conf(VEID=SOME)
        try:
            self.base.read(paths.vz_conf(), inputs.text_of(paths.vz_conf()))
        except ConfigError:
            pass  # lint's matter, as all mistakes here
        self.varying = [one for one in self.base.variables.values() if one.value and SOME in one.value]

    def of(self, veid: str) -> Conf:
        """As it is for one container."""
        conf = Conf()
        conf.lost = list(self.base.lost)
        conf.variables = dict(self.base.variables)
        for one in self.varying:
            conf.variables[one.name] = one._replace(value=(one.value or "").replace(SOME, veid))
        return conf


class Shared(NamedTuple):
    """What is read once for all containers."""

    node: NodeConf
    vz_conf: VzConf
    boot: str
    drifts: Dict[str, Drift]
    starts: Dict[str, Start]
    listed: Sequence[str]  # by vzlist


def gather(node: NodeConf, drifts: Dict[str, Drift]) -> List[Container]:
    """All containers that have a conf file, a journal or a row of vzlist, by VEID."""
    shared = Shared(node, VzConf(), paths.boot_id(), drifts, known.starts(), known.listed() or [])
    with_conf = set(warming.containers())
    veids = with_conf | set(journal.containers()) | set(shared.listed)
    return [_container(veid, veid in with_conf, shared) for veid in sorted(veids, key=warming.order)]


def _container(veid: str, has_conf: bool, shared: Shared) -> Container:
    devices = _journalled(veid, shared.boot)
    conf = shared.vz_conf.of(veid)
    mistakes, ports, floating = 0, (), ()  # type: int, Tuple[Port, ...], Tuple[Public, ...]
    if has_conf:
        path = paths.container_conf(veid)
        try:
            text = inputs.text_of(path)
            conf.read(path, text)
            found = model.container(veid, conf, path, text, shared.node)
            mistakes = len(found.mistakes)
            ports = _ports(found, devices, shared.node)
            floating = tuple(Public(one.public.ip, one.private.ip) for one in found.floating)
        except ConfigError as error:
            mistakes = len(error.mistakes)
    named = {port.device for port in ports}
    ports += tuple(_by_journal(veid, device) for device in devices
                   if device not in named and device != journal.BEFORE_START)
    state = _state(veid, devices, ports, veid in shared.listed)
    own = conf.of(paths.container_conf(veid))
    name = next((variable.value or "" for variable in map(own.get, ("NAME", "HOSTNAME")) if variable), "")
    return Container(veid, name, state, ports, floating, shared.starts.get(veid),
                     shared.drifts.get(veid) if state != STOPPED else None, mistakes)


def _journalled(veid: str, boot: str) -> List[str]:
    """The devices of a container's journals of this boot."""
    found = []
    for device in journal.devices(veid):
        try:
            if journal.boot_of(veid, device) == boot:
                found.append(device)
        except store.Unusable:
            found.append(device)  # somebody has set something up there
    return found


def _state(veid: str, devices: Sequence[str], ports: Sequence[Port], listed: bool) -> str:
    """design.md, Ownership: a journal of this boot, and the host interface or the network namespace."""
    inside = netns.is_there(veid)
    there = inside or any(port.device and facts.kind(port.device) for port in ports if port.bridge != VENET)
    if devices:
        return RUNNING if there or listed or kernel.older_than(3, 0) else LEFT_OVER
    return UNMANAGED if there or listed else STOPPED


def _ports(found: model.Container, devices: Sequence[str], node: NodeConf) -> Tuple[Port, ...]:
    made = [_of_veth(veth, found, node) for veth in found.veths]
    nameless = [port for port in made if not port.device]
    named = {port.device for port in made}
    unclaimed = [device for device in devices if device not in named and device != journal.BEFORE_START]
    if len(nameless) == len(unclaimed) == 1:  # which of several is which, only the kernel knows
        made[made.index(nameless[0])] = nameless[0]._replace(device=unclaimed[0])
    if found.venet:
        made.append(Port(VENET, VENET, VENET, _texts(found.venet), _announced(found.announced, found.venet, node), "",
                         0))
    return tuple(made)


def _of_veth(veth: Veth, found: model.Container, node: NodeConf) -> Port:
    interface = veth.interface
    bridge = veth.bridge or interface.network and (facts.master(interface.host_ifname) or interface.network)
    if not bridge:
        bridge = ROUTED if veth in found.routed else ""
    return Port(interface.host_ifname, interface.ifname, bridge, _texts(veth.all_addresses),
                _announced(veth.announced, veth.all_addresses, node), "no" if veth.allow is None else "yes", veth.vlan)


def _announced(announced: Announced, addresses: Sequence[Address], node: NodeConf) -> str:
    if not node.announce.where or not addresses:
        return ""
    return announced.kind if any(map(node.announce.announces, addresses)) else "excluded"


def _by_journal(veid: str, device: str) -> Port:
    """A device that no conf names any more, by what was done for it."""
    try:
        lines = journal.read(veid, device)
    except Expected:
        lines = []
    routes = [line.command.split() for line in lines if line.command.startswith(journal.ROUTE)]
    return Port(device, "", facts.master(device), tuple(words[3] for words in routes), "", "", 0)


def _texts(addresses: Sequence[Address]) -> Tuple[str, ...]:
    return tuple(one.ip if one.prefix == one.width else str(one) for one in addresses)
