"""What a market's sudden move is put down to: another market's earlier one, a common shock, or nothing known.

Each pulse is shared out between what could explain it, by how well each does: an earlier large pulse of another market
(how often that pair answers, how long it takes, how strongly), a shock that came to both at once, and chance. So that
JP -> US -> UK is not told as JP -> UK: once the short lag from US is known, it explains the more. Lags count in the
follower's open time: after a close they begin at its open.
"""

from __future__ import annotations

from typing import Any, Final

from stressd.engine.clock import MarketClock
from stressd.engine.edge import Edge
from stressd.engine.lag_kernel import REACH
from stressd.engine.pulse import Pulse, PulseWatch, load_pulse
from stressd.engine.series import SeriesState
from stressd.engine.spec import DAY, MINUTE, SECOND, PropagationSpec

OPENING: Final = 15 * MINUTE
"""ns from the first tick of a session in which a pulse may answer what happened while the market was closed."""

DIRECTED: Final = 10 * MINUTE
"""Longest lag (ns) that counts as before or after."""

LONGEST_LAG: Final = int(REACH * SECOND)

CHANCE: Final = 0.5 / 28800.0
"""Pulses of one sign that ordinary times have in a second of open time: one of either sign a day."""

COMMON: Final = 0.05
"""How often a pulse comes with one of another market at the same time."""

SURE: Final = 0.5
AT_ONCE: Final = 0.8
"""Share from which a pulse is put down to another; the same while it is still under way."""

KEPT: Final = 5 * DAY
MOST: Final = 40
"""How long, and how many, pulses of a market are kept."""

LEARNED: Final = 0.01
"""Least share that a pair learns from."""

USUAL_OPENS: Final = 10.0
USUAL_HITS: Final = 0.3
"""What is taken for known of pulses at an open before any was seen."""


