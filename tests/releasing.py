"""Making a release for tests: its own wheel uncompiled, all others as locked."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PYTHONS = ("3.11", "3.12", "3.13")


def environment() -> dict[str, str]:
    """One in which `python -m release` finds what lies in its working directory."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}


def make_release(root: Path, out: Path, *more: str) -> Path:
    """OUT/stressd-VERSION/ as `make release PYTHONS=` makes it. It needs an index, as `make test` itself does."""
    command = [sys.executable, "-m", "release", "--out", str(out), "--work", str(out.parent / "work"), *more]
    done = subprocess.run(command, cwd=root, env=environment(), capture_output=True, text=True)
    if "cannot be had" in done.stderr and "No matching distribution" not in done.stderr:
        pytest.skip("no release can be made here: no package index is reached")
    assert done.returncode == 0, done.stderr[-3000:]
    [folder] = out.glob("stressd-*")
    return folder


def python_of(version: str) -> str | None:
    """An interpreter of this version that can make environments, wherever it is on this machine."""
    candidates = [f"python{version}", *map(str, Path("/usr/local/bin").glob(f"python{version}"))]
    if f"{sys.version_info[0]}.{sys.version_info[1]}" == version:
        candidates.insert(0, getattr(sys, "_base_executable", sys.executable))
    pyenv = os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv"
    candidates += sorted(map(str, Path(pyenv).glob(f"versions/{version}.*/bin/python{version}")))
    for name in candidates:
        try:
            done = subprocess.run([name, "-c", "import ensurepip, venv"], capture_output=True, timeout=30)
        except OSError:
            continue
        if done.returncode == 0:
            return name
    return None
