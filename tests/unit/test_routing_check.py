"""What of the announcements differs from the running containers, and the commands that say so."""
import json
import os

import pytest
from click.testing import CliRunner

from tests.unit.test_routing_lsdb import BGP, FULL, HEAD, NEAR4, OSPF, V4, daemon, lsa  # noqa: F401 (a fixture)
from vzhooks import journal, kernel, nodeconf, paths, plan, process
from vzhooks.cli import vzhook
from vzhooks.errors import ConfigError
from vzhooks.routing import check, export, held
from vzhooks.routing.lsdb import Seen

# Judged


SET = OSPF._replace(metric=30, standby_metric=500)
USUAL, STANDBY, ANYCAST = Seen("type-2", 30), Seen("type-2", 500), Seen("type-1", 30)


def judged(announce, kind, seen, device="veth101.0", address="192.0.2.5"):
    rows = check.judged(announce, {address: ("101", device)}, {address: kind} if kind != "yes" else {}, {address: seen} if seen else {})
    assert [(row.address, row.container, row.device, row.seen) for row in rows] == [(address, "101", device, str(seen or ""))]
    return rows[0].announce, rows[0].wanted, rows[0].trouble


@pytest.mark.parametrize("kind, seen, wanted, trouble", [
    ("yes", USUAL, "type-2, metric 30", ""), ("yes", None, "type-2, metric 30", "missing"), ("yes", STANDBY, "type-2, metric 30", "wrong"),
    ("yes", ANYCAST, "type-2, metric 30", "wrong"), ("no", None, "", ""), ("no", USUAL, "", "leaked"),
    ("standby", STANDBY, "type-2, metric 500", ""), ("standby", USUAL, "type-2, metric 500", "wrong"),
    ("standby", None, "type-2, metric 500", "missing"), ("anycast", ANYCAST, "type-1, metric 30", ""),
    ("anycast", USUAL, "type-1, metric 30", "wrong")])
def test_an_address_of_a_container(kind, seen, wanted, trouble):
    assert judged(SET, kind, seen) == (kind, wanted, trouble)


@pytest.mark.parametrize("kind", ["yes", "no", "standby"])
def test_an_address_without_its_route(kind):
    assert judged(SET, kind, None, "")[2] == judged(SET, kind, STANDBY, "")[2] == "no route"


@pytest.mark.parametrize("more, address", [
    ("exclude = 192.0.2.0/24\n", "192.0.2.5"), ("families = 6\n", "192.0.2.5"), ("include = 192.0.2.0/30\n", "192.0.2.5"),
    ("exclude = 2001:db8::/32\n", "2001:db8::5"), ("families = 4\n", "2001:db8::5")])
def test_what_is_left_out(more, address):
    found = nodeconf.read("F", "[announce]\ninterfaces = a\n" + more).announce
    assert judged(found, "standby", None, address=address) == ("excluded", "", "")
    assert judged(found, "yes", Seen("type-2", 20), address=address) == ("excluded", "", "leaked")


def test_what_is_no_container_s():
    assert check.judged(SET, {}, {}, {"198.51.100.0/24": USUAL}) == [
        check.Row("198.51.100.0/24", "", "", "", "", "type-2, metric 30", "foreign")]
    assert check.judged(SET, {"192.0.2.5": ("?", "venet0")}, {}, {"192.0.2.5": USUAL})[0].trouble == ""


@pytest.mark.parametrize("kind, seen, wanted, trouble", [
    ("yes", Seen("", 0), "prepended 0 times", ""), ("yes", Seen("", 3), "prepended 0 times", "wrong"), ("yes", None, "prepended 0 times", "missing"),
    ("standby", Seen("", 3), "prepended 3 times", ""), ("standby", Seen("", 0), "prepended 3 times", "wrong"),
    ("anycast", Seen("", 0), "prepended 0 times", ""), ("no", Seen("", 0), "", "leaked"), ("no", None, "", "")])
def test_bgp(kind, seen, wanted, trouble):
    assert judged(BGP, kind, seen) == (kind, wanted, trouble)


def test_each_address_has_a_row_ipv4_first():
    rows = check.judged(SET, {"2001:db8::5": ("101", "v"), "192.0.2.5": ("102", "v")}, {}, {"10.0.0.0/8": USUAL})
    assert [row.address for row in rows] == ["10.0.0.0/8", "192.0.2.5", "2001:db8::5"]


