"""`stressd explain` of an episode with everything that stands around its moves."""

from __future__ import annotations

from pathlib import Path

import pytest

from stressd.alerts.canned import EPISODE, canned
from stressd.alerts.desk import Routed
from stressd.cli.main import main
from stressd.store import Commit, Store


def test_explain_shows_the_day_levels_price_spreads_path_data_and_what_came_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = [event for event in canned() if event.episode == EPISODE and event.origin == "live"]
    store = Store.open(tmp_path)
    for event in told:
        store.commit(Commit([Routed(event, ())]))
    store.flush().result(10)
    store.close()
    assert main(["explain", EPISODE, "--state", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    for said in (
        "the day: prior close 3.562% (+20.3bp, 19 Jan 06:00 UTC), open 3.571% (+19.4bp, 19 Jan 23:30 UTC), range",
        "levels: next 3.75% (-1.5bp) and 4% (+23.5bp); super-long-levels 3.8% (+3.5bp)",
        "price: about -2.3 points per 100 face, DV01 0.14 (par bond of that tenor, simple yield); exactly -2.2986",
        "inputs: 3.765% less 3.602% is +16.3bp, over 2.36bp is 6.9σ",
        "thresholds: warn 3 sigma, high 4 sigma, critical 6 sigma; nothing below 2 bp opens",
        "Spreads: 2s10s 131.2bp (+5.1bp, 3rd largest rise of 250 sessions)",
        "Retraced: 7.9 of 17.5bp (45 %), now 3.698%.",
        "Path of JP.GOV.30Y: ▁",
        "It had to leave 3.460% to 3.744%.",
        "Data: last tick 0.8 s old from desk, backup agrees, futures says otherwise, 2 bad ticks",
        "Why: rule sigma-breach, bar 6σ = 14.2bp",
        "Runbook: https://wiki.bank.example/rates-stress",
    ):
        assert said in text, said
