"""Which events somebody means: attributes of an event, each of which one of the named values must match."""

from __future__ import annotations

from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from typing import Final

from stressd.alerts.event import Event

WORDS: Final = {
    "kinds": "kind",
    "markets": "market",
    "series": "series",
    "rules": "rule",
    "severities": "severity",
    "directions": "direction",
    "origins": "origin",
    "episodes": "episode",
}
"""How a person says each attribute of `Match`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """What is meant. An empty tuple matches anything.

    kinds: "market", "feed", "self". series: globs, of which one must match one series of the event. severities,
    directions ("up", "down"), origins: words of the contract. episodes: ids.
    """

    kinds: tuple[str, ...] = ()
    markets: tuple[str, ...] = ()
    series: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    directions: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    episodes: tuple[str, ...] = ()

    def matches(self, event: Event) -> bool:
        """Whether such an event is meant, whatever its type."""
        return (
            (not self.kinds or event.kind in self.kinds)
            and (not self.markets or event.market in self.markets)
            and (not self.rules or event.rule in self.rules)
            and (not self.severities or event.severity in self.severities)
            and (not self.directions or event.direction in self.directions)
            and (not self.origins or event.origin in self.origins)
            and (not self.episodes or event.episode in self.episodes)
            and (not self.series or self._matches_series(event))
        )

    def _matches_series(self, event: Event) -> bool:
        ids = [move.series for move in event.series] + event.data.affected
        return any(fnmatchcase(name, glob) for name in ids for glob in self.series)

    @property
    def anything(self) -> bool:
        """Whether nothing is named, so that everything is meant."""
        return not any(getattr(self, each.name) for each in fields(self))

    def __str__(self) -> str:
        """ "market JP, severity warn or high"; "everything" where nothing is named."""
        named = [(WORDS[each.name], getattr(self, each.name)) for each in fields(self)]
        return ", ".join(f"{word} {' or '.join(values)}" for word, values in named if values) or "everything"
