"""What holds whatever people do: checked against a small book of its own over random days."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from stressd.alerts.desk import Routed
from stressd.alerts.event import Event
from stressd.alerts.matching import Match
from stressd.alerts.people.commands import AddSilence
from stressd.alerts.people.escalation import EscalationStep
from stressd.alerts.people.maintenance import MaintenanceSpec
from stressd.alerts.people.people import is_end
from stressd.engine.agenda import Recurrence
from stressd.market.times import parse_time
from tests.alerts.facts import FIXING_20, HOUR, MINUTE, SECOND, breach, silence
from tests.alerts.world import DESK, OPS, World

PAGER = EscalationStep(10 * MINUTE, ("high", "critical"), ("pager",))
CHIEF = EscalationStep(30 * MINUTE, ("critical",), ("chief",))
NIGHTLY = MaintenanceSpec("nightly", Match(kinds=("feed",)), Recurrence("Europe/London", 22 * 60, ()), 60, "patching")
ROUTES = (replace(DESK, escalate=(PAGER, CHIEF), remind=2 * HOUR), OPS)
SERIES = ["JP.GOV.30Y", "JP.GOV.10Y", "US.GOV.10Y", "UK.GOV.10Y"]
MATCHES = [
    {"markets": ("JP",)},
    {"series": ("*.GOV.10Y",)},
    {"severities": ("warn", "high")},
    {"kinds": ("feed",)},
    {"rules": ("sigma-breach",)},
]
GAPS = st.sampled_from([SECOND, MINUTE, 4 * MINUTE, 11 * MINUTE, HOUR, 5 * HOUR, 26 * HOUR])
SINKS = ("desk", "ops", "pager", "chief")


class People(RuleBasedStateMachine):
    """Breaches, silent feeds, silences, acknowledgements and restarts in any order."""

    @initialize()
    def begin(self) -> None:
        self.world = World(*ROUTES, maintenance=[NIGHTLY])
        self.added: list[tuple[AddSilence, str, int]] = []
        self.ended: dict[str, int] = {}
        self.acked: dict[str, list[tuple[int, int]]] = {}
        self.seen = 0
        self.knows: dict[str, set[str]] = {}

    @rule(
        series=st.sampled_from(SERIES),
        severity=st.integers(0, 3),
        up=st.booleans(),
        phase=st.sampled_from(["entered", "entered", "left"]),
        gap=GAPS,
    )
    def moves(self, series: str, severity: int, up: bool, phase: str, gap: int) -> None:
        sigma = (2.6, 3.4, 4.5, 7.0)[severity]
        self.world.say(
            breach(self.world.now + gap, series, phase, severity, sigma, direction=1 if up else -1, horizon="5m")
        )

    @rule(tenor=st.sampled_from(["10Y", "30Y"]), phase=st.sampled_from(["entered", "left"]), gap=GAPS)
    def ticks(self, tenor: str, phase: str, gap: int) -> None:
        self.world.say(silence(self.world.now + gap, tenor, phase))

    @rule(
        match=st.sampled_from(MATCHES),
        wait=st.sampled_from([0, 0, HOUR]),
        lasts=st.sampled_from([MINUTE, 20 * MINUTE, 3 * HOUR, 40 * HOUR]),
        through=st.sampled_from([None, "critical"]),
    )
    def silences(self, match: dict[str, tuple[str, ...]], wait: int, lasts: int, through: str | None) -> None:
        at = self.world.now
        command = AddSilence(
            at=at, author="anna", via="cli", match=Match(**match), starts=at + wait, ends=at + wait + lasts,
            reason=f"n{len(self.added)}", break_through="critical" if through else None,
        )  # fmt: skip
        self.added.append((command, self.world.command(command).subject, at))

    @precondition(lambda self: self.world.pipeline.people.silences())
    @rule(which=st.integers(0, 9))
    def ends_a_silence(self, which: int) -> None:
        there = self.world.pipeline.people.silences()
        name = there[which % len(there)].id
        self.ended[name] = self.world.now
        self.world.end(name)

    @precondition(lambda self: self.world.pipeline.episodes.open_episodes())
    @rule(which=st.integers(0, 9), lasts=st.sampled_from([None, 15 * MINUTE, 3 * HOUR]))
    def acknowledges(self, which: int, lasts: int | None) -> None:
        there = self.world.pipeline.episodes.open_episodes()
        name = there[which % len(there)].id
        self.world.acknowledge(name, lasts)

    @rule(gap=GAPS)
    def waits(self, gap: int) -> None:
        self.world.pass_to(self.world.now + gap)

    @rule()
    def restarts(self) -> None:
        self.world.restart()

    def covers(self, event: Event, at: int) -> bool:
        """Whether somebody has silenced it at that time, or it is under maintenance, by the book."""
        if NIGHTLY.match.matches(event) and NIGHTLY.window_at(at) is not None:
            return True
        for command, name, added in self.added:
            through = command.break_through is not None and event.severity == "critical"
            ends = min(command.ends, self.ended.get(name, command.ends))
            if added <= at and command.starts <= at < ends and command.match.matches(event) and not through:
                return True
        return False

    @invariant()
    def what_is_silenced_reaches_nobody_and_ends_reach_who_was_told(self) -> None:
        for one in self.world.told[self.seen :]:
            event = one.event
            known = self.knows.setdefault(event.episode, set())
            if is_end(event):
                assert set(one.sinks) == known
                known.clear()
                continue
            if event.type != "corrected":
                covered = self.covers(event, parse_time(event.time))
                assert not (one.sinks and covered), (event, one.sinks)
                assert not (one.kept_back and not covered), (event, one.kept_back)
            known |= set(one.sinks)
        self.seen = len(self.world.told)

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        self.world.pass_to(self.world.now + 50 * HOUR)
        self.what_is_silenced_reaches_nobody_and_ends_reach_who_was_told()
        assert self.world.pipeline.people.silences() == [], "every silence ends"
        told = self.world.told
        told_of = Counter((one.event.episode, note) for one in told for note in silence_notes(one))
        assert not [key for key, count in told_of.items() if count > 1], "still open is told once"
        self.nobody_is_left_in_the_dark(told)

    def nobody_is_left_in_the_dark(self, told: Sequence[Routed]) -> None:
        """From whom something was withheld heard of it since, or it is over."""
        waiting: dict[tuple[str, str], str] = {}
        for one in told:
            for sink in one.kept_back:
                waiting[one.event.episode, sink] = one.event.id
            for sink in one.sinks:
                waiting.pop((one.event.episode, sink), None)
            if is_end(one.event):
                for sink in SINKS:
                    waiting.pop((one.event.episode, sink), None)
        assert not waiting


def silence_notes(one: Routed) -> list[str]:
    """The reasons of silences that end in this message."""
    note = one.event.note or ""
    return [part for part in note.split("; ") if "was silenced by" in part] if one.event.type == "reminder" else []


People.TestCase.settings = settings(max_examples=250, stateful_step_count=40)
TestPeople = People.TestCase


# -- escalation against a book of its own

STEP = st.one_of(
    st.tuples(st.just("wait"), st.sampled_from([MINUTE, 4 * MINUTE, 10 * MINUTE, 15 * MINUTE, HOUR])),
    st.tuples(st.just("ack"), st.sampled_from([0, 5 * MINUTE, 30 * MINUTE])),
    st.tuples(st.just("rise"), st.just(0)),
)


@given(st.lists(STEP, max_size=12), st.integers(1, 3))
@settings(max_examples=150)
def test_each_step_of_escalation_is_taken_once_for_each_severity_unless_somebody_looks_after_it(
    script: list[tuple[str, int]], severity: int
) -> None:
    world = World(*ROUTES)
    world.say(breach(FIXING_20, severity=severity, z=(2.6, 3.4, 4.5, 7.0)[severity], horizon="5m"))
    name = world.episode
    voids = 0
    for what, ns in script:
        if what == "wait":
            world.pass_to(world.now + ns)
        elif what == "ack":
            world.acknowledge(name, ns or None)
        elif severity < 3:
            severity += 1
            voids += name in world.pipeline.people.acknowledged()
            world.say(breach(world.now + SECOND, severity=severity, z=(2.6, 3.4, 4.5, 7.0)[severity], horizon="5m"))
            assert name not in world.pipeline.people.acknowledged(), "who looked after it did so when it was milder"
    looked_after = name in world.pipeline.people.acknowledged()
    forever = looked_after and world.pipeline.people.acknowledged()[name].until is None
    world.pass_to(world.now + 48 * HOUR)
    steps = [one for one in world.told if (one.event.note or "").startswith("not acknowledged")]
    taken = Counter(sink for one in steps for sink in one.sinks)
    for sink, least in (("pager", 2), ("chief", 3)):
        assert taken[sink] <= 1 + voids
        if severity >= least and not forever:
            assert taken[sink] >= 1
        if severity < least:
            assert taken[sink] == 0


DEEDS = st.lists(
    st.one_of(
        STEP,
        st.tuples(st.just("silence"), st.sampled_from([5 * MINUTE, 2 * HOUR])),
        st.tuples(st.just("end"), st.just(0)),
        st.tuples(st.just("leave"), st.just(0)),
    ),
    max_size=10,
)


@given(DEEDS, st.lists(st.integers(0, 4 * 3600), max_size=10), st.sets(st.integers(0, 9)))
@settings(max_examples=100)
def test_neither_looking_at_the_clock_more_often_nor_a_restart_anywhere_changes_what_is_told(
    script: list[tuple[str, int]], looks: list[int], restarts: set[int]
) -> None:
    def play(looks: Sequence[int], restarts: set[int]) -> list[tuple[str, tuple[str, ...], str | None]]:
        world = World(*ROUTES, maintenance=[NIGHTLY])
        waiting = sorted(FIXING_20 + look * SECOND for look in looks)
        world.say(breach(FIXING_20, severity=2, z=4.5, horizon="5m"), silence(FIXING_20))
        at = FIXING_20
        for index, (what, ns) in enumerate(script):
            if what == "wait":
                at += ns
            while waiting and waiting[0] <= at:
                world.pass_to(waiting.pop(0))
            world.pass_to(at)
            if index in restarts:
                world.restart()
            jp = [each.id for each in world.pipeline.episodes.open_episodes() if each.kind == "market"]
            if what == "ack" and jp:
                world.acknowledge(jp[0], ns or None)
            elif what == "rise":
                world.say(breach(at, "JP.GOV.10Y", severity=3, z=7.0, horizon="5m"))
            elif what == "silence":
                world.silence(ns, rules=("sigma-breach", "blind"))
            elif what == "end" and world.pipeline.people.silences():
                world.end(world.pipeline.people.silences()[0].id)
            elif what == "leave":
                world.say(breach(at, phase="left", horizon="5m"), breach(at, "JP.GOV.10Y", phase="left", horizon="5m"))
        world.pass_to(at + 30 * HOUR)
        return [(one.event.id, one.sinks, one.event.note) for one in world.told]

    assert play(looks, set()) == play([], set()) == play(looks, restarts)
