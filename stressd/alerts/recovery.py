"""When an episode is over whose last breach has left: at once; after a while, where it has come again before; not
before it has calmed down, where it flaps. All in the open time of its market.
"""

from __future__ import annotations

from stressd.alerts.episode import Episode
from stressd.alerts.flapping import STEPS, flaps, quiet_needed
from stressd.alerts.spec import EpisodesSpec


def cross(spec: EpisodesSpec, episode: Episode, at: int) -> bool:
    """Nothing keeps the episode open any more, or something does again. Whether it flaps from now on."""
    before = episode.flapping
    quiet = spec.open_between(episode.market, episode.changed_at, at) // max(spec.recovery, 1)
    episode.changes = [*episode.changes, *[0] * min(quiet, STEPS), 1][-STEPS:]
    episode.changed_at = at
    episode.crossings += 1
    episode.flapping = flaps(episode.changes, before)
    return episode.flapping and not before


def over_at(spec: EpisodesSpec, episode: Episode, at: int) -> int:
    """When it is over if nothing crosses from `at` on; `at` itself where that is now."""
    if episode.flapping:
        return calm_at(spec, episode, at)
    if episode.reopened == 0:
        return at
    delay = min(spec.recovery << min(episode.reopened - 1, STEPS), spec.recovery_max)
    return spec.after_open(episode.market, at, delay)


def calm_at(spec: EpisodesSpec, episode: Episode, at: int) -> int:
    """When it flaps no more if nothing crosses from `at` on."""
    return spec.after_open(episode.market, at, quiet_needed(episode.changes) * max(spec.recovery, 1))


def calm(episode: Episode) -> None:
    """It has been quiet for long enough."""
    episode.changes = []
    episode.crossings = 0
    episode.flapping = False


def may_reopen(spec: EpisodesSpec, episode: Episode, at: int) -> bool:
    """Whether a breach of its key opens this closed episode again."""
    if episode.closed_at is None or episode.withdrawn or not spec.reopen:
        return False
    return spec.open_between(episode.market, episode.closed_at, at) <= spec.reopen
