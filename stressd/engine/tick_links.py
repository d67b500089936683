"""Links within the day: a breach by ticks, answered by the ticks of every other market.

Each market answers through one gauge declared beforehand, in its own open time, signed, against its own sigma and its
usual co-movement with the breaching series. A follower need not breach. Closed markets are named at once and judged
when they open and when they close.
"""

from __future__ import annotations

import math
from typing import Any, Final

from stressd.engine.clock import MarketClock
from stressd.engine.comovement import Comovement, clip
from stressd.engine.events import ENTERED, Breach, Event
from stressd.engine.fixing_links import FixingLinks
from stressd.engine.horizons import GAP_SHARE
from stressd.engine.responses import response_to
from stressd.engine.ring import SLOT
from stressd.engine.series import SeriesState
from stressd.engine.silence import unseen
from stressd.engine.spec import MINUTE, PropagationSpec
from stressd.engine.watch import REOPENING, WINDOW, Watch, load_watch, pair_key

LOOK_BACK: Final = 30 * MINUTE
"""A move that has been under way for longer is compared over its last half hour."""


class TickLinks:
    """The questions that ticks answer, and what is usual within the day."""

    __slots__ = ("_answered", "_blocks", "_clocks", "_fixings", "_gauges", "_series", "_spec", "watches")

    def __init__(
        self,
        spec: PropagationSpec,
        series: dict[str, SeriesState],
        gauges: dict[str, SeriesState],
        clocks: dict[str, MarketClock],
        fixings: FixingLinks,
    ) -> None:
        self._spec = spec
        self._series = series
        self._gauges = gauges
        self._clocks = clocks
        self._fixings = fixings
        self._blocks: dict[str, Comovement] = {}
        self._answered: dict[str, str] = {}
        self.watches: dict[str, Watch] = {}

    def on_block(self, state: SeriesState) -> None:
        """A five-minute block of `state` has ended: pair it with the same block elsewhere, gauges on the answering
        side."""
        is_gauge = self._gauges.get(state.market) is state
        for market, gauge in self._gauges.items():
            if market == state.market:
                continue
            if gauge.horizons.block_slot == state.horizons.block_slot:
                self._block(state.id, market).learn(state.horizons.block_z, gauge.horizons.block_z)
        if not is_gauge:
            return
        for other in self._series.values():
            if other.market != state.market and other.horizons.block_slot == state.horizons.block_slot:
                self._block(other.id, state.market).learn(other.horizons.block_z, state.horizons.block_z)

    def _block(self, source: str, follower: str) -> Comovement:
        key = f"{source}|{follower}"
        if key not in self._blocks:
            self._blocks[key] = Comovement(360.0)
        return self._blocks[key]

    def forget(self, episode: str, market: str) -> None:
        """Another episode begins: what was asked or answered for an earlier one is not about this."""
        self.watches.pop(f"{episode}|{market}", None)
        self._answered.pop(f"{episode}|{market}", None)

    def ask(self, breach: Breach, market: str, gauge: SeriesState, out: list[Event]) -> None:
        """Ask one market, or ask again because the breach has grown."""
        key = pair_key(breach.rule, breach.market, breach.direction, market)
        pending = self.watches.get(key)
        if pending is not None:
            self._ask_again(pending, breach, gauge, out)
            return
        if key in self._answered:
            return
        clock = self._clocks[market]
        clock.move(breach.time)
        watch = Watch(breach.rule, breach.market, breach.direction, market, WINDOW if clock.is_open else REOPENING)
        watch.breach_at, watch.source, watch.size = breach.time, breach.series, abs(breach.z)
        watch.source_value, watch.source_time = breach.reference_value, breach.reference_time
        why_not = self._anchor(watch, gauge)
        if why_not:
            self._answered[key] = why_not
            out.append(response_to(watch, gauge.id, "could not respond", breach.at, breach.time, True, why_not))
            return
        self._set_times(watch)
        self.watches[key] = watch
        if watch.mode == WINDOW:
            self._look(watch, gauge, breach.at, breach.time, out)
        else:
            self._say_if_closed(watch, gauge, breach.at, out)

    def _ask_again(self, watch: Watch, breach: Breach, gauge: SeriesState, out: list[Event]) -> None:
        """The breach has grown while its question was open: the answer counts from here, the moves from where they
        began."""
        same = breach.time == watch.breach_at
        if same and abs(breach.z) > watch.size:
            self._change_source(watch, breach)
        if same or breach.phase == ENTERED:
            return
        watch.breach_at = breach.time
        self._set_times(watch)

    def _change_source(self, watch: Watch, breach: Breach) -> None:
        """Another series of the market breaches more. In a window its move is measured from the instant that stands."""
        value, time = breach.reference_value, breach.reference_time
        if watch.mode == WINDOW:
            horizons = self._series[breach.series].horizons
            k = horizons.ring.find(watch.source_time // SLOT, horizons.span_start // SLOT)
            if k < 0:
                return
            value, time = horizons.ring.values[k], horizons.ring.times[k]
        watch.source, watch.size = breach.series, abs(breach.z)
        watch.source_value, watch.source_time = value, time

    def _anchor(self, watch: Watch, gauge: SeriesState) -> str:
        """Fix where the follower and the source stood when the move began. Why that cannot be, "" if it can."""
        if gauge.t == 0:
            return "no tick of it has been seen"
        if not gauge.horizons.h5.known:
            return "its volatility is not known yet"
        watch.value, watch.time = gauge.y, gauge.t
        if watch.mode == REOPENING:
            return ""
        since = max(watch.source_time, watch.breach_at - LOOK_BACK)
        source = self._series[watch.source]
        if since > watch.source_time:
            k = source.horizons.ring.find(since // SLOT, source.horizons.span_start // SLOT)
            if k >= 0:
                watch.source_value, watch.source_time = source.horizons.ring.values[k], source.horizons.ring.times[k]
        k = gauge.horizons.ring.find(since // SLOT, gauge.horizons.span_start // SLOT)
        if k >= 0:
            watch.value, watch.time = gauge.horizons.ring.values[k], gauge.horizons.ring.times[k]
        elif gauge.open_time > since and gauge.open_value == gauge.open_value:
            watch.value, watch.time = gauge.open_value, gauge.open_time
        return ""

    def _set_times(self, watch: Watch) -> None:
        clock = self._clocks[watch.follower]
        watch.answer_by = clock.after_open_time(watch.breach_at, self._spec.window)
        watch.deadline = watch.answer_by if watch.mode == WINDOW else clock.calendar.next_close(watch.breach_at)

    def _say_if_closed(self, watch: Watch, gauge: SeriesState, at: int, out: list[Event]) -> None:
        clock = self._clocks[watch.follower]
        clock.move(watch.breach_at)
        if clock.is_open:
            return
        opens = clock.calendar.next_open(watch.breach_at)
        response = response_to(
            watch, gauge.id, "could not respond", at, watch.breach_at, False, f"closed ({clock.reason})"
        )
        response.next_open = opens
        out.append(response)

    def on_tick(self, gauge: SeriesState, at: int, out: list[Event]) -> None:
        """A gauge has ticked: does it answer what waits for its market?"""
        for watch in list(self.watches.values()):
            if watch.follower == gauge.market and watch.breach_at < gauge.t <= watch.answer_by:
                self._look(watch, gauge, at, gauge.t, out)

    def _look(self, watch: Watch, gauge: SeriesState, at: int, t: int, out: list[Event]) -> None:
        z, excess, usual = self._measure(watch, gauge, t, False)
        bar = self._spec.open_bar if watch.mode == REOPENING else self._spec.bar
        if self._follows(watch, gauge.y, z, excess, bar):
            lag = t - watch.breach_at
            together = watch.mode == WINDOW and lag <= self._spec.co_move
            self._finish(watch, "co-moved" if together else "followed", gauge, at, t, z, excess, usual, "tick", out)

    def _follows(self, watch: Watch, value: float, z: float, excess: float, bar: float) -> bool:
        """Same sign, large enough to matter, and beyond what is usual."""
        far_enough = (value - watch.value) * watch.direction * 100.0 >= self._spec.floor_bp
        return far_enough and z * watch.direction > 0.0 and excess * watch.direction >= bar

    def _measure(self, watch: Watch, gauge: SeriesState, t: int, whole_day: bool) -> tuple[float, float, float]:
        """The follower's move since the source's began, in its own sigma; the same beyond its usual co-movement; and
        that co-movement in bp per bp."""
        source = self._series[watch.source]
        move = (gauge.y - watch.value) * 100.0
        sigma = self._sigma(watch, gauge, t, whole_day)
        source_move = (source.y - watch.source_value) * 100.0
        daily = watch.mode == REOPENING and source.horizons.daily.scale.sigma > 0.0
        if daily:
            source_sigma = source.horizons.daily.scale.sigma
            slope = self._fixings.usual_slope(watch.source, watch.follower)
        else:
            passed = max(source.t - watch.source_time, MINUTE)
            source_sigma = source.horizons.h5.scale.sigma * math.sqrt(passed / (5.0 * MINUTE))
            slope = self._block(watch.source, watch.follower).slope()
        expected = slope * clip(source_move / source_sigma) if source_sigma > 0.0 else 0.0
        usual = slope * sigma / source_sigma if source_sigma > 0.0 else 0.0
        z = move / sigma if sigma > 0.0 else 0.0
        return z, z - expected, usual

    def _sigma(self, watch: Watch, gauge: SeriesState, t: int, whole_day: bool) -> float:
        """The follower's sigma (bp) over its own open time since the move began, with the gap over a close."""
        daily = gauge.horizons.daily.scale
        block = gauge.horizons.h5.scale.sigma
        knows_daily = gauge.horizons.daily.known
        if whole_day and knows_daily:
            return daily.sigma
        passed = max(self._clocks[watch.follower].calendar.open_between(watch.time, t), MINUTE)
        variance = block * block * (passed / (5.0 * MINUTE))
        if watch.mode == REOPENING and knows_daily:
            variance += GAP_SHARE * daily.sigma * daily.sigma
        return math.sqrt(variance)

    def due(self, now: int, out: list[Event]) -> None:
        """Settle the questions whose time has come, each at its own time."""
        late = sorted((watch.deadline, key) for key, watch in self.watches.items() if watch.deadline <= now)
        for deadline, key in late:
            watch = self.watches[key]
            gauge = self._gauges[watch.follower]
            reason = unseen(gauge.silences, gauge.t > watch.breach_at)
            if reason:
                del self.watches[key]
                out.append(response_to(watch, gauge.id, "could not respond", deadline, deadline, True, reason))
                continue
            whole_day = watch.mode == REOPENING
            z, excess, usual = self._measure(watch, gauge, gauge.t, whole_day)
            bar = self._spec.daily_bar if whole_day else self._spec.bar
            wording = "followed" if self._follows(watch, gauge.y, z, excess, bar) else "did not respond"
            over = "1d" if whole_day else "tick"
            self._finish(watch, wording, gauge, deadline, deadline, z, excess, usual, over, out)

    def next_deadline(self) -> int:
        """The earliest time at which `due` has something to do; 0 for none."""
        earliest = 0
        for watch in self.watches.values():
            if earliest == 0 or watch.deadline < earliest:
                earliest = watch.deadline
        return earliest

    def _finish(
        self,
        watch: Watch,
        wording: str,
        gauge: SeriesState,
        at: int,
        t: int,
        z: float,
        excess: float,
        usual: float,
        resolution: str,
        out: list[Event],
    ) -> None:
        self.watches.pop(watch.key(), None)
        if wording != "did not respond":
            self._answered[watch.key()] = wording
        response = response_to(watch, gauge.id, wording, at, t, True)
        source = self._series[watch.source]
        source_bp = (source.y - watch.source_value) * 100.0
        response.measured(gauge.y, watch.value, watch.time, z, excess, usual, source_bp)
        response.resolution = resolution
        response.lag = t - watch.breach_at
        response.open_lag = self._clocks[watch.follower].calendar.open_between(watch.breach_at, t)
        out.append(response)

    def state(self) -> dict[str, Any]:
        """Everything that changes, as plain values."""
        return {
            "blocks": {key: usual.state() for key, usual in self._blocks.items()},
            "answered": dict(self._answered),
            "watches": [watch.state() for watch in self.watches.values()],
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take up where `state` left off; what it says of markets that are gone is dropped."""
        for key, numbers in state["blocks"].items():
            source, follower = key.split("|")
            if source in self._series and follower in self._gauges:
                self._block(source, follower).load(numbers)
        self._answered = dict(state["answered"])
        self.watches = {}
        for row in state["watches"]:
            watch = load_watch(row)
            if watch.follower in self._gauges and watch.source in self._series:
                self.watches[watch.key()] = watch
