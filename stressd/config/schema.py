"""JSON Schemas: of the configuration for editors (draft 7), and of the events for programs that read them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec
from pydantic.json_schema import models_json_schema

from stressd.alerts.event import Event
from stressd.config.fields import Model
from stressd.config.model import Config
from stressd.config.registry import Registry

_REF = "#/definitions/"


def config_schema(registry: Registry) -> dict[str, Any]:
    """Of the whole file, with every feed, sink and rule there is. Draft 7, which YAML editors understand."""
    sections: dict[str, Mapping[str, type[Model]]] = {
        "feeds": {name: feed.config for name, feed in registry.feeds.items()},
        "rules": registry.rules,
        "sinks": {name: sink.config for name, sink in registry.sinks.items()},
    }
    models: list[type[Model]] = [Config, *(model for kinds in sections.values() for model in kinds.values())]
    refs, bundle = models_json_schema([(model, "validation") for model in models], ref_template=_REF + "{model}")
    definitions: dict[str, Any] = bundle["$defs"]
    names = {refs[(Config, "validation")]["$ref"].removeprefix(_REF): "config"}
    for section, kinds in sections.items():
        for kind, model in kinds.items():
            name = refs[(model, "validation")]["$ref"].removeprefix(_REF)
            names[name] = f"{section[:-1]}-{kind}"
            definitions[name]["properties"]["type"] = {"const": kind, "description": "Which kind this is."}
    definitions = {names.get(name, name.rpartition("__")[2]): _tidy(each, names) for name, each in definitions.items()}
    top = definitions.pop("config")
    for section, kinds in sections.items():
        top["properties"][section]["items"] = {"anyOf": [{"$ref": f"{_REF}{section[:-1]}-{kind}"} for kind in kinds]}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "stressd configuration",
        **top,
        "definitions": dict(sorted(definitions.items())),
    }


def event_schema() -> dict[str, Any]:
    """Of one event, as in `--json` output, webhooks' `data` and the API."""
    schema = _one_line(msgspec.json.schema(Event))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "stressd event", **schema}


def _one_line(value: Any) -> Any:
    """Descriptions without the line breaks of docstrings, whose indentation differs between versions of Python."""
    if isinstance(value, list):
        return [_one_line(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: " ".join(item.split()) if key == "description" and isinstance(item, str) else _one_line(item)
        for key, item in value.items()
    }


def as_text(schema: Mapping[str, Any]) -> str:
    """As it is checked in."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _tidy(value: Any, names: Mapping[str, str]) -> Any:
    """Without pydantic's titles and empty defaults, and with our names in references."""
    if isinstance(value, list):
        return [_tidy(item, names) for item in value]
    if not isinstance(value, dict):
        return value
    tidy: dict[str, Any] = {}
    for key, item in value.items():
        if (key == "title" and isinstance(item, str)) or (key == "default" and item is None):
            continue
        if key == "$ref":
            name = item.removeprefix(_REF)
            item = _REF + names.get(name, name.rpartition("__")[2])
        elif key == "description":
            item = " ".join(item.split())
        tidy[key] = {k: _tidy(v, names) for k, v in item.items()} if key == "properties" else _tidy(item, names)
    if "patternProperties" in tidy:
        tidy["additionalProperties"] = False
    return tidy
