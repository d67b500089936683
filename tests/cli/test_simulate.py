"""simulate and score on the command line: files and the straight way agree, mistakes are told in a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stressd.cli.main import main
from stressd.lab.sim.files import tick_files

WORLD = ["--days", "5", "--warm", "3", "--markets", "JP,US", "--seed", "3", "--rate", "4"]


def out(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


@pytest.mark.parametrize("format", ["ndjson", "csv"])
def test_files_replayed_and_scored_give_what_simulate_scores_at_once(
    format: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", "--out", str(tmp_path / "run"), "--format", format, *WORLD]) == 0
    said = out(capsys)
    assert "labels in" in said
    files = [str(path) for path in tick_files(tmp_path / "run")]
    assert len(files) == 1
    assert main(["replay", *files, "--json"]) == 0
    (tmp_path / "events").write_text(out(capsys), encoding="utf-8")
    assert main(["score", str(tmp_path / "events"), str(tmp_path / "run" / "labels.ndjson"), "--json"]) == 0
    by_files: dict[str, Any] = json.loads(out(capsys))
    assert main(["simulate", "--score", "--json", *WORLD]) == 0
    at_once: dict[str, Any] = json.loads(out(capsys))
    assert by_files["recall"] == at_once["recall"]
    assert by_files["recall"][-2]["n"] > 3
    assert by_files["false_alarms"] == at_once["false_alarms"]
    assert by_files["links"] == at_once["links"]


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        assert main(["simulate", "--out", str(tmp_path / name), "--days", "1", "--markets", "UK", "--no-dirt"]) == 0
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_worlds_in_worker_processes_score_like_worlds_in_turn(capsys: pytest.CaptureFixture[str]) -> None:
    world = ["simulate", "--score", "--json", "--days", "1", "--markets", "UK", "--seeds", "2"]
    assert main(world) == 0
    turn = json.loads(out(capsys))
    assert main([*world, "--jobs", "2"]) == 0
    assert json.loads(out(capsys)) == turn
    assert turn["runs"] == 2


def test_a_configuration_brings_its_own_rules(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "c.yaml"
    text = (
        "instance: x\nmarkets: {UK: {tenors: [10Y]}}\n"
        "rules: [{name: sixes, type: sigma, series: '*', sigma: {critical: 60}}]\n"
    )
    config.write_text(text, encoding="utf-8")
    assert main(["simulate", "--score", "--json", "--days", "3", "--markets", "UK", "-c", str(config)]) == 0
    assert json.loads(out(capsys))["false_alarms"]["count"] == 0
    assert main(["simulate", "--score", "--days", "1", "--markets", "UK,US", "-c", str(config)]) == 1
    assert "not watched: US.GOV.10Y" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--out", "x", "--markets", "JP,XX"], "'XX' has no model"),
        (["--out", "x", "--start", "1 January"], "not an ISO date"),
        (["--out", "x", "--dirt", "mud"], "'mud' is unknown"),
        (["--out", "x", "--tenors", "10"], "'10'"),
        (["--score", "--seeds", "0"], "one or more"),
    ],
)
def test_a_mistake_is_told_in_a_line(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", *words]) == 1
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_score_names_the_line_that_it_cannot_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    events, labels = tmp_path / "events", tmp_path / "labels"
    assert main(["simulate", "--out", str(tmp_path), "--days", "1", "--markets", "UK"]) == 0
    events.write_text('{"id": 1}\n', encoding="utf-8")
    assert main(["score", str(events), str(tmp_path / "labels.ndjson")]) == 1
    assert "events:1: error: no event" in capsys.readouterr().err
    labels.write_text("{}\n", encoding="utf-8")
    assert main(["score", str(events), str(labels)]) == 1
    assert "labels:1: error: no label" in capsys.readouterr().err
