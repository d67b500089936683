"""Health, readiness, metrics and status over real HTTP, on TCP and on a Unix socket."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from stressd.web.app import make_app
from stressd.web.serve import SOCKET_NAME, Server
from tests.web.behind import Behind


class Told:
    """A provider that says what it was told to say."""

    def __init__(self) -> None:
        self.why = ""
        self.reasons: list[str] = []

    def stuck(self) -> str:
        return self.why

    def unready(self) -> Sequence[str]:
        return self.reasons

    async def metrics(self) -> bytes:
        return b"stressd_up 1\n"

    async def full(self) -> dict[str, Any]:
        return {"instance": "rates-tokyo", "feeds": []}

    def stress(self, days: int) -> dict[str, Any]:
        return {"value": 0.71, "days": [{"date": "2026-01-20", "value": 0.7}][:days]}

    async def paths(self) -> dict[str, Any]:
        return {"time": "2026-01-20T09:07:00Z", "paths": {}}

    async def state(self) -> dict[str, Any]:
        return {"v": 1, "instance": "rates-tokyo", "time": "2026-01-20T09:07:00Z", "speed": None, "series": {}}

    def strip(self, series: str) -> dict[str, Any] | None:
        return {"series": series, "points": [[1_768_899_600_000, 3.765]]} if series == "JP.GOV.30Y" else None

    def graph(self) -> dict[str, Any]:
        return {"time": "2026-01-20T09:07:00Z", "markets": [], "edges": []}


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[tuple[Told, str, Path]]:
    told = Told()
    server = Server(make_app(told, Behind()))
    await server.start(tmp_path / SOCKET_NAME)
    await server.listen("127.0.0.1", 0)
    yield told, f"http://127.0.0.1:{server.port}", tmp_path / SOCKET_NAME
    await server.stop()


async def get(url: str, connector: aiohttp.BaseConnector | None = None) -> tuple[int, str, str]:
    async with aiohttp.ClientSession(connector=connector) as session, session.get(url) as answer:
        return answer.status, answer.headers["Content-Type"], await answer.text()


async def test_health_is_200_while_the_pump_beats_and_503_with_the_reason_when_it_is_stuck(
    served: tuple[Told, str, Path],
) -> None:
    told, url, _ = served
    assert (await get(f"{url}/healthz"))[::2] == (200, '{"status":"ok","reasons":[]}')
    told.why = "no pass for 12 s"
    assert (await get(f"{url}/healthz"))[::2] == (503, '{"status":"stuck","reasons":["no pass for 12 s"]}')


async def test_readiness_says_every_reason_against_it(served: tuple[Told, str, Path]) -> None:
    told, url, _ = served
    assert json.loads((await get(f"{url}/readyz"))[2]) == {"status": "ready", "reasons": []}
    told.reasons = ["feed desk is not connected", "nothing can alert yet"]
    status, kind, text = await get(f"{url}/readyz")
    assert (status, kind) == (503, "application/json")
    assert json.loads(text) == {"status": "not ready", "reasons": told.reasons}


@pytest.mark.parametrize("path", ["healthz", "readyz"])
async def test_a_check_that_only_asks_for_the_head_gets_the_same_status(
    served: tuple[Told, str, Path], path: str
) -> None:
    told, url, _ = served
    async with aiohttp.ClientSession() as session:
        for why, expected in (("", 200), ("no pass for 12 s", 503)):
            told.why, told.reasons = why, [why] if why else []
            async with session.head(f"{url}/{path}") as answer:
                assert (answer.status, await answer.read()) == (expected, b"")


async def test_metrics_are_in_the_text_format(served: tuple[Told, str, Path]) -> None:
    status, kind, text = await get(f"{served[1]}/metrics")
    assert (status, kind, text) == (200, "text/plain; version=0.0.4; charset=utf-8", "stressd_up 1\n")


async def test_the_whole_status_is_for_the_unix_socket_others_hear_whether_it_works(
    served: tuple[Told, str, Path],
) -> None:
    _, url, path = served
    over_tcp = await get(f"{url}/api/v1/status")
    over_unix = await get("http://stressd/api/v1/status", aiohttp.UnixConnector(str(path)))
    assert over_unix == (200, "application/json", '{"instance":"rates-tokyo","feeds":[]}')
    assert over_tcp[:2] == (200, "application/json")
    assert json.loads(over_tcp[2]).keys() == {"instance", "feeds", "more"}
    assert path.stat().st_mode & 0o007 == 0


async def test_the_graph_has_its_own_address(served: tuple[Told, str, Path]) -> None:
    status, kind, text = await get(f"{served[1]}/api/v1/graph")
    assert (status, kind, text) == (200, "application/json", json.dumps(served[0].graph(), separators=(",", ":")))


async def test_a_socket_left_behind_by_a_killed_daemon_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / SOCKET_NAME
    for _ in range(2):
        server = Server(make_app(Told(), Behind()))
        path.touch()
        await server.start(path)
        assert (await get("http://stressd/healthz", aiohttp.UnixConnector(str(path))))[0] == 200
        await server.stop()


async def test_a_state_directory_too_deep_for_a_socket_is_refused_with_its_path(tmp_path: Path) -> None:
    server = Server(make_app(Told(), Behind()))
    with pytest.raises(OSError, match="too long for a socket"):
        await server.start(tmp_path / ("d" * 120) / SOCKET_NAME)
    await server.stop()


async def test_the_tcp_address_can_change_and_a_taken_one_changes_nothing(served: tuple[Told, str, Path]) -> None:
    _, url, path = served
    async with aiohttp.ClientSession() as session:
        server = Server(make_app(Told(), Behind()))
        await server.start(path.with_name("other.sock"))
        assert server.port == 0
        await server.listen("127.0.0.1", 0)
        first = server.port
        with pytest.raises(OSError, match=r"cannot listen on 127.0.0.1:\d+: address already in use"):
            await server.listen("127.0.0.1", int(url.rpartition(":")[2]))
        async with session.get(f"http://127.0.0.1:{first}/healthz") as answer:
            assert answer.status == 200
        await server.listen("localhost", 0)
        assert server.port not in (0, first)
        await server.listen(None, 0)
        assert server.port == 0
        await server.stop()


async def test_the_stress_index_comes_with_as_many_closes_as_are_asked_for(served: tuple[Told, str, Path]) -> None:
    _, url, _ = served
    assert await get(f"{url}/api/v1/stress") == (200, "application/json", '{"value":0.71,"days":[]}')
    assert '"2026-01-20"' in (await get(f"{url}/api/v1/stress?days=250"))[2]
    for wrong in ("-1", "many", "1e3", "²"):
        status, _, text = await get(f"{url}/api/v1/stress?days={wrong}")
        assert (status, text) == (400, "`days` is a number of closes of the index, such as 250\n")
