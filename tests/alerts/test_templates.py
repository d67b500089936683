"""A sink's own wording: what it sees, what it cannot do, and that it always ends."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stressd.alerts.canned import canned
from stressd.alerts.headline import LIMIT
from stressd.alerts.notification import Notification, Telling
from stressd.alerts.render import MARKS, render
from stressd.alerts.templates import TemplateFault, Wording

EVENTS = canned()
LEAD = EVENTS[0]


def worded(source: str, part: str = "text", **telling: object) -> Notification:
    told = Telling(**({"first": True} | telling))  # type: ignore[arg-type]
    return Wording({part: source}).apply(LEAD, render(LEAD, told))


def fault(source: str, part: str = "text") -> TemplateFault:
    with pytest.raises(TemplateFault) as caught:
        worded(source, part)
    return caught.value


def tried(source: str, part: str) -> Notification | TemplateFault:
    try:
        return worded(source, part)
    except TemplateFault as found:
        return found


GOOD = """{{ message.title }}
{% for s in event.series %}
{{ s.series|name }} {{ s.value|level(s.series) }} {{ s.change_bp|bp if s.change_bp is not none else "" }}
{% endfor %}
{% for fact in message.facts %}{{ fact.label }}: {{ fact.value }}
{% endfor %}
{{ event.time|moment }}, Tokyo {{ event.time|local("Asia/Tokyo") }}"""


def test_a_template_sees_the_contract_and_the_built_in_words() -> None:
    made = worded(GOOD)
    assert made.own_text
    assert made.title == LEAD.headline
    assert "JP 30Y 3.765% +16.3bp" in made.text
    assert "Tokyo 14:31" in made.text
    assert Wording({"text": GOOD}).try_on(EVENTS) is None


def test_each_part_is_worded_by_itself_and_the_others_stay() -> None:
    plain = render(LEAD, Telling(first=True))
    made = worded("{{ event.severity|upper }}: {{ event.market }}\n", "title")
    assert made.title == "CRITICAL: JP"
    assert (made.text, made.subject, made.html, made.own_text) == (plain.text, plain.subject, None, False)
    made = worded("<b>{{ '<i>' }}</b>", "html")
    assert made.html == "<b>&lt;i&gt;</b>"


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: f"{event.kind}-{event.type}-{event.origin}")
def test_what_is_not_live_says_so_first_whatever_the_template(event: object) -> None:
    assert isinstance(event, type(LEAD))
    for origin in ("live", *MARKS):
        one = replace(event, origin=origin)
        parts = {"title": "x" * 300, "subject": "a\r\nBcc: b", "text": "c", "html": "<p>d</p>"}
        made = Wording(parts).apply(one, render(one, Telling(first=True)))
        assert len(made.title) <= LIMIT
        assert "\n" not in made.subject + made.title
        if origin != "live":
            mark = MARKS[origin]
            assert made.title.startswith(mark)
            assert made.text.startswith(mark)
            assert made.subject.startswith(mark)
            assert made.html is not None
            assert mark in made.html


def test_notes_on_the_delivery_stand_whatever_the_template() -> None:
    made = worded("only this", late_s=840.0, possible_repeat=True)
    assert made.text.splitlines()[0] == "only this"
    assert any(line.startswith("late by 14 min") for line in made.text.splitlines())
    assert "possible repeat" in made.text


@pytest.mark.parametrize(
    ("source", "line", "words"),
    [
        ("a\n{{ event.sevrity }}", 2, "there is no 'sevrity'"),
        ("a\nb\n{% if %}", 3, "Expected an expression"),
        ("{{ nothing }}", 1, "'nothing' is undefined"),
        ("{{ event.series[99].value }}", 1, "no element 99"),
        ("{{ message|frob }}", 1, "No filter named 'frob'"),
        ("x\n{% include 'etc' %}", 2, "`include` is not available"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", 1, "`macro` is not available"),
        ("{% for a in event.series recursive %}{{ loop(event.series) }}{% endfor %}", 1, "recursive loop"),
        ("{{ event.headline * 1000000000 }}", 1, "is for two numbers"),
        ("{{ 10 ** 100000000 }}", 1, "`**` is not available"),
        ("{{ '%0999999999d'|format(1) }}", 1, "three digits"),
        ("{{ '%0999999999d' % 1 }}", 1, "is for two numbers"),
        ("{{ 'a'.ljust(1000000000) }}", 1, "unsafe"),
        ("{{ event.__class__.__mro__ }}", 1, "there is no '__class__'"),
        ("{{ ''.__class__ }}", 1, "unsafe"),
        ("{{ range(10) }}", 1, "'range' is undefined"),
        ("{{ event.time|local('Mars/Base') }}", 1, "No time zone"),
        ("{% set a = message.text %}" + "{% set a = a ~ a %}" * 30, 1, "more than 20 `set`"),
        ("{% set a = message.text %}" + "{% set a = a ~ a %}" * 15 + "{{ a }}", 1, "handles more than"),
        ("{% set a = message.text %}" + "{% set a = a ~ a %}" * 9 + "{{ a }}", 1, "longer than"),
        (
            "{% set a = message.text %}" + "{% set a = a + a + a + a + a + a + a + a %}" * 12 + "{{ a }}",
            1,
            "handles more than",
        ),
        ("{{ message.text" + "|replace('', 'yyyyyyyyyy')" * 12 + " }}", 1, "handles more than"),
        ("{% set a = message.text|replace('', 'y') %}{{ [" + "a," * 9_000 + "] }}", 1, "handles more than"),
        ("{% set a = 99999999999 %}" + "{% set a = a * a %}" * 9 + "{{ a }}", 1, "too large"),
        ("{% set a %}x{% endset %}{{ a }}", 1, "`set ... endset` is not available"),
        ("{{ ''.__~c__ }}", 1, "has no attribute"),
        ("  \n", 1, "renders to nothing"),
        ("x" * 70_000, 1, "longer than 64000"),
    ],
)
def test_what_a_template_may_not_do_is_told_with_its_line(source: str, line: int, words: str) -> None:
    found = fault(source)
    assert words in found.text
    assert found.line == line


def test_loops_end_whether_they_write_or_not() -> None:
    nested = "{% for a in message.text %}" * 6 + "{% if false %}x{% endif %}" + "{% endfor %}" * 6 + "."
    began = time.monotonic()
    assert "turn more than 10000 times" in fault(nested).text
    assert time.monotonic() - began < 2.0


def test_an_event_that_breaks_it_is_named_before_it_is_used() -> None:
    found = Wording({"text": "{{ event.series[0].sigma|sigma }}"}).try_on(EVENTS)
    assert found is not None
    assert "on a made-up event: " in found.text


@given(st.text(max_size=200))
def test_any_text_is_a_template_or_a_fault(source: str) -> None:
    for part in ("text", "html"):
        outcome = tried(source, part)
        assert isinstance(outcome, Notification) or outcome.line >= 1
