"""TLS is verified by everything that connects: a server that cannot prove who it is hears nothing but a handshake."""

from __future__ import annotations

import ast
import asyncio
import datetime
import gc
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from stressd.config.doors import HeartbeatConfig
from stressd.config.fields import HttpOptions, TlsOptions
from stressd.feeds import mqtt as mqtt_feed
from stressd.feeds.push import Config as PushConfig
from stressd.runtime.heart import Heart
from stressd.sinks import alertmanager, email, webhook
from stressd.sinks import mqtt as mqtt_sink
from stressd.sinks.base import SinkError
from stressd.sinks.http import Endpoint
from stressd.testing.feeds import KeepingInbox, PlainResolver, feed_state
from tests.sinks.conftest import make
from tests.sinks.test_alertmanager import body

# paho leaves the socket of a failed handshake to the collector; a server of old TLS is what is tested
pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

ROOT = Path(__file__).resolve().parent.parent.parent
NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


@dataclass
class Eavesdropper:
    """A TLS server that keeps what it hears. plain: before TLS (SMTP); heard: after the handshake."""

    port: int = 0
    tries: int = 0
    heard: bytearray = field(default_factory=bytearray)
    plain: bytearray = field(default_factory=bytearray)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return tmp_path / "ca.pem"


def self_signed(context: ssl.SSLContext, folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), NOW - DAY, NOW + DAY)
    certificate = made.add_extension(names, False).sign(key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "own.pem").write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    context.load_cert_chain(folder / "own.pem")


