"""A simulated run as files: ticks of the contract, one file a month, and the labels."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Literal

from stressd.lab.sim.labels import to_line
from stressd.lab.sim.world import Simulation
from stressd.market.tick import Tick
from stressd.market.times import day_iso

Format = Literal["ndjson", "csv"]

LABELS: Final = "labels.ndjson"
_HEADER: Final = "time,series,value,source,received\n"
_MILLI: Final = 1_000_000
_COMPRESSION: Final = 3


def write(simulation: Simulation, directory: Path, format: Format, progress: Callable[[int], None]) -> tuple[int, int]:
    """Ticks and labels into `directory`, which is made. Returns how many of each; `progress` is called with the dates
    done. Raises OSError."""
    directory.mkdir(parents=True, exist_ok=True)
    line = _ndjson if format == "ndjson" else _csv
    ticks = labels = done = 0
    month = ""
    file: gzip.GzipFile | None = None
    with (directory / LABELS).open("wb") as known:
        known.write(to_line(simulation.run))
        try:
            for day in simulation.days():
                if day_iso(day.day)[:7] != month:
                    month = day_iso(day.day)[:7]
                    if file is not None:
                        file.close()
                    # the same run gives the same bytes, whenever it is written
                    file = gzip.GzipFile(directory / f"ticks-{month}.{format}.gz", "wb", _COMPRESSION, mtime=0)
                    if format == "csv":
                        file.write(_HEADER.encode())
                given = day.ticks()
                assert file is not None
                file.write("".join(map(line, given)).encode())
                known.writelines(map(to_line, day.labels))
                ticks += len(given)
                labels += len(day.labels)
                done += 1
                progress(done)
        finally:
            if file is not None:
                file.close()
    return ticks, labels


def tick_files(directory: Path) -> Iterator[Path]:
    """The tick files of a run, in order of time."""
    yield from sorted([*directory.glob("ticks-*.ndjson.gz"), *directory.glob("ticks-*.csv.gz")])


def _ndjson(tick: Tick) -> str:
    received = f',"received":{tick.received // _MILLI}' if tick.received != tick.time else ""
    return (
        f'{{"time":{tick.time // _MILLI},"series":"{tick.series}","value":{tick.value!r},"source":"{tick.source}"'
        f"{received}}}\n"
    )


def _csv(tick: Tick) -> str:
    received = tick.received // _MILLI if tick.received != tick.time else ""
    return f"{tick.time // _MILLI},{tick.series},{tick.value!r},{tick.source},{received}\n"
