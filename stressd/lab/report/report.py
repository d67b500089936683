"""The periodic report: what a period was like in the user's own markets, every number with what it was counted on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from stressd import METHOD, __version__
from stressd.alerts.event import Event
from stressd.engine.engine import Engine
from stressd.engine.spec import SEVERITIES, EngineSpec
from stressd.lab.backtest import Daily, episode_lines
from stressd.lab.hawkes import Excitation
from stressd.lab.offline import Setup
from stressd.lab.report import excited
from stressd.lab.report.breadth import Breadth, breadth
from stressd.lab.report.flows import Direction, Flow, directions, flows
from stressd.lab.report.links import Links
from stressd.lab.report.panel import MarketMoves, common_days, market_moves
from stressd.lab.report.paths import TickLags
from stressd.lab.report.stress_path import StressPath
from stressd.lab.report.system import System
from stressd.lab.report.told import Labels, Opened, RuleRow, by_rule, labels_by_rule
from stressd.market.times import DAY, EPOCH_ORDINAL, day_iso, day_of, parse_time

FORM: Final = 1
"""Of the JSON: raised when a key changes its meaning or goes."""

PROBE: Final = "probe"
"""Rule of the daemon's own probes, which nobody is asked to judge."""

KINDS: Final = ("volatility", "moves")


class Exposure:
    """What there was to see of one market. sessions: fixings' days in the period; of: in its history up to the period's
    end; explained: share of its tenors' variance that its component carries."""

    __slots__ = ("explained", "first", "last", "market", "of", "sessions", "tenors")

    def __init__(self, moves: MarketMoves, since: int, until: int) -> None:
        days = moves.days.tolist()
        self.market = moves.name
        self.tenors = moves.tenors
        self.sessions = sum(since <= day <= until for day in days)
        self.of = len(days)
        self.first, self.last = days[0], days[-1]
        self.explained = moves.explained

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "market": self.market,
            "series": list(self.tenors),
            "sessions": self.sessions,
            "history_sessions": self.of,
            "first": day_iso(self.first),
            "last": day_iso(self.last),
            "component_share": round(self.explained, 4),
        }


class Report:
    """since, until: ordinals, both in the period; made_of: in words. The parts that are set later are None where there
    is nothing to make them of."""

    __slots__ = (
        "breadth", "breadth_history", "config", "daemon", "directions", "episodes", "excited", "exposure", "flows",
        "instance", "labels", "links", "made_of", "markets", "rules", "rules_of", "since", "stress", "systems",
        "tick_lags", "until",
    )  # fmt: skip

    def __init__(
        self, setup: Setup, daily: Mapping[str, Daily], since: int, until: int, made_of: str, *, gauges: bool = False
    ) -> None:
        moves = market_moves(daily, setup.spec, until, gauges=gauges)
        self.instance = setup.instance
        self.config = setup.config
        self.made_of = made_of
        self.markets = "gauge" if gauges else "component"
        self.since = since
        self.until = until
        self.exposure = [Exposure(each, since, until) for each in moves]
        panel = common_days(moves)
        self.systems = {kind: System(kind, panel) for kind in KINDS}
        self.flows: list[Flow] = flows(moves)
        self.directions: list[Direction] = directions(self.flows)
        self.breadth: list[Breadth] = breadth(moves, since, until)
        self.breadth_history: list[Breadth] = breadth(moves, 0, until)
        self.episodes: list[Opened] = []
        self.rules: list[RuleRow] = []
        self.rules_of = ""
        self.labels: list[Labels] = []
        self.links: Links | None = None
        self.tick_lags: TickLags | None = None
        self.excited: Excitation | None = None
        self.stress: StressPath | None = None
        self.daemon: dict[str, Any] | None = None

    def told(self, events: Sequence[Event], spec: EngineSpec, made_of: str, days: Mapping[str, int]) -> None:
        """Everything that was told, of which the episodes of the period count. made_of: by whom, in words; days: by
        market, those with a tick, for markets without fixings."""
        self.episodes = [each for each in opened(events) if self.since <= each.at < self.until + 1]
        self.excited = excited.excited(events, spec)
        sessions = {**days, **{each.market: each.sessions for each in self.exposure}}
        self.rules = by_rule(self.episodes, spec, sessions, float(self.since), float(self.until + 1))
        self.rules_of = made_of

    def labelled(self, events: Iterable[Event], given: Mapping[str, Sequence[str]]) -> None:
        """What people thought of the episodes of the period, those about feeds and the daemon too. given: by episode
        the words on it, one of each person, the latest last."""
        first: dict[str, Event] = {}
        for event in events:
            first.setdefault(event.episode, event)
        rules = {
            name: event.rule
            for name, event in first.items()
            if event.type == "opened" and event.rule != PROBE and self.since <= _day(event.time) < self.until + 1
        }
        self.labels = labels_by_rule(rules, given)

    def learned(self, engine: Engine, events: Iterable[Event], made_of: str) -> None:
        """What an engine has learned up to the end of the period: the graph of links and the stress index. events: that
        were told on the way."""
        engine.advance((self.until + 1 - EPOCH_ORDINAL) * DAY - 1)
        self.links = Links(engine.graph(), made_of, unanswered(events, self.since, self.until))
        path = StressPath(engine.stress.days, self.since, self.until)
        self.stress = path if path.days else None

    def gravest(self, most: int = 12) -> list[Opened]:
        """Episodes of the period, the gravest and latest first."""
        return sorted(self.episodes, key=lambda each: (SEVERITIES.index(each.severity), each.at), reverse=True)[:most]

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "form": FORM,
            "instance": self.instance,
            "version": __version__,
            "method": METHOD,
            "config": self.config,
            "made_of": self.made_of,
            "period": {"since": day_iso(self.since), "until": day_iso(self.until), "days": self.until - self.since + 1},
            "exposure": [each.plain() for each in self.exposure],
            "markets_by": self.markets,
            "connectedness": {kind: system.plain() for kind, system in self.systems.items()},
            "lags": {
                "fixings": [flow.plain() for flow in self.flows],
                "directions": [direction.plain() for direction in self.directions],
                "ticks": None if self.tick_lags is None else self.tick_lags.plain(),
            },
            "co_exceedances": {
                "tail": 0.05,
                "period": [each.plain() for each in self.breadth],
                "history": [each.plain() for each in self.breadth_history],
            },
            "stress_index": None if self.stress is None else self.stress.plain(),
            "links": None if self.links is None else self.links.plain(),
            "excitation": None if self.excited is None else excited.plain(self.excited),
            "episodes": {
                "made_of": self.rules_of or None,
                "by_rule": [row.plain() for row in self.rules],
                "labels": [row.plain() for row in self.labels],
            },
            "daemon": self.daemon,
        }


def opened(events: Iterable[Event]) -> list[Opened]:
    """The episodes of markets that these events tell of, each as grave as it became."""
    lines = episode_lines(event for event in events if event.kind == "market")
    return [Opened(line.rule, line.market, line.severity, _day(line.first), line.headline) for line in lines]


def unanswered(events: Iterable[Event], since: int, until: int) -> dict[tuple[str, str], int]:
    """By (source, follower), in how many episodes of the period the follower could not respond."""
    found: dict[tuple[str, str], set[str]] = {}
    for event in events:
        if since <= _day(event.time) < until + 1:
            for each in event.followers:
                if each.wording == "could not respond":
                    found.setdefault((event.market, each.market), set()).add(event.episode)
    return {pair: len(episodes) for pair, episodes in found.items()}


def _day(time: str) -> float:
    return float(day_of(parse_time(time)))
