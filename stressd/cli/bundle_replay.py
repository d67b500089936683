"""`stressd replay BUNDLE`: an incident again, on any machine, and whether it says what was told then."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from stressd import __version__
from stressd.alerts.event import Event, to_json
from stressd.alerts.notification import Telling
from stressd.alerts.render import render
from stressd.cli.errors import UserError
from stressd.cli.replay_page import Past, show
from stressd.config.load import Loaded
from stressd.lab.bundle.archive import unpacked
from stressd.lab.bundle.check import Told, following
from stressd.lab.bundle.manifest import BundleError, Manifest, packages
from stressd.lab.bundle.run import REFUSALS, before, configured, ready, replayed, same_version, ticks_of
from stressd.market.tick import Tick
from stressd.market.times import iso
from stressd.runtime.outbox import machine_state
from stressd.runtime.registry import registry
from stressd.runtime.snapshots import Saved


def replay_bundle(args: argparse.Namespace) -> int:
    """Exit status: 1 where the events are not those that were told. Raises UserError."""
    if len(args.files) > 1:
        raise UserError("a bundle is replayed by itself: it brings its own ticks")
    if args.config is not None or args.measures or args.quality:
        raise UserError(
            "a bundle brings its own configuration: `-c`, `--measures` and `--quality` are for the ticks-N.csv in it "
            "(tar xzf)"
        )
    try:
        with unpacked(Path(args.files[0])) as (manifest, folder):
            ready(args.files[0], manifest)
            _tell_apart(manifest)
            if args.page:
                return _page(manifest, folder, args)
            told = Told(folder, version=not same_version(manifest))
            if not args.json:
                print(f"{_about(manifest)}\n")
            for event in following(told, replayed(folder, manifest.segments, registry().detectors)):
                sys.stdout.write(to_json(event).decode() + "\n" if args.json else text_of(event) + "\n\n")
            check = told.verdict()
    except BundleError as error:
        raise UserError(str(error)) from None
    sys.stdout.flush()
    print(f"{check.text()[:1].upper()}{check.text()[1:]}.", file=sys.stderr if args.json else sys.stdout)
    return 0 if check.identical else 1


def _page(manifest: Manifest, folder: Path, args: argparse.Namespace) -> int:
    """Its ticks on the page, from the first of its states."""
    loaded, ticks, past = playable(manifest, folder)
    return show(loaded, ticks, args, past)


def playable(manifest: Manifest, folder: Path) -> tuple[Loaded, list[Tick], Past]:
    """What of a bundle plays on the page: what people did and what was noted of feeds meanwhile does not. Raises
    BundleError."""
    first, detectors = manifest.segments[0], registry().detectors
    try:
        loaded, pipeline = configured(folder, first, detectors), before(folder, first, detectors)
        parts = [ticks_of(folder / each.file("ticks", "csv")) for each in manifest.segments]
        ticks = [tick for part in parts for batch in part for tick in batch]
    except (*REFUSALS, OSError) as error:
        raise BundleError(f"it cannot be played: {error}") from None
    if not ticks:
        raise BundleError("there is no tick in it")
    saved = Saved(first.at, pipeline.engine.snapshot())
    return loaded, sorted(ticks, key=lambda tick: tick.received), Past(saved, machine_state(pipeline))


def text_of(event: Event) -> str:
    """An event as a line for people."""
    told = render(event, Telling(first=event.seq == 1))
    return f"{event.time}  {told.severity.upper()}  {told.text}"


def _about(manifest: Manifest) -> str:
    ticks = sum(segment.ticks for segment in manifest.segments)
    return (
        f"A replay of {manifest.episode} of {manifest.instance}, {iso(manifest.start)} to {iso(manifest.end)}: "
        f"{ticks:,} ticks. Nobody is told."
    )


def _tell_apart(manifest: Manifest) -> None:
    """What of this machine may make a difference, on standard error."""
    if not same_version(manifest):
        print(
            f"stressd: this bundle was made by stressd {manifest.stressd}, this is {__version__}: each event names the "
            "version that made it, and is compared without that",
            file=sys.stderr,
        )
    here = packages()
    other = [
        f"{name} {version} (here {here.get(name, 'none')})"
        for name, version in manifest.packages.items()
        if here.get(name) != version and name in here
    ]
    if other:
        print(f"stressd: it was made with {', '.join(other)}", file=sys.stderr)
    for text in manifest.missing:
        print(f"stressd: not in it: {text}", file=sys.stderr)
