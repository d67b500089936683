"""drill and send-test: real messages through the configured sinks, each labelled."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from stressd.cli.main import main

CONFIG = """
instance: rates-tokyo
markets:
  JP: {{calendar: JP, tenors: [10Y, 30Y]}}
  US: {{calendar: US, tenors: [10Y]}}
feeds: [{{name: desk, type: mqtt, url: "mqtt://127.0.0.1:1", topics: "yields/{{market}}/{{tenor}}"}}]
rules: [{{name: moves, type: sigma, series: "*"}}]
routes:
  - match: {{kind: market, severity: [warn, high, critical]}}
    sinks: [hook]
  - match: {{kind: [feed, self]}}
    sinks: [ops]
sinks:
  - {{name: hook, type: webhook, url: "{url}", unsigned: true, timeout: 5s}}
  - {{name: ops, type: console}}
"""


class Hook:
    """A receiver of webhooks in a thread. status: its answer from now on."""

    def __init__(self) -> None:
        self.came: list[dict[str, Any]] = []
        self.status = 200
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                hook.came.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(hook.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                return

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)


@pytest.fixture
def hook() -> Iterator[Hook]:
    hook = Hook()
    hook.thread.start()
    yield hook
    hook.server.shutdown()
    hook.thread.join()
    hook.server.server_close()


@pytest.fixture
def config(hook: Hook, tmp_path: Path) -> Path:
    file = tmp_path / "stressd.yaml"
    file.write_text(CONFIG.format(url=f"http://127.0.0.1:{hook.server.server_port}/"))
    return file


def test_a_drill_opens_escalates_and_resolves_by_the_real_routes(
    hook: Hook, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["drill", "-c", str(config)]) == 0
    events = [body["data"] for body in hook.came]
    told = [(e["type"], e["severity"]) for e in events]
    assert (told[0][0], told[-1]) == ("opened", ("resolved", "critical"))
    assert ("escalated", "critical") in told
    assert {(e["origin"], e["market"], e["rule"]) for e in events} == {("drill", "JP", "moves")}
    assert all(e["headline"].startswith("JP 30Y +") for e in events[1:-1])
    assert len({e["episode"] for e in events}) == 1
    out = capsys.readouterr().out
    assert out.count("delivered") == len(events)
    assert "not told, because no route names them for it: ops" in out


def test_a_drill_for_another_series_as_json(hook: Hook, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["drill", "-c", str(config), "--series", "US.GOV.10Y", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["sink"], row["state"]) for row in rows] == [("hook", "delivered")] * len(hook.came)
    assert {body["data"]["market"] for body in hook.came} == {"US"}
    assert main(["drill", "-c", str(config), "--series", "FR.GOV.10Y"]) == 1
    assert "FR.GOV.10Y is not configured" in capsys.readouterr().err


def test_a_drill_plays_a_rule_test(hook: Hook, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tests = config.with_name("tests.yaml")
    tests.write_text(
        f"config: {config.name}\ntests:\n  - {{name: calm, day: 2026-01-20, expect: []}}\n"
        "  - {name: rally, day: 2026-01-20, before: 3, moves: {JP.GOV.10Y: -15bp over 1h from 10:00}, expect: []}\n"
    )
    assert main(["drill", "-c", str(config), "--test", str(tests), "-k", "rally"]) == 0
    first = hook.came[0]["data"]
    assert (first["origin"], first["direction"], first["time"][:10]) == ("drill", "down", "2026-01-20")
    assert "the exercise is `rally`" in capsys.readouterr().err
    assert main(["drill", "-c", str(config), "--test", str(tests), "-k", "other"]) == 1
    assert "no test's name holds `other`" in capsys.readouterr().err


def test_a_drill_that_does_not_arrive_ends_with_1(hook: Hook, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hook.status = 400
    assert main(["drill", "-c", str(config), "--timeout", "10"]) == 1
    assert "dead" in capsys.readouterr().out


def test_a_test_message_is_labelled_and_sent_once(hook: Hook, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["send-test", "hook", "-c", str(config)]) == 0
    assert capsys.readouterr().out.startswith("hook: accepted")
    (body,) = hook.came
    assert (body["data"]["origin"], body["data"]["kind"]) == ("drill", "self")
    assert "This is a test" in body["data"]["note"]
    assert main(["send-test", "ops", "-c", str(config)]) == 0
    shown = capsys.readouterr().out
    assert "DRILL" in shown
    assert "Test message from stressd rates-tokyo" in shown


def test_a_test_message_that_is_refused_says_why_and_ends_with_1(
    hook: Hook, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hook.status = 410
    assert main(["send-test", "hook", "-c", str(config)]) == 1
    assert "hook: not delivered (disable)" in capsys.readouterr().err
    assert main(["send-test", "hook", "-c", str(config), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["delivered"] is False
    assert main(["send-test", "hok", "-c", str(config)]) == 1
    assert "no sink is named hok; the configured ones are hook, ops" in capsys.readouterr().err


def test_a_bad_configuration_is_told_with_its_line(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text(config.read_text().replace("type: webhook", "type: webhok"))
    assert main(["drill", "-c", str(config)]) == 1
    err = capsys.readouterr().err
    assert f"{config}:14:" in err
    assert "Traceback" not in err
