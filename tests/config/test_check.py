"""`stressd check`: faults, summary, what comes from feeds, whether sinks answer, what rules cost."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from stressd.cli.main import main
from stressd.config.load import load_text
from stressd.lab.backtest import Daily
from stressd.lab.cost import measure
from stressd.market.times import parse_day
from stressd.runtime.connect import try_feeds, try_sinks
from stressd.runtime.registry import registry
from stressd.store import Store
from stressd.testing.broker import LoopbackBroker

BAD = """\
instance: x
markets:
  JP: {calendar: JP, tenors: [30Y]}
feeds:
  - name: desk
    type: mqt
    url: mqtt://127.0.0.1:1
rules:
  - name: a
    type: sigma
    series: "*.GOV.*"
    horizon: [5m]
  - name: b
    type: sigma
    series: JP.GOV.30Y
    sigma: {warn: 3, high: 4, critical: 6}
    floor: 2
sinks:
  - {name: s, type: slack, webhook_url: {env: STRESSD_NOT_SET_ANYWHERE}}
  - {name: s2, type: slak, webhook_url: {file: x}}
"""

GOOD = """\
instance: x
markets:
  JP: {tenors: [10Y, 30Y]}
  US: {tenors: [10Y]}
feeds:
FEED
rules:
  - {name: sigma-breach, type: sigma, series: "*"}
  - {name: tens, type: level, series: "*.10Y", round: 25bp, highest_since: 90d}
  - {name: quiet, type: silence, series: US.*, after: 15m}
  - {name: minutes, type: sigma, series: US.*, horizons: 1m}
routes:
  - {match: {kind: [market, feed, self]}, sinks: terminal}
  - {match: {severity: critical}, sinks: loud}
sinks:
  - {name: terminal, type: console}
  - {name: loud, type: console, stream: stderr}
"""


def written(folder: Path, feed: str) -> str:
    file = folder / "c.yaml"
    file.write_text(GOOD.replace("FEED", feed))
    return str(file)


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stressd", "check", *words], capture_output=True, text=True, timeout=60, env=os.environ
    )


def test_all_faults_are_named_in_one_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.yaml").write_text(BAD)
    assert main(["check", str(tmp_path / "bad.yaml")]) == 1
    told = capsys.readouterr()
    assert re.findall(r"bad\.yaml:(\d+):\d+: error", told.out) == ["6", "12", "17", "19", "20"]
    assert "5 errors" in told.err


def test_faults_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.yaml").write_text(BAD)
    assert main(["check", "--json", str(tmp_path / "bad.yaml")]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["ok"] is False
    assert [fault["line"] for fault in document["faults"] if fault["level"] == "error"] == [6, 12, 17, 19, 20]
    assert document["faults"][1]["hint"] == "did you mean `mqtt`? known: file, mqtt, push"


def test_a_file_that_is_not_there_is_a_fault(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["check", str(tmp_path / "none.yaml")]) == 1
    assert "none.yaml:1:1: error: cannot be read: no such file or directory" in capsys.readouterr().out


def test_a_valid_file_is_summed_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, "  - {name: desk, type: mqtt, url: mqtt://127.0.0.1:1, topics: '{series}'}")
    assert main(["check", file]) == 0
    out = capsys.readouterr().out
    for line in (
        "c.yaml: valid",
        "market    JP: 10Y 30Y · calendar JP · gauge JP.GOV.10Y",
        "feed      desk: mqtt",
        "rule      sigma-breach: 3 series · moves over 1m 5m 30m session gap 1d · warn 3σ high 4σ critical 6σ",
        "rule      tens: 2 series · round 25bp, highest since 90d · info",
        "route     kind market · severity critical -> loud",
    ):
        assert line in out


def test_connect_shows_what_a_file_feed_brings(tmp_path: Path) -> None:
    now = time.time_ns() // 1_000_000_000
    ticks = tmp_path / "t.csv"
    ticks.write_text(f"time,series,value\n{now - 3},JP.GOV.30Y,3.562\n{now},US.GOV.10Y,none\n{now},DE.GOV.10Y,2.8\n")
    done = run(
        written(tmp_path, f"  - {{name: day, type: file, path: {ticks}}}"), "--connect", "--seconds", "5", "--json"
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    (feed,) = document["connect"]["feeds"]
    assert feed["ok"]
    assert ["JP.GOV.30Y", 3.562] in [tick[:2] for sample in feed["samples"] for tick in sample["ticks"]]
    assert {"JP.GOV.10Y"} <= set(feed["mute"])
    assert "JP.GOV.30Y" not in feed["mute"]
    assert [sink["ok"] for sink in document["connect"]["sinks"]] == [True, True]


def test_connect_says_what_cannot_be_reached(tmp_path: Path) -> None:
    file = written(tmp_path, "  - {name: desk, type: mqtt, url: mqtt://127.0.0.1:1, topics: '{series}'}")
    done = run(file, "--connect", "--seconds", "0.5")
    assert done.returncode == 1
    assert "feed desk: NOT REACHED: waiting: nobody listens there" in done.stdout
    assert "nothing came of JP.GOV.10Y, JP.GOV.30Y, US.GOV.10Y" in done.stdout
    assert "sink terminal: reached" in done.stdout


async def test_connect_shows_raw_messages_ticks_and_refusals_of_a_broker(tmp_path: Path) -> None:
    async with LoopbackBroker() as broker:
        feed = f"""\
  - name: desk
    type: mqtt
    url: {broker.url}
    client_id: the-daemon
    session: 1h
    topics: ["yields/{{market}}/{{tenor}}"]
    payload: {{value: y, time: ts}}
