"""What the daemon tells of itself: one structure for `stressd status`, the API and the metrics."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Mapping, Sequence
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
from stressd.engine.spec import HORIZONS, SEVERITIES, EngineSpec
from stressd.market.times import iso
from stressd.runtime import health
from stressd.runtime.footprint import BOUND, Footprints, resident
from stressd.runtime.garbage import Garbage
from stressd.runtime.graph import graph

if TYPE_CHECKING:
    from stressd.runtime.daemon import Daemon

SECOND: Final = 1_000_000_000

SAMPLE: Final = {"1m": 60, "5m": 300, "30m": 1800}
"""Seconds of open time that one sample of an intraday horizon takes."""


COUNTS: Final = (
    "ticks", "fixings", "duplicates", "reordered", "late", "crossed", "wide", "quarantined", "confirmed", "rejected",
    "future", "silences",
)  # fmt: skip
"""What is told of a series' ticks: those accepted, and what came of the others."""


class Reporter:
    """`web.app.Provider` on a running daemon."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def stuck(self) -> str:
        return health.stuck(self._daemon)

    def unready(self) -> Sequence[str]:
        return self._reasons()

    def metrics(self) -> bytes:
        return self._daemon.metrics.exposition()

    def stress(self, days: int) -> dict[str, Any]:
        stress = self._daemon.pump.pipeline.engine.stress
        return {**(stress.reading or {"value": None}), "days": stress.days[-days:] if days > 0 else []}

    def status(self) -> dict[str, Any]:
        d = self._daemon
        now = d.clock.now()
        alerting = self._alerting()
        stuck = self.stuck()
        wrong = self._reasons()
        rejected = d.rejected
        saved_at = d.snapshots.saved_at
        return {
            "instance": d.loaded.instance,
            "version": __version__,
            "method": METHOD,
            "engine": FORM,
            "pid": os.getpid(),
            "state": "stuck"
            if stuck
            else "blind"
            if health.blind(d, alerting["ready"])
            else "degraded"
            if wrong
            else "ok",
            "reasons": wrong,
            "time": iso(now),
            "started": iso(d.started),
            "uptime_s": time.monotonic() - d.started_steady,
            "config": {
                "path": str(d.loaded.path),
                "digest": d.loaded.digest,
                "loaded": iso(d.loaded_at),
                "rejected": None if rejected is None else {"time": iso(rejected.at), "faults": list(rejected.faults)},
            },
            "feeds": [_feed(d, name, now) for name in d.feeds.feeds],
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
            "heartbeats": d.heart.report(),
            "probe": d.probe.report(),
            "conditions": [{"rule": c.rule, "source": c.source, "text": c.text} for c in d.pump.conditions.lasting()],
            "memory": memory(d.footprints, d.garbage, len(d.loaded.engine.series)),
            "pump": _pump(d),
            "mailbox": {
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

    def graph(self) -> dict[str, Any]:
        d = self._daemon
        return graph(d.loaded.engine, d.pump.pipeline.engine.graph(), d.clock.now())

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
        if d.rejected is not None:
            parts.append("the last configuration was refused, the one before runs on")
        return ", ".join(parts)

    def alarming(self) -> Sequence[str]:
        """As `unready`, without what a window of maintenance expects: what a watcher must be alarmed by."""
        return self._reasons(planned=False)

    def _reasons(self, *, planned: bool = True) -> list[str]:
        engine = self._daemon.pump.pipeline.engine
        return health.reasons(self._daemon, engine.ready(), detectors(engine.detectors()), planned=planned)

    def _alerting(self) -> dict[str, Any]:
        d = self._daemon
        deaf = {name for name, feed in d.feeds.feeds.items() if feed.health.state not in ("connected", "stopped")}
        return alerting(d.loaded.engine, d.pump.pipeline.engine.status(), d.clock.now(), deaf)


def alerting(spec: EngineSpec, rows: Sequence[dict[str, Any]], now: int, deaf: Collection[str] = ()) -> dict[str, Any]:
    """Which series can alert now, and how far the others are. rows: `Engine.status()`; now: ns UTC; deaf: feeds that
    are not connected, whose series cannot be seen."""
    horizons: dict[str, set[str]] = {}
    for rule in spec.sigma_rules:
        for name in rule.series:
            horizons.setdefault(name, set()).update(rule.horizons)
    other = {name for level in spec.level_rules for name in level.series}
    other |= {name for detector in spec.detector_rules for name in detector.series}
    detail = [_series(spec, row, horizons.get(row["series"], set()), row["series"] in other, now, deaf) for row in rows]
    return {
        "series": len(detail),
        "ready": sum(1 for row in detail if row["ready"] or (row["other_rules"] and not row["waiting"])),
        "detail": detail,
    }


def _series(
    spec: EngineSpec, row: dict[str, Any], horizons: set[str], other: bool, now: int, deaf: Collection[str]
) -> dict[str, Any]:
    ordered = [name for name in HORIZONS if name in horizons]
    if not row["anchored"]:
        # whatever its sigma knows, a live 1d move needs a fixing of its own to be measured from
        spared = 1.0 - 1.0 / max(spec.horizons["1d"].min_samples, 1.0)
        row = {**row, "warm": {**row["warm"], "1d": min(row["warm"]["1d"], spared)}}
    waiting = [
        {"horizon": name, "warm": round(row["warm"][name], 3), "needs": _needs(spec, name, row["warm"][name])}
        for name in ordered
        if row["warm"][name] < 1.0
    ]
    return {
        "series": row["series"],
        "market": row["market"],
        "state": "unknown" if row["state"] == "live" and row["source"] in deaf else row["state"],
        "value": row["value"],
        "time": iso(row["time"]) if row["time"] else None,
        "age_s": (now - row["time"]) / SECOND if row["time"] else None,
        "source": row["source"] or None,
        "ready": [name for name in ordered if row["warm"][name] >= 1.0],
        "waiting": waiting,
        "other_rules": other,
        "provisional": row["provisional"] or None,
        "active": row["active"],
        "pending": row["pending"],
        "recovering": row["recovering"],
        "pauses": {
            "learned": row["learned"],
            "usual_s": None if row["usual_gap"] is None else row["usual_gap"] / SECOND,
            "silent_after_s": None if row["silent_after"] is None else row["silent_after"] / SECOND,
        },
        "sigma_bp": {name: round(row["sigma_bp"][name], 3) for name in ordered if row["warm"][name] >= 1.0},
        "quotes": row["quotes"],
        "counts": {key: row[key] for key in COUNTS},
    }


def _needs(spec: EngineSpec, horizon: str, warm: float) -> str:
    """What a horizon still waits for, about: open time, sessions or fixings."""
    samples = (1.0 - warm) * spec.horizons[horizon].min_samples
    if horizon in SAMPLE:
        minutes = max(1, round(samples * SAMPLE[horizon] / 60))
        hours, rest = divmod(minutes, 60)
        return f"about {hours} h {rest:02d} of trading" if hours else f"about {rest} min of trading"
    count = max(1, round(samples))
    what = "fixing" if horizon == "1d" else "session"
    return f"about {count} {what}{'s' if count > 1 else ''}"


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


def _feed(daemon: Daemon, name: str, now: int) -> dict[str, Any]:
    health = daemon.feeds.feeds[name].health
    return {
        "name": name,
        "state": health.state,
        "detail": health.detail or None,
        "connects": health.connects,
        "crashes": daemon.feeds.crashes.get(name, 0),
        "messages": health.messages,
        "ticks": health.ticks,
        "malformed": health.malformed,
        "unknown_series": health.unknown_series,
        "dropped": health.dropped,
        "last_message": iso(health.last_received) if health.last_received else None,
        "last_message_age_s": (now - health.last_received) / SECOND if health.last_received else None,
        "rejects": [
            {"time": iso(at), "topic": topic, "why": why, "excerpt": excerpt.decode(errors="replace")}
            for at, topic, why, excerpt in health.rejects[-5:]
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
