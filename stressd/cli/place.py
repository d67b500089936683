"""Where a command finds the configuration and the state of the daemon that it is about."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stressd.cli.errors import UserError
from stressd.runtime.statedir import state_dir

if TYPE_CHECKING:
    from stressd.config.load import Loaded

SERVICE_STATE: Final = Path("/var/lib/stressd")
"""The state directory of the systemd service."""


def add_state(parser: argparse.ArgumentParser) -> None:
    """`--state` and `-c`, of which either tells where the state is."""
    parser.add_argument("--state", type=Path, metavar="DIR", help="the state directory")
    parser.add_argument("-c", "--config", type=Path, metavar="FILE", help="the configuration, which may name it")


def state_of(args: argparse.Namespace) -> Path:
    """--state, else the config's, else $STATE_DIRECTORY, else the user's state folder, else the service's."""
    configured = None
    if args.state is None and args.config is not None:
        configured = read_config(args.config, environment=False).state_dir
    place = state_dir(configured, args.state)
    said = args.state is not None or configured is not None or bool(os.environ.get("STATE_DIRECTORY"))
    return SERVICE_STATE if not said and not place.exists() and SERVICE_STATE.exists() else place


def read_config(path: Path, *, environment: bool = True) -> Loaded:
    """The configuration; its faults go to stderr. environment: its secrets must be there too. Raises UserError."""
    from stressd.config.faults import ConfigError
    from stressd.config.load import load
    from stressd.runtime.registry import registry

    try:
        return load(path, registry(), environment=environment)
    except ConfigError as error:
        print(error, file=sys.stderr)
        count = sum(1 for fault in error.faults if fault.level == "error")
        raise UserError(f"{path}: {count} fault{'s' if count != 1 else ''}") from None
