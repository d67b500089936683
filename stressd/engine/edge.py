"""A directed pair of markets: how often, how fast and how strongly the one follows the other, and whether that is more
than moving together.

Two kinds of evidence tell a direction from a common shock, and both stay valid however often one looks, because they
are wealth of a bet that is fair if there is no direction (Shafer 2021; Ramdas, Grunwald, Vovk and Shafer 2023):
- both open: pulses of the one after the other's against pulses before; moving together makes them equally frequent;
- the follower closed: pulses in its first quarter of an hour after the source moved while it could not, against how
  often it has such pulses at other opens.
"""

from __future__ import annotations

import math
from typing import Any, Final

from stressd.engine.lag_kernel import LagKernel
from stressd.engine.spec import DAY

HALF_LIFE: Final = 168.0 * DAY
"""ns after which what was learned of rate, lag and size counts half: 120 sessions."""

PRIOR_RATE: Final = 0.02
HINTED_RATE: Final = 0.5
PRIOR_TRIALS: Final = 3.0

SIZE_KNOWN: Final = 5.0
"""Links from which the size of an answer speaks for or against a source."""

SIZE_SPREAD: Final = 1.0
LEAST_SIZE_SPREAD: Final = 0.25
"""Standard deviation of log sizes of answers to other things, and the least of answers to this."""

STAKES: Final[tuple[float, ...]] = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Shares of the way from chance to certainty that the bets stand on."""


class Edge:
    """source -> follower. hinted: a user has named it. links, trials: decayed counts of answers (by share) and of large
    source pulses; judged, answered: the same as plain counts, of links that were told. forward, backward: pulses of
    the follower after and before large ones of the source, both open. opens, at_open: the follower's opens after such
    a pulse while it was closed, and those with an answer. betas: bp per bp, decayed sums. last: ns of the last trial.
    """

    __slots__ = (
        "_log_open", "_time", "answered", "at_open", "backward", "betas", "follower", "forward", "hinted", "kernel",
        "last", "links", "opens", "sizes", "sizes_sq", "source", "told", "trials", "weight",
    )  # fmt: skip

    def __init__(self, source: str, follower: str, hinted: bool) -> None:
        self.source = source
        self.follower = follower
        self.hinted = hinted
        self.kernel = LagKernel()
        self.links = 0.0
        self.trials = 0.0
        self.answered = 0
        self.told = 0
        self.forward = 0
        self.backward = 0
        self.opens = 0
        self.at_open = 0
        self._log_open = [0.0] * len(STAKES)
        self.weight = 0.0
        self.betas = 0.0
        self.sizes = 0.0
        self.sizes_sq = 0.0
        self._time = 0
        self.last = 0

    def rate(self) -> float:
        """Probability that a large pulse of the source is answered."""
        prior = HINTED_RATE if self.hinted else PRIOR_RATE
        return (prior * PRIOR_TRIALS + self.links) / (PRIOR_TRIALS + self.trials)

    def trial(self, t: int) -> None:
        """A large pulse of the source at t."""
        self._decay(t)
        self.trials += 1.0
        self.last = t

    def _decay(self, t: int) -> float:
        decay = math.pow(2.0, -max(t - self._time, 0) / HALF_LIFE) if self._time != 0 else 1.0
        self._time = max(t, self._time)
        self.trials *= decay
        self.links *= decay
        self.weight *= decay
        self.betas *= decay
        self.sizes *= decay
        self.sizes_sq *= decay
        return decay

    def learn(self, t: int, lag_s: float, share: float, size: float, beta: float) -> None:
        """A pulse of the follower at t is put down to the source by `share`. size: its size over the source's, both in
        their own sigma; beta: in bp."""
        decay = self._decay(t)
        self.kernel.learn(lag_s, share, decay)
        self.links = min(self.links + share, max(self.trials, share))
        log_size = math.log(max(size, 0.05))
        self.weight += share
        self.sizes += share * log_size
        self.sizes_sq += share * log_size * log_size
        self.betas += share * beta

    def likes_size(self, size: float) -> float:
        """How much likelier an answer of this size is than one to something else; 1 until sizes are known."""
        if self.weight < SIZE_KNOWN:
            return 1.0
        mean = self.sizes / self.weight
        spread = max(math.sqrt(max(self.sizes_sq / self.weight - mean * mean, 0.0)), LEAST_SIZE_SPREAD)
        x = math.log(max(size, 0.05))
        here = math.exp(-0.5 * (x - mean) * (x - mean) / (spread * spread)) / spread
        else_where = math.exp(-0.5 * x * x / (SIZE_SPREAD * SIZE_SPREAD)) / SIZE_SPREAD
        return min(max(here / max(else_where, 1e-12), 0.1), 4.0)

    def seen(self) -> bool:
        """Whether anything was learned of the pair."""
        return self._time != 0 or self.forward + self.backward + self.opens > 0

    def beta(self) -> float:
        """Mean bp per bp, nan while there is no link."""
        return self.betas / self.weight if self.weight > 0.0 else math.nan

    def at_an_open(self, answered: bool, usual: float) -> None:
        """The follower has opened after a large pulse of the source while it was closed. usual: how often it has such
        a pulse at its open anyway."""
        self.opens += 1
        self.at_open += int(answered)
        usual = min(max(usual, 0.001), 0.9)
        for k in range(len(STAKES)):
            bet = usual + (1.0 - usual) * STAKES[k]
            self._log_open[k] += math.log(bet / usual) if answered else math.log((1.0 - bet) / (1.0 - usual))

    def wealth(self) -> float:
        """What a unit staked on the direction has become; 20 and more would come by chance once in twenty times."""
        return _mean_exp(self._log_direction()) * _mean_exp(self._log_open)

    def _log_direction(self) -> list[float]:
        found = []
        for stake in STAKES:
            found.append(self.forward * math.log(1.0 + stake) + self.backward * math.log(1.0 - stake))
        return found

    def p(self) -> float:
        """Of no direction, valid at any time (Ville's inequality)."""
        return min(1.0, 1.0 / max(self.wealth(), 1e-300))

    def state(self) -> list[Any]:
        """Everything, as plain values."""
        return [
            self.kernel.state(),
            [self.links, self.trials, self.weight, self.betas, self.sizes, self.sizes_sq],
            [self.answered, self.told, self.forward, self.backward, self.opens, self.at_open],
            list(self._log_open),
            [self._time, self.last],
        ]

    def load(self, state: list[Any]) -> None:
        """Take up where `state` left off."""
        self.kernel.load(state[0])
        self.links, self.trials, self.weight, self.betas, self.sizes, self.sizes_sq = (float(x) for x in state[1])
        self.answered, self.told, self.forward, self.backward, self.opens, self.at_open = (int(x) for x in state[2])
        self._log_open = [float(x) for x in state[3]]
        self._time, self.last = int(state[4][0]), int(state[4][1])


def _mean_exp(logs: list[float]) -> float:
    top = max(logs)
    total = 0.0
    for x in logs:
        total += math.exp(x - top)
    return math.exp(min(top, 600.0)) * total / len(logs)


def proven(edges: list[Edge], alpha: float) -> float:
    """The wealth from which on an edge counts as directed, such that of all that do at most a share `alpha` is expected
    to be false, whatever their dependence (e-BH: Wang and Ramdas 2022); infinite where none does."""
    wealths = sorted((edge.wealth() for edge in edges), reverse=True)
    found = math.inf
    for k, wealth in enumerate(wealths, 1):
        if wealth >= len(wealths) / (alpha * k):
            found = wealth
    return found
