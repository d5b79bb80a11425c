"""The product's check in a process of its own that stays: each line on stdin is answered by one of JSON.

    python3 checker.py      with VZHOOKS_ROOT, in a node's namespaces

A `vzhook check` each step would be nine tenths of a long run. It is the same code, less the command line.
"""
import json
import sys

from vzhooks import journal, kernel
from vzhooks.drift import check, cli
from vzhooks.node import planner

for _ in sys.stdin:
    kernel.rules_have_protocol.cache_clear()
    results = check.check(journal.containers(), planner.conf(), True)
    print(json.dumps({'code': cli.code(results), 'rows': cli.rows(results)}), flush=True)
