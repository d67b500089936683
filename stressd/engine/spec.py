"""What the engine is told to watch: frozen specifications, built by `config` and by `lab`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from stressd.engine.agenda import AgendaItem
from stressd.engine.detector import DetectorRule
from stressd.market.calendar import Calendar

SECOND: Final = 1_000_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

HORIZONS: Final = ("1m", "5m", "30m", "session", "gap", "1d")
"""The horizons of a sigma rule: three spans of open time, since the session's open, from the last close to the open,
since the last fixing."""

INFO: Final = 0
WARN: Final = 1
HIGH: Final = 2
CRITICAL: Final = 3
SEVERITIES: Final = ("info", "warn", "high", "critical")


@dataclass(frozen=True, slots=True)
class HorizonSpec:
    """How one horizon's sigma is estimated, for every series alike.

    half_life: of the decayed moments; in ns of open time for 1m, 5m and 30m, in sessions for `session` and `1d`.
    min_samples: effective number of moves below which the horizon stays silent (its warm-up).
    """

    half_life: float
    min_samples: float


DEFAULT_HORIZONS: Final[dict[str, HorizonSpec]] = {
    "1m": HorizonSpec(10.0 * HOUR, 120.0),
    "5m": HorizonSpec(30.0 * HOUR, 60.0),
    "30m": HorizonSpec(50.0 * HOUR, 20.0),
    "session": HorizonSpec(63.0, 15.0),
    "gap": HorizonSpec(63.0, 20.0),
    "1d": HorizonSpec(63.0, 20.0),
}


@dataclass(frozen=True, slots=True)
class Rung:
    """A severity's bar in sigma: reached at |z| >= enter, left at |z| < exit."""

    severity: int
    enter: float
    exit: float


@dataclass(frozen=True, slots=True)
class BudgetSpec:
    """How often a rule may open an episode. per_year: openings; per_market: of a whole market, else of each series.

    rarities: how much rarer than the budget each severity is, lowest severity first. past_alarms: what blocks beyond
    the bar are to the tail (engine.tail), "" for the default: dropped within the day, kept from day to day.
    """

    per_year: float
    per_market: bool
    past_alarms: str = ""
    rarities: tuple[tuple[int, float], ...] = ((WARN, 1.0), (HIGH, 4.0), (CRITICAL, 20.0))


@dataclass(frozen=True, slots=True)
class SigmaRule:
    """Moves over `horizons` against their own sigma. floor_bp: per horizon, the least move that may open. hold: ns for
    open time for which an intraday breach must stay below its exit before it has left; holds: other ones, by severity.
    waits, min_ticks: by severity, ns of open time and ticks that a live move must be beyond the bar before it counts.
    rungs: the bars, none where a budget sets them."""

    name: str
    series: tuple[str, ...]
    horizons: tuple[str, ...]
    rungs: tuple[Rung, ...]
    floor_bp: dict[str, float]
    hold: int = 10 * MINUTE
    budget: BudgetSpec | None = None
    holds: dict[int, int] = field(default_factory=dict)
    waits: dict[int, int] = field(default_factory=dict)
    min_ticks: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WarmupSpec:
    """When an intraday horizon speaks.

    Cold, and silent, before so many one-minute `bars` and its so-many-th session. Warming before so many
    `live_sessions` and `live_blocks` of five minutes: stated bars hold, and a breach says how little stands behind it;
    no budget puts its bar below eight sigma. Live from then on.
    """

    bars: int = 120
    sessions: int = 1
    live_sessions: int = 20
    live_blocks: int = 3000


@dataclass(frozen=True, slots=True)
class LevelRule:
    """Yields (percent) crossed, one-shot with re-arm at a distance of `rearm_bp`.

    above, below: levels told when crossed upward, downward. round_bp: multiples of it are told in both directions.
    highest_since, lowest_since: window in ns over which a new extreme is told.
    """

    name: str
    series: tuple[str, ...]
    severity: int
    above: tuple[float, ...] = ()
    below: tuple[float, ...] = ()
    round_bp: float | None = None
    highest_since: int | None = None
    lowest_since: int | None = None
    rearm_bp: float = 5.0


@dataclass(frozen=True, slots=True)
class SilenceRule:
    """No tick for `after` ns of the market's open time; where that is 0, for longer than is usual for the series.

    budget: false silences a month that a series may cost on average. floor, ceiling: ns of open time, the least silence
    that is told, and the longest that is not. halt_bp: a move of this size within half an hour of the last tick makes a
    silence a possible halt while the feed's other series tick; None: never.
    """

    name: str
    series: tuple[str, ...]
    severity: int
    after: int = 0
    budget: float = 1.0
    floor: int = 60 * SECOND
    ceiling: int = 8 * HOUR
    halt_bp: float | None = 15.0


