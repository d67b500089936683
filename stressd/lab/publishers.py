"""Daily yields as their publishers lay them out, told apart by content, never by file name.

Read are: the Ministry of Finance Japan's `jgbcme` (and its Japanese edition `jgbcm` with era dates), FRED's `DGS*`, the
US Treasury's par yield curve, and the wide CSV of the contract (`date,JP.GOV.10Y,...`). All plain or gzipped.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Final

from stressd.lab.faults import SHOWN, Fault, UnreadFile
from stressd.market.conventions import PUBLISHED
from stressd.market.series import parse_series
from stressd.market.times import day_iso, parse_day

LOWEST: Final = -5.0
HIGHEST: Final = 60.0
"""Percent. Below or above it is a price, a figure in basis points or an index, no yield of a government bond."""

LARGEST: Final = 1 << 30
"""Bytes of one file, unpacked: a small gzip file can hold more than the memory does."""

_NO_VALUE: Final = frozenset(("", "-", ".", "N/A", "NA", "ND"))
_ERAS: Final = {"M": 1867, "T": 1911, "S": 1925, "H": 1988, "R": 2018}
"""Year before the first of each Japanese era: S49 is 1974."""

_FRED: Final = re.compile(r"DGS(\d{1,2})(MO)?")
_PAR: Final = re.compile(r"(\d{1,2})\s*(Mo|Month|Yr|Year)s?", re.IGNORECASE)


class DailyFile:
    """What one file holds. layout: "MoF", "FRED", "Treasury" or "wide". source: who publishes it. convention: how the
    yield is defined, "" where the file does not say. series: canonical id to (ordinal day, percent), by day."""

    __slots__ = ("convention", "layout", "path", "series", "source")

    def __init__(
        self, path: str, layout: str, source: str, convention: str, series: dict[str, list[tuple[int, float]]]
    ) -> None:
        self.path = path
        self.layout = layout
        self.source = source
        self.convention = convention
        self.series = series

    def days(self) -> tuple[int, int]:
        """First and last day with a value (ordinals)."""
        return min(rows[0][0] for rows in self.series.values()), max(rows[-1][0] for rows in self.series.values())

    def values(self) -> int:
        return sum(len(rows) for rows in self.series.values())


class _Layout:
    """A table that was recognised: the row of its header, the series of each further column, the form of its dates."""

    __slots__ = ("columns", "convention", "date", "header", "name", "source")

    def __init__(
        self, name: str, source: str, convention: str, header: int, columns: list[str], date: Callable[[str], int]
    ) -> None:
        self.name = name
        self.source = source
        self.convention = convention
        self.header = header
        self.columns = columns
        self.date = date


def read_daily(path: Path | str, data: bytes | None = None) -> DailyFile:
    """The daily yields of one file. data: its bytes where the caller has them already.

    Raises UnreadFile, with up to twenty faults by line, if anything in it cannot be read.
    """
    name = str(path)
    text = file_text(name, file_bytes(path) if data is None else data)
    rows = list(csv_rows(name, text))
    layout = _recognise(name, rows)
    return DailyFile(name, layout.name, layout.source, layout.convention, _values(name, layout, rows))


def file_bytes(path: Path | str) -> bytes:
    """What is in a file. Raises UnreadFile."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UnreadFile([Fault(str(path), 0, (error.strerror or str(error)).lower())]) from None


