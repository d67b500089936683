"""An image, built once from the release by the commands of its page on a small Debian made here."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.container import rootfs
from tests.container.engine import Engine, missing
from tests.pages import commands


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    if why := missing():
        pytest.skip(why)
    # podman's sockets have long names: in a deeper folder each of its commands waits 20 s for one that it cannot make
    with Engine(Path(tempfile.mkdtemp(prefix="sc-"))) as one:
        yield one


@pytest.fixture(scope="session")
def base(engine: Engine) -> str:
    """A base image that has Python: no mirror and no registry is asked."""
    if why := rootfs.missing():
        pytest.skip(why)
    rootfs.write(engine.folder / "base.tar")
    engine.run("podman import --quiet base.tar base; rm base.tar")
    return "base"


@pytest.fixture(scope="session")
def image(engine: Engine, base: str, root: Path, release: Path) -> str:
    shutil.copytree(release, engine.folder / release.name)
    [build] = commands(root / "docs/container.md", "Build")
    engine.run(f"cd {release.name}\n{build}", BASE=base)
    return release.name.replace("-", ":")
