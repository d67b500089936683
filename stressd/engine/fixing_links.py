"""Links from fixing to fixing: a breach measured between fixings, answered by each other market's next one.

What comes after what is told by the instants of the fixings, never by dates: Tokyo's fixing is answered by London and
New York on the same date, New York's by Tokyo on the next. A market that fixed at the very instant of the breach has
moved with it. An answer the same way has followed where it is among the largest that comparable days of the follower's
own saw: the rank is of the whole answer, usual co-movement included, which stands beside it.

"Spilled over" is never said of fixings. A day from fixing to fixing overlaps most of the other market's, so that news
which moved both looks like a following; and what large moves do beyond the usual (gamma) cannot be told from nothing on
twenty years of JGB and Treasury yields. Direction is for ticks.
"""

from __future__ import annotations

from typing import Any, Final

from stressd.engine.clock import MarketClock
from stressd.engine.events import Breach, Event
from stressd.engine.fixing_edge import FixingEdge
from stressd.engine.fixing_pair import FixingPair
from stressd.engine.own_days import OwnDays
from stressd.engine.response import BaseRate, Response
from stressd.engine.series import SeriesState
from stressd.engine.session_model import LARGE
from stressd.engine.spec import DAY, PropagationSpec
from stressd.engine.trail import Stretch, Trail
from stressd.engine.watch import Watch, load_watch, pair_key

PATIENCE: Final = 14 * DAY
"""How long a follower's next fixing is waited for."""


