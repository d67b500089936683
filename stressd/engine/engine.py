"""The engine: ticks in, events out. Pure and deterministic: time comes in with the tick or with `advance`.

Its clock is receive time and never runs backwards. A deadline fires at its own time, before any tick that was received
at that time or later; so the same ticks give the same events in whatever batches they come.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Any, Final

from stressd.engine.agenda import Agenda
from stressd.engine.bars import Bar, bars_of
from stressd.engine.breaches import LIVE
from stressd.engine.budget import Book
from stressd.engine.clock import MarketClock
from stressd.engine.curves import Curves
from stressd.engine.detectors import DetectorWatch
from stressd.engine.events import LEFT, Breach, Event, Silence
from stressd.engine.graph import edges_of
from stressd.engine.propagation import Propagation
from stressd.engine.quality import quote_figures
from stressd.engine.quiet import heard_again, judge
from stressd.engine.rounds import Round, load_round
from stressd.engine.scenes import Scenes
from stressd.engine.series import SeriesState
from stressd.engine.silence import SilenceWatch
from stressd.engine.spec import EngineSpec
from stressd.engine.spreads import Spreads
from stressd.engine.stamps import Stamps
from stressd.engine.status import can_alert, row
from stressd.engine.stress_index import StressIndex
from stressd.engine.told import Told, adopt
from stressd.market.tick import BACKLOG, FIXING, Tick

SNAPSHOT_VERSION: Final = 7

NEVER: Final = (1 << 62) - 1


class SnapshotError(ValueError):
    """A snapshot that this engine cannot take up."""


class Engine:
    """All series and what lies between them. now: its clock, ns UTC; unknown: ticks of series that it does not know."""

    __slots__ = (
        "_book", "_clocks", "_due", "_fed", "_fixings_due", "_gauges", "_members", "_rounds", "_scenes",
        "_series", "_silences", "_spec", "_spreads", "_stamps", "_warming", "curves", "now", "propagation", "stress",
        "unknown",
    )  # fmt: skip

    def __init__(self, spec: EngineSpec, start: int) -> None:
        self._spec = spec
        self.now = start
        self.unknown = 0
        self._clocks: dict[str, MarketClock] = {market.name: MarketClock(market.calendar) for market in spec.markets}
        self._book = Book()
        agenda = Agenda(spec.agenda)
        self._series: dict[str, SeriesState] = {
            s.id: SeriesState(s, spec, self._clocks[s.market], self._book, agenda.of(s.market)) for s in spec.series
        }
        self._members: dict[str, list[SeriesState]] = {market.name: [] for market in spec.markets}
        # What feeds bring; spreads are made of it, and take no part in propagation: their direction is no yield's.
        self._fed: dict[str, SeriesState] = {s.id: self._series[s.id] for s in spec.series if not s.legs}
        for state in self._fed.values():
            self._members[state.market].append(state)
        self._gauges: dict[str, SeriesState] = {
            market.name: self._fed[market.gauge] for market in spec.markets if market.gauge in self._fed
        }
        for state in self._gauges.values():
            state.is_gauge = True
        self.propagation = Propagation(spec.propagation, self._fed, self._gauges, self._clocks)
        self._spreads = Spreads(self._series, spec)
        self._scenes = Scenes(self._series, spec)
        self.curves = Curves(spec, self._members)
        self.stress = StressIndex(spec, self._series, self._members, self._gauges, self._clocks)
        self._stamps = Stamps()
        self._warming = False
        self._fixings_due: dict[str, int] = {}
        self._rounds: dict[str, Round] = {}
        self._silences: list[tuple[int, int, SilenceWatch]] = []
        self._due = NEVER
        self._schedule(start)

    def _schedule(self, now: int) -> None:
        """Set every deadline anew."""
        for market, members in self._members.items():
            if members:
                self._fixings_due[market] = self._clocks[market].calendar.next_fixing(now)
        self._silences = []
        for state in self._series.values():
            for silence in state.silences:
                silence.begin(now)
                self._silences.append((silence.check_at(now), len(self._silences), silence))
        heapq.heapify(self._silences)
        self._find_due()

    def _find_due(self) -> None:
        due = min([NEVER, self.stress.due, *self._fixings_due.values(), *[r.due for r in self._rounds.values()]])
        if self._silences and self._silences[0][0] < due:
            due = self._silences[0][0]
        answer = self.propagation.next_deadline()
        if answer != 0 and answer < due:
            due = answer
        self._due = due

    def next_deadline(self) -> int | None:
        """When `advance` will next have something to do (ns UTC), None for never."""
        return self._due if self._due != NEVER else None

    def advance(self, now: int) -> list[Event]:
        """What is due up to and including `now`."""
        out: list[Event] = []
        if now >= self._due:
            self._run(now, out)
        if now > self.now:
            self.now = now
        return out

    def _run(self, now: int, out: list[Event]) -> None:
        while self._due <= now:
            due = self._due
            if due > self.now:
                self.now = due
            before = len(out)
            for waiting in list(self._rounds.values()):
                if waiting.due <= due:
                    self._judge(waiting, out)
            for market, fixing in self._fixings_due.items():
                if fixing == due:
                    self._fix(market, due, out)
            while self._silences and self._silences[0][0] <= due:
                self._silence(due, out)
            self.propagation.due(due, out)
            if self.stress.due <= due:
                self.stress.run(due)
            self._scenes.draw(out, before)
            self._find_due()

    def _fix(self, market: str, due: int, out: list[Event]) -> None:
        calendar = self._clocks[market].calendar
        # Not the session at `due`: that is the next one after an early close, and at the end of a UTC day.
        day = self._clocks[market].local_day(due - 1)
        own = Round(market, due, due)
        for state in self._members[market]:
            if state.has_live_fixing(due, day):
                own.add(state, Tick(state.id, state.y, due, due, LIVE, FIXING))
        fixed = []
        for state, _ in own.ordered():
            before = len(out)
            state.live_fixing(due, day, state.y, due, out)
            self._follow_up(before, out)
            fixed.append(state)
        for state in fixed:
            self.propagation.on_fixing(state, due, out)
        self._spreads.on_fixings(fixed, {}, due, 0, out)
        self.stress.on_fixings(market, fixed, {}, due)
        self._fixings_due[market] = calendar.next_fixing(due)

    def _collect(self, state: SeriesState, tick: Tick, at: int, out: list[Event]) -> None:
        """Hold a fixing until those of the same market and instant are there."""
        waiting = self._rounds.get(state.market)
        if waiting is not None and (waiting.time != tick.time or state in waiting.states):
            self._judge(waiting, out)
            waiting = None
        if waiting is None:
            waiting = Round(state.market, tick.time, at)
            self._rounds[state.market] = waiting
        waiting.add(state, tick)
        self._find_due()

    def _judge(self, waiting: Round, out: list[Event]) -> None:
        del self._rounds[waiting.market]
        fixed = []
        broken = self.curves.of[waiting.market].breaks(waiting, out)
        for state, tick in waiting.ordered():
            before = len(out)
            if state.id in broken:
                state.on_break(tick)
                fixed.append(state)
            elif state.on_fixing(tick, waiting.at, out):
                self._follow_up(before, out)
                fixed.append(state)
        for state in fixed:
            if state.id not in broken:
                self.propagation.on_fixing(state, waiting.at, out)
        self._spreads.on_fixings(fixed, broken, waiting.at, waiting.ticks[0].flags, out)
        self.stress.on_fixings(waiting.market, fixed, broken, waiting.at)

    def _silence(self, due: int, out: list[Event]) -> None:
        """The heap holds a time not later than each watch's own deadline, which every tick moves on."""
        _, number, watch = heapq.heappop(self._silences)
        self._series[watch.series].about_to_change()
        deadline = watch.deadline()
        if deadline is not None and deadline <= due:
            said = judge(self._series[watch.series], watch, deadline, self._series.values())
            if said is not None:
                out.append(said)
        heapq.heappush(self._silences, (watch.check_at(due), number, watch))

    def feed(self, ticks: Sequence[Tick]) -> list[Event]:
        """Take in ticks in the order in which they were received."""
        out: list[Event] = []
        for tick in ticks:
            at = tick.received
            if at < self.now:
                at = self.now
            if at >= self._due:
                self._run(at, out)
            self.now = at
            state = self._fed.get(tick.series)
            if state is None:
                self.unknown += 1
                continue
            self._take(state, tick, at, out)
        return out

    def _take(self, state: SeriesState, tick: Tick, at: int, out: list[Event]) -> None:
        before = len(out)
        if tick.flags & FIXING != 0:
            self._collect(state, tick, at, out)
            self._scenes.draw(out, before)
            return
        block = state.horizons.block_slot
        future = state.future
        ticks = state.ticks
        state.on_tick(tick, at, out)
        if not state.quiet and (state.future != future or self._stamps.watches(tick.source)):
            self._stamps.take(tick, at, state.future != future, out)
        if state.is_gauge and state.horizons.block_slot != block:
            self.propagation.ticks.on_block(state)
        taken = state.ticks != ticks
        if taken:
            fresh = tick.flags & BACKLOG == 0 and tick.received - state.t <= self._spec.max_age
            self.curves.all[state.curve].on_tick(state, before, at, fresh, out)
        if state.is_gauge and self.propagation.ticks.on_tick(state, taken, at, out):
            self._find_due()
        if len(out) > before:
            self._follow_up(before, out)
        if taken and self._spreads.all:
            self._spreads.on_tick(state, at, fresh, out)
        if taken and at >= self.stress.wanted:
            self.stress.touch(at)
            self._find_due()
        if len(out) > before:
            self._scenes.draw(out, before)

    def _follow_up(self, before: int, out: list[Event]) -> None:
        """Ask the other markets about each breach since `before`; of history nobody is asked."""
        if self._warming:
            del out[before:]
            return
        for event in out[before:]:
            if isinstance(event, Breach):
                event.quotes = quote_figures(self._series[event.series], event.time)
                self.propagation.on_breach(event, out)
                self._find_due()
            elif isinstance(event, Silence) and event.with_feed and event.phase == LEFT:
                heard_again(event, self._series)

    def warm(self, ticks: Sequence[Tick], conventions: dict[str, str] | None = None) -> None:
        """Learn from history: scales, ranks, records and usual co-movements, without a word.

        ticks: in order of time, fixings or quotes; imported levels are never compared with live ones. conventions: by
        series, in which its history is quoted; a live series of another one is marked provisional until it has 63
        fixings of its own.
        """
        out: list[Event] = []
        self._warming = True
        for state in self._series.values():
            state.quiet = True
        for tick in ticks:
            state_or_none = self._fed.get(tick.series)
            if state_or_none is None:
                continue
            if self._rounds or tick.received >= self.stress.due:
                self._pass(tick.received, out)
            self._take(state_or_none, tick, tick.received, out)
        for waiting in list(self._rounds.values()):
            self._judge(waiting, out)
        self._pass(self.now, out)
        self._warming = False
        self._book.clear()
        for state in self._series.values():
            state.begin_live()
            convention = conventions.get(state.id) if conventions is not None else None
            if convention is not None and state.spec.convention is not None and state.spec.convention != convention:
                state.breaches.provisional = f"history is {convention}, the feed is {state.spec.convention}"
        self._spreads.begin_live()
        self._schedule(self.now)

    def _pass(self, until: int, out: list[Event]) -> None:
        """History has come to `until`: fixings and readings of the stress index that were due by then, in order."""
        while True:
            due = min([self.stress.due, *[waiting.due for waiting in self._rounds.values()]])
            if due > until:
                return
            for waiting in list(self._rounds.values()):
                if waiting.due <= due:
                    self._judge(waiting, out)
            if self.stress.due <= due:
                self.stress.run(due)

    def resume(self, now: int, missed: int = 0) -> None:
        """The engine listens again at `now` after a stop: in the time between nothing was heard, nor silent. missed: it
        will hear again only so many ns from `now` on."""
        self.now = max(self.now, now)
        for state in self._series.values():
            for silence in state.silences:
                state.about_to_change()
                silence.resume(self.now, missed)
        self._schedule(self.now)

    def reconcile(
        self, active: Sequence[Told], silent: Sequence[tuple[str, str, str]], noted: Sequence[tuple[str, str, str]]
    ) -> None:
        """After a restart: what keeps told episodes open is on, and nothing else; what was not told will be told.
        active: breaches as (rule, market, direction, series, horizon, severity). silent: silences as (rule, market,
        series), where a whole feed is silent with FEED and its name instead of the market. noted: notes of feeds as
        (rule, market or source, series or source)."""
        self._book.clear()
        adopt(self._series, active, silent, noted)
        self.curves.reconcile(active)
        self.recount(active)
        self._stamps.reconcile([name for rule, _, name in noted if rule == "clock-ahead"], self.now)
        self._schedule(self.now)

    def recount(self, active: Sequence[Told]) -> None:
        """The same breaches, counted by episode."""
        self.propagation.recount([(row[0], row[1], row[2]) for row in active if row[3] in self._fed])

    def snapshot(self) -> dict[str, Any]:
        """Everything that changes, as plain values (JSON can hold them); `restore` takes it up."""
        return {**self.between(), "series": {name: state.state() for name, state in self._series.items()}}

    def between(self) -> dict[str, Any]:
        """The snapshot without the series' own states."""
        return {
            "version": SNAPSHOT_VERSION,
            "now": self.now,
            "unknown": self.unknown,
            "stamps": self._stamps.state(),
            "budgets": self._book.state(),
            "rounds": [waiting.state() for waiting in self._rounds.values()],
            "propagation": self.propagation.state(),
            "spreads": self._spreads.state(),
            "curves": self.curves.state(),
            "stress": self.stress.state(),
        }

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Take up a snapshot. Series and rules that it does not know start afresh; what is gone from the
        configuration is dropped. Raises SnapshotError for another version."""
        if (version := snapshot.get("version")) != SNAPSHOT_VERSION:
            raise SnapshotError(f"engine state of version {version!r}, this engine reads {SNAPSHOT_VERSION}")
        self.now = max(self.now, int(snapshot["now"]))
        self.unknown = int(snapshot["unknown"])
        self._stamps.load(snapshot.get("stamps", {}))
        self._book.load(snapshot["budgets"])
        for name, state in self._series.items():
            if name in snapshot["series"]:
                state.load(snapshot["series"][name])
        self._rounds = {}
        for saved in snapshot["rounds"]:
            waiting = load_round(saved, self._series)
            if waiting.ticks:
                self._rounds[waiting.market] = waiting
        self.propagation.load(snapshot["propagation"])
        self._spreads.load(snapshot["spreads"])
        self.curves.load(snapshot["curves"])
        self.stress.load(snapshot["stress"])
        self._schedule(self.now)

    def bars(self, market: str) -> list[Bar]:
        """Where the bars of a market's series stand now; horizons that are not warm have none."""
        return [bar for state in self._series.values() if state.market == market for bar in bars_of(state)]

    def detectors(self) -> list[DetectorWatch]:
        """Every further detector, by series."""
        return [watch for state in self._series.values() if state.detectors is not None
                for watch in state.detectors.watches]  # fmt: skip

    def graph(self) -> list[dict[str, Any]]:
        """The edges between markets, as `engine.graph` describes them."""
        return edges_of(self.propagation)

    def status(self) -> list[dict[str, Any]]:
        """One row a series, spreads last."""
        return [row(state, self.now) for state in self._series.values()]

    def states(self) -> list[SeriesState]:
        """What is kept of each series, in the order of `status`: to be measured, not touched."""
        return list(self._series.values())

    def ready(self) -> int:
        """On how many series a rule could speak now."""
        return len([state for state in self._series.values() if can_alert(state)])
