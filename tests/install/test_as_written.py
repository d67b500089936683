"""docs/install.md, upgrade.md and standby.md, run as they are written, on a machine with a real systemd."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stressd import __version__
from stressd.store.schema import VERSION
from tests.pages import commands
from tests.releasing import environment
from tests.systemd.machine import Machine, missing

NEWER = "99.0.0"
PLACES = ("release", "stressd", "config", "docs", "systemd", "requirements")
FILES = ("pyproject.toml", "setup.py", "README.md", "LICENSE", "CHANGELOG.md", "Dockerfile")


@pytest.fixture(scope="module")
def newer(root: Path, release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release of a later version: these sources with another number, and one more step of the store's tables."""
    sources, out = tmp_path_factory.mktemp("newer"), tmp_path_factory.mktemp("later")
    for name in PLACES:
        shutil.copytree(root / name, sources / name, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    for name in FILES:
        shutil.copy(root / name, sources)
    package, schema = sources / "stressd/__init__.py", sources / "stressd/store/schema.py"
    package.write_text(package.read_text().replace(f'"{__version__}"', f'"{NEWER}"'))
    text, count = re.subn(
        r"^(STEPS: Final = \(.*)\)$", r'\1, "CREATE TABLE later (n INTEGER) STRICT")', schema.read_text(), flags=re.M
    )
    assert count == 1
    schema.write_text(text)
    work = release.parent.parent / "work"
    command = [sys.executable, "-m", "release", "--out", str(out), "--work", str(work)]
    done = subprocess.run(command, cwd=sources, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return out / f"stressd-{NEWER}"


class Written:
    """The pages on one machine."""

    def __init__(self, machine: Machine, root: Path) -> None:
        self.machine = machine
        self._docs = root / "docs"

    def block(self, page: str, heading: str, number: int = 0, *, inside: str = "/", **named: str) -> str:
        """Runs one block of commands in a folder; what it printed. named: other values than the page's for its
        variables."""
        script = commands(self._docs / f"{page}.md", heading)[number]
        for name, value in named.items():
            script, count = re.subn(rf"^{name}=.*$", f"{name}={value}", script, flags=re.M)
            assert count == 1, name
        return self.machine.run(f"cd {inside}\n{script}", timeout=170).stdout

    def status(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.machine.run("stressd status --json", check=False).stdout)
        return found

    def active(self) -> bool:
        return self.machine.run("systemctl is-active stressd", check=False).stdout == "active\n"


@pytest.fixture(scope="module")
def written(root: Path, release: Path, newer: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Written]:
    if why := missing():
        pytest.skip(why)
    shown = {release.parent: "/srv/release", newer.parent: "/srv/newer"}
    with Machine(tmp_path_factory.mktemp("written") / "machine", shown) as machine:
        yield Written(machine, root)


def test_a_release_is_installed_and_started(written: Written, release: Path) -> None:
    inside = f"/srv/release/{release.name}"
    said = written.block("install", "The program", inside=inside)
    assert said.startswith(f"stressd {__version__} (engine ")
    written.block("install", "The configuration", 0, inside=inside)
    written.block("install", "The configuration", 1, inside=inside)
    secret = written.machine.said("stat -c '%a %s' /etc/stressd/secrets/mqtt_password")
    assert secret == "600 13"
    said = written.block("install", "The first start", 0, inside=inside)
    assert "Active: active (running)" in said
    assert "0 of 1 feeds connected" in said
    said = written.block("install", "The first start", 1)
    assert said.startswith("BLIND: minimal ")
    assert said.endswith("blind, or warming up: the reasons are above\n")


def test_an_upgrade_takes_over_the_state_and_leaves_a_copy(written: Written, newer: Path) -> None:
    inside = f"/srv/newer/{newer.name}"
    written.block("upgrade", "Upgrade", 0, inside=inside)
    assert written.status()["version"] == __version__
    listed = written.machine.run("/opt/stressd-99.0.0/bin/stressd deliveries list", check=False)
    assert "is of an older version: restart it with this one" in listed.stderr
    said = written.block("upgrade", "Upgrade", 1, inside=inside).splitlines()
    assert said[0] == f"stressd-{__version__}"
    assert said[-1].startswith(f"stressd {NEWER} ")
    assert written.status()["version"] == NEWER
    assert written.machine.run(f"test -f /var/lib/stressd/stressd.db.v{VERSION}").returncode == 0
    assert f"stressd.db.v{VERSION}" in written.machine.said("journalctl -u stressd -o cat | grep migrated")


def test_the_old_release_comes_back_with_the_state_of_before(written: Written) -> None:
    with pytest.raises(AssertionError, match="systemctl status stressd"):
        written.block("upgrade", "Roll back", 0, old=f"stressd-{__version__}")
    assert written.machine.said("systemctl show stressd --value -p NRestarts") == "0"
    assert "was written by a newer stressd" in written.machine.said("journalctl -u stressd -o cat -n 20")
    script = commands(written._docs / "upgrade.md", "Roll back")[1].replace("stressd.db.v1", f"stressd.db.v{VERSION}")
    written.machine.run(f"new=stressd-{NEWER}\n{script}")
    assert written.active()
    assert written.status()["version"] == __version__
    assert len(written.machine.said("ls -d /var/lib/stressd/before-restore-*").splitlines()) == 1


def test_a_standby_takes_over_and_gives_back(written: Written) -> None:
    written.block("standby", "Take over", 0)
    assert not written.active()
    written.block("standby", "Set up", 0)
    assert written.block("standby", "Set up", 1).startswith("STANDBY since 2")
    assert "STANDBY" in written.machine.said("systemctl status --no-pager stressd")
    said = written.block("standby", "Take over", 1)
    assert said.startswith("This daemon tells people from now on")
    written.machine.run("systemctl restart stressd")
    assert not written.machine.run("stressd status", check=False).stdout.startswith("STANDBY")
    said = written.block("standby", "Back again")
    assert said == "It is a standby at its next start, and tells nobody.\n"
    assert written.machine.run("stressd status", check=False).stdout.startswith("STANDBY")


def test_nothing_stays_after_it_is_uninstalled(written: Written) -> None:
    written.block("install", "Uninstall")
    left = written.machine.said(
        "ls -d /opt/stressd* /etc/stressd* /etc/systemd/system/stressd* /var/lib/stressd* /var/lib/private/stressd* "
        "/usr/local/bin/stressd 2>/dev/null || true"
    )
    assert left == ""
