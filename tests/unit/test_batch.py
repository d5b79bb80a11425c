"""Joining lines into processes, and which line a failure belongs to; `ip` is a small script here."""
import os

import pytest

from vzhooks import announcement, apply, batch, facts, inside, journal, netns, ovs, paths, plan
from vzhooks.batch import Command

FAKE_IP = """#!/bin/sh
# Notes its words and its lines; fails as the words of a line say.
printf '%%s\\n' "$*" >>%(dir)s/calls
n=0 rc=0
while read -r line; do
    n=$((n+1))
    case $line in
        *bogus*) echo 'Error: what is "bogus"?' >&2; exit 1 ;;
        *fail*) echo "RTNETLINK answers: no $line" >&2; echo "Command failed -:$n" >&2
                case "$*" in *-force*) rc=1; continue ;; *) exit 1 ;; esac ;;
        *hang*) echo $$ >>%(dir)s/pids; sleep 60 & echo $! >>%(dir)s/pids; wait ;;
        *silent*) exit 7 ;;
    esac
    echo "$line" >>%(dir)s/done
done
exit $rc
"""


class Node:
    """A directory with a fake `ip` (and what else is put there), and what was asked of it."""

    def __init__(self, directory):
        self.directory = str(directory)
        self.put("ip", FAKE_IP % {"dir": self.directory})

    def put(self, name, script):
        with open(os.path.join(self.directory, name), "w") as file:
            file.write(script)
        os.chmod(file.name, 0o755)

    def rows(self, name):
        path = os.path.join(self.directory, name)
        if not os.path.exists(path):
            return []
        with open(path) as file:
            return file.read().splitlines()


@pytest.fixture
def node(tmp_path, monkeypatch):
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setattr(paths, "PATH", str(directory))
    monkeypatch.setattr(netns, "has_name", lambda veid: True)
    return Node(directory)


def commands(*texts, **options):
    return [Command(options.get("place", "host"), text, options.get("may_fail", False), "F:1") for text in texts]


def run(found, timeout=10.0):
    failure = batch.run(found, inside.Inside("101", "v"), timeout)
    return failure and (failure.index, failure.message)


def forced(found, timeout=10.0):
    failures = batch.run_forced(found, inside.Inside("101", "v"), timeout)
    return [(command.text, failure.message) for command, failure in failures]


@pytest.mark.parametrize("text, wanted", [
    ("", []), ("host ip a\nhost ip b\n-host ip c", ["ip a|ip b|ip c"]),
    ("host ip a\nct ip b\nct ip c\nhost ip d", ["ip a", "ip b|ip c", "ip d"]),
    ("host ip rule a\nhost ip -6 rule b\nhost ip -6 rule c\nhost ip d", ["ip rule a", "ip -6 rule b|ip -6 rule c",
                                                                         "ip d"]),
    ("host sysctl a=1\nhost sysctl b=1\nhost brctl x\nhost ip a", ["sysctl a=1|sysctl b=1", "brctl x", "ip a"]),
    ("host nft a\nhost nft b\n-host nft c\nhost nft d\nhost nft e", ["nft a|nft b", "nft c", "nft d|nft e"]),
    ("-host nft a\n-host nft b\nhost nft c", ["nft a|nft b", "nft c"]),
    ("-host ovs-vsctl a\n-host ovs-vsctl b", ["ovs-vsctl a", "ovs-vsctl b"]),
    ("ct ip a\nct ip -6 rule b", ["ip a", "ip -6 rule b"])])
def test_neighbours_of_one_tool_become_one_process(text, wanted):
    found = batch.split([Command(line.place, line.command, line.may_fail, "") for line in plan.parse(text, "F")])
    assert ["|".join(command.text for command in together) for together in found] == wanted


@pytest.mark.parametrize("texts, place, call", [
    (["ip link a", "ip link b"], "host", "-batch -"), (["ip -6 rule a", "ip -6 rule b"], "host", "-6 -batch -"),
    (["ip link a", "ip link b"], "ct", "-n 101 -batch -")])
def test_a_batch_is_one_process(node, texts, place, call):
    assert run(commands(*texts, place=place)) is None
    assert node.rows("calls") == [call]
    assert node.rows("done") == [text.replace("ip -6 ", "").replace("ip ", "") for text in texts]


@pytest.mark.parametrize("texts, wanted, calls", [
    (["ip a", "ip fail", "ip c"], (1, "RTNETLINK answers: no fail"), 1), (["ip fail"], (0,
                                                                                        "RTNETLINK answers: no fail"),
                                                                                        1),
    # No line is named: one after another, until it is found.
    (["ip a", "ip bogus", "ip c"], (1, 'Error: what is "bogus"?'), 3), (["ip bogus"], (0, 'Error: what is "bogus"?'),
                                                                        1),
    (["ip a", "ip b", "ip silent"], (2, "exit code 7"), 4)])
