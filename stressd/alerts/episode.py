"""One episode's state: what keeps it open, what is known of it, and what has been told."""

from __future__ import annotations

from typing import Final

import msgspec

from stressd.alerts.claims import strength
from stressd.alerts.event import (
    Acknowledged,
    BidAsk,
    Curve,
    Follower,
    Path,
    Retraces,
    SeriesMove,
    Source,
    SpreadMove,
    Wording,
)
from stressd.alerts.retrace import Extreme, Seen
from stressd.alerts.scenery import Fact, path_of, spreads_of
from stressd.alerts.words import is_spread
from stressd.engine.events import LEFT, Breach

Key = tuple[str, str, int]
"""(rule, scope, direction): what makes two breaches one episode. Severity, tenors and horizons are attributes.
The scope is the market; of a market's spreads the market with SPREADS; of a feed note without a market, the source."""

SPREADS: Final = " spreads"

NOISE: Final = "noise"
"""What an episode about curve noise is about; one about the day's shape is about that word of `market.shape`."""

SIGMA: Final = "sigma"
MODEL: Final = "model"
CHANGE: Final = "change"
SILENCE: Final = "silence"
HALT: Final = "halt"
NOTE: Final = "note"
"""What an episode is about: MODEL and CHANGE are what a further detector found; a level episode is about "above",
"below", "round", "highest" or "lowest"."""

FOLLOWING: Final = ("followed", "co-moved", "spilled over")
ANSWERS: Final = (*FOLLOWING, "did not respond")


