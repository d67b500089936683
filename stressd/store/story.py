"""The whole story of one episode, built once for `stressd explain`, the API and the page's drawer.

Everything in it is read from the store, so that it is the same while the daemon runs, after a restart and on a copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from stressd.alerts.claims import held
from stressd.alerts.event import Acknowledged, Event, Follower, Outcome, Path
from stressd.alerts.evidence import answer_text, base_rate_text, market_name, ordered, source_text
from stressd.alerts.explain.behind import behind, move_lines
from stressd.alerts.footing import data_text
from stressd.alerts.words import series_name
from stressd.market.times import iso, parse_time
from stressd.store.database import Store
from stressd.store.kept import Kept, kept_back
from stressd.store.rows import ActionRow, Delivery, Episode, LabelRow
from stressd.store.shown import as_json, delivery_text
from stressd.store.standby import STANDBY

SECOND = 1_000_000_000


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One event to one sink. committed, arrived: ISO times, `arrived` None where it has not; latency_ms: between them.
    text: what became of it, in a sentence."""

    event: str
    seq: int
    type: str
    sink: str
    state: str
    committed: str
    arrived: str | None
    latency_ms: float | None
    attempts: int
    error: str | None
    text: str


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One event in the timeline. after_s: seconds since the episode's first event. lines: every number behind it.
    messages: who was told, perhaps nobody."""

    id: str
    seq: int
    time: str
    after_s: float
    type: str
    severity: str
    headline: str
    note: str | None
    lines: list[str]
    messages: list[Message]


class TrackPoint(msgspec.Struct, frozen=True, kw_only=True):
    """The leading series against its bar when an event was made. time: when the value was true; value: percent;
    threshold, rungs: sigma; reach_bp: the bar in bp, the least move that opens (floor_bp) included."""

    seq: int
    time: str
    series: str
    value: float
    change_bp: float | None
    horizon: str | None
    sigma: float | None
    sigma_bp: float | None
    threshold: float | None
    reach_bp: float | None
    rungs: dict[str, float] | None
    floor_bp: float | None


class Numbers(msgspec.Struct, frozen=True, kw_only=True):
    """All that is said of one series by the newest event that tells of it (`seq`), its name first."""

    series: str
    label: str
    seq: int
    time: str
    lines: list[str]


class AnswerOf(msgspec.Struct, frozen=True, kw_only=True):
    """How one market answered, as of the newest event that tells of it. label: "US 10Y"; text: the evidence, or why
    there is none."""

    market: str
    label: str
    text: str
    follower: Follower


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """What followed earlier moves like this one, of one market: same_sign of `times`."""

    market: str
    text: str
    times: int
    same_sign: int


class DataAt(msgspec.Struct, frozen=True, kw_only=True):
    """The quality of the data when an event was made; `incident` where something was wrong with them."""

    seq: int
    time: str
    state: str | None
    text: str
    incident: bool


class SinkTold(msgspec.Struct, frozen=True, kw_only=True):
    """What one sink was told of the episode. messages: all that were meant for it; p50_ms, worst_ms: from commit to
    arrival, of what arrived; None where nothing has."""

    sink: str
    messages: int
    delivered: int
    waiting: int
    dead: int
    covered: int
    standby: int
    p50_ms: float | None
    worst_ms: float | None
    first_arrived: str | None
    last_error: str | None


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """One episode. lasted_s: seconds from opening to closing, or to its newest event while it is open. path: of the
    newest event that has one. source: which episode it followed, in words. kept: who has not been told so
    far, and why. people: what was done about it."""

    episode: Episode
    events: list[Event]
    deliveries: list[Delivery]
    steps: list[Step]
    lasted_s: float
    track: list[TrackPoint]
    numbers: list[Numbers]
    source: str | None
    followed: list[AnswerOf]
    did_not: list[AnswerOf]
    could_not: list[AnswerOf]
    base_rates: list[Rate]
    data: list[DataAt]
    sinks: list[SinkTold]
    kept: list[Kept]
    people: list[ActionRow]
    labels: list[LabelRow]
    acknowledged: Acknowledged | None
    outcome: Outcome | None
    path: Path | None


def read_story(store: Store, episode_id: str) -> Story | None:
    """The story of an episode by its whole id; None where the store has none of its events. Blocks. Raises
    StoreError."""
    row = next((each for each in store.episodes(prefix=episode_id) if each.id == episode_id), None)
    events = store.events_of(episode_id) if row is not None else []
    if row is None or not events:
        return None
    deliveries = store.deliveries(episode=episode_id)
    people, labels = store.actions(subject=episode_id), store.labels(episode_id)
    return _story(row, events, deliveries, kept_back(store, episode_id), people, labels)


def story_json(story: Story) -> dict[str, Any]:
    """Ready for JSON: `episode`, `events` and `deliveries` as the contract has them, and what was made of them."""
    rows: dict[str, Any] = {
        "episode": as_json(story.episode),
        "events": msgspec.to_builtins(story.events),
        "deliveries": [as_json(each) for each in story.deliveries],
        "people": [as_json(each) for each in story.people],
        "labels": [as_json(each) for each in story.labels],
    }
    names = (name for name in story.__struct_fields__ if name not in rows)
    return rows | {name: msgspec.to_builtins(getattr(story, name)) for name in names}


def _story(
    row: Episode,
    events: list[Event],
    deliveries: list[Delivery],
    kept: list[Kept],
    people: list[ActionRow],
    labels: list[LabelRow],
) -> Story:
    last = events[-1]
    began = parse_time(events[0].time)
    messages = [_message(each) for each in deliveries]
    answers = _answers(events)
    source = next((event.source for event in reversed(events) if event.source is not None), None)
    ended = row.closed_at or parse_time(last.time)
    return Story(
        episode=row,
        events=events,
        deliveries=deliveries,
        steps=[_step(event, began, [each for each in messages if each.event == event.id]) for event in events],
        lasted_s=max(0.0, (ended - row.opened_at) / SECOND),
        track=[point for event in events if (point := _track(event)) is not None],
        numbers=_numbers(events),
        source=None if source is None else source_text(source),
        followed=[each for each in answers if held(each.follower)],
        did_not=[each for each in answers if not held(each.follower) and each.follower.wording != "could not respond"],
        could_not=[
            each for each in answers if not held(each.follower) and each.follower.wording == "could not respond"
        ],
        base_rates=[
            Rate(market=each.market, text=base_rate_text(base), times=base.times, same_sign=base.same_sign)
            for each in answers
            if (base := each.follower.base_rate) is not None
        ],
        data=_data(events),
        sinks=_sinks(messages, deliveries),
        kept=kept,
        people=people,
        labels=labels,
        acknowledged=next((event.acknowledged for event in reversed(events) if event.acknowledged is not None), None),
        outcome=_outcome(row, events),
        path=next((event.path for event in reversed(events) if event.path is not None), None),
    )


def _outcome(row: Episode, events: Sequence[Event]) -> Outcome | None:
    """Of what is over; another market's answer may have come after its end."""
    if row.closed_at is None:
        return None
    return next((event.outcome for event in reversed(events) if event.outcome is not None), None)


