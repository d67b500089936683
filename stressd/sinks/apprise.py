"""The hundred other services, by the library Apprise (extra `stressd[apprise]`): Telegram, Matrix, ntfy, Pushover ...

One URL a sink, so that each has its own deliveries, retries and dead letters. Apprise does not say why a service
refused, so every failure is tried again. It blocks, so it works in a thread.
"""

from __future__ import annotations

import asyncio
import importlib
from typing import Any, Final, Literal

from stressd.alerts.notification import Notification
from stressd.config.fields import Duration, SecretError, SecretRef, SinkConfig, written
from stressd.sinks.base import Receipt, SinkError, Traits

KINDS: Final = {"info": "info", "warn": "warning", "high": "failure", "critical": "failure"}
CUT: Final = "\n… (cut: the service takes no more)"


class Config(SinkConfig):
    """Apprise: a hundred other services, as text (extra `stressd[apprise]`)."""

    type: Literal["apprise"]
    """Its kind."""
    url: SecretRef
    """In Apprise's notation, such as `tgram://token/chat`: a secret. Example: `{file: apprise_url}`."""
    timeout: Duration = written("30s")
    """Of one attempt."""


def build(config: Config, instance: str) -> AppriseSink:
    """Raises SecretError where the URL is none that Apprise knows, OSError where Apprise is not installed."""
    try:
        apprise = importlib.import_module("apprise")
    except ImportError:
        raise OSError("Apprise is not installed: pip install 'stressd[apprise]'") from None
    asset = apprise.AppriseAsset(app_id="stressd", app_desc=f"stressd {instance}", async_mode=False)
    plugin = apprise.Apprise.instantiate(config.url.read().strip(), asset=asset, suppress_exceptions=True)
    if plugin is None:
        raise SecretError(f"`{config.url.name}` is no URL that Apprise knows")
    return AppriseSink(config.name, plugin, config.timeout / 1e9)


class AppriseSink:
    """plugin: Apprise's object of one service."""

    traits = Traits(per_second=1.0, burst=3)

    def __init__(self, name: str, plugin: Any, timeout: float) -> None:
        self.name = name
        self._plugin = plugin
        self._timeout = timeout

    async def send(self, notification: Notification) -> Receipt:
        kind = "success" if notification.life == "over" else KINDS[notification.severity]
        title, text = notification.title, _without(notification.text, notification.title)
        if not self._plugin.title_maxlen:
            title, text = "", notification.text
        work = asyncio.to_thread(self._notify, title[: self._plugin.title_maxlen or None], self._cut(text), kind)
        try:
            sent = await asyncio.wait_for(work, self._timeout)
        except TimeoutError:
            raise SinkError(
                "ambiguous", f"{self._service}: no answer within {self._timeout:g} s: it may have arrived"
            ) from None
        except Exception as error:
            raise SinkError("retry", f"{self._service}: failed ({type(error).__name__})") from None
        if not sent:
            raise SinkError("retry", f"{self._service}: not accepted; Apprise says no more")
        return Receipt()

    async def probe(self) -> str:
        """Nothing can be reached without a message: what the URL was understood as."""
        return f"{self._service}: configured; only a message can show whether it arrives"

    async def close(self) -> None:
        return

    @property
    def _service(self) -> str:
        return str(self._plugin.service_name)

    def _notify(self, title: str, body: str, kind: str) -> bool:
        return bool(self._plugin.notify(body=body, title=title, notify_type=kind, body_format="text"))

    def _cut(self, text: str) -> str:
        most = int(self._plugin.body_maxlen)
        return text if len(text) <= most else text[: max(0, most - len(CUT))] + CUT


def _without(text: str, title: str) -> str:
    """The text without a first line that the title says already."""
    first, _, rest = text.partition("\n")
    return rest.lstrip("\n") if first == title and rest else text
