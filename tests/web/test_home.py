"""The page as the server writes it: whole without scripts, nothing from elsewhere, everything from outside as text."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from stressd.web.app import make_app
from stressd.web.home import FOLDER, POLICY, SHEETS, TYPES, page
from stressd.web.serve import SOCKET_NAME, Server
from tests.web.behind import Behind
from tests.web.test_app import Told

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


def cell(market: str, tenor: str, years: float, **more: Any) -> dict[str, Any]:
    base = {"market": market, "tenor": tenor, "years": years, "spread": False, "state": "live"}
    return base | {"change_bp": 20.3, "sigma": 6.9} | more


def document(hostile: str = "") -> dict[str, Any]:
    return {
        "instance": "rates-tokyo", "origin": "live", "time": "2026-01-20T05:31:00Z", "state": "degraded",
        "reasons": [f"feed desk is silent {hostile}"],
        "stress": {"value": 0.71, "previous": 0.4, "contributions": {"JP" + hostile: 0.5}},
        "series": {
            "JP.GOV.30Y": cell("JP", "30Y", 30.0), "JP.GOV.2Y": cell("JP", "2Y", 2.0, change_bp=-0.4, sigma=-0.1),
            "US.GOV.10Y": cell("US" + hostile, "10Y", 10.0, state="closed"),
            "US.GOV.2s10s": cell("US", "2s10s", 0.0, spread=True),
        },
        "graph": {"edges": {"JP>US": {"from": "JP", "to": "US", "wording": "followed" + hostile}}},
        "episodes": {
            "JP-260119-k3mn": {"severity": "critical", "headline": "over " + hostile, "opened": "2026-01-20T05:00:00Z",
                               "closed": "2026-01-20T05:20:00Z", "followers": {}},
            "US-260120-b3kd": {"severity": "warn", "headline": "US 10Y", "opened": "2026-01-20T05:30:00Z",
                               "followers": {}},
            "JP-260120-7q2f": {"severity": "critical", "headline": "JP 30Y +20.3bp", "opened": "2026-01-20T04:00:00Z",
                               "acknowledged": {"by": "maria" + hostile}, "followers": {"US": {"wording": "followed"}}},
        },
        "feeds": {"desk" + hostile: {"state": "silent", "reason": hostile or "no tick", "last_message_age_s": 391}},
        "sinks": {"slack": {"state": "ok", "pending": 0, "dead": 0}},
        "markets": {"JP": {"name": "JP", "city": "Tokyo", "phase": "open", "next": "closes 20 Jan 18:30 Tokyo",
                           "summary": "2026-01-19"}},
    }  # fmt: skip


class Markup(HTMLParser):
    """Tags with their attributes, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_without_scripts_it_says_what_there_is_the_gravest_first() -> None:
    said = " ".join(" ".join(Markup(page(document(), "rates-tokyo")).text).split())
    assert "rates-tokyo degraded feed desk is silent 2026-01-20 05:31:00 UTC" in said
    assert "0.71 of 1, 0.40 at the last close of the day JP 0.50" in said
    assert "Market 2Y 10Y 30Y JP -0.4 -0.1σ +20.3 6.9σ US +20.3 6.9σ closed" in said
    places = [said.index(name) for name in ("JP-260120-7q2f", "US-260120-b3kd", "JP-260119-k3mn")]
    assert places == sorted(places)
    assert "maria looks after it; US followed" in said
    assert "JP → US: followed" in said
    assert "desk silent: no tick, last message 391 s ago" in said
    assert "JP Tokyo: open, closes 20 Jan 18:30 Tokyo, summary of 2026-01-19" in said


def test_what_comes_from_outside_is_text() -> None:
    plain, hostile = Markup(page(document(), "x")), Markup(page(document(HOSTILE), "x" + HOSTILE))
    assert [tag for tag, _ in hostile.tags] == [tag for tag, _ in plain.tags]
    assert "".join(hostile.text).count("<script>alert(1)</script>") >= 8


