"""What of a message is shown where not all of it fits: one rule for every channel that has a limit.

The tail of the table goes first, then that of the answers, of the facts, and of the footing. Never the headline, the
status (with the notes before it) and the episode's id. What was cut says so, and where all of it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

from stressd.alerts.notification import Notification

STATUS: Final = "Status"
EPISODE: Final = "Episode"
ROWS, ANSWERS = 60, 40
"""The most that are shown even where more would fit: nobody reads further in a message."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Shown:
    """How many of the table's rows, of the answers, the facts and the footing are shown, each from its beginning."""

    rows: int
    answers: int
    facts: int
    footing: int


def fitted(n: Notification, build: Callable[[Shown], T], fits: Callable[[T], bool]) -> T:
    """The message with as much of it as `fits`; the least there is where nothing does."""
    built = build(_most(n))
    for shown in _shorter(n):
        if fits(built):
            break
        built = build(shown)
    return built


def footing_of(n: Notification, shown: Shown) -> list[tuple[str, str]]:
    """The footing that is shown, always with the episode."""
    rest = [entry for entry in n.footing[shown.footing :] if entry[0] == EPISODE]
    return [*n.footing[: shown.footing], *rest]


def cut(n: Notification, shown: Shown) -> str | None:
    """What was left out, in words; None where nothing was."""
    counts = (
        (len(n.table) - shown.rows, "row of the table", "rows of the table"),
        (len(n.answers) - shown.answers, "answer", "answers"),
        (len(n.facts) - shown.facts, "fact", "facts"),
        (len(n.footing) - len(footing_of(n, shown)), "line on the data", "lines on the data"),
    )
    missing = [f"{count} {one if count == 1 else many}" for count, one, many in counts if count > 0]
    return f"Cut to fit, not shown: {', '.join(missing)}; all of it: stressd explain {n.thread}" if missing else None


def _most(n: Notification) -> Shown:
    return Shown(min(len(n.table), ROWS), min(len(n.answers), ANSWERS), len(n.facts), len(n.footing))


def _shorter(n: Notification) -> Iterator[Shown]:
    most = _most(n)
    rows, answers, facts, footing = most.rows, most.answers, most.facts, most.footing
    while rows:
        rows = rows * 2 // 3
        yield Shown(rows, answers, facts, footing)
    while answers:
        answers = answers * 2 // 3
        yield Shown(0, answers, facts, footing)
    kept = next((i + 1 for i, (label, _) in enumerate(n.facts) if label == STATUS), 0)
    while facts > kept:
        facts = max(facts * 2 // 3, kept)
        yield Shown(0, 0, facts, footing)
    yield Shown(0, 0, kept, 0)