"""
        loaded = load_text(GOOD.replace("FEED", feed.rstrip()), tmp_path / "c.yaml", registry())
        trying = asyncio.create_task(try_feeds(loaded, registry(), 3.0))
        await broker.subscribed()
        now = time.time_ns() // 1_000_000
        await broker.publish("yields/JP/30Y", b'{"y": 3.562, "ts": %d}' % (now - 5_000), qos=1)
        await broker.publish("yields/US/10Y", b'{"z": 1}', qos=1)
        await broker.publish("yields/DE/10Y", b'{"y": 2.8, "ts": %d}' % now, qos=1)
        (trial,) = await trying
        assert "the-daemon" not in broker._sessions
    assert trial.ok
    assert (trial.messages, trial.refused) == (3, 1)
    first, second, third = trial.samples
    assert (first.topic, first.raw[:9]) == ("yields/JP/30Y", '{"y": 3.5')
    ((series, value, age),) = first.ticks
    assert (series, value) == ("JP.GOV.30Y", 3.562)
    assert 4.5 < age < 30
    assert second.refused is not None
    assert "is missing" in second.refused
    assert (third.ticks, third.refused) == ([], None)
    assert trial.mute == ["JP.GOV.10Y", "US.GOV.10Y"]


async def test_a_sink_that_cannot_be_reached_says_so_without_its_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRESSD_TEST_URL", "http://127.0.0.1:1/services/hunter2")
    sink = "  - {name: slack, type: slack, webhook_url: {env: STRESSD_TEST_URL}, timeout: 2s}\n"
    text = GOOD.replace("FEED", "  - {name: f, type: file, path: x}") + sink
    trials = await try_sinks(load_text(text, tmp_path / "c.yaml", registry()), registry())
    assert [(trial.name, trial.ok) for trial in trials] == [("terminal", True), ("loud", True), ("slack", False)]
    assert "hunter2" not in trials[2].text


def test_rules_are_unmeasured_without_history(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path, "  - {name: f, type: file, path: x}")
    assert main(["check", file, "--history", "--state", str(tmp_path / "none")]) == 0
    assert capsys.readouterr().out.count("unmeasured: no history is stored") == 6
    assert not (tmp_path / "none").exists()


def business_days(count: int) -> list[int]:
    start = parse_day("2024-01-01")
    return [day for day in range(start, start + 2 * count) if (day + 6) % 7 < 5][:count]


def quiet_year_with_a_jump() -> dict[str, Daily]:
    values = [1.0 + 0.01 * (i % 2) for i in range(250)]
    values[200:] = [value + 0.5 for value in values[200:]]
    return {"JP.GOV.30Y": Daily("MoF", list(zip(business_days(250), values, strict=True)))}


def test_rules_and_sinks_are_measured_on_history(tmp_path: Path) -> None:
    loaded = load_text(GOOD.replace("FEED", "  - {name: f, type: file, path: x}"), tmp_path / "c.yaml", registry())
    cost = measure(loaded, quiet_year_with_a_jump())
    assert cost is not None
    assert 45 < cost.weeks < 55
    rate = cost.rules["sigma-breach"]
    assert rate is not None
    assert round(rate * cost.weeks) == 1
    assert (cost.rules["tens"], cost.rules["quiet"], cost.rules["minutes"]) == (None, None, None)
    assert cost.notes["tens"] == "no history of its series is stored"
    assert cost.notes["quiet"] == cost.notes["minutes"] == "daily history says nothing of it"
    assert "no history of JP.GOV.10Y, US.GOV.10Y" in cost.notes["sigma-breach"]
    assert cost.sinks["terminal"] >= cost.sinks["loud"] > 0
    assert measure(loaded, {"DE.GOV.10Y": Daily("x", [(parse_day("2024-01-02"), 2.0)])}) is None


def test_history_in_the_store_is_told_a_week(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = Store.open(tmp_path / "state")
    rows: list[Any] = [(name, *row) for name, each in quiet_year_with_a_jump().items() for row in each.rows]
    store.import_daily(rows, source="MoF", convention="semi-annual", name="jgb.csv")
    store.close()
    file = written(tmp_path, "  - {name: f, type: file, path: x}")
    assert main(["check", file, "--history", "--state", str(tmp_path / "state")]) == 0
    out = capsys.readouterr().out
    assert re.search(r"on \d\d weeks of daily history", out)
    assert re.search(r"rule sigma-breach: 0\.02 alerts a week \(from fixing to fixing", out)
    assert re.search(r"sink terminal: 0\.\d\d messages a week", out)


@pytest.mark.parametrize("what", [[], ["config"], ["event"], ["report"]])
def test_schema_prints_what_is_checked_in(what: list[str], root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", *what]) == 0
    name = f"{what[0]}.schema.json" if what not in ([], ["config"]) else "stressd.schema.json"
    assert capsys.readouterr().out == (root / "config" / name).read_text()
