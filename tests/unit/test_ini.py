"""The form of vzhooks.conf: what is read keeps its line, everything else is a mistake."""
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vzhooks import ini, names, values


def read(text):
    """{section: {key: (value, line)}} and the mistakes as texts."""
    found, mistakes = ini.sections("F", text)
    return ({name: {key: (one.value, one.where) for key, one in section.items()} for name, section in found.items()},
            [str(one) for one in mistakes])


@pytest.mark.parametrize("text, wanted", [
    ("", {}), ("[a]", {"a": {}}), ("[a]\nx=1\n\n[ b   c ]\n y =  2 3 \n", {"a": {"x": ("1", "F:2")}, "b c": {"y": ("2 3",
                                                                                                          "F:5")}}),
    ("[a] # x\nx = 1 ; y\ny = 1#2;3\nz = # x\n;q = 1\n\t#q = 1\n", {"a": {"x": ("1", "F:2"), "y": ("1#2;3", "F:3"),
                                                                          "z": ("", "F:4")}}),
    ("[a]\r\nx = 1\t# y\r\nz == 2 = 3\r\n", {"a": {"x": ("1", "F:2"), "z": ("= 2 = 3", "F:3")}}),
    ("[a]\nx y = [b]\n", {"a": {"x y": ("[b]", "F:2")}}),
])
def test_what_is_read(text, wanted):
    assert read(text) == (wanted, [])


@pytest.mark.parametrize("row", ["[", "]", "[]", "[a", "a]", "[[a]", "[a]]", "[a]b]", "[ ]", "[a][b]", "[a] x"])
def test_what_is_no_section(row):
    found, mistakes = read("[x]\n" + row + "\nkey = value\n")
    wanted = "[SECTION] or [SECTION NAME]" if row[0] == "[" else "key = value"
    assert mistakes == ["F:2: '%s'; %s is wanted" % (row, wanted)]
    assert found == {"x": {} if row[0] == "[" else {"key": ("value", "F:3")}}


def test_what_stands_behind_a_section_s_second_head_is_that_section_s():
    found, mistakes = read("[bridge a]\nx = 1\n[bridge b]\ny = 2\n[bridge a]\nx = 3\nz = 4\n")
    assert found == {"bridge a": {"x": ("1", "F:2"), "z": ("4", "F:7")}, "bridge b": {"y": ("2", "F:4")}}
    assert mistakes == ["F:5: section [bridge a] a second time; one section is wanted",
                        "F:6: 'x' a second time; one is wanted"]


key = st.text(alphabet="abcxyz_-0", min_size=1, max_size=6)
value = st.lists(st.text(alphabet="abc019./:=-[]#;", min_size=1, max_size=6).filter(lambda text: text[0] not in "#;"),
                 max_size=3).map(" ".join)
title = st.tuples(st.sampled_from(["node", "bridge", "network"]), key).map(" ".join)


@given(wanted=st.dictionaries(title, st.dictionaries(key, value, max_size=4), max_size=4),
       noise=st.lists(st.sampled_from(["", "# x = 1", "  ;[a]", "\t"]), min_size=1, max_size=5),
       end=st.sampled_from([" # x", "\t; [y]", "", " ", "\r"]), equals=st.sampled_from(["=", " = ", "\t="]))
def test_what_was_written_is_read_with_its_lines(wanted, noise, end, equals):
    rows, lines = [], {}
    for name, settings in wanted.items():
        rows += noise + ["[%s]%s" % (name, end)]
        lines[name] = {}
        for one, text in settings.items():
            rows += noise[:1] + [one + equals + text + end]
            lines[name][one] = (text, "F:%d" % len(rows))
    assert read("\n".join(rows)) == (lines, [])


@given(text=st.one_of(st.text(), st.lists(st.sampled_from(
    ["[", "]", "a", "\n", " ", "=", "#", ";", "\t", "\r\n", "[a]\n", "[b c]\n", "x = 1\n", "\0", "\u2028", "\udcff"])).map("".join)))
def test_every_row_is_read_or_a_mistake_and_nothing_else_happens(text):
    found, mistakes = ini.sections("F", text)
    lines = [one.where for one in mistakes] + [one.where for section in found.values() for one in section.values()]
    assert len(lines) == len(set(lines))
    for number, row in enumerate(text.split("\n"), 1):
        said = "F:%d" % number in lines
        empty = not row.strip() or row.strip()[0] in "#;"
        head = any(section.where == "F:%d" % number for section in found.values())
        assert not (said and (empty or head))
        if not said and not empty and not head:  # a setting of a section that is none: that is the mistake
            assert [one for one in mistakes if "SECTION" in one.wanted and int(one.where[2:]) < number]
    assert all(str(one).startswith("F:") and str(one).isprintable() for one in mistakes)


CHECKS = {"one": lambda text, where: names.number(text, 1, 9), "many": ini.words(values.network)}


def checked(text, required=()):
    section = ini.sections("F", "[s]\n" + text)[0]["s"]
    found, mistakes = ini.values(section, CHECKS, required)
    return {key: str(one) if key == "one" else " ".join(map(str, one)) for key, one in found.items()}, [
        str(one) for one in mistakes]


@pytest.mark.parametrize("text, required, found, mistakes", [
    ("one = 5\nmany = 10.0.0.0/8 2001:DB8::/255\n", (), {"one": "5"},
     ["F:3: many = 10.0.0.0/8 2001:DB8::/255; an IPv4 or IPv6 network NETWORK/PREFIX is wanted"]),
    ("many = 10.0.0.0/8  2001:DB8::/32\n", (), {"many": "10.0.0.0/8 2001:db8::/32"}, []),
    ("many =\n", (), {}, ["F:2: many = ; one or more words are wanted"]),
    ("many = 10.0.0.0/8 10.0.0.0/8\n", (), {}, ["F:2: many = 10.0.0.0/8 10.0.0.0/8; each word once is wanted, '10.0.0.0/8' is "
                                                "there twice"]),
    # The same in another spelling.
    ("many = 10.0.0.0/8 10.0.0.0/255.0.0.0\n", (), {}, ["F:2: many = 10.0.0.0/8 10.0.0.0/255.0.0.0; each word once is "
                                                        "wanted, '10.0.0.0/255.0.0.0' is there twice"]),
    ("two = 1\none = 0\n", ("one", "many"), {}, ["F:2: two = 1; one of many, one is wanted",
                                                 "F:3: one = 0; a number from 1 to 9 is wanted",
                                                 "F:1: no 'many' in this section; 'many = ...' is wanted"]),
])
def test_the_settings_of_a_section(text, required, found, mistakes):
    assert checked(text, required) == (found, mistakes)
