"""Where the page of a replay or of the demo is served, and how its address is told."""

from __future__ import annotations

import argparse
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from pydantic import ValidationError

from stressd.cli.errors import UserError
from stressd.config.model import Listen

USUAL: Final = Listen(host="127.0.0.1", port=8434)
"""Beside a daemon's own."""


def add_listen(parser: argparse.ArgumentParser) -> None:
    """`--listen`."""
    parser.add_argument(
        "--listen", metavar="ADDRESS",
        help=f"where the page is served (default {USUAL}, or a free port where that is taken)",
    )  # fmt: skip


def listen_of(args: argparse.Namespace) -> Listen:
    """What `--listen` says. Raises UserError."""
    if args.listen is None:
        return USUAL if _free(USUAL) else Listen(host=USUAL.host, port=0)
    host, colon, port = args.listen.rpartition(":")
    try:
        if not colon or not port.isascii() or not port.isdigit() or int(port) > 65_535 or not host:
            raise ValueError
        return Listen(host=host.removeprefix("[").removesuffix("]"), port=int(port))
    except (ValueError, ValidationError):
        raise UserError("--listen is host and port such as 127.0.0.1:8434") from None


def address_of(listen: Listen, port: int, token: str) -> str:
    """The page's, with its token where no server sees it."""
    return f"http://{Listen(host=listen.host, port=port)}/#token={token}"


@contextmanager
def in_words() -> Iterator[None]:
    """What the machine refuses to tasks, a port that was free a moment ago or a disk, ends the command in one line."""
    try:
        yield
    except BaseExceptionGroup as group:
        refused, others = group.split(OSError)
        if refused is None or others is not None:
            raise
        error: BaseException = refused
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        raise UserError(str(error)) from None


def _free(listen: Listen) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((listen.host, listen.port))
        except OSError:
            return False
        return True
