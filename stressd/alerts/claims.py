"""What an event claims of links between markets, and how much each wording claims."""

from __future__ import annotations

from typing import Final

from stressd.alerts.event import Event, Follower

TOGETHER: Final = 1
STRENGTH: Final[dict[str, int]] = {"co-moved": TOGETHER, "followed": 2, "spilled over": 3}
"""Moved at once; moved after; moved after, more often than before, and beyond what is usual."""


def strength(wording: str | None) -> int:
    """How much a wording claims; 0 where it claims no link."""
    return STRENGTH.get(wording or "", 0)


def held(follower: Follower) -> int:
    """The closest link that still holds between an episode and one market."""
    return max(strength(follower.wording), strength(follower.earlier))


def claims(event: Event) -> dict[str, int]:
    """Every link that the event claims, with its strength: `>US` that US followed, `<JP-260120-7q2f` its own source."""
    made = {f">{each.market}": held(each) for each in event.followers if held(each)}
    if event.source is not None:
        made[f"<{event.source.episode}"] = strength(event.source.wording)
    return made
