"""Rules on trial beside those at work, in the real daemon: the same ticks, nobody told, what differs reported."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from stressd.alerts.pipeline import Pipeline
from stressd.cli.ask import ask
from stressd.cli.main import main
from stressd.cli.shadow import shadow_lines
from stressd.config.faults import ConfigError
from stressd.config.load import load
from stressd.runtime import shadow
from stressd.runtime.daemon import Daemon
from stressd.runtime.registry import registry
from tests.runtime.desk import Desk, desk_in, until

LOWER = """
rules:
  - {name: sigma-breach, type: sigma, series: "*", horizons: [1m, 1d], sigma: {warn: 3, high: 4, critical: 6}}
  - {name: four, type: level, series: "US.*", above: [4.3%], severity: info}
"""
SAME = """
rules:
  - {name: sigma-breach, type: sigma, series: "*", horizons: [1m, 1d], sigma: {warn: 3, high: 4, critical: 6}}
  - {name: four, type: level, series: "US.*", above: [4.5%], severity: info}
"""


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_in(tmp_path) as made:
        made.warm()
        yield made


def on_trial(desk: Desk, rules: str, length: str = "10d") -> None:
    (desk.file.parent / "candidate.yaml").write_text(rules)
    desk.write(change=lambda text: text + f"shadow: {{file: candidate.yaml, for: {length}}}\n")


async def level(desk: Desk, value: float) -> None:
    """US 10Y at a value, twice: one tick alone is not believed."""
    await desk.tick("US.GOV.10Y", value)
    await desk.tick("US.GOV.10Y", value + 1e-4)


def report(daemon: Daemon) -> dict[str, Any]:
    found = daemon.shadows.report()
    assert found is not None
    return found


async def test_rules_in_shadow_tell_nobody_and_the_report_says_what_they_would_have_told(desk: Desk) -> None:
    on_trial(desk, LOWER)
    async with desk.running() as daemon:
        await desk.calm()
        await level(desk, 4.35)
        await until(lambda: report(daemon)["counts"]["only_new"] >= 1)
        await desk.breach()
        await desk.receiver.until(lambda events: any(e["market"] == "JP" for e in events))
        await until(lambda: any((r["market"], r["same"]) == ("JP", 1) for r in report(daemon)["rules"]))
        found = report(daemon)
        (only_new,) = [
            each for each in found["episodes"] if each["verdict"] == "only_new" and each["new"]["rule"] == "four"
        ]
        assert only_new["new"]["market"] == "US"
        assert "4.3" in only_new["new"]["headline"]
        jp = next(row for row in found["rules"] if (row["rule"], row["market"]) == ("sigma-breach", "JP"))
        assert (jp["same"], jp["only_old"], jp["only_new"]) == (1, 0, 0)
        assert next(row for row in found["sinks"] if row["sink"] == "hook")["new"] > 0
        assert found["cost"]["passes"] > 0
        assert found["cost"]["seconds"] > 0
        assert not [event for event in desk.receiver.events if event["rule"] == "four"]
        lines = "\n".join(shadow_lines(found))
        assert "only in shadow" in lines
        assert only_new["new"]["episode"] in lines
        asked = await asyncio.to_thread(ask, desk.state, "/api/v1/shadow")
        assert asked["shadow"]["state"] == "running"
        assert await asyncio.to_thread(main, ["shadow", "--state", str(desk.state)]) == 0
        assert b"stressd_shadow_running 1.0" in daemon.metrics.exposition(daemon.reporter.status(), 100)


async def test_the_same_rules_in_shadow_differ_in_nothing(desk: Desk) -> None:
    on_trial(desk, SAME)
    async with desk.running() as daemon:
        await desk.breach()
        await level(desk, 4.55)
        await desk.receiver.until(lambda events: any(e["rule"] == "four" for e in events))
        await until(lambda: report(daemon)["counts"]["same"] >= 2)
        found = report(daemon)
        assert found["episodes"] == []
        assert found["counts"]["other"] == 0
        live = [e.id for e in daemon.pump.pipeline.episodes.open_episodes()]
        assert daemon.shadows.current is not None
        assert daemon.shadows.current._pipeline is not None
        assert [e.id for e in daemon.shadows.current._pipeline.episodes.open_episodes()] == live
        assert {row["old"] for row in found["sinks"]} == {row["new"] for row in found["sinks"]}


async def test_a_trial_goes_on_after_a_restart_and_after_a_reload_that_is_not_about_it(desk: Desk) -> None:
    on_trial(desk, LOWER)
    async with desk.running() as daemon:
        await desk.calm()
        await level(desk, 4.35)
        await until(lambda: report(daemon)["counts"]["only_new"] >= 1)
        before = report(daemon)
        trial = daemon.shadows.current
        desk.write(
            change=lambda text: (
                text.replace("format: json}", "format: json, level: warning}", 1) + "shadow: {file: candidate.yaml}\n"
            )
        )
        assert (await daemon.reloader.carried_out()).outcome == "reloaded"
        assert daemon.shadows.current is not None
        kept = report(daemon)
        assert (kept["began"], kept["counts"]) == (before["began"], before["counts"])
        await desk.calm()
        assert trial is not None
    async with desk.running() as daemon:
        again = report(daemon)
        assert (again["began"], again["ends"], again["counts"]) == (before["began"], before["ends"], before["counts"])
        assert again["episodes"] == before["episodes"]


async def test_another_file_begins_another_trial_and_none_ends_it(desk: Desk) -> None:
    on_trial(desk, LOWER)
    async with desk.running() as daemon:
        first = daemon.shadows.current
        on_trial(desk, LOWER.replace("4.3%", "4.31%"))
        reload = await daemon.reloader.carried_out()
        assert [str(change) for change in reload.changes] == ["shadow: its file"]
        second = daemon.shadows.current
        assert second is not None
        assert first is not None
        assert second.digest != first.digest
        desk.write()
        await daemon.reloader.carried_out()
        assert daemon.shadows.report() is None
        assert daemon.pump.beside is None


async def test_at_the_end_of_its_days_one_note_sums_it_up_and_it_stops_for_good(desk: Desk) -> None:
    on_trial(desk, LOWER)
    async with desk.running() as daemon:
        await desk.calm()
        await level(desk, 4.35)
        await until(lambda: report(daemon)["counts"]["only_new"] >= 1)
        trial = daemon.shadows.current
        assert trial is not None
        trial.ends = daemon.clock.now()
        await desk.receiver.until(lambda events: any(e["rule"] == "shadow" for e in events))
        notes = [event for event in desk.receiver.events if event["rule"] == "shadow"]
        assert [(n["kind"], n["severity"], n["type"]) for n in notes[:1]] == [("self", "info", "opened")]
        assert "only in shadow" in notes[0]["headline"]
        assert report(daemon)["state"] == "over"
        await daemon.shadows.refresh()
    async with desk.running() as daemon:
        assert report(daemon)["state"] == "over"
        assert report(daemon)["counts"]["only_new"] >= 1
        await desk.calm()
    assert len([e for e in desk.receiver.events if e["rule"] == "shadow" and e["type"] == "opened"]) == 1


@pytest.mark.parametrize("harm", ["raises", "slow", "overload", "greedy"])
async def test_a_trial_that_would_do_harm_is_switched_off_and_told_and_the_rules_at_work_tell_all_the_same(
    desk: Desk, harm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_trial(desk, LOWER)
    async with desk.running() as daemon:
        trial = daemon.shadows.current
        assert trial is not None
        assert trial._pipeline is not None
        if harm == "raises":

            def fail(self: Pipeline, ticks: object) -> None:
                raise ZeroDivisionError("in the rules on trial")

            broken = type("Broken", (Pipeline,), {"feed": fail})
            trial._pipeline.__class__ = broken
        elif harm == "overload":
            daemon.mailbox.folded_at = daemon.clock.now()
        else:
            if harm == "greedy":
                monkeypatch.setattr(shadow, "WINDOW", 0.0)
                monkeypatch.setattr(shadow, "SHARE", -1.0)
            else:
                monkeypatch.setattr(shadow, "LONGEST", 0.0)
        await desk.breach()
        await desk.receiver.until(lambda events: any(e["rule"] == "shadow" for e in events))
        await desk.receiver.until(lambda events: any(e["rule"] == "sigma-breach" for e in events))
        assert report(daemon)["state"] == "off"
        (note,) = [e for e in desk.receiver.events if e["rule"] == "shadow" and e["type"] == "opened"]
        assert note["severity"] == "warn"
        assert "switched off" in note["headline"]
        assert b"stressd_shadow_off 1.0" in daemon.metrics.exposition(daemon.reporter.status(), 100)
        assert daemon.pump.faults == 0


def test_a_fault_in_the_file_on_trial_is_told_with_its_place_and_refuses_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "candidate.yaml").write_text("rules:\n  - {name: a, type: level, series: JP.GOV.10Y, above: [four]}\n")
    file = tmp_path / "stressd.yaml"
    file.write_text(
        "instance: a\nmarkets: {JP: {calendar: JP, tenors: [10Y]}}\nshadow: {file: candidate.yaml, for: 10d}\n"
    )
    with pytest.raises(ConfigError) as refused:
        load(file, registry())
    (fault,) = [fault for fault in refused.value.faults if fault.level == "error"]
    assert (fault.file, fault.line) == (str(tmp_path / "candidate.yaml"), 2)


def test_a_whole_configuration_may_be_on_trial_and_its_feeds_and_name_are_not_heard(tmp_path: Path) -> None:
    whole = "instance: {name}\nmarkets: {{JP: {{calendar: JP, tenors: [10Y]}}}}\nrules:\n  - {{name: a, type: level, "
    whole += "series: JP.GOV.10Y, above: [{level}]}}\n"
    (tmp_path / "candidate.yaml").write_text(whole.format(name="other", level="3%") + "listen: none\n")
    file = tmp_path / "stressd.yaml"
    file.write_text(whole.format(name="desk", level="2%") + "shadow: {file: candidate.yaml}\n")
    loaded = load(file, registry())
    assert loaded.shadow is not None
    assert (loaded.shadow.instance, loaded.shadow.listen) == ("desk", loaded.listen)
    assert loaded.shadow.engine.level_rules[0].above == (3.0,)
    assert loaded.shadow.model.shadow is None


@pytest.mark.parametrize("length", ["30m", "91d"])
def test_a_trial_lasts_an_hour_at_least_and_ninety_days_at_most(tmp_path: Path, length: str) -> None:
    file = tmp_path / "stressd.yaml"
    file.write_text(
        f"instance: a\nmarkets: {{JP: {{calendar: JP, tenors: [10Y]}}}}\nshadow: {{file: c.yaml, for: {length}}}\n"
    )
    with pytest.raises(ConfigError, match="at least an hour"):
        load(file, registry())
