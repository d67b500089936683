"""A reload exchanges what differs and nothing else; one that fails at any step leaves everything as it was."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from stressd.cli.ask import ask, send, tell
from stressd.cli.main import main
from stressd.cli.reload import reload_lines
from stressd.config.difference import difference
from stressd.config.load import Loaded, load_text
from stressd.runtime import reload, successor, warm
from stressd.runtime.daemon import Daemon
from stressd.runtime.registry import registry
from stressd.runtime.reload import Reload
from stressd.sinks.base import SinkError
from tests.runtime.desk import LAST, SECOND, Desk, desk_in, until

Change = Callable[[str], str]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_in(tmp_path) as made:
        yield made


async def reloaded(desk: Desk, daemon: Daemon, change: Change = str, level: str = "4.5") -> Reload:
    desk.write(level=level, change=change)
    return await daemon.reloader.carried_out()


def adding(text: str) -> Change:
    return lambda whole: whole + text


def instead(old: str, new: str) -> Change:
    def change(whole: str) -> str:
        assert old in whole
        return whole.replace(old, new)

    return change


FEED_SLOWER = instead("    qos: 1\n", "    qos: 1\n    keep_alive: 60s\n")
MORE = "sinks:\n  - {name: more, type: webhook, url: 'http://127.0.0.1:9/', unsigned: true}\n"
SECOND_SINK = instead("sinks:\n", MORE)
TENOR = instead("tenors: [10Y, 30Y]", "tenors: [5Y, 10Y, 30Y]")


# --- what is said ----------------------------------------------------------------------------------------------------

BASE = """
instance: a
markets: {JP: {calendar: JP, tenors: [10Y]}}
rules:
  - {name: one, type: level, series: "*", above: [2%]}
  - {name: two, type: level, series: "*", below: [1%]}
