"""What the engine says. An event is a fact about one moment; episodes are made of them in `alerts`.

Times are ns UTC: `at` is the engine's clock (receive time, or the moment at which a deadline fell due) and never runs
backwards; `time` is when the source says it was so. Values are percent, changes bp.
"""

from __future__ import annotations

from typing import Any, Final

from stressd.engine.curve_facts import CurveFacts
from stressd.engine.scene import Scene

ENTERED: Final = "entered"
RAISED: Final = "raised"
PEAKED: Final = "peaked"
LOWERED: Final = "lowered"
REGAINED: Final = "regained"
LEFT: Final = "left"
ONCE: Final = "once"
"""Told, and over with it."""

FEED: Final = "feed:"
"""Begins the scope of an episode about a whole feed; its name follows."""


class Standing:
    """How a move stands in the series' own history. Signed: a rise is ranked among rises.

    exceeded: how many of the `of` past moves of this horizon were beyond `beyond` sigma, either way. rank 1 is the
    largest of the last `rank_of` moves. largest_since: ordinal date of the last larger move in the same direction, or
    of the first in the series where there is none (`on_record` then). highest_since: likewise for the level; None where
    it is no new extreme. unit: what is counted, "days" from fixing to fixing or "sessions" with their largest move over
    the horizon. return_years: low, middle and high estimate of the years between two such moves; tail: the fit behind
    it.
    """

    __slots__ = (
        "beyond", "exceeded", "highest_on_record", "highest_since", "largest_since", "of", "on_record", "rank",
        "rank_of", "return_years", "tail", "unit",
    )  # fmt: skip

    def __init__(
        self,
        beyond: float,
        exceeded: int,
        of: int,
        rank: int,
        rank_of: int,
        largest_since: int | None,
        on_record: bool,
        highest_since: int | None,
        highest_on_record: bool,
        unit: str = "days",
    ) -> None:
        self.beyond = beyond
        self.exceeded = exceeded
        self.of = of
        self.rank = rank
        self.rank_of = rank_of
        self.largest_since = largest_since
        self.on_record = on_record
        self.highest_since = highest_since
        self.highest_on_record = highest_on_record
        self.unit = unit
        self.return_years: tuple[float, float, float] | None = None
        self.tail: dict[str, Any] = {}


class Event:
    """Base of all engine events. kind: "market" or "feed" or "self". key of its episode: (rule, market, direction).
    scene: what stands around it, of an event about a move or a level."""

    __slots__ = ("at", "direction", "kind", "market", "rule", "scene", "time")

    def __init__(self, at: int, time: int, kind: str, rule: str, market: str, direction: int) -> None:
        self.at = at
        self.time = time
        self.kind = kind
        self.rule = rule
        self.market = market
        self.direction = direction
        self.scene: Scene | None = None


