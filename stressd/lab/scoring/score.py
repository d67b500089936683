"""The score of a run: every true move and what became of it, every false alarm, every link. Scores of runs add up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from stressd.alerts.event import Event
from stressd.lab.scoring.match import AFTER, Alert, match, split, told_inside
from stressd.lab.sim.labels import Dirt, Label, Move, Run
from stressd.market.times import DAY, SECOND, parse_time

YEAR: Final = 365.25 * DAY

COUNTED: Final = ("primary", "child", "cluster")
"""Kinds of moves that are to be found. An alert on a retrace or within a burst is true, but nobody waits for it."""

LINKED: Final = ("followed", "spilled over", "co-moved")


@dataclass(frozen=True, slots=True)
class Found:
    """One true move. delay_s: from its onset to its alert, None where there was none; inside: told only by an episode
    that was open already; hidden: its feed was frozen, silent or in a wrong unit or hour at its onset."""

    move: Move
    delay_s: float | None
    inside: bool
    hidden: bool


@dataclass(frozen=True, slots=True)
class FalseAlarm:
    """An alert that tells of no true move. beside: dirt of its market within the quarter of an hour before; after: it
    came within the hour after a true move of its market."""

    alert: Alert
    beside: tuple[str, ...]
    after: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """Something said about two markets. child: the true move of the follower that comes of the one that the source's
    episode tells of; None where there is none. lag_s (of the follower's open time) and beta as printed, parent: the
    source's true move."""

    wording: str
    parent: Move | None
    child: Move | None
    lag_s: float | None
    beta: float | None


@dataclass(frozen=True, slots=True)
class Printed:
    """The longest return period that an episode printed for a series and horizon, years."""

    series: str
    horizon: str
    years: float


@dataclass(slots=True)
class Score:
    """What adds up. sessions: scored, by market; years: of scored time, by series; links: true (parent, child) pairs,
    and whether both ends were found, and the link was told; answers: resolution and p of those that are no true link.
    """

    runs: list[Run] = field(default_factory=list)
    sessions: dict[str, int] = field(default_factory=dict)
    years: dict[str, float] = field(default_factory=dict)
    moves: list[Found] = field(default_factory=list)
    excused: int = 0
    false: list[FalseAlarm] = field(default_factory=list)
    links: list[tuple[bool, bool]] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    answers: list[tuple[str, float]] = field(default_factory=list)
    periods: list[Printed] = field(default_factory=list)

    def add(self, other: Score) -> None:
        """Take in the score of another run."""
        self.runs += other.runs
        for market, count in other.sessions.items():
            self.sessions[market] = self.sessions.get(market, 0) + count
        for series, years in other.years.items():
            self.years[series] = self.years.get(series, 0.0) + years
        self.moves += other.moves
        self.excused += other.excused
        self.false += other.false
        self.links += other.links
        self.claims += other.claims
        self.answers += other.answers
        self.periods += other.periods


def score(events: Iterable[Event], labels: Sequence[Label], rules: Sequence[str] = ()) -> Score:
    """Score the events of one run against its labels. rules: only their episodes, all market episodes if empty."""
    run = labels[0]
    if not isinstance(run, Run):
        raise ValueError("labels begin with their run")
    begin, end = parse_time(run.scored_from), parse_time(run.end)
    moves = [label for label in labels if isinstance(label, Move)]
    told = split(events, rules)
    alerts = told.alerts
    found = match(alerts, moves)
    delays = {move: (alerts[a].time - parse_time(moves[move].onset)) / SECOND for a, move in found.items()}
    series = {f"{m}.GOV.{tenor}": (end - begin) / YEAR for m in run.sessions for tenor in run.tenors}
    made = Score(runs=[run], sessions=dict(run.sessions), years=series)
    surroundings = _Surroundings(labels)
    for number, move in enumerate(moves):
        if move.kind in COUNTED and begin <= parse_time(move.onset) < end:
            delay = delays.get(number)
            inside = delay is None and told_inside(told.further, move)
            made.moves.append(Found(move, delay, inside, surroundings.hides(move)))
    for number, alert in enumerate(alerts):
        if not begin <= alert.time < end:
            continue
        if number not in found:
            if not surroundings.in_burst(alert):
                made.false.append(surroundings.judge(alert))
            else:
                made.excused += 1
        elif moves[found[number]].kind not in COUNTED:
            made.excused += 1
    episodes = _moves_told(alerts, found, moves, told.last)
    scored = {name: event for name, event in told.last.items() if begin <= parse_time(event.time) < end}
    _links(made, moves, set(delays), episodes, scored)
    made.periods += [
        Printed(series, horizon, years) for (name, series, horizon), years in told.longest.items() if name in scored
    ]
    return made


class _Surroundings:
    """What was going on around an alert or a move."""

    def __init__(self, labels: Sequence[Label]) -> None:
        self._dirt: dict[str, list[tuple[int, int, str]]] = {}
        self._moves: dict[str, list[int]] = {}
        self._bursts: dict[str, list[tuple[int, int]]] = {}
        for label in labels:
            if isinstance(label, Dirt) and label.flag not in ("duplicate", "swap"):
                began = parse_time(label.time)
                row = (began, began + int(label.lasts_s * SECOND) + AFTER, label.flag)
                self._dirt.setdefault(label.market, []).append(row)
            elif isinstance(label, Move) and label.kind == "burst":
                began = parse_time(label.onset)
                self._bursts.setdefault(label.market, []).append((began, began + int(label.ramp_s * SECOND) + AFTER))
            elif isinstance(label, Move):
                self._moves.setdefault(label.market, []).append(parse_time(label.onset))

    def in_burst(self, alert: Alert) -> bool:
        return any(begin <= alert.time <= end for begin, end in self._bursts.get(alert.market, ()))

    def hides(self, move: Move) -> bool:
        onset = parse_time(move.onset)
        return any(
            begin - int(move.ramp_s * SECOND) <= onset <= end - AFTER and flag != "bad"
            for begin, end, flag in self._dirt.get(move.market, ())
        )

    def judge(self, alert: Alert) -> FalseAlarm:
        near = {flag for begin, end, flag in self._dirt.get(alert.market, ()) if begin <= alert.time <= end}
        after = any(0 < alert.time - onset <= 3600 * SECOND for onset in self._moves.get(alert.market, ()))
        return FalseAlarm(alert, tuple(sorted(near)), after)


def _moves_told(
    alerts: Sequence[Alert], found: dict[int, int], moves: Sequence[Move], last: dict[str, Event]
) -> dict[str, list[Move]]:
    """By episode the moves of its market and direction that it tells of: the one that it opened with first, then those
    that began while it was open, or since its own move is measured, or up to a quarter of an hour before."""
    by_market: dict[str, list[Move]] = {}
    for move in moves:
        by_market.setdefault(move.market, []).append(move)
    told: dict[str, list[Move]] = {}
    for number, alert in enumerate(alerts):
        first = [moves[found[number]]] if number in found else []
        begin, end = min(alert.time - AFTER, alert.since), parse_time(last[alert.episode].time)
        told[alert.episode] = first + [
            move
            for move in by_market.get(alert.market, [])
            if move not in first and move.k * alert.direction > 0 and begin <= parse_time(move.onset) <= end
        ]
    return told


def _linked(
    parents: Sequence[Move], market: str, children: dict[tuple[str | None, str], Move]
) -> tuple[Move | None, Move | None]:
    """The first parent with a child in the market, and that child; else the first parent alone."""
    for parent in parents:
        if (parent.id, market) in children:
            return parent, children[parent.id, market]
    return (parents[0] if parents else None), None


def _links(
    made: Score,
    moves: Sequence[Move],
    detected: set[int],
    episodes: dict[str, list[Move]],
    last: dict[str, Event],
) -> None:
    """Links told and links true. A link is true from parent to child, not from root to grandchild; its parent is a move
    that the source's episode tells of."""
    by_id = {move.id: number for number, move in enumerate(moves)}
    children = {(move.parent, move.market): move for move in moves if move.kind == "child"}
    claims: dict[tuple[str, str], Claim] = {}
    for name, event in last.items():
        parents = episodes.get(name, [])
        for each in event.followers:
            parent, child = _linked(parents, each.market, children)
            if each.p is not None and child is None:
                made.answers.append((each.resolution or "", each.p))
            if each.wording in LINKED:
                claims[name, each.market] = Claim(each.wording, parent, child, each.open_lag_s, each.beta)
        source = event.source
        if source is not None and source.wording in LINKED and (source.episode, event.market) not in claims:
            parent, child = _linked(episodes.get(source.episode, []), event.market, children)
            claims[source.episode, event.market] = Claim(source.wording, parent, child, source.open_lag_s, source.beta)
    made.claims += claims.values()
    begin, end = parse_time(made.runs[0].scored_from), parse_time(made.runs[0].end)
    told = {claim.child.id for claim in claims.values() if claim.child is not None}
    for child in children.values():
        if begin <= parse_time(child.onset) < end and child.parent is not None:
            both = by_id[child.parent] in detected and by_id[child.id] in detected
            made.links.append((both, child.id in told))
