"""Links from fixing to fixing: a breach measured between fixings, answered by each other market's next one.

The follower's gauge answers at its next fixing, in its own sigma and against its usual co-movement with the series that
breached. Dates say nothing here: what a market fixed before the breach is no answer to it.
"""

from __future__ import annotations

from typing import Any, Final

from stressd.engine.clock import MarketClock
from stressd.engine.comovement import FixingPair, clip
from stressd.engine.events import Breach, Event
from stressd.engine.responses import response_to
from stressd.engine.series import SeriesState
from stressd.engine.spec import DAY, PropagationSpec
from stressd.engine.watch import AT_FIXING, Watch, load_watch, pair_key

PATIENCE: Final = 14 * DAY
"""How long a follower's next fixing is waited for."""


class FixingLinks:
    """The questions that wait for a fixing, and what is usual from fixing to fixing."""

    __slots__ = ("_clocks", "_gauges", "_pairs", "_series", "_spec", "watches")

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
        self._pairs: dict[str, FixingPair] = {}
        self.watches: dict[str, Watch] = {}

    def pair(self, source: str, follower: str) -> FixingPair:
        """What is usual between the series `source` and the gauge of the market `follower`, from fixing to fixing."""
        key = f"{source}|{follower}"
        if key not in self._pairs:
            self._pairs[key] = FixingPair()
        return self._pairs[key]

    def forget(self, episode: str, market: str) -> None:
        """Another episode begins: what was asked for an earlier one is not about this."""
        self.watches.pop(f"{episode}|{market}", None)

    def ask(self, breach: Breach, market: str, gauge: SeriesState, out: list[Event]) -> None:
        """Ask one market, or ask again because the breach has grown."""
        key = pair_key(breach.rule, breach.market, breach.direction, market)
        watch = self.watches.get(key)
        if watch is None:
            watch = Watch(breach.rule, breach.market, breach.direction, market, AT_FIXING)
            self._aim(watch, breach)
            watch.breach_at = breach.time
            watch.deadline = breach.time + PATIENCE
            watch.value, watch.time = gauge.fixings.value, gauge.fixings.time
            if gauge.fixings.count == 0:
                why_not = "no fixing of it is known"
                out.append(response_to(watch, gauge.id, "could not respond", breach.at, breach.time, True, why_not))
                return
            self.watches[key] = watch
            self._say_if_closed(watch, gauge, breach.at, out)
            return
        if abs(breach.z) > watch.size:
            self._aim(watch, breach)
        if breach.time == watch.breach_at:
            return
        watch.breach_at = breach.time
        watch.deadline = breach.time + PATIENCE
        self._say_if_closed(watch, gauge, breach.at, out)

    def _aim(self, watch: Watch, breach: Breach) -> None:
        watch.source, watch.size = breach.series, abs(breach.z)
        watch.source_value, watch.source_time = breach.reference_value, breach.reference_time

    def _say_if_closed(self, watch: Watch, gauge: SeriesState, at: int, out: list[Event]) -> None:
        clock = self._clocks[watch.follower]
        clock.move(watch.breach_at)
        if clock.is_open:
            return
        why_not = f"closed ({clock.reason})"
        response = response_to(watch, gauge.id, "could not respond", at, watch.breach_at, False, why_not)
        response.next_open = clock.calendar.next_open(watch.breach_at)
        out.append(response)

    def on_fixing(self, state: SeriesState, at: int, out: list[Event]) -> None:
        """The gauge `state` has fixed: answer what waited for that, and learn what is usual."""
        for watch in list(self.watches.values()):
            if watch.follower == state.market and state.fixings.time > watch.breach_at:
                self._answer(watch, state, at, out)
        for source in self._series.values():
            if source.market == state.market or source.fixings.count == 0:
                continue
            pair = self.pair(source.id, state.market)
            past = source.fixings
            z = pair.move_z(past.value, past.count, past.source, source.horizons.daily.scale.sigma)
            if z == z and state.fixings.z == state.fixings.z:
                pair.usual.learn(z, state.fixings.z)
            pair.mark(past.value, past.count, past.source)

    def _answer(self, watch: Watch, gauge: SeriesState, at: int, out: list[Event]) -> None:
        del self.watches[watch.key()]
        fixed = gauge.fixings
        source = self._series[watch.source]
        source_sigma = source.horizons.daily.scale.sigma
        z = fixed.z
        if z != z:
            why_not = "its volatility is not known yet"
            out.append(response_to(watch, gauge.id, "could not respond", at, fixed.time, True, why_not))
            return
        pair = self.pair(watch.source, watch.follower)
        slope = pair.usual.slope()
        source_z = pair.move_z(source.fixings.value, source.fixings.count, source.fixings.source, source_sigma)
        excess = z - (slope * clip(source_z) if source_z == source_z else 0.0)
        usual = slope * gauge.horizons.daily.scale.sigma / source_sigma if source_sigma > 0.0 else 0.0
        direction = watch.direction
        far_enough = (fixed.value - watch.value) * direction * 100.0 >= self._spec.floor_bp
        follows = far_enough and z * direction > 0.0 and excess * direction >= self._spec.daily_bar
        wording = "followed" if follows else "did not respond"
        response = response_to(watch, gauge.id, wording, at, fixed.time, True)
        source_bp = (source.fixings.value - pair.base_value) * 100.0
        response.measured(fixed.value, watch.value, watch.time, z, excess, usual, source_bp)
        response.resolution = "1d"
        response.lag = fixed.time - watch.breach_at
        response.open_lag = self._clocks[watch.follower].calendar.open_between(watch.breach_at, fixed.time)
        out.append(response)

    def due(self, now: int, out: list[Event]) -> None:
        """Give up on the fixings that never came, each at its own time."""
        late = sorted((watch.deadline, key) for key, watch in self.watches.items() if watch.deadline <= now)
        for deadline, key in late:
            watch = self.watches.pop(key)
            gauge = self._gauges[watch.follower]
            out.append(response_to(watch, gauge.id, "could not respond", deadline, deadline, True, "no fixing came"))

    def next_deadline(self) -> int:
        """The earliest time at which `due` has something to do; 0 for none."""
        earliest = 0
        for watch in self.watches.values():
            if earliest == 0 or watch.deadline < earliest:
                earliest = watch.deadline
        return earliest

    def state(self) -> dict[str, Any]:
        """Everything that changes, as plain values."""
        return {
            "pairs": {key: pair.state() for key, pair in self._pairs.items()},
            "watches": [watch.state() for watch in self.watches.values()],
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take up where `state` left off; what it says of markets that are gone is dropped."""
        for key, values in state["pairs"].items():
            source, follower = key.split("|")
            if source in self._series and follower in self._gauges:
                self.pair(source, follower).load(values)
        self.watches = {}
        for row in state["watches"]:
            watch = load_watch(row)
            if watch.follower in self._gauges and watch.source in self._series:
                self.watches[watch.key()] = watch
