"""The daemon as the doors for people see it (`web.doors.Doors`)."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog

from stressd.alerts.episode import Episode
from stressd.alerts.ids import named
from stressd.alerts.matching import Match
from stressd.alerts.people.commands import Command, CommandError, Done
from stressd.config.exposed import reads_openly
from stressd.config.fields import SecretError
from stressd.config.model import Config
from stressd.engine.spec import SEVERITIES
from stressd.market.times import iso
from stressd.runtime import notes
from stressd.runtime.errands import NotMade
from stressd.runtime.report import silence_row
from stressd.store import Episode as Row
from stressd.store import Store, StoreError
from stressd.store.story import read_story, story_json
from stressd.web.caller import READ, Caller
from stressd.web.doors import NotYet, Subject, Unknown
from stressd.web.links import Signer

if TYPE_CHECKING:
    from stressd.runtime.daemon import Daemon

PATIENCE: Final = 3.0
"""Seconds that the disk gets to keep a command: less than the command line waits for an answer."""

LISTED: Final = 92 * 86_400_000_000_000
"""ns for which summaries of days are listed."""

SHOWN: Final = 5
"""Episodes that an answer names."""

log = structlog.get_logger()


class Reception:
    """Questions and commands from outside, answered by the daemon. What is open is known without the disk."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def now(self) -> int:
        return self._daemon.clock.now()

    def instance(self) -> str:
        return self._daemon.loaded.instance

    def page_url(self) -> str | None:
        return self._daemon.loaded.page_url

    def read_open(self) -> bool:
        return reads_openly(self._daemon.loaded.model)

    def signer(self) -> Signer:
        return self._daemon.signer

    def holder(self, token: str) -> Caller | None:
        return holder(self._daemon.loaded.model, token)

    def silences(self) -> Sequence[Mapping[str, Any]]:
        return [silence_row(each) for each in self._daemon.pump.pipeline.people.silences()]

    def unknown(self, match: Match) -> tuple[str, str] | None:
        spec = self._daemon.loaded.engine
        markets = [market.name for market in spec.markets]
        for market in match.markets:
            if market not in markets:
                return "market", f"unknown market `{market}`; there are {', '.join(markets)}"
        names = [series.id for series in spec.series]
        for glob in match.series:
            if not any(fnmatchcase(name, glob) for name in names):
                return "series", f"no series matches `{glob}`"
        rules = [rule.name for rule in self._daemon.loaded.rules]
        opened = [episode.rule for episode in self._open()]
        for rule in match.rules:
            if rule not in (*rules, *opened, *notes.RULES):
                return "rule", f"unknown rule `{rule}`; there are {', '.join(dict.fromkeys([*rules, *opened]))}"
        return None

    async def command(self, command: Command) -> Done:
        carrying = asyncio.ensure_future(self._daemon.command(command))
        done, _ = await asyncio.wait([carrying], timeout=PATIENCE)
        if done:
            return carrying.result()
        carrying.add_done_callback(_late)
        why = self._daemon.store.trouble or "the disk is slow"
        raise NotYet(
            f"it is not on disk after {PATIENCE:g} s ({why}): it may hold by now, and is lost if stressd ends "
            "before the disk is back; `stressd status` shows what holds"
        )

    async def take_over(self, since: int, author: str) -> Mapping[str, Any]:
        return await self._daemon.standby.take_over(since, author)

    async def test(self, sink: str, author: str) -> Mapping[str, Any]:
        return await self._daemon.exercises.test(sink, author)

    async def drill(self, series: str | None, author: str) -> Mapping[str, Any]:
        return await self._daemon.exercises.drill(series, author)

    def drilled(self) -> Mapping[str, Any] | None:
        return self._daemon.exercises.drilled()

    def steer(self, paused: bool | None, speed: float | None, to: int | None) -> Mapping[str, Any]:
        playback = self._daemon.playback
        if playback is None:
            raise CommandError("this daemon watches markets: there is no replay to steer")
        playback.steer(paused, speed, to)
        return playback.plain()

    async def episode(self, name: str, *, open_only: bool = False) -> Subject:
        wanted = name.strip().lstrip("#").lower()
        opened = {episode.id: episode for episode in self._open()}
        found = named(wanted, opened)
        rows: dict[str, Row] = {}
        if len(found) != 1 or wanted != found[0].lower():
            rows = {row.id: row for row in await self._rows(limit=None)}
            known = named(wanted, rows)
            if wanted in (each.lower() for each in known) or not found:
                found = known
        if len(found) > 1:
            raise Unknown(f"`{name}` may be any of {', '.join(sorted(found)[-SHOWN:])}: give more of it")
        if not found:
            raise Unknown(f"no episode is called `{name}`; {self._nearest(wanted, opened)}")
        row = rows.get(found[0]) or await self._row(found[0])
        episode = opened.get(found[0])
        if episode is not None:
            return self._subject(episode, row)
        assert row is not None
        if open_only:
            over = f" since {iso(row.closed_at)[:19]}Z" if row.closed_at else ""
            raise Unknown(f"episode {row.id} is over{over}; {self._nearest(wanted, opened)}")
        return Subject(
            row.id, row.kind, row.market, row.rule, row.direction, row.severity, row.headline, row.opened_at,
            row.closed_at or row.updated_at,
        )  # fmt: skip

    async def story(self, name: str) -> bytes:
        found = await self.episode(name)
        return await asyncio.to_thread(_story, self._daemon.store, found.id)

    async def bundle(self, name: str) -> Path | None:
        found = await self.episode(name)
        try:
            return await self._daemon.bundles.of(found.id, ".tar.gz")
        except NotMade as error:
            raise NotYet(str(error)) from None

    async def report(self, name: str, ending: str) -> Path | None:
        found = await self.episode(name)
        try:
            return await self._daemon.asked.of(found.id, ending)
        except NotMade as error:
            raise NotYet(str(error)) from None

    async def day(self, name: str, ending: str) -> Path | None:
        try:
            known = await asyncio.to_thread(self._daemon.store.day, name)
        except StoreError as error:
            raise NotYet(f"the store cannot be read: {error}") from None
        if known is None:
            raise Unknown(f"there is no summary `{name[:40]}`; /api/v1/days lists those of the last three months")
        try:
            return await self._daemon.asked.of(name, ending)
        except NotMade as error:
            raise NotYet(str(error)) from None

    async def days(self) -> Sequence[Mapping[str, Any]]:
        now = self.now()
        try:
            events = await asyncio.to_thread(self._daemon.store.days, now - LISTED, now)
        except StoreError as error:
            raise NotYet(f"the store cannot be read: {error}") from None
        return [
            {"name": f"{day.market}-{day.session}", "market": day.market, "session": day.session, "time": event.time,
             "headline": event.headline}
            for event in reversed(events) if (day := event.day) is not None
        ]  # fmt: skip

    async def episodes(self, *, open_only: bool, limit: int) -> Sequence[Mapping[str, Any]]:
        rows = await asyncio.to_thread(self._daemon.store.episodes, open_only=open_only, limit=limit)
        return [_plain(row) for row in rows]

    async def deliveries(
        self, *, state: str | None, sink: str | None, episode: str | None, limit: int
    ) -> Sequence[Mapping[str, Any]]:
        states = None if state is None else (state,)
        rows = await asyncio.to_thread(
            self._daemon.store.deliveries, states=states, sink=sink, episode=episode, limit=limit
        )
        return [_plain(row) for row in rows]

    async def reload(self, author: str) -> Mapping[str, Any]:
        log.info("reload.requested", author=author)
        return (await self._daemon.reloader.carried_out()).plain()

    async def compare(self, text: str, name: str) -> Mapping[str, Any]:
        return (await self._daemon.reloader.compare(text, name)).plain()

    def _open(self) -> Sequence[Episode]:
        return self._daemon.pump.pipeline.episodes.open_episodes()

    async def _rows(self, *, limit: int | None, prefix: str | None = None) -> list[Row]:
        """Nothing where the store cannot be read: what is open is known without it."""
        try:
            return await asyncio.to_thread(self._daemon.store.episodes, limit=limit, prefix=prefix)
        except StoreError as error:
            log.warning("store.unreadable", error=str(error))
            return []

    async def _row(self, episode: str) -> Row | None:
        return next((row for row in await self._rows(limit=None, prefix=episode) if row.id == episode), None)

    def _subject(self, episode: Episode, row: Row | None) -> Subject:
        direction = {1: "up", -1: "down"}.get(episode.direction)
        return Subject(
            id=episode.id,
            kind=episode.kind,
            market=episode.market,
            rule=episode.rule,
            direction=direction,
            severity=SEVERITIES[episode.severity],
            headline=row.headline if row is not None else f"{episode.market} {episode.rule}".strip(),
            opened=episode.opened_at,
            closed=None,
            acknowledged=episode.acknowledged.by if episode.acknowledged is not None else None,
        )

    def _nearest(self, wanted: str, opened: Mapping[str, Episode]) -> str:
        if not opened:
            return "none is open"
        ends = {name.rpartition("-")[2].lower(): name for name in opened}
        close = [ends[end] for end in get_close_matches(wanted.rpartition("-")[2], ends, n=SHOWN, cutoff=0.5)]
        newest = sorted(opened, key=lambda name: opened[name].opened_at, reverse=True)
        shown = list(dict.fromkeys([*close, *newest]))[:SHOWN]
        more = f" and {len(opened) - len(shown)} more" if len(opened) > len(shown) else ""
        return f"open now: {', '.join(shown)}{more}"


