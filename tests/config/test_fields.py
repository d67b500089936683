"""Quantities, references to secrets, URLs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from stressd.config.fields import (
    LONGEST,
    Bp,
    Duration,
    HttpOptions,
    HttpUrl,
    OneOrMany,
    Percent,
    SecretError,
    SecretRef,
    Slug,
    TlsOptions,
    format_duration,
    parse_duration,
)

DURATION, BP, PERCENT = TypeAdapter(Duration), TypeAdapter(Bp), TypeAdapter(Percent)
SECRET: TypeAdapter[SecretRef] = TypeAdapter(SecretRef)


def refusal(adapter: TypeAdapter[Any], value: object) -> str:
    with pytest.raises(ValidationError) as caught:
        adapter.validate_python(value)
    return caught.value.errors(include_input=False)[0]["msg"].removeprefix("Value error, ")


@given(st.integers(0, LONGEST))
def test_durations_are_read_as_they_are_written(ns: int) -> None:
    assert parse_duration(format_duration(ns)) == ns


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("30m", 1_800_000_000_000),
        ("1h30m", 5_400_000_000_000),
        ("1.5s", 1_500_000_000),
        ("250ms", 250_000_000),
        ("90d", 7_776_000_000_000_000),
        ("7ns", 7),
        ("0s", 0),
        ("0.1s", 100_000_000),
    ],
)
def test_durations(text: str, ns: int) -> None:
    assert DURATION.validate_python(text) == ns


@given(st.decimals(-999, 999, places=4))
def test_bp_and_percent_are_the_number_before_the_unit(number: object) -> None:
    assert BP.validate_python(f"{number}bp") == float(str(number))
    assert PERCENT.validate_python(f"{number} %") == float(str(number))


def test_a_bare_number_is_refused_with_the_fix() -> None:
    assert "write `30s` or `30m`" in refusal(DURATION, 30)
    assert "write `30s` or `30m`" in refusal(DURATION, "30")
    assert "write `2bp`" in refusal(BP, 2)
    assert "write `2.5bp`" in refusal(BP, "2.5")
    assert "write `4.31%`" in refusal(PERCENT, 4.31)


@given(st.one_of(st.text(), st.integers(), st.booleans(), st.none(), st.lists(st.integers())))
def test_what_is_no_quantity_is_refused_in_a_sentence(value: object) -> None:
    for adapter in (DURATION, BP, PERCENT):
        if not (isinstance(value, str) and value[:1].isdigit()):
            assert refusal(adapter, value)


def test_one_or_many_is_always_a_list() -> None:
    adapter: TypeAdapter[list[str]] = TypeAdapter(OneOrMany[str])
    assert adapter.validate_python("a") == ["a"]
    assert adapter.validate_python(["a", "b"]) == ["a", "b"]
    with pytest.raises(ValidationError):
        adapter.validate_python([])


@pytest.mark.parametrize("name", ["Desk", "a b", "", "-x", "x" * 64, "é"])
def test_names_are_slugs(name: str) -> None:
    assert "a name is made of small letters" in refusal(TypeAdapter(Slug), name)


@pytest.mark.parametrize(
    "url", ["https:/x", "ftp://x", "https://", "https://u:p@x", "https://x y", "http://x:99999", "x"]
)
def test_urls_that_are_none_are_refused_without_being_shown(url: str) -> None:
    assert url not in refusal(TypeAdapter(HttpUrl), url) or url == "x"


def test_a_secret_is_read_from_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("tell nobody\n")
    monkeypatch.setenv("STRESSD_TEST_SECRET", "tell nobody")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    for reference in ({"file": "token"}, {"file": str(tmp_path / "token")}, {"env": "STRESSD_TEST_SECRET"}):
        secret = SECRET.validate_python(reference)
        assert secret.read() == "tell nobody"
        assert str(secret) == repr(secret) == f"{secret}" == "<secret>"


def test_a_secret_that_is_not_there_says_where_it_was_sought(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(SecretError, match=r"CREDENTIALS_DIRECTORY, which is not set"):
        SecretRef(file="token").read()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with pytest.raises(SecretError, match="token` does not exist"):
        SecretRef(file="token").read()
    with pytest.raises(SecretError, match="`STRESSD_NOT_SET` is not set"):
        SecretRef(env="STRESSD_NOT_SET").read()
    (tmp_path / "token").write_text("\n")
    with pytest.raises(SecretError, match="is empty"):
        SecretRef(file="token").read()
    (tmp_path / "token").write_bytes(b"\xff\xfe")
    with pytest.raises(SecretError, match="not UTF-8"):
        SecretRef(file="token").read()


def test_a_file_that_anybody_may_read_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("x")
    file.chmod(0o644)
    assert SecretRef(file=str(file)).world_readable()
    file.chmod(0o640)
    assert not SecretRef(file=str(file)).world_readable()


@pytest.mark.parametrize("value", ["hunter2", 12345678, {"file": ""}, {"env": "a=b"}, {"text": "x"}, {}, ["x"], None])
def test_a_secret_that_is_no_reference_is_refused_without_being_shown(value: object) -> None:
    text = refusal(SECRET, value)
    assert "hunter2" not in text
    assert "12345678" not in text


def test_references_to_one_place_are_equal() -> None:
    assert SecretRef(env="A") == SecretRef(env="A") != SecretRef(file="A")
    assert len({SecretRef(env="A"), SecretRef(env="A")}) == 1


def test_defaults_are_read_like_input() -> None:
    assert HttpOptions().timeout == 10_000_000_000
    assert HttpOptions.model_validate({"timeout": "1m"}).model_dump(mode="json")["timeout"] == "1m"


def test_a_client_context_verifies(tmp_path: Path) -> None:
    import ssl

    context = TlsOptions().context()
    assert context.check_hostname
    assert context.verify_mode == ssl.CERT_REQUIRED
    with pytest.raises(OSError, match="No such file"):
        HttpOptions.model_validate({"ca_file": str(tmp_path / "none.pem")}).context()
