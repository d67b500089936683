"""Slack, Teams and PagerDuty behind the outbox, against servers with their limits, in virtual time."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from stressd.alerts.notification import Notification
from stressd.config.fields import HttpOptions
from stressd.sinks.base import Receipt
from stressd.sinks.pagerduty import PagerDutySink
from stressd.sinks.slack_api import SlackApi
from stressd.sinks.slack_bot import SlackBotSink
from stressd.sinks.teams import TeamsSink
from stressd.testing.pagerduty import KEY, FakePagerDuty
from stressd.testing.service import Fault
from stressd.testing.slack import TOKEN, FakeSlack
from stressd.testing.teams import FakeTeams
from tests.runtime.outbox_bench import JP, START, Bench, VirtualTime, swift

OPTIONS = HttpOptions.model_validate({"timeout": "500ms"})
OTHER = "fedcba9876543210fedcba9876543210"
LIFE = ("opened", "escalated", "propagated", "resolved")


class WireTime(VirtualTime):
    """Stands still while a real request is under way."""

    def __init__(self) -> None:
        super().__init__()
        self.under_way = 0

    async def settle(self) -> None:
        await super().settle()
        while self.under_way:
            await asyncio.sleep(0.001)
            await super().settle()


class OnTheWire:
    """A real sink, of which the bench's time knows when it is at work."""

    def __init__(self, sink: Any, time: WireTime) -> None:
        self.sink = sink
        self.name = sink.name
        self.traits = sink.traits
        self.time = time
        self.receipts: list[Receipt] = []

    async def send(self, notification: Notification) -> Receipt:
        self.time.under_way += 1
        try:
            receipt: Receipt = await self.sink.send(notification)
            self.receipts.append(receipt)
            return receipt
        finally:
            self.time.under_way -= 1

    async def probe(self) -> str:
        return str(await self.sink.probe())

    async def close(self) -> None:
        await self.sink.close()


class Desk(Bench):
    """A store and a deliverer with real sinks."""

    def __init__(self, directory: Path) -> None:
        self.wire = WireTime()
        super().__init__(directory, self.wire)

    def now(self) -> float:
        return START / 1e9 + self.wire.at

    def use(self, sink: Any) -> OnTheWire:
        watched = OnTheWire(sink, self.wire)
        vars(self)["sinks"][sink.name] = watched
        return watched

    def slack(self, server: FakeSlack, name: str = "slack") -> OnTheWire:
        return self.use(SlackBotSink(name, SlackApi(server.api_url, TOKEN, OPTIONS), server.channel.id))

    def pager(self, server: FakePagerDuty, *keys: str) -> OnTheWire:
        return self.use(PagerDutySink("pager", server.enqueue_url, OPTIONS, keys or (KEY,), "test"))


@pytest.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setattr("stressd.store.writer.connect", swift)
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    one = Desk(tmp_path)
    yield one
    await one.close()


def ids(messages: list[dict[str, Any]]) -> list[str]:
    return [m["metadata"]["event_payload"]["event_id"] for m in messages]


# -- Slack


async def test_forty_episodes_at_once_keep_slacks_pace_and_all_arrive(desk: Desk) -> None:
    async with FakeSlack(desk.now) as slack:
        desk.slack(slack)
        await desk.start()
        for n in range(40):
            await desk.tell("slack", episode=f"JP-260120-{n:04d}")
        await desk.time.run(60)
        assert len(slack.channel.messages) == 40
        assert len(slack.requests) == 40, "none was refused for its pace"
        stamps = [float(m["ts"]) for m in slack.channel.messages]
        assert 35.0 <= stamps[-1] - stamps[0] <= 40.0


async def test_a_channel_that_others_fill_is_left_alone_for_as_long_as_slack_says(desk: Desk) -> None:
    async with FakeSlack(desk.now) as slack:
        desk.slack(slack)
        await desk.start()
        slack.faults.append(Fault(status=429, text='{"ok":false,"error":"ratelimited"}', headers={"Retry-After": "30"}))
        await desk.tell("slack")
        await desk.time.run(29)
        assert slack.channel.messages == []
        await desk.time.run(3)
        assert ids(slack.channel.messages) == [f"{JP}.1"]
        assert len(slack.requests) == 2


