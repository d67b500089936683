"""Payloads to ticks: JSON, NDJSON, columnar JSON and bare numbers, by a configurable map of fields.

What cannot be read is salvaged value by value: of an array, a columnar message or NDJSON the good values count and each
bad one is a fault of its own. A message that is no JSON at all is one fault. On the path of every message, so compiled.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final

import msgspec
from mypy_extensions import i64

from stressd.feeds.base import Frame, SeriesResolver
from stressd.feeds.payload import PayloadMap
from stressd.feeds.tally import Fault, Tally
from stressd.feeds.topics import TopicMap
from stressd.feeds.values import LATEST_MS, Clock, Wire, Wires
from stressd.market.tick import BACKLOG, MIDDLE, NO_SPREAD, Tick
from stressd.market.times import LATEST

_ROLES: Final[dict[str, Any]] = {
    "value": float | None,
    "bid": float | None,
    "ask": float | None,
    "time": int | float | str | None,
    "series": str | None,
    "source": str | None,
}
_OBJECT: Final = ord("{")
_UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError, OverflowError)


def _structs(keys: dict[str, str], types: dict[str, Any]) -> tuple[type[Any], Callable[[Any], tuple[Any, ...]]]:
    """A struct for the wire, and what reads all roles from one in a single call (None where a role has no key)."""
    tree: dict[str, Any] = {}
    for role, key in keys.items():
        *parents, leaf = key.split(".")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[leaf] = role
    paths: dict[str, str] = {}
    struct = _struct(tree, "", paths, types)
    return struct, attrgetter(*(paths.get(role, "absent") for role in _ROLES))


def _struct(tree: dict[str, Any], path: str, paths: dict[str, str], types: dict[str, Any]) -> type[Any]:
    fields: list[tuple[str, Any, Any]] = []
    rename: dict[str, str] = {}
    for i, (key, node) in enumerate(tree.items()):
        name = f"f{i}"
        rename[name] = key
        if isinstance(node, dict):
            inner = _struct(node, f"{path}{name}.", paths, types)
            # a default instance, so that an object which is not there reads as fields which are not there
            fields.append((name, inner, msgspec.field(default_factory=inner)))
        else:
            paths[node] = path + name
            fields.append((name, types[node], None))
    return msgspec.defstruct("Row", fields, rename=rename, namespace={"absent": None}, gc=False)


class PayloadDecoder:
    """Decodes payloads of one feed. source: for values that name none. default_time: whether a value may lack the
    mapped time (it then counts as of its receipt)."""

    def __init__(
        self, fields: PayloadMap, resolver: SeriesResolver, source: str = "", default_time: bool = False
    ) -> None:
        self._format = fields.format
        self._json = fields.format == "json"
        self._keys = keys = fields.keys()
        self._wires = Wires(resolver, fields.unit)
        self._clock = Clock(fields.time_unit)
        self._source = source
        self._needs_time = "time" in keys and not default_time
        row, self._roles = _structs(keys, _ROLES)
        self._row = row
        self._one = msgspec.json.Decoder(row, strict=False)
        self._read_one = self._one.decode
        self._named = "series" in keys
        # the struct's fields f0, f1, f2 are then the value, its time and perhaps its series
        self._flat = (
            list(keys) in (["value", "time"], ["value", "time", "series"])
            and fields.time_unit == "auto"
            and not any("." in key for key in keys.values())
        )
        self._many = msgspec.json.Decoder(list[row], strict=False)  # type: ignore[valid-type]
        self._raws = msgspec.json.Decoder(list[msgspec.Raw])
        self._columns = msgspec.json.Decoder(_structs(keys, dict.fromkeys(_ROLES, Any))[0])

    def rename(self, resolver: SeriesResolver) -> None:
        """Other names from now on."""
        self._wires.rename(resolver)

    def decode(self, payload: bytes, name: str, received: int, before: int, faults: list[Fault]) -> list[Tick]:
        """The ticks of one payload; what is no tick is added to `faults`. Raises nothing.

        name: the series' name from outside the payload, "" where it has none. received: ns UTC. before: values stamped
        before it are history (flag BACKLOG), and such as carry no time are dropped; 0: all are live.
        """
        if self._json and len(payload) > 0 and payload[0] == _OBJECT:
            try:
                row = self._read_one(payload)
            except _UNREADABLE as error:
                faults.append(Fault(1, "malformed", _sentence(error), payload[:200]))
                return []
            tick = self._one_tick(row, name, received, before, 1, payload, faults)
            return [] if tick is None else [tick]
        return self._decode_other(payload, name, received, before, faults)

    def _one_tick(
        self, row: Any, name: str, received: int, before: int, line: int, text: bytes, faults: list[Fault]
    ) -> Tick | None:
        tick = self._live(row, name, received, before) if self._flat else None
        if tick is not None:
            return tick
        return self._tick(self._roles(row), name, received, before, line, text, faults)

    def _live(self, row: Any, name: str, received: int, before: int) -> Tick | None:
        """The tick of the plain case, a float in percent with an integer of milliseconds; None for any other."""
        value = row.f0
        time = row.f1
        if self._named:
            series = row.f2
            if type(series) is not str:
                return None
            name = series
        wire = self._wires.get(name)
        if wire is None or not wire.plain or type(value) is not float or type(time) is not int:
            return None
        y: float = value
        ms: int = time
        if y - y != 0.0 or not 10**11 <= ms <= LATEST_MS:
            return None
        stamp: int = i64(ms) * 1_000_000
        return Tick(wire.series, y + 0.0, stamp, received, self._source, BACKLOG if stamp < before else 0)

    def _decode_other(self, payload: bytes, name: str, received: int, before: int, faults: list[Fault]) -> list[Tick]:
        kind = self._format
        try:
            if kind == "number":
                rows = [(_number(payload), None, None, None, None, None)]
            elif kind == "columnar":
                return self._columnar(payload, name, received, before, faults)
            elif kind == "ndjson":
                return self._lines(payload, name, received, before, faults)
            elif payload.lstrip()[:1] == b"[":
                return self._array(payload, name, received, before, faults)
            else:
                rows = [self._roles(self._one.decode(payload))]
        except _UNREADABLE as error:
            faults.append(Fault(1, "malformed", _sentence(error), payload[:200]))
            return []
        ticks = (self._tick(row, name, received, before, i, payload, faults) for i, row in enumerate(rows, 1))
        return [tick for tick in ticks if tick is not None]

    def _array(self, payload: bytes, name: str, received: int, before: int, faults: list[Fault]) -> list[Tick]:
        try:
            rows = self._many.decode(payload)
        except msgspec.ValidationError:
            return self._parts(self._raws.decode(payload), name, received, before, faults)
        ticks: list[Tick] = []
        for i, row in enumerate(rows, 1):
            tick = self._one_tick(row, name, received, before, i, payload, faults)
            if tick is not None:
                ticks.append(tick)
        return ticks

    def _lines(self, payload: bytes, name: str, received: int, before: int, faults: list[Fault]) -> list[Tick]:
        return self._parts(payload.split(b"\n"), name, received, before, faults)

    def _parts(self, parts: list[Any], name: str, received: int, before: int, faults: list[Fault]) -> list[Tick]:
        """Each part by itself, so that a bad one costs only itself."""
        ticks: list[Tick] = []
        for i, part in enumerate(parts, 1):
            text = bytes(part)
            if not text or text.isspace():
                continue
            try:
                roles = self._roles(self._one.decode(text))
            except _UNREADABLE as error:
                faults.append(Fault(i, "malformed", _sentence(error), text[:200]))
                continue
            tick = self._tick(roles, name, received, before, i, text, faults)
            if tick is not None:
                ticks.append(tick)
        if not ticks and not faults:
            faults.append(Fault(1, "malformed", "the message is empty", b""))
        return ticks

    def _columnar(self, payload: bytes, name: str, received: int, before: int, faults: list[Fault]) -> list[Tick]:
        columns = self._roles(self._columns.decode(payload))
        lengths = {len(column) for column in columns if isinstance(column, list)}
        if len(lengths) != 1:
            problem = "columns differ in length" if lengths else "no column is a list"
            raise ValueError(problem)
        length = lengths.pop()
        full = [column if isinstance(column, list) else [column] * length for column in columns]
        names = list(_ROLES)
        ticks: list[Tick] = []
        for i, cells in enumerate(zip(*full, strict=True), 1):
            roles: tuple[Any, ...] = cells
            if not _typed(roles):
                try:
                    roles = tuple(
                        msgspec.convert(cell, _ROLES[role], strict=False)
                        for role, cell in zip(names, cells, strict=True)
                    )
                except _UNREADABLE as error:
                    faults.append(Fault(i, "malformed", f"row {i}: {_sentence(error)}", repr(cells).encode()[:200]))
                    continue
            tick = self._tick(roles, name, received, before, i, payload, faults)
            if tick is not None:
                ticks.append(tick)
        return ticks

    def _tick(
        self, roles: tuple[Any, ...], name: str, received: int, before: int, line: int, text: bytes, faults: list[Fault]
    ) -> Tick | None:
        value, bid, ask, time, series, source = roles
        if series is not None:
            name = series
        wire = self._wires.get(name)
        if wire is None:
            faults.append(self._unknown(name, line, text))
            return None
        flags = 0
        try:
            if time is None:
                if self._needs_time:
                    raise ValueError(f"`{self._keys['time']}` is missing")
                if before:
                    faults.append(Fault(line, "dropped", "an old value without its own time", text[:200]))
                    return None
                stamp = received
            else:
                stamp = self._clock.read(time)
                if stamp < before:
                    flags = BACKLOG
            spread = NO_SPREAD
            if bid is not None and ask is not None:
                low, high = self._wires.percent(wire, bid), self._wires.percent(wire, ask)
                spread = high - low
                if value is None:
                    flags |= MIDDLE
                    percent = (low + high) / 2.0
                else:
                    percent = self._wires.percent(wire, value)
            elif value is not None and wire.plain and value - value == 0.0:
                percent = value + 0.0
            else:
                percent = self._percent(wire, value)
        except ValueError as error:
            faults.append(Fault(line, "malformed", str(error), text[:200]))
            return None
        return Tick(wire.series, percent, stamp, received, source or self._source, flags, spread)

    def _percent(self, wire: Wire, value: float | None) -> float:
        if value is not None:
            return self._wires.percent(wire, value)
        keys = self._keys
        if "value" in keys:
            raise ValueError(f"`{keys['value']}` is missing or null")
        raise ValueError(f"`{keys['bid']}` or `{keys['ask']}` is missing or null")

    def _unknown(self, name: str, line: int, text: bytes) -> Fault:
        if name:
            return Fault(line, "unknown", f"unknown series `{name[:80]}`", text[:200], name)
        key = self._keys.get("series")
        where = f"`{key}` is missing" if key else "neither topic nor payload names it"
        return Fault(line, "malformed", f"no series: {where}", text[:200])


def _typed(roles: tuple[Any, ...]) -> bool:
    """Whether a row of a columnar message is the plain case: a number, an integer or text as time, text as names."""
    value, bid, ask, time, series, source = roles
    return (
        type(value) is float
        and bid is None
        and ask is None
        and (time is None or type(time) is int or type(time) is str)
        and (series is None or type(series) is str)
        and (source is None or type(source) is str)
    )


def _number(payload: bytes) -> float:
    text = payload.strip()
    if b"_" in text or len(text) > 64:
        raise ValueError("the payload is not a number")
    try:
        return float(text)
    except ValueError:
        raise ValueError("the payload is not a number") from None


def _sentence(error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return "JSON is nested too deeply"
    return str(error)


class TopicDecoder:
    """Decodes the frames of a feed whose topics name the series. since: when the connection was made (ns UTC); what was
    kept for us before is history."""

    __slots__ = ("_decoder", "_faults", "_tally", "_topics", "since")

    def __init__(self, topics: TopicMap, decoder: PayloadDecoder, tally: Tally) -> None:
        self._topics = topics
        self._decoder = decoder
        self._tally = tally
        self._faults: list[Fault] = []
        self.since = 0

    def decode(self, frame: Frame) -> list[Tick]:
        """Ticks of one message. Retained and kept messages become history (flag BACKLOG) by their own time, and are
        dropped where they have none. Raises DecodeError where nothing of it can be read."""
        before = 0
        if frame.retained:
            before = LATEST
        elif frame.backlog:
            before = self.since
        faults = self._faults
        ticks = self._decoder.decode(frame.payload, self._topics.name(frame.topic), frame.received, before, faults)
        if not faults:
            self._tally.count(ticks, frame.received)
            return ticks
        self._faults = []
        self._tally.settle(ticks, faults, frame.received, frame.topic)
        return ticks
