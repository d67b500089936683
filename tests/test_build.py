"""The package that is built: what the wheel holds, and that it installs with and without a compiler."""

from __future__ import annotations

import ast
import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from stressd.engine.form import COMPILED, FORM

BUILD_FILES = ("setup.py", "pyproject.toml", "LICENSE", "README.md")


def wheel(project: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("STRESSD_") and k != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, "-m", "pip", "wheel", ".", "--no-deps", "--no-build-isolation", "--no-index", "-w", "out"],
        cwd=project, env=kept | environment, capture_output=True, text=True,
    )  # fmt: skip


def contents(project: Path) -> set[str]:
    [path] = (project / "out").glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


def on_the_way(root: Path) -> list[str]:
    """The compiled files outside of market and engine, as `setup.py` lists them."""
    for node in ast.parse((root / "setup.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ON_THE_WAY":
            names: list[str] = list(ast.literal_eval(node.value))
            return names
    raise AssertionError("setup.py has no ON_THE_WAY")


@pytest.fixture
def small(root: Path, tmp_path: Path) -> Path:
    """A project of the same build files and a few of the sources, so that it compiles in seconds."""
    for name in BUILD_FILES:
        if (root / name).exists():
            shutil.copy(root / name, tmp_path)
    for name in ("__init__.py", "py.typed", "market/tick.py", "market/__init__.py", "engine/form.py"):
        target = tmp_path / "stressd" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / "stressd" / name, target)
    (tmp_path / "stressd/engine/__init__.py").touch()
    return tmp_path


def test_the_installed_form_is_what_every_module_that_is_compiled_has(root: Path) -> None:
    paths = [p for part in ("market", "engine") for p in (root / "stressd" / part).glob("*.py") if p.stem != "__init__"]
    paths += [root / name for name in on_the_way(root)]
    for path in paths:
        spec = importlib.util.find_spec(".".join(path.relative_to(root).with_suffix("").parts))
        assert spec is not None
        assert spec.origin is not None
        assert spec.origin.endswith(".so") == COMPILED, spec.origin
    assert len(paths) > 30
    assert ("compiled" if COMPILED else "interpreted") == FORM


def test_without_compilation_the_wheel_is_pure_and_holds_all_files(root: Path, tmp_path: Path) -> None:
    for name in BUILD_FILES:
        if (root / name).exists():
            shutil.copy(root / name, tmp_path)
    shutil.copytree(root / "stressd", tmp_path / "stressd", ignore=shutil.ignore_patterns("__pycache__"))
    done = wheel(tmp_path, STRESSD_PURE="1")
    assert done.returncode == 0, done.stderr
    names = contents(tmp_path)
    assert not [n for n in names if n.endswith(".so")]
    sources = {str(p.relative_to(root)) for p in (root / "stressd").rglob("*") if p.is_file() and p.suffix != ".pyc"}
    assert sources <= names
    assert any(n.endswith("dist-info/entry_points.txt") for n in names)
    assert any(n.endswith("licenses/LICENSE") for n in names)


def test_with_a_compiler_every_module_of_the_group_is_in_the_wheel_and_a_deleted_one_leaves_it(small: Path) -> None:
    if shutil.which("cc") is None:
        pytest.skip("no C compiler")
    (small / "stressd/market/gone.py").write_text("GONE: int = 1\n")
    assert wheel(small, STRESSD_COMPILED="1").returncode == 0
    before = contents(small)
    assert {n.rsplit("/", 1)[-1].split(".")[0] for n in before if n.endswith(".so") and "__mypyc" not in n} == {
        "tick", "form", "gone",
    }  # fmt: skip
    (small / "stressd/market/gone.py").unlink()
    shutil.rmtree(small / "out")
    done = wheel(small, STRESSD_COMPILED="1")
    assert done.returncode == 0, done.stderr
    assert not [n for n in contents(small) if "gone" in n]
    assert len([n for n in contents(small) if "__mypyc" in n]) == 1


def test_a_compiler_that_fails_leaves_a_pure_wheel_unless_compilation_is_asked_for(small: Path) -> None:
    done = wheel(small, CC="/bin/false")
    assert done.returncode == 0, done.stderr
    assert not [n for n in contents(small) if n.endswith(".so")]
    assert {"stressd/market/tick.py", "stressd/engine/form.py"} <= contents(small)
    refused = wheel(small, CC="/bin/false", STRESSD_COMPILED="1")
    assert refused.returncode != 0


def test_sources_that_mypyc_refuses_are_an_error_only_where_compilation_is_asked_for(small: Path) -> None:
    (small / "stressd/market/wrong.py").write_text('NUMBER: int = "text"\n')
    done = wheel(small)
    assert done.returncode == 0, done.stderr
    assert not [n for n in contents(small) if n.endswith(".so")]
    refused = wheel(small, STRESSD_COMPILED="1")
    assert refused.returncode != 0
    assert "Incompatible types in assignment" in refused.stdout + refused.stderr
