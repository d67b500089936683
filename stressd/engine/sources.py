"""Several feeds for one series: one is active, the others confirm and stand by.

Neither a fail-over nor a constant offset between two sources is a move: when another source takes over, everything that
was remembered in the old one's terms is shifted by the offset between the two, or forgotten where that is not known.
"""

from __future__ import annotations

import math
from typing import Final

from stressd.engine.events import ENTERED, LEFT, FeedNote
from stressd.engine.gate import CONFIRM_WITHIN, SourceGate, load_source
from stressd.engine.spec import WARN

OFFSETS_NEEDED = 3
"""Ticks of both sources side by side before their offset is trusted."""

MOST: Final = 16
"""Sources of one series that are remembered beside the configured ones: a payload may name anything as its source."""


class Sources:
    """The sources of one series, best first; unlisted ones rank behind, in the order in which they appear. Of those no
    more than `MOST` are remembered."""

    __slots__ = ("active", "all", "listed", "pause")

    def __init__(self, names: tuple[str, ...], pause: int) -> None:
        self.pause = pause
        self.listed = len(names)
        self.all: list[SourceGate] = [SourceGate(name, rank) for rank, name in enumerate(names)]
        self.active: SourceGate | None = self.all[0] if self.all else None

    def named(self, name: str) -> SourceGate:
        """The source of that name, taken in if it is new."""
        for gate in self.all:
            if gate.name == name:
                return gate
        if len(self.all) - self.listed >= MOST:
            self._forget()
        gate = SourceGate(name, self.all[-1].rank + 1 if self.all else 0)
        self.all.append(gate)
        if self.active is None:
            self.active = gate
        return gate

    def _forget(self) -> None:
        """The unlisted source, other than the active one, that has been quiet for longest."""
        quietest = -1
        for place in range(self.listed, len(self.all)):
            gate = self.all[place]
            if gate is not self.active and (quietest < 0 or gate.raw_time < self.all[quietest].raw_time):
                quietest = place
        del self.all[quietest]

    def dirt(self) -> int:
        """Crossed and absurdly wide quotes so far, of all sources."""
        count = 0
        for gate in self.all:
            if gate.quotes is not None:
                count += gate.quotes.crossed + gate.quotes.wide
        return count

    def takes_over(self, gate: SourceGate, t: int, open_since: int) -> bool:
        """Whether `gate`, ticking at t, takes over from the active source: the active one has been quiet for `pause`
        of open time (the market has been open since `open_since`), or `gate` ranks before it and has ticked for that
        long again."""
        active = self.active
        if active is None or active.raw_time == 0:
            return True
        quiet_since = max(active.raw_time, open_since)
        if t - quiet_since > self.pause:
            return True
        return gate.rank < active.rank and t - gate.since > self.pause

    def confirm(self, t: int, y: float, limit: float) -> bool:
        """Whether a source other than the active one lately said about the same, its usual offset taken off."""
        for gate in self.all:
            if gate is self.active or gate.time == 0 or gate.offsets < OFFSETS_NEEDED:
                continue
            # What it says may be an outlier too, which waits there.
            for time, value in (*gate.pending, (gate.time, gate.value)):
                if abs(t - time) < CONFIRM_WITHIN and abs(value - gate.offset - y) <= 0.5 * limit:
                    gate.accepted += 1
                    return True
        return False

    def switch(self, gate: SourceGate) -> float:
        """Make `gate` active. Its offset from the old one (percent), nan where it is not known."""
        offset = gate.offset if gate.offsets >= OFFSETS_NEEDED else math.nan
        old = self.active
        for other in self.all:
            other.offset -= offset if offset == offset else 0.0
            if offset != offset:
                other.offsets = 0
        if old is not None and offset == offset:
            old.offset = -offset
            old.offsets = gate.offsets
        gate.offset = 0.0
        self.active = gate
        return offset

    def state(self) -> dict[str, object]:
        """Everything, as plain values."""
        return {
            "active": self.active.name if self.active is not None else None,
            "all": [gate.state() for gate in self.all],
        }

    def load(self, state: dict[str, object]) -> None:
        """Take up where `state` left off; sources that are configured now and unknown to it are kept."""
        rows = state["all"]
        assert isinstance(rows, list)
        known = {gate.name: gate for gate in (load_source(row) for row in rows)}
        merged: list[SourceGate] = []
        for gate in self.all:
            kept = known.pop(gate.name, None)
            if kept is None:
                merged.append(gate)
            else:
                kept.rank = gate.rank
                merged.append(kept)
        for gate in known.values():
            gate.rank = len(merged)
            merged.append(gate)
        self.all = merged
        self.active = next((gate for gate in merged if gate.name == state["active"]), merged[0] if merged else None)


def failed_over(at: int, t: int, series: str, market: str, gate: SourceGate, before: str) -> FeedNote:
    """A source has taken over from `before`; where it is the best one, that is the end of a fail-over."""
    back = gate.rank == 0
    text = f"{series} is taken from {gate.name} {'again' if back else f'since {before} went quiet'}"
    phase = LEFT if back else ENTERED
    return FeedNote(at, t, "failed-over", market, phase, "failed over", series, gate.name, WARN, text)
