"""What stressd runs on, as wheels: for each version of Python those that requirements/runtime.txt locks by hash."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from release.wheels import ReleaseError

PLATFORMS: Final = (
    *(f"manylinux_2_{minor}_x86_64" for minor in range(28, 4, -1)),
    "manylinux2014_x86_64",
    "manylinux2010_x86_64",
    "manylinux1_x86_64",
)
"""What a wheel may be named for to be taken: x86_64 Linux, glibc 2.28 or later. The newest that fits comes first."""


@dataclass(frozen=True, slots=True)
class Locked:
    """One entry of a lock. marker: its condition, "" for none; hashes: sha256, hexadecimal."""

    name: str
    version: str
    marker: str
    hashes: frozenset[str]


def locked(lock: Path) -> list[Locked]:
    """The entries of a lock, in its order."""
    found = []
    for block in re.split(r"\n(?=\S)", lock.read_text(encoding="utf-8").strip()):
        match = re.match(r"([\w.-]+)==([^\s;]+)(?:\s*;\s*([^\\]+?))?\s*\\?\n", block + "\n")
        if match is None:
            raise ReleaseError(f"{lock.name}: not an entry: {block[:60]!r}")
        hashes = frozenset(re.findall(r"--hash=sha256:([0-9a-f]{64})", block))
        found.append(Locked(match[1], match[2], match[3] or "", hashes))
    return found


def download(lock: Path, version: str, to: Path) -> None:
    """The wheels of one version of Python, from whatever index this machine is set to use; what is there already is
    not fetched again. Raises ReleaseError."""
    to.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", "download", "--only-binary", ":all:"]
    command += ["--no-deps", "--require-hashes", "--implementation", "cp", "--python-version", version]
    command += [word for platform in PLATFORMS for word in ("--platform", platform)]
    done = subprocess.run([*command, "-d", str(to), "-r", str(lock)], capture_output=True, text=True)
    if done.returncode:
        raise ReleaseError(f"the wheels for Python {version} cannot be had:\n{done.stderr[-3000:]}")


def chosen(entries: Sequence[Locked], folder: Path) -> dict[str, list[Path]]:
    """By name, the wheels in `folder` that the lock names by their hash."""
    by_hash = {sha256(path): path for path in sorted(folder.glob("*.whl"))}
    found = {each.name: sorted(by_hash[h] for h in each.hashes & set(by_hash)) for each in entries}
    if empty := [name for name, paths in found.items() if not paths]:
        raise ReleaseError(f"no wheel of {', '.join(empty)}")
    return found


def resolves(folder: Path, version: str) -> None:
    """Whether pip finds everything for this version of Python in the folder alone. Raises ReleaseError."""
    command = [sys.executable, "-m", "pip", "--isolated", "-q", "install", "--dry-run", "--ignore-installed"]
    command += ["--no-index", "--require-hashes", "--only-binary", ":all:", "--implementation", "cp"]
    command += [word for platform in PLATFORMS for word in ("--platform", platform)]
    command += ["--python-version", version, "--target", str(folder / "nowhere"), "-f", ".", "-r", "requirements.txt"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise ReleaseError(f"the folder is not complete for Python {version}:\n{done.stderr[-3000:]}")


def sha256(path: Path) -> str:
    """Hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
