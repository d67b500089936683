"""Messages in the words of this configuration: with what its desk holds, and in a sink's own wording where it has one.

A template that fails on a real event never holds up its alert: the message goes out in the built-in words and says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from stressd.alerts.event import Event
from stressd.alerts.notification import Notification, Telling
from stressd.alerts.render import render
from stressd.alerts.templates import TemplateFault
from stressd.config.load import Loaded

log = structlog.get_logger()


@dataclass(slots=True)
class Failures:
    """Of one sink's template. at: monotonic s of the last; text: what was wrong then."""

    count: int = 0
    at: float = 0.0
    text: str = ""


class Renderer:
    """`runtime.outgoing.Render` of one configuration. failures: by sink, of templates since it was loaded."""

    def __init__(self, loaded: Loaded, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._book = loaded.book
        self._wordings = loaded.wordings
        self._monotonic = monotonic
        self.failures: dict[str, Failures] = {}

    def __call__(self, event: Event, telling: Telling) -> Notification:
        telling = replace(telling, book=self._book)
        plain = render(event, telling)
        wording = self._wordings.get(telling.sink)
        if wording is None:
            return plain
        try:
            return wording.apply(event, plain)
        except TemplateFault as fault:
            self._failed(event, telling.sink, str(fault))
            return render(event, replace(telling, template_fault=str(fault)))

    def failed(self, sink: str) -> int:
        """How often its template failed."""
        return self.failures[sink].count if sink in self.failures else 0

    def failing(self, within: float) -> list[tuple[str, str]]:
        """(sink, one sentence) of each whose template failed in the last `within` seconds."""
        since = self._monotonic() - within
        return [
            (sink, f"the template of {sink} fails ({seen.text}): its messages go out in the built-in words")
            for sink, seen in self.failures.items()
            if seen.at >= since
        ]

    def _failed(self, event: Event, sink: str, text: str) -> None:
        seen = self.failures.setdefault(sink, Failures())
        seen.count, seen.at, seen.text = seen.count + 1, self._monotonic(), text
        log.warning("template.failed", sink=sink, event_id=event.id, error=text)