class Attribution:
    """The pulses of all gauges and the edges between their markets. edges: by "source|follower"."""

    __slots__ = ("_clocks", "_hits", "_hours", "_moment", "_next", "_opens", "edges", "pulses", "watches")

    def __init__(self, spec: PropagationSpec, gauges: dict[str, SeriesState], clocks: dict[str, MarketClock]) -> None:
        self._clocks = clocks
        self._moment = spec.co_move
        self._next = 1
        self.watches: dict[str, PulseWatch] = {market: PulseWatch() for market in gauges}
        self.pulses: dict[str, list[Pulse]] = {market: [] for market in gauges}
        self.edges: dict[str, Edge] = {}
        for source in gauges:
            for follower in gauges:
                if source != follower:
                    self.edges[f"{source}|{follower}"] = Edge(source, follower, (source, follower) in spec.pairs)
        self._opens: dict[str, float] = dict.fromkeys(gauges, 0.0)
        self._hits: dict[str, float] = dict.fromkeys(gauges, 0.0)
        self._hours: dict[str, list[int]] = {market: [0, 0, 0] for market in gauges}

    def edge(self, source: str, follower: str) -> Edge:
        """The directed pair."""
        return self.edges[f"{source}|{follower}"]

    # --- pulses -------------------------------------------------------------------------------------------------------

    def begin(self, state: SeriesState) -> Pulse:
        """A pulse has begun with the gauge's last tick."""
        pulse = self.watches[state.market].begin(state, self._next)
        return self._keep(pulse, state)

    def breached(self, state: SeriesState, sign: int, reference: float, onset: int) -> Pulse:
        """A series has breached that is not its market's gauge, which has not moved so: its own move is the pulse."""
        pulse = Pulse(self._next, state.market, sign, onset)
        pulse.base, pulse.top, pulse.large, pulse.settled = reference, state.y, True, True
        watch = self.watches[state.market]
        pulse.gap = int(watch.gap)
        watch.measure(pulse, state)
        pulse.settled = False
        return self._keep(pulse, state)

    def _keep(self, pulse: Pulse, state: SeriesState) -> Pulse:
        self._next += 1
        pulse.opening = state.open_time != 0 and pulse.onset - state.open_time < OPENING
        kept = [each for each in self.pulses[state.market] if pulse.onset - each.onset < KEPT]
        self.pulses[state.market] = [*kept[-(MOST - 1) :], pulse]
        self.share_out(pulse, False)
        return pulse

    def settle(self, state: SeriesState) -> Pulse:
        """The pulse under way has settled: learn from it."""
        pulse = self.watches[state.market].settle(state)
        self.share_out(pulse, True)
        if pulse.large:
            for market in self.pulses:
                if market != pulse.market:
                    self.edge(pulse.market, market).trial(pulse.half)
        self._order(pulse)
        return pulse

    def again(self, pulse: Pulse, state: SeriesState) -> None:
        """Late ticks have come: read the pulse again, and what explains it."""
        self.watches[state.market].measure(pulse, state)
        self.share_out(pulse, False)

    def find(self, number: int) -> Pulse | None:
        """The pulse of a number, None where it is kept no more."""
        for pulses in self.pulses.values():
            for pulse in pulses:
                if pulse.number == number:
                    return pulse
        return None

    # --- what explains it ---------------------------------------------------------------------------------------------

    def reach(self, one: Pulse, other: Pulse) -> int:
        """ns within which the ticks' own gaps do not tell which of two pulses was first (market silence included)."""
        holes = (one.half_high - one.half_low + other.half_high - other.half_low) // 2
        return max(self._moment, (one.gap + other.gap) * 3 // 2, holes)

    def open_lag(self, source: Pulse, follower: Pulse) -> int:
        """ns of the follower's open time between two half-moves."""
        if source.half >= follower.half:
            return source.half - follower.half
        clock = self._clocks[follower.market]
        if clock.is_open and clock.start <= source.half and follower.half <= clock.end:
            return follower.half - source.half
        return clock.calendar.open_between(source.half, follower.half)

    def share_out(self, pulse: Pulse, learn: bool) -> None:
        """Find what explains the pulse: its parent and share, or the markets of a common shock. learn: from it."""
        market = pulse.market
        total = CHANCE
        if pulse.opening:
            total = max(total, self._usual(market) / (OPENING / SECOND))
        total *= self.watches[market].rarity(pulse.z)
        best: Pulse | None = None
        best_weight = 0.0
        common_weight = 0.0
        common: list[str] = []
        found: list[Pulse] = []
        weights: list[float] = []
        clock = self._clocks[market]
        # Within one span of open time a lag is a difference, and most pulses are too old to matter.
        began = clock.start if clock.is_open and clock.start <= pulse.half <= clock.end else pulse.half
        for other, pulses in self.pulses.items():
            if other == market:
                continue
            for source in pulses:
                passed = pulse.half - source.half
                if source.sign != pulse.sign or passed < -DIRECTED or passed > KEPT:
                    continue
                if passed > DIRECTED and (not source.large or (source.half >= began and passed > LONGEST_LAG)):
                    continue
                reach = self.reach(source, pulse)
                if -reach <= passed <= reach:
                    common_weight += COMMON * SECOND / (2.0 * reach)
                    common.append(other)
                    continue
                if passed < 0 or not source.large:
                    continue
                lag = self.open_lag(source, pulse) / SECOND
                edge = self.edge(other, market)
                weight = edge.rate() * edge.kernel.density(lag)
                if weight <= 0.0:
                    continue
                weight *= edge.likes_size(pulse.z / max(source.z, 0.1))
                found.append(source)
                weights.append(weight)
                if weight > best_weight:
                    best, best_weight = source, weight
        total += common_weight
        for weight in weights:
            total += weight
        sure = SURE if pulse.settled else AT_ONCE
        pulse.parent, pulse.source, pulse.share, pulse.common = 0, "", 0.0, []
        if best is not None and best_weight / total > sure:
            pulse.parent, pulse.source, pulse.share = best.number, best.market, best_weight / total
        elif common_weight / total > sure:
            pulse.common, pulse.share = common, common_weight / total
        if learn:
            for source, weight in zip(found, weights, strict=True):
                share = weight / total
                if share >= LEARNED:
                    lag = self.open_lag(source, pulse) / SECOND
                    beta = pulse.bp / source.bp if abs(source.bp) > 1e-6 else 0.0
                    self.edge(source.market, market).learn(pulse.half, lag, share, pulse.z / max(source.z, 0.1), beta)

    def _order(self, pulse: Pulse) -> None:
        """Count the pulse before or after those of other markets. One that a third market explains says nothing."""
        for other, pulses in self.pulses.items():
            if other == pulse.market:
                continue
            for earlier in pulses:
                passed = pulse.half - earlier.half
                if earlier.sign != pulse.sign or not 0 < passed <= DIRECTED or passed <= self.reach(earlier, pulse):
                    continue
                if earlier.large and pulse.source in ("", other):
                    self.edge(other, pulse.market).forward += 1
                if pulse.large and earlier.source in ("", pulse.market):
                    self.edge(pulse.market, other).backward += 1

    # --- opens --------------------------------------------------------------------------------------------------------

    def _usual(self, market: str) -> float:
        """How often a session opens with a pulse of one sign when nothing happened elsewhere before."""
        return (USUAL_HITS + self._hits[market]) / (USUAL_OPENS + self._opens[market])

    def opened(self, state: SeriesState) -> None:
        """Called with the gauge's ticks, once a minute: a session begins, or its first quarter of an hour is over."""
        market = state.market
        hours = self._hours[market]
        if state.open_time != hours[0] and state.open_time != 0:
            hours[1] = state.gaps.close_time
            hours[0], hours[2] = state.open_time, 0
        if hours[2] == 0 and hours[0] != 0 and state.t - hours[0] >= OPENING:
            hours[2] = 1
            if hours[1] != 0:
                for sign in (1, -1):
                    self._judge_open(market, sign, hours[1], hours[0])

    def _judge_open(self, market: str, sign: int, closed: int, began: int) -> None:
        mine = [each for each in self.pulses[market] if each.sign == sign and 0 <= each.onset - began < OPENING]
        usual = self._usual(market)
        moved = False
        for other, pulses in self.pulses.items():
            if other == market:
                continue
            if any(each.large and each.sign == sign and closed < each.half < began for each in pulses):
                moved = True
                answered = any(each.source in ("", other) for each in mine)
                self.edge(other, market).at_an_open(answered, usual)
        if not moved:
            decay = 0.996
            self._opens[market] = decay * self._opens[market] + 1.0
            self._hits[market] = decay * self._hits[market] + (1.0 if mine else 0.0)

    def state(self) -> dict[str, Any]:
        """Everything that changes, as plain values."""
        return {
            "next": self._next,
            "watches": {market: watch.state() for market, watch in self.watches.items()},
            "pulses": {market: [each.state() for each in pulses] for market, pulses in self.pulses.items()},
            "edges": {key: edge.state() for key, edge in self.edges.items() if edge.seen()},
            "opens": {market: [self._opens[market], self._hits[market]] for market in self._opens},
            "hours": {market: list(hours) for market, hours in self._hours.items()},
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take up where `state` left off; what it says of markets that are gone is dropped."""
        self._next = int(state["next"])
        for market, watch in self.watches.items():
            if market in state["watches"]:
                watch.load(state["watches"][market])
                self.pulses[market] = [load_pulse(each) for each in state["pulses"][market]]
                self._opens[market], self._hits[market] = (float(x) for x in state["opens"][market])
                self._hours[market] = [int(x) for x in state["hours"][market]]
                # one pulse, not two that look alike
                kept = {each.number: each for each in self.pulses[market]}
                if watch.active is not None:
                    watch.active = kept.get(watch.active.number, watch.active)
                if watch.last is not None:
                    watch.last = kept.get(watch.last.number, watch.last)
        for key, values in state["edges"].items():
            if key in self.edges:
                self.edges[key].load(values)
