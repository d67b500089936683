"""What `stressd report --json` is made of, key by key: its JSON Schema (`stressd schema report`)."""

from __future__ import annotations

from typing import Any, Final

_TYPES: Final[dict[str, dict[str, Any]]] = {
    "text": {"type": "string"},
    "text?": {"type": ["string", "null"]},
    "date": {"type": "string", "format": "date"},
    "date?": {"type": ["string", "null"], "format": "date"},
    "time": {"type": "string", "format": "date-time"},
    "time?": {"type": ["string", "null"], "format": "date-time"},
    "count": {"type": "integer", "minimum": 0},
    "number": {"type": "number"},
    "number?": {"type": ["number", "null"]},
    "share": {"type": "number", "minimum": 0, "maximum": 1},
    "share?": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
    "yes": {"type": "boolean"},
    "yes?": {"type": ["boolean", "null"]},
    "list": {"type": "array"},
    "list?": {"type": ["array", "null"]},
    "map": {"type": "object"},
}

_SYSTEM: Final = {
    "total": "number? percent of forecast error that comes from other markets",
    "nodes": "list markets, in the order of their fixings through the day",
    "table": "list rows in the order of nodes: what each receives from each, percent, adding up to 100",
    "from": "list what each receives from others", "to": "list what each gives to others", "net": "list to less from",
    "rows": "number effective rows behind it", "lags": "count of the autoregression",
    "horizon": "count sessions ahead", "half_life": "number sessions", "sessions": "count common sessions",
    "why_not": "text? why there is none",
    "percentile": "share? of the closes of its history at or below it", "percentile_n": "count how many these are",
    "chance_median": "number? total that markets shifted at random show",
    "chance_95": "number? total that they exceed once in twenty",
    "net_transmitters": "list [market, net], the largest three above 0", "path": "list [date, total]",
}  # fmt: skip

_COUNTS: Final = {
    "order": "list markets: the day of the world begins with the first", "side": "text rises or falls",
    "days": "count days on which two markets or more fixed", "first": "date?", "last": "date?",
    "rates": "map by market, share of those days beyond its tail",
    "counts": [{
        "k": "count markets beyond their tails", "days": "count days with exactly k",
        "expected": "number under independence", "low": "number", "high": "number",
        "at_least": "count days with k or more", "expected_at_least": "number", "p": "share of so many by chance",
    }],
}  # fmt: skip

REPORT: Final[dict[str, Any]] = {
    "form": "count raised when a key changes its meaning or goes",
    "instance": "text", "version": "text", "method": "text", "config": "text digest of the configuration",
    "made_of": "text in words", "findings": "list sentences",
    "period": {"since": "date", "until": "date", "days": "count"},
    "markets_by": "text component or gauge",
    "exposure": [{
        "market": "text", "series": "list", "sessions": "count in the period", "history_sessions": "count",
        "first": "date", "last": "date", "component_share": "share of its tenors' variance that one move carries",
    }],
    "connectedness": {"volatility": _SYSTEM, "moves": _SYSTEM},
    "lags": {
        "fixings": [{
            "source": "text", "follower": "text",
            "step": "count 1 for the follower's next fixing, 0 for fixings of one instant",
            "r": "number correlation of moves in sigma", "low": "number", "high": "number",
            "slope": "number sigma per sigma", "n": "count pairs of moves", "p": "share",
            "real": "yes stands at a false discovery rate of 5 % over the table", "lag_h": "number hours",
            "overlap_h": "number hours that both moves hold", "lately": "?map the last 250 pairs: r, usual, at_usual",
            "first": "date", "last": "date",
        }],
        "directions": [{
            "stronger": "list [source, follower]", "weaker": "list", "r": "list of both", "difference": "number",
            "low": "number", "high": "number", "n": "count",
            "by_overlap": "number what shared hours alone would make",
            "told": "yes both intervals exclude chance and shared hours",
        }],
        "ticks": "?map first, last, ticks, dirt, apart, pairs: first, second, lag_s, correlation, ratio, n, p",
    },
    "co_exceedances": {"tail": "share", "period": [_COUNTS], "history": [_COUNTS]},
    "stress_index": "?map value, date, percentile of percentile_n closes, highest, days: markets + correlation = value",
    "links": "?map made_of, edges as the engine has them with the bounds of their rate, could_not_respond",
    "excitation": "?map markets, breaches, branching[i][j] of i after one of j, p, half_life_s, fit_p",
    "episodes": {"made_of": "text?", "by_rule": [{
        "rule": "text", "market": "text", "episodes": "count", "severities": "map by gravest", "sessions": "count",
        "years": "number", "budget_per_year": "number?", "realised_per_year": "number?",
        "band_per_year": "list? 95 %: of the budget, else of the count", "inside": "yes?",
    }], "labels": [{
        "rule": "text", "episodes": "count", "useful": "count", "noise": "count", "bad_data": "count",
        "unlabelled": "count", "disputed": "count on which people differ; the latest word counts",
        "useful_share": "share? of those with a label",
    }]},
    "daemon": "?map state, version, time, started, reasons, open_episodes",
}  # fmt: skip


def report_schema() -> dict[str, Any]:
    """Draft 2020-12. Every key is always there; further ones may come."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "stressd report",
        **_schema(REPORT),
    }


def _schema(shape: Any) -> dict[str, Any]:
    if isinstance(shape, dict):
        needed = [key for key, each in shape.items() if shape is not _SYSTEM or key in _ALWAYS]
        return {"type": "object", "required": needed, "properties": {key: _schema(each) for key, each in shape.items()}}
    if isinstance(shape, list):
        return {"type": "array", "items": _schema(shape[0])}
    kind, _, text = str(shape).partition(" ")
    found = {"type": ["object", "null"]} if kind == "?map" else dict(_TYPES[kind])
    return {**found, "description": text} if text else found


_ALWAYS: Final = ("total", "lags", "horizon", "half_life", "sessions", "why_not")
"""Keys of connectedness where none can be told."""
