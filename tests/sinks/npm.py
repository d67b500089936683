"""Packages of npm that a test asks for, in their pinned versions, kept in a folder that is no part of the repository.

Needs npm and its registry, or a folder filled before.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

INSTALL_S: Final = 120
RUN_S: Final = 120


class Unavailable(Exception):
    """They cannot be had here; the text says why."""


def install(folder: Path, packages: Mapping[str, str]) -> None:
    """Into `folder/node_modules`, unless they are there. Raises Unavailable."""
    npm = shutil.which("npm")
    if npm is None:
        raise Unavailable("npm is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text(
        json.dumps({"private": True, "dependencies": dict(packages)}), encoding="utf-8"
    )
    if all((folder / "node_modules" / name / "package.json").exists() for name in packages):
        return
    command = [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"]
    run([*command, "--fetch-retries=1", "--fetch-timeout=20000"], folder, timeout=INSTALL_S)


def run(command: Sequence[str], folder: Path, given: str = "", timeout: int = RUN_S) -> str:
    """What a program printed. Raises Unavailable."""
    name = Path(command[0]).name
    try:
        done = subprocess.run(command, cwd=folder, input=given, capture_output=True, text=True, timeout=timeout)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{name}: {error}") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip().split("\n")
        raise Unavailable(f"{name}: {next((line for line in said if 'error' in line.lower()), said[-1])[:200]}")
    return done.stdout
