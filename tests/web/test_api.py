"""The API for people and machines, over real HTTP on TCP and on a Unix socket."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from stressd.alerts.people.commands import Acknowledge, AddSilence, EndSilence, Label
from stressd.web.app import make_app
from stressd.web.body import LARGEST
from stressd.web.caller import logged_in, user_text
from stressd.web.serve import SOCKET_NAME, Server
from tests.web.behind import NOW, OPEN, OVER, Behind
from tests.web.test_app import Told

HOUR = 3_600 * 10**9
ME = pwd.getpwuid(os.getuid()).pw_name
TOKEN = {"Authorization": "Bearer grafana-token"}
SILENCE = {"match": {"market": "JP", "rule": ["sigma-breach"]}, "for": "2h", "reason": "BoJ operation"}


class Door:
    """A server, and how it is asked."""

    def __init__(self, behind: Behind, url: str, path: Path) -> None:
        self.behind = behind
        self.url = url
        self.path = path

    async def ask(
        self, method: str, path: str, body: Any = None, *, unix: bool = False, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        connector = aiohttp.UnixConnector(str(self.path)) if unix else None
        base = "http://stressd" if unix else self.url
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        given = {"Content-Type": "application/json", **(headers or {})}
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.request(method, base + path, data=data, headers=given) as answer,
        ):
            text = await answer.text()
            return answer.status, json.loads(text) if answer.content_type == "application/json" else text


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    behind = Behind()
    server = Server(make_app(Told(), behind))
    await server.start(tmp_path / SOCKET_NAME)
    await server.listen("127.0.0.1", 0)
    yield Door(behind, f"http://127.0.0.1:{server.port}", tmp_path / SOCKET_NAME)
    await server.stop()


async def test_over_the_unix_socket_the_author_is_the_user_at_its_other_end(door: Door) -> None:
    status, said = await door.ask("POST", "/api/v1/silences", SILENCE, unix=True)
    assert status == 201
    assert said["silence"] == "s1"
    (command,) = door.behind.given
    assert isinstance(command, AddSilence)
    assert command.author.split(" ")[0] == ME
    assert (command.via, command.starts, command.ends) == ("cli", NOW, NOW + 2 * HOUR)
    assert (command.match.markets, command.match.rules) == (("JP",), ("sigma-breach",))
    assert (command.reason, command.break_through) == ("BoJ operation", None)


async def test_over_tcp_a_token_says_who_it_is_and_without_one_nothing_is_done_or_shown(door: Door) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic grafana-token"}):
        for method, path in (("POST", "/api/v1/silences"), ("GET", "/api/v1/silences"), ("GET", "/api/v1/episodes")):
            status, said = await door.ask(method, path, SILENCE if method == "POST" else None, headers=headers)
            assert (status, said["field"]) == (401, None)
    assert door.behind.given == []
    status, _ = await door.ask("POST", "/api/v1/silences", SILENCE, headers=TOKEN)
    assert status == 201
    assert (door.behind.given[0].author, door.behind.given[0].via) == ("grafana", "http")


async def test_a_token_may_do_only_what_it_was_given_for(door: Door) -> None:
    reader = {"Authorization": "bearer reader-token"}
    assert (await door.ask("GET", "/api/v1/silences", headers=reader))[0] == 200
    status, said = await door.ask("POST", "/api/v1/silences", SILENCE, headers=reader)
    assert (status, said["error"]) == (
        403,
        "the token `reader` may not do this (`may: [silence]` in the configuration)",
    )
    assert door.behind.given == []


async def test_a_request_that_another_sites_page_makes_is_refused_even_with_a_token(door: Door) -> None:
    for wrong in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        status, _ = await door.ask("POST", "/api/v1/silences", SILENCE, headers=TOKEN | wrong)
        assert status == 403
        assert (await door.ask("DELETE", "/api/v1/silences/s1", headers=TOKEN | wrong))[0] == 403
    assert door.behind.given == []
    for right in ({"Origin": door.url}, {"Origin": "https://stressd.bank.example"}, {"Sec-Fetch-Site": "same-origin"}):
        assert (await door.ask("POST", "/api/v1/silences", SILENCE, headers=TOKEN | right))[0] == 201


@pytest.mark.parametrize(
    ("body", "status", "field", "words"),
    [
        ({}, 422, "match", "which events are meant"),
        ({"match": {}}, 422, "match", "which events are meant"),
        ({"match": {"colour": "red"}}, 422, "match.colour", "unknown field `match.colour`; there are kind, market"),
        ({"match": {"severity": "loud"}}, 422, "match.severity", "info, warn, high, critical"),
        ({"match": {"market": [1]}}, 422, "match.market", "is text"),
        ({"match": {"market": "JPN"}, "for": "1h", "reason": "x"}, 422, "match.market", "unknown market `JPN`"),
        ({"match": {"episode": "zzzz"}, "for": "1h", "reason": "x"}, 404, None, "open now: JP-260120-7q2f"),
        ({"match": {"market": "JP"}, "reason": "x"}, 422, "for", "a silence needs an end"),
        ({**SILENCE, "until": "2026-01-21T00:00Z"}, 422, "for", "a silence needs an end"),
        ({**SILENCE, "for": 7200}, 422, "for", "needs a unit"),
        ({**SILENCE, "for": "0s"}, 422, "for", "longer than zero"),
        (
            {"match": {"market": "JP"}, "until": "2026-01-19T00:00Z", "reason": "x"},
            422,
            "until",
            "over before it begins",
        ),
        ({"match": {"market": "JP"}, "until": "tomorrow", "reason": "x"}, 422, "until", "a time with a zone"),
        ({"match": {"market": "JP"}, "for": "2h"}, 422, "reason", "`reason` is missing"),
        ({**SILENCE, "reason": "x" * 501}, 422, "reason", "longer than 500"),
        ({**SILENCE, "reason": ["x"]}, 422, "reason", "is text"),
        ({**SILENCE, "break_through": "warn"}, 422, "break_through", "one of critical"),
        ({**SILENCE, "resaon": "x"}, 422, "resaon", "unknown field `resaon`"),
        ([1], 400, None, "a JSON object"),
        (b"{", 400, None, "not JSON"),
        (b"[" * 5000, 400, None, "not JSON"),
    ],
)
async def test_what_is_wrong_with_a_silence_is_told_with_its_field(
    door: Door, body: Any, status: int, field: str | None, words: str
) -> None:
    found, said = await door.ask("POST", "/api/v1/silences", body, unix=True)
    assert (found, said["field"]) == (status, field)
    assert words in said["error"]
    assert door.behind.given == []


async def test_a_body_is_json_and_small(door: Door) -> None:
    status, said = await door.ask("POST", "/api/v1/silences", b"x" * (LARGEST + 1), unix=True)
    assert (status, said["error"]) == (413, f"the body is larger than {LARGEST} bytes")
    plain = {"Content-Type": "text/plain"}
    status, said = await door.ask("POST", "/api/v1/silences", json.dumps(SILENCE).encode(), unix=True, headers=plain)
    assert (status, said["error"]) == (415, "the body must be JSON, with `Content-Type: application/json`")


async def test_a_silence_ends_by_its_id_and_an_unknown_one_is_told_beside_those_there_are(door: Door) -> None:
    assert (await door.ask("DELETE", "/api/v1/silences/s1", unix=True))[0] == 200
    assert isinstance(door.behind.given[0], EndSilence)
    status, said = await door.ask("DELETE", "/api/v1/silences/s9", unix=True)
    assert (status, said["error"]) == (404, "there is no silence `s9` that is on or waits; there are s1")


async def test_an_episode_is_acknowledged_by_the_end_of_its_id(door: Door) -> None:
    status, said = await door.ask("POST", "/api/v1/episodes/7q2f/ack", {"for": "30m", "note": " on\nit "}, unix=True)
    assert (status, said["headline"]) == (200, OPEN.headline)
    (command,) = door.behind.given
    assert isinstance(command, Acknowledge)
    assert (command.episode, command.for_ns, command.note) == (OPEN.id, HOUR // 2, "on it")
    assert (await door.ask("POST", "/api/v1/episodes/k3mn/ack", unix=True))[0] == 404


async def test_an_episode_is_labelled_open_or_over(door: Door) -> None:
    for name, word in (("7q2f", "bad data"), ("k3mn", "noise"), ("k3mn", "bad-data")):
        assert (await door.ask("POST", f"/api/v1/episodes/{name}/label", {"label": word}, unix=True))[0] == 200
    assert [(c.episode, c.label) for c in door.behind.given if isinstance(c, Label)] == [
        (OPEN.id, "bad data"),
        (OVER.id, "noise"),
        (OVER.id, "bad data"),
    ]
    status, said = await door.ask("POST", "/api/v1/episodes/7q2f/label", {"label": "meh"}, unix=True)
    assert (status, said["error"]) == (422, "`label` is one of useful, noise, bad data")


async def test_what_the_machine_refuses_is_told_in_its_words(door: Door) -> None:
    door.behind.refuse = "a silence lasts at most 30 days"
    assert await door.ask("POST", "/api/v1/silences", SILENCE, unix=True) == (
        409,
        {"error": "a silence lasts at most 30 days", "field": None},
    )


async def test_the_story_of_an_episode_is_read_by_the_end_of_its_id_with_a_token(door: Door) -> None:
    assert (await door.ask("GET", "/api/v1/episodes/7q2f"))[0] == 401
    status, said = await door.ask("GET", "/api/v1/episodes/7q2f", headers={"Authorization": "Bearer reader-token"})
    assert (status, said) == (200, {"episode": {"id": OPEN.id}})
    status, said = await door.ask("GET", "/api/v1/episodes/zzzz", headers={"Authorization": "Bearer reader-token"})
    assert status == 404
    assert "no episode is called" in said["error"]


async def test_lists_are_filtered_and_bounded(door: Door) -> None:
    assert (await door.ask("GET", "/api/v1/episodes?state=open", headers=TOKEN))[1] == {"episodes": [{"id": OPEN.id}]}
    assert len((await door.ask("GET", "/api/v1/episodes", headers=TOKEN))[1]["episodes"]) == 2
    status, said = await door.ask("GET", "/api/v1/deliveries?state=dead&sink=mail&limit=5", headers=TOKEN)
    assert (status, said["deliveries"]) == (200, [{"sink": "mail", "state": "dead", "episode": None}])
    for wrong in ("episodes?state=half", "episodes?limit=0", "deliveries?limit=99999", "deliveries?state=lost"):
        assert (await door.ask("GET", f"/api/v1/{wrong}", headers=TOKEN))[0] == 422


async def test_no_get_changes_anything(door: Door) -> None:
    for path in ("silences", "silences/s1", "episodes", "episodes/7q2f/ack", "episodes/7q2f/label?label=noise"):
        for method in ("GET", "HEAD"):
            await door.ask(method, f"/api/v1/{path}", unix=True)
    assert door.behind.given == []


def test_a_user_is_named_and_who_became_root_only_where_the_kernel_says_so(tmp_path: Path) -> None:
    assert user_text(0, None) == "root"
    assert user_text(54_321, None) == "uid 54321"
    assert user_text(0, 54_321) == "root (logged in as uid 54321)"
    assert user_text(54_321, 54_321) == "uid 54321"
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "loginuid").write_text("4294967295")
    assert logged_in(7, tmp_path) is None
    (tmp_path / "7" / "loginuid").write_text("1001")
    assert logged_in(7, tmp_path) == 1001
    assert logged_in(8, tmp_path) is None


ASK = """
import json, os, socket, sys
os.setgroups([]); os.setgid(54321); os.setuid(54321)
body = json.dumps({"note": "x"}).encode()
head = ["POST /api/v1/episodes/7q2f/ack HTTP/1.1", "Host: x", "Connection: close", "Content-Type: application/json",
        "X-User: root", f"Content-Length: {len(body)}", "", ""]
with socket.socket(socket.AF_UNIX) as s:
    s.connect(sys.argv[1])
    s.sendall((chr(13) + chr(10)).join(head).encode() + body)
    print(s.recv(65536).decode())
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can ask as another user")
async def test_another_user_of_the_machine_is_told_from_the_daemons_whatever_the_request_says(tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents):
        if folder.owner() == "root" and folder.stat().st_mode & 0o055 != 0o055:
            folder.chmod(0o755)
    behind = Behind()
    server = Server(make_app(Told(), behind))
    path = tmp_path / SOCKET_NAME
    await server.start(path)
    refused = await asyncio.to_thread(_ask_as_another, path)
    assert "PermissionError" in refused.stderr, "who is not in the daemon's group may not speak to it"
    path.chmod(0o666)
    answer = await asyncio.to_thread(_ask_as_another, path)
    assert "200 OK" in answer.stdout, answer.stderr
    assert behind.given[0].author.split(" (")[0] == "uid 54321"
    await server.stop()


def _ask_as_another(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", ASK, str(path)], capture_output=True, text=True, timeout=20)
