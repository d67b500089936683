"""E-mail into a real mail server: Exim, with STARTTLS and a log-in, down to the mailbox."""

from __future__ import annotations

import asyncio
import gc
import mailbox
import os
import pwd
import shutil
import socket
import subprocess
import time
import warnings
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import trustme

from stressd.alerts.canned import canned
from stressd.alerts.notification import Telling
from stressd.alerts.render import render
from stressd.sinks.base import SinkError
from stressd.sinks.email import Config, EmailSink, build

EXIM = shutil.which("exim4", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@dataclass
class Exim:
    """A running server. folder: what it is made of."""

    folder: Path
    port: int

    def delivered(self, count: int) -> list[EmailMessage]:
        """The first `count` mails, parsed, once they are in the mailbox."""
        end = time.monotonic() + 10.0
        file = self.folder / "mail" / "mbox"
        found: list[EmailMessage] = []
        while time.monotonic() < end:
            box = mailbox.mbox(file) if file.exists() else None
            raw = [box.get_bytes(key) for key in box.keys()] if box is not None else []  # noqa: SIM118
            if box is not None:
                box.close()
            if len(raw) >= count:
                for each in raw:
                    parsed = message_from_bytes(each, policy=policy.default)
                    assert isinstance(parsed, EmailMessage)
                    found.append(parsed)
                return found
            time.sleep(0.05)
        raise AssertionError(f"{file}: {count} mails expected; {(self.folder / 'spool' / 'log_main').read_text()}")


@pytest.fixture(scope="module")
def exim(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exim]:
    if EXIM is None:
        pytest.skip("exim4 is not installed (Debian: exim4-daemon-light): e-mail is not tested with a real server")
    if os.getuid() != 0:
        pytest.skip("Exim reads a configuration of ours as root only: e-mail is not tested with a real server")
    try:
        owner = pwd.getpwnam("Debian-exim")
    except KeyError:
        pytest.skip("there is no user Debian-exim: e-mail is not tested with a real server")
    folder = tmp_path_factory.mktemp("exim")
    for parent in (folder, *folder.parents[:2]):
        parent.chmod(0o755)
    for name in ("spool", "mail"):
        (folder / name).mkdir()
        os.chown(folder / name, owner.pw_uid, owner.pw_gid)
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    os.chown(folder / "server.pem", owner.pw_uid, owner.pw_gid)
    (folder / "server.pem").chmod(0o600)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = (Path(__file__).parent / "exim.conf").read_text()
    for word, value in (("@DIR@", str(folder)), ("@PORT@", str(port)), ("@USER@", "Debian-exim")):
        config = config.replace(word, value)
    (folder / "exim.conf").write_text(config)
    command = [EXIM, "-C", str(folder / "exim.conf"), "-bdf"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port, process)
        yield Exim(folder, port)
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 10.0
    while time.monotonic() < end:
        assert process.poll() is None, f"exim ended with {process.returncode}"
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("exim does not listen")


@pytest.fixture
async def mailer(exim: Exim, ca_file: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    monkeypatch.setenv("MAIL_PASSWORD", "mail-secret")
    made: list[EmailSink] = []

    def make(**more: Any) -> EmailSink:
        config: dict[str, Any] = {
            "name": "mail",
            "type": "email",
            "smtp": f"smtp://localhost:{exim.port}",
            "username": "stressd",
            "password": {"env": "MAIL_PASSWORD"},
            "ca_file": str(ca_file),
            "from": "stressd@bank.example",
            "to": ["rates@bank.example", "risk@bank.example"],
        }
        given = {key: value for key, value in (config | more).items() if value is not None}
        made.append(build(Config.model_validate(given), "rates-tokyo"))
        return made[-1]

    yield make
    for sink in made:
        await sink.close()
    made.clear()
    # aiosmtplib leaves what failed to log in to asyncio, which waits half a minute for the server's end of TLS
    for transport in list(asyncio.get_running_loop()._transports.values()):  # type: ignore[attr-defined]
        transport.abort()
    await asyncio.sleep(0.05)
    with warnings.catch_warnings():
        # asyncio never closes the transport of a handshake that failed
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


async def test_an_episode_arrives_in_the_mailbox_as_one_thread_with_its_picture(exim: Exim, mailer: Any) -> None:
    lead = canned()[0]
    sink = mailer()
    chart = b"\x89PNG" + bytes(range(256)) * 40
    first = render(lead, Telling(first=True, page_url="https://stressd.bank.example/"))
    update = render(lead, Telling(first=False, thread_root=f"{lead.episode}.0"))
    await sink.send(replace(first, event_id=f"{lead.episode}.0", chart=chart))
    receipt = await sink.send(update)
    await sink.close()
    mails = await asyncio.to_thread(exim.delivered, 4)
    assert len(mails) == 4, "each recipient has a copy of each"
    by_id = {mail["Message-ID"]: mail for mail in mails}
    reply = by_id[receipt.remote_ref]
    root = by_id[reply["In-Reply-To"]]
    assert reply["References"].split()[-1] == root["Message-ID"]
    assert root["Subject"] == reply["Subject"] == first.subject
    assert root["Auto-Submitted"] == "auto-generated"
    assert root["X-Auto-Response-Suppress"] == "All"
    assert root["X-Stressd-Severity"] == "critical"
    assert root["Importance"] == "high"
    assert "stressd" in root["Received"], "who was logged in"
    text, related = root.iter_parts()
    html, image = related.iter_parts()
    assert first.text.strip() in text.get_content().replace("\r\n", "\n")
    assert first.title in html.get_content()
    assert image.get_content() == chart
    assert max(map(len, root.as_bytes().splitlines())) <= 998


async def test_a_wrong_password_disables_the_sink(mailer: Any, monkeypatch: pytest.MonkeyPatch, note: Any) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", "wrong")
    with pytest.raises(SinkError, match=r"log-in refused \(535\)") as caught:
        await mailer().send(note())
    assert caught.value.fault == "disable"


async def test_without_a_login_it_takes_nothing_and_its_certificate_must_be_known(mailer: Any, note: Any) -> None:
    with pytest.raises(SinkError, match="every recipient refused") as caught:
        await mailer(username=None, password=None).send(note())
    assert caught.value.fault == "permanent"
    with pytest.raises(SinkError, match="certificate is refused"):
        await mailer(ca_file=None).send(note())


async def test_recipients_are_told_apart_and_none_is_named(mailer: Any, note: Any) -> None:
    to = ["nobody@bank.example", "later@bank.example", "rates@bank.example"]
    sink = mailer(to=to)
    with pytest.raises(SinkError, match=r"1 of 3 recipients deferred \(451\)") as caught:
        await sink.send(note(event_id="JP-260120-7q2f.7"))
    assert caught.value.fault == "retry"
    assert "bank.example" not in str(caught.value)
    await sink.close()


async def test_what_exceeds_its_limit_goes_without_the_picture(exim: Exim, mailer: Any, note: Any) -> None:
    sink = mailer()
    receipt = await sink.send(note(event_id="JP-260120-7q2f.8", chart=os.urandom(180_000)))
    await sink.close()
    assert receipt.detail == "sent without the chart"
