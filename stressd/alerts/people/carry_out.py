"""Carrying out what a person commands."""

from __future__ import annotations

from collections.abc import Sequence

from stressd.alerts.desk import Desk, Routed
from stressd.alerts.episode import Episode
from stressd.alerts.episodes import Episodes
from stressd.alerts.people.commands import (
    Acknowledge,
    AddSilence,
    Command,
    CommandError,
    Done,
    EndSilence,
    Label,
    check,
)
from stressd.alerts.people.people import People
from stressd.alerts.words import listing, local_text

BAD_DATA = "bad data"
MOST_NAMED = 5
"""Episodes that an answer names."""


def carry_out(command: Command, at: int, people: People, episodes: Episodes, desk: Desk) -> Done:
    """What is kept of the command, and what is told because of it. at: ns, engine time; what is due by then has been
    told. Raises CommandError, and has changed nothing then."""
    check(command)
    if isinstance(command, AddSilence):
        return _silence(command, at, people, episodes)
    if isinstance(command, EndSilence):
        return _end(command, at, people, desk)
    if isinstance(command, Acknowledge):
        return _acknowledge(command, at, people, episodes, desk)
    return _label(command, at, episodes, desk)


def _done(command: Command, at: int, *, verb: str, subject: str, detail: str, routed: Sequence[Routed] = ()) -> Done:
    return Done(at=at, author=command.author, via=command.via, verb=verb, subject=subject, detail=detail, routed=routed)


def _open(name: str, episodes: Episodes) -> Episode:
    """Raises CommandError where it is not open."""
    episode = episodes.find(name)
    if episode is None:
        raise CommandError(f"there is no episode {name}")
    if episode.closed_at is not None:
        raise CommandError(f"episode {name} is over")
    return episode


def _silence(command: AddSilence, at: int, people: People, episodes: Episodes) -> Done:
    match = command.match
    for name in match.episodes:
        _open(name, episodes)
    silence, covered = people.silence(command, at)
    zone = people.spec.zone(match.markets[0] if len(match.markets) == 1 else "")
    begins = f" from {local_text(silence.starts, zone)}" if silence.starts > at else ""
    now = listing(covered[:MOST_NAMED]) + (f" and {len(covered) - MOST_NAMED} more" * (len(covered) > MOST_NAMED))
    through = ", except what is critical" if silence.break_through else ""
    return _done(
        command,
        at,
        verb="silenced",
        subject=silence.id,
        detail=f"{silence.id} silences {silence.match}{through}{begins} until {local_text(silence.ends, zone)} "
        f"({silence.reason}); " + (f"open now: {now}" if covered else "nothing that is open now matches"),
    )


def _end(command: EndSilence, at: int, people: People, desk: Desk) -> Done:
    silence, said = people.end(command.id, command.author, at)
    routed = [one for event, sinks in said for one in desk.direct(event, sinks)]
    names = listing([event.episode for event, _ in said][:MOST_NAMED])
    return _done(
        command,
        at,
        verb="ended silence",
        subject=silence.id,
        detail=f"{silence.id} is over: {silence.match} ({silence.reason}), messages withheld: {silence.withheld}; "
        + (f"still open: {names}" if said else "nothing of it is left to tell"),
        routed=routed,
    )


def _acknowledge(command: Acknowledge, at: int, people: People, episodes: Episodes, desk: Desk) -> Done:
    episode = _open(command.episode, episodes)
    routed: list[Routed] = []
    for event in episodes.acknowledge(episode.id, at, command.author, command.note):
        routed += desk.take(event)
        if event.type == "acknowledged":
            people.acknowledge(command, event, at)
    zone = people.spec.zone(episode.market)
    until = "it is over" if command.for_ns is None else local_text(at + command.for_ns, zone)
    note = f": {command.note}" if command.note else ""
    return _done(
        command,
        at,
        verb="acknowledged",
        subject=episode.id,
        detail=f"{episode.id} is acknowledged until {until}{note}",
        routed=routed,
    )


def _label(command: Label, at: int, episodes: Episodes, desk: Desk) -> Done:
    """The caller knows that there is such an episode, which may have been over for long. One that is still open is
    withdrawn wherever it was told when somebody says that its data are bad."""
    detail = command.label + (f": {command.note}" if command.note else "")
    episode = episodes.find(command.episode)
    routed: list[Routed] = []
    if command.label == BAD_DATA and episode is not None and episode.closed_at is None:
        why = f"{command.author} says that the data are bad" + (f": {command.note}" if command.note else "")
        routed = [one for event in episodes.withdraw_alert(episode.id, at, why) for one in desk.take(event)]
    return _done(
        command,
        at,
        verb="labelled",
        subject=command.episode,
        detail=detail,
        routed=routed,
    )
