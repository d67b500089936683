"""What a feed really does, by its data and not by its socket: a state, and what people are told of it.

Nothing is expected while all of a feed's markets are closed (holidays and lunch too). Time in which there was no
connection, or in which the daemon did not run, is no silence. A state that was told ends by what ends it, never by time
alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from stressd.alerts.words import duration_text
from stressd.config.printable import printable
from stressd.engine.spec import HIGH, WARN
from stressd.feeds.base import FeedHealth
from stressd.market.calendar import Calendar
from stressd.market.times import iso
from stressd.runtime.notes import (
    FEED,
    FLAPPING,
    LAGGING,
    MALFORMED,
    MUTE,
    PARTLY_REFUSED,
    REFUSED,
    STALE,
    STUCK,
    UNKNOWN,
    Condition,
)  # fmt: skip
from stressd.runtime.stretch import HOUR, MINUTE, Stretch

SECOND: Final = 1_000_000_000
PATIENCE: Final = 60.0
"""Seconds for which a feed may be without a connection before people are told."""

BEFORE_OPEN: Final = 10 * MINUTE
"""A feed that is not connected matters while one of its markets is open, and so long before."""

ENOUGH: Final = 5
"""Messages in a row that are no tick for us before that is a state; fewer, where they take as long as a silence."""

ENOUGH_TIME: Final = 30 * SECOND
RECOVERED: Final = 10 * SECOND
"""ns for which good ticks must prevail again."""

FLAPS: Final = 4
FLAP_WINDOW: Final = 600.0
"""So many lost connections within so many seconds are one state, which ends after as long without one."""

FRUITLESS: Final = 3
"""Connections without a message after which another one is no fresh start."""

FLAT_TICKS: Final = 20
FLAT_CEILING: Final = 2 * HOUR
"""A feed repeats itself from so many ticks on, and for so long (ns of open time) where its habits are not known yet."""

SHOWN: Final = 60
"""Characters of a sample, of its topic and of what is wrong with it."""

LAG_LEAST: Final = 10 * SECOND
STEPS: Final = {
    FEED: "see whether the server runs and can be reached from this machine; `stressd check --connect` tries it",
    REFUSED: "put right what the server refuses (account, certificate, permission); a new password is read by itself",
    PARTLY_REFUSED: "ask for the permission to read these topics, or take them out of `topics`",
    FLAPPING: "look into the server's log for why it drops us: another client of the same id, a limit, the network",
    MUTE: "see whether anything is published under `topics`; a permission to read that is missing looks the same",
    UNKNOWN: "add the names to `aliases`, or correct `topics`; `stressd symbols resolve NAME` says what a name is",
    MALFORMED: "compare the sample with `payload`: the publisher has changed its format",
    STALE: "ask the publisher why it sends old values; compare its clock with this machine's",
    STUCK: "compare with another screen: the publisher repeats its last values",
    LAGGING: "look for a queue between the publisher and here that does not keep up",
}
"""By rule, the first thing to do."""

WELL: Final = ("live", "closed", "waiting for data", "ended")
REFUSING: Final = (UNKNOWN, MALFORMED, STALE)
"""States of a feed that brings messages, none of which is a tick for us."""

STOPPING: Final = (FEED, REFUSED, MUTE, UNKNOWN, MALFORMED, STALE, STUCK)
"""States in which no new value comes."""


@dataclass(frozen=True, slots=True)
class State:
    """word: what the feed does; rule: under which people are told of it, "" where they are not; since: ns."""

    word: str
    rule: str = ""
    text: str = ""
    severity: int = HIGH
    since: int = 0


class FeedWatch:
    """One feed. silent: ns of open time for which it may bring nothing while its own habits are not known, None: any.
    max_age: ns by which a tick may come after its own time. near: series or names like an unknown one."""

    def __init__(
        self,
        name: str,
        health: FeedHealth,
        now: int,
        steady: float,
        silent: int | None,
        max_age: int,
        near: Callable[[str], Sequence[str]] = lambda name: (),
    ) -> None:
        self.name = name
        self.health = health
        self.silent = silent
        self.max_age = max_age
        self.near = near
        self.gaps = Stretch(2 * MINUTE)
        self.flats = Stretch(5 * MINUTE)
        self.state = State("connecting", since=now)
        self.brewing = False
        self._started = now
        self._well = steady
        self._connected_at = now
        self._connects = health.connects
        self._lost: deque[float] = deque(maxlen=FLAPS)
        self._fruitless = 0
        self._seen = _counts(health)
        self._last_message = 0
        self._changed = 0
        self._window = [0, 0, 0, 0]
        self._first = 0
        self._good_since = 0
        self._lag_minute = (0, 0)
        self._lag_base: int | None = None

    # -- a look

    def look(self, now: int, steady: float, calendars: Sequence[Calendar]) -> State:
        """What it does at `now` (ns; monotonic s). calendars: of the markets that it carries, none: always open."""
        starts = [span.start for span in (calendar.span_at(now) for calendar in calendars) if span.is_open]
        opened = min(starts, default=None) if calendars else 0
        soon = opened is not None or any(calendar.next_open(now) - now <= BEFORE_OPEN for calendar in calendars)
        self._count_connections(now, steady)
        found = self._link(steady, soon)
        data = self._data(now, opened)
        if found is None:
            found = data
        elif self.brewing and self.state.rule in STOPPING:
            # what was told is not over because the connection broke as well
            found = self.state
        if found.word != self.state.word or found.rule != self.state.rule:
            self.state = State(found.word, found.rule, found.text, found.severity, now)
        elif found.text:
            self.state = State(found.word, found.rule, found.text, found.severity, self.state.since)
        return self.state

    def conditions(self, needs: tuple[str, ...] = ()) -> list[Condition]:
        """What people are told, or may be told soon. needs: things without which it has no connection."""
        state, found = self.state, []
        if self.brewing:
            found.append(
                self._condition(FEED, "no connection", f"feed {self.name} is not connected", HIGH, needs, True)
            )
        if state.rule:
            found.append(self._condition(state.rule, state.word, state.text, state.severity, needs, False))
        if self.health.partly and state.rule != PARTLY_REFUSED and state.rule not in (FEED, REFUSED):
            text = f"feed {self.name}: {self.health.partly}"
            found.append(self._condition(PARTLY_REFUSED, "partly refused", text, WARN, (), False))
        return found

    def _condition(
        self, rule: str, what: str, text: str, severity: int, needs: tuple[str, ...], brewing: bool
    ) -> Condition:
        feed, data = f"feed {self.name}", f"data {self.name}"
        breaks: tuple[str, ...] = (data,) if rule in STOPPING else ()
        if rule in (FEED, REFUSED):
            breaks = (feed, data)
        elif rule == FLAPPING:
            breaks = (feed,)
        if rule in (FEED, REFUSED, FLAPPING):
            needs = (*needs, f"task {feed}")
        else:
            needs = (feed, "clock") if rule in (STALE, LAGGING) else (feed,)
        stops = (self.name,) if rule in STOPPING else ()
        return Condition(
            rule, what, text, "feed", self.name, severity, f"first step: {STEPS[rule]}", breaks, needs, stops, brewing
        )

    # -- the connection

    def _count_connections(self, now: int, steady: float) -> None:
        health = self.health
        if health.connects > self._connects:
            if self._connects:
                self._lost.append(steady)
            self._fruitless = 0 if self._last_message > self._connected_at else self._fruitless + 1
            if self._fruitless <= FRUITLESS:
                self._connected_at = now
            self._connects = health.connects
        if health.state == "connected":
            self._well = steady

    def _link(self, steady: float, soon: bool) -> State | None:
        health, name = self.health, self.name
        self.brewing = False
        why = f": {health.detail}" if health.detail else ""
        if health.state == "stopped":
            return State("ended")
        if health.state == "refused":
            return State("refused", REFUSED, f"feed {name} is refused{why}", HIGH if soon else WARN)
        flapping = len(self._lost) == FLAPS and steady - self._lost[0] <= FLAP_WINDOW
        flapping = flapping or (self.state.rule == FLAPPING and steady - self._lost[-1] <= FLAP_WINDOW)
        if health.state != "connected":
            if self.state.rule == FEED or (steady - self._well > PATIENCE and soon):
                return State("not connected", FEED, f"feed {name} is not connected{why}")
            self.brewing = soon
            if not flapping:
                return State("connecting" if health.connects == 0 else "reconnecting")
        if flapping:
            text = f"feed {name} loses its connection again and again: {len(self._lost)} times within ten minutes{why}"
            return State("flapping", FLAPPING, text, WARN)
        return None

    # -- the data

    def _data(self, now: int, opened: int | None) -> State:
        """opened: since when (ns) one of its markets is open, None where none is."""
        health = self.health
        counts = _counts(health)
        came, ticks, bad, unknown = (after - before for after, before in zip(counts, self._seen, strict=True))
        self._seen = counts
        if not ticks and not bad and not unknown:
            # what the server had kept from before says nothing of the publisher
            came = 0
        told = self.state.rule
        if came:
            self._heard(now, opened)
        good = ticks > 0 and health.lag <= self.max_age
        if good and (told not in REFUSING or ticks >= bad + unknown):
            self._good_since = self._good_since or now
            if told not in REFUSING or now - self._good_since >= RECOVERED:
                self._window, self._first = [0, 0, 0, 0], 0
                return self._flowing(now, opened)
            return self.state
        if came:
            self._good_since = 0
            self._first = self._first or now
            self._window = [a + b for a, b in zip(self._window, (came, bad, unknown, ticks), strict=True)]
        if told in (*REFUSING, STUCK) or (told == MUTE and not came):
            # what was told is over when something shows it, not because nothing is expected now
            return self._again() if came and told in REFUSING else self.state
        if opened is None:
            self._window, self._first, self._good_since = [0, 0, 0, 0], 0, 0
            return State("closed")
        return self._bad(now, opened)

    def _again(self) -> State:
        """The same trouble, with the latest of it."""
        texts = {UNKNOWN: self._unknown_text, STALE: self._stale_text}
        text = texts[self.state.rule]() if self.state.rule in texts else self._malformed_text(self._window[0])
        return State(self.state.word, self.state.rule, text, self.state.severity)

    def _heard(self, now: int, opened: int | None) -> None:
        """Messages came since the last look."""
        last, self._last_message = self._last_message, self.health.last_received
        if opened is not None and self.state.rule != MUTE and last > self._connected_at:
            self.gaps.add(max(0, self._last_message - max(last, opened)), now)

    def _bad(self, now: int, opened: int) -> State:
        """No good tick since the last look."""
        messages, bad, unknown, old = self._window
        limit = self._limit(now)
        if messages and self._first:
            lasted = now - max(self._first, opened)
            if (messages >= ENOUGH and lasted >= ENOUGH_TIME) or (limit is not None and lasted >= limit):
                most = max(bad, unknown, old)
                if most == unknown:
                    return State("no known symbol", UNKNOWN, self._unknown_text())
                if most == bad:
                    return State("unreadable", MALFORMED, self._malformed_text(messages))
                return State("old values only", STALE, self._stale_text())
        quiet = now - max(self._last_message, self._started, self._connected_at, opened)
        if limit is not None and quiet >= limit:
            return State("mute", MUTE, self._mute_text(quiet, now))
        if self._last_message > max(opened, self._connected_at):
            return self._flowing(now, opened)
        return State("waiting for data")

    def _limit(self, now: int) -> int | None:
        return None if self.silent is None else self.gaps.bound(self.silent, now)

    def _flowing(self, now: int, opened: int | None) -> State:
        """Ticks come: whether they say anything new, and in time."""
        health = self.health
        if opened is None:
            return State("closed")
        flat = now - max(health.changed_at, opened, self._started)
        if health.flat >= FLAT_TICKS and flat >= self.flats.bound(FLAT_CEILING, now):
            lasted = duration_text(flat / SECOND)
            text = f"feed {self.name} repeats itself: no value has changed for {lasted} in {health.flat} ticks"
            return State("repeating", STUCK, text)
        if health.flat == 0 and health.changed_at > max(opened, self._started) and self.state.rule != STUCK:
            self.flats.add(max(0, health.changed_at - max(self._changed, opened)) if self._changed else 0, now)
        self._changed = health.changed_at
        lag = self._lag(now)
        if lag is not None:
            text = f"feed {self.name} falls behind: its ticks come {duration_text(lag / SECOND)} after their own time"
            return State("lagging", LAGGING, text, WARN)
        return State("live")

    def _lag(self, now: int) -> int | None:
        """ns by which the feed lags, where that is much more than it did; None otherwise. Judged by the best tick of a
        minute, since a single late one says nothing."""
        begun, best = self._lag_minute
        lag = max(0, self.health.lag)
        if now - begun < MINUTE:
            self._lag_minute = (begun, min(best, lag))
            return lag if self.state.rule == LAGGING else None
        self._lag_minute = (now, lag)
        if begun == 0:
            return None
        if self._lag_base is None or best < self._lag_base:
            self._lag_base = best
        more = best - self._lag_base
        if more >= LAG_LEAST or (self.state.rule == LAGGING and more >= LAG_LEAST // 2):
            return best
        return None

    # -- words

    def _mute_text(self, quiet: int, now: int) -> str:
        health = self.health
        text = (
            f"feed {self.name} is connected, but no message has come for {duration_text(quiet / SECOND)} of open time"
        )
        if self.gaps.known(now):
            text += f" (never more than {duration_text(max(SECOND, self.gaps.longest) / SECOND)} before)"
        kept = health.backlog + health.dropped and health.ticks == health.backlog
        return text + ("; all that came was kept by the server from before" if kept else "")

    def _unknown_text(self) -> str:
        names = sorted(self.health.unknown, key=lambda name: -self.health.unknown[name])[:3]
        shown = []
        for name in names:
            like = self.near(name)
            shown.append(f"`{name}`" + (f" (did you mean `{like[0]}`?)" if like else ""))
        more = len(self.health.unknown) - len(names)
        rest = f" and {more} more" if more > 0 else ""
        return f"feed {self.name} is heard, but nothing for our series: unknown are {', '.join(shown)}{rest}"

    def _malformed_text(self, messages: int) -> str:
        text = f"feed {self.name}: none of the last {messages} messages can be read"
        if not self.health.rejects:
            return text
        _, topic, why, excerpt = self.health.rejects[-1]
        sample = printable(excerpt.decode(errors="replace"), SHOWN)
        return f"{text} ({printable(why, SHOWN)}); the last on `{printable(topic, SHOWN)}`: {sample}"

    def _stale_text(self) -> str:
        health = self.health
        late = duration_text(max(health.lag, 0) / SECOND)
        return f"feed {self.name} brings only old values: the last was of {iso(health.newest)}, {late} before it came"

    def report(self, now: int) -> dict[str, Any]:
        """For the status. does: the state by its data; silent_after_s: of open time, None for never."""
        limit, health = self._limit(now), self.health
        return {
            "does": self.state.word,
            "why": self.state.text or None,
            "since": iso(self.state.since),
            "silent_after_s": None if limit is None else limit / SECOND,
            "newest": iso(health.newest) if health.newest else None,
            "lag_s": health.lag / SECOND if health.newest else None,
            "history": health.backlog,
            "unknown_names": dict(sorted(health.unknown.items(), key=lambda item: -item[1])[:5]),
        }

    # -- state

    def snapshot(self) -> list[list[int]]:
        """What was learned of its habits."""
        return [self.gaps.state(), self.flats.state()]

    def restore(self, state: Sequence[Sequence[int]]) -> None:
        self.gaps.load(state[0])
        self.flats.load(state[1])


def _counts(health: FeedHealth) -> tuple[int, int, int, int]:
    return health.messages, health.ticks - health.backlog, health.malformed, health.unknown_series
