"""river's models as detectors: every one of them, the same after any restart, and through the engine to a message."""

from __future__ import annotations

import json
import math
import random
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import anomaly, drift

from stressd.alerts.event import Event
from stressd.alerts.notification import Telling
from stressd.alerts.render import render
from stressd.cli.main import main
from stressd.config.faults import ConfigError
from stressd.config.load import Loaded, load_text
from stressd.detectors.models import names, plan
from stressd.detectors.river import RiverConfig, RiverModel
from stressd.engine.spec import MINUTE, SECOND
from stressd.lab.backtest import Daily
from stressd.lab.cost import measure
from stressd.lab.offline import Setup, drive
from stressd.market.tick import Tick
from stressd.market.times import iso, parse_day, parse_time
from stressd.runtime.registry import registry
from stressd.testing.worlds import walk, world

INNER = {"model": "anomaly.StandardAbsoluteDeviation"}
NEEDED: dict[str, dict[str, Any]] = {
    "anomaly.QuantileFilter": {"anomaly_detector": INNER, "q": 0.98},
    "anomaly.ThresholdFilter": {"anomaly_detector": INNER, "threshold": 3.0},
}
SLOW = {"anomaly.LocalOutlierFactor", "anomaly.LODA", "drift.KSWIN"}
MODELS = names()


def noise(seed: int, count: int) -> list[float]:
    """Calm moves, then larger ones that drift."""
    rng = random.Random(seed)
    return [rng.gauss(0.0, 1.0) if k < count / 2 else rng.gauss(1.0, 2.0) for k in range(count)]


def scores(name: str, moves: list[float], memory: int = 100_000, warm_up: int = 2, lags: int = 0) -> list[float]:
    model = RiverModel(plan(name, NEEDED.get(name, {}), lags, True), memory, warm_up)
    return [model.step(x, 0) for x in moves]


def test_every_model_of_the_three_modules_can_be_named_and_nothing_else() -> None:
    assert {"anomaly.HalfSpaceTrees", "anomaly.QuantileFilter", "drift.ADWIN", "drift.binary.DDM"} <= set(MODELS)
    assert len(MODELS) >= 18
    assert not [name for name in MODELS if "Classifier" in name or "datasets" in name]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("lags", [0, 2])
def test_every_model_scores_every_move_the_same_at_every_start(name: str, lags: int) -> None:
    moves = noise(1, 120 if name in SLOW else 600)
    first = scores(name, moves, lags=lags)
    assert scores(name, moves, lags=lags) == first
    assert all(math.isnan(x) for x in first[:2])
    assert all(math.isfinite(x) for x in first[2:])


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("anomaly.HalfSpaceTrees", lambda: anomaly.HalfSpaceTrees(seed=1, limits={"move": (-8.0, 8.0)})),
        ("anomaly.OneClassSVM", anomaly.OneClassSVM),
        ("anomaly.GaussianScorer", anomaly.GaussianScorer),
        ("drift.ADWIN", drift.ADWIN),
        ("drift.PageHinkley", drift.PageHinkley),
        ("drift.binary.HDDMA", drift.binary.HDDMA),
    ],
)
def test_a_score_is_what_the_model_says_by_itself(name: str, make: Callable[[], Any]) -> None:
    moves = noise(2, 1_000)
    model = make()
    expected = []
    for k, x in enumerate(moves):
        if name.startswith("drift"):
            model.update(abs(x) > 1.0 if "binary" in name else x)
            expected.append(1.0 if model.drift_detected else 0.0)
            continue
        given = ({"move_1": moves[k - 1] if k else 0.0}, x) if "Gaussian" in name else ({"move": x},)
        expected.append(model.score_one(*given) if k >= 2 else 0.0)
        model.learn_one(*given)
    assert scores(name, moves)[2:] == expected[2:]
    if name.startswith("drift"):
        assert sum(expected) > 0.0


@settings(max_examples=40)
@given(
    st.sampled_from([
        "anomaly.HalfSpaceTrees", "anomaly.OneClassSVM", "anomaly.QuantileFilter", "anomaly.GaussianScorer",
        "anomaly.PredictiveAnomalyDetection", "drift.ADWIN", "drift.PageHinkley", "drift.binary.HDDMW",
    ]),
    st.lists(st.floats(-9.0, 9.0), min_size=1, max_size=150),
    st.integers(10, 41),
    st.integers(0, 149),
    st.integers(0, 2),
)  # fmt: skip
def test_a_restart_anywhere_changes_no_score_however_long_the_life(
    name: str, moves: list[float], memory: int, cut: int, lags: int
) -> None:
    found = plan(name, NEEDED.get(name, {"window_size": 7} if "Half" in name else {}), lags, True)
    whole = RiverModel(found, memory, 3)
    part = RiverModel(found, memory, 3)
    expected = [whole.step(x, 0) for x in moves]
    for x in moves[:cut]:
        part.step(x, 0)
        assert len(part.state()) < memory
    again = RiverModel(found, memory, 3)
    again.load(json.loads(json.dumps(part.state())))
    after = [again.step(x, 0) for x in moves[cut:]]
    assert [repr(x) for x in after] == [repr(x) for x in expected[cut:]]


