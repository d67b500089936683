"""Answers of other markets: which episode they belong to, whether they are told, and how episodes name each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from stressd.alerts.episode import ANSWERS, FOLLOWING, SIGMA, Answer, Episode, Key
from stressd.alerts.moves import follower, source
from stressd.alerts.spec import DAY, KEEP, EpisodesSpec
from stressd.engine.response import Response

COULD_NOT: Final = "could not respond"
DAILY: Final = "1d"


class Links:
    """The open and the lately closed episodes, as one looks for another."""

    def __init__(self, spec: EpisodesSpec) -> None:
        self._spec = spec
        self.opened: dict[Key, Episode] = {}
        self.closed: list[Episode] = []

    def known(self) -> set[str]:
        """Ids that are taken."""
        return {episode.id for episode in self.opened.values()} | {episode.id for episode in self.closed}

    def forget(self, now: int) -> None:
        """Drop what nothing can refer to any more."""
        self.closed = [episode for episode in self.closed if _is_kept(episode, now)]

    def answered_by(self, response: Response) -> Episode | None:
        """The episode whose breach this response answers: the youngest that had begun by then; None if forgotten."""
        key = (response.rule, response.market, response.direction)
        episodes = [episode for episode in self._kept(response.at) if episode.key == key and episode.what == SIGMA]
        begun = [episode for episode in episodes if episode.began <= response.breach_at]
        return max(begun, key=lambda episode: (episode.opened_at, episode.id), default=None)

    def record(self, episode: Episode, response: Response) -> bool:
        """Keep the answer as the latest of its market, and link the two markets' episodes. True if it is to be told.

        Told at once: that a market followed; the daily answer; any answer of a market that could not respond before.
        That a market did not respond, or cannot yet, is said in whatever is told next.
        """
        market = response.follower
        if response.value is not None:
            episode.heard(response.time, "")
        own = self._link(episode, response) if response.wording in FOLLOWING else None
        zone = self._spec.zone(market) if market in self._spec.calendars else None
        before = episode.answers.get(market)
        answer = Answer(follower=follower(response, zone, own), at=response.at, final=response.final)
        if before is not None:
            answer.awaited, answer.told = before.awaited, before.told
        episode.answers[market] = answer
        if response.wording == COULD_NOT:
            answer.awaited = True
        if response.wording not in ANSWERS or not response.final:
            return False
        daily = response.resolution == DAILY
        # An intraday answer is news once per wording, a daily one once per breach.
        told = f"{response.wording}|{response.resolution}|{response.breach_at if daily else ''}"
        if not (answer.awaited or ((daily or response.wording in FOLLOWING) and told != answer.told)):
            return False
        answer.awaited, answer.told = False, told
        return True

    def find_source(self, episode: Episode) -> None:
        """Name the episode that a newly opened one follows: its market answered that one within the last day."""
        candidates = [
            each
            for each in self._kept(episode.opened_at)
            if each.direction == episode.direction
            and (answer := each.answers.get(episode.market)) is not None
            and answer.follower.wording in FOLLOWING
            and episode.opened_at - answer.at <= DAY
            and self._may_follow(episode, each)
        ]
        if candidates:
            chosen = max(candidates, key=lambda each: (each.answers[episode.market].at, each.id))
            answer = chosen.answers[episode.market]
            episode.source = source(chosen.id, chosen.market, answer.follower)
            answer.follower = msgspec.structs.replace(answer.follower, episode=episode.id)

    def _link(self, episode: Episode, response: Response) -> str | None:
        """The follower's own open episode in the same direction, which from now on names its source."""
        own = None
        for each in self.opened.values():
            if each.what != SIGMA or each.scope != response.follower or each.direction != episode.direction:
                continue
            linked = each.source is not None and each.source.episode == episode.id
            if linked or (each.source is None and self._may_follow(each, episode)):
                each.source = source(episode.id, episode.market, follower(response, None, None))
                own = own or each.id
        return own

    def _may_follow(self, episode: Episode, cause: Episode) -> bool:
        """Whether naming `cause` as the source is true to time and closes no circle."""
        if cause.began > episode.began:
            return False
        kept = {each.id: each for each in (*self.opened.values(), *self.closed)}
        name: str | None = cause.id
        while name is not None:
            if name == episode.id:
                return False
            link = kept[name].source if name in kept else None
            name = link.episode if link is not None else None
        return True

    def _kept(self, now: int) -> Iterator[Episode]:
        yield from self.opened.values()
        yield from (episode for episode in self.closed if _is_kept(episode, now))


def _is_kept(episode: Episode, now: int) -> bool:
    return episode.closed_at is not None and now - episode.closed_at <= KEEP
