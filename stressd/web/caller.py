"""Who asks: a user of this machine by the credentials of the Unix socket, or the holder of a token."""

from __future__ import annotations

import os
import pwd
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from aiohttp import web

READ: Final = "read"
RIGHTS: Final = (READ, "silence", "ack", "label", "test", "drill")
"""What a caller may do. Everybody who may do anything may read."""

NOBODY_LOGGED_IN: Final = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Caller:
    """author: the name under which it is kept; via: as in a command; may: of RIGHTS."""

    author: str
    via: Literal["cli", "http"]
    may: frozenset[str]


def peer(request: web.Request) -> Caller | None:
    """The user at the other end of the Unix socket, by the kernel's word (SO_PEERCRED); None for a request over TCP."""
    transport = request.transport
    connection = None if transport is None else transport.get_extra_info("socket")
    if connection is None or connection.family != socket.AF_UNIX:
        return None
    # A duplicate: a loop's own socket object need not answer for credentials.
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, fileno=os.dup(connection.fileno())) as own:
        raw = own.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid, uid, _ = struct.unpack("3i", raw)
    return Caller(user_text(uid, logged_in(pid)), "cli", frozenset(RIGHTS))


def user_text(uid: int, login: int | None) -> str:
    """`maria`, `uid 1001` where nobody knows the name, `root (logged in as maria)` where root is somebody."""
    name = _name(uid)
    return f"{name} (logged in as {_name(login)})" if login is not None and login != uid else name


def logged_in(pid: int, proc: Path = Path("/proc")) -> int | None:
    """The user as whom a process' session was logged in, which sudo does not change: the kernel's audit id. None where
    the machine keeps none. (SUDO_USER is no proof: anybody who is root can set it.)"""
    try:
        uid = int((proc / str(pid) / "loginuid").read_text())
    except (OSError, ValueError):
        return None
    return None if uid == NOBODY_LOGGED_IN else uid


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def bearer(headers: Mapping[str, str]) -> str:
    """The token of `Authorization: Bearer TOKEN`, "" where there is none."""
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def from_elsewhere(request: web.Request, page_url: str | None) -> bool:
    """Whether a browser sends this because of another site's page. Programs say nothing of the kind."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None and site not in ("same-origin", "none"):
        return True
    origin = request.headers.get("Origin")
    if origin is None:
        return False
    own = {f"http://{request.host}", f"https://{request.host}"}
    if page_url is not None:
        parts = urlsplit(page_url)
        own.add(f"{parts.scheme}://{parts.netloc}")
    return origin.lower() not in {each.lower() for each in own}
