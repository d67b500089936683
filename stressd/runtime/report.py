"""What the daemon tells of itself: one structure for `stressd status`, the API and the metrics."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from stressd import METHOD, __version__
from stressd.alerts.episode import Episode
from stressd.alerts.episodes import Episodes
from stressd.alerts.evidence import link_clauses, source_clause
from stressd.alerts.people.concern import AckState
from stressd.alerts.people.maintenance import MaintenanceSpec
from stressd.alerts.people.silences import SilenceState
from stressd.engine.agenda import Agenda
from stressd.engine.detectors import DetectorWatch
from stressd.engine.form import FORM
from stressd.engine.spec import SEVERITIES, EngineSpec
from stressd.market.times import iso
from stressd.runtime import health
from stressd.runtime.alerting import alerting as summed
from stressd.runtime.alerting import in_slices
from stressd.runtime.footprint import BOUND, Footprints, resident
from stressd.runtime.garbage import Garbage
from stressd.runtime.graph import graph
from stressd.runtime.paths import paths
from stressd.runtime.reload import OUTCOMES

if TYPE_CHECKING:
    from stressd.runtime.daemon import Daemon

SECOND: Final = 1_000_000_000


class Reporter:
    """`web.app.Provider` on a running daemon."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def stuck(self) -> str:
        return health.stuck(self._daemon)

    def unready(self) -> Sequence[str]:
        return self._reasons(self._daemon.pump.pipeline.engine.ready())

    async def metrics(self) -> bytes:
        """In a thread of its own: to word what thousands of series have to say takes longer than ticks may wait."""
        report = await self.full()
        limit = self._daemon.loaded.model.metrics.series
        return await asyncio.to_thread(self._daemon.metrics.exposition, report, limit)

    def stress(self, days: int) -> dict[str, Any]:
        stress = self._daemon.pump.pipeline.engine.stress
        return {**(stress.reading or {"value": None}), "days": stress.days[-days:] if days > 0 else []}

    async def full(self) -> dict[str, Any]:
        """The status. With many series it is put together in slices, between which the pump goes on."""
        d = self._daemon
        return self.status(await in_slices(d.loaded.engine, d.pump.pipeline.engine, d.clock.now(), self._deaf()))

    def status(self, alerting: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """alerting: of the series, where it is known already."""
        d = self._daemon
        now = d.clock.now()
        if alerting is None:
            alerting = summed(d.loaded.engine, d.pump.pipeline.engine.status(), now, self._deaf())
        stuck = self.stuck()
        wrong = self._reasons(alerting["ready"])
        last = d.reloader.last
        saved_at = d.snapshots.saved_at
        return {
            "instance": d.loaded.instance,
            "version": __version__,
            "method": METHOD,
            "engine": FORM,
            "pid": os.getpid(),
            "state_dir": str(d.state),
            "state": "stuck"
            if stuck
            else "blind"
            if health.blind(d, alerting["ready"])
            else "degraded"
            if wrong
            else "ok",
            "reasons": wrong,
            "standby": d.standby.report(),
            "time": iso(now),
            "started": iso(d.started),
            "uptime_s": time.monotonic() - d.started_steady,
            "config": {
                "path": str(d.loaded.path),
                "digest": d.loaded.digest,
                "loaded": iso(d.loaded_at),
                "rejected": None
                if last is None or last.outcome != "refused"
                else {"time": iso(last.at), "faults": list(last.faults)},
                "reload": None if last is None else last.plain(),
                "reloads": {outcome: d.reloader.counts[outcome] for outcome in OUTCOMES},
            },
            "feeds": [feed_row(d, name, now) for name in d.feeds.feeds],
            "alerting": alerting,
            "curves": d.pump.pipeline.engine.curves.status(),
            "stress": d.pump.pipeline.engine.stress.reading,
            "detectors": detectors(d.pump.pipeline.engine.detectors()),
            "agenda": agenda(d.loaded.engine, now),
            "episodes": [
                episode_row(each, d.pump.pipeline.episodes, now, d.pump.pipeline.people.acknowledged().get(each.id))
                for each in d.pump.pipeline.episodes.open_episodes()
            ],
            "maintenance": maintenance(d.loaded.maintenance, now),
            "silences": [silence_row(each) for each in d.pump.pipeline.people.silences()],
            "withheld": [
                {"sink": sink, "why": why or None, "episodes": count}
                for sink, why, count in d.pump.pipeline.desk.ledger.counts()
            ],
            "answers": answers(d.pump.pipeline.episodes.answers()),
            "sinks": [{**row, "template_failures": d.renderer.failed(row["name"])} for row in d.deliverer.report()],
            "shadow": d.shadows.brief(),
            "page": {"clients": d.page.clients, "sent_bytes": d.page.sent, "dropped": d.page.dropped},
            "heartbeats": d.heart.report(),
            "probe": d.probe.report(),
            "conditions": [
                {"rule": c.rule, "source": c.source, "text": c.text, "step": c.step}
                for c in d.pump.conditions.lasting()
            ],
            "memory": memory(d.footprints, d.garbage, len(d.loaded.engine.series)),
            "pump": _pump(d),
            "mailbox": {
                "lag_s": 0.0 if (oldest := d.mailbox.oldest()) is None else max(now - oldest, 0) / SECOND,
                "frames": len(d.mailbox),
                "bytes": d.mailbox.bytes,
                "received": d.mailbox.received,
                "folded": d.mailbox.dropped,
            },
            "store": {
                "commits": d.store.commits,
                "failed_commits": d.store.failed_commits,
                "queued": d.store.queued,
                "trouble": d.store.trouble,
            },
            "snapshot": {
                "time": None if saved_at is None else iso(saved_at),
                "age_s": None if saved_at is None else (now - saved_at) / SECOND,
            },
        }

    def shadow(self) -> dict[str, Any] | None:
        return self._daemon.shadows.report()

    async def state(self) -> dict[str, Any]:
        """What the page shows."""
        return await self._daemon.scribe.document()

    def strip(self, series: str) -> dict[str, Any] | None:
        """A series' session so far."""
        return self._daemon.scribe.strip(series)

    def graph(self) -> dict[str, Any]:
        d = self._daemon
        return graph(d.loaded.engine, d.pump.pipeline.engine.graph(), d.clock.now())

    async def paths(self) -> dict[str, Any]:
        return await paths(self._daemon.pump.pipeline.engine, self._daemon.clock.now())

    def summary(self) -> str:
        """One line for `systemctl status`."""
        d = self._daemon
        engine = d.pump.pipeline.engine
        connected = sum(1 for feed in d.feeds.feeds.values() if feed.health.state == "connected")
        episodes = len(d.pump.pipeline.episodes.open_episodes())
        parts = [
            f"{connected} of {len(d.feeds.feeds)} feeds connected",
            f"{engine.ready()} of {len(d.loaded.engine.series)} series can alert",
            f"{episodes} open episodes",
        ]
        if d.standby.on:
            parts.insert(0, "STANDBY, tells nobody")
        last = d.reloader.last
        if last is not None and last.outcome == "refused":
            parts.append("the last configuration was refused, the one before runs on")
        return ", ".join(parts)

    def alarming(self) -> Sequence[str]:
        """As `unready`, without what a window of maintenance expects: what a watcher must be alarmed by."""
        return self._reasons(self._daemon.pump.pipeline.engine.ready(), planned=False)

    def _reasons(self, ready: int, *, planned: bool = True) -> list[str]:
        off = detectors(self._daemon.pump.pipeline.engine.detectors())
        return health.reasons(self._daemon, ready, off, planned=planned)

    def _deaf(self) -> set[str]:
        return {n for n, feed in self._daemon.feeds.feeds.items() if feed.health.state not in ("connected", "stopped")}


def detectors(watches: Sequence[DetectorWatch]) -> list[dict[str, Any]]:
    """One row a rule: on how many series its model is on, warming up and off, what it was fed and what it found."""
    rows: dict[str, dict[str, Any]] = {}
    for watch in watches:
        rule = watch.rule
        empty = {"rule": rule.name, "model": rule.model, "on": 0, "warming": 0, "off": 0, "inputs": 0, "hits": 0}
        row = rows.setdefault(rule.name, {**empty, "reason": None})
        row["off" if watch.failed else "on" if watch.score == watch.score else "warming"] += 1
        row["inputs"] += watch.inputs
        row["hits"] += watch.hits
        row["reason"] = row["reason"] or watch.failed or None
    return list(rows.values())


def agenda(spec: EngineSpec, now: int) -> list[dict[str, Any]]:
    """Per market the scheduled events that widen its bars now, and the next to come. now: ns UTC."""
    scheduled = Agenda(spec.agenda)
    return [
        {
            "market": market.name,
            "name": window.name,
            "on": window.start <= now,
            "time": iso(window.at),
            "from": iso(window.start),
            "until": iso(window.end),
            "widen": window.widen,
        }
        for market in spec.markets
        for window in scheduled.of(market.name).windows(now)
    ]


def feed_row(daemon: Daemon, name: str, now: int) -> dict[str, Any]:
    """A feed's connection, counts and data. now: ns UTC."""
    state = daemon.feeds.feeds[name].health
    watch = daemon.feeds.vigil.of(name)
    return {
        "name": name,
        "state": state.state,
        "detail": state.detail or None,
        "connects": state.connects,
        "crashes": daemon.feeds.crashes.get(name, 0),
        "messages": state.messages,
        "ticks": state.ticks,
        "malformed": state.malformed,
        "unknown_series": state.unknown_series,
        "dropped": state.dropped,
        **({} if watch is None else watch.report(now)),
        "market_open": any(each.next_open(now) <= now for each in health.calendars_of(daemon.loaded.engine, name)),
        "last_message": iso(state.last_received) if state.last_received else None,
        "last_message_age_s": (now - state.last_received) / SECOND if state.last_received else None,
        "rejects": [
            {"time": iso(at), "topic": topic, "why": why, "excerpt": excerpt.decode(errors="replace")}
            for at, topic, why, excerpt in state.rejects[-5:]
        ],
    }


def maintenance(windows: Sequence[MaintenanceSpec], now: int) -> list[dict[str, Any]]:
    """Each window of maintenance that is on, or its next. now: ns UTC."""
    return [
        {
            "name": each.name,
            "on": window[0] <= now,
            "from": iso(window[0]),
            "until": iso(window[1]),
            "match": str(each.match),
            "reason": each.reason,
        }
        for each in windows
        if (window := each.next_window(now)) is not None
    ]


def silence_row(silence: SilenceState) -> dict[str, Any]:
    """A silence that is on, or waits for its time."""
    return {
        "id": silence.id,
        "state": silence.state,
        "match": str(silence.match),
        "from": iso(silence.starts),
        "until": iso(silence.ends),
        "author": silence.author,
        "reason": silence.reason,
        "break_through": silence.break_through,
        "withheld": silence.withheld,
    }


def episode_row(episode: Episode, episodes: Episodes, now: int, ack: AckState | None = None) -> dict[str, Any]:
    """An open episode on both axes (the alert and its data), with its source and its followers in words. ack: of
    whoever looks after it."""
    stands = episodes.standing(episode, now)
    source = [source_clause(episode.source)] if episode.source is not None else []
    return {
        "episode": episode.id,
        "rule": episode.rule,
        "market": episode.market,
        "direction": {1: "up", -1: "down"}.get(episode.direction),
        "severity": SEVERITIES[episode.severity],
        "opened": iso(episode.opened_at),
        "acknowledged": None
        if ack is None
        else {"by": ack.author, "at": iso(ack.at), "until": None if ack.until is None else iso(ack.until)},
        "state": stands.state,
        "rung": stands.rung,
        "data": episodes.data_state(episode, now),
        "flapping": stands.flapping,
        "reopened": stands.reopened,
        "suspended_until": stands.suspended_until,
        "links": [*source, *link_clauses(answer.follower for answer in episode.answers.values())],
    }


def answers(counts: Mapping[str, int]) -> list[dict[str, Any]]:
    """How other markets answered since the state began. counts: `Episodes.answers()`."""
    rows = []
    for name, count in sorted(counts.items()):
        source, follower, wording = name.split("|")
        rows.append({"source": source, "follower": follower, "wording": wording, "count": count})
    return rows


def memory(footprints: Footprints, garbage: Garbage, series: int) -> dict[str, Any]:
    """Bytes of the process and of the series, and the pauses of the garbage collector. series: how many there are."""
    mean, largest = footprints.mean(), footprints.largest()
    return {
        "resident_bytes": resident(),
        "series_bytes": None if mean is None else round(mean * series),
        "series_mean_bytes": None if mean is None else round(mean),
        "series_largest": None if largest is None else {"series": largest[0], "bytes": largest[1]},
        "series_bound_bytes": BOUND,
        "collections": garbage.count,
        "collecting_s": garbage.seconds,
        "longest_collection_s": garbage.longest,
    }


def _pump(daemon: Daemon) -> dict[str, Any]:
    pump = daemon.pump
    return {
        "passes": pump.passes,
        "frames": pump.frames,
        "ticks": pump.ticks,
        "malformed": pump.malformed + daemon.mailbox.malformed,
        "faults": pump.faults,
        "events": dict(pump.events),
        "idle_s": time.monotonic() - pump.passed,
    }
