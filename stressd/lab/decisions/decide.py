"""What is decided on the bundled history, a line each, and how two lists of it differ."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import unified_diff
from importlib.resources import files
from typing import Final

from stressd.alerts.event import Event
from stressd.lab.decisions.history import SOURCE, fixings, series, ticks
from stressd.lab.offline import Setup, drive

RULES: Final = "rules.yaml"
LIST: Final = "decisions.txt"
"""The rules, and what they decided when the list was made; its first line names the method."""

FOLDER: Final = files("stressd.lab.decisions")


def rules() -> str:
    """The configuration of the bundled history."""
    return FOLDER.joinpath(RULES).read_text(encoding="utf-8")


def recorded() -> tuple[str, list[str]]:
    """The method that the list was made with, and the list."""
    head, *rest = FOLDER.joinpath(LIST).read_text(encoding="utf-8").splitlines()
    return head.removeprefix("method "), rest


def decide(setup: Setup) -> list[str]:
    """Every decision on the bundled history by the rules of `setup`, sorted: which of two rules speaks first at one
    instant is none. Figures are rounded: a decision is what is told, of whom, when and how loudly, and not the last
    digit behind it."""
    history = ticks()
    pipeline = setup.without_feeds({name: {SOURCE} for name in series()}).pipeline(history[0].received - 1, "replay")
    pipeline.engine.warm(fixings())
    return sorted(line(event) for event in drive(pipeline, history))


def line(event: Event) -> str:
    """One decision."""
    moves = sorted(f"{m.series}/{m.horizon}{'' if m.sigma is None else f' {m.sigma:.1f}s'}" for m in event.series)
    answers = sorted(f"{answer.market} {answer.wording}" for answer in event.followers)
    what = [event.time[:19], event.type, event.rule, event.market or "-", event.direction or "-", event.severity]
    return " ".join(what) + "".join(f" | {part}" for part in (", ".join(moves), ", ".join(answers)) if part)


def differences(before: Sequence[str], after: Iterable[str]) -> list[str]:
    """Lines that are gone (-) and lines that are new (+), in order; none where nothing is decided otherwise."""
    found = unified_diff(list(before), list(after), lineterm="", n=0)
    return [each for each in found if each[0] in "+-" and not each.startswith(("+++", "---"))]
