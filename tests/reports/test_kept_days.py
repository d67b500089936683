"""The kept summaries of sessions: one file of each that was told, made of the store and the recording."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from stressd.alerts.event import to_json
from stressd.cli.main import main
from stressd.lab.day.keep import make_due, of_event
from stressd.lab.incident.keep import RECENT
from stressd.market.times import parse_time
from stressd.store import ActionRow, Commit, Store, recordings
from stressd.store.reports import DAYS, file_of, made
from tests.alerts.test_days import END, SPEC, SUMMARIES, TICKS, WHOLE


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """What a daemon has left that told all of it, and recorded every tick."""
    store = Store.open(tmp_path / "state")
    for one in WHOLE:
        store.commit(Commit(routed=[one])).result()
    store.close()
    folder = tmp_path / "state" / recordings.FOLDER
    folder.mkdir()
    lines = [f"{t.time},{t.series},{t.value},{t.source},{t.received},,,\n" for t in TICKS]
    (folder / recordings.name_of(TICKS[0].received, 0)).write_bytes(recordings.HEADER + "".join(lines).encode())
    return tmp_path / "state"


@pytest.fixture
def store(state: Path) -> Iterator[Store]:
    made_of = Store.open(state)
    yield made_of
    made_of.close()


NAMES = [f"{event.market}-{event.day.session}" for event in SUMMARIES if event.day is not None]


def test_each_summary_is_kept_once_as_page_text_and_data(state: Path, store: Store) -> None:
    assert list(make_due(state, store, SPEC, END)) == NAMES
    assert list(make_due(state, store, SPEC, END)) == []
    assert set(made(state, DAYS)) == set(NAMES)
    for name, event in zip(NAMES, SUMMARIES, strict=True):
        said = json.loads(file_of(state, DAYS, name, ".json").read_bytes())
        assert said["name"] == name
        assert json.dumps(said["event"]) == json.dumps(json.loads(to_json(event)))
        text = file_of(state, DAYS, name, ".md").read_text()
        assert text.startswith("# ")
        page = file_of(state, DAYS, name).read_text()
        assert "<script" not in page
        changed = [row for row in event.day.series if row.change_bp is not None]  # type: ignore[union-attr]
        assert ("<svg" in page) == bool(changed)
        for item in event.digest:
            assert item.episode in page


def test_summaries_of_long_ago_are_not_made_up_for(state: Path, store: Store) -> None:
    assert list(make_due(state, store, SPEC, END + RECENT)) == []


def test_a_day_is_found_by_its_name_and_no_other(store: Store) -> None:
    for name, event in zip(NAMES, SUMMARIES, strict=True):
        assert store.day(name) == event
    assert store.day("JP-2026-01-17") is None
    assert store.day("XX-2026-01-16") is None
    for wrong in ("", "JP", "JP-2026-13-45", "JP-yesterday", "-"):
        assert store.day(wrong) is None
    assert store.days(0, END) == SUMMARIES
    assert store.days(parse_time(SUMMARIES[1].time), parse_time(SUMMARIES[1].time)) == [SUMMARIES[1]]


def test_labels_given_later_are_in_it_when_it_is_asked_for_again(state: Path, store: Store) -> None:
    event = next(event for event in SUMMARIES if event.digest)
    row = ActionRow(END, "anna", "cli", "labelled", event.digest[0].episode, "noise: a stale page")
    store.commit(Commit(actions=[row])).result()
    assert [each.label for each in of_event(state, store, event, None, END).labels] == ["noise"]


def test_it_says_how_often_each_rule_spoke_this_month(state: Path, store: Store) -> None:
    summary = of_event(state, store, SUMMARIES[-1], SPEC, END)
    own = [each for each in store.episodes() if each.market == SUMMARIES[-1].market and each.rule == "round"]
    used = {each.rule: each for each in summary.used}
    assert used["round"].month == used["round"].year == len(own)
    assert used["round"].held is None


def test_digests_and_summaries_go_with_what_they_tell_of(store: Store) -> None:
    while store.prune(END, END).result():
        pass
    assert store.days(0, END) == SUMMARIES
    for row in store.deliveries():
        store.complete_delivery(row.event_id, row.sink, attempts=1, remote_ref="", detail="", merged=0).result()
    while store.prune(END, END).result():
        pass
    assert store.days(0, END) == []


def test_the_command_makes_one_by_its_name(state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = NAMES[-1]
    assert main(["report", name, "--state", str(state)]) == 0
    assert capsys.readouterr().out.startswith(f"# {name[:2]} closed")
    page = tmp_path / "d.html"
    assert main(["report", name, "--state", str(state), "--html", str(page), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == name
    assert page.read_text().startswith("<!doctype html>")
    assert main(["report", "JP-2026-01-17", "--state", str(state)]) != 0
    assert "there is no summary of such a day; `daily:`" in capsys.readouterr().err
