"""`make test` runs every test: once compiled, and once more interpreted where the engine has two forms."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.run import ORDER, compiled, interpreted, ordered

HERE = Path(__file__).resolve().parent


def files(*paths: str) -> Counter[Path]:
    """Test files under these paths, how often each."""
    found: Counter[Path] = Counter()
    for path in (HERE.parent / each for each in paths):
        found.update(path.rglob("test_*.py") if path.is_dir() else [path])
    return found


def test_every_test_file_is_run_compiled_by_one_process() -> None:
    assert files(*(path for part in compiled() for path in part.paths)) == files("tests")


def test_what_the_compiler_changes_is_run_interpreted_by_one_process() -> None:
    again = files(*(path for part in interpreted() for path in part.paths))
    assert again == files("tests/market", "tests/engine", "tests/lab", "tests/feeds")


def test_a_new_folder_is_in_a_process_at_once(tmp_path: Path) -> None:
    named = [folder for part in compiled() for folder in part.paths if (HERE.parent / folder).is_dir()]
    for folder in [*named, "tests/brand_new"]:
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "test_one.py").touch()
    assert "tests/brand_new" in compiled(tmp_path / "tests")[-1].paths


def test_none_is_lost_or_doubled_by_the_order() -> None:
    parts = (*compiled(), *interpreted())
    assert Counter(ordered(parts)) == Counter(parts)
    firsts = {part.paths[0].removeprefix("tests/") for part in parts}
    assert firsts == set(ORDER)
