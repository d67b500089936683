"""What people do about alerts, and what is done where nobody does. Deterministic; timers are deadlines.

While a silence or a maintenance window lasts, nobody hears of what it matches; the end and the correction of what
somebody was told always arrive. When it is over, what is still open is told once to everybody from whom something was
withheld, and, where it has run its whole time, to those who were told before. An episode that somebody has acknowledged
is neither reminded of nor escalated, until its severity rises or the acknowledgement lapses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from stressd.alerts.episode import Episode
from stressd.alerts.episodes import Episodes
from stressd.alerts.event import Event
from stressd.alerts.matching import About, about
from stressd.alerts.people.commands import Acknowledge, AddSilence
from stressd.alerts.people.concern import AckState, Concern, Held
from stressd.alerts.people.maintenance import MaintenanceSpec
from stressd.alerts.people.silences import Silences, SilenceState
from stressd.alerts.people.spec import PeopleSpec
from stressd.alerts.words import duration_text, listing, local_text
from stressd.engine.agenda import NEVER
from stressd.engine.spec import SEVERITIES
from stressd.market.times import SECOND, parse_time

Said = tuple[Event, tuple[str, ...]]
"""An event that is made for certain sinks, whatever the routes."""


@dataclass(slots=True)
class _News:
    """What is told of one episode when nothing withholds it any more, and to whom."""

    notes: list[str]
    sinks: list[str]


def is_end(event: Event) -> bool:
    """Whether the episode is over with this event."""
    return event.ends


class People:
    """Silences, maintenance, acknowledgements, reminders and escalation of the episodes of one machine.

    For each event, in this order: `withhold` says which of the chosen sinks must not hear it, `heard` is told who did.
    """

    def __init__(self, spec: PeopleSpec, episodes: Episodes) -> None:
        self.spec = spec
        self._episodes = episodes
        self._silences = Silences()
        self._concerns: dict[str, Concern] = {}
        self._now: int | None = None
        self._ends: dict[str, int] = {}
        self._gone: list[str] = []
        self._deadline: int | None = None
        self._dirty = True

    # -- events on their way

    def withhold(self, event: Event, chosen: Sequence[str], told: Sequence[str]) -> dict[str, str]:
        """Why these of the sinks must not hear of it now. told: who was told of the episode before. Of an end also who
        was never told of what is over: that is for the record."""
        at = self._clock(event)
        if is_end(event):
            concern = self._concerns.pop(event.episode, None)
            held = {} if concern is None else concern.held
            never = {sink: by for sink, by in held.items() if sink not in told}
            return {sink: f"over while {self._words(by, event.market)}" for sink, by in never.items()}
        concern = self._concern(event)
        what = about(event)
        if concern is not None:
            concern.about = what
        if event.type == "corrected" or not chosen:
            return {}
        by = self._keeper(what, at)
        if by is None:
            return {}
        if concern is not None:
            concern.held |= dict.fromkeys(chosen, by)
        silence = self._silences.get(by.by)
        if silence is not None:
            silence.withheld += len(chosen)
        return dict.fromkeys(chosen, self._words(by, event.market))

    def heard(self, event: Event, sinks: Sequence[str]) -> None:
        """These sinks are told of it."""
        at = self._clock(event)
        concern = None if is_end(event) or not sinks else self._concern(event)
        if concern is None:
            return
        concern.told(sinks, at, SEVERITIES.index(event.severity))
        for route in self.spec.routes:
            if not route.matches(event):
                continue
            if any(sink in concern.heard for sink in route.sinks):
                for step in route.escalate:
                    if event.severity in step.severities:
                        concern.escalate(step, at)
            if route.remind is not None:
                for sink in route.sinks:
                    if sink in sinks:
                        concern.remind(sink, route.remind, at)

    def _clock(self, event: Event) -> int:
        at = parse_time(event.time)
        self._now = at if self._now is None else max(self._now, at)
        self._dirty = True
        return at

    def _concern(self, event: Event) -> Concern | None:
        """Of the event's episode; None where that is not open."""
        known = self._concerns.get(event.episode)
        if known is None and self._open(event.episode) is not None:
            known = self._concerns[event.episode] = Concern(about(event))
        return known

    def _open(self, episode_id: str) -> Episode | None:
        episode = self._episodes.find(episode_id)
        return None if episode is None or episode.closed_at is not None else episode

    # -- what withholds

    def _keeper(self, what: About, at: int) -> Held | None:
        """What withholds this, the last to end; None where nothing does."""
        found = [Held(each.id, each.ends) for each in self._silences.all() if each.holds(what, at)]
        for spec in self.spec.maintenance:
            window = spec.window_at(at) if spec.match.means(what) else None
            if window is not None:
                found.append(Held(spec.key, window[1]))
        return max(found, key=lambda held: (held.until, held.by), default=None)

    def _words(self, by: Held, market: str) -> str:
        silence = self._silences.get(by.by)
        if silence is not None:
            until = local_text(silence.ends, self.spec.zone(market))
            return f"silenced by {silence.author} until {until} ({silence.reason})"
        reason = next((f" ({spec.reason})" for spec in self.spec.maintenance if spec.key == by.by), "")
        return f"{by.by}{reason}"

    # -- timers

    def start(self, now: int) -> None:
        """The clock stands here, unless it has been running."""
        self._now = now if self._now is None else self._now
        self._dirty = True

    def next_deadline(self) -> int | None:
        """When `advance` next has something to do, ns; None while nothing waits."""
        if self._dirty:
            self._dirty = False
            due = [each.due for each in self._silences.all()]
            due += [at for concern in self._concerns.values() if (at := concern.next_deadline()) is not None]
            due += [end for spec in self.spec.maintenance if (end := self._end(spec)) < NEVER]
            due += [self._now or 0] * bool(self._gone)
            self._deadline = min(due, default=None)
        return self._deadline

    def _end(self, spec: MaintenanceSpec) -> int:
        """The next end of a maintenance window that has not been dealt with."""
        if spec.key not in self._ends:
            self._ends[spec.key] = spec.next_end(self._now or 0)
        return self._ends[spec.key]

    def advance(self, now: int) -> list[Said]:
        """What is due at `now` (ns, engine time). Called at each deadline of its own."""
        over = [spec for spec in self.spec.maintenance if self._end(spec) <= now]
        self._now = now if self._now is None else max(self._now, now)
        self._dirty = True
        news: dict[str, _News] = {}
        for silence in self._silences.ended(now):
            self._release(silence, now, news)
        for spec in over:
            del self._ends[spec.key]
            note = f"still so after maintenance {spec.name} ({spec.reason})"
            for name, concern in self._concerns.items():
                self._let_go(name, spec.key, note, spec.match.means(concern.about), news)
        for key in self._gone:
            for name in self._concerns:
                self._let_go(name, key, f"was withheld by {key}, which is not configured any more", False, news)
        self._gone.clear()
        said = self._tell(news, now)
        for name in list(self._concerns):
            said += self._look_after(name, now)
        return said

    def _release(self, silence: SilenceState, at: int, news: dict[str, _News]) -> None:
        """A silence is over: what it covered goes on."""
        self._silences.remove(silence)
        for name, concern in self._concerns.items():
            zone = self.spec.zone(concern.about.market)
            until = local_text(at if silence.ended_by else silence.ends, zone)
            until += f", when {silence.ended_by} ended it" if silence.ended_by else ""
            note = f"was silenced by {silence.author} until {until} ({silence.reason}), still open"
            covered = silence.starts < at and silence.covers(concern.about)
            self._let_go(name, silence.id, note, covered and not silence.ended_by, news)
            if covered:
                concern.resume(at)

    def _let_go(self, name: str, by: str, note: str, whole: bool, news: dict[str, _News]) -> None:
        """What withheld an episode is over. whole: those who were told before hear of it too, unless somebody looks
        after it."""
        concern = self._concerns[name]
        waiting = [sink for sink, held in concern.held.items() if held.by == by]
        asked = concern.heard if whole and concern.ack is None else []
        if waiting or asked:
            mine = news.setdefault(name, _News([], []))
            mine.notes.append(note)
            mine.sinks += [sink for sink in (*waiting, *asked) if sink not in mine.sinks]

    def _tell(self, news: dict[str, _News], at: int) -> list[Said]:
        """Each episode that is still open once, unless something else withholds it still."""
        said: list[Said] = []
        for name, mine in news.items():
            concern = self._concerns[name]
            if self._open(name) is None:
                del self._concerns[name]
                continue
            other = self._keeper(concern.about, at)
            for sink in mine.sinks:
                if sink in concern.held:
                    del concern.held[sink]
                    if other is not None:
                        concern.held[sink] = other
            if other is None:
                said += self._say(name, at, "; ".join(mine.notes), tuple(mine.sinks))
        return said

    def _look_after(self, name: str, at: int) -> list[Said]:
        """Reminders, escalation and the lapse of an acknowledgement, as far as they are due."""
        concern = self._concerns[name]
        due = concern.next_deadline()
        if due is None or due > at:
            return []
        episode = self._open(name)
        if episode is None:
            del self._concerns[name]
            return []
        if concern.ack is not None:
            concern.lapse(at)
            self._episodes.lapse(name)
            return []
        by = self._keeper(concern.about, at)
        if by is not None:
            concern.put_off(at, by.until)
            return []
        return self._escalate(name, concern, at) + self._remind(name, concern, at, episode)

    def _escalate(self, name: str, concern: Concern, at: int) -> list[Said]:
        due = [step for step in concern.steps.values() if not step.done and step.due <= at]
        if not due:
            return []
        sinks = tuple(dict.fromkeys(sink for step in due for sink in step.sinks))
        for step in due:
            step.done = True
        waited = duration_text(max(step.after for step in due) / SECOND)
        told = listing([sink for sink in concern.heard if sink not in sinks] or concern.heard)
        risen = f" since it rose to {concern.about.severity}" if concern.risen else ""
        return self._say(name, at, f"not acknowledged for {waited}{risen} by those who were told: {told}", sinks)

    def _remind(self, name: str, concern: Concern, at: int, episode: Episode) -> list[Said]:
        due = {sink: each for sink, each in concern.reminders.items() if each.due <= at}
        if not due:
            return []
        calendar = self.spec.calendars.get(episode.market)
        opens = at if calendar is None else calendar.next_open(at)
        for reminder in due.values():
            reminder.times += opens == at
            reminder.due = opens + reminder.interval
        if opens > at:
            return []
        open_for = duration_text((at - episode.opened_at) / SECOND)
        return self._say(name, at, f"still open after {open_for}, not acknowledged", tuple(due))

    def _say(self, name: str, at: int, note: str, sinks: tuple[str, ...]) -> list[Said]:
        return [(event, sinks) for event in self._episodes.remind(name, at, note) if event.type == "reminder"]

    # -- commands

    def silence(self, command: AddSilence, at: int) -> tuple[SilenceState, list[str]]:
        """Add one; also the open episodes that it covers. Raises CommandError."""
        self._dirty = True
        silence = self._silences.add(command, at)
        return silence, [name for name, concern in self._concerns.items() if silence.covers(concern.about)]

    def end(self, id: str, author: str, at: int) -> tuple[SilenceState, list[Said]]:
        """End one before its time. Raises CommandError."""
        silence = self._silences.find(id)
        silence.ended_by = author
        self._dirty = True
        news: dict[str, _News] = {}
        self._release(silence, at, news)
        return silence, self._tell(news, at)

    def acknowledge(self, command: Acknowledge, event: Event, at: int) -> None:
        """Somebody looks after an episode from now on. event: that says so."""
        concern = self._concern(event)
        if concern is None:
            return
        if concern.ack is not None:
            concern.lapse(at)
        until = None if command.for_ns is None else at + command.for_ns
        concern.ack = AckState(at, command.author, command.note, until, SEVERITIES.index(event.severity))
        self._dirty = True

    # -- to be read

    def silences(self) -> list[SilenceState]:
        """Those that last or are to come."""
        return self._silences.all()

    def acknowledged(self) -> dict[str, AckState]:
        """Who looks after which open episode."""
        return {name: concern.ack for name, concern in self._concerns.items() if concern.ack is not None}

    def withheld(self, now: int) -> dict[str, tuple[str, int]]:
        """From which open episodes people are spared: why, in words, and until when (ns) as far as is known."""
        kept = {name: (self._keeper(each.about, now), each.about.market) for name, each in self._concerns.items()}
        return {name: (self._words(by, market), by.until) for name, (by, market) in kept.items() if by is not None}

    def snapshot(self) -> dict[str, Any]:
        """The whole state as plain data for JSON."""
        return {
            **self._silences.snapshot(),
            "concerns": msgspec.to_builtins(self._concerns),
            "now": self._now,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a snapshot, whatever the routes and the maintenance are now. Raises msgspec.ValidationError,
        KeyError on any other data."""
        self._silences.restore(state)
        self._concerns = msgspec.convert(state["concerns"], type=dict[str, Concern])
        self._now = state["now"]
        self._ends.clear()
        self._dirty = True
        steps = {step.key for route in self.spec.routes for step in route.escalate}
        sinks = {sink for route in self.spec.routes if route.remind is not None for sink in route.sinks}
        keepers = {*(each.id for each in self._silences.all()), *(spec.key for spec in self.spec.maintenance)}
        held = dict.fromkeys(each.by for concern in self._concerns.values() for each in concern.held.values())
        self._gone = [by for by in held if by not in keepers]
        for concern in self._concerns.values():
            concern.steps = {key: step for key, step in concern.steps.items() if key in steps}
            concern.reminders = {sink: each for sink, each in concern.reminders.items() if sink in sinks}
