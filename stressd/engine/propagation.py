"""Cross-market propagation, first form: when a market has a breach, how does every other market answer?

Each market answers through one gauge declared beforehand, in its own open time, signed, against its own sigma and its
usual co-movement with the breaching series. A follower need not breach. Closed markets are named at once and judged
when they open and when they close. Silence about an answer is never left to be guessed: absence is said.
"""

from __future__ import annotations

import math
from typing import Any, Final

from stressd.engine.breaches import LIVE
from stressd.engine.clock import MarketClock
from stressd.engine.comovement import Comovement, FixingPair, clip
from stressd.engine.events import ENTERED, LEFT, RAISED, Breach, Event, Response
from stressd.engine.horizons import GAP_SHARE
from stressd.engine.ring import SLOT
from stressd.engine.series import SeriesState
from stressd.engine.silence import unseen
from stressd.engine.spec import DAY, MINUTE, PropagationSpec
from stressd.engine.watch import AT_FIXING, REOPENING, WINDOW, Watch, load_watch, pair_key

LOOK_BACK: Final = 30 * MINUTE
"""A move that has been under way for longer is compared over its last half hour."""

FIXING_PATIENCE: Final = 14 * DAY
"""How long a follower's next fixing is waited for."""


class Propagation:
    """The open questions between markets, and the usual co-movements that answers are held against."""

    __slots__ = ("_answered", "_blocks", "_clocks", "_fixings", "_gauges", "_on", "_series", "_spec", "watches")

    def __init__(
        self,
        spec: PropagationSpec,
        series: dict[str, SeriesState],
        gauges: dict[str, SeriesState],
        clocks: dict[str, MarketClock],
    ) -> None:
        self._spec = spec
        self._series = series
        self._gauges = gauges
        self._clocks = clocks
        self._blocks: dict[str, Comovement] = {}
        self._fixings: dict[str, FixingPair] = {}
        self._on: dict[str, int] = {}
        self._answered: dict[str, str] = {}
        self.watches: dict[str, Watch] = {}

    # --- what is usual ------------------------------------------------------------------------------------------------

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

    def on_fixing(self, state: SeriesState, at: int, out: list[Event]) -> None:
        """`state` has fixed: if it is its market's gauge, answer what waited for that and learn what is usual."""
        if self._gauges.get(state.market) is not state:
            return
        for watch in list(self.watches.values()):
            if watch.follower == state.market and watch.mode == AT_FIXING and state.fixings.time > watch.breach_at:
                self._answer_by_fixing(watch, state, at, out)
        for source in self._series.values():
            if source.market == state.market or source.fixings.count == 0:
                continue
            pair = self._fixing_pair(source.id, state.market)
            past = source.fixings
            z = pair.move_z(past.value, past.count, past.source, source.horizons.daily.scale.sigma)
            if z == z and state.fixings.z == state.fixings.z:
                pair.usual.learn(z, state.fixings.z)
            pair.mark(past.value, past.count, past.source)

    def _block(self, source: str, follower: str) -> Comovement:
        key = f"{source}|{follower}"
        if key not in self._blocks:
            self._blocks[key] = Comovement(360.0)
        return self._blocks[key]

    def _fixing_pair(self, source: str, follower: str) -> FixingPair:
        key = f"{source}|{follower}"
        if key not in self._fixings:
            self._fixings[key] = FixingPair()
        return self._fixings[key]

    # --- asking -------------------------------------------------------------------------------------------------------

    def on_breach(self, breach: Breach, out: list[Event]) -> None:
        """Ask every other market, or ask again because the breach has grown."""
        episode = f"{breach.rule}|{breach.market}|{breach.direction}"
        if breach.phase == LEFT:
            self._on[episode] = max(self._on.get(episode, 0) - 1, 0)
            if self._on[episode] == 0:
                del self._on[episode]
            return
        if breach.phase == ENTERED:
            self._on[episode] = self._on.get(episode, 0) + 1
            if self._on[episode] == 1:
                # Another episode: what was asked or answered for an earlier one is not about this.
                for market in self._gauges:
                    self.watches.pop(f"{episode}|{market}", None)
                    self._answered.pop(f"{episode}|{market}", None)
        elif breach.phase != RAISED:
            return
        for market, gauge in self._gauges.items():
            # A market whose own breach the same way is on moved first: it is a source here, not a follower.
            if market != breach.market and f"{breach.rule}|{market}|{breach.direction}" not in self._on:
                self._ask(breach, market, gauge, out)

    def _ask(self, breach: Breach, market: str, gauge: SeriesState, out: list[Event]) -> None:
        key = pair_key(breach.rule, breach.market, breach.direction, market)
        by_fixing = breach.fixing and self._series[breach.series].fixings.source != LIVE
        pending = self.watches.get(key)
        if pending is not None:
            self._ask_again(pending, breach, by_fixing, out)
            return
        if key in self._answered and not by_fixing:
            return
        clock = self._clocks[market]
        clock.move(breach.time)
        mode = AT_FIXING if by_fixing else WINDOW if clock.is_open else REOPENING
        watch = Watch(breach.rule, breach.market, breach.direction, market, mode)
        watch.breach_at, watch.source, watch.size = breach.time, breach.series, abs(breach.z)
        watch.source_value, watch.source_time = breach.reference_value, breach.reference_time
        why_not = self._anchor(watch, gauge)
        if why_not:
            self._answered[key] = why_not
            out.append(self._response(watch, "could not respond", breach.at, breach.time, True, reason=why_not))
            return
        self._set_times(watch)
        self.watches[key] = watch
        if mode == WINDOW:
            self._look(watch, gauge, breach.at, breach.time, out)
        else:
            self._say_if_closed(watch, breach.at, out)

    def _ask_again(self, watch: Watch, breach: Breach, by_fixing: bool, out: list[Event]) -> None:
        """The breach has grown while its question was open: the answer counts from here, the moves from where they
        began."""
        same = breach.time == watch.breach_at
        if (same or by_fixing) and abs(breach.z) > watch.size:
            self._change_source(watch, breach)
        if same or (breach.phase == ENTERED and not by_fixing):
            return
        watch.breach_at = breach.time
        self._set_times(watch)
        if watch.mode == AT_FIXING:
            self._say_if_closed(watch, breach.at, out)

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
        if watch.mode == AT_FIXING:
            watch.value, watch.time = gauge.fixings.value, gauge.fixings.time
            return "" if gauge.fixings.count > 0 else "no fixing of it is known"
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
        if watch.mode == AT_FIXING:
            watch.deadline = watch.breach_at + FIXING_PATIENCE
            return
        watch.answer_by = clock.after_open_time(watch.breach_at, self._spec.window)
        watch.deadline = watch.answer_by if watch.mode == WINDOW else clock.calendar.next_close(watch.breach_at)

    def _say_if_closed(self, watch: Watch, at: int, out: list[Event]) -> None:
        clock = self._clocks[watch.follower]
        clock.move(watch.breach_at)
        if clock.is_open:
            return
        opens = clock.calendar.next_open(watch.breach_at)
        response = self._response(
            watch, "could not respond", at, watch.breach_at, False, reason=f"closed ({clock.reason})"
        )
        response.next_open = opens
        out.append(response)

    # --- answering ----------------------------------------------------------------------------------------------------

    def on_tick(self, gauge: SeriesState, at: int, out: list[Event]) -> None:
        """A gauge has ticked: does it answer what waits for its market?"""
        for watch in list(self.watches.values()):
            waits = watch.follower == gauge.market and watch.mode != AT_FIXING
            if waits and watch.breach_at < gauge.t <= watch.answer_by:
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
            slope = self._fixing_pair(watch.source, watch.follower).usual.slope()
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

    def _answer_by_fixing(self, watch: Watch, gauge: SeriesState, at: int, out: list[Event]) -> None:
        source = self._series[watch.source]
        pair = self._fixing_pair(watch.source, watch.follower)
        source_sigma = source.horizons.daily.scale.sigma
        z = gauge.fixings.z
        if z != z:
            why_not = "its volatility is not known yet"
            self.watches.pop(watch.key())
            out.append(self._response(watch, "could not respond", at, gauge.fixings.time, True, reason=why_not))
            return
        slope = pair.usual.slope()
        source_z = pair.move_z(source.fixings.value, source.fixings.count, source.fixings.source, source_sigma)
        excess = z - (slope * clip(source_z) if source_z == source_z else 0.0)
        watch.source_value = pair.base_value
        usual = slope * gauge.horizons.daily.scale.sigma / source_sigma if source_sigma > 0.0 else 0.0
        follows = self._follows(watch, gauge.fixings.value, z, excess, self._spec.daily_bar)
        wording = "followed" if follows else "did not respond"
        self._finish(watch, wording, gauge, at, gauge.fixings.time, z, excess, usual, "1d", out)

    def due(self, now: int, out: list[Event]) -> None:
        """Settle the questions whose time has come, each at its own time."""
        late = sorted((watch.deadline, key) for key, watch in self.watches.items() if watch.deadline <= now)
        for deadline, key in late:
            watch = self.watches[key]
            gauge = self._gauges[watch.follower]
            reason = "no fixing came" if watch.mode == AT_FIXING else unseen(gauge.silences, gauge.t > watch.breach_at)
            if reason:
                del self.watches[key]
                out.append(self._response(watch, "could not respond", deadline, deadline, True, reason=reason))
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
        response = self._response(watch, wording, at, t, True)
        source = self._series[watch.source]
        value = gauge.fixings.value if watch.mode == AT_FIXING else gauge.y
        source_now = source.fixings.value if watch.mode == AT_FIXING else source.y
        response.measured(value, watch.value, watch.time, z, excess, usual, (source_now - watch.source_value) * 100.0)
        response.resolution = resolution
        response.lag = t - watch.breach_at
        response.open_lag = self._clocks[watch.follower].calendar.open_between(watch.breach_at, t)
        out.append(response)

    def _response(
        self, watch: Watch, wording: str, at: int, time: int, final: bool, reason: str | None = None
    ) -> Response:
        return Response(
            at,
            time,
            watch.rule,
            watch.market,
            watch.direction,
            watch.follower,
            self._gauges[watch.follower].id,
            wording,
            watch.breach_at,
            "1d" if watch.mode == AT_FIXING else "tick",
            final,
            reason=reason,
        )

    # --- state --------------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Everything that changes, as plain values."""
        return {
            "blocks": {key: usual.state() for key, usual in self._blocks.items()},
            "fixings": {key: pair.state() for key, pair in self._fixings.items()},
            "on": dict(self._on),
            "answered": dict(self._answered),
            "watches": [watch.state() for watch in self.watches.values()],
        }

    def recount(self, on: list[tuple[str, str, int]]) -> None:
        """The breaches that are on, one entry each, as (rule, market, direction)."""
        self._on = {}
        for rule, market, direction in on:
            episode = f"{rule}|{market}|{direction}"
            self._on[episode] = self._on.get(episode, 0) + 1

    def load(self, state: dict[str, Any]) -> None:
        """Take up where `state` left off; what it says of markets that are gone is dropped."""
        for key, numbers in state["blocks"].items():
            source, follower = key.split("|")
            if source in self._series and follower in self._gauges:
                self._block(source, follower).load(numbers)
        for key, values in state["fixings"].items():
            source, follower = key.split("|")
            if source in self._series and follower in self._gauges:
                self._fixing_pair(source, follower).load(values)
        self._on = dict(state["on"])
        self._answered = dict(state["answered"])
        self.watches = {}
        for row in state["watches"]:
            watch = load_watch(row)
            if watch.follower in self._gauges and watch.source in self._series:
                self.watches[watch.key()] = watch
