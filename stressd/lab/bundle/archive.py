"""A bundle as a file: a gzipped tar with `manifest.json` first, then exactly what that lists, in its order.

It may come from anywhere. Only plain files under known names are taken, each of the size and with the sum that the
manifest gives, and no more than `LIMIT` bytes altogether; nothing else of the tar format is understood.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from stressd.config.state import format_size
from stressd.lab.bundle.manifest import ALLOWED, FORMAT, LARGEST, NAME, BundleError, Held, Manifest

LIMIT: Final = 4_000_000_000
"""Bytes of all that is in a bundle."""

_BLOCK: Final = 512
_CHUNK: Final = 1 << 20
_LAST: Final = 20 * _BLOCK
"""Bytes of nothing with which a tar file may end."""

_DAMAGE: Final = (EOFError, zlib.error, gzip.BadGzipFile)


def is_bundle(path: Path | str) -> bool:
    """Whether a file looks like a bundle rather than like ticks, damaged or not."""
    try:
        with gzip.open(path, "rb") as stream:
            return stream.read(_BLOCK).startswith(NAME.encode() + b"\0")
    except (OSError, *_DAMAGE):
        return str(path).endswith((".tar.gz", ".tgz"))


def held(file: Path) -> Held:
    """A file as a manifest lists it. Raises OSError."""
    with file.open("rb") as opened:
        return Held(file.name, file.stat().st_size, hashlib.file_digest(opened, "sha256").hexdigest())


def pack(folder: Path, manifest: Manifest, to: Path) -> None:
    """Write the files of `folder` that the manifest lists: complete, for its owner alone, or not at all. Raises
    OSError."""
    text = msgspec.json.format(msgspec.json.encode(manifest)) + b"\n"
    partial = to.with_name(f".{to.name}.{os.getpid()}.partial")
    try:
        with os.fdopen(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600), "wb") as raw:
            with gzip.GzipFile("", "wb", 6, raw, 0) as out:
                _add(out, NAME, len(text), io.BytesIO(text))
                for each in manifest.files:
                    with (folder / each.name).open("rb") as source:
                        _add(out, each.name, each.bytes, source)
                out.write(b"\0" * (2 * _BLOCK))
            raw.flush()
            os.fsync(raw.fileno())
        os.replace(partial, to)
    finally:
        partial.unlink(missing_ok=True)


def _add(out: gzip.GzipFile, name: str, size: int, source: BinaryIO | io.BytesIO) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    out.write(info.tobuf(tarfile.USTAR_FORMAT))
    left = size
    while left:
        block = source.read(min(left, _CHUNK))
        if not block:
            raise OSError(f"{name} became shorter while it was packed")
        out.write(block)
        left -= len(block)
    out.write(b"\0" * (-size % _BLOCK))


@contextmanager
def unpacked(file: Path, limit: int = LIMIT) -> Iterator[tuple[Manifest, Path]]:
    """A bundle's manifest and the folder with its checked files, for as long as the context lasts. Raises
    BundleError."""
    try:
        folder = tempfile.TemporaryDirectory(prefix="stressd-bundle-")
    except OSError as error:
        raise BundleError(f"{file}: there is no room to unpack it: {error.strerror or error}") from None
    with folder as name:
        yield _unpack(file, Path(name), limit), Path(name)


def _unpack(file: Path, folder: Path, limit: int) -> Manifest:
    try:
        with gzip.open(file, "rb") as stream:
            manifest = _manifest(file, stream)
            _check_names(file, manifest.files, limit)
            for each in manifest.files:
                name, size = _head(file, stream)
                if (name, size) != (each.name, each.bytes):
                    raise BundleError(
                        f"{file}: is damaged: {each.name} of {each.bytes} bytes is not where it should be"
                    )
                _take(file, stream, each, folder)
            # read to its end, where gzip keeps its own sum
            if any(rest := stream.read(_LAST + 1)) or len(rest) > _LAST:
                raise BundleError(f"{file}: holds more than its {NAME} lists")
            return manifest
    except _DAMAGE as error:
        raise BundleError(f"{file}: is cut short or damaged ({str(error) or type(error).__name__})") from None
    except OSError as error:
        raise BundleError(f"{error.filename or file}: {error.strerror or error}") from None


def _manifest(file: Path, stream: gzip.GzipFile) -> Manifest:
    name, size = _head(file, stream)
    if name != NAME or not 0 <= size <= LARGEST:
        raise BundleError(f"{file}: is no bundle of stressd: {NAME} is not its first file")
    text = _exactly(stream, size)
    _exactly(stream, -size % _BLOCK)
    try:
        known = msgspec.json.decode(text, type=dict)
        if known.get("format") != FORMAT:
            by = known.get("stressd")
            raise BundleError(
                f"{file}: is a bundle of format {known.get('format')}, this version reads {FORMAT}: replay it with the "
                f"version that made it{f' ({str(by)[:40]})' if by else ''}"
            )
        return msgspec.json.decode(text, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BundleError(f"{file}: its {NAME} cannot be read: {error}") from None


def _check_names(file: Path, files: Sequence[Held], limit: int) -> None:
    names = [each.name for each in files]
    for name in names:
        if ALLOWED.fullmatch(name) is None:
            raise BundleError(f"{file}: its {NAME} lists {name[:60]!r}, which is no file of a bundle")
    if len(set(names)) < len(names):
        raise BundleError(f"{file}: its {NAME} lists a file twice")
    total = sum(each.bytes for each in files)
    if any(each.bytes < 0 for each in files) or total > limit:
        raise BundleError(
            f"{file}: would unpack to {format_size(total // 1000 * 1000)}, more than {format_size(limit)}: refused"
        )


def _head(file: Path, stream: gzip.GzipFile) -> tuple[str, int]:
    """Name and size of the next file."""
    block = stream.read(_BLOCK)
    try:
        info = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
    except (tarfile.HeaderError, UnicodeDecodeError):
        text = "is cut short or damaged" if block else "is cut short"
        raise BundleError(f"{file}: {text}, or no bundle of stressd") from None
    if info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
        raise BundleError(f"{file}: holds {info.name[:60]!r}, which is no plain file")
    return info.name, info.size


def _take(file: Path, stream: gzip.GzipFile, each: Held, folder: Path) -> None:
    digest = hashlib.sha256()
    left = each.bytes
    with (folder / each.name).open("xb") as out:
        while left:
            block = _exactly(stream, min(left, _CHUNK))
            digest.update(block)
            out.write(block)
            left -= len(block)
    _exactly(stream, -each.bytes % _BLOCK)
    if digest.hexdigest() != each.sha256:
        raise BundleError(f"{file}: {each.name} in it is damaged: its sum is not the one that was written down")


def _exactly(stream: gzip.GzipFile, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError("it ends too early")
    return data
