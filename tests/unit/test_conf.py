"""The reader of shell files, against what is written down here and against bash itself."""
import os
from typing import Callable, Dict, List, Optional, Tuple

import pytest
from hypothesis import Phase, Verbosity, given, settings
from hypothesis import strategies as st

from tests.unit import bash
from vzhooks.conf import Conf

NOTHING_RUN = "only NAME=value is read from this file; nothing in it is run"


def read(text: str, **known: str) -> Conf:
    conf = Conf(**known)
    conf.read("F", text)
    return conf


def values(conf: Conf) -> Dict[str, Optional[str]]:
    return {name: one.value for name, one in conf.variables.items()}


def mistakes(conf: Conf) -> List[str]:
    inside = [one.mistake for one in conf.variables.values() if one.mistake]
    return sorted({str(one) for one in conf.lost + inside})


# What real files contain (vzctl-protocol.md, "The configuration files"), as text and as {name: (value, line)}.
CASES = {
    "double quotes": ('A="a b"\n', {"A": ("a b", 1)}),
    "single quotes": ("A='a $B `c` \\'\n", {"A": ("a $B `c` \\", 1)}),
    "quotes within a word": ("A=a'b c'\"d e\"f\n", {"A": ("ab cd ef", 1)}),
    "quote of the other kind": ("A=\"it's\" B='say \"x\"'\n", {"A": ("it's", 1), "B": ('say "x"', 1)}),
    "unquoted with a comment": ("A=br0   # the bridge\n", {"A": ("br0", 1)}),
    "quoted with a comment": ('A="br0" # "not closed\n', {"A": ("br0", 1)}),
    "no comment within a word": ('A=br0#1\nB="x"#2\n', {"A": ("br0#1", 1), "B": ("x#2", 2)}),
    "comment with quotes": ("# don't\n\t # $(reboot)\nA=1\n", {"A": ("1", 3)}),
    "several lines": ('\nA="10.0.0.1\n  10.0.0.2"\nB=1', {"A": ("10.0.0.1\n  10.0.0.2", 2), "B": ("1", 4)}),
    "several lines in one": ('A="10.0.0.1 \\\n10.0.0.2"\nB=1\n', {"A": ("10.0.0.1 10.0.0.2", 1), "B": ("1", 3)}),
    "continued outside quotes": ("A=10.0.\\\n0.1\nB=1\n", {"A": ("10.0.0.1", 1), "B": ("1", 3)}),
    "duplicate keys": ("A=1\nB=$A\nA=2\n", {"A": ("2", 3), "B": ("1", 2)}),
    "names": ("IPTABLES='x y'\nIPTABLES_MODULES=\"$IPTABLES\"\nC=${IPTABLES}_z\n",
              {"IPTABLES": ("x y", 1), "IPTABLES_MODULES": ("x y", 2), "C": ("x y_z", 3)}),
    "names in single quotes": ("A=1\nB='$A'\n", {"A": ("1", 1), "B": ("$A", 2)}),
    "an unset name": ('A="[$B]"\n', {"A": ("[]", 1)}),
    "a value is not split again": ("B='x y # \"'\nA=$B\n", {"B": ("x y # \"", 1), "A": ("x y # \"", 2)}),
    "export": ("export A=1\nexport\tB='2 3'\n", {"A": ("1", 1), "B": ("2 3", 2)}),
    "export of two": ("export A=1 B=2\n", {"A": ("1", 1), "B": ("2", 1)}),
    "export expands before it assigns": ("A=0\nexport A=1 B=$A\n", {"A": ("1", 2), "B": ("0", 2)}),
    "append": ("A=1\nA+=' 2'\nB+=3\n", {"A": ("1 2", 2), "B": ("3", 3)}),
    "Windows line ends": ('A="1"\r\nB=2 # x\r\n\r\nC="3\r\n4"\r\n', {"A": ("1", 1), "B": ("2", 2), "C": ("3\n4", 4)}),
    "Windows, no newline at the end": ("A=1\r\nB=2\r", {"A": ("1", 1), "B": ("2", 2)}),
    "no newline at the end": ("A=1\nB=2", {"A": ("1", 1), "B": ("2", 2)}),
    "two in a line": ("A=1 B=$A\tC=3\n", {"A": ("1", 1), "B": ("1", 1), "C": ("3", 1)}),
    "semicolons": ("A=1;B=2 ; C=3;\n", {"A": ("1", 1), "B": ("2", 1), "C": ("3", 1)}),
    "backslashes outside quotes": ("A=a\\ b\\$c\\\\d\\e\n", {"A": ("a b$c\\de", 1)}),
    "backslashes in double quotes": ('A="a\\ b\\$c\\\\d\\"e\\`f"\n', {"A": ('a\\ b$c\\d"e`f', 1)}),
    "a lone dollar": ('A=$\nB="5 $"\nC=$%x\n', {"A": ("$", 1), "B": ("5 $", 2), "C": ("$%x", 3)}),
    "dollar quote in quotes": ("A=\"$'x'\"\n", {"A": ("$'x'", 1)}),
    "equals signs": ("A=b=c==\n", {"A": ("b=c==", 1)}),
    "empty": ("A=\nB=\"\"\nC=''\n", {"A": ("", 1), "B": ("", 2), "C": ("", 3)}),
    "globs and braces are text": ("A=*\nB={1,2}[x]?\n", {"A": ("*", 1), "B": ("{1,2}[x]?", 2)}),
    "a tilde that no shell expands": ('A="~"\nB=a~\nC=\\~\n', {"A": ("~", 1), "B": ("a~", 2), "C": ("~", 3)}),
    "the real thing": (
        'ONBOOT="yes"\nIP_ADDRESS="10.1.12.2/255.255.255.255"\nHOSTNAME_CT="ct$VEID.example"\n'
        'NETIF="ifname=eth0,mac=00:18:51:A4:2D:01,host_ifname=veth${VEID}.0"\nVETH_IP_ADDRESS="85.86.87.195/26"\n',
        {"ONBOOT": ("yes", 1), "IP_ADDRESS": ("10.1.12.2/255.255.255.255", 2), "HOSTNAME_CT": ("ct101.example", 3),
         "NETIF": ("ifname=eth0,mac=00:18:51:A4:2D:01,host_ifname=veth101.0", 4),
         "VETH_IP_ADDRESS": ("85.86.87.195/26", 5)}),
    "nothing": ("", {}),
    "blank": (" \n\t\n\n", {}),
    "not ASCII": ("A='Müller'\nB=ж\n", {"A": ("Müller", 1), "B": ("ж", 2)}),
    "indented": ("  A=1\n\tB=2\n", {"A": ("1", 1), "B": ("2", 2)}),
}


