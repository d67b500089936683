"""Rules that run beside those at work and tell nobody: the section `shadow`, and the file that it names."""

from __future__ import annotations

from typing import Final

from pydantic import model_validator

from stressd.config.fields import Duration, File, KeyFault, Model, written

HOUR: Final = 3_600_000_000_000
DAY: Final = 24 * HOUR
LONGEST: Final = 90 * DAY

NOT_HEARD: Final = (
    "instance", "state_dir", "listen", "page_url", "tokens", "links", "health", "heartbeat", "probe", "log", "aliases",
    "feeds",
)  # fmt: skip
"""What such a file may say, if it is a whole configuration, and is not heard of it: the ticks, the names of series and
whoever speaks are the same."""


class ShadowConfig(Model):
    """Rules on trial: they see the same ticks as those at work, and tell nobody. `stressd shadow` says what would have
    differed."""

    file: File
    """The rules on trial, relative to this file: a whole configuration, or only the sections that are different.
    Example: `candidate.yaml`."""
    length: Duration = written("10d", alias="for")
    """How long; then one note about stressd itself sums up what differed, and they stop. At most 90d."""

    @model_validator(mode="after")
    def _bounded(self) -> ShadowConfig:
        if not HOUR <= self.length <= LONGEST:
            raise KeyFault("for", "`for` is at least an hour (1h) and at most 90 days (90d)")
        return self
