"""`stressd report EPISODE` or `DAY`, and `--due`: reports on demand, and those that the daemon keeps."""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any, Final

from stressd.cli.errors import UserError
from stressd.cli.place import read_config, state_of
from stressd.cli.records import episode_named, open_store
from stressd.cli.report import write
from stressd.engine.spec import EngineSpec
from stressd.lab.day import keep as days
from stressd.lab.incident.keep import make_due, of_episode, texts
from stressd.lab.incident.known import known_spec
from stressd.runtime.registry import registry
from stressd.store import StoreError

DAY_NAME: Final = re.compile(r"[A-Z][A-Z0-9]*-[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")


def episode(args: argparse.Namespace) -> int:
    """Exit status. Raises UserError."""
    state = state_of(args)
    with open_store(state) as store:
        row = episode_named(store, args.subject)
        found = of_episode(state, store, row, _spec(args, state), time.time_ns())
    if found is None:
        raise UserError(f"{row.id}: the store holds none of its events")
    return _give(args, texts(found), found.plain())


def _give(args: argparse.Namespace, made: Mapping[str, str], plain: Mapping[str, Any]) -> int:
    """Where it is wanted."""
    for path, ending in ((args.html, ".html"), (args.markdown, ".md")):
        if path is not None:
            write(path, made[ending])
    if args.json:
        print(json.dumps(plain, ensure_ascii=False))
    elif args.html is None and args.markdown is None:
        print(made[".md"], end="")
    return 0


def day(args: argparse.Namespace) -> int:
    """Of a session such as JP-2026-01-20. Exit status. Raises UserError."""
    state = state_of(args)
    with open_store(state) as store:
        event = store.day(args.subject)
        if event is None:
            raise UserError(f"{args.subject}: there is no summary of such a day; `daily:` has them told at each close")
        found = days.of_event(state, store, event, _spec(args, state), time.time_ns())
    return _give(args, days.texts(found), found.plain())


def is_day(subject: str) -> bool:
    """Whether it is the name of a market's day."""
    return DAY_NAME.fullmatch(subject) is not None


def due(args: argparse.Namespace) -> int:
    """Exit status. Raises UserError."""
    state = state_of(args)
    with open_store(state) as store:
        try:
            spec, now = _spec(args, state), time.time_ns()
            for name in chain(days.make_due(state, store, spec, now), make_due(state, store, spec, now)):
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
