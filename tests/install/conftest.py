"""`release` is a tool of the repository, not of the installed package: these tests load it from there."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path


def _load() -> None:
    folder = Path(__file__).resolve().parents[2] / "release"
    spec = importlib.util.spec_from_file_location(
        "release", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    sys.modules["release"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)


_load()
