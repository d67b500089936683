"""What people do, from the command line, with a token and by a link, to a daemon in this process."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import stat
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from stressd.alerts.ids import named
from stressd.cli.main import main
from stressd.runtime.build import BuildError
from stressd.runtime.daemon import Daemon
from stressd.runtime.linkkey import FILE
from tests.runtime.desk import Desk, desk_in, until

ME = pwd.getpwuid(os.getuid()).pw_name
MORE = """page_url: https://stressd.bank.example/
tokens:
  - {{name: grafana, token: {{file: {folder}/token}}}}
  - {{name: wall, token: {{file: {folder}/wall}}, may: read}}
"""


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_in(tmp_path) as made:
        for name in ("token", "wall"):
            (tmp_path / name).write_text(f"{name}-0123456789abcdef\n")
            (tmp_path / name).chmod(0o600)
        made.write(change=lambda text: text + MORE.format(folder=tmp_path))
        made.warm()
        yield made


async def episode(desk: Desk, daemon: Daemon) -> str:
    """An open episode of JP; its id."""
    await desk.breach()
    await desk.receiver.until(lambda events: any(event["type"] == "opened" for event in events))
    return daemon.pump.pipeline.episodes.open_episodes()[0].id


async def stressd(desk: Desk, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """The command line, in a thread of its own as in a process of its own."""
    deed = 2 if words[0] == "silence" else 1
    status = await asyncio.to_thread(main, [*words[:deed], "--state", str(desk.state), *words[deed:]])
    said = capsys.readouterr()
    logs = [line for line in said.out.splitlines() if not line.startswith(("20", "\x1b"))]
    return status, "\n".join(logs), said.err


async def test_an_episode_is_acknowledged_from_the_command_line_under_the_name_of_the_user(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    async with desk.running() as daemon:
        name = await episode(desk, daemon)
        status, said, err = await stressd(desk, capsys, "ack", name[-4:], "--for", "30m", "--note", "on it")
        assert (status, err) == (0, "")
        assert said.startswith(f"{name} is acknowledged until")
        assert "JP 30Y" in said.splitlines()[1]
        (row,) = await asyncio.to_thread(daemon.store.actions)
        assert (row.author.split(" ")[0], row.via, row.verb, row.subject) == (ME, "cli", "acknowledged", name)
        status, said, _ = await stressd(desk, capsys, "label", f"#{name[-4:].upper()}", "bad-data", "--json")
        assert (status, json.loads(said)["detail"]) == (0, f"{name} is labelled bad data")
        assert [(each.episode, each.label) for each in daemon.store.labels()] == [(name, "bad data")]


async def test_what_is_not_there_is_told_with_what_is(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    async with desk.running() as daemon:
        status, _, err = await stressd(desk, capsys, "ack", "zzzz")
        assert (status, err) == (1, "stressd: no episode is called `zzzz`; none is open\n")
        name = await episode(desk, daemon)
        wrong = name[:-1] + ("x" if name[-1] != "x" else "y")
        status, _, err = await stressd(desk, capsys, "label", wrong, "noise")
        assert (status, err) == (1, f"stressd: no episode is called `{wrong}`; open now: {name}\n")
        for words, told in (
            (
                ["silence", "add", "--market", "JPN", "--for", "2h", "--reason", "x"],
                "unknown market `JPN`; there are JP",
            ),
            (["silence", "add", "--rule", "nosuch", "--for", "2h", "--reason", "x"], "unknown rule `nosuch`"),
            (["silence", "add", "--series", "DE.*", "--for", "2h", "--reason", "x"], "no series matches `DE.*`"),
            (["silence", "add", "--market", "JP", "--reason", "x"], "a silence needs an end: --for 2h"),
            (["silence", "add", "--for", "2h", "--reason", "x"], "say what is silenced"),
            (["silence", "add", "--market", "JP", "--for", "2", "--reason", "x"], "needs a unit"),
            (["silence", "add", "--market", "JP", "--for", "90d", "--reason", "x"], "30 days"),
            (["silence", "end", "s99"], "there is no silence `s99`"),
            (["ack", name, "--for", "30d"], "7 days"),
        ):
            status, _, err = await stressd(desk, capsys, *words)
            assert status == 1
            assert told in err
            assert len(err.splitlines()) == 1
        assert daemon.store.actions() == []
    assert await asyncio.to_thread(main, ["silence", "list", "--state", str(desk.state)]) == 1
    assert "no daemon runs on" in capsys.readouterr().err


async def test_a_silence_withholds_until_it_is_ended_and_is_listed_with_its_author(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    async with desk.running() as daemon:
        words = ["silence", "add", "--market", "JP", "--severity", "warn", "--severity", "critical", "--for", "2h"]
        status, said, _ = await stressd(desk, capsys, *words, "--reason", "BoJ operation")
        assert (status, "s1 silences market JP, severity warn or critical" in said) == (0, True)
        await desk.breach()
        await until(daemon.pump.pipeline.episodes.open_episodes)
        _, said, _ = await stressd(desk, capsys, "silence", "list")
        assert "s1" in said
        assert ME in said
        assert "BoJ operation" in said
        assert desk.receiver.events == []
        status, said, _ = await stressd(desk, capsys, "silence", "end", "s1")
        assert (status, said.startswith("s1 is over")) == (0, True)
        await desk.receiver.until(bool)
        assert desk.receiver.events[0]["market"] == "JP"
        _, said, _ = await stressd(desk, capsys, "silence", "list")
        assert said == "nothing is silenced"


async def ask(url: str, method: str, **more: Any) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session, session.request(method, url, **more) as answer:
        return answer.status, await (answer.json() if answer.content_type == "application/json" else answer.text())


async def test_over_tcp_the_token_is_the_author_and_a_reload_takes_it_away(desk: Desk) -> None:
    async with desk.running() as daemon:
        name = await episode(desk, daemon)
        api = f"http://127.0.0.1:{daemon.server.port}/api/v1"
        token = {"Authorization": "Bearer token-0123456789abcdef"}
        wall = {"Authorization": "Bearer wall-0123456789abcdef"}
        status, said = await ask(f"{api}/episodes/{name}/ack", "POST", json={"note": "bot"}, headers=token)
        assert (status, said["author"]) == (200, "grafana")
        assert (await ask(f"{api}/episodes/{name}/ack", "POST", json={}, headers=wall))[0] == 403
        assert (await ask(f"{api}/episodes/{name}/ack", "POST", json={}))[0] == 401
        status, said = await ask(f"{api}/episodes?state=open", "GET", headers=wall)
        assert [(each["id"], each["state"]) for each in said["episodes"]] == [(name, "open")]
        _, said = await ask(f"{api}/deliveries?episode={name}", "GET", headers=wall)
        assert {each["sink"] for each in said["deliveries"]} == {"hook"}
        before = daemon.loaded
        desk.write()
        daemon.reload()
        await until(lambda: daemon.loaded is not before)
        assert (await ask(f"{api}/episodes", "GET", headers=token))[0] == 401


async def test_the_story_of_an_episode_is_read_from_the_running_daemon_and_says_why_nobody_was_told(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    async with desk.running() as daemon:
        words = ["silence", "add", "--market", "JP", "--for", "2h", "--reason", "BoJ operation"]
        assert (await stressd(desk, capsys, *words))[0] == 0
        await desk.breach()
        await until(daemon.pump.pipeline.episodes.open_episodes)
        name = daemon.pump.pipeline.episodes.open_episodes()[0].id
        api = f"http://127.0.0.1:{daemon.server.port}/api/v1"
        wall = {"Authorization": "Bearer wall-0123456789abcdef"}

        async def story(settled: Callable[[Any], object]) -> Any:
            async with asyncio.timeout(20):
                while True:
                    status, said = await ask(f"{api}/episodes/{name[-4:]}", "GET", headers=wall)
                    if status == 200 and settled(said):
                        return said
                    await asyncio.sleep(0.02)

        said = await story(lambda said: said["kept"])
        assert (said["episode"]["id"], said["sinks"]) == (name, [])
        assert said["kept"][0]["sink"] == "hook"
        assert "silenced by" in said["kept"][0]["why"]
        assert said["track"][0]["series"] == "JP.GOV.30Y"
        assert (await stressd(desk, capsys, "silence", "end", "s1"))[0] == 0
        said = await story(lambda said: any(each["delivered"] for each in said["sinks"]))
        assert said["kept"] == []
        assert said["sinks"][0]["worst_ms"] >= 0.0
        assert (await stressd(desk, capsys, "ack", name))[0] == 0
        said = await story(lambda said: said["people"])
        assert [each["verb"] for each in said["people"]] == ["acknowledged"]


async def test_a_message_carries_links_that_work_and_outlive_a_restart(desk: Desk) -> None:
    async with desk.running() as daemon:
        name = await episode(desk, daemon)
        event = daemon.store.event(f"{name}.1")
        assert event is not None
        links = {action.label: action.url for action in daemon._actions(event, "hook")}
        assert list(links) == ["ack 30m", "silence 2h", "useful", "noise", "bad data"]
        assert all(url.startswith("https://stressd.bank.example/act?") for url in links.values())
    key = desk.state / FILE
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    async with desk.running() as daemon:
        parts = urlsplit(links["ack 30m"])
        here = f"http://127.0.0.1:{daemon.server.port}{parts.path}?{parts.query}"
        status, page = await ask(here, "GET")
        assert status == 200
        assert "Acknowledge for 30 minutes" in page
        assert daemon.store.actions() == []
        status, page = await ask(here, "POST", data={"name": "Maria"})
        assert (status, f"{name} is acknowledged until" in page) == (200, True)
        (row,) = daemon.store.actions()
        assert (row.author, row.via) == ("Maria (link in hook)", "link")
    key.write_text("not a key")
    with pytest.raises(BuildError, match="is no key of links; remove it"):
        await desk.daemon().run()


async def test_a_disk_that_hangs_is_named_to_who_gives_a_command_and_the_command_holds(
    desk: Desk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stressd.runtime.doors.PATIENCE", 0.3)
    async with desk.running() as daemon:
        name = await episode(desk, daemon)
        disk = threading.Event()
        daemon.store._writer.submit(lambda connection: disk.wait(20))
        status, _, err = await stressd(desk, capsys, "ack", name)
        assert (status, "it is not on disk after 0.3 s" in err) == (1, True)
        assert name in daemon.pump.pipeline.people.acknowledged()
        disk.set()
        await until(daemon.store.actions)


async def test_a_reload_with_a_bad_key_or_watcher_is_refused_and_the_links_go_on(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "short").write_text("short\n")
    (tmp_path / "short").chmod(0o600)
    async with desk.running() as daemon:
        before, signer = daemon.loaded, daemon.signer
        secret = f"{{file: {tmp_path}/short}}"
        for more, told in (
            (f"links: {{secret: {secret}}}\n", "links: the secret is shorter than 16 characters"),
            (f"heartbeat: {{url: {secret}}}\n", "heartbeat: not a URL"),
        ):
            desk.write(change=lambda text, more=more: text + more)  # type: ignore[misc]
            reload = await daemon.reloader.carried_out()
            assert reload.outcome == "refused"
            assert told in reload.faults[0]
        assert (daemon.loaded, daemon.signer) == (before, signer)


async def test_exercises_and_what_is_over_carry_no_ack(desk: Desk) -> None:
    async with desk.running() as daemon:
        await episode(desk, daemon)
        event = daemon.store.events_of(daemon.pump.pipeline.episodes.open_episodes()[0].id)[0]
        from msgspec.structs import replace

        assert daemon._actions(replace(event, origin="drill"), "hook") == ()
        labels = ["useful", "noise", "bad data"]
        assert [action.label for action in daemon._actions(replace(event, type="resolved"), "hook")] == labels
        feed = replace(event, kind="feed", market="", series=[])
        assert [action.label for action in daemon._actions(feed, "hook")] == ["ack 30m", "silence 2h"]


def test_a_part_of_an_id_means_the_whole_the_end_or_the_beginning_in_this_order() -> None:
    ids = dict.fromkeys(["JP-260120-7q2f", "US-260120-7q2f", "JP-260119-k3mn", "FEED-260119-0001"])
    assert named("jp-260120-7q2f", ids) == ["JP-260120-7q2f"]
    assert named("k3mn", ids) == ["JP-260119-k3mn"]
    assert named("7q2f", ids) == ["JP-260120-7q2f", "US-260120-7q2f"]
    assert named("us", ids) == ["US-260120-7q2f"]
    assert named("", ids) == []
    assert named("zzzz", ids) == []
