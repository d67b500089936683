"""Jumps, their children in other markets, clusters and fakes: every one drawn and labelled when its session opens."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from stressd.lab.sim.arrays import Floats, stream
from stressd.lab.sim.hours import Hours
from stressd.lab.sim.labels import Move, MoveKind
from stressd.lab.sim.model import BETA, BETA_SPREAD, LINKS, MODELS, Link, SimSpec, curve_scales
from stressd.lab.sim.shocks import LogVol
from stressd.market.calendar import Session
from stressd.market.times import SECOND, day_iso, iso

SMALLEST: Final = 6.0
LARGEST: Final = 14.0
"""Sigmas of five minutes, of primaries and of what they excite."""

RAMP_S: Final = (20.0, 60.0)
LIQUID: Final = 0.8
"""Shape of the day from which on hours are liquid."""

LEAD_S: Final = 600
TAIL_S: Final = 960
"""No jump starts so soon after an opening or so late before a close."""

BRANCHING: Final = 0.3
EXCITED_S: Final = 300.0
"""Mean number of jumps that one excites in its own market, and their mean delay."""

RETRACED: Final = 0.5
RETRACE_S: Final = 300.0

_MILLI: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Jump:
    """A linear move from `onset` (ns) over `ramp_s`, of `sizes` bp by tenor; and its label."""

    market: str
    onset: int
    ramp_s: float
    sizes: Floats
    label: Move


class Jumps:
    """Draws the jumps of one world."""

    def __init__(self, spec: SimSpec, hours: Mapping[str, Hours], vols: Mapping[str, LogVol]) -> None:
        self._spec = spec
        self._hours = hours
        self._vols = vols
        self._scales = curve_scales(spec.tenors)
        self._lead = spec.lead()
        self._answered: set[tuple[str, int]] = set()

    def sigma_bp(self, market: str, t: int) -> float:
        """Sigma (bp) of the ten-year's move over the five minutes from t (ns) on, tails apart."""
        hours = self._hours[market]
        day = hours.calendar.span_at(t).day
        daily = MODELS[market].sigma * self._vols[market].factor(day)
        return daily * hours.shape_over(t, 300) * math.sqrt(300.0 / hours.open_s)

    def of_session(self, market: str, session: Session) -> list[Jump]:
        """The primaries of a session and all that comes of them, wherever and whenever, in no order."""
        if not self._spec.jumps:
            return []
        rng = stream(self._spec.seed, "jumps", market, session.day)
        count = int(rng.poisson(MODELS[market].primaries * self._spec.rate))
        draws = rng.random((count, 6))
        minutes = self._hours[market].liquid_minutes(session, LIQUID, LEAD_S, TAIL_S) if count else []
        made: list[Jump] = []
        for number, (place, second, size, sign, ramp, fake) in enumerate(draws, 1) if minutes else []:
            onset = minutes[int(place * len(minutes))] + int(second * 60_000) * _MILLI
            k = math.copysign(SMALLEST + (LARGEST - SMALLEST) * size, sign - 0.5)
            name = f"{market}-{day_iso(session.day)}-{number}"
            jump = self._jump("primary", name, name, None, market, onset, k, float(ramp))
            made.append(jump)
            if fake < self._spec.fakes:
                made.append(self._retrace(jump))
                continue
            made += self._children(jump)
            if self._spec.clusters:
                made += self._excited(jump, rng)
        return made

    def _jump(
        self,
        kind: MoveKind,
        name: str,
        root: str,
        parent: Jump | None,
        market: str,
        onset: int,
        k: float,
        ramp: float,
        at_open: bool = False,
    ) -> Jump:
        """ramp: 0 to 1 within RAMP_S."""
        sizes = k * self.sigma_bp(market, onset) * self._scales
        ramp_s = round(RAMP_S[0] + (RAMP_S[1] - RAMP_S[0]) * ramp, 3)
        return self._labelled(kind, name, root, parent, market, onset, k, ramp_s, sizes, at_open)

    def _labelled(
        self,
        kind: MoveKind,
        name: str,
        root: str,
        parent: Jump | None,
        market: str,
        onset: int,
        k: float,
        ramp_s: float,
        sizes: Floats,
        at_open: bool = False,
    ) -> Jump:
        lag = open_lag = None
        if parent is not None:
            lag = (onset - parent.onset) / SECOND
            open_lag = self._hours[market].calendar.open_between(parent.onset, onset) / SECOND
        label = Move(
            id=name,
            kind=kind,
            root=root,
            parent=parent.label.id if parent is not None else None,
            market=market,
            tenor=self._spec.tenors[self._lead],
            onset=iso(onset),
            ramp_s=ramp_s,
            k=round(k, 6),
            bp=round(float(sizes[self._lead]), 6),
            lag_s=lag,
            open_lag_s=open_lag,
            at_open=at_open,
        )
        return Jump(market, onset, ramp_s, sizes, label)

    def _retrace(self, jump: Jump) -> Jump:
        onset = jump.onset + round(jump.ramp_s * 1000) * _MILLI
        name = f"{jump.label.id}/retrace"
        sizes = -RETRACED * jump.sizes
        k = -RETRACED * jump.label.k
        return self._labelled("retrace", name, jump.label.root, jump, jump.market, onset, k, RETRACE_S, sizes)

    def _children(self, parent: Jump) -> list[Jump]:
        made: list[Jump] = []
        if not self._spec.propagate:
            return made
        for link in LINKS:
            if link.source != parent.market or link.follower not in self._spec.markets:
                continue
            rng = stream(self._spec.seed, "children", parent.label.id, link.follower)
            chance, size, ramp = rng.random(3)
            if chance < link.p:
                child = self._child(parent, link, rng, float(size), float(ramp))
                if child is not None:
                    made += [child, *self._children(child)]
        return made

    def _child(self, parent: Jump, link: Link, rng: np.random.Generator, size: float, ramp: float) -> Jump | None:
        """None where the market opens with its answer to an earlier jump: two answers at once would be one move."""
        calendar = self._hours[link.follower].calendar
        lag = int(link.lag_s * math.exp(link.spread * float(rng.standard_normal())) * 1000) * _MILLI
        k = parent.label.k * BETA * (1.0 + BETA_SPREAD * (2.0 * size - 1.0))
        onset = parent.onset + lag
        span = calendar.span_at(parent.onset)
        at_open = not span.is_open or span.end - onset < int((RAMP_S[1] + 60.0) * SECOND)
        if at_open:
            opening = calendar.next_open(parent.onset if not span.is_open else span.end)
            if (link.follower, opening) in self._answered:
                return None
            self._answered.add((link.follower, opening))
            onset = opening + lag
        name = f"{parent.label.id}/{link.follower}"
        return self._jump("child", name, parent.label.root, parent, link.follower, onset, k, ramp, at_open)

    def _excited(self, trigger: Jump, rng: np.random.Generator) -> list[Jump]:
        made: list[Jump] = []
        closes = self._hours[trigger.market].calendar.span_at(trigger.onset).end
        for number in range(1, int(rng.poisson(BRANCHING)) + 1):
            delay, size, sign, ramp = rng.exponential(EXCITED_S), *rng.random(3)
            onset = trigger.onset + int(delay * 1000) * _MILLI
            if onset + TAIL_S * SECOND > closes:
                continue
            k = math.copysign(SMALLEST + (LARGEST - SMALLEST) * size, sign - 0.5)
            name = f"{trigger.label.id}+{number}"
            jump = self._jump(
                "cluster", name, trigger.label.root, trigger, trigger.market, onset, float(k), float(ramp)
            )
            made += [jump, *self._excited(jump, rng)]
        return made


def ramped(jump: Jump, start: int, begin: int, end: int) -> Floats:
    """How much of the jump has come (0 to 1) at the edges of the seconds begin..end of the UTC date that starts at
    `start` (ns)."""
    edges = np.arange(begin, end + 1) - (jump.onset - start) / SECOND
    return np.clip(edges / jump.ramp_s, 0.0, 1.0)
