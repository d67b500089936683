"""`python -m release`: dist/stressd-VERSION/ with all that an installation needs, put there whole or not at all."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from release import bom, dependencies, wheels
from release.wheels import VERSIONS, ReleaseError

ROOT: Final = Path(__file__).resolve().parent.parent
FOLDERS: Final = ("config", "docs", "systemd")
FILES: Final = ("LICENSE", "CHANGELOG.md", "Dockerfile")
SUMS: Final = "SHA256SUMS"
LONGEST_AGO: Final = 315_532_800
"""s UTC: 1980, before which a wheel knows no time."""

README: Final = """\
stressd {version}: everything that an installation needs, without any package index.

For x86_64 Linux with glibc 2.28 or later (Debian 10, Ubuntu 20.04, RHEL 8, and later) and Python {pythons}.
The engine is compiled for {compiled}; elsewhere the same engine runs interpreted, about ten times slower.

    sha256sum --quiet -c SHA256SUMS
    python3 -m venv /opt/stressd-{version}
    /opt/stressd-{version}/bin/pip install --no-index --find-links . --require-hashes -r requirements.txt
    ln -sfn stressd-{version} /opt/stressd

docs/install.md goes on from there; docs/upgrade.md is for an installation that runs; docs/standby.md for a second host.
requirements.txt   every wheel with its hash        SHA256SUMS      every file with its hash
bom.cdx.json       bill of materials (CycloneDX)    config/         configurations and schemas
systemd/           the unit                         docs/           what ops need to know
"""


def make(out: Path, work: Path, pythons: Sequence[str]) -> Path:
    """The folder of this version in `out`. work: keeps what a second call need not fetch or install again. pythons:
    programs to compile for. Raises ReleaseError."""
    version, epoch = _version(), _epoch()
    found, missing = wheels.interpreters(pythons)
    for why in missing:
        print(f"stressd: NOT COMPILED for {why}", file=sys.stderr)
    own = [wheels.pure(ROOT, work, epoch)]
    for each in found:
        print(f"stressd: compiling for Python {each.version}", file=sys.stderr)
        own.append(wheels.compiled(ROOT, work, each, epoch))
    if not bom.has_charts(own[0]):
        print("stressd: WITHOUT THE PAGE'S CHARTS: npm is not here, or could not fetch them", file=sys.stderr)
    lock = ROOT / "requirements/runtime.txt"
    for python in VERSIONS:
        dependencies.download(lock, python, work / "wheels")
    entries = dependencies.locked(lock)
    others = dependencies.chosen(entries, work / "wheels")

    folder = out / f".stressd-{version}.partial"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path in [*own, *(path for paths in others.values() for path in paths)]:
        shutil.copyfile(path, folder / path.name)
    _requirements(folder / "requirements.txt", version, own, entries, others)
    bom.write(bom.bill(own, others, epoch), folder / "bom.cdx.json")
    for name in _texts():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)
    compiled = ", ".join(each.version for each in found)
    words = {"version": version, "pythons": ", ".join(VERSIONS), "compiled": f"Python {compiled}" if found else "none"}
    (folder / "README").write_text(README.format(**words), encoding="utf-8")
    for python in VERSIONS:
        dependencies.resolves(folder, python)
    _sums(folder, epoch)
    target = out / f"stressd-{version}"
    shutil.rmtree(target, ignore_errors=True)
    folder.rename(target)
    return target


def _version() -> str:
    match = re.search(r'^__version__ = "([^"]+)"$', (ROOT / "stressd/__init__.py").read_text(encoding="utf-8"), re.M)
    assert match is not None
    return match[1]


def _epoch() -> int:
    """When what is released was last changed, s UTC: by SOURCE_DATE_EPOCH, else by git."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    done = subprocess.run(["git", "-C", str(ROOT), "log", "-1", "--format=%ct"], capture_output=True, text=True)
    return int(done.stdout) if done.returncode == 0 and done.stdout.strip() else LONGEST_AGO


def _texts() -> list[str]:
    """The files beside the wheels: those git knows, or all where this is no clone."""
    done = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z", *FOLDERS], capture_output=True, text=True)
    if done.returncode == 0 and done.stdout:
        names = done.stdout.split("\0")
    else:
        names = [str(p.relative_to(ROOT)) for folder in FOLDERS for p in (ROOT / folder).rglob("*")]
    return [*FILES, *sorted(name for name in names if name and (ROOT / name).is_file())]


def _requirements(
    to: Path,
    version: str,
    own: Sequence[Path],
    entries: Sequence[dependencies.Locked],
    others: dict[str, list[Path]],
) -> None:
    blocks = [(f"stressd=={version}", own)]
    for each in entries:
        blocks.append(
            (f"{each.name}=={each.version}" + (f" ; {each.marker}" if each.marker else ""), others[each.name])
        )
    lines = [
        " \\\n".join([line, *(f"    --hash=sha256:{h}" for h in sorted(map(dependencies.sha256, paths)))])
        for line, paths in blocks
    ]
    to.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _sums(folder: Path, epoch: int) -> None:
    """The hash of every file, and one time and mode for all of them."""
    paths = sorted((p for p in folder.rglob("*") if p.is_file()), key=lambda p: p.relative_to(folder).as_posix())
    lines = [f"{dependencies.sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in paths]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")
    for path in [*paths, folder / SUMS]:
        path.chmod(0o644)
        os.utime(path, (epoch, epoch))


def main() -> int:
    """Exit status."""
    parser = argparse.ArgumentParser(prog="python -m release", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "dist", metavar="DIR")
    parser.add_argument("--work", type=Path, default=ROOT / "build/release", metavar="DIR")
    parser.add_argument("--python", action="append", default=[], metavar="PROGRAM", help="compile for it too")
    args = parser.parse_args()
    try:
        folder = make(args.out.absolute(), args.work.absolute(), args.python)
    except ReleaseError as error:
        print(f"stressd: no release: {error}", file=sys.stderr)
        return 1
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{folder}: {len(list(folder.glob('*.whl')))} wheels, {size / 1e6:.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
