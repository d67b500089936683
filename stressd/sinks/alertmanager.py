"""Alertmanager by its API v2: an episode is one alert, kept alive while it is open.

An alert's identity is its labels, so they are few and constant over the episode's life, but for `severity`, by which
people route: a rise is one request that ends the alert of the old severity and begins that of the new one. An alert
whose `endsAt` passes is announced as resolved, so it lies far ahead and is moved on every `resend`; what is resolved is
said again for a while, for a member of the cluster that was away. An episode's request holds its alerts alone:
Alertmanager answers 400 to a batch of which it has stored the valid part. (Behaviour of 0.25.)
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal, Self

import structlog
from pydantic import Field, field_validator, model_validator

from stressd.alerts.notification import Notification
from stressd.config.fields import (
    Duration,
    HttpOptions,
    HttpUrl,
    OneOrMany,
    SecretRef,
    SinkConfig,
    written,
)
from stressd.sinks.base import Receipt, SinkError, Traits
from stressd.sinks.http import Answer, Endpoint, failure

PATH: Final = "/api/v2/alerts"
OURS: Final = ("alertname", "instance", "kind", "market", "direction", "episode", "severity", "origin")
LEAST_LIFE: Final = 1_800.0
"""Seconds: a daemon that is down for less must not let an alert run out, which would read as an all-clear."""

RESENDS: Final = 10
"""An alert lives for so many resends at least."""

SAY_AGAIN: Final = 900.0
"""Seconds for which an end is said again."""

ONCE: Final = 300.0
"""Seconds for which what is told once (a level, a finding) is an alert."""

WATCHDOG_LIFE: Final = 300.0
WATCHDOG: Final = "StressdWatchdog"
LONGEST: Final = 8_000
"""Characters of an annotation."""

log = structlog.get_logger()


class Config(SinkConfig, HttpOptions):
    """Alertmanager, API v2: an episode is one alert."""

    type: Literal["alertmanager"]
    """Its kind."""
    urls: OneOrMany[HttpUrl]
    """Of every member of the cluster, without a path of the API; never a load balancer's, since each member must hear.
    Example: `[http://am1.bank.example:9093]`."""
    token: SecretRef | None = None
    """A bearer token. Default: none. Example: `{file: am_token}`."""
    username: str | None = None
    """Of an account, in its place. Example: `stressd`."""
    password: SecretRef | None = None
    """Of that account. Example: `{file: am_password}`."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Further constant labels. Example: `{desk: rates}`."""
    resend: Duration = written("60s")
    """How often open alerts are sent again."""
    watchdog: bool = True
    """An always-firing `StressdWatchdog`, sent while all is well: be alerted of its absence."""

    @field_validator("labels")
    @classmethod
    def _labels(cls, labels: dict[str, str]) -> dict[str, str]:
        for name in labels:
            if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", name):
                raise ValueError(f"`{name}` is no name of a label: letters, digits and underscores")
            if name in OURS:
                raise ValueError(f"the label `{name}` is set by stressd itself")
        return labels

    @field_validator("resend")
    @classmethod
    def _often(cls, resend: int) -> int:
        if not 10 * 10**9 <= resend <= 600 * 10**9:
            raise ValueError("open alerts are sent again every 10s to 10m")
        return resend

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.token is not None and (self.username is not None or self.password is not None):
            raise ValueError("`token` and `username` exclude each other")
        if (self.username is None) != (self.password is None):
            raise ValueError("`username` and `password` go together")
        return self


def build(config: Config, instance: str) -> AlertmanagerSink:
    """Raises SecretError, OSError."""
    secret, headers = "", {"Content-Type": "application/json"}
    if config.token is not None:
        secret = config.token.read().strip()
        headers["Authorization"] = f"Bearer {secret}"
    elif config.username is not None and config.password is not None:
        secret = base64.b64encode(f"{config.username}:{config.password.read().strip()}".encode()).decode()
        headers["Authorization"] = f"Basic {secret}"
    endpoints = [Endpoint(url.rstrip("/") + PATH, config, [secret]) for url in config.urls]
    constant = {**config.labels, "instance": instance}
    return AlertmanagerSink(config.name, endpoints, headers, constant, config.resend / 1e9, config.watchdog)


@dataclass(slots=True)
class Alert:
    """What is told of one episode. ended: the Unix time since which each former severity is over. ends: since or until
    when the present one is, None while it is open."""

    labels: dict[str, str]
    annotations: dict[str, str]
    link: str | None
    starts: float
    severity: str = ""
    ended: dict[str, float] = field(default_factory=dict)
    ends: float | None = None

    def wire(self, now: float, life: float) -> list[dict[str, Any]]:
        """The alerts of one request, the ended ones first."""
        ends = {**self.ended, self.severity: now + life if self.ends is None else self.ends}
        alerts = []
        for severity, until in ends.items():
            alert: dict[str, Any] = {
                "labels": {**self.labels, "severity": severity},
                "annotations": self.annotations,
                "startsAt": _rfc3339(min(self.starts, until)),
                "endsAt": _rfc3339(until),
            }
            if self.link:
                alert["generatorURL"] = self.link
            alerts.append(alert)
        return alerts


