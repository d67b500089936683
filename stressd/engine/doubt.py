"""A move that one tenor makes alone is told, but not believed in full.

A breach is in doubt while a neighbouring tenor that has ticked since the move began has not moved along, none has, and
no second source says the same. It is told at `warn` at most, with the reason, until a neighbour moves, another source
says so, or the series itself has said so five times over a minute.
"""

from __future__ import annotations

from typing import Any, Final

from stressd.engine.events import Breach
from stressd.engine.ring import SLOT, SLOTS
from stressd.engine.series import SeriesState
from stressd.engine.spec import HORIZONS, MINUTE

ALONG: Final = 0.2
"""Part of a move that a neighbour must make, either way, to have moved too."""

TICKS: Final = 5
LONG_ENOUGH: Final = MINUTE
LOOK_BACK: Final = 12
"""Slots (one minute) back to which the beginning of a move is looked for."""


class Doubt:
    """One series in doubt. size: of the move in bp; since: when it was told; base: where the series and its neighbours
    stood before it (percent); ticks: of its own since then; told: the breaches that were told so."""

    __slots__ = ("base", "series", "since", "size", "text", "ticks", "told")

    def __init__(self, series: str, since: int, size: float, text: str) -> None:
        self.series = series
        self.since = since
        self.size = size
        self.text = text
        self.base: dict[str, float] = {}
        self.ticks = 0
        self.told: list[Told] = []

    def moved(self, state: SeriesState, least: float) -> bool:
        """Whether this series has moved by the part `least` of the move since it began, either way for a neighbour."""
        base = self.base.get(state.id)
        if base is None:
            return False
        change = (state.y - base) * 100.0
        if state.id == self.series:
            return change * self.size >= least * self.size * self.size
        return abs(change) >= least * abs(self.size)

    def tell(self, breach: Breach) -> None:
        """This breach is told in doubt."""
        self.leave(breach)
        self.told.append(
            Told(breach.rule, breach.horizon, breach.reference_value, breach.reference_time, breach.sigma_bp)
        )

    def leave(self, breach: Breach) -> None:
        """This breach is over."""
        self.told = [each for each in self.told if (each.rule, each.horizon) != (breach.rule, breach.horizon)]

    def state(self) -> list[Any]:
        """Everything, as plain values."""
        told = [each.state() for each in self.told]
        return [self.series, self.since, self.size, self.text, dict(self.base), self.ticks, told]


class Told:
    """A breach that was told in doubt, and what it was measured from."""

    __slots__ = ("horizon", "reference", "reference_time", "rule", "sigma_bp")

    def __init__(self, rule: str, horizon: str, reference: float, reference_time: int, sigma_bp: float) -> None:
        self.rule = rule
        self.horizon = horizon
        self.reference = reference
        self.reference_time = reference_time
        self.sigma_bp = sigma_bp

    def state(self) -> list[Any]:
        """Everything, as plain values."""
        return [self.rule, self.horizon, self.reference, self.reference_time, self.sigma_bp]


def load_doubt(state: list[Any]) -> Doubt:
    """The doubt of `Doubt.state`."""
    doubt = Doubt(str(state[0]), int(state[1]), float(state[2]), str(state[3]))
    doubt.base = {str(name): float(value) for name, value in state[4].items()}
    doubt.ticks = int(state[5])
    doubt.told = [Told(str(row[0]), str(row[1]), float(row[2]), int(row[3]), float(row[4])) for row in state[6]]
    return doubt


def doubt_of(breach: Breach, state: SeriesState, neighbours: list[SeriesState]) -> Doubt | None:
    """The doubt about a breach of `state`, None where nothing speaks against it."""
    began = _began(breach, state)
    horizon = HORIZONS.index(breach.horizon)
    doubt = Doubt(state.id, breach.time, breach.change_bp, "")
    doubt.base[state.id] = breach.reference_value
    witnesses = []
    for each in neighbours:
        reference = each.horizons.all[horizon].ref
        if reference != reference:
            continue
        doubt.base[each.id] = reference
        if doubt.moved(each, ALONG):
            return None
        if each.t >= began:
            witnesses.append(each.spec.tenor)
    if not witnesses or confirmed(state, breach.change_bp):
        return None
    doubt.text = f"{' and '.join(witnesses)} {'has' if len(witnesses) == 1 else 'have'} not moved"
    return doubt


def confirmed(state: SeriesState, size: float) -> bool:
    """Whether another source says about the same."""
    return state.sources.confirm(state.t, state.y, abs(size) * 0.01)


def _began(breach: Breach, state: SeriesState) -> int:
    """When the series was first seen where it has moved to."""
    gate = state.sources.active
    if gate is not None and 0 <= breach.time - gate.jumped <= MINUTE:
        return gate.jumped
    began = breach.time
    ring = state.horizons.ring
    near = abs(breach.change_bp) * 0.005
    slot = breach.time // SLOT
    for number in range(slot, slot - LOOK_BACK, -1):
        k = number % SLOTS
        if ring.times[k] // SLOT == number:
            if abs(ring.values[k] - breach.value) > near:
                break
            began = min(began, ring.times[k])
    return began
