"""Times: integer nanoseconds since the Unix epoch (UTC) inside, ISO 8601 outside, days as proleptic ordinals."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final

SECOND: Final = 1_000_000_000
DAY: Final = 86_400 * SECOND
EPOCH_ORDINAL: Final = 719_163
"""Proleptic ordinal of 1970-01-01."""

LATEST: Final = 2**63 - 1
"""The last instant that fits 64 bits: 2262-04-11."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS: Final = ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3), (2**63, 1))
"""(below this size, ns of one): s, ms, us, ns. Each unit covers 1973 to 5138, so no present-day time is ambiguous."""


def iso(ns: int) -> str:
    """`ns` as "2026-01-20T20:30:00Z", with as many decimals as are not zero."""
    seconds, fraction = divmod(ns, SECOND)
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, rest = divmod(rest, 60)
    text = f"{date.fromordinal(days + EPOCH_ORDINAL).isoformat()}T{hours:02d}:{minutes:02d}:{rest:02d}"
    if fraction:
        return text + "." + f"{fraction:09d}".rstrip("0") + "Z"
    return text + "Z"


def parse_time(given: str | int | float) -> int:
    """Nanoseconds of an ISO 8601 time with zone, or of an epoch whose unit (s, ms, us, ns) follows from its size.

    Digits beyond nanoseconds are cut. Raises ValueError with a sentence that says what is wrong.
    """
    if isinstance(given, bool):
        raise ValueError(f"time {given} is a boolean, not a time")
    if isinstance(given, int):
        return _epoch(given, "", str(given))
    if isinstance(given, float):
        return _float_epoch(given)
    text = given.strip()
    whole, dot, fraction = text.partition(".")
    if whole.isdigit() and whole.isascii() and (not dot or (fraction.isdigit() and fraction.isascii())):
        return _epoch(int(whole), fraction, text)
    return _parse_iso(text)


def _float_epoch(given: float) -> int:
    if given != given or given in (float("inf"), float("-inf")):
        raise ValueError(f"time {given} is not a finite number")
    if given.is_integer():
        return _epoch(int(given), "", repr(given))
    # The shortest decimal that names this double is what the sender wrote; its binary value is not.
    whole, _, fraction = repr(given).partition(".")
    if not whole.isdigit() or not fraction.isdigit():
        raise ValueError(f"time {given!r} is no epoch: too small or negative")
    return _epoch(int(whole), fraction, repr(given))


def _epoch(whole: int, fraction: str, text: str) -> int:
    if whole < 10**8:
        raise ValueError(f"time {text} is no epoch: too small, it would be before 1973 in any unit")
    for below, unit in _UNITS:
        if whole < below:
            ns = whole * unit
            if fraction:
                ns += int(fraction[:9].ljust(9, "0")) * unit // SECOND
            if ns <= LATEST:
                return ns
            break
    raise ValueError(f"time {text} is no epoch: too large, it would be after 2262")


def _parse_iso(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text[:-1] + "Z" if text.endswith("z") else text)
    except ValueError:
        raise ValueError(f"time {text!r} is neither ISO 8601 with zone (2026-01-20T20:30:00Z) nor an epoch") from None
    offset = moment.utcoffset()
    if offset is None:
        raise ValueError(f"time {text!r} has no zone: end it with Z or an offset such as +09:00")
    if offset.microseconds:
        raise ValueError(f"time {text!r} has an offset with fractions of a second")
    since: timedelta = moment - _EPOCH
    ns = (since.days * 86_400 + since.seconds) * SECOND
    if moment.microsecond or "." in text or "," in text:
        ns += _fraction(text)
    if abs(ns) > LATEST:
        raise ValueError(f"time {text!r} is outside 1677 to 2262")
    return ns


def _fraction(text: str) -> int:
    """Nanoseconds of the decimals in an ISO time: all nine digits, where datetime keeps six."""
    start = max(text.find("."), text.find(",")) + 1
    end = start
    while end < len(text) and text[end].isdigit():
        end += 1
    return int(text[start:end][:9].ljust(9, "0"))


def day_of(ns: int) -> int:
    """Ordinal of the UTC date that holds `ns`."""
    return ns // DAY + EPOCH_ORDINAL


def day_start(day: int) -> int:
    """First instant of the UTC date with this ordinal."""
    return (day - EPOCH_ORDINAL) * DAY


def day_iso(day: int) -> str:
    """Ordinal to "2026-01-20"."""
    return date.fromordinal(day).isoformat()


def parse_day(text: str) -> int:
    """ "2026-01-20" to its ordinal. Raises ValueError for anything that is not an ISO date."""
    text = text.strip()
    if len(text) != 10:
        raise ValueError(f"date {text!r} is not an ISO date (2026-01-20)")
    try:
        return date.fromisoformat(text).toordinal()
    except ValueError:
        raise ValueError(f"date {text!r} is not an ISO date (2026-01-20)") from None
