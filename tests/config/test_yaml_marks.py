"""YAML 1.2 scalars, places of keys and values, and what is refused."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stressd.config.faults import Span
from stressd.config.yaml_marks import LINE_BREAKS, Marked, YamlFault, parse


def outcome(text: str) -> Marked | YamlFault:
    try:
        return parse(text)
    except YamlFault as fault:
        return fault


def value(text: str) -> object:
    return parse(f"key: {text}\n").data["key"]


@pytest.mark.parametrize(
    "text",
    [
        "NO",
        "no",
        "on",
        "ON",
        "yes",
        "Yes",
        "y",
        "off",
        "10:30",
        "1:2:3",
        "2026-01-20",
        "1_000",
        "1e",
        "e5",
        "0b1",
        "0X1F",
        "<",
        "=",
        "30m",
        "25bp",
        "4.31%",
        "JP -> US",
        "tRue",
        "nUll",
        "+",
        "-.",
        "1.2.3",
        "٣",
        "+.nan",
    ],
)
def test_what_other_tables_convert_stays_text(text: str) -> None:
    assert value(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1e-4", 1e-4),
        ("010", 10),
        ("0o10", 8),
        ("0x1f", 31),
        ("+12", 12),
        ("-3", -3),
        (".5", 0.5),
        ("1.", 1.0),
        ("-1.5E+3", -1500.0),
        ("true", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("", None),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("!!str 12", "12"),
        ("!!float 3", 3.0),
        ("'12'", "12"),
        ('"true"', "true"),
    ],
)
def test_the_core_schema_is_followed(text: str, expected: object) -> None:
    found = value(text)
    assert found == expected
    assert type(found) is type(expected)


@given(st.integers(-(10**40), 10**40))
def test_integers_come_back(number: int) -> None:
    assert value(str(number)) == number


@given(st.floats(allow_nan=False, allow_infinity=False))
@example(1e-4)
@example(5e-324)
def test_floats_come_back(number: float) -> None:
    found = value(repr(number))
    assert isinstance(found, float)
    assert found == number


@given(st.text(st.characters(exclude_categories=["Cs"])))
@example("\u2028")
@example("\x85x")
def test_quoted_text_comes_back(text: str) -> None:
    assert value(json.dumps(text)) == text


# ASCII letters, digits and marks that mean nothing to YAML inside a word: what is left of a plain scalar
_PLAIN = st.from_regex(r"[A-Za-z0-9.+_%$/-][A-Za-z0-9.+_%$/:-]{0,8}", fullmatch=True).filter(
    lambda t: not t.endswith(":") and t not in ("-", "---", "...") and not t.startswith("%")
)
_NOT_TEXT = r"(?:[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?|0o[0-7]+|0x[0-9a-fA-F]+|~|null|Null|NULL|" + (
    r"true|True|TRUE|false|False|FALSE|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))"
)


@given(_PLAIN)
@example("NO")
@example("1e3")
@example(".inf")
def test_a_plain_word_is_text_unless_the_core_schema_names_it(text: str) -> None:
    import re

    assert isinstance(value(text), str) == (re.fullmatch(_NOT_TEXT, text) is None)


_DATA = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(_DATA)
def test_json_is_yaml_and_every_value_has_its_place(data: object) -> None:
    text = json.dumps(data)
    marked = parse(text)
    assert marked.data == data
    assert marked.faults == []
    for path, span in marked.values.items():
        part = data
        for key in path:
            part = part[key]  # type: ignore[index]
        assert span.line == span.end_line
        assert json.loads(text[span.column : span.end_column]) == part


@given(st.text(max_size=60))
@example("%YAML 1.")
@example('"\\UFFFFFFFF"')
@example('"\\ud800"')
@example("!<%ff> a")
@example("a: \x07")
@example("\ufeffa: 1")
@example("&a [*a]")
@example("<<: [1]")
@example("? |\n")
@example("- &a\n- *a\n- !!omap [1]")
def test_any_text_is_data_or_a_fault(text: str) -> None:
    found = outcome(text)
    if isinstance(found, YamlFault):
        assert found.message
        assert found.span.line < len(LINE_BREAKS.split(text))
    else:
        assert () in found.values


@given(st.text("ab:-[]{},&*!|>'\"%@#? \t\n<~01.", max_size=40))
def test_any_text_made_of_yaml_marks_is_data_or_a_fault(text: str) -> None:
    found = outcome(text)
    assert found.message if isinstance(found, YamlFault) else () in found.values


def test_keys_and_values_know_their_places() -> None:
    marked = parse("a:\n  - b: one\n    'c': {d: 2}\n")
    assert marked.keys[("a", 0, "b")] == Span(1, 4, 1, 5)
    assert marked.values[("a", 0, "b")] == Span(1, 7, 1, 10)
    assert marked.keys[("a", 0, "c")] == Span(2, 4, 2, 7)
    assert marked.values[("a", 0, "c", "d")] == Span(2, 13, 2, 14)


def test_a_duplicate_key_is_refused_with_both_places() -> None:
    (fault,) = parse("a: 1\nb: 2\na: 3\n").faults
    assert fault.message == "duplicate key `a`"
    assert fault.hint == "first written on line 1"
    assert fault.span == Span(2, 0, 2, 1)


def test_merge_keys_fill_in_and_the_place_is_where_it_is_written() -> None:
    marked = parse("a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc:\n  <<: [*a, *b]\n  x: 9\n")
    assert marked.data["c"] == {"x": 9, "y": 2, "z": 4}
    assert marked.values[("c", "y")].line == 0
    assert marked.values[("c", "z")].line == 1
    assert marked.values[("c", "x")].line == 4


def test_an_anchor_that_contains_itself_is_refused() -> None:
    assert [f.message for f in parse("a: &a\n  b: [*a]\n").faults] == ["this anchor contains itself"]
    assert [f.message for f in parse("a: &a\n  <<: *a\n").faults] == ["this anchor contains itself"]


@pytest.mark.parametrize("form", ["[{}]", "{{<<: [{}]}}"])
def test_aliases_that_expand_without_bound_are_refused(form: str) -> None:
    lines = ["a0: &a0 [x, x]"] if form == "[{}]" else ["a0: &a0 {x: 1}"]
    lines += [f"a{i}: &a{i} " + form.format(", ".join([f"*a{i - 1}"] * 9)) for i in range(1, 12)]
    with pytest.raises(YamlFault, match="aliases expand"):
        parse("\n".join(lines))


@pytest.mark.parametrize(
    "text", ["a: !!python/object/apply:os.system [x]", "a: !x 1", "a: !!binary aGk=", "a: !!set {b}"]
)
def test_tags_beyond_the_core_schema_are_refused(text: str) -> None:
    (fault,) = parse(text).faults
    assert "is not allowed" in fault.message


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("a:\n\tb: 1", "a tab is not allowed here", 1),
        ("a: [1, 2", "a `,` or `]` is missing", 0),
        ("a: b: c", "a `:` is not allowed here", 0),
        ("a: 1\n---\nb: 2", "one document only", 1),
        ("a: *b", "no anchor of this name", 0),
        ("", "the file is empty", 0),
        ("# nothing", "the file is empty", 0),
        ("[" * 99, "nested more than", 0),
        ("a: 'b", "the quotes are not closed", 0),
        ("a: \x00", "U+0000", 0),
    ],
)
def test_text_that_is_no_yaml_says_so_plainly(text: str, message: str, line: int) -> None:
    with pytest.raises(YamlFault) as caught:
        parse(text)
    assert message in caught.value.message
    assert caught.value.span.line == line
