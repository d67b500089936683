"""PagerDuty: one incident an episode, under one key, and never a ghost."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stressd.alerts.notification import Action, Notification, Row
from stressd.config.fields import HttpOptions, SecretError
from stressd.sinks.base import Receipt, SinkError
from stressd.sinks.fitting import Shown
from stressd.sinks.pagerduty import BUDGET, Config, PagerDutySink, build, dedup_key, trigger
from stressd.testing.pagerduty import KEY, FakePagerDuty, faults
from stressd.testing.service import Fault

Note = Callable[..., Notification]
OTHER = "fedcba9876543210fedcba9876543210"


class Pager:
    """Tells one episode, each message with what the one before left."""

    def __init__(self, service: FakePagerDuty, note: Note, *keys: str) -> None:
        self.service = service
        self.note = note
        self.ref: str | None = None
        self.build(*keys)

    def build(self, *keys: str) -> None:
        options = HttpOptions.model_validate({"timeout": "1s"})
        self.sink = PagerDutySink("pager", self.service.enqueue_url, options, keys or (KEY,), "rates-tokyo")

    async def tell(self, type: str, **more: Any) -> Receipt:
        n = self.note(**({"type": type, "first": self.ref is None, "thread_ref": self.ref} | more))
        try:
            receipt = await self.sink.send(n)
        finally:
            await self.sink.close()
        self.ref = receipt.remote_ref
        return receipt


@pytest.fixture
async def service() -> AsyncIterator[FakePagerDuty]:
    async with FakePagerDuty(lambda: 1_768_887_000.0) as fake:
        yield fake


@pytest.fixture
def pager(service: FakePagerDuty, note: Note) -> Pager:
    return Pager(service, note)


async def test_an_episode_is_one_incident_from_its_opening_to_its_end(pager: Pager) -> None:
    await pager.tell("opened", severity="high")
    await pager.tell("escalated", severity="critical")
    await pager.tell("acknowledged", severity="critical")
    (incident,) = pager.service.incidents
    assert (incident.state, incident.severity) == ("acknowledged", "error")
    await pager.tell("propagated", severity="critical")
    await pager.tell("resolved", severity="critical", life="over")
    assert incident.state == "resolved"
    assert [event["event_action"] for event in incident.log] == [
        "trigger", "trigger", "acknowledge", "trigger", "resolve",
    ]  # fmt: skip
    assert incident.dedup_key == "stressd:rates-tokyo:JP-260120-7q2f"
    assert pager.service.dropped == []


async def test_an_incident_says_everything_that_the_message_says(pager: Pager) -> None:
    body = b'{"market":"JP","rule":"sigma-breach"}'
    actions = (Action("ack 30m", "https://x.example/a?s=1"),)
    await pager.tell("opened", answers=(("US 10Y", "followed"),), body=body, actions=actions, sparkline="▁▃█")
    (incident,) = pager.service.incidents
    event = incident.log[0]
    payload, details = event["payload"], event["payload"]["custom_details"]
    assert (payload["severity"], payload["source"], payload["component"], payload["class"]) == (
        "critical", "rates-tokyo", "JP", "sigma-breach",
    )  # fmt: skip
    assert payload["timestamp"] == "2026-01-20T06:00:00Z"
    assert details["Status"] == "escalated to critical"
    assert details["US 10Y"] == "followed"
    assert details["Table"][0] == {"Series": "JP 30Y", "Now": "3.765%", "Move": "+20.3bp"}
    assert details["Event"] == "JP-260120-7q2f.3"
    assert details["Path"] == "▁▃█"
    assert event["client_url"] == "https://stressd.bank.example/#JP-260120-7q2f"
    assert [link["text"] for link in event["links"]] == ["Open the episode", "ack 30m"]


@pytest.mark.parametrize(
    ("severity", "theirs"), [("info", "info"), ("warn", "warning"), ("high", "error"), ("critical", "critical")]
)
async def test_severities_are_pagerdutys(pager: Pager, severity: str, theirs: str) -> None:
    await pager.tell("opened", severity=severity)
    assert pager.service.incidents[0].severity == theirs


async def test_what_is_told_once_leaves_no_incident_open_unless_somebody_is_to_see_it(pager: Pager) -> None:
    await pager.tell("opened", life="once", severity="info")
    assert pager.service.open() == []
    assert len(pager.service.incidents) == 1
    pager.ref = None
    await pager.tell("opened", life="once", severity="critical", thread="JP-260120-aaaa")
    (left,) = pager.service.open()
    assert "resolve it by hand" in left.log[0]["payload"]["custom_details"]["End"]


async def test_what_comes_after_the_end_opens_no_ghost(pager: Pager) -> None:
    await pager.tell("opened")
    await pager.tell("resolved", life="over")
    for type in ("propagated", "corrected", "widened"):
        await pager.tell(type, life="over")
    assert len(pager.service.incidents) == 1
    await pager.tell("reopened")
    assert [incident.state for incident in pager.service.incidents] == ["resolved", "triggered"]


async def test_opened_and_resolved_in_one_message_is_on_record_and_over(pager: Pager) -> None:
    await pager.tell("resolved", life="over", merged=1)
    assert [incident.state for incident in pager.service.incidents] == ["resolved"]
    assert pager.service.dropped == []


async def test_an_attempt_whose_answer_was_lost_may_be_repeated(pager: Pager) -> None:
    pager.service.faults.append(Fault("lose"))
    with pytest.raises(SinkError) as caught:
        await pager.tell("opened")
    assert caught.value.fault == "ambiguous"
    await pager.tell("opened")
    assert len(pager.service.incidents) == 1
    assert PagerDutySink.traits.idempotent


async def test_an_open_episode_stays_with_the_key_that_it_was_opened_with(pager: Pager) -> None:
    pager.service.keys.add(OTHER)
    await pager.tell("opened")
    pager.build(OTHER, KEY)
    await pager.tell("escalated")
    await pager.tell("resolved", life="over")
    (incident,) = pager.service.incidents
    assert (incident.routing_key, incident.state) == (KEY, "resolved")
    pager.ref = None
    await pager.tell("opened", thread="JP-260121-bbbb")
    assert pager.service.incidents[-1].routing_key == OTHER, "a new episode goes to the first"


async def test_a_key_that_is_no_longer_there_is_explained_and_nothing_is_sent(pager: Pager) -> None:
    await pager.tell("opened")
    pager.build(OTHER)
    sent = len(pager.service.requests)
    with pytest.raises(SinkError, match="opened with another routing key: resolve it there by hand, or list") as caught:
        await pager.tell("resolved", life="over")
    assert caught.value.fault == "permanent"
    assert len(pager.service.requests) == sent
    assert KEY not in str(pager.ref)


@pytest.mark.parametrize(
    ("answer", "expected", "wait"),
    [
        (Fault(status=400, text='{"status":"invalid event","errors":["Invalid routing key"]}'), "disable", None),
        (
            Fault(status=400, text='{"status":"invalid event","errors":["payload.summary is missing"]}'),
            "permanent",
            None,
        ),
        (Fault(status=403, text="Forbidden"), "disable", None),
        (Fault(status=429), "rate_limited", 30.0),
        (Fault(status=429, headers={"Retry-After": "90"}), "rate_limited", 90.0),
        (Fault(status=500), "retry", None),
        (Fault(status=503, headers={"Retry-After": "5"}), "retry", 5.0),
        (Fault(status=200, text="<html>guest network</html>"), "retry", None),
        (Fault(status=302, headers={"Location": "https://evil.example"}), "retry", None),
        (Fault("hang"), "ambiguous", None),
    ],
)
async def test_what_pagerduty_says_is_told_apart(
    pager: Pager, answer: Fault, expected: str, wait: float | None
) -> None:
    pager.service.faults.append(answer)
    with pytest.raises(SinkError) as caught:
        await pager.tell("opened")
    assert (caught.value.fault, caught.value.retry_after) == (expected, wait)
    assert KEY not in str(caught.value)


async def test_a_body_that_is_too_large_after_all_goes_without_details(pager: Pager) -> None:
    pager.service.faults.append(Fault(status=413))
    await pager.tell("opened")
    assert "custom_details" not in pager.service.incidents[0].log[0]["payload"]


async def test_a_hundred_and_twenty_a_minute_are_taken_and_no_more(pager: Pager) -> None:
    for seq in range(120):
        pager.ref = None
        await pager.tell("opened", thread=f"JP-260120-{seq:04d}")
    with pytest.raises(SinkError) as caught:
        await pager.tell("escalated")
    assert (caught.value.fault, caught.value.retry_after) == ("rate_limited", 30.0)
    traits = PagerDutySink.traits
    assert traits.per_second is not None
    assert traits.burst + 60.0 * traits.per_second <= 120


text = st.text(max_size=3_000)


@given(
    title=text.filter(bool),
    facts=st.lists(st.tuples(text, text), max_size=30),
    rows=st.lists(st.tuples(text, text, text), max_size=300),
)
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.data_too_large])
def test_any_event_is_one_that_the_api_takes(note: Note, title: str, facts: list[Any], rows: list[Any]) -> None:
    n = note(title=title, facts=tuple(facts), table=tuple(Row(r) for r in rows))
    body = {"routing_key": KEY, "dedup_key": dedup_key("d", n.thread), "event_action": "trigger"}
    whole = body | trigger(n, "d", Shown(len(rows), 0, len(facts), 0))
    assert faults(whole) == []


async def test_a_huge_message_is_cut_below_the_limit_and_says_so(pager: Pager) -> None:
    rows = tuple(Row((f"JP {i}", "x" * 9_000, "y")) for i in range(60))
    await pager.tell("opened", table=rows, answers=tuple((f"M{i}", "a" * 20_000) for i in range(30)))
    event = pager.service.incidents[0].log[0]
    assert len(json.dumps(event).encode()) <= BUDGET
    assert event["payload"]["custom_details"]["Cut"].startswith("Cut to fit, not shown: 60 rows of the table")


def test_a_dedup_key_is_never_longer_than_it_may_be() -> None:
    keys = {dedup_key("i" * 63, "JP-" + c * 400) for c in "ab"}
    assert {len(key) for key in keys} == {255}
    assert len(keys) == 2


async def test_the_probe_pages_nobody(pager: Pager) -> None:
    assert (await pager.sink.probe()).startswith("127.0.0.1: reached, the routing key taken")
    await pager.sink.close()
    assert pager.service.incidents == []
    pager.build("0" * 32)
    with pytest.raises(SinkError, match="routing key is refused"):
        await pager.sink.probe()
    await pager.sink.close()


def test_a_secret_that_is_no_routing_key_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text(f"{KEY}\n")
    config = Config.model_validate({"name": "pager", "type": "pagerduty", "routing_key": {"file": str(secret)}})
    assert config.wrong_secret() is None
    assert isinstance(build(config, "desk"), PagerDutySink)
    secret.write_text("not-a-key")
    found = config.wrong_secret()
    assert found is not None
    assert "32 letters and digits" in found[1]
    with pytest.raises(SecretError, match="no routing key"):
        build(config, "desk")
