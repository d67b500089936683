"""Slack: within its limits, in its words, and honest about what failed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stressd.alerts.notification import Notification, Row
from stressd.config.fields import HttpOptions
from stressd.sinks import slack as module
from stressd.sinks.base import SinkError
from stressd.sinks.blocks import blocks, escape, fit, payload, plain
from stressd.sinks.slack import Config, SlackSink, build
from stressd.testing.service import Fault
from stressd.testing.slack import FakeSlack
from stressd.testing.slack_limits import fault as fault_of_slack
from stressd.testing.slack_limits import mentions

Note = Callable[..., Notification]
Options = Callable[..., HttpOptions]
LENIENT = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


async def sending(sink: SlackSink, n: Notification) -> Any:
    try:
        return await sink.send(n)
    except SinkError as error:
        return error
    finally:
        await sink.close()


async def test_a_message_has_blocks_and_plain_text(slack: FakeSlack, note: Note, http_options: Options) -> None:
    receipt = await sending(SlackSink("desk", slack.hook_url, http_options()), note())
    assert receipt.detail == ""
    (message,) = slack.channel.messages
    assert message["text"].startswith("🔴 CRITICAL · JP 30Y +20.3bp to 3.765%")
    assert "Rank: largest rise" in message["text"]
    kinds = [block["type"] for block in message["blocks"]]
    assert kinds == ["header", "section", "section", "context"]
    assert message["blocks"][1]["fields"][0]["text"] == "*Status*\nescalated to critical"
    assert message["blocks"][2]["text"]["text"].split("\n")[1] == "JP 30Y  3.765%  +20.3bp"
    assert "<https://stressd.bank.example/#JP-260120-7q2f|Open the episode>" in json.dumps(message["blocks"][3])
    assert slack.requests[0].headers["Content-Type"].startswith("application/json")


@pytest.mark.parametrize(("origin", "word"), [("simulated", "SIMULATED"), ("drill", "DRILL"), ("replay", "REPLAY")])
def test_what_is_not_live_says_so_first(note: Note, origin: str, word: str) -> None:
    first = blocks(note(origin=origin))[0]
    assert first["elements"][0]["text"].startswith(f"*{word}:")
    assert word in plain(note(origin=origin)).split("\n")[1]
    assert blocks(note())[0]["type"] == "header"


def test_severity_is_a_word_not_only_a_colour(note: Note) -> None:
    words = {
        s: blocks(note(severity=s))[0]["text"]["text"].split(" · ")[0] for s in ("info", "warn", "high", "critical")
    }
    assert words == {"info": "🔵 INFO", "warn": "🟡 WARN", "high": "🟠 HIGH", "critical": "🔴 CRITICAL"}
    assert blocks(note(type="resolved"))[0]["text"]["text"].startswith("✅ RESOLVED (critical) · ")


def test_mentions_and_markup_in_data_are_inert(note: Note) -> None:
    nasty = "<!channel> <@U1> <https://evil|x> @here & ```"
    n = note(title=nasty, facts=((nasty, nasty),), table=(Row((nasty, nasty, nasty)),), text=nasty, link="https://a|b")
    message = payload(n)
    assert fault_of_slack(message) is None
    assert mentions(message) == []
    sent = json.dumps(message)
    assert "<!" not in sent
    assert "<@" not in sent
    assert "@here" not in sent
    code = next(b["text"]["text"] for b in message["blocks"] if b["type"] == "section" and "text" in b)
    assert code.count("```") == 2, "data cannot end the code block"


text = st.text(st.characters(codec="utf-8"), max_size=400) | st.text("&<>@`\n σ", max_size=4_000)


@given(
    title=text.filter(bool),
    facts=st.lists(st.tuples(text, text), max_size=40),
    answers=st.lists(st.tuples(text, text), max_size=40),
    rows=st.lists(st.tuples(text, text, text), max_size=120),
    origin=st.sampled_from(["live", "simulated"]),
    body=text,
)
@settings(max_examples=60, suppress_health_check=LENIENT)
def test_any_message_is_within_slacks_limits(
    note: Note,
    title: str,
    facts: list[tuple[str, str]],
    answers: list[tuple[str, str]],
    rows: list[tuple[str, str, str]],
    origin: str,
    body: str,
) -> None:
    n = note(title=title, facts=tuple(facts), table=tuple(Row(r) for r in rows), origin=origin, text=body)
    n = replace(n, answers=tuple(answers), footing=tuple(facts[:5]))
    message = payload(n)
    assert fault_of_slack(message) is None
    assert len(json.dumps(message["blocks"], ensure_ascii=False)) <= 10_000
    assert len(message["text"]) <= 4_000


@given(st.text(max_size=50), st.integers(1, 40))
def test_a_cut_never_splits_an_escape(text: str, limit: int) -> None:
    cut = fit(text, limit)
    assert len(cut) <= limit
    assert cut == escape(text) or (cut.endswith("…") and escape(text).startswith(cut[:-1]))
    assert "&" not in cut.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")


def test_each_answer_has_a_line_of_its_own_over_the_whole_width(note: Note) -> None:
    n = replace(note(), answers=tuple((f"M{i} 10Y", "followed JP after 41 s") for i in range(6)))
    texts = [b["text"]["text"] for b in blocks(n) if b["type"] == "section" and "text" in b]
    lines = [line for text in texts for line in text.split("\n")]
    assert [f"*M{i} 10Y*  followed JP after 41 s" for i in range(6)] == lines[:6]


def test_a_long_table_says_how_many_rows_it_left_out(note: Note) -> None:
    n = note(table=tuple(Row((f"JP {i}Y", "1.234%", "+1.0bp")) for i in range(200)))
    sent = json.dumps(blocks(n))
    assert "more" in sent
    assert "JP 0Y" in sent


async def test_malformed_blocks_are_sent_again_as_plain_text_once(
    slack: FakeSlack, note: Note, http_options: Options
) -> None:
    slack.faults.append(Fault(status=400, text="invalid_blocks: nope [json-pointer:/blocks/0]"))
    receipt = await sending(SlackSink("desk", slack.hook_url, http_options()), note())
    assert "sent as plain text" in receipt.detail
    assert "blocks" not in slack.channel.messages[0]
    assert len(slack.requests) == 2
    slack.faults.extend([Fault(status=400, text="invalid_payload")] * 2)
    error = await sending(SlackSink("desk", slack.hook_url, http_options()), note())
    assert error.fault == "permanent"
    assert len(slack.requests) == 4


@pytest.mark.parametrize(
    ("answer", "fault", "words"),
    [
        ((404, "no_service"), "disable", "removed or switched off"),
        ((403, "invalid_token"), "disable", "token is not valid"),
        ((410, "channel_is_archived"), "disable", "archived"),
        ((404, "channel_not_found"), "disable", "does not exist"),
        ((403, "action_prohibited"), "disable", "forbids"),
        ((200, '{"ok":false,"error":"token_revoked"}'), "disable", "revoked"),
        ((200, '{"ok":false,"error":"rate_limited","retry_after":7}'), "rate_limited", "too many"),
        ((429, "slow down", {"Retry-After": "3"}), "rate_limited", "too many"),
        ((500, "rollup_error"), "retry", "rollup_error"),
        ((503, "<html>down</html>"), "retry", "503"),
        ((200, "<html>log in to the guest network</html>"), "retry", "not `ok`"),
        ((302, "elsewhere", {"Location": "https://evil.example/"}), "retry", "302"),
        ((400, "something_new"), "permanent", "something_new"),
    ],
)
async def test_slacks_answers_are_told_apart(
    slack: FakeSlack, note: Note, http_options: Options, answer: Any, fault: str, words: str
) -> None:
    slack.faults.append(Fault("answer", *answer))
    error = await sending(SlackSink("desk", slack.hook_url, http_options()), note())
    assert isinstance(error, SinkError)
    assert error.fault == fault
    assert words in str(error)
    assert error.retry_after == {"rate_limited": 3.0 if answer[0] == 429 else 7.0}.get(fault)
    assert slack.channel.messages == []


async def test_a_drop_after_acceptance_is_ambiguous(slack: FakeSlack, note: Note, http_options: Options) -> None:
    slack.faults.append(Fault("lose"))
    error = await sending(SlackSink("desk", slack.hook_url, http_options()), note())
    assert error.fault == "ambiguous"
    assert len(slack.channel.messages) == 1, "it did arrive"


async def test_the_probe_sends_no_message(slack: FakeSlack, http_options: Options) -> None:
    sink = SlackSink("desk", slack.hook_url, http_options())
    assert await sink.probe() == "127.0.0.1: the webhook is active"
    assert slack.channel.messages == []
    slack.faults.append(Fault(status=404, text="no_service"))
    with pytest.raises(SinkError, match="no_service"):
        await sink.probe()
    await sink.close()


def test_it_is_built_from_a_secret(tmp_path: Path) -> None:
    secret = tmp_path / "slack_url"
    secret.write_text("https://hooks.slack.example/services/T/B/X\n")
    config = Config.model_validate({"name": "desk", "type": "slack", "webhook_url": {"file": str(secret)}})
    sink = build(config, "rates-tokyo")
    assert sink.name == "desk"
    assert "services" not in repr(config)
    assert module.SlackSink.traits.per_second == 1.0
    with pytest.raises(ValueError, match="the secret itself is never written here"):
        Config.model_validate({"name": "desk", "type": "slack", "webhook_url": "https://hooks.slack.example/x"})
