"""Signed, expiring links: what a reader of a message may do about its episode, without an account.

Whoever holds a link may do that one thing until it expires, and nothing else: the signature is an HMAC-SHA256 over
episode, deed, sink and expiry.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from urllib.parse import urlencode

from stressd.alerts.event import Event
from stressd.alerts.notification import Action
from stressd.alerts.people.commands import LabelWord
from stressd.alerts.routing import is_one_shot

PATH: Final = "/act"
SECOND: Final = 1_000_000_000
ACK_NS: Final = 30 * 60 * SECOND
SILENCE_NS: Final = 2 * 3_600 * SECOND
ACK: Final = "ack-30m"
SILENCE: Final = "silence-2h"
LABEL_OF: Final[Mapping[str, LabelWord]] = {"useful": "useful", "noise": "noise", "bad-data": "bad data"}
"""Deeds that are labels."""

WORDS: Final = {ACK: "ack 30m", SILENCE: "silence 2h", **LABEL_OF}
"""What a deed is called in a message."""

_TEXT: Final = 200
"""Longest value of a link's parameter; nothing of ours is longer."""


class LinkError(Exception):
    """A link that is not honoured: the text says why. expired: it was ours once."""

    def __init__(self, text: str, *, expired: bool = False) -> None:
        super().__init__(text)
        self.expired = expired


@dataclass(frozen=True, slots=True)
class Link:
    """What one link allows. deed: one of WORDS; sink: through which the message went; expires: Unix time, s."""

    episode: str
    deed: str
    sink: str
    expires: int


class Signer:
    """Makes and checks links with one key. expire: s after which a link is worth nothing."""

    def __init__(self, key: bytes, expire: int) -> None:
        self._key = key
        self._expire = expire

    def url(self, page_url: str, episode: str, deed: str, sink: str, now: int) -> str:
        """The address of a link. now: Unix time, s."""
        link = Link(episode, deed, sink, now + self._expire)
        query = {"e": link.episode, "d": link.deed, "s": link.sink, "x": str(link.expires), "k": self._mark(link)}
        return f"{page_url.rstrip('/')}{PATH}?{urlencode(query)}"

    def read(self, query: Mapping[str, str], now: int) -> Link:
        """The link behind a query. now: Unix time, s. Raises LinkError."""
        values = [query.get(key, "") for key in ("e", "d", "s", "x", "k")]
        episode, deed, sink, expires, mark = values
        whole = all(values) and max(map(len, values)) <= _TEXT and expires.isascii() and expires.isdigit()
        if not whole or deed not in WORDS:
            raise LinkError("This link is not complete: copy all of it from the message.")
        link = Link(episode, deed, sink, int(expires))
        if str(link.expires) != expires or not hmac.compare_digest(
            self._mark(link).encode(), mark.encode("utf-8", "surrogateescape")
        ):
            raise LinkError("This link was not made by this stressd, or it was changed on the way.")
        if now > link.expires:
            raise LinkError("This link has expired.", expired=True)
        return link

    def _mark(self, link: Link) -> str:
        said = "\x1f".join((link.episode, link.deed, link.sink, str(link.expires)))
        digest = hmac.digest(self._key, said.encode("utf-8", "surrogatepass"), sha256)
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def deeds(event: Event) -> tuple[str, ...]:
    """What is offered beside an event: nothing of an exercise or of a summary, labels alone of what is over."""
    if event.origin != "live" or event.rule in _NEVER or event.type in _SUMMARIES:
        return ()
    labels = tuple(LABEL_OF) if event.kind == "market" else ()
    if event.type in ("resolved", "corrected") or is_one_shot(event):
        return labels
    return (SILENCE, *labels) if event.acknowledged is not None else (ACK, SILENCE, *labels)


def actions(signer: Signer, page_url: str, event: Event, sink: str, now: int) -> tuple[Action, ...]:
    """The links of one message to one sink. now: Unix time, s."""
    return tuple(Action(WORDS[deed], signer.url(page_url, event.episode, deed, sink, now)) for deed in deeds(event))


_NEVER: Final = ("probe",)
"""Rules of events that are no news."""

_SUMMARIES: Final[Collection[str]] = ("digest",)
"""Types of events that are about many episodes."""
