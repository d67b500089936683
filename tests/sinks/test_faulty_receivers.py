"""Receivers that misbehave, by table: what each fault means to a sink, and what the deliverer makes of it.

A row's first half is real: a socket on loopback that does the wrong thing. Its second half runs in virtual time: the
error that came out of the first is what a fake sink raises once, and the rest is observed over three days if need be.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
import trustme

from stressd.alerts.event import to_json
from stressd.alerts.notification import Notification
from stressd.config.fields import HttpOptions
from stressd.runtime.registry import registry
from stressd.runtime.retry import RETRY_AFTER_CAP
from stressd.sinks.base import SinkError
from stressd.testing.pagerduty import KEY
from tests.runtime.outbox_bench import JP, US, Bench, make

Note = Callable[..., Notification]
Behave = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
TIMEOUT = "300ms"
BODY = to_json(make())
NOW = 1_768_887_067.0


# -- what follows from an error


async def follows(bench: Bench, error: SinkError) -> None:
    """The promises of the README, by class."""
    sink = bench.sink("slack")
    sink.plan = [error]
    deliverer = await bench.start()
    await bench.tell("slack")
    await bench.tell("slack", episode=US)
    row, heard = bench.row(f"{JP}.1"), [n.thread for n in sink.received]
    if error.fault == "permanent":
        assert (row.state, heard) == ("dead", [US]), "this message alone"
        assert [letter.error for letter in bench.dead] == [str(error)]
        return
    if error.fault == "disable":
        assert (row.state, heard) == ("dead", []), "nothing is sent there any more"
        assert {each.state for each in bench.store.deliveries()} == {"dead"}
        assert deliverer.troubled()[0][0] == "slack"
        return
    assert row.state == "pending"
    assert heard == ([] if error.fault == "rate_limited" else [US]), "a plea to slow down is for the whole sink"
    asked = min(error.retry_after or 0.0, RETRY_AFTER_CAP)
    if asked > 1.0:
        await bench.time.run(asked - 0.5)
        assert JP not in [n.thread for n in sink.received], "not before it was asked for"
    await bench.time.run(3.0)
    again = [n for _, n in sink.attempts if n.thread == JP]
    assert [n.event_id for n in again] == [f"{JP}.1"] * 2, "the same id on every attempt"
    assert again[-1].possible_repeat == (error.fault == "ambiguous")
    assert bench.row(f"{JP}.1").state == "delivered"
    assert not bench.dead


# -- HTTP

SINKS: dict[str, dict[str, Any]] = {
    "webhook": {"url": "{url}/very-secret-path", "unsigned": True},
    "slack": {"webhook_url": {"env": "FAULTY_URL"}},
    "slack bot": {"type": "slack", "bot_token": {"env": "FAULTY_TOKEN"}, "channel": "C0DESK0001", "api_url": "{url}/"},
    "teams": {"url": {"env": "FAULTY_URL"}},
    "pagerduty": {"routing_key": {"env": "FAULTY_KEY"}, "url": "{url}/v2/enqueue"},
    "alertmanager": {"urls": "{url}"},
}
"""Every sink over HTTP; a new one needs a line here."""


def sink_of(kind: str, url: str, monkeypatch: pytest.MonkeyPatch, **more: Any) -> Any:
    monkeypatch.setenv("FAULTY_URL", f"{url}/very-secret-path")
    monkeypatch.setenv("FAULTY_TOKEN", "xoxb-very-secret")
    monkeypatch.setenv("FAULTY_KEY", KEY)
    written = {"name": "out", "type": kind, "timeout": TIMEOUT, **SINKS[kind], **more}
    filled = {k: v.replace("{url}", url) if isinstance(v, str) else v for k, v in written.items()}
    found = registry().sinks[filled["type"]]
    return found.build(found.config.model_validate(filled), "rates-tokyo")


async def outcome(sink: Any, n: Notification) -> SinkError | None:
    """The error, which holds no secret; None for success."""
    error: SinkError | None = None
    try:
        await sink.send(n)
    except SinkError as raised:
        error = raised
    await sink.close()
    assert not any(secret in str(error) for secret in ("very-secret", KEY))
    return error


def word(error: SinkError | None) -> str:
    return "ok" if error is None else error.fault


@asynccontextmanager
async def faulty(behave: Behave, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> AsyncIterator[str]:
    """A server whose every connection does that."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await behave(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    yield f"{'https' if tls else 'http'}://{host}:{server.sockets[0].getsockname()[1]}"
    server.close()


async def request(reader: asyncio.StreamReader) -> bytes:
    """The head and the body of one request."""
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    return head + (await reader.readexactly(int(lengths[0].split(b":")[1])) if lengths else b"")


