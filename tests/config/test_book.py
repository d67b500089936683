"""What the desk holds, and the pages that say what to do, as they are configured."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stressd.alerts.notification import Position
from stressd.config.faults import ConfigError
from stressd.config.load import Loaded
from stressd.runtime.build import episodes_spec
from tests.config.test_faults import GOOD

Read = Callable[..., Loaded]
BOOK = "book: {US.GOV.2Y: {dv01: -85000, currency: USD}}\naliases:"


def test_positions_and_runbooks_are_read(read: Read) -> None:
    loaded = read(GOOD.replace("aliases:", BOOK, 1))
    assert loaded.book == {"US.GOV.2Y": Position(-85_000.0, "USD")}
    assert loaded.runbooks == {"quiet": "docs/runbook.md#silence"}
    name = loaded.rules[0].name
    with_page = GOOD.replace(f"name: {name}", f"name: {name}\n    runbook: https://wiki.bank.example/x", 1)
    known = read(with_page)
    assert known.runbooks == {name: "https://wiki.bank.example/x", "quiet": "docs/runbook.md#silence"}
    assert episodes_spec(known, "live").runbooks == known.runbooks


@pytest.mark.parametrize(
    ("book", "fault"),
    [
        ("US.GOV.3Y: {dv01: 1, currency: USD}", "the book holds `US.GOV.3Y`, which is not configured"),
        ("US.GOV.2Y: {dv01: 1, currency: usd}", "a currency is three capital letters such as `JPY`"),
        ("US.GOV.2Y: {dv01: .nan, currency: USD}", "dv01"),
        ("US.GOV.2Y: {dv01: 1}", "currency"),
    ],
)
def test_a_position_that_cannot_be_is_told_at_its_place(read: Read, book: str, fault: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(GOOD.replace("aliases:", f"book: {{{book}}}\naliases:", 1))
    (found,) = caught.value.faults
    assert (found.line, fault in found.brief) == (5, True), found.brief
