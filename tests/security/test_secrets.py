"""A canary in the place of every secret, a daemon that fails in every way, and not one canary in all that it says."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
import signal
import socket
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from stressd.cli.main import main
from stressd.testing.broker import LoopbackBroker
from tests.runtime.desk import LAST, Desk
from tests.runtime.test_process import started

MARK = "c4nary"


def canary(name: str) -> str:
    return f"{MARK}{name}{'x' * 10}"


SECRETS = {
    "mqtt": canary("mqtt"),
    "gone": canary("gone"),
    "push": canary("push"),
    "signing": "whsec_" + base64.b64encode(canary("signing").encode() * 2).decode(),
    "header": f"Bearer {canary('header')}",
    "proxy": canary("proxy"),
    "slack": "http://127.0.0.1:{port}/services/T0/B0/" + canary("slack"),
    "bot": f"xoxb-1-{canary('bot')}",
    "teams": "http://127.0.0.1:{port}/workflows/" + canary("teams") + "/?sig=" + canary("teamsig"),
    "pager": (canary("pager").replace("-", "") + "0" * 32)[:32],
    "alerts": canary("alerts"),
    "basic": canary("basic"),
    "mail": canary("mail"),
    "apprise": f"json://user:{canary('apprise')}" + "@127.0.0.1:{port}/" + canary("apppath"),
    "beat": "http://127.0.0.1:{port}/ping/" + canary("beat") + "?key=" + canary("beatkey"),
    "fail": "http://127.0.0.1:{port}/fail/" + canary("fail"),
    "api": canary("api"),
    "links": canary("links"),
}

CONFIG = """\
instance: canary
state_dir: {state}
listen: 127.0.0.1:{listen}
log: {{format: {form}, level: debug}}
markets: {{JP: {{calendar: always, tenors: [10Y, 30Y]}}, US: {{calendar: always, tenors: [10Y]}}}}
feeds:
  - {{name: desk, type: mqtt, url: "{broker}", username: desk, password: {{file: {dir}/mqtt}},
      topics: "yields/{{market}}/{{tenor}}",
      payload: {{format: json, value: value, time: time}}}}
  - {{name: refused, type: mqtt, url: "{broker}", username: stranger, password: {{file: {dir}/gone}},
      topics: "y/{{series}}"}}
  - {{name: older, type: mqtt, protocol: 3.1.1, url: "mqtt://127.0.0.1:1", username: u,
      password: {{file: {dir}/gone}}, topics: "y/{{series}}"}}
  - {{name: tls, type: mqtt, url: "mqtts://127.0.0.1:{port}", username: u, password: {{file: {dir}/gone}},
      topics: "y/{{series}}"}}
  - {{name: pushed, type: push, listen: "127.0.0.1:0", token: {{file: {dir}/push}}}}
rules:
  - {{name: sigma-breach, type: sigma, series: "*", horizons: [1m, 1d], sigma: {{warn: 3, high: 4, critical: 6}}}}
routes: [{{match: {{kind: [market, feed, self]}}, sinks: [hook, proxied, tls, slack, bot, teams, pager, am, am2,
      mail, app, mq]}}]
sinks:
  - {{name: hook, type: webhook, url: "http://127.0.0.1:{port}/hook/{path}?key={path}",
      secret: {{file: {dir}/signing}}, secret_headers: {{X-Key: {{file: {dir}/header}}}}}}
  - {{name: proxied, type: webhook, url: "http://127.0.0.1:{port}/x", unsigned: true,
      proxy: "http://127.0.0.1:1", proxy_username: u, proxy_password: {{file: {dir}/proxy}}}}
  - {{name: tls, type: webhook, url: "https://127.0.0.1:{port}/{path}", secret: {{file: {dir}/signing}}}}
  - {{name: slack, type: slack, webhook_url: {{file: {dir}/slack}}}}
  - {{name: bot, type: slack, bot_token: {{file: {dir}/bot}}, channel: C0123ABCD,
      api_url: "http://127.0.0.1:{port}/api/"}}
  - {{name: teams, type: teams, url: {{file: {dir}/teams}}}}
  - {{name: pager, type: pagerduty, routing_key: {{file: {dir}/pager}}, url: "http://127.0.0.1:{port}/pager"}}
  - {{name: am, type: alertmanager, urls: "http://127.0.0.1:{port}/am", token: {{file: {dir}/alerts}}}}
  - {{name: am2, type: alertmanager, urls: "http://127.0.0.1:{port}/am2", username: u,
      password: {{file: {dir}/basic}}}}
  - {{name: mail, type: email, smtp: "smtp://127.0.0.1:{smtp}", username: u, password: {{file: {dir}/mail}},
      from: a@b.example, to: c@d.example}}
  - {{name: app, type: apprise, url: {{file: {dir}/apprise}}}}
  - {{name: mq, type: mqtt, url: "{broker}", username: stranger, password: {{file: {dir}/gone}}}}