async def test_an_episode_is_one_thread_though_the_daemon_restarts_after_every_event(desk: Desk) -> None:
    async with FakeSlack(desk.now) as slack:
        desk.slack(slack)
        await desk.start()
        for seq, kind in enumerate(LIFE, 1):
            await desk.tell("slack", seq=seq, type=kind, severity="critical")
            await desk.time.run(5)
            desk.slack(slack)
            await desk.restart()
        (root,) = [m for m in slack.channel.shown() if "subtype" not in m]
        assert ids([root, *slack.channel.thread(root["ts"])]) == [f"{JP}.{seq}" for seq in (1, 2, 3, 4)]
        assert root["text"].startswith("✅ RESOLVED (critical)")
        assert {d.remote_ref for d in desk.store.deliveries(sink="slack")} == {f"{slack.channel.id}:{root['ts']}"}


async def test_a_thread_begun_anew_is_the_one_that_goes_on_after_a_restart(desk: Desk) -> None:
    async with FakeSlack(desk.now) as slack:
        desk.slack(slack)
        await desk.start()
        await desk.tell("slack")
        slack.delete(slack.channel.messages[0]["ts"])
        await desk.tell("slack", seq=2, type="escalated")
        desk.slack(slack)
        await desk.restart()
        await desk.tell("slack", seq=3, type="resolved")
        await desk.time.run(5)
        (root,) = slack.channel.shown()
        assert ids([root, *slack.channel.thread(root["ts"])]) == [f"{JP}.2", f"{JP}.3"]


TROUBLE = {
    "lost before it was done": Fault("drop"),
    "lost after it was done": Fault("lose"),
    "silence": Fault("hang"),
    "down": Fault(status=503),
    "too many": Fault(status=429, headers={"Retry-After": "2"}),
    "in doubt": Fault(text='{"ok":false,"error":"internal_error"}'),
    "a guest network": Fault(text="<html>please log in</html>"),
}


@pytest.mark.parametrize("crash", [False, True], ids=["goes on", "crashes"])
@pytest.mark.parametrize("trouble", list(TROUBLE))
async def test_whatever_goes_wrong_once_every_event_is_there_once_and_in_order(
    desk: Desk, trouble: str, crash: bool
) -> None:
    """At every step of the episode the post, and where there is one the edit, fails once."""
    async with FakeSlack(desk.now) as slack:
        desk.slack(slack)
        await desk.start()
        for seq, kind in enumerate(LIFE, 1):
            for path in ("chat.postMessage", *(["chat.update"] if seq > 1 else [])):
                fault = TROUBLE[trouble]
                slack.faults.append(Fault(fault.kind, fault.status, fault.text, fault.headers, path))
            await desk.tell("slack", seq=seq, type=kind)
            if crash:
                desk.slack(slack)
                await desk.restart(crash=True)
            await desk.time.run(30)
        (root,) = [m for m in slack.channel.shown() if "subtype" not in m]
        assert ids([root, *slack.channel.thread(root["ts"])]) == [f"{JP}.{seq}" for seq in (1, 2, 3, 4)]
        assert "RESOLVED" in root["text"]
        assert "repeat" not in json.dumps(slack.channel.messages)
        assert {state for _, state in desk.rows()} == {"delivered"}
        assert not slack.faults


async def test_a_revoked_token_buries_what_waits_and_names_the_reason_once(desk: Desk) -> None:
    async with FakeSlack(desk.now) as slack:
        desk.slack(slack)
        await desk.start()
        slack.tokens[TOKEN] = "revoked"
        for n in range(5):
            await desk.tell("slack", episode=f"JP-260120-{n:04d}")
        await desk.time.run(10)
        assert {state for _, state in desk.rows()} == {"dead"}
        assert all("token_revoked" in letter.error for letter in desk.dead)
        assert len(slack.requests) == 1, "a sink that is off is not asked again"


