"""systemd's journal in its own protocol: each field of a log line can be asked for (`journalctl EVENT=feed.connected`).

The protocol: a datagram of `NAME=value` lines on a Unix socket; a value with a newline is preceded by its length; what
is too long for a datagram goes as a sealed file in memory (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/).
"""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import re
import socket
import struct
import sys
import threading
from collections.abc import Iterable, Mapping, MutableMapping
from pathlib import Path
from typing import Any, Final, TextIO

import structlog

SOCKET: Final = Path("/run/systemd/journal/socket")
WAIT: Final = 0.5
"""Seconds that a line waits for a journal that takes nothing. The lines after it are lost at once, and counted, until
it takes one again: the log must not stop the alerts."""

LONGEST_SPOKEN: Final = 4_000
"""Characters of a line that standard error gets where there is no journal."""

PRIORITY: Final = {"debug": 7, "info": 6, "warning": 4, "warn": 4, "error": 3, "exception": 3, "critical": 2}
"""syslog's numbers, by which `journalctl -p` chooses."""

RESERVED: Final = re.compile(
    r"MESSAGE|MESSAGE_ID|PRIORITY|CODE_\w+|ERRNO|INVOCATION_ID|USER_INVOCATION_ID|SYSLOG_\w+|DOCUMENTATION|TID|UNIT"
    r"|USER_UNIT|OBJECT_\w+|COREDUMP_\w+"
)
"""Names that mean something else to the journal: ours get STRESSD_ before them."""

_PLAIN: Final = re.compile(r"[^\s\"=\\]+")


def is_journal(stream: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the stream is the one that systemd has connected to its journal, and no file or pipe in its place."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environ.get("JOURNAL_STREAM", "") == f"{found.st_dev}:{found.st_ino}"


def say(text: str, level: str = "error") -> None:
    """A text for people on standard error, before there is a log; in a journal with its priority."""
    before = f"<{PRIORITY[level]}>" if is_journal(sys.stderr) else ""
    print("\n".join(before + line for line in text.splitlines()), file=sys.stderr)


def fields(line: MutableMapping[str, Any]) -> dict[str, str]:
    """The journal's fields of one log line: MESSAGE for reading, PRIORITY, and each of the line's own in capitals.
    Texts as they are, everything else as JSON. Taken out of `line`: `event`, `level`, `exc_info`, `timestamp`."""
    event = str(line.pop("event", ""))
    level = str(line.pop("level", "info"))
    trouble = line.pop("exc_info", None)
    line.pop("timestamp", None)
    found = {
        "MESSAGE": " ".join([_readable(event), *(f"{_readable(key)}={_shown(value)}" for key, value in line.items())]),
        "PRIORITY": str(PRIORITY.get(level, 6)),
        "SYSLOG_IDENTIFIER": "stressd",
        "EVENT": event,
    }
    for key, value in line.items():
        found[_name(key)] = _text(value)
    if trouble:
        found["EXCEPTION"] = _traceback(trouble)
        found["MESSAGE"] += "\n" + found["EXCEPTION"]
    return found


def encode(found: Mapping[str, str]) -> bytes:
    """One entry in the journal's protocol."""
    parts = []
    for name, text in found.items():
        value = text.encode("utf-8", "replace")
        if b"\n" in value:
            parts.append(name.encode() + b"\n" + struct.pack("<Q", len(value)) + value + b"\n")
        else:
            parts.append(name.encode() + b"=" + value + b"\n")
    return b"".join(parts)


class Journal:
    """Writes entries; never raises, and never waits long. lost: entries that it did not take."""

    def __init__(self, path: Path = SOCKET) -> None:
        self._path = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._lock = threading.Lock()
        self._unsaid = 0
        self.lost = 0

    def write(self, found: Mapping[str, str]) -> int:
        """One entry; on standard error where there is no journal. Returns how many were lost before it, once it
        takes entries again."""
        with self._lock:
            if not self._send(encode(found)):
                return 0
            count, self._unsaid = self._unsaid, 0
            return count

    def close(self) -> None:
        self._socket.close()

    def _send(self, entry: bytes) -> bool:
        try:
            self._socket.settimeout(0.0 if self._unsaid else WAIT)
            try:
                self._socket.sendto(entry, self._path)
            except OSError as error:
                if error.errno not in (errno.EMSGSIZE, errno.ENOBUFS):
                    raise
                self._send_file(entry)
        except (TimeoutError, BlockingIOError):
            self.lost += 1
            self._unsaid += 1
            return False
        except OSError:
            sys.stderr.write(entry.decode("utf-8", "replace")[8:LONGEST_SPOKEN].partition("\n")[0] + "\n")
        return True

    def _send_file(self, entry: bytes) -> None:
        with open(os.memfd_create("stressd-log", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING), "wb") as file:
            file.write(entry)
            file.flush()
            seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
            fcntl.fcntl(file.fileno(), fcntl.F_ADD_SEALS, seals)
            passed = (socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", file.fileno()))
            self._socket.sendmsg([b""], [passed], 0, self._path)


class JournalLogger:
    """What structlog writes to: the last step before the journal."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def msg(self, **line: Any) -> None:
        if count := self._journal.write(fields(line)):
            structlog.get_logger().warning("log.lost", count=count)

    log = debug = info = warning = error = critical = exception = msg


class Libraries(logging.Handler):
    """Hands on what libraries say through `logging`."""

    def emit(self, record: logging.LogRecord) -> None:
        trouble = {"exc_info": record.exc_info} if record.exc_info and record.exc_info[0] else {}
        structlog.get_logger().log(record.levelno, record.getMessage(), logger=record.name, **trouble)


def _name(key: str) -> str:
    name = re.sub(r"[^A-Z0-9_]", "_", key.upper()).lstrip("_0123456789")[:56] or "FIELD"
    return f"STRESSD_{name}" if RESERVED.fullmatch(name) else name


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _shown(value: object) -> str:
    text = _text(value)
    if isinstance(value, str) and not (_PLAIN.fullmatch(text) and text.isprintable()):
        return json.dumps(text, ensure_ascii=not text.isprintable())
    return _readable(text)


def _readable(text: str) -> str:
    """Without control characters, which a terminal would obey."""
    return text if text.isprintable() else json.dumps(text)[1:-1]


def _traceback(trouble: Any) -> str:
    """Without local variables, which may hold a secret."""
    if isinstance(trouble, BaseException):
        trouble = (type(trouble), trouble, trouble.__traceback__)
    elif not isinstance(trouble, tuple):
        trouble = sys.exc_info()
    lines: Iterable[str] = logging.Formatter().formatException(trouble).splitlines()
    return "\n".join(_readable(line) for line in lines)