@dataclass(frozen=True, slots=True)
class NoiseRung:
    """A severity's bar for curve noise: in its own usual deviations, or in bp; the other one is None."""

    severity: int
    sigma: float | None
    bp: float | None


@dataclass(frozen=True, slots=True)
class CurveRule:
    """The curves of `markets`. noise: bars, lowest severity first, to be exceeded for `hold` ns, and by `floor_bp` over
    the usual. shapes: words of `market.shape`, told once a day when the slope between `short` and `long` (ids by
    market) has changed by `move_bp` since the last fixing, or both have where the move is parallel; told again after
    it has come back by `rearm_bp`."""

    name: str
    markets: tuple[str, ...]
    noise: tuple[NoiseRung, ...] = ()
    floor_bp: float = 0.5
    hold: int = MINUTE
    shapes: tuple[str, ...] = ()
    ends: tuple[tuple[str, str], ...] = ()
    move_bp: float = 10.0
    rearm_bp: float = 5.0
    epsilon_bp: float = 0.5
    severity: int = INFO


@dataclass(frozen=True, slots=True)
class SeriesSpec:
    """One series. sources: feeds that carry it, best first (empty: any, first come). convention: of the live feed,
    None if unknown. legs: of a spread that is computed from other series, as (id, weight)."""

    id: str
    market: str
    tenor: str
    sources: tuple[str, ...] = ()
    convention: str | None = None
    legs: tuple[tuple[str, float], ...] = ()


DECAYS: Final = (2.0, 8.0)
"""Years. Of decays from 0.75 to 3 and from 5 to 15 years, large first ones fit JGBs and Treasuries best (half the noise
of 1 and 8 on the JGB curve since 2008), and these still tell a dislocated tenor from a bend of the curve."""


@dataclass(frozen=True, slots=True)
class MarketSpec:
    """One market. gauge: the series whose response stands for the market when another market has a breach; "" for the
    two markets of a spread, whose calendar is the joint one. decays: of the smooth curve, in years: the two terms of
    Svensson's form are most bent at 1.8 times these maturities."""

    name: str
    calendar: Calendar
    gauge: str
    decays: tuple[float, float] = DECAYS


@dataclass(frozen=True, slots=True)
class PropagationSpec:
    """How responses are measured.

    pairs: (source, follower) hints, which start as links that have been seen. window: ns of the follower's own open
    time after the source's breach.

    Where no sudden move of the follower could be put down to the source, its move over a whole window answers: bar is
    the excess response, in its sigma, that it needs over `window`; open_bar: over an open and the gap before it.
    floor_bp: the least response. co_move: ns within which two moves are one.

    level: an answer the same way has followed where its p is at most this: of days that have nothing to do with the
    source, so many are taken for an answer. Within the day a tenth of it for pairs that are neither named in `pairs`
    nor proven.
    """

    pairs: tuple[tuple[str, str], ...] = ()
    window: int = 10 * MINUTE
    bar: float = 3.0
    open_bar: float = 2.0
    floor_bp: float = 0.5
    level: float = 0.10
    co_move: int = 5 * SECOND


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """Everything the engine needs to know before the first tick.

    future_tolerance: ns by which a source's stamp may be ahead of its receipt. max_age: ns beyond which a tick is too
    old to open anything. failover_after: ns of open time without a tick after which the next source of a series takes
    over.
    """

    markets: tuple[MarketSpec, ...]
    series: tuple[SeriesSpec, ...]
    sigma_rules: tuple[SigmaRule, ...] = ()
    level_rules: tuple[LevelRule, ...] = ()
    silence_rules: tuple[SilenceRule, ...] = ()
    curve_rules: tuple[CurveRule, ...] = ()
    agenda: tuple[AgendaItem, ...] = ()
    detector_rules: tuple[DetectorRule, ...] = ()
    propagation: PropagationSpec = PropagationSpec()
    horizons: dict[str, HorizonSpec] = field(default_factory=lambda: dict(DEFAULT_HORIZONS))
    warmup: WarmupSpec = WarmupSpec()
    future_tolerance: int = 2 * SECOND
    max_age: int = 2 * MINUTE
    failover_after: int = 60 * SECOND
