"""Which episode a breach belongs to: one move, one episode, also where it moves a slope of the market too."""

from __future__ import annotations

from collections.abc import Mapping

from stressd.alerts.episode import SPREADS, Episode, Key
from stressd.alerts.words import is_spread
from stressd.engine.events import ENTERED, Breach


def home_of(opened: Mapping[Key, Episode], breach: Breach, name: str) -> tuple[str, Episode | None]:
    """The scope of the breach, and the open episode that it is a part of.

    A spread of a market has an episode of its own only where the market's yields have none of the same rule: otherwise
    it is a part of theirs, whatever its sign, until it has left. name: `series|horizon`.
    """
    if not is_spread(breach.series):
        return breach.market, opened.get((breach.rule, breach.market, breach.direction))
    scope = breach.market + SPREADS
    own = opened.get((breach.rule, scope, breach.direction))
    if own is not None and name in own.active:
        return scope, own
    yields = [
        each for direction in (1, -1) if (each := opened.get((breach.rule, breach.market, direction))) is not None
    ]
    holding = next((each for each in yields if name in each.active), None)
    if holding is None and own is None and breach.phase == ENTERED:
        holding = max(yields, key=lambda each: each.opened_at, default=None)
    return scope, holding or own