def _step(event: Event, began: int, messages: list[Message]) -> Step:
    return Step(
        id=event.id,
        seq=event.seq,
        time=event.time,
        after_s=(parse_time(event.time) - began) / SECOND,
        type=event.type,
        severity=event.severity,
        headline=event.headline,
        note=event.note,
        lines=list(behind(event)),
        messages=messages,
    )


def _message(row: Delivery) -> Message:
    arrived = row.delivered_at if row.fault != STANDBY else None
    return Message(
        event=row.event_id,
        seq=row.seq,
        type=row.type,
        sink=row.sink,
        state=STANDBY if row.fault == STANDBY else row.state,
        committed=iso(row.created_at),
        arrived=None if arrived is None else iso(arrived),
        latency_ms=None if arrived is None else max(0.0, (arrived - row.created_at) / 1e6),
        attempts=row.attempts,
        error=row.last_error,
        text=delivery_text(row),
    )


def _track(event: Event) -> TrackPoint | None:
    if not event.series:
        return None
    lead = event.series[0]
    reach = None
    if lead.threshold is not None and lead.sigma_bp is not None:
        reach = max(lead.threshold * lead.sigma_bp, lead.floor_bp or 0.0)
    return TrackPoint(
        seq=event.seq,
        time=lead.time or event.time,
        series=lead.series,
        value=lead.value,
        change_bp=lead.change_bp,
        horizon=lead.horizon,
        sigma=lead.sigma,
        sigma_bp=lead.sigma_bp,
        threshold=lead.threshold,
        reach_bp=reach,
        rungs=lead.rungs,
        floor_bp=lead.floor_bp,
    )


