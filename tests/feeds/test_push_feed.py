"""The push feed over real HTTP: what is accepted is in the inbox, what is not is named line by line."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme
from pydantic import ValidationError

from stressd.backoff import Backoff
from stressd.feeds import push
from stressd.feeds.base import Frame
from stressd.feeds.push import Config, PushFeed
from stressd.testing.feeds import KeepingInbox, PlainResolver, feed_state

RESOLVER = PlainResolver(["JP.GOV.30Y", "US.GOV.10Y"])
TOKEN = {"Authorization": "Bearer s3cret"}
GOOD = {"series": "JP.GOV.30Y", "value": 3.765, "time": "2026-01-20T06:00:00Z"}
Start = Callable[[Awaitable[None]], "asyncio.Task[None]"]


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUSH_TOKEN", "s3cret")


def feed(**more: Any) -> PushFeed:
    given = {"listen": "127.0.0.1:0", "token": {"env": "PUSH_TOKEN"}, **more}
    return PushFeed(Config(name="push", type="push", **given), RESOLVER, Backoff(first=0.01, cap=0.05))


@asynccontextmanager
async def serving(desk: PushFeed, inbox: KeepingInbox, background: Start) -> AsyncIterator[aiohttp.ClientSession]:
    task = background(desk.run(inbox))
    await feed_state(desk, lambda f: f.health.state == "connected")
    async with asyncio.timeout(20), aiohttp.ClientSession(f"http://127.0.0.1:{desk.port}") as session:
        yield session
    task.cancel()
    await asyncio.wait([task])
    assert desk.health.state == "stopped"


async def post(session: aiohttp.ClientSession, body: bytes | str, **headers: str) -> tuple[int, Any]:
    async with session.post("/ticks", data=body, headers={**TOKEN, **headers}) as answer:
        return answer.status, await answer.json()


async def test_an_object_an_array_and_ndjson_are_taken(inbox: KeepingInbox, background: Start) -> None:
    one = json.dumps(GOOD)
    bid_ask = json.dumps({"series": "US.GOV.10Y", "bid": 4.29, "ask": 4.31, "source": "v"})
    async with serving(feed(), inbox, background) as session:
        assert await post(session, one) == (202, {"accepted": 1, "rejected": []})
        assert await post(session, f"[{one},{bid_ask}]") == (202, {"accepted": 2, "rejected": []})
        ndjson = {"Content-Type": "application/x-ndjson"}
        assert await post(session, f"{one}\n{bid_ask}\n", **ndjson) == (202, {"accepted": 2, "rejected": []})
        assert await post(session, f"{one}\n{bid_ask}\n") == (202, {"accepted": 2, "rejected": []})
        assert await post(session, json.dumps(GOOD, indent=1), **{"Content-Type": "application/json"}) == (
            202,
            {"accepted": 1, "rejected": []},
        )
    ticks = inbox.ticks()
    jp, us = "JP.GOV.30Y", "US.GOV.10Y"
    assert [t.series for t in ticks] == [jp, jp, us, jp, us, jp, us, jp]
    assert ticks[2].value == pytest.approx(4.30)
    assert (ticks[2].time, ticks[2].source) == (ticks[2].received, "v")
    assert ticks[0].source == "push"


async def test_a_refused_line_is_named_and_costs_the_others_nothing(inbox: KeepingInbox, background: Start) -> None:
    desk = feed()
    lines = [json.dumps(GOOD), "{oops", json.dumps({**GOOD, "series": "XX"}), "", json.dumps({**GOOD, "value": "nan"})]
    async with serving(desk, inbox, background) as session:
        status, answer = await post(session, "\n".join([*lines, json.dumps(GOOD)]))
        assert status == 202
        assert answer["accepted"] == 2
        assert [r["line"] for r in answer["rejected"]] == [2, 3, 5]
        assert answer["rejected"][1]["error"] == "unknown series `XX`"
        status, answer = await post(session, "{oops")
        assert (status, answer["accepted"], answer["rejected"][0]["line"]) == (400, 0, 1)
        assert (await post(session, ""))[0] == 400
    assert len(inbox.ticks()) == 2
    assert (desk.health.malformed, desk.health.unknown_series, desk.health.ticks) == (4, 1, 2)
    assert len(desk.health.rejects) == 5


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", "Basic s3cret", "bearer s3cre", "Bearer s3crét"])
async def test_without_the_token_nothing_is_read(header: str, inbox: KeepingInbox, background: Start) -> None:
    async with serving(feed(), inbox, background) as session:
        async with session.post("/ticks", data=json.dumps(GOOD), headers={"Authorization": header}) as answer:
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"] == "Bearer"
        async with session.get("/healthz") as answer:
            assert answer.status == 200
        async with session.get("/ticks", headers=TOKEN) as answer:
            assert answer.status == 405
    assert inbox.frames == []


async def test_a_body_too_large_is_refused_and_the_next_is_taken(inbox: KeepingInbox, background: Start) -> None:
    async with serving(feed(max_body=1_024), inbox, background) as session:
        status, answer = await post(session, b"[" + b" " * 5_000 + b"]")
        assert (status, answer["error"]) == (413, "the body is larger than 1024 bytes: send it in parts")
        assert (await post(session, json.dumps(GOOD)))[0] == 202


async def test_a_sender_is_told_to_come_back_while_too_much_waits(
    inbox: KeepingInbox, background: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push, "_WAITING", 2)
    desk = feed()
    async with serving(desk, inbox, background) as session:
        assert [(await post(session, json.dumps(GOOD)))[0] for _ in range(3)] == [202, 202, 503]
        desk.processed(inbox.frames[:1])
        assert (await post(session, json.dumps(GOOD)))[0] == 202


async def test_the_answer_comes_after_the_ticks_are_in_the_inbox(inbox: KeepingInbox, background: Start) -> None:
    async with serving(feed(), inbox, background) as session:
        for n in range(1, 20):
            await post(session, json.dumps(GOOD))
            assert len(inbox.frames) == n


async def test_https_with_a_private_authority(
    inbox: KeepingInbox, background: Start, tmp_path: Path, authority: trustme.CA
) -> None:
    cert = authority.issue_cert("localhost")
    cert.private_key_pem.write_to_path(tmp_path / "key.pem")
    cert.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    desk = feed(cert_file=str(tmp_path / "cert.pem"), key_file=str(tmp_path / "key.pem"))
    background(desk.run(inbox))
    await feed_state(desk, lambda f: f.health.state == "connected")
    trust = ssl.create_default_context(cafile=tmp_path / "ca.pem")
    async with (
        asyncio.timeout(20),
        aiohttp.ClientSession(f"https://localhost:{desk.port}") as session,
        session.post("/ticks", data=json.dumps(GOOD), headers=TOKEN, ssl=trust) as answer,
    ):
        assert answer.status == 202
    assert len(inbox.ticks()) == 1


async def test_a_port_that_is_taken_is_said_and_tried_again(inbox: KeepingInbox, background: Start) -> None:
    server = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    desk = feed(listen=f"127.0.0.1:{port}")
    background(desk.run(inbox))
    await feed_state(desk, lambda f: f.health.state == "waiting")
    assert "address already in use" in desk.health.detail
    server.close()
    await server.wait_closed()
    await feed_state(desk, lambda f: f.health.state == "connected")


async def test_a_token_that_cannot_be_read_is_said(
    inbox: KeepingInbox, background: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PUSH_TOKEN")
    desk = feed()
    background(desk.run(inbox))
    await feed_state(desk, lambda f: f.health.state == "refused")
    assert "`PUSH_TOKEN` is not set" in desk.health.detail


def test_a_body_from_a_recording_decodes_as_it_did_live() -> None:
    desk = feed(payload={"value": "y", "series": "s"})
    frame = Frame(desk, "POST /ticks", b'{"y": 3.7, "s": "JP.GOV.30Y"}\n{"y": 4.3, "s": "US.GOV.10Y"}', 5)
    assert [(t.series, t.value, t.time) for t in desk.decode(frame)] == [("JP.GOV.30Y", 3.7, 5), ("US.GOV.10Y", 4.3, 5)]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"listen": "8730"}, "host:port"),
        ({"listen": "127.0.0.1:99999"}, "host:port"),
        ({"cert_file": "c.pem"}, "go together"),
        ({"payload": {"series": None}}, "needs a key for the series"),
        ({"token": "plain"}, "the secret itself is never written here"),
    ],
)
def test_a_config_that_cannot_work_says_why(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError) as error:
        feed(**fields)
    assert says in str(error.value)
