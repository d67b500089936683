"""What is said of other markets, number by number."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressd.alerts.event import BaseRate, Follower, Source
from stressd.alerts.evidence import (
    answer_text,
    base_rate_text,
    lag_text,
    link_clauses,
    ordered,
    p_text,
    source_clause,
    source_text,
)

US = Follower(market="US", series="US.GOV.10Y", wording="followed", change_bp=6.8, value=4.295, sigma=1.4)


def us(**changes: Any) -> Follower:
    return msgspec.structs.replace(US, **changes)


@pytest.mark.parametrize(
    ("p", "text"),
    [(0.06, "= .06"), (0.0496, "= .05"), (0.21, "= .21"), (0.0042, "= .004"), (0.0004, "< .001"), (1.0, "= 1.00")],
)
def test_p_is_printed_with_the_digits_that_it_has(p: float, text: str) -> None:
    assert p_text(p) == text


@given(st.floats(1e-9, 1.0))
def test_no_p_is_printed_as_nothing(p: float) -> None:
    text = p_text(p)
    assert "= .00 " not in f"{text} "
    assert "= .000" not in text


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "JP 30Y beyond +4σ: 8 times since 1999, US 10Y the same way in 6 (75 %), mean +1.2σ"),
        (
            {"beyond": -3.0, "times": 1200, "same_sign": 700, "mean_sigma": -0.04},
            "JP 30Y beyond -3σ: 1,200 times since 1999, US 10Y the same way in 700 (58 %), mean +0.0σ",
        ),
        ({"times": 1, "same_sign": 0}, "JP 30Y beyond +4σ: once since 1999, US 10Y not the same way, mean +1.2σ"),
        ({"times": 0, "same_sign": 0, "mean_sigma": None}, "JP 30Y beyond +4σ: never since 1999"),
    ],
)
def test_a_base_rate_is_one_sentence_with_its_n(changes: dict[str, Any], text: str) -> None:
    base = BaseRate(
        source="JP.GOV.30Y", series="US.GOV.10Y", beyond=4.0, times=8, same_sign=6, mean_sigma=1.2, since="1999-09-01"
    )
    assert base_rate_text(msgspec.structs.replace(base, **changes)) == text


def test_open_time_comes_first_and_the_clock_beside_it_where_it_differs() -> None:
    assert lag_text(41.0, 41.0, (35.0, 48.0)) == "41 s (35 s to 48 s)"
    assert lag_text(41.0, None) == "41 s"
    both = "8 h 30 min of open time (8 h to 9 h), 14 h 30 min by the clock"
    assert lag_text(52200.0, 30600.0, (28800.0, 32400.0)) == both
    assert lag_text(5.0, 5.0, (-2.0, 12.0)) == "5 s (0 s to 12 s)"
    assert lag_text(5.0, 5.0, (5.0, 5.0)) == "5 s"


@pytest.mark.parametrize(
    ("changes", "start"),
    [
        ({"lag_s": 41.0, "open_lag_s": 41.0}, "followed JP after 41 s · +6.8bp to 4.295%, 1.4σ"),
        ({"wording": "spilled over"}, "JP spilled over into it · "),
        ({"wording": "co-moved", "lag_s": 3.0, "open_lag_s": 3.0}, "moved together with JP within 3 s · "),
        ({"wording": "co-moved", "lag_s": -3.0, "open_lag_s": 0.0}, "moved together with JP within 3 s · "),
        ({"wording": "co-moved", "lag_s": 0.0, "resolution": "1d"}, "moved together with JP at the same instant (over"),
        ({"wording": "did not respond", "lag_s": 600.0, "open_lag_s": 600.0}, "did not respond within 10 min · "),
        ({"wording": "did not respond", "via": "UK"}, "its move is put down to UK · "),
        ({"wording": "did not respond", "was": "followed", "reason": "late ticks"}, "did not follow JP: late ticks · "),
        (
            {
                "wording": "could not respond", "reason": "closed (overnight)", "change_bp": None,
                "next_open": "2026-01-20T12:00:00Z", "next_open_local": "20 Jan 07:00 New York",
            },
            "could not respond: closed (overnight), opens 20 Jan 2026 12:00 UTC (20 Jan 07:00 New York)",
        ),
    ],
)  # fmt: skip
def test_each_wording_says_what_its_layer_knows(changes: dict[str, Any], start: str) -> None:
    assert answer_text(us(**changes), "JP", True, set()).startswith(start)


def test_p_says_of_what_and_how_many() -> None:
    assert answer_text(us(p=0.06, p_of=750, resolution="1d"), "JP", True, ()).endswith(
        " · p = .06 among 750 comparable days"
    )
    assert answer_text(us(p=0.004, p_of=8120, resolution="tick"), "JP", True, ()).endswith(
        " · p = .004 among 8,120 comparable stretches"
    )


def test_links_come_first_and_what_could_not_respond_last() -> None:
    words = ("could not respond", "did not respond", "co-moved", "followed", "spilled over")
    rows = [us(market=f"M{n}", wording=word) for n, word in enumerate(words)]
    assert [each.wording for each in ordered(rows)] == list(reversed(words))


def test_clauses_name_as_many_as_there_is_room_for() -> None:
    rows = [us(market=f"M{n}", series=f"M{n}.GOV.10Y") for n in range(4)]
    assert link_clauses(rows[:2]) == ["followed by M0 10Y +6.8bp and M1 10Y +6.8bp"]
    assert link_clauses(rows, 50) == ["followed by M0 10Y +6.8bp and 3 more"]
    assert link_clauses([*rows[:1], us(wording="spilled over")]) == [
        "spilled over into US 10Y +6.8bp",
        "followed by M0 10Y +6.8bp",
    ]
    assert link_clauses([us(wording="did not respond")]) == []


def test_the_other_end_of_a_link_has_the_same_words() -> None:
    for wording, words in (("followed", "followed JP"), ("co-moved", "moved together with JP")):
        assert source_clause(Source(episode="JP-1", market="JP", wording=wording)) == words  # type: ignore[arg-type]
    spilled = Source(episode="JP-1", market="JP", wording="spilled over", lag_s=41.0, p=0.004, p_of=8120, was="UK-1")
    assert source_clause(spilled) == "spilled over from JP"
    assert source_text(spilled) == (
        "spilled over from JP (JP-1) after 41 s · p = .004 among 8,120 comparable stretches · UK-1 was named before"
    )
