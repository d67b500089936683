"""Pages of docs/ that are made from the program are as it makes them, and lack nothing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest

from stressd.alerts.event import EventType
from stressd.cli.pages.commands import command_rows
from stressd.cli.pages.events import TYPES
from stressd.cli.schema import PAGES
from stressd.config.reference import anchor
from stressd.config.schema import config_schema
from stressd.config.yaml_marks import parse
from stressd.runtime.registry import registry

NAMES = {"config": "configuration", "event": "events", "commands": "commands"}


@pytest.mark.parametrize("what", PAGES)
def test_a_page_that_is_made_is_as_it_would_be_made_now(root: Path, what: str) -> None:
    page = (root / "docs" / f"{NAMES[what]}.md").read_text(encoding="utf-8")
    assert page == PAGES[what](), "run `make docs`"


def keys() -> list[tuple[str, dict[str, Any]]]:
    schema = config_schema(registry())
    mappings = {"": schema, **schema["definitions"]}
    return [
        (f"{name}.{key}", item | {"required": key in mapping.get("required", ())})
        for name, mapping in mappings.items()
        for key, item in mapping.get("properties", {}).items()
    ]


def test_every_key_of_the_configuration_says_what_it_means() -> None:
    assert [name for name, item in keys() if not re.match(r"\S.{8,}[.]$", item.get("description", ""))] == []


def test_every_key_has_a_default_or_an_example() -> None:
    def shown(item: dict[str, Any]) -> bool:
        text = str(item)
        return "Example:" in text or "default" in item or "const" in item or "$ref" in text or "enum" in text

    assert [name for name, item in keys() if not shown(item)] == []


def test_every_example_is_yaml_of_its_key() -> None:
    found = 0
    for name, item in keys():
        for example in re.findall(r"Example: `([^`]+)`\.", item["description"]):
            key = name.rpartition(".")[2]
            assert list(parse(f"{key}: {example}\n").data) == [key], f"{name}: {example}"
            found += 1
    assert found > 100


def test_every_argument_of_every_command_says_what_it_is_for() -> None:
    rows = command_rows()
    assert len(rows) > 25
    assert [(row["command"], each["name"]) for row in rows for each in row["arguments"] if not each["help"]] == []


def test_every_type_of_event_is_explained_and_no_other() -> None:
    assert set(TYPES) == set(get_args(EventType))


def test_links_within_the_page_of_keys_lead_to_its_headings(root: Path) -> None:
    text = (root / "docs/configuration.md").read_text(encoding="utf-8")
    headings = [anchor(each) for each in re.findall(r"^##+ (.+)$", text, re.MULTILINE)]
    assert len(headings) == len(set(headings))
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= set(headings)
