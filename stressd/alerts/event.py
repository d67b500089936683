"""The event of the contract: one transition of an episode, the same on every wire, in `--json` and in the API.

Times are ISO 8601 UTC text, values percent, changes bp, durations seconds. Field order is the order on the wire.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from stressd.alerts.day import Day

EventType = Literal[
    "opened", "escalated", "widened", "peaked", "propagated", "stale", "resumed", "resolved", "reopened", "reminder",
    "acknowledged", "flapping", "corrected", "digest",
]  # fmt: skip
Kind = Literal["market", "feed", "self"]
Origin = Literal["live", "drill", "replay", "simulated"]
Severity = Literal["info", "warn", "high", "critical"]
Direction = Literal["up", "down"]
DataState = Literal["live", "stale", "halted", "closed", "warming", "bad"]
Wording = Literal["co-moved", "followed", "spilled over", "did not respond", "could not respond"]


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """A value (percent) and when it was true."""

    value: float
    time: str


class Exceeded(msgspec.Struct, frozen=True, kw_only=True):
    """How many of the past moves were beyond so many sigma (the threshold where `beyond` is null). unit: whether days
    are counted, from fixing to fixing, or sessions, by their largest move over the horizon."""

    times: int
    of: int
    beyond: float | None = None
    unit: Literal["days", "sessions"] = "days"


class LevelAhead(msgspec.Struct, frozen=True, kw_only=True):
    """The next level one way. distance_bp: signed, from the value. what: "round" of the 25bp grid, or the name of the
    rule that watches it."""

    level: float
    distance_bp: float
    what: str


class PriceMove(msgspec.Struct, frozen=True, kw_only=True):
    """What the move is in the price of a par bond of that tenor, per 100 face: points gained (+) or lost, what one bp
    costs (dv01), and the `convention` that the yield is taken for."""

    points: float
    dv01: float
    convention: str


class SeriesMove(msgspec.Struct, frozen=True, kw_only=True):
    """One series' part in an episode. time: when the value was true. horizon: 1m, 5m, 30m, session, gap, 1d,
    "level" or "noise". largest_since, highest_since: ISO dates; `since_beginning` says that the date is the first
    of the series (nothing larger is known), and `highest_since_beginning` says so of the level. model, score,
    score_bar: of a further detector and its finding. during: the scheduled event that was on; widened: by how much
    it had raised the bar. return_period_years: low, middle and high, of which the outer two hold 80 percent.
    account: the state that sigma, bars and return period were computed from; `stressd explain` does so again.
    unconfirmed: what speaks against the move; while something does, the severity is `warn` at most. prior_close:
    the last fixing before the session, or the last value where it has none; session_open, day_low, day_high: of the
    session that is under way. ahead: the next levels above and below. rungs: the bar of each severity in sigma;
    floor_bp: the least move that opens."""

    series: str
    value: float
    time: str | None = None
    from_: Point | None = msgspec.field(default=None, name="from")
    change_bp: float | None = None
    horizon: str | None = None
    sigma: float | None = None
    sigma_bp: float | None = None
    sigma_definition: str | None = None
    threshold: float | None = None
    exceeded: Exceeded | None = None
    return_period_years: list[float] | None = None
    rank: int | None = None
    rank_of: int | None = None
    largest_since: str | None = None
    highest_since: str | None = None
    since_beginning: bool = False
    level: float | None = None
    highest_since_beginning: bool = False
    model: str | None = None
    score: float | None = None
    score_bar: float | None = None
    during: str | None = None
    widened: float | None = None
    account: dict[str, Any] | None = None
    unconfirmed: str | None = None
    prior_close: Point | None = None
    session_open: Point | None = None
    day_low: Point | None = None
    day_high: Point | None = None
    ahead: list[LevelAhead] = []
    price: PriceMove | None = None
    rungs: dict[str, float] | None = None
    floor_bp: float | None = None


class SpreadMove(msgspec.Struct, frozen=True, kw_only=True):
    """A slope, fly or spread between markets beside the move: its value and its change (bp) since `since`. rank: of the
    change among the last `rank_of` daily changes the same way, where the spread is watched for itself."""

    series: str
    value_bp: float
    change_bp: float | None = None
    since: str | None = None
    rank: int | None = None
    rank_of: int | None = None


class Path(msgspec.Struct, frozen=True, kw_only=True):
    """How the leading series came to where it is, in percent (a spread too): since the open of its session, or its last
    fixings where it has no ticks (resolution "1d").

    The k-th of at most 60 steps begins `step_s` * k after `start`; values: the last one in each step, null where there
    was none; low, high: the extremes within it. at: the tick that is told of, the end of the path. base: where the move
    is measured from; lower, upper: what it had to leave, one of them null for a level; both for a move. zone: the
    market's time zone, such as Asia/Tokyo."""

    series: str
    resolution: Literal["intraday", "1d"] = "intraday"
    start: str
    step_s: float
    values: list[float | None]
    low: list[float | None]
    high: list[float | None]
    at: Point
    base: Point | None = None
    lower: float | None = None
    upper: float | None = None
    zone: str | None = None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a move, told when its episode is over. began: where it started; peak: its extreme; now: where it
    stands; retraced: the part of the way from `began` to `peak` that was given back (0 to 1, more where it went beyond
    the start)."""

    series: str
    lasted_s: float
    peak_bp: float
    peak_sigma: float | None = None
    began: Point | None = None
    peak: Point | None = None
    now: Point | None = None
    retraced: float | None = None


class BaseRate(msgspec.Struct, frozen=True, kw_only=True):
    """What followed earlier moves like this one. times: how often the series `source` had moved beyond `beyond` sigma
    (signed) since the date `since`; same_sign: in how many of them the follower's `series` then moved the same way;
    mean_sigma: its mean answer in its own sigma."""

    source: str
    series: str
    beyond: float
    times: int
    same_sign: int
    mean_sigma: float | None = None
    since: str


class Follower(msgspec.Struct, frozen=True, kw_only=True):
    """How another market answered. lag_s: wall clock; open_lag_s: the follower's open time, which lies between
    lag_low_s and lag_high_s. next_open_local: `next_open` on the follower's own clock, in words. episode: the
    follower's own, where it has one. p: share of `p_of` comparable stretches of its own history, this one counted, with
    an answer at least as large. via: the market that its move is put down to instead; the wording then says that it did
    not respond to this one. was: the wording that was told before and is taken back, for the `reason` given. earlier:
    how it had answered an earlier breach of the same episode, where that was the closer link and still holds."""

    market: str
    series: str | None = None
    wording: Wording
    lag_s: float | None = None
    open_lag_s: float | None = None
    resolution: str | None = None
    change_bp: float | None = None
    value: float | None = None
    beta: float | None = None
    usual_beta: float | None = None
    p: float | None = None
    sigma: float | None = None
    excess_sigma: float | None = None
    reason: str | None = None
    next_open: str | None = None
    next_open_local: str | None = None
    episode: str | None = None
    p_of: int | None = None
    lag_low_s: float | None = None
    lag_high_s: float | None = None
    base_rate: BaseRate | None = None
    via: str | None = None
    was: Wording | None = None
    earlier: Wording | None = None


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """On a follower's own episode: the episode that it followed; its figures are those of `Follower`. was: the episode
    that was named in its place before and is taken back."""

    episode: str
    market: str
    wording: Wording
    lag_s: float | None = None
    open_lag_s: float | None = None
    beta: float | None = None
    p: float | None = None
    p_of: int | None = None
    lag_low_s: float | None = None
    lag_high_s: float | None = None
    base_rate: BaseRate | None = None
    was: str | None = None


class BidAsk(msgspec.Struct, frozen=True, kw_only=True):
    """The quotes of the leading series: bid-ask spread in bp now, its decayed mean, the mean of the widest tenth of the
    time, and the share (0 to 1) of this session's open time so far with a two-sided quote."""

    bid_ask_bp: float | None = None
    mean_bp: float | None = None
    widest_decile_bp: float | None = None
    presence: float | None = None


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """The market's curve: noise (root mean square off the smooth curve through its tenors) and what it mostly is; the
    tenors farthest above (cheapest) and below (richest) the smooth curve through the others, and by how much, in bp."""

    noise_bp: float
    usual_bp: float | None = None
    cheapest: str | None = None
    cheapest_bp: float | None = None
    richest: str | None = None
    richest_bp: float | None = None


