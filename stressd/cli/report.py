"""`stressd report`: of a period, of an episode, or the connectedness table of any file of columns."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stressd.cli.errors import UserError
from stressd.lab.faults import UnreadFile
from stressd.market.times import parse_day

if TYPE_CHECKING:
    from stressd.lab.report.columns import ColumnsReport

DAYS = 90


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = subparsers.add_parser(
        "report",
        help="the post-mortem of an episode; connectedness, lags, links and episodes of a period",
        description="With EPISODE: who led, who followed, how fast it was given back, what was wrong with the data, "
        "when messages arrived and what it used of its budget, as Markdown or as one page. Without it: what a period "
        "was like in your markets, from the store and the daemon's state, or straight from daily files. With "
        "--connectedness: the Diebold-Yilmaz table of a CSV of date,<node>...",
    )
    parser.add_argument(
        "subject", metavar="EPISODE", nargs="?",
        help="for example JP-260120-7q2f, or 7q2f; or a market's day such as JP-2026-01-20",
    )  # fmt: skip
    parser.add_argument(
        "--due", action="store_true",
        help="make the reports that are missing in the state directory, as the daemon does after each close",
    )  # fmt: skip
    parser.add_argument("--connectedness", metavar="FILE", help="the table of this file's columns, and nothing else")
    parser.add_argument(
        "--lags", type=_count, default=None, metavar="P", help="lags of its autoregression (default: 4)"
    )
    parser.add_argument("--horizon", type=_count, default=None, metavar="H", help="rows ahead (default: 10)")
    parser.add_argument("--window", type=_count, metavar="N", help="also the total over every N rows")
    parser.add_argument(
        "--half-life", type=_rows, metavar="N", help="weights that halve every N rows, for all rows alike"
    )
    parser.add_argument("--since", type=_day, metavar="DATE", help="first day of the period")
    parser.add_argument("--until", type=_day, metavar="DATE", help="last day of the period (default: the last fixing)")
    parser.add_argument("--days", type=_count, metavar="N", help=f"its length (default: {DAYS})")
    parser.add_argument("-c", "--config", type=Path, metavar="FILE", help="the configuration: markets, gauges, budgets")
    parser.add_argument("--state", type=Path, metavar="DIR", help="the state directory")
    parser.add_argument(
        "--daily", nargs="+", action="extend", metavar="FILE", default=[],
        help="daily files instead of the store, in any layout that history import reads",
    )  # fmt: skip
    parser.add_argument(
        "--ticks", nargs="+", action="extend", metavar="FILE", default=[],
        help="recorded ticks as for replay: who moves first within the day",
    )  # fmt: skip
    parser.add_argument("--gauges", action="store_true", help="each market by its gauge, not by all its tenors")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write it as one page that needs nothing else")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="of an episode or a day: write it as Markdown")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(args: argparse.Namespace) -> int:
    """Exit status: 1 where a file cannot be read or there is nothing to report on."""
    if args.subject is not None or args.due:
        return _kept(args)
    if args.markdown is not None:
        raise UserError("--markdown is for the report of an episode or a day")
    if args.connectedness is not None:
        return _columns(args)
    for name in ("lags", "horizon", "window", "half_life"):
        if getattr(args, name) is not None:
            raise UserError(f"--{name.replace('_', '-')} goes with --connectedness FILE")
    from stressd.cli.report_period import period

    return period(args, DAYS)


def _kept(args: argparse.Namespace) -> int:
    """Raises UserError where options are given that belong to another report."""
    alone = {"connectedness", "since", "until", "days", "daily", "ticks", "gauges", "window", "half_life"}
    wrong = sorted(name for name in alone if getattr(args, name) not in (None, [], False))
    what = "--due" if args.due else "an episode"
    if wrong:
        raise UserError(f"--{wrong[0].replace('_', '-')} is for the report of a period, not for {what}")
    from stressd.cli import report_episode

    if not args.due:
        of_day = report_episode.is_day(args.subject)
        return report_episode.day(args) if of_day else report_episode.episode(args)
    if args.subject is not None or args.html is not None or args.markdown is not None or args.json:
        raise UserError("--due makes what is missing in the state directory, and takes nothing else but --state and -c")
    return report_episode.due(args)


def _columns(args: argparse.Namespace) -> int:
    from stressd.cli.report_text import columns_text
    from stressd.cli.watched import tell
    from stressd.lab.report.columns import ColumnsReport, read_columns

    if args.window is not None and args.half_life is not None:
        raise UserError("--window and --half-life are two ways to weigh the rows: give one")
    lags, horizon = args.lags or 4, args.horizon or 10
    try:
        found = ColumnsReport(read_columns(args.connectedness), lags, horizon, args.window, args.half_life)
    except UnreadFile as error:
        tell(error.faults)
        return 1
    if args.html is not None:
        _page(args.html, found)
    print(json.dumps(found.plain(), ensure_ascii=False) if args.json else columns_text(found))
    return 0


def _page(path: Path, found: ColumnsReport) -> None:
    from stressd.lab.report.page import columns_page

    write(path, columns_page(found))


def write(path: Path, page: str) -> None:
    """The page into a file."""
    path.write_text(page, encoding="utf-8")
    print(f"written to {path}", file=sys.stderr)


def _count(text: str) -> int:
    value = int(text) if text.isascii() and text.isdigit() else 0
    if not 0 < value <= 100_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return value


def _rows(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of rows above 0")
    return value


def _day(text: str) -> int:
    try:
        return parse_day(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def as_json(document: dict[str, Any]) -> str:
    """One line."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False)