sinks: [{name: hook, type: webhook, url: "http://127.0.0.1:9/", unsigned: true}]
routes: [{match: {kind: market}, sinks: hook}]
"""


def said(old: str, new: str) -> list[str]:
    def loaded(text: str) -> Loaded:
        return load_text(text, Path("a.yaml"), registry(), environment=False)

    return [str(change) for change in difference(loaded(BASE), loaded(BASE.replace(old, new) if old else BASE + new))]


def test_two_spellings_of_one_configuration_do_not_differ() -> None:
    assert said("instance: a", "# a remark\ninstance:   a") == []
    assert said("[2%]", "[2.0%]") == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[2%]", "[2.5%]", ["rules: one (above)"]),
        ("name: two", "name: three", ["rules: two is now three"]),
        ('\n  - {name: two, type: level, series: "*", below: [1%]}', "", ["rules: -two"]),
        ("[10Y]", "[10Y, 30Y]", ["markets: JP (tenors)"]),
        ("", "log: {level: debug}\n", ["log: level"]),
        ("", "listen: none\n", ["listen"]),
        ("", "tokens: [{name: page, token: {env: PAGE}}]\n", ["tokens: +page"]),
        ("", "episodes: {settle: 9s}\n", ["episodes: settle"]),
        ("kind: market", "kind: feed", ["routes: 1 (match)"]),
        ("unsigned: true", "unsigned: true, timeout: 3s", ["sinks: hook (timeout)"]),
        ("", "aliases: {JGB10: JP.GOV.10Y}\n", ["aliases: +JGB10"]),
    ],
)
def test_a_difference_names_section_part_and_key_and_never_a_value(old: str, new: str, told: list[str]) -> None:
    assert said(old, new) == told


# --- what stays ------------------------------------------------------------------------------------------------------


async def test_what_is_as_it_was_stays_the_object_that_it_is(desk: Desk) -> None:
    desk.warm()
    async with desk.running() as daemon:
        await desk.breach()
        await desk.receiver.until(lambda events: any(e["type"] == "opened" for e in events))
        feed, (sink,) = daemon.feeds.feeds["desk"], daemon.deliverer.sinks
        engine, lane = daemon.pump.pipeline.engine, daemon.deliverer._lanes["hook"]
        opened = [each.id for each in daemon.pump.pipeline.episodes.open_episodes()]
        done = await reloaded(desk, daemon, SECOND_SINK)
        assert [str(change) for change in done.changes] == ["sinks: +more"]
        assert daemon.feeds.feeds["desk"] is feed
        assert daemon.deliverer._lanes["hook"] is lane
        assert lane.sink is sink
        assert not lane.retired
        assert daemon.pump.pipeline.engine is engine
        assert [each.id for each in daemon.pump.pipeline.episodes.open_episodes()] == opened
        done = await reloaded(desk, daemon)
        assert [str(change) for change in done.changes] == ["sinks: -more"]
        assert [each.name for each in daemon.deliverer.sinks] == ["hook"]
        assert desk.broker.connects == 1


async def test_a_new_tenor_is_heard_without_a_new_connection_and_begins_cold_alone(desk: Desk) -> None:
    async with desk.running() as daemon:
        await desk.calm()
        await until(lambda: daemon.pump.ticks >= 2 * len(LAST))
        before = {row["series"]: row["ticks"] for row in daemon.pump.pipeline.engine.status()}
        done = await reloaded(desk, daemon, TENOR)
        assert done.said == ("begins cold: JP.GOV.5Y",)
        after = {row["series"]: row["ticks"] for row in daemon.pump.pipeline.engine.status()}
        assert after == {**before, "JP.GOV.5Y": 0}
        await desk.tick("JP.GOV.5Y", 1.0)
        await desk.tick("JP.GOV.5Y", 1.0001)
        await until(lambda: {r["series"]: r["ticks"] for r in daemon.pump.pipeline.engine.status()}["JP.GOV.5Y"] > 0)
        assert desk.broker.connects == 1


async def test_a_changed_feed_connects_before_the_old_one_ends_and_nothing_is_lost_or_counted_twice(desk: Desk) -> None:
    async with desk.running() as daemon:
        first = daemon.feeds.feeds["desk"]
        await desk.calm()
        await until(lambda: daemon.mailbox.received == 2 * len(LAST))
        await reloaded(desk, daemon, FEED_SLOWER)
        assert daemon.feeds.feeds["desk"] is not first
        assert (desk.broker.connects, first.health.state) == (2, "stopped")
        await desk.calm()
        await until(lambda: daemon.mailbox.received >= 4 * len(LAST))
        assert daemon.mailbox.received == 4 * len(LAST)
        assert not daemon.mailbox.listeners


async def test_a_secret_whose_content_has_changed_makes_its_sink_anew_and_no_other(desk: Desk, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.touch(0o600)
    key.write_text("whsec_" + "A" * 32)
    sink = f"  - {{name: signed, type: webhook, url: 'http://127.0.0.1:9/', secret: {{file: {key}}}}}"
    signed = instead("sinks:\n", f"sinks:\n{sink}\n")
    desk.write(change=signed)
    async with desk.running() as daemon:
        before = {sink.name: sink for sink in daemon.deliverer.sinks}
        key.write_text("whsec_" + "B" * 32)
        done = await daemon.reloader.carried_out()
        after = {sink.name: sink for sink in daemon.deliverer.sinks}
        assert (done.outcome, [str(change) for change in done.changes]) == ("reloaded", ["secrets: sink signed"])
        assert after["hook"] is before["hook"]
        assert after["signed"] is not before["signed"]
        assert (await daemon.reloader.carried_out()).outcome == "unchanged"


async def test_a_sink_that_was_disabled_is_tried_again(desk: Desk) -> None:
    async with desk.running() as daemon:
        lane = daemon.deliverer._lanes["hook"]
        lane.disabled = str(SinkError("disable", "410"))
        await daemon.reloader.carried_out()
        assert daemon.deliverer._lanes["hook"].disabled is None


async def test_a_rule_with_another_name_ends_what_was_open_of_the_old_one_and_says_so(desk: Desk) -> None:
    desk.warm()
    async with desk.running() as daemon:
        await desk.breach()
        await desk.receiver.until(lambda events: any(e["type"] == "opened" for e in events))
        done = await reloaded(desk, daemon, instead("name: sigma-breach", "name: sigma"))
        assert [str(change) for change in done.changes] == ["rules: sigma-breach is now sigma"]
        assert "what is open of sigma-breach ends" in done.said[0]
        assert done.said[1].startswith("episode JP-")
        await desk.receiver.until(lambda events: events[-1]["type"] == "resolved")
        assert daemon.pump.pipeline.episodes.open_episodes() == []


# --- requests --------------------------------------------------------------------------------------------------------


async def test_a_storm_of_requests_is_carried_out_together_and_never_two_at_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk.running() as daemon:
        under_way, most, real = 0, 0, reload.prepare

        async def counted(*args: Any) -> Any:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            try:
                await asyncio.sleep(0.02)
                return await real(*args)
            finally:
                under_way -= 1

        monkeypatch.setattr(reload, "prepare", counted)
        for _ in range(300):
            daemon.reload()
            await asyncio.sleep(0)
        waiting = [asyncio.create_task(daemon.reloader.carried_out()) for _ in range(50)]
        await asyncio.gather(*waiting)
        assert most == 1
        assert sum(daemon.reloader.counts.values()) <= 3


async def test_a_reload_before_the_start_is_over_waits_for_it(desk: Desk) -> None:
    daemon = desk.daemon()
    daemon.reload()
    task = asyncio.create_task(daemon.run())
    await until(lambda: daemon.ready.is_set() and daemon.reloader.last is not None)
    assert daemon.reloader.last is not None
    assert daemon.reloader.last.outcome == "unchanged"
    daemon.stop()
    await asyncio.wait_for(task, 20)


@pytest.mark.parametrize("after", [0.0, 0.005, 0.02])
async def test_a_stop_in_the_middle_of_a_reload_is_clean(desk: Desk, after: float) -> None:
    daemon = desk.daemon()
    task = asyncio.create_task(daemon.run())
    await asyncio.wait_for(daemon.ready.wait(), 20)
    desk.write(change=lambda text: SECOND_SINK(FEED_SLOWER(text)))
    daemon.reload()
    await asyncio.sleep(after)
    daemon.stop()
    await asyncio.wait_for(task, 20)
    async with desk.running() as again:
        assert [sink.name for sink in again.deliverer.sinks] == ["more", "hook"]


# --- over the socket -------------------------------------------------------------------------------------------------


async def test_the_command_waits_and_says_what_changed_or_every_fault_with_its_line(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    async with desk.running() as daemon:
        desk.write(level="4.1")
        assert await asyncio.to_thread(main, ["reload", "--state", str(desk.state)]) == 0
        assert "rules: four (above)" in capsys.readouterr().out
        desk.write(change=lambda text: text.replace("[1m, 1d]", "[1q, 1d]").replace("severity: info", "severity: huge"))
        assert await asyncio.to_thread(main, ["reload", "--state", str(desk.state)]) == 1
        out = capsys.readouterr().out
        assert out.count(f"{desk.file}:") == 2
        assert "1q" in out
        assert "huge" in out
        done = await asyncio.to_thread(tell, desk.state, "POST", "/api/v1/reload")
        assert done["outcome"] == "refused"
        status = await asyncio.to_thread(ask, desk.state, "/api/v1/status")
        assert status["config"]["reloads"] == {"reloaded": 1, "unchanged": 0, "refused": 2}
        assert status["config"]["reload"]["faults"] == done["faults"]
        assert b'stressd_config_reloads_total{outcome="refused"} 2.0' in await daemon.reporter.metrics()


async def test_a_file_is_compared_with_what_runs_and_nothing_changes(
    desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with desk.running() as daemon:
        before = daemon.loaded
        new = tmp_path / "new.yaml"
        new.write_text(TENOR(desk.file.read_text()))
        checking = ["check", str(new), "--against-running", "--state", str(desk.state)]
        assert await asyncio.to_thread(main, checking) == 0
        out = capsys.readouterr().out
        assert "markets: JP (tenors)" in out
        assert "begins cold: JP.GOV.5Y" in out
        new.write_text(desk.file.read_text().replace("instance: test-desk", "instance: other"))
        assert await asyncio.to_thread(main, checking) == 1
        assert "restart it" in capsys.readouterr().out
        same = await asyncio.to_thread(send, desk.state, "/api/v1/compare?name=x", desk.file.read_bytes())
        assert reload_lines(same, would=True) == ["nothing would change"]
        assert daemon.loaded is before
        assert daemon.reloader.last is None


# --- faults ----------------------------------------------------------------------------------------------------------


def fail(*args: Any, **more: Any) -> Any:
    raise OSError("injected")


async def fail_later(*args: Any, **more: Any) -> Any:
    raise OSError("injected")


STEPS: dict[str, Callable[[pytest.MonkeyPatch, Daemon], None]] = {
    "reading": lambda patch, d: patch.setattr(reload, "load", fail),
    "comparing": lambda patch, d: patch.setattr(successor, "difference", fail),
    "secrets": lambda patch, d: patch.setattr(successor, "look", fail),
    "feeds": lambda patch, d: patch.setattr(successor, "make_feeds", fail),
    "sinks": lambda patch, d: patch.setattr(successor, "make_sinks", fail),
    "heartbeat": lambda patch, d: patch.setattr(d.heart, "make", fail),
    "links": lambda patch, d: patch.setattr(successor, "signer", fail),
    "wording": lambda patch, d: patch.setattr(successor, "_try", fail),
    "history": lambda patch, d: patch.setattr(warm, "choose", fail),
    "engine": lambda patch, d: patch.setattr(warm, "Succession", fail),
    "shadow": lambda patch, d: patch.setattr(d.shadows, "next", fail_later),
    "listening": lambda patch, d: patch.setattr(d.server, "listen", fail_later),
    "taking over": lambda patch, d: patch.setattr(warm.Succession, "take_over", fail),
    "pipeline": lambda patch, d: patch.setattr(successor, "build_pipeline", fail),
}


def everything(daemon: Daemon) -> dict[str, Any]:
    """What a reload that failed must not have changed."""
    sockets = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{fd}")
        except OSError:
            continue
        sockets += [target] if target.startswith("socket:") else []
    return {
        "loaded": daemon.loaded,
        "pipeline": daemon.pump.pipeline,
        "engine": daemon.pump.pipeline.engine.snapshot(),
        "episodes": daemon.pump.pipeline.episodes.snapshot(),
        "feeds": dict(daemon.feeds.feeds),
        "sinks": list(daemon.deliverer.sinks),
        "lanes": dict(daemon.deliverer._lanes),
        "watchers": list(daemon.heart.watchers),
        "port": daemon.server.port,
        "signer": daemon.signer,
        "renderer": daemon.renderer,
        "tasks": sorted(task.get_name() for task in asyncio.all_tasks() if not task.get_name().startswith("Task-")),
        "sockets": sorted(sockets),
        "outbox": daemon.store.pending(),
    }


def calm_ahead(daemon: Daemon) -> bool:
    """Whether the engine's own timers leave it alone for the next seconds: one is due at each full minute."""
    due = daemon.pump.pipeline.next_deadline()
    return due is None or due > daemon.clock.now() + 5 * SECOND


