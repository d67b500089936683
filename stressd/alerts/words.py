"""Numbers, times and series in the words of the desk."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from stressd.alerts.event import BidAsk, SeriesMove
from stressd.market.series import YIELD, SeriesId, parse_series
from stressd.market.times import parse_time

SECOND: Final = 1_000_000_000
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
AMOUNTS: Final = ((1e9, "bn"), (1e6, "m"), (1e3, "k"), (0.0, ""))
SPARKS: Final = "▁▂▃▄▅▆▇█"
OVER: Final = {
    "tick": "since the last tick",
    "session": "since the open",
    "gap": "from the last close",
    "1d": "since the last fixing",
}
"""What a horizon that is not a span of time measures from."""


def parsed(series: str) -> SeriesId | None:
    """The parts of a canonical id, None for any other name."""
    try:
        return parse_series(series)
    except ValueError:
        return None


def series_name(series: str) -> str:
    """`JP.GOV.30Y` as "JP 30Y", `US.SWAP.10Y` as "US SWAP 10Y"."""
    return " ".join(part for part in series.split(".") if part != "GOV")


def tenor_name(series: str) -> str:
    """The last part of an id: "30Y", "2s10s"."""
    return series.rpartition(".")[2]


def yield_text(series: str, value: float) -> str:
    """A level. Yields in percent, JGBs with three decimals, others with two or three; spreads in bp."""
    if is_spread(series):
        return f"{value * 100.0 + 0.0:.1f}bp"
    known = parsed(series)
    text = f"{value + 0.0:.3f}"
    if known is not None and known.market != "JP" and text.endswith("0"):
        text = text[:-1]
    return f"{text}%"


def is_spread(series: str) -> bool:
    """Whether an id names a slope, a fly or a spread between markets."""
    known = parsed(series)
    return known is not None and known.kind != YIELD


def bp_text(change_bp: float) -> str:
    """A change, signed: "+20.3bp". What rounds to nothing has no sign."""
    text = f"{change_bp:+.1f}bp"
    return "0.0bp" if text in ("+0.0bp", "-0.0bp") else text


def sigma_text(sigma: float) -> str:
    """ "6.9σ"; the sign only where it is negative."""
    text = f"{sigma:.1f}"
    return "0.0σ" if text == "-0.0" else f"{text}σ"


def quotes_text(quotes: BidAsk) -> str:
    """ "bid-ask 1.2bp, mean 0.9bp, widest decile 3.0bp, quotes present 97 % of the session"."""
    sizes = (("bid-ask", quotes.bid_ask_bp), ("mean", quotes.mean_bp), ("widest decile", quotes.widest_decile_bp))
    parts = [f"{name} {size:.1f}bp" for name, size in sizes if size is not None]
    if quotes.presence is not None:
        parts.append(f"quotes present {quotes.presence:.0%} of the session".replace("%", " %"))
    return ", ".join(parts)


def number_text(value: float) -> str:
    """At most two decimals, no trailing zeros: "6", "2.94"."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def count_text(count: int) -> str:
    """ "4,706"."""
    return f"{count:,}"


def years_text(years: float) -> str:
    """ "2.3 years", "5 months", "9 days"; "more than 1,000 years" where a tail can say no more."""
    if years >= 1000.0:
        return "more than 1,000 years"
    if years >= 1.0:
        return f"{years:.0f} years" if years >= 10.0 else f"{years:.1f} years"
    if years >= 2.0 / 12.0:
        return f"{years * 12.0:.0f} months"
    days = max(round(years * 365.0), 1)
    return f"{days} days" if days > 1 else "day"


def times_text(times: int) -> str:
    """How often: "never", "once", "10 times"."""
    return ("never", "once")[times] if times < 2 else f"{count_text(times)} times"


def ordinal_text(rank: int) -> str:
    """ "2nd", "13th"."""
    ending = "th" if 10 <= rank % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(rank % 10, "th")
    return f"{count_text(rank)}{ending}"


def duration_text(seconds: float) -> str:
    """The two largest units: "14 h 30 min", "1 d 2 h", "41 s", "0.8 s"."""
    if seconds < 0:
        return f"-{duration_text(-seconds)}"
    if seconds < 9.95:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    units = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    first = next(i for i, (_, size) in enumerate(units) if whole >= size)
    (big, size), (small, part) = units[first], units[first + 1]
    rest = whole % size // part
    return f"{whole // size} {big}" + (f" {rest} {small}" if rest else "")


