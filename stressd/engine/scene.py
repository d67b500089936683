"""What stands around a move at its moment: facts that no rule needs and every reader asks for."""

from __future__ import annotations

from stressd.engine.today import Row

Mark = tuple[float, int]
"""A value (percent) and its time (ns UTC)."""


class Beside:
    """A slope, fly or spread beside the move: value and change in bp since `since` (ns; 0: since each leg's own prior
    close). rank, rank_of: of the change among its daily ones the same way, 0 where it is not known."""

    __slots__ = ("change_bp", "rank", "rank_of", "series", "since", "value_bp")

    def __init__(self, series: str, value_bp: float, change_bp: float | None, since: int) -> None:
        self.series = series
        self.value_bp = value_bp
        self.change_bp = change_bp
        self.since = since
        self.rank = 0
        self.rank_of = 0

    def facts(self) -> tuple[str, float, float | None, int, int, int]:
        """Everything, as plain values."""
        return (self.series, self.value_bp, self.change_bp, self.since, self.rank, self.rank_of)


class Scene:
    """close: the last fixing or value of the session before; open, low, high: of this session; None for what is not
    known. levels: that rules watch, as (percent, name of the rule); grid: of round numbers, percent. agree, disagree:
    other feeds of the series that say the same or something else. rejected: bad ticks in this session. path: of this
    session; fixings: the last ones as (percent, ns), of a series without ticks."""

    __slots__ = (
        "agree", "beside", "close", "disagree", "fixings", "grid", "high", "levels", "low", "open", "path", "rejected",
    )  # fmt: skip

    def __init__(self) -> None:
        self.close: Mark | None = None
        self.open: Mark | None = None
        self.low: Mark | None = None
        self.high: Mark | None = None
        self.levels: list[tuple[float, str]] = []
        self.grid = 0.25
        self.agree: list[str] = []
        self.disagree: list[str] = []
        self.rejected: int | None = None
        self.path: Row | None = None
        self.fixings: list[Mark] = []
        self.beside: list[Beside] = []

    def facts(self) -> dict[str, object]:
        """Everything, as plain values."""
        return {
            "marks": [self.close, self.open, self.low, self.high],
            "levels": [self.levels, self.grid],
            "feeds": [self.agree, self.disagree],
            "rejected": self.rejected,
            "path": [self.path, self.fixings],
            "beside": [each.facts() for each in self.beside],
        }
