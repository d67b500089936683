"""Draws the scene of an event from the states of its series and of those beside it. Asked only when something happened.

Of a spread between tenors or markets that is watched for itself, its own value is told, which moves as far as all legs
confirm. One that is not is the arithmetic of its legs at the last moment of which all of them have told: of a parallel
jump one leg always tells first, and what it says alone is no move of the spread.
"""

from __future__ import annotations

from typing import Final

from stressd.engine.breaches import LIVE
from stressd.engine.curve_events import CurveMove
from stressd.engine.events import Breach, Event, LevelHit, Unusual
from stressd.engine.gate import believed
from stressd.engine.ring import SLOT
from stressd.engine.scene import Beside, Mark, Scene
from stressd.engine.series import SeriesState
from stressd.engine.sources import OFFSETS_NEEDED
from stressd.engine.spec import MINUTE, SECOND, EngineSpec
from stressd.engine.spreads import FRESH
from stressd.market.series import CROSS, parse_series, series_id

CURVE: Final = ("2s10s", "5s30s", "10s30s", "2s5s10s")
"""What a desk looks at first on any curve."""

ACROSS: Final = "10Y"
"""The tenor between markets."""

BESIDE: Final = 5 * SECOND
"""ns by which another feed's last tick may be older to speak against a value."""

MOST: Final = 8
"""Spreads told with one event."""


class Pair:
    """One spread that may be told: own is its state where it is watched for itself."""

    __slots__ = ("id", "legs", "own")

    def __init__(self, id: str, own: SeriesState | None, legs: list[tuple[SeriesState, float]]) -> None:
        self.id = id
        self.own = own
        self.legs = legs


class Scenes:
    """Of one engine."""

    __slots__ = ("_pairs", "_series")

    def __init__(self, series: dict[str, SeriesState], spec: EngineSpec) -> None:
        self._series = series
        self._pairs: dict[str, list[Pair]] = {}
        names = [each.id for each in spec.series if each.legs]
        markets = [market.name for market in spec.markets if "-" not in market.name]
        for market in markets:
            names += [series_id(market, name) for name in CURVE]
        ranked = sorted(markets, key=_place)
        for k, first in enumerate(ranked):
            names += [f"{first}-{second}.GOV.{ACROSS}" for second in ranked[k + 1 :]]
        known: dict[tuple[str, ...], bool] = {}
        for name in names:
            parsed = parse_series(name)
            key = tuple(sorted(leg for leg, _ in parsed.legs))
            if key in known or not all(leg in series for leg, _ in parsed.legs):
                continue
            known[key] = True
            pair = Pair(name, series.get(name), [(series[leg], weight) for leg, weight in parsed.legs])
            for market in parsed.market.split("-"):
                self._pairs.setdefault(market, []).append(pair)

    def draw(self, out: list[Event], before: int) -> None:
        """Give every event since `before` that is about a series its scene."""
        for event in out[before:]:
            if event.scene is not None:
                continue
            if isinstance(event, (Breach, LevelHit, Unusual)):
                state = self._series[event.series]
                event.scene = self._scene(state, event, event.source)
                if isinstance(event, Breach) and event.fixing and event.scene.open is None:
                    event.scene.close = (event.reference_value, event.reference_time)
            elif isinstance(event, CurveMove):
                name = event.series if event.series else event.moves[-1][0]
                event.scene = self._scene(self._series[name], event, event.source)

    def _scene(self, state: SeriesState, event: Event, source: str) -> Scene:
        scene = Scene()
        for level in state.levels:
            rule = level.rule
            for value in (*rule.above, *rule.below):
                scene.levels.append((value, rule.name))
            if rule.round_bp is not None:
                scene.grid = rule.round_bp * 0.01
        fixing = isinstance(event, Breach) and event.fixing
        published = fixing and state.fixings.source != LIVE
        mine = bool(state.spec.legs) or source == state.source_name()
        if state.t != 0 and abs(event.time - state.t) <= FRESH and mine and not published:
            self._live(scene, state)
        if scene.path is None:
            scene.fixings = state.fixings.recent[:]
        for market in event.market.split("-"):
            for pair in self._pairs.get(market, []):
                if pair.id != state.id and len(scene.beside) < MOST:
                    found = _fixed(pair, state) if fixing else _ticking(pair, event.time)
                    if found is not None:
                        _rank(pair, found)
                        scene.beside.append(found)
        return scene

    def _live(self, scene: Scene, state: SeriesState) -> None:
        """The session so far, and what the feeds say of it."""
        horizons = state.horizons
        today = horizons.today
        y, t = state.y, state.t
        if today.open_time != 0 and t >= today.open_time:
            scene.open = (today.open, today.open_time)
            if today.close_time != 0 and today.close == today.close:
                scene.close = (today.close, today.close_time)
            low, high = min(horizons.low, y), max(horizons.high, y)
            scene.low = (low, t) if low < today.low else (today.low, today.low_time)
            scene.high = (high, t) if high > today.high else (today.high, today.high_time)
            scene.path = today.path(y, t, low, high)
            if not state.spec.legs:
                scene.rejected = max(state.dirt() - today.dirt, 0)
        for gate in state.sources.all:
            if gate is state.sources.active or gate.time == 0 or gate.offsets < OFFSETS_NEEDED:
                continue
            age = t - gate.time
            if age > MINUTE:
                continue
            if abs(gate.value - gate.offset - y) <= 0.5 * believed(max(age, 0), horizons.step):
                scene.agree.append(gate.name)
            elif age <= BESIDE:
                scene.disagree.append(gate.name)


