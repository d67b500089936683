"""E-mail through a real SMTP server: TLS, log-in, refusals, and what arrives."""

from __future__ import annotations

import asyncio
import gc
import re
import ssl
import warnings
from collections.abc import AsyncIterator, Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from stressd.alerts.notification import Notification, Row
from stressd.sinks.base import SinkError
from stressd.sinks.email import Config, EmailSink, build

Note = Callable[..., Notification]
PASSWORD = "mail-secret"


class Post:
    """A handler that keeps what it takes. at_*: replies instead of 250, by recipient or in order."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.raw: list[bytes] = []
        self.recipients: list[list[str]] = []
        self.at_mail: list[str] = []
        self.at_rcpt: dict[str, list[str]] = {}
        self.at_data: list[str] = []
        self.drop_after_data = 0
        self.port = 0
        self.secured: list[bool] = []
        self.sessions: list[Session] = []
        self.transports: list[asyncio.Transport] = []

    def hang_up(self) -> None:
        for transport in self.transports:
            transport.close()

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.at_mail:
            return self.at_mail.pop(0)
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.at_rcpt.get(address):
            return self.at_rcpt[address].pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.at_data:
            return self.at_data.pop(0)
        assert isinstance(envelope.content, bytes)
        parsed = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        self.raw.append(envelope.content)
        self.mails.append(parsed)
        self.recipients.append(list(envelope.rcpt_tos))
        self.secured.append(session.ssl is not None)
        self.sessions.append(session)
        assert isinstance(server.transport, asyncio.Transport)
        self.transports.append(server.transport)
        if self.drop_after_data:
            self.drop_after_data -= 1
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
        return "250 stored"


def login(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    good = isinstance(data, LoginPassword) and data.login == b"stressd" and data.password == PASSWORD.encode()
    return AuthResult(success=good, handled=False)


async def listen(
    post: Post, tls: ssl.SSLContext | None, implicit: bool = False, auth: bool = True, limit: int = 33_554_432
) -> Any:
    def protocol() -> SMTP:
        # It warns of AUTH without STARTTLS, also where the whole connection is TLS
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _smtp()

    def _smtp() -> SMTP:
        return SMTP(
            post,
            hostname="mail.test",
            data_size_limit=limit,
            tls_context=None if implicit else tls,
            require_starttls=tls is not None and not implicit,
            authenticator=login,
            auth_required=auth,
            auth_require_tls=not implicit,
            loop=asyncio.get_running_loop(),
        )

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0, ssl=tls if implicit else None)
    post.port = server.sockets[0].getsockname()[1]
    return server


@pytest.fixture
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture
async def post(server_tls: ssl.SSLContext) -> AsyncIterator[Post]:
    """STARTTLS and log-in required."""
    one = Post()
    server = await listen(one, server_tls)
    yield one
    server.close()


@pytest.fixture
async def mailer(ca_file: Path, post: Post, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[..., EmailSink]]:
    monkeypatch.setenv("MAIL_PASSWORD", PASSWORD)
    made: list[EmailSink] = []

    def make(**more: Any) -> EmailSink:
        base = {
            "name": "mail", "type": "email", "smtp": f"smtp://localhost:{post.port}", "ca_file": str(ca_file),
            "username": "stressd", "password": {"env": "MAIL_PASSWORD"}, "from": "stressd@bank.example",
            "to": ["rates@bank.example", "risk@bank.example"], "timeout": "3s",
        }  # fmt: skip
        given = {k: v for k, v in (base | more).items() if v is not None}
        made.append(build(Config.model_validate(given), "rates-tokyo"))
        return made[-1]

    yield make
    for sink in made:
        await sink.close()
    made.clear()
    await asyncio.sleep(0.05)
    with warnings.catch_warnings():
        # asyncio never closes the transport of a handshake that failed
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


async def fault(sink: EmailSink, n: Notification) -> SinkError:
    with pytest.raises(SinkError) as caught:
        await sink.send(n)
    assert "bank.example" not in str(caught.value), "no address in an error"
    assert PASSWORD not in str(caught.value)
    return caught.value


async def test_a_mail_arrives_over_starttls_with_all_its_headers(post: Post, mailer: Any, note: Note) -> None:
    receipt = await mailer().send(note(title="JGB 30年 +20.3bp", text="見出し\nbody"))
    (mail,) = post.mails
    assert post.secured == [True]
    assert post.recipients == [["rates@bank.example", "risk@bank.example"]]
    assert mail["Message-ID"] == "<JP-260120-7q2f.3@rates-tokyo.bank.example>" == receipt.remote_ref
    assert mail["Subject"] == "[stressd] JP yields up · 20 Jan 2026 · #7q2f"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-Auto-Response-Suppress"] == "All"
    assert mail["X-Stressd-Severity"] == "critical"
    assert mail["Importance"] == "high"
    assert mail["Date"].datetime is not None
    assert mail["In-Reply-To"] is None
    assert mail.get_content_type() == "multipart/alternative"
    text, html = mail.iter_parts()
    assert text.get_content_type() == "text/plain"
    assert text.get_content().splitlines()[:2] == ["🔴 CRITICAL", "見出し"]
    assert html.get_content_type() == "text/html"
    assert "JGB 30年" in html.get_content()
    assert max(len(line) for line in post.raw[0].split(b"\r\n")) <= 998
    assert post.raw[0].isascii()


async def test_an_episode_is_one_thread_with_a_real_root(post: Post, mailer: Any, note: Note) -> None:
    sink = mailer()
    await sink.send(note(event_id="US-1.1", thread_root=None, first=True))
    await sink.send(note(event_id="US-1.2", thread_root="US-1.1", first=False, cause_root="JP-1.1"))
    await sink.send(note(event_id="US-1.2", thread_root="US-1.1", first=False, cause_root="JP-1.1"))
    first, second, again = post.mails
    assert second["In-Reply-To"] == first["Message-ID"]
    assert second["References"].split() == ["<JP-1.1@rates-tokyo.bank.example>", first["Message-ID"]]
    assert again["Message-ID"] == second["Message-ID"]
    assert first["Subject"] == second["Subject"]


async def test_line_breaks_in_data_make_no_header_and_tags_no_html(post: Post, mailer: Any, note: Note) -> None:
    evil = "x\r\nBcc: all@evil.example\n<script>alert(1)</script>"
    n = note(
        subject=evil, title=evil, severity=evil, thread=evil, facts=((evil, evil),), answers=((evil, evil),),
        footing=((evil, evil),), table=(Row((evil, evil, evil)),),
    )  # fmt: skip
    await mailer().send(n)
    (mail,) = post.mails
    assert mail["Bcc"] is None
    _, html = mail.iter_parts()
    assert "<script>" not in html.get_content()
    assert "&lt;script&gt;" in html.get_content()


async def test_what_is_not_live_says_so_first(post: Post, mailer: Any, note: Note) -> None:
    await mailer().send(note(origin="drill", type="resolved"))
    text, html = post.mails[0].iter_parts()
    assert text.get_content().startswith("DRILL: ")
    assert "DRILL: " in html.get_content()
    assert post.mails[0]["Importance"] is None


@pytest.mark.parametrize(
    ("where", "reply", "expected"),
    [
        ("mail", "421 shutting down", "retry"),
        ("mail", "451 try later", "retry"),
        ("mail", "550 not you", "permanent"),
        ("rcpt", "450 greylisted", "retry"),
        ("rcpt", "421 closing", "retry"),
        ("rcpt", "550 unknown rates@bank.example", "permanent"),
        ("data", "421 closing", "retry"),
        ("data", "451 local error", "retry"),
        ("data", "550 spam", "permanent"),
        ("data", "554 rejected", "permanent"),
    ],
)
async def test_refusals_are_told_apart_by_their_code(
    post: Post, mailer: Any, note: Note, where: str, reply: str, expected: str
) -> None:
    if where == "rcpt":
        post.at_rcpt = {"rates@bank.example": [reply], "risk@bank.example": [reply]}
    else:
        setattr(post, f"at_{where}", [reply])
    error = await fault(mailer(), note())
    assert error.fault == expected
    assert reply[:3] in str(error)
    assert post.mails == []


async def test_a_recipient_refused_for_good_is_told_and_the_others_get_it(post: Post, mailer: Any, note: Note) -> None:
    post.at_rcpt = {"rates@bank.example": ["550 unknown"]}
    receipt = await mailer().send(note())
    assert receipt.detail == "1 of 2 recipients refused (550)"
    assert post.recipients == [["risk@bank.example"]]


async def test_a_deferred_recipient_alone_is_tried_again(post: Post, mailer: Any, note: Note) -> None:
    post.at_rcpt = {"rates@bank.example": ["450 greylisted"]}
    sink = mailer()
    error = await fault(sink, note())
    assert error.fault == "retry"
    assert "1 of 2 recipients deferred (450)" in str(error)
    await sink.send(note())
    assert post.recipients == [["risk@bank.example"], ["rates@bank.example"]]
    assert post.mails[0]["Message-ID"] == post.mails[1]["Message-ID"]
    await sink.send(note(event_id="JP-260120-7q2f.4"))
    assert post.recipients[2] == ["rates@bank.example", "risk@bank.example"]


async def test_who_was_refused_for_good_is_not_asked_again_while_others_are_deferred(
    post: Post, mailer: Any, note: Note
) -> None:
    post.at_rcpt = {"rates@bank.example": ["550 unknown", "250 asked again"], "risk@bank.example": ["451 busy"]}
    sink = mailer()
    assert "1 of 2 recipients deferred (451)" in str(await fault(sink, note()))
    receipt = await sink.send(note())
    assert receipt.detail == "1 of 2 recipients refused (550)"
    assert post.recipients == [["risk@bank.example"]]
    assert post.at_rcpt["rates@bank.example"] == ["250 asked again"]


async def test_a_burst_goes_over_one_connection_and_one_that_the_server_closed_is_opened_anew(
    post: Post, mailer: Any, note: Note
) -> None:
    sink = mailer()
    for seq in range(3):
        await sink.send(note(event_id=f"JP-260120-7q2f.{seq}"))
    assert len({id(session) for session in post.sessions}) == 1
    post.hang_up()
    await asyncio.sleep(0.05)
    await sink.send(note(event_id="JP-260120-7q2f.3"))
    assert len(post.mails) == 4
    assert len({id(session) for session in post.sessions}) == 2
    await sink.close()


async def test_what_is_too_large_goes_without_its_picture_then_without_html_then_shortened(
    mailer: Any, note: Note, server_tls: ssl.SSLContext
) -> None:
    chart = b"\x89PNG" + bytes(90_000)
    text = "x" * 9_000
    expected = {200_000: "", 60_000: "sent without the chart", 14_000: "sent without chart and HTML"}
    expected[10_000] = "sent cut to fit the server's limit"
    for limit, detail in expected.items():
        small = Post()
        server = await listen(small, server_tls, limit=limit)
        sink = mailer(smtp=f"smtp://localhost:{small.port}")
        receipt = await sink.send(note(chart=chart, text=text, facts=(("Long", "y" * 12_000),)))
        assert receipt.detail == detail
        assert len(small.raw[0]) <= limit
        await sink.close()
        server.close()
    tiny = Post()
    server = await listen(tiny, server_tls, limit=2_000)
    assert (await fault(mailer(smtp=f"smtp://localhost:{tiny.port}"), note(text=text))).fault == "permanent"
    server.close()


@pytest.mark.parametrize("where", ["mail", "data"])
async def test_a_server_that_finds_it_too_large_only_then_gets_less(
    post: Post, mailer: Any, note: Note, where: str
) -> None:
    setattr(post, f"at_{where}", ["552 too large"])
    receipt = await mailer().send(note(chart=b"\x89PNG"))
    assert receipt.detail == "sent without the chart"
    assert "image/png" not in [part.get_content_type() for part in post.mails[0].walk()]


async def test_the_chart_is_inside_the_html_and_nothing_is_remote(post: Post, mailer: Any, note: Note) -> None:
    picture = b"\x89PNG picture"
    await mailer().send(note(chart=picture))
    (mail,) = post.mails
    text, related = mail.iter_parts()
    html, image = related.iter_parts()
    assert (text.get_content_type(), related.get_content_type()) == ("text/plain", "multipart/related")
    assert image.get_content() == picture
    assert image["Content-Disposition"].content_disposition == "inline"
    page = html.get_content()
    assert f'src="cid:{image["Content-ID"][1:-1]}"' in page
    assert not re.search(r"""(?:src|background)=["']?https?:|url\(|@import|<script|<link""", page)