@given(st.integers(10, 60), st.integers(0, 300))
def test_a_model_is_made_of_at_least_half_and_at_most_all_of_its_memory(memory: int, count: int) -> None:
    model = RiverModel(plan("drift.ADWIN", {}, 0, True), memory, 2)
    for k in range(count):
        model.step(float(k), 0)
        held = model.state()
        assert held == [float(each) for each in range(k + 1 - len(held), k + 1)]
        assert min(k + 1, memory // 2) <= len(held) < memory


def test_what_is_older_than_the_memory_has_no_influence() -> None:
    moves = noise(3, 400)
    other = [9.0 * x for x in noise(4, 90)]
    name = "anomaly.OneClassSVM"
    assert scores(name, moves, memory=60)[180:] == pytest.approx(scores(name, other + moves[90:], memory=60)[180:])


HEAD = """\
instance: x
markets:
  AA: {calendar: always, tenors: [10Y, 30Y]}
  BB: {calendar: always, tenors: [10Y, 30Y]}
feeds: []
sinks: [{name: out, type: console}]
routes: [{match: {kind: [market, feed, self]}, sinks: out}]
rules:
"""


def read(rule: str) -> Loaded:
    return load_text(HEAD + f'  - {{name: r, type: river, series: "*", {rule}}}\n', Path("c.yaml"), registry())


def faults(rule: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(rule)
    return [fault.brief for fault in caught.value.faults if fault.level == "error"]


def test_the_engine_is_told_what_the_rule_says() -> None:
    loaded = read("model: drift.ADWIN, params: {delta: 0.01}, input: 5m, unit: bp, severity: warn, hold: 2h")
    (rule,) = loaded.engine.detector_rules
    assert (rule.name, rule.model, rule.input, rule.in_sigma, rule.severity) == ("r", "drift.ADWIN", "5m", False, 1)
    assert (rule.bar, rule.hold, rule.change) == (1.0, 120 * MINUTE, True)
    assert rule.series == ("AA.GOV.10Y", "AA.GOV.30Y", "BB.GOV.10Y", "BB.GOV.30Y")
    same = read("model: drift.ADWIN, params: {delta: 0.01}, input: 5m, unit: bp").engine.detector_rules[0]
    other = read("model: drift.ADWIN, params: {delta: 0.02}, input: 5m, unit: bp").engine.detector_rules[0]
    assert same.digest == rule.digest != other.digest
    trees = read("model: anomaly.HalfSpaceTrees, threshold: 0.95").engine.detector_rules[0]
    assert (trees.input, trees.in_sigma, trees.bar, trees.severity, trees.change) == ("1m", True, 0.95, 0, False)


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        (
            "model: anomaly.HalfSpaceTree",
            "9:48: error: river has no model `anomaly.HalfSpaceTree`; did you mean `anomaly",
        ),
        ("model: ADWIN", "9:48: error: river has no model `ADWIN`; did you mean `drift.ADWIN`?"),
        ("model: os.system", "9:48: error: river has no model `os.system`; models: anomaly.GaussianScorer, "),
        ("model: drift.datasets.base.x", "9:48: error: river has no model `drift.datasets.base.x`"),
        (
            "model: drift.ADWIN, params: {delt: 0.1}",
            "9:76: error: `drift.ADWIN` has no parameter `delt`; did you mean `delta`?",
        ),
        ("model: anomaly.OneClassSVM", "9:48: error: `anomaly.OneClassSVM` only scores: say from which score"),
        ("model: drift.ADWIN, threshold: 1", "9:72: error: `drift.ADWIN` decides by itself: its own parameters"),
        (
            "model: anomaly.QuantileFilter, params: {q: 0.9}",
            "9:48: error: `anomaly.QuantileFilter` needs `anomaly_detector` in `params`",
        ),
        (
            "model: anomaly.QuantileFilter, params: {q: 0.9, anomaly_detector: {model: drift.ADWN}}",
            "9:115: error: river has no model `drift.ADWN`; did you mean `drift.ADWIN`?",
        ),
        (
            "model: anomaly.QuantileFilter, params: {q: 0.9, anomaly_detector: {model: drift.ADWIN, x: 1}}",
            "9:131: error: unknown key `x`; a model is written",
        ),
        ("model: drift.KSWIN, params: {alpha: 7}", "9:69: error: `drift.KSWIN` does not take these parameters: Alpha"),
        (
            "model: drift.PageHinkley, params: {threshold: x}",
            "9:75: error: `drift.PageHinkley` does not work with these parameters: ",
        ),
        ("model: drift.ADWIN, input: 2m", "9:68: error: `input` cannot be `2m`"),
        ("model: drift.ADWIN, warm_up: 1500", "9:70: error: `warm_up` must be at most half of `memory`, which is 2000"),
        ("model: drift.ADWIN, treshold: 1", "9:61: error: unknown key `treshold`"),
        ("params: {}", "9:5: error: `model` is missing in rule `r`"),
    ],
)
def test_a_fault_is_told_at_its_place(rule: str, fault: str) -> None:
    (found,) = faults(rule)
    assert found.startswith(f"c.yaml:{fault}")


