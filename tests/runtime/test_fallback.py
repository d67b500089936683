"""A sink that fails is left alone for a while, its fallback is told in its place, and people hear of it elsewhere."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressd.alerts.event import DataQuality
from stressd.runtime.breaker import CAP, THRESHOLD, Breaker
from stressd.runtime.lane import Item
from stressd.runtime.standins import StandIns
from stressd.sinks.base import SinkError
from stressd.store import Commit
from tests.runtime.outbox_bench import JP, US, Bench, FakeSink, Sent, make


def down(times: int = 1_000) -> list[SinkError]:
    return [SinkError("retry", "HTTP 503") for _ in range(times)]


def heard(sink: FakeSink, episode: str = JP) -> list[str]:
    return [n.type for n in sink.received if n.thread == episode]


# -- the breaker


@given(st.lists(st.tuples(st.sampled_from(["passed", "failed", "abandon"]), st.floats(0.0, 40.0)), max_size=60))
def test_a_breaker_opens_after_failures_in_a_row_and_never_keeps_anybody_waiting_long(
    steps: list[tuple[str, float]],
) -> None:
    breaker, now, row = Breaker(), 0.0, 0
    for step, passes in steps:
        now += passes
        wait = breaker.wait(now)
        assert wait is not None, "nothing is under way between two steps"
        assert wait <= CAP
        if wait > 0.0:
            continue
        breaker.begin()
        assert (breaker.wait(now) is None) == breaker.open, "one at a time finds out"
        if step == "passed":
            assert breaker.passed() == (row >= THRESHOLD)
            row = 0
        elif step == "failed":
            row += 1
            assert breaker.failed(now) == (row == THRESHOLD)
        else:
            breaker.abandon()
        assert breaker.open == (row >= THRESHOLD)


async def test_a_sink_that_is_down_is_tried_with_one_message_at_a_time_and_then_gets_all(bench: Bench) -> None:
    hook = bench.sink("hook", idempotent=True, concurrency=4)
    hook.plan = down(20)
    deliverer = await bench.start()
    await bench.commit(*(Sent(make(episode=f"JP-260120-{n:04d}"), ("hook",)) for n in range(100)))
    assert len(hook.attempts) <= THRESHOLD + 3, "the other three workers were on their way"
    assert deliverer.report()[0]["breaker"] == "open"
    await bench.time.run(600)
    failed = [at for at, _ in hook.attempts[:20]]
    assert all(b - a <= CAP + 0.01 for a, b in pairwise(failed))
    assert deliverer.report()[0]["breaker"] == "closed"
    assert len(hook.received) == 100, "back: nothing waits for its own turn"
    assert max(at for at, _ in hook.attempts) - failed[-1] <= CAP + 0.01


async def test_what_is_refused_for_itself_or_comes_too_fast_says_nothing_of_the_other_side(bench: Bench) -> None:
    slack = bench.sink("slack")
    slack.plan = [SinkError("permanent", "no"), SinkError("rate_limited", "slow", 1.0)] * 5
    deliverer = await bench.start()
    for n in range(10):
        await bench.tell("slack", episode=f"JP-260120-{n:04d}")
        await bench.time.run(3)
        assert deliverer.report()[0]["breaker"] == "closed"


# -- the fallback


async def test_what_a_failing_sink_does_not_take_goes_to_its_fallback_at_once_and_says_so(bench: Bench) -> None:
    slack, mail = bench.sink("slack"), bench.sink("mail")
    bench.fall_back("slack", "mail")
    slack.plan = down(8)
    await bench.start()
    await bench.tell("slack")
    await bench.time.run(6)
    assert not mail.received, "three failures are no outage"
    await bench.time.run(9)
    (message,) = mail.received
    assert message.first
    assert "fallback for slack" in message.text
    assert ("Note", "fallback for slack") in message.facts
    await bench.tell("slack", episode=US)
    assert heard(mail, US) == ["opened"], "at once while the breaker is open"
    assert bench.row(f"{US}.1", "mail").fallback_for == "slack"
    await bench.time.run(200)
    assert heard(slack) == heard(slack, US) == ["opened"], "and the sink itself as soon as it can"
    await bench.tell("slack", seq=2, type="escalated")
    await bench.tell("slack", seq=3, type="resolved")
    assert heard(slack) == heard(mail) == ["opened", "escalated", "resolved"]
    await bench.tell("slack", episode="DE-260120-cccc")
    assert heard(slack, "DE-260120-cccc") == ["opened"]
    assert heard(mail, "DE-260120-cccc") == [], "what came after the outage concerns the sink alone"


async def test_what_waits_for_too_long_goes_to_the_fallback_though_the_sink_answers(bench: Bench) -> None:
    slack, mail = bench.sink("slack"), bench.sink("mail")
    bench.fall_back("slack", "mail", 45.0)
    await bench.start()
    await bench.tell("slack")
    slack.plan = [SinkError("rate_limited", "too many", 600.0)]
    await bench.tell("slack", seq=2, type="escalated")
    await bench.time.run(44)
    assert not mail.received
    await bench.tell("slack", seq=3, type="propagated")
    await bench.time.run(2)
    assert [(n.event_id, n.first, n.merged) for n in mail.received] == [(f"{JP}.3", True, 1)], "merged, as anywhere"
    await bench.time.run(700)
    assert heard(slack) == ["opened", "propagated"]


async def test_an_end_alone_is_nobodys_first_message(bench: Bench) -> None:
    slack, mail = bench.sink("slack"), bench.sink("mail")
    bench.fall_back("slack", "mail")
    await bench.start()
    await bench.tell("slack")
    slack.plan = down(6)
    await bench.tell("slack", seq=2, type="resolved")
    await bench.time.run(300)
    assert heard(slack) == ["opened", "resolved"]
    assert mail.received == [], "it never heard of the episode"
    slack.plan = down(6)
    await bench.commit(Sent(make(episode=US), ("slack",)), Sent(make(episode=US, seq=2, type="resolved"), ("slack",)))
    await bench.time.run(300)
    assert [(n.type, n.merged) for n in mail.received] == [("resolved", 1)], "opened and resolved in one"


async def test_a_refused_message_and_a_disabled_sink_leave_dead_letters_and_the_fallback_knows(bench: Bench) -> None:
    slack, mail = bench.sink("slack"), bench.sink("mail")
    bench.fall_back("slack", "mail")
    slack.plan = [SinkError("permanent", "HTTP 400: invalid_blocks"), SinkError("disable", "HTTP 410")]
    await bench.start()
    await bench.tell("slack")
    assert heard(mail) == ["opened"]
    assert bench.row(f"{JP}.1").state == "dead"
    assert "mail was told instead" in str(bench.dead[0])
    await bench.tell("slack", episode=US)
    await bench.tell("slack", episode=US, seq=2, type="escalated")
    assert heard(mail, US) == ["opened", "escalated"]
    assert {row.state for row in bench.store.deliveries(sink="slack")} == {"dead"}
    assert {row.state for row in bench.store.deliveries(sink="mail")} == {"delivered"}


async def test_a_fallback_that_is_told_anyway_is_not_told_twice(bench: Bench) -> None:
    slack, mail = bench.sink("slack"), bench.sink("mail")
    bench.fall_back("slack", "mail")
    slack.plan = down()
    await bench.start()
    await bench.tell("slack", "mail")
    await bench.time.run(100)
    await bench.tell("slack", "mail", seq=2, type="resolved")
    assert heard(mail) == ["opened", "resolved"]
    assert not any("fallback" in n.text for n in mail.received)


async def test_nobody_stands_in_for_a_stand_in(bench: Bench) -> None:
    slack, mail, third = bench.sink("slack"), bench.sink("mail"), bench.sink("third")
    bench.fall_back("slack", "mail")
    bench.fall_back("mail", "third")
    slack.plan, mail.plan = down(), down()
    await bench.start()
    await bench.tell("slack")
    await bench.time.run(1_000)
    assert third.received == []
    assert {row.sink for row in bench.store.deliveries()} == {"slack", "mail"}


@pytest.mark.parametrize("crash", [False, True])
async def test_a_restart_remembers_who_stands_in_and_what_waits(bench: Bench, crash: bool) -> None:
    slack, mail = bench.sink("slack"), bench.sink("mail")
    bench.fall_back("slack", "mail")
    slack.plan, mail.plan = down(), ["hang"] if crash else []
    await bench.start()
    await bench.tell("slack")
    await bench.time.run(20)
    await bench.restart(crash=crash)
    assert heard(mail) == ["opened"]
    unheard = Sent(make(seq=2, type="escalated"), ("slack",))
    await asyncio.wrap_future(bench.store.commit(Commit([unheard])))
    await bench.restart(crash=True)
    assert heard(mail) == ["opened", "escalated"], "committed, and the process died before anybody heard"
    slack.plan = []
    await bench.tell("slack", seq=3, type="resolved")
    await bench.time.run(400)
    assert heard(mail)[-1] == heard(slack)[-1] == "resolved"
    assert "fallback for slack" in mail.received[-1].text
    assert bench.rows(states=["pending", "sending", "dead"]) == []


async def test_a_reload_may_name_another_fallback_and_what_is_told_twice_stays_so(bench: Bench) -> None:
    slack, mail = bench.sink("slack"), bench.sink("mail")
    bench.fall_back("slack", "mail")
    slack.plan = down()
    await bench.start()
    await bench.tell("slack")
    await bench.time.run(20)
    other = bench.sink("other")
    bench.fall_back("slack", "other")
    await bench.reload()
    slack.plan = down()
    await bench.tell("slack", episode=US)
    await bench.time.run(70)
    assert (heard(mail, US), heard(other, US)) == ([], ["opened"])
    await bench.tell("slack", seq=2, type="resolved")
    assert (heard(mail), heard(other)) == (["opened", "resolved"], [])


async def test_a_clock_that_jumps_makes_nothing_late_and_nobody_stand_in(bench: Bench) -> None:
    slack, mail = bench.sink("slack"), bench.sink("mail")
    bench.fall_back("slack", "mail")
    wall = {"off": 0}
    timing = bench.time.timing()
    bench.time.timing = lambda: type(timing)(  # type: ignore[method-assign]
        lambda: timing.now() + wall["off"], timing.monotonic, timing.sleep, timing.random
    )
    slack.plan = down(3)
    await bench.start()
    for hours in (1, -1, 96):
        wall["off"] = hours * 3_600 * 10**9
        slack.plan = down(3)
        await bench.tell("slack", episode=f"JP-260120-{abs(hours) + (hours < 0):04d}")
        await bench.time.run(30)
    assert [n.late_s for n in slack.received] == [None, None, None]
    assert mail.received == []
    assert bench.dead == []


# -- alerts about stressd itself


def about(sink: str, **more: object) -> dict[str, object]:
    return {"kind": "self", "rule": "delivery-lost", "data": DataQuality(sources=[sink]), "market": "", **more}


async def test_an_alert_about_a_sink_goes_through_another_where_its_route_names_only_that_one(bench: Bench) -> None:
    ops, desk = bench.sink("ops"), bench.sink("desk")
    await bench.start()
    await bench.tell("ops", **about("ops"))
    assert heard(desk) == ["opened"]
    assert "fallback for ops" in desk.received[0].text
    await bench.tell("ops", **about("ops", seq=2, type="resolved"))
    assert heard(desk) == heard(ops) == ["opened", "resolved"], "its end goes where its beginning went"


async def test_an_alert_about_a_sink_that_takes_it_at_once_goes_through_another_all_the_same(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    ops, desk = bench.sink("ops"), bench.sink("desk")
    look = StandIns._somebody_for

    async def late(self: StandIns, sink: str, episode: str, item: Item) -> str | None:
        while bench.row(item.event_id, "ops").state != "delivered":
            await asyncio.sleep(0)
        return await look(self, sink, episode, item)

    monkeypatch.setattr(StandIns, "_somebody_for", late)
    await bench.start()
    await bench.tell("ops", **about("ops"))
    assert heard(desk) == heard(ops) == ["opened"]


async def test_an_alert_about_stressd_finds_a_sink_that_is_well(bench: Bench) -> None:
    ops, third, desk = bench.sink("ops"), bench.sink("third"), bench.sink("desk")
    bench.fall_back("ops", "desk")
    ops.plan, third.plan = [SinkError("disable", "HTTP 410")], [SinkError("disable", "HTTP 410")]
    await bench.start()
    await bench.tell("ops", **about("desk"))
    assert heard(desk) == [], "not through the one that it is about"
    assert bench.row(f"{JP}.1", "ops").state == "dead"
    assert bench.row(f"{JP}.1", "third").fallback_for == "ops"
    await bench.tell("ops", **about("ops", episode=US))
    assert heard(desk, US) == ["opened"], "the configured fallback, since the others are disabled"


async def test_an_alert_about_stressd_is_looked_after_when_nobody_was_well_at_first(bench: Bench) -> None:
    ops, desk = bench.sink("ops"), bench.sink("desk")
    ops.plan, desk.plan = down(), down(6)
    await bench.start()
    await bench.tell("desk", episode=US)
    await bench.time.run(20)
    await bench.tell("ops", **about("ops"))
    await bench.time.run(15)
    assert heard(desk) == []
    await bench.time.run(100)
    assert heard(desk) == ["opened"]


async def test_an_alert_that_some_sink_of_its_route_takes_goes_nowhere_else(bench: Bench) -> None:
    ops, desk, third = bench.sink("ops"), bench.sink("desk"), bench.sink("third")
    ops.plan = down()
    await bench.start()
    await bench.tell("ops", "desk", **about("ops"))
    await bench.time.run(300)
    assert (heard(desk), heard(third)) == (["opened"], [])


async def test_people_are_told_of_a_sink_that_fails_for_a_minute_or_is_disabled(bench: Bench) -> None:
    slack, mail, _ = bench.sink("slack"), bench.sink("mail"), bench.sink("hook")
    bench.fall_back("slack", "hook")
    slack.plan, mail.plan = down(8), [SinkError("disable", "its address is gone")]
    deliverer = await bench.start()
    await bench.tell("slack", "mail")
    assert deliverer.troubled() == [("mail", "mail is disabled (its address is gone): nothing waits", False)]
    await bench.time.run(65)
    assert deliverer.troubled()[0] == (
        "slack",
        "slack fails (HTTP 503): 1 message waits; hook is told instead",
        False,
    )
    await bench.time.run(400)
    assert [name for name, _, _ in deliverer.troubled()] == ["mail"]


# -- what people drop


async def test_what_somebody_drops_is_let_go_of_by_the_running_daemon(bench: Bench) -> None:
    slack = bench.sink("slack")
    slack.plan = [SinkError("retry", "HTTP 503", 50.0), SinkError("retry", "HTTP 503", 50.0)]
    await bench.start()
    await bench.tell("slack")
    await bench.tell("slack", episode=US)
    await bench.tell("slack", seq=2, type="escalated")
    dropped = await asyncio.wrap_future(bench.store.drop([f"{JP}.1", f"{JP}.2"], author="mika"))
    assert dropped == [(f"{JP}.1", "slack"), (f"{JP}.2", "slack")]
    await bench.time.run(100)
    assert [n.thread for n in slack.received] == [US]
    assert [n.event_id for _, n in slack.attempts if n.thread == JP] == [f"{JP}.1"], "before it was dropped"
    row = bench.row(f"{JP}.1")
    assert (row.state, row.fault, row.last_error) == ("dead", "dropped", "dropped by mika")
    assert [(a.author, a.verb, a.subject, a.detail) for a in bench.store.actions()] == [
        ("mika", "dropped", f"{JP}.1", "slack"),
        ("mika", "dropped", f"{JP}.2", "slack"),
    ]
    await bench.tell("slack", seq=3, type="propagated")
    await bench.time.run(100)
    assert heard(slack) == ["propagated"]
