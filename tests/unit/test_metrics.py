"""`vzhook metrics`: the text as promtool reads it, and rules and dashboard that ask for what there is."""
import json
import os
import re
import subprocess

import pytest
from click.testing import CliRunner

from vzhooks import facts, journal, paths, plan, record, store
from vzhooks.metrics import cli, tally, text

REPO = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
PROMETHEUS = REPO + "/contrib/prometheus/"
LINES = plan.parse("host  ip link set dev nosuch0 up\n", "x")


def samples(page):
    """{name with labels: value}"""
    return {row.rsplit(" ", 1)[0]: float(row.rsplit(" ", 1)[1]) for row in page.splitlines() if not row.startswith("#")}


def now():
    return samples(text.page(tally.fold()))


def checked(**results):
    """What `vzhook check` keeps."""
    store.make_directory(paths.run("checks"))
    rows = [{"veid": veid.strip("_"), "drift": [{}] * count, "at": 1.0} for veid, count in results.items()]
    store.save(paths.run("checks", "last"), [("vzhooks-check", "1"), ("boot", paths.boot_id())], json.dumps(rows) + "\n")


def promtool(*words, **options):
    done = subprocess.run(["promtool"] + list(words), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60,
                          env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"}, **options)
    return done.returncode, done.stdout.decode()


def test_a_node_where_nothing_has_happened_has_zeros():
    found = now()
    assert found['vzhooks_calls_total{action="start",outcome="failed"}'] == 0
    assert found['vzhooks_call_duration_seconds_bucket{action="stop",le="+Inf"}'] == 0
    assert found['vzhooks_containers{state="running"}'] == found["vzhooks_node_lines"] == 0
    assert not [name for name in found if "drift" in name or "check" in name]


def test_calls_are_counted(put):
    put("/etc/vz/conf/101.conf", "")
    for took, outcome in (("0.004", "done"), ("0.005", "done"), ("0.3", "failed"), ("99", "done")):
        put("/run/vzhooks/metrics/events", "1.5 start 101 v1 %s %s miss\n" % (outcome, took), 0o600)
        tally.fold()
        put("/run/vzhooks/metrics/state", store.read_trusted(paths.run("metrics", "state")).replace("last 1.5", "last x"), 0o600)
    found = now()
    buckets = [found['vzhooks_call_duration_seconds_bucket{action="start",le="%s"}' % limit]
               for limit in ("0.005", "0.01", "0.25", "0.5", "60", "+Inf")]
    assert buckets == [2, 2, 2, 3, 3, 4]
    assert found['vzhooks_call_duration_seconds_sum{action="start"}'] == 99.309
    assert found['vzhooks_call_duration_seconds_count{action="start"}'] == 4
    assert found['vzhooks_calls_total{action="start",outcome="failed"}'] == 1
    assert found['vzhooks_plan_lookups_total{result="miss"}'] == 4


def test_containers_by_what_is_set_up(put, root, monkeypatch):
    os.makedirs(root + "/sys/veth101.0")
    monkeypatch.setattr(facts, "SYS", root + "/sys/%s/")
    for veid in ("101", "102", "103", "104"):
        put("/etc/vz/conf/%s.conf" % veid, "")
    for veid, device in (("101", "veth101.0"), ("102", "nosuch0"), ("103", journal.BEFORE_START), ("999", "veth101.0")):
        with journal.lock(veid):
            journal.write(veid, device, LINES)
    put("/run/vzhooks/999/veth101.0.journal", "boot x\n\n# end\n", 0o600)  # of an earlier boot, and no conf any more
    found = now()
    assert [found['vzhooks_containers{state="%s"}' % state] for state in ("running", "left_over", "not_set_up")] == [2, 1, 2]


def test_drift_is_that_of_the_last_check(put):
    checked(_101=2, _102=0, _103=1, node=4)
    found = now()
    assert found['vzhooks_drift_lines{side="containers"}'] == 3 and found['vzhooks_drift_lines{side="node"}'] == 4
    assert found["vzhooks_drift_containers"] == 2
    assert 0 < found["vzhooks_check_timestamp_seconds"] < found["vzhooks_written_timestamp_seconds"]


@pytest.mark.parametrize("body", ["", "{}", "[]", "[1]", '[{"veid": "101"}]', '{"a": 1}'])
def test_a_check_that_cannot_be_read_is_none(body):
    store.make_directory(paths.run("checks"))
    store.save(paths.run("checks", "last"), [("boot", paths.boot_id())], body + "\n")
    assert not [name for name in now() if "drift" in name]


def run(*words):
    return CliRunner().invoke(cli.metrics, list(words), env={"LC_ALL": "C.UTF-8"})


def test_the_textfile_is_replaced_and_readable(tmp_path):
    path = tmp_path / "vzhooks.prom"
    path.write_text("old")
    (tmp_path / "target").write_text("theirs")
    (tmp_path / "vzhooks.prom.new").symlink_to(tmp_path / "target")  # the directory is another user's
    mask = os.umask(0o077)
    try:
        done = run("--textfile", str(path))
    finally:
        os.umask(mask)
    assert done.exit_code == 0 and done.output == ""
    assert path.stat().st_mode & 0o777 == 0o644 and samples(path.read_text())["vzhooks_node_lines"] == 0
    assert sorted(os.listdir(str(tmp_path))) == ["root", "target", "vzhooks.prom"]
    assert (tmp_path / "target").read_text() == "theirs"


def test_a_directory_that_is_missing_is_named(tmp_path):
    done = run("--textfile", str(tmp_path / "no" / "x.prom"))
    assert done.exit_code == 2 and "no/x.prom': a file in a directory that exists is wanted" in " ".join(done.output.split())


@pytest.mark.needs("promtool")
def test_promtool_finds_nothing_to_say_about_the_metrics():
    checked(_101=2, node=1)
    record.Event("start", "101").end(record.DONE)
    assert promtool("check", "metrics", input=run().output.encode()) == (0, "")


@pytest.mark.needs("promtool")
def test_promtool_takes_the_rules_and_their_tests():
    code, said = promtool("check", "rules", PROMETHEUS + "vzhooks.rules.yml")
    assert code == 0, said
    code, said = promtool("test", "rules", PROMETHEUS + "vzhooks.rules_test.yml")
    assert code == 0, said


def test_rules_and_dashboard_ask_for_metrics_that_there_are():
    checked(_101=2, node=1)
    there = {name.split("{")[0] for name in now()}
    with open(PROMETHEUS + "vzhooks.rules.yml", encoding="utf-8") as file:
        rules = re.findall(r"expr:\s*(?:>-\s*)?(.*)", file.read())
    with open(REPO + "/contrib/grafana/vzhooks.json", encoding="utf-8") as file:
        board = json.load(file)
    queries = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    queries += [variable["query"]["query"] for variable in board["templating"]["list"] if variable["type"] == "query"]
    assert len(rules) == 7 and len(queries) > 10
    for query in rules + queries:
        asked = set(re.findall(r"\bvzhooks_\w+", query))
        assert asked and asked <= there, query


@pytest.mark.needs("promtool")
def test_the_dashboards_queries_are_promql(tmp_path):
    """As rules, since promtool checks those; Grafana's variables are put in as it would do it."""
    with open(REPO + "/contrib/grafana/vzhooks.json", encoding="utf-8") as file:
        queries = [target["expr"] for panel in json.load(file)["panels"] for target in panel["targets"]]
    rules = [{"record": "a:b%d" % number, "expr": query.replace("$__rate_interval", "5m").replace("$instance", ".+")}
             for number, query in enumerate(queries)]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "x", "rules": rules}]}))
    code, said = promtool("check", "rules", str(tmp_path / "rules.yml"))
    assert code == 0, said
