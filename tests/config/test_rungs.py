"""`for`, `min_ticks`, `hold` of a sigma rule, `episodes`, and `segments`: what is written, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from stressd.config.faults import ConfigError
from stressd.config.load import Loaded, load_text
from stressd.engine.spec import CRITICAL, HIGH, MINUTE, SECOND, WARN
from stressd.runtime.build import episodes_spec
from stressd.runtime.registry import registry

FILE = """
instance: desk
markets:
  JP: {tenors: [2Y, 10Y, 30Y]%s}
feeds: []
rules:
  - name: sigma
    type: sigma
    series: "JP.*"
    %s
%s
"""


def load(rule: str = "hold: 10m", market: str = "", rest: str = "") -> Loaded:
    return load_text(FILE % (market, rule, rest), Path("a.yaml"), registry(), environment=False)


def fault(rule: str = "hold: 10m", market: str = "", rest: str = "") -> str:
    with pytest.raises(ConfigError) as caught:
        load(rule, market, rest)
    return str(caught.value)


def test_one_for_all_severities_or_one_for_each() -> None:
    (rule,) = load("{for: 30s, min_ticks: 2, hold: 5m}".strip("{}").replace(", ", "\n    ")).engine.sigma_rules
    assert [rule.waits[k] for k in (WARN, HIGH, CRITICAL)] == [30 * SECOND] * 3
    assert [rule.min_ticks[k] for k in (WARN, CRITICAL)] == [2, 2]
    assert rule.holds[CRITICAL] == 5 * MINUTE
    (rule,) = load("for: {warn: 30s}\n    hold: {critical: 1m}").engine.sigma_rules
    assert (rule.waits, rule.holds, rule.hold) == ({WARN: 30 * SECOND}, {CRITICAL: MINUTE}, 10 * MINUTE)
    (plain,) = load().engine.sigma_rules
    assert max(plain.waits.values()) == 0
    assert max(plain.min_ticks.values()) == 1


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("for: {info: 30s}", "`for` names `info`, which this rule never raises"),
        ("min_ticks: {warn: 0}", "must be at least 1"),
        ("for: 30", "30"),
        ("hold: {grave: 3m}", "grave"),
    ],
)
def test_what_makes_no_sense_is_refused(rule: str, words: str) -> None:
    assert words in fault(rule)


def test_the_pace_of_episodes_and_the_segments_reach_the_machine() -> None:
    loaded = load(
        market=", segments: {short: 2Y, end: [10Y, 30Y]}",
        rest="episodes: {reopen: 10m, settle: 2s, retraced: 60%, whole_curve: 2, peak: 3bp}",
    )
    spec = episodes_spec(loaded, "live")
    assert (spec.reopen, spec.settle, spec.retraced, spec.whole_curve, spec.peak_bp) == (
        10 * MINUTE, 2 * SECOND, 0.6, 2, 3.0,
    )  # fmt: skip
    assert spec.segments == {"JP.GOV.2Y": "short", "JP.GOV.10Y": "end", "JP.GOV.30Y": "end"}
    assert spec.tenors == ("JP.GOV.2Y", "JP.GOV.10Y", "JP.GOV.30Y")


@pytest.mark.parametrize(
    ("market", "rest", "words"),
    [
        (", segments: {short: [5Y]}", "", "`segments` puts `5Y` into `short`, which is not in `tenors`"),
        (", segments: {short: [2Y], long: [2Y]}", "", "`2Y` is in `short` already"),
        (", segments: {Short: [2Y]}", "", "a segment is named in small letters"),
        ("", "episodes: {retraced: 0.5}", "a share is written `50%`"),
        ("", "episodes: {settle: 0s}", "`settle` must be more than zero"),
        ("", "episodes: {recovery: 3h}", "`recovery_max` must not be shorter than `recovery`"),
        ("", "episodes: {whole_curve: 1}", "must be at least 2"),
        ("", "episodes: {re_open: 1m}", "reopen"),
    ],
)
def test_a_pace_that_makes_no_sense_is_refused(market: str, rest: str, words: str) -> None:
    assert words in fault(market=market, rest=rest)
