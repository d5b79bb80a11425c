"""Hostile input, a short run of what `make fuzz` does a million times: nothing but the documented errors, nothing slow."""
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.engine import LIMIT, Run, mutate, mutated
from tests.fuzz.targets import TARGETS

NAMES = sorted(TARGETS)


def texts(target):
    """Pieces of seeds, words and anything."""
    piece = st.one_of(st.sampled_from(target.words), st.sampled_from(target.seeds).flatmap(
        lambda seed: st.tuples(st.integers(0, len(seed)), st.integers(0, len(seed))).map(lambda at: seed[min(at):max(at)])),
        st.text(max_size=4))
    return st.lists(piece, max_size=12).map("".join)


@pytest.mark.parametrize("name", NAMES)
def test_any_text_is_read_or_refused(name):
    target = TARGETS[name]

    @settings(max_examples=25)
    @given(text=texts(target))
    def read(text):
        target.run(text.encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape"))

    read()


@pytest.mark.parametrize("name", NAMES)
def test_seeds_are_read_without_any_error_that_hides_the_rest(name):
    for seed in TARGETS[name].seeds:
        TARGETS[name].run(seed)


@pytest.mark.parametrize("name", NAMES)
def test_seeds_with_pieces_cut_out_doubled_and_put_in(name, tmp_path):
    run = Run(name, 20, str(tmp_path))
    mutate(run)
    assert (tmp_path / "result").read_text().split()[0] == "20"


def test_what_a_parser_raises_comes_through_with_its_input(tmp_path, monkeypatch):
    def broken(text):
        raise KeyError(text)

    run = Run("plan", 50, str(tmp_path))
    run.target = run.target._replace(run=broken)
    with pytest.raises(KeyError):
        run.one(b"x\xff")
    assert (tmp_path / "failed").read_bytes() == b"x\xff"


def test_what_is_slow_again_and_again_is_a_failure(tmp_path, monkeypatch):
    run = Run("plan", 50, str(tmp_path))
    times = iter([LIMIT + 1, LIMIT / 2, LIMIT + 1, LIMIT + 1])
    monkeypatch.setattr(run, "timed", lambda text: next(times))
    run.one(b"slow once: somebody else was at work")
    with pytest.raises(AssertionError):
        monkeypatch.setattr(run, "timed", lambda text: LIMIT + 1)
        run.one(b"slow")


def test_inputs_are_not_longer_than_said():
    chance, pool = random.Random(1), [b"x" * 100]
    assert max(len(mutated(chance, [b"ab"], pool)) for _ in range(300)) <= 40960