def server_context(kind: str, authority: trustme.CA, folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if kind == "self-signed":
        self_signed(context, folder)
    elif kind == "unknown authority":
        trustme.CA().issue_cert("localhost").configure_cert(context)
    elif kind == "expired":
        authority.issue_cert("localhost", not_before=NOW - 2 * DAY, not_after=NOW - DAY).configure_cert(context)
    elif kind == "another host":
        authority.issue_cert("evil.example").configure_cert(context)
    else:
        authority.issue_cert("localhost").configure_cert(context)
    if kind == "old TLS":
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context


@asynccontextmanager
async def listening(context: ssl.SSLContext, starttls: str = "") -> AsyncIterator[Eavesdropper]:
    """starttls: "" for TLS at once; else SMTP that offers it ("yes") or pretends not to ("stripped", "refused")."""
    ear = Eavesdropper()

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ear.tries += 1
        with suppress(OSError, ssl.SSLError, asyncio.IncompleteReadError):
            if starttls:
                writer.write(b"220 mail\r\n")
                while line := await reader.readline():
                    ear.plain += line
                    if line.upper().startswith(b"EHLO"):
                        offer = b"" if starttls == "stripped" else b"250-STARTTLS\r\n"
                        writer.write(b"250-mail\r\n" + offer + b"250 AUTH PLAIN LOGIN\r\n")
                    elif line.upper().startswith(b"STARTTLS"):
                        if starttls == "refused":
                            writer.write(b"454 not now\r\n")
                            continue
                        writer.write(b"220 go\r\n")
                        await writer.drain()
                        await writer.start_tls(context)
                        break
                    else:
                        writer.write(b"250 ok\r\n")
            while piece := await reader.read(4_096):
                ear.heard += piece
        writer.close()

    server = await asyncio.start_server(hear, "127.0.0.1", 0, ssl=None if starttls else context)
    ear.port = server.sockets[0].getsockname()[1]
    try:
        yield ear
    finally:
        server.close()


async def feed(protocol: str, ear: Eavesdropper, ca: Path) -> str:
    config = mqtt_feed.Config(
        name="desk", type="mqtt", url=f"mqtts://localhost:{ear.port}", protocol=protocol, username="u",
        topics=["y/{series}"], tls=TlsOptions(ca_file=ca),
    )  # fmt: skip
    one = mqtt_feed.build(config, PlainResolver([]))
    running = asyncio.create_task(one.run(KeepingInbox()))
    try:
        await feed_state(one, lambda feed: feed.health.detail != "", 15)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    return one.health.detail


async def sends(sink: Any) -> str:
    try:
        with pytest.raises(SinkError) as refused:
            await sink.send(make(body=body()))
        return str(refused.value)
    finally:
        await sink.close()


async def post(ear: Eavesdropper, ca: Path) -> str:
    url = f"https://localhost:{ear.port}/hook"
    return await sends(webhook.build(webhook.Config(name="h", type="webhook", url=url, unsigned=True, ca_file=ca), "i"))


async def alerts(ear: Eavesdropper, ca: Path) -> str:
    url = f"https://localhost:{ear.port}"
    return await sends(
        alertmanager.build(alertmanager.Config(name="a", type="alertmanager", urls=[url], ca_file=ca), "i")
    )


async def publish(ear: Eavesdropper, ca: Path) -> str:
    options = TlsOptions(ca_file=ca)
    config = mqtt_sink.Config(name="m", type="mqtt", url=f"mqtts://localhost:{ear.port}", tls=options, timeout="2s")
    return await sends(mqtt_sink.build(config, "i"))


async def mail(ear: Eavesdropper, ca: Path, scheme: str = "smtps") -> str:
    smtp = f"{scheme}://localhost:{ear.port}"
    return await sends(email.build(email.Config.model_validate(
        {"name": "e", "type": "email", "smtp": smtp, "ca_file": ca, "from": "a@b.example", "to": "c@d.example"}
    ), "i"))  # fmt: skip


async def beat(ear: Eavesdropper, ca: Path) -> str:
    heart = Heart(list, list)
    await heart.replace(heart.make([HeartbeatConfig(url=f"https://localhost:{ear.port}/ping", ca_file=ca)]))
    for _ in range(100):
        await asyncio.sleep(0.05)
        if heart.watchers[0].error:
            break
    await heart.stop()
    return heart.watchers[0].error


CLIENTS: dict[str, Callable[[Eavesdropper, Path], Awaitable[str]]] = {
    "MQTT 5 feed": lambda ear, ca: feed("5", ear, ca),
    "MQTT 3.1.1 feed": lambda ear, ca: feed("3.1.1", ear, ca),
    "MQTT sink": publish,
    "webhook": post,
    "Alertmanager": alerts,
    "heartbeat": beat,
    "mail over TLS": mail,
    "mail by STARTTLS": lambda ear, ca: mail(ear, ca, "smtp"),
}
KINDS = ("self-signed", "unknown authority", "expired", "another host", "old TLS")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("client", CLIENTS)
async def test_who_cannot_prove_who_it_is_hears_nothing(
    client: str, kind: str, authority: trustme.CA, ca_file: Path, tmp_path: Path
) -> None:
    starttls = "yes" if "STARTTLS" in client else ""
    async with listening(server_context(kind, authority, tmp_path), starttls) as ear:
        said = await CLIENTS[client](ear, ca_file)
    gc.collect()
    assert ear.heard == b""
    assert b"AUTH" not in ear.plain.upper()
    assert b"MAIL FROM" not in ear.plain.upper()
    assert kind == "old TLS" or "certificate" in said or "TLS" in said, said
    if kind == "expired":
        assert "expired" in said


@pytest.mark.parametrize("client", ["MQTT 5 feed", "webhook", "mail over TLS", "mail by STARTTLS"])
async def test_a_server_that_proves_itself_is_spoken_to(
    client: str, authority: trustme.CA, ca_file: Path, tmp_path: Path
) -> None:
    """So that the refusals above are those of its certificate."""
    context = server_context("good", authority, tmp_path)
    async with listening(context, "yes" if "STARTTLS" in client else "") as ear:
        talking = asyncio.create_task(CLIENTS[client](ear, ca_file))  # type: ignore[arg-type]
        for _ in range(200):
            await asyncio.sleep(0.02)
            if ear.heard or (client == "mail over TLS" and ear.tries):
                break
        talking.cancel()
        await asyncio.gather(talking, return_exceptions=True)
    assert ear.heard or client == "mail over TLS"


@pytest.mark.parametrize("how", ["stripped", "refused"])
async def test_mail_is_not_sent_in_the_clear_where_somebody_takes_starttls_away(
    how: str, authority: trustme.CA, ca_file: Path, tmp_path: Path
) -> None:
    async with listening(server_context("good", authority, tmp_path), how) as ear:
        assert await mail(ear, ca_file, "smtp")
    assert b"MAIL FROM" not in ear.plain.upper()
    assert b"AUTH" not in ear.plain.upper()


def test_every_context_verifies_names_and_certificates_and_speaks_tls_1_2_at_least(ca_file: Path) -> None:
    for context in (TlsOptions(ca_file=ca_file).context(), TlsOptions().context(), HttpOptions().context()):
        assert context.verify_mode == ssl.CERT_REQUIRED
        assert context.check_hostname
        assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert Endpoint("https://a.example/", HttpOptions())._tls is not None


def test_no_source_makes_a_context_that_does_not_verify() -> None:
    made = []
    for path in sorted((ROOT / "stressd").rglob("*.py")):
        text = path.read_text()
        for word in (
            "CERT_NONE",
            "check_hostname = False",
            "_create_unverified",
            "verify_mode",
            "ssl=False",
            "verify=False",
        ):
            assert word not in text, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and "ontext" in ast.unparse(node.func) and "ssl" in ast.unparse(node.func):
                made.append(ast.unparse(node))
    assert len(made) == 4, made
    assert all(call.startswith("ssl.create_default_context(") for call in made)


@pytest.mark.parametrize("key", ["insecure", "verify", "tls_verify", "skip_verify", "verify_ssl"])
def test_no_key_switches_verification_off(key: str) -> None:
    for model in (
        TlsOptions,
        HttpOptions,
        mqtt_feed.Config,
        mqtt_sink.Config,
        webhook.Config,
        email.Config,
        PushConfig,
    ):
        assert key not in model.model_fields
