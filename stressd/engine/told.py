"""After a restart: what people were told, put back into the series that it was said of."""

from __future__ import annotations

from collections.abc import Sequence

from stressd.engine.detector import DETECTOR_OFF
from stressd.engine.events import FEED
from stressd.engine.series import SeriesState
from stressd.engine.spec import HORIZONS
from stressd.engine.unitflip import RULE as UNIT_CHANGED

Told = tuple[str, str, int, str, str, int]
"""A breach that keeps an episode open: rule, market, direction, series, horizon, severity."""


def adopt(
    series: dict[str, SeriesState],
    active: Sequence[Told],
    silent: Sequence[tuple[str, str, str]],
    noted: Sequence[tuple[str, str, str]],
) -> None:
    """What keeps told episodes open is on in `series` (by id), and nothing else. The rows are those of
    `Engine.reconcile`."""
    told = {(rule, name, horizon): (direction, severity) for rule, _, direction, name, horizon, severity in active}
    quiet = {(rule, name): scope for rule, scope, name in silent}
    feeds: dict[tuple[str, str], tuple[str, ...]] = {}
    for rule, scope, name in silent:
        if scope.startswith(FEED):
            feeds[(rule, scope)] = (*feeds.get((rule, scope), ()), name)
    off = {(scope, name) for rule, scope, name in noted if rule == DETECTOR_OFF}
    for state in series.values():
        for watch in state.breaches.watches:
            found = told.get((watch.rule, state.id, HORIZONS[watch.horizon]))
            if found is None:
                watch.reset()
            else:
                watch.adopt(found[0], found[1])
        state.breaches.count()
        state.unit.adopt(any(rule == UNIT_CHANGED and name == state.id for rule, _, name in noted))
        for silence in state.silences:
            rule = silence.rule.name
            scope = quiet.get((rule, state.id), "")
            together = feeds.get((rule, scope), ())
            silence.adopt((rule, state.id) in quiet, together, scope.removeprefix(FEED) if together else "")
        if state.detectors is not None:
            for detector in state.detectors.watches:
                detector.off_told = (detector.rule.name, detector.series) in off
    for rule, _, name in noted:
        if rule == "failed-over" and name in series:
            series[name].adopt_failover()
