"""What real starts and stops leave in the metrics."""
import re
from typing import Dict

from tests.lab.confs import bridged
from tests.lab.network import Lab
from tests.lab.node import Node


def samples(node: Node) -> Dict[str, str]:
    page = node.vzhook('metrics').stdout
    return dict(re.findall(r'^(vzhooks_\S+) (\S+)$', page, re.MULTILINE))


def test_starts_stops_and_failures_are_counted(lab: Lab) -> None:
    node = lab.nodes['hn']
    node.conf(101, bridged(101))
    node.conf(102, bridged(102, '300.1.1.1/24'))
    node.vzctl('start', 101)
    assert node.vzctl('start', 102, check=False).returncode != 0
    node.vzhook('run', 101)
    found = samples(node)
    assert found['vzhooks_calls_total{action="mount",outcome="done"}'] == '1'
    assert found['vzhooks_calls_total{action="mount",outcome="failed"}'] == '1'
    assert found['vzhooks_calls_total{action="start",outcome="done"}'] == '1'
    assert found['vzhooks_calls_total{action="run",outcome="done"}'] == '1'
    assert float(found['vzhooks_call_duration_seconds_sum{action="start"}']) > 0
    assert found['vzhooks_containers{state="running"}'] == '1' and found['vzhooks_containers{state="not_set_up"}'] == '1'
    node.vzctl('stop', 101)
    node.vzctl('start', 101)
    node.vzhook('metrics', '--textfile', node.path('/vz/vzhooks.prom'))
    page = node.read('/vz/vzhooks.prom')
    assert 'vzhooks_calls_total{action="stop",outcome="done"} 1\n' in page
    assert 'vzhooks_calls_total{action="start",outcome="done"} 2\n' in page
    assert 'vzhooks_plan_lookups_total{result="hit"} 2\n' in page  # the plan, and the verdict of vps.mount
    node.vzctl('kill-inside', 101)
    assert samples(node)['vzhooks_containers{state="left_over"}'] == '1'
    assert node.run(['sh', '-c', 'cat "$0"/*', node.path('/run/vzhooks/metrics')]).stdout.count('start 101 ') == 1
    code = 'import sys; sys.path.insert(0, {!r}); from vzhooks import record; print(record.last_starts()["101"][2])'.format(
        node.path('/usr/share/vzhooks'))
    assert node.run(['python3', '-c', code], env={'VZHOOKS_ROOT': node.root, 'PATH': '/usr/bin:/bin'}).stdout == 'done\n'
