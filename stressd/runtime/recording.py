"""The recording at the start of the daemon: what is taken in again of it, and the recorder that goes on with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import structlog

from stressd.feeds.base import Feed
from stressd.feeds.offers import Resumable
from stressd.runtime.catchup import CatchUp
from stressd.runtime.recorder import Recorder
from stressd.runtime.snapshots import Saved
from stressd.store import recordings

if TYPE_CHECKING:
    from stressd.runtime.daemon import Daemon

log = structlog.get_logger()


def recording(d: Daemon, saved: Saved | None) -> tuple[Recorder, CatchUp]:
    """The recorder, not yet started, and what was recorded after `saved`."""
    known = saved.recorded if saved is not None else None
    try:
        number = recordings.mend(d.state / recordings.FOLDER)
    except OSError as error:
        number = 0
        log.warning("recording.unreadable", file=str(error.filename), reason=error.strerror or str(error))
    number = max(number, known or 0)
    model = d.loaded.model
    recorder = Recorder(
        d.state, model.recording, model.disk, number, d.clock.now, lambda: d.feeds.positions() if d.feeds.feeds else {}
    )
    return recorder, CatchUp(d.state, number if known is None else known)


def resume(feeds: Mapping[str, Feed], saved: Saved | None, missed: CatchUp) -> None:
    """Read feeds on from where they were, where they can be."""
    positions = {**(saved.positions if saved is not None else {}), **missed.positions}
    for name, feed in feeds.items():
        if isinstance(feed, Resumable) and name in positions:
            feed.resume(positions[name])
    if missed.count:
        log.info("recording.replayed", ticks=missed.count)
