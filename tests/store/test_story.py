"""The story of an episode: one builder for `explain`, the API and the page's drawer."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from stressd.alerts.canned import ENDED, EPISODE, canned
from stressd.alerts.event import Acknowledged, DataQuality, Event, Follower
from stressd.alerts.ledger import Ledger
from stressd.store import ActionRow, Commit, Store
from stressd.store.kept import DESK
from stressd.store.story import Story, read_story, story_json
from tests.store.conftest import Sent, make

TIME = 1_768_887_067_000_000_000


class Clock:
    """Event time, ns UTC, moved by hand."""

    def __init__(self) -> None:
        self.at = TIME

    def __call__(self) -> int:
        return self.at


def told(tmp_path: Path, events: list[Event]) -> Story:
    """Of events that two sinks were to be told: the first takes 0.25 s for each, the other refuses all."""
    clock = Clock()
    store = Store.open(tmp_path, now=clock)
    for event in events:
        store.commit(Commit([Sent(event, ("slack", "mail"))])).result(10)
        clock.at += 250_000_000
        store.complete_delivery(event.id, "slack", attempts=1, remote_ref="", detail="", merged=0).result(10)
        store.bury_delivery(event.id, "mail", attempts=3, fault="permanent", error="550 no such user").result(10)
    person = ActionRow(clock.at, "maria", "cli", "acknowledged", events[0].episode, "on it")
    label = ActionRow(clock.at, "maria", "http", "labelled", events[0].episode, "useful: moved on the auction")
    store.commit(Commit(actions=[person, label])).result(10)
    found = read_story(store, events[0].episode)
    store.close()
    assert found is not None
    return found


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return told(tmp_path, [event for event in canned() if event.episode == EPISODE and event.origin == "live"])


def test_every_event_is_a_step_with_its_numbers_and_who_was_told_when(story: Story) -> None:
    assert [step.seq for step in story.steps] == [event.seq for event in story.events]
    assert story.steps[0].after_s == 0.0
    for step in story.steps:
        slack, mail = sorted(step.messages, key=lambda each: each.sink == "mail")
        assert slack.latency_ms == 250.0
        assert slack.arrived is not None
        assert (mail.arrived, mail.latency_ms, mail.error) == (None, None, "550 no such user")
    assert any("6.9 times its sigma of 2.36 bp" in line for line in story.steps[0].lines)


def test_each_sink_says_what_arrived_and_how_late(story: Story) -> None:
    slack, mail = sorted(story.sinks, key=lambda each: each.sink == "mail")
    assert (slack.delivered, slack.dead, slack.p50_ms, slack.worst_ms) == (len(story.events), 0, 250.0, 250.0)
    assert (mail.delivered, mail.dead, mail.p50_ms, mail.first_arrived) == (0, len(story.events), None, None)
    assert mail.last_error == "550 no such user"


def test_who_followed_who_did_not_and_who_could_not_stand_apart_with_the_reason(story: Story) -> None:
    assert [each.market for each in story.followed] == ["DE", "US"]
    assert [each.market for each in story.did_not] == ["CA"]
    assert [each.market for each in story.could_not] == ["UK"]
    assert "closed (overnight)" in story.could_not[0].text
    assert "p = .06 among 750 comparable days" in story.followed[1].text
    (rate,) = story.base_rates
    assert (rate.market, rate.times, rate.same_sign) == ("US", 8, 6)


def test_the_track_holds_the_move_and_its_bar_in_the_same_units(story: Story) -> None:
    first = story.track[0]
    assert (first.series, first.sigma, first.threshold) == ("JP.GOV.30Y", 6.9, 6.0)
    assert first.reach_bp == pytest.approx(6.0 * 2.36)
    assert first.rungs == {"warn": 3.0, "high": 4.0, "critical": 6.0}


def test_every_series_that_moved_has_its_numbers_once(story: Story) -> None:
    names = [each.series for each in story.numbers]
    assert names[0] == "JP.GOV.30Y"
    assert len(names) == len(set(names))
    assert {move.series for event in story.events for move in event.series} == set(names)


def test_what_people_did_and_thought_is_kept_beside_it(story: Story) -> None:
    assert [(each.verb, each.author) for each in story.people] == [("acknowledged", "maria"), ("labelled", "maria")]
    assert [(each.label, each.note) for each in story.labels] == [("useful", "moved on the auction")]


def test_the_newest_word_of_a_market_counts_and_an_older_one_is_not_lost(tmp_path: Path) -> None:
    us = Follower(market="US", wording="followed", lag_s=60.0)
    uk = Follower(market="UK", wording="could not respond", reason="closed")
    taken_back = Follower(market="US", wording="did not respond", was="followed", reason="late ticks")
    story = told(tmp_path, [make(followers=[us, uk]), make(seq=2, followers=[taken_back])])
    assert not story.followed
    assert [each.market for each in story.did_not] == ["US"]
    assert "did not follow JP" in story.did_not[0].text
    assert [each.market for each in story.could_not] == ["UK"]


def test_the_data_are_told_where_they_change_and_incidents_are_marked(tmp_path: Path) -> None:
    good, stale = DataQuality(age_s=1.0, sources=["desk"]), DataQuality(age_s=90.0, sources=["desk"], state="stale")
    by = Acknowledged(by="maria", at="2026-01-20T05:30:03Z", note=None)
    story = told(
        tmp_path,
        [make(data=good), make(seq=2, data=good), make(seq=3, data=stale, acknowledged=by), make(seq=4, data=good)],
    )
    assert [(each.seq, each.incident) for each in story.data] == [(1, False), (3, True), (4, False)]
    assert story.acknowledged == by


def test_what_became_of_it_is_known_once_it_is_over_and_not_forgotten_by_a_late_answer(tmp_path: Path) -> None:
    ended = make(seq=2, type="resolved", outcome=ENDED)
    late = make(seq=3, type="propagated", followers=[Follower(market="US", wording="followed", lag_s=60.0)])
    again = make(seq=4, type="reopened")
    for name, events, expected in (("over", [ended, late], ENDED), ("again", [ended, again], None)):
        (tmp_path / name).mkdir()
        assert told(tmp_path / name, [make(), *events]).outcome == expected


def test_the_json_holds_the_contracts_events_and_reads_back(story: Story) -> None:
    said = json.loads(msgspec.json.encode(story_json(story)))
    assert [each["id"] for each in said["events"]] == [event.id for event in story.events]
    assert said["episode"]["opened_at"].endswith("Z")
    assert {"steps", "track", "numbers", "followed", "did_not", "could_not", "base_rates", "data", "sinks"} <= set(said)
    assert said["people"][0]["at"].endswith("Z")


def test_who_has_not_been_told_so_far_is_named_with_the_reason(tmp_path: Path) -> None:
    ledger = Ledger()
    event = make()
    ledger.put("slack", event, "silenced by maria until 20 Jan 07:00 UTC (BoJ operation)")
    ledger.put("slack", make(seq=2, type="escalated"), "silenced by maria until 20 Jan 07:00 UTC (BoJ operation)")
    ledger.put("mail", make(episode="JP-260120-bbbb"), "of another episode")
    machine = {DESK: msgspec.json.encode({"other": 1, "ledger": ledger.snapshot()})}
    store = Store.open(tmp_path)
    store.commit(Commit([Sent(event, ())], machine)).result(10)
    found = read_story(store, event.episode)
    store.close()
    assert found is not None
    (kept,) = found.kept
    assert (kept.sink, kept.events, kept.listed) == ("slack", 2, False)
    assert kept.why == "silenced by maria until 20 Jan 07:00 UTC (BoJ operation)"


def test_an_episode_that_the_store_does_not_have_has_no_story(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    assert read_story(store, EPISODE) is None
    store.close()


def test_an_episode_without_series_or_sinks_still_has_one(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    store.commit(Commit([Sent(make(market="", kind="feed", direction=None), ())])).result(10)
    found = read_story(store, "JP-260120-aaaa")
    store.close()
    assert found is not None
    assert (found.track, found.numbers, found.sinks, found.steps[0].messages) == ([], [], [], [])