def _late(carrying: asyncio.Future[Done]) -> None:
    if not carrying.cancelled() and (error := carrying.exception()) is not None:
        log.error("command.failed", error=str(error))


def holder(config: Config, token: str) -> Caller | None:
    """Whose token it is. All are compared, in constant time: how long it takes must not tell how much was right."""
    found = None
    for each in config.tokens:
        try:
            known = each.token.read()
        except SecretError as error:
            log.warning("token.unreadable", token=each.name, reason=str(error))
            continue
        if hmac.compare_digest(known.encode(), token.encode("utf-8", "surrogateescape")):
            found = Caller(each.name, "http", frozenset({READ, *each.may}))
    return found


def _story(store: Store, episode: str) -> bytes:
    """Made and encoded away from the loop: a long episode is megabytes. Raises NotYet."""
    try:
        story = read_story(store, episode)
    except StoreError as error:
        raise NotYet(f"the store cannot be read: {error}") from None
    if story is None:
        raise NotYet(f"nothing of {episode} is on disk yet: try again in a moment")
    return msgspec.json.encode(story_json(story))


def _plain(row: Any) -> dict[str, Any]:
    """A row with its times in ISO 8601."""
    return {key: iso(value) if key.endswith("_at") and value else value for key, value in asdict(row).items()}
