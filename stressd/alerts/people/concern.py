"""What people have to do with one open episode: who was told, from whom it is withheld, who looks after it, and when
those who were told are asked again. Times are ns UTC."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from stressd.alerts.matching import About
from stressd.alerts.people.escalation import EscalationStep

DAY: Final = 86_400 * 1_000_000_000


class Held(msgspec.Struct):
    """by: the silence or the maintenance window that withholds. until: when that ends, as far as is known."""

    by: str
    until: int


class AckState(msgspec.Struct):
    """Somebody looks after it. until: None for as long as it is open. rung: its severity then."""

    at: int
    author: str
    note: str
    until: int | None
    rung: int


class Reminder(msgspec.Struct):
    """every: as configured. times: how often one sink was reminded since anything else was told it."""

    every: int
    due: int
    times: int = 0

    @property
    def interval(self) -> int:
        """Until the next: twice as long each time, up to a day."""
        return max(self.every, min(self.every << min(self.times, 40), DAY))


class Step(msgspec.Struct):
    """A step of escalation whose clock runs. since: when those before it were told."""

    since: int
    after: int
    sinks: tuple[str, ...]
    done: bool = False

    @property
    def due(self) -> int:
        return self.since + self.after


class Concern(msgspec.Struct):
    """about: the episode as of its latest event. rung: the highest severity that anybody was told; risen: whether it
    rose after it had been told first. heard: sinks that were told anything. held, reminders: by sink. steps: by key."""

    about: About
    rung: int = -1
    risen: bool = False
    heard: list[str] = []
    held: dict[str, Held] = {}
    reminders: dict[str, Reminder] = {}
    steps: dict[str, Step] = {}
    ack: AckState | None = None

    def next_deadline(self) -> int | None:
        """When something is to be done about it; None where nothing waits. What withholds has deadlines of its own."""
        if self.ack is not None:
            return self.ack.until
        waiting = [step.due for step in self.steps.values() if not step.done]
        return min(waiting + [each.due for each in self.reminders.values()], default=None)

    def told(self, sinks: Sequence[str], at: int, rung: int) -> None:
        """These were told, with everything that is known."""
        for sink in sinks:
            self.held.pop(sink, None)
            if sink not in self.heard:
                self.heard.append(sink)
        if rung <= self.rung:
            return
        self.risen = self.rung >= 0
        self.rung = rung
        for reminder in self.reminders.values():
            reminder.times = 0
            reminder.due = at + reminder.interval
        if self.ack is not None and rung > self.ack.rung:
            # who looked after it did so when it was less severe
            self.ack = None
            self.steps.clear()

    def remind(self, sink: str, every: int, at: int) -> None:
        """The sink was told just now: it is asked again after a while."""
        known = self.reminders.get(sink)
        times = 0 if known is None else known.times
        reminder = Reminder(every if known is None else min(every, known.every), at, times)
        reminder.due = at + reminder.interval
        self.reminders[sink] = reminder

    def escalate(self, step: EscalationStep, at: int) -> None:
        """The step's clock runs from now on, unless it does already or has been taken."""
        if step.key not in self.steps:
            self.steps[step.key] = Step(at, step.after, step.sinks)

    def lapse(self, at: int) -> None:
        """Nobody looks after it any more: what waited goes on where it stood."""
        assert self.ack is not None
        begun, self.ack = self.ack.at, None
        for step in self.steps.values():
            step.since += at - max(begun, step.since)
        for reminder in self.reminders.values():
            reminder.due += at - begun

    def put_off(self, at: int, until: int) -> None:
        """Nobody is asked while it is withheld: the clocks that ran out begin again at the end of that."""
        for step in self.steps.values():
            if not step.done and step.due <= at:
                step.since = until
        for reminder in self.reminders.values():
            if reminder.due <= at:
                reminder.due = until + reminder.interval

    def resume(self, at: int) -> None:
        """What withheld it is over before its time: nothing waits longer than from now on."""
        for step in self.steps.values():
            step.since = min(step.since, at)
        for reminder in self.reminders.values():
            reminder.due = min(reminder.due, at + reminder.interval)
