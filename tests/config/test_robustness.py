"""Whatever the file holds: a configuration or a ConfigError, and never a secret in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stressd.config.faults import ConfigError, Fault
from stressd.config.load import Loaded, load_text
from stressd.config.registry import Registry

GOOD = Path(__file__).with_name("good.yaml").read_text()

Read = Callable[..., Loaded]


def faults(read: Read, text: str, environment: bool = True) -> list[Fault]:
    with pytest.raises(ConfigError) as caught:
        read(text, environment)
    return caught.value.faults


def told(read: Read, text: str) -> list[Fault]:
    """Errors, or warnings where there are none."""
    try:
        return read(text).warnings
    except ConfigError as error:
        return error.faults


_KEYS = [
    "instance",
    "markets",
    "JP",
    "tenors",
    "feeds",
    "name",
    "type",
    "mqtt",
    "sigma",
    "rules",
    "series",
    "floor",
    "1m",
    "routes",
    "match",
    "kind",
    "sinks",
    "webhook_url",
    "env",
    "file",
    "aliases",
    "propagation",
    "pairs",
    "exit",
    "a",
    "slack",
    "topics",
    "url",
    "calendar",
    "gauge",
    "severity",
    "level",
    "above",
    "pattern",
    "tls",
    "ca_file",
]


_SCALARS = st.sampled_from(
    [*_KEYS, "JP.GOV.2Y", "*", "2Y", "30m", "2bp", "4%", "warn", "JP -> US", "", "("]
) | st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3))


_TREES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(_KEYS) | st.text(max_size=2), inner),
    max_leaves=30,
)


_SECTIONS = [
    "instance",
    "markets",
    "feeds",
    "rules",
    "routes",
    "sinks",
    "aliases",
    "propagation",
    "listen",
    "gate",
    "log",
]


@given(st.dictionaries(st.sampled_from(_SECTIONS), _TREES))
def test_any_tree_is_a_configuration_or_a_config_error(read: Read, tree: object) -> None:
    for fault in told(read, json.dumps(tree)):
        assert fault.line >= 1
        assert fault.column >= 1
        assert str(fault).startswith("c.yaml:")


@given(st.integers(0, len(GOOD)), st.integers(0, 12), st.text("ab:-[]{},&*!|>'\"%@#? \n\t<~0.\x00\u2028", max_size=5))
def test_a_damaged_file_is_a_configuration_or_a_config_error(read: Read, at: int, cut: int, put: str) -> None:
    for fault in told(read, GOOD[:at] + put + GOOD[at + cut :]):
        assert str(fault).startswith("c.yaml:")


@given(st.text())
@example("\ud800")
def test_garbage_is_a_config_error(small: Registry, text: str) -> None:
    with pytest.raises(ConfigError):
        load_text(text, Path("c.yaml"), small)


PLACES = [
    ("{env: STRESSD_TEST_URL}", "{secret}"),
    ("{env: STRESSD_TEST_URL}", "[{secret}]"),
    ("{env: STRESSD_TEST_URL}", "{{fil: {secret}}}"),
    ("{env: STRESSD_TEST_URL}", "{{{secret}: 1}}"),
    ("type: slack, webhook_url: {env: STRESSD_TEST_URL}", "type: slak, webhook_url: {secret}"),
    ("type: slack, webhook_url: {env: STRESSD_TEST_URL}", "typ: slack, token: '{secret}'"),
    ("url: mqtt://broker", "url: mqtt://u:{secret}@broker"),
    ("url: mqtt://broker", "url: mqt://u:{secret}@broker"),
    ("url: mqtt://broker", "url: mqtt://broker\n    password: |\n      {secret}\n    bad: 1"),
    ("url: mqtt://broker", "url: mqtt://broker\n    password: '{secret}\n    topics: 1"),
    ("url: mqtt://broker", "url: mqtt://broker\n    password: {secret}\n   bad"),
    ("url: mqtt://broker", "url: mqtt://broker\n    password: {secret}: x"),
    ("url: mqtt://broker", "url: mqtt://broker\n    password: [{secret}, "),
    ("url: mqtt://broker", "url: https://broker/?key={secret}"),
    ("topics: y", "topics: y\n    key_password:\n      {secret}"),
    ("type: email, from", "type: email, wrong: https://hooks.slack.com/services/{secret}, from"),
]


@given(
    st.lists(st.sampled_from(PLACES), min_size=1, max_size=4, unique_by=lambda place: place[0]),
    st.from_regex(r"[A-Za-z0-9]{3}hunter2[A-Za-z0-9+/]{0,20}", fullmatch=True),
)
def test_a_secret_that_was_written_into_the_file_is_never_shown(
    read: Read, places: list[tuple[str, str]], secret: str
) -> None:
    text = GOOD
    for old, new in places:
        text = text.replace(old, new.format(secret=secret), 1)
    found = faults(read, text)
    assert found
    for shown in (*map(str, found), *(json.dumps(fault.as_json()) for fault in found)):
        assert secret not in shown
        assert "hunter2" not in shown


def test_the_value_of_a_secret_is_nowhere_in_what_is_loaded(read: Read) -> None:
    loaded = read(GOOD)
    assert "s3cr3t" not in repr(loaded) + str(loaded.sinks) + loaded.digest
    assert "s3cr3t" not in "".join(sink.model_dump_json() for sink in loaded.sinks)
