"""A bundle that is damaged, forged or of another version is refused in words, and leaves nothing behind."""

from __future__ import annotations

import gzip
import io
import os
import random
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from stressd.lab.bundle.archive import held, is_bundle, pack, unpacked
from stressd.lab.bundle.manifest import FORMAT, NAME, BundleError, Held, Manifest

FILES = {"README.txt": b"words\n", "events.ndjson": b"", "ticks-1.csv": os.urandom(3_000)}


def manifest(files: list[Held]) -> Manifest:
    return Manifest(
        format=FORMAT, stressd="0.1.0", method="1", instance="desk", episode="JP-260120-7q2f", made=1, start=1, end=2,
        opened=1, closed=None, python="3.11.2", packages={}, segments=[], missing=[], check=None, verdict="",
        files=files,
    )  # fmt: skip


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "made"
    folder.mkdir()
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    pack(folder, manifest([held(folder / name) for name in FILES]), tmp_path / "b.tar.gz")
    return tmp_path / "b.tar.gz"


def refusal(file: Path) -> str:
    with pytest.raises(BundleError) as refused, unpacked(file):
        pass
    text = str(refused.value)
    assert text.startswith(str(file)), text
    assert "\n" not in text
    return text


def gives_the_same(file: Path) -> bool:
    try:
        with gzip.open(file) as changed:
            return changed.read().startswith(NAME.encode())
    except (OSError, EOFError, zlib.error):
        return False


def forged(to: Path, members: list[tuple[tarfile.TarInfo, bytes]]) -> Path:
    with tarfile.open(to, "w:gz", format=tarfile.PAX_FORMAT) as made:
        for info, data in members:
            info.size = len(data)
            made.addfile(info, io.BytesIO(data))
    return to


def member(name: str, data: bytes, change: Callable[[tarfile.TarInfo], None] = lambda info: None) -> tuple[
    tarfile.TarInfo, bytes
]:  # fmt: skip
    info = tarfile.TarInfo(name)
    change(info)
    return info, data


def listed(*files: Held, **other: object) -> tuple[tarfile.TarInfo, bytes]:
    said = msgspec.to_builtins(manifest(list(files))) | other
    return member(NAME, msgspec.json.encode(said))


def test_what_is_packed_comes_out_again_and_any_tar_reads_it(bundle: Path) -> None:
    with unpacked(bundle) as (found, folder):
        assert [each.name for each in found.files] == list(FILES)
        assert {each.name: each.read_bytes() for each in folder.iterdir()} == FILES
    assert not folder.exists()
    assert is_bundle(bundle)
    assert bundle.stat().st_mode & 0o777 == 0o600
    with tarfile.open(bundle) as seen:
        assert seen.getnames() == [NAME, *FILES]


def test_one_that_is_cut_anywhere_or_has_a_wrong_byte_is_refused(bundle: Path) -> None:
    whole = bundle.read_bytes()
    rng = random.Random(5)
    # the header of gzip has a time and a system that mean nothing
    places = [rng.randrange(10, len(whole)) for _ in range(120)]
    for at in places:
        bundle.write_bytes(whole[:at])
        assert "damaged" in refusal(bundle) or "cut" in refusal(bundle)
        bundle.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << rng.randrange(8))]) + whole[at + 1 :])
        if gives_the_same(bundle):
            # a few bits of gzip mean nothing: those that fill up a byte
            with unpacked(bundle) as (_, folder):
                assert {each.name: each.read_bytes() for each in folder.iterdir()} == FILES
        else:
            refusal(bundle)
    for data in (b"", b"\x1f\x8b", gzip.compress(b""), gzip.compress(b"time,series,value\n"), os.urandom(5_000)):
        bundle.write_bytes(data)
        refusal(bundle)
    assert "no such file" in refusal(bundle.with_name("absent.tar.gz")).lower()


