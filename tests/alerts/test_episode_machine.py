"""The episode machine under random lives: breaches, feeds, clocks, restarts, people, in any order."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from stressd.alerts.episodes import Episodes
from stressd.alerts.event import Event
from stressd.engine.events import Disproved
from stressd.engine.spec import SEVERITIES
from stressd.market.times import parse_time
from tests.alerts import facts
from tests.alerts.facts import HOUR, MINUTE, SECOND, breach, note, response, silence, spec

START = facts.parse_time("2026-01-19T00:00:00Z")
AFTER_END = {"corrected", "propagated", "reopened"}
STEPS = st.sampled_from([0, SECOND, 4 * SECOND, MINUTE, 5 * MINUTE, 11 * MINUTE, 40 * MINUTE, 3 * HOUR, 15 * HOUR])
SERIES = st.sampled_from(["JP.GOV.2Y", "JP.GOV.10Y", "JP.GOV.30Y", "JP.GOV.2s10s", "US.GOV.10Y", "US.GOV.30Y"])
HORIZONS = st.sampled_from(["5m", "session", "1d"])
NAMES = st.integers(0, 30)


class Lives(RuleBasedStateMachine):
    """Beside the machine runs a twin that is saved and restored before every step: it must say the same."""

    def __init__(self) -> None:
        super().__init__()
        self.machine = Episodes(spec())
        self.twin = Episodes(spec())
        self.at = START
        self.lives: dict[str, list[Event]] = defaultdict(list)
        self.open: dict[tuple[str, str, str | None], str] = {}
        self.seen: set[str] = set()
        self.silent: set[str] = set()
        self.left: set[str] = set()

    @initialize(step=STEPS, pace=st.sampled_from([0, 60 * SECOND]))
    def begin(self, step: int, pace: int) -> None:
        self.at += step
        self.pace = pace
        self.machine = Episodes(spec(pace=pace))
        self.twin = Episodes(spec(pace=pace))

    def restarted(self) -> Episodes:
        state = json.loads(msgspec.json.encode(self.twin.snapshot()))
        twin = Episodes(spec(pace=self.pace))
        twin.restore(state)
        assert twin.snapshot() == state
        return twin

    def both(self, call: str, *arguments: Any) -> list[Event]:
        self.twin = self.restarted()
        told: list[Event] = getattr(self.machine, call)(*arguments)
        assert getattr(self.twin, call)(*arguments) == told
        self.check(told)
        return told

    def check(self, told: list[Event]) -> None:
        """Everything that holds of every event and of the order of a life."""
        for event in told:
            life = self.lives[event.episode]
            assert event.id not in self.seen
            self.seen.add(event.id)
            assert event.seq == len(life) + 1
            assert event.id == f"{event.episode}.{event.seq}"
            assert (event.type == "opened") == (not life)
            before = life[-1] if life else None
            if before is not None:
                assert SEVERITIES.index(event.severity) >= SEVERITIES.index(before.severity)
                assert before.withdrawn is None, "nothing follows what was withdrawn"
                known = [each for each in life if each.type in ("opened", "escalated", "reopened")][-1]
                assert event.type != "escalated" or event.severity != known.severity
                if event.type == "escalated" and event.severity != "critical":
                    assert parse_time(event.time) - parse_time(known.time) >= self.pace
                if before.standing is not None and before.standing.state == "over":
                    assert event.type in AFTER_END
            key = (event.rule, self.scope(event), event.direction)
            if event.type in ("opened", "reopened"):
                assert key not in self.open, "one open episode a key"
                self.open[key] = event.episode
            over = event.type == "resolved" or event.withdrawn is not None
            if over and self.open.get(key) == event.episode:
                del self.open[key]
            if event.type == "resolved":
                assert event.standing is not None
                assert event.standing.state == "over"
                if event.kind == "market" and event.series and event.series[0].horizon != "level":
                    assert event.episode in self.left, "an episode ends by a breach that left, never by silence"
                    assert event.data.state not in ("stale", "halted")
                assert event.standing.flapping is None, "what flaps is not over"
            life.append(event)

    @staticmethod
    def scope(event: Event) -> str:
        if not event.series:
            return f"{event.kind}:{event.market}"
        spreads = all("s" in move.series.rpartition(".")[2] for move in event.series)
        return f"{event.market} spreads" if spreads else event.market

    @rule(
        step=STEPS,
        series=SERIES,
        horizon=HORIZONS,
        direction=st.sampled_from([1, 1, 1, -1]),
        z=st.floats(2.5, 9.0),
        severity=st.integers(0, 3),
        phase=st.sampled_from(["entered", "entered", "raised", "peaked", "lowered"]),
    )
    def a_series_moves(
        self, step: int, series: str, horizon: str, direction: int, z: float, severity: int, phase: str
    ) -> None:
        self.at += step
        if series in self.silent:
            return
        fact = breach(
            self.at, series, phase, severity, z, 3.0 * z, horizon, 3.5 + direction * z / 50.0, direction=direction
        )
        if phase == "lowered":
            fact.rung = max(severity - 1, 0)
        self.both("apply", fact)

    @rule(step=STEPS, which=NAMES, value=st.floats(2.0, 5.0))
    def a_breach_leaves(self, step: int, which: int, value: float) -> None:
        active = self.machine.active()
        if not active or active[which % len(active)][3] in self.silent:
            return
        self.at += step
        name, market, direction, series, horizon, severity = active[which % len(active)]
        fact = breach(self.at, series, "left", severity, 1.0, 2.0, horizon, value, direction=direction, rule=name)
        opened = {episode.key: episode.id for episode in self.machine.open_episodes()}
        for key, episode in opened.items():
            if key[2] == direction or "spreads" in key[1] or key[1] == market:
                self.left.add(episode)
        self.both("apply", fact)

    @rule(step=st.sampled_from([SECOND, MINUTE, 2 * MINUTE]), times=st.integers(2, 24))
    def one_series_comes_and_goes(self, step: int, times: int) -> None:
        if "US.GOV.30Y" in self.silent:
            return
        for k in range(times):
            self.at += step
            phase = ("entered", "left")[k % 2]
            opened = {episode.key: episode for episode in self.machine.open_episodes()}
            flapping = (episode := opened.get((facts.RULE, "US", 1))) is not None and episode.flapping
            self.left.update(each.id for each in opened.values())
            told = self.both("apply", breach(self.at, "US.GOV.30Y", phase, 1, 3.2, 5.0, "5m"))
            if flapping and episode is not None and episode.flapping:
                assert not [event for event in told if event.type in ("resolved", "reopened") and event.market == "US"]

    @rule(step=STEPS)
    def the_clock_goes_on(self, step: int) -> None:
        self.at += step
        self.both("advance", self.at)
        due = self.machine.next_deadline()
        assert due is None or due > self.at

    @rule(step=STEPS, series=st.sampled_from(["JP.GOV.30Y", "JP.GOV.10Y", "US.GOV.30Y"]), halted=st.booleans())
    def a_series_falls_silent(self, step: int, series: str, halted: bool) -> None:
        self.at += step
        if series in self.silent:
            return
        self.silent.add(series)
        market, _, tenor = series.split(".")
        self.both("apply", silence(self.at, tenor, market=market, series=series, halted=halted))

    @precondition(lambda self: self.silent)
    @rule(step=STEPS)
    def it_ticks_again(self, step: int) -> None:
        self.at += step
        series = sorted(self.silent)[0]
        self.silent.remove(series)
        market, _, tenor = series.split(".")
        self.both("apply", silence(self.at, tenor, "left", market=market, series=series))

    @rule(step=STEPS, wording=st.sampled_from(["followed", "spilled over", "did not respond"]), pair=st.booleans())
    def a_market_answers(self, step: int, wording: str, pair: bool) -> None:
        self.at += step
        source, follower = ("JP", "US") if pair else ("US", "JP")
        begun = [each.began for each in self.machine.open_episodes() if each.market == source]
        answer = response(
            self.at, follower, wording, market=source, resolution="tick", breach_at=max(begun, default=self.at)
        )
        self.both("apply", answer)

    @rule(which=NAMES)
    def somebody_takes_it_on(self, which: int) -> None:
        episodes = self.machine.open_episodes()
        if episodes:
            self.both("acknowledge", episodes[which % len(episodes)].id, self.at, "aiko", "")
            self.both("remind", episodes[which % len(episodes)].id, self.at, "still open")

    @rule(which=NAMES)
    def an_alert_was_wrong(self, which: int) -> None:
        if self.lives and which < 6:
            names = sorted(self.lives)
            self.both("withdraw_alert", names[which % len(names)], self.at, "bad data")

    @rule(direction=st.sampled_from([1, -1]))
    def the_engine_takes_a_move_back(self, direction: int) -> None:
        self.both("apply", Disproved(self.at, self.at, "JP", direction, ("JP.GOV.2Y", "JP.GOV.30Y"), "was back"))

    @rule(phase=st.sampled_from(["entered", "left", "once"]))
    def the_daemon_has_something_to_say(self, phase: str) -> None:
        self.both("apply", note(self.at, phase))

    @invariant()
    def the_open_episodes_are_those_that_were_told_open(self) -> None:
        opened = {episode.id for episode in self.machine.open_episodes()}
        assert opened == set(self.open.values())
        for episode in self.machine.open_episodes():
            stands = self.machine.standing(episode, self.at)
            assert stands.state in ("open", "recovering", "suspended")
            assert (stands.rung is None) == (not episode.active)

    @invariant()
    def sources_are_a_short_chain_and_no_circle(self) -> None:
        book = {episode.id: episode for episode in self.machine.open_episodes()}
        for episode in book.values():
            seen = [episode.id]
            while (here := book.get(seen[-1])) is not None and here.source is not None:
                assert here.source.episode not in seen
                seen.append(here.source.episode)
            assert len(seen) <= 5

    def teardown(self) -> None:
        self.both("advance", self.at)
        for _ in range(200):
            due = self.machine.next_deadline()
            if due is None:
                break
            self.both("advance", due)
        assert self.machine.next_deadline() is None


Lives.TestCase.settings = settings(max_examples=120, stateful_step_count=40)
TestLives = Lives.TestCase
