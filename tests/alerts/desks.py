"""A desk with routes and nothing else, and whom it tells at once."""

from __future__ import annotations

from stressd.alerts.desk import Desk, DeskSpec
from stressd.alerts.event import Event
from stressd.alerts.routing import RouteSpec
from tests.alerts.facts import spec


def desk_of(routes: tuple[RouteSpec, ...]) -> Desk:
    return Desk(DeskSpec(routes, storm=None), spec())


def assign(desk: Desk, event: Event) -> tuple[str, ...]:
    (routed,) = desk.take(event)
    assert routed.event == event
    return routed.sinks
