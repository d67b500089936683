"""A bundle gives what was told, byte for byte, whatever happened meanwhile; what it cannot give it says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from stressd.alerts.event import to_json
from stressd.cli.main import main
from stressd.config.replayable import replayable, revived
from stressd.lab.bundle.archive import held, pack, unpacked
from stressd.lab.bundle.collect import LEAD
from stressd.lab.bundle.make import make
from stressd.lab.bundle.manifest import BundleError, Manifest
from stressd.lab.bundle.run import ready, replayed
from stressd.runtime import pump
from stressd.runtime.checkpoints import ROLL
from stressd.runtime.registry import registry
from stressd.store import recordings, snapshotfile
from stressd.store.snapshotfile import NAME, OLD
from tests.lab.bundled import World, configured


@pytest.fixture(autouse=True)
def looks_in_every_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pump, "LOOK_EVERY", 0.0)


async def incident(folder: Path, seed: int, *, restarts: bool, killed: bool = False) -> World:
    world = World(folder, seed)
    await world.save()
    await world.run(0, 1_200)
    if restarts:
        await world.restart()
        await world.run(1_200, 1_700)
        await world.restart()
    if killed:
        await world.kill()
    await world.run(1_700 if restarts else 1_200, 2_500)
    await world.end()
    return world


def made(world: World, to: Path, number: int) -> Manifest:
    episode = [each for each in world.store.episodes() if each.kind == "market"][number]
    return make(world.state, world.store, episode, to, registry().detectors, world.now + 3_600 * 10**9)


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("seed", range(3))
async def test_what_was_told_comes_out_byte_for_byte(tmp_path: Path, seed: int, restarts: bool) -> None:
    """Through stalls, feeds that were lost, commands of people, and stops and starts."""
    world = await incident(tmp_path, seed, restarts=restarts)
    kinds = {each.kind for each in world.store.episodes()}
    assert kinds == {"market", "feed"}
    for number in (1, -2):
        file = tmp_path / f"{number}.tar.gz"
        manifest = made(world, file, number)
        check = manifest.check
        assert check is not None
        assert check.identical, manifest.verdict
        with unpacked(file) as (again, folder):
            assert again == manifest
            told = [line for line in (folder / "events.ndjson").read_bytes().split(b"\n") if line]
            found = [to_json(each) for each in replayed(folder, manifest.segments, {})]
            assert found == told
            assert msgspec.json.decode((folder / "episode.json").read_bytes())["id"] == manifest.episode
    world.store.close()


async def test_a_checkpoint_of_a_long_run_is_before_its_episode_and_few_roll_on(tmp_path: Path) -> None:
    world = await incident(tmp_path, 1, restarts=True)
    there = recordings.states(world.state / recordings.FOLDER)
    assert len([each for each in there if each.path.suffix == recordings.ROLLING]) <= ROLL
    leads = []
    for number in range(0, len([each for each in world.store.episodes() if each.kind == "market"]), 4):
        manifest = made(world, tmp_path / "b.tar.gz", number)
        leads.append(manifest.opened - manifest.start)
    # one that comes right after a start has no more before it
    assert min(leads) >= 0
    assert sorted(leads)[len(leads) // 3] >= LEAD
    world.store.close()


async def test_nothing_that_is_secret_or_the_desks_own_is_in_it(tmp_path: Path) -> None:
    world = await incident(tmp_path, 2, restarts=False)
    made(world, tmp_path / "b.tar.gz", 1)
    with unpacked(tmp_path / "b.tar.gz") as (_, folder):
        for file in folder.iterdir():
            data = file.read_bytes().lower()
            for word in (b"c4nary", b"bank.example", b"4711", b"password", str(tmp_path).encode()):
                assert word not in data, (file.name, word)
        config = msgspec.json.decode((folder / "config-1.json").read_bytes())
    assert config["sinks"] == [{"type": "recorded", "name": "mail"}, {"type": "recorded", "name": "hook"}]
    assert [each["name"] for each in config["events"]] == ["auction", "data", "a meeting", "a talk"]
    world.store.close()


async def test_ticks_that_are_missing_are_said_and_what_follows_goes_on_from_the_next_state(tmp_path: Path) -> None:
    world = World(tmp_path, 0)
    await world.save()
    await world.run(0, 1_200)
    world.recorder.note("lost", world.now, why="the disk was slower than the ticks")
    world.recorder.put = lambda ticks: None  # type: ignore[method-assign]
    await world.run(1_200, 1_220, troubled=False)
    del world.recorder.put
    world.recorder.dropped = 20
    await world.save()
    await world.run(1_220, 2_500)
    await world.end()
    episodes = [
        each for each in world.store.episodes() if each.kind == "market" and each.opened_at < world.ticks[1_150].time
    ]
    last = world.store.episodes()[-1].opened_at
    manifest = make(
        world.state, world.store, replace(episodes[-1], closed_at=last), tmp_path / "b.tar.gz", {}, world.now + 10**13
    )
    assert [each.ends for each in manifest.segments] == ["the disk was slower than the ticks", "the end"]
    assert "the disk was slower than the ticks" in manifest.missing[0]
    check = manifest.check
    assert check is not None
    assert not check.other
    assert not check.further
    world.store.close()


async def test_a_bundle_is_no_larger_than_it_may_be_and_says_what_it_left_out(tmp_path: Path) -> None:
    world = await incident(tmp_path, 1, restarts=False)
    episode = [each for each in world.store.episodes() if each.kind == "market"][-2]
    whole = make(world.state, world.store, episode, tmp_path / "b.tar.gz", {}, world.now)
    most = sum(each.bytes for each in whole.files if each.name[:5] in ("ticks", "state")) - 500
    manifest = make(world.state, world.store, episode, tmp_path / "b.tar.gz", {}, world.now, most=most)
    assert sum(each.bytes for each in manifest.files if each.name[:5] in ("ticks", "state")) <= most + 100
    assert manifest.end < whole.end
    assert "the bundle would be too large" in manifest.missing[0]
    assert manifest.check is not None
    assert manifest.check.identical
    world.store.close()


async def test_without_a_state_from_then_it_says_so_and_cannot_be_replayed(tmp_path: Path) -> None:
    world = await incident(tmp_path, 1, restarts=False)
    for each in recordings.states(world.state / recordings.FOLDER):
        each.path.unlink()
    for name in (NAME, OLD):
        (world.state / name).unlink(missing_ok=True)
    manifest = made(world, tmp_path / "b.tar.gz", 0)
    assert manifest.segments == []
    assert manifest.verdict.startswith("It cannot be replayed: no state of the engine from then is kept")
    with pytest.raises(BundleError, match="cannot be replayed: no state"):
        ready("b.tar.gz", manifest)
    world.store.close()


@pytest.mark.parametrize("what", ["state-1.snapshot", "ticks-1.csv", "inputs-1.ndjson", "config-1.json"])
async def test_what_was_forged_inside_is_refused_in_words(tmp_path: Path, what: str) -> None:
    world = await incident(tmp_path, 1, restarts=False)
    made(world, tmp_path / "b.tar.gz", 1)
    with unpacked(tmp_path / "b.tar.gz") as (manifest, folder):
        whole = (folder / what).read_bytes()
        head = snapshotfile.head({"at": manifest.segments[0].at}, {"engine": {}, "beside": {"machine": {}}})
        forged = {
            "state-1.snapshot": [b"", whole[:-9], head + snapshotfile.tail(0), b"x" * 99],
            "ticks-1.csv": [whole[:-7], b"time,series\n1,2\n", whole + b"1,\xff,3,4,5,6,7\n"],
            "inputs-1.ndjson": [
                b"{}\n",
                b'{"k":1,"n":0,"at":99,"what":"commanded","name":"rm","command":{}}\n',
                b"[" * 9_000,
            ],
            "config-1.json": [b"", b"[]", b'{"instance": "x"}', b'{"markets": {"ZZ": {"tenors": ["10Y"]}}}'],
        }
        for data in forged[what]:
            (folder / what).write_bytes(data)
            with pytest.raises(BundleError, match="segment 1 cannot be replayed"):
                list(replayed(folder, manifest.segments, {}))
    world.store.close()


def test_a_file_that_a_configuration_from_elsewhere_names_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("date,time,zone,markets,name\n2026-01-13,12:00,UTC,AA,mine\n")
    data = replayable(configured(tmp_path))
    file = str(tmp_path / "secret.csv")
    data["events"] = [{"name": "x", "file": file, "at": ["2026-01-13T12:00:00Z"]}]
    assert [each.name for each in revived(data, {}).engine.agenda] == ["x"]


def test_what_a_configuration_decides_is_the_same_after_it_was_stripped(tmp_path: Path) -> None:
    loaded = configured(tmp_path)
    again = revived(msgspec.json.decode(msgspec.json.encode(replayable(loaded))), {})
    assert again.engine.agenda == loaded.engine.agenda
    for part in ("series", "sigma_rules", "level_rules", "silence_rules", "propagation", "warmup"):
        assert getattr(again.engine, part) == getattr(loaded.engine, part), part
    assert (again.desk, again.maintenance, again.pace) == (loaded.desk, loaded.maintenance, loaded.pace)
    assert again.instance == loaded.instance


@pytest.mark.parametrize("form", ["version", "method"])
async def test_another_version_says_so(tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    world = await incident(tmp_path, 1, restarts=False)
    file = tmp_path / "b.tar.gz"
    made(world, file, 1)
    world.store.close()
    with unpacked(file) as (manifest, folder):
        other = {"version": {"stressd": "0.0.9"}, "method": {"stressd": "9.0.0", "method": "9"}}[form]
        if form == "version":
            events = folder / "events.ndjson"
            events.write_bytes(events.read_bytes().replace(b'"version":"0.1.0"', b'"version":"0.0.9"'))
        files = [held(folder / each.name) for each in manifest.files]
        pack(folder, msgspec.structs.replace(manifest, files=files, **other), tmp_path / "other.tar.gz")
    status = main(["replay", str(tmp_path / "other.tar.gz"), "--json"])
    said = capsys.readouterr()
    if form == "method":
        assert status == 1
        assert (
            "was made by stressd 9.0.0 (its method is 9, this version's is 1): replay it with that version" in said.err
        )
    else:
        assert status == 0, said.err
        assert "was made by stressd 0.0.9" in said.err
        assert "apart from the version that they name" in said.err


@pytest.mark.parametrize("seed", range(3))
async def test_a_daemon_that_was_killed_leaves_a_bundle_that_says_what_it_lacks(tmp_path: Path, seed: int) -> None:
    world = await incident(tmp_path, seed, restarts=False, killed=True)
    for number in (-4, -1):
        manifest = made(world, tmp_path / "b.tar.gz", number)
        check = manifest.check
        assert check is not None
        assert not check.other, manifest.verdict
        assert check.identical or check.missed or check.further
    world.store.close()
