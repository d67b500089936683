"""Links that were told and do not hold: what an event of type `corrected` takes back, and in which words.

What was told of a link stands in the episode (`said`, `said_source`) until a correction has been told; whatever is told
in between already shows what is true.
"""

from __future__ import annotations

from collections.abc import Mapping

from stressd.alerts.claims import held, strength
from stressd.alerts.episode import Answer, Episode
from stressd.alerts.event import Source, Wording
from stressd.alerts.words import duration_text
from stressd.engine.response import Response

TOGETHER = "both moved at once, as far as their ticks can tell"
NOT_BORNE_OUT = "what came later does not bear it out"


def is_wrong(episode: Episode) -> bool:
    """Whether an event of the episode told a link that does not hold any more."""
    return bool(_wrong_answers(episode)) or _has_wrong_source(episode)


def accept(episode: Episode) -> None:
    """What was wrong has been taken back."""
    for market in _wrong_answers(episode):
        follower = episode.answers[market].follower
        episode.said.pop(market)
        if held(follower):
            episode.said[market] = _closest(follower.wording, follower.earlier)
    if _has_wrong_source(episode):
        episode.said_source, episode.why_not = episode.source, ""


def retraction(episode: Episode) -> str:
    """What is true now, why, and what was told."""
    return f"{'; '.join(statements(episode))} ({_told_before(episode)})"


def statements(episode: Episode) -> list[str]:
    """What is true now of each link that was told and does not hold, and why."""
    name = episode.market
    made = []
    for market, said in _wrong_answers(episode).items():
        follower = episode.answers[market].follower
        made.append(f"{_now(market, name, said, follower.wording)}: {follower.reason or NOT_BORNE_OUT}")
    said_source = episode.said_source
    if said_source is not None and _has_wrong_source(episode):
        same = episode.source if episode.source and episode.source.episode == said_source.episode else None
        now = _now(name, said_source.market, said_source.wording, same.wording if same else "did not respond")
        other = "" if episode.source is None or same else f"; {_told(name, episode.source.market, episode.source)}"
        made.append(f"{now}: {episode.why_not or NOT_BORNE_OUT}{other}")
    return made


def _told_before(episode: Episode) -> str:
    name = episode.market
    wrong = [link_text(market, name, said) for market, said in _wrong_answers(episode).items()]
    if episode.said_source is not None and _has_wrong_source(episode):
        wrong.append(link_text(name, episode.said_source.market, episode.said_source.wording))
    return f"told before: {'; '.join(wrong)}"


def reason_against(response: Response, answers: Mapping[str, Answer]) -> str:
    """Why a link is taken back. answers: of the source's episode."""
    if response.via:
        middle = answers.get(response.via)
        return put_down_to(response.via, response.market, middle is not None and held(middle.follower) > 0)
    if response.reason:
        return response.reason
    if response.lag is not None and response.lag < 0:
        return f"late ticks show that it moved {duration_text(-response.lag / 1e9)} earlier"
    return TOGETHER if response.wording == "co-moved" else NOT_BORNE_OUT


def put_down_to(via: str, source: str, linked: bool) -> str:
    """ "its move is put down to US, which followed JP"; linked: whether that is said of US."""
    return f"its move is put down to {via}" + (f", which followed {source}" if linked else "")


def link_text(follower: str, source: str, wording: str) -> str:
    """A link in the words of its layer: "US followed JP", "JP spilled over into US"."""
    if wording == "spilled over":
        return f"{source} spilled over into {follower}"
    return f"{follower} {'moved together with' if wording == 'co-moved' else 'followed'} {source}"


def _now(follower: str, source: str, said: str, now: str) -> str:
    if now == "co-moved":
        return f"{follower} moved together with {source} and did not follow it"
    if now == "followed":
        return f"{source} did not spill over into {follower}, which followed it"
    if said == "co-moved":
        return f"{follower} did not move together with {source}"
    return f"{follower} did not follow {source}"


def _told(follower: str, market: str, source: Source) -> str:
    return f"{link_text(follower, market, source.wording)} ({source.episode})"


def _closest(wording: Wording, earlier: Wording | None) -> Wording:
    return earlier if earlier is not None and strength(earlier) > strength(wording) else wording


def _wrong_answers(episode: Episode) -> dict[str, Wording]:
    """What was told of each market whose answer is no such link any more."""
    return {
        market: said for market, said in episode.said.items() if held(episode.answers[market].follower) < strength(said)
    }


def _has_wrong_source(episode: Episode) -> bool:
    said, now = episode.said_source, episode.source
    if said is None:
        return False
    return now is None or now.episode != said.episode or strength(now.wording) < strength(said.wording)
