"""What sinks were not told, and why: listed in their next message and in their digests, so that nothing is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Any, Final

import msgspec

from stressd.alerts.event import DigestItem, Event
from stressd.alerts.routing import is_one_shot
from stressd.alerts.words import series_name
from stressd.engine.spec import SEVERITIES
from stressd.market.times import parse_time

LINES: Final = 5
"""Episodes that a message lists of what was withheld meanwhile; the others are counted."""

MOST: Final = 500
"""Episodes that are kept of each sink; beyond that they are only counted."""

KEEP_NS: Final = 7 * 86_400 * 1_000_000_000
"""How long it is known what was withheld or told in a digest."""


class Entry(msgspec.Struct, kw_only=True):
    """One episode of which one sink was not told. item: as a digest lists it. at: of the newest event, ns UTC.
    thread: the episode in whose messages it is listed, "" for any. digest: the one that it was asked for in, "" where
    it was withheld and is listed in whichever comes first. listed: a message has named it. muted: it was withheld
    because of something larger."""

    item: DigestItem
    at: int
    thread: str = ""
    digest: str = ""
    listed: bool = False
    muted: bool = False


class Receipt(msgspec.Struct, kw_only=True):
    """What a digest last said of an episode to one sink, and when (ns UTC)."""

    severity: str
    state: str
    at: int


class Page(msgspec.Struct, kw_only=True):
    """All that is kept of one sink. entries, receipts: by episode. more: how many did not fit, by reason."""

    entries: dict[str, Entry] = {}
    receipts: dict[str, Receipt] = {}
    more: dict[str, int] = {}


def digest_item(event: Event, why: str | None, before: DigestItem | None = None) -> DigestItem:
    """The episode as of this event, as a digest or a summary lists it. before: its place so far."""
    lead = event.series[0] if event.series else None
    severity = event.severity
    if before is not None and SEVERITIES.index(before.severity) > SEVERITIES.index(severity):
        severity = before.severity
    return DigestItem(
        episode=event.episode,
        market=event.market,
        kind=event.kind,
        time=event.time,
        severity=severity,
        headline=event.headline,
        state="once" if is_one_shot(event) else "over" if event.ends else "open",
        series=lead.series if lead is not None else None,
        change_bp=lead.change_bp if lead is not None else None,
        sigma=lead.sigma if lead is not None else None,
        series_count=len({move.series for move in event.series}),
        why=why,
        events=1 + (before.events if before is not None else 0),
    )


class Ledger:
    """By sink, what it was not told. digests: the sinks that get one; of the others nothing is kept that a message has
    listed."""

    def __init__(self, digests: Collection[str] = ()) -> None:
        self._digests = frozenset(digests)
        self._pages: dict[str, Page] = {}

    def put(
        self, sink: str, event: Event, reason: str | None, *, thread: str = "", digest: str = "", muted: bool = False
    ) -> None:
        """The sink is not told of this event by a message. reason: None where it asked for a digest instead."""
        page = self._pages.setdefault(sink, Page())
        at = parse_time(event.time)
        self._forget(page, at)
        known = page.entries.get(event.episode)
        item = digest_item(event, reason, known.item if known is not None else None)
        receipt = page.receipts.get(event.episode)
        if reason is None and known is None and receipt is not None and _same(receipt, item):
            return
        if known is None and len(page.entries) >= MOST:
            page.more[reason or ""] = page.more.get(reason or "", 0) + 1
            return
        page.entries[event.episode] = Entry(item=item, at=at, thread=thread, digest=digest, muted=muted)

    def follow(self, event: Event) -> None:
        """What has become of an episode that is listed somewhere: its state only, nobody is told."""
        for sink, page in self._pages.items():
            entry = page.entries.get(event.episode)
            if entry is not None:
                after = digest_item(event, entry.item.why, entry.item)
                entry.item = msgspec.structs.replace(after, events=entry.item.events)
                entry.at = parse_time(event.time)
                self._drop_if_done(sink, page, entry)

    def awaits_end(self, episode: str) -> list[str]:
        """The sinks that know of the episode only from a digest, which said that it goes on."""
        return [
            sink
            for sink, page in self._pages.items()
            if episode not in page.entries
            and (receipt := page.receipts.get(episode)) is not None
            and receipt.state == "open"
        ]

    def muting(self, episode: str) -> list[str]:
        """The sinks that were not told of the episode because of something larger."""
        return [
            sink
            for sink, page in self._pages.items()
            if (entry := page.entries.get(episode)) is not None and entry.muted and entry.item.state == "open"
        ]

    def kept(self, sink: str, episode: str) -> Entry | None:
        """What the sink was not told of the episode. To be read, not changed."""
        page = self._pages.get(sink)
        return page.entries.get(episode) if page is not None else None

    def tell(self, sink: str, episode: str) -> tuple[str, ...]:
        """The sink gets a message about `episode`, which says all that was withheld of that: the lines of what else it
        was not told meanwhile."""
        page = self._pages.get(sink)
        if page is None:
            return ()
        page.entries.pop(episode, None)
        page.receipts.pop(episode, None)
        due = [
            entry
            for entry in page.entries.values()
            if not entry.listed and entry.item.why is not None and entry.thread in ("", episode)
        ]
        for entry in due:
            entry.listed = True
            self._drop_if_done(sink, page, entry)
        more = Counter({reason: count for reason, count in page.more.items() if reason})
        if sink not in self._digests:
            page.more = {}
        return _lines([entry.item for entry in due], more if due else Counter())

    def release(self, thread: str) -> None:
        """No further message will come in this thread: what waits for it is listed in any."""
        for page in self._pages.values():
            for entry in page.entries.values():
                if entry.thread == thread:
                    entry.thread = ""

    def take(self, sink: str, digest: str, at: int) -> tuple[list[DigestItem], int]:
        """What that digest tells the sink, oldest first, and how much more there was. Told once."""
        page = self._pages.get(sink)
        if page is None:
            return [], 0
        due = [entry for entry in page.entries.values() if entry.digest in ("", digest)]
        for entry in due:
            item = entry.item
            del page.entries[item.episode]
            page.receipts[item.episode] = Receipt(severity=item.severity, state=item.state, at=at)
        more = sum(page.more.values())
        page.more = {}
        self._forget(page, at)
        return [entry.item for entry in sorted(due, key=lambda entry: (entry.at, entry.item.episode))], more

    def counts(self) -> list[tuple[str, str, int]]:
        """(sink, why, how many episodes) of what it was not told and no digest has told; "" for what is for a
        digest."""
        found = Counter(
            (sink, entry.item.why or "") for sink, page in self._pages.items() for entry in page.entries.values()
        )
        for sink, page in self._pages.items():
            for why, count in page.more.items():
                found[sink, why] += count
        return [(sink, why, count) for (sink, why), count in sorted(found.items())]

    def waiting(self) -> dict[str, list[DigestItem]]:
        """By sink, what it was not told and no digest has told. To be read, not changed."""
        return {sink: [entry.item for entry in page.entries.values()] for sink, page in self._pages.items()}

    def snapshot(self) -> dict[str, Any]:
        """The state as plain data for JSON."""
        kept = {sink: page for sink, page in self._pages.items() if page.entries or page.receipts or page.more}
        return {"pages": msgspec.to_builtins(kept)}

    def restore(self, state: dict[str, Any], digests: Collection[str]) -> None:
        """Continue from a snapshot. digests: names of those that there are now; what waits for another one is listed in
        whichever comes, or in the next message. Raises msgspec.ValidationError on any other data."""
        self._pages = msgspec.convert(state["pages"], type=dict[str, Page])
        for sink, page in self._pages.items():
            for entry in page.entries.values():
                if entry.digest not in digests:
                    entry.digest = ""
                if entry.item.why is None and sink not in self._digests:
                    why = "the digest that it was for is not configured any more"
                    entry.item = msgspec.structs.replace(entry.item, why=why)

    def _drop_if_done(self, sink: str, page: Page, entry: Entry) -> None:
        """What a message has listed waits for a digest, if there will be one; what was muted also for its end: should
        the reason be taken back, it is told after all."""
        if entry.listed and sink not in self._digests and not (entry.muted and entry.item.state == "open"):
            del page.entries[entry.item.episode]

    def _forget(self, page: Page, now: int) -> None:
        for episode in [name for name, each in page.receipts.items() if now - each.at > KEEP_NS]:
            del page.receipts[episode]
        for episode in [name for name, each in page.entries.items() if now - each.at > KEEP_NS]:
            del page.entries[episode]


def _same(receipt: Receipt, item: DigestItem) -> bool:
    """Whether a digest has said as much already."""
    return receipt.state == item.state and SEVERITIES.index(receipt.severity) >= SEVERITIES.index(item.severity)


def subject(item: DigestItem) -> str:
    """ "US 10Y", or the market, or the headline of what has neither."""
    return series_name(item.series) if item.series else item.market or item.headline


def _lines(items: Iterable[DigestItem], more: Counter[str]) -> tuple[str, ...]:
    """ "US 10Y warn (followed JP)", the most severe first."""
    ranked = sorted(items, key=lambda item: -SEVERITIES.index(item.severity))
    lines = [f"{subject(item)} {item.severity} ({item.why})" for item in ranked[:LINES]]
    for item in ranked[LINES:]:
        more[item.why or ""] += 1
    if more:
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(more.items()))
        lines.append(f"and {sum(more.values())} more: {reasons}")
    return tuple(lines)