def test_the_first_line_that_fails_is_named_and_nothing_behind_it_runs(node, texts, wanted, calls):
    assert run(commands(*texts)) == wanted
    assert len(node.rows("calls")) == calls
    assert [row for row in texts[wanted[0] + 1:] if row[3:] in node.rows("done")] == []


@pytest.mark.parametrize("texts, wanted, done", [
    (["ip a", "ip b"], [], ["a", "b"]),
    (["ip fail 1", "ip b", "ip fail 2", "ip d"], [("ip fail 1", "RTNETLINK answers: no fail 1"),
                                                ("ip fail 2", "RTNETLINK answers: no fail 2")], ["b", "d"]),
    (["ip a", "ip bogus", "ip c", "ip fail"], [("ip bogus", 'Error: what is "bogus"?'),
                                              ("ip fail", "RTNETLINK answers: no fail")], ["a", "c"])])
def test_forced_all_run_and_all_failures_are_collected(node, texts, wanted, done):
    assert forced(commands(*texts)) == wanted
    assert sorted(set(node.rows("done"))) == done and node.rows("calls")[0] == "-force -batch -"


def test_forced_a_failure_and_then_a_line_that_ends_the_batch_lose_nothing(node):
    texts = ["ip fail", "ip b", "ip bogus", "ip d"]
    assert [text for text, _ in forced(commands(*texts))] == ["ip fail", "ip bogus"]
    assert "d" in node.rows("done")


def test_a_batch_that_does_not_end_is_broken_and_leaves_no_process(node):
    failure = batch.run(commands("ip a", "ip hang"), inside.Inside("101", "v"), 0.3)
    assert failure.unknown and failure.message == "ip -batch -: did not end within 0.3 s and was killed"
    from tests.unit.test_process import gone
    pids = [int(row) for row in node.rows("pids")]
    assert len(pids) == 2 and all(gone(pid) for pid in pids)


@pytest.mark.parametrize("tool", ["ip", "nft"])
def test_a_command_that_was_killed_may_have_done_its_work(node, tool):
    node.put(tool, "#!/bin/sh\nkill -9 $$\n")
    failure = batch.run(commands(tool + " a", tool + " b"), inside.Inside("101", "v"), 5.0)
    assert failure.unknown and failure.message.endswith(": signal 9")
    forced = batch.run_forced(commands(tool + " a", tool + " b"), inside.Inside("101", "v"), 5.0)
    assert [(command.text, failure.unknown) for command, failure in forced] == [(tool + " a", True), (tool + " b", True)]


@pytest.mark.parametrize("script", ["#!/no/such/interpreter\n"])
def test_what_cannot_be_started_is_an_expected_error(node, script):
    node.put("ip", script)
    try:
        assert run(commands("ip a")) is not None
    except batch.Broken as error:
        assert str(error).startswith("ip: ")


def test_transactions_are_one_process_each(node):
    node.put("nft", "#!/bin/sh\necho nft \"$@\" >>%s/calls; cat >>%s/done\n" % ((node.directory,) * 2))
    node.put("ovs-vsctl", "#!/bin/sh\necho ovs-vsctl \"$@\" >>%s/calls; echo no >&2; exit 1\n" % node.directory)
    assert run(commands("nft add element ip x { 'a' }", "nft delete element y")) is None
    assert run(commands("ovs-vsctl add-port a b", "ovs-vsctl del-port c"), 5.0) == (0, "no")
    assert node.rows("calls") == ["nft -f -", "ovs-vsctl --timeout=5 -- add-port a b -- del-port c"]
    assert node.rows("done") == ["add element ip x { 'a' }", "delete element y"]


def test_a_transaction_of_what_may_fail_is_done_one_by_one_when_it_fails(node):
    """As after a foreign flush: what is still there must go all the same."""
    node.put("nft", "#!/bin/sh\nset -- $(cat)\necho \"$@\" >>%s/calls\ncase $* in *bad*) echo no >&2; exit 1 ;; esac\n"
             "echo \"$@\" >>%s/done\n" % ((node.directory,) * 2))
    assert run(commands("nft a", "nft b", may_fail=True)) is None and node.rows("calls") == ["a b"]
    assert forced(commands("nft c", "nft bad", "nft d", "nft e", may_fail=True)) == [("nft bad", "no")]
    assert node.rows("done") == ["a b", "c", "d e"]
    assert run(commands("nft f", "nft bad")) == (0, "no") and node.rows("done")[3:] == []  # all or nothing


def test_any_other_command_is_a_process_of_its_own(node):
    node.put("brctl", "#!/bin/sh\necho \"$@\" >>%s/calls; [ $2 != bad ] || { echo no; exit 1; }\n" % node.directory)
    assert run(commands("brctl addif a", "brctl addif bad", "brctl addif c")) == (1, "no")
    assert forced(commands("brctl delif bad", "brctl delif c")) == [("brctl delif bad", "no")]
    assert node.rows("calls") == ["addif a", "addif bad", "delif bad", "delif c"]


