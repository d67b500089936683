"""Every action of the page, with a token, without one, with one that may not, from another site, and by the socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from stressd.web.app import make_app
from stressd.web.serve import SOCKET_NAME, Server
from tests.web.behind import OPEN, Behind
from tests.web.test_app import Told

ACTIONS: list[tuple[str, str, dict[str, Any] | None]] = [
    ("POST", f"/api/v1/episodes/{OPEN.id}/ack", {"for": "30m", "note": "on it"}),
    ("POST", f"/api/v1/episodes/{OPEN.id}/label", {"label": "useful"}),
    ("POST", "/api/v1/silences", {"match": {"market": "JP"}, "for": "2h", "reason": "BoJ operation"}),
    ("DELETE", "/api/v1/silences/s1", None),
    ("POST", "/api/v1/sinks/hook/test", None),
    ("POST", "/api/v1/drill", {"series": "JP.GOV.30Y"}),
    ("POST", "/api/v1/replay", {"paused": True}),
]


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[tuple[Behind, str, Path]]:
    behind = Behind()
    server = Server(make_app(Told(), behind))
    await server.start(tmp_path / SOCKET_NAME)
    await server.listen("127.0.0.1", 0)
    yield behind, f"http://127.0.0.1:{server.port}", tmp_path / SOCKET_NAME
    await server.stop()


@pytest.mark.parametrize(("method", "path", "said"), ACTIONS, ids=[path for _, path, _ in ACTIONS])
@pytest.mark.parametrize("opened", [False, True], ids=["guarded page", "open page"])
async def test_an_action_takes_a_token_with_the_right_to_it_whoever_may_read(
    served: tuple[Behind, str, Path], method: str, path: str, said: dict[str, Any] | None, opened: bool
) -> None:
    behind, url, socket = served
    behind.open = opened
    reader, holder = ({"Authorization": f"Bearer {name}-token"} for name in ("reader", "grafana"))
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        async with session.post(f"{url}/api/v1/session", headers=holder) as answer:
            assert answer.status == 200
        for headers, status in (
            ({}, 401),
            ({"Authorization": "Bearer wrong"}, 401),
            (reader, 403),
            ({**holder, "Origin": "https://evil.example"}, 403),
            ({**holder, "Sec-Fetch-Site": "cross-site"}, 403),
        ):
            async with session.request(method, url + path, json=said, headers=headers) as answer:
                assert answer.status == status, await answer.text()
                assert (await answer.json())["error"]
        assert behind.given == []
        assert behind.tried == []
        async with session.request(method, url + path, json=said, headers=holder) as answer:
            assert answer.status in (200, 201, 202), await answer.text()
    (done,) = [*(command.author for command in behind.given), *(author for _, _, author in behind.tried)]
    assert done == "grafana"
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(socket))) as session,
        session.request(method, f"http://stressd{path}", json=said) as answer,
    ):
        assert answer.status in (200, 201, 202)


async def test_what_cannot_be_tried_is_said_with_what_can(served: tuple[Behind, str, Path]) -> None:
    behind, url, _ = served
    holder = {"Authorization": "Bearer grafana-token"}
    async with aiohttp.ClientSession(headers=holder) as session:
        async with session.post(f"{url}/api/v1/sinks/hok/test") as answer:
            assert (answer.status, "the configured ones are hook" in await answer.text()) == (404, True)
        async with session.get(f"{url}/api/v1/drill") as answer:
            assert await answer.json() == {"drill": None}
        behind.refuse = "a drill is under way"
        async with session.post(f"{url}/api/v1/drill") as answer:
            assert (answer.status, (await answer.json())["error"]) == (409, "a drill is under way")
        async with session.post(f"{url}/api/v1/drill", json={"serie": "x"}) as answer:
            assert answer.status == 422
