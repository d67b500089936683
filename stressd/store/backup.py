"""A copy of the state that can be put back: one file with what the store held at one instant, sums and versions.

The archive is a plain tar, so that it can be looked into anywhere: `manifest.json` first, then the files that it lists.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import sqlite3
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Final

import msgspec

from stressd.store.ownership import take_ownership
from stressd.store.schema import FILE, UNREADABLE, VERSION, StoreError, connect
from stressd.store.snapshotfile import NAME

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
KEY: Final = "links.key"
"""Beside the store: without it every link in messages sent so far would be worth nothing after a restore."""

BESIDE: Final = (KEY, NAME)
ASIDE: Final = "before-restore"
NAMES: Final = "stressd-*.tar"


class Held(msgspec.Struct, frozen=True):
    """A file in a backup. bytes: its size."""

    name: str
    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup says of itself. at: ns UTC; schema: of the store; open_episodes, undelivered: how many it holds."""

    format: int
    at: int
    version: str
    method: str
    schema: int
    instance: str
    open_episodes: int
    undelivered: int
    files: list[Held]


def make(state: Path, to: Path, *, version: str, method: str, now: int) -> tuple[Path, Manifest]:
    """Back up the state in `state`, whether or not a daemon works on it. to: a folder, or the name of the file. now: ns
    UTC. The file, readable by its owner alone, is there complete or not at all. Raises StoreError."""
    source = state / FILE
    if not source.is_file():
        raise StoreError(f"{source}: there is no state here to back up")
    target = to / file_name(now) if to.is_dir() else to
    try:
        with tempfile.TemporaryDirectory(prefix=".stressd-backup-", dir=target.parent) as folder:
            place = Path(folder)
            _copy_store(source, place / FILE)
            names = [FILE, *(name for name in BESIDE if (state / name).is_file())]
            for name in names[1:]:
                shutil.copyfile(state / name, place / name)
            manifest = _describe(place, names, version, method, now)
            _pack(place, manifest, place / "archive")
            os.replace(place / "archive", target)
            _sync(target.parent)
    except UNREADABLE as error:
        raise StoreError(f"{source}: cannot be read: {error}") from None
    except OSError as error:
        raise StoreError(f"{target}: cannot be written: {error.strerror or error}") from None
    return target, manifest


def file_name(now: int) -> str:
    """Of a backup made now (ns UTC); in order of name they are in order of time."""
    return f"stressd-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(now // 1_000_000_000))}.tar"


def prune(folder: Path, keep: int) -> list[Path]:
    """Remove all but the newest `keep` backups in a folder; those that are gone."""
    old = sorted(folder.glob(NAMES))[:-keep]
    for each in old:
        each.unlink(missing_ok=True)
    return old


def verify(file: Path) -> Manifest:
    """See that a backup is whole: every sum, and the store in it. Raises StoreError."""
    with unpacked(file) as (manifest, _):
        return manifest


@contextmanager
def unpacked(file: Path) -> Iterator[tuple[Manifest, Path]]:
    """A backup's manifest and the folder with its checked files, for as long as the context lasts. A store by itself,
    as an upgrade leaves one beside the new one, will do too. Raises StoreError."""
    try:
        with tempfile.TemporaryDirectory(prefix="stressd-restore-") as name:
            folder = Path(name)
            if _is_store(file):
                _copy_store(file, folder / FILE)
                manifest = _describe(folder, [FILE], "", "", int(file.stat().st_mtime * 1e9))
            else:
                manifest = _unpack(file, folder)
            _check_store(folder / FILE, file)
            yield manifest, folder
    except UNREADABLE as error:
        raise StoreError(f"{file}: the store in it cannot be read: {error}") from None
    except tarfile.TarError as error:
        raise StoreError(f"{file}: is no backup, or a damaged one ({error})") from None
    except OSError as error:
        raise StoreError(f"{error.filename or file}: {error.strerror or error}") from None


def restore(file: Path, state: Path, *, now: int) -> tuple[Manifest, Path | None]:
    """Put a backup in the place of the state in `state`, of which no daemon may be at work; what was there is moved
    into a folder of its own, which is returned (None where nothing was). Nothing has changed where it raises
    StoreError. now: ns UTC."""
    with unpacked(file) as (manifest, folder):
        if manifest.schema > VERSION:
            raise StoreError(
                f"{file}: was written by a newer stressd{_by(manifest.version)} (its schema is {manifest.schema}, this "
                f"version knows {VERSION}): restore it with that version"
            )
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = take_ownership(state)
        try:
            return manifest, _exchange(folder, [held.name for held in manifest.files], state, now)
        finally:
            os.close(lock)


def _by(version: str) -> str:
    return f" ({version})" if version else ""


