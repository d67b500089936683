"""Slack, by an incoming webhook or with a bot's token; and the webhook's side of it.

A webhook can neither edit nor begin a thread, so each update is a message of its own. A bot can: see `slack_bot`.
"""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, model_validator

from stressd.alerts.notification import Notification
from stressd.config.fields import HttpOptions, HttpUrl, KeyFault, SecretRef, SinkConfig, written
from stressd.config.template import TextTemplate
from stressd.sinks.base import Receipt, Traits
from stressd.sinks.blocks import payload, plain
from stressd.sinks.http import Answer, Endpoint
from stressd.sinks.slack_api import SlackApi
from stressd.sinks.slack_bot import SlackBotSink
from stressd.sinks.slack_words import MALFORMED, Refusal, refusal, word_of

_CHANNEL: Final = re.compile(r"[CGD][A-Z0-9]{6,20}|#[^\s#@]{1,80}")
_LOCAL: Final = ("localhost", "127.0.0.1", "::1")


def _channel(value: str) -> str:
    if not _CHANNEL.fullmatch(value):
        raise ValueError("not a channel: write its id such as `C0123456789` (at the end of its details), or `#name`")
    return value


def _api_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme != "https" and parts.hostname not in _LOCAL:
        raise ValueError("the token goes there: the URL must start with https://")
    return value if value.endswith("/") else f"{value}/"


class Config(SinkConfig, HttpOptions):
    """Slack, by a bot or an incoming webhook."""

    type: Literal["slack"]
    """Its kind."""
    webhook_url: SecretRef | None = None
    """An incoming webhook's URL, which is a secret; no threads, no charts. Example: `{file: slack_url}`."""
    bot_token: SecretRef | None = None
    """A bot's token (`xoxb-...`; scopes chat:write, and better files:write, channels:history), in its place. Example:
    `{file: slack_token}`."""
    channel: Annotated[str, AfterValidator(_channel)] | None = None
    """For a bot: the channel's id, or `#name`. Example: `C0123456789`."""
    api_url: Annotated[HttpUrl, AfterValidator(_api_url)] = written("https://slack.com/api/")
    """Of a Slack of one's own, such as GovSlack's."""
    template: TextTemplate | None = None
    """One's own wording, with Slack's *bold* and _italics_. Example: `{title: "{{ message.title }}"}`."""

    @model_validator(mode="after")
    def _one_way(self) -> Config:
        if (self.webhook_url is None) == (self.bot_token is None):
            raise ValueError("write either `bot_token: {file: NAME}` with `channel:`, or `webhook_url: {file: NAME}`")
        if self.bot_token is not None and self.channel is None:
            raise ValueError("`bot_token` needs a `channel`: its id such as `C0123456789`, or `#name`")
        if self.webhook_url is not None and self.channel is not None:
            raise KeyFault("channel", "an incoming webhook posts to its own channel: remove `channel`")
        return self

    def wrong_secret(self) -> tuple[str, str] | None:
        token = self.bot_token.read().strip() if self.bot_token is not None else None
        problem = None if token is None else _unusable(token)
        return (
            None
            if problem is None or self.bot_token is None
            else (
                "bot_token",
                f"the secret `{self.bot_token.name}` is no bot's token: {problem}",
            )
        )


def _unusable(token: str) -> str | None:
    """Why a text cannot be a token to post with; None where it can."""
    if token.startswith("xoxe"):
        return "it expires after twelve hours; switch off token rotation in the app's settings"
    if not re.fullmatch(r"xox[bp]-[A-Za-z0-9-]+", token):
        return "that begins with xoxb- (`Bot User OAuth Token` in the app's settings)"
    return None


def build(config: Config, instance: str) -> SlackSink | SlackBotSink:
    """Raises SecretError, OSError."""
    if config.webhook_url is not None:
        return SlackSink(config.name, config.webhook_url.read().strip(), config)
    token = config.bot_token.read().strip() if config.bot_token is not None else ""
    return SlackBotSink(config.name, SlackApi(config.api_url, token, config), config.channel or "")


class SlackSink:
    """Posts blocks to a webhook; a message that Slack finds malformed is sent once more as plain text."""

    traits = Traits(per_second=1.0, burst=2)

    def __init__(self, name: str, url: str, options: HttpOptions) -> None:
        self.name = name
        self._endpoint = Endpoint(url, options)

    async def send(self, notification: Notification) -> Receipt:
        first = self._fault(await self._post(payload(notification)))
        if first is None:
            return Receipt()
        if first.word not in MALFORMED:
            raise first
        second = self._fault(await self._post({"text": plain(notification)}))
        if second is not None:
            raise second
        return Receipt(detail=f"sent as plain text: {first}")

    async def probe(self) -> str:
        """Posts an empty message, which Slack refuses as malformed where the webhook itself is good."""
        error = self._fault(await self._post({}))
        if error is not None and error.word not in MALFORMED:
            raise error
        return f"{self._endpoint.host}: the webhook is active"

    async def close(self) -> None:
        await self._endpoint.close()

    async def _post(self, body: dict[str, Any]) -> Answer:
        data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        return await self._endpoint.post(data, {"Content-Type": "application/json; charset=utf-8"})

    def _fault(self, answer: Answer) -> Refusal | None:
        """None for success, which is HTTP 200 and the body `ok`."""
        good = answer.status == 200 and word_of(answer) == "ok"
        return None if good else refusal(self._endpoint, answer)
