"""A simulated world through the live pipeline, scored: no files in between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stressd.alerts.event import Event
from stressd.lab.offline import Setup, drive
from stressd.lab.scoring.score import Score, score
from stressd.lab.sim.labels import Label
from stressd.lab.sim.model import SimSpec
from stressd.lab.sim.world import Simulation
from stressd.market.tick import Tick
from stressd.market.times import day_start


class NotWatched(ValueError):
    """Series that are simulated and that the configuration does not watch."""


def trial(setup: Setup, spec: SimSpec, rules: Sequence[str] = ()) -> Score:
    """One run. rules: whose episodes count, all market episodes if empty. Raises NotWatched."""
    labels: list[Label] = []
    return score(list(events(setup, spec, labels)), labels, rules)


def events(setup: Setup, spec: SimSpec, labels: list[Label]) -> Iterator[Event]:
    """What is told of market episodes on a simulated run; `labels` is filled on the way. Raises NotWatched."""
    simulation = Simulation(spec)
    unwatched = sorted(set(simulation.series()) - set(setup.series()))
    if unwatched:
        raise NotWatched(f"simulated but not watched: {', '.join(unwatched)}")
    labels.append(simulation.run)
    own = setup.without_feeds({name: {"simulated"} for name in simulation.series()})
    pipeline = own.pipeline(day_start(spec.start), "simulated")
    for event in drive(pipeline, _ticks(simulation, labels)):
        if event.kind == "market":
            yield event


def _ticks(simulation: Simulation, labels: list[Label]) -> Iterator[Tick]:
    for day in simulation.days():
        labels.extend(day.labels)
        yield from day.ticks()
