"""Microsoft Teams by a workflow: accepted is not delivered, and its URL is a secret."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stressd.alerts.notification import Action, Notification, Row
from stressd.config.faults import ConfigError
from stressd.config.fields import HttpOptions, SecretError
from stressd.config.load import load_text
from stressd.runtime.registry import registry
from stressd.sinks.base import Receipt, SinkError
from stressd.sinks.teams import BUDGET, Config, TeamsSink, build, message
from stressd.testing.service import Fault
from stressd.testing.teams import FakeTeams, fault

Note = Callable[..., Notification]
CONNECTOR = "https://bank.webhook.office.com/webhookb2/1@2/IncomingWebhook/3/4"


@pytest.fixture
async def teams() -> AsyncIterator[FakeTeams]:
    async with FakeTeams(lambda: 1_768_887_000.0) as fake:
        yield fake


async def send(teams: FakeTeams, n: Notification) -> Receipt:
    sink = TeamsSink("desk", teams.hook_url, HttpOptions.model_validate({"timeout": "1s"}))
    try:
        return await sink.send(n)
    finally:
        await sink.close()


def texts(card: Any) -> str:
    return json.dumps(card["attachments"][0]["content"]["body"], ensure_ascii=False)


async def test_a_message_is_a_card_that_the_workflow_accepts(teams: FakeTeams, note: Note) -> None:
    n = note(answers=(("US 10Y", "followed after 41 s"),), actions=(Action("ack 30m", "https://x.example/a?s=1"),))
    receipt = await send(teams, n)
    assert receipt.detail == "accepted by the workflow; whether it posts is not told"
    (card,) = teams.posted
    said = texts(card)
    for words in ("CRITICAL · JP 30Y +20.3bp", "escalated to critical", "followed after 41 s", "JP 40Y", n.event_id):
        assert words in said
    titles = [action["title"] for action in card["attachments"][0]["content"]["actions"]]
    assert titles == ["ack 30m", "Open the episode"]
    assert "[Open the episode](https://stressd.bank.example/#JP-260120-7q2f)" in said
    many = message(note(actions=tuple(Action(f"a{i}", "https://x.example/a?s=1") for i in range(9))))
    assert len(many["attachments"][0]["content"]["actions"]) == 5, "what every client shows"


@pytest.mark.parametrize("origin", ["simulated", "drill", "replay"])
async def test_what_is_not_live_says_so_first(note: Note, origin: str) -> None:
    body = message(note(origin=origin))["attachments"][0]["content"]["body"]
    assert body[0]["text"].startswith(origin.upper())


async def test_only_what_changes_the_rung_or_ends_it_is_told(teams: FakeTeams, note: Note) -> None:
    told = {}
    at = 1_768_887_000.0
    teams.now = lambda: at
    for type in ("opened", "escalated", "widened", "peaked", "propagated", "resolved", "corrected", "reminder"):
        teams.cards.clear()
        at += 1.0
        receipt = await send(teams, note(type=type, first=False))
        told[type] = (len(teams.cards), receipt.detail.partition(":")[0])
    left = (0, "left out")
    assert [type for type, what in told.items() if what == left] == ["widened", "peaked", "propagated"]
    assert (await send(teams, note(type="widened", first=True))).detail.startswith("accepted")
    assert (await send(teams, note(type="widened", first=False, merged=1))).detail.startswith("accepted")


text = st.text(st.characters(codec="utf-8"), max_size=300) | st.text("*_[]()`~#<>\\ \n|", max_size=2_000)


@given(
    facts=st.lists(st.tuples(text.filter(bool), text.filter(bool)), max_size=40),
    answers=st.lists(st.tuples(text.filter(bool), text.filter(bool)), max_size=60),
    rows=st.lists(st.tuples(text.filter(bool), text, text), max_size=120),
    title=text.filter(bool),
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_message_is_within_the_budget_and_shown(
    note: Note, facts: list[Any], answers: list[Any], rows: list[Any], title: str
) -> None:
    n = note(
        facts=(("Status", "opened"), *facts), answers=tuple(answers), table=tuple(Row(r) for r in rows), title=title
    )
    body = message(n)
    assert len(json.dumps(body, ensure_ascii=False).encode()) <= BUDGET
    assert fault(body) is None
    assert "opened" in texts(body)
    assert n.event_id in texts(body)


def test_a_cut_says_what_is_missing_and_keeps_status_and_episode(note: Note) -> None:
    rows = tuple(Row((f"JP {i}Y", "x" * 300, "y")) for i in range(60))
    footing = (("Data", "d" * 600), ("Episode", "JP-260120-7q2f, update 3"))
    answers = tuple((f"M{i}", "a" * 1_400) for i in range(40))
    said = texts(message(note(table=rows, answers=answers, footing=footing)))
    assert "Cut to fit, not shown: 60 rows of the table" in said
    assert "stressd explain JP-260120-7q2f" in said
    assert "escalated to critical" in said
    assert "update 3" in said


def test_markup_in_data_is_inert(note: Note) -> None:
    said = message(note(title="*bold* [click](https://evil.example) _x_ jp_sigma `code` # h"))
    shown = said["attachments"][0]["content"]["body"][0]["text"]
    assert "\\*bold\\* \\[click\\](https://evil.example) \\_x\\_ jp_sigma \\`code\\` \\# h" in shown


@pytest.mark.parametrize(
    ("answer", "expected", "words"),
    [
        (Fault(status=404, text="WorkflowNotFound"), "disable", "off or gone"),
        (Fault(status=401), "disable", "no longer valid"),
        (Fault(status=400, text='{"error":{"code":"WorkflowTriggerIsNotEnabled"}}'), "disable", "off or gone"),
        (Fault(status=400, text='{"error":{"code":"TriggerInputSchemaMismatch"}}'), "permanent", "Mismatch"),
        (Fault(status=429, headers={"Retry-After": "9"}), "rate_limited", "429"),
        (Fault(status=200, text="Webhook message delivery failed: HTTP error 429"), "rate_limited", "but"),
        (Fault(status=200, text="<html>guest network</html>"), "retry", "but"),
        (Fault(status=502), "retry", "502"),
        (Fault(status=410), "disable", "410"),
        (Fault("lose"), "ambiguous", "may have arrived"),
        (Fault("hang"), "ambiguous", "may have arrived"),
    ],
)
async def test_what_teams_says_is_told_apart(
    teams: FakeTeams, note: Note, answer: Fault, expected: str, words: str
) -> None:
    teams.faults.append(answer)
    with pytest.raises(SinkError) as caught:
        await send(teams, note())
    assert caught.value.fault == expected
    assert words in str(caught.value)
    assert "secret" not in str(caught.value).replace("<secret>", "")


async def test_a_card_that_is_too_large_after_all_is_sent_with_the_least(teams: FakeTeams, note: Note) -> None:
    teams.faults.append(Fault(status=413, text="Request Entity Too Large"))
    await send(teams, note())
    (card,) = teams.posted
    assert "CRITICAL" in texts(card)
    assert "rows of the table" in texts(card)


async def test_five_in_one_second_are_too_many(teams: FakeTeams, note: Note) -> None:
    for _ in range(4):
        await send(teams, note())
    with pytest.raises(SinkError) as caught:
        await send(teams, note())
    assert (caught.value.fault, caught.value.retry_after) == ("rate_limited", 1.0)


async def test_the_probe_starts_no_workflow(teams: FakeTeams) -> None:
    sink = TeamsSink("desk", teams.hook_url, HttpOptions.model_validate({"timeout": "1s"}))
    assert (await sink.probe()).startswith("127.0.0.1: reached")
    await sink.close()
    assert teams.cards == []


YAML = """
instance: desk
markets: {{JP: {{tenors: [10Y]}}}}
routes: [{{sinks: [teams]}}]
sinks: [{{name: teams, type: teams, url: {{file: {file}}}}}]
"""


def test_a_connectors_url_is_refused_when_the_configuration_is_checked(tmp_path: Path) -> None:
    secret = tmp_path / "teams_url"
    secret.write_text(CONNECTOR)
    secret.chmod(0o600)
    with pytest.raises(ConfigError) as caught:
        load_text(YAML.format(file=secret), tmp_path / "s.yaml", registry())
    (found,) = [f for f in caught.value.faults if f.level == "error"]
    assert "retired: make a workflow" in found.message
    assert found.line == 5
    assert "IncomingWebhook" not in str(caught.value)
    config = Config.model_validate({"name": "teams", "type": "teams", "url": {"file": str(secret)}})
    with pytest.raises(SecretError, match="retired"):
        build(config, "desk")
    secret.write_text("https://prod-1.logic.azure.example/workflows/1/invoke?sig=x")
    assert load_text(YAML.format(file=secret), tmp_path / "s.yaml", registry()).sinks
    assert isinstance(build(config, "desk"), TeamsSink)


def test_updates_without_the_end_are_refused() -> None:
    with pytest.raises(ValueError, match="must hold `resolved`"):
        Config.model_validate({"name": "t", "type": "teams", "url": {"file": "u"}, "updates": ["opened"]})
