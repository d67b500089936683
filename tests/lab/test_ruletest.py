"""Rule tests in market words: what passes, and what is said where the market words and what is told differ."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stressd.cli.main import main
from stressd.config.faults import ConfigError
from stressd.config.load import load
from stressd.lab.ruletest.model import Move, RuleTest, read_tests
from stressd.lab.ruletest.run import Runner
from stressd.lab.ruletest.world import World
from stressd.market.sessions import calendar
from stressd.market.times import iso, parse_time
from stressd.runtime.registry import registry

CONFIG = """
instance: desk
listen: none
markets:
  JP: {tenors: [10Y, 30Y]}
  US: {tenors: [10Y]}
feeds: [{name: f, type: push, token: {env: TOKEN}}]
rules:
  - {name: big, type: sigma, series: "*.GOV.*Y", horizons: [30m, 1d], sigma: {warn: 4, critical: 8}, floor: 5bp}
  - {name: quiet, type: silence, series: "*", after: 30m}
routes:
  - {match: {severity: [critical]}, sinks: desk}
sinks: [{name: desk, type: console}]
"""
SELL_OFF: dict[str, Any] = {
    "name": "sell-off", "day": "2026-01-20", "before": 3, "noise": 0.2, "closed": ["US"],
    "sigma": {"JP.*": "3bp", "*": "4bp"}, "levels": {"JP.GOV.30Y": "3.56%"},
    "moves": {"JP.GOV.30Y": "+20bp over 20m from 13:00"},
}  # fmt: skip


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "desk.yaml"
    path.write_text(CONFIG)
    return path


@pytest.fixture
def runner(config: Path) -> Runner:
    return Runner(lambda closed: load(config, registry(), environment=False, closed=closed))


def case(**more: Any) -> RuleTest:
    return RuleTest.model_validate({**SELL_OFF, "expect": [], **more})


def test_moves_are_read_from_market_words() -> None:
    known = case(moves={"JP.GOV.30Y": ["-4.5bp at 2026-01-21 09:10", "silent from 14:00 for 2h"]}).moves["JP.GOV.30Y"]
    assert known == [
        Move(-4.5, 0, "2026-01-21", "09:10"),
        Move(None, 7_200_000_000_000, "", "14:00"),
    ]


def test_the_made_up_market_trades_in_its_hours_and_moves_as_stated() -> None:
    world = World(case(noise=0.0), ["JP.GOV.30Y"], {"JP": calendar("JP")})
    ticks = world.ticks()
    assert (iso(world.starts), iso(ticks[0].time)) == ("2026-01-19T23:30:00Z", "2026-01-19T23:30:30Z")
    at = {tick.time: tick.value for tick in ticks}
    assert at[parse_time("2026-01-20T03:59:30Z")] == 3.56
    assert at[parse_time("2026-01-20T04:10:00Z")] == pytest.approx(3.66)
    assert {tick.value for tick in ticks if tick.time >= parse_time("2026-01-20T04:20:00Z")} == {3.76}
    assert world.ordinary()[-1].value == pytest.approx(3.56)
    assert [tick.value for tick in World(case(), ["JP.GOV.30Y"], {"JP": calendar("JP")}).ticks()] == [
        tick.value for tick in World(case(), ["JP.GOV.30Y"], {"JP": calendar("JP")}).ticks()
    ]


def test_a_configuration_that_tells_what_is_expected_passes(runner: Runner) -> None:
    expected = {
        "market": "JP", "direction": "up", "severity": "critical", "rule": "big", "opened": "13:00 to 13:15",
        "headline": ["JP 30Y +*bp over 30m to 3.*", "*8*σ of*"], "followers": {"US": "could not respond"},
        "updates": ["opened", "peaked"], "sinks": ["desk"],
    }  # fmt: skip
    result = runner.run(case(expect=[expected]), 7)
    assert [str(each) for each in result.differences] == []
    assert len(result.seen) == 1


def test_what_differs_is_named_point_by_point(runner: Runner) -> None:
    expected = [
        {"market": "JP", "direction": "up", "severity": "warn", "opened": "15:00", "followers": {"US": "followed"}},
        {"market": "US", "severity": "high"},
    ]
    first, second = (str(each) for each in runner.run(case(expect=expected), 7).differences)
    assert first.splitlines()[0] == "expected:      JP up warn, opened 15:00, US followed"
    assert "the nearest:   JP up critical, rule big, opened 20 Jan 13:" in first
    assert "    severity: expected warn, got critical" in first
    assert "    opened: expected 15:00, got 13:" in first
    assert "    follower US: expected followed, got could not respond" in first
    assert second == "never came:    US high"


def test_what_nobody_expected_fails_unless_others_may_come(runner: Runner) -> None:
    (difference,) = runner.run(case(), 7).differences
    assert str(difference).startswith("not expected:  JP up critical, rule big, opened 20 Jan 13:")
    assert runner.run(case(others="any"), 7).differences == []


def test_a_series_that_falls_silent_is_a_feed_episode(runner: Runner) -> None:
    quiet = case(moves={"JP.GOV.10Y": "silent from 13:30"}, expect=[{"kind": "feed", "rule": "quiet", "market": "JP"}])
    assert runner.run(quiet, 7).differences == []


def test_tests_with_the_same_ordinary_days_give_what_each_gives_alone(config: Path, runner: Runner) -> None:
    def told(runner: Runner) -> list[str]:
        return [event.headline for seen in runner.run(case(), 7).seen for event in seen.events]

    first = told(runner)
    assert told(runner) == first
    assert first


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ({"moves": {"FR.GOV.10Y": "+4bp at 10:00"}}, "`moves`: no configured series is FR.GOV.10Y"),
        ({"closed": ["FR"]}, "no configured market is FR"),
        ({"day": "2026-01-18", "closed": []}, "no market trades on 2026-01-18"),
    ],
)
def test_a_test_of_what_is_not_configured_says_so(runner: Runner, more: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        runner.run(case(**more), 7)


def test_every_fault_of_a_file_has_its_line(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(
        "config: desk.yaml\ntests:\n  - name: one\n    day: 2026-01-20\n    moves: {JP.GOV.30Y: up a lot}\n"
        "    expect:\n      - {market: JP, severity: huge}\n    expects: []\n"
    )
    with pytest.raises(ConfigError) as refused:
        read_tests(path)
    told = str(refused.value)
    assert "t.yaml:5:" in told
    assert "a move is written `+25bp over 30m from 13:00`" in told
    assert "t.yaml:7:" in told
    assert "t.yaml:8:5: error: unknown key `expects`" in told


def test_the_command_says_what_passed_and_what_did_not(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "t.yaml"
    sell_off = json.dumps({**SELL_OFF, "expect": [{"market": "JP", "severity": "critical"}]})
    calm = json.dumps({**SELL_OFF, "name": "calm", "moves": {}, "expect": [{"market": "US"}]})
    path.write_text(f"config: {config.name}\ntests:\n  - {sell_off}\n  - {calm}\n")
    assert main(["test", str(path)]) == 1
    said = capsys.readouterr().out
    assert f"passed  sell-off  ({path}:3)\nFAILED  calm  ({path}:4)\n    never came:    US\n1 passed, 1 failed" in said
    assert main(["test", str(path), "-k", "sell", "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["passed"] is True
    assert main(["test", str(path), "-k", "nothing"]) == 1
    assert "no test's name holds `nothing`" in capsys.readouterr().err
