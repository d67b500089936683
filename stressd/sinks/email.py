"""E-mail by SMTP: multipart, threaded per episode, with a Message-ID that never changes between attempts."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

import aiosmtplib
from pydantic import AfterValidator, Field, model_validator

from stressd.alerts.notification import Notification
from stressd.config.fields import Duration, File, OneOrMany, SecretRef, SinkConfig, UrlScheme, written
from stressd.config.template import MailTemplate
from stressd.sinks.base import Fault, Receipt, SinkError, Traits
from stressd.sinks.exchange import Exchange, fingerprint, note
from stressd.sinks.http import SHOWN
from stressd.sinks.mail import TRIMMED, atom, compose, one_line

REMEMBERED: Final = 1_000
"""Messages of which it is kept who has them already, for attempts that reached a part of the recipients."""

IDLE: Final = 5.0
"""Seconds that a connection stays open for the next message of a burst."""

TOO_LARGE: Final = (523, 552)

_ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")


def _address(value: str) -> str:
    if not _ADDRESS.fullmatch(value) or len(value) > 254:
        raise ValueError("not an e-mail address: write it bare, such as `rates@bank.example`")
    return value


MailAddress = Annotated[str, AfterValidator(_address)]
SmtpUrl = Annotated[str, AfterValidator(UrlScheme("smtp", "smtps"))]


class Config(SinkConfig):
    """Mail: an episode is one thread."""

    type: Literal["email"]
    """Its kind."""
    smtp: SmtpUrl
    """`smtp://host:587`, which must offer STARTTLS unless `tls: none`, or `smtps://host:465`. Example:
    `smtp://mail.bank.example:587`."""
    tls: Literal["required", "none"] = "required"
    """`none` for neither TLS nor log-in."""
    username: str | None = None
    """Of the account. Example: `stressd`."""
    password: SecretRef | None = None
    """Of the account. Example: `{file: smtp_password}`."""
    ca_file: File | None = None
    """A private authority (PEM), in the place of the system's. Example: `/etc/stressd/bank-ca.pem`."""
    timeout: Duration = written("15s")
    """Of each step of the dialogue."""
    sender: MailAddress = Field(alias="from")
    """The sender's address. Example: `stressd@bank.example`."""
    to: OneOrMany[MailAddress]
    """The recipients. Example: `[rates@bank.example]`."""
    template: MailTemplate | None = None
    """One's own wording. Example: `{subject: "[stressd] {{ event.market }}"}`."""

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        if (self.username is None) != (self.password is None):
            raise ValueError("`username` and `password` go together")
        if self.tls == "none" and self.smtp.startswith("smtps:"):
            raise ValueError("`tls: none` contradicts smtps://")
        if self.tls == "none" and self.username is not None:
            raise ValueError("a password is never sent without TLS: remove `tls: none`, or `username` and `password`")
        return self


def build(config: Config, instance: str) -> EmailSink:
    """Raises SecretError, OSError."""
    password = config.password.read() if config.password else None
    tls = None if config.tls == "none" else ssl.create_default_context(cafile=config.ca_file)
    return EmailSink(config, instance, password, tls)


@dataclass(slots=True)
class _Progress:
    """Of one message, until all recipients are done: who has it, and who was refused for good, by code."""

    done: set[str] = field(default_factory=set)
    refused: dict[str, int] = field(default_factory=dict)


class _TooLarge(Exception):
    """The server takes no message of this size."""


