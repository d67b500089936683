"""E-mail by SMTP: multipart, threaded per episode, with a Message-ID that never changes between attempts."""

from __future__ import annotations

import re
import ssl
from collections import OrderedDict
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from email.utils import formatdate
from html import escape
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

import aiosmtplib
from pydantic import AfterValidator, Field, model_validator

from stressd.alerts.notification import Notification
from stressd.config.fields import Duration, File, OneOrMany, SecretRef, SinkConfig, UrlScheme, written
from stressd.sinks.base import Fault, Receipt, SinkError, Traits
from stressd.sinks.blocks import banner, severity_line, severity_word
from stressd.sinks.exchange import Exchange, fingerprint, note
from stressd.sinks.http import SHOWN

REMEMBERED: Final = 1_000
"""Messages of which it is kept who has them already, for attempts that reached a part of the recipients."""

_COLOURS: Final = {"info": "#1f6feb", "warn": "#b58900", "high": "#d9730d", "critical": "#c62828"}
_ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")


def _address(value: str) -> str:
    if not _ADDRESS.fullmatch(value) or len(value) > 254:
        raise ValueError("not an e-mail address: write it bare, such as `rates@bank.example`")
    return value


MailAddress = Annotated[str, AfterValidator(_address)]
SmtpUrl = Annotated[str, AfterValidator(UrlScheme("smtp", "smtps"))]


class Config(SinkConfig):
    """smtp: `smtp://host:587`, which must offer STARTTLS unless `tls: none`, or `smtps://host:465`. ca_file: private CA
    (PEM). timeout: of each step of the dialogue."""

    type: Literal["email"]
    smtp: SmtpUrl
    tls: Literal["required", "none"] = "required"
    username: str | None = None
    password: SecretRef | None = None
    ca_file: File | None = None
    timeout: Duration = written("15s")
    sender: MailAddress = Field(alias="from")
    to: OneOrMany[MailAddress]

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


class EmailSink:
    """One connection a message. Where a server takes a message for some recipients and defers others, the next attempt
    goes to the others alone."""

    traits = Traits(idempotent=True)

    def __init__(self, config: Config, instance: str, password: str | None, tls: ssl.SSLContext | None) -> None:
        self.name = config.name
        self._config = config
        self._password = password
        self._tls = tls
        parts = urlsplit(config.smtp)
        self._implicit = parts.scheme == "smtps"
        self._host = parts.hostname or ""
        self._port = parts.port or (465 if self._implicit else 587 if tls else 25)
        self._domain = f"{_atom(instance)}.{config.sender.rpartition('@')[2]}"
        self._has_it: OrderedDict[str, set[str]] = OrderedDict()

    async def send(self, notification: Notification) -> Receipt:
        message = self.message(notification)
        done = self._has_it.setdefault(notification.event_id, set())
        while len(self._has_it) > REMEMBERED:
            self._has_it.popitem(last=False)
        client = self._client()
        try:
            await self._greet(client)
            deferred, refused = await self._transfer(client, message.as_bytes(policy=WIRE), done)
        finally:
            client.close()
        total = len(self._config.to)
        if deferred:
            raise SinkError(
                "retry", f"{self._host}: {len(deferred)} of {total} recipients deferred ({_codes(deferred)})"
            )
        self._has_it.pop(notification.event_id, None)
        detail = f"{len(refused)} of {total} recipients refused ({_codes(refused)})" if refused else ""
        return Receipt(remote_ref=str(message["Message-ID"]), detail=detail)

    async def probe(self) -> str:
        """Connects, sets up TLS and logs in."""
        client = self._client()
        try:
            await self._greet(client)
        finally:
            client.close()
        secured = "without TLS" if self._tls is None else "over TLS"
        return f"{self._host}:{self._port}: reached {secured}" + (", logged in" if self._password is not None else "")

    async def close(self) -> None:
        self._has_it.clear()

    # -- the dialogue

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

    async def _transfer(self, client: aiosmtplib.SMTP, message: bytes, done: set[str]) -> tuple[list[int], list[int]]:
        """Codes of the recipients deferred and refused. `done` grows by those who have it."""
        deferred: list[int] = []
        refused: list[int] = []
        accepted: list[str] = []
        try:
            await client.mail(self._config.sender, options=self._mail_options(client, len(message)))
            for recipient in self._config.to:
                if recipient in done:
                    continue
                try:
                    await client.rcpt(recipient)
                    accepted.append(recipient)
                except aiosmtplib.SMTPRecipientRefused as error:
                    if error.code == 421:
                        raise
                    (deferred if error.code < 500 else refused).append(error.code)
        except aiosmtplib.SMTPResponseException as error:
            fault: Fault = "permanent" if error.code >= 500 else "retry"
            raise SinkError(fault, f"{self._host}: sender or recipient refused ({error.code})") from None
        except (aiosmtplib.SMTPException, OSError) as error:
            raise SinkError("retry", f"{self._host}: {_in_words(error)}") from None
        if accepted:
            await self._data(client, message)
            done.update(accepted)
        elif not done and not deferred:
            raise SinkError("permanent", f"{self._host}: every recipient refused ({_codes(refused)})")
        return deferred, refused

    async def _data(self, client: aiosmtplib.SMTP, message: bytes) -> None:
        asked, answered = f"SMTP {self._host}:{self._port}, {fingerprint(message)}", ""
        try:
            answered = _said(*await client.data(message))
        except aiosmtplib.SMTPResponseException as error:
            answered = _said(error.code, error.message)
            fault: Fault = "permanent" if error.code >= 500 else "retry"
            raise SinkError(fault, f"{self._host}: message refused ({error.code})") from None
        except (aiosmtplib.SMTPException, OSError) as error:
            raise SinkError(
                "ambiguous", f"{self._host}: {_in_words(error)} after the message: it may be stored"
            ) from None
        finally:
            note(Exchange(asked, answered))
        try:
            await client.quit()
        except (aiosmtplib.SMTPException, OSError):
            return

    def _mail_options(self, client: aiosmtplib.SMTP, size: int) -> list[str]:
        return [f"SIZE={size}"] if client.supports_extension("size") else []

    # -- the message

    def message(self, n: Notification) -> EmailMessage:
        """The mail. Its subject is the episode's, so that clients without threads by reference thread it too."""
        mail = EmailMessage(policy=WIRE)
        mail["From"] = Address(display_name="stressd", addr_spec=self._config.sender)
        mail["To"] = ", ".join(self._config.to)
        mail["Subject"] = _one_line(n.subject)
        mail["Date"] = formatdate(localtime=False)
        mail["Message-ID"] = self._id(n.event_id)
        if n.thread_root is not None and n.thread_root != n.event_id:
            mail["In-Reply-To"] = self._id(n.thread_root)
        roots = [r for r in (n.previous_cause_root, n.thread_root) if r is not None and r != n.event_id]
        if roots:
            mail["References"] = " ".join(self._id(root) for root in roots)
        mail["Auto-Submitted"] = "auto-generated"
        mail["X-Auto-Response-Suppress"] = "All"
        mail["X-Stressd-Severity"] = _one_line(n.severity)
        mail["X-Stressd-Episode"] = _one_line(n.thread)
        mail["X-Stressd-Event"] = _one_line(n.event_id)
        mail["X-Stressd-Origin"] = _one_line(n.origin)
        if n.severity == "critical" and n.type != "resolved":
            mail["Importance"] = "high"
            mail["X-Priority"] = "1"
        mail.set_content(_text(n), cte="quoted-printable")
        mail.add_alternative(_html(n), subtype="html", cte="quoted-printable")
        return mail

    def _id(self, event_id: str) -> str:
        return f"<{_atom(event_id)}@{self._domain}>"


