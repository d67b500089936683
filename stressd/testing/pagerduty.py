"""PagerDuty's Events API v2 on loopback: incidents by routing key and dedup key, 120 events a minute, asynchronous."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from aiohttp import web

from stressd.testing.service import Service

PATH: Final = "/v2/enqueue"
KEY: Final = "0123456789abcdef0123456789abcdef"
LARGEST: Final = 512_000
A_MINUTE: Final = 120
_SEVERITIES: Final = ("critical", "error", "warning", "info")


@dataclass
class Incident:
    """What somebody on call sees. log: the events that it took, in order."""

    dedup_key: str
    routing_key: str
    state: Literal["triggered", "acknowledged", "resolved"] = "triggered"
    summary: str = ""
    severity: str = ""
    log: list[dict[str, Any]] = field(default_factory=list)


class FakePagerDuty(Service):
    """keys: of its integrations. incidents: in the order in which they were opened. dropped: events that were taken
    with a 202 and then did nothing, as a resolve of what is not open."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        super().__init__(now)
        self.keys = {KEY}
        self.incidents: list[Incident] = []
        self.dropped: list[dict[str, Any]] = []
        self._times: list[float] = []

    @property
    def enqueue_url(self) -> str:
        return f"{self.url}{PATH}"

    def open(self) -> list[Incident]:
        return [incident for incident in self.incidents if incident.state != "resolved"]

    async def answer(self, request: web.Request, body: bytes) -> web.StreamResponse:
        if request.path != PATH or request.method != "POST":
            return web.Response(status=404)
        if len(body) > LARGEST:
            return web.Response(status=413, text="Payload too large")
        try:
            event = json.loads(body)
            errors = faults(event)
        except ValueError:
            errors = ["the body is no JSON"]
        if not errors and event["routing_key"] not in self.keys:
            errors = ["Invalid routing key"]
        if errors:
            refused = {"status": "invalid event", "message": "Event object is invalid", "errors": errors}
            return web.json_response(refused, status=400)
        now = self.now()
        self._times = [at for at in self._times if at > now - 60.0]
        if len(self._times) >= A_MINUTE:
            return web.json_response({"status": "throttle exceeded", "message": "Slow down"}, status=429)
        self._times.append(now)
        self._take(event)
        done = {"status": "success", "message": "Event processed", "dedup_key": event.get("dedup_key", "")}
        return web.json_response(done, status=202)

    def _take(self, event: dict[str, Any]) -> None:
        event.setdefault("dedup_key", f"made-{len(self.incidents)}")
        key = (event["routing_key"], event["dedup_key"])
        incident = next((i for i in self.open() if (i.routing_key, i.dedup_key) == key), None)
        action = event["event_action"]
        if incident is None:
            if action != "trigger":
                self.dropped.append(event)
                return
            incident = Incident(event["dedup_key"], event["routing_key"])
            incident.summary, incident.severity = event["payload"]["summary"], event["payload"]["severity"]
            self.incidents.append(incident)
        elif action == "acknowledge":
            incident.state = "acknowledged"
        elif action == "resolve":
            incident.state = "resolved"
        incident.log.append(event)


def faults(event: Any) -> list[str]:
    """What the API refuses of an event."""
    if not isinstance(event, dict):
        return ["not an object"]
    errors = []
    if len(str(event.get("routing_key", ""))) != 32:
        errors.append("Length of 'routing_key' is incorrect (should be 32 characters)")
    action = event.get("event_action")
    if action not in ("trigger", "acknowledge", "resolve"):
        errors.append("'event_action' is missing or unknown")
    if not event.get("dedup_key") and action != "trigger":
        errors.append("'dedup_key' is missing")
    if len(str(event.get("dedup_key", ""))) > 255:
        errors.append("'dedup_key' is longer than 255 characters")
    if action == "trigger":
        payload = event.get("payload") or {}
        if not 1 <= len(str(payload.get("summary", ""))) <= 1024:
            errors.append("'payload.summary' is missing or longer than 1024 characters")
        if not payload.get("source"):
            errors.append("'payload.source' is missing or blank")
        if payload.get("severity") not in _SEVERITIES:
            errors.append("'payload.severity' is invalid (must be one of critical, warning, error, info)")
        if any(not str(link.get("href", "")).startswith("http") for link in event.get("links", [])):
            errors.append("'links' need an absolute 'href'")
    return errors
