"""People and the running daemon: what they command is carried out, delivered, kept, and survives a restart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from mqtt5 import ConnAckReasonCode

from stressd.alerts.matching import Match
from stressd.alerts.people.commands import Acknowledge, AddSilence, CommandError, EndSilence, Label
from stressd.runtime.daemon import Daemon
from stressd.store import Commit, Store
from tests.runtime.desk import LAST, Desk, desk_in, until

HOUR = 3_600_000_000_000


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_in(tmp_path) as made:
        yield made


def silence(daemon: Daemon, lasts: int = HOUR) -> AddSilence:
    now = daemon.clock.now()
    return AddSilence(
        at=now, author="anna", via="cli", match=Match(markets=("JP",)), starts=now, ends=now + lasts, reason="auction"
    )


async def breached(daemon: Daemon, desk: Desk) -> str:
    """The id of the episode that a move of JP 30Y opens, told or not."""
    await desk.breach()
    await until(daemon.pump.pipeline.episodes.open_episodes)
    return daemon.pump.pipeline.episodes.open_episodes()[0].id


async def test_what_is_silenced_reaches_no_webhook_until_the_silence_ends_over_a_restart_too(desk: Desk) -> None:
    desk.warm()
    async with desk.running() as daemon:
        done = await daemon.command(silence(daemon))
        assert (done.verb, done.subject) == ("silenced", "s1")
        episode = await breached(daemon, desk)
        await asyncio.wrap_future(daemon.store.flush())
        assert [event.type for event in daemon.store.events_of(episode)][0] == "opened"
        assert daemon.store.deliveries(episode=episode) == []
        (listed,) = daemon.reporter.status()["silences"]
        assert (listed["id"], listed["match"], listed["author"], listed["state"]) == ("s1", "market JP", "anna", "on")
        assert listed["withheld"] >= 1
        (kept,) = daemon.reporter.status()["withheld"]
        assert (kept["sink"], kept["episodes"]) == ("hook", 1)
        assert kept["why"].startswith("silenced by anna until ")
    async with desk.running() as daemon:
        assert [each.id for each in daemon.pump.pipeline.people.silences()] == ["s1"]
        done = await daemon.command(EndSilence(at=daemon.clock.now(), author="bob", via="http", id="s1"))
        assert f"still open: {episode}" in done.detail
        await desk.receiver.until(bool)
        told = desk.receiver.events[0]
        assert (told["type"], told["episode"]) == ("reminder", episode)
        assert told["note"].startswith("was silenced by anna until ")
        assert told["note"].endswith("when bob ended it (auction), still open")
        rows = daemon.store.actions()
        assert [(row.author, row.via, row.verb, row.subject) for row in rows] == [
            ("anna", "cli", "silenced", "s1"),
            ("bob", "http", "ended silence", "s1"),
        ]
        assert all(row.detail for row in rows)
        with pytest.raises(CommandError, match="there is no silence s1: nothing is silenced"):
            await daemon.command(EndSilence(at=0, author="bob", via="http", id="s1"))


async def test_a_silence_ends_by_itself_in_the_running_daemon(desk: Desk) -> None:
    desk.warm()
    async with desk.running() as daemon:
        await daemon.command(silence(daemon, lasts=2_000_000_000))
        await breached(daemon, desk)
        await desk.receiver.until(bool)
        assert [event["type"] for event in desk.receiver.events] == ["reminder"]
        assert daemon.pump.pipeline.people.silences() == []


async def test_an_acknowledgement_is_kept_and_later_messages_say_so_after_a_restart_and_a_reload(desk: Desk) -> None:
    desk.warm()
    desk.write(change=_asking)
    async with desk.running() as daemon:
        episode = await breached(daemon, desk)
        await desk.receiver.until(bool)
        await daemon.command(
            Acknowledge(at=daemon.clock.now(), author="anna", via="link", episode=episode, note="calling the dealer")
        )
        await desk.receiver.until(lambda events: len(events) == 2)
        assert daemon.store.actions(subject=episode)[0].verb == "acknowledged"
    async with desk.running() as daemon:
        desk.write("4.6", _asking)
        daemon.reload()
        await until(lambda: daemon.loaded_at > daemon.started)
        (row,) = daemon.reporter.status()["episodes"]
        assert (row["acknowledged"]["by"], row["acknowledged"]["until"]) == ("anna", None)
        with pytest.raises(CommandError, match="there is no episode JP-1"):
            await daemon.command(Acknowledge(at=0, author="anna", via="cli", episode="JP-1"))
        for step in range(4):
            await desk.tick("JP.GOV.30Y", LAST["JP.GOV.30Y"] + 0.15 + step * 1e-4)
        await desk.receiver.until(lambda events: events[-1]["type"] == "peaked")
    assert [event["type"] for event in desk.receiver.events] == ["opened", "acknowledged", "peaked"]
    said = {"by": "anna", "note": "calling the dealer"}
    assert [(event["acknowledged"] or {}).items() >= said.items() for event in desk.receiver.events] == [
        False, True, True,
    ]  # fmt: skip


def _asking(text: str) -> str:
    """A route that wants to hear of peaks and acknowledgements."""
    route = "  - match: {kind: [market]}\n"
    assert route in text
    return text.replace(route, route + "    updates: [opened, peaked, acknowledged, resolved]\n")


async def test_labels_are_kept_and_the_latest_word_of_each_author_counts(desk: Desk) -> None:
    async with desk.running() as daemon:
        for author, label, note in [
            ("anna", "noise", ""), ("bob", "useful", "told us first"), ("anna", "bad data", "fat finger: see broker"),
        ]:  # fmt: skip
            await daemon.command(
                Label(at=0, author=author, via="http", episode="JP-260119-7q2f", label=label, note=note)  # type: ignore[arg-type]
            )
    with_labels = Store.open(desk.state, create=False)
    try:
        rows = [(row.episode, row.author, row.label, row.note) for row in with_labels.labels()]
        assert rows == [
            ("JP-260119-7q2f", "bob", "useful", "told us first"),
            ("JP-260119-7q2f", "anna", "bad data", "fat finger: see broker"),
        ]
        assert len(with_labels.actions(verb="labelled")) == 3
        assert with_labels.labels("JP-260119-other") == []
    finally:
        with_labels.close()


async def test_silences_that_cannot_be_read_after_an_accident_lose_no_episode(desk: Desk) -> None:
    desk.warm()
    async with desk.running() as daemon:
        await daemon.command(silence(daemon))
        episode = await breached(daemon, desk)
    store = Store.open(desk.state)
    store.commit(Commit(machine={"people": b'{"added": "many"}'})).result(10)
    store.close()
    async with desk.running() as daemon:
        assert [each.id for each in daemon.pump.pipeline.episodes.open_episodes()] == [episode]
        assert daemon.pump.pipeline.people.silences() == []


ALWAYS = """maintenance:
  - {name: broker-restart, zone: UTC, on: daily, from: "00:00", to: "24:00", reason: weekly restart}
