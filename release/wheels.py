"""stressd's own wheels: a pure one for every Python, and one with a compiled engine for each interpreter at hand."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

VERSIONS: Final = ("3.11", "3.12", "3.13")
"""Of Python, for which a release holds all wheels."""

SOURCES: Final = ("pyproject.toml", "setup.py", "README.md", "LICENSE", "requirements/page", "stressd")
BARE: Final = {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
"""A pip that only builds what is here needs nothing of this machine's settings."""


class ReleaseError(Exception):
    """The release cannot be made. The text is for whoever makes it."""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python that can build. version: such as "3.12"."""

    program: str
    version: str


def interpreters(names: Sequence[str]) -> tuple[list[Interpreter], list[str]]:
    """Those of `names` that can build a compiled wheel, one a version of Python; and why each of the others cannot."""
    found: dict[str, Interpreter] = {}
    missing = []
    probe = (
        "import ensurepip, os, sys, sysconfig, venv; os.stat(sysconfig.get_path('include') + '/Python.h'); "
        "print('.'.join(map(str, sys.version_info[:2])), sys.executable)"
    )
    for name in names:
        program = shutil.which(name)
        if program is None:
            missing.append(f"{name}: there is no such program")
            continue
        done = subprocess.run([program, "-c", probe], capture_output=True, text=True)
        version, _, executable = done.stdout.strip().partition(" ")
        if done.returncode or not executable:
            why = (done.stderr.strip().splitlines() or ["it says nothing"])[0 if "pyenv" in done.stderr else -1]
            missing.append(f"{name}: {why}")
        elif version not in VERSIONS:
            missing.append(f"{name}: is Python {version}; a release is for {', '.join(VERSIONS)}")
        else:
            found.setdefault(version, Interpreter(executable, version))
    return [found[version] for version in VERSIONS if version in found], missing


def pure(root: Path, work: Path, epoch: int) -> Path:
    """The wheel without compiled parts, built by the Python that runs this. Raises ReleaseError."""
    return _wheel(root, work / "pure", sys.executable, epoch, {"STRESSD_PURE": "1"})


def compiled(root: Path, work: Path, by: Interpreter, epoch: int) -> Path:
    """The wheel with the compiled engine, made in an environment of the locked build tools and of what stressd runs on
    (whose types the compiler reads), and named for the oldest glibc that can load it: an older system takes the pure
    wheel instead. Raises ReleaseError."""
    place = work / f"python{by.version}"
    python = place / "venv/bin/python"
    if not (place / "ready").exists():
        shutil.rmtree(place, ignore_errors=True)
        _run([by.program, "-m", "venv", str(place / "venv")], place)
        locks = [word for name in ("build", "runtime") for word in ("-r", str(root / f"requirements/{name}.txt"))]
        _run([str(python), "-m", "pip", "-q", "install", "--require-hashes", "--no-deps", *locks], place)
        (place / "ready").touch()
    wheel = _wheel(root, place, str(python), epoch, {"STRESSD_COMPILED": "1"})
    platform = f"manylinux_{'_'.join(map(str, glibc_of(wheel)))}_x86_64"
    tag = [str(python), "-m", "wheel", "tags", "--platform-tag", platform, "--remove", str(wheel)]
    _run(tag, place, {"SOURCE_DATE_EPOCH": str(epoch)})
    return _only(wheel.parent)


def glibc_of(wheel: Path) -> tuple[int, int]:
    """The version of glibc that the wheel's extensions ask for."""
    needs = set()
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.endswith(".so"):
                needs |= set(re.findall(rb"GLIBC_(\d+)\.(\d+)", archive.read(name)))
    if not needs:
        raise ReleaseError(f"{wheel.name}: nothing in it is compiled for glibc")
    major, minor = max((int(major), int(minor)) for major, minor in needs)
    return major, max(minor, 17)  # older than 2.17 has no name of its own in wheels of today


def _wheel(root: Path, place: Path, python: str, epoch: int, form: dict[str, str]) -> Path:
    """Built from a copy of the sources, so that nothing of another build comes in."""
    source, out = place / "source", place / "wheel"
    for folder in (source, out):
        shutil.rmtree(folder, ignore_errors=True)
    source.mkdir(parents=True)
    for name in SOURCES:
        path = root / name
        if path.is_dir():
            shutil.copytree(path, source / name, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
        else:
            shutil.copy2(path, source / name)
    build = ["-m", "pip", "-q", "wheel", ".", "--no-deps", "--no-build-isolation", "--no-index", "-w", str(out)]
    _run([python, *build], source, {**BARE, **form, "SOURCE_DATE_EPOCH": str(epoch), "PYTHONHASHSEED": "0"})
    return _only(out)


def _only(folder: Path) -> Path:
    [wheel] = folder.glob("*.whl")
    return wheel


def _run(command: Sequence[str], folder: Path, more: dict[str, str] | None = None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("STRESSD_", "PYTHONPATH"))}
    done = subprocess.run(command, cwd=folder, env=environment | (more or {}), capture_output=True, text=True)
    if done.returncode:
        raise ReleaseError(f"{' '.join(command)}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
