"""One open question: how does this market answer that breach?"""

from __future__ import annotations

from typing import Any, Final

WINDOW: Final = "window"
"""The follower was open: its ticks over `window` of its own open time answer."""

REOPENING: Final = "reopening"
"""The follower was closed: its first `window` of open time answers, else its close."""

AT_FIXING: Final = "fixing"
"""The breach was measured between fixings: the follower's next fixing answers."""


class Watch:
    """A breach of (rule, market, direction) and one follower. Values percent, times ns UTC.

    breach_at: when the source breached. source, source_value, source_time: the breaching series and where its move
    began; value, time: where the follower stood then. answer_by: end of the window that a tick may answer in; deadline:
    when the question is settled.
    """

    __slots__ = (
        "answer_by", "breach_at", "deadline", "direction", "follower", "market", "mode", "rule", "size",
        "source", "source_time", "source_value", "time", "value",
    )  # fmt: skip

    def __init__(self, rule: str, market: str, direction: int, follower: str, mode: str) -> None:
        self.rule = rule
        self.market = market
        self.direction = direction
        self.follower = follower
        self.mode = mode
        self.breach_at = 0
        self.source = ""
        self.size = 0.0
        self.source_value = 0.0
        self.source_time = 0
        self.value = 0.0
        self.time = 0
        self.answer_by = 0
        self.deadline = 0

    def key(self) -> str:
        """Names the pair and the breach's episode."""
        return pair_key(self.rule, self.market, self.direction, self.follower)

    def state(self) -> list[Any]:
        """Everything, as plain values."""
        return [
            self.rule,
            self.market,
            self.direction,
            self.follower,
            self.mode,
            self.breach_at,
            self.source,
            self.size,
            self.source_value,
            self.source_time,
            self.value,
            self.time,
            self.answer_by,
            self.deadline,
        ]


def pair_key(rule: str, market: str, direction: int, follower: str) -> str:
    """One text for a breach's episode and a follower."""
    return f"{rule}|{market}|{direction}|{follower}"


def load_watch(state: list[Any]) -> Watch:
    """The watch of `Watch.state`."""
    watch = Watch(state[0], state[1], state[2], state[3], state[4])
    watch.breach_at, watch.source, watch.size = state[5], state[6], float(state[7])
    watch.source_value, watch.source_time = float(state[8]), state[9]
    watch.value, watch.time, watch.answer_by, watch.deadline = float(state[10]), state[11], state[12], state[13]
    return watch