# Who runs


@pytest.fixture
def node(put, monkeypatch, daemon):  # noqa: F811
    """node(ROUTES, INI): vzhooks.conf as it is read, with these routes in the kernel."""
    def make(listed, ini=""):
        routes = [kernel.Route("", prefix, device, protocol) for prefix, device, protocol in listed]
        monkeypatch.setattr(kernel, "routes", lambda prefix="": routes)
        put("/etc/vz/vzhooks.conf", "[announce]\ninterfaces = vmbr0\n" + ini)
        return nodeconf.read("F", "[announce]\ninterfaces = vmbr0\n" + ini)
    return make


def journalled(text):
    with journal.lock("101"):
        journal.write("101", journal.BEFORE_START, plan.parse(text, "F"))


def test_running_containers_by_journal_conf_and_device(node, put):
    journalled("host ip route add 192.0.2.5 dev veth101.0 proto 118\nhost ip route add 192.0.2.6 dev veth101.0 proto 118\n")
    put("/etc/vz/conf/102.conf", "IP_ADDRESS=192.0.2.7\n")
    put("/etc/vz/conf/103.conf", "NETIF='ifname=eth0,type=routed,ip=192.0.2.8'\n")
    found = check.running(node([
        ("192.0.2.5", "veth101.0", "118"), ("192.0.2.7", "venet0", "boot"), ("192.0.2.8", "veth103.0", "static"),
        ("192.0.2.9", "venet0", "boot"), ("192.0.2.10", "eth0", "boot"), ("192.0.2.11", "venet0", "188"), ("192.0.2.12", "venet0", "11"),
        ("192.0.2.0/24", "venet0", "boot"), ("default", "venet0", "boot"), ("192.0.2.13", "venet0", "kernel"),
        ("2001:db8::5", "venet0", "3")]))
    assert found == {"192.0.2.5": ("101", "veth101.0"), "192.0.2.6": ("101", ""), "192.0.2.7": ("102", "venet0"),
                     "192.0.2.8": ("103", "veth103.0"), "192.0.2.9": ("?", "venet0"), "2001:db8::5": ("?", "venet0")}


def test_the_whole(node, daemon, root, monkeypatch):  # noqa: F811
    ini = "families = 4\n"
    found = node([("192.0.2.5", "veth101.0", "118"), ("192.0.2.6", "veth101.0", "118")], ini)
    no = "ip prefix-list vzhooks-no permit 192.0.2.6/32"
    journalled("!host vtysh %s\n!undo vtysh no %s\nhost ip route add 192.0.2.5 dev veth101.0\nhost ip route add 192.0.2.6 dev veth101.0\n"
               % (no, no))
    here = check.Tree(root)
    monkeypatch.setattr(process, "find", lambda program: (_ for _ in ()).throw(process.MissingCommand(program)))
    export.write(export.changes(found.announce, here, here), here, lambda row: None)
    seq = "ip prefix-list vzhooks-no seq 1 deny 0.0.0.0/0\nip prefix-list vzhooks-no seq 6 permit %s/32\n"
    daemon.answers = {V4: HEAD + lsa("192.0.2.5"), NEAR4: FULL, "show ip ospf": "", "show running-config": seq % "192.0.2.6"}
    rows, troubles = check.check(found)
    assert [(row.address, row.announce, row.trouble) for row in rows] == [("192.0.2.5", "yes", ""), ("192.0.2.6", "no", "")]
    assert troubles == []
    daemon.answers["show running-config"] = seq % "192.0.2.7"
    export.write(export.removals(here), here, lambda row: None)
    assert check.check(found).troubles == [
        "the daemon lacks '%s'; 'vzhook announce reconcile' is wanted" % no,
        "the daemon has '%s', which is no running container's; 'vzhook announce reconcile' is wanted" % no.replace(".6", ".7")] + [
        "/%s is not as vzhooks.conf says; 'vzhook node export frr' is wanted" % path for path in (
            "etc/frr/daemons", "etc/frr/frr.conf", "etc/systemd/system/frr.service.d/vzhooks.conf")]
    assert held.by_container() == {no: "101"}


# The commands


def called(*words):
    done = CliRunner(env={"LC_ALL": "C.UTF-8"}).invoke(vzhook, list(words))
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