class FixingLinks:
    """The questions that wait for a fixing, and what is usual from fixing to fixing."""

    __slots__ = (
        "_clocks",
        "_days",
        "_edges",
        "_gauges",
        "_pairs",
        "_series",
        "_settled",
        "_spec",
        "_trails",
        "watches",
    )

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
        self._days: dict[str, OwnDays] = {market: OwnDays() for market in gauges}
        self._trails: dict[str, Trail] = {}
        self._pairs: dict[str, FixingPair] = {}
        self._edges: dict[str, FixingEdge] = {}
        self._settled: dict[str, int] = {}
        self.watches: dict[str, Watch] = {}

    # --- what is known of a pair --------------------------------------------------------------------------------------

    def pair(self, source: str, follower: str) -> FixingPair:
        """The series `source` and the gauge of the market `follower`, from fixing to fixing."""
        key = f"{source}|{follower}"
        known = self._pairs.get(key)
        if known is None:
            known = self._pairs[key] = FixingPair()
        return known

    def usual_slope(self, source: str, follower: str) -> float:
        """Sigma of the gauge of `follower` per sigma of the series `source`; 0 while too little is known."""
        known = self._pairs.get(f"{source}|{follower}")
        return known.model.usual() if known is not None else 0.0

    def base_rate(self, source: str, follower: str, z: float) -> BaseRate | None:
        """What the gauge of `follower` did after earlier moves of the series `source` like this one of z sigma; None
        where there was none."""
        known = self._pairs.get(f"{source}|{follower}")
        if known is None or known.base is None:
            return None
        return known.base.rate(source, self._gauges[follower].id, z, known.since)

    def day_rank(self, market: str, day: int, z: float, direction: int) -> tuple[float, int]:
        """p of a day's move of z sigma of the gauge of `market`, among comparable days of its own, and how many."""
        days = self._days.get(market)
        return days.rank(day, z, direction) if days is not None else (1.0, 0)

    def edges(self) -> list[dict[str, Any]]:
        """The graph of this layer: pairs of markets of which one moved far, or that are hinted."""
        hinted = {f"{source}|{follower}" for source, follower in self._spec.pairs}
        rows = []
        for key in sorted(hinted | set(self._edges)):
            source, follower = key.split("|")
            edge = self._edges.get(key)
            row = (edge if edge is not None else FixingEdge()).row(source, follower)
            row["hinted"] = key in hinted
            one, other = self._gauges.get(source), self._gauges.get(follower)
            known = self._pairs.get(f"{one.id}|{follower}") if one is not None else None
            if one is not None and other is not None and known is not None:
                sigma = one.horizons.daily.scale.sigma
                # Both in bp at today's sigmas, so that they can be held against each other.
                ratio = other.horizons.daily.scale.sigma / sigma if sigma > 0.0 else 0.0
                usual, slope = known.model.usual(), edge.slope() if edge is not None else None
                if ratio > 0.0 and usual != 0.0:
                    row["usual_beta"] = usual * ratio
                if ratio > 0.0 and slope is not None:
                    row["beta"] = slope * ratio
                row["p"] = known.model.p()
            rows.append(row)
        return rows

    # --- questions ----------------------------------------------------------------------------------------------------

    def forget(self, episode: str, market: str) -> None:
        """Another episode begins: what was asked for an earlier one is not about this."""
        self.watches.pop(f"{episode}|{market}", None)
        self._settled.pop(f"{episode}|{market}", None)

    def ask(self, breach: Breach, market: str, gauge: SeriesState, out: list[Event]) -> None:
        """Ask one market, or ask again because the breach has grown."""
        key = pair_key(breach.rule, breach.market, breach.direction, market)
        if self._settled.get(key) == breach.time:
            return
        watch = self.watches.get(key)
        if watch is None:
            watch = Watch(breach.rule, breach.market, breach.direction, market)
            watch.value, watch.time = gauge.fixings.value, gauge.fixings.time
            self.watches[key] = watch
        if abs(breach.z) > watch.size:
            watch.source, watch.size = breach.series, abs(breach.z)
            watch.source_value, watch.source_time = breach.reference_value, breach.reference_time
        if breach.time == watch.breach_at:
            return
        watch.breach_at = breach.time
        watch.deadline = breach.time + PATIENCE
        days = self._days[market]
        if days.time == 0:
            self._cannot(watch, gauge, breach.at, breach.time, "no fixing of it is known", out)
        elif days.before >= breach.time:
            self._cannot(watch, gauge, breach.at, breach.time, "its next fixing came before this was known", out)
        elif days.time >= breach.time:
            self._answer(watch, gauge, breach.at, breach.value, out)
        if key in self.watches:
            self._say_if_closed(watch, gauge, breach.at, out)

    def _say_if_closed(self, watch: Watch, gauge: SeriesState, at: int, out: list[Event]) -> None:
        clock = self._clocks[watch.follower]
        clock.move(watch.breach_at)
        if clock.is_open:
            return
        why_not = f"closed ({clock.why_closed(watch.breach_at)})"
        response = watch.response(gauge.id, "could not respond", at, watch.breach_at, False, why_not)
        response.next_open = clock.calendar.next_open(watch.breach_at)
        response.base = self.base_rate(watch.source, watch.follower, watch.size * watch.direction)
        out.append(response)

    def _cannot(
        self, watch: Watch, gauge: SeriesState, at: int, time: int, why_not: str, out: list[Event]
    ) -> None:  # fmt: skip
        """Close the question without an answer."""
        self._close(watch)
        out.append(watch.response(gauge.id, "could not respond", at, time, True, why_not))

    def _close(self, watch: Watch) -> None:
        self.watches.pop(watch.key(), None)
        self._settled[watch.key()] = watch.breach_at

    # --- answers ------------------------------------------------------------------------------------------------------

    def on_fixing(self, state: SeriesState, at: int, out: list[Event]) -> None:
        """`state` has fixed: if it is a gauge, answer what waited for that, and learn what is usual."""
        fixed = state.fixings
        trail = self._trails.get(state.id)
        if trail is None:
            trail = self._trails[state.id] = Trail()
        trail.add(fixed.time, fixed.bp, fixed.z)
        if self._gauges.get(state.market) is not state:
            return
        days = self._days[state.market]
        days.take(fixed.day, fixed.time, fixed.value, fixed.z, state.horizons.daily.scale.sigma)
        for watch in list(self.watches.values()):
            if watch.follower == state.market and fixed.time >= watch.breach_at:
                self._answer(watch, state, at, self._series[watch.source].fixings.value, out)
        if fixed.z == fixed.z and days.before != 0:
            self._learn(state, days)

    def _learn(self, gauge: SeriesState, days: OwnDays) -> None:
        """What every series of another market did since the gauge's previous fixing, beside what the gauge did."""
        z = gauge.fixings.z
        largest: dict[str, Stretch] = {}
        for name, trail in self._trails.items():
            market = self._series[name].market
            if market == gauge.market:
                continue
            moved = trail.between(days.before, days.time)
            if moved is None:
                continue
            self.pair(name, gauge.market).learn(moved, z, gauge.fixings.day)
            if abs(moved.largest) > LARGE and (
                market not in largest or abs(moved.largest) > abs(largest[market].largest)
            ):
                largest[market] = moved
        for market, moved in largest.items():
            key = f"{market}|{gauge.market}"
            edge = self._edges.get(key)
            if edge is None:
                edge = self._edges[key] = FixingEdge()
            edge.judged(moved.at, moved.z, z)
            if self._follows(gauge, days, 1 if moved.largest > 0.0 else -1):
                edge.follow(self._clocks[gauge.market].calendar.open_between(moved.at, days.time))

    def _follows(self, gauge: SeriesState, days: OwnDays, direction: int) -> bool:
        """Whether the gauge's last fixing moved this way, far enough to matter, and unusually far."""
        far_enough = (days.value - days.before_value) * direction * 100.0 >= self._spec.floor_bp
        return far_enough and gauge.fixings.z * direction > 0.0 and days.p(direction) <= self._spec.level

    def _answer(self, watch: Watch, gauge: SeriesState, at: int, source_value: float, out: list[Event]) -> None:
        days = self._days[watch.follower]
        direction = watch.direction
        z = gauge.fixings.z
        together = days.time == watch.breach_at
        follows = self._follows(gauge, days, direction)
        if together and not follows:
            # Its next fixing is still to come.
            return
        if z != z:
            self._cannot(watch, gauge, at, days.time, "its volatility is not known yet", out)
            return
        if (days.n + 1) * self._spec.level < 1.0:
            self._cannot(watch, gauge, at, days.time, f"only {days.n} of its days are known to compare with", out)
            return
        self._close(watch)
        wording = "co-moved" if together else "followed" if follows else "did not respond"
        response = watch.response(gauge.id, wording, at, days.time, True)
        self._measure(response, watch, gauge, days, (source_value - watch.source_value) * 100.0)
        response.resolution = "1d"
        response.p, response.p_of = days.p(direction), days.n
        response.base = self.base_rate(watch.source, watch.follower, watch.size * direction)
        response.lag = days.time - watch.breach_at
        response.open_lag = self._clocks[watch.follower].calendar.open_between(watch.breach_at, days.time)
        out.append(response)

    def _measure(self, response: Response, watch: Watch, gauge: SeriesState, days: OwnDays, breach_bp: float) -> None:
        """What the follower did between its last two fixings, beside what the source had done in between."""
        source = self._series[watch.source]
        z = gauge.fixings.z
        trail = self._trails.get(watch.source)
        moved = trail.between(days.before, days.time) if trail is not None else None
        if moved is not None and moved.z == moved.z and days.time != watch.breach_at:
            model = self.pair(watch.source, watch.follower).model
            source_sigma = source.horizons.daily.scale.sigma
            usual = model.usual() * gauge.horizons.daily.scale.sigma / source_sigma if source_sigma > 0.0 else 0.0
            excess = z - model.expected(moved.z)
            response.measured(days.value, days.before_value, days.before, z, excess, usual, moved.bp)
            return
        response.measured(days.value, days.before_value, days.before, z, 0.0, 0.0, breach_bp)
        response.excess = response.usual_beta = None

    # --- time and state -----------------------------------------------------------------------------------------------

    def due(self, now: int, out: list[Event]) -> None:
        """Give up on the fixings that never came, each at its own time."""
        late = sorted((watch.deadline, key) for key, watch in self.watches.items() if watch.deadline <= now)
        for deadline, key in late:
            watch = self.watches[key]
            self._cannot(watch, self._gauges[watch.follower], deadline, deadline, "no fixing came", out)

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
            "days": {market: days.state() for market, days in self._days.items() if days.time != 0},
            "trails": {name: trail.state() for name, trail in self._trails.items()},
            "pairs": {key: pair.state() for key, pair in self._pairs.items()},
            "edges": {key: edge.state() for key, edge in self._edges.items()},
            "settled": dict(self._settled),
            "watches": [watch.state() for watch in self.watches.values()],
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take up where `state` left off; what it says of markets that are gone is dropped."""
        for market, days in state["days"].items():
            if market in self._days:
                self._days[market].load(days)
        for name, trail in state["trails"].items():
            if name in self._series:
                self._trails[name] = Trail()
                self._trails[name].load(trail)
        for key, values in state["pairs"].items():
            source, follower = key.split("|")
            if source in self._series and follower in self._gauges:
                self.pair(source, follower).load(values)
        for key, values in state["edges"].items():
            source, follower = key.split("|")
            if source in self._gauges and follower in self._gauges:
                self._edges[key] = FixingEdge()
                self._edges[key].load(values)
        self._settled = dict(state["settled"])
        self.watches = {}
        for row in state["watches"]:
            watch = load_watch(row)
            if watch.follower in self._gauges and watch.source in self._series:
                self.watches[watch.key()] = watch
