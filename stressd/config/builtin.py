"""The configuration of replay and backtest where none is given: watch every series of the files."""

from __future__ import annotations

from collections.abc import Sequence

from stressd.config.rules import DEFAULT_FLOOR, DEFAULT_SIGMA, rungs
from stressd.engine.spec import HORIZONS, EngineSpec, MarketSpec, SeriesSpec, SigmaRule
from stressd.market.series import YIELD, SeriesId, curve_order, parse_series
from stressd.market.sessions import ALWAYS, calendar, names

_TEN_YEARS = 120


def default_spec(series: Sequence[str]) -> EngineSpec:
    """Every series under one sigma rule with default bars and floors; a market's calendar is the one of its name, else
    it never closes; its gauge is the yield nearest ten years. Raises ValueError for an id that is not canonical."""
    parsed = [parse_series(name) for name in sorted(set(series), key=curve_order)]
    markets: dict[str, list[SeriesId]] = {}
    for each in parsed:
        markets.setdefault(each.market, []).append(each)
    ids = tuple(each.id for each in parsed)
    rule = SigmaRule("sigma-breach", ids, HORIZONS, rungs(dict(DEFAULT_SIGMA), {}), dict(DEFAULT_FLOOR))
    return EngineSpec(
        markets=tuple(
            MarketSpec(name, calendar(name if name in names() else ALWAYS), _gauge(members))
            for name, members in markets.items()
        ),
        series=tuple(SeriesSpec(each.id, each.market, each.tenor) for each in parsed),
        sigma_rules=(rule,),
    )


def _gauge(members: Sequence[SeriesId]) -> str:
    return min(members, key=lambda each: (each.kind != YIELD, abs(each.months - _TEN_YEARS))).id
