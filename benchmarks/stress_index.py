"""The stress index on published yields: what it says of days that everybody remembers, and beside the OFR's index.

    python benchmarks/stress_index.py jgbcme_all.csv DGS*.csv [--ofr ofr_fsi.csv]

The files are those of the publishers (`stressd backtest --daily` reads them too). Nothing is fitted: the index runs
through the history as it would have run live, and no close is revised.
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path
from typing import Any

import numpy as np

from stressd.config.builtin import default_spec
from stressd.lab.backtest import daily_only, fixing_ticks, merged
from stressd.lab.index_history import closes
from stressd.lab.publishers import read_daily

SERIES = [f"JP.GOV.{t}" for t in ("2Y", "5Y", "10Y", "20Y", "30Y", "40Y")] + [
    f"US.GOV.{t}" for t in ("1Y", "2Y", "5Y", "10Y", "20Y", "30Y")
]
PERIODS = [
    ("2006", "2006-01-01", "2006-12-31"),
    ("2008 Q4", "2008-10-01", "2008-12-31"),
    ("Aug 2011", "2011-08-01", "2011-08-31"),
    ("Apr-Jun 2013", "2013-04-01", "2013-06-30"),
    ("Mar 2020", "2020-03-01", "2020-03-31"),
    ("Sep 2022", "2022-09-01", "2022-09-30"),
    ("Mar 2023", "2023-03-01", "2023-03-31"),
    ("Apr 2025", "2025-04-01", "2025-04-30"),
    ("19-23 Jan 2026", "2026-01-19", "2026-01-23"),
]


def ranks(values: list[float]) -> np.ndarray[Any, Any]:
    return np.argsort(np.argsort(values, kind="stable"), kind="stable").astype(float)


def spearman(one: list[float], other: list[float]) -> float:
    return float(np.corrcoef(ranks(one), ranks(other))[0, 1])


def volatility(day: dict[str, Any], market: str) -> float:
    return next(
        (r["value"] for r in day["inputs"] if (r["market"], r["dimension"]) == (market, "volatility")), float("nan")
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--ofr", type=Path)
    args = parser.parse_args()
    daily = merged([read_daily(path) for path in args.files])
    spec = daily_only(default_spec(SERIES))
    fixings = fixing_ticks(daily, spec)
    began = time.process_time()
    days = [day for day in closes(spec, fixings) if day["date"] >= "2005"]
    spent = time.process_time() - began
    ordered = sorted(day["value"] for day in days)
    span = f"{days[0]['date']} to {days[-1]['date']}"
    print(f"{len(fixings):,} fixings, {len(days):,} closes from {span}, {spent:.1f} s of CPU")
    sums = [
        (sum(day[by].values()) + day["correlation"], day["value"]) for day in days for by in ("markets", "dimensions")
    ]
    print(f"contributions and correlation miss the index by {max(abs(a - b) for a, b in sums):.1e} at most\n")
    print(f"{'':16}  mean  high  {'on':10}  exceeded    JP    US   JP vol  US vol (bp a day, highest)")
    for name, first, last in PERIODS:
        some = [day for day in days if first <= day["date"] <= last]
        high = max(some, key=lambda day: day["value"])
        mean = sum(day["value"] for day in some) / len(some)
        part = {m: sum(day["markets"].get(m, 0.0) for day in some) / len(some) for m in ("JP", "US")}
        above = sum(value > high["value"] for value in ordered) / len(ordered)
        moves = "".join(f"{max(volatility(day, m) for day in some):8.1f}" for m in ("JP", "US"))
        print(
            f"{name:16}{mean:6.2f}{high['value']:6.2f}  {high['date']}  {above:7.1%} "
            f"{part['JP']:6.2f}{part['US']:6.2f} {moves}"
        )
    if args.ofr is not None:
        with args.ofr.open(newline="") as file:
            ofr = {row["Date"]: float(row["OFR FSI"]) for row in csv.DictReader(file)}
        both = [day for day in days if day["date"] in ofr]
        theirs = [ofr[day["date"]] for day in both]
        rho = spearman([day["value"] for day in both], theirs)
        print(f"\nrank correlation with the OFR FSI over {len(both):,} days: {rho:.2f}")
        for market in ("JP", "US"):
            own = spearman([volatility(d, market) for d in both], theirs)
            added = spearman([d["markets"].get(market, 0.0) for d in both], theirs)
            print(f"  contribution of {market}: {added:.2f}; its volatility in bp by itself: {own:.2f}")


if __name__ == "__main__":
    main()
