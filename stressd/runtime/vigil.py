"""The watch over all feeds: what each does, what is told of it, and what was learned of its habits."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog

from stressd.config.load import Loaded
from stressd.feeds.base import FeedHealth
from stressd.market.calendar import Calendar
from stressd.runtime import health
from stressd.runtime.feedwatch import FeedWatch, State
from stressd.runtime.notes import STALE, Condition
from stressd.store import Store

if TYPE_CHECKING:
    from stressd.runtime.daemon import Daemon

NAME: Final = "feed-habits"
FORMAT: Final = 1
"""Of the habits in the store."""

LOOK_EVERY: Final = 1.0
"""Seconds between two looks at what a feed brings."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Expectations:
    """What is expected of a feed. calendars: of its markets; silent: ns of open time, None: any; max_age: ns; near:
    known names like an unknown one."""

    calendars: Sequence[Calendar] = ()
    silent: int | None = None
    max_age: int = 120_000_000_000
    near: Callable[[str], Sequence[str]] = lambda name: ()


class Vigil:
    """now: event time, ns; expect: what is expected of the feed of this name."""

    def __init__(
        self,
        now: Callable[[], int],
        expect: Callable[[str], Expectations] = lambda name: Expectations(),
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._now = now
        self._expect = expect
        self._steady = steady
        self._looked = -LOOK_EVERY
        self._learned: dict[str, Any] = {}
        self._watches: dict[str, FeedWatch] = {}

    def begin(self, name: str, health: FeedHealth) -> None:
        """Watch a feed from now on, in the place of another of its name."""
        self.end(name)
        expected = self._expect(name)
        watch = FeedWatch(name, health, self._now(), self._steady(), expected.silent, expected.max_age, expected.near)
        self._watches[name] = watch
        try:
            if name in self._learned:
                watch.restore(self._learned[name])
        except (TypeError, ValueError, IndexError) as error:
            log.warning("feed.habits_lost", feed=name, reason=str(error))

    def end(self, name: str) -> None:
        """It is watched no longer; its habits are kept for another of its name."""
        watch = self._watches.pop(name, None)
        if watch is not None:
            self._learned[name] = watch.snapshot()

    def conditions(self, needs: Mapping[str, Collection[str]]) -> list[Condition]:
        """Everything that is wrong with feeds. needs: by thing, what it needs."""
        steady = self._steady()
        if steady - self._looked >= LOOK_EVERY:
            self._looked = steady
            self._look(steady)
        return [
            condition
            for name, watch in self._watches.items()
            for condition in watch.conditions(tuple(needs.get(f"feed {name}", ())))
        ]

    def _look(self, steady: float) -> None:
        now = self._now()
        for name, watch in self._watches.items():
            expected = self._expect(name)
            watch.silent, watch.max_age, watch.near = expected.silent, expected.max_age, expected.near
            before = watch.state
            after = watch.look(now, steady, expected.calendars)
            if after.word != before.word:
                log.info("feed.state", feed=name, state=after.word, was=before.word, reason=after.text or None)

    def of(self, name: str) -> FeedWatch | None:
        """The watch over one feed."""
        return self._watches.get(name)

    def states(self) -> dict[str, State]:
        """By feed, what it does."""
        return {name: watch.state for name, watch in self._watches.items()}

    def working(self) -> list[str]:
        """Feeds whose server answers."""
        well = ("connected", "refused")
        return [f"feed {name}" for name, watch in self._watches.items() if watch.health.state in well]

    def lags(self) -> dict[str, int]:
        """By feed that brings old values only, by how much they are late, ns."""
        return {name: watch.health.lag for name, watch in self._watches.items() if watch.state.rule == STALE}

    def fed(self) -> int:
        """How many feeds have brought a live tick."""
        return sum(1 for watch in self._watches.values() if watch.health.newest)

    def snapshot(self) -> dict[str, Any]:
        """What was learned of the habits of each feed, as plain values."""
        return self._learned | {name: watch.snapshot() for name, watch in self._watches.items()}

    def blob(self) -> bytes:
        """The same, for the store."""
        return msgspec.json.encode(self.snapshot())

    def restore(self, learned: Mapping[str, Any]) -> None:
        """Know the habits again that `snapshot` told; before the first feed."""
        self._learned = dict(learned)


def habits(store: Store) -> dict[str, Any]:
    """What was saved of them; nothing where it cannot be used. Raises StoreError."""
    kept = store.load_snapshot(NAME)
    if kept is None or kept.version != FORMAT:
        return {}
    try:
        return msgspec.json.decode(kept.blob, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        log.warning("feed.habits_lost", feed=None, reason=str(error))
        return {}


class Expecting:
    """What the configuration in force expects of a feed. It is asked once a second; which markets a feed carries is
    found out once a configuration."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._loaded: Loaded | None = None
        self._known: dict[str, Expectations] = {}

    def __call__(self, name: str) -> Expectations:
        loaded = self._daemon.loaded
        if loaded is not self._loaded:
            self._loaded, self._known = loaded, {}
        if name not in self._known:
            calendars = health.calendars_of(loaded.engine, name)
            silent, max_age = loaded.model.health.silent, loaded.engine.max_age
            self._known[name] = Expectations(calendars, silent, max_age, loaded.resolver.near)
        return self._known[name]