def test_without_river_a_rule_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "river"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "river", None)
    assert faults("model: drift.ADWIN") == ["c.yaml:9:48: error: river is not installed: pip install 'stressd[river]'"]
    assert load_text(HEAD + '  - {name: s, type: sigma, series: "*"}\n', Path("c.yaml"), registry()).warnings != []


def events_of(rule: str, ticks: list[Tick]) -> list[Event]:
    loaded = read(rule)
    spec = replace(world({"AA": "always", "BB": "always"}, silence=None), detector_rules=loaded.engine.detector_rules)
    return list(drive(Setup(spec).pipeline(ticks[0].received, "replay"), ticks))


START = parse_time("2026-01-20T02:00:00Z")


def jump(count: int, at: int, bp: float) -> list[Tick]:
    """One series, a quote every 20 s with noise, and one jump at minute `at`."""
    rng = random.Random(5)
    value, ticks = 2.0, []
    for k in range(count * 3):
        value += rng.gauss(0.0, 0.002) + (bp / 100.0 if k == at * 3 else 0.0)
        t = START + k * 20 * SECOND
        ticks.append(Tick("AA.GOV.10Y", round(value, 4), t, t, "desk"))
    return ticks


def test_a_jump_among_calm_minutes_is_told_once_at_info_and_in_plain_words() -> None:
    ticks = jump(700, 600, 8.0)
    events = [e for e in events_of("model: anomaly.GaussianScorer, threshold: 0.9999999", ticks) if e.rule == "r"]
    assert [event.type for event in events] == ["opened", "resolved"]
    opened = events[0]
    (move,) = opened.series
    assert opened.time[:16] == iso(START + 601 * MINUTE)[:16]
    assert (opened.kind, opened.severity, opened.direction, opened.market) == ("market", "info", "up", "AA")
    assert (move.model, move.horizon, move.score, move.score_bar) == ("anomaly.GaussianScorer", "1m", 1.0, 1.0)
    assert move.change_bp == pytest.approx(8.0, abs=1.5)
    assert opened.headline.startswith("AA 10Y +")
    assert " over 1m to " in opened.headline
    assert " is unusual, by GaussianScorer" in opened.headline
    message = render(opened, Telling(first=True))
    assert "Model: anomaly.GaussianScorer, score 1, bar 1" in message.text
    assert "rule r, config" in message.text
    assert message.subject == f"[stressd] REPLAY: AA yields up · 20 Jan 2026 · #{opened.episode[-4:]}"


def test_a_change_of_behaviour_has_no_direction_and_says_so() -> None:
    rng = random.Random(6)
    value, ticks = 2.0, []
    for k in range(5_400):
        # moves of one bp a minute around nothing, then a grind of two bp every minute
        value += rng.gauss(0.0, 0.006) + (0.007 if k > 3_600 else 0.0)
        t = START + k * 20 * SECOND
        ticks.append(Tick("AA.GOV.10Y", round(value, 4), t, t, "desk"))
    events = [e for e in events_of("model: drift.ADWIN, unit: bp, severity: warn", ticks) if e.rule == "r"]
    opened = [event for event in events if event.type == "opened"]
    assert opened
    assert all(START + 1_200 * MINUTE < parse_time(event.time) < START + 1_500 * MINUTE for event in opened[:1])
    assert (opened[0].direction, opened[0].severity) == (None, "warn")
    assert opened[0].headline.startswith("AA 10Y 1m moves behave differently, by ADWIN · now ")
    assert "AA 10Y r" in render(opened[0], Telling(first=True)).subject


