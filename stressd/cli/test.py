"""`stressd test`: rule tests in market words."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from stressd.cli.errors import UserError
from stressd.config.faults import ConfigError
from stressd.config.load import Closures, Loaded, load
from stressd.lab.ruletest.model import TestFile, read_tests
from stressd.lab.ruletest.run import Result, Runner
from stressd.runtime.registry import registry


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = subparsers.add_parser(
        "test",
        help="run rule tests: given moves, the episodes that must be told",
        description="Each file names a configuration and tests: moves in market words, and the episodes that they must "
        "give, no others. They run through the live engine, episodes and routes on made-up ticks, the same ones each "
        "time. Exit status 1 where a test fails or a file is not right.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="rule tests")
    parser.add_argument("-k", metavar="WORDS", default="", help="only tests whose name holds these words")
    parser.add_argument("-v", "--verbose", action="store_true", help="also what came in the tests that pass")
    parser.add_argument("--json", action="store_true", help="one JSON object a test")


def run(args: argparse.Namespace) -> int:
    """Exit status."""
    passed = failed = 0
    for path in args.files:
        try:
            file = read_tests(path)
            results = _results(file, args.k)
            for result in results:
                failed += bool(result.differences)
                passed += not result.differences
                print(_json(file, result) if args.json else _text(file, result, args.verbose), flush=True)
        except ConfigError as error:
            print(error, file=sys.stderr)
            failed += 1
    if not passed and not failed:
        raise UserError(f"no test's name holds `{args.k}`")
    if not args.json:
        print(f"{passed} passed" + (f", {failed} failed" if failed else ""))
    return 1 if failed else 0


def _results(file: TestFile, words: str) -> Any:
    known = registry()

    def loaded(closed: Closures) -> Loaded:
        return load(file.config, known, environment=False, closed=closed)

    runner = Runner(loaded)
    for test, line in zip(file.tests, file.lines, strict=True):
        if words.lower() in test.name.lower():
            try:
                yield runner.run(test, line)
            except ValueError as error:
                raise UserError(f"{file.path}:{line}: {test.name}: {error}") from None


def _text(file: TestFile, result: Result, verbose: bool) -> str:
    lines = [f"{'FAILED' if result.differences else 'passed'}  {result.test.name}  ({file.path}:{result.line})"]
    for difference in result.differences:
        lines += ["    " + line for line in str(difference).splitlines()]
    if verbose and not result.differences:
        lines += [f"    {episode.line()}" for episode in result.seen] or ["    nothing was told"]
    return "\n".join(lines)


def _json(file: TestFile, result: Result) -> str:
    return json.dumps(
        {
            "file": str(file.path),
            "line": result.line,
            "test": result.test.name,
            "passed": not result.differences,
            "differences": [
                {
                    "expected": each.wanted or None,
                    "got": each.got or None,
                    "fields": [dict(zip(("what", "expected", "got"), points, strict=True)) for points in each.fields],
                }
                for each in result.differences
            ],
            "episodes": [episode.last.episode for episode in result.seen],
        },
        ensure_ascii=False,
    )
