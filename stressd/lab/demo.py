"""The demo's script: what it configures, what it publishes and when, and what must have been told at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

import aiomqtt
import msgspec

from stressd.alerts.event import Event
from stressd.lab.bridges import Bridges
from stressd.lab.scenario import Scenario
from stressd.market.calendar import Calendar
from stressd.market.sessions import calendar, local
from stressd.market.tick import Tick

FEED: Final = "desk"

HOUR: Final = 3_600_000_000_000

SPILLED: Final = ("co-moved", "followed", "spilled over")


IN_FLIGHT: Final = 8
"""Ticks that may be on their way: about half a minute of the scenario."""


class Clock(Protocol):
    """The scenario's time, scaled, as far as it is let."""

    def now(self) -> int: ...

    def let(self, limit: int) -> None: ...

    async def sleep_until(self, t: int) -> None: ...


def calendars(scenario: Scenario) -> dict[str, Calendar]:
    """The calendars that a scenario names."""
    return {market.calendar: calendar(market.calendar) for market in scenario.markets.values()}


def config_text(scenario: Scenario, broker: str, console: bool) -> str:
    """The daemon's configuration, as an engineer would write it for a real broker. console: alerts in the terminal."""
    markets = "\n".join(
        f"  {name}: {{calendar: {spec.calendar}, tenors: [{', '.join(series.split('.')[2] for series in spec.sigma)}]}}"
        for name, spec in scenario.markets.items()
    )
    sinks = """
routes:
  - {match: {kind: [market, feed, self]}, sinks: terminal}
daily: {sinks: terminal}
sinks:
  - {name: terminal, type: console}
"""
    return f"""instance: demo
listen: none
markets:
{markets}
feeds:
  - name: {FEED}
    type: mqtt
    url: {broker}
    topics: "yields/{{market}}/{{tenor}}"
    payload: {{format: json, value: yield, time: ts}}
rules:
  - name: sigma-breach
    type: sigma
    series: "*"
    sigma: {{warn: 3, high: 4, critical: 6}}
    floor: {{1m: 2bp, 5m: 2bp, 30m: 4bp, session: 6bp, 1d: 6bp}}
{sinks if console else ""}"""


async def publish(
    ticks: Sequence[Tick],
    clock: Clock,
    host: str,
    port: int,
    read: Callable[[], int],
    told: Callable[[Tick], None] = lambda tick: None,
) -> None:
    """Each tick as an MQTT message, at its time or as soon after it as it can be sent; its stamp is that moment.

    read: how many ticks the daemon has read. Time waits for it, so that a slow machine makes the demo longer and not
    another one.
    """
    async with aiomqtt.Client(host, port, protocol=aiomqtt.ProtocolVersion.V5) as client:
        for sent, tick in enumerate(ticks):
            while sent - read() > IN_FLIGHT:
                await asyncio.sleep(0.001)
            clock.let(tick.time)
            if tick.time > clock.now():
                await clock.sleep_until(tick.time)
            market, _, tenor = tick.series.split(".")
            message = msgspec.json.encode({"yield": tick.value, "ts": clock.now()})
            await client.publish(f"yields/{market}/{tenor}", message)
            told(tick)


class Milestone:
    """A moment at which the demo says where it is."""

    __slots__ = ("text", "time")

    def __init__(self, time: int, text: str) -> None:
        self.time = time
        self.text = text


def milestones(scenario: Scenario, simulator: Bridges) -> list[Milestone]:
    """Openings, breaks and closes of each market within the scenario, and each full hour of trading, in order."""
    found = []
    for name in scenario.markets:
        trading = simulator.calendars[name]
        at = scenario.starts
        while at < scenario.ends:
            span = trading.span_at(at)
            what = "trades" if span.is_open else f"is closed ({span.reason})"
            found.append(Milestone(at, f"{_there(at, trading)}: {name} {what}"))
            if span.is_open:
                hours = range(at // HOUR * HOUR + HOUR, span.end, HOUR)
                found += [Milestone(hour, _there(hour, trading)) for hour in hours]
            at = span.end
    return sorted(found, key=lambda milestone: milestone.time)


def _there(t: int, trading: Calendar) -> str:
    city = trading.zone.partition("/")[2].replace("_", " ")
    return f"{local(t, trading.zone):%a %d %b %H:%M} {city}"


def missing(events: Iterable[Event]) -> list[str]:
    """What the scenario should have shown and did not; empty when it showed all."""
    told = list(events)
    lacks = []
    if not any(event.market == "JP" and event.severity == "critical" for event in told):
        lacks.append("JP did not become critical")
    followers = [each for event in told if event.market == "JP" for each in event.followers]
    if not any(each.market == "US" and each.wording in SPILLED for each in followers):
        said = sorted({each.wording for each in followers if each.market == "US"})
        lacks.append(f"US is not among its followers ({', '.join(said) if said else 'nothing was said of it'})")
    return lacks
