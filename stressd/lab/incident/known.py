"""What a state directory knows of the configuration that the daemon works by: calendars and budgets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from stressd.config.faults import ConfigError
from stressd.config.replayable import revived
from stressd.config.rules import DetectorConfig
from stressd.engine.spec import EngineSpec
from stressd.store import snapshotfile


def known_spec(state: Path, detectors: dict[str, type[DetectorConfig]]) -> EngineSpec | None:
    """Markets and rules as of the newest state of the engine; None where there is none that can be read. detectors:
    that this machine has."""
    for name in (snapshotfile.NAME, snapshotfile.OLD):
        try:
            _, rest = snapshotfile.peek(state / name)
            data = rest["beside"]["data"]
            if isinstance(data, Mapping):
                return revived(data, detectors).engine
        except (snapshotfile.Damaged, FileNotFoundError, LookupError, TypeError, ConfigError):
            continue
    return None