def took_text(milliseconds: float) -> str:
    """How long a message took: "6 ms", and from a second on "1.4 s", "2 min 5 s"."""
    if milliseconds >= 999.5:
        return duration_text(milliseconds / 1000.0)
    return f"{milliseconds:.0f} ms" if milliseconds >= 0.5 else "under 1 ms"


def moment_text(time: str) -> str:
    """An ISO time as "20 Jan 2026 20:30 UTC", with seconds where they are not zero."""
    moment = datetime.fromtimestamp(parse_time(time) // SECOND, UTC)
    clock = f"{moment:%H:%M:%S}" if moment.second else f"{moment:%H:%M}"
    return f"{day_text(moment.date())} {clock} UTC"


def local_text(at: int, zone: ZoneInfo) -> str:
    """An instant (ns UTC) on a market's own clock: "20 Jan 08:00 New York"."""
    moment = datetime.fromtimestamp(at // SECOND, zone)
    return f"{moment.day} {MONTHS[moment.month - 1]} {moment:%H:%M} {zone.key.rpartition('/')[2].replace('_', ' ')}"


def near_text(time: str, now: str) -> str:
    """The same to the minute beside `now` (ISO), without what goes without saying: "06:00 UTC", "19 Jan 06:00 UTC"."""
    clock = f"{time[11:16]} UTC"
    if time[:10] == now[:10]:
        return clock
    day = iso_day_text(time[:10])
    return f"{day.removesuffix(f' {now[:4]}')} {clock}"


def day_text(day: date) -> str:
    """ "20 Jan 2026"."""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def iso_day_text(day: str) -> str:
    """ "2026-01-20" as "20 Jan 2026"."""
    return day_text(date.fromisoformat(day))


def over_text(horizon: str) -> str:
    """What a move was measured over: "over 5m", "since the open"."""
    return OVER.get(horizon, f"over {horizon}")


def record_text(move: SeriesMove) -> str | None:
    """ "largest rise since the series began in 1999", "largest fall since 8 Apr 2025"; None where it is not known."""
    if move.largest_since is None:
        return None
    word = "fall" if move.change_bp is not None and move.change_bp < 0 else "rise"
    if move.horizon in (None, "1d"):
        return f"largest {word} since {_since(move.largest_since, move.since_beginning)}"
    began = "watching began on " if move.since_beginning else ""
    return f"largest {word} {over_text(move.horizon)} since {began}{iso_day_text(move.largest_since)}"


def extreme_text(move: SeriesMove, rising: bool) -> str | None:
    """ "highest since 28 Aug 2025", "lowest since the series began in 1999"; None where it is no extreme."""
    if move.highest_since is None:
        return None
    return f"{'highest' if rising else 'lowest'} since {_since(move.highest_since, move.highest_since_beginning)}"


def _since(day: str, beginning: bool) -> str:
    return f"the series began in {day[:4]}" if beginning else iso_day_text(day)


def sparkline(values: list[float]) -> str:
    """Bars from the lowest value or zero to the highest: "▁▃▆█"."""
    return sparks(values, min(0.0, *values), max(0.0, *values))


def sparks(values: Sequence[float | None], low: float, high: float) -> str:
    """Bars from low to high, a space for what is not known."""
    span = (high - low) or 1.0
    return "".join(" " if value is None else SPARKS[min(7, int((value - low) / span * 8.0))] for value in values)


def amount_text(amount: float, currency: str = "") -> str:
    """ "-JPY 24.4m", "1.2m", "EUR 950k": three digits at most, the sign before the currency."""
    size = abs(amount)
    least, unit = next(each for each in AMOUNTS if size >= each[0] * 0.9995)
    scaled = size / (least or 1.0)
    text = f"{scaled:.0f}" if scaled >= 99.95 or not unit else f"{scaled:.1f}".removesuffix(".0")
    sign = "-" if amount < 0.0 and text != "0" else ""
    return f"{sign}{currency} {text}{unit}" if currency else f"{sign}{text}{unit}"


def listing(names: list[str]) -> str:
    """ "10Y", "10Y and 20Y", "10Y, 20Y and 30Y"."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def curve_key(series: str) -> tuple[int, str]:
    """Sort key: short tenors first, other names last."""
    known = parsed(series)
    return (known.months if known is not None else 10**6, series)