class DataQuality(msgspec.Struct, frozen=True, kw_only=True):
    """Age of the newest tick when the event was made, and the feeds that it came from. affected: the series that a feed
    event is about. quotes: where the feed has bid and ask. curve: where the market has five tenors that tick. agree,
    disagree: feeds of the leading series that tick and say the same as, or something else than, the one it is taken
    from. rejected: bad ticks of the leading series in this session, None where that is not counted. state: of what
    keeps the episode open: `stale`, `halted` (no ticks), `closed` (its session is), `bad` (its values are left out),
    `warming` (its sigma is provisional); None of what is about the daemon itself."""

    age_s: float | None = None
    sources: list[str] = []
    affected: list[str] = []
    quotes: BidAsk | None = None
    curve: Curve | None = None
    agree: list[str] = []
    disagree: list[str] = []
    rejected: int | None = None
    state: DataState | None = None


class Segments(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of the curve is in: segments from short to long, or enough of them to call it the whole curve. lead:
    tenor of the leading series; tenors: how many of the `of` watched ones have moved."""

    names: list[str]
    whole_curve: bool
    lead: str
    tenors: int
    of: int | None = None


class Retraces(msgspec.Struct, frozen=True, kw_only=True):
    """An earlier move the other way that this one takes back: `part` (0 to 1, more beyond its start) of it, `bp` of
    `of_bp`, by the level where the series stands. day: date of that move's peak in the market's zone."""

    episode: str
    series: str
    part: float
    bp: float
    of_bp: float
    day: str


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How the episode stands. recovering: nothing keeps it open, and it is over if that lasts; suspended: its market
    has closed over it until `suspended_until`. rung: the severity that holds now (`severity` is the highest ever).
    flapping: how often it has come and gone, where it flaps: it is not over before that ends. reopened: how often."""

    state: Literal["open", "recovering", "suspended", "over"]
    rung: Severity | None = None
    flapping: int | None = None
    reopened: int = 0
    suspended_until: str | None = None


class Acknowledged(msgspec.Struct, frozen=True, kw_only=True):
    """Who has taken the episode on, when, and what they said of it."""

    by: str
    at: str
    note: str | None = None


class DigestItem(msgspec.Struct, frozen=True, kw_only=True):
    """One episode in a digest or the summary of a storm. time: of its newest event; headline, severity: as of that;
    state: whether it goes on, is over, or was told once and has no end. series: the leading one, with its change and
    sigma; series_count: how many were beyond their bars. why: why it was not told by itself, None where the digest is
    where it was asked for. events: how many it stands for."""

    episode: str
    market: str
    kind: Kind = "market"
    time: str
    severity: Severity
    headline: str
    state: Literal["open", "over", "once"]
    series: str | None = None
    change_bp: float | None = None
    sigma: float | None = None
    series_count: int = 0
    why: str | None = None
    events: int = 1


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One transition of one episode. `id` is `<episode>.<seq>` and never changes between attempts and restarts. A
    `digest` is about the episodes in it and has none of its own; with `day` it sums up a market's session. runbook: the
    page that says what to do about its rule. left_out: what a wire had no room for; the store has it. withdrawn: why
    the alert itself was wrong; the episode is over with that, and nothing else of it will come."""

    id: str
    episode: str
    seq: int
    type: EventType
    kind: Kind
    origin: Origin
    time: str
    instance: str
    rule: str
    market: str
    direction: Direction | None
    severity: Severity
    headline: str
    series: list[SeriesMove]
    shape: str | None = None
    source: Source | None = None
    followers: list[Follower] = []
    data: DataQuality = DataQuality()
    note: str | None = None
    spreads: list[SpreadMove] = []
    path: Path | None = None
    outcome: Outcome | None = None
    runbook: str | None = None
    left_out: list[str] = []
    acknowledged: Acknowledged | None = None
    digest: list[DigestItem] = []
    standing: Standing | None = None
    segments: Segments | None = None
    retraces: Retraces | None = None
    withdrawn: str | None = None
    day: Day | None = None
    version: str
    method: str
    config: str

    @property
    def ends(self) -> bool:
        """Whether the episode is over with this event."""
        return self.type == "resolved" or self.withdrawn is not None


encoder = msgspec.json.Encoder(decimal_format="number")


def to_json(event: Event) -> bytes:
    """The event as one line of JSON, the bytes of every wire."""
    return encoder.encode(event)


def from_json(data: bytes | str) -> Event:
    """The event of `to_json`. Raises msgspec.ValidationError on anything else."""
    return msgspec.json.decode(data, type=Event)
