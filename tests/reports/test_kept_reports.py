"""Post-mortems out of a daemon's state directory: which are due, what is in them, and what they survive."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from stressd.cli.main import main
from stressd.lab.incident import keep
from stressd.lab.incident.document import document
from stressd.lab.incident.incident import LATER, gather
from stressd.lab.incident.keep import RECENT, due, kept_values, make_due, of_episode
from stressd.lab.incident.known import known_spec
from stressd.lab.report.markdown import markdown
from stressd.lab.report.rendering import document_page
from stressd.runtime import pump
from stressd.runtime.registry import registry
from stressd.store import ActionRow, Commit, Episode, Store, recordings
from stressd.store.reports import EPISODES, file_of, made
from stressd.store.story import read_story
from tests.lab.bundled import World

DAY = 86_400 * 10**9


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """What a daemon has left that was stopped."""

    async def lived() -> World:
        world = World(tmp_path_factory.mktemp("left"), 1, 1_500)
        await world.save()
        await world.run(0, 1_500)
        await world.save()
        await world.end()
        return world

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pump, "LOOK_EVERY", 0.0)
        world = asyncio.run(lived())
    yield world
    world.store.close()


@pytest.fixture
def state(left: World, tmp_path: Path) -> Path:
    """A copy of it to work on."""
    shutil.copytree(left.state, tmp_path / "state", ignore=shutil.ignore_patterns("*.sock", "*.lock"))
    return tmp_path / "state"


def closed(store: Store) -> list[Episode]:
    return [each for each in store.episodes() if each.kind == "market" and each.closed_at is not None]


def test_each_closed_episode_gets_one_report_and_then_none_is_due(left: World, state: Path) -> None:
    spec = known_spec(state, registry().detectors)
    assert spec is not None
    assert [market.name for market in spec.markets] == [market.name for market in left.loaded.engine.markets]
    store = Store.open(state)
    over, now = closed(store), left.now
    assert len(over) > 3
    assert {each.id for each in due(state, store, now)} == {each.id for each in over}
    assert set(make_due(state, store, spec, now)) == {each.id for each in over}
    assert due(state, store, now) == []
    assert list(make_due(state, store, spec, now)) == []
    assert set(made(state, EPISODES)) == {each.id for each in over}
    for each in over:
        for ending in (".html", ".md", ".json", ".csv"):
            assert file_of(state, EPISODES, each.id, ending).stat().st_mode & 0o777 == 0o600
        said = json.loads(file_of(state, EPISODES, each.id, ".json").read_bytes())
        assert said["story"]["episode"]["id"] == each.id
        assert said["over"]
        page = file_of(state, EPISODES, each.id).read_text()
        assert each.id in page
        for word in ("<script", "src=", "http:", "url("):
            assert word not in page.replace("http://www.w3.org", ""), word
    assert not list((state / "reports").rglob("*.partial"))
    store.close()


def test_a_label_makes_a_report_due_again_and_so_does_a_day(left: World, state: Path) -> None:
    store = Store.open(state)
    names = list(make_due(state, store, None, left.now))
    row = ActionRow(left.now + 5, "anna", "cli", "labelled", names[0], "useful: the real thing")
    store.commit(Commit(actions=[row])).result()
    assert [each.id for each in due(state, store, left.now + 10)] == [names[0]]
    assert list(make_due(state, store, None, left.now + 10)) == [names[0]]
    assert "the real thing" in file_of(state, EPISODES, names[0], ".md").read_text()
    later = max(each.closed_at or 0 for each in closed(store)) + LATER
    assert {each.id for each in due(state, store, later)} == set(names)
    assert set(make_due(state, store, None, later)) == set(names)
    assert due(state, store, later + DAY) == []
    store.close()


def test_old_episodes_get_no_report_after_an_upgrade_but_those_that_have_one_are_kept_right(
    left: World, state: Path
) -> None:
    store = Store.open(state)
    last = max(each.closed_at or 0 for each in closed(store))
    assert due(state, store, last + RECENT + 1) == []
    names = list(make_due(state, store, None, left.now))
    row = ActionRow(last + RECENT, "anna", "cli", "labelled", names[-1], "noise")
    store.commit(Commit(actions=[row])).result()
    assert names[-1] in [each.id for each in due(state, store, last + RECENT + 1)]
    store.close()


def test_the_gravest_are_made_first_and_a_turn_has_its_bound(left: World, state: Path) -> None:
    store = Store.open(state)
    order = ["info", "warn", "high", "critical"]
    ranks = [order.index(each.severity) for each in due(state, store, left.now)]
    assert ranks == sorted(ranks, reverse=True)
    assert list(make_due(state, store, None, left.now, turn=-1.0)) == []
    store.close()


def test_values_of_a_recording_that_is_gone_are_those_that_the_report_kept(left: World, state: Path) -> None:
    store = Store.open(state)
    episode = closed(store)[0]
    whole = of_episode(state, store, episode, None, left.now)
    assert whole is not None
    assert whole.values.tracks
    assert not whole.values.kept
    keep.keep(state, whole, left.now)
    shutil.rmtree(state / recordings.FOLDER)
    again = of_episode(state, store, episode, None, left.now)
    assert again is not None
    assert again.values.kept
    assert set(again.values.tracks) == set(whole.values.tracks)
    assert (again.reversal is None) == (whole.reversal is None)
    if whole.reversal is not None and again.reversal is not None:
        assert again.reversal.half_life_s == whole.reversal.half_life_s
        assert again.reversal.peak == whole.reversal.peak
    assert [each.series for each in again.order] == [each.series for each in whole.order]
    assert "an earlier report kept" in markdown(document(again))
    store.close()


def test_without_any_recording_it_is_made_of_the_updates_and_says_so(left: World, state: Path) -> None:
    shutil.rmtree(state / recordings.FOLDER)
    store = Store.open(state)
    for episode in store.episodes():
        found = of_episode(state, store, episode, None, left.now)
        assert found is not None
        text = markdown(document(found))
        assert "from its updates alone: no recording of the time is there" in text
        assert "<svg" not in document_page(document(found)).replace('class="wide"', "")
        assert found.reversal is None or not found.reversal.recorded
    store.close()


@pytest.mark.parametrize("damage", ["cut", "garbled", "bent", "gone in the middle"])
def test_a_damaged_recording_costs_what_cannot_be_read_of_it(left: World, state: Path, damage: str) -> None:
    files = recordings.files(state / recordings.FOLDER)
    for each in files[:1]:
        if not each.packed:
            recordings.pack(each.path)
    files = recordings.files(state / recordings.FOLDER)
    if damage == "cut":
        for each in files:
            each.path.write_bytes(each.path.read_bytes()[: each.size // 2])
    elif damage == "garbled":
        for each in files:
            each.path.write_bytes(b"time,series\nx,AA.GOV.10Y,,,,,\n" * 50)
    elif damage == "bent":
        whole = bytearray(files[0].path.read_bytes())
        whole[len(whole) // 2 : len(whole) // 2 + 64] = b"\xff" * 64
        files[0].path.write_bytes(whole)
    else:
        files[len(files) // 2].path.unlink()
    store = Store.open(state)
    names = list(make_due(state, store, None, left.now))
    assert names
    texts = [file_of(state, EPISODES, name, ".md").read_text() for name in names]
    said = [text for text in texts if "cannot be read whole" in text or "of the time can be read" in text]
    assert bool(said) == (damage != "gone in the middle")
    store.close()


def test_a_kept_file_of_another_kind_is_not_read(left: World, state: Path) -> None:
    file = file_of(state, EPISODES, "X", ".csv")
    file.parent.mkdir(parents=True)
    for text in (b"\xff\xfe\x00", b"hello\n", b""):
        file.write_bytes(text)
        assert kept_values(state, "X") == {}


def test_what_comes_from_outside_is_text_on_the_page_and_in_markdown(left: World, state: Path) -> None:
    store = Store.open(state)
    episode = closed(store)[0]
    story = read_story(store, episode.id)
    assert story is not None
    bad = "<script>alert(1)</script> | [x](javascript:alert(1)) `*_"
    steps = [structs.replace(each, headline=bad, note=bad) for each in story.steps]
    told = structs.replace(story, steps=steps, episode=replace(story.episode, headline=bad))
    whole = document(gather(state, store, told, left.now, None))
    page, text = document_page(whole), markdown(whole)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "<script" not in text.replace("\\<script", "")
    assert "](javascript" not in text.replace("\\](", "")
    store.close()


def test_the_command_makes_one_and_says_what_it_does_not_know(
    left: World, state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store.open(state)
    episode = closed(store)[0].id
    store.close()
    assert main(["report", episode[-4:], "--state", str(state)]) == 0
    assert capsys.readouterr().out.startswith("# ")
    page, text = tmp_path / "p.html", tmp_path / "p.md"
    given = ["report", episode, "--state", str(state), "--html", str(page), "--markdown", str(text), "--json"]
    assert main(given) == 0
    out = capsys.readouterr()
    assert json.loads(out.out)["story"]["episode"]["id"] == episode
    assert f"written to {page}" in out.err
    assert page.read_text().startswith("<!doctype html>")
    assert text.read_text().startswith("# ")
    assert main(["report", "none", "--state", str(state)]) != 0
    assert "there is no such episode" in capsys.readouterr().err
    for wrong in (["--since", "2026-01-01"], ["--daily", "x.csv"], ["--gauges"]):
        assert main(["report", episode, "--state", str(state), *wrong]) != 0
        assert f"{wrong[0]} is for the report of a period, not for an episode" in capsys.readouterr().err
    assert main(["report", "--due", "--html", "x", "--state", str(state)]) != 0
    assert "--due makes what is missing" in capsys.readouterr().err
    assert main(["report", "--markdown", "x", "--state", str(state)]) != 0
    assert "--markdown is for the report of an episode or a day" in capsys.readouterr().err
