"""A market's tenors held against each other: breaks in the data, moves that no neighbour confirms, curve noise."""

from __future__ import annotations

from typing import Any, Final

from stressd.engine.breaches import LIVE
from stressd.engine.breaks import SUPER_LONG, Break, BreakWatch, Fix
from stressd.engine.curve_noise import CurveNoise
from stressd.engine.curve_rules import NoiseWatch, facts_of
from stressd.engine.doubt import ALONG, LONG_ENOUGH, TICKS, Doubt, confirmed, doubt_of, load_doubt
from stressd.engine.events import ENTERED, LEFT, LOWERED, ONCE, RAISED, REGAINED, Breach, Disproved, Event, FeedNote
from stressd.engine.horizon import GAP
from stressd.engine.move import Move
from stressd.engine.rounds import Round
from stressd.engine.series import SeriesState
from stressd.engine.spec import HORIZONS, INFO, SECOND, WARN, CurveRule, MarketSpec
from stressd.market.conventions import SIMPLE, explains
from stressd.market.series import parse_series
from stressd.market.tick import Tick

DATA_BREAK: Final = "data-break"
CONVENTION_FLIP: Final = "convention-flip"

LEAST: Final = 5
"""Tenors below which there is no smooth curve to speak of."""

PUBLISHERS: Final = 8
"""Sources of fixings whose usual residuals are kept."""

NEAR: Final = 2.6
"""A neighbour is at most this many times as long or as short."""


