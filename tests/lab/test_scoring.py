"""Scoring: hand-made cases, what holds for any alerts and moves, exact intervals against scipy."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from stressd.alerts.event import Event, EventType, Follower, SeriesMove, Source, Wording
from stressd.lab.scoring.figures import figures
from stressd.lab.scoring.intervals import binomial_interval, poisson_interval
from stressd.lab.scoring.match import AFTER, BEFORE, Alert, match
from stressd.lab.scoring.plot import NoPlots, plot
from stressd.lab.scoring.report import report
from stressd.lab.scoring.score import Score, score
from stressd.lab.sim.labels import Dirt, Label, Move, MoveKind, Run
from stressd.market.times import SECOND, iso, parse_time

pytestmark = pytest.mark.once

NOON = parse_time("2025-01-08T12:00:00Z")
RUN = Run(
    seed=1, start="2025-01-06T00:00:00Z", scored_from="2025-01-07T00:00:00Z", end="2025-01-11T00:00:00Z", nu=6.0,
    jumps=True, dirt=[], tenors=["10Y"], sessions={"JP": 21, "US": 42},
)  # fmt: skip


def move(
    seconds: float,
    market: str = "US",
    k: float = 7.0,
    name: str = "",
    parent: str | None = None,
    kind: MoveKind = "primary",
    ramp: float = 40.0,
    lag: float | None = None,
) -> Move:
    own = name or f"{market}{seconds:g}"
    return Move(
        id=own, kind=kind, root=parent or own, parent=parent, market=market, tenor="10Y",
        onset=iso(NOON + int(seconds * SECOND)), ramp_s=ramp, k=k, bp=k / 2, lag_s=lag, open_lag_s=lag,
    )  # fmt: skip


def told(
    seconds: float,
    market: str = "US",
    type: EventType = "opened",
    up: bool = True,
    episode: str = "",
    period: float | None = None,
    followers: Sequence[Follower] = (),
    source: Source | None = None,
    kind: str = "market",
    rule: str = "sigma-breach",
) -> Event:
    name = episode or f"{market}-{seconds:g}"
    row = SeriesMove(
        series=f"{market}.GOV.10Y", value=4.0, change_bp=3.0, horizon="5m", sigma=7.1,
        return_period_years=None if period is None else [period / 2, period, period * 3],
    )  # fmt: skip
    return Event(
        id=f"{name}.1", episode=name, seq=1, type=type, kind=kind, origin="simulated",  # type: ignore[arg-type]
        time=iso(NOON + int(seconds * SECOND)), instance="x", rule=rule, market=market,
        direction="up" if up else "down", severity="warn", headline="x", series=[row], source=source,
        followers=list(followers), version="0", method="1", config="x",
    )  # fmt: skip


def hits(made: Score) -> list[float | None]:
    return [found.delay_s for found in made.moves]


@pytest.mark.parametrize(("seconds", "found"), [(-30.1, False), (-30, True), (0, True), (900, True), (900.1, False)])
def test_an_alert_is_true_from_half_a_minute_before_to_a_quarter_of_an_hour_after(seconds: float, found: bool) -> None:
    made = score([told(seconds)], [RUN, move(0)])
    assert hits(made) == [seconds if found else None]
    assert len(made.false) == (0 if found else 1)


def test_the_market_must_be_the_right_one_and_feed_events_are_no_alerts() -> None:
    made = score([told(5, "JP"), told(6, kind="feed")], [RUN, move(0)])
    assert hits(made) == [None]
    assert [each.alert.market for each in made.false] == ["JP"]


def test_a_second_alert_on_the_same_move_is_false() -> None:
    made = score([told(5), told(300, episode="again")], [RUN, move(0)])
    assert hits(made) == [5.0]
    assert [each.alert.episode for each in made.false] == ["again"]
    assert made.false[0].after


def test_two_moves_and_two_alerts_find_each_other_whatever_came_first() -> None:
    assert hits(score([told(10), told(620)], [RUN, move(0), move(600)])) == [10.0, 20.0]
    assert hits(score([told(620)], [RUN, move(0), move(600)])) == [None, 20.0]
    opposite = [RUN, move(0, k=8.0), move(60, k=-8.0)]
    assert hits(score([told(70, up=False), told(80, up=True)], opposite)) == [80.0, 10.0]


def test_what_an_open_episode_tells_is_neither_found_nor_false_but_inside() -> None:
    labels: list[Label] = [RUN, move(0, k=9.0)]
    for type_ in ("escalated", "widened", "peaked"):
        made = score([told(-3000), told(20, type=type_, episode="US--3000")], labels)  # type: ignore[arg-type]
        assert [(found.delay_s, found.inside) for found in made.moves] == [(None, True)]
        assert len(made.false) == 1
    against = score([told(-3000), told(20, type="escalated", up=False, episode="US--3000")], labels)
    assert not against.moves[0].inside
    again = score([told(-3000), told(20, type="reopened", episode="US--3000")], labels)
    assert hits(again) == [20.0]


def test_retraces_and_bursts_are_true_but_nobody_waits_for_them() -> None:
    labels: list[Label] = [
        RUN,
        move(0),
        move(40, k=-3.5, name="back", kind="retrace"),
        move(5000, kind="burst", ramp=3600.0),
    ]
    made = score([told(5), told(200, up=False, episode="b"), told(5300), told(7000)], labels)
    assert hits(made) == [5.0]
    assert made.excused == 3
    assert not made.false


def test_what_lies_before_the_scored_stretch_does_not_count() -> None:
    early = -86_400.0 - 13 * 3600
    made = score([told(early + 5), told(early + 3000)], [RUN, move(early)])
    assert not made.moves
    assert not made.false


def test_only_the_named_rules_count() -> None:
    events = [told(5), told(6, rule="levels", episode="l")]
    assert len(score(events, [RUN, move(0)]).false) == 1
    assert not score(events, [RUN, move(0)], ["sigma-breach"]).false


def test_a_false_alarm_names_the_dirt_beside_it() -> None:
    labels: list[Label] = [
        RUN,
        Dirt(flag="unit", market="US", series=None, time=iso(NOON), lasts_s=600.0),
        Dirt(flag="bad", market="US", series="US.GOV.10Y", time=iso(NOON + 500 * SECOND)),
        Dirt(flag="duplicate", market="US", series="US.GOV.10Y", time=iso(NOON)),
        Dirt(flag="gap", market="JP", series=None, time=iso(NOON), lasts_s=600.0),
    ]
    made = score([told(700), told(1499), told(1501)], labels)
    assert [each.beside for each in made.false] == [("bad", "unit"), ("unit",), ()]


def test_a_move_that_the_feed_did_not_show_is_told_apart() -> None:
    def seen(flag: str, begins: float, lasts: float) -> list[int]:
        dirt = Dirt(flag=flag, market="US", series=None, time=iso(NOON + int(begins * SECOND)), lasts_s=lasts)
        found = figures(score([], [RUN, move(0, ramp=40.0), dirt]))
        return [found["recall"][-2]["n"], found["recall_shown"][-2]["n"]]

    assert seen("stale", -100, 200) == [1, 0]
    assert seen("gap", 30, 200) == [1, 0]
    assert seen("stale", -300, 200) == [1, 1]
    assert seen("stale", 60, 200) == [1, 1]
    assert seen("bad", -1, 0) == [1, 1]


def follower(market: str, wording: Wording, lag: float | None = None, beta: float | None = None) -> Follower:
    return Follower(market=market, wording=wording, lag_s=lag, open_lag_s=lag, beta=beta)


def test_a_link_is_true_from_parent_to_child_and_not_from_root_to_grandchild() -> None:
    labels: list[Label] = [
        RUN,
        move(0, "JP", k=8.0, name="j"),
        move(90, "US", k=7.2, name="u", parent="j", kind="child", lag=90.0),
        move(120, "UK", k=6.5, name="g", parent="u", kind="child", lag=30.0),
    ]
    answers = [
        follower("US", "followed", 100.0, 0.9),
        follower("UK", "followed", 130.0),
        follower("DE", "did not respond"),
    ]
    events = [
        told(10, "JP", episode="J"),
        told(100, "US", episode="U"),
        told(
            125,
            "UK",
            episode="G",
            source=Source(episode="U", market="US", wording="spilled over", lag_s=25.0, open_lag_s=25.0),
        ),
        told(150, "JP", type="propagated", episode="J", followers=answers),
    ]
    found = figures(score(events, labels))["links"]
    assert (found["precision"]["k"], found["precision"]["n"]) == (2, 3)
    assert (found["recall"]["k"], found["recall"]["n"]) == (2, 2)
    assert found["recall_both_found"]["n"] == 2
    assert found["median_lag_error_s"] == 7.5
    assert found["median_beta_error"] == pytest.approx(0.0)
    assert (found["spilled_over"]["k"], found["spilled_over"]["n"]) == (1, 1)
    assert [(row["pair"], row["n"], row["lag_s"], row["true_lag_s"]) for row in found["pairs"]] == [
        ("JP -> US", 1, 100.0, 90.0),
        ("US -> UK", 1, 25.0, 30.0),
    ]
    without = figures(score(events[:1], labels))["links"]
    assert (without["recall"]["k"], without["recall_both_found"]["n"]) == (0, 0)


def test_co_moved_is_counted_apart_from_what_is_said_to_have_followed() -> None:
    labels: list[Label] = [RUN, move(0, "JP", name="j")]
    events = [told(10, "JP", followers=[follower("US", "co-moved"), follower("UK", "followed")])]
    found = figures(score(events, labels))["links"]
    assert (found["precision"]["n"], found["precision_co_moved"]["n"]) == (1, 1)
    assert found["precision"]["share"] == 0.0


def test_return_periods_are_compared_with_how_often_they_were_printed() -> None:
    year = Run(**{**msgspec.structs.asdict(RUN), "end": "2026-01-07T00:00:00Z", "sessions": {"US": 250}})
    events = [told(20_000.0 + i * 40_000.0, period=period) for i, period in enumerate([0.1] * 8 + [0.6, 1.2])]
    events += [told(5, period=40.0, episode="true")]
    found = figures(score(events, [year, move(0, ramp=40.0)]))["return_periods"]
    rows = {row["years"]: row for row in found["rows"]}
    assert found["series_years"] == pytest.approx(0.9993, abs=1e-3)
    assert (rows[0.1]["count"], rows[0.5]["count"], rows[1.0]["count"], rows[2.0]["count"]) == (11, 3, 2, 1)
    assert 0.05 not in rows
    assert rows[0.1]["expected"] == pytest.approx(9.993, abs=0.01)
    assert rows[0.1]["low"] < 1.0 < rows[0.1]["high"]


def test_the_longest_period_of_an_episode_counts_and_once() -> None:
    year = Run(**{**msgspec.structs.asdict(RUN), "end": "2026-01-07T00:00:00Z", "sessions": {"US": 250}})
    events = [told(0, period=0.2), told(9, type="peaked", episode="US-0", period=2.0), told(20, type="resolved",
              episode="US-0", period=0.1)]  # fmt: skip
    assert [each.years for each in score(events, [year]).periods] == [2.0]


MARKETS = st.sampled_from(["JP", "US"])
MOVES = st.lists(st.builds(move, st.integers(0, 4000), MARKETS, st.sampled_from([-7.0, 7.0])), max_size=8)
ALERTS = st.lists(
    st.builds(
        lambda s, market, up: Alert(NOON + s * SECOND, market, up, "e", "", "5m", 7.0, 3.0, "warn", NOON),
        st.integers(-100, 5000),
        MARKETS,
        st.sampled_from([-1, 1]),
    ),
    max_size=8,
)


@given(alerts=ALERTS, moves=MOVES)
def test_matching_is_one_to_one_within_the_window_and_leaves_no_pair_that_could_be(
    alerts: list[Alert], moves: list[Move]
) -> None:
    def possible(alert: Alert, moved: Move) -> bool:
        onset = parse_time(moved.onset)
        return alert.market == moved.market and onset - BEFORE <= alert.time <= onset + AFTER

    found = match(alerts, moves)
    assert len(set(found.values())) == len(found)
    assert all(possible(alerts[a], moves[m]) for a, m in found.items())
    for a, alert in enumerate(alerts):
        for m, moved in enumerate(moves):
            assert not (a not in found and m not in found.values() and possible(alert, moved))


@given(alerts=ALERTS, moves=MOVES)
def test_every_scored_alert_is_true_false_or_excused_and_every_move_found_or_not(
    alerts: list[Alert], moves: list[Move]
) -> None:
    events = [told((a.time - NOON) / SECOND, a.market, episode=str(i)) for i, a in enumerate(alerts)]
    made = score(sorted(events, key=lambda e: parse_time(e.time)), [RUN, *moves])
    found = sum(each.delay_s is not None for each in made.moves)
    assert len(made.moves) == len(moves)
    assert found + made.excused + len(made.false) == len(alerts)


def test_scores_of_runs_add_up() -> None:
    one = score([told(5), told(3000)], [RUN, move(0)])
    both = Score()
    both.add(one)
    both.add(score([], [RUN, move(0)]))
    found = figures(both)
    assert found["runs"] == 2
    assert found["market_months"] == 6.0
    assert (found["recall"][-2]["k"], found["recall"][-2]["n"]) == (1, 2)
    assert found["false_alarms"]["count"] == 1
    assert found["false_alarms"]["by_market"]["US"]["market_months"] == 4.0
    assert both.years["US.GOV.10Y"] == pytest.approx(2 * 4 / 365.25)


def test_size_classes_and_delays_are_as_told() -> None:
    sizes = [4.0, 5.5, 6.0, 6.49, 6.5, 7.99, 8.0, 10.0, 30.0]
    labels = [move(i * 2000.0, k=k if i % 2 else -k) for i, k in enumerate(sizes)]
    events = [told(i * 2000.0 + 10 * (i + 1)) for i in range(len(sizes))]
    found = figures(score(events, [RUN, *labels]))
    assert [row["n"] for row in found["recall"]] == [1, 3, 2, 1, 2, 7, 3]
    assert all(row["share"] == 1.0 for row in found["recall"])
    assert found["delay_all"]["median_s"] == 50.0
    assert found["delay_all"]["median_of_ramp"] == 1.25
    assert found["delay"]["n"] == 7
    assert found["precision"]["share"] == 1.0


@given(n=st.integers(1, 400), data=st.data())
def test_binomial_intervals_are_those_of_scipy(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))
    exact = stats.binomtest(k, n).proportion_ci(0.95, method="exact")
    assert binomial_interval(k, n) == pytest.approx((exact.low, exact.high), abs=1e-9)


@given(k=st.integers(0, 500), exposure=st.floats(0.1, 1e4))
def test_poisson_intervals_are_the_chi_square_ones(k: int, exposure: float) -> None:
    low = stats.chi2.ppf(0.025, 2 * k) / 2 if k else 0.0
    high = stats.chi2.ppf(0.975, 2 * k + 2) / 2
    assert poisson_interval(k, exposure) == pytest.approx((low / exposure, high / exposure), rel=1e-8, abs=1e-12)


def test_an_interval_of_nothing_is_refused() -> None:
    for k, n in ((-1, 3), (4, 3)):
        with pytest.raises(ValueError):
            binomial_interval(k, n)
    with pytest.raises(ValueError):
        poisson_interval(3, 0.0)


def full() -> Score:
    labels: list[Label] = [RUN, move(0, "JP", name="j"), move(90, k=8.5, name="u", parent="j", kind="child", lag=90.0)]
    answers = [follower("US", "followed", 95.0, 1.0)]
    events = [told(10, "JP", episode="J", period=1.0), told(100, period=2.0), told(9000, period=0.3)]
    events += [told(9001, "JP", type="propagated", episode="J", followers=answers)]
    return score(events, labels)


def test_the_report_says_every_figure_with_its_interval() -> None:
    text = report(figures(full()), 1.0)
    for said in (
        "3.0 market-months", "precision 0.667 [0.094, 0.992] (2 of 3)", ">= 6           2      2       0  1.000",
        "median 10.0 s, 0.25 of the ramp", "false alarms: 0.33 [0.01, 1.86] a market-month (1 in 3.0), budget 1",
        "by horizon: 5m 1", "precision  1.000", "error",
    ):  # fmt: skip
        assert said in text
    empty = report(figures(score([], [RUN])), 1.0)
    assert "return periods: none was printed" in empty
    assert "moves found" not in empty


def test_figures_are_plain_json() -> None:
    found: dict[str, Any] = json.loads(json.dumps(figures(full()), allow_nan=False))
    assert found["false_alarms"]["by_hour_utc"] == {"14": 1}


def test_the_picture_is_a_png_even_of_nothing(tmp_path: Path) -> None:
    for number, scored in enumerate((full(), score([], [RUN]))):
        path = tmp_path / f"{number}.png"
        plot(scored, figures(scored), 1.0, path)
        assert path.read_bytes().startswith(b"\x89PNG\r\n")
        assert path.stat().st_size > 20_000


def test_without_matplotlib_the_picture_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("matplotlib")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(NoPlots, match=r"pip install 'stressd\[plots\]'"):
        plot(full(), figures(full()), 1.0, tmp_path / "x.png")


def test_the_p_of_answers_that_are_no_link_is_counted_by_resolution() -> None:
    labels: list[Label] = [
        RUN,
        move(0, "JP", k=8.0, name="j"),
        move(90, "US", k=7.2, name="u", parent="j", kind="child", lag=90.0),
    ]
    answers = [
        Follower(market="US", wording="followed", p=0.001, resolution="tick"),
        Follower(market="UK", wording="followed", p=0.02, resolution="tick"),
        Follower(market="DE", wording="did not respond", p=0.4, resolution="tick"),
        Follower(market="CA", wording="did not respond", p=0.3, resolution="1d"),
        Follower(market="AU", wording="could not respond"),
    ]
    found = figures(score([told(10, "JP", followers=answers)], labels))["links"]["unlinked_p"]
    assert {name: (row["k"], row["n"]) for name, row in found.items()} == {"tick": (1, 2), "1d": (0, 1)}
