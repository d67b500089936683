"""The report as one page: no script, no request, light and dark, fit for paper. Every name in it is escaped."""

from __future__ import annotations

from typing import Any, Final

from markupsafe import Markup

from stressd.lab.connectedness import Connectedness
from stressd.lab.report import pictures
from stressd.lab.report.columns import ColumnsReport
from stressd.lab.report.findings import findings
from stressd.lab.report.flows import LATELY, shown
from stressd.lab.report.rendering import render
from stressd.lab.report.report import KINDS, Report
from stressd.lab.report.system import HALF_LIFE, HORIZON, LAGS, RIDGE, SHIFTS

PERIOD: Final = "period.html.j2"
COLUMNS: Final = "columns.html.j2"
DARKEST: Final = 20.0
"""Percent from which on a cell of a heat map is darkest, unless another one has more."""


def columns_page(found: ColumnsReport) -> str:
    """The page of `report --connectedness`."""
    return render(
        COLUMNS,
        found=found,
        grid=_grid(found.table, 2),
        path=pictures.totals(found.path, "total connectedness"),
        how="least squares" if found.half_life is None else f"weights that halve every {found.half_life:g} rows",
    )


def period_page(report: Report) -> str:
    """The page of the periodic report."""
    return render(
        PERIOD,
        report=report,
        findings=findings(report),
        systems=[report.systems[kind] for kind in KINDS],
        grids={kind: _grid(system.table, 1) for kind, system in report.systems.items() if system.table is not None},
        paths={
            kind: pictures.totals(system.path, f"connectedness of {kind}", system.chance[1] if system.chance else None)
            for kind, system in report.systems.items()
        },
        settings={
            "lags": LAGS,
            "half_life": HALF_LIFE,
            "horizon": HORIZON,
            "ridge": RIDGE,
            "shifts": SHIFTS,
            "lately": LATELY,
        },
        flows=shown(report.flows),
        intervals=pictures.intervals([flow for flow in shown(report.flows) if flow.step < 2]),
        counts=pictures.counts(report.breadth_history),
        ring=Markup("") if report.links is None else pictures.ring(report.links),
        stack=Markup("") if report.stress is None else pictures.stacked(report.stress),
        links=None if report.links is None else report.links.plain(),
    )


def _grid(found: Connectedness, digits: int) -> dict[str, Any]:
    """A heat map as a table: what comes from others is shaded by its size, the own share is not."""
    n = len(found.nodes)
    others = [float(found.table[i, j]) for i in range(n) for j in range(n) if i != j]
    darkest = max(DARKEST, *others) if others else DARKEST
    rows = []
    for i, name in enumerate(found.nodes):
        cells = [
            (
                f"{found.table[i, j]:.{digits}f}",
                "" if i == j else pictures.shade(float(found.table[i, j]), darkest),
                i == j,
            )
            for j in range(n)
        ]
        rows.append((name, cells, f"{found.from_others[i]:.{digits}f}"))
    return {
        "nodes": found.nodes,
        "rows": rows,
        "to": [f"{x:.{digits}f}" for x in found.to],
        "net": [f"{x:+.{digits}f}" for x in found.net],
        "total": f"{found.total:.{digits}f}",
    }