@pytest.mark.parametrize("step", STEPS)
async def test_whatever_step_fails_nothing_has_changed_and_the_next_reload_works(
    desk: Desk, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    everywhere = [
        TENOR, FEED_SLOWER, SECOND_SINK, instead("severity: info", "severity: warn"),
        adding('heartbeat: {url: {env: WATCHER}}\npage_url: "https://x.example/"\n'),
    ]  # fmt: skip

    def changed(text: str) -> str:
        for change in everywhere:
            text = change(text)
        return text

    monkeypatch.setenv("WATCHER", "http://127.0.0.1:9/beat")
    async with desk.running() as daemon:
        await desk.calm()
        await until(lambda: daemon.pump.ticks >= 2 * len(LAST))
        await until(lambda: calm_ahead(daemon))
        before = everything(daemon)
        with monkeypatch.context() as patch:
            STEPS[step](patch, daemon)
            refused = await reloaded(desk, daemon, changed)
        assert refused.outcome == "refused"
        assert "injected" in refused.faults[0]
        assert everything(daemon) == before
        done = await daemon.reloader.carried_out()
        assert done.outcome == "reloaded", done.faults
        assert {change.section for change in done.changes} >= {"markets", "feeds", "sinks", "rules", "heartbeat"}


async def test_an_address_that_is_taken_refuses_the_reload_and_the_old_one_is_still_served(desk: Desk) -> None:
    taken = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    async with desk.running() as daemon:
        before = daemon.server.port
        done = await reloaded(desk, daemon, instead("listen: 127.0.0.1:0", f"listen: 127.0.0.1:{port}"))
        assert done.outcome == "refused"
        assert str(port) in done.faults[0]
        assert daemon.server.port == before
        reader, writer = await asyncio.open_connection("127.0.0.1", before)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        assert b"200" in (await reader.read()).split(b"\r\n")[0]
        writer.close()
    taken.close()


async def test_a_reload_is_logged_once_with_what_changed(desk: Desk) -> None:
    async with desk.running() as daemon:
        structlog.reset_defaults()
        with capture_logs() as lines:
            await reloaded(desk, daemon, SECOND_SINK)
        (line,) = [line for line in lines if line["event"] == "config.reloaded"]
        assert line["changed"] == ["sinks: +more"]
        told = daemon.reloader.last
        assert told is not None
        assert json.loads(json.dumps(told.plain()))["changes"] == [
            {"section": "sinks", "added": ["more"], "changed": {}, "removed": [], "renamed": []}
        ]
