"""A Teams workflow on loopback: 202 at once, cards of a bounded size, four requests a second."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, Final

from aiohttp import web

from stressd.testing.service import Bucket, Service

LARGEST: Final = 28_000
PATH: Final = "/workflows/0123/triggers/manual/paths/invoke"
_ELEMENTS: Final = {"TextBlock": "text", "FactSet": "facts"}
_SIZES: Final = ("Default", "Small", "Medium", "Large", "ExtraLarge")
_COLOURS: Final = ("Default", "Dark", "Light", "Accent", "Good", "Warning", "Attention")


class FakeTeams(Service):
    """cards: what was taken, oldest first. posted: those of them that reached the channel: a flow that fails says so to
    nobody. on: whether the workflow is switched on."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        super().__init__(now)
        self.cards: list[dict[str, Any]] = []
        self.posted: list[dict[str, Any]] = []
        self.on = True
        self._bucket = Bucket(4.0, 4.0, now())

    @property
    def hook_url(self) -> str:
        return f"{self.url}{PATH}?api-version=1&sig=very-secret-signature"

    async def answer(self, request: web.Request, body: bytes) -> web.StreamResponse:
        if request.path != PATH or "sig" not in request.query:
            return _error(404, "WorkflowNotFound")
        if request.method != "POST":
            return web.Response(status=405)
        if not self.on:
            return _error(400, "WorkflowTriggerIsNotEnabled")
        if self._bucket.take(self.now()):
            return web.Response(status=429, headers={"Retry-After": "1"})
        if len(body) > LARGEST:
            return web.Response(status=413, text="Request Entity Too Large")
        try:
            message = json.loads(body)
        except ValueError:
            return _error(400, "InvalidJson")
        self.cards.append(message)
        if fault(message) is None:
            self.posted.append(message)
        return web.Response(status=202)


def _error(status: int, code: str) -> web.Response:
    return web.json_response({"error": {"code": code, "message": "The workflow cannot run."}}, status=status)


def fault(message: dict[str, Any]) -> str | None:
    """Why the flow would fail on a message; None where it posts it."""
    attachments = message.get("attachments")
    if message.get("type") != "message" or not isinstance(attachments, list) or len(attachments) != 1:
        return "not a message with one card"
    if attachments[0].get("contentType") != "application/vnd.microsoft.card.adaptive":
        return "not an Adaptive Card"
    card = attachments[0].get("content", {})
    if card.get("type") != "AdaptiveCard" or card.get("version") not in ("1.2", "1.3", "1.4", "1.5"):
        return "not an Adaptive Card of a version that Teams shows"
    for element in card.get("body", []):
        needed = _ELEMENTS.get(element.get("type"))
        if needed is None or not element.get(needed):
            return f"an element that is not shown: {element}"
        if element.get("size", "Default") not in _SIZES or element.get("color", "Default") not in _COLOURS:
            return f"a style that is not known: {element}"
        if element["type"] == "TextBlock" and element.get("wrap") is not True:
            return f"a text that is cut off: {element}"
        if any(not ("title" in f and "value" in f) for f in element.get("facts", [])):
            return f"facts without title or value: {element}"
    for action in card.get("actions", []):
        if action.get("type") != "Action.OpenUrl" or not str(action.get("url", "")).startswith("http"):
            return f"an action that is not shown: {action}"
    return None