@pytest.mark.parametrize("name", sorted(CASES))
def test_values_and_lines_are_as_written_down(name):
    text, wanted = CASES[name]
    conf = read(text, VEID="101")
    found = {key: (one.value, one.where) for key, one in conf.variables.items() if key != "VEID"}
    assert mistakes(conf) == []
    assert found == {key: (value, "F:%d" % line) for key, (value, line) in wanted.items()}


def test_bash_agrees_with_every_case(tmp_path):
    texts = [text.replace("\r\n", "\n").rstrip("\r") for text, _ in CASES.values()]
    for (name, (_, wanted)), seen in zip(CASES.items(), bash.seen(str(tmp_path / "conf"), texts)):
        expected = {key: value for key, (value, _) in wanted.items()}
        assert seen.variables == dict(expected, VEID="101"), name


def test_the_second_file_sees_the_first_and_wins():
    conf = Conf(VEID="101")
    conf.read("vz.conf", "A=1\nB=2\n")
    conf.read("101.conf", "\nB=$A$B.$VEID\n")
    assert values(conf) == {"VEID": "101", "A": "1", "B": "12.101"}
    assert list(conf.of("101.conf")) == ["B"] and conf.get("B").where == "101.conf:2"


# Mistakes with the whole text, and what is known of the other variables afterwards.
WRONG = [
    ("A=$(reboot)\nB=1\n", "F:1: a command or a calculation, '$(...'; " + NOTHING_RUN, {"A": None, "B": "1"}),
    ('\nA="x $(echo y)"\nB=1\n', "F:2: a command or a calculation, '$(...'; " + NOTHING_RUN, {"A": None, "B": "1"}),
    ("A=$((1 + 2))\nB=1\n", "F:1: a command or a calculation, '$(...'; " + NOTHING_RUN, {"A": None, "B": "1"}),
    ("A=$[1+2]\n", "F:1: a command or a calculation, '$[...'; " + NOTHING_RUN, {"A": None}),
    ("A=`reboot`\nB=1\n", "F:1: a command between backticks; " + NOTHING_RUN, {"A": None, "B": "1"}),
    ('A="`reboot`"\n', "F:1: a command between backticks; " + NOTHING_RUN, {"A": None}),
    ("A=${B:-y}\n", "F:1: '${B:-y}'; only ${NAME} is expanded; " + NOTHING_RUN, {"A": None}),
    ("A=${#B}\n", "F:1: '${#B}'; only ${NAME} is expanded; " + NOTHING_RUN, {"A": None}),
    ("A=$'x\\ty'\nB=1\n", "F:1: '$''; " + NOTHING_RUN, {"A": None, "B": "1"}),
    ("A=$1\n", "F:1: '$1'; " + NOTHING_RUN, {"A": None}),
    ("A=$$\n", "F:1: '$$'; " + NOTHING_RUN, {"A": None}),
    ("A=(1 2)\nB=1\n", "F:1: '(' outside quotes; " + NOTHING_RUN, {"A": None, "B": "1"}),
    ("A=1|2\n", "F:1: '|' outside quotes; " + NOTHING_RUN, {"A": None}),
    ("A=~/x\n", "F:1: '~', which a shell would expand; " + NOTHING_RUN, {"A": None}),
    ("A=x:~root\n", "F:1: '~', which a shell would expand; " + NOTHING_RUN, {"A": None}),
    ("A=\\\n~\n", "F:2: '~', which a shell would expand; " + NOTHING_RUN, {"A": None}),
    ("reboot\nB=1\n", "F:1: 'reboot'; " + NOTHING_RUN, {"B": "1"}),
    ("A=1 reboot\nB=1\n", "F:1: 'reboot'; " + NOTHING_RUN, {"B": "1"}),
    ("A = 1\n", "F:1: 'A = 1'; " + NOTHING_RUN, {}),
    ("A= 1\n", "F:1: '1'; " + NOTHING_RUN, {}),
    ("A[0]=1\n", "F:1: 'A[0]=1'; " + NOTHING_RUN, {}),
    ("1A=1\n", "F:1: '1A=1'; " + NOTHING_RUN, {}),
    (". /etc/passwd\n", "F:1: '. /etc/passwd'; " + NOTHING_RUN, {}),
    ("if true; then\n", "F:1: 'if true; then'; " + NOTHING_RUN, {}),
    ("\nA='x\nB=1\n", "F:2: a quote (') in A that is not closed; a closing quote is wanted", {"A": None}),
    ('A+="x\nB=1\n', 'F:1: a quote (") in A that is not closed; a closing quote is wanted', {"A": None}),
]


