"""What is watched where no configuration is given, and how rungs default."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressd.config.builtin import default_spec
from stressd.config.rules import rungs
from stressd.engine.spec import HORIZONS, Rung


def test_every_series_is_watched_with_the_default_rule() -> None:
    spec = default_spec(["US.GOV.10Y", "JP.GOV.30Y", "JP.GOV.2Y", "IT.GOV.10Y", "JP.GOV.30Y"])
    assert [s.id for s in spec.series] == ["IT.GOV.10Y", "JP.GOV.2Y", "JP.GOV.30Y", "US.GOV.10Y"]
    assert [(m.name, m.calendar.name, m.gauge) for m in spec.markets] == [
        ("IT", "always", "IT.GOV.10Y"),
        ("JP", "JP", "JP.GOV.2Y"),
        ("US", "US", "US.GOV.10Y"),
    ]
    (rule,) = spec.sigma_rules
    assert (rule.name, rule.horizons) == ("sigma-breach", HORIZONS)
    assert rule.rungs == (Rung(1, 3.0, 2.0), Rung(2, 4.0, 3.0), Rung(3, 6.0, 5.0))
    assert rule.floor_bp == {"1m": 1.0, "5m": 1.0, "30m": 2.0, "session": 3.0, "gap": 3.0, "1d": 3.0}
    assert rule.series == tuple(s.id for s in spec.series)


def test_a_name_that_is_no_series_is_refused() -> None:
    with pytest.raises(ValueError) as caught:
        default_spec(["JGB 30Y"])
    assert "JGB 30Y" in str(caught.value)


@given(st.lists(st.floats(0.01, 100, allow_nan=False), min_size=1, max_size=4, unique=True).map(sorted))
def test_exits_lie_below_their_bars_and_never_fall(bars: list[float]) -> None:
    made = rungs(dict(zip(("info", "warn", "high", "critical"), bars, strict=False)), {})
    assert [rung.enter for rung in made] == bars
    assert all(0 < rung.exit < rung.enter for rung in made)
    assert [rung.exit for rung in made] == sorted(rung.exit for rung in made)
