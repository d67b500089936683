"""Answers of other markets: which episode they belong to, whether they are told, and how episodes name each other.

Of two answers to one breach the closer link stands, unless the engine takes it back; of an answer to a later breach the
later one, beside which the closer one of before is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from stressd.alerts.claims import held, strength
from stressd.alerts.corrections import reason_against
from stressd.alerts.episode import ANSWERS, SIGMA, Answer, Episode, Key
from stressd.alerts.event import Follower
from stressd.alerts.moves import follower, source
from stressd.alerts.recovery import may_reopen
from stressd.alerts.spec import DAY, KEEP, EpisodesSpec
from stressd.engine.response import Response

COULD_NOT: Final = "could not respond"
DAILY: Final = "1d"
DEEPEST: Final = 4
"""Links of the longest chain from a first market to a last one: what lies farther apart is no link that anybody can
follow."""

MOST: Final = 100
"""Closed episodes that are kept, besides those that may open again or have something to tell: all of them are written
with every transition, which must stay quick on the third day of a storm too."""


class Links:
    """The open and the lately closed episodes, as one looks for another. counts: by `source|follower|wording`, how many
    answers of other markets were recorded."""

    def __init__(self, spec: EpisodesSpec) -> None:
        self._spec = spec
        self.opened: dict[Key, Episode] = {}
        self.closed: list[Episode] = []
        self.counts: dict[str, int] = {}

    def known(self) -> set[str]:
        """Ids that are taken."""
        return {episode.id for episode in self.opened.values()} | {episode.id for episode in self.closed}

    def forget(self, now: int) -> None:
        """Drop what nothing can refer to any more; of what an answer may yet be about, the oldest beyond MOST."""
        needed = [each.waits or may_reopen(self._spec, each, now) for each in self.closed]
        spare = needed.count(False) - MOST
        kept = []
        for each, wanted in zip(self.closed, needed, strict=True):
            if not wanted:
                spare -= 1
            if wanted or (spare < 0 and _is_kept(each, now)):
                kept.append(each)
        self.closed = kept

    def kept(self, now: int) -> Iterator[Episode]:
        """Everything that an answer may still be about."""
        yield from self.opened.values()
        yield from (episode for episode in self.closed if _is_kept(episode, now))

    def answered_by(self, response: Response) -> Episode | None:
        """The episode whose breach this response answers: the youngest that had begun by then; None if forgotten."""
        key = (response.rule, response.market, response.direction)
        episodes = [episode for episode in self.kept(response.at) if _answers(episode, key)]
        begun = [episode for episode in episodes if episode.began <= response.breach_at]
        return max(begun, key=lambda episode: (episode.opened_at, episode.id), default=None)

    def record(self, episode: Episode, response: Response) -> bool:
        """Keep the answer as the latest of its market, and link the two markets' episodes. True if it is to be told.

        Told at once: the first link with a market; the daily answer; any answer of a market that could not respond
        before. That a market did not respond, or cannot yet, is said in whatever is told next, and so is a link that
        turns out to be closer than was told.
        """
        market = response.follower
        before = episode.answers.get(market)
        if response.value is not None:
            episode.heard(response.time, "")
        now = 0 if response.via else strength(response.wording)
        if before is not None:
            if self._takes_back(before, response, now):
                self._count(response, "taken back")
                self._take_back(episode, before, response, now)
                return False
            if response.breach_at <= before.breach_at and now < strength(before.follower.wording):
                return False
        self._count(response, "via another" if response.via else response.wording)
        own = self._link(episode, response) if now else None
        answer = Answer(
            follower=self._follower(response, own), at=response.at, final=response.final, breach_at=response.breach_at
        )
        if before is not None:
            answer.awaited, answer.told = before.awaited, before.told
            answer.follower = _beside(answer.follower, before, response)
        episode.answers[market] = answer
        return self._is_news(episode, answer, response)

    def find_source(self, episode: Episode) -> None:
        """Name the episode that this one follows, where there is one: its market answered that one within the last
        day."""
        candidates = [
            each
            for each in self.kept(episode.opened_at)
            if each.direction == episode.direction
            and (answer := each.answers.get(episode.market)) is not None
            and strength(answer.follower.wording)
            and episode.opened_at - answer.at <= DAY
            and self._may_follow(episode, each)
        ]
        if candidates:
            chosen = max(candidates, key=lambda each: (each.answers[episode.market].at, each.id))
            answer = chosen.answers[episode.market]
            was = episode.said_source.episode if episode.said_source is not None else None
            episode.source = source(chosen.id, chosen.market, answer.follower, was)
            answer.follower = msgspec.structs.replace(answer.follower, episode=episode.id)

    def seek_sources(self) -> None:
        """Name sources that could not be named while another one was not taken back yet."""
        for episode in self.opened.values():
            if episode.what == SIGMA and episode.source is None and episode.scope == episode.market:
                self.find_source(episode)

    def _follower(self, response: Response, own: str | None) -> Follower:
        zone = self._spec.zone(response.follower) if response.follower in self._spec.calendars else None
        return follower(response, zone, own)

    def _is_news(self, episode: Episode, answer: Answer, response: Response) -> bool:
        if response.wording == COULD_NOT:
            answer.awaited = True
        if response.wording not in ANSWERS or not response.final:
            return False
        linked = strength(answer.follower.wording) > 0
        kind = "link" if linked else answer.follower.wording
        # An intraday answer is news once an episode, a daily one once a breach.
        daily = response.resolution == DAILY
        told = f"{kind}|{response.resolution}|{response.breach_at if daily else ''}"
        first = linked and not strength(episode.said.get(response.follower))
        if not (answer.awaited or first or (daily and told != answer.told)):
            return False
        answer.told = told
        return True

    def _count(self, response: Response, what: str) -> None:
        name = f"{response.market}|{response.follower}|{what}"
        self.counts[name] = self.counts.get(name, 0) + 1

    def _takes_back(self, before: Answer, response: Response, now: int) -> bool:
        """Whether the engine says that a link which stands does not hold. An answer to an earlier breach is no word on
        a later one's."""
        if response.breach_at < before.breach_at:
            return bool(response.was) and now < strength(before.follower.earlier)
        same = response.breach_at == before.breach_at
        return bool(response.was or (response.via and same)) and now < strength(before.follower.wording)

    def _take_back(self, episode: Episode, before: Answer, response: Response, now: int) -> None:
        market = response.follower
        told = episode.said.get(market)
        why = reason_against(response, episode.answers)
        old = before.follower
        if response.breach_at < before.breach_at:
            wrong = strength(told) > strength(old.wording)
            before.follower = msgspec.structs.replace(
                old, earlier=None, was=told if wrong else old.was, reason=why if wrong else old.reason
            )
        else:
            earlier = old.earlier if strength(old.earlier) > now else None
            wrong = strength(told) > max(now, strength(earlier))
            new = self._follower(response, old.episode if now else None)
            before.follower = msgspec.structs.replace(
                new, was=told if wrong else None, reason=why if wrong else response.reason, earlier=earlier
            )
            before.at, before.final, before.breach_at = response.at, response.final, response.breach_at
        self._disown(episode, response, held(before.follower), now, why)
        if not now and market in episode.answered and not before.awaited:
            # The link had not been told yet, and its absence is no news.
            episode.answered.remove(market)
            before.told = ""

    def _disown(self, episode: Episode, response: Response, holds: int, now: int, why: str) -> None:
        """The follower's own episodes name another source, none, or a looser link to this one. holds: what is still
        true of the link; now: what this answer says."""
        for each in list(self.kept(response.at)):
            if each.source is None or each.source.episode != episode.id or each.market != response.follower:
                continue
            if strength(each.source.wording) <= holds:
                continue
            each.why_not = why
            each.source = source(episode.id, episode.market, self._follower(response, None), None) if now else None
            if each.source is None:
                self.find_source(each)

    def _link(self, episode: Episode, response: Response) -> str | None:
        """The follower's own open episode in the same direction, which from now on names its source."""
        own = None
        for each in self.opened.values():
            if each.what != SIGMA or each.scope != response.follower or each.direction != episode.direction:
                continue
            linked = each.source is not None and each.source.episode == episode.id
            if linked or (each.source is None and self._may_follow(each, episode)):
                was = each.source.was if each.source is not None else None
                each.source = source(episode.id, episode.market, self._follower(response, None), was)
                own = own or each.id
        return own

    def orphan(self, episode: Episode, at: int) -> None:
        """The episode's alert was wrong: it has no source and no followers, and is none."""
        why = f"the alert {episode.id} was withdrawn: {episode.withdrawn}"
        episode.source = episode.said_source = None
        episode.answers.clear()
        episode.answered.clear()
        episode.said.clear()
        for each in list(self.kept(at)):
            if each.source is not None and each.source.episode == episode.id:
                each.source, each.why_not = None, why
                self.find_source(each)
            for market, answer in each.answers.items():
                if answer.follower.episode == episode.id and held(answer.follower):
                    told = each.said.get(market)
                    answer.follower = msgspec.structs.replace(
                        answer.follower, wording="did not respond", was=told, earlier=None, reason=why, episode=None
                    )
                    if market in each.answered:
                        each.answered.remove(market)

    def _may_follow(self, episode: Episode, cause: Episode) -> bool:
        """Whether naming `cause` as the source is true to time, closes no circle, with what was told and is not taken
        back yet, and makes no chain of more than DEEPEST links."""
        if cause.began > episode.began or cause.withdrawn:
            return False
        kept = {each.id: each for each in (*self.opened.values(), *self.closed)}
        up: dict[str, list[str]] = {
            name: [link.episode for link in (each.source, each.said_source) if link is not None]
            for name, each in kept.items()
        }
        down: dict[str, list[str]] = {}
        for name, causes in up.items():
            for each in causes:
                down.setdefault(each, []).append(name)
        above = _depth(up, cause.id, episode.id)
        return above is not None and above + 1 + (_depth(down, episode.id, "") or 0) <= DEEPEST


def _depth(links: Mapping[str, Sequence[str]], start: str, forbidden: str) -> int | None:
    """Links of the longest way from `start`, None where it reaches `forbidden`."""
    level, depth = {start}, 0
    while level:
        if forbidden in level:
            return None
        level = {name for each in level for name in links.get(each, ())}
        depth += bool(level)
    return depth


def _beside(new: Follower, before: Answer, response: Response) -> Follower:
    """The new answer with what must not be lost of the one before it."""
    old = before.follower
    if response.breach_at <= before.breach_at:
        closer = old.earlier if strength(old.earlier) > strength(new.wording) else None
        taken_back = old.was is not None and not strength(new.wording)
        if taken_back:
            return msgspec.structs.replace(new, was=old.was, reason=new.reason or old.reason, earlier=closer)
        return msgspec.structs.replace(new, earlier=closer)
    closest = max((old.wording, old.earlier), key=strength)
    return msgspec.structs.replace(new, earlier=closest if strength(closest) > strength(new.wording) else None)


def _answers(episode: Episode, key: Key) -> bool:
    return episode.key == key and episode.what == SIGMA and not episode.withdrawn


def _is_kept(episode: Episode, now: int) -> bool:
    return episode.closed_at is not None and now - episode.closed_at <= KEEP
