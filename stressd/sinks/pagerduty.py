"""PagerDuty by the Events API v2: one incident an episode, triggered, acknowledged and resolved under one key.

An episode stays with the routing key that it was opened with: a resolve under another key is dropped in silence.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from stressd.alerts.notification import Notification
from stressd.config.fields import HttpOptions, HttpUrl, OneOrMany, SecretError, SecretRef, SinkConfig, written
from stressd.sinks.base import Receipt, SinkError, Traits
from stressd.sinks.blocks import banner
from stressd.sinks.fitting import Shown, cut, fitted, footing_of
from stressd.sinks.http import Answer, Endpoint, failure

SUMMARY: Final = 1_024
DEDUP_KEY: Final = 255
BUDGET: Final = 500_000
"""Bytes of the request: 512 KB are refused."""

THROTTLED: Final = 30.0
"""Seconds to wait after a 429 that does not say how long."""

SEVERITIES: Final = {"info": "info", "warn": "warning", "high": "error", "critical": "critical"}
MILD: Final = ("info", "warn")
"""Severities of what was told once that are resolved at once; a page for more than that is the reader's to resolve."""

_KEY_REFUSED: Final = re.compile(r"(?i)routing.?key|(?:invalid|integration|service) key")
_KEY: Final = re.compile(r"[A-Za-z0-9]{32}")


class Config(SinkConfig, HttpOptions):
    """PagerDuty, Events API v2: an episode is one incident."""

    type: Literal["pagerduty"]
    """Its kind."""
    routing_key: OneOrMany[SecretRef]
    """Of an Events API v2 integration (32 characters). Several while it is changed: new episodes go to the first, open
    ones stay with theirs. Example: `{file: pagerduty_key}`."""
    url: HttpUrl = written("https://events.pagerduty.com/v2/enqueue")
    """Of the service; in the EU `https://events.eu.pagerduty.com/v2/enqueue`."""

    def wrong_secret(self) -> tuple[str, str] | None:
        wrong = next((ref for ref in self.routing_key if not _KEY.fullmatch(ref.read().strip())), None)
        return None if wrong is None else ("routing_key", f"the secret `{wrong.name}` is no routing key: {_SHAPE}")


_SHAPE: Final = "that is 32 letters and digits, of an integration `Events API v2`"


def build(config: Config, instance: str) -> PagerDutySink:
    """Raises SecretError, OSError."""
    keys = []
    for ref in config.routing_key:
        key = ref.read().strip()
        if not _KEY.fullmatch(key):
            raise SecretError(f"`{ref.name}` is no routing key: {_SHAPE}")
        keys.append(key)
    return PagerDutySink(config.name, config.url, config, keys, instance)


class PagerDutySink:
    """Sends events; PagerDuty tells repeats by the key, so that an attempt whose end is not known may be repeated.

    keys: routing keys, of which new episodes use the first.
    """

    traits = Traits(idempotent=True, per_second=1.5, burst=20)

    def __init__(self, name: str, url: str, options: HttpOptions, keys: Sequence[str], instance: str) -> None:
        self.name = name
        self._keys = {_mark(key): key for key in keys}
        self._first = _mark(keys[0])
        self._instance = instance
        self._endpoint = Endpoint(url, options, list(keys))

    async def send(self, notification: Notification) -> Receipt:
        n = notification
        mark = self._key_of(n)
        dedup = dedup_key(self._instance, n.thread)
        base = {"routing_key": self._keys[mark], "dedup_key": dedup}
        for action in actions_of(n):
            body = base | {"event_action": action}
            await self._post(body if action != "trigger" else self._trigger(n, body))
        return Receipt(f"{dedup}#{mark}")

    async def probe(self) -> str:
        """Resolves what was never opened, which PagerDuty takes and drops: it pages nobody."""
        for key in self._keys.values():
            dedup = dedup_key(self._instance, "probe")
            await self._post({"routing_key": key, "dedup_key": dedup, "event_action": "resolve"})
        many = f"{len(self._keys)} routing keys" if len(self._keys) > 1 else "the routing key"
        return f"{self._endpoint.host}: reached, {many} taken; that it pages only `stressd send-test` shows"

    async def close(self) -> None:
        await self._endpoint.close()

    def _key_of(self, n: Notification) -> str:
        """The mark of the routing key that the episode was opened with; the first where it was not yet."""
        opened_with = re.fullmatch(r"stressd:.*#([0-9a-f]{8})", n.thread_ref or "")
        if opened_with is None:
            return self._first
        if opened_with[1] not in self._keys:
            raise SinkError(
                "permanent",
                f"{self._endpoint.host}: the incident of {n.thread} was opened with another routing key: resolve it "
                "there by hand, or list the former key as a second `routing_key` until it is over",
            )
        return opened_with[1]

    def _trigger(self, n: Notification, base: Mapping[str, str]) -> dict[str, Any]:
        return fitted(
            n,
            lambda shown: {**base, **trigger(n, self._instance, shown)},
            lambda body: len(_bytes(body)) <= BUDGET,
        )

    async def _post(self, body: Mapping[str, Any]) -> None:
        answer = await self._endpoint.post(_bytes(body), {"Content-Type": "application/json"})
        if answer.status == 413 and "payload" in body:
            bare = {key: value for key, value in body["payload"].items() if key != "custom_details"}
            answer = await self._endpoint.post(_bytes({**body, "payload": bare}), {"Content-Type": "application/json"})
        if answer.status != 202:
            raise self._fault(answer)

    def _fault(self, answer: Answer) -> SinkError:
        said = self._endpoint.redact(answer.body)
        host = self._endpoint.host
        if answer.status == 400 and _KEY_REFUSED.search(said):
            return SinkError("disable", f"{host}: the routing key is refused: {said}")
        if answer.status in (401, 403):
            return SinkError("disable", f"{host}: HTTP {answer.status}: {said}")
        if 200 <= answer.status < 300:
            return SinkError("retry", f"{host}: HTTP {answer.status}, but not 202: {said}")
        error = failure(self._endpoint, answer)
        if error.fault == "rate_limited" and error.retry_after is None:
            return SinkError("rate_limited", str(error), THROTTLED)
        return error


