"""The alert rules, as Prometheus' own tool judges them: each fires on what it is for, none on a day that is well."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from stressd.config.reference import anchor

HOST = 'instance="desk:8433"'
FEED = f'{{{HOST},feed="desk"}}'
SINK = f'{{{HOST},sink="mail"}}'
HERE = f"{{{HOST}}}"

WELL = {
    f'up{{job="stressd",{HOST}}}': "1x600",
    f"stressd_uptime_seconds{HERE}": "0+60x600",
    f"stressd_pump_idle_seconds{HERE}": "0.4x600",
    f"stressd_pump_lag_seconds{HERE}": "0x600",
    f'stressd_pump_pass_seconds_bucket{{{HOST},le="0.25"}}': "0+100x600",
    f'stressd_pump_pass_seconds_bucket{{{HOST},le="1.0"}}': "0+100x600",
    f'stressd_pump_pass_seconds_bucket{{{HOST},le="+Inf"}}': "0+100x600",
    f"stressd_blind{HERE}": "0x600",
    f"stressd_ready{HERE}": "1x600",
    f"stressd_config_rejected{HERE}": "0x600",
    f'stressd_standby{{job="stressd",{HOST}}}': "0x600",
    f"stressd_feed_connected{FEED}": "1x600",
    f"stressd_feed_market_open{FEED}": "1x600",
    f"stressd_feed_last_message_age_seconds{FEED}": "2x600",
    f"stressd_feed_messages_total{FEED}": "0+600x600",
    f"stressd_feed_ticks_total{FEED}": "0+600x600",
    f"stressd_feed_malformed_total{FEED}": "0x600",
    f"stressd_feed_unknown_series_total{FEED}": "0+1x600",
    f'stressd_engine_series_state{{{HOST},market="JP",state="live"}}': "5x600",
    f'stressd_engine_series_state{{{HOST},market="JP",state="silent"}}': "1x600",
    f"stressd_mailbox_folded_ticks_total{HERE}": "7x600",
    f"stressd_deliveries_oldest_age_seconds{SINK}": "0x600",
    f'stressd_deliveries_total{{{HOST},sink="mail",outcome="dead"}}': "2x600",
    f"stressd_sink_up{SINK}": "1x600",
    f"stressd_template_failures_total{SINK}": "0x600",
    f"stressd_probe_failed{SINK}": "0x600",
    f'stressd_heartbeat_withheld{{{HOST},watcher="hc"}}': "0x600",
    f"stressd_store_failed_commits_total{HERE}": "0x600",
    f"stressd_snapshot_age_seconds{HERE}": "40x600",
    f"stressd_state_free_bytes{HERE}": "50000000000x600",
    f"stressd_state_size_bytes{HERE}": "100000000000x600",
}
"""A day on which nothing is wrong, one value a minute. Two dead letters and seven folds lie in the past."""

OVERDUE = "1x3 0x600"
TROUBLE: dict[str, dict[str, str]] = {
    "StressdDown": {f'up{{job="stressd",{HOST}}}': OVERDUE},
    "StressdAbsent": {f'up{{job="stressd",{HOST}}}': "_x600"},
    "StressdStuck": {f"stressd_pump_idle_seconds{HERE}": "0+20x600"},
    "StressdRestarts": {f"stressd_uptime_seconds{HERE}": " ".join(["0 60 120"] * 200)},
    "StressdBlind": {f"stressd_blind{HERE}": "1x600"},
    "StressdNotReady": {f"stressd_ready{HERE}": OVERDUE},
    "StressdFeedDown": {f"stressd_feed_connected{FEED}": OVERDUE},
    "StressdFeedMute": {f"stressd_feed_last_message_age_seconds{FEED}": "0+60x600"},
    "StressdFeedUnreadable": {f"stressd_feed_malformed_total{FEED}": "0+20x600"},
    "StressdFeedUnknownSymbols": {f"stressd_feed_ticks_total{FEED}": "9x600"},
    "StressdSeriesSilent": {f'stressd_engine_series_state{{{HOST},market="JP",state="silent"}}': "9x600"},
    "StressdOverload": {f"stressd_mailbox_folded_ticks_total{HERE}": "0+5x600"},
    "StressdEvaluationLag": {f"stressd_pump_lag_seconds{HERE}": "12x600"},
    "StressdSlowPasses": {f'stressd_pump_pass_seconds_bucket{{{HOST},le="0.25"}}': "0+90x600"},
    "StressdMessagesWait": {f"stressd_deliveries_oldest_age_seconds{SINK}": "0+60x600"},
    "StressdSinkDown": {f"stressd_sink_up{SINK}": OVERDUE},
    "StressdDeadLetters": {f'stressd_deliveries_total{{{HOST},sink="mail",outcome="dead"}}': "2+1x600"},
    "StressdTemplateFails": {f"stressd_template_failures_total{SINK}": "0+1x600"},
    "StressdProbeFailed": {f"stressd_probe_failed{SINK}": "1x600"},
    "StressdHeartbeatWithheld": {f'stressd_heartbeat_withheld{{{HOST},watcher="hc"}}': "1x600"},
    "StressdStoreFailing": {f"stressd_store_failed_commits_total{HERE}": "0+1x600"},
    "StressdSnapshotOld": {f"stressd_snapshot_age_seconds{HERE}": "0+60x600"},
    "StressdDiskLow": {f"stressd_state_free_bytes{HERE}": "9000000000x600"},
    "StressdDiskFills": {f"stressd_state_free_bytes{HERE}": "35000000000-50000000x600"},
    "StressdConfigRejected": {f"stressd_config_rejected{HERE}": "1x600"},
    "StressdClock": {f'stressd_condition_active{{{HOST},rule="clock-set-back",source=""}}': "1x600"},
    "StressdCondition": {f'stressd_condition_active{{{HOST},rule="task-crashing",source="pump"}}': "1x600"},
    "StressdNobodyTells": {f'stressd_standby{{job="stressd",{HOST}}}': "1x600"},
}
"""By alert, what differs from that day."""


@pytest.fixture(scope="module")
def promtool() -> str:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed (Debian: prometheus)")
    return program


@pytest.fixture
def rules(root: Path) -> Path:
    return root / "config/monitoring/alerts.rules.yaml"


def listed(rules: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load(rules.read_text())["groups"][0]["rules"]
    return found


def judged(promtool: str, folder: Path, rules: Path, days: dict[str, tuple[dict[str, str], dict[str, int]]]) -> str:
    """What promtool says against it, "" for nothing. days: by name, what differs from the day that is well, and by
    alert how many fire after three hours of it."""
    tests = [
        {
            "name": name,
            "interval": "1m",
            "input_series": [{"series": each, "values": values} for each, values in (WELL | change).items()],
            "promql_expr_test": [
                {
                    "eval_time": "3h",
                    "expr": f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) or vector(0)',
                    "exp_samples": [{"labels": "{}", "value": count}],
                }
                for alert, count in expected.items()
            ],
        }
        for name, (change, expected) in days.items()
    ]
    file = folder / "alerts.test.yaml"
    file.write_text(yaml.safe_dump({"rule_files": [str(rules)], "evaluation_interval": "1m", "tests": tests}))
    done = subprocess.run([promtool, "test", "rules", str(file)], capture_output=True, text=True, timeout=120)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_promtool_accepts_the_rules(promtool: str, rules: Path) -> None:
    done = subprocess.run([promtool, "check", "rules", "--lint-fatal", str(rules)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_rule_fires_on_what_it_is_for_and_on_nothing_else(promtool: str, rules: Path, tmp_path: Path) -> None:
    well = {"a day that is well": ({}, {rule["alert"]: 0 for rule in listed(rules)})}
    shut = {
        f"stressd_feed_market_open{FEED}": "0x600",
        f"stressd_feed_connected{FEED}": "0x600",
        f"stressd_feed_last_message_age_seconds{FEED}": "0+60x600",
        f"stressd_blind{HERE}": "1x600",
    }
    closed = {"a day off": (shut, dict.fromkeys(("StressdFeedDown", "StressdFeedMute", "StressdBlind"), 0))}
    trouble = {name: (change, {name: 1}) for name, change in TROUBLE.items()}
    assert judged(promtool, tmp_path, rules, well | closed | trouble) == ""


def test_promtool_would_notice_a_rule_that_does_not_fire(promtool: str, rules: Path, tmp_path: Path) -> None:
    assert "FAILED" in judged(promtool, tmp_path, rules, {"nothing": ({}, {"StressdBlind": 1})})


def test_every_rule_is_tried_and_leads_to_its_entry_of_the_runbook(root: Path, rules: Path) -> None:
    found = listed(rules)
    assert {rule["alert"] for rule in found} == set(TROUBLE)
    headings = {anchor(h) for h in re.findall(r"^#+ (.+)$", (root / "docs/runbook.md").read_text(), re.MULTILINE)}
    for rule in found:
        page, _, entry = rule["annotations"].get("runbook", "docs/runbook.md#runbook").partition("#")
        assert (page, entry in headings) == ("docs/runbook.md", True), rule["alert"]
        assert rule["annotations"]["first_step"]
        assert rule["labels"]["severity"] in ("critical", "warning")
