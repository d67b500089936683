"""The webhook against the reference verifier of Standard Webhooks."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from stressd.alerts.notification import Notification
from stressd.config.fields import HttpOptions, SecretError
from stressd.sinks.base import SinkError
from stressd.sinks.webhook import Config, build, envelope, message_id, sign

Note = Callable[..., Notification]
OLD = "whsec_" + base64.b64encode(b"o" * 32).decode()
NEW = "whsec_" + base64.b64encode(b"n" * 32).decode()


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    monkeypatch.setenv("OLD", OLD)
    monkeypatch.setenv("NEW", NEW)
    monkeypatch.setenv("TOKEN", "Bearer very-secret")
    return [{"env": "NEW"}, {"env": "OLD"}]


def config(url: str, **more: Any) -> Config:
    return Config.model_validate({"name": "hook", "type": "webhook", "url": url, "timeout": "2s", **more})


def test_the_published_vector() -> None:
    key = base64.b64decode("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
    body = b'{"type":"episode.opened","timestamp":"2026-01-20T05:31:07Z","data":{"episode_id":"01J"}}'
    assert sign([key], "msg_01JHZX7", 1768887067, body) == "v1,wmaaLxWUWnQ6a2EhA6SdWZIwV4MpjJ4P+GpKRAa2kH8="


async def test_the_reference_verifier_accepts_it(receiver: Any, note: Note, secrets: Any) -> None:
    sink = build(config(receiver.url, secret=secrets), "test")
    receipt = await sink.send(note())
    await sink.close()
    (seen,) = receiver.seen
    for secret in (OLD, NEW):
        data = Webhook(secret).verify(seen.body, seen.headers)
        assert data == {
            "type": "episode.escalated",
            "timestamp": "2026-01-20T06:00:00Z",
            "data": json.loads(note().body),
        }
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + base64.b64encode(b"x" * 32).decode()).verify(seen.body, seen.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW).verify(seen.body.replace(b"escalated", b"resolved!"), seen.headers)
    assert receipt.remote_ref == "msg_JP-260120-7q2f_3"
    assert note().body in seen.body, "the event's own bytes"


async def test_the_id_stays_and_the_timestamp_is_the_attempts(receiver: Any, note: Note, secrets: Any) -> None:
    clock = iter([1_000_000, 1_000_060])
    sink = build(config(receiver.url, secret=secrets), "test")
    sink._now = lambda: next(clock)
    receiver.answers = [500, 200]
    with pytest.raises(SinkError):
        await sink.send(note())
    await sink.send(note())
    await sink.close()
    first, second = (seen.headers for seen in receiver.seen)
    assert first["webhook-id"] == second["webhook-id"] == "msg_JP-260120-7q2f_3"
    assert (first["webhook-timestamp"], second["webhook-timestamp"]) == ("1000000", "1000060")
    assert first["webhook-signature"] != second["webhook-signature"]
    assert receiver.seen[0].body == receiver.seen[1].body


@given(st.from_regex(r"[A-Z]{2,4}-[0-9]{6}-[0-9a-z]{4}\.[0-9]{1,5}", fullmatch=True), st.binary(max_size=200))
def test_any_event_is_verified(event_id: str, tail: bytes) -> None:
    key = b"k" * 32
    body = b'{"x":"%s"}' % base64.b64encode(tail)
    now = int(time.time())
    id_ = message_id(event_id)
    assert "." not in id_
    headers = {"webhook-id": id_, "webhook-timestamp": str(now), "webhook-signature": sign([key], id_, now, body)}
    Webhook("whsec_" + base64.b64encode(key).decode()).verify(body, headers)


async def test_unsigned_only_when_told_so(receiver: Any, note: Note) -> None:
    sink = build(config(receiver.url, unsigned=True), "test")
    await sink.send(note())
    await sink.close()
    assert "webhook-signature" not in receiver.seen[0].headers
    assert receiver.seen[0].headers["webhook-id"] == "msg_JP-260120-7q2f_3"


async def test_static_and_secret_headers_go_along(receiver: Any, note: Note, secrets: Any) -> None:
    more = {"headers": {"X-Desk": "rates"}, "secret_headers": {"Authorization": {"env": "TOKEN"}}}
    sink = build(config(receiver.url, secret=secrets, **more), "test")
    receiver.answers = [401]
    with pytest.raises(SinkError) as caught:
        await sink.send(note())
    await sink.close()
    assert receiver.seen[0].headers["X-Desk"] == "rates"
    assert receiver.seen[0].headers["Authorization"] == "Bearer very-secret"
    assert "very-secret" not in str(caught.value)


async def test_410_disables_and_the_probe_sends_no_event(receiver: Any, note: Note, secrets: Any) -> None:
    sink = build(config(receiver.url, secret=secrets), "test")
    receiver.answers = [410, 405, 503]
    with pytest.raises(SinkError) as caught:
        await sink.send(note())
    assert caught.value.fault == "disable"
    assert await sink.probe() == "localhost: reached, HTTP 405 to HEAD"
    with pytest.raises(SinkError, match="HTTP 503"):
        await sink.probe()
    await sink.close()
    assert [seen.method for seen in receiver.seen] == ["POST", "HEAD", "HEAD"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, "a webhook is signed"),
        ({"secret": {"env": "NEW"}, "unsigned": True}, "exclude each other"),
        ({"unsigned": True, "headers": {"webhook-id": "x"}}, "set by stressd itself"),
        ({"unsigned": True, "headers": {"bad name": "x"}}, "no name of a header"),
        ({"unsigned": True, "headers": {"X-A": "a\r\nX-B: b"}}, "control character"),
        ({"unsigned": True, "secret_headers": {"Host": {"env": "NEW"}}}, "set by stressd itself"),
        ({"unsigned": True, "url": "ftp://a.example/"}, "must start with http:// or https://"),
    ],
)
def test_mistakes_in_the_configuration_are_named(more: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        config(more.pop("url", "https://a.example/"), **more)


@pytest.mark.parametrize("secret", ["whsec_c2hvcnQ=", "plain words", "whsec_***", "c" * 44])
def test_a_bad_signing_secret_is_refused_and_not_shown(secret: str, tmp_path: Path) -> None:
    file = tmp_path / "signing"
    file.write_text(secret)
    with pytest.raises(SecretError, match="is no signing secret") as caught:
        build(config("https://a.example/", secret={"file": str(file)}), "test")
    assert secret not in str(caught.value)


def test_a_secret_header_with_a_line_break_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKEN", "a\nX-Evil: b")
    with pytest.raises(SecretError, match="control character"):
        build(config("https://a.example/", unsigned=True, secret_headers={"X-T": {"env": "BROKEN"}}), "test")


def test_the_body_is_minified(note: Note) -> None:
    body = envelope(note())
    assert json.dumps(json.loads(body), separators=(",", ":")).encode() == body


def test_options_of_http_belong_to_it() -> None:
    assert issubclass(Config, HttpOptions)
