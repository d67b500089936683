"""What an off-line command watches: a configuration, or every series of its input."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from stressd.cli.errors import UserError
from stressd.config.builtin import default_spec
from stressd.config.faults import ConfigError
from stressd.config.load import Loaded, load
from stressd.lab.faults import Fault
from stressd.lab.offline import Setup
from stressd.market.series import curve_order
from stressd.runtime.registry import registry


def configured(path: Path) -> Loaded:
    """The configuration in a file. Raises UserError after its faults have been printed."""
    try:
        return load(path, registry())
    except ConfigError as error:
        for fault in error.faults:
            print(fault, file=sys.stderr)
        raise UserError(f"{path} cannot be used") from None


def of_config(loaded: Loaded) -> Setup:
    """What a configuration watches."""
    return Setup(loaded.engine, loaded.instance, loaded.routes, loaded.digest)


def of_series(series: Iterable[str]) -> Setup:
    """Every series, with the built-in rules."""
    return Setup(default_spec(sorted(series, key=curve_order)))


def tell(faults: Sequence[Fault]) -> None:
    """One line each, where the reader's other errors go."""
    for fault in faults:
        print(fault, file=sys.stderr)
