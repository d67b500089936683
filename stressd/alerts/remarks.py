"""What is said beside the facts of an episode: why it is over, what has joined it."""

from __future__ import annotations

from typing import Final

from stressd.alerts.claims import strength
from stressd.alerts.episode import Episode
from stressd.alerts.event import EventType
from stressd.alerts.evidence import answer_clause, link_clauses
from stressd.alerts.spec import SECOND
from stressd.alerts.words import bp_text, curve_key, duration_text, listing, sigma_text, tenor_name
from stressd.engine.spec import SEVERITIES

LEVEL_TOLD: Final = "A level is told once, and again only after the yield has moved away from it."
MODEL_TOLD: Final = "What a model finds is told once, and again only after it has been quiet."
BACK_ON: Final = "The detector is on again, or no longer configured."
WITHDRAWN: Final = "The configuration no longer watches it; how it went on is not known."


def split(name: str) -> tuple[str, str]:
    """The series and the rest of a name such as `series|horizon`."""
    series, _, rest = name.partition("|")
    return series, rest


def gathered(episode: Episode, at: int) -> tuple[EventType, int, str]:
    """What has gathered by `at`: the type that matters most, `at`, and what is new."""
    if episode.rise >= 0 and at >= episode.rise_due and not episode.answered:
        return "escalated", at, f"was {SEVERITIES[episode.rise]} before"
    if episode.answered:
        followers = [episode.answers[market].follower for market in episode.answered]
        links = link_clauses(followers)
        others = [answer_clause(each, episode.market) for each in followers if not strength(each.wording)]
        answers = "; ".join(links + others)
        over = f"; resolved {duration_text((at - episode.closed_at) / SECOND)} before" if episode.closed_at else ""
        return "propagated", at, answers + over
    if episode.joined or episode.raised:
        return "widened", at, widening(episode)
    return "peaked", at, f"peak {sigma_text(episode.peak_z)}, {bp_text(episode.peak_bp * episode.direction)}"


def widening(episode: Episode) -> str:
    """ "joined by 10Y and 20Y; 30Y critical too"."""
    joined, raised = (
        listing([tenor_name(name) for name in sorted({split(name)[0] for name in names}, key=curve_key)])
        for names in (episode.joined, episode.raised)
    )
    severity = SEVERITIES[episode.severity]
    return "; ".join([f"joined by {joined}"] * bool(joined) + [f"{raised} {severity} too"] * bool(raised))
