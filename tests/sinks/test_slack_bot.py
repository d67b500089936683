"""Slack with a bot's token: one thread an episode, edited in place, and honest about what may have arrived."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from stressd.alerts.notification import REPEAT, Action, Notification, Row
from stressd.config.fields import HttpOptions
from stressd.sinks.base import Receipt, SinkError
from stressd.sinks.slack import Config, build
from stressd.sinks.slack_api import SlackApi
from stressd.sinks.slack_bot import SlackBotSink, thread_of
from stressd.testing.service import Fault
from stressd.testing.slack import TOKEN, FakeSlack
from stressd.testing.slack_limits import fault as fault_of_slack
from stressd.testing.slack_limits import mentions

Note = Callable[..., Notification]
EPISODE = "JP-260120-7q2f"
PNG = b"\x89PNG\r\n\x1a\n" + b"picture" * 500
CHANNEL = "C0DESK0001"


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    """In its own time, in which each request takes two seconds."""
    seconds = iter(range(1_768_887_000, 1_800_000_000, 2))
    async with FakeSlack(lambda: float(next(seconds))) as fake:
        yield fake


class Teller:
    """Tells one episode, each message with the thread that the one before named."""

    def __init__(self, slack: FakeSlack, note: Note) -> None:
        self.slack = slack
        self.note = note
        self.channel = CHANNEL
        self.ref: str | None = None
        self.sink = self.build()

    def build(self, token: str = TOKEN) -> SlackBotSink:
        options = HttpOptions.model_validate({"timeout": "1s"})
        return SlackBotSink("desk", SlackApi(self.slack.api_url, token, options), self.channel)

    async def restart(self, **more: Any) -> None:
        await self.sink.close()
        self.sink = self.build(**more)

    def message(self, seq: int, type: str, **more: Any) -> Notification:
        base: dict[str, Any] = {"event_id": f"{EPISODE}.{seq}", "thread": EPISODE, "type": type, "first": seq == 1}
        return self.note(**(base | {"thread_ref": self.ref} | more))

    async def tell(self, seq: int, type: str, **more: Any) -> Receipt:
        receipt = await self.sink.send(self.message(seq, type, **more))
        self.ref = receipt.remote_ref
        return receipt

    async def refused(self, seq: int, type: str, **more: Any) -> SinkError:
        with pytest.raises(SinkError) as caught:
            await self.sink.send(self.message(seq, type, **more))
        return caught.value

    @property
    def root(self) -> dict[str, Any]:
        found = self.slack.channel.find(str(self.ref).partition(":")[2])
        assert found is not None
        return found


@pytest.fixture
async def desk(slack: FakeSlack, note: Note) -> AsyncIterator[Teller]:
    teller = Teller(slack, note)
    yield teller
    await teller.sink.close()


def words(message: dict[str, Any]) -> str:
    return json.dumps(message["blocks"], ensure_ascii=False)


async def test_an_episode_is_one_thread_whose_first_message_says_how_things_are(desk: Teller) -> None:
    await desk.tell(1, "opened", severity="high", title="JP 30Y +12.0bp")
    await desk.tell(2, "escalated", severity="critical", title="JP 30Y +20.3bp")
    await desk.tell(3, "propagated", severity="critical", answers=(("US 10Y", "followed after 41 s"),))
    await desk.tell(4, "resolved", severity="critical", life="over", title="JP 30Y over, peak +20.3bp")
    shown = desk.slack.channel.shown()
    replies = desk.slack.channel.thread(desk.root["ts"])
    assert [m["metadata"]["event_payload"]["event_id"] for m in replies] == [f"{EPISODE}.{s}" for s in (2, 3, 4)]
    assert shown == [desk.root, replies[0]], "only the escalation is shown in the channel too"
    assert replies[0]["subtype"] == "thread_broadcast"
    assert "US 10Y" in words(replies[1])
    header = next(b for b in desk.root["blocks"] if b["type"] == "header")
    assert header["text"]["text"].startswith("✅ RESOLVED (critical) · JP 30Y over")
    assert {b["type"] for b in desk.root["blocks"] if "fields" in b} == set(), "what is over is in grey letters"
    assert desk.root["text"].startswith("✅ RESOLVED")
    assert desk.root["metadata"]["event_payload"]["event_id"] == f"{EPISODE}.1", "an edit keeps what was told first"
    assert thread_of(desk.ref) is not None


@pytest.mark.parametrize(
    ("type", "severity", "life", "loud"),
    [
        ("escalated", "high", "open", True),
        ("escalated", "warn", "open", False),
        ("reopened", "critical", "open", True),
        ("reminder", "critical", "open", True),
        ("widened", "critical", "open", False),
        ("resolved", "critical", "over", False),
    ],
)
async def test_only_what_is_serious_and_new_is_shown_in_the_channel_too(
    desk: Teller, type: str, severity: str, life: str, loud: bool
) -> None:
    await desk.tell(1, "opened")
    await desk.tell(2, type, severity=severity, life=life)
    assert len(desk.slack.channel.shown()) == (2 if loud else 1)


async def test_a_restart_goes_on_in_the_same_thread(desk: Teller) -> None:
    await desk.tell(1, "opened")
    await desk.restart()
    await desk.tell(2, "widened")
    assert len(desk.slack.channel.thread(desk.root["ts"])) == 1


async def test_a_channels_name_becomes_its_id_for_edits(desk: Teller) -> None:
    desk.channel = "#desk"
    await desk.restart()
    await desk.tell(1, "opened")
    await desk.tell(2, "widened")
    assert str(desk.ref).startswith(f"{CHANNEL}:")
    assert "edited" in desk.root


async def test_where_the_first_message_was_deleted_a_new_one_begins_the_thread(desk: Teller) -> None:
    await desk.tell(1, "opened")
    first = desk.ref
    desk.slack.delete(desk.root["ts"])
    receipt = await desk.tell(2, "widened")
    assert receipt.detail == "posted anew: message_not_found"
    assert desk.ref != first
    await desk.tell(3, "resolved", life="over")
    assert len(desk.slack.channel.shown()) == 1
    assert [m["metadata"]["event_payload"]["event_id"] for m in desk.slack.channel.thread(desk.root["ts"])] == [
        f"{EPISODE}.3"
    ]


async def test_a_message_of_another_app_is_not_edited_but_posted_anew(desk: Teller) -> None:
    await desk.tell(1, "opened")
    desk.slack.tokens["xoxb-other"] = "UOTHER"
    await desk.restart(token="xoxb-other")
    receipt = await desk.tell(2, "widened")
    assert receipt.detail == "posted anew: cant_update_message"


async def test_a_thread_stays_in_its_channel_when_the_configured_one_changes(desk: Teller) -> None:
    await desk.tell(1, "opened")
    desk.channel = "C0RATES002"
    await desk.restart()
    await desk.tell(2, "widened")
    assert len(desk.slack.channel.thread(desk.root["ts"])) == 1
    desk.slack.channel.archived = True
    receipt = await desk.tell(3, "resolved", life="over")
    assert receipt.detail == "posted anew: is_archived"
    assert str(desk.ref).startswith("C0RATES002:")


async def test_a_workspace_that_forbids_late_edits_still_gets_the_reply(desk: Teller) -> None:
    await desk.tell(1, "opened")
    desk.slack.edit_window = 1.0
    receipt = await desk.tell(2, "resolved", life="over")
    assert receipt.detail == "the first message could not be edited: edit_window_closed"
    assert len(desk.slack.channel.thread(desk.root["ts"])) == 1


async def test_after_webhooks_the_bot_begins_a_thread_where_there_was_none(desk: Teller) -> None:
    await desk.tell(3, "escalated", first=False, thread_ref="<a-mail's-id@bank.example>")
    assert thread_of(desk.ref) is not None


# -- what may have arrived


async def test_a_first_message_whose_answer_was_lost_is_found_and_not_posted_again(desk: Teller) -> None:
    desk.slack.faults.append(Fault("lose", path="chat.postMessage"))
    assert (await desk.refused(1, "opened")).fault == "ambiguous"
    receipt = await desk.tell(1, "opened", possible_repeat=True)
    assert receipt.detail == "it had arrived already"
    assert len(desk.slack.channel.messages) == 1
    await desk.tell(2, "resolved", life="over")
    assert len(desk.slack.channel.thread(desk.root["ts"])) == 1


async def test_a_reply_whose_answer_was_lost_is_found_among_many(desk: Teller) -> None:
    await desk.tell(1, "opened")
    for seq in range(2, 130):
        await desk.tell(seq, "peaked")
    desk.slack.faults.append(Fault("lose", path="chat.postMessage"))
    assert (await desk.refused(130, "widened")).fault == "ambiguous"
    receipt = await desk.tell(130, "widened", possible_repeat=True)
    assert receipt.detail == "it had arrived already"
    assert len(desk.slack.channel.thread(desk.root["ts"])) == 129


async def test_what_is_seen_not_to_have_arrived_is_posted_without_a_doubt(desk: Teller) -> None:
    desk.slack.faults.append(Fault("drop", path="chat.postMessage"))
    assert (await desk.refused(1, "opened")).fault == "ambiguous"
    facts = (("Note", REPEAT), ("Status", "opened, high"))
    await desk.tell(1, "opened", possible_repeat=True, facts=facts)
    assert "repeat" not in words(desk.root)
    assert "Status" in words(desk.root)


async def test_without_the_scope_to_look_a_repeat_says_that_it_may_be_one(desk: Teller) -> None:
    desk.slack.scopes.discard("channels:history")
    receipt = await desk.tell(1, "opened", possible_repeat=True)
    assert receipt.detail == "whether it had arrived could not be looked up"
    assert "(possible repeat)" in words(desk.root)


async def test_the_next_event_finds_the_doubtful_first_one_and_goes_on_below_it(desk: Teller) -> None:
    desk.slack.faults.append(Fault("lose", path="chat.postMessage"))
    await desk.refused(1, "opened")
    await desk.tell(2, "escalated", first=True, merged=1, possible_repeat=True)
    assert len(desk.slack.channel.thread(desk.root["ts"])) == 1
    assert desk.root["metadata"]["event_payload"]["event_id"] == f"{EPISODE}.1"


async def test_a_search_that_fails_does_not_hold_up_the_alert(desk: Teller) -> None:
    desk.slack.faults.append(Fault(status=429, headers={"Retry-After": "60"}, path="conversations.history"))
    await desk.tell(1, "opened", possible_repeat=True)
    assert "(possible repeat)" in words(desk.root)


async def test_an_edit_whose_answer_was_lost_is_simply_made_again(desk: Teller) -> None:
    await desk.tell(1, "opened")
    desk.slack.faults.append(Fault("lose", path="chat.update"))
    error = await desk.refused(2, "widened")
    assert error.fault == "retry"
    assert desk.slack.channel.thread(desk.root["ts"]) == []
    await desk.tell(2, "widened")
    assert len(desk.slack.channel.thread(desk.root["ts"])) == 1


# -- what Slack refuses


@pytest.mark.parametrize(
    ("fault", "expected", "words"),
    [
        (Fault(text='{"ok":false,"error":"invalid_auth"}'), "disable", "not valid"),
        (Fault(text='{"ok":false,"error":"account_inactive"}'), "disable", "gone"),
        (Fault(text='{"ok":false,"error":"token_revoked"}'), "disable", "revoked"),
        (Fault(text='{"ok":false,"error":"channel_not_found"}'), "disable", "does not exist"),
        (Fault(text='{"ok":false,"error":"not_in_channel"}'), "disable", "invite it"),
        (Fault(text='{"ok":false,"error":"is_archived"}'), "disable", "archived"),
        (Fault(text='{"ok":false,"error":"missing_scope"}'), "disable", "chat:write"),
        (
            Fault(text='{"ok":false,"error":"ratelimited"}', status=429, headers={"Retry-After": "7"}),
            "rate_limited",
            "7",
        ),
        (Fault(text='{"ok":false,"error":"rate_limited","retry_after":7}'), "rate_limited", "7"),
        (Fault(text='{"ok":false,"error":"fatal_error"}'), "ambiguous", "may have been done"),
        (Fault(text='{"ok":false,"error":"internal_error"}'), "ambiguous", "may have been done"),
        (Fault(text='{"ok":false,"error":"service_unavailable"}'), "retry", "service_unavailable"),
        (Fault(text='{"ok":false,"error":"something_new"}'), "permanent", "something_new"),
        (Fault(text="<html>guest network</html>"), "retry", "not `ok`"),
        (Fault(text='{"ok":true', status=200), "retry", "not `ok`"),
        (Fault(status=503, text="down"), "retry", "503"),
        (Fault(status=302, headers={"Location": "https://evil.example/"}), "retry", "302"),
        (Fault("drop"), "ambiguous", "may have arrived"),
        (Fault("hang"), "ambiguous", "may have arrived"),
    ],
)
async def test_what_slack_says_is_told_apart(desk: Teller, fault: Fault, expected: str, words: str) -> None:
    desk.slack.faults.append(fault)
    error = await desk.refused(1, "opened")
    assert error.fault == expected
    assert words in str(error) or error.retry_after == 7.0
    assert TOKEN not in str(error)


@pytest.mark.parametrize("word", ["invalid_blocks", "msg_blocks_too_long"])
async def test_malformed_blocks_are_sent_once_more_as_plain_text(desk: Teller, word: str) -> None:
    desk.slack.faults.append(Fault(text=json.dumps({"ok": False, "error": word}), path="chat.postMessage"))
    receipt = await desk.tell(1, "opened")
    assert "sent without what offended" in receipt.detail
    assert "blocks" not in desk.root
    desk.slack.faults.append(Fault(text=json.dumps({"ok": False, "error": word}), path="chat.update"))
    receipt = await desk.tell(2, "widened")
    assert "edited as plain text" in receipt.detail
    assert desk.root["blocks"] == []
    desk.slack.faults.extend([Fault(text=json.dumps({"ok": False, "error": word}), path="chat.postMessage")] * 2)
    assert (await desk.refused(3, "widened")).fault == "permanent"


async def test_metadata_that_offend_are_left_out(desk: Teller) -> None:
    desk.slack.faults.append(Fault(text='{"ok":false,"error":"metadata_too_large"}', path="chat.postMessage"))
    await desk.tell(1, "opened")
    assert "metadata" not in desk.root
    assert "blocks" in desk.root


# -- the chart


async def test_the_chart_goes_into_the_thread(desk: Teller) -> None:
    await desk.tell(1, "opened", chart=PNG)
    await desk.tell(2, "propagated", chart=PNG)
    await desk.tell(3, "escalated", chart=PNG)
    first, third = desk.slack.uploads.values()
    assert first["content"] == PNG
    assert first["shared"] == third["shared"] == (CHANNEL, desk.root["ts"])
    assert first["name"] == f"{EPISODE}.1.png"
    assert first["alt_txt"].startswith("🔴 CRITICAL"), "for who cannot see it"
    assert SlackBotSink.traits.charts


@pytest.mark.parametrize(
    "fault",
    [
        Fault(text='{"ok":false,"error":"missing_scope"}', path="getUploadURL"),
        Fault(status=500, path="/upload/"),
        Fault("hang", path="/upload/"),
        Fault("drop", path="completeUpload"),
        Fault(text='{"ok":true}', path="getUploadURL"),
    ],
)
async def test_a_chart_that_cannot_be_uploaded_never_fails_the_message(desk: Teller, fault: Fault) -> None:
    desk.slack.faults.append(fault)
    receipt = await desk.tell(1, "opened", chart=PNG)
    assert "chart not uploaded" in receipt.detail
    assert thread_of(desk.ref) is not None


# -- what is shown


async def test_every_message_is_within_slacks_limits_and_free_of_mentions(desk: Teller) -> None:
    nasty = "<!channel> <@U1> <https://evil|x> & ```" * 20
    long = tuple((f"{i} {nasty}", nasty) for i in range(60))
    rows = tuple(Row((nasty, nasty, nasty)) for _ in range(80))
    actions = tuple(Action(nasty, "https://stressd.bank.example/act?s=1") for _ in range(40))
    more = {"facts": long, "answers": long, "footing": long, "table": rows, "title": nasty, "actions": actions}
    await desk.tell(1, "opened", **more)
    await desk.tell(2, "escalated", **more)
    await desk.tell(3, "resolved", life="over", **more)
    assert len(desk.slack.channel.messages) == 3
    for message in desk.slack.channel.messages:
        assert fault_of_slack(message) is None
        assert mentions(message) == []
        assert len(json.dumps(message["blocks"], ensure_ascii=False)) <= 10_000


async def test_actions_are_buttons_below_the_first_message(desk: Teller) -> None:
    actions = (Action("ack 30m", "https://stressd.bank.example/act?s=1"), Action("noise", "https://x.example/2"))
    await desk.tell(1, "opened", actions=actions)
    (block,) = (b for b in desk.root["blocks"] if b["type"] == "actions")
    assert [(e["text"]["text"], e["url"]) for e in block["elements"]] == [(a.label, a.url) for a in actions]


async def test_a_sinks_own_template_takes_the_place_of_the_layout(desk: Teller) -> None:
    await desk.tell(1, "opened", text="*Ours*\n" + "line\n" * 2_000, own_text=True)
    sections = [b["text"]["text"] for b in desk.root["blocks"] if b["type"] == "section"]
    assert sections[0].startswith("*Ours*\nline")
    assert "Rank" not in words(desk.root)


# -- configuration and probe


async def test_the_probe_says_who_it_is_and_what_the_token_cannot_do(desk: Teller) -> None:
    assert await desk.sink.probe() == f"127.0.0.1: Bank as stressd, to {CHANNEL}"
    desk.slack.scopes -= {"files:write", "channels:history"}
    said = await desk.sink.probe()
    assert "no charts (files:write)" in said
    assert "no search for what may have arrived (channels:history)" in said
    desk.slack.scopes.discard("chat:write")
    with pytest.raises(SinkError, match="lacks the scope chat:write"):
        await desk.sink.probe()
    desk.slack.tokens[TOKEN] = "revoked"
    with pytest.raises(SinkError, match="revoked"):
        await desk.sink.probe()
    assert desk.slack.channel.messages == []


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({}, "either `bot_token"),
        ({"bot_token": {"file": "t"}}, "needs a `channel`"),
        ({"bot_token": {"file": "t"}, "webhook_url": {"file": "u"}, "channel": CHANNEL}, "either `bot_token"),
        ({"webhook_url": {"file": "u"}, "channel": CHANNEL}, "remove `channel`"),
        ({"bot_token": {"file": "t"}, "channel": "desk"}, "not a channel"),
        ({"bot_token": {"file": "t"}, "channel": CHANNEL, "api_url": "http://slack.example/api"}, "https://"),
        ({"bot_token": "xoxb-1", "channel": CHANNEL}, "never written here"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Config.model_validate({"name": "desk", "type": "slack", **keys})


def test_it_is_built_from_a_token(tmp_path: Path) -> None:
    secret = tmp_path / "slack_token"
    secret.write_text(f"{TOKEN}\n")
    config = Config.model_validate(
        {"name": "desk", "type": "slack", "bot_token": {"file": str(secret)}, "channel": "#rates"}
    )
    assert isinstance(build(config, "rates-tokyo"), SlackBotSink)
    assert config.api_url == "https://slack.com/api/"


@pytest.mark.parametrize(
    ("token", "words"),
    [
        (TOKEN, None),
        ("xoxp-1-2-3", None),
        ("xapp-1-A-2", "begins with xoxb-"),
        ("https://hooks.slack.example/services/T/B/X", "begins with xoxb-"),
        ("xoxe.xoxb-1-abc", "expires after twelve hours"),
    ],
)
def test_a_secret_that_is_no_bots_token_is_refused_by_check(tmp_path: Path, token: str, words: str | None) -> None:
    secret = tmp_path / "slack_token"
    secret.write_text(token)
    keys = {"bot_token": {"file": str(secret)}, "channel": "#rates"}
    found = Config.model_validate({"name": "desk", "type": "slack", **keys}).wrong_secret()
    assert (found is None) == (words is None)
    assert found is None or (found[0] == "bot_token" and str(words) in found[1] and token not in found[1])


# -- the server itself


async def test_the_fake_server_is_slack_enough_for_slacks_own_client(slack: FakeSlack) -> None:
    client = AsyncWebClient(TOKEN, base_url=slack.api_url)
    assert (await client.auth_test())["team"] == "Bank"
    posted = await client.chat_postMessage(
        channel="#desk", text="one", metadata={"event_type": "e", "event_payload": {}}
    )
    await client.chat_update(channel=posted["channel"], ts=posted["ts"], text="two")
    await client.chat_postMessage(channel=posted["channel"], thread_ts=posted["ts"], text="three", reply_broadcast=True)
    history = await client.conversations_history(channel=posted["channel"], include_all_metadata=True)
    assert [m["text"] for m in history["messages"]] == ["three", "two"]
    assert history["messages"][1]["metadata"]["event_type"] == "e"
    replies = await client.conversations_replies(channel=posted["channel"], ts=posted["ts"], limit=1)
    assert replies["has_more"]
    assert replies["response_metadata"]["next_cursor"] == "1"
    await client.files_upload_v2(channel=posted["channel"], content=PNG, filename="chart.png", thread_ts=posted["ts"])
    (upload,) = slack.uploads.values()
    assert upload["content"] == PNG
    assert upload["shared"] == (posted["channel"], posted["ts"])
    with pytest.raises(SlackApiError, match="message_not_found"):
        await client.chat_update(channel=posted["channel"], ts="1.000001", text="no")
    with pytest.raises(SlackApiError, match="invalid_blocks"):
        await client.chat_postMessage(
            channel="#desk", text="x", blocks=[{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}]
        )


async def test_the_fake_server_takes_a_message_a_second_after_a_short_burst(note: Note) -> None:
    at = 1_768_887_000.0
    async with FakeSlack(lambda: at) as slack:
        desk = Teller(slack, note)
        for seq in (1, 2, 3):
            await desk.sink.send(replace(desk.message(seq, "opened"), thread=f"JP-260120-{seq:04d}"))
        error = await desk.refused(4, "opened")
        assert (error.fault, error.retry_after) == ("rate_limited", 1.0)
        at += 1.0
        await desk.tell(4, "opened")
        await desk.sink.close()
