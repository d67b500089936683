"""What the daemon says of itself: conditions that are told once when they begin and once when they end, and only those
that nothing else explains: one root cause, one alert."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from stressd.alerts.causes import Symptom, causes
from stressd.engine.events import ENTERED, LEFT, FeedNote
from stressd.engine.spec import WARN

OVERLOAD: Final = "overload"
STORE: Final = "store-failing"
CLOCK: Final = "clock-set-back"
CLOCK_FORWARD: Final = "clock-set-forward"
CLOCK_DOUBTFUL: Final = "clock-doubtful"
FEED: Final = "feed-down"
REFUSED: Final = "feed-refused"
PARTLY_REFUSED: Final = "feed-partly-refused"
FLAPPING: Final = "feed-flapping"
MUTE: Final = "feed-mute"
UNKNOWN: Final = "feed-unknown-symbols"
MALFORMED: Final = "feed-malformed"
STALE: Final = "feed-stale"
STUCK: Final = "feed-stuck"
LAGGING: Final = "feed-lagging"
PARTLY_MUTE: Final = "feed-partly-mute"
SERVER: Final = "server-down"
NAMES: Final = "names-unresolved"
NETWORK: Final = "network-down"
LOST: Final = "delivery-lost"
SINK: Final = "sink-failing"
TEMPLATE: Final = "template-failing"
TASK: Final = "task-crashing"
PROBE: Final = "probe"
PROBE_FAILED: Final = "probe-failed"
DISK: Final = "disk-nearly-full"
RECORDING: Final = "recording-failing"
TAKEN_OVER: Final = "taken-over"
FEEDS: Final = (
    FEED, REFUSED, PARTLY_REFUSED, FLAPPING, MUTE, UNKNOWN, MALFORMED, STALE, STUCK, LAGGING, PARTLY_MUTE, SERVER,
)  # fmt: skip
"""Of kind "feed": what concerns the way of the ticks to us."""

RULES: Final = (
    *FEEDS,
    OVERLOAD,
    STORE,
    CLOCK,
    CLOCK_FORWARD,
    CLOCK_DOUBTFUL,
    NAMES,
    NETWORK,
    LOST,
    SINK,
    TEMPLATE,
    PROBE_FAILED,
    TASK,
    DISK,
    RECORDING,
)

NAMED: Final = 6
"""Symptoms that a cause's alert names; of more it says how many."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that people must know while it lasts. rule: its name; source: the feed, sink or other thing that it is
    about, "" for the daemon itself; what: it in two or three words; text: one plain sentence; step: the first thing to
    do about it. breaks: things that it breaks; needs: things without which it is only a symptom (`alerts.causes`).
    stops: feeds whose ticks do not come because of it. brewing: it is not told yet, and may soon be; what it explains
    waits with it. elsewhere: it is told already, as an episode of its own."""

    rule: str
    what: str
    text: str
    kind: Literal["feed", "self"] = "self"
    source: str = ""
    severity: int = WARN
    step: str = ""
    breaks: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    stops: tuple[str, ...] = ()
    brewing: bool = False
    elsewhere: bool = False

    @property
    def key(self) -> tuple[str, str]:
        return self.rule, self.source


class Conditions:
    """Turns what is so now into notes of what has changed. Identity is rule and source, never the text.

    explained: by (rule, source) of a cause that was told, what it explains now. brewing: causes that are not told yet.
    upstream: by thing, the things that it needs.
    """

    def __init__(self) -> None:
        self._lasting: dict[tuple[str, str], Condition] = {}
        self._ever: dict[tuple[str, str], dict[tuple[str, str], Condition]] = {}
        self.explained: dict[tuple[str, str], list[Condition]] = {}
        self.brewing: list[Condition] = []
        self.upstream: Mapping[str, Collection[str]] = {}

    def resume(self, noted: Sequence[tuple[str, str]]) -> None:
        """Take over what people were told before a restart, as (rule, source): it ends when it is no longer so."""
        for rule, source in noted:
            if rule in RULES:
                self._lasting[rule, source] = Condition(rule, rule, "", "feed" if rule in FEEDS else "self", source)

    def lasting(self) -> list[Condition]:
        """What was told and is so now, oldest first."""
        return list(self._lasting.values())

    def observe(self, at: int, now: Sequence[Condition]) -> list[FeedNote]:
        """Notes for what began, grew and ended since the last call. at: engine time, ns."""
        known = {condition.key: condition for condition in now}
        symptoms = [_symptom(condition) for condition in known.values()]
        told: dict[tuple[str, str], Condition] = {}
        explained: dict[tuple[str, str], list[Condition]] = {}
        self.brewing = []
        for cause in causes(symptoms, self.upstream):
            root = known[cause.symptom.key]
            if root.elsewhere:
                continue
            if root.brewing and root.key not in self._lasting:
                self.brewing.append(root)
                # what people know of already is not over because its cause may be about to be told
                for each in cause.explains:
                    if each.key in self._lasting and not known[each.key].elsewhere:
                        told[each.key], explained[each.key] = known[each.key], []
                continue
            told[root.key] = replace(root, severity=cause.severity)
            explained[root.key] = [known[each.key] for each in cause.explains]
        notes = [self._ends(at, condition) for key, condition in self._lasting.items() if key not in told]
        for key in [*(key for key in self._lasting if key in told), *(key for key in told if key not in self._lasting)]:
            ever = self._ever.setdefault(key, {})
            more = {each.key: each for each in explained[key] if not each.brewing}
            grown = bool(more.keys() - ever.keys())
            ever |= more
            before = self._lasting.get(key)
            if before is None or grown or told[key].severity > before.severity:
                notes.append(_note(at, ENTERED, told[key], _with(ever.values()), told[key].step))
        self._lasting = {key: told[key] for key in self._lasting if key in told} | told
        self.explained = explained
        return notes

    def stopped(self) -> tuple[frozenset[str], frozenset[str]]:
        """Feeds of which no tick can come: as people were told, and as they may be told soon."""
        told = [*self._lasting.values(), *(each for parts in self.explained.values() for each in parts)]
        known = {feed for each in told if not each.brewing for feed in each.stops}
        soon = {feed for each in (*told, *self.brewing) for feed in each.stops}
        return frozenset(known), frozenset(soon - known)

    def _ends(self, at: int, condition: Condition) -> FeedNote:
        return _note(at, LEFT, condition, _with(self._ever.pop(condition.key, {}).values()))


def _symptom(condition: Condition) -> Symptom:
    severity = 0 if condition.brewing else condition.severity
    return Symptom(condition.key, severity, frozenset(condition.breaks), frozenset(condition.needs))


def _with(symptoms: Collection[Condition]) -> str:
    """The symptoms of a cause, in a clause; "" for none."""
    if not symptoms:
        return ""
    names = [f"{each.what} ({each.source})" if each.source else each.what for each in symptoms]
    rest = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"with it: {', '.join(names[:NAMED])}{rest}"


def _note(at: int, phase: str, c: Condition, *more: str) -> FeedNote:
    note = FeedNote(at, at, c.rule, "", phase, c.what, "", c.source, c.severity, c.text)
    note.kind = c.kind
    note.more = "; ".join(each for each in more if each)
    return note
