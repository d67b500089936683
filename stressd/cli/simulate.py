"""`stressd simulate`: labelled ticks into files, or straight through the live pipeline and scored."""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path

from stressd.cli.errors import UserError
from stressd.cli.place import read_config
from stressd.cli.score import add_report, give
from stressd.cli.watched import of_config, of_series
from stressd.lab.scoring.score import Score
from stressd.lab.sim.files import LABELS, write
from stressd.lab.sim.model import DIRT, MODELS, SimSpec
from stressd.lab.sim.world import Simulation
from stressd.lab.trial import NotWatched, trial
from stressd.market.times import parse_day


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = subparsers.add_parser(
        "simulate",
        help="make ticks whose every jump is known, or score the rules on them",
        description="Yields of several markets with the hours, the shape of the day, fat tails, jumps that go on from "
        "market to market, and dirt, all of it labelled; the same seed gives the same ticks. --out writes tick files "
        "that replay reads; --score runs them through the live pipeline and says what was found, missed and false.",
    )
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--out", type=Path, metavar="DIR", help="write ticks-YYYY-MM and labels.ndjson here")
    where.add_argument("--score", action="store_true", help="score the rules instead of writing files")
    world = parser.add_argument_group("the world")
    world.add_argument("--days", type=int, default=20, metavar="N", help="weekdays that count (20)")
    world.add_argument("--warm", type=int, default=0, metavar="N", help="weekdays before them that do not (0)")
    world.add_argument("--start", default="2025-01-06", metavar="DATE", help="the first day (2025-01-06)")
    world.add_argument("--seed", type=int, default=1, metavar="S", help="of the random numbers (1)")
    world.add_argument("--markets", default="JP,US,UK,DE", metavar="LIST", help=f"of {','.join(MODELS)}")
    world.add_argument("--tenors", default="10Y", metavar="LIST", help="such as 2Y,10Y,30Y (10Y)")
    world.add_argument("--nu", type=float, default=6.0, help="degrees of freedom of the moves (6); 50 is near normal")
    world.add_argument("--null", action="store_true", help="no jumps at all")
    world.add_argument("--rate", type=float, default=1.0, metavar="X", help="times the usual number of jumps (1)")
    world.add_argument("--no-propagation", action="store_true", help="jumps stay in their market")
    world.add_argument("--clusters", action="store_true", help="jumps excite further jumps in their market")
    world.add_argument("--fakes", type=float, default=0.0, metavar="SHARE", help="of jumps that half revert (0)")
    world.add_argument("--interdependence", action="store_true", help="no jumps, but hours in which all move together")
    world.add_argument("--turmoil", action="store_true", help="days of higher correlation")
    dirt = world.add_mutually_exclusive_group()
    dirt.add_argument("--no-dirt", action="store_true", help="a clean feed")
    dirt.add_argument("--dirt", metavar="LIST", help=f"only these of {','.join(DIRT)}")
    parser.add_argument("--format", choices=("ndjson", "csv"), default="ndjson", help="of the tick files (ndjson)")
    parser.add_argument("-c", "--config", type=Path, metavar="FILE", help="rules to score; default: built in")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="score N worlds, from --seed on (1)")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="worlds at a time, each in its process (1)")
    add_report(parser)


def run(args: argparse.Namespace) -> int:
    """Exit status."""
    try:
        spec = _spec(args)
    except ValueError as error:
        raise UserError(str(error)) from None
    if not args.score:
        simulation = Simulation(spec)
        ticks, labels = write(simulation, args.out, args.format, _progress(simulation.day_count, "days"))
        print(f"{ticks:,} ticks of {len(simulation.series())} series and {labels:,} labels in {args.out}/{LABELS}")
        return 0
    if args.seeds < 1 or args.jobs < 1:
        raise UserError("--seeds and --jobs are one or more")
    if args.config is not None:
        read_config(args.config, environment=False)
    tasks = [Task(replace(spec, seed=spec.seed + i), args.config, tuple(args.rule)) for i in range(args.seeds)]
    try:
        give(_scored(tasks, args.jobs), args)
    except NotWatched as error:
        raise UserError(f"{error}; a configuration must watch them") from None
    return 0


def _spec(args: argparse.Namespace) -> SimSpec:
    dirt = DIRT if args.dirt is None else tuple(name for name in args.dirt.split(",") if name)
    return SimSpec(
        markets=tuple(args.markets.split(",")),
        tenors=tuple(args.tenors.split(",")),
        days=args.days,
        seed=args.seed,
        start=parse_day(args.start),
        warm=args.warm,
        nu=args.nu,
        jumps=not (args.null or args.interdependence),
        rate=args.rate,
        propagate=not args.no_propagation,
        clusters=args.clusters,
        fakes=args.fakes,
        bursts=args.interdependence,
        turmoil=args.turmoil,
        dirt=() if args.no_dirt else dirt,
    )


@dataclass(frozen=True, slots=True)
class Task:
    """One world for a worker process."""

    spec: SimSpec
    config: Path | None
    rules: tuple[str, ...]


def work(task: Task) -> Score:
    """Run and score one world."""
    if task.config is None:
        setup = of_series(name for market in task.spec.markets for name in task.spec.series(market))
    else:
        setup = of_config(read_config(task.config, environment=False))
    return trial(setup, task.spec, task.rules)


def _scored(tasks: list[Task], jobs: int) -> Score:
    """The scores of all worlds, in the order of their seeds."""
    progress = _progress(len(tasks), "worlds")
    if jobs == 1 or len(tasks) == 1:
        scores = []
        for task in tasks:
            scores.append(work(task))
            progress(len(scores))
    else:
        with ProcessPoolExecutor(min(jobs, len(tasks)), mp_context=multiprocessing.get_context("spawn")) as pool:
            waiting = [pool.submit(work, task) for task in tasks]
            for done, _ in enumerate(as_completed(waiting), 1):
                progress(done)
            scores = [future.result() for future in waiting]
    total = Score()
    for each in scores:
        total.add(each)
    return total


def _progress(total: int, what: str) -> Callable[[int], None]:
    if not sys.stderr.isatty():
        return lambda done: None

    def tell(done: int) -> None:
        print(f"\r{done} of {total} {what}", end="\n" if done == total else "", file=sys.stderr, flush=True)

    return tell
