"""Leave out, by name, tests whose needs this machine lacks; where CI=true, a test left out is a failure."""
import importlib.util
import os
import shutil

import pytest

TESTS = os.path.dirname(os.path.abspath(__file__))
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
CI = os.environ.get("CI") == "true"
deselected = []


def read_packages():
    """Give {probe: (deb package, for)} of tools/packages.txt."""
    with open(os.path.join(TESTS, "..", "tools", "packages.txt"), encoding="utf-8") as file:
        rows = [line.split(None, 4) for line in file if line.strip() and not line.startswith("#")]
    return {row[0]: (row[1], row[3]) for row in rows}


PACKAGES = read_packages()


def real_root():
    """Tell root of the machine from root of a user namespace, whose uid map does not cover all ids."""
    with open("/proc/self/uid_map") as file:
        return os.geteuid() == 0 and file.read().split() == ["0", "0", "4294967295"]


def missing(name):
    """Say what is missing for the need `name`, or give None."""
    if name == "root":
        return None if real_root() else "real root"
    if name not in PACKAGES:
        raise pytest.UsageError(f"needs({name!r}): no such probe in tools/packages.txt")
    if name.startswith("python:"):
        spec = importlib.util.find_spec(name.split(":", 1)[1])
        found = spec and spec.origin
    else:
        found = shutil.which(name, path=PATH)
    return None if found else f"{name} (package {PACKAGES[name][0]})"


def pytest_addoption(parser):
    parser.addoption("--part", default="1/1", metavar="N/M", help="the N-th of M parts of the tests, by whole files, for "
                                                                  "runs side by side; together they are all")


def part_of(files, number, parts):
    """Give the files of one part: {file: how many tests}, the largest first, each to the part that has least so far."""
    loads = [0] * parts
    chosen = set()
    for file in sorted(files, key=lambda file: (-files[file], file)):
        least = loads.index(min(loads))
        loads[least] += files[file]
        if least == number - 1:
            chosen.add(file)
    return chosen


def pytest_collection_modifyitems(config, items):
    number, parts = map(int, config.getoption("--part").split("/"))
    files = [str(item.fspath) for item in items]
    chosen = part_of({file: files.count(file) for file in files}, number, parts)
    items[:] = [item for item in items if str(item.fspath) in chosen]
    gaps = {}
    for item in items:
        tier = os.path.relpath(str(item.fspath), TESTS).split(os.sep)[0]
        needs = [probe for probe, (_, purpose) in PACKAGES.items() if purpose == tier]
        for mark in item.iter_markers("needs"):
            needs.extend(mark.args)
        for name in needs:
            if name not in gaps:
                gaps[name] = missing(name)
        lacks = [gaps[name] for name in needs if gaps[name]]
        if lacks:
            item.add_marker(pytest.mark.skip(reason="needs " + ", ".join(lacks)))


def pytest_deselected(items):
    deselected.extend(items)


def fail_skip(report):
    if CI and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"left out, which CI does not allow: {reason}"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport():
    outcome = yield
    fail_skip(outcome.get_result())


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report():
    outcome = yield
    fail_skip(outcome.get_result())


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    if CI and deselected and session.exitstatus == 0:
        session.exitstatus = 1


def pytest_terminal_summary(terminalreporter):
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped:
        terminalreporter.section("left out")
    for report in skipped:
        reason = report.longrepr[2].replace("Skipped: ", "", 1)
        terminalreporter.write_line(f"{report.nodeid}: {reason}")
    if CI and deselected:
        terminalreporter.write_line(f"{len(deselected)} tests deselected, which CI does not allow")
