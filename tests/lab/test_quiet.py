"""How often the configuration that is shipped speaks."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from stressd.cli.watched import of_config
from stressd.config.load import load
from stressd.engine.form import FORM
from stressd.lab.offline import Setup
from stressd.lab.quiet import START, headlines, january, ordinary, weekly
from stressd.market.times import day_start, parse_day
from stressd.runtime.registry import registry

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(FORM != "compiled", reason="months of ticks take too long with the interpreted engine"),
]
DESK, OPS = "desk-slack", "ops-mail"


@pytest.fixture(scope="module")
def shipped() -> Setup:
    root = Path(__file__).resolve().parent.parent.parent
    return of_config(load(root / "config" / "stressd.yaml", registry(), environment=False))


def test_five_ordinary_weeks_with_restarts_summer_time_and_an_early_close_are_quiet(shipped: Setup) -> None:
    told, _ = ordinary(shipped, seed=1)
    weeks = weekly(told, day_start(parse_day(START)))
    total: Counter[str] = sum(weeks, Counter())
    assert 5 <= len(weeks) <= 6
    assert 0 < total[DESK] <= 3 * 5
    assert total[OPS] <= 5
    restarts = [one for one in told if one.event.rule == "feed-down" and one.event.type == "opened"]
    assert len(restarts) >= 5
    assert not any(one.sinks for one in restarts), "a planned restart pages nobody"
    assert all("maintenance" in reason for one in restarts for reason in one.kept_back.values())


def test_the_week_of_january_2026_gives_the_desk_at_most_eight_messages_and_the_21st_is_a_retracement(
    shipped: Setup,
) -> None:
    told = january(shipped)
    desk = list(headlines(told, DESK))
    assert 4 <= len(desk) <= 8
    assert any(event.market == "JP" and event.severity == "critical" for event in desk)
    assert any("followed by US 10Y" in event.headline for event in desk)
    back = [event for event in desk if event.time.startswith("2026-01-21") and event.direction == "down"]
    assert any("retraces" in f"{event.headline} {event.note}" for event in back)
    assert not list(headlines(told, OPS))
