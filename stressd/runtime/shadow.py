"""Rules on trial: a second engine and episode machine on the very ticks of the first, which tell nobody.

What both told is held against each other (`alerts.comparison`). The trial never harms what is at work: it runs after
the pass' alerts are on their way, and is switched off where it raises, takes too long, or ticks come faster than they
can be judged.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import structlog

from stressd.alerts.comparison import Comparison, summary
from stressd.alerts.event import Origin
from stressd.alerts.people.commands import Command, CommandError
from stressd.alerts.pipeline import Pipeline, Routed
from stressd.config.load import Loaded
from stressd.engine.events import ONCE, FeedNote
from stressd.engine.spec import INFO, WARN
from stressd.market.tick import Tick
from stressd.market.times import iso
from stressd.runtime import warm
from stressd.runtime.build import build_pipeline
from stressd.runtime.footprint import Footprints
from stressd.runtime.notes import RULES
from stressd.runtime.outbox import machine_state
from stressd.runtime.snapshots import Saved
from stressd.store import Store

NAME: Final = "shadow"
FORMAT: Final = 1

RULE: Final = "shadow"
"""Of the notes that say what came of it."""

LONGEST: Final = 1.0
"""Seconds that one pass of it may take."""

WINDOW: Final = 60.0
SHARE: Final = 0.4
"""Part of a core that it may take, over each window (seconds)."""

log = structlog.get_logger()


class Kept(msgspec.Struct):
    """What is kept over a restart. digest: of the rules on trial; machine: the state of their episodes; state: as in
    Shadow; report: of a trial that is over."""

    digest: str
    began: int
    ends: int
    state: str
    reason: str
    machine: dict[str, bytes]
    comparison: dict[str, Any]
    report: dict[str, Any] | None = None


@dataclass(slots=True)
class Cost:
    """Of the trial so far. seconds: in its passes; longest: of one; share: of a core, in the last full window."""

    passes: int = 0
    seconds: float = 0.0
    longest: float = 0.0
    share: float = 0.0
    spent: float = 0.0
    since: float = 0.0


class Shadow:
    """One trial. state: `running`, `over` (its days have passed) or `off` (it would have done harm; reason says why).
    began, ends: ns UTC. say: tells a note about the daemon itself. folded_at: when the mailbox folded last, by its
    clock."""

    def __init__(
        self,
        loaded: Loaded,
        pipeline: Pipeline | None,
        began: int,
        ends: int,
        say: Callable[[Callable[[int], FeedNote]], None],
        folded_at: Callable[[], int | None],
        steady: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.loaded = loaded
        self.began, self.ends = began, ends
        self.state = "running"
        self.reason = ""
        self.cost = Cost(since=steady())
        self.comparison = Comparison(began)
        self.footprints = Footprints()
        self.now = began
        self.told = False
        self._pipeline = pipeline
        self._say = say
        self._folded_at = folded_at
        self._folded = folded_at()
        self._steady = steady
        self._final: dict[str, Any] | None = None

    @property
    def digest(self) -> str:
        return self.loaded.digest

    def turn(self, ticks: Sequence[Tick], at: int, told: Sequence[Routed], commands: Sequence[Command]) -> None:
        """What the pump has just been through, up to `at` (ns), and what was told of it. Raises nothing."""
        pipeline = self._pipeline
        if pipeline is None:
            return
        began = self._steady()
        try:
            self.now = max(self.now, at)
            self.comparison.take("old", [one for one in told if one.event.rule not in RULES])
            found = pipeline.feed(ticks) if ticks else []
            found += pipeline.advance(at)
            for command in commands:
                found += _carried_out(pipeline, command)
            self.comparison.take("new", found)
        except Exception as error:
            log.exception("shadow.crashed")
            self._switch_off(f"a fault in it: {type(error).__name__}: {error}")
            return
        now = self._steady()
        self._charge(now - began, now)
        if self._pipeline is not None and at >= self.ends:
            self._finish()

    def refresh(self) -> None:
        """Measure one more series, a few times a minute."""
        if self._pipeline is not None:
            self.footprints.measure(self._pipeline.engine)

    def report(self) -> dict[str, Any]:
        """For JSON."""
        found = self._final or self.comparison.report(self.now)
        series = len(self.loaded.engine.series)
        mean = self.footprints.mean()
        return {
            "file": str(self.loaded.path),
            "config": self.digest,
            "state": self.state,
            "reason": self.reason or None,
            "began": iso(self.began),
            "ends": iso(self.ends),
            "cost": {
                "passes": self.cost.passes,
                "seconds": round(self.cost.seconds, 3),
                "longest_s": round(self.cost.longest, 6),
                "share": round(self.cost.share, 4),
                "bytes": None if mean is None else round(mean * series),
            },
            **found,
            "text": summary(found),
        }

    def keep(self) -> bytes:
        """What a restart is to go on with."""
        pipeline = self._pipeline
        return msgspec.json.encode(
            Kept(
                digest=self.digest,
                began=self.began,
                ends=self.ends,
                state=self.state,
                reason=self.reason,
                machine={} if pipeline is None else machine_state(pipeline),
                comparison=self.comparison.snapshot(),
                report=self._final,
            )
        )

    def resume(self, kept: Kept) -> None:
        """Go on with the comparison where it stood. Raises msgspec.ValidationError, KeyError."""
        self.comparison.restore(kept.comparison)
        self.began, self.ends = kept.began, kept.ends
        self.state, self.reason, self._final = kept.state, kept.reason, kept.report

    def _charge(self, took: float, now: float) -> None:
        cost = self.cost
        cost.passes += 1
        cost.seconds += took
        cost.spent += took
        cost.longest = max(cost.longest, took)
        folded = self._folded_at()
        if folded != self._folded:
            self._switch_off("ticks came faster than they could be judged")
        elif took > LONGEST:
            self._switch_off(f"one pass of it took {took:.1f} s")
        elif now - cost.since >= WINDOW:
            cost.share = cost.spent / (now - cost.since)
            cost.spent, cost.since = 0.0, now
            if cost.share > SHARE:
                self._switch_off(f"it took {cost.share:.0%} of a core over {WINDOW:.0f} s")

    def _switch_off(self, reason: str) -> None:
        self._stop("off", reason)
        log.error("shadow.switched_off", file=str(self.loaded.path), reason=reason)
        text = f"the rules in shadow ({self.loaded.path.name}) were switched off: {reason}; the rules at work go on"
        self._say(lambda at: note(at, WARN, text))

    def _finish(self) -> None:
        self._stop("over", "")
        assert self._final is not None
        said = summary(self._final)
        log.info("shadow.finished", file=str(self.loaded.path), summary=said)
        days, name = (self.ends - self.began) / 86_400e9, self.loaded.path.name
        text = f"rules in shadow ({name}) after {days:.3g} days: {said}"
        self._say(lambda at: note(at, INFO, text))

    def _stop(self, state: str, reason: str) -> None:
        self.state, self.reason = state, reason
        try:
            self._final = self.comparison.report(self.now)
        except Exception:
            log.exception("shadow.crashed")
            self._final = Comparison(self.began).report(self.now)
        self._pipeline = None


def note(at: int, severity: int, text: str) -> FeedNote:
    """What the episode machine is told: over once it is told. at: engine time, ns."""
    said = FeedNote(at, at, RULE, "", ONCE, "shadow", "", "", severity, text)
    said.kind = "self"
    return said


def _carried_out(pipeline: Pipeline, command: Command) -> list[Routed]:
    """What people withhold from the rules at work, they withhold from these too; an episode may not be there."""
    try:
        return list(pipeline.command(command).routed)
    except CommandError:
        return []


def begin(
    loaded: Loaded,
    now: int,
    origin: Origin,
    store: Store,
    saved: Saved | None,
    machine: Mapping[str, bytes],
    say: Callable[[Callable[[int], FeedNote]], None],
    folded_at: Callable[[], int | None],
) -> Shadow | None:
    """The trial that `loaded` asks for; None where it asks for none. Its engine begins with what that at work has
    learned, as after a reload. Episodes and comparison go on with what the store has of the same rules; else its
    episodes begin with those that are open, which are not compared.

    saved: the engine's state on disk; machine: that of the episodes at work.
    """
    trial, config = loaded.shadow, loaded.model.shadow
    if trial is None or config is None:
        return None
    kept = _kept(store, trial.digest)
    if kept is not None and kept.state != "running":
        shadow = Shadow(trial, None, kept.began, kept.ends, say, folded_at)
        shadow.resume(kept)
        return shadow
    history = warm.choose(trial.engine, store)
    engine = warm.prepare(trial.engine, now, store, saved, history)
    built = build_pipeline(trial, engine, origin, kept.machine if kept is not None else machine)
    shadow = Shadow(trial, built.pipeline, now, now + config.length, say, folded_at)
    if kept is not None:
        shadow.resume(kept)
        shadow.ends = kept.began + config.length
    log.info(
        "shadow.begun", file=str(trial.path), config=trial.digest, until=iso(shadow.ends), resumed=kept is not None
    )
    return shadow


def _kept(store: Store, digest: str) -> Kept | None:
    """What the store has of these rules."""
    row = store.load_snapshot(NAME)
    if row is None or row.version != FORMAT:
        return None
    try:
        kept = msgspec.json.decode(row.blob, type=Kept)
    except msgspec.DecodeError as error:
        log.warning("shadow.lost", reason=f"its saved state cannot be read: {error}")
        return None
    return kept if kept.digest == digest else None
