"""History into the store: every file is read and checked before the first value is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from stressd.engine.breaches import LIVE
from stressd.feeds.base import SeriesResolver
from stressd.lab.backtest import Daily, merged
from stressd.lab.bridges import SOURCE
from stressd.lab.faults import SHOWN, Fault, UnreadFile
from stressd.lab.publishers import DailyFile, file_bytes, file_text, read_daily
from stressd.lab.ticks import TickFile, read_tick_file
from stressd.market.tick import MIDDLE, Tick
from stressd.market.times import day_iso
from stressd.store import DailyBatch, Store, TickBatch
from stressd.store.rows import Imported

Progress = Callable[[str, int, int], None]
"""(what is being imported, values done, values in all)."""


class Change:
    """A stored fixing that an import replaced by another value."""

    __slots__ = ("after", "before", "day", "series")

    def __init__(self, series: str, day: int, before: float, after: float) -> None:
        self.series = series
        self.day = day
        self.before = before
        self.after = after

    def __str__(self) -> str:
        return f"{self.series} {day_iso(self.day)}: {self.before:g} -> {self.after:g}"


class Outcome:
    """What became of the files of one source. kind: "daily" or "ticks". changes: of daily values."""

    __slots__ = ("changes", "done", "files", "kind", "source")

    def __init__(self, kind: str, source: str, files: list[str], done: Imported, changes: list[Change]) -> None:
        self.kind = kind
        self.source = source
        self.files = files
        self.done = done
        self.changes = changes


def read_all(paths: Sequence[Path | str], resolver: SeriesResolver) -> tuple[list[DailyFile], list[TickFile]]:
    """All files, told apart by content. Raises UnreadFile with the faults of all of them, in their order."""
    daily: list[DailyFile] = []
    ticks: list[TickFile] = []
    faults: list[Fault] = []
    for path in paths:
        try:
            data = file_bytes(path)
            if _holds_ticks(file_text(str(path), data)):
                ticks.append(_whole(read_tick_file(path, resolver)))
            else:
                daily.append(read_daily(path, data))
        except UnreadFile as error:
            faults += error.faults
    if faults:
        raise UnreadFile(faults)
    return daily, ticks


def import_files(
    store: Store, daily: Sequence[DailyFile], ticks: Sequence[TickFile], progress: Progress | None = None
) -> list[Outcome]:
    """Write what was read, all or nothing. The same files again change nothing. Raises UnreadFile where two files
    contradict each other (nothing is written then), and StoreError."""
    groups: dict[tuple[str, str], list[DailyFile]] = {}
    for file in daily:
        groups.setdefault((file.source, file.convention), []).append(file)
    tables = {key: merged(files) for key, files in groups.items()}
    batches: list[DailyBatch | TickBatch] = []
    named: list[list[str]] = []
    changes: list[list[Change]] = []
    for (source, convention), table in tables.items():
        names = [Path(file.path).name for file in groups[source, convention]]
        rows = [(series, day, value) for series, given in table.items() for day, value in given.rows]
        batches.append(DailyBatch(rows, source, convention, ", ".join(names), _told(progress, source, len(rows))))
        named.append(names)
        changes.append(_changes(store, source, table))
    for tick_file in ticks:
        name = Path(tick_file.path).name
        points = [(tick.series, tick.time, tick.value, tick.source) for tick in uncrossed(tick_file.ticks)]
        batches.append(TickBatch(points, "file", name, _told(progress, name, len(points))))
        named.append([name])
        changes.append([])
    return [
        Outcome("daily" if isinstance(batch, DailyBatch) else "ticks", batch.source, names, done, changed)
        for batch, names, done, changed in zip(batches, named, store.import_all(batches), changes, strict=True)
    ]


def stored_daily(store: Store) -> dict[str, Daily]:
    """The store's fixings by series: those of the publisher with the most, and after its last one the daemon's own."""
    best: dict[str, str] = {}
    for given in sorted(store.daily_sources(), key=lambda each: each.source == LIVE):
        best.setdefault(given.series, given.source)
    out = {}
    for series, source in best.items():
        rows = [(fixing.day, fixing.value) for fixing in store.history_daily(series, source)]
        own = [(fixing.day, fixing.value) for fixing in store.history_daily(series, LIVE)] if source != LIVE else []
        out[series] = Daily(source, continued(rows, own))
    return out


def continued(rows: Sequence[tuple[int, float]], own: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """`rows` (ordinal day, percent), and after their last day `own` in their terms: as much higher as they were on the
    last day that both have, else on the first day of `own`, which then stands for no move."""
    there = dict(rows)
    last = rows[-1][0]
    both = [(day, value) for day, value in own if day in there]
    after = [(day, value) for day, value in own if day > last]
    if not after:
        return list(rows)
    day, value = both[-1] if both else after[0]
    offset = there.get(day, rows[-1][1]) - value
    return [*rows, *((day, value + offset) for day, value in (after if both else after[1:]))]


def uncrossed(ticks: Sequence[Tick]) -> list[Tick]:
    """Without the middles of crossed quotes: those whose bid lies on the other side of the ask than in most quotes of
    their series and source."""
    sides: dict[tuple[str, str], int] = {}
    for tick in ticks:
        if tick.spread == tick.spread and tick.spread != 0.0:
            key = (tick.series, tick.source)
            sides[key] = sides.get(key, 0) + (1 if tick.spread > 0.0 else -1)
    return [
        tick
        for tick in ticks
        if not tick.flags & MIDDLE or tick.spread * sides.get((tick.series, tick.source), 0) >= 0.0
    ]


def _holds_ticks(text: str) -> bool:
    head = text.lstrip()[:4096].partition("\n")[0]
    names = {name.strip().strip('"').lower() for name in head.split(",")}
    return head.startswith("{") or {"time", "series"} <= names


def _whole(file: TickFile) -> TickFile:
    if file.faults:
        raise UnreadFile(file.faults[:SHOWN])
    if not file.ticks:
        raise UnreadFile([Fault(file.path, 0, "no tick in it")])
    return file


def _changes(store: Store, source: str, table: dict[str, Daily]) -> list[Change]:
    changes = []
    for series, given in table.items():
        before = {fixing.day: fixing.value for fixing in store.history_daily(series, source)}
        if before:
            for day, value in given.rows:
                old = before.get(day, value)
                if old != value:
                    changes.append(Change(series, day, old, value))
    return changes


def _told(progress: Progress | None, what: str, total: int) -> Callable[[int], None] | None:
    if progress is None:
        return None
    tell = progress
    return lambda done: tell(what, done, total)


def import_simulated(store: Store, daily: dict[str, list[tuple[int, float]]], ticks: Sequence[Tick], feed: str) -> None:
    """A scenario's warm-up, as if imported from files. feed: the name under which its ticks will come live."""
    rows = [(series, day, value) for series, given in daily.items() for day, value in given]
    store.import_daily(rows, source=SOURCE, convention="", name="scenario")
    store.import_ticks([(tick.series, tick.time, tick.value, feed) for tick in ticks], source=feed, name="scenario")