class EmailSink:
    """One connection a burst. Where a server takes a message for some recipients and defers others, the next attempt
    goes to the others alone; who was refused for good is not asked again. What is too large goes without its picture,
    then without HTML, then shortened."""

    traits = Traits(idempotent=True, charts=True)

    def __init__(self, config: Config, instance: str, password: str | None, tls: ssl.SSLContext | None) -> None:
        self.name = config.name
        self._config = config
        self._password = password
        self._tls = tls
        parts = urlsplit(config.smtp)
        self._implicit = parts.scheme == "smtps"
        self._host = parts.hostname or ""
        self._port = parts.port or (465 if self._implicit else 587 if tls else 25)
        self._domain = f"{atom(instance)}.{config.sender.rpartition('@')[2]}"
        self._progress: OrderedDict[str, _Progress] = OrderedDict()
        self._open: aiosmtplib.SMTP | None = None
        self._hang_up: asyncio.TimerHandle | None = None
        self._turn = asyncio.Lock()

    async def send(self, notification: Notification) -> Receipt:
        progress = self._progress.setdefault(notification.event_id, _Progress())
        while len(self._progress) > REMEMBERED:
            self._progress.popitem(last=False)
        async with self._turn:
            deferred, trim = await self._fitted(notification, progress)
        total = len(self._config.to)
        refused = list(progress.refused.values())
        if deferred:
            raise SinkError(
                "retry", f"{self._host}: {len(deferred)} of {total} recipients deferred ({_codes(deferred)})"
            )
        self._progress.pop(notification.event_id, None)
        if not progress.done:
            raise SinkError("permanent", f"{self._host}: every recipient refused ({_codes(refused)})")
        words = [f"{len(refused)} of {total} recipients refused ({_codes(refused)})"] if refused else []
        words += [f"sent {TRIMMED[trim]}"] if trim else []
        return Receipt(remote_ref=str(self.message(notification)["Message-ID"]), detail="; ".join(words))

    def message(self, n: Notification, trim: int = 0) -> EmailMessage:
        """The mail, with so much left out (`sinks.mail.TRIMMED`)."""
        return compose(n, self._config.sender, self._config.to, self._domain, trim)

    async def probe(self) -> str:
        """Connects, sets up TLS and logs in."""
        client = self._client()
        try:
            await self._greet(client)
        finally:
            _end(client)
        secured = "without TLS" if self._tls is None else "over TLS"
        return f"{self._host}:{self._port}: reached {secured}" + (", logged in" if self._password is not None else "")

    async def close(self) -> None:
        self._progress.clear()
        async with self._turn:
            client, self._open = self._open, None
            if client is not None:
                await _leave(client)
        if self._hang_up is not None:
            self._hang_up.cancel()

    # -- the connection

    def _client(self) -> aiosmtplib.SMTP:
        return aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            timeout=self._config.timeout / 1e9,
            use_tls=self._implicit,
            start_tls=not (self._implicit or self._tls is None),
            tls_context=self._tls,
            username=self._config.username,
            password=self._password,
            local_hostname=self._domain,
        )

    async def _greet(self, client: aiosmtplib.SMTP) -> None:
        """Nothing of the message has left when this fails, so that it may always be tried again."""
        try:
            await client.connect()
        except aiosmtplib.SMTPAuthenticationError as error:
            fault: Fault = "disable" if error.code >= 500 else "retry"
            raise SinkError(fault, f"{self._host}: log-in refused ({error.code})") from None
        except aiosmtplib.SMTPResponseException as error:
            raise SinkError("retry", f"{self._host}: refused the connection ({error.code})") from None
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            for refused in (error, error.__cause__, error.__context__):
                if isinstance(refused, ssl.SSLCertVerificationError):
                    words = f"its certificate is refused: {refused.verify_message}"
                    raise SinkError("retry", f"{self._host}: {words}") from None
            raise SinkError("retry", f"{self._host}:{self._port}: {_in_words(error)}") from None

    async def _connected(self) -> tuple[aiosmtplib.SMTP, bool]:
        """A connection, and whether it is the one of the message before."""
        if self._hang_up is not None:
            self._hang_up.cancel()
            self._hang_up = None
        if self._open is not None and self._open.is_connected:
            return self._open, True
        self._open = None
        client = self._client()
        try:
            await self._greet(client)
        except BaseException:
            _end(client)
            raise
        return client, False

    def _keep(self, client: aiosmtplib.SMTP) -> None:
        self._open = client
        self._hang_up = asyncio.get_running_loop().call_later(IDLE, self._drop, client)

    def _drop(self, client: aiosmtplib.SMTP) -> None:
        _end(client)
        if self._open is client:
            self._open = None

    # -- the dialogue

    async def _fitted(self, n: Notification, progress: _Progress) -> tuple[list[int], int]:
        """Codes of the recipients deferred, and how much was left out."""
        for trim in range(len(TRIMMED)):
            try:
                return await self._once(self.message(n, trim).as_bytes(policy=WIRE), progress), trim
            except _TooLarge:
                continue
        raise SinkError("permanent", f"{self._host}: message refused as too large (552), even when {TRIMMED[-1]}")

    async def _once(self, message: bytes, progress: _Progress) -> list[int]:
        client, used = await self._connected()
        try:
            deferred = await self._transfer(client, message, progress)
        except SinkError as error:
            self._drop(client)
            if not used or error.fault != "retry" or client.is_connected:
                raise
            # The server had hung up since the last message, before anything of this one
            client, _ = await self._connected()
            try:
                deferred = await self._transfer(client, message, progress)
            except BaseException:
                self._drop(client)
                raise
        except BaseException:
            self._drop(client)
            raise
        self._keep(client)
        return deferred

    async def _transfer(self, client: aiosmtplib.SMTP, message: bytes, progress: _Progress) -> list[int]:
        """`progress` grows by those who have it, and those who never will."""
        most = _size(client)
        if most and len(message) > most:
            raise _TooLarge
        deferred: list[int] = []
        accepted: list[str] = []
        try:
            await client.mail(self._config.sender, options=[f"SIZE={len(message)}"] if most is not None else [])
            for recipient in self._config.to:
                if recipient in progress.done or recipient in progress.refused:
                    continue
                try:
                    await client.rcpt(recipient)
                    accepted.append(recipient)
                except aiosmtplib.SMTPRecipientRefused as error:
                    if error.code == 421:
                        raise
                    if error.code < 500:
                        deferred.append(error.code)
                    else:
                        progress.refused[recipient] = error.code
            if not accepted:
                await client.rset()
        except aiosmtplib.SMTPResponseException as error:
            if error.code in TOO_LARGE:
                raise _TooLarge from None
            fault: Fault = "permanent" if error.code >= 500 else "retry"
            raise SinkError(fault, f"{self._host}: sender or recipient refused ({error.code})") from None
        except (aiosmtplib.SMTPException, OSError) as error:
            raise SinkError("retry", f"{self._host}: {_in_words(error)}") from None
        if accepted:
            await self._data(client, message)
            progress.done.update(accepted)
        return deferred

    async def _data(self, client: aiosmtplib.SMTP, message: bytes) -> None:
        asked, answered = f"SMTP {self._host}:{self._port}, {fingerprint(message)}", ""
        try:
            answered = _said(*await client.data(message))
        except aiosmtplib.SMTPResponseException as error:
            answered = _said(error.code, error.message)
            if error.code in TOO_LARGE:
                raise _TooLarge from None
            fault: Fault = "permanent" if error.code >= 500 else "retry"
            raise SinkError(fault, f"{self._host}: message refused ({error.code})") from None
        except (aiosmtplib.SMTPException, OSError) as error:
            raise SinkError(
                "ambiguous", f"{self._host}: {_in_words(error)} after the message: it may be stored"
            ) from None
        finally:
            note(Exchange(asked, answered))


