"""Which events somebody means: attributes of an event, each of which one of the named values must match."""

from __future__ import annotations

from dataclasses import dataclass
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
class About:
    """What an event is about, as far as it can be matched. series: ids, those that a feed event affects too."""

    kind: str
    market: str
    rule: str
    severity: str
    direction: str | None
    origin: str
    episode: str
    series: tuple[str, ...]


def about(event: Event) -> About:
    """What of an event can be matched."""
    return About(
        kind=event.kind,
        market=event.market,
        rule=event.rule,
        severity=event.severity,
        direction=event.direction,
        origin=event.origin,
        episode=event.episode,
        series=tuple(dict.fromkeys([*(move.series for move in event.series), *event.data.affected])),
    )


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
        return self.means(about(event))

    def means(self, what: About) -> bool:
        """Whether this is meant."""
        return (
            (not self.kinds or what.kind in self.kinds)
            and (not self.markets or what.market in self.markets)
            and (not self.rules or what.rule in self.rules)
            and (not self.severities or what.severity in self.severities)
            and (not self.directions or what.direction in self.directions)
            and (not self.origins or what.origin in self.origins)
            and (not self.episodes or what.episode in self.episodes)
            and (not self.series or any(fnmatchcase(name, glob) for name in what.series for glob in self.series))
        )

    @property
    def anything(self) -> bool:
        """Whether nothing is named, so that everything is meant."""
        return not any(getattr(self, name) for name in WORDS)

    def __str__(self) -> str:
        """ "market JP, severity warn or high"; "everything" where nothing is named."""
        named = [(word, getattr(self, name)) for name, word in WORDS.items()]
        return ", ".join(f"{word} {' or '.join(values)}" for word, values in named if values) or "everything"
