"""Payloads: every format gives the same ticks, and what is no payload costs nothing but itself."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from stressd.feeds.decoder import PayloadDecoder
from stressd.feeds.payload import Format, PayloadMap
from stressd.feeds.tally import Fault
from stressd.market.tick import BACKLOG, MIDDLE, Tick
from stressd.market.times import LATEST, iso
from stressd.testing.feeds import PlainResolver

JP30, US10 = "JP.GOV.30Y", "US.GOV.10Y"
NOW = 1_768_900_000_000_000_000
RESOLVER = PlainResolver([JP30, US10], {"JGB30": (JP30, None), "T10": (US10, "bp")})
GOOD = b'{"yield": 3.765, "ts": 1768880000000}'


def decode(fields: dict[str, Any], payload: bytes, name: str = JP30, before: int = 0) -> tuple[list[Tick], list[Fault]]:
    faults: list[Fault] = []
    decoder = PayloadDecoder(PayloadMap(**fields), RESOLVER, "desk")
    return decoder.decode(payload, name, NOW, before, faults), faults


def one(fields: dict[str, Any], payload: bytes, name: str = JP30) -> Tick:
    ticks, faults = decode(fields, payload, name)
    assert not faults
    assert len(ticks) == 1
    return ticks[0]


def fault(fields: dict[str, Any], payload: bytes, name: str = JP30, before: int = 0) -> Fault:
    ticks, faults = decode(fields, payload, name, before)
    assert ticks == []
    assert len(faults) == 1
    return faults[0]


YIELD = {"value": "yield", "time": "ts"}

_values = st.floats(-5, 25).map(lambda x: round(x, 6) + 0.0)
_times = st.integers(1_600_000_000_000, 1_800_000_000_000)
_rows = st.lists(st.tuples(_values, _times, st.sampled_from([JP30, US10, "JGB30"])), min_size=1, max_size=20)


@given(_rows)
def test_all_formats_give_the_same_ticks(rows: list[tuple[float, int, str]]) -> None:
    objects = [{"y": v, "t": t, "s": s, "venue": "X", "extra": [1]} for v, t, s in rows]
    keys = {"value": "y", "time": "t", "series": "s", "source": "venue"}
    want = [Tick(JP30 if s == "JGB30" else s, v, t * 1_000_000, NOW, "X") for v, t, s in rows]
    columns = {"y": [r[0] for r in rows], "t": [r[1] for r in rows], "s": [r[2] for r in rows], "venue": "X"}
    wire: list[tuple[Format, bytes]] = [
        ("json", json.dumps(objects).encode()),
        ("ndjson", "\n".join(json.dumps(o) for o in objects).encode()),
        ("columnar", json.dumps(columns).encode()),
    ]
    for kind, payload in wire:
        assert decode({"format": kind, **keys}, payload, "") == (want, [])
    assert [decode(keys, json.dumps(o).encode(), "")[0][0] for o in objects] == want


@given(st.binary(max_size=200), st.sampled_from(["json", "ndjson", "columnar", "number"]))
@example(b"[" * 100_000, "json")
@example(b'{"a":' * 100_000, "json")
@example(b'{"yield":"nan","ts":1768880000000}', "json")
@example(b'{"yield":3,"ts":99999999999999999999999}', "json")
@example(b'{"yield":3,"ts":"\xff"}', "json")
@example(b'{"yield":[{}],"ts":[[]]}', "columnar")
@example(b"\xd9\xa3", "number")
def test_no_bytes_raise_anything_and_the_next_good_message_decodes(payload: bytes, kind: Format) -> None:
    fields: dict[str, Any] = {"format": kind} if kind == "number" else {"format": kind, **YIELD}
    decoder = PayloadDecoder(PayloadMap(**fields), RESOLVER, "desk")
    faults: list[Fault] = []
    ticks = decoder.decode(payload, JP30, NOW, 0, faults)
    assert all(math.isfinite(t.value) for t in ticks)
    assert ticks or faults
    good = {"number": b"3.765", "columnar": b'{"yield":[3.765],"ts":[1768880000000]}'}.get(kind, GOOD)
    after = len(faults)
    assert [t.value for t in decoder.decode(good, JP30, NOW, 0, faults)] == [3.765]
    assert len(faults) == after


_scalar = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.lists(st.integers(), max_size=2)
)


@given(st.lists(st.dictionaries(st.sampled_from(["yield", "ts", "s"]), _scalar), max_size=5), st.booleans())
def test_any_json_of_the_right_keys_gives_ticks_or_faults_one_by_one(rows: list[Any], lines: bool) -> None:
    bodies = [msgspec.json.encode({k: None if v != v else v for k, v in row.items()}) for row in rows]
    keys = {**YIELD, "series": "s"}
    if lines:
        ticks, faults = decode({"format": "ndjson", **keys}, b"\n".join(bodies))
    else:
        ticks, faults = decode(keys, b"[" + b",".join(bodies) + b"]")
    assert len(ticks) + len(faults) == len(rows) or not rows


@given(st.lists(st.sampled_from([GOOD, b'{"yield": true, "ts": 1768880000000}', b'{"ts": 5}']), min_size=1, max_size=8))
def test_the_good_values_of_an_array_are_kept_and_each_bad_one_is_named(parts: list[bytes]) -> None:
    for payload, fields in (
        (b"[" + b",".join(parts) + b"]", YIELD),
        (b"\n".join(parts), {"format": "ndjson", **YIELD}),
    ):
        ticks, faults = decode(fields, payload)
        assert len(ticks) == parts.count(GOOD)
        assert [f.line for f in faults] == [i for i, p in enumerate(parts, 1) if p != GOOD]


def test_a_bad_cell_of_a_column_costs_its_row_only() -> None:
    ticks, faults = decode({"format": "columnar", **YIELD}, b'{"yield":[1.5,"x",true,"2.5"],"ts":1768880000000}')
    assert [t.value for t in ticks] == [1.5, 2.5]
    assert [f.line for f in faults] == [2, 3]


def test_columns_of_different_length_are_refused_whole() -> None:
    assert fault({"format": "columnar", **YIELD}, b'{"yield":[1,2],"ts":[1]}').text == "columns differ in length"


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (b'{"yield": true, "ts": 1768880000000}', "got `bool`"),
        (b'{"yield": "nan", "ts": 1768880000000}', "not a finite number"),
        (b'{"yield": "inf", "ts": 1768880000000}', "not a finite number"),
        (b'{"yield": NaN, "ts": 1768880000000}', "malformed"),
        (b'{"yield": 1e999, "ts": 1768880000000}', "out of range"),
        (b'{"yield": null, "ts": 1768880000000}', "`yield` is missing or null"),
        (b'{"ts": 1768880000000}', "`yield` is missing or null"),
        (b'{"yield": 3.7}', "`ts` is missing"),
        (b'{"yield": 3.7, "ts": 12}', "no epoch"),
        (b'{"yield": 3.7, "ts": "2026-01-20T10:00:00"}', "has no zone"),
        (b'{"yield": 3.7, "ts": true}', "got `bool`"),
        (b"", "truncated"),
        (b"3.7", "Expected `object`"),
        (b'{"yield": 3.7, "ts": 1768880000000} x', "trailing"),
    ],
)
def test_what_is_wrong_is_said(payload: bytes, says: str) -> None:
    found = fault(YIELD, payload)
    assert found.kind == "malformed"
    assert says in found.text


def test_a_number_in_quotes_is_a_number_and_zero_has_no_sign() -> None:
    assert one({}, b'{"value": "3.765"}').value == 3.765
    assert math.copysign(1, one({}, b'{"value": -0.0}').value) == 1
    assert math.copysign(1, one({}, b'{"value": "-0.0"}', "T10").value) == 1


@given(st.integers(1_500_000_000, 1_900_000_000), st.integers(0, 999_999_999))
def test_every_way_to_write_a_time_is_the_same_time(seconds: int, nanos: int) -> None:
    ns = seconds * 10**9 + nanos
    fields = {"value": "yield", "time": "ts"}
    for written in (json.dumps(iso(ns)), str(ns), json.dumps(str(ns))):
        assert one(fields, b'{"yield":1,"ts":%s}' % written.encode()).time == ns
    for unit, size in (("s", 10**9), ("ms", 10**6), ("us", 10**3), ("ns", 1)):
        given_ = ns // size
        for extra in ({}, {"time_unit": unit}):
            assert one({**fields, **extra}, b'{"yield":1,"ts":%d}' % given_).time == given_ * size


@pytest.mark.parametrize(
    "text", ["20260120T203000.123Z", "2026-01-20T20:30:60Z", "2026-01-20T20:30:5.Z", "2026-01-20T20:3٣:00Z"]
)
def test_the_short_way_to_read_utc_never_reads_anything_else(text: str) -> None:
    from stressd.feeds.values import Clock
    from stressd.market.times import parse_time

    def outcome(read: Any) -> object:
        try:
            return read(text)
        except ValueError as error:
            return str(error)

    assert outcome(Clock("auto").read) == outcome(parse_time)


def test_bid_and_ask_make_their_middle_in_percent() -> None:
    fields = {"bid": "b", "ask": "a", "unit": "bp"}
    tick = one(fields, b'{"b": 376.4, "a": 376.6}')
    assert (tick.value, tick.spread, tick.flags) == (pytest.approx(3.765), pytest.approx(0.002), MIDDLE)
    tick = one(fields | {"value": "v"}, b'{"v": 376.45, "b": 376.6, "a": 376.4}')
    assert (tick.value, tick.spread, tick.flags) == (pytest.approx(3.7645), pytest.approx(-0.002), 0)
    assert "`b` or `a` is missing" in fault(fields, b'{"b": 376.4}').text


def test_the_unit_of_an_alias_wins_over_the_feeds() -> None:
    assert one({"unit": "decimal"}, b'{"value": 0.0376}').value == pytest.approx(3.76)
    assert one({"unit": "decimal"}, b'{"value": 431}', "T10").value == pytest.approx(4.31)


def test_keys_reach_into_objects() -> None:
    fields = {"value": "quote.yield", "time": "meta.time.exchange", "series": "quote.id"}
    body = {"quote": {"yield": 3.7, "id": "JGB30"}, "meta": {"time": {"exchange": 1768880000}}}
    assert one(fields, json.dumps(body).encode()) == Tick(JP30, 3.7, 1768880000 * 10**9, NOW, "desk")
    assert "`meta.time.exchange` is missing" in fault(fields, b'{"quote": {"yield": 3.7, "id": "JGB30"}}').text
    assert "got `null`" in fault(fields, b'{"quote": null}').text


def test_a_bare_number_is_a_value_as_of_its_receipt() -> None:
    assert one({"format": "number"}, b" 3.765\n") == Tick(JP30, 3.765, NOW, NOW, "desk")


def test_an_unknown_series_is_told_apart_from_a_malformed_message() -> None:
    found = fault(YIELD, GOOD, "XX.GOV.1Y")
    assert (found.kind, found.text) == ("unknown", "unknown series `XX.GOV.1Y`")
    assert fault(YIELD, GOOD, "").text == "no series: neither topic nor payload names it"


def test_old_values_are_history_by_their_own_time_and_nothing_without_one() -> None:
    stamp = 1768880000000 * 10**6
    for before, flags in ((0, 0), (stamp, 0), (stamp + 1, BACKLOG), (LATEST, BACKLOG)):
        ticks, faults = decode(YIELD, GOOD, before=before)
        assert [t.flags for t in ticks] == [flags]
        assert not faults
    assert fault({}, b'{"value": 3.7}', before=1).kind == "dropped"


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"unit": "price"}, "a price cannot be turned into a yield yet"),
        ({"bid": "b"}, "`bid` and `ask` go together"),
        ({"format": "number", "value": "v"}, "has no keys"),
        ({"value": "a", "time": "a"}, "name the same key"),
        ({"value": "a..b"}, "is empty"),
        ({"value": "a", "time": "a.b"}, "also the object around another one"),
        ({"valu": "a"}, "Extra inputs"),
    ],
)
def test_a_map_that_cannot_mean_anything_is_refused(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError) as error:
        PayloadMap(**fields)
    assert says in str(error.value)
