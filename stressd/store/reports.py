"""Reports on disk: what was made at the close of an episode or of a market, until it is too old or too much.

`reports/episodes/JP-260120-7q2f.html` with `.md`, `.json` and `.csv` beside it; `reports/days/JP-2026-01-20.html`. A
report's page is written last, and its time says as of when everything was told that is in it: one that is older than
the newest word on its subject is made again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

FOLDER: Final = "reports"
EPISODES: Final = "episodes"
DAYS: Final = "days"

PAGE: Final = ".html"
ENDINGS: Final = (".md", ".json", ".csv", PAGE)
"""In the order in which they are written."""


def file_of(state: Path, kind: str, name: str, ending: str = PAGE) -> Path:
    """Of one report in a state directory, there or not."""
    return state / FOLDER / kind / f"{name}{ending}"


def made(state: Path, kind: str) -> dict[str, int]:
    """As of when each report is that is there, ns UTC, by its name. Raises OSError, but not where the folder is
    missing."""
    found = {}
    for each in _entries(state / FOLDER / kind):
        if each.name.endswith(PAGE):
            found[each.name.removesuffix(PAGE)] = each.stat().st_mtime_ns
    return found


def write(state: Path, kind: str, name: str, texts: Mapping[str, str], as_of: int) -> Path:
    """One report, by ending: each file complete or as it was, and the daemon's even where root has it made. as_of: ns
    UTC. The page's file. Raises OSError."""
    folder = state / FOLDER / kind
    for each in (folder.parent, folder):
        each.mkdir(mode=0o700, exist_ok=True)
        _belongs(each, state)
    for ending in ENDINGS:
        text = texts.get(ending)
        if text is None:
            continue
        file = folder / f"{name}{ending}"
        partial = file.with_name(f"{file.name}.partial")
        with open(os.open(partial, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        _belongs(partial, state)
        os.utime(partial, ns=(as_of, as_of))
        os.replace(partial, file)
    return folder / f"{name}{PAGE}"


def let_go(state: Path, oldest: int, most: int) -> int:
    """Delete reports from before `oldest` (ns UTC), and the oldest beyond `most` bytes; how many went. Raises
    OSError."""
    there: dict[tuple[Path, str], tuple[int, list[Path], int]] = {}
    for kind in (EPISODES, DAYS):
        for entry in list(_entries(state / FOLDER / kind)):
            path, about = Path(entry.path), entry.stat()
            if path.suffix == ".partial":
                continue
            at, files, size = there.get((path.parent, path.stem), (0, [], 0))
            there[path.parent, path.stem] = max(at, about.st_mtime_ns), [*files, path], size + about.st_size
    gone = 0
    total = sum(size for _, _, size in there.values())
    for at, files, size in sorted(there.values(), key=lambda each: each[0]):
        if at < oldest or total > most:
            for file in files:
                file.unlink(missing_ok=True)
            total -= size
            gone += 1
    return gone


def _belongs(path: Path, state: Path) -> None:
    """To whom the state directory belongs."""
    if os.geteuid() == 0:
        owner = state.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        yield from os.scandir(folder)
    except FileNotFoundError:
        return
