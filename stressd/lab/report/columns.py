"""The file of `report --connectedness`: `date,<node>...`, a number for every node on every date."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stressd.lab.connectedness import Connectedness, Matrix, NoVar, cholesky, connectedness, rolling, var
from stressd.lab.faults import SHOWN, Fault, UnreadFile
from stressd.lab.publishers import csv_rows, file_bytes, file_text
from stressd.market.times import day_iso, parse_day


class Columns:
    """What the file holds. days: ordinals, ascending; values: (days, nodes); header, last: their lines."""

    __slots__ = ("days", "header", "last", "nodes", "path", "values")

    def __init__(self, path: str, nodes: list[str], days: list[int], values: Matrix, header: int, last: int) -> None:
        self.path = path
        self.nodes = nodes
        self.days = days
        self.values = values
        self.header = header
        self.last = last

    def refused(self, why: NoVar) -> UnreadFile:
        """Why no autoregression of it stands, at the node that shows it, or at the end of the rows."""
        if why.node is None:
            return UnreadFile([Fault(self.path, self.last, str(why))])
        return UnreadFile([Fault(self.path, self.header, f"{self.nodes[why.node]}: {why}")])


def read_columns(path: Path | str) -> Columns:
    """Raises UnreadFile, with up to twenty faults by line and column."""
    name = str(path)
    rows = list(csv_rows(name, file_text(name, file_bytes(path))))
    if not rows:
        raise UnreadFile([Fault(name, 0, "the file is empty")])
    header, cells = rows[0]
    nodes = cells[1:]
    faults = _header(name, header, cells)
    if faults:
        raise UnreadFile(faults)
    days: list[int] = []
    values: list[list[float]] = []
    for line, cells in rows[1:]:
        try:
            days.append(_day(cells[0], days))
            values.append(_row(nodes, cells))
        except ValueError as error:
            faults.append(Fault(name, line, str(error)))
            if len(faults) == SHOWN:
                break
    if not faults and not values:
        faults.append(Fault(name, header, "there is a header but no row"))
    if faults:
        raise UnreadFile(faults)
    return Columns(name, nodes, days, np.array(values), header, rows[-1][0])


def _header(path: str, line: int, cells: Sequence[str]) -> list[Fault]:
    if cells[0].lower() != "date":
        return [
            Fault(path, line, f"date: the first column is {cells[0][:40]!r}; the header is `date,<node>,<node>...`")
        ]
    nodes = cells[1:]
    faults = [Fault(path, line, f"column {i} has no name") for i, node in enumerate(nodes, 2) if not node]
    faults += [
        Fault(path, line, f"{node}: stands in two columns") for node in sorted(set(nodes)) if nodes.count(node) > 1
    ]
    if len(nodes) < 2:
        faults.append(Fault(path, line, f"{len(nodes)} node beside date: connectedness needs two at least"))
    return faults[:SHOWN]


def _day(text: str, days: Sequence[int]) -> int:
    try:
        day = parse_day(text)
    except ValueError as error:
        raise ValueError(f"date: {error}") from None
    if days and day <= days[-1]:
        raise ValueError(f"date: {day_iso(day)} does not come after {day_iso(days[-1])}")
    return day


def _row(nodes: Sequence[str], cells: Sequence[str]) -> list[float]:
    if len(cells) != len(nodes) + 1:
        missing = f"{nodes[len(cells) - 1]}: no column for it" if len(cells) <= len(nodes) else "a column too many"
        raise ValueError(f"{missing}: {len(cells)} columns where the header has {len(nodes) + 1}")
    row = []
    for node, cell in zip(nodes, cells[1:], strict=True):
        if cell in ("", ".", "-", "NA", "N/A", "NaN", "nan"):
            raise ValueError(f"{node}: no value; an autoregression needs every node on every date")
        try:
            value = float(cell)
        except ValueError:
            raise ValueError(f"{node}: {cell[:40]!r} is no number") from None
        if not math.isfinite(value):
            raise ValueError(f"{node}: {cell} is not finite")
        row.append(value)
    return row


class ColumnsReport:
    """Connectedness of a file. half_life: in rows, None for least squares; window: of `path`, totals of the last
    `window` rows by day, None without."""

    __slots__ = ("by_order", "columns", "half_life", "horizon", "lags", "path", "root", "table", "window")

    def __init__(
        self, columns: Columns, lags: int, horizon: int, window: int | None = None, half_life: float | None = None
    ) -> None:
        """Raises UnreadFile where no autoregression stands."""
        self.columns = columns
        self.lags = lags
        self.horizon = horizon
        self.window = window
        self.half_life = half_life
        self.path: list[tuple[int, float]] = []
        try:
            model = var(columns.values, lags, decay=1.0 if half_life is None else 0.5 ** (1.0 / half_life))
            self.table = connectedness(columns.nodes, model, horizon)
            self.by_order = Connectedness(columns.nodes, cholesky(model, horizon), model.rows).total
            self.root = model.root()[0]
            if window is not None:
                self._roll(window)
        except NoVar as error:
            raise columns.refused(error) from None

    def _roll(self, window: int) -> None:
        rows = len(self.columns.days)
        if window > rows:
            raise NoVar(f"a window of {window} rows where the file has {rows}")
        found = rolling(self.columns.values, self.lags, self.horizon, window)
        self.path = [(d, float(x)) for d, x in zip(self.columns.days[window - 1 :], found, strict=True) if x == x]
        if not self.path:
            raise NoVar(f"no window of {window} rows bears an autoregression of {self.lags} lags")

    def plain(self) -> dict[str, Any]:
        """For JSON: the table's keys and what it was made of."""
        out = self.table.plain() | {
            "cholesky_total": round(self.by_order, 6),
            "lags": self.lags,
            "horizon": self.horizon,
            "half_life": self.half_life,
            "first": day_iso(self.columns.days[0]),
            "last": day_iso(self.columns.days[-1]),
            "observations": len(self.columns.days),
        }
        if self.path:
            totals = [x for _, x in self.path]
            lowest, highest = min(self.path, key=lambda p: p[1]), max(self.path, key=lambda p: p[1])
            out["rolling"] = {
                "window": self.window,
                "n": len(totals),
                "mean": round(math.fsum(totals) / len(totals), 6),
                "min": _at(lowest),
                "max": _at(highest),
                "path": [_at(point) for point in self.path],
            }
        return out


def _at(point: tuple[int, float]) -> list[Any]:
    return [day_iso(point[0]), round(point[1], 6)]
