"""What is said beside the facts of an episode: why it is over, what has joined it."""

from __future__ import annotations

from typing import Final

from stressd.alerts.episode import Episode
from stressd.alerts.words import curve_key, listing, tenor_name
from stressd.engine.spec import SEVERITIES

LEVEL_TOLD: Final = "A level is told once, and again only after the yield has moved away from it."
MODEL_TOLD: Final = "What a model finds is told once, and again only after it has been quiet."
BACK_ON: Final = "The detector is on again, or no longer configured."
WITHDRAWN: Final = "The configuration no longer watches it; how it went on is not known."


def split(name: str) -> tuple[str, str]:
    """The series and the rest of a name such as `series|horizon`."""
    series, _, rest = name.partition("|")
    return series, rest


def widening(episode: Episode) -> str:
    """ "joined by 10Y and 20Y; 30Y critical too"."""
    joined, raised = (
        listing([tenor_name(name) for name in sorted({split(name)[0] for name in names}, key=curve_key)])
        for names in (episode.joined, episode.raised)
    )
    severity = SEVERITIES[episode.severity]
    return "; ".join([f"joined by {joined}"] * bool(joined) + [f"{raised} {severity} too"] * bool(raised))