# -- PagerDuty


async def test_two_hundred_incidents_keep_pagerdutys_pace_and_all_are_resolved(desk: Desk) -> None:
    async with FakePagerDuty(desk.now) as service:
        desk.pager(service)
        await desk.start()
        for n in range(100):
            await desk.tell("pager", episode=f"JP-260120-{n:04d}")
        await desk.time.run(80)
        assert len(service.open()) == 100
        for n in range(100):
            await desk.tell("pager", episode=f"JP-260120-{n:04d}", seq=2, type="resolved")
        await desk.time.run(80)
        assert service.open() == service.dropped == []
        assert len(service.incidents) == 100
        assert len(service.requests) == 200, "none was refused for its pace"


async def test_what_was_throttled_is_taken_later_in_the_order_of_the_episode(desk: Desk) -> None:
    async with FakePagerDuty(desk.now) as service:
        desk.pager(service)
        await desk.start()
        service.faults.extend([Fault(status=429)] * 3)
        for seq, kind in enumerate(("opened", "escalated", "resolved", "reopened"), 1):
            await desk.tell("pager", seq=seq, type=kind)
            await desk.time.run(20)
        await desk.time.run(300)
        assert service.dropped == []
        assert [i.state for i in service.incidents][-1] == "triggered"
        assert len(service.open()) == 1


@pytest.mark.parametrize("trouble", [Fault("drop"), Fault("lose"), Fault(status=500)], ids=["drop", "lose", "down"])
async def test_trouble_at_every_step_leaves_one_incident_resolved_and_no_ghost(desk: Desk, trouble: Fault) -> None:
    async with FakePagerDuty(desk.now) as service:
        desk.pager(service)
        await desk.start()
        for seq, kind in enumerate(("opened", "escalated", "acknowledged", "propagated", "resolved"), 1):
            service.faults.append(trouble)
            await desk.tell("pager", seq=seq, type=kind)
            await desk.restart(crash=True)
            await desk.time.run(10)
        (incident,) = service.incidents
        assert incident.state == "resolved"


async def test_opened_and_over_before_it_could_be_told_is_one_resolved_incident(desk: Desk) -> None:
    async with FakePagerDuty(desk.now) as service:
        desk.pager(service)
        await desk.start()
        service.faults.append(Fault(status=503))
        await desk.tell("pager")
        await desk.tell("pager", seq=2, type="resolved")
        await desk.time.run(5)
        assert [i.state for i in service.incidents] == ["resolved"]


async def test_a_reload_with_another_key_never_moves_an_open_episode(desk: Desk) -> None:
    async with FakePagerDuty(desk.now) as service:
        service.keys.add(OTHER)
        desk.pager(service)
        deliverer = await desk.start()
        await desk.tell("pager")
        await deliverer.replace({"pager": desk.pager(service, OTHER, KEY)}, None)
        await desk.tell("pager", seq=2, type="escalated")
        await deliverer.replace({"pager": desk.pager(service, OTHER)}, None)
        await desk.tell("pager", seq=3, type="resolved")
        (incident,) = service.incidents
        assert (incident.routing_key, incident.state, len(incident.log)) == (KEY, "triggered", 2)
        assert "opened with another routing key" in desk.dead[0].error
        await deliverer.replace({"pager": desk.pager(service, OTHER, KEY)}, None)
        desk.store.requeue().result()
        await deliverer.rescan()
        await desk.time.run(5)
        assert incident.state == "resolved"


# -- any mixture


async def through_trouble(desk: Desk, slack: FakeSlack, seed: int, path: str) -> list[str]:
    """Three episodes at once, every request to `path` with a chance to fail, a restart now and then; the episodes."""
    rng = random.Random(seed)
    troubles = [Fault(f.kind, f.status, f.text, f.headers, path) for n, f in TROUBLE.items() if n != "silence"]
    desk.slack(slack)
    await desk.start()
    episodes = [f"JP-260120-{c * 4}" for c in "abc"]
    for seq, kind in enumerate(("opened", "escalated", "propagated", "widened", "resolved"), 1):
        for episode in episodes:
            slack.faults.extend(rng.sample(troubles, rng.randrange(3)))
            await desk.tell("slack", episode=episode, seq=seq, type=kind)
        if rng.random() < 0.5:
            desk.slack(slack)
            await desk.restart(crash=True)
        await desk.time.run(rng.choice((0.5, 5.0, 60.0)))
    slack.faults.clear()
    await desk.time.run(900)
    assert {state for _, state in desk.rows()} <= {"delivered", "superseded"}
    return episodes


