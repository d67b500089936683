"""What all of a message stands on: the data, why it fired, what to do next, and the path in one line."""

from __future__ import annotations

from typing import Final

from stressd.alerts.event import Event, Path, SeriesMove
from stressd.alerts.words import (
    bp_text,
    duration_text,
    listing,
    moment_text,
    number_text,
    quotes_text,
    sigma_text,
    sparks,
    yield_text,
)

STATES: Final = {
    "stale": "nothing ticks",
    "halted": "taken for halted",
    "closed": "its market is closed",
    "warming": "little stands behind it yet",
    "bad": "the data are bad",
}
CELLS: Final = 30
"""Characters of a path."""


def footing(event: Event, over: bool) -> list[tuple[str, str]]:
    """Data, quotes, rule and configuration, the event's place in its episode, and the next steps. over: nothing is left
    to acknowledge."""
    facts = []
    data = data_text(event)
    if data:
        facts.append(("Data", data))
    if event.data.quotes is not None:
        facts.append(("Quotes", quotes_text(event.data.quotes)))
    if event.day is None:
        facts.append(("Why", why_text(event)))
    if event.series and (inputs := inputs_text(event.series[0])):
        facts.append(("Inputs", inputs))
    facts.append(("Episode", f"{event.episode}, update {event.seq}, {moment_text(event.time)}"))
    if event.runbook is not None:
        facts.append(("Runbook", event.runbook))
    facts.append(("Next", next_text(event, over)))
    return facts


def next_text(event: Event, over: bool) -> str:
    """The commands that go on from here."""
    if event.day is not None:
        return f"stressd report {event.day.market}-{event.day.session}"
    explain = f"stressd explain {'EPISODE' if event.digest else event.episode}"
    return explain if over or event.origin != "live" else f"{explain}, stressd ack {event.episode}"


def data_text(event: Event) -> str:
    """ "last tick 0.8 s old from desk, backup agrees, 2 bad ticks rejected this session"."""
    data = event.data
    age = f"last tick {duration_text(data.age_s)} old" if data.age_s is not None else ""
    feeds = f"from {listing(data.sources)}" if data.sources else ""
    parts = [" ".join(part for part in (age, feeds) if part)]
    if data.agree:
        parts.append(f"{listing(data.agree)} {'agree' if len(data.agree) > 1 else 'agrees'}")
    if data.disagree:
        parts.append(f"{listing(data.disagree)} {'say' if len(data.disagree) > 1 else 'says'} otherwise")
    if data.state not in (None, "live"):
        parts.append(STATES[data.state])
    if data.rejected is not None:
        ticks = "bad tick" if data.rejected == 1 else "bad ticks"
        parts.append(f"{data.rejected or 'no'} {ticks} rejected this session")
    return ", ".join(part for part in parts if part)


def why_text(event: Event) -> str:
    """ "rule sigma-breach, bar 6σ = 17.6bp (warn 3σ, high 4σ, critical 6σ, at least 3bp), config 9f2c1a2b, method 1,
    stressd 0.1.0"."""
    why = f"rule {event.rule}"
    if event.series and event.series[0].threshold is not None:
        lead = event.series[0]
        threshold = event.series[0].threshold
        why += f", bar {number_text(threshold)}σ"
        if lead.sigma_bp is not None:
            reach = max(threshold * lead.sigma_bp, lead.floor_bp or 0.0)
            why += f" = {reach:.1f}bp"
        said = [f"{name} {number_text(bar)}σ" for name, bar in (lead.rungs or {}).items()]
        said += [f"at least {number_text(lead.floor_bp)}bp"] if lead.floor_bp else []
        why += f" ({', '.join(said)})" if said else ""
    return f"{why}, config {event.config.removeprefix('sha256:')[:8]}, method {event.method}, stressd {event.version}"


def inputs_text(move: SeriesMove) -> str:
    """ "3.765% less 3.562% is +20.3bp, over 2.94bp is 6.9σ"; "" where it is no such move."""
    if move.from_ is None or move.change_bp is None or move.sigma is None or move.sigma_bp is None:
        return ""
    now, before = (yield_text(move.series, value) for value in (move.value, move.from_.value))
    return (
        f"{now} less {before} is {bp_text(move.change_bp)}, over {number_text(move.sigma_bp)}bp is "
        f"{sigma_text(abs(move.sigma))}"
    )


def sparkline_of(path: Path) -> str:
    """The path in at most 30 characters, with its extremes; a space where nothing ticked."""
    size = -(-len(path.values) // CELLS)
    known = [value for value in (*path.low, *path.high) if value is not None]
    if not known:
        return ""
    lowest, highest = min(known), max(known)
    cells: list[float | None] = []
    for start in range(0, len(path.values), size):
        lasts = [value for value in path.values[start : start + size] if value is not None]
        if highest in path.high[start : start + size]:
            cells.append(highest)
        elif lowest in path.low[start : start + size]:
            cells.append(lowest)
        else:
            cells.append(lasts[-1] if lasts else None)
    return sparks(cells, lowest, highest)


def path_text(path: Path) -> str:
    """ "▁▂▂▅█ 3.541% to 3.771%, since 20 Jan 2026 00:00 UTC"."""
    known = [value for value in (*path.low, *path.high) if value is not None]
    low, high = (yield_text(path.series, value) for value in (min(known), max(known)))
    since = moment_text(path.start)
    each = "one a fixing" if path.resolution == "1d" else f"steps of {duration_text(path.step_s)}"
    return f"{sparkline_of(path)} {low} to {high}, since {since}, {each}"
