"""Trading hours, time zone and fixing time of each market, every row with its source."""

from __future__ import annotations

from typing import Final


class Hours:
    """Hours from one day on. since: ISO date. windows: open spans in minutes after local midnight. utc_open: the first
    opening is stated in UTC, not in local time. source: where the row comes from, or what it assumes."""

    __slots__ = ("since", "source", "utc_open", "windows")

    def __init__(self, since: str, windows: tuple[tuple[int, int], ...], source: str, utc_open: bool = False) -> None:
        self.since = since
        self.windows = windows
        self.source = source
        self.utc_open = utc_open


class Market:
    """A row of the table. zone: IANA name. fixing: minutes after local midnight. hours: oldest first."""

    __slots__ = ("fixing", "fixing_source", "hours", "what", "zone")

    def __init__(self, what: str, zone: str, fixing: int, fixing_source: str, hours: tuple[Hours, ...]) -> None:
        self.what = what
        self.zone = zone
        self.fixing = fixing
        self.fixing_source = fixing_source
        self.hours = hours


def minutes(clock: str) -> int:
    """ "15:30" to minutes after midnight; "24:00" is the end of the day. Raises ValueError otherwise."""
    hour, colon, minute = clock.partition(":")
    if colon and hour.isdigit() and minute.isdigit() and len(hour) in (1, 2) and len(minute) == 2:
        total = int(hour) * 60 + int(minute)
        if int(minute) < 60 and total <= 1440:
            return total
    raise ValueError(f"{clock!r} is not a time of day such as 15:30")


def clock(total: int) -> str:
    """Minutes after midnight as "15:30"."""
    return f"{total // 60:02d}:{total % 60:02d}"


_ALWAYS_SINCE: Final = "0001-01-01"

MARKETS: Final[dict[str, Market]] = {
    "JP": Market(
        "JGB cash",
        "Asia/Tokyo",
        15 * 60,
        "Ministry of Finance: the constant-maturity curve is taken at 15:00 Tokyo",
        (
            Hours(
                _ALWAYS_SINCE,
                ((8 * 60 + 30, 11 * 60 + 2), (12 * 60 + 30, 18 * 60 + 30)),
                "dealers' day 08:30-18:30; lunch break of JGB futures (JPX, 11:02-12:30), which cash dealers keep: "
                "an assumption, as is the use of today's hours for years before it",
            ),
        ),
    ),
    "US": Market(
        "US Treasury cash",
        "America/New_York",
        15 * 60 + 30,
        "US Treasury: par yields are taken at or near 15:30 New York",
        (
            Hours(
                _ALWAYS_SINCE,
                ((7 * 60, 17 * 60 + 30),),
                "SIFMA_US trading day 07:00-17:30 (pandas_market_calendars 5.5.0); early closes as SIFMA recommends",
            ),
        ),
    ),
    "UK": Market(
        "gilts",
        "Europe/London",
        16 * 60 + 15,
        "Tradeweb FTSE gilt closing prices are taken at 16:15 London",
        (
            Hours(
                _ALWAYS_SINCE,
                ((8 * 60, 17 * 60),),
                "SIFMA_UK trading day 08:00-17:00 (pandas_market_calendars 5.5.0); "
                "early closes of the London Stock Exchange",
            ),
        ),
    ),
    "DE": Market(
        "Bund, by Eurex hours",
        "Europe/Berlin",
        17 * 60 + 15,
        "Eurex: daily settlement of euro bond futures at 17:15 Frankfurt",
        (
            Hours(
                _ALWAYS_SINCE, ((8 * 60, 22 * 60),), "Eurex fixed-income futures before the Asian hours: 08:00-22:00"
            ),
            Hours(
                "2018-12-10",
                ((10, 22 * 60),),
                "Eurex trading hours since 2018-12-10: 01:10-22:00 CET, 02:10-22:00 CEST, so always from 00:10 UTC",
                utc_open=True,
            ),
        ),
    ),
    "CA": Market(
        "Government of Canada bonds",
        "America/Toronto",
        16 * 60 + 30,
        "Bank of Canada: benchmark yields at the close; 16:30 Toronto is an assumption",
        (Hours(_ALWAYS_SINCE, ((8 * 60, 17 * 60),), "dealers' day 08:00-17:00 Toronto: an assumption"),),
    ),
}
