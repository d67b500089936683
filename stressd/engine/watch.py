"""One open question about fixings: how does this market answer that breach at its next one?"""

from __future__ import annotations

from typing import Any

from stressd.engine.response import Response


class Watch:
    """A breach of (rule, market, direction) and one follower. Values percent, times ns UTC.

    breach_at: when the source breached. source, source_value, source_time: the breaching series and where its move
    began; size: of it, sigma; value, time: where the follower stood then. deadline: when it is waited for no longer.
    """

    __slots__ = (
        "breach_at", "deadline", "direction", "follower", "market", "rule", "size", "source", "source_time",
        "source_value", "time", "value",
    )  # fmt: skip

    def __init__(self, rule: str, market: str, direction: int, follower: str) -> None:
        self.rule = rule
        self.market = market
        self.direction = direction
        self.follower = follower
        self.breach_at = 0
        self.source = ""
        self.size = 0.0
        self.source_value = 0.0
        self.source_time = 0
        self.value = 0.0
        self.time = 0
        self.deadline = 0

    def key(self) -> str:
        """Names the pair and the breach's episode."""
        return pair_key(self.rule, self.market, self.direction, self.follower)

    def response(
        self, gauge: str, wording: str, at: int, time: int, final: bool, reason: str | None = None
    ) -> Response:
        """An answer of the follower, whose gauge is the series `gauge`; figures are added by `Response.measured`."""
        return Response(
            at, time, self.rule, self.market, self.direction, self.follower, gauge, wording, self.breach_at, "1d",
            final, reason=reason,
        )  # fmt: skip

    def state(self) -> list[Any]:
        """Everything, as plain values."""
        return [
            [self.rule, self.market, self.direction, self.follower, self.source],
            [self.breach_at, self.source_time, self.time, self.deadline],
            [self.size, self.source_value, self.value],
        ]


def pair_key(rule: str, market: str, direction: int, follower: str) -> str:
    """One text for a breach's episode and a follower."""
    return f"{rule}|{market}|{direction}|{follower}"


def load_watch(state: list[Any]) -> Watch:
    """The watch of `Watch.state`."""
    rule, market, direction, follower, source = state[0]
    watch = Watch(rule, market, direction, follower)
    watch.source = source
    watch.breach_at, watch.source_time, watch.time, watch.deadline = (int(x) for x in state[1])
    watch.size, watch.source_value, watch.value = (float(x) for x in state[2])
    return watch