def dedup_key(instance: str, episode: str) -> str:
    """The episode's key, the same for its whole life."""
    key = f"stressd:{instance}:{episode}"
    return key if len(key) <= DEDUP_KEY else f"{key[: DEDUP_KEY - 33]}-{hashlib.sha256(key.encode()).hexdigest()[:32]}"


def actions_of(n: Notification) -> tuple[str, ...]:
    """What the event does to the incident. What is over never triggers: after a resolve that would open another. What
    was told once has no end of its own: mild, it is resolved at once, so that it is on record and pages nobody. The
    first that is heard of an episode triggers in any case."""
    over = n.life == "over" or n.type == "resolved"
    if n.first and (over or n.type == "acknowledged"):
        return ("trigger", "resolve" if over else "acknowledge")
    if over:
        return ("resolve",)
    if n.life == "once":
        return ("trigger", "resolve") if n.severity in MILD else ("trigger",)
    return ("acknowledge",) if n.type == "acknowledged" else ("trigger",)


def trigger(n: Notification, instance: str, shown: Shown) -> dict[str, Any]:
    """The event that opens the incident, or says what is new of it."""
    about = _about(n)
    payload = {
        "summary": n.title if len(n.title) <= SUMMARY else n.title[: SUMMARY - 1] + "…",
        "source": instance,
        "severity": SEVERITIES.get(n.severity, "error"),
        "timestamp": n.time,
        "component": about.get("market") or n.kind,
        "group": n.kind,
        "class": about.get("rule") or n.type,
        "custom_details": _details(n, shown),
    }
    links = [(n.link_label, n.link or ""), *((action.label, action.url) for action in n.actions)]
    usable = [{"href": url, "text": label} for label, url in links if url.startswith(("https://", "http://"))]
    more = {"client_url": n.link} if n.link else {}
    return {"payload": payload, "client": f"stressd {instance}", **more, **({"links": usable} if usable else {})}


def _details(n: Notification, shown: Shown) -> dict[str, Any]:
    """Everything that the message says, label by label."""
    details: dict[str, Any] = {}
    if (said := banner(n)) is not None:
        details["Not live"] = said
    if n.life == "once" and n.severity not in MILD:
        details["End"] = "told once: no resolve will follow, so resolve it by hand"
    if n.own_text:
        return details | {"Message": n.text[:20_000], "Event": n.event_id}
    for label, value in (*n.facts[: shown.facts], *n.answers[: shown.answers], *footing_of(n, shown)):
        details[label] = f"{details[label]}; {value}" if label in details else value
    if rows := [dict(zip(n.table_header, row.cells, strict=False)) for row in n.table[: shown.rows]]:
        details["Table"] = rows
    if n.sparkline and "Path" not in details:
        details["Path"] = n.sparkline
    if (words := cut(n, shown)) is not None:
        details["Cut"] = words
    return details | {"Event": n.event_id}


def _about(n: Notification) -> dict[str, str]:
    """Market and rule of the event."""
    try:
        event = msgspec.json.decode(n.body)
    except msgspec.DecodeError:
        return {}
    if not isinstance(event, dict):
        return {}
    return {key: str(event[key]) for key in ("market", "rule") if isinstance(event.get(key), str)}


def _mark(key: str) -> str:
    """By which a key is known again, and from which it cannot be made."""
    return hashlib.sha256(key.encode()).hexdigest()[:8]


def _bytes(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
