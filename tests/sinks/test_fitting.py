"""One rule of what is cut: the table's tail, then the answers', the facts', the footing's; never status and episode."""

from __future__ import annotations

import json
from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stressd.alerts.notification import Notification, Row
from stressd.sinks.blocks import blocks, plain, reply
from stressd.sinks.fitting import ANSWERS, ROWS, Shown, cut, fitted, footing_of

Note = Callable[..., Notification]


def made(note: Note, rows: int, answers: int, facts: int, footing: int, size: int = 10) -> Notification:
    return note(
        facts=(("Note", "late"), ("Status", "opened, high"), *((f"F{i}", "f" * size) for i in range(facts))),
        answers=tuple((f"A{i}", "a" * size) for i in range(answers)),
        table=tuple(Row((f"R{i}", "r" * size)) for i in range(rows)),
        table_header=("Series", "Now"),
        footing=(
            *((f"D{i}", "d" * size) for i in range(footing)),
            ("Episode", "JP-260120-7q2f, update 3"),
            ("Next", "x"),
        ),
    )


@given(
    rows=st.integers(0, 90), answers=st.integers(0, 60), facts=st.integers(0, 40), footing=st.integers(0, 8),
    room=st.integers(0, 200),
)  # fmt: skip
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_is_cut_while_something_of_less_use_is_shown(
    note: Note, rows: int, answers: int, facts: int, footing: int, room: int
) -> None:
    n = made(note, rows, answers, facts, footing)
    shown = fitted(n, lambda s: s, lambda s: s.rows + s.answers + s.facts + s.footing <= room)
    most = Shown(min(rows, ROWS), min(answers, ANSWERS), facts + 2, footing + 2)
    assert shown.answers == most.answers or shown.rows == 0
    assert shown.facts == most.facts or shown.answers == 0
    assert shown.footing == most.footing or shown.facts == 2
    assert shown.facts >= 2, "notes and status stay"
    assert ("Episode", "JP-260120-7q2f, update 3") in footing_of(n, shown)
    whole = (shown.rows, shown.answers, shown.facts, shown.footing) == (rows, answers, facts + 2, footing + 2)
    assert (cut(n, shown) is None) == whole


@given(
    rows=st.integers(0, 90), answers=st.integers(0, 60), facts=st.integers(0, 40), footing=st.integers(0, 8),
    size=st.integers(1, 1_500),
)  # fmt: skip
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_slack_message_keeps_headline_status_and_episode_and_says_what_it_lacks(
    note: Note, rows: int, answers: int, facts: int, footing: int, size: int
) -> None:
    n = made(note, rows, answers, facts, footing, size)
    for message in (blocks(n), blocks(n, grey=True)):
        said = json.dumps(message, ensure_ascii=False)
        assert len(said) <= 10_000
        assert len(message) <= 50
        for words in ("CRITICAL · JP 30Y +20.3bp", "opened, high", "JP-260120-7q2f, update 3", n.event_id):
            assert words in said
        last = (f"R{rows - 1} ", f"*A{answers - 1}*", f"*F{facts - 1}*", f"D{footing - 1}:")
        lacks = any(
            count and mark not in said for count, mark in zip((rows, answers, facts, footing), last, strict=True)
        )
        assert ("Cut to fit, not shown: " in said) == lacks
    assert len(json.dumps(reply(n), ensure_ascii=False)) <= 10_000
    assert len(plain(n)) <= 3_500
    assert "opened, high" in plain(n)
    assert "JP-260120-7q2f, update 3" in plain(n)


def test_what_was_cut_is_counted_in_words(note: Note) -> None:
    n = made(note, 70, 50, 3, 2)
    assert cut(n, Shown(70, 50, 5, 4)) is None
    assert cut(n, Shown(69, 50, 4, 4)) == (
        "Cut to fit, not shown: 1 row of the table, 1 fact; all of it: stressd explain JP-260120-7q2f"
    )
    assert cut(n, Shown(0, 0, 2, 0)) == (
        "Cut to fit, not shown: 70 rows of the table, 50 answers, 3 facts, 3 lines on the data; "
        "all of it: stressd explain JP-260120-7q2f"
    )
