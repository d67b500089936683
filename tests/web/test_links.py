"""Links in messages: signed, expiring, shown by GET and carried out by POST alone."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import aiohttp
import pytest
import structlog.testing
from hypothesis import given
from hypothesis import strategies as st

from stressd.alerts.people.commands import Acknowledge, AddSilence, Label
from stressd.web.act import match_of
from stressd.web.app import make_app
from stressd.web.links import WORDS, LinkError, Signer
from stressd.web.serve import SOCKET_NAME, Server
from tests.web.behind import KEY, NOW, OPEN, OVER, Behind
from tests.web.test_app import Told

SECOND = 10**9
SIGNER = Signer(KEY, 24 * 3600)


def link(episode: str = OPEN.id, deed: str = "ack-30m", sink: str = "desk-slack", base: str = "http://h") -> str:
    return SIGNER.url(base, episode, deed, sink, NOW // SECOND)


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[tuple[Behind, str]]:
    behind = Behind()
    server = Server(make_app(Told(), behind))
    await server.start(tmp_path / SOCKET_NAME)
    await server.listen("127.0.0.1", 0)
    yield behind, f"http://127.0.0.1:{server.port}"
    await server.stop()


async def get(url: str, method: str = "GET") -> tuple[int, str, dict[str, str]]:
    async with aiohttp.ClientSession() as session, session.request(method, url) as answer:
        return answer.status, await answer.text(), dict(answer.headers)


async def post(url: str, form: dict[str, str] | None = None, headers: dict[str, str] | None = None) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.post(url, data=form or {}, headers=headers) as answer:
        return answer.status, await answer.text()


names = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=60)


@given(episode=names, deed=st.sampled_from(sorted(WORDS)), sink=names, at=st.integers(0, 2**40), data=st.data())
def test_a_link_is_read_as_it_was_made_and_no_other_is(
    episode: str, deed: str, sink: str, at: int, data: st.DataObject
) -> None:
    signer = Signer(KEY, 3600)
    url = signer.url("https://stressd.bank.example/desk/", episode, deed, sink, at)
    assert url.startswith("https://stressd.bank.example/desk/act?")
    query = dict(parse_qsl(urlsplit(url).query))
    read = signer.read(query, at + data.draw(st.integers(0, 3600)))
    assert (read.episode, read.deed, read.sink) == (episode, deed, sink)
    with pytest.raises(LinkError, match="expired") as caught:
        signer.read(query, at + 3601)
    assert caught.value.expired
    changed = dict(query)
    key = data.draw(st.sampled_from(sorted(query)))
    changed[key] = data.draw(names.filter(lambda text: text != query[key]))
    with pytest.raises(LinkError) as refused:
        signer.read(changed, at)
    assert not refused.value.expired
    with pytest.raises(LinkError, match="not made by this"):
        Signer(b"another key", 3600).read(query, at)


def test_two_parameters_cannot_be_run_together_into_another_link() -> None:
    query = dict(parse_qsl(urlsplit(SIGNER.url("http://h", "a", "noise", "b", 1)).query))
    with pytest.raises(LinkError):
        SIGNER.read({**query, "e": "a\x1fnoise"}, 1)
    with pytest.raises(LinkError):
        SIGNER.read({**query, "x": "0" + query["x"]}, 1)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_fetching_a_link_does_nothing(served: tuple[Behind, str], method: str) -> None:
    behind, url = served
    for deed in WORDS:
        for _ in range(3):
            assert (await get(link(deed=deed, base=url), method))[0] == 200
    assert behind.given == []


async def test_the_page_shows_what_would_happen_and_loads_nothing(served: tuple[Behind, str]) -> None:
    _, url = served
    _, text, headers = await get(link(base=url))
    assert "Acknowledge for 30 minutes" in text
    assert OPEN.headline in text
    assert "no reminders and no escalation" in text
    assert re.search(r"(?i)<script|https?://|src=|@import|url\(|<link", text) is None
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "form-action 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["Cache-Control"] == "no-store"
    assert "<style>" in text
    assert "style=" not in text, "the policy allows no style but the one with its hash"


async def test_posting_a_link_acts_and_the_author_is_the_channel_and_whoever_says_so(
    served: tuple[Behind, str],
) -> None:
    behind, url = served
    status, text = await post(link(base=url), {"name": " Maria\r\n", "note": "on it"})
    assert status == 200
    assert "Done" in text
    status, _ = await post(link(deed="silence-2h", base=url))
    assert status == 200
    await post(link(deed="bad-data", base=url), {"name": "x" * 300})
    acknowledged, silenced, labelled = behind.given
    assert isinstance(acknowledged, Acknowledge)
    assert (acknowledged.author, acknowledged.via) == ("Maria (link in desk-slack)", "link")
    assert (acknowledged.episode, acknowledged.for_ns, acknowledged.note) == (OPEN.id, 1800 * SECOND, "on it")
    assert isinstance(silenced, AddSilence)
    assert (silenced.author, silenced.ends - silenced.starts) == ("link in desk-slack", 7200 * SECOND)
    assert str(silenced.match) == "kind market, market JP, rule sigma-breach, direction up"
    assert silenced.reason == f"silenced from a message of {OPEN.id}"
    assert isinstance(labelled, Label)
    assert (labelled.label, labelled.author) == ("bad data", f"{'x' * 60} (link in desk-slack)")


def test_a_silence_of_what_is_no_markets_is_of_that_episode_alone() -> None:
    about_a_feed = replace(OPEN, id="FEED-260120-0001", kind="feed", market="", direction=None, rule="feed-down")
    assert str(match_of(about_a_feed)) == "episode FEED-260120-0001"


async def test_an_expired_link_says_so_and_does_nothing(served: tuple[Behind, str]) -> None:
    behind, url = served
    behind.clock = NOW + 25 * 3600 * SECOND
    for status, text in ((await get(link(base=url)))[:2], await post(link(base=url))):
        assert status == 410
        assert "This link has expired" in text
        assert "<form" not in text
    assert behind.given == []


async def test_a_forged_link_says_so_and_does_nothing(served: tuple[Behind, str]) -> None:
    behind, url = served
    good = {key: values[0] for key, values in parse_qs(urlsplit(link()).query).items()}
    for change in ({"d": "silence-2h"}, {"e": OVER.id}, {"s": "rates-mail"}, {"x": "99999999999"}, {"k": "A" * 43}):
        forged = f"{url}/act?{urlencode(good | change)}"
        for status, text in ((await get(forged))[:2], await post(forged)):
            assert status == 403
            assert "was not made by this stressd" in text
    for key in good:
        status, text, _ = await get(f"{url}/act?{urlencode({k: v for k, v in good.items() if k != key})}")
        assert (status, "not complete" in text) == (403, True)
    assert behind.given == []


async def test_a_link_of_an_episode_that_is_over_labels_it_and_does_nothing_else(served: tuple[Behind, str]) -> None:
    behind, url = served
    for deed, word in (("ack-30m", "acknowledge"), ("silence-2h", "silence")):
        status, text = await post(link(OVER.id, deed, base=url))
        assert status == 409
        assert f"Episode {OVER.id} is over: there is nothing left to {word}." in text
    assert behind.given == []
    assert (await post(link(OVER.id, "noise", base=url)))[0] == 200
    assert len(behind.given) == 1
    assert (await get(link("JP-250101-gone", base=url)))[0] == 404


async def test_a_form_that_another_site_sends_is_refused(served: tuple[Behind, str]) -> None:
    behind, url = served
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        status, text = await post(link(base=url), headers=headers)
        assert (status, "another site" in text) == (403, True)
    assert behind.given == []
    assert (await post(link(base=url), headers={"Origin": url, "Sec-Fetch-Site": "same-origin"}))[0] == 200


async def test_what_somebody_typed_or_a_headline_says_is_never_markup(served: tuple[Behind, str]) -> None:
    behind, url = served
    behind.refuse = "<script>alert(1)</script>"
    status, text = await post(link(base=url), {"name": "<b>x</b>"})
    assert status == 409
    assert "&lt;script&gt;" in text
    assert "<script>" not in text
    assert (await post(link(base=url), {"note": "x" * 20_000}))[0] == 413
    assert (await post(link(base=url), {"note": "x" * 501}))[0] == 422


async def test_the_signature_is_never_logged(
    served: tuple[Behind, str], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, url = served
    caplog.set_level(0)
    kept = structlog.testing.CapturingLogger()
    for module in ("act", "api"):
        monkeypatch.setattr(f"stressd.web.{module}.log", kept)
    marks = []
    for address in (link(base=url), link(base=url) + "x"):
        marks.append(parse_qs(urlsplit(address).query)["k"][0][:43])
        await get(address)
        await post(address, {"name": "maria"})
    said = repr(kept.calls) + caplog.text
    assert "link.used" in said
    assert "link.refused" in said
    assert not any(mark in said for mark in marks)
