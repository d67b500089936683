"""`stressd symbols resolve`: the answer with its reasons, and what is close where there is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stressd.cli.main import main

MLK = "2026-01-19T15:00:00Z"


def resolve(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main(["symbols", "resolve", *words])
    said = capsys.readouterr()
    return status, said.out, said.err


def test_a_vendors_name_resolves_with_everything_a_desk_asks(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = resolve(capsys, "US10YT=RR", "--at", MLK)
    assert (status, err) == (0, "")
    for part in (
        "US.GOV.10Y",
        "percent",
        "semi-annual: compounded twice a year",
        "built in: RIC; a feed uses it only if the configuration lists it",
        "US Treasury cash",
        "closed (holiday: Martin Luther King Jr. Day), opens Tue 20 Jan 07:00 New York (2026-01-20T12:00:00Z)",
        "15:30 New York, next 2026-01-20T20:30:00Z",
        "US Treasury: par yields are taken at or near 15:30 New York",
    ):
        assert part in out
    assert max(len(line) for line in out.splitlines()) < 240


def test_json_carries_the_same_facts(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = resolve(capsys, "GJGB30 Index", "--at", "2026-01-20T00:30:00Z", "--json")
    facts = json.loads(out)
    assert status == 0
    assert (facts["series"], facts["unit"], facts["convention"], facts["calendar"], facts["zone"]) == (
        "JP.GOV.30Y", "percent", "simple", "JP", "Asia/Tokyo",
    )  # fmt: skip
    assert facts["session"] == {
        "at": "2026-01-20T00:30:00Z",
        "open": True,
        "reason": "open",
        "until": "2026-01-20T02:02:00Z",
        "until_local": "Tue 20 Jan 11:02 Tokyo",
        "day": "2026-01-20",
        "opens": "2026-01-19T23:30:00Z",
        "closes": "2026-01-20T09:30:00Z",
        "early_close": False,
    }
    assert facts["fixing"]["next"] == "2026-01-20T06:00:00Z"


def test_an_early_close_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = resolve(capsys, "DGS10", "--at", "2026-07-02T15:00:00Z")
    assert "open, until Thu 02 Jul 14:00 New York (2026-07-02T18:00:00Z)" in out
    assert "an early close" in out


def test_a_canonical_id_of_a_market_without_calendar_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = resolve(capsys, "IT-DE.GOV.10Y")
    assert status == 0
    assert "no calendar of the name IT-DE" in out
    assert "fixing" not in out


def test_an_unknown_name_is_refused_with_what_is_close(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = resolve(capsys, "USGG1OYR Index")
    assert (status, out) == (1, "")
    assert "'USGG1OYR Index' is unknown: did you mean " in err
    assert "USGG10YR Index" in err
    assert resolve(capsys, "zzzzzz")[2] == "stressd: 'zzzzzz' is unknown\n"


def test_a_time_without_zone_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = resolve(capsys, "DGS10", "--at", "2026-07-02T15:00")
    assert status == 1
    assert "--at: time '2026-07-02T15:00' has no zone" in err


CONFIG = """\
instance: test
markets:
  JP: {calendar: JP, tenors: [10Y, 30Y], convention: simple, fixing: "14:00"}
feeds:
  - {name: ticks, type: file, path: ticks.csv}
aliases:
  jgb30: {series: JP.GOV.30Y, unit: bp}
rules:
  - {name: sigma-breach, type: sigma, series: "*", horizons: [1d], sigma: {warn: 3}, floor: {1d: 3bp}}
routes:
  - {match: {kind: market}, updates: [opened], sinks: [desk]}
sinks:
  - {name: desk, type: console}
"""


def test_with_a_configuration_only_its_own_names_count(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ticks.csv").write_text("time,series,value\n")
    path = tmp_path / "stressd.yaml"
    path.write_text(CONFIG)
    status, out, _ = resolve(capsys, "jgb30", "-c", str(path), "--at", MLK, "--json")
    facts = json.loads(out)
    assert status == 0
    assert (facts["series"], facts["unit"], facts["convention"]) == ("JP.GOV.30Y", "bp", "simple")
    assert facts["fixing"] == {"local": "14:00", "next": "2026-01-20T05:00:00Z", "why": "from the configuration"}
    status, _, err = resolve(capsys, "JP30YT=RR", "-c", str(path))
    assert status == 1
    assert "aliases: {JP30YT=RR: {series: JP.GOV.30Y, unit: percent, convention: simple}}" in err
    assert "did you mean jgb30" in resolve(capsys, "jgb3", "-c", str(path))[2]
