"""Slack by incoming webhook."""

from __future__ import annotations

import json
from typing import Any, Final, Literal

import msgspec

from stressd.alerts.notification import Notification
from stressd.config.fields import HttpOptions, SecretRef, SinkConfig
from stressd.sinks.base import Fault, Receipt, SinkError, Traits
from stressd.sinks.blocks import payload, plain
from stressd.sinks.http import Answer, Endpoint, failure, retry_after

UNUSABLE: Final = {
    "account_inactive": "the account behind the webhook is gone",
    "action_prohibited": "an administrator forbids posts by webhooks",
    "channel_is_archived": "the channel is archived",
    "channel_not_found": "the channel does not exist",
    "invalid_auth": "the webhook's credentials are not valid",
    "invalid_token": "the webhook's token is not valid",
    "is_archived": "the channel is archived",
    "no_active_hooks": "the webhook is switched off",
    "no_service": "the webhook was removed or switched off",
    "no_service_id": "the webhook URL is not complete",
    "no_team": "the workspace does not exist",
    "not_in_channel": "the webhook's app is not in the channel",
    "posting_to_general_channel_denied": "this webhook may not post to #general",
    "team_disabled": "the workspace is switched off",
    "token_expired": "the webhook's token has expired",
    "token_revoked": "the webhook's token was revoked",
    "user_not_found": "the user does not exist",
}
"""Slack's words for an endpoint that will not work again without somebody's hand."""

MALFORMED: Final = (
    "invalid_payload",
    "invalid_blocks",
    "msg_blocks_too_long",
    "msg_too_long",
    "no_text",
    "too_many_attachments",
)


class Config(SinkConfig, HttpOptions):
    """webhook_url: the incoming webhook's URL, which is a secret."""

    type: Literal["slack"]
    webhook_url: SecretRef


def build(config: Config, instance: str) -> SlackSink:
    """Raises SecretError, OSError."""
    return SlackSink(config.name, config.webhook_url.read().strip(), config)


class SlackSink:
    """Posts blocks; a message that Slack finds malformed is sent once more as plain text."""

    traits = Traits(per_second=1.0, burst=3)

    def __init__(self, name: str, url: str, options: HttpOptions) -> None:
        self.name = name
        self._endpoint = Endpoint(url, options)

    async def send(self, notification: Notification) -> Receipt:
        answer = await self._post(payload(notification))
        error = self._fault(answer)
        if error is None:
            return Receipt()
        if _word(answer) not in MALFORMED:
            raise error
        answer = await self._post({"text": plain(notification)})
        second = self._fault(answer)
        if second is not None:
            raise second
        return Receipt(detail=f"sent as plain text: {error}")

    async def probe(self) -> str:
        """Posts an empty message, which Slack refuses as malformed where the webhook itself is good."""
        answer = await self._post({})
        error = self._fault(answer)
        if error is not None and _word(answer) not in MALFORMED:
            raise error
        return f"{self._endpoint.host}: the webhook is active"

    async def close(self) -> None:
        await self._endpoint.close()

    async def _post(self, body: dict[str, Any]) -> Answer:
        data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        return await self._endpoint.post(data, {"Content-Type": "application/json; charset=utf-8"})

    def _fault(self, answer: Answer) -> SinkError | None:
        """None for success, which is HTTP 200 and the body `ok`: a status alone is never trusted."""
        word = _word(answer)
        host = self._endpoint.host
        if answer.status == 200 and word == "ok":
            return None
        if word in UNUSABLE:
            return SinkError("disable", f"{host}: {word}: {UNUSABLE[word]}")
        if word in ("rate_limited", "ratelimited") or answer.status == 429:
            wait = failure(self._endpoint, answer).retry_after
            return SinkError(
                "rate_limited", f"{host}: too many messages", wait if wait is not None else _body_wait(answer)
            )
        if word in MALFORMED:
            return SinkError("permanent", f"{host}: {self._endpoint.redact(answer.body)}")
        if answer.status != 200:
            return failure(self._endpoint, answer)
        fault: Fault = "retry" if answer.complete else "ambiguous"
        return SinkError(fault, f"{host}: HTTP 200, but not `ok`: {self._endpoint.redact(answer.body)}")


def _word(answer: Answer) -> str:
    """Slack's answer as one word, from plain text (`invalid_blocks: /0/text`) or from JSON with `error`."""
    parsed = _parsed(answer)
    if parsed is not None:
        return "ok" if parsed.get("ok") is True else str(parsed.get("error", ""))
    return answer.body.strip().partition(":")[0].partition(" ")[0]


def _body_wait(answer: Answer) -> float | None:
    parsed = _parsed(answer) or {}
    return retry_after({"Retry-After": str(parsed.get("retry_after", ""))}, 0.0)


def _parsed(answer: Answer) -> dict[str, Any] | None:
    try:
        parsed = msgspec.json.decode(answer.body)
    except msgspec.DecodeError:
        return None
    return parsed if isinstance(parsed, dict) else None
