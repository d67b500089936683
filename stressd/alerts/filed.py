"""Closed episodes as JSON, quickly: their moves, four fifths of it, do not change any more and are kept as they were
written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from stressd.alerts.episode import Episode
from stressd.alerts.event import SeriesMove

FIELDS: Final = Episode.__struct_fields__


class Filed:
    """What was written of each, by its id, with the moves of which it was made."""

    __slots__ = ("_written",)

    def __init__(self) -> None:
        self._written: dict[str, tuple[list[str], list[SeriesMove], msgspec.Raw]] = {}

    def plain(self, closed: Sequence[Episode]) -> list[dict[str, Any]]:
        """Ready for JSON. Nothing is kept of any other episode."""
        before, self._written = self._written, {}
        return [self._of(episode, before.get(episode.id)) for episode in closed]

    def _of(self, episode: Episode, before: tuple[list[str], list[SeriesMove], msgspec.Raw] | None) -> dict[str, Any]:
        names, moves = list(episode.moves), list(episode.moves.values())
        # Moves are frozen: the same objects are the same text, and a comparison of lists looks at that first.
        if before is None or before[0] != names or before[1] != moves:
            before = names, moves, msgspec.Raw(msgspec.json.encode(episode.moves))
        self._written[episode.id] = before
        fields: dict[str, Any] = {name: getattr(episode, name) for name in FIELDS}
        fields["moves"] = before[2]
        return fields
