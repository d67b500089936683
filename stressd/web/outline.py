"""The status for those who have no token: whether stressd works, and nothing of people, payloads or places.

Named is what may be shown; what is added to the status later stays hidden until it is named here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

PLAIN: Final = (
    "instance",
    "version",
    "method",
    "engine",
    "state",
    "time",
    "started",
    "uptime_s",
    "mailbox",
    "snapshot",
)
OF_FEEDS: Final = ("name", "state", "messages", "ticks", "malformed", "unknown_series", "dropped", "last_message_age_s")
COUNTED: Final = ("reasons", "episodes", "silences", "conditions")


def outline(status: Mapping[str, Any]) -> dict[str, Any]:
    """Of the same shape where it shows something, with numbers in the place of what it counts."""
    told: dict[str, Any] = {key: status[key] for key in PLAIN if key in status}
    told["feeds"] = [{key: feed[key] for key in OF_FEEDS if key in feed} for feed in status.get("feeds", ())]
    alerting = status.get("alerting")
    if isinstance(alerting, Mapping):
        told["alerting"] = {key: alerting[key] for key in ("series", "ready") if key in alerting}
    told |= {key: len(status[key]) for key in COUNTED if isinstance(status.get(key), Sequence)}
    return {**told, "more": "the rest of it needs a token, or the Unix socket: `stressd status`"}