def test_replay_runs_a_configured_model_and_a_plain_configuration_does_not_mind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(
        HEAD + '  - {name: r, type: river, series: "*", model: anomaly.GaussianScorer, threshold: 0.9999999}\n'
    )
    lines = [f"{iso(tick.time)},{tick.series},{tick.value}" for tick in jump(700, 600, 8.0)]
    (tmp_path / "t.csv").write_text("\n".join(["time,series,value", *lines]) + "\n")
    assert main(["replay", str(tmp_path / "t.csv"), "-c", str(config), "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(event["rule"], event["type"]) for event in events] == [("r", "opened"), ("r", "resolved")]


def test_check_tells_the_rule_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(
        HEAD + '  - {name: r, type: river, series: "*", model: anomaly.HalfSpaceTrees, threshold: 0.95}\n'
    )
    assert main(["check", str(config)]) == 0
    assert "rule      r: 4 series · anomaly.HalfSpaceTrees from 0.95 on moves of 1m in sigma · info" in (
        capsys.readouterr().out
    )


def test_a_rule_is_a_registered_type_beside_the_built_in_ones() -> None:
    assert registry().rules["river"] is RiverConfig
    assert set(registry().rules) == {"sigma", "level", "silence", "curve", "river"}


def test_half_space_trees_on_walks_find_jumps_through_the_engine() -> None:
    spec = world({"AA": "always", "BB": "always"}, silence=None)
    ticks = walk(spec, 21, 30_000, START, gap=5 * SECOND, jumps=0.0005)
    events = [
        event
        for event in events_of("model: anomaly.HalfSpaceTrees, threshold: 0.98, hold: 1m", ticks)
        if event.rule == "r" and event.type == "opened"
    ]
    sizes = [abs(event.series[0].sigma or 0.0) for event in events]
    assert len(sizes) > 5
    # half of what it calls unusual is as far out as one move in a hundred
    assert sorted(sizes)[len(sizes) // 2] > 2.5


def test_a_budget_sets_the_bar_and_makes_findings_warnings() -> None:
    rule = "model: anomaly.GaussianScorer, budget: 12 per year per series"
    (told,) = read(rule).engine.detector_rules
    assert (told.budget, told.severity) == (12.0, 1)
    (shared,) = read("model: anomaly.GaussianScorer, budget: 1 per month per market").engine.detector_rules
    assert shared.budget == 6.0  # two markets of two series each
    (info,) = read(f"{rule}, severity: info").engine.detector_rules
    assert info.severity == 0
    assert faults(f"{rule}, threshold: 0.9") == [
        "c.yaml:9:80: error: give `threshold` or `budget`, not both: a budget sets the bar itself"
    ]
    assert faults("model: drift.ADWIN, budget: 12 per year per series")[0].startswith(
        "c.yaml:9:69: error: `drift.ADWIN`"
    )
    assert faults("model: anomaly.LODA, budget: often")[0].startswith("c.yaml:9:70: error: 'often' is no budget")


def test_a_budgeted_model_is_told_about_as_often_as_allowed() -> None:
    """Ten days of minutes at 24 a week: the bar starts from the scores' tail, and the tracker holds it."""
    rng = random.Random(8)
    value, ticks = 2.0, []
    for k in range(10 * 24 * 60):
        value += rng.gauss(0.0, 0.003)
        t = START + k * 60 * SECOND
        ticks.append(Tick("AA.GOV.10Y", round(value, 4), t, t, "desk"))
    rule = "model: anomaly.GaussianScorer, budget: 24 per week per series, lags: 1"
    found = [e for e in events_of(rule, ticks) if e.rule == "r" and e.type == "opened"]
    assert 15 <= len(found) <= 55
    assert {event.severity for event in found} == {"warn"}
    move = found[-1].series[0]
    assert move.score is not None
    assert move.score_bar is not None
    assert 0.9 < move.score_bar <= move.score


def test_check_history_measures_a_daily_model_and_says_what_it_cannot_measure() -> None:
    rng = random.Random(9)
    rows, value = [], 2.0
    for day in range(parse_day("2010-01-01"), parse_day("2016-01-01")):
        if date.fromordinal(day).weekday() < 5:
            value += rng.gauss(0.0, 0.03) * (6.0 if rng.random() < 0.01 else 1.0)
            rows.append((day, round(value, 3)))
    loaded = load_text(
        HEAD + "  - {name: daily, type: river, series: AA.GOV.10Y, model: anomaly.GaussianScorer, input: 1d, "
        "budget: 6 per year per series}\n"
        "  - {name: minutes, type: river, series: AA.GOV.10Y, model: drift.ADWIN}\n",
        Path("c.yaml"),
        registry(),
    )
    cost = measure(loaded, {"AA.GOV.10Y": Daily("MoF", rows)})
    assert cost is not None
    assert cost.rules["daily"] is not None
    assert 3.0 < cost.rules["daily"] * 52.18 < 8.0
    assert cost.rules["minutes"] is None
    assert cost.notes["minutes"] == "daily history says nothing of it"
