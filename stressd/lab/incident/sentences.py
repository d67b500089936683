"""A post-mortem in a few sentences: what somebody reads who reads nothing else."""

from __future__ import annotations

from stressd.alerts.words import (
    bp_text,
    duration_text,
    listing,
    local_text,
    series_name,
    sigma_text,
    took_text,
    yield_text,
)
from stressd.lab.incident.incident import Incident
from stressd.lab.incident.reversal import Reversal
from stressd.market.times import parse_time

SECOND = 1_000_000_000
SHOWN = 4


def sentences(incident: Incident) -> list[str]:
    """At most nine of them, in the order in which they are asked for."""
    found = [_move(incident), _life(incident), _first(incident), *_others(incident)]
    found += [_back(incident), _data(incident), _told(incident), _people(incident), incident.effect.text()]
    return [each for each in found if each]


def reversal_text(reversal: Reversal, incident: Incident) -> str:
    """How much was given back by when, and how long half of it took."""
    peak = f"the peak of {bp_text(reversal.moved_bp)} ({local_text(reversal.peak[0], incident.zone)})"
    by = local_text(reversal.last[0], incident.zone)
    part = f"{max(reversal.given_back, 0.0):.0%}".replace("%", " %")
    coarse = "" if reversal.recorded else ", as far as the updates say (no recording of it)"
    if reversal.half_life_s is None:
        if reversal.last[0] <= reversal.peak[0]:
            return f"Nothing is known of it after {peak}."
        gone = duration_text((reversal.last[0] - reversal.peak[0]) / SECOND)
        return f"Half was not given back within {gone} of {peak}: {part} was by {by}{coarse}."
    shut = ""
    if reversal.open_s is not None and reversal.half_life_s - reversal.open_s > 60.0:
        shut = f", {duration_text(reversal.open_s)} of it with its market open"
    half = duration_text(reversal.half_life_s)
    return f"Half-life of the reversal: {half} after {peak}{shut}; {part} was given back by {by}{coarse}."


def _move(incident: Incident) -> str:
    story = incident.story
    point = max(
        (each for each in story.track if each.change_bp is not None),
        key=lambda each: (abs(each.change_bp or 0.0), -each.seq),
        default=None,
    )
    if point is None or point.change_bp is None:
        return story.episode.headline
    event = next(each for each in story.events if each.seq == point.seq)
    move = event.series[0]
    since = ""
    if move.from_ is not None:
        began = local_text(parse_time(move.from_.time), incident.zone)
        since = f" from {yield_text(point.series, move.from_.value)} ({began})"
    sigma = f", {sigma_text(abs(point.sigma))} of its {point.horizon} moves" if point.sigma is not None else ""
    when = local_text(parse_time(point.time), incident.zone)
    level = yield_text(point.series, point.value)
    return f"{series_name(point.series)} led: {bp_text(point.change_bp)}{since} to {level} at {when}{sigma}."


def _life(incident: Incident) -> str:
    story, episode = incident.story, incident.episode
    rose: dict[str, float] = {}
    for step in story.steps:
        rose.setdefault(step.severity, step.after_s)
    opened = local_text(episode.opened_at, incident.zone)
    text = f"It opened as {story.steps[0].severity} at {opened}"
    worse = [f"{name} after {duration_text(after)}" for name, after in rose.items() if after > 0.0]
    if worse:
        text += f", was {listing(worse)}"
    if episode.closed_at is None:
        return f"{text}, and is still open."
    withdrawn = next((event.withdrawn for event in reversed(story.events) if event.withdrawn is not None), None)
    ended = local_text(episode.closed_at, incident.zone)
    if withdrawn is not None:
        return f"{text}, and was withdrawn at {ended}: {withdrawn}."
    return f"{text}, and was over at {ended}, {duration_text(story.lasted_s)} later."


def _first(incident: Incident) -> str:
    order = incident.order
    if len(order) < 2:
        return ""
    text = f"{series_name(order[0].series)} had half of its move done first"
    rest = [f"{series_name(each.series)} {duration_text(each.after_s)} later" for each in order[1:SHOWN]]
    return f"{text}, {listing(rest)}."


def _others(incident: Incident) -> list[str]:
    story = incident.story
    said = [f"It followed: {story.source}." if story.source else ""]
    said += [f"{each.label} {_stop(each.text)}" for each in story.followed[:SHOWN]]
    did_not = [each.market for each in story.did_not]
    could_not = [each.market for each in story.could_not]
    said += [f"{listing(did_not)} did not respond."] * bool(did_not)
    said += [f"{listing(could_not)} could not respond: closed, or not watched."] * bool(could_not)
    return said


def _back(incident: Incident) -> str:
    return "" if incident.reversal is None else reversal_text(incident.reversal, incident)


def _data(incident: Incident) -> str:
    troubles = incident.troubles
    if not troubles:
        return "Nothing is known to have been wrong with the data."
    named = [each.text for each in troubles[:2]]
    more = [f"{len(troubles) - 2} more, below"] * (len(troubles) > 2)
    return f"The data: {'; '.join([*named, *more])}."


def _told(incident: Incident) -> str:
    sinks = incident.story.sinks
    if not sinks:
        return "Nobody was told."
    arrived = [each for each in sinks if each.delivered]
    worst = max((each.worst_ms for each in sinks if each.worst_ms is not None), default=None)
    total = sum(each.messages for each in sinks)
    text = f"{total} message{'s' if total > 1 else ''} to {listing([each.sink for each in sinks])}"
    if worst is not None:
        text += f"; the slowest arrived {took_text(worst)} after its update was on disk"
    dead, waiting = sum(each.dead for each in sinks), sum(each.waiting for each in sinks)
    text += f"; {dead} given up" if dead else ""
    text += f"; {waiting} not delivered yet" if waiting else ""
    return f"{text}." if arrived or dead or waiting else f"{text}; none was to be sent."


def _people(incident: Incident) -> str:
    story = incident.story
    parts = []
    if story.acknowledged is not None:
        after = (parse_time(story.acknowledged.at) - incident.episode.opened_at) / SECOND
        parts.append(f"{story.acknowledged.by} acknowledged it {duration_text(max(0.0, after))} after it opened")
    parts += [f"{each.author} calls it {each.label}" for each in story.labels]
    return f"{'; '.join(parts)}." if parts else ""


def _stop(text: str) -> str:
    return text if text.endswith(".") else f"{text}."
