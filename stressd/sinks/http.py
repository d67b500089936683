"""HTTP as every HTTP sink uses it: one POST, never repeated here, and what its failure means."""

from __future__ import annotations

import asyncio
import base64
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from stressd import __version__
from stressd.config.fields import HttpOptions
from stressd.sinks.base import SinkError
from stressd.sinks.exchange import Exchange, fingerprint, note

BODY_LIMIT: Final = 4_096
"""Bytes of an answer that are read: of most, no answer that matters is longer."""

IDLE: Final = 10.0
"""Seconds that a connection is kept: servers and firewalls drop longer ones silently, and a POST on a dropped one
cannot be told from one that arrived."""

SHOWN: Final = 200

TELLING: Final = 12
"""Letters from which a part of a path may be a secret by itself."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. body: so many bytes as were asked for, as text; complete: it was read to its end or to the
    limit."""

    status: int
    headers: Mapping[str, str]
    body: str
    complete: bool


class Endpoint:
    """One URL to POST to, through a proxy and with a private CA where configured. The session is made at the first use.

    url and the other `secrets` never appear in an error: only the host does. body_limit: bytes of an answer that are
    read. Raises OSError where the CA cannot be read.
    """

    def __init__(
        self, url: str, options: HttpOptions, secrets: Sequence[str] = (), body_limit: int = BODY_LIMIT
    ) -> None:
        parts = urlsplit(url)
        self.host = parts.hostname or "?"
        self._shown = f"{parts.scheme}://{self.host}" + (f":{parts.port}" if parts.port else "")
        self._url = url
        self._body_limit = body_limit
        self._timeout = options.timeout / 1e9
        self._tls = options.context() if parts.scheme == "https" or options.proxy else None
        self._proxy = options.proxy
        self._proxy_headers: dict[str, str] | None = None
        hidden = [url, parts.path, parts.query, *secrets, *(word for secret in secrets for word in secret.split())]
        hidden += [segment for segment in parts.path.split("/") if len(segment) >= TELLING]
        if options.proxy_username is not None:
            password = options.proxy_password.read() if options.proxy_password else ""
            pair = base64.b64encode(f"{options.proxy_username}:{password}".encode()).decode()
            self._proxy_headers = {"Proxy-Authorization": f"Basic {pair}"}
            hidden += [password, pair]
        self._hidden = sorted((h for h in hidden if len(h) > 3), key=len, reverse=True)
        self._session: aiohttp.ClientSession | None = None

    def redact(self, text: str) -> str:
        """The other side's words, short, on one line and without the URL or a secret that it may echo."""
        for hidden in self._hidden:
            text = text.replace(hidden, "<secret>")
        text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"

    async def post(self, body: bytes, headers: Mapping[str, str], path: str = "") -> Answer:
        """path: is added to the URL. Raises SinkError where no answer came: ambiguous once the request was on its way,
        else retry."""
        return await self.request("POST", body, headers, path)

    async def request(self, method: str, body: bytes | None, headers: Mapping[str, str], path: str = "") -> Answer:
        way = _Way()
        asked, answered = f"{method} {self._shown}{path}, {fingerprint(body)}", ""
        try:
            async with self._open().request(
                method,
                self._url + path,
                data=body,
                headers=headers,
                proxy=self._proxy,
                proxy_headers=self._proxy_headers,
                allow_redirects=False,
                trace_request_ctx=way,
            ) as response:
                text, complete = await _read(response, self._body_limit)
                answered = f"HTTP {response.status}: {self.redact(text)}"
                return Answer(response.status, response.headers, text, complete)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            words = self._in_words(error, way.resolving)
            if way.sent and not isinstance(error, aiohttp.ClientConnectorError | aiohttp.ClientHttpProxyError):
                raise SinkError("ambiguous", f"{words}, after the request was sent: it may have arrived") from None
            raise SinkError("retry", words) from None
        finally:
            note(Exchange(asked, answered))

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            trace = aiohttp.TraceConfig()
            trace.on_request_headers_sent.append(_mark_sent)
            trace.on_dns_resolvehost_start.append(_mark_asked)
            trace.on_dns_resolvehost_end.append(_mark_resolved)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._tls or True, limit=8, keepalive_timeout=IDLE),
                timeout=aiohttp.ClientTimeout(total=self._timeout),
                headers={"User-Agent": f"stressd/{__version__}"},
                cookie_jar=aiohttp.DummyCookieJar(),
                trace_configs=[trace],
                trust_env=False,
            )
        return self._session

    def _in_words(self, error: Exception, resolving: bool) -> str:
        """What happened, without what aiohttp's own texts may quote. resolving: before its address was known."""
        host = self.host
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            reason = getattr(error.certificate_error, "verify_message", "") or "not valid for this host"
            return f"{host}: its certificate is refused: {reason}"
        if isinstance(error, aiohttp.ClientConnectorSSLError | ssl.SSLError):
            return f"{host}: TLS cannot be set up"
        if isinstance(error, aiohttp.ClientConnectorDNSError):
            return f"{host}: its name cannot be resolved"
        if isinstance(error, aiohttp.ClientHttpProxyError):
            return f"{host}: the proxy answered HTTP {error.status}"
        if isinstance(error, aiohttp.ClientProxyConnectionError):
            return f"{host}: the proxy cannot be reached: {error.os_error.strerror or 'connection failed'}"
        if isinstance(error, aiohttp.ClientConnectorError):
            return f"{host}: cannot be reached: {error.os_error.strerror or 'connection failed'}"
        if isinstance(error, TimeoutError) and resolving:
            return f"{host}: its name was not resolved within {self._timeout:g} s"
        if isinstance(error, TimeoutError):
            return f"{host}: no answer within {self._timeout:g} s"
        if isinstance(error, aiohttp.ServerDisconnectedError):
            return f"{host}: closed the connection without an answer"
        if isinstance(error, aiohttp.InvalidURL):
            return "the URL cannot be used"
        return f"{host}: the connection failed ({type(error).__name__})"


