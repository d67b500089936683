"""Episodes that are open or were over within a day, with what other markets did, and what people have silenced."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from stressd.alerts.claims import strength
from stressd.alerts.episode import Episode
from stressd.alerts.people.concern import AckState
from stressd.engine.spec import SEVERITIES
from stressd.market.times import iso
from stressd.store import Episode as Row

RECENT: Final = 24 * 3_600_000_000_000
"""ns for which one that is over is shown."""

COULD_NOT: Final = "could not respond"


def episodes(
    known: Iterable[Episode],
    rows: Mapping[str, Row],
    acknowledged: Mapping[str, AckState],
    withheld: Mapping[str, tuple[str, int]],
    labels: Mapping[str, str],
    now: int,
) -> dict[str, dict[str, Any]]:
    """By id. rows: what the store has of them; headlines are known there alone. withheld: why nobody is told of it
    now, and until when."""
    recent = [each for each in known if each.closed_at is None or now - each.closed_at <= RECENT]
    return {
        each.id: {
            **_episode(each, rows.get(each.id), acknowledged.get(each.id), labels.get(each.id), order),
            "silenced": {"why": held[0], "until": iso(held[1])} if (held := withheld.get(each.id)) else None,
        }
        for order, each in enumerate(sorted(recent, key=lambda each: (each.opened_at, each.id)))
    }


def _episode(episode: Episode, row: Row | None, ack: AckState | None, label: str | None, order: int) -> dict[str, Any]:
    return {
        "kind": episode.kind,
        "market": episode.market,
        "rule": episode.rule,
        "direction": {1: "up", -1: "down"}.get(episode.direction),
        "severity": SEVERITIES[episode.severity],
        "headline": f"{episode.market} {episode.rule}".strip() if row is None else row.headline,
        "opened": iso(episode.opened_at),
        "closed": None if episode.closed_at is None else iso(episode.closed_at),
        "updated": iso(episode.told_at if row is None else row.updated_at),
        "peak_sigma": round(episode.peak_z, 2) if episode.peak_z else None,
        "peak_bp": round(episode.peak_bp, 1) if episode.peak_bp else None,
        "series": sorted({name.partition("|")[0] for name in episode.moves}),
        "withdrawn": episode.withdrawn or None,
        "source": None if episode.source is None else episode.source.episode,
        "acknowledged": None
        if ack is None
        else {"by": ack.author, "until": None if ack.until is None else iso(ack.until)},
        "followers": {
            market: {
                "wording": answer.follower.wording,
                "series": answer.follower.series,
                "reason": answer.follower.reason,
            }
            for market, answer in episode.answers.items()
        },
        "label": label,
        "order": order,
    }


def links(known: Iterable[Episode], now: int) -> dict[str, dict[str, Any]]:
    """What open episodes and those of the last day say of pairs of markets, by `JP>US`; the newest of each pair."""
    told: dict[str, dict[str, Any]] = {}
    newest: dict[str, int] = {}
    for episode in known:
        for market, answer in episode.answers.items():
            said = answer.follower
            name = f"{episode.market}>{market}"
            old = episode.closed_at is not None and now - answer.at > RECENT
            if old or answer.at < newest.get(name, 0):
                continue
            if not strength(said.wording) and said.wording != COULD_NOT:
                continue
            newest[name] = answer.at
            told[name] = {
                "from": episode.market,
                "to": market,
                "wording": said.wording,
                "time": iso(answer.at),
                "episode": episode.id,
                "reason": said.reason,
            }
            for key, value in (
                ("beta", said.beta),
                ("p", said.p),
                ("lag_s", said.lag_s),
                ("open_lag_s", said.open_lag_s),
            ):
                if value is not None:
                    told[name][key] = value
    return told


def budget(rules: Sequence[Mapping[str, Any]], rows: Iterable[Row], now: int) -> dict[str, dict[str, Any]]:
    """By rule: the budget in its own words, and the episodes that it has opened this month (UTC)."""
    month = iso(now)[:7]
    opened: dict[str, int] = {}
    for each in rows:
        if iso(each.opened_at)[:7] == month and each.origin == "live":
            opened[each.rule] = opened.get(each.rule, 0) + 1
    return {
        each["name"]: {"budget": each["budget"], "opened": opened.get(each["name"], 0), "month": month}
        for each in rules
    }