def test_check_and_show(node, daemon, monkeypatch):  # noqa: F811
    found = check.Found([check.Row("192.0.2.5", "101", "yes", "venet0", "type-2, metric 20", "", "missing"),
                         check.Row("192.0.2.6", "102", "no", "venet0", "", "", ""),
                         check.Row("10.0.0.0/8", "", "", "", "", "type-2, metric 20", "foreign")], ["nobody hears it"])
    monkeypatch.setattr(check, "check", lambda node: found)
    assert called("announce", "check") == (1, """\
missing: 192.0.2.5 (CT 101, ANNOUNCE yes): wanted: type-2, metric 20; announced: nothing
foreign: 10.0.0.0/8 (CT none, ANNOUNCE -): wanted: nothing; announced: type-2, metric 20
nobody hears it
addresses: 3, differences: 3
""")
    code, text = called("announce", "check", "--json")
    assert code == 1 and json.loads(text)["addresses"][0] == found.rows[0]._asdict()
    assert json.loads(text)["troubles"] == ["nobody hears it"]
    assert called("announce", "show") == (0, """\
ADDRESS     CT   ANNOUNCE  DEVICE  WANTED             SEEN
192.0.2.5   101  yes       venet0  type-2, metric 20  -                  missing
192.0.2.6   102  no        venet0  -                  -
10.0.0.0/8  -    -         -       -                  type-2, metric 20  foreign
nobody hears it
""")
    monkeypatch.setattr(check, "check", lambda node: check.Found(found.rows[1:2], []))
    assert called("announce", "check") == (0, "addresses: 1, differences: 0\n")
    assert called("announce", "check", "--json")[0] == 0


def test_reconcile_says_what_it_did(node, daemon):  # noqa: F811
    daemon.answers = {"show running-config": ""}
    node([])
    assert called("announce", "reconcile") == (0, "entries added: 0, removed: 0\n")


@pytest.mark.parametrize("text, kind, wanted", [
    ("", "frr", "%s:1: no [announce] with daemon = frr; that is wanted for this export"),
    ("[announce]\ninterfaces = a\n", "quagga", "%s:1: no [announce] with daemon = quagga; that is wanted for this export"),
    ("[announce]\ninterfaces = a\ndaemon = quagga\n", "frr", "%s:3: no [announce] with daemon = frr; that is wanted for this export"),
    ("[announce]\ninterfaces = a\nmetric = x\n", "frr", "%s:3: metric = x; a number from 0 to 16777214 is wanted")])
def test_nothing_is_exported_without_settings_for_it(put, tmp_path, text, kind, wanted):
    path = put("/etc/vz/vzhooks.conf", text)
    with pytest.raises(ConfigError) as raised:
        called("node", "export", kind, "--to", str(tmp_path / "out"))
    assert raised.value.mistakes == [wanted % path] and not (tmp_path / "out").exists()


def test_an_export_and_its_undo(put, tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "PATH", str(tmp_path))
    put("/etc/vz/vzhooks.conf", "[announce]\ninterfaces = a\n")
    out = str(tmp_path / "out")
    assert called("node", "export", "frr", "--to", out) == (0, "".join("made %s/etc/%s\n" % (out, path) for path in (
        "frr/daemons", "frr/frr.conf", "systemd/system/frr.service.d/vzhooks.conf")) + "files: 3\n")
    assert called("node", "export", "frr", "--to", out) == (0, "files: 0\n")
    code, said = called("node", "export", "--undo", "--to", out)
    assert code == 0 and said.endswith("files: 3\n") and not [name for _, _, names in os.walk(out) for name in names]


def test_without_the_section_there_is_nothing_to_compare(root):
    with pytest.raises(ConfigError) as raised:
        check.check(nodeconf.read("F", ""))
    assert raised.value.mistakes == ["%s/etc/vz/vzhooks.conf:1: no section [announce]; it is wanted to know what is announced, and how"
                                     % root]


def test_with_a_mistake_in_the_section_nothing_is_compared(node):
    """A default in place of a mistake would be taken for what is wanted."""
    with pytest.raises(ConfigError) as raised:
        check.check(node([], "metric = x\nfamilies = 4\n"))
    assert raised.value.mistakes == ["F:3: metric = x; a number from 0 to 16777214 is wanted"]