"""


async def test_a_planned_restart_of_the_broker_pages_nobody_until_it_is_not_planned_any_more(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stressd.runtime.feedwatch.PATIENCE", 0.2)
    desk.write(change=lambda text: text + ALWAYS)
    async with desk.running() as daemon:
        desk.broker.refuse = ConnAckReasonCode.SERVER_UNAVAILABLE
        desk.broker.drop()
        await until(daemon.pump.pipeline.episodes.open_episodes)
        (episode,) = daemon.pump.pipeline.episodes.open_episodes()
        assert (episode.kind, episode.rule) == ("feed", "feed-down")
        (window,) = daemon.reporter.status()["maintenance"]
        assert (window["name"], window["on"]) == ("broker-restart", True)
        await asyncio.wrap_future(daemon.store.flush())
        assert desk.receiver.events == []
        assert daemon.store.deliveries() == []
        desk.write()
        daemon.reload()
        await desk.receiver.until(bool)
        (told,) = desk.receiver.events
        assert (told["type"], told["rule"]) == ("reminder", "feed-down")
        withheld = "was withheld by maintenance broker-restart, which is not configured any more; first step: "
        assert told["note"].startswith(withheld)
        desk.broker.refuse = None
        await desk.receiver.until(lambda events: events[-1]["type"] == "resolved", 30)
