"""Datagrams to the service manager, read from a real socket."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from stressd.runtime.sdnotify import Systemd


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        name = f"stressd-test-{os.getpid()}-{tmp_path.name}"
        path = str(tmp_path / "notify")
        sock.bind("\0" + name if request.param == "abstract" else path)
        sock.settimeout(2.0)
        yield sock, "@" + name if request.param == "abstract" else path


def test_every_state_reaches_the_socket(manager: tuple[socket.socket, str]) -> None:
    sock, address = manager
    systemd = Systemd({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "2000000", "WATCHDOG_PID": str(os.getpid())})
    assert systemd.interval == 2.0
    systemd.ready("2 feeds\nconnected")
    systemd.status("2 feeds\nconnected")
    systemd.status("blind")
    systemd.beat()
    systemd.beat()
    systemd.reloading()
    systemd.stopping()
    systemd.close()
    said = [sock.recv(4096).decode() for _ in range(5)]
    assert said[0] == "READY=1\nSTATUS=2 feeds connected\nWATCHDOG_USEC=2000000"
    assert said[1] == "STATUS=blind"
    assert said[2] == "WATCHDOG=1"
    assert said[3].startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert said[3].endswith("\nWATCHDOG_USEC=12000000"), "and the next READY=1 sets it back"
    assert said[4].startswith("STOPPING=1\nWATCHDOG_USEC=0\n")


@pytest.mark.parametrize(
    "environ",
    [{}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "soon"}, {"WATCHDOG_USEC": "5000000", "WATCHDOG_PID": "1"}],
)
def test_without_a_watchdog_of_ours_nothing_is_beaten(environ: dict[str, str]) -> None:
    systemd = Systemd(environ)
    assert systemd.interval is None
    systemd.beat()


def test_a_manager_that_has_gone_stops_nothing(tmp_path: Path) -> None:
    systemd = Systemd({"NOTIFY_SOCKET": str(tmp_path / "nobody")})
    systemd.ready("at work")
    systemd.close()
    systemd.stopping()