class Answer(msgspec.Struct, kw_only=True):
    """How one follower answered, and what was told of it.

    at: when this was said (ns). breach_at: the breach that it answers. awaited: the follower could not respond and its
    answer was not told since. told: the answer that was told last, as `kind|resolution|breach`.
    """

    follower: Follower
    at: int
    final: bool
    breach_at: int = 0
    awaited: bool = False
    told: str = ""


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What other feeds say of a series, and how many bad ticks it had in its session."""

    agree: list[str] = []
    disagree: list[str] = []
    rejected: int | None = None


class Episode(msgspec.Struct, kw_only=True):
    """Times in ns UTC of the engine's clock, except `began` and `data_time`: what the source said.

    severity: highest ever reached. what: what it is about. moves: by `series|horizon`, the latest of each, those that
    have left too. active: what keeps it open, with the highest rung of each; lowered: the rung that holds now where it
    is below that; reached: by series, the highest rung ever. peak_z, peak_bp: largest sizes so far; told_z, told_bp: as
    of the last event that was for everybody. joined, raised (to the episode's severity), answered, peaked: not told
    yet; due: when the settle window ends that will tell them. rise: the severity that was told before a rise that
    waits until rise_due, -1 where none does; rose_at: when one was told last, or the opening. affected, age, text,
    more: of a feed episode; usual (ns): of the series that it began with; warming: its sigma is provisional, or its
    pauses are. unseen: "stale" or "halted" once none of its series ticks: how it goes on is unknown. quotes: by
    series, as of its latest breach; curve, beside (spreads): of the market, as of the latest; path, checked: of the
    leading series. said: the closest link that any event told of each market since it was last corrected;
    said_source: likewise the source; why_not: why that does not hold; correct_at: when what does not hold any more
    is taken back. acknowledged: the latest. changes: 1 for a crossing, 0 for a decision without one
    (`alerts.flapping`), up to the one at changed_at; crossings: how many since it was last calm. reopened: how
    often. ease_at: when it is over, or flaps no more, if nothing crosses until then; ease_note: what is said then;
    frozen: it waits for its series to be seen again first. extremes: by series, the largest move; last: value and
    time of its latest breach event, that of its end too.
    retraces: the earlier move that this one takes back. told_at: of the latest event; closing_told: the open until
    which it was last said to be suspended. withdrawn: why the alert was wrong.
    """

    id: str
    kind: str
    rule: str
    scope: str
    market: str
    direction: int
    opened_at: int
    began: int
    severity: int
    what: str = ""
    seq: int = 0
    moves: dict[str, SeriesMove] = {}
    active: dict[str, int] = {}
    peak_z: float = 0.0
    peak_bp: float = 0.0
    told_z: float = 0.0
    told_bp: float = 0.0
    joined: list[str] = []
    raised: list[str] = []
    answered: list[str] = []
    peaked: bool = False
    rise: int = -1
    rise_due: int = 0
    rose_at: int = 0
    due: int | None = None
    answers: dict[str, Answer] = {}
    propagated_at: int | None = None
    source: Source | None = None
    data_time: int = 0
    sources: list[str] = []
    affected: list[str] = []
    age: int = 0
    text: str = ""
    more: str = ""
    usual: int = 0
    warming: bool = False
    unseen: str = ""
    quotes: dict[str, BidAsk] = {}
    curve: Curve | None = None
    path: Path | None = None
    beside: list[SpreadMove] = []
    checked: Checked = Checked()
    said: dict[str, Wording] = {}
    said_source: Source | None = None
    why_not: str = ""
    correct_at: int | None = None
    acknowledged: Acknowledged | None = None
    lowered: dict[str, int] = {}
    reached: dict[str, int] = {}
    changes: list[int] = []
    changed_at: int = 0
    crossings: int = 0
    flapping: bool = False
    reopened: int = 0
    ease_at: int | None = None
    ease_note: str = ""
    frozen: bool = False
    extremes: dict[str, Extreme] = {}
    last: dict[str, Seen] = {}
    retraces: Retraces | None = None
    told_at: int = 0
    closing_told: int = 0
    withdrawn: str = ""
    closed_at: int | None = None

    def taken_back(self, part: float) -> str | None:
        """ "retraced 12.3 of 20.3bp", where its largest move has been given back by so much at least (0 to 1)."""
        lead = self.greatest
        if lead is None or lead.series not in self.last:
            return None
        now = self.last[lead.series].value
        return lead.text(now) if lead.taken_back(now) >= part else None

    @property
    def key(self) -> Key:
        return (self.rule, self.scope, self.direction)

    def record(self, name: str, move: SeriesMove, z: float, change_bp: float) -> None:
        """The latest state of one series over one horizon. z and change_bp unrounded."""
        self.moves[name] = move
        self.peak_z = max(self.peak_z, abs(z))
        self.peak_bp = max(self.peak_bp, abs(change_bp))

    def seen(self, fact: Fact, move: SeriesMove) -> None:
        """What stands around `move` is part of what is known, where it leads."""
        scene = fact.scene
        if scene is None:
            return
        self.beside = spreads_of(scene)
        if self.path is None or self.ranked()[0].series == move.series:
            before, self.path = self.path, path_of(fact, move)
            if isinstance(fact, Breach) and fact.phase == LEFT and before is not None and self.path is not None:
                # The path goes on to the end, with the breach where it was.
                self.path = msgspec.structs.replace(
                    self.path, at=before.at, base=before.base, lower=before.lower, upper=before.upper
                )
            self.checked = Checked(agree=scene.agree, disagree=scene.disagree, rejected=scene.rejected)

    def heard(self, time: int, source: str) -> None:
        """A tick of this time and source is part of what is known."""
        self.data_time = max(self.data_time, time)
        if source and source not in self.sources:
            self.sources.append(source)

    @property
    def waits(self) -> bool:
        """Whether it has something to tell at a later time."""
        return self.due is not None or self.correct_at is not None

    @property
    def rung(self) -> int | None:
        """The highest rung that holds now; None where nothing keeps it open."""
        return max((self.lowered.get(name, rung) for name, rung in self.active.items()), default=None)

    @property
    def greatest(self) -> Extreme | None:
        """Its largest move, in sigma."""
        return max(self.extremes.values(), key=lambda each: abs(each.z), default=None)

    @property
    def gathers(self) -> bool:
        """Whether something waits to be told at the end of the settle window."""
        return bool(self.answered or self.joined or self.raised or self.peaked or self.rise >= 0)

    def told_all(self) -> None:
        """Everything known now is in the event that is being made."""
        for market in self.answered:
            self.answers[market].awaited = False
        self.said_all()
        self.joined.clear()
        self.raised.clear()
        self.answered.clear()
        self.peaked = False
        self.due = None
        self.told_z = self.peak_z
        self.told_bp = self.peak_bp

    def said_all(self) -> None:
        """Every link that holds now is in the event that is being made."""
        for market, answer in self.answers.items():
            if strength(answer.follower.wording) > strength(self.said.get(market)):
                self.said[market] = answer.follower.wording
        if self.source is not None and (self.said_source is None or self.said_source.episode == self.source.episode):
            known = self.said_source
            if known is None or strength(self.source.wording) > strength(known.wording):
                self.said_source = self.source

    def ranked(self) -> list[SeriesMove]:
        """All moves, the lead first: yields before spreads that have joined them, then those that still hold before
        those that have left, then by size in sigma."""
        moves = self.moves
        names = sorted(
            moves,
            key=lambda name: (
                is_spread(moves[name].series), name not in self.active, -abs(moves[name].sigma or 0.0), name,
            ),
        )  # fmt: skip
        return [self.moves[name] for name in names]
