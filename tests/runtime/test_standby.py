"""A standby beside the first daemon: it tells nobody, takes over by one command, and stays what it is over restarts."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressd.alerts.people.commands import CommandError
from stressd.runtime import role
from stressd.runtime.daemon import Daemon
from stressd.runtime.heart import Watcher
from stressd.store import STANDBY, Commit, Delivery, Store, StoreError
from tests.runtime.desk import LAST, Desk, desk_in, until
from tests.store.conftest import Sent, make

MINUTE = 60_000_000_000


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """The first host, warm."""
    async with desk_in(tmp_path) as made:
        made.warm()
        yield made


@pytest.fixture
def second(desk: Desk, tmp_path: Path) -> Desk:
    """A second host with the same history, feeds and receivers."""
    folder = tmp_path / "second"
    folder.mkdir()
    made = Desk(folder, desk.broker, desk.receiver)
    shutil.copytree(desk.state, made.state)
    made.standby = True
    return made


async def opened(daemon: Daemon) -> str:
    """The id of the one open episode, once all that was committed is on disk."""
    await until(daemon.pump.pipeline.episodes.open_episodes)
    await asyncio.wrap_future(daemon.store.flush())
    return daemon.pump.pipeline.episodes.open_episodes()[0].id


async def rise(desk: Desk, to: float) -> None:
    for step in range(4):
        await desk.tick("JP.GOV.30Y", LAST["JP.GOV.30Y"] + to + step * 1e-4)


async def scraped(daemon: Daemon) -> str:
    async with aiohttp.ClientSession() as web, web.get(f"http://127.0.0.1:{daemon.server.port}/metrics") as answer:
        return await answer.text()


def with_peaks(text: str) -> str:
    """A route that wants to hear of peaks."""
    route = "  - match: {kind: [market]}\n"
    assert route in text
    return text.replace(route, route + "    updates: [opened, peaked, resolved]\n")


def market(desk: Desk) -> list[dict[str, Any]]:
    """What people were told of markets."""
    return [each for each in desk.receiver.events if each["kind"] == "market"]


async def test_a_standby_sees_what_the_first_sees_under_the_same_ids_and_tells_nobody(desk: Desk, second: Desk) -> None:
    async with desk.running() as first, second.running() as standby:
        await desk.breach()
        await desk.receiver.until(bool)
        assert await opened(first) == await opened(standby)
        told = [row.event_id for row in first.store.deliveries()]
        rows = standby.store.deliveries()
        assert [row.event_id for row in rows] == told
        assert {(row.state, row.fault, row.attempts, row.delivered_at) for row in rows} == {
            ("delivered", STANDBY, 0, None)
        }
        assert [each["id"] for each in desk.receiver.events] == told
        status = standby.reporter.status()
        assert status["standby"]["standing"]
        assert status["sinks"] == []
        assert standby.reporter.summary().startswith("STANDBY, tells nobody, 1 of 1 feeds connected")
        assert "\nstressd_standby 1.0\n" in await scraped(standby)
        assert first.reporter.status()["standby"] is None
        assert "\nstressd_standby 0.0\n" in await scraped(first)


async def test_after_a_takeover_the_standby_goes_on_where_the_first_ended_and_repeats_nothing_older(
    desk: Desk, second: Desk
) -> None:
    for host in (desk, second):
        host.write(change=with_peaks)
    async with second.running() as standby:
        async with desk.running() as first:
            await desk.breach()
            await desk.receiver.until(bool)
            episode = await opened(first)
            await opened(standby)
        done = await standby.standby.take_over(0, "anna")
        assert done["detail"] == "This daemon tells people from now on."
        await rise(desk, 0.15)
        await desk.receiver.until(lambda events: len(market(desk)) == 2)
        await desk.receiver.until(lambda events: len(events) == 3)
        first_told, then = market(desk)
        assert (first_told["type"], then["type"]) == ("opened", "peaked")
        assert {first_told["episode"], then["episode"]} == {episode}
        (note,) = [each for each in desk.receiver.events if each["kind"] == "self"]
        assert note["rule"] == "taken-over"
        assert "by anna" in note["headline"]
        (action,) = standby.store.actions(verb="took over")
        assert (action.author, action.detail) == ("anna", "0 deliveries told again")
        assert not standby.reporter.summary().startswith("STANDBY")
        with pytest.raises(CommandError, match="tells people already, since "):
            await standby.standby.take_over(0, "bob")


async def test_what_happened_just_before_a_takeover_is_told_again_under_the_same_id(desk: Desk, second: Desk) -> None:
    async with second.running() as standby:
        async with desk.running():
            await desk.breach()
            await desk.receiver.until(bool)
            await opened(standby)
        done = await standby.standby.take_over(2 * MINUTE, "anna")
        assert done["again"] == 1
        assert done["detail"].endswith("1 event of the last 2 min told again as possible repeats.")
        await desk.receiver.until(lambda events: len(market(desk)) == 2)
        once, again = market(desk)
        assert once["id"] == again["id"]
        await until(lambda: standby.store.deliveries(event_id=once["id"])[0].state == "delivered")
        (row,) = standby.store.deliveries(event_id=once["id"])
        assert (row.attempts, row.fault) == (1, "ambiguous")


async def test_what_the_first_had_no_time_to_tell_is_told_by_the_second(desk: Desk, second: Desk) -> None:
    async with second.running() as standby:
        await desk.breach()
        await opened(standby)
        assert desk.receiver.events == []
        await standby.standby.take_over(2 * MINUTE, "anna")
        await desk.receiver.until(lambda events: len(market(desk)) == 1)
        assert market(desk)[0]["type"] == "opened"


async def test_a_standby_stays_one_over_restarts_whether_or_not_it_is_started_as_one(desk: Desk, second: Desk) -> None:
    for second.standby in (True, True, False):
        async with second.running() as standby:
            assert standby.standby.on
            await desk.breach()
            await opened(standby)
    assert desk.receiver.events == []


async def test_a_takeover_survives_restarts_of_what_is_still_started_as_a_standby(desk: Desk, second: Desk) -> None:
    async with second.running() as standby:
        await standby.standby.take_over(2 * MINUTE, "anna")
    assert second.standby
    async with second.running() as again:
        assert not again.standby.on
        assert again.reporter.status()["standby"]["by"] == "anna"
        await desk.breach()
        await desk.receiver.until(lambda events: bool(market(desk)))


async def test_a_takeover_that_did_not_reach_the_disk_never_was(desk: Desk, second: Desk) -> None:
    async with second.running():
        pass
    known = role.read(second.state)
    assert known is not None
    store = Store.open(second.state)
    store.commit(Commit([Sent(make("e"), ("hook",))], standby=True)).result(10)
    store.take_over(0, "anna").result(10)
    assert [row.state for row in store.deliveries()] == ["pending"]
    store.close()
    async with second.running() as standby:
        assert standby.standby.on
        assert [(row.state, row.fault) for row in standby.store.deliveries()] == [("delivered", STANDBY)]
    assert desk.receiver.events == []


async def test_a_takeover_whose_role_cannot_be_written_tells_people_and_says_that_a_restart_undoes_it(
    desk: Desk, second: Desk
) -> None:
    async with second.running() as standby:
        blocker = second.state / f"{role.FILE}.partial"
        blocker.mkdir()
        done = await standby.standby.take_over(2 * MINUTE, "anna")
        assert "the takeover is not on disk" in done["warnings"][0]
        assert any("the takeover is not on disk" in reason for reason in standby.reporter.unready())
        await desk.breach()
        await desk.receiver.until(lambda events: bool(market(desk)))
        blocker.rmdir()
        assert (await standby.standby.take_over(2 * MINUTE, "anna"))["again"] == 0
        assert not any("not on disk" in reason for reason in standby.reporter.unready())
        kept = role.read(second.state)
        assert kept is not None
        assert not kept.standing


async def test_what_waited_when_a_daemon_becomes_a_standby_is_not_sent_by_it(desk: Desk) -> None:
    store = Store.open(desk.state)
    store.commit(Commit([Sent(make("e"), ("hook",))])).result(10)
    store.close()
    desk.standby = True
    async with desk.running() as standby:
        (row,) = standby.store.deliveries()
        assert (row.state, row.fault) == ("delivered", STANDBY)
        assert row.last_error == "it waited when this daemon became a standby"
    assert desk.receiver.events == []


async def test_a_client_id_of_the_configuration_drives_neither_of_the_two_out(desk: Desk, second: Desk) -> None:
    def named(text: str) -> str:
        return text.replace("    qos: 1\n", "    qos: 1\n    client_id: stressd-tokyo\n")

    desk.write(change=named)
    second.write(change=named)
    async with desk.running() as first, second.running() as standby:
        assert [each.client_id for each in first.loaded.feeds] == ["stressd-tokyo"]  # type: ignore[attr-defined]
        name = standby.reporter.status()["standby"]["name"]
        assert [each.client_id for each in standby.loaded.feeds] == [f"stressd-tokyo-{name}"]  # type: ignore[attr-defined]
        await desk.breach()
        assert await opened(first) == await opened(standby)
        assert first.feeds.feeds["desk"].health.connects == standby.feeds.feeds["desk"].health.connects == 1
        second.write(level="4.6", change=named)
        standby.reload()
        await until(lambda: standby.loaded_at > standby.started)
        assert standby.feeds.feeds["desk"].health.connects == 1
    async with second.running() as again:
        assert again.reporter.status()["standby"]["name"] == name


async def test_a_reload_of_a_standby_gives_it_no_voice(desk: Desk, second: Desk) -> None:
    async with second.running() as standby:
        second.write(level="4.6", change=lambda text: text + "heartbeat: [{url: 'http://127.0.0.1:9/', every: 5s}]\n")
        standby.reload()
        await until(lambda: standby.loaded_at > standby.started)
        assert standby.heart.watchers == []
        await desk.breach()
        await opened(standby)
        assert standby.deliverer.sinks == []
        await standby.standby.take_over(2 * MINUTE, "anna")
        assert [type(each) for each in standby.heart.watchers] == [Watcher]
        await desk.receiver.until(lambda events: bool(market(desk)))
    assert {each["type"] for each in market(desk)} == {"opened"}


async def test_trouble_of_the_standby_itself_is_told_once_it_tells(desk: Desk, second: Desk) -> None:
    second.write(
        change=lambda text: text.replace("feeds:\n", "feeds:\n  - {name: gone, type: file, path: nowhere.csv}\n")
    )
    async with second.running() as standby:
        standby.mailbox.folded_at = standby.clock.now()
        await asyncio.sleep(0.6)
        assert standby.pump.conditions.lasting() == []
        await standby.standby.take_over(0, "anna")
        await desk.receiver.until(lambda events: any(each["rule"] == "overload" for each in events))


async def test_a_takeover_is_commanded_on_the_machine_alone(desk: Desk, second: Desk) -> None:
    async with second.running() as standby, aiohttp.ClientSession() as web:
        async with web.post(f"http://127.0.0.1:{standby.server.port}/api/v1/takeover") as answer:
            assert answer.status == 401
        assert standby.standby.on


async def test_two_who_take_over_at_once_do_it_once(desk: Desk, second: Desk) -> None:
    async with second.running() as standby:
        await desk.breach()
        await opened(standby)
        outcomes = await asyncio.gather(
            *(standby.standby.take_over(2 * MINUTE, name) for name in ("anna", "bob")), return_exceptions=True
        )
        assert sorted(type(each).__name__ for each in outcomes) == ["CommandError", "dict"]
        await desk.receiver.until(lambda events: bool(market(desk)))
        assert len(standby.store.actions(verb="took over")) == 1


async def test_a_role_that_cannot_be_read_stops_the_start(second: Desk) -> None:
    (second.state / role.FILE).write_bytes(b'{"standing": tr')
    with pytest.raises(StoreError, match=r"role\.json: cannot be read"):
        async with second.running():
            pass


async def command(*words: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "stressd", *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_by_command_a_standby_takes_over_and_gives_back(desk: Desk, second: Desk) -> None:
    state = ("--state", str(second.state))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "stressd", "run", "-c", str(second.file), "--standby", stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await until((second.state / "stressd.sock").exists)
        await asyncio.wait_for(desk.broker.subscribed(), 20)
        assert (await command("status", *state))[1].startswith("STANDBY since 2")
        status, _, err = await command("takeover", "--give-back", *state)
        assert (status, "it is given back while it is stopped" in err) == (1, True)
        assert (await command("takeover", "--since", "soon", *state))[0] == 1
        status, out, _ = await command("takeover", "--since", "5m", *state)
        assert status == 0
        assert out.startswith("This daemon tells people from now on; no event of the last 5 min told again")
        status, _, err = await command("takeover", *state)
        assert (status, "tells people already" in err) == (1, True)
        status, out, _ = await command("status", "--json", *state)
        assert json.loads(out)["standby"]["standing"] is False
    finally:
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 30)
    status, out, _ = await command("takeover", "--give-back", *state)
    assert (status, out) == (0, "It is a standby at its next start, and tells nobody.\n")
    async with second.running() as standby:
        assert standby.standby.on


@given(
    committed=st.lists(st.tuples(st.integers(0, 300), st.booleans()), min_size=1, max_size=12),
    since=st.integers(0, 300),
)
def test_a_takeover_tells_again_exactly_what_a_standby_committed_since(
    tmp_path_factory: pytest.TempPathFactory, committed: list[tuple[int, bool]], since: int
) -> None:
    """committed: (s before the takeover, by a standby) of each event; what the daemon told itself is never repeated."""
    now = 1_000_000_000_000
    clock = [0]
    store = Store.open(tmp_path_factory.mktemp("store"), now=lambda: clock[0])
    try:
        for number, (ago, standby) in enumerate(committed):
            clock[0] = now - ago * 1_000_000_000
            store.commit(Commit([Sent(make(f"e{number}"), ("hook",))], standby=standby)).result(10)
            if not standby:
                told = store.complete_delivery(f"e{number}.1", "hook", attempts=1, remote_ref="", detail="", merged=0)
                told.result(10)
        clock[0] = now
        again = store.take_over(now - since * 1_000_000_000, "anna").result(10)
        wanted = {f"e{n}" for n, (ago, standby) in enumerate(committed) if standby and ago <= since}
        assert {event_id.rpartition(".")[0] for event_id, _ in again} == wanted
        waiting: list[Delivery] = store.pending()
        assert {row.episode for row in waiting} == wanted
        assert {row.fault for row in waiting} <= {"ambiguous"}
    finally:
        store.close()
