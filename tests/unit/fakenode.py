"""A node without a kernel: links as files, addresses, routes and rules as lists, and an `ip` that reads and writes them.

It prints as iproute2 does (names of tables, no mask of a single address, [detached]) and refuses as the kernel does.
"""
import ipaddress
import os
import shutil

from vzhooks import facts, kernel, plan, process
from vzhooks.node import planner

DEFAULTS = {"main": "254", "local": "255", "default": "253"}


class Refusal(Exception):
    """What the kernel answers."""


def pairs(words):
    words = [word for word in words if word not in ("onlink", "nodad")]
    return dict(zip(words[::2], words[1::2]))


class FakeNode:
    """Its `ip` is process.run_all; what was written is in `written`, what was only asked in `asked`."""

    def __init__(self, top, monkeypatch):
        self.sys = os.path.join(str(top), "sys")
        self.proc = os.path.join(str(top), "proc")
        self.addresses, self.routes = [], []  # (device, address), (family, table, words)
        self.rules = {4: ["0:\tfrom all lookup local", "32766:\tfrom all lookup main", "32767:\tfrom all lookup default"],
                      6: ["0:\tfrom all lookup local", "32766:\tfrom all lookup main"]}
        self.ways = {}  # {address: the rest of what `ip route get` prints}
        self.shown = {}  # {interface: its row of `ip -d link show`}
        self.tables = {}  # {name: number}, of listings
        self.written, self.asked, self.refused, self.others = [], [], {}, {}
        self.programs = {"ip", "bridge", "nft", "iptables", "ip6tables", "brctl"}
        real = facts.file
        os.makedirs(self.sys)
        monkeypatch.setattr(facts, "SYS", self.sys + "/%s/")
        monkeypatch.setattr(facts, "file", lambda path: real(
            path.replace("/sys/class/net", self.sys).replace("/proc/sys", self.proc).replace("/etc/machine-id", "/-")))
        monkeypatch.setitem(facts.READERS, "openvswitch", lambda name: "")
        monkeypatch.setattr(process, "run_all", self.run_all)
        monkeypatch.setattr(process, "find", self.find)
        monkeypatch.setattr(kernel, "rules_have_protocol", lambda: True)

    # What a test sets up

    def link(self, name, kind="other", mac="02:00:00:00:00:01", up=True, mtu=1500, alias=""):
        os.makedirs("%s/%s%s" % (self.sys, name, "/bridge" if kind == "linux" else ""))
        for key, value in (("address", mac), ("mtu", mtu), ("flags", "0x1003" if up else "0x1002"), ("ifalias", alias)):
            self.put(name, key, value)
        for key, value in (("stp_state", 0), ("forward_delay", 1500)) if kind == "linux" else ():
            self.put(name, "bridge/" + key, value)

    def put(self, name, key, value):
        with open("%s/%s/%s" % (self.sys, name, key), "w") as file:
            file.write("%s\n" % value)

    def sysctl(self, key, value):
        path = facts.sysctl_path(key).replace("/proc/sys", self.proc)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(value + "\n")

    def enslave(self, name, master):
        for link in ("brport/bridge", "master"):
            os.makedirs(os.path.dirname("%s/%s/%s" % (self.sys, name, link)), exist_ok=True)
            if os.path.islink("%s/%s/%s" % (self.sys, name, link)):
                os.unlink("%s/%s/%s" % (self.sys, name, link))
            if master:
                os.symlink("%s/%s" % (self.sys, master), "%s/%s/%s" % (self.sys, name, link))

    def ip(self, *lines):
        """Have these commands carried out, as somebody else."""
        for line in lines:
            self._ip_line(line.split(), 0)

    def state(self):
        """All of it, to be compared."""
        links = {os.path.join(path, name): facts.file(os.path.join(path, name))
                 for path, _, names in os.walk(self.sys) for name in names}
        masters = {name: facts.master(name) for name in os.listdir(self.sys)}
        return (sorted(self.addresses), sorted(map(str, self.routes)), {key: sorted(rows) for key, rows in
                                                                      self.rules.items()}, links, masters)

    # Processes

    def find(self, program):
        if program not in self.programs:
            raise process.MissingCommand("%s: not found" % program)
        return "/sbin/" + program

    def run_all(self, children, timeout=0.0):
        return [self._run(child) for child in children]

    def _run(self, child):
        argv = list(child.argv)
        self.find(argv[0])
        if argv[0] != "ip":
            status, output = self.others.get(" ".join(argv), (0, "")) if argv[0] != "ovs-vsctl" else \
                self.others.get(" ".join(argv[2:]), (0, ""))
            self.asked.append(" ".join(argv))
            return process.Result(argv, status, output, "")
        options = [word for word in argv[1:] if word[0] == "-"]
        family = 6 if "-6" in options else 4 if "-4" in options else 0
        lines = child.input.decode().splitlines() if "-batch" in options else \
            [" ".join(word for word in argv[1:] if word[0] != "-")]
        rows, errors, status = [], [], 0
        for number, line in enumerate(lines, 1):
            try:
                rows += self._ip_line(line.split(), family)
            except Refusal as error:
                status = 2
                errors += ["RTNETLINK answers: %s" % error, "Command failed -:%d" % number]
                if "-force" not in options:
                    break
        return process.Result(argv, status, "".join(row + "\n" for row in rows), "\n".join(errors))

    def _ip_line(self, words, family):
        line = " ".join(words)
        for part, said in self.refused.items():
            if part in line:
                raise Refusal(said)
        words = words[1:] if words[0] == "-6" else words
        family = 6 if line.startswith("-6") else family
        if words[1] in ("show", "help"):
            self.asked.append(line)
        else:
            self.written.append(line)
        return {"rule": self._rule, "route": self._route, "address": self._address, "link": self._link}[words[0]](
            words[1], words[2:], family or (6 if ":" in line else 4)) or []

    def _rule(self, verb, words, family):
        rows = self.rules[family]
        if verb in ("show", "help"):
            return sorted(rows, key=lambda row: int(row.split(":")[0]))
        said = pairs(words)
        iif = " iif %s%s" % (said["iif"], "" if os.path.isdir("%s/%s" % (self.sys, said["iif"])) else " [detached]") \
            if "iif" in said else ""
        names = {number: name for name, number in dict(self.tables, **DEFAULTS).items()}
        core = "%s:\tfrom %s%s%s%s lookup %s" % (
            said["pref"], single(said["from"]), " to " + single(said["to"]) if "to" in said else "", iif,
            " fwmark " + said["fwmark"] if "fwmark" in said else "", names.get(said["lookup"], said["lookup"]))
        same = [row for row in rows if row.split(" proto ")[0] == core
                and ("protocol" not in said or row.endswith(" proto " + said["protocol"]))]
        if verb == "add":
            if same:
                raise Refusal("File exists")
            rows.append(core + (" proto " + said["protocol"] if "protocol" in said else ""))
        elif not same:
            raise Refusal("No such file or directory")
        else:
            rows.remove(same[0])

    def _route(self, verb, words, family):
        if verb == "show":
            numbers = dict(self.tables, **DEFAULTS)
            names = {number: name for name, number in self.tables.items()}
            wanted = numbers.get(words[1], words[1]) if words else "254"
            return [" ".join(route) + (" table " + names.get(table, table) if wanted == "all" != table != "254" else "")
                    for whose, table, route in self.routes if whose == family and wanted in ("all", table)]
        if verb == "get":
            self.written.pop()
            if words[0] not in self.ways:
                raise Refusal("Network is unreachable")
            return ["%s from %s %s" % (words[0], words[2], self.ways[words[0]])]
        said = pairs(words[1:])
        table = said.get("table", "254")
        if "dev" in said and not os.path.isdir("%s/%s" % (self.sys, said["dev"])):
            raise Refusal("Cannot find device \"%s\"" % said["dev"])
        route = [single(words[0])]
        for key in ("via", "dev", "proto", "scope", "src", "metric"):
            default = {"scope": "" if "via" in said or family == 6 else "link",
                       "metric": "1024" if family == 6 else ""}.get(key, "")
            route += [key, said.get(key, default)] if said.get(key, default) else []
        route += ["pref", "medium"] if family == 6 else []
        same = [one for one in self.routes if one[:2] == (family, table) and one[2][0] == route[0]]
        if verb == "del":
            same = [one for one in same if all(pairs(one[2][1:]).get(key, value) == value for key, value in said.items()
                                               if key != "table")]
            if not same:
                raise Refusal("No such process")
            self.routes.remove(same[0])
            return
        if same and verb == "add":
            raise Refusal("File exists")
        if same:
            self.routes.remove(same[0])
        self.routes.append((family, table, route))

    def _address(self, verb, words, family):
        if verb == "show":
            return ["2: %s    inet%s %s scope global %s\\       valid_lft forever preferred_lft forever"
                    % (device, "6" if ":" in address else "", address, "" if ":" in address else device)
                    for device, address in self.addresses]
        one = words[words.index("dev") + 1], words[0]
        if verb == "add" and one in self.addresses:
            raise Refusal("File exists")
        if verb == "del" and one not in self.addresses:
            raise Refusal("Cannot assign requested address")
        if verb == "add":
            self.addresses.append(one)
        elif family == 6:
            self.addresses.remove(one)
        else:
            self._forget(one)

    def _forget(self, one):
        """With the first address of a network go its others, and the routes over them (promote_secondaries=0)."""
        network = ipaddress.ip_interface(one[1]).network
        same = [other for other in self.addresses if other[0] == one[0] and ":" not in other[1]
                and ipaddress.ip_interface(other[1]).network == network]
        gone = same if same[0] == one else [one]
        self.addresses = [other for other in self.addresses if other not in gone]
        if len(gone) == len(same):
            self.routes = [route for route in self.routes if one[0] not in route[2] or "via" not in route[2] or ipaddress.
                           ip_address(route[2][route[2].index("via") + 1]) not in network]

    def _link(self, verb, words, family):
        if verb == "help":
            return ["ip link set DEVICE master DEVICE"]
        if verb == "show":
            return [self.shown[words[1]]] if words[1] in self.shown else []
        if verb == "add":
            self.link(words[1], "linux", "fe:00:00:00:00:99", False)
        elif verb == "del":
            self.addresses = [one for one in self.addresses if one[0] != words[1]]
            self.routes = [one for one in self.routes if words[1] not in one[2]]
            shutil.rmtree("%s/%s" % (self.sys, words[1]))
        else:
            self._set(words[1], words[2:])

    def _set(self, device, words):
        if not os.path.isdir("%s/%s" % (self.sys, device)):
            raise Refusal("Cannot find device \"%s\"" % device)
        if words[0] in ("up", "down"):
            self.put(device, "flags", "0x1003" if words[0] == "up" else "0x1002")
        elif words[0] in ("master", "nomaster"):
            self.enslave(device, words[1] if words[1:] else "")
        elif words[0] == "type":
            self.put(device, "bridge/" + words[2], words[3])
        else:
            self.put(device, {"alias": "ifalias"}.get(words[0], words[0]), words[1])


def bridged_node(tmp_path, monkeypatch):
    """A node with two plain interfaces and two bridges, the first of which leads to the world."""
    made = FakeNode(tmp_path / "node", monkeypatch)
    made.link("eth0", mac="02:00:0a:00:00:02")
    made.link("eth1", mac="02:00:0a:00:00:03")
    made.link("vmbr0", "linux")
    made.link("vmbr1", "linux")
    made.ip("route add default via 192.168.1.3 dev vmbr0 proto static")
    return made


def plan_of(ini, put, root):
    """Of the vzhooks.conf INI, called F: the node's plan as text, and what is doubted."""
    put("/etc/vz/vzhooks.conf", ini)
    made = planner.node_plan(planner.conf())
    return plan.text(made.lines).replace(root + "/etc/vz/vzhooks.conf", "F"), [
        str(doubt).replace(root + "/etc/vz/vzhooks.conf", "F") for doubt in made.doubts]


def single(prefix):
    """As listings have it: without the mask of a single address."""
    return prefix[:-len(prefix.partition("/")[2]) - 1] if prefix.endswith("/128" if ":" in prefix else "/32") else prefix
