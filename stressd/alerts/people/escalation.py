"""A step of a route's escalation: who is told of what nobody has acknowledged."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EscalationStep:
    """after: ns of wall-clock time since those of the route were told. severities: of which it is taken. sinks: who is
    told then."""

    after: int
    severities: tuple[str, ...]
    sinks: tuple[str, ...]

    @property
    def key(self) -> str:
        """The step, the same in every route and after every reload."""
        return f"{self.after}|{','.join(self.severities)}|{','.join(self.sinks)}"
