"""From conf files to a container: which veths, addresses, bridges.  Pure: reads no kernel, starts nothing."""
import re
from typing import Dict, List, NamedTuple, Optional, Pattern, Tuple, Union

from vzhooks import floating, names, netif, routes, values
from vzhooks.conf import Conf, Variable
from vzhooks.floating import Floating
from vzhooks.mistakes import Mistake, shown
from vzhooks.netif import Interface
from vzhooks.nodeconf import NodeConf
from vzhooks.reader import OF_FIRST, Reader
from vzhooks.routes import Route
from vzhooks.values import Address, Mac

# A container whose own conf mentions one of these gets its network from us, every other one what stock would have done.
OURS = ("CONFIG_CUSTOMIZED", "VETH_IP_ADDRESS", "BRIDGEDEV", "VZHOSTBR", "VE_DEFAULT_GATEWAY", "CT0_IP", "VETH_ROUTES",
        "VETH_MTU", "VETH_VLAN", "FLOATING_IP", "SNAT", "ANNOUNCE")
# ... though these two of ours alone leave it a stock one, with a filter.
FILTERS = ("ANTISPOOF", "VETH_ALLOW")
MENTION = re.compile(r"^\s*(?:export\s+)?((?:%s)(?:_\w+)?)\+?=" % "|".join(OURS), re.MULTILINE)
ASKS = re.compile(r"^\s*(?:export\s+)?(ANTISPOOF(?:_\w+)?)\+?=", re.MULTILINE)


class Gateway(NamedTuple):
    """A default gateway; onlink where no address of the veth has it in its network."""

    address: Address
    onlink: bool


class Announced(NamedTuple):
    """ANNOUNCE: how a container's addresses are announced, and where that stands ("" where nothing is said)."""

    kind: str = "yes"  # yes | no | standby | anycast
    where: str = ""


class Veth(NamedTuple):
    """What one veth of a container should be."""

    interface: Interface
    bridge: str = ""  # "": the addresses are routed to the veth itself
    bridge_where: str = ""
    addresses: Tuple[Address, ...] = ()  # ours to configure inside; the interface's own are vzctl's
    gateways: Tuple[Gateway, ...] = ()
    ct0: Optional[Tuple[Address, ...]] = None  # the node's addresses as the conf says; None: to be found on the bridge
    mtu: int = 0  # inside; 0: as it is
    mtu_where: str = ""
    vlan: int = 0  # of the port, which the container does not see; 0: none
    vlan_where: str = ""
    routes: Tuple[Route, ...] = ()  # inside, beside the default
    announced: Announced = Announced()
    allow: Optional[Tuple[Union[Address, Mac], ...]] = None  # beyond its own addresses and MAC; None: all, unfiltered

    @property
    def all_addresses(self) -> Tuple[Address, ...]:
        return self.addresses + self.interface.addresses


class Container(NamedTuple):
    """A container; mistakes stop it when it is custom or asks for a filter, doubts are only said."""

    veid: str
    custom: bool
    veths: Tuple[Veth, ...]
    mistakes: Tuple[Mistake, ...]
    doubts: Tuple[Mistake, ...]
    venet: Tuple[Address, ...] = ()  # IP_ADDRESS, where the node has networks or uplinks
    floating: Tuple[Floating, ...] = ()  # public addresses, in the conf's order
    snat: str = ""  # FILE:LINE where the container asks for the node's own address on its way out
    announced: Announced = Announced()  # of venet's addresses

    @property
    def addresses(self) -> Tuple[Address, ...]:
        """All that the conf says, venet's first."""
        return self.venet + tuple(address for veth in self.veths for address in veth.all_addresses)

    @property
    def routed(self) -> Tuple[Veth, ...]:
        """The veths whose addresses are routed to them, without a bridge."""
        return tuple(veth for veth in self.veths if veth.interface.type == "routed" or
                     self.custom and not veth.bridge and not veth.interface.network)


def container(veid: str, conf: Conf, path: str, text: str, node: NodeConf,
              added: Optional[Interface] = None) -> Container:
    """Given the variables (vz.conf and PATH, whose text is TEXT), return the container with all mistakes in it.

    ADDED is an interface that runs already and that NETIF does not name yet (`vzctl set --netif_add`).
    """
    return _Builder(veid, conf, path, text, node, added).build()


