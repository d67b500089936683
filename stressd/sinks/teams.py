"""Microsoft Teams by a workflow (Power Automate): an Adaptive Card posted to the workflow's URL.

The workflow answers 202 when it has begun, not when the card is posted; so a receipt says "accepted". It can neither
edit nor thread, so by default only what changes the rung or ends the episode is told. The whole URL is a secret: it
carries the signature. Office 365 connectors (webhook.office.com) are retired and refused.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import model_validator

from stressd.alerts.notification import Notification
from stressd.config.fields import EventType, HttpOptions, OneOrMany, SecretError, SecretRef, SinkConfig, written
from stressd.config.template import TextTemplate
from stressd.sinks.base import Receipt, SinkError, Traits
from stressd.sinks.blocks import banner, severity_line
from stressd.sinks.fitting import Shown, cut, fitted, footing_of
from stressd.sinks.http import Answer, Endpoint, failure

BUDGET: Final = 20_000
"""Bytes of the request: Teams refuses messages of about 28 KB, some of 21 KB already."""

LEAST: Final = Shown(0, 0, 1, 0)
TEXT: Final = 1_500
"""Characters of one value."""

ACTIONS: Final = 5
"""Buttons that every client shows."""

DEFAULT_UPDATES: Final = ("opened", "escalated", "reopened", "resolved", "corrected", "reminder", "digest")
COLOURS: Final = {"info": "Accent", "warn": "Warning", "high": "Warning", "critical": "Attention"}

_RETIRED: Final = re.compile(r"(?:.*\.)?webhook\.office\.com|outlook\.office(?:365)?\.com", re.IGNORECASE)
_DEAD: Final = ("WorkflowNotFound", "WorkflowTriggerIsNotEnabled", "WorkflowTriggerNotFound", "AuthorizationFailed")
_MARKUP: Final = re.compile(r"([\\`*\[\]~#]|(?<!\w)_|_(?!\w))")

Card = dict[str, Any]


class Config(SinkConfig, HttpOptions):
    """Microsoft Teams, by a workflow."""

    type: Literal["teams"]
    """Its kind."""
    url: SecretRef
    """The workflow's URL: all of it is a secret. Example: `{file: teams_url}`."""
    updates: OneOrMany[EventType] = written(list(DEFAULT_UPDATES))
    """Event types that are told: Teams has no threads. What a message is the first of, or stands for others, is told in
    any case."""
    template: TextTemplate | None = None
    """One's own wording. Example: `{title: "{{ message.title }}"}`."""

    @model_validator(mode="after")
    def _ends(self) -> Config:
        if "resolved" not in self.updates:
            raise ValueError("`updates` must hold `resolved`: nobody would hear that it is over")
        return self

    def wrong_secret(self) -> tuple[str, str] | None:
        problem = unusable(self.url.read().strip())
        return None if problem is None else ("url", f"the secret `{self.url.name}` is no workflow's URL: {problem}")