@pytest.mark.parametrize("text, wanted, known", WRONG, ids=[text for text, _, _ in WRONG])
def test_a_mistake_names_line_and_find_and_leaves_the_value_unknown(text, wanted, known):
    conf = read(text)
    assert (mistakes(conf), values(conf)) == ([wanted], known)


def test_a_mistake_within_one_value_is_that_variable_s_alone():
    conf = read("A=$(x)\nB=$A\nC=1\n")
    assert conf.lost == [] and values(conf) == {"A": None, "B": None, "C": "1"}
    assert str(conf.get("B").mistake) == "F:2: $A, whose own value is uncertain (F:1); " + NOTHING_RUN


@pytest.mark.parametrize("text", ['A="1\nB=2\n', "ls\n", "A=1 ls\n", "A=$(x\nB=2\n", "A=`x\nB=2\n", "A=${x\nB=2\n",
                                  "A=(1\nB=2\n", "A=$[1\nB=2\n", "A=1)\nB=2\n", "A=1&B=2\n", "A=1|B=2\n", ";\nB=2\n",
                                  "A=1;;\nB=2\n", "A=1; ;B=2\n", "A=x<y B=2\n"])
def test_behind_a_mistake_of_the_form_nothing_is_certain(text):
    """Either bash reads nothing more behind it, or we cannot say where it ends."""
    assert read(text).lost


def test_an_assignment_that_bash_would_make_within_an_expansion_is_not_passed_over():
    """`${A:=x}` and `$((A=5))` change A: its old value must not be taken for certain."""
    for text in ("A=\nB=${A:=x}\n", "A=1\nB=$((A=5))\n"):
        conf = read(text)
        assert conf.lost or conf.get("A").value is None, text


@pytest.mark.parametrize("name", ["HOSTNAME", "UID", "RANDOM", "PWD", "PATH", "BASH_VERSION"])
def test_a_variable_that_only_bash_knows_is_a_mistake_not_an_empty_text(name):
    assert read("A=$%s\n" % name).get("A").value is None


def test_two_doublings_a_line_do_not_fill_the_memory():
    """32 lines of A=$A$A would be 4 GB; 22 are 4 MB, longer than any file that we read."""
    conf = read("A=x\n" + "A=$A$A\n" * 22)
    assert conf.get("A").value is None or len(conf.get("A").value) <= 1 << 20


