"""Tokens, links, health, heartbeat and probe in the configuration: what is right, and every fault at its place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stressd.config.doors import address
from stressd.config.faults import ConfigError
from stressd.config.fields import SecretError, SecretRef
from stressd.config.load import Loaded

GOOD = Path(__file__).with_name("good.yaml").read_text()
Read = Callable[..., Loaded]
SECOND = 1_000_000_000


def said(read: Read, more: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(GOOD + more)
    return [f"{fault.message} {fault.hint}".strip() for fault in caught.value.faults if fault.level == "error"]


def test_without_a_word_nobody_has_a_token_and_nobody_is_told_that_all_is_well(read: Read) -> None:
    model = read(GOOD).model
    assert (model.tokens, model.heartbeat, model.probe) == ([], None, None)
    assert (model.links.secret, model.links.expire) == (None, 24 * 3600 * SECOND)
    assert (model.health.silent, model.health.lag, model.health.undelivered) == (
        1_800 * SECOND, 10 * SECOND, 900 * SECOND,
    )  # fmt: skip


def test_all_of_it_can_be_written(read: Read, tmp_path: Path) -> None:
    (tmp_path / "t").write_text("0123456789abcdef\n")
    (tmp_path / "t").chmod(0o600)
    secret = f"{{file: {tmp_path}/t}}"
    more = f"""
tokens: [{{name: grafana, token: {secret}, may: [read, ack]}}, {{name: bot, token: {secret}}}]
links: {{secret: {secret}, expire: 2h}}
health: {{silent: none, lag: 30s}}
heartbeat: {{url: {secret}, fail_url: "https://watch.example/fail", every: 1m, method: POST, timeout: 5s}}
probe: {{every: 1h, sinks: mail, within: 90s}}
"""
    model = read(GOOD + more).model
    assert [(each.name, each.may) for each in model.tokens] == [
        ("grafana", ["read", "ack"]), ("bot", ["read", "silence", "ack", "label"]),
    ]  # fmt: skip
    assert model.health.silent is None
    assert model.heartbeat is not None
    assert (model.heartbeat[0].every, model.heartbeat[0].method) == (60 * SECOND, "POST")
    assert model.probe is not None
    assert (model.probe.sinks, model.probe.within) == (["mail"], 90 * SECOND)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("tokens: [{name: a, token: hunter2}]", "the secret itself is never written here"),
        ("tokens: [{name: a, token: {env: NO_SUCH_VARIABLE}}]", "environment variable `NO_SUCH_VARIABLE` is not set"),
        ("tokens: [{name: a, token: {env: HOME}, may: eat}]", "`may` cannot be `eat`"),
        ("tokens: [{name: a, token: {env: HOME}}, {name: a, token: {env: HOME}}]", "two tokens are named `a`"),
        ("links: {expire: 1s}", "`expire` must be at least a minute"),
        ("links: {secret: {env: NO_SUCH_VARIABLE}}", "environment variable `NO_SUCH_VARIABLE` is not set"),
        ("health: {silent: 30}", "a duration needs a unit"),
        ("health: {quiet: 30m}", "unknown key `quiet`"),
        ("heartbeat: {every: 30s}", "`url` is missing"),
        ("heartbeat: {url: 'ftp://x'}", "the URL must start with http:// or https://"),
        ("heartbeat: {url: 7}", "write the URL, or where it is kept"),
        ("heartbeat: {url: {env: NO_SUCH_VARIABLE}}", "environment variable `NO_SUCH_VARIABLE` is not set"),
        ("heartbeat: {url: 'https://x/', every: 10ms}", "`every` must be at least a second"),
        ("heartbeat: {url: 'https://x/', method: PUT}", "`method` cannot be `PUT`"),
        ("probe: {sinks: [nobody]}", "unknown sink `nobody`"),
        ("probe: {sinks: nobody}", "unknown sink `nobody`"),
        ("probe: {every: 1h}", "`sinks` is missing"),
        ("probe: {sinks: mail, every: 1m, within: 50s}", "`every` must be at least a minute, and twice `within`"),
        ("probe: {sinks: mail, within: 1ms}", "`within` must be at least a second"),
    ],
)
def test_what_is_wrong_is_told_in_plain_words(read: Read, more: str, told: str) -> None:
    found = said(read, "\n" + more + "\n")
    assert len(found) == 1
    assert told in found[0]
    assert "hunter2" not in repr(found)


def test_a_sink_that_only_the_probe_uses_is_used(read: Read) -> None:
    sink = "  - {name: proving, type: email, from: a@x.example, to: [b@x.example]}\n"
    assert "sinks:\n" in GOOD
    text = GOOD.replace("sinks:\n", "sinks:\n" + sink, 1)
    assert any("no route uses sink `proving`" in fault.message for fault in read(text).warnings)
    assert read(text + "probe: {sinks: [proving]}\n").warnings == read(GOOD).warnings


def test_an_address_is_text_or_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHER", "https://watch.example/key")
    assert address("https://x.example/") == "https://x.example/"
    assert address(SecretRef(env="WATCHER")) == "https://watch.example/key"
    monkeypatch.setenv("WATCHER", "no url")
    with pytest.raises(ValueError, match="not a URL"):
        address(SecretRef(env="WATCHER"))
    with pytest.raises(SecretError):
        address(SecretRef(env="NO_SUCH_VARIABLE"))