class _Way:
    """How far one request came. resolving: its host's name is looked up; sent: its head is on its way."""

    __slots__ = ("resolving", "sent")

    def __init__(self) -> None:
        self.resolving = self.sent = False


def _way(context: object) -> _Way:
    way = getattr(context, "trace_request_ctx", None)
    return way if isinstance(way, _Way) else _Way()


async def _mark_sent(session: aiohttp.ClientSession, context: object, params: object) -> None:
    _way(context).sent = True


async def _mark_asked(session: aiohttp.ClientSession, context: object, params: object) -> None:
    _way(context).resolving = True


async def _mark_resolved(session: aiohttp.ClientSession, context: object, params: object) -> None:
    _way(context).resolving = False


async def _read(response: aiohttp.ClientResponse, limit: int) -> tuple[str, bool]:
    """Up to `limit` bytes; a body that breaks off does not undo the status that came before it."""
    body = b""
    complete = True
    try:
        while len(body) < limit:
            piece = await response.content.read(limit - len(body))
            if not piece:
                break
            body += piece
    except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError, OSError):
        complete = False
    return body.decode(errors="replace"), complete


def failure(endpoint: Endpoint, answer: Answer) -> SinkError:
    """What an answer other than success means. 410: disable. 429: rate limited. 5xx, 408, 425 and redirects (never
    followed): retry, since a proxy or a restart explains them. Other 4xx: this message never."""
    said = endpoint.redact(answer.body)
    text = f"{endpoint.host}: HTTP {answer.status}" + (f": {said}" if said else "")
    status = answer.status
    wait = retry_after(answer.headers, time.time())
    if status == 410:
        return SinkError("disable", text)
    if status == 429:
        return SinkError("rate_limited", text, wait)
    if 400 <= status < 500 and status not in (408, 425):
        return SinkError("permanent", text)
    return SinkError("retry", text, wait)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds of a Retry-After header in either form, never negative; None where it is absent or garbage. A date is
    compared with the server's own Date where it sent one. now: Unix time, s."""
    value = headers.get("Retry-After", "").strip()
    if not value:
        return None
    if value.isascii() and value.isdigit():
        return float(value[:12])
    until = _unix(value)
    if until is None:
        return None
    return max(0.0, until - (_unix(headers.get("Date", "")) or now))


def _unix(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