def test_sysctls_are_written_and_a_missing_one_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(facts, "sysctl_path", lambda key: str(tmp_path / key))
    (tmp_path / "a").write_text("0")
    assert run(commands("sysctl a=1", "sysctl x/b=1", "sysctl a=2")) == (1,
                                                                         "%s/x/b: No such file or directory" % tmp_path)
    assert (tmp_path / "a").read_text() == "1"
    assert facts.sysctl_path is not None


def test_the_path_of_a_sysctl_has_dots_within_a_name():
    assert facts.sysctl_path("net.ipv4.conf.veth101/0.proxy_arp") == "/proc/sys/net/ipv4/conf/veth101.0/proxy_arp"


def test_an_announcement_is_no_process_and_a_wrong_one_an_expected_failure(node, monkeypatch):
    sent = []
    monkeypatch.setattr(announcement.Sender, "__enter__", lambda self: self)  # a packet socket needs root
    monkeypatch.setattr(announcement.Sender, "__exit__", lambda self, *exception: None)
    monkeypatch.setattr(announcement.Sender, "send", lambda self, *words: sent.append(words))
    assert run(commands("announce 10.0.0.5 lladdr 00:18:51:a1:b2:c3 dev lo")) is None
    assert sent == [("10.0.0.5", "00:18:51:a1:b2:c3", "lo")]
    wanted = (0, "'announce ADDRESS lladdr MAC dev DEVICE [port DEVICE]' is wanted")
    for text in ("announce", "announce a b c d e f", "announce a lladdr b dev c port",
                 "announce a lladdr b dev c at d"):
        assert run(commands(text)) == wanted, text


@pytest.mark.parametrize("error", [OSError("no netlink"), ValueError("no MAC")])
def test_the_node_learns_what_went_out_and_that_it_cannot_is_no_failure(monkeypatch, error):
    told = []

    def correct(moved):
        told.extend(moved)
        raise error
    monkeypatch.setattr(announcement.Sender, "__enter__", lambda self: self)
    monkeypatch.setattr(announcement.Sender, "__exit__", lambda self, *exception: None)
    monkeypatch.setattr(announcement.Sender, "send", lambda self, *words: None)
    monkeypatch.setattr(announcement.neighbours, "correct", correct)
    monkeypatch.setattr(ovs, "announce", lambda *words: None)
    line = "announce 10.0.0.%d lladdr 00:18:51:a1:b2:c3 dev br0"
    assert run(commands(line % 5, line % 6 + " port veth101.0", "announce a", line % 7)) == (
        2, "'announce ADDRESS lladdr MAC dev DEVICE [port DEVICE]' is wanted")
    assert told == [("10.0.0.5", "00:18:51:a1:b2:c3", "br0")]  # the port may be in another VLAN than the node
    assert run(commands(line % 5)) is None


# With the journal: what a failure does to a whole plan


def start(text, on_error="fail"):
    """Start a plan; return (the failure, what was said, the journal)."""
    said = []
    with journal.lock("101"):
        job = apply.Job("101", "nosuch0", said.append, on_error=on_error)
        failure = None
        try:
            job.start(plan.parse(text, "F"))
        except apply.Failed as error:
            failure = str(error)
        return failure, said, plan.text(journal.read("101", "nosuch0"))


PLAN = "# F:1\nhost  ip a\nundo  ip undo-a\n-host ip fail\n# F:3\nhost  ip c\nundo  ip undo-c\n"


def test_a_line_that_may_fail_does_not_stop_the_rest(node):
    assert start(PLAN) == (None, [], PLAN)
    assert node.rows("done") == ["a", "c"] and len(node.rows("calls")) == 2


def test_a_line_that_fails_takes_back_what_was_done_in_reverse_and_names_its_conf_line(node):
    failure, said, kept = start(PLAN + "# F:9\nhost ip fail hard\nundo ip undo-hard\nhost ip e\n")
    assert failure == "host  ip fail hard: RTNETLINK answers: no fail hard (from F:9)"
    assert (said, kept) == ([], "")
    assert node.rows("done") == ["a", "c", "undo-c", "undo-a"]


def test_where_errors_only_warn_the_rest_is_done(node):
    failure, said, kept = start("host ip fail\nhost ip b\n", on_error="warn")
    assert (failure, said) == (None, ["host  ip fail: RTNETLINK answers: no fail"]) and node.rows("done") == ["b"]


def test_a_second_start_undoes_first_what_the_new_plan_lacks(node):
    start(PLAN)
    failure, said, kept = start("host ip c\nundo ip undo-c\nhost ip d\nundo ip undo-d\n")
    assert (failure, said) == (None, []) and node.rows("done")[2:] == ["undo-a", "c", "d"]
    assert [row.split()[-1] for row in kept.splitlines()] == ["c", "undo-c", "d", "undo-d"]
