"""Who may read the page: everybody, or holders of a token, a browser by the cookie that it got for one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from stressd.config.exposed import reads_openly
from stressd.config.load import load_text
from stressd.runtime.registry import registry
from stressd.web.app import make_app
from stressd.web.reading import may_read, readable
from stressd.web.serve import SOCKET_NAME, Server
from stressd.web.session import LASTS, MOST, Sessions
from tests.web.behind import Behind
from tests.web.test_app import Told

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass
class Served:
    behind: Behind
    url: str
    socket: Path


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    behind = Behind()
    app = make_app(Told(), behind)

    async def secret(request: web.Request) -> web.StreamResponse:
        return web.Response(text="JP 30Y")

    async def asked(request: web.Request) -> web.Response:
        return web.Response(text=str(may_read(request)))

    app.router.add_get("/probe", readable(secret))
    app.router.add_get("/asked", asked)
    server = Server(app)
    await server.start(tmp_path / SOCKET_NAME)
    await server.listen("127.0.0.1", 0)
    yield Served(behind, f"http://127.0.0.1:{server.port}", tmp_path / SOCKET_NAME)
    await server.stop()


def browser() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))


async def read(session: aiohttp.ClientSession, served: Served, token: str = "") -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with session.get(f"{served.url}/probe", headers=headers) as answer:
        whole = await answer.text()
        assert (answer.status == 401) == ("WWW-Authenticate" in answer.headers)
    async with session.get(f"{served.url}/asked", headers=headers) as asked:
        assert (await asked.text()) == str(answer.status == 200)
    return answer.status, whole


async def test_an_open_page_is_read_by_everybody_and_a_guarded_one_by_holders_and_the_machines_people(
    served: Served,
) -> None:
    async with browser() as session:
        assert (await read(session, served))[0] == 401
        assert (await read(session, served, "wrong"))[0] == 401
        assert (await read(session, served, "reader-token")) == (200, "JP 30Y")
        served.behind.open = True
        assert (await read(session, served))[0] == 200
        served.behind.open = False
    by_socket = aiohttp.UnixConnector(str(served.socket))
    async with (
        aiohttp.ClientSession(connector=by_socket) as session,
        session.get("http://stressd/probe") as answer,
    ):
        assert answer.status == 200


async def test_a_browser_reads_by_the_cookie_that_it_got_for_a_token_and_changes_nothing_by_it(served: Served) -> None:
    async with browser() as session:
        begin = session.post(f"{served.url}/api/v1/session", headers={"Authorization": "Bearer grafana-token"})
        async with begin as answer:
            assert answer.status == 200
            said = await answer.json()
            cookie = answer.headers["Set-Cookie"]
        assert said["name"] == "grafana"
        assert said["lasts_s"] == LASTS
        assert "ack" in said["may"]
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert "grafana-token" not in cookie
        assert "Secure" not in cookie
        assert (await read(session, served))[0] == 200
        async with session.post(f"{served.url}/api/v1/episodes/JP-260120-7q2f/ack", json={}) as answer:
            assert answer.status == 401
        assert served.behind.given == []
        async with session.delete(f"{served.url}/api/v1/session") as answer:
            assert answer.status == 401
        end = session.delete(f"{served.url}/api/v1/session", headers={"Authorization": "Bearer grafana-token"})
        async with end as answer:
            assert answer.status == 200
        assert (await read(session, served))[0] == 401


async def test_a_session_ends_with_the_token_behind_it(served: Served) -> None:
    async with browser() as session:
        async with session.post(f"{served.url}/api/v1/session", headers={"Authorization": "Bearer reader-token"}):
            pass
        assert (await read(session, served))[0] == 200
        served.behind.revoked.add("reader-token")
        assert (await read(session, served))[0] == 401


async def test_without_scripts_a_form_shows_the_token_and_leads_back_to_the_page(served: Served) -> None:
    async with browser() as session:
        for token, leads in (
            ("wrong", "../../?refused=token"),
            ("", "../../?refused=token"),
            ("reader-token", "../../"),
        ):
            begin = session.post(
                f"{served.url}/api/v1/session", data={"token": f" {token} "}, headers=FORM, allow_redirects=False
            )
            async with begin as answer:
                assert (answer.status, answer.headers["Location"]) == (303, leads)
        assert (await read(session, served))[0] == 200


async def test_another_sites_page_begins_no_session_and_behind_tls_the_cookie_stays_there(served: Served) -> None:
    headers = {"Authorization": "Bearer reader-token"}
    async with browser() as session:
        for origin, status in (("https://evil.example", 403), ("https://stressd.bank.example", 200)):
            begin = session.post(f"{served.url}/api/v1/session", headers={**headers, "Origin": origin})
            async with begin as answer:
                assert answer.status == status
                assert ("Secure" in answer.headers.get("Set-Cookie", "")) == (status == 200)


def test_sessions_end_in_time_and_do_not_fill_the_memory() -> None:
    now = 0.0
    sessions = Sessions(lambda: now)
    first = sessions.begin("a")
    assert sessions.token(first) == "a"
    now = LASTS - 1.0
    assert sessions.token(first) == "a"
    now = LASTS
    assert sessions.token(first) is None
    assert sessions.token("") is None
    names = [sessions.begin(str(k)) for k in range(MOST + 1)]
    assert len(set(names)) == len(names)
    assert sessions.token(names[0]) is None
    assert sessions.token(names[1]) == "1"


def test_a_page_that_only_this_machine_reaches_is_open_and_every_other_takes_a_token(tmp_path: Path) -> None:
    def reads(more: str) -> tuple[bool, str]:
        text = f"instance: a\nmarkets: {{JP: {{tenors: [10Y]}}}}\n{more}"
        loaded = load_text(text, tmp_path / "c.yaml", registry(), environment=False)
        return reads_openly(loaded.model), "\n".join(map(str, loaded.warnings))

    token = "tokens: [{name: desk, token: {env: X}}]\n"
    assert reads("")[0]
    assert reads("listen: none\n")[0]
    assert reads("page_url: http://localhost:8433/\n")[0]
    assert not reads("listen: 0.0.0.0:8433\n")[0]
    assert not reads("page_url: https://stressd.bank.example/\n")[0]
    assert reads("page_url: https://stressd.bank.example/\npage: {read: open}\n")[0]
    assert not reads(f"page: {{read: token}}\n{token}")[0]
    assert "there is none" in reads("page: {read: token}\n")[1]
    assert "there is none" not in reads(f"page: {{read: token}}\n{token}")[1]
