"""`stressd COMMAND ...`: one table of commands, each in its own module, imported when it is chosen."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Final, Protocol, cast

from stressd import __version__
from stressd.cli.errors import UserError
from stressd.cli.output import tame

COMMANDS: Final = {
    "run": ("run", "the daemon: watch the feeds and alert"),
    "check": ("check", "check a configuration: every fault with its line"),
    "routes": ("routes", "who hears of what, by the routes of a configuration"),
    "demo": ("demo", "January 2026 through a real broker and the real daemon, in this terminal"),
    "drill": ("drill", "a labelled exercise through the real routes and sinks"),
    "reload": ("reload", "have the running daemon read its configuration again"),
    "status": ("status", "what the running daemon sees and can alert on"),
    "takeover": ("takeover", "make the standby on this host the daemon that tells people"),
    "explain": ("explain", "every number behind an episode"),
    "bundle": ("bundle", "an episode with all that led to it, in one file that replays elsewhere"),
    "silence": ("silence", "tell nobody of something for a while"),
    "ack": ("ack", "say that somebody looks after an episode"),
    "label": ("label", "say what an alert was worth: useful, noise, bad data"),
    "deliveries": ("deliveries", "list, show, replay or drop deliveries"),
    "preview": ("preview", "every message as its channel shows it, on made-up events"),
    "send-test": ("send_test", "send a labelled test message through a sink"),
    "replay": ("replay", "run tick files through the live pipeline"),
    "backtest": ("backtest", "run daily fixings through the engine"),
    "decisions": ("decisions", "what this release decides on a history that is always the same"),
    "test": ("test", "run rule tests: given moves, the episodes that must be told"),
    "simulate": ("simulate", "make ticks whose every jump is known, or score the rules on them"),
    "shadow": ("shadow", "what rules on trial would have told otherwise"),
    "score": ("score", "score told events against the labels of simulated ticks"),
    "report": ("report", "connectedness, lags, co-exceedances, links and episodes of a period"),
    "backup": ("backup", "the state in one file, or see that such a file is whole"),
    "restore": ("restore", "put a backup in the place of the state, once the daemon is stopped"),
    "history": ("history", "import the history that warms the engine"),
    "symbols": ("symbols", "what a series name resolves to, and why"),
    "schema": ("schema", "the JSON Schema of the configuration, of events or of the report"),
}
"""Command: (module in stressd.cli, one line of help)."""

INTERRUPTED: Final = 130


class Command(Protocol):
    """What a command's module offers."""

    def add(self, subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None: ...

    def run(self, args: argparse.Namespace) -> int: ...


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status. Mistakes of the user are told in one line, without a traceback."""
    words = list(sys.argv[1:] if argv is None else argv)
    chosen = next((word for word in words if not word.startswith("-")), None)
    command = _load(chosen) if chosen in COMMANDS else None
    try:
        with tame():
            args = _parser(chosen, command).parse_args(words)
            return _guarded(lambda: command.run(args) if command is not None else 2)
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)


def _load(name: str) -> Command:
    command = cast(Command, importlib.import_module(f"stressd.cli.{COMMANDS[name][0]}"))
    if "structlog" in sys.modules:
        # Standard output is the command's answer; what parts of it log on the way is not.
        from stressd.runtime.logs import configure

        configure("warning")
    return command


def _parser(chosen: str | None, command: Command | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="stressd", description="Watches government-bond yields live and says when a move is out of the ordinary."
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="version, and whether the engine is compiled")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, (_, text) in COMMANDS.items():
        if name == chosen and command is not None:
            command.add(subparsers)
        else:
            subparsers.add_parser(name, help=text)
    return parser


class _Version(argparse.Action):
    """Prints the version; the engine is only looked at when somebody asks."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from stressd.engine.form import COMPILED

        print(f"stressd {__version__} (engine {'compiled' if COMPILED else 'interpreted'})")
        parser.exit(0)


def _guarded(run: Callable[[], int]) -> int:
    try:
        status = run()
        sys.stdout.flush()
        return status
    except UserError as error:
        print(f"stressd: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (`| head`) has gone; what is still buffered must not fail at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if not isinstance(error, OSError) or error.filename is None:
            # Here, and not by the interpreter: what the error quotes is then escaped as all output is
            traceback.print_exc()
        else:
            print(f"stressd: {error.filename}: {(error.strerror or str(error)).lower()}", file=sys.stderr)
        return 1
