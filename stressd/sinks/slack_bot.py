"""Slack with a bot's token: one thread an episode.

The first message of an episode stays in the channel and is edited to show how things are now; each later event is a
reply below it, shown in the channel too where it is serious. The edit goes first: it may be repeated, a reply may not.
Each message carries the event's id in its metadata, by which one whose answer was lost is found again.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, replace
from typing import Any, Final

from stressd.alerts.notification import REPEAT, Notification
from stressd.sinks.base import Receipt, SinkError, Traits
from stressd.sinks.blocks import blocks, payload, plain, reply, severity_line
from stressd.sinks.slack_api import SlackApi
from stressd.sinks.slack_words import CHANNEL, GONE, MALFORMED, METADATA, UNEDITABLE, Refusal

EVENT_TYPE: Final = "stressd_event"

PAGE, PAGES = 100, 5
"""Messages that are asked for at once, and how often, to find one that may have arrived."""

LOUD: Final = ("escalated", "reopened", "reminder")
SERIOUS: Final = ("high", "critical")
"""Types and severities of a reply that is shown in the channel too."""

CHARTED: Final = ("escalated", "peaked", "reopened", "resolved")
"""Types of a reply with a chart; the first message has one in any case."""

_REF: Final = re.compile(r"([A-Z0-9]+):([0-9]+\.[0-9]+)")


@dataclass(frozen=True, slots=True)
class Thread:
    """Where the messages of an episode are: the channel's id, and the time stamp of the first of them."""

    channel: str
    ts: str

    def __str__(self) -> str:
        return f"{self.channel}:{self.ts}"


class Gone(Exception):
    """The first message is no longer there, or cannot be replied to; its text says why."""


def thread_of(ref: str | None) -> Thread | None:
    """The thread that `str(thread)` names; None for any other text."""
    match = _REF.fullmatch(ref or "")
    return Thread(match[1], match[2]) if match else None