@pytest.mark.parametrize("seed", range(8))
async def test_any_mixture_of_trouble_and_crashes_ends_in_threads_that_read_in_order(desk: Desk, seed: int) -> None:
    async with FakeSlack(desk.now) as slack:
        episodes = await through_trouble(desk, slack, seed, "chat.")
        roots = [m for m in slack.channel.shown() if "subtype" not in m]
        assert sorted(m["metadata"]["event_payload"]["episode"] for m in roots) == episodes
        for root in roots:
            told = ids([root, *slack.channel.thread(root["ts"])])
            assert told == sorted(set(told)), "in order, and none twice"
            assert told[-1].endswith(".5")
            assert "RESOLVED" in root["text"]


@pytest.mark.parametrize("seed", range(8))
async def test_where_the_search_fails_too_what_is_told_twice_says_that_it_may_be_a_repeat(
    desk: Desk, seed: int
) -> None:
    async with FakeSlack(desk.now) as slack:
        episodes = await through_trouble(desk, slack, seed, "")
        for episode in episodes:
            ours = [m for m in slack.channel.messages if m["metadata"]["event_payload"]["episode"] == episode]
            seen: set[str] = set()
            for message in ours:
                (event_id,) = ids([message])
                assert event_id not in seen or "(possible repeat)" in message["text"] or "edited" in message
                seen.add(event_id)
            assert f"{episode}.5" in seen


@pytest.mark.parametrize("seed", range(8))
async def test_any_mixture_of_trouble_and_crashes_leaves_no_incident_open(desk: Desk, seed: int) -> None:
    rng = random.Random(seed)
    troubles = [Fault("drop"), Fault("lose"), Fault(status=500), Fault(status=429, headers={"Retry-After": "3"})]
    async with FakePagerDuty(desk.now) as service:
        desk.pager(service)
        await desk.start()
        episodes = [f"JP-260120-{c * 4}" for c in "abc"]
        for seq, kind in enumerate(("opened", "escalated", "acknowledged", "resolved"), 1):
            for episode in episodes:
                service.faults.extend(rng.sample(troubles, rng.randrange(3)))
                await desk.tell("pager", episode=episode, seq=seq, type=kind)
            if rng.random() < 0.5:
                await desk.restart(crash=True)
            await desk.time.run(rng.choice((0.5, 5.0, 60.0)))
        service.faults.clear()
        await desk.time.run(900)
        assert service.open() == []
        assert {i.dedup_key for i in service.incidents} == {f"stressd:test:{episode}" for episode in episodes}


# -- Teams


async def test_teams_hears_of_rungs_and_ends_at_its_own_pace(desk: Desk) -> None:
    async with FakeTeams(desk.now) as teams:
        sink = desk.use(TeamsSink("teams", teams.hook_url, OPTIONS))
        await desk.start()
        for n in range(20):
            for seq, kind in enumerate(("opened", "propagated", "resolved"), 1):
                await desk.tell("teams", episode=f"JP-260120-{n:04d}", seq=seq, type=kind)
        await desk.time.run(60)
        assert {d.state for d in desk.store.deliveries(sink="teams")} <= {"delivered", "superseded"}
        assert len(teams.posted) == len(teams.cards) == len(teams.requests)
        details = {r.detail.partition(":")[0] for r in sink.receipts}
        assert details <= {"accepted by the workflow; whether it posts is not told", "left out"}
        last = {json.dumps(card, ensure_ascii=False) for card in teams.posted if "RESOLVED" in json.dumps(card)}
        assert len(last) == 20