def test_nothing_is_inline_and_nothing_is_from_elsewhere() -> None:
    for text in (page(document(), "x"), page(None, "x"), page(None, "x", "token")):
        for tag, attributes in Markup(text).tags:
            assert tag != "style"
            assert "style" not in attributes
            assert not any(name.startswith("on") for name in attributes)
            assert tag != "script" or attributes.get("src") in ("static/main.js", "static/uplot.js")
            for name in ("src", "href", "action"):
                target = attributes.get(name) or ""
                assert not re.match(r"([a-z]+:)?//|/", target), target


def test_every_file_that_is_named_is_there_and_nothing_in_them_leads_elsewhere() -> None:
    files = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir() if path.suffix in TYPES}
    assert set(SHEETS) <= set(files)
    named = {name for text in files.values() for name in re.findall(r'from "\./([^"]+)"', text)}
    assert named <= set(files)
    used, waiting = {"main.js"}, ["main.js"]
    while waiting:
        for name in re.findall(r'from "\./([^"]+)"', files[waiting.pop()]):
            if name not in used:
                used.add(name)
                waiting.append(name)
    assert {name for name in files if name.endswith(".js")} == used
    for name, text in files.items():
        addresses = set(re.findall(r"https?://[^\s\"'`)]+", text))
        assert addresses <= {"http://www.w3.org/2000/svg"}, name
        assert "innerHTML" not in text, name
        assert "eval(" not in text, name


def test_without_a_token_the_frame_has_no_data_and_a_form_that_works_without_scripts() -> None:
    text = page(None, "rates-tokyo", "token")
    assert "This token is not valid." in text
    assert "JP" not in text
    form = next(attributes for tag, attributes in Markup(text).tags if tag == "form")
    assert form == {"method": "post", "action": "api/v1/session"}


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[tuple[Behind, str]]:
    behind = Behind()
    told = Told()
    told.state = _given  # type: ignore[method-assign]
    server = Server(make_app(told, behind))
    await server.start(tmp_path / SOCKET_NAME)
    await server.listen("127.0.0.1", 0)
    yield behind, f"http://127.0.0.1:{server.port}"
    await server.stop()


async def _given() -> dict[str, Any]:
    return document()


async def test_the_page_is_for_whoever_may_read(served: tuple[Behind, str]) -> None:
    behind, url = served
    async with aiohttp.ClientSession() as session:
        async with session.get(url) as answer:
            assert answer.status == 200
            assert answer.headers["Content-Security-Policy"] == POLICY
            assert answer.headers["Cache-Control"] == "no-store"
            assert "JP 30Y" not in await answer.text()
        behind.open = True
        async with session.get(url) as answer:
            assert "JP 30Y +20.3bp" in await answer.text()


async def test_files_are_kept_by_browsers_until_they_change_and_nothing_else_is_served(
    served: tuple[Behind, str],
) -> None:
    _, url = served
    async with aiohttp.ClientSession() as session:
        for name, kind in (("main.js", "text/javascript"), ("page.css", "text/css"), ("icon.svg", "image/svg+xml")):
            async with session.get(f"{url}/static/{name}") as answer:
                assert answer.status == 200
                assert answer.content_type == kind
                tag = answer.headers["ETag"]
                assert await answer.read() == (FOLDER / name).read_bytes()
                assert answer.headers["Content-Encoding"] == "gzip"
            async with session.get(f"{url}/static/{name}", headers={"Accept-Encoding": "identity"}) as answer:
                assert "Content-Encoding" not in answer.headers
                assert await answer.read() == (FOLDER / name).read_bytes()
                assert (answer.headers["ETag"], answer.headers["Vary"]) == (tag, "Accept-Encoding")
            async with session.get(f"{url}/static/{name}", headers={"If-None-Match": tag}) as answer:
                assert answer.status == 304
        for name in ("page.html.j2", "nothing.js", "..%2fhome.py", "%2e%2e%2fhome.py", ".", "main.js%00"):
            async with session.get(f"{url}/static/{name}") as answer:
                assert answer.status == 404, name
