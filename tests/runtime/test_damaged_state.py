"""Every file of the state directory, damaged in every way: one clear message and a safe start, or a clear refusal."""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from stressd.runtime.build import BuildError
from stressd.store import StoreError
from stressd.store.schema import VERSION
from tests.runtime.desk import Desk, desk_in

LINKS = """
page_url: https://stressd.example/
"""


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state directory of a daemon that has lived: an open episode, a snapshot, a key."""
    folder = tmp_path_factory.mktemp("lived")

    async def live() -> None:
        async with desk_in(folder) as desk:
            desk.warm()
            desk.write(change=lambda text: text + LINKS)
            async with desk.running() as daemon:
                await desk.breach()
                await desk.receiver.until(bool)
                await daemon.save()

    asyncio.run(live())
    (folder / "state" / "stressd.db-wal").unlink(missing_ok=True)
    return folder / "state"


@pytest.fixture
async def desk(tmp_path: Path, lived: Path) -> AsyncIterator[Desk]:
    async with desk_in(tmp_path) as made:
        shutil.copytree(lived, made.state, ignore=shutil.ignore_patterns("*.sock"))
        made.write(change=lambda text: text + LINKS)
        yield made


async def outcome(desk: Desk) -> tuple[str, str]:
    """("runs", its warnings and errors) or ("refuses", why)."""
    with capture_logs() as logs:
        try:
            async with desk.running():
                await asyncio.sleep(0)
        except (StoreError, BuildError, OSError) as error:
            return "refuses", str(error)
    return "runs", " ".join(f"{each}" for each in logs if each["log_level"] in ("warning", "error"))


def sql(statement: str) -> Callable[[Path], None]:
    def change(file: Path) -> None:
        with closing(sqlite3.connect(file)) as connection:
            connection.executescript(statement)

    return change


def older(statement: str) -> Callable[[Path], None]:
    """The same to a state whose snapshot is still in the store, as the first versions kept it."""

    def change(file: Path) -> None:
        for each in file.parent.glob("engine.snapshot*"):
            each.unlink()
        sql("INSERT OR REPLACE INTO snapshot VALUES ('engine', 1, 1, x'7b7d');" + statement)(file)

    return change


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def cut(share: float) -> Callable[[Path], None]:
    def change(file: Path) -> None:
        data = file.read_bytes()
        file.write_bytes(data[: int(share * len(data))])

    return change


def folder(file: Path) -> None:
    file.unlink()
    file.mkdir()
    (file / "x").touch()


def missing(file: Path) -> None:
    file.unlink()


def empty(file: Path) -> None:
    file.write_bytes(b"")


def text(file: Path) -> None:
    file.write_text("hello\n" * 1_000)


REFUSED = {
    "stressd.db": {
        "cut in half": (cut(0.5), "corrupted"),
        "cut near its beginning": (cut(0.01), "corrupted|no SQLite file"),
        "text": (text, "no SQLite file"),
        "a folder": (folder, "stressd.db"),
        "newer": (sql(f"PRAGMA user_version = {VERSION + 1}"), "newer stressd"),
        "somebody else's": (sql("PRAGMA user_version = 0"), "not one of stressd's"),
    },
    "links.key": {
        "cut in half": (cut(0.5), "no key of links; remove it"),
        "text": (text, "no key of links; remove it"),
        "empty": (empty, "no key of links; remove it"),
        "a folder": (folder, "links.key"),
    },
    "stressd.lock": {"a folder": (folder, "stressd.lock")},
}
RUNS = {
    "stressd.db": {
        "missing": (missing, ""),
        "empty": (empty, ""),
        "its snapshot is of another format": (older("UPDATE snapshot SET version = 99"), "snapshot.refused"),
        "its snapshot is cut": (older("UPDATE snapshot SET blob = substr(blob, 1, 100)"), "snapshot.refused"),
        "its snapshot is no JSON": (older("UPDATE snapshot SET blob = x'00ff00ff'"), "snapshot.refused"),
        "its snapshot is empty": (older("UPDATE snapshot SET blob = x''"), "snapshot.refused"),
        "its snapshot is gone": (older("DELETE FROM snapshot"), ""),
        "its episodes cannot be read": (sql("UPDATE machine SET blob = x'ff' WHERE key = 'episodes'"), "episodes.lost"),
        "what people did cannot be read": (
            sql("UPDATE machine SET blob = x'ff' WHERE key = 'people'"),
            "silences.lost",
        ),
        "the machine's state is gone": (sql("DELETE FROM machine"), ""),
    },
    "engine.snapshot": {
        "missing": (missing, ""),
        "a bit of it flipped": (flip, "snapshot.refused"),
        "cut in half": (cut(0.5), "snapshot.refused"),
        "text": (text, "snapshot.refused"),
        "empty": (empty, "snapshot.refused"),
        "a folder": (folder, "snapshot."),
    },
    "links.key": {"missing": (missing, "")},
    "stressd.lock": {"text": (text, ""), "missing": (missing, "")},
}


def cases(table: dict[str, dict[str, tuple[Callable[[Path], None], str]]]) -> list[object]:
    return [
        pytest.param(name, damage, says, id=f"{name} {how}")
        for name, damages in table.items()
        for how, (damage, says) in damages.items()
    ]


@pytest.mark.parametrize(("name", "damage", "says"), cases(REFUSED))
async def test_what_would_lose_something_is_refused_with_the_file_and_the_way_out(
    desk: Desk, name: str, damage: Callable[[Path], None], says: str
) -> None:
    damage(desk.state / name)
    how, why = await outcome(desk)
    assert how == "refuses", why
    assert any(part in why for part in says.split("|")), why
    assert name in why
    assert "\n" not in why


@pytest.mark.parametrize(("name", "damage", "says"), cases(RUNS))
async def test_what_can_be_done_without_is_said_and_the_daemon_runs(
    desk: Desk, name: str, damage: Callable[[Path], None], says: str
) -> None:
    damage(desk.state / name)
    how, why = await outcome(desk)
    assert how == "runs", why
    assert says in why
    assert (await outcome(desk))[0] == "runs", "and it does so again"


@pytest.mark.parametrize("seed", range(12))
async def test_bytes_changed_anywhere_in_the_store_never_end_in_a_traceback(desk: Desk, seed: int) -> None:
    rng = random.Random(seed)
    file = desk.state / "stressd.db"
    data = bytearray(file.read_bytes())
    for _ in range(rng.choice((1, 20, 400))):
        data[rng.randrange(len(data))] = rng.randrange(256)
    file.write_bytes(data)
    how, why = await outcome(desk)
    assert how in ("runs", "refuses")
    assert "Traceback" not in why
    if how == "refuses":
        assert "stressd.db" in why


@pytest.mark.parametrize("what", ["stressd.sock", "matplotlib"])
async def test_something_else_in_the_place_of_what_is_made_anew_does_no_harm(desk: Desk, what: str) -> None:
    place = desk.state / what
    if place.is_dir():
        shutil.rmtree(place)
    place.write_text("left over")
    how, why = await outcome(desk)
    assert how == "runs" or what in why, why
