"""What the design promises about the code itself."""
import ast
import glob
import os
import subprocess
import sys

import pytest

REPO = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
FILES = sorted(glob.glob(REPO + "/vzhooks/**/*.py", recursive=True))
NAMES = [os.path.relpath(path, REPO + "/vzhooks") for path in FILES]
SLOW = ("typing", "enum", "re", "subprocess", "json", "logging", "signal", "socket", "selectors", "traceback", "shlex",
        "click", "jinja2", "netaddr", "site")
STARTS = {"fork", "forkpty", "system", "popen", "posix_spawn", "posix_spawnp", "execv", "execve", "execvp", "execvpe",
          "execl",
          "execle", "execlp", "execlpe", "spawnv", "spawnve", "spawnl", "spawnle", "spawnvp", "spawnlp", "startfile"}


def read(path):
    with open(path, "rb") as file:
        return file.read()


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_only_one_module_starts_processes(path):
    if os.path.basename(path) == "process.py":
        return
    for node in ast.walk(ast.parse(read(path))):
        modules = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [node.module or ""]
            if node.module == "os":
                assert not STARTS & {alias.name for alias in node.names}, "line %d" % node.lineno
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os":
            assert node.attr not in STARTS, "line %d" % node.lineno
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("eval", "exec", "__import__", "compile"), "line %d" % node.lineno
        assert not {"subprocess", "_posixsubprocess", "pty", "multiprocessing", "importlib"} & \
            {name.split(".")[0] for name in modules}, "line %d" % node.lineno


def fresh(code, *options):
    run = subprocess.run([sys.executable] + list(options) + ["-c", "import sys; sys.path.insert(0, %r); %s" % (REPO,
                                                                                                               code)],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/", env={"PATH": "/usr/bin:/bin"})
    assert run.returncode == 0, run.stderr.decode()
    return run.stdout.decode().split()


def test_the_hooks_import_nothing_slow():
    loaded = fresh("import vzhooks.hooks, vzhooks.ovs, vzhooks.node.change, vzhooks.routing.entries, vzhooks.metrics.tally; print(*sys.modules)",
                   "-IS")  # ovs: on nodes with Open vSwitch; change: where containers have networks in common; entries: ANNOUNCE
    bare = fresh("print(*sys.modules)", "-IS")
    assert "vzhooks.hooks" in loaded
    assert sorted(set(SLOW) & (set(loaded) - set(bare))) == []


def test_applying_a_plan_imports_nothing_slow(tmp_path):
    """Journal, batch and undo of a plan without processes."""
    loaded = fresh("""
import os
os.environ["VZHOOKS_ROOT"] = %r
from vzhooks import apply, hooks, journal, plan
with journal.lock("101"):
    apply.Job("101", "nosuch0", print).start(plan.parse("-once announce x", "F"))
    apply.Job("101", "nosuch0", print).stop()
print(*sys.modules)""" % str(tmp_path), "-IS")
    bare = fresh("print(*sys.modules)", "-IS")
    assert sorted(set(SLOW) & (set(loaded) - set(bare))) == []


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_a_file_is_short_and_ascii(path):
    text = read(path)
    assert text.count(b"\n") <= 300
    assert text.decode("ascii")


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_what_is_public_says_what_it_does(path):
    """A docstring, or a body so short that it says so itself; methods of private classes are private."""
    tree = ast.parse(read(path))
    public = [node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name[0] != "_"]
    public += [method for node in public if isinstance(node, ast.ClassDef) for method in node.body
               if isinstance(method, ast.FunctionDef) and method.name[0] != "_"]
    missing = [node.name for node in public if not ast.get_docstring(node)
               and not (len(node.body) <= 4 and last_line(node) - node.lineno <= 12)]
    assert ast.get_docstring(tree) and missing == []


def last_line(node):
    return max(getattr(one, "lineno", 0) for one in ast.walk(node))


def test_the_names_of_facts_are_single_words():
    """A recorded fact is `WHAT NAME`; with a space in WHAT its plan would never be used again."""
    from vzhooks import facts
    assert [name for name in facts.READERS if " " in name or not name] == []


@pytest.mark.parametrize("path", sorted(glob.glob(REPO + "/vzhooks/templates/*.j2")), ids=os.path.basename)
def test_an_inline_if_has_an_else(path):
    """Jinja2 before 2.11 takes one without as undefined, which is an error for us."""
    for number, row in enumerate(read(path).decode().splitlines(), 1):
        for expression in row.split("{{")[1:]:
            assert " if " not in expression or " else " in expression, "line %d" % number
