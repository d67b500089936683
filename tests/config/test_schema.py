"""The checked-in schemas are fresh, and the sample configurations pass them and `load`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from stressd.alerts.event import Event, from_json
from stressd.config.load import load
from stressd.config.schema import as_text, config_schema, event_schema
from stressd.config.yaml_marks import parse
from stressd.runtime.registry import registry

SAMPLES = ["stressd.yaml", "minimal.yaml"]


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return config_schema(registry())


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Every secret that config/stressd.yaml refers to."""
    secrets = "mqtt_password push_token risk_secret slack_url smtp_password grafana_token heartbeat_url"
    for name in secrets.split():
        file = tmp_path / name
        file.write_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
        file.chmod(0o400)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    return tmp_path


def test_the_checked_in_schemas_are_what_the_code_says(root: Path, schema: dict[str, Any]) -> None:
    why = "run `stressd schema > config/stressd.schema.json` and `stressd schema event > config/event.schema.json`"
    assert (root / "config/stressd.schema.json").read_text() == as_text(schema), why
    assert (root / "config/event.schema.json").read_text() == as_text(event_schema()), why


def test_the_schema_is_draft_7(schema: dict[str, Any]) -> None:
    jsonschema.Draft7Validator.check_schema(schema)
    text = json.dumps(schema)
    for newer in ("prefixItems", "unevaluated", "$defs", "dependentRequired", "__"):
        assert newer not in text


@pytest.mark.parametrize("name", SAMPLES)
def test_the_samples_fit_the_schema(root: Path, schema: dict[str, Any], name: str) -> None:
    jsonschema.Draft7Validator(schema).validate(parse((root / "config" / name).read_text()).data)


@pytest.mark.parametrize("name", SAMPLES)
def test_the_samples_load_without_a_warning(root: Path, credentials: Path, name: str) -> None:
    assert load(root / "config" / name, registry()).warnings == []


def test_every_configuration_beside_the_samples_is_tested(root: Path) -> None:
    assert sorted(file.name for file in (root / "config").glob("*.yaml")) == sorted(SAMPLES)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("topics:", "topic:"),
        ("type: slack", "type: slak"),
        ("hold: 10m", "hold: 10"),
        ("round: 25bp", "round: 25"),
        ("above: 4.00%", "above: 4.00"),
        ("{file: slack_url}", "https://hooks.example/x"),
        ("severity: high", "severity: hihg"),
        ("gauge: 10Y", "spreds: [2s10s]"),
        ("2s5s10s]", "2y10y]"),
        ("US-DE.GOV.10Y", "US.GOV.10Y"),
        ("  JP:\n", "  jp:\n"),
        ("instance: ", "instanz: "),
    ],
)
def test_the_schema_catches_what_load_catches(root: Path, schema: dict[str, Any], old: str, new: str) -> None:
    text = (root / "config/stressd.yaml").read_text()
    assert old in text
    validator = jsonschema.Draft7Validator(schema)
    assert not validator.is_valid(parse(text.replace(old, new, 1)).data)


def test_the_sample_names_every_key_of_the_file(root: Path) -> None:
    from stressd.config.model import Config
    from stressd.config.translate import keys_of

    text = (root / "config/stressd.yaml").read_text()
    assert [key for key in keys_of(Config) if f"\n{key}:" not in text and f"\n# {key}:" not in text] == []


def test_events_fit_their_schema() -> None:
    event = from_json(
        b'{"id":"JP-260119-7q2f.3","episode":"JP-260119-7q2f","seq":3,"type":"propagated","kind":"market","origin":"live",'
        b'"time":"2026-01-20T20:30:00Z","instance":"x","rule":"sigma-breach","market":"JP","direction":"up",'
        b'"severity":"critical","headline":"JP 30Y +20.3bp","series":[{"series":"JP.GOV.30Y","value":3.765}],'
        b'"followers":[{"market":"US","wording":"followed"}],"version":"0.1.0","method":"1","config":"sha256:9f"}'
    )
    assert isinstance(event, Event)
    validator = jsonschema.Draft202012Validator(event_schema())
    import msgspec

    plain = msgspec.json.decode(msgspec.json.encode(event))
    validator.validate(plain)
    assert not validator.is_valid({**plain, "severity": "loud"})
