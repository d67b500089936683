"""Which series can alert now, and how far the others are: one row a series, for the status, the API and the metrics."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from stressd.engine.engine import Engine
from stressd.engine.spec import HORIZONS, EngineSpec
from stressd.engine.status import row
from stressd.market.times import iso
from stressd.runtime.slices import sliced

SECOND: Final = 1_000_000_000

SAMPLE: Final = {"1m": 60, "5m": 300, "30m": 1800}
"""Seconds of open time that one sample of an intraday horizon takes."""


COUNTS: Final = (
    "ticks", "fixings", "duplicates", "reordered", "late", "crossed", "wide", "quarantined", "confirmed", "rejected",
    "future", "silences",
)  # fmt: skip
"""What is told of a series' ticks: those accepted, and what came of the others."""


def alerting(spec: EngineSpec, rows: Sequence[dict[str, Any]], now: int, deaf: Collection[str] = ()) -> dict[str, Any]:
    """Which series can alert now, and how far the others are. rows: `Engine.status()`; now: ns UTC; deaf: feeds that
    are not connected, whose series cannot be seen."""
    horizons, other = _watched(spec)
    return _summed([_series(spec, row, horizons, other, now, deaf) for row in rows])


async def in_slices(spec: EngineSpec, engine: Engine, now: int, deaf: Collection[str] = ()) -> dict[str, Any]:
    """The same, with a turn of the event loop after every slice of series: each is told as it is then."""
    horizons, other = _watched(spec)
    detail = []
    async for state in sliced(engine.states()):
        detail.append(_series(spec, row(state, engine.now), horizons, other, now, deaf))
    return _summed(detail)


def _watched(spec: EngineSpec) -> tuple[dict[str, set[str]], set[str]]:
    """By series the horizons of its sigma rules; the series that other rules watch."""
    horizons: dict[str, set[str]] = {}
    for rule in spec.sigma_rules:
        for name in rule.series:
            horizons.setdefault(name, set()).update(rule.horizons)
    other = {name for level in spec.level_rules for name in level.series}
    return horizons, other | {name for detector in spec.detector_rules for name in detector.series}


def _summed(detail: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "series": len(detail),
        "ready": sum(1 for row in detail if row["ready"] or (row["other_rules"] and not row["waiting"])),
        "detail": detail,
    }


def _series(
    spec: EngineSpec,
    row: dict[str, Any],
    watched: Mapping[str, set[str]],
    others: Collection[str],
    now: int,
    deaf: Collection[str],
) -> dict[str, Any]:
    horizons, other = watched.get(row["series"], set()), row["series"] in others
    ordered = [name for name in HORIZONS if name in horizons]
    if not row["anchored"]:
        # whatever its sigma knows, a live 1d move needs a fixing of its own to be measured from
        spared = 1.0 - 1.0 / max(spec.horizons["1d"].min_samples, 1.0)
        row = {**row, "warm": {**row["warm"], "1d": min(row["warm"]["1d"], spared)}}
    waiting = [
        {"horizon": name, "warm": round(row["warm"][name], 3), "needs": _needs(spec, name, row["warm"][name])}
        for name in ordered
        if row["warm"][name] < 1.0
    ]
    return {
        "series": row["series"],
        "market": row["market"],
        "state": "unknown" if row["state"] == "live" and row["source"] in deaf else row["state"],
        "value": row["value"],
        "time": iso(row["time"]) if row["time"] else None,
        "age_s": (now - row["time"]) / SECOND if row["time"] else None,
        "source": row["source"] or None,
        "sources": [
            {"source": name, "age_s": (now - last) / SECOND if last else None, "active": active}
            for name, last, active in row["sources"]
        ],
        "ready": [name for name in ordered if row["warm"][name] >= 1.0],
        "waiting": waiting,
        "other_rules": other,
        "provisional": row["provisional"] or None,
        "active": row["active"],
        "pending": row["pending"],
        "recovering": row["recovering"],
        "pauses": {
            "learned": row["learned"],
            "usual_s": None if row["usual_gap"] is None else row["usual_gap"] / SECOND,
            "silent_after_s": None if row["silent_after"] is None else row["silent_after"] / SECOND,
        },
        "sigma_bp": {name: round(row["sigma_bp"][name], 3) for name in ordered if row["warm"][name] >= 1.0},
        "quotes": row["quotes"],
        "counts": {key: row[key] for key in COUNTS},
    }


def _needs(spec: EngineSpec, horizon: str, warm: float) -> str:
    """What a horizon still waits for, about: open time, sessions or fixings."""
    samples = (1.0 - warm) * spec.horizons[horizon].min_samples
    if horizon in SAMPLE:
        minutes = max(1, round(samples * SAMPLE[horizon] / 60))
        hours, rest = divmod(minutes, 60)
        return f"about {hours} h {rest:02d} of trading" if hours else f"about {rest} min of trading"
    count = max(1, round(samples))
    what = "fixing" if horizon == "1d" else "session"
    return f"about {count} {what}{'s' if count > 1 else ''}"