heartbeat: [{{url: {{file: {dir}/beat}}, fail_url: {{file: {dir}/fail}}, every: 1s}}]
tokens: [{{name: grafana, token: {{file: {dir}/api}}}}]
links: {{secret: {{file: {dir}/links}}}}
page_url: https://stressd.bank.example/
"""


async def echo(request: web.Request) -> web.Response:
    """A server that fails, and quotes all that it was sent."""
    body = await request.read()
    told = f"denied: {request.method} {request.path_qs}\n{dict(request.headers)}\n{body[:3_000]!r}\n{body[:300]!r}"
    status = {"/hook": 401, "/am": 403, "/api": 500, "/page": 400, "/ping": 503}.get(request.path[:5].rstrip("/"), 401)
    return web.Response(status=status, text=told, headers={"X-Echo": request.headers.get("Authorization", "")[:500]})


async def sulky_mail(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A mail server that offers AUTH without TLS, and quotes what it hears."""
    writer.write(b"220 mail\r\n")
    while line := await reader.readline():
        known = line.upper().startswith(b"EHLO")
        writer.write(b"250-mail\r\n250 AUTH PLAIN LOGIN\r\n" if known else b"535 no: " + line.strip() + b"\r\n")
        await writer.drain()
    writer.close()


@pytest.fixture
async def around(tmp_path: Path) -> AsyncIterator[tuple[Desk, dict[str, object]]]:
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", echo)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    mail = await asyncio.start_server(sulky_mail, "127.0.0.1", 0)
    folder = tmp_path / "secrets"
    folder.mkdir(mode=0o700)
    for name, secret in SECRETS.items():
        (folder / name).write_text(secret.replace("{port}", str(port)) + "\n")
        (folder / name).chmod(0o600)
    async with LoopbackBroker(accounts={"desk": SECRETS["mqtt"]}) as broker:
        desk = Desk.__new__(Desk)
        desk.state, desk.file, desk.broker = tmp_path / "state", tmp_path / "stressd.yaml", broker
        fields: dict[str, object] = {
            "state": desk.state, "dir": folder, "broker": broker.url, "port": port, "path": canary("urlpath"),
            "smtp": mail.sockets[0].getsockname()[1], "listen": free_port(), "form": "json",
        }  # fmt: skip
        yield desk, fields
    mail.close()
    await runner.cleanup()


async def told(*words: str) -> bytes:
    """All that a command prints."""

    def printed() -> str:
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            main(words)
        return out.getvalue()

    return (await asyncio.to_thread(printed)).encode()


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def leaks(what: str, text: bytes | str) -> list[str]:
    raw = text if isinstance(text, bytes) else text.encode()
    found = []
    for name, secret in SECRETS.items():
        parts = {secret.encode(), secret.split("/")[-1].encode(), secret.removeprefix("Bearer ").encode()}
        parts |= {base64.b64encode(b"u:" + secret.encode()), base64.b64encode(b"\0u\0" + secret.encode())}
        if any(part in raw for part in parts if len(part) > 8):
            found.append(f"{what}: {name}")
    at = raw.find(MARK.encode())
    return found + ([f"{what}: ...{raw[max(0, at - 120) : at + 60]!r}"] if at >= 0 else [])