def _size(client: aiosmtplib.SMTP) -> int | None:
    """Bytes that the server takes, 0 for any number, None where it does not say."""
    if not client.supports_extension("size"):
        return None
    said = client.esmtp_extensions.get("size", "").strip()
    return int(said) if said.isdigit() else 0


def _codes(codes: list[int]) -> str:
    return ", ".join(str(code) for code in sorted(set(codes)))


def _said(code: int, text: str) -> str:
    """A reply without the addresses that it may quote."""
    return f"{code} {re.sub(r'[^ <>]+@[^ <>]+', '<address>', one_line(text))[:SHOWN]}"


def _in_words(error: Exception) -> str:
    """What happened; the texts of libraries and servers may quote an address."""
    if isinstance(error, aiosmtplib.SMTPConnectTimeoutError):
        return "cannot be reached in time"
    if isinstance(error, aiosmtplib.SMTPTimeoutError | TimeoutError):
        return "no answer in time"
    if isinstance(error, aiosmtplib.SMTPConnectError):
        return "cannot be reached"
    if isinstance(error, aiosmtplib.SMTPServerDisconnected):
        return "the connection broke"
    if isinstance(error, ssl.SSLError):
        return "TLS cannot be set up"
    if "STARTTLS" in str(error):
        return "offers no STARTTLS, and mail is not sent without TLS unless `tls: none` is set"
    if "AUTH" in str(error):
        return "offers no log-in"
    return f"the dialogue failed ({type(error).__name__})"


async def _leave(client: aiosmtplib.SMTP) -> None:
    """Say good-bye; a server that does not answer is left without."""
    transport = client.transport
    with suppress(aiosmtplib.SMTPException, OSError):
        await client.quit()
    _end(client, transport)


def _end(client: aiosmtplib.SMTP, transport: asyncio.BaseTransport | None = None) -> None:
    """Close the connection at once: a server that is slow to end its side of TLS must not hold the socket."""
    transport = transport or client.transport
    client.close()
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()
