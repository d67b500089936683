"""Feeds and sinks: whether what should come comes, and whether what is told arrives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from stressd.runtime.state.hush import Hush

WINDOW: Final = 10.0
"""Seconds over which messages are counted for a rate."""


class Rates:
    """Messages a second of each feed, from its counter as it stood some seconds ago."""

    def __init__(self) -> None:
        self._seen: dict[str, list[tuple[float, int]]] = {}

    def of(self, name: str, messages: int, steady: float) -> float | None:
        """None before the second look. steady: seconds of a clock that is never set, or of a replay's own, which may
        stand still."""
        seen = self._seen.setdefault(name, [])
        if seen and (messages < seen[-1][1] or steady < seen[-1][0]):
            seen.clear()
        if seen and steady == seen[-1][0]:
            del seen[-1]
        seen.append((steady, messages))
        while len(seen) > 2 and steady - seen[1][0] >= WINDOW:
            del seen[0]
        (began, before), (ended, after) = seen[0], seen[-1]
        return round((after - before) / (ended - began), 1) if ended > began else None


def feeds(
    rows: Sequence[Mapping[str, Any]], types: Mapping[str, str], rates: Rates, hush: Hush, steady: float
) -> dict[str, dict[str, Any]]:
    """By name. rows: of the status. expected_age_s: after so much open time without a message it counts as silent;
    p, habits: of `Hush`."""
    return {
        row["name"]: {
            "type": types.get(row["name"]),
            "state": row.get("does") or row["state"],
            "reason": row.get("why") or row["detail"],
            "messages_per_s": rates.of(row["name"], row["messages"], steady),
            "last_message_age_s": None if (age := row["last_message_age_s"]) is None else max(round(age), 0),
            "expected_age_s": row.get("silent_after_s"),
            **hush.of(row["name"]),
            "gaps": row["connects"] - 1 if row["connects"] else 0,
            "skew_ms": None if (lag := row.get("lag_s")) is None else round(lag * 1e3, -1),
            "rejects": row["malformed"] + row["unknown_series"] + row["dropped"],
        }
        for row in rows
    }


def sinks(rows: Sequence[Mapping[str, Any]], types: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """By name. rows: of the deliverer's report; latencies are from the commit to the acceptance."""
    return {
        row["name"]: {
            "type": types.get(row["name"]),
            "state": "off" if row["disabled"] else "retrying" if row["failing_s"] is not None else "ok",
            "pending": row["pending"],
            "delivered": row["outcomes"]["delivered"],
            "dead": row["outcomes"]["dead"],
            "p50_ms": _ms(row["latency_p50_s"]),
            "p99_ms": _ms(row["latency_p99_s"]),
            "last_error": row["last_error"],
            "last_delivery": row["last_delivery"],
            "fallback": row["fallback"],
        }
        for row in rows
    }


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1e3, 1)
