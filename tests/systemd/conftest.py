"""A desk under a real systemd: the release installed as its page says, a broker, someone who listens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.systemd.host import Host
from tests.systemd.machine import Machine, missing


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Machine]:
    """With the release in /srv/release."""
    if why := missing():
        pytest.skip(why)
    release: Path = request.getfixturevalue("release")
    with Machine(tmp_path_factory.mktemp("systemd") / "machine", {release.parent: "/srv/release"}) as one:
        yield one


@pytest.fixture(scope="session")
def host(machine: Machine, root: Path, release: Path) -> Host:
    """With stressd as a service, its broker, its receiver of messages, and one open episode."""
    made = Host(machine)
    made.install(root, f"/srv/release/{release.name}")
    made.start_desk()
    made.open_an_episode()
    return made
