"""Many reloads with a real mosquitto and a publisher that never pauses: no message lost, none counted twice."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from stressd.config.load import load
from stressd.runtime.daemon import Daemon
from stressd.runtime.registry import registry
from tests.runtime.desk import until

Mosquittos = Callable[[str], AbstractAsyncContextManager[Any]]

TEXT = """
instance: desk
listen: {listen}
log: {{level: {log}}}
markets:
  JP: {{calendar: always, tenors: [{tenors}]}}
feeds:
  - {{name: desk, type: mqtt, url: "mqtt://127.0.0.1:{port}", topics: "yields/{{market}}/{{tenor}}", qos: 1,
     keep_alive: {keep}, payload: {{value: value, time: time}}}}
rules:
  - {{name: level, type: level, series: "*", above: [{level}%]}}
routes: [{{match: {{kind: market}}, sinks: hook}}]
sinks: [{{name: hook, type: webhook, url: "http://127.0.0.1:9/", unsigned: true, timeout: {timeout}}}]
"""
UNRELATED = {
    "listen": ["none", "127.0.0.1:0"], "log": ["info", "warning"], "tenors": ["10Y, 30Y", "5Y, 10Y, 30Y"],
    "level": ["7", "8"], "timeout": ["5s", "6s"],
}  # fmt: skip


@pytest.mark.parametrize("changed", ["what is not the feed", "the feed itself"])
async def test_no_reload_loses_a_message_or_counts_one_twice(
    changed: str, mosquitto: Mosquittos, tmp_path: Path
) -> None:
    about_feed = changed == "the feed itself"
    rng = random.Random(26)
    chosen = {key: options[0] for key, options in UNRELATED.items()} | {"keep": "30s"}
    async with asyncio.timeout(150), mosquitto("allow_anonymous true") as broker:
        file = tmp_path / "stressd.yaml"
        file.write_text(TEXT.format(port=broker.port, **chosen))
        daemon = Daemon(load(file, registry()), registry(), tmp_path / "state")
        running = asyncio.create_task(daemon.run())
        await until(lambda: daemon.ready.is_set() and daemon.feeds.feeds["desk"].health.state == "connected")
        sent, going = 0, True

        async def publish() -> None:
            nonlocal sent
            async with aiomqtt.Client("127.0.0.1", broker.port) as client:
                while going:
                    sent += 1
                    payload = {"value": 1.0 + sent * 1e-6, "time": time.time_ns()}
                    await client.publish("yields/JP/30Y", json.dumps(payload).encode(), qos=1)
                    await asyncio.sleep(0.001)

        publishing = asyncio.create_task(publish())
        for number in range(12 if about_feed else 50):
            key = "keep" if about_feed else rng.choice(list(UNRELATED))
            chosen[key] = f"{31 + number}s" if about_feed else rng.choice(UNRELATED[key])
            file.write_text(TEXT.format(port=broker.port, **chosen))
            assert (await daemon.reloader.carried_out()).outcome in ("reloaded", "unchanged")
        going = False
        await publishing
        await until(lambda: daemon.mailbox.received >= sent)
        await asyncio.sleep(0.3)
        try:
            assert daemon.mailbox.received == sent
            assert daemon.feeds.feeds["desk"].health.connects == 1
            (row,) = [row for row in daemon.pump.pipeline.engine.status() if row["series"] == "JP.GOV.30Y"]
            assert row["ticks"] + row["duplicates"] + row["late"] + row["reordered"] == sent - 1, (
                "one confirms the first"
            )
            assert (row["duplicates"], row["late"]) == (0, 0)
        finally:
            daemon.stop()
            await running