@pytest.mark.parametrize(
    "name", ["../out", "/etc/passwd", "ticks-1.csv/../../x", "state\0x", "x" * 90, "stressd.db", ""]
)
def test_no_name_leads_anywhere(tmp_path: Path, name: str) -> None:
    file = forged(tmp_path / "b.tar.gz", [listed(Held(name, 1, "")), member(name.replace("\0", "") or "x", b"x")])
    assert "no file of a bundle" in refusal(file)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["b.tar.gz"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_only_plain_files_are_taken(tmp_path: Path, kind: bytes) -> None:
    def change(info: tarfile.TarInfo) -> None:
        info.type, info.linkname = kind, "/etc/passwd"

    file = forged(tmp_path / "b.tar.gz", [listed(Held("ticks-1.csv", 0, "")), member("ticks-1.csv", b"", change)])
    assert "no plain file" in refusal(file)


def test_a_long_name_or_a_header_that_carries_more_is_no_part_of_the_format(tmp_path: Path) -> None:
    def change(info: tarfile.TarInfo) -> None:
        info.pax_headers = {"comment": "x" * 2_000_000}

    file = forged(tmp_path / "b.tar.gz", [member(NAME, b"{}", change)])
    assert "no plain file" in refusal(file)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    file = forged(tmp_path / "b.tar.gz", [listed(Held("ticks-1.csv", 10**15, "")), member("ticks-1.csv", b"")])
    assert "more than 4GB" in refusal(file)
    lies = forged(
        tmp_path / "c.tar.gz", [listed(Held("ticks-1.csv", 10, "")), member("ticks-1.csv", b"\0" * 50_000_000)]
    )
    assert lies.stat().st_size < 100_000
    assert "not where it should be" in refusal(lies)
    large = forged(tmp_path / "d.tar.gz", [member(NAME, b" " * (2 << 20))])
    assert NAME in refusal(large)
    more = forged(tmp_path / "e.tar.gz", [listed(), member("ticks-1.csv", b"\0" * 50_000_000)])
    assert "holds more" in refusal(more)
    deep = forged(tmp_path / "f.tar.gz", [member(NAME, b"[" * 500_000)])
    assert "cannot be read" in refusal(deep)


def test_a_sum_that_is_wrong_a_file_twice_and_one_that_is_missing(tmp_path: Path) -> None:
    wrong = forged(tmp_path / "b.tar.gz", [listed(Held("ticks-1.csv", 1, "0" * 64)), member("ticks-1.csv", b"x")])
    assert "its sum" in refusal(wrong)
    twice = forged(tmp_path / "c.tar.gz", [listed(Held("ticks-1.csv", 1, ""), Held("ticks-1.csv", 1, ""))])
    assert "twice" in refusal(twice)
    missing = forged(tmp_path / "d.tar.gz", [listed(Held("ticks-1.csv", 1, ""))])
    assert "cut short or damaged" in refusal(missing)


def test_another_format_names_the_version_that_made_it(tmp_path: Path) -> None:
    file = forged(tmp_path / "b.tar.gz", [listed(format=FORMAT + 1, stressd="7.0.0")])
    assert f"format {FORMAT + 1}" in refusal(file)
    assert "7.0.0" in refusal(file)


def test_a_disk_without_room_leaves_no_half_a_bundle(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    before = bundle.read_bytes()
    with pytest.raises(OSError, match="No space"):
        pack(bundle.parent / "made", manifest([held(bundle.parent / "made" / "README.txt")]), bundle)
    assert bundle.read_bytes() == before
    assert sorted(each.name for each in bundle.parent.iterdir()) == ["b.tar.gz", "made"]


def test_tick_files_are_no_bundles(tmp_path: Path) -> None:
    plain, packed = tmp_path / "ticks.csv", tmp_path / "ticks.csv.gz"
    plain.write_bytes(b"time,series,value\n")
    packed.write_bytes(gzip.compress(b"time,series,value\n"))
    assert not any(is_bundle(each) for each in (plain, packed, tmp_path / "absent.csv", "-"))
    assert is_bundle(tmp_path / "damaged.tar.gz")
