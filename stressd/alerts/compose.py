"""An episode's transition as the contract's event: the state of the episode so far, complete in itself."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from msgspec.structs import replace

from stressd.alerts.claims import strength
from stressd.alerts.corrections import statements
from stressd.alerts.curve import curve_shape, noise_clauses, shape_clauses, smooth_clauses
from stressd.alerts.episode import CHANGE, HALT, MODEL, NOISE, NOTE, SIGMA, SILENCE, Episode
from stressd.alerts.event import DataQuality, DataState, Event, EventType, Kind, Outcome, Segments, Standing
from stressd.alerts.evidence import answer_clause
from stressd.alerts.headline import (
    EXPLAINED,
    blind_clauses,
    feed_clauses,
    fit,
    halt_clauses,
    level_clauses,
    market_clauses,
    model_clauses,
    notable_clauses,
    resolved_clauses,
    silence_clauses,
    still_clauses,
    ticking_clauses,
    trading_clauses,
    with_links,
)
from stressd.alerts.retrace import outcome, retraces_clause
from stressd.alerts.segments import breadth_clause, segments_in, watched_in
from stressd.alerts.spec import SECOND, EpisodesSpec
from stressd.alerts.words import bp_text, duration_text, listing, series_name
from stressd.engine.events import FEED
from stressd.engine.spec import SEVERITIES
from stressd.market.shape import SHAPES
from stressd.market.times import iso


def compose(
    spec: EpisodesSpec, episode: Episode, type: EventType, at: int, note: str | None, standing: Standing,
    data_state: DataState | None,
) -> Event:  # fmt: skip
    """The event, with the next number of its episode. at: engine time, ns. standing, data_state: how it stands then."""
    episode.seq += 1
    return Event(
        id=f"{episode.id}.{episode.seq}",
        episode=episode.id,
        seq=episode.seq,
        type=type,
        kind=cast(Kind, episode.kind),
        origin=spec.origin,
        time=iso(at),
        instance=spec.instance,
        rule=episode.rule,
        market=episode.market,
        direction=None if episode.direction == 0 else "up" if episode.direction > 0 else "down",
        severity=SEVERITIES[episode.severity],
        headline=_headline(spec, episode, type, at, note or ""),
        series=episode.ranked(),
        shape=_shape(episode),
        source=episode.source,
        followers=[answer.follower for answer in episode.answers.values()],
        data=DataQuality(
            age_s=round(max(0, at - episode.data_time) / SECOND, 3) if episode.data_time else None,
            sources=sorted(episode.sources),
            affected=list(episode.affected),
            quotes=episode.quotes.get(episode.ranked()[0].series) if episode.quotes else None,
            curve=episode.curve,
            agree=episode.checked.agree,
            disagree=episode.checked.disagree,
            rejected=episode.checked.rejected,
            state=data_state,
        ),
        note=note,
        spreads=episode.beside,
        path=replace(episode.path, zone=spec.zone(episode.market).key) if episode.path is not None else None,
        runbook=spec.runbook(episode.rule, episode.kind),
        acknowledged=episode.acknowledged,
        outcome=_outcome(episode, at) if type == "resolved" else None,
        standing=standing,
        segments=_segments(spec, episode),
        retraces=episode.retraces,
        withdrawn=episode.withdrawn or None,
        version=spec.version,
        method=spec.method,
        config=spec.config,
    )


def _segments(spec: EpisodesSpec, episode: Episode) -> Segments | None:
    if episode.what != SIGMA:
        return None
    watched = watched_in(spec.tenors, episode.market)
    return segments_in(episode.ranked(), watched, spec.segments, spec.whole_curve)


def _outcome(episode: Episode, at: int) -> Outcome | None:
    lead = episode.greatest
    if episode.what != SIGMA or lead is None:
        return None
    return outcome(lead, episode.last.get(lead.series), (at - episode.opened_at) / SECOND)


def _shape(episode: Episode) -> str | None:
    if episode.what in SHAPES:
        return episode.what
    return curve_shape(episode.ranked()) if episode.what == SIGMA else None


def _quiet_clauses(spec: EpisodesSpec, episode: Episode, over: bool, lasted_s: float) -> list[str]:
    """What has gone silent or is halted: one series, some of a market's, or all of a feed."""
    age = episode.age / SECOND
    silent = [series for series in episode.affected if series in episode.active]
    whole = episode.scope.startswith(FEED)
    name = episode.scope.removeprefix(FEED) if whole else f"{episode.market} feed"
    if episode.what == HALT:
        sources = listing(episode.sources)
        return (
            trading_clauses(episode.affected, lasted_s) if over else halt_clauses(silent, age, episode.peak_bp, sources)
        )
    if over:
        return ticking_clauses(name, episode.affected, whole, lasted_s)
    if whole:
        return feed_clauses(name, silent, age)
    watched = spec.watched.get(episode.market, 0)
    return silence_clauses(name, silent, watched, age, episode.usual / SECOND, episode.warming)


def _about(episode: Episode) -> str:
    """What the alert was about, in a few words."""
    moves = episode.ranked()
    if not moves:
        return f"{episode.market or 'stressd'} {episode.rule}".strip()
    lead = moves[0]
    change = f" {bp_text(lead.change_bp)}" if lead.change_bp is not None else ""
    return f"{series_name(lead.series)}{change} was no move"


def _headline(spec: EpisodesSpec, episode: Episode, type: str, at: int, note: str) -> str:
    lasted = (at - episode.opened_at) / SECOND
    if episode.withdrawn:
        return fit([f"withdrawn: {_about(episode)}", episode.withdrawn])
    if episode.what == NOTE:
        over = type == "resolved" and lasted > 0.0
        return fit([f"Over after {duration_text(lasted)}: {episode.text}" if over else episode.text])
    if episode.what in (SILENCE, HALT):
        if type == "resolved" and note.startswith(EXPLAINED):
            return fit(still_clauses(episode.affected, lasted))
        return fit(_quiet_clauses(spec, episode, type == "resolved", lasted))
    moves = episode.ranked()
    if episode.what in (MODEL, CHANGE):
        return fit(model_clauses(moves[0], episode.what == CHANGE))
    if episode.what == NOISE and episode.curve is not None:
        if type == "resolved":
            return fit(smooth_clauses(episode.market, episode.curve, lasted, episode.peak_bp))
        return fit(noise_clauses(episode.market, episode.curve, moves[0]))
    if episode.what in SHAPES:
        return fit(shape_clauses(episode.market, episode.what, moves))
    if episode.what != SIGMA:
        return fit(level_clauses(moves[0], episode.what, episode.direction > 0))
    followers = [answer.follower for answer in episode.answers.values()]
    if type == "resolved":
        return with_links(resolved_clauses(moves, lasted, episode.taken_back(spec.retraced)), followers, None, [])
    if type == "stale":
        return fit(blind_clauses(moves[0]))
    if type == "corrected" and not episode.withdrawn:
        most, *others = statements(episode)
        return fit([f"corrected: {most}", *others, *market_clauses(moves)])
    first = market_clauses(moves)
    if episode.retraces is not None:
        first.append(retraces_clause(episode.retraces))
    record = notable_clauses(moves[0], datetime.fromtimestamp(at // SECOND, spec.zone(episode.market)).date())
    if type != "propagated":
        part = breadth_clause(_segments(spec, episode), episode.direction)
        return with_links(first, followers, episode.source, record + part)
    absent = [answer_clause(each, episode.market) for each in followers if each.wording == "did not respond"]
    linked = any(strength(each.wording) for each in followers)
    return with_links(first, followers, episode.source, record, [] if linked else absent)