def _ticking(pair: Pair, t: int) -> Beside | None:
    """From live values, against each leg's prior close."""
    own = pair.own
    if own is not None:
        if own.t == 0 or t - own.t > FRESH:
            return None
        today = own.horizons.today
        known = today.close_time != 0 and today.close == today.close
        return Beside(
            pair.id, own.y * 100.0, (own.y - today.close) * 100.0 if known else None, today.close_time if known else 0
        )
    value = change = 0.0
    since = -1
    heard = t
    for state, _ in pair.legs:
        if state.t == 0 or abs(t - state.t) > FRESH:
            return None
        heard = min(heard, state.t)
    for state, weight in pair.legs:
        y = state.y
        if state.t > heard:
            k = state.horizons.ring.find(heard // SLOT - 1, 0)
            if k < 0:
                return None
            y = state.horizons.ring.values[k]
        close: Mark = (state.horizons.today.close, state.horizons.today.close_time)
        value += weight * y
        change += weight * (y - close[0])
        since = close[1] if since in (-1, close[1]) else 0
    return Beside(pair.id, value * 100.0, change * 100.0 if change == change else None, max(since, 0))


def _fixed(pair: Pair, state: SeriesState) -> Beside | None:
    """From fixings of one day and kind."""
    day, source = state.fixings.day, state.fixings.source
    value = change = 0.0
    for leg, weight in pair.legs:
        if leg.fixings.day != day or leg.fixings.source != source:
            return None
        value += weight * leg.fixings.value
        change += weight * leg.fixings.bp
    recent = state.fixings.recent
    known = change == change and len(recent) > 1 and parse_series(pair.id).kind != CROSS
    return Beside(pair.id, value * 100.0, change if change == change else None, recent[-2][1] if known else 0)


def _rank(pair: Pair, found: Beside) -> None:
    own = pair.own
    if own is not None and found.change_bp is not None:
        standing = own.records.standing(found.change_bp, 0.0, 0.0, 0.0, "")
        found.rank, found.rank_of = min(standing.rank, max(standing.rank_of, 1)), standing.rank_of


def _place(market: str) -> tuple[int, str]:
    """Treasuries are quoted over others, others over Bunds."""
    return (0 if market == "US" else 2 if market == "DE" else 1), market
