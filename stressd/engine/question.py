"""One open question about ticks: how does this market answer that breach?"""

from __future__ import annotations

from typing import Any, Final

from stressd.engine.response import Response

WINDOW: Final = "window"
"""The follower was open: `window` of its own open time answers."""

REOPENING: Final = "reopening"
"""The follower was closed: its first `window` of open time answers, else its close."""

SILENT: Final = "silent"
"""The follower was open but silent or halted: `window` of open time from its next tick on answers."""


class Question:
    """A breach of (rule, market, direction) and one follower. Values percent, times ns UTC.

    begun: when the source's episode began; breach_at: when the source breached. source, source_value, source_time: the
    breaching series and where its move began; value, time: where the follower stood then. answer_by: end of the first
    window; deadline: when the question is settled. via: the market that the follower's move is put down to instead, or
    "". wording: what was said for good, "" while nothing was; pulse: number of the follower's pulse that it was said
    of, 0 for none.
    """

    __slots__ = (
        "answer_by", "begun", "breach_at", "deadline", "direction", "follower", "market", "mode", "opened", "pulse",
        "rule", "size", "source", "source_time", "source_value", "time", "value", "via", "wording",
    )  # fmt: skip

    def __init__(self, rule: str, market: str, direction: int, follower: str, begun: int) -> None:
        self.rule = rule
        self.market = market
        self.direction = direction
        self.follower = follower
        self.begun = begun
        self.mode = WINDOW
        self.breach_at = 0
        self.source = ""
        self.size = 0.0
        self.source_value = 0.0
        self.source_time = 0
        self.value = 0.0
        self.time = 0
        self.answer_by = 0
        self.deadline = 0
        self.opened = False
        self.via = ""
        self.wording = ""
        self.pulse = 0

    def key(self) -> str:
        """Names the pair and the breach's episode."""
        return question_key(self.rule, self.market, self.direction, self.follower, self.begun)

    def response(
        self, gauge: str, wording: str, at: int, time: int, final: bool, reason: str | None = None
    ) -> Response:
        """An answer of the follower, whose gauge is the series `gauge`; figures are added by `Response.measured`."""
        return Response(
            at, time, self.rule, self.market, self.direction, self.follower, gauge, wording, self.breach_at, "tick",
            final, reason=reason,
        )  # fmt: skip

    def state(self) -> list[Any]:
        """Everything, as plain values."""
        return [
            [self.rule, self.market, self.direction, self.follower, self.mode],
            [self.begun, self.breach_at, self.source_time, self.time, self.answer_by, self.deadline],
            [self.source, self.via, self.wording],
            [self.size, self.source_value, self.value],
            [int(self.opened), self.pulse],
        ]


def question_key(rule: str, market: str, direction: int, follower: str, begun: int) -> str:
    """One text for a breach's episode and a follower."""
    return f"{rule}|{market}|{direction}|{follower}|{begun}"


def load_question(state: list[Any]) -> Question:
    """The question of `Question.state`."""
    rule, market, direction, follower, mode = state[0]
    begun, *times = (int(x) for x in state[1])
    asked = Question(rule, market, direction, follower, begun)
    asked.mode = mode
    asked.breach_at, asked.source_time, asked.time, asked.answer_by, asked.deadline = times
    asked.source, asked.via, asked.wording = (str(x) for x in state[2])
    asked.size, asked.source_value, asked.value = (float(x) for x in state[3])
    asked.opened, asked.pulse = state[4][0] != 0, int(state[4][1])
    return asked
