"""What the daemon leaves on a disk, and whom it lets at it."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from stressd.runtime.build import BuildError
from stressd.runtime.hardening import own
from tests.runtime.desk import desk_in
from tests.runtime.test_process import started


async def test_everything_that_the_daemon_makes_is_its_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        async with desk_in(tmp_path) as desk, started(desk) as process:
            made = [desk.state, *desk.state.rglob("*")]
            modes = {str(path): stat.S_IMODE(path.lstat().st_mode) for path in made}
            limits = Path(f"/proc/{process.process.pid}/limits").read_text()
            status, _ = await process.end()
    finally:
        os.umask(before)
    assert status == 0
    assert modes.pop(str(desk.state / "stressd.sock")) == 0o660
    assert {mode & 0o077 for mode in modes.values()} == {0}, modes
    assert [line for line in limits.splitlines() if line.startswith("Max core file size")][0].split()[4:6] == ["1", "1"]


async def test_a_daemon_that_is_aborted_leaves_no_core_and_says_where_it_was_without_variables(tmp_path: Path) -> None:
    async with desk_in(tmp_path) as desk, started(desk) as process:
        process.process.send_signal(signal.SIGABRT)
        _, told = await asyncio.wait_for(process.process.communicate(), 30)
    assert process.process.returncode == -signal.SIGABRT
    assert b"Current thread" in told
    assert not [path for path in (*tmp_path.rglob("core*"), *Path.cwd().glob("core*")) if path.is_file()]


def test_the_limit_of_cores_keeps_the_kernel_from_writing_one(tmp_path: Path) -> None:
    code = "from stressd.runtime.hardening import harden; harden(); import os; os.abort()"

    def raised() -> None:
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))

    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, preexec_fn=raised, env=environ)
    assert ended.returncode == -signal.SIGABRT
    assert list(tmp_path.iterdir()) == []


def test_a_state_directory_that_others_may_write_is_closed(tmp_path: Path) -> None:
    open_to_all = tmp_path / "state"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    own(open_to_all)
    assert stat.S_IMODE(open_to_all.stat().st_mode) == 0o750
    own(tmp_path / "new" / "one")
    assert stat.S_IMODE((tmp_path / "new" / "one").stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: a directory is given to another user")
def test_a_state_directory_of_somebody_else_is_refused(tmp_path: Path) -> None:
    theirs = tmp_path / "state"
    theirs.mkdir(mode=0o700)
    os.chown(theirs, 12_345, 12_345)
    with pytest.raises(BuildError, match="belongs to another user"):
        own(theirs)


async def test_a_link_in_place_of_a_file_leads_no_write_elsewhere(tmp_path: Path) -> None:
    """The socket's place and the key of links: what was planted there is replaced or refused, never followed."""
    precious = tmp_path / "precious"
    precious.write_text("precious")
    async with desk_in(tmp_path) as desk:
        desk.state.mkdir(mode=0o700)
        (desk.state / "stressd.sock").symlink_to(precious)
        (desk.state / "links.key").symlink_to(precious)
        async with started(desk, ready=False) as process:
            _, told = await asyncio.wait_for(process.process.communicate(), 30)
    assert precious.read_text() == "precious"
    assert b"is no key of links" in told
