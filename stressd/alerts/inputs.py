"""What enters a pipeline beside ticks, as plain values that can be written down: with the ticks and the state before
them it says everything that followed.

Each has its own number `k` and its place among the ticks: `n` is the number of the next tick, `at` the pipeline's clock
(ns UTC) when it came.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from stressd.alerts.people.commands import Acknowledge, AddSilence, Command, EndSilence, Label
from stressd.alerts.pipeline import Pipeline, Routed
from stressd.alerts.plain import note_of

BREAKS: Final = ("started", "exchanged", "lost")
"""Where what came before does not say what follows: the daemon began, its configuration changed, ticks are missing."""

Word = Literal["started", "exchanged", "lost", "stopped", "stalled", "covered", "noted", "directed", "commanded"]

_COMMANDS: Final[dict[str, type[Command]]] = {
    "silence": AddSilence, "unsilence": EndSilence, "acknowledge": Acknowledge, "label": Label,
}  # fmt: skip
_NAMES: Final = {kind: name for name, kind in _COMMANDS.items()}


class Input(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One of them. ns: of a stall. told, soon: feeds of which nothing can come, as people know and may be told soon.
    note: about a feed or the daemon itself (`alerts.plain`). sinks: who alone is told of it. command: what a person
    commanded, `name` says which. why: of a break, in words."""

    k: int
    n: int
    at: int
    what: Word
    ns: int = 0
    told: tuple[str, ...] = ()
    soon: tuple[str, ...] = ()
    note: list[Any] = []
    sinks: tuple[str, ...] = ()
    name: str = ""
    command: dict[str, Any] = {}
    why: str = ""


def of_command(command: Command) -> tuple[str, dict[str, Any]]:
    """Which command it is, and its fields."""
    return _NAMES[type(command)], msgspec.to_builtins(command)


def apply(pipeline: Pipeline, given: Input) -> list[Routed]:
    """Everything that is told because of it, and of what fell due until then. Raises CommandError, ValueError,
    TypeError, LookupError where it is none that a pipeline was ever given."""
    told = pipeline.advance(given.at)
    if given.what == "stalled":
        pipeline.engine.resume(pipeline.engine.now, given.ns)
    elif given.what == "covered":
        told += pipeline.cover(frozenset(given.told), frozenset(given.soon), given.at)
    elif given.what == "noted":
        told += pipeline.apply(note_of(given.note))
    elif given.what == "directed":
        told += pipeline.direct(note_of(given.note), given.sinks)
    elif given.what == "commanded":
        told += pipeline.command(_command(given.name, given.command)).routed
    return told


def _command(name: str, fields: dict[str, Any]) -> Command:
    return msgspec.convert(fields, _COMMANDS[name])
