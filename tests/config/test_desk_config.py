"""Routes, digests, storms and what mutes what, as they are written, and `stressd routes`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from stressd.alerts.digest import DigestSpec, LocalTime, MarketClose
from stressd.alerts.routing import DEFAULT_UPDATES, Hours
from stressd.alerts.storm import StormSpec
from stressd.cli.main import main
from stressd.config.faults import ConfigError
from stressd.config.load import Loaded
from tests.config.test_load import GOOD

Read = Callable[[str], Loaded]

MORE = """
inhibit:
  - mute: {market: US}
    while: {market: JP, severity: [high, critical]}
storm: {messages: 3, within: 5s}
digests:
  - {name: closes, at: [JP, {time: "17:30", zone: Europe/London, days: [weekdays, sunday]}]}
  - {name: morning, at: {time: "08:00", zone: Asia/Tokyo}, sinks: mail, empty: true}
"""
ROUTE = """\
  - match:
      severity: info
      session: [open, holiday]
      hours: {zone: Asia/Tokyo, from: "18:00", to: "08:00", days: friday}
    propagated: each
    inhibit: false
    storm: false
    digest: closes
    sinks: mail
sinks:
"""
FULL = GOOD.replace("sinks:\n  - {name: desk", ROUTE + "  - {name: desk") + MORE


def faults(read: Read, text: str) -> list[str]:
    with pytest.raises(ConfigError) as error:
        read(text)
    return [f"{fault.line}: {fault.message}" for fault in error.value.faults if fault.level == "error"]


def test_what_is_left_out_is_what_most_want(read: Read) -> None:
    desk = read(GOOD.replace("    updates: [opened, resolved]\n", "")).desk
    assert desk.routes[0].updates == DEFAULT_UPDATES == ("opened", "escalated", "propagated", "resolved", "reopened")
    assert (desk.routes[0].propagated, desk.routes[0].inhibit, desk.routes[0].storm) == ("once", True, True)
    assert (desk.storm, desk.inhibit, desk.digests) == (StormSpec(2, 10_000_000_000, 60_000_000_000), (), ())
    assert read(GOOD + "storm: none\n").desk.storm is None


def test_everything_that_can_be_said_reaches_the_desk(read: Read) -> None:
    desk = read(FULL).desk
    route = desk.routes[2]
    assert route.hours == Hours("Asia/Tokyo", 18 * 60, 8 * 60, (4,))
    assert (route.sessions, route.propagated, route.digest) == (("open", "holiday"), "each", "closes")
    assert (route.inhibit, route.storm) == (False, False)
    assert desk.storm == StormSpec(3, 5_000_000_000, 60_000_000_000)
    (rule,) = desk.inhibit
    assert (rule.mute.markets, rule.mute.severities) == (("US",), ("info", "warn"))
    assert [source.markets for source in rule.sources] == [("JP",)]
    closes, morning = desk.digests
    assert closes == DigestSpec(
        "closes", (MarketClose("JP"), LocalTime("Europe/London", 17 * 60 + 30, (0, 1, 2, 3, 4, 6)))
    )
    assert (desk.takers(closes), desk.takers(morning), morning.empty) == (("mail",), ("mail",), True)


def test_what_does_not_fit_is_named_with_its_line(read: Read) -> None:
    lines = FULL.split("\n")

    def line(text: str) -> int:
        return next(number for number, each in enumerate(lines, 1) if text in each)

    assert faults(read, FULL.replace("digest: closes", "digest: close")) == [
        f"{line('digest: closes')}: unknown digest `close`"
    ]
    assert faults(read, FULL.replace("at: [JP,", "at: [XX,")) == [f"{line('name: closes')}: unknown market `XX`"]
    assert faults(read, FULL.replace("sinks: mail, empty", "sinks: male, empty")) == [
        f"{line('name: morning')}: unknown sink `male`"
    ]
    assert faults(read, FULL.replace("mute: {market: US}", "mute: {market: US, severity: critical}")) == [
        f"{line('mute:')}: what is critical is never muted"
    ]
    assert faults(read, FULL.replace("while: {market: JP", "while: {market: ZZ")) == [
        f"{line('while:')}: unknown market `ZZ`"
    ]
    assert faults(read, FULL.replace("zone: Europe/London, days", "days")) == [
        f"{line('name: closes')}: `time` needs a `zone` such as `Europe/London`"
    ]
    assert faults(read, FULL.replace('to: "08:00", days', 'to: "18:00", days')) == [
        f"{line('hours:')}: the hours are empty: a whole day is from `00:00` to `24:00`"
    ]
    assert faults(read, FULL.replace("within: 5s", "within: 2m")) == [
        f"{line('storm: {')}: `within` is longer than zero and not longer than `longest`"
    ]


def test_a_digest_that_nobody_gets_is_a_warning(read: Read) -> None:
    text = GOOD + "digests:\n  - {name: closes, at: JP}\n"
    assert [fault.message for fault in read(text).warnings if "digest" in fault.message] == [
        "nobody gets digest `closes`: no route names it, and it has no `sinks`"
    ]
    assert not [fault for fault in read(FULL).warnings if "digest" in fault.message]


ASKED = """\
instance: x
markets:
  JP: {tenors: [10Y, 30Y]}
  US: {tenors: [10Y]}