class _Builder(Reader):
    def __init__(self, veid: str, conf: Conf, path: str, text: str, node: NodeConf,
                 added: Optional[Interface]) -> None:
        super().__init__(conf)
        self.veid, self.path, self.text, self.node, self.added = veid, path, text, node, added

    def build(self) -> Container:
        custom = self.mentions(MENTION)
        asks = custom or self.mentions(ASKS)
        interfaces = self.interfaces()
        made = [self.veth(interface, index) if custom else Veth(interface, interface.bridge, interface.where)
                for index, interface in enumerate(interfaces)]
        veths = tuple(veth._replace(allow=self.allow(veth.interface, index, custom)) if asks else veth
                      for index, veth in enumerate(made))
        node = self.node
        venet = self.venet() if node.networks or node.floating.uplinks or node.announce.where else ()
        public, snat = self.public(veths, venet) if custom else ((), "")
        announced = self.announced(self.read("ANNOUNCE") if venet and custom else None)
        if custom:
            self.across(veths)
        if asks:
            self.mistakes += self.node.mistakes
        self.mistakes += self.conf.lost
        used = set(self.mistakes)
        for variable in self.conf.variables.values():
            if variable.mistake and variable.mistake not in used:
                self.doubts.append(variable.mistake)
        mistakes, doubts = tuple(dict.fromkeys(self.mistakes)), tuple(dict.fromkeys(self.doubts))
        if not asks:
            return Container(self.veid, False, veths, (), mistakes + doubts, venet)
        return Container(self.veid, custom, veths, mistakes, doubts, venet, public, snat, announced)

    def public(self, veths: Tuple[Veth, ...], venet: Tuple[Address, ...]) -> Tuple[Tuple[Floating, ...], str]:
        own = [("FLOATING_IP", venet + tuple(one for veth in veths for one in veth.all_addresses))]
        own += [("FLOATING_IP" + values.suffix(veth.interface.ifname), veth.all_addresses) for veth in veths]
        return floating.of_container(self, own, self.node.floating), floating.asked(self, self.node.floating)

    def venet(self) -> Tuple[Address, ...]:
        """vzctl's own variable: what is wrong in it is vzctl's to refuse."""
        found = []
        variable = self.conf.get("IP_ADDRESS")
        for word in ((variable.value if variable else "") or "").split():
            try:
                found.append(values.address(word, variable.where if variable else ""))
            except ValueError as error:
                self.doubts.append(Mistake(variable.where if variable else "", "IP_ADDRESS: '%s'" % shown(word),
                                           str(error)))
        return tuple(found)

    def mentions(self, pattern: Pattern[str]) -> bool:
        """Whether the container's own conf has one of the variables, unless it wants to be a stock container."""
        switch = self.conf.of(self.path).get("CONFIG_CUSTOMIZED")
        if switch and switch.value is not None and switch.value.lower() == "no":
            return False
        if any(variable.where.startswith(self.path + ":") for variable in self.conf.lost):
            return bool(pattern.search(self.text))  # what stands behind the mistake was not read
        return any(pattern.match(name + "=") for name in self.conf.of(self.path))

    def interfaces(self) -> List[Interface]:
        variable = self.read("NETIF")
        interfaces, mistakes = netif.parse(variable) if variable else ([], [])
        self.mistakes += mistakes
        if self.added:
            known = [one for one in interfaces if one.ifname == self.added.ifname and not one.host_ifname]
            if known:
                interfaces[interfaces.index(known[0])] = known[0]._replace(
                    host_ifname=self.added.host_ifname, mac=known[0].mac or self.added.mac)
            else:
                interfaces.append(self.added)
        suffixes: Dict[str, str] = {}
        for interface in interfaces:
            other = suffixes.setdefault(values.suffix(interface.ifname), interface.ifname)
            if other != interface.ifname:
                self.mistakes.append(Mistake(interface.where, "%s and %s in NETIF, whose variables have the same "
                                             "suffix %s" % (other, interface.ifname, values.suffix(other)),
                                             "names that differ in more than punctuation are wanted"))
        return interfaces

    def veth(self, interface: Interface, index: int) -> Veth:
        bridge, where = interface.bridge, interface.where
        for name in ("VZHOSTBR", "BRIDGEDEV"):  # the later one wins
            variable = self.single(name, interface, index, "bridge")
            if variable:
                bridges = self.each(variable, lambda word, _: names.interface(word))
                bridge, where = (bridges[0] if bridges else ""), variable.where
        addresses = self.each(self.lookup("VETH_IP_ADDRESS", interface, index), values.address)
        mtu = self.single("VETH_MTU", interface, index, "number")
        families = {address.family for address in addresses}
        low = 1280 if 6 in families else 68  # RFC 8200, RFC 791
        sizes = self.each(mtu, lambda word, _: names.number(word, low, 65535))
        vlan = self.single("VETH_VLAN", interface, index, "number")
        numbers = self.each(vlan, lambda word, _: names.number(word, 1, 4094))  # IEEE 802.1Q
        veth = Veth(interface, bridge, where, tuple(addresses), (), self.ct0(interface, index),
                    sizes[0] if sizes else 0, mtu.where if mtu else "", numbers[0] if numbers else 0,
                    vlan.where if vlan else "")
        return veth._replace(gateways=self.gateways(veth, index),
                             announced=self.announced(self.lookup("ANNOUNCE", interface, index)),
                             routes=routes.of_veth(self, interface, index, veth.all_addresses))

    def announced(self, variable: Optional[Variable]) -> Announced:
        kinds = self.each(variable, lambda word, _: values.choice(word, "yes", "no", "standby", "anycast"))
        if not variable or not kinds:
            return Announced()
        if len((variable.value or "").split()) > 1:
            self.mistakes.append(Mistake(variable.where, "%s: '%s'" % (variable.name, shown(variable.value or "")),
                                         "one word is wanted"))
        if kinds[0] in ("standby", "anycast") and not self.node.announce.where:
            self.doubts.append(Mistake(variable.where, "%s=%s, but vzhooks.conf has no [announce]"
                                       % (variable.name, kinds[0]), "nothing comes of it"))
        return Announced(kinds[0], variable.where)

    def allow(self, interface: Interface, index: int, custom: bool) -> Optional[Tuple[Union[Address, Mac], ...]]:
        """What else the veth may use where it is filtered, None where it is not.

        Whether a stock one is, its own conf says alone.
        """
        switch = self.single("ANTISPOOF", interface, index, "yes or no")
        if switch and not custom and not switch.where.startswith(self.path + ":"):
            switch = None
        chosen = self.each(switch, lambda word, _: values.choice(word, "yes", "no"))
        allow = tuple(self.each(self.lookup("VETH_ALLOW", interface, index), values.allowed))
        default = self.node.antispoof if custom else "no"
        return allow if (chosen[0] if chosen else default) == "yes" else None

    def ct0(self, interface: Interface, index: int) -> Optional[Tuple[Address, ...]]:
        variable = self.lookup("CT0_IP", interface, index)
        if variable is None and index:
            switch = self.conf.get("CT0_IP")  # 'none' turns it off for every veth
            variable = switch if switch and (switch.value or "").strip().lower() == "none" else None
        if variable is None or not (variable.value or "").strip():
            return None
        if (variable.value or "").strip().lower() == "none":
            return ()
        return tuple(self.each(variable, values.plain_address))

    def gateways(self, veth: Veth, index: int) -> Tuple[Gateway, ...]:
        found = []
        for gateway in self.each(self.lookup("VE_DEFAULT_GATEWAY", veth.interface, index), values.plain_address):
            if any(address.ip == gateway.ip for address in veth.all_addresses):
                self.mistakes.append(Mistake(gateway.where, "VE_DEFAULT_GATEWAY: '%s', the container's own address"
                                             % gateway.ip, "the address of a router is wanted"))
            near = gateway.ip.startswith("fe80:") or any(address.reaches(gateway) for address in veth.all_addresses)
            if not near:
                self.doubts.append(Mistake(gateway.where, "gateway %s is in no network of %s; the route is made onlink"
                                           % (gateway.ip, veth.interface.ifname),
                                           "usually the mask of an address is missing or wrong"))
            found.append(Gateway(gateway, not near))
        return tuple(found)

    def across(self, veths: Tuple[Veth, ...]) -> None:
        """Mistakes that only all veths together show."""
        addresses: Dict[str, str] = {}
        defaults: Dict[int, str] = {}
        for veth in veths:
            for address in veth.all_addresses:
                if address.ip in addresses:
                    self.mistakes.append(Mistake(address.where, "address %s a second time (%s)"
                                                 % (address.ip, addresses[address.ip]), "one is wanted"))
                addresses.setdefault(address.ip, address.where)
            for gateway in veth.gateways:
                if gateway.address.family in defaults:
                    self.mistakes.append(Mistake(gateway.address.where, "a second IPv%d default gateway (%s)"
                                                 % (gateway.address.family, defaults[gateway.address.family]),
                                                 "one of each family for the whole container is wanted"))
                defaults.setdefault(gateway.address.family, gateway.address.where)
        if not veths:
            for name, variable in self.conf.of(self.path).items():
                if name in OF_FIRST and variable.value:
                    self.doubts.append(Mistake(variable.where, "%s, but NETIF names no veth" % name,
                                               "NETIF=\"ifname=...\" is wanted for it to have an effect"))
