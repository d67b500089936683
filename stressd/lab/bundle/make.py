"""Making a bundle: all of one episode into a folder, replayed once to see whether it says the same, and packed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path
from platform import python_version
from typing import Any, Final

import msgspec

from stressd import METHOD, __version__
from stressd.alerts.event import to_json
from stressd.lab.bundle.archive import held, pack
from stressd.lab.bundle.check import Told, checked
from stressd.lab.bundle.collect import MOST, Collected, collect
from stressd.lab.bundle.manifest import EVENTS, FORMAT, BundleError, Check, Manifest, packages
from stressd.lab.bundle.run import Detectors, replayed
from stressd.market.times import iso
from stressd.store import Store, StoreError
from stressd.store.rows import Episode
from stressd.store.shown import as_json
from stressd.store.snapshotfile import Damaged

PATIENCE: Final = 120.0
"""Seconds that the replay gets."""

WITHHELD: Final = dict.fromkeys(("last_error", "remote_ref", "detail"))
"""Of a delivery: what the other side said, which names hosts, channels and recipients."""

README: Final = """\
An incident bundle of stressd {version}: episode {episode} of {instance}.

  stressd replay {file}             the events again, in words
  stressd replay {file} --json      the same bytes that were told, if the verdict below says so

{verdict}

manifest.json     versions, sums, what is missing and why
episode.json      the episode as the store has it
events.ndjson     every event that was told from {start} to {end}, in order
deliveries.ndjson to which sinks they went, when, and after how many attempts
people.ndjson     who acknowledged or labelled it
state-N.snapshot  what the engine and the episodes knew before
ticks-N.csv       every tick that came then: `stressd replay` reads it by itself too
inputs-N.ndjson   what else came among the ticks: commands, stalls, notes about feeds
config-N.json     the configuration without secrets, addresses and holdings
"""


def make(
    state: Path, store: Store, episode: Episode, to: Path, detectors: Detectors, now: int, *,
    most: int = MOST, patience: float = PATIENCE,
) -> Manifest:  # fmt: skip
    """Write the bundle of an episode to the file `to`. now: ns UTC; most: bytes of ticks and states; patience: seconds
    of the replay, 0 for none. Raises BundleError."""
    try:
        with tempfile.TemporaryDirectory(prefix=".stressd-bundle-", dir=to.parent) as name:
            folder = Path(name)
            found = collect(state, episode, folder, now, most)
            _write_store(store, episode, found, folder)
            check = None
            if found.segments and patience > 0.0:
                told = Told(folder, version=False)
                try:
                    check = checked(told, replayed(folder, found.segments, detectors), patience)
                except BundleError as error:
                    found.missing.append(f"the replay: {error}")
            manifest = _manifest(store, episode, found, check, now)
            (folder / "README.txt").write_text(_readme(manifest, to), encoding="utf-8")
            files = sorted(folder.iterdir(), key=lambda each: (each.name != "README.txt", each.name))
            manifest = msgspec.structs.replace(manifest, files=[held(each) for each in files])
            pack(folder, manifest, to)
            return manifest
    except Damaged as error:
        raise BundleError(f"the state of the engine that it would begin with is damaged: {error}") from None
    except StoreError as error:
        raise BundleError(str(error)) from None
    except (OSError, EOFError) as error:
        place = getattr(error, "filename", None) or to
        raise BundleError(f"{place}: {getattr(error, 'strerror', None) or error}") from None


def _write_store(store: Store, episode: Episode, found: Collected, folder: Path) -> None:
    events = store.told_after(found.last, found.end)
    if not found.segments:
        events = [to_json(each).decode() for each in store.events_of(episode.id)]
    (folder / EVENTS).write_text("".join(text + "\n" for text in events), encoding="utf-8")
    (folder / "episode.json").write_bytes(msgspec.json.format(msgspec.json.encode(as_json(episode))) + b"\n")
    deliveries = store.deliveries(episode=episode.id)
    _lines(folder / "deliveries.ndjson", ({**as_json(each), **WITHHELD} for each in deliveries))
    _lines(folder / "people.ndjson", (as_json(each) for each in store.actions(subject=episode.id)))


def _lines(file: Path, rows: Iterable[dict[str, Any]]) -> None:
    file.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))


def _manifest(store: Store, episode: Episode, found: Collected, check: Check | None, now: int) -> Manifest:
    if check is not None:
        verdict = f"Replayed when it was made, it was {check.text()}."
    elif found.segments:
        verdict = "It was not replayed when it was made."
    else:
        verdict = f"It cannot be replayed: {'; '.join(found.missing)}."
    events = store.events_of(episode.id)
    return Manifest(
        format=FORMAT,
        stressd=__version__,
        method=METHOD,
        instance=events[0].instance if events else "",
        episode=episode.id,
        made=now,
        start=found.start,
        end=found.end,
        opened=episode.opened_at,
        closed=episode.closed_at,
        python=python_version(),
        packages=packages(),
        segments=found.segments,
        missing=found.missing,
        check=check,
        verdict=verdict,
        files=[],
    )


def _readme(manifest: Manifest, to: Path) -> str:
    missing = "".join(f"\nNot in it: {each}." for each in manifest.missing)
    return README.format(
        version=manifest.stressd,
        episode=manifest.episode,
        instance=manifest.instance,
        file=to.name,
        verdict=manifest.verdict + missing,
        start=iso(manifest.start) if manifest.start else iso(manifest.opened),
        end=iso(manifest.end),
    )
