"""Cached plans: used when nothing has changed, and for every change a reason why not."""
import os
import time

import pytest

from vzhooks import cache, facts, paths, plan

PLAN = "# 101.conf:1\nhost  ip link set dev veth101.0 up\nundo  ip link set dev veth101.0 down\n"


@pytest.fixture
def conf(tmp_path, monkeypatch):
    monkeypatch.setenv("VZHOOKS_ROOT", str(tmp_path))
    path = str(tmp_path / "101.conf")
    write(path, "A=1\n")
    return path


def write(path, text):
    with open(path, "w") as file:
        file.write(text)
    long_ago = time.time() - 60
    os.utime(path, (long_ago, long_ago))
    time.sleep(0.03)  # past the tick within which a file is too fresh


def keep(conf, live=None, doubts=()):
    ready = cache.Ready("veth101.0", plan.parse(PLAN, "x"), doubts, 30.0, "fail", "auto")
    return cache.save("101", "call", ready, {conf: cache.fingerprint(conf), conf + ".no": "missing"}, live or {})


def load(call="call"):
    return cache.load("101", "veth101.0", call)


def test_what_is_kept_comes_back(conf):
    assert keep(conf, doubts=["101.conf:1: a; b"]) == ""
    ready = load()
    assert plan.text(ready.lines) == PLAN
    assert (ready.doubts, ready.timeout, ready.on_error, ready.ct_exec) == (["101.conf:1: a; b"], 30.0, "fail", "auto")
    path = paths.cache("101", "veth101.0.plan")
    assert os.stat(path).st_mode & 0o7777 == 0o600 and os.stat(os.path.dirname(path)).st_mode & 0o7777 == 0o700


def test_without_one_it_says_so(conf):
    assert load() == "no cached plan yet"


def test_a_changed_or_new_or_missing_file_is_a_reason(conf):
    keep(conf)
    write(conf + ".no", "B=1\n")
    assert load() == conf + ".no has changed"
    os.unlink(conf + ".no")
    assert not isinstance(load(), str)
    write(conf, "A=2\n")  # same size
    assert load() == conf + " has changed"
    os.unlink(conf)
    assert load() == conf + " has changed"


def test_another_call_or_version_is_a_reason(conf, monkeypatch):
    keep(conf)
    assert load("other") == "called with 'other', made for 'call'"
    monkeypatch.setattr(cache, "__version__", "99")
    assert load().startswith("made by version ")


def test_a_changed_fact_is_a_reason(conf, monkeypatch):
    monkeypatch.setitem(facts.READERS, "mtu", lambda name: "1500")
    keep(conf, {"mtu br0": "1500", "kind br0": ""})
    assert not isinstance(load(), str)
    monkeypatch.setitem(facts.READERS, "mtu", lambda name: "9000")
    assert load() == "mtu br0 was '1500' and is '9000'"


def test_a_file_written_just_now_is_not_trusted(conf):
    with open(conf, "w") as file:
        file.write("A=3\n")
    assert keep(conf) == "is not kept: a conf file is only just written"


@pytest.mark.parametrize("spoil, found", [
    (lambda path: os.chmod(path, 0o644), "not a file of ours"),
    (lambda path: os.truncate(path, 200), "not whole"),
    (lambda path: open(path, "w").close(), "not whole"),
    (lambda path: (os.rename(path, path + ".x"), os.symlink(path + ".x", path)), "symbolic links"),
    (lambda path: (os.unlink(path), os.mkdir(path)), "not a file of ours"),
    (lambda path: replace(path, "host ", "hostile "), "a line 'host|ct|node|once|undo COMMAND' is wanted"),
    (lambda path: replace(path, "timeout 30", "timeout soon"), "could not convert"),
    (lambda path: replace(path, "on_error", "on_terror"), "on_error"),
])
def test_what_is_not_sound_is_not_used(conf, spoil, found):
    keep(conf)
    spoil(paths.cache("101", "veth101.0.plan"))
    reason = load()
    assert isinstance(reason, str) and reason.startswith(cache.UNUSABLE) and found in reason


def replace(path, old, new):
    with open(path) as file:
        text = file.read()
    assert old in text
    with open(path, "w") as file:
        file.write(text.replace(old, new))


def test_a_cache_that_cannot_be_written_is_no_failure(conf, tmp_path):
    (tmp_path / "var").write_text("in the way")
    assert keep(conf).startswith("cannot be written: ")
