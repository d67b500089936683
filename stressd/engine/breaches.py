"""What one series says of its moves: breaches entered, raised, peaked and left, each with how it came about."""

from __future__ import annotations

import math
from typing import Any, Final

from stressd.engine.account import of_horizon
from stressd.engine.agenda import MarketAgenda
from stressd.engine.budget import WITHIN, Book, BudgetBar, shares, treatment
from stressd.engine.events import ENTERED, LEFT, LOWERED, PEAKED, RAISED, REGAINED, Breach, Event, Standing
from stressd.engine.horizon import DAILY, GAP, H30, Horizon
from stressd.engine.horizons import Horizons
from stressd.engine.move import Move
from stressd.engine.records import Records
from stressd.engine.sigma import (
    NOTHING,
    SAYS_ENTERED,
    SAYS_LEFT,
    SAYS_LOWERED,
    SAYS_PEAKED,
    SAYS_RAISED,
    SAYS_REGAINED,
    SigmaWatch,
)
from stressd.engine.spec import HORIZONS, SeriesSpec, SigmaRule, WarmupSpec
from stressd.engine.tail import DROP, KEEP
from stressd.market.series import market_of

LIVE: Final = "live"
"""Source of what the engine takes from live ticks, whichever feed they came from."""

YEAR_OF_DAYS: Final = 250
"""Days of its own before a return period is read off the tail of a horizon that is seen once a day."""


