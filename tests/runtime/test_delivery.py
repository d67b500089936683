"""Delivery in virtual time: order, retries, coalescing, dead letters."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from stressd.runtime.retry import wait
from stressd.sinks.base import SinkError
from stressd.store import Commit, Store, outbox
from tests.runtime.outbox_bench import JP, US, Bench, FakeSink, Sent, make


def retry(after: float | None = None) -> SinkError:
    return SinkError("retry", "HTTP 503", after)


async def test_updates_arrive_in_order_and_know_their_root(bench: Bench) -> None:
    slack = bench.sink("slack")
    await bench.start()
    for seq, kind in enumerate(["opened", "escalated", "resolved"], 1):
        await bench.tell("slack", seq=seq, type=kind)
    assert [(n.event_id, n.first, n.thread_root) for n in slack.received] == [
        (f"{JP}.1", True, None),
        (f"{JP}.2", False, f"{JP}.1"),
        (f"{JP}.3", False, f"{JP}.1"),
    ]
    assert bench.rows() == [(f"{JP}.{s}", "delivered") for s in (1, 2, 3)]
    assert bench.row(f"{JP}.2").remote_ref == "ref-2"


async def test_waits_double_to_five_minutes_and_end_in_success(bench: Bench) -> None:
    slack = bench.sink("slack")
    slack.plan = [retry()] * 12
    await bench.start()
    await bench.tell("slack")
    await bench.time.run(3_600)
    times = [at for at, _ in slack.attempts]
    gaps = [round(b - a) for a, b in pairwise(times)]
    assert gaps == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    assert len({n.event_id for _, n in slack.attempts}) == 1
    assert bench.row(f"{JP}.1").attempts == 13


@pytest.mark.parametrize("draw", [0.0, 0.3, 0.999])
def test_jitter_is_full_and_never_zero(draw: float) -> None:
    for failures in range(1, 40):
        assert 0.05 <= wait(failures, 0.0, None, draw) <= max(0.05, draw * 300.0)
    assert wait(1, 0.0, 30.0, draw) >= 30.0
    assert wait(1, 0.0, 1e9, draw) <= 3_601.0
    assert wait(40, 2 * 86_400.0, None, draw) <= 1_800.0


async def test_an_episode_that_waits_holds_up_only_itself(bench: Bench) -> None:
    slack = bench.sink("slack")
    slack.plan = [retry()]
    await bench.start()
    await bench.tell("slack")
    await bench.tell("slack", episode=US)
    assert [n.thread for n in slack.received] == [US]
    await bench.time.run(2)
    assert [n.thread for n in slack.received] == [US, JP]


async def test_what_is_new_goes_before_a_backlog_of_retries(bench: Bench) -> None:
    slack = bench.sink("slack")
    slack.plan = [retry()] * 3
    await bench.start()
    for n in range(3):
        await bench.tell("slack", episode=f"JP-260120-{n:04d}")
    slack.gate = asyncio.Event()
    await bench.time.run(3)
    await bench.tell("slack", episode=US)
    slack.gate.set()
    await bench.time.settle()
    assert [n.thread for n in slack.received][1] == US, "right behind the one that was under way"


async def test_rate_limits_pause_the_whole_sink_for_as_long_as_asked(bench: Bench) -> None:
    slack, mail = bench.sink("slack"), bench.sink("mail")
    slack.plan = [SinkError("rate_limited", "too many", 30.0)]
    await bench.start()
    await bench.tell("slack", "mail")
    await bench.tell("slack", "mail", episode=US)
    assert len(mail.received) == 2
    await bench.time.run(29)
    assert len(slack.attempts) == 1
    await bench.time.run(5)
    assert {n.thread for n in slack.received} == {JP, US}


async def test_a_huge_retry_after_is_capped_at_an_hour(bench: Bench) -> None:
    slack = bench.sink("slack")
    slack.plan = [SinkError("rate_limited", "too many", 1e12)]
    await bench.start()
    await bench.tell("slack")
    await bench.time.run(3_602)
    assert len(slack.received) == 1


async def test_undelivered_updates_collapse_into_the_newest(bench: Bench) -> None:
    slack = bench.sink("slack")
    slack.plan = [retry()]
    await bench.start()
    await bench.tell("slack")
    await bench.tell("slack", seq=2, type="escalated", severity="critical")
    await bench.tell("slack", seq=3, type="propagated", severity="critical")
    await bench.time.run(2)
    (message,) = slack.received
    assert (message.event_id, message.first, message.merged) == (f"{JP}.3", True, 2)
    assert "3 updates merged into this one" in message.text
    assert bench.rows() == [(f"{JP}.1", "superseded"), (f"{JP}.2", "superseded"), (f"{JP}.3", "delivered")]
    assert bench.row(f"{JP}.1").merged_into == f"{JP}.3"


async def test_opened_and_resolved_become_one_message(bench: Bench) -> None:
    slack = bench.sink("slack")
    slack.plan = [retry()]
    await bench.start()
    await bench.tell("slack")
    await bench.tell("slack", seq=2, type="resolved")
    await bench.time.run(2)
    (message,) = slack.received
    assert (message.type, message.first, message.merged) == ("resolved", True, 1)
    assert "opened and resolved" in message.text


async def test_updates_that_came_while_one_was_under_way_follow_it(bench: Bench) -> None:
    slack = bench.sink("slack")
    slack.gate = asyncio.Event()
    await bench.start()
    await bench.tell("slack")
    await bench.tell("slack", seq=2, type="escalated")
    await bench.tell("slack", seq=3, type="widened")
    slack.gate.set()
    await bench.time.settle()
    assert [(n.event_id, n.first, n.merged) for n in slack.received] == [(f"{JP}.1", True, 0), (f"{JP}.3", False, 1)]


async def test_a_permanent_refusal_is_a_dead_letter_at_once(bench: Bench) -> None:
    slack = bench.sink("slack")
    slack.plan = [SinkError("permanent", "HTTP 400: invalid_payload")]
    await bench.start()
    await bench.tell("slack")
    row = bench.row(f"{JP}.1")
    assert (row.state, row.fault, row.last_error) == ("dead", "permanent", "HTTP 400: invalid_payload")
    assert [str(letter) for letter in bench.dead] == [
        "slack: 1 message could not be delivered (HTTP 400: invalid_payload); `stressd deliveries list` shows them"
    ]
    await bench.tell("slack", seq=2, type="resolved")
    (message,) = slack.received
    assert (message.first, message.merged) == (True, 1), "the one that died is spoken of"


async def test_a_disabled_sink_buries_all_and_works_again_when_replaced(bench: Bench) -> None:
    slack = bench.sink("slack")
    slack.plan = [retry(), SinkError("disable", "no_service")]
    deliverer = await bench.start()
    await bench.tell("slack")
    await bench.tell("slack", episode=US)
    await bench.time.run(5)
    assert {state for _, state in bench.rows()} == {"dead"}
    await bench.tell("slack", episode=US, seq=2, type="escalated")
    await bench.time.settle()
    assert bench.row(f"{US}.2").state == "dead"
    (report,) = deliverer.report()
    assert report["disabled"] == "no_service"
    assert sum(letter.count for letter in bench.dead) == report["outcomes"]["dead"] == 3
    again = FakeSink("slack")
    await bench.exchange({"slack": again}, None)
    assert slack.closed
    bench.store.requeue().result()
    await deliverer.rescan()
    await bench.time.settle()
    assert {n.thread for n in again.received} == {JP, US}
    assert bench.rows(states=["dead", "pending"]) == []


async def test_a_possible_repeat_says_so_unless_the_other_side_can_tell(bench: Bench) -> None:
    slack, hook = bench.sink("slack"), bench.sink("hook", idempotent=True)
    slack.plan, hook.plan = ["kept"], ["kept"]
    await bench.start()
    await bench.tell("slack", "hook")
    await bench.time.run(2)
    assert [n.possible_repeat for n in slack.received] == [False, True]
    assert [n.possible_repeat for n in hook.received] == [False, False]
    assert "possible repeat" in slack.received[1].text


async def test_after_three_days_a_message_is_given_up(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stressd.runtime.delivery.RESCAN", 3_600.0)
    slack = bench.sink("slack")
    slack.plan = [retry()] * 2_000
    await bench.start()
    await bench.tell("slack")
    await bench.time.run(71 * 3_600)
    assert bench.dead == []
    await bench.tell("slack", seq=2, type="escalated")
    await bench.time.run(2 * 3_600)
    assert bench.row(f"{JP}.1").state == "dead"
    assert bench.row(f"{JP}.2").state == "pending", "the newer one has its own three days"
    assert "given up after three days: HTTP 503" in bench.dead[0].error
    assert 300 < len(slack.attempts) < 500
    slack.plan = []
    await bench.time.run(1_900)
    (message,) = slack.received
    assert (message.event_id, message.first, message.merged) == (f"{JP}.2", True, 1)
    assert message.late_s is not None


async def test_a_late_message_says_how_late(bench: Bench) -> None:
    slack = bench.sink("slack")
    slack.plan = [retry(), retry(100.0)]
    await bench.start()
    await bench.tell("slack")
    await bench.time.run(200)
    assert [n.late_s is None for _, n in slack.attempts] == [True, True, False]
    assert slack.received[0].late_s == pytest.approx(102.0, abs=0.1)


async def test_a_crash_in_the_middle_of_an_attempt_makes_a_possible_repeat(bench: Bench) -> None:
    slack = bench.sink("slack")
    slack.plan = ["hang"]
    await bench.start()
    await bench.tell("slack")
    await bench.restart(crash=True)
    (message,) = slack.received
    assert message.possible_repeat
    assert [n.event_id for _, n in slack.attempts] == [f"{JP}.1", f"{JP}.1"]


async def test_a_restart_keeps_what_was_told_and_what_waits(bench: Bench) -> None:
    slack = bench.sink("slack")
    await bench.start()
    await bench.tell("slack")
    slack.plan = [retry(50.0)]
    await bench.tell("slack", seq=2, type="escalated")
    await bench.restart()
    assert len(slack.received) == 1, "its time has not come"
    await bench.time.run(60)
    assert [(n.event_id, n.first, n.thread_root, n.possible_repeat) for n in slack.received] == [
        (f"{JP}.1", True, None, False),
        (f"{JP}.2", False, f"{JP}.1", False),
    ]


async def test_what_waits_for_a_sink_that_is_gone_goes_to_the_dead_letters(bench: Bench) -> None:
    bench.sink("slack").plan = [retry(), retry()]
    await bench.start()
    await bench.tell("slack")
    await bench.tell("slack", episode=US)
    del bench.sinks["slack"]
    bench.sink("other")
    await bench.restart()
    await bench.time.settle()
    ends = {(d.state, d.last_error) for d in bench.store.deliveries()}
    assert ends == {("dead", "sink `slack` is no longer configured")}
    assert [letter.count for letter in bench.dead] == [2]
    bench.sinks["other"].plan = [retry()]
    await bench.tell("other", episode=US, seq=2, type="escalated")
    await bench.exchange({"third": FakeSink("third")}, None)
    await bench.tell("other", episode=US, seq=3, type="escalated")
    assert bench.row(f"{US}.2", "other").state == "dead"
    assert bench.row(f"{US}.3", "other").last_error == "sink `other` is not configured"


async def test_a_reload_keeps_the_queue_and_hands_it_to_the_new_sink(bench: Bench) -> None:
    slack = bench.sink("slack")
    slack.plan = [retry()]
    await bench.start()
    await bench.tell("slack")
    again = FakeSink("slack")
    await bench.exchange({"slack": again, "more": FakeSink("more")}, "https://page.example")
    await bench.tell("slack", seq=2, type="escalated")
    await bench.time.run(5)
    assert [(n.event_id, n.merged) for n in again.received] == [(f"{JP}.2", 1)]
    assert again.received[0].link == f"https://page.example/#{JP}"


async def test_a_reload_while_a_delivery_is_being_recorded_loses_and_repeats_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    slack = bench.sink("slack")
    deliverer = await bench.start()
    entered, go_on, record = threading.Event(), threading.Event(), outbox.deliver

    def slow(*args: Any, **more: Any) -> None:
        entered.set()
        assert go_on.wait(10)
        record(*args, **more)

    monkeypatch.setattr("stressd.store.outbox.deliver", slow)
    await asyncio.wrap_future(bench.store.commit(Commit([Sent(make(), ("slack",))])))
    deliverer.committed([Sent(make(), ("slack",))])
    await asyncio.to_thread(entered.wait, 10)
    again = FakeSink("slack")
    await bench.exchange({"slack": again}, None, 0.0)
    go_on.set()
    await bench.tell("slack", seq=2, type="escalated")
    assert [n.event_id for n in slack.received + again.received] == [f"{JP}.1", f"{JP}.2"]
    assert not again.received[0].first


async def test_a_stop_finishes_what_is_under_way_and_keeps_the_rest(bench: Bench) -> None:
    slack = bench.sink("slack")
    slack.gate = asyncio.Event()
    deliverer = await bench.start()
    await bench.tell("slack")
    await bench.tell("slack", episode=US)
    stopping = asyncio.ensure_future(deliverer.stop(5.0))
    await bench.time.settle()
    assert not stopping.done()
    slack.gate.set()
    await stopping
    assert slack.closed
    await bench.time.settle()
    assert bench.rows() == [(f"{JP}.1", "delivered"), (f"{US}.1", "pending")]


async def test_a_bucket_spaces_messages(bench: Bench) -> None:
    slack = bench.sink("slack", per_second=1.0, burst=3)
    await bench.start()
    await bench.commit(*(Sent(make(episode=f"JP-260120-{n:04d}"), ("slack",)) for n in range(7)))
    await bench.time.run(10)
    assert [round(at, 3) for at, _ in slack.attempts] == [0, 0, 0, 1, 2, 3, 4]


async def test_concurrency_is_across_episodes_only(bench: Bench) -> None:
    hook = bench.sink("hook", concurrency=4, idempotent=True)
    hook.gate = asyncio.Event()
    await bench.start()
    await bench.commit(*(Sent(make(episode=f"JP-260120-{n % 6:04d}", seq=n // 6 + 1), ("hook",)) for n in range(12)))
    assert hook.most == 4
    hook.gate.set()
    await bench.time.settle()
    assert len({n.thread for n in hook.received}) == 6


async def test_a_lost_alert_about_the_daemon_raises_no_further_one(bench: Bench) -> None:
    bench.sink("slack").plan = [SinkError("permanent", "no")]
    await bench.start()
    await bench.tell("slack", kind="self")
    assert bench.row(f"{JP}.1").state == "dead"
    assert bench.dead == []


async def test_a_sink_or_template_that_breaks_its_promise_loses_one_message_not_the_lane(bench: Bench) -> None:
    slack = bench.sink("slack")
    slack.plan = [KeyError("oops")]
    await bench.start()
    await bench.tell("slack")
    await bench.tell("slack", episode="nonsense")
    await bench.tell("slack", episode=US)
    assert [n.thread for n in slack.received] == [US]
    assert [letter.fault for letter in bench.dead] == ["permanent", "permanent"]
    assert "cannot be rendered or sent: KeyError('oops')" in bench.dead[0].error


async def test_alerts_go_out_while_the_disk_is_in_trouble(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    slack = bench.sink("slack")
    await bench.start()
    await asyncio.wrap_future(bench.store.commit(Commit([Sent(make(), ("slack",))])))

    broken = {"disk": True}

    def frail(statement: Callable[..., None]) -> Callable[..., None]:
        def write(*args: Any, **more: Any) -> None:
            if broken["disk"]:
                raise sqlite3.OperationalError("disk I/O error")
            statement(*args, **more)

        return write

    monkeypatch.setattr("stressd.store.outbox.begin", frail(outbox.begin))
    monkeypatch.setattr("stressd.store.outbox.deliver", frail(outbox.deliver))
    assert bench.deliverer is not None
    bench.deliverer.committed([Sent(make(), ("slack",))])
    async with asyncio.timeout(10):
        while not slack.received:
            await asyncio.sleep(0.01)
    assert bench.store.trouble is not None
    assert bench.row(f"{JP}.1").state == "pending"
    broken["disk"] = False
    async with asyncio.timeout(20):
        while bench.row(f"{JP}.1").state != "delivered":
            await asyncio.sleep(0.05)
    assert len(slack.received) == 1


async def test_the_same_events_told_twice_are_sent_once(bench: Bench) -> None:
    slack = bench.sink("slack")
    slack.gate = asyncio.Event()
    deliverer = await bench.start()
    sent = Sent(make(), ("slack",))
    await bench.commit(sent)
    deliverer.committed([sent])
    await deliverer.rescan()
    slack.gate.set()
    await bench.time.settle()
    assert len(slack.received) == 1


async def test_dead_letters_put_back_are_found_by_the_regular_look(bench: Bench) -> None:
    slack = bench.sink("slack")
    slack.plan = [SinkError("permanent", "no")]
    await bench.start()
    await bench.tell("slack")
    other = Store.open(bench.directory)
    assert other.requeue([f"{JP}.1"]).result() == [(f"{JP}.1", "slack")]
    other.close()
    await bench.time.run(11)
    assert [n.event_id for n in slack.received] == [f"{JP}.1"]
    await bench.time.run(60)
    assert len(slack.attempts) == 2


async def test_the_report_counts_and_ages(bench: Bench) -> None:
    slack = bench.sink("slack")
    slack.plan = ["ok", retry(500.0)]
    deliverer = await bench.start()
    await bench.tell("slack")
    await bench.tell("slack", seq=2, type="escalated")
    await bench.time.run(100)
    (report,) = deliverer.report()
    assert report["outcomes"] == {"delivered": 1, "failed": 1, "dead": 0, "merged": 0}
    assert report["pending"] == 1
    assert report["oldest_age_s"] == pytest.approx(100.0)
    assert report["failing_s"] == pytest.approx(100.0)
    assert report["last_error"] == "HTTP 503"
    assert report["latency_p50_s"] == pytest.approx(0.0, abs=0.01)
    await bench.time.run(500)
    await deliverer.idle()
    assert deliverer.report()[0]["failing_s"] is None


async def test_a_storm_is_delivered_in_bounded_messages(bench: Bench) -> None:
    """500 episodes of 10 updates each within an instant, to a sink that takes one message a second."""
    slack = bench.sink("slack", per_second=1.0, burst=3)
    hook = bench.sink("hook", idempotent=True, concurrency=4)
    await bench.start()
    routed = [
        Sent(make(episode=f"JP-260120-{n:04d}", seq=s, type="opened" if s == 1 else "escalated"), ("slack", "hook"))
        for s in range(1, 11)
        for n in range(500)
    ]
    await bench.commit(*routed)
    assert bench.deliverer is not None
    while any(lane["pending"] for lane in bench.deliverer.report()):
        await bench.time.run(30)
    assert len(slack.received) <= 1_000
    assert len({n.thread for n in slack.received}) == len({n.thread for n in hook.received}) == 500
    assert bench.rows(states=["pending", "sending", "dead"]) == []


async def test_the_newest_name_of_the_thread_is_the_one_that_counts_also_after_a_restart(bench: Bench) -> None:
    slack = bench.sink("slack")
    await bench.start()
    for seq, kind in enumerate(["opened", "escalated", "widened"], 1):
        await bench.tell("slack", seq=seq, type=kind)
    await bench.restart()
    await bench.tell("slack", seq=4, type="resolved")
    assert [n.thread_ref for n in slack.received] == [None, "ref-1", "ref-2", "ref-3"]
    assert {n.thread_root for n in slack.received[1:]} == {f"{JP}.1"}


async def test_an_update_that_stands_for_a_doubtful_one_is_a_possible_repeat_too(bench: Bench) -> None:
    slack = bench.sink("slack")
    slack.plan = ["kept"]
    await bench.start()
    await bench.tell("slack")
    await bench.tell("slack", seq=2, type="escalated")
    await bench.time.run(3)
    assert [(n.event_id, n.first, n.possible_repeat) for n in slack.received] == [
        (f"{JP}.1", True, False),
        (f"{JP}.2", True, True),
    ]


async def test_what_was_withheld_stands_in_the_next_message_after_a_restart_too(bench: Bench) -> None:
    slack = bench.sink("slack")
    slack.plan = [retry()] * 3
    await bench.start()
    await bench.commit(Sent(make(seq=1), ("slack",), {"slack": ("US 10Y warn (followed JP)",)}))
    await bench.time.run(0.5)
    assert bench.row(f"{JP}.1").withheld == ("US 10Y warn (followed JP)",)
    await bench.restart()
    await bench.commit(Sent(make(seq=2, type="resolved"), ("slack",), {"slack": ("UK 10Y info (followed JP)",)}))
    await bench.time.run(600)
    (told,) = slack.received
    assert ("Withheld", "US 10Y warn (followed JP); UK 10Y info (followed JP)") in told.facts
