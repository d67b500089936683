"""Hostile topics, payloads and requests through a real broker and the real daemon: the log, the status and the commands
show them as they are, and nothing of them works."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import aiohttp
import pytest

from tests.fuzz.printable import harmless
from tests.runtime.desk import desk_in, until

BAD = "\x1b[2J\x1b]0;owned\x07\u202eesrever\u2028"
FORGED = '\n{"event": "daemon.stopped", "level": "info"}'


async def command(*words: str) -> tuple[int, str]:
    """Exit status, and all that a command prints in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "stressd", *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    told, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, told.decode()


def shows(told: str) -> None:
    for line in told.split("\n"):
        harmless(line.replace("\t", ""))


async def test_hostile_topics_and_payloads_show_themselves_everywhere(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from stressd.runtime.logs import configure

    async with desk_in(tmp_path) as desk:
        desk.write(change=lambda text: text.replace("yields/{market}/{tenor}", "yields/JP/{series}"))
        configure("info", "json")
        async with desk.running() as daemon:
            health = daemon.feeds.feeds["desk"].health
            for topic, payload in (
                (f"yields/JP/{BAD}{FORGED.replace('/', '-')}", b'{"value": 1, "time": "x"}'),
                ("yields/JP/JP.GOV.30Y", f"{BAD}{FORGED}".encode()),
                ("yields/JP/JP.GOV.30Y", json.dumps({"value": 1, "time": BAD + FORGED}).encode()),
                ("yields/JP/" + "x" * 3_000, b"1"),
            ):
                before = len(health.rejects)
                await desk.broker.publish(topic, payload, qos=1)
                await until(lambda seen=before: len(health.rejects) > seen)
            async with aiohttp.ClientSession() as session:
                url = f"http://127.0.0.1:{daemon.server.port}"
                bad = {"Authorization": "Bearer wrong"}
                async with session.get(f"{url}/api/v1/silences%0a%1b[2J", headers=bad) as answer:
                    assert answer.status == 404
                async with session.post(f"{url}/api/v1/episodes/%1b%5b2J%0aforged/ack", headers=bad) as answer:
                    assert answer.status == 401
            reader, writer = await asyncio.open_connection("127.0.0.1", daemon.server.port)
            writer.write(b"GET /\x1b[2J HTTP/9\r\nX\x01: y\r\n\r\n")
            assert b"400" in await asyncio.wait_for(reader.readline(), 10)
            writer.close()
            for words in (["status"], ["status", "--json"], ["explain", BAD], ["ack", "x\x1b[2J", "--for", "5m"]):
                _, told = await command(*words, *(["--state", str(desk.state)]))
                shows(told)
            _, told = await command("check", str(desk.file), "--connect", "--seconds", "1")
            shows(told)
            assert max(len(topic) for _, topic, _, _ in health.rejects) < 1_500
    logged = capfd.readouterr().err
    shows(logged)
    events = [json.loads(line) for line in logged.splitlines() if line]
    assert [each for each in events if each["event"] == "token.refused"]
    assert sum(each["event"] == "daemon.stopped" for each in events) == 1
    rejected = [each for each in events if each["event"] == "feed.rejected"]
    assert "\\u001b[2J" in rejected[0]["topic"]


async def test_check_connect_shows_what_a_broker_sends_as_it_is(tmp_path: Path) -> None:
    async with desk_in(tmp_path) as desk:
        listening = asyncio.create_task(command("check", str(desk.file), "--connect", "--seconds", "4"))
        while not listening.done():  # however long the program takes to begin
            await desk.broker.publish(f"yields/JP/{BAD}", f"{BAD}{FORGED}".encode(), qos=0)
            await desk.broker.publish("yields/JP/30Y", f"{BAD}{FORGED}".encode(), qos=0)
            await asyncio.sleep(0.1)
        _, told = await listening
    shows(told)
    assert "yields/JP/\\u001b[2J" in told
    assert not any(line.startswith('{"event"') for line in told.splitlines())
