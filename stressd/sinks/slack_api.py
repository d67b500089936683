"""Slack's Web API: one method a call, success only where Slack says `ok: true`."""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import urlencode

from stressd.config.fields import HttpOptions
from stressd.sinks.http import Answer, Endpoint, failure
from stressd.sinks.slack_words import parsed, refusal

READ: Final = 4_000_000
"""Bytes of an answer: a page of messages with their blocks and metadata."""


class SlackApi:
    """The methods below `url`, with a bot's token. Every call raises SinkError; where Slack itself refused, Refusal.
    scopes: what the token may do, as the newest answer said; None where none did."""

    def __init__(self, url: str, token: str, options: HttpOptions) -> None:
        self._endpoint = Endpoint(url, options, [token], READ)
        self._token = token
        self._options = options
        self.scopes: frozenset[str] | None = None

    @property
    def host(self) -> str:
        return self._endpoint.host

    @property
    def timeout(self) -> float:
        """Seconds for one attempt."""
        return self._options.timeout / 1e9

    async def call(self, method: str, body: dict[str, Any]) -> dict[str, Any]:
        """With JSON, as what writes takes it."""
        data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        return await self._ask(method, data, "application/json; charset=utf-8")

    async def form(self, method: str, fields: dict[str, str]) -> dict[str, Any]:
        """With a form, the only thing that some methods read."""
        return await self._ask(method, urlencode(fields).encode(), "application/x-www-form-urlencoded")

    async def upload(self, url: str, content: bytes) -> None:
        """The bytes of a file to where `files.getUploadURLExternal` says."""
        endpoint = Endpoint(url, self._options, [self._token])
        try:
            answer = await endpoint.post(content, {"Content-Type": "application/octet-stream"})
            if answer.status != 200:
                raise failure(endpoint, answer)
        finally:
            await endpoint.close()

    async def close(self) -> None:
        await self._endpoint.close()

    async def _ask(self, method: str, data: bytes, content_type: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": content_type}
        answer: Answer = await self._endpoint.post(data, headers, method)
        value = parsed(answer)
        if (said := answer.headers.get("x-oauth-scopes")) is not None:
            self.scopes = frozenset(scope.strip() for scope in said.split(","))
        if answer.status == 200 and value is not None and value.get("ok") is True:
            return value
        raise refusal(self._endpoint, answer)
