"""The keys of one line of NDJSON in a tick file. Apart from its parser, which is compiled: msgspec makes this class."""

from __future__ import annotations

import msgspec


class TickRow(msgspec.Struct, gc=False):
    """What a line may say of one tick; what it does not say is None."""

    time: int | float | str | None = None
    series: str | None = None
    value: float | None = None
    bid: float | None = None
    ask: float | None = None
    source: str | None = None
    received: int | float | str | None = None
