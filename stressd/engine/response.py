"""How another market answered a breach, and the evidence beside it."""

from __future__ import annotations

from stressd.engine.events import Event


class BaseRate:
    """What happened on earlier days like this one. times: how often the series `source` had moved beyond `bar` sigma
    (signed: beyond -4 is a fall) since the ordinal date `since`; same_sign: in how many of them the gauge `series` then
    moved the same way; mean: its average answer in sigma, signed like the source's move."""

    __slots__ = ("bar", "mean", "same_sign", "series", "since", "source", "times")

    def __init__(
        self, source: str, series: str, bar: float, times: int, same_sign: int, mean: float, since: int
    ) -> None:
        self.source = source
        self.series = series
        self.bar = bar
        self.times = times
        self.same_sign = same_sign
        self.mean = mean
        self.since = since


class Response(Event):
    """How another market answered a breach. rule, market, direction name the source's episode.

    wording: "co-moved", "followed", "spilled over", "did not respond", "could not respond". Times in ns: lag on the
    wall clock, open_lag in the follower's open time, both from the source's breach at `breach_at`. change_bp, z: the
    follower's own move and the same in its own sigma. beta: bp of response per bp of source move. excess: z beyond its
    usual co-movement (usual_beta). reason, next_open: why it could not, and from when it can. resolution: "tick" or
    "1d". final: nothing more will be said about this pair for this breach.

    p: share of comparable stretches of the follower's own history, `p_of` of them, with an answer at least as large
    (conformal rank, so never 0). lag_low, lag_high: the lag lies between them (ns of open time). base: what earlier
    breaches were followed by. via: the market whose move this follower's is put down to instead, or "". was: an earlier
    wording that this one takes back, or "".
    """

    __slots__ = (
        "base", "beta", "breach_at", "change_bp", "excess", "final", "follower", "lag", "lag_high", "lag_low",
        "next_open", "open_lag", "p", "p_of", "reason", "reference_time", "reference_value", "resolution", "series",
        "usual_beta", "value", "via", "was", "wording", "z",
    )  # fmt: skip

    def __init__(
        self,
        at: int,
        time: int,
        rule: str,
        market: str,
        direction: int,
        follower: str,
        series: str,
        wording: str,
        breach_at: int,
        resolution: str,
        final: bool,
        value: float | None = None,
        reference_value: float | None = None,
        reference_time: int | None = None,
        lag: int | None = None,
        open_lag: int | None = None,
        z: float | None = None,
        beta: float | None = None,
        usual_beta: float | None = None,
        excess: float | None = None,
        reason: str | None = None,
        next_open: int | None = None,
    ) -> None:
        super().__init__(at, time, "market", rule, market, direction)
        self.follower = follower
        self.series = series
        self.wording = wording
        self.breach_at = breach_at
        self.resolution = resolution
        self.final = final
        self.value = value
        self.reference_value = reference_value
        self.reference_time = reference_time
        self.change_bp: float | None = None
        if value is not None and reference_value is not None:
            self.change_bp = (value - reference_value) * 100.0
        self.lag = lag
        self.open_lag = open_lag
        self.z = z
        self.beta = beta
        self.usual_beta = usual_beta
        self.excess = excess
        self.reason = reason
        self.next_open = next_open
        self.p: float | None = None
        self.p_of = 0
        self.lag_low: int | None = None
        self.lag_high: int | None = None
        self.base: BaseRate | None = None
        self.via = ""
        self.was = ""

    def measured(
        self,
        value: float,
        reference_value: float,
        reference_time: int,
        z: float,
        excess: float,
        usual_beta: float,
        source_bp: float,
    ) -> None:
        """Add what the follower did: values percent, `source_bp` the source's own move over the same stretch."""
        self.value = value
        self.reference_value = reference_value
        self.reference_time = reference_time
        self.change_bp = (value - reference_value) * 100.0
        self.z = z
        self.excess = excess
        self.usual_beta = usual_beta
        self.beta = self.change_bp / source_bp if abs(source_bp) > 1e-6 else None
