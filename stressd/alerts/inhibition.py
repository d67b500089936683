"""What is not told by itself because something larger is: a follower beside its source, and configured rules.

Only first words are withheld: of an episode that a sink was told of, it hears on. What withholds something must be
known to the sink, so that nobody is left without a word.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from stressd.alerts.event import Event
from stressd.alerts.matching import About, Match, about
from stressd.alerts.routing import MILD
from stressd.alerts.words import listing

FOLLOWED: Final = {"co-moved": "moved together with", "followed": "followed", "spilled over": "followed"}
"""How a follower stands to its source, in a list."""

Knows = Callable[[str], bool]
"""Whether the sink knows of the open episode of this id."""


@dataclass(frozen=True, slots=True)
class InhibitSpec:
    """mute: what is withheld, never what is critical. sources: each must match an open episode, another one than that
    which is muted."""

    mute: Match
    sources: tuple[Match, ...]


@dataclass(frozen=True, slots=True)
class Muted:
    """Why something is withheld, and the episode in whose messages that is said."""

    reason: str
    thread: str


class Inhibition:
    """Knows which episodes are open that may mute others."""

    def __init__(self, rules: tuple[InhibitSpec, ...]) -> None:
        self._rules = rules
        self._open: dict[str, About] = {}

    def observe(self, event: Event) -> None:
        """Every event passes here, told or not."""
        if event.ends:
            self._open.pop(event.episode, None)
            return
        what = about(event)
        if any(match.means(what) for rule in self._rules for match in rule.sources):
            self._open[event.episode] = what
        else:
            self._open.pop(event.episode, None)

    def muted(self, event: Event, knows: Knows) -> Muted | None:
        """Why a sink that was not told of this episode is not told of it now."""
        source = event.source
        if event.kind == "market" and source is not None and event.severity in MILD and knows(source.episode):
            return Muted(f"{FOLLOWED.get(source.wording, 'followed')} {source.market}", source.episode)
        if event.severity == "critical":
            return None
        return next((found for rule in self._rules if (found := self._by(rule, event, knows)) is not None), None)

    def snapshot(self) -> dict[str, Any]:
        """The state as plain data for JSON."""
        return {"open": msgspec.to_builtins(self._open)}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a snapshot, as far as the rules of now ask for it. Raises msgspec.ValidationError."""
        known = msgspec.convert(state["open"], type=dict[str, About])
        self._open = {
            episode: what
            for episode, what in known.items()
            if any(match.means(what) for rule in self._rules for match in rule.sources)
        }

    def _by(self, rule: InhibitSpec, event: Event, knows: Knows) -> Muted | None:
        if not rule.mute.matches(event):
            return None
        found: list[tuple[str, str]] = []
        for match in rule.sources:
            source = next(
                (
                    (episode, what.market)
                    for episode, what in self._open.items()
                    if episode != event.episode and match.means(what) and knows(episode)
                ),
                None,
            )
            if source is None:
                return None
            found.append(source)
        markets = list(dict.fromkeys(market for _, market in found))
        verb = "is" if len(markets) == 1 else "are"
        return Muted(f"muted while {listing(markets)} {verb} open", found[0][0])
