"""Random but ordered engine facts, and the machine run over them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from typing import Any

import msgspec
from hypothesis import strategies as st

from stressd.alerts.episodes import Episodes
from stressd.alerts.event import Event
from stressd.engine import events as engine
from stressd.engine.events import Standing
from tests.alerts import facts
from tests.alerts.facts import FIXING_20, HOUR, RULE, SECOND

MARKETS = ("JP", "US", "UK")
GAPS = st.sampled_from([0, 0, 0, SECOND, 3 * SECOND, 5 * SECOND - 1, 5 * SECOND, 8 * SECOND, HOUR, 30 * HOUR])
PHASES = st.sampled_from(["entered", "entered", "entered", "raised", "peaked", "left", "left"])
DAYS = st.one_of(st.none(), st.integers(date(1999, 9, 1).toordinal(), date(2026, 1, 19).toordinal()))
STANDINGS = st.one_of(
    st.none(),
    st.builds(
        Standing, st.sampled_from([3.0, 6.0]), st.integers(0, 50), st.integers(0, 5000), st.integers(1, 30),
        st.integers(1, 1250), DAYS, st.booleans(), DAYS, st.booleans(),
    ),
)  # fmt: skip
Fact = tuple[str, dict[str, Any]]


def _facts(name: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Fact]:
    return st.tuples(st.just(name), st.fixed_dictionaries(fields))


def _up(facts: st.SearchStrategy[Fact], **choices: Sequence[Any]) -> st.SearchStrategy[Fact]:
    """The same facts, rising, with some fields out of fewer choices."""
    fields = {name: st.sampled_from(values) for name, values in choices.items()}
    return st.builds(
        lambda fact, new: (fact[0], fact[1] | {"direction": 1} | new), facts, st.fixed_dictionaries(fields)
    )


BREACHES = _facts(
    "breach",
    series=st.builds("{}.GOV.{}".format, st.sampled_from(MARKETS), st.sampled_from(["2Y", "10Y", "30Y", "2s10s"])),
    horizon=st.sampled_from(["5m", "session", "1d"]),
    phase=PHASES,
    severity=st.integers(0, 3),
    z=st.floats(2.5, 12.0),
    bp=st.floats(0.5, 60.0),
    value=st.floats(-1.0, 8.0),
    direction=st.sampled_from([1, 1, -1]),
    standing=STANDINGS,
    provisional=st.sampled_from(["", "history of another convention"]),
)
ANSWERS = _facts(
    "response",
    market=st.sampled_from(MARKETS),
    follower=st.sampled_from(MARKETS),
    direction=st.sampled_from([1, 1, -1]),
    wording=st.sampled_from(["followed", "co-moved", "spilled over", "did not respond", "could not respond"]),
    was=st.sampled_from(["", "", "", "co-moved", "followed", "spilled over"]),
    via=st.sampled_from(["", "", "", "", "US", "UK"]),
    resolution=st.sampled_from(["tick", "1d"]),
    final=st.booleans(),
    ago=st.sampled_from([0, SECOND, 5 * SECOND, 14 * HOUR]),
)
LEVELS = _facts(
    "level",
    series=st.sampled_from(["US.GOV.10Y", "JP.GOV.30Y"]),
    what=st.sampled_from(["above", "round", "highest"]),
    since=DAYS,
)
SILENCES = _facts("silence", tenor=st.sampled_from(["2Y", "10Y", "30Y"]), phase=st.sampled_from(["entered", "left"]))
NOTES = _facts(
    "note",
    phase=st.sampled_from(["entered", "left"]),
    source=st.sampled_from(["desk", "venue"]),
    severity=st.integers(0, 3),
    text=st.text(max_size=300),
)
DENSE = st.sampled_from([0, 0, SECOND, 3 * SECOND, 5 * SECOND - 1, 5 * SECOND, 8 * SECOND])
MIXED = st.lists(st.tuples(GAPS, st.one_of(BREACHES, BREACHES, ANSWERS, LEVELS, SILENCES, NOTES)), max_size=40)
STORMS = st.lists(
    st.tuples(
        DENSE,
        st.one_of(
            *[_up(BREACHES, series=[f"{market}.GOV.{tenor}" for tenor in ("10Y", "30Y")]) for market in ("JP", "US")],
            _up(ANSWERS, market=["JP"], follower=["US", "UK"], final=[True, True, False]),
            _up(ANSWERS, market=["US"], follower=["JP", "UK"], final=[True, True, False]),
        ),
    ),
    min_size=10,
    max_size=60,
)
"""Two markets only, both rising, within seconds: nearly every fact joins, grows or answers something."""

SCRIPTS = st.one_of(MIXED, STORMS)


def build(script: Sequence[tuple[int, Fact]]) -> list[engine.Event]:
    """The script as engine events, on a clock that never runs backwards."""
    made: list[engine.Event] = []
    at = FIXING_20
    for gap, (name, fields) in script:
        at += gap
        if name == "response":
            fields = dict(fields)
            if fields["follower"] == fields["market"]:
                continue
            ago, was, via = fields.pop("ago"), fields.pop("was"), fields.pop("via")
            extra = (
                {"reason": "closed (overnight)", "next_open": at + HOUR}
                if fields["wording"].startswith("could")
                else {}
            )
            answer = facts.response(at, breach_at=at - ago, rule=RULE, **fields, **extra)
            answer.was = was
            answer.via = via if via not in (answer.market, answer.follower) else ""
            made.append(answer)
        else:
            made.append(getattr(facts, name)(at, **fields))
    return made


def run(
    events: Sequence[engine.Event],
    pauses: Sequence[int] = (),
    restart_at: int | None = None,
    until: int = 60 * SECOND,
    changes: dict[str, Any] | None = None,
) -> list[Event]:
    """Everything that is told. pauses: extra instants at which the clock is looked at. restart_at: index of the fact
    before which the machine is replaced by one restored from its snapshot. changes: to its specification."""
    machine = Episodes(facts.spec(**(changes or {})))
    told: list[Event] = []
    waiting = sorted(pauses)
    for index, event in enumerate(events):
        while waiting and waiting[0] <= event.at:
            told += machine.advance(waiting.pop(0))
        if index == restart_at:
            state = json.loads(msgspec.json.encode(machine.snapshot()))
            machine = Episodes(facts.spec(**(changes or {})))
            machine.restore(state)
            assert machine.snapshot() == state
        told += machine.apply(event)
    if events:
        told += machine.advance(events[-1].at + until)
        while (due := machine.next_deadline()) is not None:
            told += machine.advance(due)
    return told