def _exchange(folder: Path, names: list[str], state: Path, now: int) -> Path | None:
    """First everything onto the disk beside its place, then the moves, which are undone where one fails."""
    owner = state.stat()
    incoming = [(state / f".{name}.restored", state / name) for name in names]
    moved: list[tuple[Path, Path]] = []
    aside = _fresh(state, f"{ASIDE}-{file_name(now).removeprefix('stressd-').removesuffix('.tar')}")
    present = [each for each in (*state.glob(f"{FILE}*"), *(state / n for n in BESIDE)) if _replaced(each)]
    try:
        for name, (new, _) in zip(names, incoming, strict=True):
            shutil.copyfile(folder / name, new)
            new.chmod(0o600)
            if os.geteuid() == 0:
                os.chown(new, owner.st_uid, owner.st_gid)
            _sync(new)
        if present:
            aside.mkdir(mode=0o700)
            if os.geteuid() == 0:
                os.chown(aside, owner.st_uid, owner.st_gid)
        for each in present:
            os.replace(each, aside / each.name)
            moved.append((aside / each.name, each))
        for new, place in incoming:
            os.replace(new, place)
            moved.append((place, new))
        _sync(state)
    except OSError:
        for there, back in reversed(moved):
            with suppress(OSError):
                os.replace(there, back)
        for new, _ in incoming:
            new.unlink(missing_ok=True)
        with suppress(OSError):
            aside.rmdir()
        raise
    return aside if present else None


def _fresh(state: Path, name: str) -> Path:
    """A folder that is not there yet: two restores may be made within a second."""
    return next(each for n in count() if not (each := state / (f"{name}-{n}" if n else name)).exists())


def _replaced(file: Path) -> bool:
    """What belongs to the present store. Copies that upgrades have left stay where they are."""
    return file.is_file() and (file.name in (FILE, *BESIDE) or file.name in (f"{FILE}-wal", f"{FILE}-shm"))


def _is_store(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(16) == b"SQLite format 3\0"


def _copy_store(source: Path, to: Path) -> None:
    """All of it at one instant, in one step: a daemon that writes meanwhile is not held up, and does not begin it
    anew."""
    os.close(os.open(to, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    with closing(connect(source, reading=True)) as reading, closing(sqlite3.connect(to)) as writing:
        reading.backup(writing)
        writing.execute("PRAGMA journal_mode = DELETE")


def _check_store(store: Path, file: Path) -> None:
    with closing(sqlite3.connect(store)) as connection:
        verdict = str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if verdict != "ok":
        raise StoreError(f"{file}: the store in it is corrupted ({verdict})")
    if version == 0:
        raise StoreError(f"{file}: is a SQLite file, but not one of stressd's")


def _describe(place: Path, names: list[str], version: str, method: str, now: int) -> Manifest:
    with closing(sqlite3.connect(place / FILE)) as connection:
        one: Callable[[str], int] = lambda query: int(connection.execute(query).fetchone()[0])  # noqa: E731
        schema = one("PRAGMA user_version")
        row = connection.execute("SELECT json FROM event ORDER BY rowid DESC LIMIT 1").fetchone() if schema else None
        instance = str(msgspec.json.decode(row[0]).get("instance", "")) if row is not None else ""
        return Manifest(
            format=FORMAT,
            at=now,
            version=version,
            method=method,
            schema=schema,
            instance=instance,
            open_episodes=one("SELECT count(*) FROM episode WHERE closed_at IS NULL") if schema else 0,
            undelivered=one("SELECT count(*) FROM delivery WHERE state IN ('pending', 'sending')") if schema else 0,
            files=[_held(place / name) for name in names],
        )


def _held(file: Path) -> Held:
    with file.open("rb") as opened:
        return Held(file.name, file.stat().st_size, hashlib.file_digest(opened, "sha256").hexdigest())


def _pack(place: Path, manifest: Manifest, to: Path) -> None:
    descriptor = os.open(to, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        with tarfile.open(fileobj=out, mode="w") as archive:
            text = msgspec.json.format(msgspec.json.encode(manifest)) + b"\n"
            head = tarfile.TarInfo(MANIFEST)
            head.size, head.mode, head.mtime = len(text), 0o600, manifest.at // 1_000_000_000
            archive.addfile(head, io.BytesIO(text))
            for held in manifest.files:
                info = tarfile.TarInfo(held.name)
                info.size, info.mode, info.mtime = held.bytes, 0o600, head.mtime
                with (place / held.name).open("rb") as opened:
                    archive.addfile(info, opened)
        out.flush()
        os.fsync(out.fileno())


def _unpack(file: Path, folder: Path) -> Manifest:
    """Only what the manifest lists, under names that belong to a state, with the sums that it gives."""
    with tarfile.open(file, mode="r:") as archive:
        first = archive.next()
        opened = archive.extractfile(first) if first is not None and first.name == MANIFEST else None
        if opened is None:
            raise StoreError(f"{file}: is a tar file, but no backup of stressd: {MANIFEST} is not its first file")
        try:
            manifest = msgspec.json.decode(opened.read(1 << 20), type=Manifest)
        except msgspec.MsgspecError as error:
            raise StoreError(f"{file}: its {MANIFEST} cannot be read: {error}") from None
        if manifest.format != FORMAT:
            raise StoreError(f"{file}: is a backup of format {manifest.format}, this version reads {FORMAT}")
        names = [held.name for held in manifest.files]
        if FILE not in names or any(name not in (FILE, *BESIDE) for name in names) or len(set(names)) < len(names):
            raise StoreError(f"{file}: its {MANIFEST} lists files that are none of a state: {', '.join(names)}")
        for held in manifest.files:
            try:
                member = archive.extractfile(held.name)
            except KeyError:
                member = None
            if member is None:
                raise StoreError(f"{file}: {held.name} is missing in it")
            with (folder / held.name).open("xb") as out:
                shutil.copyfileobj(member, out)
            if _held(folder / held.name) != held:
                raise StoreError(f"{file}: {held.name} in it is damaged: its sum is not the one that was written down")
    return manifest


def _sync(place: Path) -> None:
    descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
