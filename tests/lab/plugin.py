"""The lab's pytest plugin: fixtures, and the check that a session leaves nothing behind.

tests/lab/conftest.py loads it; other tests get it by `pytest_plugins = ['tests.lab.plugin']` in tests/conftest.py.
"""
import signal
from typing import Any, Iterator, List, Tuple

import pytest

from tests.lab import faults, namespaces
from tests.lab.network import Lab
from tests.lab.node import Node, forget_installed
from tests.lab.uplinks import Uplinks

_left_behind: List[str] = []


def pytest_configure(config: Any) -> None:
    if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _as_interrupt)


def _as_interrupt(*_: object) -> None:
    """SIGTERM ends the session as Ctrl-C does: fixtures are torn down, reports written."""
    raise KeyboardInterrupt


def pytest_sessionfinish(session: Any) -> None:
    forget_installed()
    _left_behind.extend(namespaces.left_over())
    if _left_behind:
        session.exitstatus = 1


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if faults.SEEN:
        terminalreporter.section('faults: behind each the next start worked, and after the last stop the node was as before')
    for row in faults.table() if faults.SEEN else ():
        terminalreporter.write_line(row)
    for left in _left_behind:
        terminalreporter.write_line('ERROR: the lab left behind: ' + left, red=True)


@pytest.fixture
def bare_lab() -> Iterator[Lab]:
    """A lab with one node, `hn`, on which nothing is installed."""
    try:
        made = Lab()
    except namespaces.LabImpossible as e:
        pytest.fail(str(e), pytrace=False)
    with made:
        made.add_node('hn')
        yield made


@pytest.fixture
def lab(bare_lab: Lab) -> Lab:
    """A lab with one node, `hn`, that has the product installed."""
    bare_lab.nodes['hn'].install()
    return bare_lab


@pytest.fixture
def two_nodes(lab: Lab) -> Tuple[Node, Node]:
    """Two nodes of one lab, `hn` (10.0.0.2) and `hn2` (10.0.0.3), that have the product installed."""
    second = lab.add_node('hn2')
    second.install()
    return lab.nodes['hn'], second


@pytest.fixture
def plain_node(bare_lab: Lab) -> Node:
    """The only node of a lab, as it is delivered: its address on eth0, no bridge. It has the product installed."""
    made = bare_lab.add_node('plain', '10.0.0.2/24', bridge=None)
    bare_lab.nodes['hn'].close()
    made.install()
    return made


@pytest.fixture
def uplinks() -> Iterator[Uplinks]:
    """Scenario 2's network, with nothing installed."""
    with Lab() as lab:
        yield Uplinks(lab)


@pytest.fixture
def hn(uplinks: Uplinks) -> Node:
    """The node of `uplinks`, which a file may have of its own."""
    return uplinks.node
