"""A name server of our own that answers nothing, wrongly or rightly, and a daemon that knows no other."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import struct
from pathlib import Path
from typing import Literal, cast

Mood = Literal["dead", "servfail", "nxdomain", "right"]


class NameServer(asyncio.DatagramProtocol):
    """mood: how it answers; address: of every name, where it is right. asked: names."""

    def __init__(self, address: str) -> None:
        self.mood: Mood = "right"
        self.address = address
        self.asked: list[str] = []
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    async def serve(self, sock: socket.socket) -> None:
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, sock=sock)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        end = data.index(b"\0", 12) + 5
        question, (kind,) = data[12:end], struct.unpack("!H", data[end - 4 : end - 2])
        self.asked.append(_name(question))
        if self.mood == "dead" or self._transport is None:
            return
        code = {"servfail": 2, "nxdomain": 3, "right": 0}[self.mood]
        answers = b""
        if self.mood == "right" and kind == 1:
            answers = struct.pack("!HHHIH", 0xC00C, 1, 1, 1, 4) + ipaddress.ip_address(self.address).packed
        head = data[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, 1 if answers else 0, 0, 0)
        self._transport.sendto(head + question + answers, addr)


def _name(question: bytes) -> str:
    parts, at = [], 0
    while size := question[at]:
        parts.append(question[at + 1 : at + 1 + size].decode())
        at += 1 + size
    return ".".join(parts)


def knowing(folder: Path, server: str, hosts: dict[str, str]) -> list[str]:
    """What runs a command that asks only this name server, and knows these hosts by itself."""
    (folder / "resolv.conf").write_text(f"nameserver {server}\n")
    (folder / "hosts").write_text("".join(f"{address} {name}\n" for name, address in hosts.items()))
    (folder / "nsswitch.conf").write_text("hosts: files dns\n")
    mounts = " && ".join(
        f"mount --bind {folder / name} /etc/{name}" for name in ("resolv.conf", "hosts", "nsswitch.conf")
    )
    return ["unshare", "-m", "--propagation", "private", "sh", "-c", f'{mounts} && exec "$@"', "sh"]
