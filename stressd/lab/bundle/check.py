"""Whether a replay of a bundle gives what was told, event by event."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from stressd.alerts.event import Event, to_json
from stressd.engine.form import COMPILED
from stressd.lab.bundle.manifest import EVENTS, BundleError, Check


class Told:
    """The events of a bundle as they were told, by id. start: those of that very instant may have been told before it
    began (ns UTC)."""

    def __init__(self, folder: Path, *, version: bool) -> None:
        self._version = version
        self._left: dict[str, bytes] = {}
        self._same = 0
        self._other: list[str] = []
        self._further: list[str] = []
        try:
            for line in (folder / EVENTS).read_bytes().split(b"\n"):
                if line:
                    self._left[str(msgspec.json.decode(line, type=dict)["id"])] = line
        except (OSError, msgspec.MsgspecError, LookupError, RecursionError) as error:
            raise BundleError(f"{EVENTS} cannot be read: {error}") from None
        self._told = len(self._left)

    def take(self, event: Event) -> None:
        """One that the replay gave."""
        line = self._left.pop(event.id, None)
        if line is None:
            self._further.append(event.id)
        elif to_json(event) == line or (self._version and _alike(event, line)):
            self._same += 1
        else:
            self._other.append(event.id)

    def verdict(self, *, whole: bool = True) -> Check:
        """After the last one."""
        return Check(
            told=self._told, same=self._same, other=self._other, missed=list(self._left), further=self._further,
            whole=whole, version=self._version, engine="compiled" if COMPILED else "interpreted",
        )  # fmt: skip


def _alike(event: Event, line: bytes) -> bool:
    said = msgspec.json.decode(line, type=dict)
    return bool(msgspec.json.decode(to_json(msgspec.structs.replace(event, version=said["version"]))) == said)


def checked(told: Told, events: Iterable[Event], seconds: float) -> Check:
    """What a replay gives within so many seconds."""
    began = time.monotonic()
    for event in events:
        told.take(event)
        if time.monotonic() - began > seconds:
            return told.verdict(whole=False)
    return told.verdict()


def following(told: Told, events: Iterable[Event]) -> Iterator[Event]:
    """The same events, each compared on its way."""
    for event in events:
        told.take(event)
        yield event
