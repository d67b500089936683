"""Official daily yields, read once."""

from __future__ import annotations

from pathlib import Path

import pytest

from stressd.lab.publishers import DailyFile, read_daily


@pytest.fixture(scope="session")
def official_files(shared: Path) -> list[DailyFile]:
    """The Ministry's file and the Federal Reserve's, whole."""
    paths = [shared / "data" / "jgb" / "jgbcme_all.csv", *sorted((shared / "data" / "ust").glob("DGS*.csv"))]
    return [read_daily(path) for path in paths]


@pytest.fixture(scope="session")
def official(official_files: list[DailyFile]) -> dict[str, dict[int, float]]:
    """Percent by series and ordinal day."""
    return {series: dict(rows) for file in official_files for series, rows in file.series.items()}