async def test_a_picture_that_is_too_large_for_mail_is_left_out(post: Post, mailer: Any, note: Note) -> None:
    await mailer().send(note(chart=bytes(200_001)))
    assert [part.get_content_type() for part in post.mails[0].iter_parts()] == ["text/plain", "text/html"]


async def test_ones_own_html_shows_the_chart_where_it_asks_for_it(post: Post, mailer: Any, note: Note) -> None:
    await mailer().send(note(html='<p>own</p><img src="cid:chart">', chart=b"\x89PNG"))
    await mailer().send(note(html="<p>own</p>", chart=b"\x89PNG"))
    first, second = post.mails
    assert [part.get_content_type() for part in first.walk()][-2:] == ["text/html", "image/png"]
    assert [part.get_content_type() for part in second.walk()][-1] == "text/html"


async def test_a_drop_after_the_message_is_ambiguous_and_the_repeat_has_the_same_id(
    post: Post, mailer: Any, note: Note
) -> None:
    post.drop_after_data = 1
    sink = mailer()
    assert (await fault(sink, note())).fault == "ambiguous"
    await sink.send(note())
    assert len(post.mails) == 2, "the server did store the first"
    assert post.mails[0]["Message-ID"] == post.mails[1]["Message-ID"]


async def test_a_wrong_password_disables(post: Post, mailer: Any, note: Note, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WRONG", "wrong")
    error = await fault(mailer(password={"env": "WRONG"}), note())
    assert error.fault == "disable"
    assert "log-in refused (535)" in str(error)


async def test_an_untrusted_certificate_sends_nothing(post: Post, mailer: Any, note: Note) -> None:
    error = await fault(mailer(ca_file=None), note())
    assert error.fault == "retry"
    assert "certificate is refused" in str(error)
    assert post.mails == []


async def test_a_server_without_starttls_gets_no_mail_unless_told_so(note: Note, mailer: Any) -> None:
    plain = Post()
    server = await listen(plain, None, auth=False)
    url = f"smtp://localhost:{plain.port}"
    error = await fault(mailer(smtp=url, username=None, password=None), note())
    assert error.fault == "retry"
    assert "offers no STARTTLS" in str(error)
    assert plain.mails == []
    sink = mailer(smtp=url, username=None, password=None, tls="none")
    await sink.send(note())
    assert len(plain.mails) == 1
    assert await sink.probe() == f"localhost:{plain.port}: reached without TLS"
    server.close()


async def test_implicit_tls(note: Note, mailer: Any, server_tls: ssl.SSLContext) -> None:
    implicit = Post()
    server = await listen(implicit, server_tls, implicit=True)
    sink = mailer(smtp=f"smtps://localhost:{implicit.port}")
    await sink.send(note())
    assert len(implicit.mails) == 1
    assert await sink.probe() == f"localhost:{implicit.port}: reached over TLS, logged in"
    untrusting = mailer(smtp=f"smtps://localhost:{implicit.port}", ca_file=None)
    assert "certificate is refused" in str(await fault(untrusting, note()))
    server.close()


async def test_an_unreachable_server_is_tried_again(mailer: Any, note: Note, unused_tcp_port: int) -> None:
    error = await fault(mailer(smtp=f"smtp://localhost:{unused_tcp_port}"), note())
    assert error.fault == "retry"
    assert "cannot be reached" in str(error)


async def test_a_silent_server_is_given_up_in_time(mailer: Any, note: Note) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    error = await fault(mailer(smtp=f"smtp://127.0.0.1:{port}", timeout="200ms"), note())
    assert error.fault == "retry"
    server.close()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"username": "a"}, "go together"),
        ({"smtp": "smtps://m.example", "tls": "none"}, "contradicts"),
        ({"tls": "none", "username": "a", "password": {"env": "P"}}, "never sent without TLS"),
        ({"to": "Rates <rates@bank.example>"}, "not an e-mail address"),
        ({"to": "a@b.example\nBcc: c@d.example"}, "not an e-mail address"),
        ({"to": []}, "at least 1"),
        ({"smtp": "http://m.example"}, "must start with smtp:// or smtps://"),
    ],
)
def test_mistakes_in_the_configuration_are_named(more: dict[str, Any], words: str) -> None:
    base = {"name": "mail", "type": "email", "smtp": "smtp://m.example", "from": "s@b.example", "to": "r@b.example"}
    with pytest.raises(ValueError, match=words):
        Config.model_validate(base | more)
