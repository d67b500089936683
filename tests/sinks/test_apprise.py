"""The services of Apprise, by its own JSON and form plugins against a server of ours."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stressd.alerts.notification import Notification
from stressd.config.fields import SecretError
from stressd.sinks import apprise as ours
from stressd.sinks.base import SinkError

Note = Callable[..., Notification]


@pytest.fixture
def sink(tmp_path: Path) -> Callable[..., ours.AppriseSink]:
    def make(url: str, **more: Any) -> ours.AppriseSink:
        file = tmp_path / "url"
        file.write_text(url + "\n")
        config = {"name": "phones", "type": "apprise", "url": {"file": str(file)}, **more}
        return ours.build(ours.Config.model_validate(config), "rates-tokyo")

    return make


def service(receiver: Any) -> str:
    return str(receiver.url.replace("http://", "json://").partition("?")[0])


async def test_a_message_arrives_with_its_headline_once_and_its_kind(receiver: Any, note: Note, sink: Any) -> None:
    channel = sink(service(receiver))
    await channel.send(note())
    await channel.send(note(life="over", severity="warn"))
    first, second = (json.loads(seen.body) for seen in receiver.seen)
    assert first["title"] == note().title
    assert first["message"] == "Status: escalated to critical"
    assert (first["type"], second["type"]) == ("failure", "success")


async def test_a_service_that_refuses_is_tried_again_and_its_url_is_not_shown(
    receiver: Any, note: Note, sink: Any
) -> None:
    receiver.answers = [500]
    with pytest.raises(SinkError) as failed:
        await sink(service(receiver)).send(note())
    assert failed.value.fault == "retry"
    assert "very-secret-path" not in str(failed.value)
    assert len(receiver.seen) == 1


async def test_a_service_that_hangs_may_have_it(receiver: Any, note: Note, sink: Any) -> None:
    receiver.answers = ["hang"]
    with pytest.raises(SinkError, match="no answer within 0.2 s") as failed:
        await sink(service(receiver) + "?rto=0.5", timeout="200ms").send(note())
    assert failed.value.fault == "ambiguous"


async def test_what_is_too_long_is_cut_and_says_so(receiver: Any, note: Note, sink: Any) -> None:
    channel = sink(service(receiver))
    await channel.send(note(text="x" * 100_000))
    said = json.loads(receiver.seen[0].body)["message"]
    assert len(said) <= 32_768
    assert said.endswith("(cut: the service takes no more)")


def test_a_url_that_apprise_does_not_know_is_refused_when_it_is_built(sink: Any) -> None:
    with pytest.raises(SecretError, match="is no URL that Apprise knows"):
        sink("nonsense://x")
