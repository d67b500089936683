"""A broker that is nothing but fast: a handshake in MQTT 5 or 3.1.1, then encoded PUBLISH frames (QoS 0) at once.

A client asks for what it gets by its client id, `bench/TICKS/BATCH/anything`: so many ticks, so many a message.
Prints its port, serves one connection after the other, and ends with its standard input.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from functools import cache
from itertools import islice

import stream

CHUNK = 1 << 18


def length(n: int) -> bytes:
    """MQTT's variable byte integer."""
    out = bytearray()
    while True:
        n, low = divmod(n, 128)
        out.append(low | (0x80 if n else 0))
        if not n:
            return bytes(out)


def publish(version: int, topic: str, payload: bytes) -> bytes:
    head = struct.pack(">H", len(topic)) + topic.encode() + (b"\0" if version == 5 else b"")
    return b"\x30" + length(len(head) + len(payload)) + head + payload


def fields(value: float, ms: int) -> dict[str, object]:
    """About 95 bytes of JSON, the size of a desk's own tick."""
    return {
        "yield": value,
        "ts": ms,
        "bid": round(value + 0.002, 4),
        "ask": round(value - 0.002, 4),
        "src": "desk-tokyo",
    }


def messages(count: int, batch: int) -> Iterator[tuple[str, bytes]]:
    ticks = stream.ticks(count)
    if batch == 1:
        for market, tenor, value, ms in ticks:
            body = {"series": stream.name(market, tenor), **fields(value, ms)}
            yield f"yields/{market}/{tenor}", json.dumps(body, separators=(",", ":")).encode()
        return
    while some := list(islice(ticks, batch)):
        rows = [{"series": stream.name(market, tenor), **fields(value, ms)} for market, tenor, value, ms in some]
        yield "yields/all", json.dumps(rows, separators=(",", ":")).encode()


@cache
def encoded(version: int, count: int, batch: int) -> bytes:
    return b"".join(publish(version, topic, payload) for topic, payload in messages(count, batch))


def packet(connection: socket.socket) -> tuple[int, bytes]:
    """First byte and body of the next packet."""
    first = connection.recv(1)
    if not first:
        raise ConnectionError("closed")
    size = shift = 0
    while True:
        digit = connection.recv(1)[0]
        size |= (digit & 0x7F) << shift
        shift += 7
        if digit < 0x80:
            break
    body = bytearray()
    while len(body) < size:
        body += connection.recv(size - len(body))
    return first[0], bytes(body)


def serve(connection: socket.socket) -> None:
    _, connect = packet(connection)
    version = connect[6]
    at = 10
    if version == 5:
        at += 1 + connect[at]
    size = struct.unpack_from(">H", connect, at)[0]
    _, ticks, batch, _ = connect[at + 2 : at + 2 + size].decode().split("/")
    data = encoded(version, int(ticks), int(batch))
    connection.sendall(b"\x20\x03\0\0\0" if version == 5 else b"\x20\x02\0\0")
    kind, subscribe = packet(connection)
    assert kind == 0x82, kind
    connection.sendall(
        (b"\x90\x04" if version == 5 else b"\x90\x03") + subscribe[:2] + (b"\0\0" if version == 5 else b"\0")
    )
    for start in range(0, len(data), CHUNK):
        connection.sendall(data[start : start + CHUNK])
    while connection.recv(4096):
        pass


def main() -> None:
    server = socket.create_server(("127.0.0.1", 0), backlog=8)
    print(server.getsockname()[1], flush=True)
    threading.Thread(target=accept, args=(server,), daemon=True).start()
    sys.stdin.read()


def accept(server: socket.socket) -> None:
    while True:
        connection, _ = server.accept()
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                serve(connection)
            except OSError:
                continue


if __name__ == "__main__":
    main()