def answer(status: int, body: str = "", *headers: str) -> Behave:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        lines = [f"HTTP/1.1 {status} Odd", f"Content-Length: {len(body)}", "Connection: close", *headers]
        writer.write(("\r\n".join(lines) + "\r\n\r\n" + body).encode())
        await writer.drain()

    return behave


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request(reader)
    await asyncio.sleep(2)


async def never_read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(2)


async def loris(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request(reader)
    for letter in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 200:
        writer.write(bytes([letter]))
        await writer.drain()
        await asyncio.sleep(0.05)


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request(reader)
    plug = writer.get_extra_info("socket")
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request(reader)


async def dropped_response(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\no")
    await writer.drain()
    writer.transport.abort()


async def no_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request(reader)
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
    await writer.drain()


@dataclass(frozen=True)
class Row:
    """What a receiver does, and what each sink makes of it: for all of them, but for those named in `but`."""

    what: str
    behave: Behave
    means: str
    but: tuple[tuple[str, str], ...] = ()
    wait: float | None = None


WORDS = (("slack", "retry"), ("slack bot", "retry"), ("teams", "retry"), ("pagerduty", "*"))
"""Who looks at what a 200 says; of PagerDuty either is right, since it tells repeats by their key."""

ROWS = [
    Row("accepts and hangs", hang, "ambiguous"),
    Row("never reads", never_read, "ambiguous"),
    Row("slow-loris headers", loris, "ambiguous"),
    Row("reset after the body", reset, "ambiguous"),
    Row("hangs up without a word", hang_up, "ambiguous"),
    Row("is no HTTP server", no_http, "ambiguous"),
    Row(
        "200 whose body breaks off", dropped_response, "ok",
        (("slack", "ambiguous"), ("slack bot", "ambiguous"), ("teams", "retry"), ("pagerduty", "*")),
    ),
    Row("truncated JSON", answer(200, '{"ok":tr'), "ok", WORDS),
    Row("a page of a proxy", answer(200, "<html>Sign in</html>"), "ok", WORDS),
    Row("redirect, permanent", answer(301, "", "Location: http://127.0.0.1:1/"), "retry"),
    Row("redirect, temporary", answer(302, "", "Location: http://127.0.0.1:1/"), "retry"),
    Row("redirect that keeps the method", answer(307, "", "Location: http://127.0.0.1:1/"), "retry"),
    Row("503 without a word", answer(503), "retry"),
    Row("503, after seconds", answer(503, "", "Retry-After: 42"), "retry", wait=42.0),
    Row("429 without a word", answer(429), "rate_limited"),
    Row("429, after seconds", answer(429, "", "Retry-After: 7"), "rate_limited", wait=7.0),
    Row("429, after nothing", answer(429, "", "Retry-After: 0"), "rate_limited", wait=0.0),
    Row(
        "429, after a date by the server's clock, which is an hour ahead",
        answer(
            429, "", f"Date: {formatdate(NOW + 3_600, usegmt=True)}",
            f"Retry-After: {formatdate(NOW + 3_690, usegmt=True)}",
        ),
        "rate_limited", wait=90.0,
    ),
    Row(
        "429, after a date by the server's clock, which is an hour behind",
        answer(
            429, "", f"Date: {formatdate(NOW - 3_600, usegmt=True)}",
            f"Retry-After: {formatdate(NOW - 3_510, usegmt=True)}",
        ),
        "rate_limited", wait=90.0,
    ),
    Row(
        "429, after a date that is over",
        answer(429, "", f"Date: {formatdate(NOW, usegmt=True)}", f"Retry-After: {formatdate(NOW - 60, usegmt=True)}"),
        "rate_limited", wait=0.0,
    ),
    Row("429, garbage", answer(429, "", "Retry-After: soon"), "rate_limited"),
    Row("429, negative", answer(429, "", "Retry-After: -5"), "rate_limited"),
    Row("429, huge", answer(429, "", f"Retry-After: {10**15}"), "rate_limited", wait=1e9),
    Row("410", answer(410), "disable"),
    Row("413", answer(413), "permanent"),
    Row("422", answer(422), "permanent"),
    Row("408", answer(408), "retry"),
    Row("425", answer(425), "retry"),
    Row("407 of a proxy", answer(407), "permanent"),
]  # fmt: skip


@pytest.mark.parametrize("kind", SINKS)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what)
async def test_a_fault_over_http_has_its_class_and_consequence(
    row: Row, kind: str, note: Note, monkeypatch: pytest.MonkeyPatch, bench: Bench
) -> None:
    async with faulty(row.behave) as url:
        error = await outcome(sink_of(kind, url, monkeypatch), note(first=True, body=BODY))
    wanted = dict(row.but).get(kind, row.means)
    assert wanted in (word(error), "*"), f"{word(error)}: {error}"
    if error is None:
        return
    if row.wait is not None:
        assert error.retry_after is not None
        assert min(error.retry_after, 1e9) == pytest.approx(row.wait, abs=1.5)
    await follows(bench, error)


def meaning(status: int) -> str:
    """What a bare status means to a sink that trusts it."""
    if status < 200 or 300 <= status < 400:
        return "retry"
    if status < 300:
        return "ok"
    if status in (410, 429):
        return {410: "disable", 429: "rate_limited"}[status]
    return "permanent" if status < 500 and status not in (408, 425) else "retry"


OWN: dict[str, Callable[[int], str]] = {
    "slack": lambda status: "retry" if 200 <= status < 300 else meaning(status),
    "slack bot": lambda status: "retry" if 200 <= status < 300 else meaning(status),
    "teams": lambda status: "disable" if status in (401, 403, 404) else meaning(status),
    "pagerduty": lambda status: "disable" if status in (401, 403) else meaning(status),
}
"""By sink: an empty body is no success to Slack; a workflow's URL or a key that is refused will not work again."""


@pytest.mark.parametrize("kind", SINKS)
async def test_every_status_from_100_to_599_has_its_meaning(
    kind: str, note: Note, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = {"now": 100}

    async def any_status(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answer(status["now"])(reader, writer)

    wrong = {}
    async with faulty(any_status) as url:
        for number in range(100, 600):
            status["now"] = number
            got = word(await outcome(sink_of(kind, url, monkeypatch), note(first=True, body=BODY)))
            wanted = {OWN.get(kind, meaning)(number)}
            if number < 200:
                wanted = {"retry", "ambiguous"}  # informational: no answer followed, or none that is one
            if kind == "pagerduty" and 200 <= number < 300:
                wanted = {"ok", "retry"}
            if got not in wanted:
                wrong[number] = got
    assert wrong == {}


async def test_nothing_that_never_left_is_a_possible_repeat(
    note: Note, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    for kind in SINKS:
        for url in (f"http://127.0.0.1:{unused_tcp_port}", "https://no-such-host.invalid"):
            assert word(await outcome(sink_of(kind, url, monkeypatch), note(body=BODY))) == "retry"


@pytest.mark.parametrize("kind", SINKS)
@pytest.mark.parametrize("fault", ["unknown authority", "expired", "wrong host", "no TLS at all"])
async def test_a_certificate_that_is_wrong_sends_nothing_and_may_be_put_right(
    fault: str, kind: str, note: Note, monkeypatch: pytest.MonkeyPatch, ca_file: Path, authority: trustme.CA
) -> None:
    heard: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await request(reader))

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    signer = trustme.CA() if fault == "unknown authority" else authority
    name = "elsewhere.example" if fault == "wrong host" else "localhost"
    over = datetime.now(UTC) - timedelta(days=1)
    dates = {"not_before": over - timedelta(days=9), "not_after": over} if fault == "expired" else {}
    signer.issue_cert(name, **dates).configure_cert(context)

    async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    plain = fault == "no TLS at all"
    async with faulty(garbage if plain else listen, None if plain else context, "localhost") as url:
        url = url.replace("http://", "https://") if plain else url
        error = await outcome(sink_of(kind, url, monkeypatch, ca_file=str(ca_file)), note(body=BODY))
    assert error is not None
    assert error.fault == "retry"
    assert "certificate" in str(error) or "TLS" in str(error) or "connection" in str(error)
    assert heard == []


async def test_the_order_of_a_real_outage_is_kept_in_the_log(
    note: Note, monkeypatch: pytest.MonkeyPatch, bench: Bench
) -> None:
    """A real sink under the deliverer: what was asked and answered is in the store, by attempt."""
    answers = iter([answer(503, "maintenance"), answer(429, "", "Retry-After: 3"), answer(204)])

    async def one_after_the_other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await next(answers)(reader, writer)

    async with faulty(one_after_the_other) as url:
        bench.sinks["slack"] = sink_of("webhook", url, monkeypatch)
        await bench.start()
        await bench.tell("slack")
        for _ in range(400):
            await bench.time.run(0.25)
            await asyncio.sleep(0.005)
            if bench.row(f"{JP}.1").state == "delivered":
                break
    log = bench.store.attempts(f"{JP}.1", "slack")
    assert [(a.attempt, a.outcome, a.fault) for a in log] == [
        (1, "failed", "retry"),
        (2, "failed", "rate_limited"),
        (3, "delivered", None),
    ]
    assert [a.response for a in log] == ["HTTP 503: maintenance", "HTTP 429: ", "HTTP 204: "]
    assert all(a.request is not None and a.request.startswith("POST http://127.0.0.1:") for a in log)
    assert not any("very-secret" in json.dumps([a.request, a.response, a.error]) for a in log)


# -- SMTP

Stage = tuple[str, str]
"""A step of the dialogue, and what the server does then: a reply, `drop`, `hang`, `drip` (the right reply, slowly)."""

MAIL: list[tuple[str, Stage, str]] = [
    ("busy at the door", ("greet", "421 too many connections"), "retry"),
    ("not for us", ("greet", "554 go away"), "retry"),
    ("silent at the door", ("greet", "hang"), "retry"),
    ("closed at the door", ("greet", "drop"), "retry"),
    ("greylisted sender", ("MAIL", "451 try later"), "retry"),
    ("sender refused", ("MAIL", "550 no"), "permanent"),
    ("closing", ("MAIL", "421 shutting down"), "retry"),
    ("greylisted", ("RCPT", "451 try later"), "retry"),
    ("mailbox full", ("RCPT", "452 full"), "retry"),
    ("no such user", ("RCPT", "550 who?"), "permanent"),
    ("policy", ("RCPT", "554 policy"), "permanent"),
    ("closing at the recipient", ("RCPT", "421 closing"), "retry"),
    ("silent at the recipient", ("RCPT", "hang"), "retry"),
    ("gone at the recipient", ("RCPT", "drop"), "retry"),
    ("not now", ("DATA", "451 not now"), "retry"),
    ("no data", ("DATA", "554 no"), "permanent"),
    ("stored? never said", ("dot", "drop"), "ambiguous"),
    ("stored? silent", ("dot", "hang"), "ambiguous"),
    ("deferred after the dot", ("dot", "451 later"), "retry"),
    ("closing after the dot", ("dot", "421 closing"), "retry"),
    ("spam", ("dot", "550 spam"), "permanent"),
    ("refused after the dot", ("dot", "554 refused"), "permanent"),
    ("too large", ("dot", "552 too large"), "permanent"),
    ("slow", ("dot", "drip"), "ok"),
    ("no good-bye", ("QUIT", "drop"), "ok"),
    ("silent good-bye", ("QUIT", "hang"), "ok"),
]
GOOD = {"greet": "220 mail.test", "EHLO": "250 mail.test", "HELO": "250 mail.test", "DATA": "354 go", "QUIT": "221 bye"}


def mail_server(stage: Stage) -> Behave:
    async def act(writer: asyncio.StreamWriter, at: str) -> bool:
        """Whether the dialogue goes on."""
        reply = stage[1] if at == stage[0] else GOOD.get(at, "250 ok")
        if reply == "hang":
            await asyncio.sleep(2)
        if reply in ("hang", "drop"):
            writer.transport.abort()
            return False
        if reply == "drip":
            for letter in b"250 ok\r\n":
                writer.write(bytes([letter]))
                await writer.drain()
                await asyncio.sleep(0.02)
            return True
        writer.write(reply.encode() + b"\r\n")
        await writer.drain()
        return not reply.startswith("421")

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        going = await act(writer, "greet")
        while going and (line := await reader.readline()):
            verb = line.split()[0].upper().decode()
            going = await act(writer, verb)
            if verb == "DATA" and going and stage != ("DATA", "451 not now") and stage != ("DATA", "554 no"):
                await reader.readuntil(b"\r\n.\r\n")
                going = await act(writer, "dot")

    return behave


@pytest.mark.parametrize(("what", "stage", "means"), MAIL, ids=[row[0] for row in MAIL])
async def test_a_fault_over_smtp_has_its_class_and_consequence(
    what: str, stage: Stage, means: str, note: Note, bench: Bench
) -> None:
    async with faulty(mail_server(stage)) as url:
        found = registry().sinks["email"]
        written = {
            "name": "out",
            "type": "email",
            "smtp": url.replace("http", "smtp"),
            "tls": "none",
            "timeout": TIMEOUT,
        }
        config = found.config.model_validate({**written, "from": "s@bank.example", "to": ["rates@bank.example"]})
        error = await outcome(found.build(config, "rates-tokyo"), note())
    assert word(error) == means, str(error)
    if error is not None:
        assert "bank.example" not in str(error)
        await follows(bench, error)


def test_a_proxy_a_private_authority_and_a_timeout_belong_to_every_sink_over_http() -> None:
    types = {SINKS[kind].get("type", kind) for kind in SINKS}
    assert {name for name, found in registry().sinks.items() if issubclass(found.config, HttpOptions)} == types
