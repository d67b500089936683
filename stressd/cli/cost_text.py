"""What `stressd check --history` prints for people."""

from __future__ import annotations

from typing import Final

from stressd.config.load import Loaded
from stressd.lab.cost import Cost

UNMEASURED: Final = "unmeasured: no history is stored"
UNMEASURED_TICKS: Final = "within the day: unmeasured, no ticks are stored (stressd history import TICKS.csv)"


def history_text(loaded: Loaded, daily: Cost | None, ticks: Cost | None) -> str:
    """Fixings first, then ticks, then what exceeds its budget."""
    lines = []
    if daily is not None:
        lines.append(f"on {daily.weeks:,.0f} weeks of daily history:")
    lines += _block(loaded, daily)
    if ticks is None:
        lines += [] if daily is None else [UNMEASURED_TICKS]
    else:
        lines.append(f"on {ticks.weeks:.1f} weeks of ticks, after {ticks.warming:.1f} that warm the engine:")
        lines += _block(loaded, ticks)
    for cost in (daily, ticks):
        lines += [] if cost is None else _warnings(cost)
    return "\n".join(lines)


def _block(loaded: Loaded, cost: Cost | None) -> list[str]:
    lines = []
    for rule in loaded.rules:
        rate = None if cost is None else cost.rules[rule.name]
        if cost is None:
            told = UNMEASURED
        elif rate is None:
            told = f"unmeasured: {cost.notes[rule.name]}"
        else:
            told = f"{rate:.2f} alerts a week{_beside(cost, rule.name)} ({cost.notes[rule.name]})"
        lines.append(f"rule {rule.name}: {told}")
    for sink in loaded.sinks:
        rate = None if cost is None else cost.sinks.get(sink.name)
        told = UNMEASURED if cost is None else "unmeasured" if rate is None else f"{rate:.2f} messages a week"
        lines.append(f"sink {sink.name}: {told}")
    return lines


def _beside(cost: Cost, rule: str) -> str:
    against = cost.budgets.get(rule)
    return "" if against is None else f", its budget promises {against.promised:.2f}"


def _warnings(cost: Cost) -> list[str]:
    return [
        f"warning: rule {rule} opened {against.opened} alerts on this history, where its budget allows "
        f"{against.allowed:.0f} and chance explains at most {against.band[1]}"
        for rule, against in cost.budgets.items()
        if against.exceeds
    ]
