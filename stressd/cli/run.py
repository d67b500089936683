"""`stressd run`: the daemon."""

from __future__ import annotations

import argparse
import asyncio
import faulthandler
import os
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Final

import structlog

from stressd.config.faults import ConfigError
from stressd.config.load import Loaded, load
from stressd.config.registry import Registry
from stressd.runtime.build import BuildError
from stressd.runtime.daemon import Daemon
from stressd.runtime.hardening import harden, own
from stressd.runtime.heap import hold_together
from stressd.runtime.journal import say
from stressd.runtime.logs import configure
from stressd.runtime.registry import registry
from stressd.runtime.statedir import state_dir
from stressd.store import NewerStore, StoreError

CONFIG: Final = 78
"""EX_CONFIG of sysexits.h: systemd is told not to restart on it."""

THREADS: Final = 32
"""A name server that does not answer holds a thread for up to a minute a look-up: with the few that there are by
default, two dead names would hold up every other name, and the store's reads."""


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = subparsers.add_parser(
        "run",
        help="the daemon: watch the feeds and alert",
        description="Runs until SIGTERM or SIGINT; SIGHUP reads the configuration again. "
        "Exit status: 0 after a clean stop, 78 for a bad configuration or secret, "
        "or a state that a newer stressd has written.",
    )
    parser.add_argument("-c", "--config", type=Path, required=True, metavar="FILE", help="the configuration")
    parser.add_argument("--state", type=Path, metavar="DIR", help="the state directory, instead of the configured one")
    parser.add_argument(
        "--standby",
        action="store_true",
        help="see everything and tell nobody, until `stressd takeover`; a daemon that has taken over stays what it is",
    )


def run(args: argparse.Namespace) -> int:
    """Exit status, after the stop."""
    # where the pump hung, when the watchdog ends it: every thread's stack, without variables, on standard error
    faulthandler.enable(2)
    harden()
    # Until the daemon listens to them: a request to reload must not end it, since it reads its file just now; one to
    # stop must, also as the first process of a container, which the system's own way of dying does not concern.
    with suppress(ValueError):  # only the main thread may say so
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, _leave)
    known = registry()
    try:
        loaded = load(args.config, known)
    except ConfigError as error:
        say(str(error))
        return CONFIG
    for warning in loaded.warnings:
        say(str(warning), "warning")
    configure(loaded.model.log.level, loaded.model.log.format)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(loaded, known, args.state, args.standby))
    except BuildError as error:
        say(f"stressd: {error}")
        return CONFIG
    except NewerStore as error:
        say(f"stressd: {error}")
        return CONFIG
    except (StoreError, OSError) as error:
        say(f"stressd: {error}")
        return 1
    except BaseExceptionGroup as group:
        _tell(group)
        return 1
    return 0


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(0)


async def _serve(loaded: Loaded, known: Registry, state: Path | None, standby: bool) -> None:
    place = state_dir(loaded.state_dir, state)
    own(place)
    hold_together()
    daemon = Daemon(loaded, known, place, standby=standby)
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(THREADS, thread_name_prefix="work"))
    loop.add_signal_handler(signal.SIGTERM, daemon.stop)
    loop.add_signal_handler(signal.SIGINT, daemon.stop)
    loop.add_signal_handler(signal.SIGHUP, daemon.reload)
    await daemon.run()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's, where it is installed."""
    try:
        import uvloop
    except ImportError:
        return None
    # read when its threads are first needed; half of them, at most, look up names
    os.environ.setdefault("UV_THREADPOOL_SIZE", str(THREADS))
    return uvloop.new_event_loop


def _tell(group: BaseExceptionGroup) -> None:
    """What ended the daemon: an address that is taken in one line, anything else with its traceback."""
    for error in group.exceptions:
        if isinstance(error, OSError):
            say(f"stressd: {error}")
        else:
            structlog.get_logger().critical("daemon.failed", error=f"{type(error).__name__}: {error}", exc_info=error)