class Breaches:
    """The watches of one series. active: how many breaches are on; busy: with those that wait to be believed.
    provisional: why no sigma of it is to be trusted fully, or "". carrier: name of the source that carries it now.
    """

    __slots__ = (
        "_agenda",
        "_patient",
        "_series",
        "_warmup",
        "active",
        "busy",
        "carrier",
        "horizons",
        "market",
        "provisional",
        "records",
        "watches",
    )

    def __init__(
        self, spec: SeriesSpec, warmup: WarmupSpec, watches: list[SigmaWatch], horizons: Horizons, records: Records,
        agenda: MarketAgenda,
    ) -> None:  # fmt: skip
        self._agenda = agenda
        self._series = spec.id
        self._warmup = warmup
        self.market = spec.market
        self.watches = watches
        self._patient = bool([watch for watch in watches if watch.patient])
        self.horizons = horizons
        self.records = records
        self.active = 0
        self.busy = 0
        self.provisional = ""
        self.carrier = ""

    def judge(self, at: int, t: int, y: float, out: list[Event]) -> None:
        """Hold the tick (t, y) against every horizon that is known."""
        for watch in self.watches:
            h = watch.horizon
            horizon = self.horizons.all[h]
            reference = horizon.ref
            if reference != reference or not horizon.known or horizon.sigma <= 0.0:
                if watch.sign != 0:
                    watch.forget()
                continue
            if watch.direction == 0 and abs(y - reference) < horizon.bar:
                if watch.sign != 0:
                    watch.forget()
                continue
            move = Move(at, t, y, reference, horizon.ref_time, horizon.sigma, LIVE, False)
            if h != GAP:
                self.offer(watch, move, out)
            if watch.direction != 0 and h != DAILY:
                said = watch.settle(move.z, self.horizons.clock.open_time(t))
                if said != NOTHING:
                    self._say(watch, LEFT if said == SAYS_LEFT else LOWERED, move, out)
        if self._patient:
            self._count_waiting()

    def judge_gap(self, move: Move, out: list[Event]) -> None:
        """An open has been measured."""
        for watch in self.watches:
            if watch.horizon == GAP:
                self.offer(watch, move, out)

    def judge_fixing(self, move: Move, out: list[Event]) -> None:
        """A quiet fixing ends a 1d breach; one that is not quiet enters, raises or peaks."""
        for watch in self.watches:
            if watch.horizon != DAILY:
                continue
            if watch.direction != 0 and move.z * watch.direction < watch.exits[0]:
                self._say(watch, LEFT, move, out)
            told = len(out)
            lowered = watch.direction != 0 and watch.hold_at(move.z) == SAYS_LOWERED
            self.offer(watch, move, out)
            if len(out) == told and watch.direction != 0 and watch.rung(abs(move.z)) >= 0:
                # Another fixing beyond the bar is another move, even where it is no larger.
                self._say(watch, PEAKED, move, out)
            elif len(out) == told and lowered:
                self._say(watch, LOWERED, move, out)

    def retell(self, rule: str, h: int, move: Move, least: int, out: list[Event]) -> None:
        """A breach that is on was told at a severity of `least` at most: tell it at its own, if that is higher."""
        for watch in self.watches:
            if watch.rule == rule and watch.horizon == h and watch.direction != 0 and watch.severity > least:
                self._say(watch, RAISED, move, out)

    def end_gap(self, at: int, t: int, y: float, out: list[Event]) -> None:
        """Another close has come: the last open's gap is history."""
        gap = self.horizons.gap
        for watch in self.watches:
            if watch.horizon == GAP and watch.direction != 0 and gap.sigma > 0.0 and gap.ref == gap.ref:
                self._say(watch, LEFT, Move(at, t, y, gap.ref, gap.ref_time, gap.sigma, LIVE, False), out)

    def offer(self, watch: SigmaWatch, move: Move, out: list[Event]) -> None:
        """Enter, raise or peak; a breach the other way first ends the one that is on."""
        watch.factor = self._agenda.factor_at(move.time)
        if watch.patient and not move.fixing and watch.horizon != GAP:
            k = watch.reached(move.z, move.bp, self.horizons.clock.open_time(move.time))
        else:
            k = watch.rung(abs(move.z))
        if watch.turns(k, move.bp):
            self._say(watch, LEFT, move, out)
        said = watch.offer(k, move.z, move.bp)
        if said == SAYS_ENTERED:
            self.active += 1
            self.busy += 1
            watch.opener = watch.openings.enter(watch.direction)
            self._say(watch, ENTERED, move, out)
        elif said == SAYS_RAISED:
            self._say(watch, RAISED, move, out)
        elif said == SAYS_PEAKED:
            self._say(watch, PEAKED, move, out)
        elif said == SAYS_REGAINED:
            self._say(watch, REGAINED, move, out)

    def _count_waiting(self) -> None:
        """How much there is that a tick within every bar may end."""
        self.busy = self.active
        for watch in self.watches:
            if watch.sign != 0:
                self.busy += 1

    def _say(self, watch: SigmaWatch, phase: str, move: Move, out: list[Event]) -> None:
        h = watch.horizon
        horizon = self.horizons.all[h]
        watch.factor = self._agenda.factor_at(move.time)
        threshold = watch.threshold()
        standing: Standing | None = None
        if phase in (ENTERED, RAISED, PEAKED):
            standing = self._standing(horizon, move, threshold)
        breach = Breach(
            at=move.at,
            time=move.time,
            rule=watch.rule,
            market=self.market,
            direction=watch.direction,
            phase=phase,
            series=self._series,
            horizon=HORIZONS[h],
            severity=watch.severity,
            value=move.value,
            reference_value=move.reference,
            reference_time=move.reference_time,
            z=move.z,
            sigma_bp=move.sigma_bp,
            threshold=threshold,
            definition=horizon.definition,
            provisional=self._why_provisional(horizon),
            fixing=move.fixing,
            source=self.carrier if move.source == LIVE else move.source,
            standing=standing,
            account=self._account(watch, horizon, move, standing) if standing is not None else None,
        )
        breach.rung = watch.now
        breach.during = self._agenda.name_at(move.time)
        breach.widened = watch.widened()
        breach.rungs = [(watch.severities[k], watch.bar(k)) for k in range(len(watch.enters))]
        breach.floor_bp = watch.floor_bp
        out.append(breach)
        if phase == LEFT:
            watch.openings.leave(watch.direction)
            if watch.opener and watch.budget is not None:
                watch.budget.allowance.opened(self._weight(watch))
            watch.reset()
            self.active -= 1
            self._count_waiting()

    def _weight(self, opener: SigmaWatch) -> float:
        """How much the episode counts against its budget: by the horizon on which it was least ordinary."""
        least = 2.0
        for watch in self.watches:
            if watch.budget is not None and watch.rule == opener.rule and watch.direction == opener.direction:
                least = min(least, watch.budget.weight(watch.peak))
        return least

    def _why_provisional(self, horizon: Horizon) -> str:
        if self.provisional or horizon.number > H30 or horizon.live:
            return self.provisional
        sessions = self.horizons.volatility.sessions
        if sessions < self._warmup.live_sessions:
            return f"{sessions} of {self._warmup.live_sessions} sessions seen"
        return f"{horizon.tail.blocks} of {self._warmup.live_blocks} blocks of five minutes seen"

    def _standing(self, horizon: Horizon, move: Move, threshold: float) -> Standing:
        """How the move stands in the series' own history."""
        if horizon.number == DAILY:
            standing = self.records.standing(move.bp, move.z, threshold, move.value, move.source)
        else:
            standing = self.records.within(horizon.maxima, move.bp, threshold, move.value, move.source)
        year = self.horizons.blocks_a_year(horizon)
        if horizon.tail.blocks >= YEAR_OF_DAYS or (horizon.number <= H30 and horizon.live):
            fit = horizon.tail.fit(KEEP, 1.0)
            standing.return_years = fit.return_years(abs(move.z), year)
            standing.tail = {
                "fit": fit.numbers(), "excesses": fit.excesses, "scales": list(fit.scales),
                "weights": list(fit.weights), "blocks_a_year": year,
            }  # fmt: skip
        return standing

    def _account(self, watch: SigmaWatch, horizon: Horizon, move: Move, standing: Standing) -> dict[str, Any]:
        """The state behind the numbers, as `engine.account` reads it."""
        account: dict[str, Any] = {
            "value": move.value,
            "reference": move.reference,
            "sigma_bp": move.sigma_bp,
            "z": move.z,
            "return_years": None if standing.return_years is None else list(standing.return_years),
            "sigma": of_horizon(self.horizons, horizon),
            "bars": list(watch.enters),
            "tail": standing.tail,
        }
        budget = watch.budget
        if budget is not None:
            account["budget"] = budget.account()
        return account

    def forget(self) -> None:
        """No breach is on: what was learned stays."""
        for watch in self.watches:
            watch.reset()
            watch.forget()
        self.active = self.busy = 0

    def count(self) -> None:
        """Tell the rules' openings which breaches are on."""
        self.active = 0
        for watch in self.watches:
            if watch.direction != 0:
                self.active += 1
                watch.openings.enter(watch.direction)
        self._count_waiting()


def watches_of(rule: SigmaRule, spec: SeriesSpec, book: Book) -> list[SigmaWatch]:
    """One watch a horizon of the rule on this series, with its part of the budget where there is one."""
    openings = book.openings(rule.name, spec.market)
    budget = rule.budget
    if budget is None:
        return [SigmaWatch(rule, HORIZONS.index(name), name, openings, None) for name in rule.horizons]
    parts = shares(rule.horizons)
    # Tenors of one market move together: so many of them open about as often as the square root of their number.
    alike = math.sqrt(float(sum(1 for each in rule.series if market_of(each) == spec.market)))
    watches: list[SigmaWatch] = []
    for name in rule.horizons:
        within = name in WITHIN
        whole = budget.per_year * sum(part for each, part in parts.items() if (each in WITHIN) == within)
        owner = "" if budget.per_market else spec.id
        dropped = treatment(budget, within) == DROP
        allowance = book.allowance(rule.name, spec.market, owner, within, dropped, whole)
        own = budget.per_year * parts[name] / (alike if budget.per_market else 1.0)
        watches.append(
            SigmaWatch(rule, HORIZONS.index(name), name, openings, BudgetBar(budget, own, within, allowance))
        )
    return watches
