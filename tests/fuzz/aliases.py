"""Names on the wire: exact, by pattern, canonical, and whatever else somebody sends."""

from __future__ import annotations

from stressd.market.aliases import Alias, AliasTable
from stressd.market.series import parse_series
from stressd.market.times import parse_day, parse_time
from stressd.market.units import to_percent
from tests.fuzz.harness import Cut, quick

TABLE = AliasTable(
    [
        Alias("JB#YLD", "JP.GOV.10Y", "percent"),
        Alias(r"GT(?P<market>[A-Z]{2})(?P<tenor>\d+Y) Govt", "{market}.GOV.{tenor}", "bp", pattern=True),
        Alias(r"(?P<a>[A-Z]+)/(?P<tenor>.+) ?[A-Z]*", "US.GOV.{tenor}", pattern=True),
    ]
)
SEEDS = [
    b"JB#YLD",
    b"GTUS10Y Govt",
    b"AAAAAAAAAAAAAAAAAAAAAAAAAAAA/",
    b"JP.GOV.30Y",
    b"IT-DE.GOV.10Y",
    b"US.GOV.2s10s",
    b"..",
    b"\xff\xfe.GOV.\xf0\x9f\x92\xa9",
    b"2026-01-20T08:00:00+09:00:00.5",
    b"1e400",
    "\u0661\u0662\u0663".encode(),
]


def one(data: bytes) -> None:
    text = Cut(data).text()
    with quick():
        for name in (text, text[:40], f"GTUS{text[:8]} Govt", f"{text[:12]}.GOV.{text[12:20]}"):
            found = TABLE.series(name)
            if found is not None:
                parse_series(found)
        for read in (parse_series, parse_time, parse_day):
            try:
                read(text)
            except ValueError as error:
                assert str(error)
        for unit in ("percent", "bp", "decimal", text[:8]):
            try:
                to_percent(float(text[:30]), unit)
            except ValueError:
                continue
        assert TABLE.series("JB#YLD") == "JP.GOV.10Y"