class AlertmanagerSink:
    """Posts to every member; one that accepted is enough, the others hear it at the next resend."""

    traits = Traits(idempotent=True)

    def __init__(
        self,
        name: str,
        endpoints: Sequence[Endpoint],
        headers: dict[str, str],
        labels: dict[str, str],
        resend: float,
        watchdog: bool,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self._endpoints = list(endpoints)
        self._headers = headers
        self._labels = labels
        self._resend = resend
        self._watchdog = watchdog
        self._now = now
        self._alerts: dict[str, Alert] = {}
        self._keeper: asyncio.Task[None] | None = None

    async def send(self, notification: Notification) -> Receipt:
        alert = self._fold(notification)
        self._start()
        failed = await self._post(alert.wire(self._now(), self._life))
        if not failed:
            return Receipt(remote_ref=notification.thread)
        if len(failed) == len(self._endpoints):
            # What may recover outweighs what will not: a member with a broken proxy must not bury the alert.
            raise min(failed, key=lambda error: ("rate_limited", "retry", "ambiguous").count(error.fault) == 0)
        return Receipt(notification.thread, "not every member has it: " + "; ".join(str(error) for error in failed))

    async def keep(self, standing: Sequence[Notification]) -> None:
        """After a start: go on with the alerts of these episodes, which are open, as they were told last. Without it an
        escalation could not end the alert of the lesser severity."""
        for notification in standing:
            self._fold(notification)
        self._start()

    async def beat(self) -> None:
        """Everything is well: the watchdog lives on. Raises SinkError where no member took it."""
        if not self._watchdog:
            return
        now = self._now()
        alert = {
            "labels": {"alertname": WATCHDOG, **self._labels},
            "annotations": {"summary": "Fires while stressd is well. What to be alerted of is its end."},
            "startsAt": _rfc3339(now),
            "endsAt": _rfc3339(now + WATCHDOG_LIFE),
        }
        failed = await self._post([alert])
        if len(failed) == len(self._endpoints):
            raise failed[0]

    async def probe(self) -> str:
        """An empty list of alerts, which Alertmanager accepts and forgets."""
        said = await asyncio.gather(*(self._one(endpoint, b"[]") for endpoint in self._endpoints))
        for error in said:
            if error is not None:
                raise error
        return f"{', '.join(endpoint.host for endpoint in self._endpoints)}: Alertmanager accepts alerts"

    async def close(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
            self._keeper = None
        for endpoint in self._endpoints:
            await endpoint.close()

    async def again(self) -> None:
        """Send everything once more, an episode a request; ends that everybody has heard by now are forgotten."""
        now = self._now()
        for episode, alert in list(self._alerts.items()):
            if alert.ends is not None and now - alert.ends > SAY_AGAIN:
                del self._alerts[episode]
                continue
            alert.ended = {name: since for name, since in alert.ended.items() if now - since <= SAY_AGAIN}
            for error in await self._post(alert.wire(now, self._life)):
                log.warning("alertmanager.unreached", sink=self.name, episode=episode, error=str(error))

    @property
    def _life(self) -> float:
        return max(RESENDS * self._resend, LEAST_LIFE)

    def _start(self) -> None:
        if self._keeper is None or self._keeper.done():
            self._keeper = asyncio.create_task(self._keep_on(), name=f"alertmanager[{self.name}]")

    async def _keep_on(self) -> None:
        while True:
            await asyncio.sleep(self._resend)
            try:
                await self.again()
            except Exception:
                log.exception("alertmanager.crashed", sink=self.name)

    def _fold(self, notification: Notification) -> Alert:
        """The episode's alert as this notification leaves it."""
        now = _unix(notification.time)
        alert = self._alerts.get(notification.thread)
        if alert is None:
            alert = self._alerts[notification.thread] = Alert(self._identity(notification), {}, None, now)
        alert.annotations = _annotations(notification)
        alert.link = notification.link
        if alert.severity not in ("", notification.severity):
            alert.ended[alert.severity] = now
        alert.severity = notification.severity
        if alert.ends is None or notification.type == "reopened":
            # What comes after the end, such as a late answer of another market, opens nothing again.
            alert.ends = {"open": None, "over": now, "once": now + ONCE}[notification.life]
        return alert

    def _identity(self, notification: Notification) -> dict[str, str]:
        event = json.loads(notification.body)
        labels = {
            "alertname": event["rule"], "kind": event["kind"], "market": event["market"],
            "direction": event["direction"] or "", "episode": event["episode"],
            "origin": "" if event["origin"] == "live" else event["origin"], **self._labels,
        }  # fmt: skip
        return {name: value for name, value in labels.items() if value}

    async def _post(self, alerts: list[dict[str, Any]]) -> list[SinkError]:
        """What went wrong, one a member that did not accept."""
        body = json.dumps(alerts, ensure_ascii=False).encode()
        said = await asyncio.gather(*(self._one(endpoint, body) for endpoint in self._endpoints))
        return [error for error in said if error is not None]

    async def _one(self, endpoint: Endpoint, body: bytes) -> SinkError | None:
        try:
            answer: Answer = await endpoint.post(body, self._headers)
        except SinkError as error:
            return error
        return None if 200 <= answer.status < 300 else failure(endpoint, answer)


def _annotations(notification: Notification) -> dict[str, str]:
    told = {"summary": notification.title, "description": notification.text, "event": notification.event_id}
    return {name: text if len(text) <= LONGEST else text[: LONGEST - 1] + "…" for name, text in told.items()}


def _unix(time_: str) -> float:
    return datetime.fromisoformat(time_).timestamp()


def _rfc3339(unix: float) -> str:
    return datetime.fromtimestamp(unix, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
