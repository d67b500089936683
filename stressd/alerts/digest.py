"""Digests: when they are due, and as events that are about other episodes and have none of their own."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from stressd.alerts.day import Day
from stressd.alerts.day_text import day_headline
from stressd.alerts.digest_text import STORM
from stressd.alerts.event import DigestItem, Event, Severity
from stressd.alerts.headline import fit
from stressd.alerts.ids import digits
from stressd.alerts.ledger import subject
from stressd.alerts.spec import EpisodesSpec
from stressd.alerts.storm import Summary
from stressd.alerts.words import bp_text, duration_text, sigma_text
from stressd.engine.spec import SEVERITIES
from stressd.market.calendar import Calendar
from stressd.market.times import SECOND, iso

PREFIX: Final = "DIGEST"
DAY: Final = "DAY"
"""How the ids of the summaries of days begin."""

DAILY: Final = "daily"
"""What stands in the place of the rule in the summary of a day."""


@dataclass(frozen=True, slots=True)
class MarketClose:
    """Each close of that market, early ones as they are."""

    market: str


@dataclass(frozen=True, slots=True)
class LocalTime:
    """A time of day (minutes after midnight) in a zone, on these days (0 for Monday to 6)."""

    zone: str
    minute: int
    days: tuple[int, ...] = (0, 1, 2, 3, 4)


@dataclass(frozen=True, slots=True)
class DigestSpec:
    """When a digest is told. sinks: who gets it beside those whose routes name it. empty: also with nothing in it."""

    name: str
    at: tuple[MarketClose | LocalTime, ...]
    sinks: tuple[str, ...] = ()
    empty: bool = False


def next_time(at: Sequence[MarketClose | LocalTime], now: int, calendars: Mapping[str, Calendar]) -> int | None:
    """The first of these times after `now` (ns UTC); None where there is none."""
    times = [
        _next_close(calendars[each.market], now) if isinstance(each, MarketClose) else _next_local(each, now)
        for each in at
        if isinstance(each, LocalTime) or each.market in calendars
    ]
    return min(times, default=None)


def _next_close(calendar: Calendar, now: int) -> int:
    close = calendar.next_close(now)
    return close if close > now else calendar.next_close(calendar.next_open(now + 1))


def _next_local(at: LocalTime, now: int) -> int:
    zone = ZoneInfo(at.zone)
    day = datetime.fromtimestamp(now // SECOND, zone).date()
    while True:
        # A time that a change of the clock leaves out is an hour later; one that it repeats is the first of the two
        moment = int(datetime.combine(day, time(at.minute // 60, at.minute % 60), zone).timestamp()) * SECOND
        if moment > now and day.weekday() in at.days:
            return moment
        day += timedelta(days=1)


def digest_event(
    voice: EpisodesSpec, name: str, at: int, items: Sequence[DigestItem], more: int, known: Container[str]
) -> Event:
    """The digest of that name. more: how many beyond the items. known: ids of digests that there are."""
    asked = [item for item in items if item.why is None]
    held = len(items) - len(asked)
    parts = [f"{len(asked)} not told one by one"] * bool(asked) + [f"{held} withheld"] * bool(held)
    parts += [f"{more} more"] * bool(more)
    clauses = [f"digest {name}: {', '.join(parts) or 'nothing to tell'}"]
    clauses += [f"largest {_move(_largest(items))}"] * bool(items)
    note = f"{more} more did not fit; the store has them" if more else None
    return _event(voice, name, at, fit(clauses), items, note, known)


def day_event(
    voice: EpisodesSpec, at: int, day: Day, items: Sequence[DigestItem], more: int, known: Container[str]
) -> Event:
    """The summary of a market's session. more: episodes beyond the items. known: ids of digests that there are."""
    event = _event(voice, DAILY, at, day_headline(day, items, more), items, None, known, market=day.market)
    return msgspec.structs.replace(event, day=day)


def summary_event(voice: EpisodesSpec, summary: Summary, known: Container[str]) -> Event:
    """What was gathered in a storm, or the ends of it."""
    items, more = list(summary.gathered.items.values()), summary.gathered.more
    span = duration_text(max(1.0, (summary.gathered.last - summary.gathered.first) / SECOND))
    count = len(items) + more
    if summary.over:
        clauses = [f"storm: {_count(count, 'episode')} over: {_markets(items)}"]
        note = "The end of what was told in the summary of a storm."
    else:
        markets = len({item.market for item in items})
        series = sum(item.series_count for item in items)
        clauses = [
            f"storm: {_count(markets, 'market')}, {series} series beyond their bars in {span}",
            f"largest {_move(_largest(items))}",
        ]
        note = "Too much at once for a message each: every episode goes on, nothing is switched off."
    if more:
        note += f" {more} more did not fit."
    return _event(voice, STORM, summary.at, fit(clauses), items, note, known)


def _event(
    voice: EpisodesSpec, name: str, at: int, headline: str, items: Sequence[DigestItem], note: str | None,
    known: Container[str], market: str = "",
) -> Event:  # fmt: skip
    episode = _id(voice, name, at, items, known, market)
    ranked = sorted(items, key=lambda item: (-SEVERITIES.index(item.severity), -abs(item.sigma or 0.0), item.episode))
    # the summary of a day is no alert, however grave what it tells of
    severity: Severity = ranked[0].severity if ranked and not market else "info"
    return Event(
        id=f"{episode}.1",
        episode=episode,
        seq=1,
        type="digest",
        kind="market",
        origin=voice.origin,
        time=iso(at),
        instance=voice.instance,
        rule=name,
        market=market,
        direction=None,
        severity=severity,
        headline=headline,
        series=[],
        note=note,
        digest=ranked,
        version=voice.version,
        method=voice.method,
        config=voice.config,
    )


def _id(
    voice: EpisodesSpec, name: str, at: int, items: Sequence[DigestItem], known: Container[str], market: str
) -> str:
    """`DIGEST-260120-7q2f`, or `DAY-260120-7q2f` of a market's, by the day in UTC; another one than those known."""
    day = date.fromordinal(719_163 + at // (86_400 * SECOND)).strftime("%y%m%d")
    said = (voice.instance, name, *([market] if market else []), str(at))
    about = "\x1f".join((*said, *(f"{item.episode} {item.why}" for item in items)))
    for ordinal in range(1 << 20):
        number = int.from_bytes(hashlib.sha256(f"{about}\x1f{ordinal}".encode()).digest()[:4], "big")
        episode = f"{DAY if market else PREFIX}-{day}-{digits(number)}"
        if episode not in known:
            return episode
    raise AssertionError("a million digests in one day")


def _largest(items: Sequence[DigestItem]) -> DigestItem:
    return max(items, key=lambda item: (SEVERITIES.index(item.severity), abs(item.sigma or 0.0)))


def _move(item: DigestItem) -> str:
    """ "JP 30Y +20.3bp 6.9σ critical"."""
    size = bp_text(item.change_bp) if item.change_bp is not None else ""
    sigma = sigma_text(abs(item.sigma)) if item.sigma is not None else ""
    return " ".join(part for part in (subject(item), size, sigma, item.severity) if part)


def _markets(items: Sequence[DigestItem]) -> str:
    return ", ".join(dict.fromkeys(sorted(item.market for item in items)))


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
