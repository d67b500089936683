"""What systemd is told: sd_notify(3) datagrams over $NOTIFY_SOCKET."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from typing import Final

USEC: Final = 1_000_000

RELOADING: Final = 6
"""Intervals of the watchdog that a reload may take."""


class Systemd:
    """The service manager, or nobody where there is none. Never raises: a lost datagram must not stop an alert.

    interval: seconds within which `beat` must be called, from WATCHDOG_USEC; None where no watchdog watches this
    process.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._socket: socket.socket | None = None
        self._address: str | bytes = ""
        self.interval = _watchdog_interval(environ)
        address = environ.get("NOTIFY_SOCKET", "")
        if address.startswith(("/", "@")):
            self._address = b"\0" + os.fsencode(address[1:]) if address.startswith("@") else address
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)
        self._beaten = 0.0
        self._status = ""

    def ready(self, status: str) -> None:
        """Started, or reloaded: at work again."""
        self._status = status
        self._send(f"READY=1\nSTATUS={_line(status)}{self._watchdog(1)}")

    def status(self, text: str) -> None:
        """One line for `systemctl status`; sent when it has changed."""
        if text != self._status:
            self._status = text
            self._send(f"STATUS={_line(text)}")

    def reloading(self) -> None:
        """The pump may stand still for longer than a beat, where thousands of series change engines."""
        when = f"MONOTONIC_USEC={time.monotonic_ns() // 1000}"
        self._send(f"RELOADING=1\n{when}\nSTATUS=reloading the configuration{self._watchdog(RELOADING)}")

    def stopping(self) -> None:
        """The pump beats no more, and what is pending may take longer than a beat: only the stop's own timeout
        counts."""
        self._send("STOPPING=1\nWATCHDOG_USEC=0\nSTATUS=stopping: draining what is pending")

    def beat(self) -> None:
        """The watchdog's beat, for the pump alone to call after each pass; sent at most four times an interval."""
        if self.interval is None:
            return
        now = time.monotonic()
        if now - self._beaten >= self.interval / 4:
            self._beaten = now
            self._send("WATCHDOG=1")

    def _watchdog(self, times: int) -> str:
        """A further line: so many intervals until the next beat."""
        return "" if self.interval is None else f"\nWATCHDOG_USEC={int(times * self.interval * USEC)}"

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, text: str) -> None:
        if self._socket is None:
            return
        try:
            self._socket.sendto(text.encode(), self._address)
        except OSError:
            return


def _line(text: str) -> str:
    return " ".join(text.split())


def _watchdog_interval(environ: Mapping[str, str]) -> float | None:
    usec = environ.get("WATCHDOG_USEC", "")
    pid = environ.get("WATCHDOG_PID", "")
    if not usec.isdigit() or int(usec) == 0 or (pid and pid != str(os.getpid())):
        return None
    return int(usec) / USEC
