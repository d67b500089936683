"""Links between fixings on real JGB and Treasury yields: in true alignment, and shifted in time.

usage: links.py [--shifts N] [--since YEAR] FILE...     FILE: daily yields in any layout that `stressd backtest` reads

Of answers to a market that has been shifted in time, 5 % must have p < .05: over all of them within 1.5 points. In true
alignment the flow from New York to Tokyo must come out stronger than the one from Tokyo to New York. Exit status 1 if
not. Seeds are fixed; the figures are written to results/links.json.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from stressd.engine.form import FORM
from stressd.engine.response import Response
from stressd.lab.backtest import Daily, merged
from stressd.lab.publishers import read_daily
from stressd.lab.shifts import SIZES, Share, matched, run, shares, shifted
from stressd.market.times import day_iso, parse_day

RESULT: Final = Path(__file__).resolve().parent / "results" / "links.json"
SERIES: Final = ("JP.GOV.10Y", "JP.GOV.30Y", "US.GOV.10Y", "US.GOV.30Y")
GAUGE: Final = "US.GOV.10Y"
NOMINAL: Final = 0.05
WITHIN: Final = 0.015


def history(paths: list[Path], since: int) -> dict[str, Daily]:
    """The fixings of SERIES from `since` (ordinal) on, all of them as of the day on which the last one begins."""
    table = {name: given for name, given in merged([read_daily(path) for path in paths]).items() if name in SERIES}
    first = max(since, *(given.rows[0][0] for given in table.values()))
    return {name: Daily(given.source, [row for row in given.rows if row[0] >= first]) for name, given in table.items()}


def line(share: Share) -> dict[str, object]:
    """One row of figures."""
    return {
        "source": share.source, "follower": share.follower, "beyond": share.size, "answers": share.n,
        "p_below_05": round(share.below / share.n, 4), "followed": round(share.followed / share.n, 4),
    }  # fmt: skip


def told(title: str, responses: Iterable[Response]) -> list[dict[str, object]]:
    """Print and return the rows of one study."""
    found = shares(responses)
    print(title)
    rows = [line(found[key]) for key in sorted(found, key=str)]
    for row in rows:
        print(
            f"  {row['source']} -> {row['follower']} beyond {row['beyond']} sigma: {row['answers']} answers,"
            f" p < .05 in {row['p_below_05']:.1%}, followed {row['followed']:.1%}"
        )
    return rows


def pooled(responses: list[Response], size: float) -> float:
    """Share with p < .05 over both directions."""
    own = [r.p for r in responses if r.rule == f"beyond-{size:g}" and r.p is not None]
    return sum(p < NOMINAL for p in own) / len(own)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--shifts", type=int, default=60)
    parser.add_argument("--since", type=int, default=1990)
    options = parser.parse_args()
    daily = history(options.files, parse_day(f"{options.since}-01-01"))
    first, last = min(d.rows[0][0] for d in daily.values()), max(d.rows[-1][0] for d in daily.values())
    print(f"{', '.join(sorted(daily))}, {day_iso(first)} to {day_iso(last)}; engine {FORM}")

    engine, true = run(daily)
    result: dict[str, object] = {"true": told("true alignment", true)}
    graph = engine.propagation.fixings.edges()
    for row in graph:
        print(
            f"  {row['source']} -> {row['follower']}: {row['followed']} of {row['sources']} large moves followed,"
            f" beta {row['beta']:.2f} (usual {row['usual_beta']:.2f}), p of gamma {row['p']:.2f}"
        )
    result["graph"] = graph

    wrong = []
    gammas: list[float] = []
    for kind in ("random", "matched"):
        rng = random.Random(19_990_101)
        null: list[Response] = []
        for _ in range(options.shifts):
            moved = shifted(daily, "JP", rng) if kind == "random" else matched(daily, "JP", GAUGE, rng)
            engine, responses = run(moved)
            null += responses
            gammas += [row["p"] for row in engine.propagation.fixings.edges() if row["p"] is not None]
        result[kind] = told(f"{options.shifts} {kind} shifts", null)
        for size in SIZES:
            share = pooled(null, size)
            result[f"{kind}_beyond_{size:g}"] = round(share, 4)
            print(f"  both ways beyond {size:g} sigma: p < .05 in {share:.2%}")
            if abs(share - NOMINAL) > WITHIN:
                wrong.append(f"{kind} shifts, beyond {size:g} sigma: {share:.2%} below .05")
    gamma = sum(p < NOMINAL for p in gammas) / len(gammas)
    result["gamma_below_05"] = round(gamma, 4)
    print(f"p of gamma below .05 in {gamma:.1%} of {len(gammas)} shifted pairs")

    found = shares(true)
    for size in SIZES:
        there, back = found["US", "JP", size], found["JP", "US", size]
        if there.below / there.n <= back.below / back.n:
            wrong.append(f"beyond {size:g} sigma New York -> Tokyo is not the stronger one")
    for what in wrong:
        print(f"NOT AS IT MUST BE: {what}")
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result | {"wrong": wrong}, indent=1) + "\n", encoding="utf-8")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
