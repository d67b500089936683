"""The headline: one line for a lock screen, at most 140 characters, and no number ever cut."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from stressd.alerts.claims import TOGETHER, strength
from stressd.alerts.event import Follower, SeriesMove, Source
from stressd.alerts.evidence import link_clauses, source_clause
from stressd.alerts.words import (
    bp_text,
    duration_text,
    extreme_text,
    listing,
    over_text,
    record_text,
    series_name,
    sigma_text,
    tenor_name,
    yield_text,
)

LIMIT: Final = 140
JOIN: Final = " · "
EXPLAINED: Final = "part of an outage that has an alert of its own"
NOTABLE_DAYS: Final = 30
"""A record younger than this is not worth a place in the headline."""


def fit(clauses: list[str], limit: int = LIMIT) -> str:
    """As many leading clauses as fit; a first one that is too long by itself ends at a whole word, with an ellipsis."""
    text = " ".join(clauses[0].split())
    if len(text) > limit:
        return f"{text[: limit - 1].rpartition(' ')[0] or text[: limit - 1]}…"
    for clause in clauses[1:]:
        if len(text) + len(JOIN) + len(clause) > limit:
            break
        text += JOIN + clause
    return text


def market_clauses(moves: list[SeriesMove]) -> list[str]:
    """Clauses for a sigma breach, without its record; `moves` lead first."""
    lead = moves[0]
    change = bp_text(lead.change_bp or 0.0)
    over = "" if lead.horizon in (None, "1d") else f" {over_text(lead.horizon)}"
    clauses = [f"{series_name(lead.series)} {change}{over} to {yield_text(lead.series, lead.value)}", *_sigma(lead)]
    if lead.unconfirmed is not None:
        clauses.insert(1, f"not confirmed: {lead.unconfirmed}")
    return clauses + during_clauses(lead)


def notable_clauses(lead: SeriesMove, today: date) -> list[str]:
    """The record of the leading move, where it is old enough to matter."""
    rising = (lead.change_bp or 0.0) >= 0
    for text, since in ((record_text(lead), lead.largest_since), (extreme_text(lead, rising), lead.highest_since)):
        if text is not None and since is not None and (today - date.fromisoformat(since)).days >= NOTABLE_DAYS:
            return [text]
    return []


def with_links(
    first: list[str], followers: Sequence[Follower], source: Source | None, rest: list[str], absent: Sequence[str] = ()
) -> str:
    """A headline of `first`, then `rest`, then the market's source and its followers, or who is `absent`. Where that is
    too long, `rest` makes room for who led and who followed, and who moved together comes last."""
    said = [*([source_clause(source)] if source is not None else []), *absent]
    room = LIMIT - len(fit(first)) - len(JOIN) - sum(len(text) + len(JOIN) for text in said)
    ordered = [each for each in followers if strength(each.wording) > TOGETHER]
    said += link_clauses(ordered, room)
    together = link_clauses([each for each in followers if strength(each.wording) == TOGETHER], room)
    whole = [*first, *rest, *said]
    fits = sum(len(text) for text in whole) + len(JOIN) * (len(whole) - 1) <= LIMIT
    return fit([*(whole if fits else [*first, *said, *rest]), *together])


def resolved_clauses(moves: list[SeriesMove], lasted_s: float, back: str | None) -> list[str]:
    """Clauses for the end of a sigma episode: how long it lasted, what was taken back, and its peak."""
    lead = moves[0]
    at = f"{bp_text(lead.change_bp or 0.0)} at {yield_text(lead.series, lead.value)}"
    over = f"{series_name(lead.series)} move resolved after {duration_text(lasted_s)}"
    return [over, *([back] if back else []), f"peak {at}", *_sigma(lead)]


def level_clauses(move: SeriesMove, what: str, rising: bool) -> list[str]:
    """Clauses for a level. what: "above", "below", "round", "highest" or "lowest" as the engine says it."""
    name, now = series_name(move.series), yield_text(move.series, move.value)
    level = yield_text(move.series, move.level or 0.0)
    if what in ("highest", "lowest"):
        since = extreme_text(move, what == "highest")
        return [f"{name} {now}", since or f"new {'high' if what == 'highest' else 'low'}, before {level}"]
    return [f"{name} {'rose' if rising else 'fell'} through {level} to {now}"]


def model_clauses(move: SeriesMove, change: bool) -> list[str]:
    """Clauses for what a further detector found. change: of behaviour, not one unusual move."""
    name, model = series_name(move.series), (move.model or "").rpartition(".")[2]
    moved = f"{bp_text(move.change_bp or 0.0)} {over_text(move.horizon or '')}"
    now = yield_text(move.series, move.value)
    if change:
        per = "ticks" if move.horizon == "tick" else "fixings" if move.horizon == "1d" else f"{move.horizon} moves"
        return [f"{name} {per} behave differently, by {model}", f"now {now}", *during_clauses(move)]
    score = [] if move.score_bar == 1.0 == move.score else [f"score {move.score:g}, bar {move.score_bar:g}"]
    return [f"{name} {moved} to {now} is unusual, by {model}", *score, *during_clauses(move)]


def during_clauses(move: SeriesMove) -> list[str]:
    """What was on, and by how much it raised the bar: "during BoJ decision (bars ×1.5)"."""
    if move.during is None:
        return []
    return [f"during {move.during}" + (f" (bars ×{move.widened:g})" if move.widened is not None else "")]


def silence_clauses(
    name: str, silent: list[str], watched: int, age_s: float, usual_s: float, warming: bool
) -> list[str]:
    """Clauses for series without ticks. name: of their feed or market; silent: ids; watched: series of the market, 0
    where that is not known. usual_s: seconds that one pause in a thousand exceeds at this time of day, 0 where that is
    not known; warming: its pauses are not known yet."""
    age = f"for {duration_text(age_s)} of open time"
    if len(silent) == 1:
        clauses = [f"{series_name(silent[0])} silent: no tick {age}"]
        if warming:
            clauses.append("its usual pauses are not known yet")
        elif usual_s > 0.0:
            clauses.append(f"999 of 1,000 of its pauses are below {duration_text(usual_s)}")
        return clauses
    of = f"{len(silent)} of {watched}" if watched >= len(silent) else str(len(silent))
    clauses = [f"{name} silent: no tick from {of} series {age}"]
    return clauses if len(silent) == watched else [*clauses, listing([tenor_name(name) for name in silent])]


def feed_clauses(name: str, silent: list[str], age_s: float) -> list[str]:
    """Clauses for a feed of which nothing comes any more, though its markets are open."""
    markets = listing(sorted({series.partition(".")[0] for series in silent}))
    age = f"for {duration_text(age_s)} of open time"
    return [f"{name or 'the feed'} silent: no tick from any of {len(silent)} series {age}", markets]


def halt_clauses(silent: list[str], age_s: float, move_bp: float, source: str) -> list[str]:
    """Clauses for what has stopped right after a large move while its feed goes on."""
    names = listing([series_name(name) for name in silent])
    others = f"other series of {source} tick" if source else "other series of the feed tick"
    return [f"{names} halted? no tick for {duration_text(age_s)} right after {bp_text(move_bp)}", others]


def trading_clauses(back: list[str], lasted_s: float) -> list[str]:
    """Clauses for the end of what looked like a halt."""
    return [f"{listing([series_name(name) for name in back])} ticks again, quiet for {duration_text(lasted_s)}"]


def ticking_clauses(name: str, back: list[str], whole: bool, lasted_s: float) -> list[str]:
    """Clauses for the end of a silence; whole: of a feed, which is over with its first tick."""
    if len(back) == 1:
        return [f"{series_name(back[0])} ticks again, silence lasted {duration_text(lasted_s)}"]
    series = "" if whole else f" from all {len(back)} series"
    return [f"{name or 'the feed'} ticks again{series}, silence lasted {duration_text(lasted_s)}"]


def blind_clauses(lead: SeriesMove) -> list[str]:
    """Clauses for an open episode of which nothing can be seen any more."""
    last = f"last {bp_text(lead.change_bp or 0.0)} at {yield_text(lead.series, lead.value)}"
    return [f"{series_name(lead.series)} not seen any more, {last}", "the episode stays open"]


def _sigma(move: SeriesMove) -> list[str]:
    if move.sigma is None or move.sigma_bp is None:
        return []
    return [f"{sigma_text(abs(move.sigma))} of {move.sigma_bp:.1f}bp"]


def still_clauses(silent: list[str], lasted_s: float) -> list[str]:
    """Clauses for a silence that goes on, and has been found to be part of something else that people are told of."""
    return [f"{listing([series_name(name) for name in silent])} silent for {duration_text(lasted_s)} so far", EXPLAINED]