def _atom(text: str) -> str:
    """`text` as part of a Message-ID."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", text)


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _codes(codes: list[int]) -> str:
    return ", ".join(str(code) for code in sorted(set(codes)))


def _said(code: int, text: str) -> str:
    """A reply without the addresses that it may quote."""
    return f"{code} {re.sub(r'[^ <>]+@[^ <>]+', '<address>', _one_line(text))[:SHOWN]}"


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


def _text(n: Notification) -> str:
    said = banner(n)
    parts = [*([said] if said else []), severity_word(n), n.text]
    if n.link and n.link not in n.text:
        parts += ["", n.link]
    return "\n".join(parts) + "\n"


def _html(n: Notification) -> str:
    """Plain tables with inline styles: what Outlook shows. Everything from outside is escaped."""
    colour = "#2e7d32" if n.type == "resolved" else _COLOURS.get(n.severity, "#444444")
    cell = 'style="padding:2px 14px 2px 0;vertical-align:top;white-space:nowrap"'
    above = banner(n)
    said = f'<p style="margin:0 0 6px"><b>{escape(above)}</b></p>' if above else ""
    facts = "".join(f"<tr><td {cell}>{escape(k)}</td><td>{escape(v)}</td></tr>" for k, v in n.facts)
    said_of = "".join(f"<tr><td {cell}><b>{escape(k)}</b></td><td>{escape(v)}</td></tr>" for k, v in n.answers)
    footing = "<br>".join(f"{escape(k)}: {escape(v)}" for k, v in n.footing)
    rows = "".join(_row("td", row.cells, cell) for row in n.table)
    table = _table(_row("th", n.table_header, cell + ' align="left"') + rows) if n.table else ""
    link = f'<p><a href="{escape(n.link)}">Open the episode</a></p>' if n.link else ""
    return (
        '<html><body style="font-family:Arial,sans-serif;font-size:14px;color:#222222">'
        f'{said}<h2 style="margin:0 0 10px;font-size:17px;color:{colour}">{escape(severity_line(n))}</h2>'
        f"{_table(facts) if facts else ''}"
        f"{_table(said_of) if said_of else ''}{table}{link}"
        f'<p style="color:#777777;font-size:12px">{footing}</p>'
        f'<p style="color:#777777;font-size:12px">{escape(n.moment)} · {escape(n.event_id)}</p></body></html>\n'
    )


def _table(rows: str) -> str:
    return f'<table cellspacing="0" style="border-collapse:collapse;margin:0 0 12px;font-size:13px">{rows}</table>'


def _row(tag: str, cells: tuple[str, ...], style: str) -> str:
    return "<tr>" + "".join(f"<{tag} {style}>{escape(c)}</{tag}>" for c in cells) + "</tr>"
