"""Writes the document that the page shows, in slices between which the pump goes on."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

import structlog

from stressd import METHOD, __version__
from stressd.engine.form import FORM
from stressd.market.times import iso
from stressd.runtime import health as verdict
from stressd.runtime.report import SECOND, feed_row, silence_row
from stressd.runtime.slices import sliced
from stressd.runtime.state import episodes, health, markets, series
from stressd.runtime.state.hush import Hush
from stressd.runtime.state.strip import strip
from stressd.store import Episode as Row
from stressd.store import StoreError

if TYPE_CHECKING:
    from stressd.runtime.daemon import Daemon

VERSION: Final = 1
"""Of the document: raised when something in it changes its meaning."""

NEWEST: Final = 500
"""Episodes that are read from the store."""

log = structlog.get_logger()


class Scribe:
    """Of one daemon. What the store knows is read again only after something was committed."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._rates = health.Rates()
        self._read_at = -1
        self._rows: dict[str, Row] = {}
        self._labels: dict[str, str] = {}

    async def document(self) -> dict[str, Any]:
        """The whole of it, ready for JSON, None for what is not known. Documented in docs/api.md."""
        await self._read()
        d = self._daemon
        engine, now = d.pump.pipeline.engine, d.clock.now()
        deaf = {n for n, feed in d.feeds.feeds.items() if feed.health.state not in ("connected", "stopped")}
        rows: dict[str, dict[str, Any]] = {}
        hush = Hush(now)
        async for state in sliced(engine.states()):
            rows[state.id] = series.row(state, len(rows), now, deaf)
            hush.see(state)
        pipeline = d.pump.pipeline
        people = pipeline.people
        known = [*pipeline.episodes.open_episodes(), *pipeline.episodes.closed_episodes()]
        halted = {row["market"] for row in rows.values() if row["state"] == "halted"}
        ready = engine.ready()
        stuck = d.reporter.stuck()
        wrong = list(d.reporter.unready())
        # of a replay a second is one of its own, however fast it plays
        steady = time.monotonic() if d.playback is None else now / SECOND
        return {
            "v": VERSION,
            "instance": d.loaded.instance,
            "version": __version__,
            "method": METHOD,
            "engine": FORM,
            "config": d.loaded.digest,
            "origin": d.origin,
            "time": iso(now),
            "speed": None if d.playback is None else d.playback.clock.speed,
            "replay": None if d.playback is None else d.playback.plain(),
            "state": "stuck" if stuck else "blind" if verdict.blind(d, ready) else "degraded" if wrong else "ok",
            "reasons": [stuck] if stuck else wrong,
            "ready": ready,
            "stress": markets.stress(engine.stress.reading, engine.stress.days),
            "budget": self._budget(now),
            "markets": markets.markets(d.loaded.engine, halted, pipeline.desk.days.last(), now),
            "series": rows,
            "graph": markets.graph(engine.graph(), episodes.links(known, now)),
            "episodes": episodes.episodes(
                known, self._rows, people.acknowledged(), people.withheld(now), self._labels, now
            ),
            "feeds": self._feeds(now, hush, steady),
            "sinks": self._sinks(now),
            "silences": {
                str(row["id"]): {key: row[key] for key in ("state", "match", "from", "until", "author", "reason")}
                for row in map(silence_row, people.silences())
            },
            "conditions": {
                f"{each.rule}|{each.source}": {"text": each.text, "step": each.step}
                for each in d.pump.conditions.lasting()
            },
        }

    def strip(self, name: str) -> dict[str, Any] | None:
        """Of one series; None for one that is not known."""
        pipeline = self._daemon.pump.pipeline
        state = next((each for each in pipeline.engine.states() if each.id == name), None)
        if state is None:
            return None
        known = [*pipeline.episodes.closed_episodes(), *pipeline.episodes.open_episodes()]
        return strip(state, known, self._daemon.clock.now())

    async def _read(self) -> None:
        """Headlines, labels and counts. What cannot be read stays as it was."""
        store = self._daemon.store
        if (commits := store.commits) == self._read_at:
            return
        try:
            found = await asyncio.to_thread(store.episodes, limit=NEWEST)
            labels = await asyncio.to_thread(store.labels)
        except StoreError as error:
            log.warning("store.unreadable", error=str(error))
            return
        self._read_at = commits
        self._rows = {row.id: row for row in found}
        self._labels = {row.episode: row.label for row in sorted(labels, key=lambda row: row.at)}

    def _budget(self, now: int) -> dict[str, dict[str, Any]]:
        rules = [
            {"name": rule.name, "budget": str(budget)}
            for rule in self._daemon.loaded.rules
            if (budget := getattr(rule, "budget", None)) is not None
        ]
        return episodes.budget(rules, self._rows.values(), now)

    def _feeds(self, now: int, hush: Hush, steady: float) -> dict[str, dict[str, Any]]:
        d = self._daemon
        types = {config.name: str(config.type) for config in d.loaded.feeds}
        return health.feeds([feed_row(d, name, now) for name in d.feeds.feeds], types, self._rates, hush, steady)

    def _sinks(self, now: int) -> dict[str, dict[str, Any]]:
        d = self._daemon
        types = {config.name: str(config.type) for config in d.loaded.sinks}
        rows = [
            {**row, "last_delivery": None if (ago := row["delivered_s"]) is None else _before(now, ago)}
            for row in d.deliverer.report()
        ]
        return health.sinks(rows, types)


def _before(now: int, seconds: float) -> str:
    """To the second, so that it does not seem to change."""
    return iso(round(now / SECOND - seconds) * SECOND)
