"""The plan's text and its difference to an older one."""
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vzhooks import plan
from vzhooks.plan import Line, Undo


def parts(lines):
    return [(line.place, line.command, line.may_fail, line.origin,
             (line.undo.command, line.undo.may_fail) if line.undo else None) for line in lines]


def test_a_plan_is_read_as_written_down():
    text = ("# 101.conf:4\nhost  ip route add 10.0.0.5 dev br0\nundo  ip route del 10.0.0.5 dev br0\n\n"
            "  -ct ip link set dev eth0 up\n-undo\tip y\n#\nnode  nft add table x # kept\n-once  announce\n")
    with pytest.raises(plan.PlanError):
        plan.parse("undo\tx", "F")  # a tab does not end the first word
    assert parts(plan.parse(text.replace("\t", " "), "F")) == [
        ("host", "ip route add 10.0.0.5 dev br0", False, "101.conf:4", ("ip route del 10.0.0.5 dev br0", False)),
        ("ct", "ip link set dev eth0 up", True, "101.conf:4", ("ip y", True)),
        ("node", "nft add table x # kept", False, "", None), ("once", "announce", True, "", None)]


HOST = "; a line 'host|ct|node|once|undo COMMAND' is wanted"
UNDO = "; one 'undo' below a host, ct or node line is wanted"


@pytest.mark.parametrize("text, wanted", [
    ("hello world", "F:1: hello world" + HOST), ("\n\nhost", "F:3: host" + HOST), ("host ", "F:1: host" + HOST),
    ("- host x", "F:1: - host x" + HOST), ("--host x", "F:1: --host x" + HOST), ("HOST x", "F:1: HOST x" + HOST),
    ("undo x", "F:1: undo x" + UNDO), ("host x\nundo y\nundo z", "F:3: undo z" + UNDO), ("once x\nundo y",
                                                                                         "F:2: undo y" + UNDO),
    ("ct sh -c x", "F:1: ct sh -c x; inside a container only 'ip' is run"),
    ("ct ipx", "F:1: ct ipx; inside a container only 'ip' is run"),
    ("ct ip x\nundo sh -c x", "F:2: undo sh -c x; inside a container only 'ip' is run"),
])
def test_what_is_no_plan_line_is_named(text, wanted):
    with pytest.raises(plan.PlanError) as caught:
        plan.parse(text, "F")
    assert str(caught.value) == wanted


word = st.text(alphabet="abz019.:/_-#'\"$=", min_size=1, max_size=8).filter(lambda text: text == text.strip())
command = st.lists(word, min_size=1, max_size=4).map(" ".join)
undo = st.builds(Undo, command, st.booleans())
origin = st.sampled_from(["", "101.conf:1", "101.conf:2", "/etc/vz/conf/a b.conf:3"])
line = st.one_of(st.builds(Line, st.just("host"), command, st.booleans(), st.one_of(st.none(), undo), origin),
                 st.builds(Line, st.sampled_from(["node", "once"]), command, st.booleans(), st.none(), origin),
                 st.builds(Line, st.just("ct"), command.map("ip {}".format), st.booleans(), st.none(), origin))
lines_ = st.lists(line, max_size=8)


@settings(max_examples=40)
@given(lines=lines_)
def test_the_text_of_a_plan_is_read_back_as_the_same_plan(lines):
    text = plan.text(lines)
    assert parts(plan.parse(text, "F")) == parts(lines)
    assert plan.text(plan.parse(text, "F")) == text


@given(text=st.one_of(st.text(), st.text(alphabet="hostcundi-# \n\t\r\x0b\x85\u2028x")))
def test_arbitrary_text_is_a_plan_that_stays_the_same_or_a_plan_error(text):
    try:
        lines = plan.parse(text, "F")
    except plan.PlanError as error:
        assert str(error).startswith("F:")
    else:
        assert parts(plan.parse(plan.text(lines), "F")) == parts(lines)


@settings(max_examples=40)
@given(new=lines_, old=lines_, same=st.booleans())
def test_of_two_plans_every_line_of_the_new_runs_and_every_other_of_the_old_is_undone(new, old, same):
    lines, gone = plan.merged(new, old, same)
    assert [line.key for line in lines] == [line.key for line in new]
    assert parts(gone) == parts([line for line in old if line.key not in {one.key for one in new}])


@pytest.mark.parametrize("same_device, kept", [(True, "00:1"), (False, "fe:1")])
def test_a_line_in_both_keeps_the_first_undo_while_the_device_is_the_same(same_device, kept):
    old = plan.parse("host ip link set dev v address fe:1\nundo ip link set dev v address 00:1\nhost ip x\n", "F")
    new = plan.parse("host ip x\nundo ip y\n-host ip link set dev v address fe:1\nundo ip link set dev v address fe:1\n", "F")
    lines, gone = plan.merged(new, old, same_device)
    assert plan.text(lines) == ("host  ip x\nundo  ip y\n-host ip link set dev v address fe:1\n"
                                "undo  ip link set dev v address %s\n" % kept)
    assert gone == []
