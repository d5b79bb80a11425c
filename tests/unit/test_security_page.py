"""SECURITY.md and docs/faults.md name tests: each of them exists."""
import ast
import os
import re

import pytest

REPO = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))


@pytest.mark.parametrize("page, least", [("SECURITY.md", 40), ("docs/faults.md", 10)])
def test_every_test_that_is_named_exists(page, least):
    with open(os.path.join(REPO, page), encoding="utf-8") as file:
        named = re.findall(r"`(tests/[^`]*)`", file.read())
    assert len(named) >= least
    missing = []
    for one in named:
        path, _, name = one.partition("::")
        with open(os.path.join(REPO, path), encoding="utf-8") as file:
            functions = {node.name for node in ast.walk(ast.parse(file.read())) if isinstance(node, ast.FunctionDef)}
        if name and name not in functions:
            missing.append(one)
    assert missing == []