class SlackBotSink:
    """Posts, edits, replies and uploads. channel: an id, or a name with `#`."""

    # A message a second with a short burst is what a channel takes; the burst is shorter than that, for jitter
    traits = Traits(per_second=1.0, burst=2, charts=True)

    def __init__(self, name: str, api: SlackApi, channel: str) -> None:
        self.name = name
        self._api = api
        self._channel = channel

    async def send(self, notification: Notification) -> Receipt:
        n, details = notification, []
        thread = thread_of(n.thread_ref)
        if n.possible_repeat:
            found = await self._found(n, thread)
            if found is None:
                details.append("whether it had arrived could not be looked up")
            elif found.arrived:
                return Receipt(str(found.thread or ""), "it had arrived already")
            else:
                n, thread = _certain(n), found.thread
        if thread is not None:
            try:
                details += await self._follow_up(n, thread)
            except Gone as gone:
                details.append(f"posted anew: {gone}")
                thread = None
        if thread is None:
            thread, said = await self._open(n)
            details += said
        if thread is not None:
            details += await self._chart(n, thread)
        return Receipt(str(thread or ""), "; ".join(details))

    async def probe(self) -> str:
        """Asks whose token it is, and what it may do."""
        who = await self._api.call("auth.test", {})
        told = f"{self._api.host}: {who.get('team', '?')} as {who.get('user', '?')}, to {self._channel}"
        scopes = self._api.scopes
        if scopes is not None and "chat:write" not in scopes:
            raise SinkError("disable", f"{told}: the token lacks the scope chat:write")
        lacking = [] if scopes is None or "files:write" in scopes else ["no charts (files:write)"]
        if self._channel.startswith("#"):
            lacking.append("no search for what may have arrived (write the channel's id)")
        elif scopes is not None and not scopes & {"channels:history", "groups:history", "im:history"}:
            lacking.append("no search for what may have arrived (channels:history)")
        return "; ".join([told, *lacking])

    async def close(self) -> None:
        await self._api.close()

    # -- messages

    async def _open(self, n: Notification) -> tuple[Thread | None, list[str]]:
        """The first message, in the channel."""
        answer, details = await self._post({"channel": self._channel, **payload(n)}, n)
        thread = thread_of(f"{answer.get('channel')}:{answer.get('ts')}")
        return thread, details if thread else [*details, "Slack named no place: updates will be messages of their own"]

    async def _follow_up(self, n: Notification, thread: Thread) -> list[str]:
        """Edit the first message and reply to it. Raises Gone, SinkError."""
        try:
            details = await self._edit(n, thread)
            where = {"channel": thread.channel, "thread_ts": thread.ts}
            body: dict[str, Any] = {**where, "text": plain(n), "blocks": reply(n)}
            if n.type in LOUD and n.severity in SERIOUS and n.life != "over":
                body["reply_broadcast"] = True
            return details + (await self._post(body, n))[1]
        except Refusal as error:
            if error.word in GONE or (error.word in CHANNEL and thread.channel != self._channel):
                raise Gone(error.word) from None
            raise

    async def _edit(self, n: Notification, thread: Thread) -> list[str]:
        """The first message as things are now; whatever fails in passing may be tried again."""
        body = {"channel": thread.channel, "ts": thread.ts, "text": plain(n)}
        try:
            try:
                await self._api.call("chat.update", body | {"blocks": blocks(n, grey=n.life == "over")})
            except Refusal as error:
                if error.word not in MALFORMED:
                    raise
                await self._api.call("chat.update", body | {"blocks": []})
                return [f"edited as plain text: {error}"]
        except SinkError as error:
            if isinstance(error, Refusal) and error.word in UNEDITABLE:
                return [f"the first message could not be edited: {error.word}"]
            if error.fault == "ambiguous":
                raise SinkError("retry", f"{error} (only an edit, which may be repeated)") from None
            raise
        return []

    async def _post(self, body: dict[str, Any], n: Notification) -> tuple[dict[str, Any], list[str]]:
        """What Slack finds malformed is posted once more as plain text, and without metadata where those offend."""
        body = {"unfurl_links": False, "unfurl_media": False, "metadata": _metadata(n), **body}
        try:
            return await self._api.call("chat.postMessage", body), []
        except Refusal as error:
            if error.word in METADATA:
                del body["metadata"]
            elif error.word in MALFORMED:
                del body["blocks"]
            else:
                raise
            return await self._api.call("chat.postMessage", body), [f"sent without what offended: {error}"]

    # -- what may have arrived

    async def _found(self, n: Notification, thread: Thread | None) -> Found | None:
        """Whether the message is there already, and the thread where it belongs; None where that cannot be seen. An
        alert does not wait for the answer: whatever fails, it is posted as a possible repeat."""
        try:
            if thread is not None:
                fields = {"channel": thread.channel, "ts": thread.ts}
                if await self._seek("conversations.replies", fields, "event_id", n.event_id):
                    return Found(True, thread)
            elif self._channel.startswith("#"):
                return None
            fields = {"channel": self._channel if thread is None else thread.channel}
            roots = await self._seek("conversations.history", fields, "episode", n.thread)
        except Refusal as error:
            if error.word not in GONE:
                return None
            roots = []
        except SinkError:
            return None
        for root in roots:
            place = thread_of(f"{fields['channel']}:{root.get('thread_ts', root.get('ts'))}")
            if _payload(root).get("event_id") == n.event_id:
                return Found(True, place)
        if thread is None and roots:
            thread = thread_of(f"{fields['channel']}:{roots[0].get('thread_ts', roots[0].get('ts'))}")
        return Found(False, thread)

    async def _seek(self, method: str, fields: dict[str, str], key: str, value: str) -> list[dict[str, Any]]:
        """Our messages whose metadata say so, in Slack's order. A reading that fails in passing is made once more."""
        ours: list[dict[str, Any]] = []
        fields = fields | {"limit": str(PAGE), "include_all_metadata": "true"}
        for _ in range(PAGES):
            try:
                answer = await self._api.form(method, fields)
            except SinkError as error:
                if error.fault not in ("retry", "ambiguous"):
                    raise
                answer = await self._api.form(method, fields)
            ours += [m for m in answer.get("messages", []) if isinstance(m, dict) and _payload(m).get(key) == value]
            cursor = (answer.get("response_metadata") or {}).get("next_cursor")
            if ours or not cursor:
                break
            fields = fields | {"cursor": cursor}
        return ours

    # -- the chart

    async def _chart(self, n: Notification, thread: Thread) -> list[str]:
        """Into the thread. The message is told: a chart that fails is only spoken of."""
        if n.chart is None or not (n.first or n.type in CHARTED):
            return []
        try:
            async with asyncio.timeout(self._api.timeout):
                name = f"{n.event_id}.png"
                fields = {"filename": name, "length": str(len(n.chart)), "alt_txt": severity_line(n)[:1_000]}
                grant = await self._api.form("files.getUploadURLExternal", fields)
                await self._api.upload(str(grant.get("upload_url", "")), n.chart)
                files = [{"id": grant.get("file_id"), "title": n.title}]
                body = {"files": files, "channel_id": thread.channel, "thread_ts": thread.ts}
                await self._api.call("files.completeUploadExternal", body)
        except SinkError as error:
            return [f"chart not uploaded: {error}"]
        except TimeoutError:
            return ["chart not uploaded: it took too long"]
        return []


@dataclass(frozen=True, slots=True)
class Found:
    """arrived: the message is there. thread: where the episode's messages are, None where there are none."""

    arrived: bool
    thread: Thread | None


def _metadata(n: Notification) -> dict[str, Any]:
    return {"event_type": EVENT_TYPE, "event_payload": {"event_id": n.event_id, "episode": n.thread}}


def _payload(message: dict[str, Any]) -> dict[str, Any]:
    metadata = message.get("metadata")
    if not isinstance(metadata, dict) or metadata.get("event_type") != EVENT_TYPE:
        return {}
    found = metadata.get("event_payload")
    return found if isinstance(found, dict) else {}


def _certain(n: Notification) -> Notification:
    """Known not to be there yet."""
    facts = tuple(fact for fact in n.facts if fact[1] != REPEAT)
    return replace(n, possible_repeat=False, facts=facts)
