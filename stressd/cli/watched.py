"""What an off-line command watches: a configuration, or every series of its input."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from stressd.config.builtin import default_spec
from stressd.config.load import Loaded, load_text
from stressd.lab.faults import Fault
from stressd.lab.offline import Setup
from stressd.market.series import YIELD, curve_order, parse_series
from stressd.runtime.registry import registry


def of_config(loaded: Loaded) -> Setup:
    """What a configuration watches."""
    return Setup(loaded.engine, loaded.instance, loaded.desk, loaded.digest, loaded.people, loaded.pace)


def of_series(series: Iterable[str]) -> Setup:
    """Every series, with the built-in rules."""
    return Setup(default_spec(sorted(series, key=curve_order)))


def on_page(series: Iterable[str]) -> Loaded:
    """The same as a daemon with a page is configured."""
    spec = default_spec(sorted(series, key=curve_order))
    markets = []
    for market in spec.markets:
        tenors = [
            each.tenor for each in spec.series if each.market == market.name and parse_series(each.id).kind == YIELD
        ]
        markets.append(
            f"  {market.name}: {{calendar: {market.calendar.name}, tenors: [{', '.join(tenors) or '10Y'}]}}\n"
        )
    text = f"instance: stressd\nmarkets:\n{''.join(markets)}"
    loaded = load_text(text, Path("replay.yaml"), registry(), environment=False)
    setup = Setup(spec)
    return replace(loaded, engine=spec, desk=setup.desk, digest=setup.config)


def tell(faults: Sequence[Fault]) -> None:
    """One line each, where the reader's other errors go."""
    for fault in faults:
        print(fault, file=sys.stderr)
