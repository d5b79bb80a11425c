"""What the routing daemons are told: our parts of frr.conf, or of Quagga's files, and of `daemons`.

The order of route-map `vzhooks` is what [announce] means: an address of ANNOUNCE=no or of `exclude` never gets out,
standby and anycast go with metrics of their own, and of all else only single addresses (/32, /128) pass.
"""
from typing import Callable, Dict, List, Mapping, NamedTuple, Sequence, Tuple

from vzhooks.routing import entries, evpn
from vzhooks.routing.evpn import NONE, Evpn
from vzhooks.routing.settings import MINIMAL_OF_V3, Announce, is_address, secret

WORD = {4: "ip", 6: "ipv6"}
MAP = {4: "vzhooks", 6: "vzhooks6"}
ALL = {4: "0.0.0.0/0", 6: "::/0"}
WIDTH = {4: 32, 6: 128}


class Part(NamedTuple):
    """Our part of a file: its path below /, its rows, and words in it that nobody is shown."""

    path: str
    rows: List[str]
    secrets: Tuple[str, ...] = ()


def parts(found: Announce, networks: Mapping[str, Sequence[str]], held: Sequence[str],
          overlays: Evpn = NONE) -> List[Part]:
    """The parts of all files.  NETWORKS: of each interface the IPv4 networks that it is in, for Quagga, which cannot be
    told an interface; HELD: the entries that running containers have now; OVERLAYS: those of EVPN, which Quagga does
    not know.  Raise ValueError for the key's file, ConfigError for that of overlays.
    """
    if not found.where:
        rows, hidden = evpn.rows(overlays, found)
        return [Part("etc/frr/daemons", ["bgpd=yes"]), Part("etc/frr/frr.conf", rows, hidden)]
    key = secret(found.auth_key_file) if found.auth_key_file else ""
    hidden = (key,) if key else ()
    speaks = _SPEAKERS[found.protocol]
    daemons = {name: families for name, (families, _) in speaks.items() if set(families) & set(found.families)}
    zebra = ["zebra"] if found.daemon == "quagga" else []  # FRR always starts it
    others = ["bgpd"] if overlays.asn and "bgpd" not in daemons else []
    made = [Part("etc/%s/daemons" % found.daemon, [name + "=yes" for name in zebra + list(daemons) + others])]
    forwarding = ["%s forwarding" % WORD[family] for family in found.families]
    if found.daemon == "frr":
        rows = forwarding + _filters(found, found.families, held)
        for name in daemons:
            rows += speaks[name][1](found, key, networks)
        more, too = evpn.rows(overlays, found)
        return made + [Part("etc/frr/frr.conf", rows + more, hidden + too)]
    made.append(Part("etc/quagga/zebra.conf", forwarding))
    for name, families in daemons.items():
        chosen = [family for family in families if family in found.families]
        made.append(Part("etc/quagga/%s.conf" % name, _filters(found, chosen, held)
                         + speaks[name][1](found, key, networks), hidden))
    return made


def _filters(found: Announce, families: Sequence[int], held: Sequence[str]) -> List[str]:
    """The prefix-lists, those of containers with their entries, and the route-map of each family."""
    rows = []
    for family in families:
        for kind in entries.KINDS:
            rows.append(entries.placeholder(family, kind))
            rows += [row for row in held if entries.name_of(row) == entries.name_of(rows[-1])]
        rows += _list(family, "exclude", [
            "%s le %d" % (one, one.width) if one.prefix < one.width else str(one)
            for one in found.exclude if one.family == family])
        singles = ["%s ge %d" % (one, one.width) if one.prefix < one.width else str(one)
                   for one in found.include if one.family == family]
        rows += _list(family, "single", singles if found.include else ["%s ge %d" % (ALL[family], WIDTH[family])])
    for family in families:
        rows += _redistributed(found, family)
    return rows


def _list(family: int, name: str, prefixes: Sequence[str]) -> List[str]:
    """A prefix-list that is there though nothing may be in it; one that is missing would match nothing or all."""
    return [entries.placeholder(family, name)] + ["%s prefix-list vzhooks-%s seq %d permit %s" % (
        WORD[family], name, 5 * number, prefix) for number, prefix in enumerate(prefixes, 1)]


def _redistributed(found: Announce, family: int) -> List[str]:
    """The route-map through which kernel routes of a family become announcements."""
    usual = ["metric %d" % found.metric]
    steps: List[Tuple[str, str, List[str]]] = [
        ("deny 10", "no", []), ("deny 20", "exclude", []),
        ("permit 30", "standby", ["metric %d" % found.standby_metric]),
        ("permit 40", "anycast", usual + ["metric-type type-1"]),
        ("permit 50", "single", usual)]
    rows = []
    for what, name, values in steps:
        rows += _step(MAP[family] + " " + what, ["%s address prefix-list vzhooks-%s" % (WORD[family], name)],
                      values if found.protocol == "ospf" else [])
    return rows


def _step(name: str, matches: Sequence[str], values: Sequence[str]) -> List[str]:
    return ["route-map " + name] + [" match " + one for one in matches] + [" set " + one for one in values]


