"""Spreads in the configuration: which series they become, and what globs match them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stressd.config.faults import ConfigError
from stressd.config.load import Loaded

GOOD = Path(__file__).with_name("good.yaml").read_text()
Read = Callable[..., Loaded]


def with_spreads(rule: str = '"*.GOV.*"') -> str:
    text = GOOD.replace("fixing: 15:00", "fixing: 15:00, spreads: [2s5s]", 1)
    text = text.replace("aliases:", "spreads: [JP-US.GOV.2Y]\naliases:", 1)
    return text.replace('series: "*.GOV.*"', f"series: {rule}", 1)


def test_spreads_are_series_with_legs_in_the_market_of_their_name(read: Read) -> None:
    engine = read(with_spreads(), environment=False).engine
    specs = {each.id: each for each in engine.series if each.legs}
    assert specs["US.GOV.2s5s"].legs == (("US.GOV.2Y", -1.0), ("US.GOV.5Y", 1.0))
    assert specs["US.GOV.2s5s"].market == "US"
    assert specs["JP-US.GOV.2Y"].legs == (("JP.GOV.2Y", 1.0), ("US.GOV.2Y", -1.0))
    assert specs["JP-US.GOV.2Y"].market == "JP-US"
    market = engine.markets[-1]
    assert (market.name, market.gauge) == ("JP-US", "")


@pytest.mark.parametrize(
    ("glob", "matched"),
    [
        ('"*.GOV.*"', {"US.GOV.2s5s", "JP-US.GOV.2Y"}),
        ('"US.GOV.*Y"', set()),
        ('"*s"', {"US.GOV.2s5s"}),
        ('"??.GOV.*Y"', set()),
        ('"*-*"', {"JP-US.GOV.2Y"}),
    ],
)
def test_globs_of_sigma_rules_match_spreads_by_their_names(read: Read, glob: str, matched: set[str]) -> None:
    engine = read(with_spreads(glob), environment=False).engine
    assert {name for name in engine.sigma_rules[0].series if name in {s.id for s in engine.series if s.legs}} == matched


def test_a_silence_rule_never_watches_a_spread(read: Read) -> None:
    engine = read(with_spreads().replace("series: JP.*", 'series: "*"'), environment=False).engine
    assert engine.silence_rules
    assert [rule.series for rule in engine.silence_rules] == [tuple(s.id for s in engine.series if not s.legs)]
    with pytest.raises(ConfigError, match="unknown series"):
        read(with_spreads().replace("    series: JP.*\n", "    series: US.GOV.2s5s\n"), environment=False)


def test_feeds_do_not_carry_spreads_and_levels_of_them_are_in_bp(read: Read) -> None:
    loaded = read(with_spreads().replace("above: [4.25%, 4.5%]", "above: [70bp, -5bp, 4.5%]"), environment=False)
    assert loaded.resolver.series("US.GOV.2s5s") is None
    assert loaded.engine.level_rules[0].above == (0.7, -0.05, 4.5)