def _numbers(events: Sequence[Event]) -> list[Numbers]:
    """Of each series what the newest event says, in that event's order; series that only older ones tell of last."""
    found: dict[str, Numbers] = {}
    for event in reversed(events):
        news: dict[str, list[str]] = {}
        for move in event.series:
            if move.series not in found:
                news.setdefault(move.series, []).extend(line.strip() for line in move_lines(move, event))
        for name, lines in news.items():
            label = series_name(name)
            found[name] = Numbers(series=name, label=label, seq=event.seq, time=event.time, lines=lines)
    return list(found.values())


def _answers(events: Sequence[Event]) -> list[AnswerOf]:
    """The newest word of each market, links first."""
    newest: dict[str, tuple[Follower, Event]] = {}
    for event in reversed(events):
        for follower in event.followers:
            newest.setdefault(follower.market, (follower, event))
    linked = {market for market, (follower, _) in newest.items() if held(follower)}
    made = []
    for follower in ordered(each for each, _ in newest.values()):
        event = newest[follower.market][1]
        text = answer_text(follower, event.market, event.direction == "up", linked)
        made.append(AnswerOf(market=follower.market, label=market_name(follower), text=text, follower=follower))
    return made


def _data(events: Sequence[Event]) -> list[DataAt]:
    """One for each change of what is wrong with the data, the first and the newest always."""
    made: list[DataAt] = []
    before: tuple[object, ...] | None = None
    for event in events:
        data = event.data
        mark = (data.state, tuple(data.disagree), data.rejected)
        if mark == before and event is not events[-1]:
            continue
        incident = data.state not in (None, "live") or bool(data.disagree) or bool(data.rejected)
        text = data_text(event)
        if text:
            made.append(DataAt(seq=event.seq, time=event.time, state=data.state, text=text, incident=incident))
        before = mark
    return made


def _sinks(messages: Sequence[Message], rows: Sequence[Delivery]) -> list[SinkTold]:
    made = []
    for sink in dict.fromkeys(each.sink for each in messages):
        mine = [each for each in messages if each.sink == sink]
        took = sorted(each.latency_ms for each in mine if each.latency_ms is not None)
        arrived = sorted(row.delivered_at for row in rows if row.sink == sink and row.delivered_at is not None)
        count = {state: sum(each.state == state for each in mine) for state in {each.state for each in mine}}
        made.append(
            SinkTold(
                sink=sink,
                messages=len(mine),
                delivered=count.get("delivered", 0),
                waiting=count.get("pending", 0) + count.get("sending", 0),
                dead=count.get("dead", 0),
                covered=count.get("superseded", 0),
                standby=count.get(STANDBY, 0),
                p50_ms=took[(len(took) - 1) // 2] if took else None,
                worst_ms=took[-1] if took else None,
                first_arrived=iso(arrived[0]) if arrived else None,
                last_error=next((each.error for each in reversed(mine) if each.error), None),
            )
        )
    return made
