"""What a configuration's rules cost before they page anyone: alerts and messages a week on the stored history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from stressd.alerts.routing import Router
from stressd.config.load import Loaded
from stressd.config.rules import SigmaConfig, SilenceConfig
from stressd.lab.backtest import Daily, daily_only, fixing_ticks
from stressd.lab.offline import Setup, drive

DAYS_A_WEEK: Final = 7


@dataclass(slots=True)
class Cost:
    """weeks: length of the history. rules: episodes opened a week; None where the history says nothing of the rule.
    sinks: messages a week. notes: what was not measured, by rule."""

    weeks: float
    rules: dict[str, float | None] = field(default_factory=dict)
    sinks: dict[str, float] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)


def measure(loaded: Loaded, daily: Mapping[str, Daily]) -> Cost | None:
    """Daily fixings through the configured rules and routes. None where there is no history of a configured series."""
    setup = Setup(daily_only(loaded.engine), loaded.instance, loaded.routes, loaded.digest)
    ticks = fixing_ticks(daily, setup.spec)
    if not ticks:
        return None
    days = [day for name, each in daily.items() if name in setup.series() for day, _ in each.rows]
    cost = Cost(max(max(days) - min(days), 1) / DAYS_A_WEEK)
    covered = {tick.series for tick in ticks}
    opened: dict[str, int] = {}
    sent = dict.fromkeys((sink.name for sink in loaded.sinks), 0)
    router = Router(loaded.routes)
    for event in drive(setup.pipeline(ticks[0].received, "replay"), ticks):
        if event.type == "opened":
            opened[event.rule] = opened.get(event.rule, 0) + 1
        # routes may ask for live events only, which these would have been
        for sink in router.assign(msgspec.structs.replace(event, origin="live")):
            sent[sink] += 1
    watched = {name: set(series) for name, series in loaded.watched.items()}
    for rule in loaded.rules:
        without = sorted(watched[rule.name] - covered)
        if isinstance(rule, SilenceConfig) or (isinstance(rule, SigmaConfig) and "1d" not in rule.horizons):
            cost.rules[rule.name] = None
            cost.notes[rule.name] = "daily history says nothing of it"
        elif not watched[rule.name] & covered:
            cost.rules[rule.name] = None
            cost.notes[rule.name] = "no history of its series is stored"
        else:
            cost.rules[rule.name] = opened.get(rule.name, 0) / cost.weeks
            notes = ["from fixing to fixing; within the day it is unmeasured"]
            notes += [f"no history of {', '.join(without)}"] if without else []
            cost.notes[rule.name] = "; ".join(notes)
    cost.sinks = {name: count / cost.weeks for name, count in sent.items()}
    return cost