@pytest.mark.parametrize("form", ["json", pytest.param("text", marks=pytest.mark.soak)])
async def test_no_secret_is_in_anything_that_is_said(around: tuple[Desk, dict[str, object]], form: str) -> None:
    desk, fields = around
    desk.file.write_text(CONFIG.format(**{**fields, "form": form}))
    desk.warm()
    found: list[str] = []
    async with started(desk) as running:
        pid = running.process.pid
        state = str(desk.state)
        deadline = time.monotonic() + 25
        while time.monotonic() < deadline:
            status = json.loads(await told("status", "--json", "--state", state))
            if {f["name"]: f["state"] for f in status["feeds"]}["desk"] == "connected":
                break
        for series, value in LAST.items():
            await desk.tick(series, value, 75)
            await desk.tick(series, value + 1e-4, 70)
        await desk.tick("JP.GOV.30Y", LAST["JP.GOV.30Y"] + 0.05)
        await desk.tick("JP.GOV.30Y", LAST["JP.GOV.30Y"] + 0.0502)
        await desk.broker.publish("yields/JP/30Y", b"not json", qos=1)
        while time.monotonic() < deadline:
            listed = await told("deliveries", "list", "--json", "--state", state)
            if listed.count(b'"last_error": "') >= 10:
                break
        assert listed.count(b'"last_error": "') >= 8, listed
        events = {json.loads(line)["event_id"] for line in listed.splitlines()}
        says = {
            "deliveries list": listed,
            "deliveries show": b"".join([await told("deliveries", "show", each, "--state", state) for each in events]),
            "explain": b"".join([await told("explain", each.rpartition(".")[0], "--state", state) for each in events]),
            "status": await told("status", "--state", state),
            "status --json": await told("status", "--json", "--state", state),
            "check": await told("check", str(desk.file)),
            "check --connect": await told("check", str(desk.file), "--connect", "--seconds", "2"),
            "check --json": await told("check", str(desk.file), "--json"),
            "command line": Path(f"/proc/{pid}/cmdline").read_bytes(),
            "environment": Path(f"/proc/{pid}/environ").read_bytes(),
        }
        for sink in ("hook", "slack", "mail", "bot", "app", "pager"):
            says[f"send-test {sink}"] = await told("send-test", sink, "-c", str(desk.file))
        connector = aiohttp.UnixConnector(str(desk.state / "stressd.sock"))
        async with aiohttp.ClientSession(connector=connector) as session:
            for path in ("/metrics", "/readyz", "/healthz", "/api/v1/status", "/api/v1/deliveries"):
                async with session.get(f"http://stressd{path}") as answer:
                    says[path] = await answer.read()
            async with session.get(
                "http://stressd/api/v1/silences", headers={"Authorization": f"Bearer {canary('api')}!"}
            ):
                pass
        # reloads that are refused: a secret written into the file itself, one that cannot be read, no YAML at all
        good = desk.file.read_text()
        for bad in (
            good.replace(f"{{file: {fields['dir']}/alerts}}", SECRETS["alerts"]),
            good.replace(f"{{file: {fields['dir']}/mail}}", f"[{SECRETS['mail']}"),
            good + f"\n  password: {SECRETS['basic']}: x\n",
        ):
            desk.file.write_text(bad)
            running.process.send_signal(signal.SIGHUP)
            says["check of a bad file"] = says.get("check of a bad file", b"") + await told("check", str(desk.file))
        says["status after refusals"] = await told("status", "--state", state)
        running.process.send_signal(signal.SIGABRT)
        out, err = await asyncio.wait_for(running.process.communicate(), 30)
        says["log"], says["standard output"] = err, out
    assert b"feed.refused" in says["log"] or b"feed.disconnected" in says["log"]
    assert b"Current thread" in says["log"]
    assert b"<secret>" in says["deliveries show"], "no server quoted what it was sent"
    assert all(says[what] for what in says if what != "standard output"), [what for what in says if not says[what]]
    for what, text in says.items():
        found += leaks(what, text)
    with sqlite3.connect(desk.state / "stressd.db") as store:
        found += leaks("store", "\n".join(store.iterdump()))
    store.close()
    for path in desk.state.rglob("*"):
        if path.is_file() and path.name != "stressd.db":
            found += leaks(path.name, path.read_bytes())
    assert found == [], "\n".join(found)


async def test_a_secret_of_the_environment_is_there_and_nowhere_else(
    around: tuple[Desk, dict[str, object]],
) -> None:
    """Its own user can read it in /proc/PID/environ, as docs/security.md says of `{env: NAME}`."""
    desk, fields = around
    secret = canary("environ")
    desk.file.write_text(CONFIG.format(**fields).replace(f"{{file: {fields['dir']}/api}}", "{env: STRESSD_CANARY}"))
    async with started(desk, STRESSD_CANARY=secret) as running:
        assert secret.encode() in Path(f"/proc/{running.process.pid}/environ").read_bytes()
        assert secret.encode() not in await told("status", "--json", "--state", str(desk.state))
        status, err = await running.end()
    assert status == 0
    assert secret not in err
