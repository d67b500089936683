"""Files of rule tests: read, or refused as a configuration is."""

from __future__ import annotations

import tempfile
from pathlib import Path

from stressd.config.faults import ConfigError
from stressd.lab.ruletest.model import read_tests
from tests.fuzz.harness import quick

DESK = (Path(__file__).resolve().parent.parent.parent / "config" / "tests" / "desk.yaml").read_bytes()
SEEDS = [
    DESK,
    b"config: x.yaml\ntests: []\n",
    b"config: x.yaml\ntests:\n  - {name: a, day: 2026-01-20, expect: [], moves: {'*': '+20bp at 10:00'}}\n",
    b"config: x.yaml\ntests:\n  - {name: a, day: 2026-02-30, days: 1e9, expect: [{opened: '25:00 - '}]}\n",
    b"config: ../../../etc/passwd\ntests: [{}]\n",
    b"config: {a: &a [*a]}\n",
    b"\x00",
]


def one(data: bytes) -> None:
    with quick(), tempfile.NamedTemporaryFile(suffix=".yaml") as file:
        Path(file.name).write_bytes(data)
        try:
            read = read_tests(Path(file.name))
        except ConfigError as error:
            assert all(str(fault).startswith(file.name) for fault in error.faults)
            return
        assert len(read.lines) == len(read.tests) > 0
