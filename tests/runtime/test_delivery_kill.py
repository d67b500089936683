"""kill -9 at every point between the commit and the record of its delivery, against real servers on loopback."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from aiosmtpd.smtp import SMTP

from stressd.store import Store

EPISODE = "JP-260120-aaaa"
EVENTS = 8

CHILD = f"""
import asyncio, json, os, signal, sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from stressd.runtime.delivery import Deliverer
from stressd.store import Commit, Store
from tests.runtime.outbox_bench import make

directory, config, label = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
occurrence, events = int(sys.argv[4]), int(sys.argv[5])
left = {{label: occurrence}}

def point(name):
    left[name] = left.get(name, 0) - 1
    if left[name] == 0:
        os.kill(os.getpid(), signal.SIGKILL)

class Deadly:
    def __init__(self, inner):
        self.inner, self.name, self.traits = inner, inner.name, inner.traits
    async def send(self, notification):
        point("before-send")
        receipt = await self.inner.send(notification)
        point("accepted")
        return receipt
    async def close(self):
        await self.inner.close()

async def main():
    store = Store.open(directory)
    module = import_module("stressd.sinks." + config["type"])
    sink = Deadly(module.build(module.Config.model_validate(config), "test"))
    deliverer = Deliverer(store, {{"out": sink}})
    await deliverer.start()
    await deliverer.idle()
    for seq in range(len(store.events_of("{EPISODE}")) + 1, events + 1):
        kind = "opened" if seq == 1 else "resolved" if seq == events else "escalated"
        routed = [SimpleNamespace(event=make(episode="{EPISODE}", seq=seq, type=kind), sinks=("out",))]
        await asyncio.wrap_future(store.commit(Commit(routed)))
        point("committed")
        deliverer.committed(routed)
        await asyncio.sleep(0)
        await deliverer.idle()
        point("recorded")
    await deliverer.stop()
    store.close()
    print("done")

asyncio.run(main())
"""


class Server:
    """What arrived, as (event id, text). kill_next: end the child when the next message is here, before it hears so."""

    def __init__(self) -> None:
        self.arrived: list[tuple[str, str]] = []
        self.child: asyncio.subprocess.Process | None = None
        self.kill_next = False
        self.url = ""

    def arrive(self, event_id: str, text: str) -> None:
        self.arrived.append((event_id, text))
        if self.kill_next and self.child is not None:
            self.kill_next = False
            self.child.kill()

    async def http(self, request: web.Request) -> web.Response:
        body = await request.text()
        message = json.loads(body)
        if "data" in message:
            self.arrive(message["data"]["id"], body)
        else:
            self.arrive(message["blocks"][-1]["elements"][0]["text"].split(" · ")[1], message["text"])
        return web.Response(text="ok")

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        mail = message_from_bytes(envelope.content)
        self.arrive(str(mail["X-Stressd-Event"]), str(mail["Message-ID"]))
        return "250 stored"


async def child(directory: Path, config: dict[str, Any], server: Server, label: str, occurrence: int) -> bytes:
    """Run one life. Returns what it printed."""
    server.kill_next = label == "arrived"
    paths = [*(p for p in sys.path if p), str(Path(__file__).resolve().parents[2])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "SLACK_URL": server.url}
    server.child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, str(directory), json.dumps(config), label, str(occurrence), str(EVENTS),
        stdout=asyncio.subprocess.PIPE, env=environment,
    )  # fmt: skip
    out, _ = await server.child.communicate()
    return out


@pytest.fixture
async def http() -> AsyncIterator[Server]:
    one = Server()
    app = web.Application()
    app.router.add_post("/{tail:.*}", one.http)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server(shutdown_timeout=0.1)
    one.url = f"http://127.0.0.1:{server.port}/hook"
    yield one
    await server.close()


@pytest.fixture
async def smtp() -> AsyncIterator[Server]:
    one = Server()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(one, hostname="mail.test", loop=loop), "127.0.0.1", 0)
    one.url = f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield one
    server.close()


async def lives(
    directory: Path, config: dict[str, Any], server: Server, deaths: list[tuple[str, int]]
) -> list[tuple[str, str]]:
    """Die at each of the points, live once more to the end, and return what arrived, having checked the promises."""
    for label, occurrence in deaths:
        assert b"done" not in await child(directory, config, server, label, occurrence), label
    assert b"done" in await child(directory, config, server, "none", 0)
    store = Store.open(directory)
    rows = store.deliveries()
    store.close()
    assert [d.seq for d in rows] == list(range(1, EVENTS + 1))
    ids = [event_id for event_id, _ in server.arrived]
    for row in rows:
        assert row.state in ("delivered", "superseded")
        assert row.state == "superseded" or row.event_id in ids
    order = list(dict.fromkeys(ids))
    assert order == sorted(order, key=lambda event_id: int(event_id.rpartition(".")[2]))
    assert order[-1] == f"{EPISODE}.{EVENTS}", "the episode's end was told"
    return server.arrived


def repeats(arrived: list[tuple[str, str]], says: Callable[[str], bool]) -> tuple[int, int]:
    """How many messages came again, and how many of these say so."""
    seen: set[str] = set()
    again: list[str] = []
    for event_id, text in arrived:
        if event_id in seen:
            again.append(text)
        seen.add(event_id)
    return len(again), sum(map(says, again))


async def test_slack_is_told_everything_and_of_every_repeat(http: Server, tmp_path: Path) -> None:
    config = {"name": "out", "type": "slack", "webhook_url": {"env": "SLACK_URL"}}
    deaths = [("committed", 1), ("before-send", 1), ("accepted", 2), ("arrived", 0), ("recorded", 1), ("committed", 1)]
    arrived = await lives(tmp_path, config, http, deaths)
    count, said = repeats(arrived, lambda text: "possible repeat" in text)
    assert count >= 2, "accepted or arrived, but not recorded: told again"
    assert said == count


async def test_a_webhook_gets_repeats_under_the_same_id(http: Server, tmp_path: Path) -> None:
    config = {"name": "out", "type": "webhook", "url": http.url, "unsigned": True}
    arrived = await lives(tmp_path, config, http, [("committed", 2), ("accepted", 1), ("arrived", 0)])
    count, same = repeats(arrived, lambda text: text in [body for _, body in arrived])
    assert count == same >= 2


async def test_mail_stored_by_a_server_that_never_answered_comes_again_with_its_id(
    smtp: Server, tmp_path: Path
) -> None:
    config = {
        "name": "out",
        "type": "email",
        "smtp": smtp.url,
        "tls": "none",
        "from": "s@b.example",
        "to": "r@b.example",
    }
    arrived = await lives(tmp_path, config, smtp, [("arrived", 0), ("accepted", 2)])
    ids = dict.fromkeys(arrived)
    assert len(ids) < len(arrived), "at least one came twice"
    assert len({message_id for _, message_id in arrived}) == len({event_id for event_id, _ in arrived})
