"""A Slack on loopback: channels, threads, edits, deletions, files, tokens with scopes, and Slack's limits.

As documented, and as seen: failures of the API come with HTTP 200; a channel takes one message a second with a short
burst; a webhook answers in plain text. It remembers what was posted, so that a test can read a channel as people do.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import parse_qsl

from aiohttp import web

from stressd.testing.service import Bucket, Service
from stressd.testing.slack_limits import fault

TOKEN: Final = "xoxb-1111-2222-test"  # noqa: S105 a loopback server's
HOOK: Final = "/services/T000/B000/very-secret"
SCOPES: Final = frozenset({"chat:write", "files:write", "channels:history"})
RATE, BURST = 1.0, 3.0
"""Messages a second to one channel, and at once."""

_NEEDS: Final = {
    "auth.test": "",
    "chat.postMessage": "chat:write",
    "chat.update": "chat:write",
    "chat.delete": "chat:write",
    "conversations.history": "channels:history",
    "conversations.replies": "channels:history",
    "files.getUploadURLExternal": "files:write",
    "files.completeUploadExternal": "files:write",
}
"""The scope that each method asks for."""

_FORM_ONLY: Final = ("conversations.history", "conversations.replies", "files.getUploadURLExternal")


class Refused(Exception):
    """`error` of an answer, and what stands beside it."""

    def __init__(self, error: str, **more: Any) -> None:
        super().__init__(error)
        self.error = error
        self.more = more


class Channel:
    """messages: all of it, replies too, in the order of their time stamps."""

    def __init__(self, id_: str, name: str) -> None:
        self.id = id_
        self.name = name
        self.archived = False
        self.joined = True
        self.messages: list[dict[str, Any]] = []

    def find(self, ts: str) -> dict[str, Any] | None:
        return next((message for message in self.messages if message["ts"] == ts), None)

    def shown(self) -> list[dict[str, Any]]:
        """What stands in the channel itself, oldest first."""
        return [m for m in self.messages if m.get("thread_ts", m["ts"]) == m["ts"] or "subtype" in m]

    def thread(self, ts: str) -> list[dict[str, Any]]:
        """The replies to a message, oldest first."""
        return [m for m in self.messages if m.get("thread_ts") == ts and m["ts"] != ts]


class FakeSlack(Service):
    """api_url and hook_url are where it is; `token` may do what `scopes` says; the webhook posts to `channel`. now:
    seconds, of the limits and the time stamps."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        super().__init__(now)
        self.scopes: set[str] = set(SCOPES)
        self.tokens: dict[str, str] = {TOKEN: "UBOT"}
        self.channel = Channel("C0DESK0001", "desk")
        self.channels = [self.channel, Channel("C0RATES002", "rates")]
        self.edit_window: float | None = None
        self.uploads: dict[str, dict[str, Any]] = {}
        self._buckets: dict[str, Bucket] = {}
        self._newest = 0

    @property
    def api_url(self) -> str:
        return f"{self.url}/api/"

    @property
    def hook_url(self) -> str:
        return f"{self.url}{HOOK}"

    def delete(self, ts: str) -> None:
        """As somebody deletes a message by hand."""
        for channel in self.channels:
            channel.messages = [m for m in channel.messages if m["ts"] != ts]

    async def answer(self, request: web.Request, body: bytes) -> web.StreamResponse:
        if request.path == HOOK:
            return self._hook(body)
        if request.path.startswith("/upload/"):
            return self._upload(request, body)
        return self._api(request, body)

    # -- the webhook

    def _hook(self, body: bytes) -> web.Response:
        try:
            message = json.loads(body)
        except ValueError:
            return web.Response(status=400, text="invalid_payload")
        if self.channel.archived:
            return web.Response(status=410, text="channel_is_archived")
        if (wrong := fault(message)) is not None:
            return web.Response(status=400, text=f"{wrong[0]}: {wrong[1]}" if "json" in wrong[1] else wrong[0])
        wait = self._wait(self.channel)
        if wait:
            return web.Response(status=429, text="rate_limited", headers={"Retry-After": str(math.ceil(wait))})
        self._add(self.channel, message, "BHOOK")
        return web.Response(text="ok", content_type="text/plain")

    # -- the API

    def _api(self, request: web.Request, body: bytes) -> web.Response:
        method = request.path.removeprefix("/api/")
        headers = {"x-oauth-scopes": ",".join(sorted(self.scopes))}
        try:
            user, fields = self._arguments(request, method, body)
            answer = {"ok": True, **self._do(method, user, fields)}
        except Refused as error:
            answer = {"ok": False, "error": error.error, **error.more}
            if error.error == "ratelimited":
                return web.json_response(
                    answer, status=429, headers={**headers, "Retry-After": str(error.more["retry_after"])}
                )
        return web.json_response(answer, headers=headers)

    def _arguments(self, request: web.Request, method: str, body: bytes) -> tuple[str, dict[str, Any]]:
        """Whose token it is, and the arguments in either encoding."""
        if method not in _NEEDS:
            raise Refused("unknown_method", req_method=method)
        fields: dict[str, Any] = dict(request.query)
        if request.content_type == "application/json":
            if method in _FORM_ONLY and body not in (b"", b"{}"):
                raise Refused("invalid_arguments", response_metadata={"messages": ["[ERROR] no JSON here"]})
            try:
                fields |= json.loads(body or b"{}")
            except ValueError:
                raise Refused("invalid_json") from None
        else:
            fields |= dict(parse_qsl(body.decode(), keep_blank_values=True))
            for key in ("blocks", "metadata", "files"):
                if isinstance(fields.get(key), str):
                    fields[key] = json.loads(fields[key])
        token = request.headers.get("Authorization", "").removeprefix("Bearer ") or fields.get("token", "")
        if not token:
            raise Refused("not_authed")
        user = self.tokens.get(token)
        if user is None:
            raise Refused("invalid_auth")
        if user == "revoked":
            raise Refused("token_revoked")
        if (scope := _NEEDS[method]) and scope not in self.scopes:
            raise Refused("missing_scope", needed=scope, provided=",".join(sorted(self.scopes)))
        return user, fields

    def _do(self, method: str, user: str, fields: dict[str, Any]) -> dict[str, Any]:
        if method == "auth.test":
            return {"url": self.url, "team": "Bank", "user": "stressd", "team_id": "T000", "user_id": user}
        if method == "files.getUploadURLExternal":
            return self._grant(fields)
        if method == "files.completeUploadExternal":
            return self._complete(user, fields)
        channel = self._channel(str(fields.get("channel", "")), by_name=method == "chat.postMessage")
        if method == "chat.postMessage":
            return self._post(channel, user, fields)
        if method in ("chat.update", "chat.delete"):
            return self._change(method, channel, user, fields)
        return self._read(method, channel, fields)

    def _channel(self, name: str, *, by_name: bool = False) -> Channel:
        for channel in self.channels:
            if name == channel.id or (by_name and name.removeprefix("#") == channel.name):
                if channel.archived:
                    raise Refused("is_archived")
                if not channel.joined:
                    raise Refused("not_in_channel")
                return channel
        raise Refused("channel_not_found")

    def _post(self, channel: Channel, user: str, fields: dict[str, Any]) -> dict[str, Any]:
        self._check(fields)
        thread_ts = fields.get("thread_ts")
        if thread_ts is not None:
            root = channel.find(str(thread_ts))
            if root is None or root.get("thread_ts", root["ts"]) != root["ts"]:
                raise Refused("thread_not_found")
        if (wait := self._wait(channel)) > 0.0:
            raise Refused("ratelimited", retry_after=math.ceil(wait))
        message = self._add(channel, fields, user)
        return {"channel": channel.id, "ts": message["ts"], "message": message}

    def _change(self, method: str, channel: Channel, user: str, fields: dict[str, Any]) -> dict[str, Any]:
        message = channel.find(str(fields.get("ts", "")))
        if message is None:
            raise Refused("message_not_found")
        if message["user"] != user:
            raise Refused("cant_update_message")
        if method == "chat.delete":
            channel.messages.remove(message)
            return {"channel": channel.id, "ts": message["ts"]}
        if self.edit_window is not None and self.now() - float(message["ts"]) > self.edit_window:
            raise Refused("edit_window_closed")
        changed: dict[str, Any] = {key: fields[key] for key in ("text", "blocks", "metadata") if key in fields}
        self._check({**message, **changed})
        message.update(changed, edited={"user": user, "ts": f"{self.now():.6f}"})
        return {"channel": channel.id, "ts": message["ts"], "text": message.get("text", ""), "message": message}

    def _read(self, method: str, channel: Channel, fields: dict[str, Any]) -> dict[str, Any]:
        """Newest first in a channel, oldest first in a thread, page by page."""
        if method == "conversations.history":
            found = channel.shown()[::-1]
        else:
            root = channel.find(str(fields.get("ts", "")))
            if root is None:
                raise Refused("thread_not_found")
            found = [root, *channel.thread(root["ts"])]
        start, limit = int(fields.get("cursor") or 0), min(int(fields.get("limit", 100)), 999)
        page = found[start : start + limit]
        if str(fields.get("include_all_metadata", "")).lower() not in ("true", "1"):
            page = [{key: value for key, value in m.items() if key != "metadata"} for m in page]
        more = start + limit < len(found)
        cursor = {"next_cursor": str(start + limit) if more else ""}
        return {"messages": page, "has_more": more, "response_metadata": cursor}

    def _check(self, fields: dict[str, Any]) -> None:
        if (wrong := fault(fields)) is not None:
            word, why = wrong
            messages = {"response_metadata": {"messages": [f"[ERROR] {why}"]}} if word == "invalid_blocks" else {}
            raise Refused(word, **messages)
        metadata = fields.get("metadata")
        if metadata is not None and not (
            metadata.get("event_type") and isinstance(metadata.get("event_payload"), dict)
        ):
            raise Refused("invalid_metadata_format")

    def _wait(self, channel: Channel) -> float:
        now = self.now()
        return self._buckets.setdefault(channel.id, Bucket(RATE, BURST, now)).take(now)

    def _add(self, channel: Channel, fields: dict[str, Any], user: str) -> dict[str, Any]:
        self._newest = max(self._newest + 1, int(self.now() * 1e6))
        message: dict[str, Any] = {
            "type": "message",
            "user": user,
            "ts": f"{self._newest // 1_000_000}.{self._newest % 1_000_000:06d}",
            "text": fields.get("text", ""),
            **{key: fields[key] for key in ("blocks", "metadata", "thread_ts", "files") if key in fields},
        }
        if str(fields.get("reply_broadcast", "")).lower() == "true" and "thread_ts" in message:
            message["subtype"] = "thread_broadcast"
        channel.messages.append(message)
        return message

    # -- files

    def _grant(self, fields: dict[str, Any]) -> dict[str, Any]:
        if not fields.get("filename") or int(fields.get("length") or 0) <= 0:
            raise Refused("invalid_arguments")
        id_ = f"F{len(self.uploads):09d}"
        self.uploads[id_] = {"name": fields["filename"], "length": int(fields["length"]), "content": None,
                             "alt_txt": fields.get("alt_txt", ""), "shared": None}  # fmt: skip
        return {"file_id": id_, "upload_url": f"{self.url}/upload/{id_}?signature=secret"}

    def _upload(self, request: web.Request, body: bytes) -> web.Response:
        upload = self.uploads.get(request.path.removeprefix("/upload/"))
        if upload is None or request.content_type == "application/x-www-form-urlencoded":
            return web.Response(status=400, text="no such upload")
        if request.content_type.startswith("multipart/"):
            boundary = request.content_type and request.headers["Content-Type"].partition("boundary=")[2].strip('"')
            body = body.split(f"--{boundary}".encode())[1].partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
        upload["content"] = body
        return web.Response(text=f"OK - {len(body)}")

    def _complete(self, user: str, fields: dict[str, Any]) -> dict[str, Any]:
        done = []
        for each in fields.get("files", []):
            upload = self.uploads.get(str(each.get("id")))
            if upload is None or upload["content"] is None or len(upload["content"]) != upload["length"]:
                raise Refused("file_not_found")
            upload["title"] = each.get("title", "")
            done.append({"id": each["id"], "title": upload["title"]})
        if fields.get("channel_id"):
            channel = self._channel(str(fields["channel_id"]))
            thread_ts = fields.get("thread_ts")
            if thread_ts is not None and channel.find(thread_ts) is None:
                raise Refused("thread_not_found")
            where = {"thread_ts": thread_ts} if thread_ts is not None else {}
            self._add(channel, {"files": done, **where}, user)
            for each in done:
                self.uploads[each["id"]]["shared"] = (channel.id, thread_ts)
        return {"files": done}