def unusable(url: str) -> str | None:
    """Why a URL cannot be a workflow's; None where it can."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return "it cannot be read"
    if _RETIRED.fullmatch(host):
        return (
            "it is an Office 365 connector's, which Microsoft has retired: make a workflow "
            "(`Post to a channel when a webhook request is received`) and use its URL"
        )
    if not host or not url.startswith(("https://", "http://")) or any(c.isspace() for c in url):
        return "it must start with https://"
    return None


def build(config: Config, instance: str) -> TeamsSink:
    """Raises SecretError, OSError."""
    url = config.url.read().strip()
    if (problem := unusable(url)) is not None:
        raise SecretError(f"`{config.url.name}` is no workflow's URL: {problem}")
    return TeamsSink(config.name, url, config, tuple(config.updates))


class TeamsSink:
    """Posts cards; one that is found too large is sent once more with the least that a message says."""

    traits = Traits(per_second=2.0, burst=2)

    def __init__(self, name: str, url: str, options: HttpOptions, updates: tuple[str, ...] = DEFAULT_UPDATES) -> None:
        self.name = name
        self._endpoint = Endpoint(url, options)
        self._updates = updates

    async def send(self, notification: Notification) -> Receipt:
        n = notification
        if not (n.first or n.merged or n.type in self._updates or n.life == "over"):
            return Receipt(detail=f"left out: Teams has no threads, and `updates` does not hold `{n.type}`")
        answer = await self._post(message(n))
        if answer.status == 413 or "Request Entity Too Large" in answer.body:
            answer = await self._post(_message(n, LEAST))
        if (error := self._fault(answer)) is not None:
            raise error
        return Receipt(detail="accepted by the workflow; whether it posts is not told")

    async def probe(self) -> str:
        """A HEAD request, which starts no workflow: shows that host, certificate and proxy are right."""
        answer = await self._endpoint.request("HEAD", None, {})
        if answer.status >= 500:
            raise SinkError("retry", f"{self._endpoint.host}: HTTP {answer.status}")
        return f"{self._endpoint.host}: reached; whether the workflow posts only `stressd send-test` shows"

    async def close(self) -> None:
        await self._endpoint.close()

    async def _post(self, body: Card) -> Answer:
        return await self._endpoint.post(_bytes(body), {"Content-Type": "application/json"})

    def _fault(self, answer: Answer) -> SinkError | None:
        """None for success. A 2xx with words in it is no success: a proxy's page, or a connector's error."""
        said = answer.body.strip()
        host, words = self._endpoint.host, self._endpoint.redact(answer.body)
        if answer.status == 202 or (200 <= answer.status < 300 and not said):
            return None
        if 200 <= answer.status < 300:
            limited = "429" in said or "throttl" in said.lower()
            return SinkError("rate_limited" if limited else "retry", f"{host}: HTTP {answer.status}, but: {words}")
        if answer.status in (401, 403, 404) or any(word in said for word in _DEAD):
            return SinkError(
                "disable", f"{host}: HTTP {answer.status}: the workflow is off or gone, or its URL is no longer valid"
            )
        return failure(self._endpoint, answer)


def message(n: Notification) -> Card:
    """The body of the request, within its budget."""
    return fitted(n, lambda shown: _message(n, shown), lambda body: len(_bytes(body)) <= BUDGET)


def _bytes(body: Card) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _message(n: Notification, shown: Shown) -> Card:
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": _fit(severity_line(n)),
        "msteams": {"width": "Full"},
        "body": _body(n, shown),
    }
    if actions := _actions(n):
        card["actions"] = actions
    content = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "summary": _fit(severity_line(n)), "attachments": [content]}


def _body(n: Notification, shown: Shown) -> list[Card]:
    colour = "Good" if n.life == "over" else COLOURS.get(n.severity, "Default")
    body: list[Card] = []
    if (said := banner(n)) is not None:
        body.append(_text(said, weight="Bolder"))
    body.append(_text(severity_line(n), size="Large", weight="Bolder", color=colour))
    if n.own_text:
        return [*body, *(_text(line) for line in n.text.split("\n")[:100] if line.strip()), _end(n)]
    body += _facts(n.facts[: shown.facts])
    body += _facts(n.answers[: shown.answers], separator=True)
    rows = tuple((row.cells[0], " · ".join(filter(None, row.cells[1:]))) for row in n.table[: shown.rows] if row.cells)
    body += _facts(rows, separator=True)
    if n.sparkline and not any(n.sparkline in value for _, value in (*n.facts, *n.footing)):
        body.append(_text(n.sparkline))
    said_of = [f"{label}: {value}" for label, value in footing_of(n, shown)]
    words = cut(n, shown)
    return [*body, *(_small(line) for line in [*said_of, *([words] if words else [])]), _end(n)]


def _facts(entries: tuple[tuple[str, str], ...], *, separator: bool = False) -> list[Card]:
    facts = [{"title": _fit(label), "value": _fit(value)} for label, value in entries]
    block: Card = {"type": "FactSet", "facts": facts}
    return [block | {"separator": True} if separator else block] if facts else []


def _text(text: str, **style: Any) -> Card:
    return {"type": "TextBlock", "text": _fit(text), "wrap": True, **style}


def _small(text: str) -> Card:
    return _text(text, size="Small", isSubtle=True, spacing="None")


def _end(n: Notification) -> Card:
    """The event, and a link: the buttons may have no room for it."""
    end = _small(f"{n.moment} · {n.event_id}")
    if n.link and _usable(n.link):
        end["text"] += f" · [{n.link_label}]({n.link})"
    return end


def _actions(n: Notification) -> list[Card]:
    links = [*((action.label, action.url) for action in n.actions), (n.link_label, n.link or "")]
    usable = [(label, url) for label, url in links if label and _usable(url)]
    return [{"type": "Action.OpenUrl", "title": label[:75], "url": url} for label, url in usable[:ACTIONS]]


def _usable(url: str) -> bool:
    return url.startswith(("https://", "http://")) and not set(url) & set(" ()<>[]\n")


def _fit(text: str) -> str:
    """Without markup, and no longer than a value may be."""
    text = text if len(text) <= TEXT else text[: TEXT - 1] + "…"
    return _MARKUP.sub(r"\\\1", "".join(c if c.isprintable() else " " for c in text))