def test_nothing_is_ever_run(tmp_path):
    canary = str(tmp_path / "canary")
    touch = "touch " + canary
    for text in ("A=$(%s)", "A=`%s`", 'A="$(%s)"', "%s", "A=1 %s", "A=$(($(%s)))", "A=${A:-$(%s)}", "A=<(%s)", "A=x;%s",
                 "A=${A@P}$(%s", "A[$(%s)]=1", "f() { %s; }; f", "A=$'$(%s)'"):
        assert mistakes(read(text % touch + "\n")), text
        assert not os.path.exists(canary), text


PLAIN = ["A=", "B=", "C=", "A+=", "B=", '"', '"', "'", " ", "\t", "$A", "${B}", "$", "\\", "#", ";", "\n", "\n", "x",
         "y",
         ":", "~", "=", "export ", "\\\n", "A", "-"]
WILD = PLAIN + ["$(", ")", "`", "${", "}", "(", "${A:-", "$'", "{", "[", "]", "$#", "$\""]


# Not shrunk: an example is a batch of texts, and what is shown is the shortest ones that bash saw otherwise.
# Found so in the first days: `A=x\\` at the end, `$A\\<newline>B`, `A=1 export B=2`, `;` alone, `A=\\<newline>~`.
BATCHES = settings(max_examples=8, phases=[Phase.generate], verbosity=Verbosity.quiet)


def texts_of(pieces: List[str]) -> "st.SearchStrategy[List[str]]":
    value = st.lists(st.sampled_from(pieces), max_size=6).map("".join)
    assignment = st.tuples(st.sampled_from(["A=", "B=", "A=", "A+=", "export C=", "x "]), value,
                           st.sampled_from(["\n", "\n", ";", " ", " # x\n", ""])).map("".join)
    anything = st.lists(st.sampled_from(pieces), max_size=10).map("".join)
    text = st.one_of(st.lists(assignment, max_size=4).map("".join), anything)
    return st.lists(text, min_size=100, max_size=120)


def otherwise(directory: str, texts: List[str], wrong: Callable[[Conf, bash.Seen], bool]) -> List[Tuple[str, ...]]:
    """The shortest texts that bash sees otherwise than we, as WRONG tells."""
    found = []
    for text, seen in zip(texts, bash.seen(directory, texts)):
        conf = read(text, VEID="101")
        if wrong(conf, seen):
            found.append((text, values(conf), seen.variables, seen.errors.partition(": ")[2].strip()))
    return sorted(found, key=lambda one: len(one[0]))[:8]


@BATCHES
@given(texts=texts_of(PLAIN))
def test_where_nothing_is_reported_bash_agrees_on_every_variable(tmp_path, texts):
    assert otherwise(str(tmp_path / "conf"), texts, lambda conf, seen:
                     not mistakes(conf) and not seen.syntax_error
                     and seen.variables not in (None, values(conf))) == []


@BATCHES
@given(texts=texts_of(PLAIN))
def test_what_bash_calls_a_syntax_error_is_always_reported(tmp_path, texts):
    assert otherwise(str(tmp_path / "conf"), texts, lambda conf, seen:
                     seen.syntax_error and not mistakes(conf)) == []


@BATCHES
@given(texts=texts_of(WILD))
def test_a_value_that_is_called_certain_is_bash_s_also_beside_mistakes_in_others(tmp_path, texts):
    def wrong(conf: Conf, seen: bash.Seen) -> bool:
        if conf.lost or seen.variables is None:
            return False
        if seen.syntax_error and "command substitution: " not in seen.errors:
            return True  # within a substitution it is that value's alone, which is unknown to us anyway
        ours = values(conf)
        return {name: value for name, value in ours.items() if value is not None} != \
            {name: value for name, value in seen.variables.items() if ours.get(name, "") is not None}
    assert otherwise(str(tmp_path / "conf"), texts, wrong) == []


@given(text=st.one_of(st.text(), st.binary().map(lambda data: data.decode("utf-8", "surrogateescape")),
                      st.text(alphabet="A=$(){}`'\"\\\n #;\0\r\t~")))
def test_arbitrary_text_gives_values_or_mistakes_and_no_exception(text):
    conf = read(text)
    for one in conf.variables.values():
        assert (one.value is None) == (one.mistake is not None)
    for row in mistakes(conf):
        assert row.startswith("F:") and "\n" not in row and row.isprintable()


@pytest.mark.parametrize("line", ["A=$(\n", "A=`x`\n", "x\n", "A=$A\n", "A+=x\n", "(", "A=\""])
def test_a_megabyte_is_read_to_its_end(line):
    """Nothing here is timed; what is not linear would not end."""
    size = (1 << 20) * int(os.environ.get("EXAMPLES", "100")) // 100  # less where CI runs them a sixth time
    conf = read(line * (size // len(line)))
    assert conf.variables or conf.lost
