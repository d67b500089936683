"""Every message that we make is one by Slack's own types, and by the lengths that Slack's own library enforces."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block

from stressd.alerts.canned import canned
from stressd.alerts.event import Event
from stressd.alerts.notification import Action, Notification, Telling
from stressd.alerts.render import render
from stressd.config.fields import HttpOptions
from stressd.sinks.blocks import payload, reply
from stressd.sinks.slack_api import SlackApi
from stressd.sinks.slack_bot import SlackBotSink
from stressd.testing.slack import TOKEN, FakeSlack
from stressd.testing.slack_limits import fault, mentions
from tests.sinks.npm import Unavailable
from tests.sinks.slack_schema import schema

ACTIONS = tuple(Action(label, "https://x.example/act?s=1") for label in ("ack 30m", "silence 2h", "useful", "noise"))
EVENTS = canned()


@pytest.fixture(scope="module")
def validator(root: Path) -> jsonschema.Draft7Validator:
    try:
        return jsonschema.Draft7Validator(schema(root / "build" / "slack-schema"))
    except Unavailable as error:
        pytest.skip(f"Slack's own types cannot be had, no message was checked against them: {error}")


def tellings(event: Event) -> Iterator[Notification]:
    """The event as it is told first, late and merged, and as an update."""
    page = "https://stressd.bank.example/"
    yield render(event, Telling(first=True, page_url=page, actions=ACTIONS))
    yield render(event, Telling(first=True, late_s=900.0, merged=3, possible_repeat=True, withheld=("a", "b")))
    yield render(event, Telling(first=False, page_url=page, thread_root="e.1", thread_ref="C0DESK0001:1.000001"))


def messages(n: Notification) -> Iterator[dict[str, Any]]:
    yield payload(n)
    yield {"text": n.title, "blocks": reply(n)}


async def sent(n: Notification, seconds: list[float]) -> list[dict[str, Any]]:
    """The bodies that the bot really posts: of a first message, and of an update of it with its edit."""
    bodies: list[dict[str, Any]] = []
    async with FakeSlack(lambda: seconds[0]) as slack:
        sink = SlackBotSink("desk", SlackApi(slack.api_url, TOKEN, HttpOptions.model_validate({})), "C0DESK0001")
        receipt = await sink.send(n)
        await sink.send(_after(n, receipt.remote_ref))
        await sink.close()
        bodies += [json.loads(r.body) for r in slack.requests if "chat." in r.path]
        assert len(slack.channel.messages) == 2
    return bodies


def _after(n: Notification, ref: str) -> Notification:
    return replace(n, thread_ref=ref, first=False, possible_repeat=False)


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: f"{e.kind}-{e.type}-{e.id}")
async def test_every_message_is_one_by_slacks_own_types(event: Event, validator: jsonschema.Draft7Validator) -> None:
    for n in tellings(event):
        for message in [*messages(n), *await sent(n, [1_768_887_000.0])]:
            assert [e.message[:200] for e in validator.iter_errors(message)] == []


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: f"{e.kind}-{e.type}-{e.id}")
def test_every_message_is_within_slacks_limits(event: Event) -> None:
    for n in tellings(event):
        for message in messages(n):
            assert fault(message) is None
            assert mentions(message) == []
            assert event.id in json.dumps(message["blocks"])


def test_the_schema_refuses_what_slack_refuses(validator: jsonschema.Draft7Validator) -> None:
    header = {"type": "header", "text": {"type": "mrkdwn", "text": "no markup here"}}
    assert not validator.is_valid({"text": "x", "blocks": [header]})
    assert not validator.is_valid({"text": "x", "blocks": [{"type": "section", "text": "bare"}]})
    assert not validator.is_valid({"text": "x", "surprise": True})
    assert validator.is_valid({"text": "x", "blocks": [{"type": "divider"}]})


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: f"{e.kind}-{e.type}-{e.id}")
def test_slacks_own_library_finds_no_block_too_long(event: Event) -> None:
    for n in tellings(event):
        for message in messages(n):
            for block in message["blocks"]:
                parsed = Block.parse(block)
                assert parsed is not None
                parsed.validate_json()
                assert parsed.to_dict()["type"] == block["type"]


def test_slacks_own_library_refuses_what_is_too_long() -> None:
    for block in (
        {"type": "header", "text": {"type": "plain_text", "text": "x" * 151}},
        {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3_001}},
        {"type": "section", "fields": [{"type": "mrkdwn", "text": "x"}] * 11},
    ):
        with pytest.raises(SlackObjectFormationError):
            Block.parse(block).validate_json()
