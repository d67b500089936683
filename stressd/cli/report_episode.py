"""`stressd report EPISODE`, and `--due`: post-mortems on demand, and those that the daemon keeps."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from stressd.cli.errors import UserError
from stressd.cli.place import read_config, state_of
from stressd.cli.records import episode_named, open_store
from stressd.cli.report import write
from stressd.engine.spec import EngineSpec
from stressd.lab.incident.keep import make_due, of_episode, texts
from stressd.lab.incident.known import known_spec
from stressd.runtime.registry import registry
from stressd.store import StoreError


def episode(args: argparse.Namespace) -> int:
    """Exit status. Raises UserError."""
    state = state_of(args)
    with open_store(state) as store:
        row = episode_named(store, args.subject)
        found = of_episode(state, store, row, _spec(args, state), time.time_ns())
    if found is None:
        raise UserError(f"{row.id}: the store holds none of its events")
    made = texts(found)
    for path, ending in ((args.html, ".html"), (args.markdown, ".md")):
        if path is not None:
            write(path, made[ending])
    if args.json:
        print(json.dumps(found.plain(), ensure_ascii=False))
    elif args.html is None and args.markdown is None:
        print(made[".md"], end="")
    return 0


def due(args: argparse.Namespace) -> int:
    """Exit status. Raises UserError."""
    state = state_of(args)
    with open_store(state) as store:
        try:
            for name in make_due(state, store, _spec(args, state), time.time_ns()):
                print(name, flush=True)
        except (OSError, StoreError) as error:
            raise UserError(f"the reports in {state} cannot be kept: {error}") from None
    return 0


def _spec(args: argparse.Namespace, state: Path) -> EngineSpec | None:
    """Of the configuration that is given, else of the daemon's own state."""
    if args.config is not None:
        return read_config(args.config, environment=False).engine
    found = known_spec(state, registry().detectors)
    if found is None:
        print("stressd: no state of the engine to take budgets and trading hours from: give -c FILE", file=sys.stderr)
    return found
