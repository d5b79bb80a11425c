"""Entries from a plan to the daemon and back, and what reconcile does about the difference."""
import os

import pytest

from tests.unit.test_routing_entries import BAD, NO5, NO6, STANDBY5, TEXT, daemon, done, rows_of  # noqa: F401 (a fixture)
from vzhooks import apply, journal, paths, plan
from vzhooks.errors import Expected
from vzhooks.routing import entries, held

# A plan


def lines(kind, row):
    mark = {"no": "!", "standby": "", "warn": "-"}[kind]
    return plan.parse("# F:1\n%shost vtysh %s\n!undo vtysh no %s\n" % (mark, row, row), "F")


def job(said, **options):
    return apply.Job("101", journal.BEFORE_START, said.append, **options)


def test_from_standby_to_no_it_is_kept_in_before_it_is_no_standby(daemon, put, root):  # noqa: F811
    path, said = put("/etc/frr/frr.conf", TEXT), []
    with journal.lock("101"):
        job(said).start(lines("standby", STANDBY5))
        assert held.by_container() == {STANDBY5: "101"} and rows_of(entries.text_of(path)) == [STANDBY5]
        job(said).start(lines("no", NO5))
        assert daemon.rows("done") == [STANDBY5, NO5, "no " + STANDBY5]
        assert held.wanted() == [NO5] and rows_of(entries.text_of(path)) == [NO5]
        job(said).start(lines("no", NO5))  # again
        job(said).stop()
        job(said).stop()
    assert daemon.rows("list") == [] and (held.wanted(), entries.text_of(path), said) == ([], TEXT, [])


def test_an_objection_fails_a_start_and_takes_back_what_was_done(daemon):  # noqa: F811
    said = []
    with journal.lock("101"):
        for on_error in ("fail", "warn"):
            with pytest.raises(apply.Failed, match="192.0.2.66/32: % Unknown command.*from F:1"):
                job(said, on_error=on_error).start(lines("standby", STANDBY5) + lines("no", BAD))
            assert (daemon.rows("list"), held.wanted(), said) == ([], [], [])


def test_where_announcements_may_fail_it_is_said_and_the_rest_goes_on(daemon):  # noqa: F811
    said = []
    with journal.lock("101"):
        job(said).start(lines("warn", BAD) + lines("warn", STANDBY5))
    assert daemon.rows("list") == [STANDBY5]
    assert said == ["host  vtysh %s: %% Unknown command: %s (from F:1)" % (BAD, BAD)]


def test_a_stop_ends_though_the_daemon_hangs(daemon):  # noqa: F811
    said = []
    with journal.lock("101"):
        job(said).start(lines("no", NO5))
        daemon.set("hangs")
        assert job(said, timeout=0.3).stop() is True
    assert held.wanted() == []


def test_an_entry_goes_though_another_container_has_a_device_of_that_name_now(daemon, monkeypatch):  # noqa: F811
    said = []
    with journal.lock("101"):
        journal.write("101", "veth101.0", lines("no", NO5))
        entries.run([NO5], 10.0)
        one = apply.Job("101", "veth101.0", said.append)
        real = os.path.isdir
        monkeypatch.setattr(os.path, "isdir", lambda path: path == "/sys/class/net/veth101.0" or real(path))
        one.stop()
    assert one.interface == apply.ANOTHER
    assert (daemon.rows("list"), daemon.rows("done"), said) == ([], [NO5, "no " + NO5], [])


# What reconcile does


def test_reconcile_brings_the_daemon_and_its_file_to_what_the_journals_say(daemon, put, root):  # noqa: F811
    path = put("/etc/frr/frr.conf", done(TEXT, NO6))
    daemon.set("list", "hostname a\nip prefix-list vzhooks-no seq 1 deny 0.0.0.0/0\nip prefix-list vzhooks-no seq 5 permit 192.0.2.6/32\n"
               "ip prefix-list vzhooks-single seq 5 permit 0.0.0.0/0 ge 32\nip prefix-list other seq 5 permit 192.0.2.9/32\n"
               "ip prefix-list vzhooks-no\nip prefix-list\n")
    with journal.lock("101"):
        journal.write("101", journal.BEFORE_START, lines("no", NO5) + lines("standby", STANDBY5))
    shown = []
    assert held.running() == [NO6]
    assert held.reconcile(True, 10.0, shown.append) == ([], [], True)
    assert rows_of(entries.text_of(path)) == [NO5, STANDBY5] and (shown, daemon.rows("done")) == ([], [])
    assert held.reconcile(False, 10.0, shown.append) == ([NO5, STANDBY5], [NO6], False)
    assert shown == ["vtysh " + NO5, "vtysh " + STANDBY5, "vtysh no " + NO6]
    assert daemon.rows("done") == [NO5, STANDBY5]


def test_reconcile_without_a_daemon_repairs_the_file_and_says_so(daemon, put):  # noqa: F811
    put("/etc/frr/frr.conf", done(TEXT, NO6))
    daemon.set("down")
    with pytest.raises(Expected, match="vtysh: Exiting: failed to connect to any daemons."):
        held.reconcile(False, 10.0, print)
    assert held.reconcile(True, 10.0, print) == ([], [], False)


def test_a_journal_that_cannot_be_read_holds_nothing(daemon):  # noqa: F811
    with journal.lock("101"):
        journal.write("101", journal.BEFORE_START, lines("no", NO5))
        with open(paths.run("101", journal.BEFORE_START + ".journal"), "a") as file:
            file.write("torn")
        journal.write("101", "veth101.0", lines("no", NO6))
    assert held.wanted() == [NO6]
