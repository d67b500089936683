"""Lines of tick files (CSV with a header, or NDJSON) to ticks: what the file feed and replay read through."""

from __future__ import annotations

import csv
from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from stressd.feeds.base import SeriesResolver
from stressd.feeds.tally import Fault
from stressd.feeds.tickrow import TickRow
from stressd.feeds.values import Clock, Unit, Wires
from stressd.market.tick import BACKLOG, FIXING, MIDDLE, NO_SPREAD, Tick

_UNNAMED: Final = 10_000
"""Unknown names that are told once only."""

COLUMNS: Final = ("time", "series", "value", "bid", "ask", "source", "received", "ask_minus_bid", "tick_flags")
"""The last two are the recorder's: in percent, and words of `FLAGS`."""

FLAGS: Final = {"fixing": FIXING, "backlog": BACKLOG, "middle": MIDDLE}


class FileFault(NamedTuple):
    """What is wrong with one line of a file."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: error: {self.text}"


class TickLines:
    """Parses lines of one file in order. The first line that is not empty decides: `{` is NDJSON, all else the header
    of a CSV. unit: of values whose alias states none. source: for lines that name none."""

    __slots__ = ("_clock", "_columns", "_json", "_parse", "_source", "_unnamed", "_wires", "line")

    def __init__(self, resolver: SeriesResolver, unit: Unit = "percent", source: str = "") -> None:
        self._wires = Wires(resolver, unit)
        self._clock = Clock("auto")
        self._json = msgspec.json.Decoder(TickRow, strict=False)
        self._source = source
        self._columns: tuple[int, ...] = ()
        self._unnamed: set[str] = set()
        self._parse: Callable[[bytes, list[Fault]], list[Tick]] = self._first
        self.line = 0
        """Lines read so far."""

    def rename(self, resolver: SeriesResolver) -> None:
        """Other names from now on."""
        self._wires.rename(resolver)

    @property
    def started(self) -> bool:
        """Whether the header, or the first line of NDJSON, has been read."""
        return self._parse != self._first

    def parse(self, block: bytes, faults: list[Fault]) -> list[Tick]:
        """The ticks of whole lines. A value's `received` is its own where the file has one, else its time. Raises
        ValueError where the header is none; what is wrong with a line is added to `faults`."""
        return self._parse(block, faults)

    def _first(self, block: bytes, faults: list[Fault]) -> list[Tick]:
        if block.startswith(b"\xef\xbb\xbf"):
            block = block[3:]
        while block:
            head, _, rest = block.partition(b"\n")
            if head.strip():
                break
            self.line += 1
            block = rest
        else:
            return []
        if head.lstrip().startswith(b"{"):
            self._parse = self._ndjson
            return self._ndjson(block, faults)
        self._columns = _header(head)
        self.line += 1
        self._parse = self._csv
        return self._csv(rest, faults)

    def _csv(self, block: bytes, faults: list[Fault]) -> list[Tick]:
        ticks: list[Tick] = []
        time, series, value, bid, ask, source, received, width_at, flags_at = self._columns
        line = self.line
        width = max(self._columns) + 1
        decoded = block.decode("utf-8", "replace")
        if "\r" in decoded:
            decoded = decoded.replace("\r\n", "\n")
        # without quotes, splitting is what the csv module would do, and keeps one row a line
        quoted = '"' in decoded
        lines = decoded.split("\n")
        if not lines[-1]:
            lines.pop()
        for text in lines:
            line += 1
            raw = _fields(text) if quoted else text.split(",") if text else []
            if len(raw) < width:
                if raw:
                    faults.append(Fault(line, "malformed", f"{len(raw)} columns, the header has {width} or more", b""))
                continue
            made = self._tick(
                raw[time],
                raw[series],
                raw[value] if value >= 0 else "",
                raw[bid] if bid >= 0 else "",
                raw[ask] if ask >= 0 else "",
                raw[source] if source >= 0 else "",
                raw[received] if received >= 0 else "",
                line,
                faults,
            )
            if made is not None:
                if (width_at >= 0 and raw[width_at]) or (flags_at >= 0 and raw[flags_at]):
                    try:
                        _recorded(made, raw[width_at] if width_at >= 0 else "", raw[flags_at] if flags_at >= 0 else "")
                    except ValueError as error:
                        faults.append(Fault(line, "malformed", _plain(error), b""))
                        continue
                ticks.append(made)
        self.line = line
        return ticks

    def _ndjson(self, block: bytes, faults: list[Fault]) -> list[Tick]:
        ticks: list[Tick] = []
        decode = self._json.decode
        line = self.line
        lines = block.split(b"\n")
        if not lines[-1]:
            lines.pop()
        for text in lines:
            line += 1
            try:
                row = decode(text)
            except (msgspec.MsgspecError, ValueError, RecursionError) as error:
                if text.strip():
                    faults.append(Fault(line, "malformed", str(error), text[:200]))
                continue
            made = self._tick(row.time, row.series, row.value, row.bid, row.ask, row.source, row.received, line, faults)
            if made is not None:
                ticks.append(made)
        self.line = line
        return ticks

    def _tick(
        self,
        time: int | float | str | None,
        series: str | None,
        value: float | str | None,
        bid: float | str | None,
        ask: float | str | None,
        source: str | None,
        received: int | float | str | None,
        line: int,
        faults: list[Fault],
    ) -> Tick | None:
        if not series:
            faults.append(Fault(line, "malformed", "`series` is empty or missing", b""))
            return None
        wire = self._wires.get(series)
        if wire is None:
            # once a name: a whole file of it would drown everything else
            if series not in self._unnamed:
                if len(self._unnamed) < _UNNAMED:
                    self._unnamed.add(series[:200])
                faults.append(Fault(line, "unknown", f"unknown series `{series[:80]}`", b"", series))
            return None
        try:
            if time is None or time == "":
                raise ValueError("`time` is empty or missing")
            stamp = self._clock.read(time)
            seen = self._clock.read(received) if received else stamp
            flags = 0
            spread = NO_SPREAD
            if value is not None and value != "":
                percent = float(value)
                if not wire.plain or percent - percent != 0.0:
                    percent = self._wires.percent(wire, percent)
                if bid and ask:
                    spread = self._wires.percent(wire, float(ask)) - self._wires.percent(wire, float(bid))
            elif bid is None or bid == "" or ask is None or ask == "":
                raise ValueError("`value` is empty or missing, and so is `bid` or `ask`")
            else:
                flags = MIDDLE
                low, high = self._wires.percent(wire, float(bid)), self._wires.percent(wire, float(ask))
                percent = (low + high) / 2.0
                spread = high - low
        except ValueError as error:
            faults.append(Fault(line, "malformed", _plain(error), b""))
            return None
        return Tick(wire.series, percent + 0.0, stamp, seen, source or self._source, flags, spread)


def _recorded(tick: Tick, spread: str, flags: str) -> None:
    """What the recorder has written beside. Raises ValueError."""
    if spread:
        tick.spread = float(spread)
    for word in flags.split():
        if word not in FLAGS:
            raise ValueError(f"`tick_flags` knows {', '.join(FLAGS)}, not `{word[:20]}`")
        tick.flags |= FLAGS[word]


def _fields(line: str) -> list[str]:
    try:
        return next(csv.reader([line]), [])
    except csv.Error:
        # a single column is too few for any header, so the line is told as a fault
        return [line]


def _header(head: bytes) -> tuple[int, ...]:
    """Where each of COLUMNS stands, -1 where it is absent."""
    try:
        names = [name.strip().lower() for name in _fields(head.decode("utf-8").rstrip("\r"))]
    except UnicodeDecodeError:
        raise ValueError("not a tick file: it is not UTF-8 text") from None
    for needed in ("time", "series"):
        if needed not in names:
            raise ValueError(f"the header has no column `{needed}`; a tick file has time, series, value")
    if "value" not in names and not {"bid", "ask"} <= set(names):
        raise ValueError("the header has neither a column `value` nor `bid` and `ask`")
    twice = [name for name in COLUMNS if names.count(name) > 1]
    if twice:
        raise ValueError(f"the header has two columns `{twice[0]}`")
    return tuple(names.index(name) if name in names else -1 for name in COLUMNS)


def _plain(error: ValueError) -> str:
    text = str(error)
    if text.startswith("could not convert string to float: "):
        return f"{text.removeprefix('could not convert string to float: ')} is not a number"
    return text
