"""What is said of a follower, made from the question that it answers."""

from __future__ import annotations

from stressd.engine.response import Response
from stressd.engine.watch import AT_FIXING, Watch


def response_to(
    watch: Watch, gauge: str, wording: str, at: int, time: int, final: bool, reason: str | None = None
) -> Response:
    """The answer of `watch.follower`, whose gauge is the series `gauge`; figures are added by `Response.measured`."""
    return Response(
        at,
        time,
        watch.rule,
        watch.market,
        watch.direction,
        watch.follower,
        gauge,
        wording,
        watch.breach_at,
        "1d" if watch.mode == AT_FIXING else "tick",
        final,
        reason=reason,
    )