def file_text(path: str, data: bytes) -> str:
    """The text of a file's bytes: gunzipped where they are gzip, UTF-8, or Shift-JIS where they are not UTF-8."""
    if data[:2] == b"\x1f\x8b":
        try:
            with gzip.open(io.BytesIO(data)) as opened:
                data = opened.read(LARGEST + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise UnreadFile([Fault(path, 0, f"the gzip file is damaged: {error}")]) from None
    if len(data) > LARGEST:
        raise UnreadFile([Fault(path, 0, f"larger than {LARGEST >> 20} MiB: no history of yields is")])
    for encoding in ("utf-8-sig", "cp932"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UnreadFile([Fault(path, 0, "not a text file: neither UTF-8 nor Shift-JIS")])


def csv_rows(path: str, text: str) -> Iterator[tuple[int, list[str]]]:
    """(line number, stripped cells) of each line that is not blank."""
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        for cells in reader:
            if any(cells):
                yield reader.line_num, [cell.strip() for cell in cells]
    except csv.Error as error:
        raise UnreadFile([Fault(path, reader.line_num, f"not CSV: {error}")]) from None


def _recognise(path: str, rows: Sequence[tuple[int, list[str]]]) -> _Layout:
    if not rows:
        raise UnreadFile([Fault(path, 0, "the file is empty")])
    line, cells = rows[0]
    first = cells[0]
    if first.startswith(("Interest Rate", "国債金利情報")):
        return _ministry(path, rows)
    names = [name for name in cells[1:] if name]
    if first in ("observation_date", "DATE") and names:
        return _Layout("FRED", "FRED", PUBLISHED["FRED"], 0, _named(path, line, cells, _fred), parse_day)
    if first == "Date" and names and _PAR.fullmatch(names[0]):
        columns = _named(path, line, cells, _par)
        return _Layout("Treasury", "Treasury", PUBLISHED["Treasury"], 0, columns, _american)
    if first.lower() == "date" and names:
        return _Layout("wide", "file", "", 0, _named(path, line, cells, lambda name: parse_series(name).id), parse_day)
    known = "the MoF's jgbcme, FRED's DGS*, the Treasury's par yield curve, or `date,JP.GOV.10Y,...`"
    raise UnreadFile([Fault(path, line, f"no daily file that is known here: its header is none of {known}")])


def _ministry(path: str, rows: Sequence[tuple[int, list[str]]]) -> _Layout:
    if len(rows) < 2 or rows[1][1][0] not in ("Date", "基準日"):
        line = rows[1][0] if len(rows) > 1 else rows[0][0]
        raise UnreadFile([Fault(path, line, "the MoF's title row is not followed by its header (`Date,1Y,2Y,...`)")])
    line, cells = rows[1]
    columns = _named(path, line, cells, lambda name: parse_series(f"JP.GOV.{name.replace('年', 'Y')}").id)
    return _Layout("MoF", "MoF", PUBLISHED["MoF"], 1, columns, _japanese)


def _named(path: str, line: int, cells: Sequence[str], canonical: Callable[[str], str]) -> list[str]:
    """The series of each column after the date's."""
    columns: list[str] = []
    faults = []
    for name in cells[1:]:
        try:
            series = canonical(name)
        except ValueError as error:
            faults.append(Fault(path, line, str(error)))
            continue
        if series in columns:
            faults.append(Fault(path, line, f"{series} stands in two columns"))
        columns.append(series)
    if faults:
        raise UnreadFile(faults[:SHOWN])
    return columns


def _fred(name: str) -> str:
    match = _FRED.fullmatch(name)
    if match is None:
        raise ValueError(f"{name!r} is none of FRED's Treasury yields at constant maturity (DGS2, DGS10, DGS3MO, ...)")
    return parse_series(f"US.GOV.{match[1]}{'M' if match[2] else 'Y'}").id


def _par(name: str) -> str:
    match = _PAR.fullmatch(name)
    if match is None:
        if name.replace(" ", "").lower() in ("1.5mo", "1.5month"):
            return ""
        raise ValueError(f"{name!r} is no column of the Treasury's par yield curve (`1 Mo`, `10 Yr`, ...)")
    return parse_series(f"US.GOV.{match[1]}{match[2][0].upper()}").id


def _american(text: str) -> int:
    parts = text.split("/")
    if len(parts) != 3 or len(parts[2]) != 4:
        raise ValueError(f"{text!r} is no date of the form MM/DD/YYYY")
    return _ordinal(text, parts[2], parts[0], parts[1])


def _japanese(text: str) -> int:
    """Days as the MoF writes them: 2026/1/20, or R8.1.20 by era."""
    if text[:1] in _ERAS:
        parts = text[1:].split(".")
        if len(parts) == 3 and parts[0].isdigit():
            return _ordinal(text, str(_ERAS[text[0]] + int(parts[0])), parts[1], parts[2])
    parts = text.split("/")
    if len(parts) != 3:
        raise ValueError(f"{text[:40]!r} is no date of the form YYYY/M/D")
    return _ordinal(text, *parts)


def _ordinal(text: str, year: str, month: str, day: str) -> int:
    try:
        return date(int(year), int(month), int(day)).toordinal()
    except (ValueError, OverflowError):
        raise ValueError(f"{text[:40]!r} is no date") from None


def _values(path: str, layout: _Layout, rows: Sequence[tuple[int, list[str]]]) -> dict[str, list[tuple[int, float]]]:
    """The table's values by series. Every line must be whole: a file cut short must not pass for a shorter history."""
    columns = layout.columns
    out: dict[str, list[tuple[int, float]]] = {series: [] for series in columns if series}
    seen: dict[int, int] = {}
    faults: list[Fault] = []
    for line, cells in rows[layout.header + 1 :]:
        try:
            day = layout.date(cells[0])
            if day in seen:
                raise ValueError(f"{day_iso(day)} was given before, on line {seen[day]}")
            if len(cells) != len(columns) + 1:
                raise ValueError(f"{len(cells)} columns where the header has {len(columns) + 1}")
            for series, cell in zip(columns, cells[1:], strict=True):
                if cell not in _NO_VALUE and series:
                    out[series].append((day, _percent(series, cell)))
        except ValueError as error:
            faults.append(Fault(path, line, str(error)))
            if len(faults) == SHOWN:
                break
            continue
        seen[day] = line
    if not faults and not any(out.values()):
        faults.append(Fault(path, 0, "the file has a header but no value"))
    if faults:
        raise UnreadFile(faults)
    for each in out.values():
        each.sort()
    return {series: each for series, each in out.items() if each}


def _percent(series: str, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        raise ValueError(f"{series}: {cell[:40]!r} is no number") from None
    if not math.isfinite(value) or not LOWEST <= value <= HIGHEST:
        raise ValueError(f"{series}: {cell} is no yield in percent (between {LOWEST:g} and {HIGHEST:g})")
    return value
