"""A post-mortem as a document: for the page and for Markdown alike."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from stressd import __version__
from stressd.alerts.words import (
    bp_text,
    day_text,
    duration_text,
    moment_text,
    number_text,
    series_name,
    sigma_text,
    took_text,
    yield_text,
)
from stressd.lab.incident.incident import Incident
from stressd.lab.incident.pictures import after_text, beside_figure, lead_figure
from stressd.lab.incident.sentences import reversal_text, sentences
from stressd.lab.report.document import Document, Section, Table
from stressd.market.times import iso, parse_time
from stressd.store.story import AnswerOf, SinkTold, Step

SECOND: Final = 1_000_000_000
NOTHING: Final = "–"

MARKS: Final = {
    "drill": "DRILL: an exercise, not the live market",
    "replay": "REPLAY: not the live market",
    "simulated": "SIMULATED: not the live market",
}


def document(incident: Incident) -> Document:
    """All of it, in the order in which it is asked for."""
    story, episode = incident.story, incident.episode
    sections = [
        Section("In short", points=sentences(incident)),
        _move(incident),
        _order(incident),
        _others(incident),
        _timeline(incident),
        _numbers(incident),
        _data(incident),
        _told(incident),
        _people(incident),
        Section("Budget", text=[incident.effect.text(), *_earlier(incident)]),
    ]
    last = story.events[-1]
    about = f"{episode.market} {episode.direction}" if episode.direction else episode.market
    what = "Post-mortem" if incident.over else "The episode so far"
    return Document(
        title=episode.headline,
        about=f"{what} of {episode.id}: {about}, rule {episode.rule}. "
        f"Times are of {incident.place} where no other place is named.",
        sections=[each for each in sections if each is not None],
        facts=_facts(incident),
        mark=MARKS.get(episode.origin, ""),
        severity=episode.severity,
        foot=[
            f"{last.instance}, method {last.method}, configuration {last.config[:15]}.",
            f"Made {moment_text(iso(incident.made // SECOND * SECOND))} by stressd {__version__}{_source(incident)}.",
            f"stressd explain {episode.id} gives every number; stressd bundle {episode.id} everything that replays it.",
        ],
    )


def _source(incident: Incident) -> str:
    count = sum(len(track) for track in incident.values.tracks.values())
    if not count:
        gone = "can be read" if incident.values.damaged else "is there"
        return f" from its updates alone: no recording of the time {gone}"
    kept = " and what an earlier report kept" if incident.values.kept else ""
    short = ""
    if incident.values.until < incident.end - SECOND:
        short = f", which was read up to {moment_text(iso(incident.values.until // SECOND * SECOND))}"
    files = incident.values.damaged
    bad = f"; {files} file{'s' if files > 1 else ''} of the recording cannot be read whole" if files else ""
    return f" from its updates and {count:,} recorded ticks{kept}{short}{bad}"


def _facts(incident: Incident) -> list[tuple[str, str]]:
    episode = incident.episode
    facts = [("Severity", episode.severity), ("Opened", _local(incident, episode.opened_at, day=True))]
    if episode.closed_at is not None:
        facts.append(("Over", _local(incident, episode.closed_at, day=True)))
    facts.append(("Lasted" if incident.over else "Open for", duration_text(incident.story.lasted_s)))
    back = incident.reversal
    if back is not None:
        facts.append(("Peak", bp_text(back.moved_bp)))
        facts.append(("Half-life", "not back by half" if back.half_life_s is None else duration_text(back.half_life_s)))
    facts.append(("Updates", str(len(incident.story.events))))
    return facts


def _move(incident: Incident) -> Section:
    text = [reversal_text(incident.reversal, incident)] if incident.reversal is not None else []
    if incident.values.kept:
        text.append("Its recording is gone; the values are those that an earlier report kept.")
    event = incident.story.events[-1]
    shape = next((each.shape for each in reversed(incident.story.events) if each.shape), None)
    if shape:
        text.append(f"Shape of the curve: {shape}.")
    if event.outcome is not None and event.outcome.peak_sigma is not None:
        text.append(f"At its peak it was {sigma_text(abs(event.outcome.peak_sigma))}.")
    figure = lead_figure(incident)
    tables = [] if figure is not None else [_track(incident)]
    return Section("The move", text=text, figures=[figure] if figure else [], tables=[t for t in tables if t.rows])


def _track(incident: Incident) -> Table:
    rows = [
        (
            _local(incident, parse_time(each.time)),
            series_name(each.series),
            yield_text(each.series, each.value),
            NOTHING if each.change_bp is None else bp_text(each.change_bp),
            NOTHING if each.sigma is None else sigma_text(each.sigma),
        )
        for each in incident.story.track
    ]
    return Table(("Time", "Series", "Value", "Move", "Sigma"), rows, frozenset({2, 3, 4}), "What the updates say.")


def _order(incident: Incident) -> Section | None:
    if len(incident.order) < 2:
        return None
    figure = beside_figure(incident)
    rows = [
        (
            str(each.place),
            series_name(each.series),
            _local(incident, each.half_at, seconds=True),
            after_text(each.after_s),
            NOTHING if each.open_s is None else duration_text(each.open_s),
            bp_text(each.moved_bp),
            yield_text(each.series, each.extreme[1]),
        )
        for each in incident.order
    ]
    header = ("", "Series", "Half done at", "After the first", "Open time of it", "Move", "Furthest")
    return Section(
        "Who moved first",
        text=[
            "Each series by the moment at which half of its own largest move was done and stayed done. Order, and no "
            "claim about why."
        ],
        figures=[figure] if figure is not None else [],
        tables=[Table(header, rows, frozenset({0, 3, 4, 5, 6}))],
    )


def _others(incident: Incident) -> Section | None:
    story = incident.story
    answers = [*story.followed, *story.did_not, *story.could_not]
    if not answers and story.source is None:
        return None
    rows = [_answer(each) for each in answers]
    header = ("Market", "Answer", "Open lag", "By the clock", "Move", "bp per bp", "p")
    return Section(
        "Other markets",
        text=[f"It followed: {story.source}"] if story.source else [],
        tables=[Table(header, rows, frozenset({2, 3, 4, 5, 6}))] if rows else [],
        points=[f"{each.label}: {each.text}" for each in answers] + [f"{r.market}: {r.text}" for r in story.base_rates],
    )


def _answer(each: AnswerOf) -> tuple[str, ...]:
    told = each.follower
    chance = NOTHING if told.p is None else f"{number_text(told.p)}{f' of {told.p_of}' if told.p_of else ''}"
    return (
        each.label,
        told.wording,
        NOTHING if told.open_lag_s is None else duration_text(told.open_lag_s),
        NOTHING if told.lag_s is None else duration_text(told.lag_s),
        NOTHING if told.change_bp is None else bp_text(told.change_bp),
        NOTHING if told.beta is None else number_text(told.beta),
        chance,
    )


def _timeline(incident: Incident) -> Section:
    rows = [
        (
            str(step.seq),
            _local(incident, parse_time(step.time), seconds=True),
            after_text(step.after_s) if step.after_s else NOTHING,
            step.type,
            step.severity,
            f"{step.note}: {step.headline}" if step.note else step.headline,
            _who(step),
        )
        for step in incident.story.steps
    ]
    header = ("", "Time", "After", "Update", "Severity", "What", "Told")
    return Section("Timeline", tables=[Table(header, rows, frozenset({0, 2}))])


def _who(step: Step) -> str:
    """Sinks with how long a message took, or what became of it."""
    told = [
        f"{each.sink} {each.state if each.latency_ms is None else took_text(each.latency_ms)}"
        for each in step.messages
    ]  # fmt: skip
    return ", ".join(told) or "nobody"


def _numbers(incident: Incident) -> Section | None:
    folded = [
        (f"{each.label}, update {each.seq} of {_local(incident, parse_time(each.time), day=True)}", each.lines)
        for each in incident.story.numbers
    ]
    return Section("Every number", folded=folded) if folded else None


def _data(incident: Incident) -> Section:
    if not incident.troubles:
        return Section("Data", text=["Nothing is known to have been wrong with the data while it went on."])
    rows = [
        (
            _local(incident, parse_time(each.since), day=True),
            NOTHING if each.until is None else _local(incident, parse_time(each.until), day=True),
            each.text,
            each.episode or NOTHING,
        )
        for each in incident.troubles
    ]
    return Section("Data", tables=[Table(("Since", "Until", "What", "Episode"), rows)])


def _told(incident: Incident) -> Section:
    story = incident.story
    rows = [_sink(each) for each in story.sinks]
    header = ("Sink", "Messages", "Arrived", "Typical", "Slowest", "Given up", "Waiting", "Last error")
    text = ["From the update on disk to the other side's answer; typical is the median."] if rows else []
    points = [
        f"{each.sink} was not told of {each.events} update{'s' if each.events > 1 else ''}: {each.why}."
        for each in story.kept
    ]
    return Section(
        "Messages",
        text=text or ["No message was to be sent."],
        tables=[Table(header, rows, frozenset({1, 2, 3, 4, 5, 6}))] if rows else [],
        points=points,
    )


def _sink(each: SinkTold) -> tuple[str, ...]:
    return (
        each.sink,
        str(each.messages),
        f"{each.delivered}{f', {each.covered} covered by later ones' if each.covered else ''}",
        NOTHING if each.p50_ms is None else took_text(each.p50_ms),
        NOTHING if each.worst_ms is None else took_text(each.worst_ms),
        str(each.dead),
        str(each.waiting),
        each.last_error or NOTHING,
    )


def _people(incident: Incident) -> Section | None:
    story = incident.story
    rows = [
        (_local(incident, each.at, day=True), each.author, each.verb, each.detail or NOTHING, each.via)
        for each in story.people
    ]
    if not rows:
        return None
    return Section("People", tables=[Table(("Time", "Who", "Did", "Said", "Through"), rows)])


def _earlier(incident: Incident) -> Sequence[str]:
    earlier = incident.effect.earlier
    return [f"Before it, the newest first: {', '.join(earlier)}."] if earlier else []


def _local(incident: Incident, at: int, *, day: bool = False, seconds: bool = False) -> str:
    """On the market's clock: with its date where it is another day than the opening's, or where that is asked for."""
    moment = datetime.fromtimestamp(at // SECOND, incident.zone)
    opened = datetime.fromtimestamp(incident.episode.opened_at // SECOND, incident.zone)
    clock = f"{moment:%H:%M:%S}" if seconds else f"{moment:%H:%M}"
    return f"{day_text(moment.date())} {clock}" if day or moment.date() != opened.date() else clock