class Curve:
    """One market. members: its yields, short tenors first."""

    __slots__ = ("_breaks", "_numbers", "_years", "doubts", "market", "members", "noise", "watches")

    def __init__(self, spec: MarketSpec, members: list[SeriesState], rules: tuple[CurveRule, ...]) -> None:
        months = {state.id: parse_series(state.id).months for state in members}
        self.market = spec.name
        self.members = sorted(members, key=lambda state: months[state.id])
        self._years = [months[state.id] / 12.0 for state in self.members]
        self._numbers = {state.id: k for k, state in enumerate(self.members)}
        for k, state in enumerate(self.members):
            state.tenor = k
        self.noise: CurveNoise | None = None
        if len(members) >= LEAST:
            self.noise = CurveNoise([state.id for state in self.members], self._years, spec.decays)
        self.watches = [NoiseWatch(rule, spec.name) for rule in rules if rule.noise and spec.name in rule.markets]
        self._breaks: dict[str, BreakWatch] = {}
        self.doubts: dict[str, Doubt] = {}

    # --- ticks --------------------------------------------------------------------------------------------------------

    def on_tick(self, state: SeriesState, before: int, at: int, fresh: bool, out: list[Event]) -> None:
        """`state` has accepted a tick; what it said of itself is in `out` since `before`."""
        if len(out) > before:
            self._check(state, before, out)
        number = state.tenor
        noise = self.noise
        if noise is not None:
            learns = fresh and state.clock.is_open
            # In the terms of the first source: that another carries a tenor is no dislocation.
            y = state.y - state.shifted
            if not self.watches:
                noise.note(number, state.t, y, learns)
            else:
                noise.on_tick(number, state.t, y, learns)
                if learns and not state.quiet:
                    self._watch(noise, state, at, out)
        if self.doubts:
            self._resolve(number, state, at, out)

    def _noise_now(self) -> CurveNoise | None:
        """The noise up to the last tick: where a rule watches it, it is that anyway."""
        if self.noise is not None and not self.watches:
            self.noise.refresh()
        return self.noise

    def _watch(self, noise: CurveNoise, state: SeriesState, at: int, out: list[Event]) -> None:
        for watch in self.watches:
            said = watch.update(noise, at, state.t)
            if said is not None:
                if said.series:
                    said.value = self.members[self._numbers[said.series]].y
                said.source = state.source_name()
                out.append(said)

    def _check(self, state: SeriesState, before: int, out: list[Event]) -> None:
        """Hold the live breaches of `state` since `before` against its neighbours."""
        for event in out[before:]:
            if not isinstance(event, Breach) or event.fixing or event.horizon == HORIZONS[GAP]:
                continue
            if event.phase in (ENTERED, RAISED):
                noise = self._noise_now()
                if noise is not None and noise.bp == noise.bp:
                    event.curve = facts_of(noise)
            if event.phase == LEFT:
                self._over(event)
            if event.phase in (LEFT, LOWERED, REGAINED):
                continue
            doubt = self.doubts.get(event.series)
            if doubt is None and event.phase == ENTERED:
                doubt = doubt_of(event, state, self._beside(state))
                if doubt is not None:
                    self.doubts[event.series] = doubt
                    self._ask_convention(event, state, doubt, out)
            if doubt is not None and event.change_bp * doubt.size > 0.0:
                event.unconfirmed = doubt.text
                event.severity = min(event.severity, WARN)
                event.rung = min(event.rung, event.severity)
                doubt.tell(event)

    def _beside(self, state: SeriesState) -> list[SeriesState]:
        k = state.tenor
        years = self._years
        found = []
        if k > 0 and years[k] <= years[k - 1] * NEAR:
            found.append(self.members[k - 1])
        if k + 1 < len(years) and years[k + 1] <= years[k] * NEAR:
            found.append(self.members[k + 1])
        return found

    def _over(self, breach: Breach) -> None:
        doubt = self.doubts.get(breach.series)
        if doubt is not None:
            doubt.leave(breach)
            if not doubt.told:
                del self.doubts[breach.series]

    def _resolve(self, number: int, state: SeriesState, at: int, out: list[Event]) -> None:
        """Does this tick settle a doubt about the series itself, or about one beside it?"""
        doubt = self.doubts.get(state.id)
        if doubt is not None:
            doubt.ticks += 1
            long_enough = doubt.ticks >= TICKS and state.t - doubt.since >= LONG_ENOUGH
            if (long_enough and doubt.moved(state, 0.5)) or confirmed(state, doubt.size):
                self._believe(doubt, state, at, out)
            elif not doubt.moved(state, ALONG) and state.t - doubt.since <= LONG_ENOUGH:
                self._disprove(doubt, state, at, out)
        for k in (number - 1, number + 1):
            if 0 <= k < len(self.members):
                beside = self.members[k]
                doubt = self.doubts.get(beside.id)
                if doubt is not None and doubt.moved(state, ALONG):
                    self._believe(doubt, beside, at, out)

    def _believe(self, doubt: Doubt, state: SeriesState, at: int, out: list[Event]) -> None:
        """Tell what is on at its true severity."""
        state.about_to_change()
        del self.doubts[doubt.series]
        for told in doubt.told:
            move = Move(at, state.t, state.y, told.reference, told.reference_time, told.sigma_bp, LIVE, False)
            state.breaches.retell(told.rule, HORIZONS.index(told.horizon), move, WARN, out)

    def _disprove(self, doubt: Doubt, state: SeriesState, at: int, out: list[Event]) -> None:
        """What one tenor said alone it has taken back at once: that was no move."""
        del self.doubts[doubt.series]
        after = max(round((state.t - doubt.since) / SECOND), 1)
        why = (
            f"{self.market} {state.spec.tenor} {doubt.size:+.1f}bp was taken back within {after} s, "
            f"and {doubt.text} meanwhile"
        )
        out.append(Disproved(at, state.t, self.market, 1 if doubt.size > 0.0 else -1, (state.id,), why))

    def _ask_convention(self, breach: Breach, state: SeriesState, doubt: Doubt, out: list[Event]) -> None:
        """A lone jump of the size that lies between simple and compound yield is one to be asked about."""
        k = state.tenor
        if self._years[k] < SUPER_LONG or not self._simple(state):
            return
        if explains([(self._years[k], breach.reference_value, breach.change_bp)]):
            out.append(self._flip_note(breach.at, breach.time, [state], [breach.change_bp], doubt.text, breach.source))

    def _simple(self, state: SeriesState) -> bool:
        """Whether yields of this market are also quoted as simple ones."""
        return self.market == "JP" or state.spec.convention == SIMPLE

    def _flip_note(
        self, at: int, time: int, states: list[SeriesState], changes: list[float], others: str, source: str
    ) -> FeedNote:
        jumps = ", ".join(f"{s.spec.tenor} {change:+.1f}bp" for s, change in zip(states, changes, strict=True))
        text = (
            f"{self.market} {jumps} while {others}: as much as simple yield lies from compound for bonds below par; "
            f"has {source or 'the source'} changed its convention?"
        )
        return FeedNote(
            at, time, CONVENTION_FLIP, self.market, ONCE, "convention flip?", states[-1].id, source, WARN, text
        )

    # --- fixings ------------------------------------------------------------------------------------------------------

    def breaks(self, waiting: Round, out: list[Event]) -> dict[str, bool]:
        """The published fixings of a round that are no moves, and what is told of them; the others are learned from."""
        by_source: dict[str, list[Fix]] = {}
        for state, tick in zip(waiting.states, waiting.ticks, strict=True):
            fix = self._fix_of(state, tick)
            if fix is not None:
                by_source.setdefault(tick.source, []).append(fix)
        broken: dict[str, bool] = {}
        for source, fixes in by_source.items():
            if len(fixes) < 2:
                continue
            if source not in self._breaks:
                if len(self._breaks) >= PUBLISHERS:
                    del self._breaks[next(iter(self._breaks))]
                self._breaks[source] = BreakWatch()
            found = self._breaks[source].judge(fixes)
            broken.update({each.fix.series: True for each in found})
            self._tell(found, waiting, source, out)
        return broken

    def _fix_of(self, state: SeriesState, tick: Tick) -> Fix | None:
        change = state.fixings.change(state.clock.local_day(tick.time - 1), tick.value, tick.source)
        if change != change or tick.source == LIVE:
            return None
        daily = state.horizons.daily
        sigma = daily.scale.sigma if daily.known else 0.0
        return Fix(state.id, self._years[state.tenor], state.fixings.value, change, sigma)

    def _tell(self, found: list[Break], waiting: Round, source: str, out: list[Event]) -> None:
        if not found or waiting.states[0].quiet:
            return
        self._disprove_live(found, waiting, out)
        flipped = [each for each in found if each.convention]
        if flipped:
            states = [self.members[self._numbers[each.fix.series]] for each in flipped]
            others = f"{self._said(flipped[0].neighbours)}"
            changes = [each.fix.change_bp for each in flipped]
            out.append(self._flip_note(waiting.at, waiting.time, states, changes, others, source))
        for each in found:
            if not each.convention:
                fix = each.fix
                text = (
                    f"{self.market} {self._tenor(fix)} {fix.change_bp:+.1f}bp while {self._said(each.neighbours)}: "
                    "taken as a break in the data, not as a move"
                )
                at, time = waiting.at, waiting.time
                out.append(
                    FeedNote(at, time, DATA_BREAK, self.market, ONCE, "data break", fix.series, source, INFO, text)
                )

    def _disprove_live(self, found: list[Break], waiting: Round, out: list[Event]) -> None:
        """Live breaches the same way that rest on the series alone which these breaks show to have made no move."""
        for sign in (1, -1):
            wrong = [each.fix for each in found if each.fix.change_bp * sign > 0.0]
            on = [fix for fix in wrong if self.members[self._numbers[fix.series]].breaches.active != 0]
            if on:
                jumps = " and ".join([f"{self._tenor(fix)} {fix.change_bp:+.1f}bp" for fix in wrong])
                why = f"the fixing shows {self.market} {jumps} as a break in the data, not as a move"
                names = tuple([fix.series for fix in wrong])
                out.append(Disproved(waiting.at, waiting.time, self.market, sign, names, why))

    def _tenor(self, fix: Fix) -> str:
        return self.members[self._numbers[fix.series]].spec.tenor

    def _said(self, fixes: list[Fix]) -> str:
        return " and ".join([f"{self._tenor(fix)} {fix.change_bp:+.1f}bp" for fix in fixes])

    # --- state --------------------------------------------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        """Noise and usual noise in bp (None while not known), the tenors it is taken over, the cheapest and richest."""
        noise = self._noise_now()
        if noise is None:
            return {}
        cheap, cheap_bp, rich, rich_bp = noise.extremes()
        has = noise.bp == noise.bp
        return {
            "market": self.market,
            "noise_bp": noise.bp if has else None,
            "usual_bp": noise.usual if noise.known() else None,
            "sigma": noise.z() if noise.known() else None,
            "tenors": [noise.series[k] for k in noise.used] if has else [],
            "cheapest": cheap or None,
            "cheapest_bp": cheap_bp if cheap else None,
            "richest": rich or None,
            "richest_bp": rich_bp if rich else None,
        }

    def state(self) -> dict[str, Any]:
        """Everything that changes, as plain values."""
        return {
            "noise": self.noise.state() if self.noise is not None else None,
            "breaks": {source: watch.state() for source, watch in self._breaks.items()},
            "doubts": [doubt.state() for doubt in self.doubts.values()],
            "watches": {watch.rule.name: watch.state() for watch in self.watches},
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take up where `state` left off."""
        if self.noise is not None and state["noise"] is not None:
            self.noise.load(state["noise"])
        self._breaks = {}
        for source, kept in state["breaks"].items():
            self._breaks[source] = BreakWatch()
            self._breaks[source].load(kept)
        doubts = [load_doubt(kept) for kept in state["doubts"]]
        self.doubts = {doubt.series: doubt for doubt in doubts if doubt.series in self._numbers}
        for watch in self.watches:
            if watch.rule.name in state["watches"]:
                watch.load(state["watches"][watch.rule.name])