def _ospf(found: Announce, key: str, networks: Mapping[str, Sequence[str]]) -> List[str]:
    rows = []
    quagga = found.daemon == "quagga"
    for name in found.interfaces:
        rows += ["interface " + name]
        if not quagga:
            rows += [" ip ospf area " + found.area, " no ip ospf passive"]
        if found.dead:
            rows += [" ip ospf hello-interval %d" % found.hello, " ip ospf dead-interval %d" % found.dead]
        else:
            rows.append(" ip ospf dead-interval minimal hello-multiplier 4")
        rows += [" ip ospf network " + found.network] if found.network else []
        rows += [" ip ospf cost %d" % cost for one, cost in found.cost if one == name]
        # A router that takes no second version of an LSA within its min-arrival time gets it again a little later.
        rows.append(" ip ospf retransmit-interval 3")
        if key:
            rows += [" ip ospf authentication message-digest",
                     " ip ospf message-digest-key %d md5 %s" % (found.auth_key_id, key)]
    rows.append("router ospf")
    rows += [" ospf router-id " + found.router_id] if found.router_id else []
    rows.append(" passive-interface default")
    if quagga:
        rows += [" no passive-interface " + name for name in found.interfaces]
        near = [network for name in found.interfaces for network in networks.get(name, ())]
        rows += [" network %s area %s" % (network, found.area) for network in dict.fromkeys(near)]
    else:
        # By default a withdraw within 1 s of its announcement takes 9 to 10 s (scenarios.md, 3).
        rows += [" timers throttle lsa all 0", " timers lsa min-arrival 0", " timers throttle spf 0 50 1000"]
    return rows + [" redistribute kernel route-map " + MAP[4]]


def _ospf6(found: Announce, key: str, networks: Mapping[str, Sequence[str]]) -> List[str]:
    rows = []
    quagga = found.daemon == "quagga"
    for name in found.interfaces:
        rows += ["interface " + name]
        rows += [" ipv6 ospf6 area " + found.area] if not quagga else []
        rows += [" ipv6 ospf6 hello-interval %d" % found.hello,
                 " ipv6 ospf6 dead-interval %d" % (found.dead or MINIMAL_OF_V3)]
        if found.network not in ("", "point-to-multipoint") and not quagga:  # ospf6d 8.4 does not know the latter
            rows.append(" ipv6 ospf6 network " + found.network)
        rows += [" ipv6 ospf6 cost %d" % cost for one, cost in found.cost if one == name]
        rows.append(" ipv6 ospf6 retransmit-interval 1")
        if key:
            rows.append(" ipv6 ospf6 authentication key-id %d hash-algo hmac-sha-256 key %s" % (found.auth_key_id, key))
    rows.append("router ospf6")
    if found.router_id:
        rows.append(" %srouter-id %s" % ("" if quagga else "ospf6 ", found.router_id))
    if quagga:
        rows += [" interface %s area %s" % (name, found.area) for name in found.interfaces]
    else:
        rows += [" timers lsa min-arrival 0", " timers throttle spf 0 50 1000"]
    return rows + [" redistribute kernel route-map " + MAP[6]]


def _bgp(found: Announce, key: str, networks: Mapping[str, Sequence[str]]) -> List[str]:
    """Only what is this node's own goes out, so that nobody's traffic crosses it."""
    longer = " ".join([str(found.asn)] * 3)
    rows = ["bgp as-path access-list vzhooks-own seq 5 permit ^$" if found.daemon == "frr"
            else "ip as-path access-list vzhooks-own permit ^$"]
    for family in found.families:
        standby = "%s address prefix-list vzhooks-standby" % WORD[family]
        rows += _step(MAP[family] + "-out permit 10", ["as-path vzhooks-own", standby], ["as-path prepend " + longer])
        rows += _step(MAP[family] + "-out permit 20", ["as-path vzhooks-own"], [])
        rows += _step(MAP[family] + "-in permit 10", [], [])
    rows.append("router bgp %d" % found.asn)
    rows += [" bgp router-id " + found.router_id] if found.router_id else []
    rows += [" no bgp default ipv4-unicast", " bgp bestpath as-path multipath-relax"]
    for name in found.neighbors:
        unnumbered = not is_address(name)
        rows.append(" neighbor %s %sremote-as %s" % (name, "interface " if unnumbered else "", found.remote_as))
        rows += [" neighbor %s timers %d %d" % (name, found.hello, found.dead),
                 " neighbor %s timers connect 1" % name, " neighbor %s advertisement-interval 0" % name]
        rows += [" neighbor %s password %s" % (name, key)] if key else []
    for family in found.families:
        rows.append(" address-family ipv%d unicast" % family)
        rows.append("  redistribute kernel route-map " + MAP[family])
        for name in found.neighbors:
            if not is_address(name) or (":" in name) == (family == 6):
                rows += ["  neighbor %s activate" % name, "  neighbor %s route-map %s-in in" % (name, MAP[family]),
                         "  neighbor %s route-map %s-out out" % (name, MAP[family])]
        rows.append(" exit-address-family")
    return rows


_Speaker = Callable[[Announce, str, Mapping[str, Sequence[str]]], List[str]]
_SPEAKERS: Dict[str, Dict[str, Tuple[Tuple[int, ...], _Speaker]]] = {  # by protocol: daemon: its families, its rows
    "ospf": {"ospfd": ((4,), _ospf), "ospf6d": ((6,), _ospf6)},
    "bgp": {"bgpd": ((4, 6), _bgp)},
}
