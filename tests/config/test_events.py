"""The `events:` of a file: what the engine is told, and every fault with its place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stressd.cli.main import main
from stressd.config.faults import ConfigError
from stressd.config.load import Loaded, load_text
from stressd.config.registry import Registry
from stressd.engine.agenda import AgendaItem, Recurrence
from stressd.engine.spec import HOUR, MINUTE
from stressd.market.times import parse_time
from stressd.runtime.report import agenda

Read = Callable[..., Loaded]

HEAD = """\
instance: x
markets:
  JP: {tenors: [10Y]}
  US: {tenors: [10Y]}
events:
"""


def told(read: Read, events: str) -> tuple[AgendaItem, ...]:
    return read(HEAD + events).engine.agenda


def faults(read: Read, events: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(HEAD + events)
    return [fault.brief for fault in caught.value.faults if fault.level == "error"]


def test_single_times_are_instants_in_the_markets_own_zone_or_in_the_one_given(read: Read) -> None:
    (item,) = told(read, "  - {name: BoJ, markets: JP, at: [2026-01-23T12:00+09:00, 2026-03-19 12:00], widen: 2}\n")
    at = (parse_time("2026-01-23T03:00:00Z"), parse_time("2026-03-19T03:00:00Z"))
    assert item == AgendaItem("BoJ", ("JP",), 5 * MINUTE, 30 * MINUTE, 2.0, at=at)
    (item,) = told(read, "  - {name: ECB, at: 2026-03-19 14:15, zone: Europe/Berlin, before: 0s, after: 2h}\n")
    assert item == AgendaItem("ECB", ("JP", "US"), 0, 2 * HOUR, 1.5, at=(parse_time("2026-03-19T13:15:00Z"),))


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        ("daily", Recurrence("America/New_York", 510)),
        ("weekdays", Recurrence("America/New_York", 510, (0, 1, 2, 3, 4))),
        ("friday", Recurrence("America/New_York", 510, (4,))),
        ("{weekday: friday, nth: 1}", Recurrence("America/New_York", 510, (4,), 1)),
        ("{weekday: [thursday, tuesday], nth: last}", Recurrence("America/New_York", 510, (1, 3), -1)),
        ("{day: last, months: [12, 3]}", Recurrence("America/New_York", 510, (), 0, -1, (3, 12))),
    ],
)
def test_recurring_times_are_read(read: Read, on: str, expected: Recurrence) -> None:
    (item,) = told(read, f"  - {{name: data, markets: US, on: {on}, at: 08:30}}\n")
    assert item.again == (expected,)
    assert item.at == ()


def test_without_events_nothing_is_scheduled(read: Read) -> None:
    assert read(HEAD.replace("events:\n", "")).engine.agenda == ()


@pytest.mark.parametrize(
    ("event", "fault"),
    [
        ("{name: a}", "6:5: error: an event needs `at`, such as `at: 2026-01-23T12:00+09:00`, or `file`"),
        ("{name: a, at: 14:00}", "6:19: error: `14:00` is of no day: say `on: daily`, `on: {weekday: friday}`"),
        ("{name: a, at: soon}", "6:19: error: `soon` is no time: write `2026-01-23T12:00+09:00`"),
        ("{name: a, on: daily, at: 2026-01-23}", "6:30: error: with `on`, `at` is a time of day such as `08:30`, not"),
        ("{name: a, on: daily, at: 14:00}", "6:5: error: `zone` is missing: its markets are in different time zones"),
        ("{name: a, on: fridai, at: 14:00}", "6:19: error: `on` cannot be `fridai`; did you mean `friday`?"),
        ("{name: a, on: {nth: 2}, at: 14:00}", "6:25: error: `nth` needs a `weekday`"),
        ("{name: a, on: {weekday: monday, nth: 5}, at: 14:00}", "6:42: error: `nth` must be 1, 2, 3, 4 or `last`"),
        ("{name: a, on: {day: 30, months: 2}, at: 14:00}", "6:25: error: none of these months has a day 30"),
        ("{name: a, on: {day: 1, weekday: monday}, at: 14:00}", "6:25: error: `day` and `weekday` exclude each other"),
        ("{name: a, on: {months: 13}, at: 14:00}", "6:28: error: `months` must be at most 12"),
        ("{name: a, markets: JQ, on: daily, at: 14:00}", "6:24: error: unknown market `JQ`"),
        (
            "{name: a, at: 14:00, on: daily, zone: Asia/Tokio}",
            "6:43: error: unknown time zone `Asia/Tokio`; did you mean `Asia/Tokyo`?",
        ),
        ("{name: a, at: 2026-13-01T14:00Z}", "6:19: error: time '2026-13-01T14:00Z' is neither"),
        ("{name: a, at: 2026-01-01T14:00Z, widen: 1}", "6:45: error: `widen` must be more than 1"),
        ("{name: a, at: 2026-01-01T14:00Z, after: 3d}", "6:45: error: `after` is longer than a day"),
        ("{name: a, at: 2026-01-01T14:00Z, after: 0s, before: 0s}", "6:45: error: the event's window is empty"),
        ("{name: a, at: 2026-01-01T14:00Z, file: x.csv}", "6:19: error: `at` and `file` exclude each other"),
        ("{name: a, file: not-there.csv}", "6:21: error: not-there.csv cannot be read: no such file or directory"),
        ("{name: a, at: 2026-01-01T14:00Z, widn: 2}", "6:38: error: unknown key `widn`"),
        ('{name: "", at: 2026-01-01T14:00Z}', "6:12: error: an event's name is one line of at most 60 characters"),
    ],
)
def test_a_fault_is_told_at_its_place(read: Read, event: str, fault: str) -> None:
    (found,) = faults(read, f"  - {event}\n")
    assert found.startswith(f"c.yaml:{fault}")


def with_table(small: Registry, folder: Path, table: str, event: str = "{name: auctions, file: a.csv}") -> Loaded:
    (folder / "a.csv").write_text(table)
    return load_text(HEAD + f"  - {event}\n", folder / "c.yaml", small)


def test_a_file_of_events_gives_one_item_a_name_and_set_of_markets(small: Registry, tmp_path: Path) -> None:
    table = (
        "date,time,zone,markets,name\n"
        '2026-01-23,12:00,Asia/Tokyo,JP,"BoJ decision, outlook"\n'
        "2026-01-14, 12:35, , JP, JGB 20Y auction\n"
        "2026-01-28,14:00,America/New_York,JP US,FOMC\n"
        "2026-03-18,14:00,America/New_York,JP US,FOMC\n"
    )
    items = with_table(small, tmp_path, table, "{name: all, file: a.csv, widen: 2}").engine.agenda
    assert [(item.name, item.markets, len(item.at), item.widen) for item in items] == [
        ("BoJ decision, outlook", ("JP",), 1, 2.0),
        ("JGB 20Y auction", ("JP",), 1, 2.0),
        ("FOMC", ("JP", "US"), 2, 2.0),
    ]
    assert items[1].at == (parse_time("2026-01-14T03:35:00Z"),)


def test_the_digest_is_also_of_the_files_of_events(small: Registry, tmp_path: Path) -> None:
    first = with_table(small, tmp_path, "date,time,name,markets\n2026-01-23,12:00,BoJ,JP\n")
    again = with_table(small, tmp_path, "date,time,name,markets\n2026-01-23,12:00,BoJ,JP\n")
    other = with_table(small, tmp_path, "date,time,name,markets\n2026-01-24,12:00,BoJ,JP\n")
    assert first.digest == again.digest != other.digest


def test_every_fault_of_a_file_of_events_is_told_with_its_line(small: Registry, tmp_path: Path) -> None:
    table = (
        "date,time,zone,markets,name\n"
        "2026-01-23,25:00,Asia/Tokyo,JP,BoJ\n"
        "2026-01-33,12:00,Asia/Tokyo,JP,BoJ\n"
        "2026-01-23,12:00,Asia/Tokio,JP,BoJ\n"
        "2026-01-23,12:00,,,BoJ\n"
        "2026-01-23,12:00,,JQ,BoJ\n"
        "2026-01-23,12:00,,JP,BoJ, or so\n"
        "2026-01-23,12:00,,JP,\n"
    )
    with pytest.raises(ConfigError) as caught:
        with_table(small, tmp_path, table)
    found = [fault.message for fault in caught.value.faults if fault.level == "error"]
    assert [fault.line for fault in caught.value.faults if fault.level == "error"] == [6] * 7
    assert sorted(found) == [
        "a.csv:2: `25:00` is no time of day such as 08:30",
        "a.csv:3: date '2026-01-33' is not an ISO date (2026-01-20)",
        "a.csv:4: unknown time zone `Asia/Tokio`; did you mean `Asia/Tokyo`?",
        "a.csv:5: `zone` is empty, and its markets are in different time zones",
        "a.csv:6: unknown market `JQ`; known: JP, US",
        "a.csv:7: more values than columns; put a name with a comma in quotes",
        "a.csv:8: an event's name is one line of at most 60 characters",
    ]


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        (b"datum,time,name\n", "a.csv:1: unknown column `datum`, did you mean `date`?"),
        (b"date,time\n", "a.csv:1: the column `name` is missing"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (b"x" * (1 << 21), "is larger than 1 MiB"),
    ],
)
def test_a_file_that_is_no_table_of_events_is_refused(
    small: Registry, tmp_path: Path, table: bytes, fault: str
) -> None:
    (tmp_path / "a.csv").write_bytes(table)
    with pytest.raises(ConfigError) as caught:
        load_text(HEAD + "  - {name: a, file: a.csv}\n", tmp_path / "c.yaml", small)
    assert any(fault in each.message for each in caught.value.faults)


def test_status_tells_what_is_on_and_what_comes_next(read: Read) -> None:
    spec = read(
        HEAD + "  - {name: BoJ, markets: JP, at: [2026-01-23 12:00, 2026-03-19 12:00]}\n"
        "  - {name: FOMC, at: 2026-01-28T14:00-05:00, widen: 2}\n"
    ).engine
    now = parse_time("2026-01-23T03:10:00Z")
    boj, jp_fomc, us_fomc = agenda(spec, now)
    assert boj == {
        "market": "JP",
        "name": "BoJ",
        "on": True,
        "time": "2026-01-23T03:00:00Z",
        "from": "2026-01-23T02:55:00Z",
        "until": "2026-01-23T03:30:00Z",
        "widen": 1.5,
    }
    assert (jp_fomc["market"], jp_fomc["name"], jp_fomc["on"]) == ("JP", "FOMC", False)
    assert us_fomc == {**jp_fomc, "market": "US"}
    assert [row["name"] for row in agenda(spec, parse_time("2026-02-01T00:00:00Z"))] == ["BoJ"]


def test_check_says_when_an_event_comes_next_or_that_its_dates_have_run_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rest = "feeds: []\nrules: []\n"
    (tmp_path / "c.yaml").write_text(
        HEAD + "  - {name: past, markets: JP, at: 2020-01-23 12:00}\n"
        "  - {name: far, at: 2199-01-23T12:00Z, widen: 2, before: 0s}\n" + rest
    )
    assert main(["check", str(tmp_path / "c.yaml")]) == 0
    told = capsys.readouterr().out
    assert "event     past: JP · bars ×1.5 from 5m before to 30m after · NO DATE TO COME: its list has ended" in told
    assert "event     far: JP US · bars ×2 from 0s before to 30m after · next 23 Jan 2199 12:00 UTC" in told