class Breach(Event):
    """A sigma breach of one series over one horizon: entered, raised to a higher rung than ever, peaked, or left; or
    lowered to a rung below its highest, and regained one that it had left.

    direction is +1 (yield up) or -1. severity: rung reached now (for `left`: the one that was left). z is signed.
    fixing: the move was measured between fixings. account: the state behind sigma and bars (`engine.account`).
    provisional: why its sigma is not to be trusted fully, or "". quotes: `Quotes.figures` of its feed, None where that
    has none. during: the scheduled event that is on, or ""; widened: by how much it raised this bar, 1 for not at all.
    unconfirmed: what speaks against the move, or ""; while something does, severity is at most warn. curve: of its
    market at that moment, where that is known. rungs: every severity's bar, as (severity, sigma), and floor_bp, the
    least move that opens. rung: the one that holds now, below `severity` once it was lowered.
    """

    __slots__ = (
        "account", "change_bp", "curve", "definition", "during", "fixing", "floor_bp", "horizon", "phase",
        "provisional", "quotes", "reference_time", "reference_value", "rung", "rungs", "series", "severity", "sigma_bp",
        "source", "standing", "threshold", "unconfirmed", "value", "widened", "z",
    )  # fmt: skip

    def __init__(
        self,
        at: int,
        time: int,
        rule: str,
        market: str,
        direction: int,
        phase: str,
        series: str,
        horizon: str,
        severity: int,
        value: float,
        reference_value: float,
        reference_time: int,
        z: float,
        sigma_bp: float,
        threshold: float,
        definition: str,
        provisional: str,
        fixing: bool,
        source: str,
        standing: Standing | None,
        account: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(at, time, "market", rule, market, direction)
        self.phase = phase
        self.series = series
        self.horizon = horizon
        self.severity = severity
        self.value = value
        self.reference_value = reference_value
        self.reference_time = reference_time
        self.change_bp = (value - reference_value) * 100.0
        self.z = z
        self.sigma_bp = sigma_bp
        self.threshold = threshold
        self.definition = definition
        self.provisional = provisional
        self.fixing = fixing
        self.source = source
        self.quotes: tuple[float | None, float | None, float | None, float | None] | None = None
        self.standing = standing
        self.account: dict[str, Any] = account if account is not None else {}
        self.during = ""
        self.widened = 1.0
        self.unconfirmed = ""
        self.rung = severity
        self.curve: CurveFacts | None = None
        self.rungs: list[tuple[int, float]] = []
        self.floor_bp = 0.0


class Disproved(Event):
    """Moves of these series that were told as breaches turn out to be none. why: in plain words."""

    __slots__ = ("series", "why")

    def __init__(self, at: int, time: int, market: str, direction: int, series: tuple[str, ...], why: str) -> None:
        super().__init__(at, time, "market", "", market, direction)
        self.series = series
        self.why = why


class LevelHit(Event):
    """A level crossed or a new extreme. what: "above", "below", "round", "highest", "lowest". level: percent; for an
    extreme the one that was beaten. since: ordinal date of the beaten extreme, None where it is a crossing."""

    __slots__ = ("level", "previous", "series", "severity", "since", "source", "value", "what")

    def __init__(
        self,
        at: int,
        time: int,
        rule: str,
        market: str,
        direction: int,
        series: str,
        severity: int,
        what: str,
        level: float,
        value: float,
        previous: float,
        since: int | None,
        source: str,
    ) -> None:
        super().__init__(at, time, "market", rule, market, direction)
        self.series = series
        self.severity = severity
        self.what = what
        self.level = level
        self.value = value
        self.previous = previous
        self.since = since
        self.source = source


class Unusual(Event):
    """What a further detector found. model: its name; over: what it was fed, "1m" for example; change: the series'
    behaviour has changed, else this one move is unusual (direction is its sign, 0 for a change). score, bar: of the
    model, in its own terms. sigma_bp: of such a move, nan where it is not known. during: the scheduled event that is
    on, or ""."""

    __slots__ = (
        "bar", "change", "change_bp", "during", "model", "over", "reference_time", "reference_value", "score",
        "series", "severity", "sigma_bp", "source", "value",
    )  # fmt: skip

    def __init__(
        self,
        at: int,
        time: int,
        rule: str,
        market: str,
        direction: int,
        series: str,
        severity: int,
        model: str,
        over: str,
        change: bool,
        score: float,
        bar: float,
        value: float,
        reference_value: float,
        reference_time: int,
        sigma_bp: float,
    ) -> None:
        super().__init__(at, time, "market", rule, market, direction)
        self.series = series
        self.severity = severity
        self.model = model
        self.over = over
        self.change = change
        self.score = score
        self.bar = bar
        self.value = value
        self.reference_value = reference_value
        self.reference_time = reference_time
        self.change_bp = (value - reference_value) * 100.0
        self.sigma_bp = sigma_bp
        self.source = ""
        self.during = ""


class Silence(Event):
    """A series went silent (phase entered) or ticks again (left), or its whole feed.

    last: time of its last tick, 0 where there was none. open_age: ns of open time without a tick. usual: ns of open
    time that one of its pauses in a thousand exceeds at that time of day, 0 where that is not known; warming: too
    little of it has been heard yet, its bar was the cautious one. source: its feed. with_feed: the series of the feed
    that fell silent as one, and that one tick ends for all of them; empty where the series is silent alone. halted: it
    is taken for a halt after a move of `move_bp`; then it is a fact about the market (kind "market").
    """

    __slots__ = (
        "halted", "last", "move_bp", "open_age", "phase", "series", "severity", "source", "usual", "warming",
        "with_feed",
    )  # fmt: skip

    def __init__(
        self,
        at: int,
        time: int,
        rule: str,
        market: str,
        phase: str,
        series: str,
        severity: int,
        last: int,
        open_age: int,
        usual: int = 0,
        warming: bool = False,
        halted: bool = False,
        source: str = "",
        with_feed: tuple[str, ...] = (),
        move_bp: float = 0.0,
    ) -> None:
        super().__init__(at, time, "market" if halted else "feed", rule, market, 0)
        self.phase = phase
        self.series = series
        self.severity = severity
        self.last = last
        self.open_age = open_age
        self.usual = usual
        self.warming = warming
        self.halted = halted
        self.source = source
        self.with_feed = with_feed
        self.move_bp = move_bp


class FeedNote(Event):
    """Something about a source that people should know once: phase entered or left, or once. what: "clock ahead",
    "failed over", "overload", "data break". text: one plain sentence; more: what else is to be said, "" for
    nothing. rule is the note's own name, e.g. "clock-ahead".
    """

    __slots__ = ("more", "phase", "series", "severity", "source", "text", "what")

    def __init__(
        self,
        at: int,
        time: int,
        rule: str,
        market: str,
        phase: str,
        what: str,
        series: str,
        source: str,
        severity: int,
        text: str,
    ) -> None:
        super().__init__(at, time, "feed", rule, market, 0)
        self.phase = phase
        self.what = what
        self.series = series
        self.source = source
        self.severity = severity
        self.text = text
        self.more = ""
