"""A market's session as the event of its summary has it."""

from __future__ import annotations

from typing import Literal

import msgspec

SeenState = Literal["live", "silent", "halted", "no ticks"]


class DaySeries(msgspec.Struct, frozen=True, kw_only=True):
    """One series over a session. value: the last one (percent), true at `time`. change_bp: since the prior close, which
    was `close` at `close_time`; sigma: the same in sigma of its daily moves as of before the session. low, high: of the
    session. state: live up to the close; silent or halted then; or without a tick in the whole session, of which
    nothing else is known then but the last value."""

    series: str
    state: SeenState
    value: float | None = None
    time: str | None = None
    close: float | None = None
    close_time: str | None = None
    change_bp: float | None = None
    sigma: float | None = None
    low: float | None = None
    high: float | None = None


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """A market's session. session: its date there; zone: of its clock. early: it closed earlier than usual. next_open:
    of its next session, next_open_local on its own clock; because: why that is not on the next weekday. series: tenors
    from short to long, then spreads; more: how many further ones did not fit. shape: of the curve's move since the
    prior close. stress, stress_before: the stress index of all markets at the close and at the end of the UTC day
    before."""

    market: str
    session: str
    zone: str
    opened: str
    closed: str
    early: bool = False
    next_open: str
    next_open_local: str
    because: str | None = None
    series: list[DaySeries] = []
    more: int = 0
    shape: str | None = None
    stress: float | None = None
    stress_before: float | None = None
