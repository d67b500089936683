"""check --connect, send-test and drill through Slack, Teams and PagerDuty, as a user runs them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from stressd.cli.main import main
from stressd.testing.pagerduty import KEY, FakePagerDuty
from stressd.testing.service import Service
from stressd.testing.slack import TOKEN, FakeSlack
from stressd.testing.teams import FakeTeams

CONFIG = """
instance: rates-tokyo
page_url: https://stressd.bank.example/
markets:
  JP: {{calendar: JP, tenors: [10Y, 30Y]}}
feeds: [{{name: desk, type: push, token: {{file: "{folder}/push_token"}}}}]
rules: [{{name: moves, type: sigma, series: "*"}}]
routes:
  - match: {{kind: market, severity: [warn, high, critical]}}
    sinks: [desk-slack, desk-teams, pager]
sinks:
  - name: desk-slack
    type: slack
    bot_token: {{file: "{folder}/slack_token"}}
    channel: C0DESK0001
    api_url: {slack}
  - {{name: desk-teams, type: teams, url: {{file: "{folder}/teams_url"}}}}
  - {{name: pager, type: pagerduty, routing_key: {{file: "{folder}/pagerduty_key"}}, url: "{pager}"}}
"""


class Town:
    """The three services in a thread with a loop of its own, and a configuration that names them."""

    def __init__(self, folder: Path) -> None:
        self.slack, self.teams, self.pager = FakeSlack(), FakeTeams(), FakePagerDuty()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.services: list[Service] = [self.slack, self.teams, self.pager]
        for service in self.services:
            asyncio.run_coroutine_threadsafe(service.__aenter__(), self.loop).result(10)
        secrets = {
            "push_token": "t" * 40, "slack_token": TOKEN, "teams_url": self.teams.hook_url, "pagerduty_key": KEY,
        }  # fmt: skip
        for name, text in secrets.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o600)
        self.file = folder / "stressd.yaml"
        self.file.write_text(
            CONFIG.format(folder=folder, slack=self.slack.api_url, pager=self.pager.enqueue_url), encoding="utf-8"
        )

    def close(self) -> None:
        for service in self.services:
            asyncio.run_coroutine_threadsafe(service.__aexit__(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    one = Town(tmp_path)
    yield one
    one.close()


def test_check_asks_each_of_them_and_tells_nobody(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(town.file), "--connect", "--seconds", "1"]) == 0
    out = capsys.readouterr().out
    assert "sink desk-slack: reached: 127.0.0.1: Bank as stressd, to C0DESK0001" in out
    assert "sink desk-teams: reached: 127.0.0.1: reached" in out
    assert "sink pager: reached: 127.0.0.1: reached, the routing key taken" in out
    assert town.slack.channel.messages == town.teams.cards == town.pager.incidents == []
    town.slack.tokens.clear()
    assert main(["check", str(town.file), "--connect", "--seconds", "1"]) == 1
    assert "NOT REACHED: 127.0.0.1: invalid_auth" in capsys.readouterr().out


@pytest.mark.parametrize("sink", ["desk-slack", "desk-teams", "pager"])
def test_a_test_message_is_accepted_and_leaves_nothing_open(
    town: Town, sink: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["send-test", sink, "-c", str(town.file)]) == 0
    assert capsys.readouterr().out.startswith(f"{sink}: accepted")
    assert len(town.slack.channel.messages) + len(town.teams.posted) + len(town.pager.incidents) == 1
    assert town.pager.open() == []


def test_a_drill_is_a_thread_cards_and_an_incident_that_is_resolved(
    town: Town, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["drill", "-c", str(town.file)]) == 0, capsys.readouterr()
    (root,) = [m for m in town.slack.channel.shown() if "subtype" not in m]
    below = town.slack.channel.thread(root["ts"])
    replies = [m for m in below if "files" not in m]
    assert len(below) > len(replies), "the chart is in the thread"
    assert "RESOLVED (critical)" in root["text"]
    assert "DRILL: an exercise" in root["text"]
    assert "RESOLVED" in replies[-1]["text"]
    assert all("DRILL" in m["text"] for m in replies)
    (incident,) = town.pager.incidents
    assert incident.state == "resolved"
    assert town.pager.dropped == []
    assert len(town.teams.posted) == len(town.teams.cards) >= 2
    assert {"DRILL" in str(card) for card in town.teams.posted} == {True}
