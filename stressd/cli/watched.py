"""What an off-line command watches: a configuration, or every series of its input."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from stressd.config.builtin import default_spec
from stressd.config.load import Loaded
from stressd.lab.faults import Fault
from stressd.lab.offline import Setup
from stressd.market.series import curve_order


def of_config(loaded: Loaded) -> Setup:
    """What a configuration watches."""
    return Setup(loaded.engine, loaded.instance, loaded.desk, loaded.digest, loaded.people, loaded.pace)


def of_series(series: Iterable[str]) -> Setup:
    """Every series, with the built-in rules."""
    return Setup(default_spec(sorted(series, key=curve_order)))


def tell(faults: Sequence[Fault]) -> None:
    """One line each, where the reader's other errors go."""
    for fault in faults:
        print(fault, file=sys.stderr)
