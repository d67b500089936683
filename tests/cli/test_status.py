"""The screen of `stressd status`, on statuses of a real daemon to which something is done."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from mqtt5 import ConnAckReasonCode

from stressd.cli.main import main
from stressd.cli.status_screen import alerting_lines, screen
from stressd.cli.verdict import ELSE, steps, verdict
from stressd.config.reference import anchor
from tests.runtime.desk import Desk, desk_in, until


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_in(tmp_path) as made:
        yield made


async def status_of(desk: Desk, broken: bool) -> dict[str, Any]:
    desk.warm()
    async with desk.running() as daemon:
        await desk.breach()
        await desk.receiver.until(bool)
        if broken:
            desk.broker.refuse = ConnAckReasonCode.NOT_AUTHORIZED
            desk.broker.drop()
            await until(lambda: daemon.reporter.status()["state"] == "blind")
        return await daemon.reporter.full()


async def test_the_first_line_says_that_all_is_well(desk: Desk) -> None:
    status = await status_of(desk, broken=False)
    (line,) = verdict(status)
    assert line.startswith("OK: test-desk: all is well: 1 feed, 3 of 3 series can alert, 1 open episode, ")
    shown = screen(status)
    assert any(status["episodes"][0]["episode"] in each for each in shown)
    assert any(re.match(r"JP      10Y 30Y +live", each) for each in shown)
    assert max(len(each) for each in shown if str(desk.file.parent) not in each) <= 120


async def test_what_is_wrong_comes_first_with_its_first_step_and_in_colour_where_asked(desk: Desk, root: Path) -> None:
    status = await status_of(desk, broken=True)
    lines = verdict(status)
    assert lines[0] == "BLIND: test-desk can tell nothing: no feed is connected"
    assert lines[1].startswith("  1. feed desk is ")
    assert f"runbook: {steps(status)[0][2]}" in lines[2]
    assert verdict(status, colour=True)[0] == f"\x1b[1;31m{lines[0]}\x1b[0m"
    assert {entry for _, _, entry in steps(status)} | {ELSE[0]} <= entries(root)


def entries(root: Path) -> set[str]:
    return {anchor(h) for h in re.findall(r"^#+ (.+)$", (root / "docs/runbook.md").read_text(), re.MULTILINE)}


SENTENCES = {
    "the pump has not passed for 12 s": "the-pump-has-not-passed",
    "feed desk is waiting: connection refused": "feed-down",
    "feed desk is refused: bad user name or password": "feed-refused",
    "feed desk is silent": "feed-mute",
    "feed desk is connected, but nothing has come for 31 min of open time": "feed-mute",
    "ticks wait for 12 s until they are judged": "overload",
    "no series can alert yet: every horizon is still warming up": "no-series-can-alert-yet",
    "sink mail is disabled: HTTP 410": "sink-failing",
    "sink mail: its oldest message has waited for 20 min: HTTP 500": "sink-failing",
    "the state was last saved 7 min ago: is the disk writable?": "store-failing",
    "rule trees: anomaly.HalfSpaceTrees is off on 3 series: ValueError": "detector-off",
    "something quite new": "what-readyz-says",
}


@pytest.mark.parametrize("reason", SENTENCES)
def test_every_reason_leads_to_an_entry_of_the_runbook_and_a_first_step(reason: str, root: Path) -> None:
    status = {
        "state": "degraded",
        "feeds": [],
        "reasons": [reason],
        "conditions": [],
        "config": {"path": "c.yaml"},
        "state_dir": "/s",
    }
    ((said, step, entry),) = steps(status)
    assert (said, entry) == (reason, SENTENCES[reason])
    assert "{" not in step
    assert entry in entries(root)


def test_a_feed_that_is_away_while_its_markets_are_closed_is_named_where_nothing_can_be_heard() -> None:
    away = {"name": "desk", "state": "reconnecting", "detail": "connection refused"}
    blind: dict[str, Any] = {
        "state": "blind", "reasons": ["no series can alert yet: warming"], "feeds": [away], "conditions": [],
        "config": {"path": "c.yaml"}, "state_dir": "/var/lib/stressd",
    }  # fmt: skip
    assert [(reason, entry) for reason, _, entry in steps(blind)] == [
        ("feed desk is reconnecting: connection refused", "feed-down"),
        ("no series can alert yet: warming", "no-series-can-alert-yet"),
    ]
    assert len(steps(blind | {"reasons": ["feed desk is reconnecting: connection refused"]})) == 1
    assert len(steps(blind | {"state": "degraded"})) == 1


def test_series_that_stand_alike_are_one_row_and_with_all_each_has_its_own() -> None:
    row = {"market": "JP", "state": "live", "age_s": 1.0, "ready": ["1m"], "waiting": [], "other_rules": False,
           "value": 2.0, "provisional": None}  # fmt: skip
    detail = [row | {"series": f"JP.GOV.{n}Y"} for n in range(1, 31)]
    told = {"series": 30, "ready": 30, "detail": detail}
    assert len(alerting_lines(told, every=False)) == 2 + 5
    assert len(alerting_lines(told, every=True)) == 2 + 30


async def test_a_daemon_that_does_not_run_is_one_clear_line_and_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await asyncio.to_thread(main, ["status", "--state", str(tmp_path)]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"stressd: no daemon runs on {tmp_path} (`stressd run` starts one")