feeds:
  - {name: day, type: file, path: /dev/null}
rules:
  - {name: sigma-breach, type: sigma, series: "*"}
routes:
  - {match: {severity: [high, critical]}, sinks: loud}
  - {match: {severity: [info, warn], market: JP}, digest: closes, sinks: loud}
  - {match: {market: US, hours: {zone: America/New_York, from: 08:00, to: 18:00}}, sinks: night}
  - {match: {kind: [feed, self]}, sinks: night}
digests:
  - {name: closes, at: JP}
sinks:
  - {name: loud, type: console}
  - {name: night, type: console, stream: stderr}
"""


def ask(tmp_path: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[str]]:
    (tmp_path / "c.yaml").write_text(ASKED)
    status = main(["routes", "-c", str(tmp_path / "c.yaml"), "--at", "2026-01-20T15:00:00Z", *words])
    return status, [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()[1:]]


def test_routes_says_who_hears_of_what_at_once_and_in_a_digest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, lines = ask(tmp_path, capsys)
    assert status == 0
    assert lines == [
        "market JP info nobody loud (closes)",
        "market JP warn nobody loud (closes)",
        "market JP high loud",
        "market JP critical loud",
        "market US info night",
        "market US warn night",
        "market US high loud, night",
        "market US critical loud, night",
    ]
    words = ("--kind", "feed", "--market", "JP", "--severity", "warn")
    assert ask(tmp_path, capsys, *words) == (0, ["feed JP warn night"])


def test_routes_fails_where_nobody_hears(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--market", "US", "--severity", "warn", "--at", "2026-01-20T03:00:00Z")
    assert ask(tmp_path, capsys, *words) == (1, ["market US warn nobody"])
    (tmp_path / "c.yaml").write_text(ASKED)
    assert main(["routes", "-c", str(tmp_path / "c.yaml"), "--market", "JP", "--severity", "warn", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["sinks"], answer["digests"], answer["rule"]) == ([], {"loud": "closes"}, "sigma-breach")
    assert main(["routes", "-c", str(tmp_path / "c.yaml"), "--market", "XX"]) == 1
    assert "unknown market XX" in capsys.readouterr().err


def test_a_daily_section_is_for_every_market_that_closes_unless_it_names_some(read: Read) -> None:
    every = read(GOOD + "daily: {}\n").desk.daily
    assert every.markets == tuple(name for name in read(GOOD).model.markets)
    assert (every.sinks, every.after) == ((), 60_000_000_000)
    one = read(GOOD + "daily: {markets: JP, sinks: mail, after: 5m}\n").desk.daily
    assert (one.markets, one.sinks, one.after) == (("JP",), ("mail",), 300_000_000_000)
    assert read(GOOD).desk.daily.markets == ()


@pytest.mark.parametrize(
    ("daily", "said"),
    [
        ("{markets: [JP, UKK]}", "unknown market `UKK`"),
        ("{sinks: mial}", "unknown sink `mial`"),
        ("{after: 2h}", "`after`"),
        ("{market: JP}", "`market`"),
    ],
)
def test_a_daily_section_that_is_wrong_is_told_where_it_is(read: Read, daily: str, said: str) -> None:
    (fault,) = faults(read, GOOD + f"daily: {daily}\n")
    assert fault.startswith(f"{(GOOD + 'daily').count(chr(10)) + 1}: ")
    assert said in fault


def test_what_never_closes_has_no_summary(read: Read) -> None:
    text = GOOD.replace("markets:\n", "markets:\n  XX: {calendar: always, tenors: [10Y]}\n")
    assert "XX" not in read(text + "daily: {}\n").desk.daily.markets
    assert faults(read, text + "daily: {markets: XX}\n")[0].endswith("XX never closes")
