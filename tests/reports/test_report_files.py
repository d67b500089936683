"""Reports on disk: complete or as they were, and let go by age and size."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stressd.store import reports
from stressd.store.reports import DAYS, EPISODES, file_of, let_go, made, write

names = st.sampled_from([f"JP-26012{k}-aaa{k}" for k in range(6)])


def test_a_report_is_as_it_was_where_it_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, EPISODES, "a", {".md": "one", ".html": "one"}, 1_000)
    real = reports.os.replace

    def fails(source: Path, to: Path) -> None:
        if str(to).endswith(".html"):
            raise OSError(28, "No space left on device")
        real(source, to)

    monkeypatch.setattr(reports.os, "replace", fails)
    with pytest.raises(OSError, match="No space"):
        write(tmp_path, EPISODES, "a", {".md": "two", ".html": "two"}, 2_000)
    assert file_of(tmp_path, EPISODES, "a").read_text() == "one"
    # so that it is made again
    assert made(tmp_path, EPISODES) == {"a": 1_000}


def test_no_folder_is_no_report(tmp_path: Path) -> None:
    assert made(tmp_path, DAYS) == {}
    assert let_go(tmp_path, 10, 10) == 0


@settings(max_examples=60)
@given(
    there=st.dictionaries(
        st.tuples(st.sampled_from([EPISODES, DAYS]), names),
        st.tuples(st.integers(1, 100), st.integers(1, 50)),
        max_size=9,
    ),
    oldest=st.integers(0, 100),
    most=st.integers(0, 300),
)
def test_the_oldest_go_first_and_whole(
    tmp_path_factory: pytest.TempPathFactory, there: dict[tuple[str, str], tuple[int, int]], oldest: int, most: int
) -> None:
    state = tmp_path_factory.mktemp("state")
    for (kind, name), (at, size) in there.items():
        write(state, kind, name, {".md": "m" * size, ".html": "h" * size}, at * 10**9)
    gone = let_go(state, oldest * 10**9, most)
    left = {(kind, name): at for kind in (EPISODES, DAYS) for name, at in made(state, kind).items()}
    assert gone == len(there) - len(left)
    assert all(at >= oldest * 10**9 for at in left.values())
    assert sum(2 * there[key][1] for key in left) <= most
    assert all(file_of(state, *key, ".md").exists() for key in left)
    assert len(list((state / "reports").rglob("*.md")) if (state / "reports").exists() else []) == len(left)
    young = [at for key, (at, _) in there.items() if key not in left and at >= oldest]
    if young and left:
        assert max(young) * 10**9 <= min(left.values())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files for somebody else")
def test_what_root_has_made_belongs_to_the_owner_of_the_state_directory(tmp_path: Path) -> None:
    os.chown(tmp_path, 4711, 4712)
    page = write(tmp_path, EPISODES, "a", {".md": "m", ".html": "h"}, 1_000)
    for path in (page, page.with_suffix(".md"), page.parent, page.parent.parent):
        assert (path.stat().st_uid, path.stat().st_gid) == (4711, 4712), path
        assert path.stat().st_mode & 0o077 == 0
