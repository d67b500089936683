"""The reference of the configuration as Markdown, made from its JSON Schema: one table a mapping, one row a key."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import TypeAdapter

from stressd.config.fields import Bp, Duration, Level, Percent

_REF: Final = "#/definitions/"
_KINDS: Final = ("feeds", "rules", "sinks")
_EXAMPLE: Final = re.compile(r" Example: (?:`([^`]+)`|(see .+?))\.$")

HEAD: Final = """# Configuration keys

Made from the schema by `stressd schema --markdown`; what stands here cannot differ from what the program reads. How the
parts go together is in [Configure](configure.md), a whole file with every setting in
[config/stressd.yaml](../config/stressd.yaml).

Values with a dimension carry their unit: a duration is `30s`, `10m`, `1h30m`, `90d` (ns, us, ms, s, m, h, d, w), a size
is `25bp`, a yield `4.31%`. A secret is a reference, never text: `{file: NAME}` (a systemd credential, or an absolute
path) or `{env: NAME}`. Where a list is taken, a single value is taken too. `-` as a default: there is none, and the key
may be left out.
"""

Schema = Mapping[str, Any]


def config_markdown(schema: Schema) -> str:
    """schema: `config.schema.config_schema`."""
    return HEAD + "\n".join(_Pages(schema).lines()).rstrip() + "\n"


class _Pages:
    """The mappings of one schema, each in a section where it is first met; titles: of those, by definition."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._titles: dict[str, str] = {}

    def lines(self) -> list[str]:
        top = dict(self._schema)
        self._name(top, "", "")
        return ["", "## The whole file", "", *self._table(top), *self._below(top, "", set())]

    def _name(self, mapping: Schema, path: str, kind: str) -> None:
        """A title for every mapping below, before any table refers to one."""
        for key, item in mapping["properties"].items():
            for name, where in _refs(item, f"{path}{key}"):
                if name not in self._titles:
                    of = name.partition("-")[2] if key in _KINDS and not path else kind
                    self._titles[name] = f"`{where}`" + (f" of `type: {of}`" if of else "")
                    self._name(self._definition(name), f"{where}.", of)

    def _below(self, mapping: Schema, path: str, done: set[str]) -> list[str]:
        lines = []
        for key, item in mapping["properties"].items():
            for name, where in _refs(item, f"{path}{key}"):
                if name in done:
                    continue
                done.add(name)
                below = self._definition(name)
                lines += ["", f"## {self._titles[name]}", "", below["description"], "", *self._table(below)]
                lines += self._below(below, f"{where}.", done)
        return lines

    def _table(self, mapping: Schema) -> list[str]:
        required = mapping.get("required", ())
        rows = ["| key | value | default | meaning | example |", "|---|---|---|---|---|"]
        for key, item in mapping["properties"].items():
            text = item.get("description", "")
            found = _EXAMPLE.search(text)
            example = "" if found is None else f"`{found[1]}`" if found[1] else found[2]
            default = "required" if key in required else self._default(item)
            cells = [f"`{key}`", self._value(item), default, _EXAMPLE.sub("", text), example]
            rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        return rows

    def _default(self, item: Schema) -> str:
        default = item.get("default")
        if default is None or default in ([], {}) or (isinstance(default, dict) and "$ref" in item):
            return "-"
        return f"`{_written(default)}`"

    def _value(self, item: Schema) -> str:
        """What may stand there, in words."""
        if "$ref" in item:
            title = self._titles.get(item["$ref"].removeprefix(_REF))
            if title is None:
                return "anything"
            return f"[{title}](#{anchor(title)})"
        if "oneOf" in item or "anyOf" in item:
            return self._one_of(item.get("oneOf") or item["anyOf"])
        if "const" in item:
            return f"`{item['const']}`"
        if "enum" in item:
            return ", ".join(f"`{each}`" for each in dict.fromkeys(str(each) for each in item["enum"]))
        kind = item.get("type", "anything")
        if kind == "array":
            return f"list of: {self._value(item['items'])}"
        if kind == "object":
            return self._mapping(item)
        if kind == "integer" or kind == "number":
            return "number" if kind == "number" else "whole number"
        if kind == "boolean":
            return "`true`, `false`"
        return _text(item)

    def _one_of(self, choices: list[Schema]) -> str:
        if all(set(each.get("properties", ())) <= {"file", "env"} and "properties" in each for each in choices):
            return "secret: `{file: ...}`, `{env: ...}`"
        words = []
        for each in choices:
            if each.get("type") == "null":
                continue
            single = each.get("type") == "array" and each.get("items") in choices
            words.append("a list of these" if single else self._value(each))
        return ", or ".join(dict.fromkeys(words))

    def _mapping(self, item: Schema) -> str:
        inner = next(iter(item.get("patternProperties", {}).values()), item.get("additionalProperties"))
        keys = item.get("propertyNames", {}).get("enum")
        of = f" by {', '.join(f'`{key}`' for key in keys)}" if keys else ""
        return f"mapping{of}: {self._value(inner)}" if isinstance(inner, dict) and inner else f"mapping{of}"

    def _definition(self, name: str) -> Schema:
        found: Schema = self._schema["definitions"][name]
        return found


def _refs(item: Any, where: str) -> Iterator[tuple[str, str]]:
    """(definition, path) of every mapping that may stand there; `[]` in a path: of a list, `NAME`: by name."""
    if isinstance(item, dict):
        if "$ref" in item and (name := item["$ref"].removeprefix(_REF)) != "JsonValue":
            yield name, where
        for choice in (*item.get("anyOf", ()), *item.get("oneOf", ())):
            yield from _refs(choice, where)
        if item.get("type") == "array":
            yield from _refs(item["items"], f"{where}[]")
        for inner in (*item.get("patternProperties", {}).values(), item.get("additionalProperties")):
            yield from _refs(inner, f"{where}.NAME")


_WORDS: Final = {
    str(TypeAdapter(each).json_schema()["pattern"]): words
    for each, words in ((Duration, "duration"), (Bp, "size in bp"), (Percent, "yield"), (Level, "yield, or size in bp"))
}


def _text(item: Schema) -> str:
    pattern = item.get("pattern", "")
    if (words := _WORDS.get(pattern)) is not None:
        return words
    if item.get("format") == "uri":
        return "URL"
    if "[01][0-9]|2[0-3]" in pattern:
        return "time of day"
    if "per (" in pattern or "per (?:" in pattern:
        return "`N per TIME per series`" if "market" not in pattern else "`N per TIME per series` or `... per market`"
    return "text"


def _written(value: Any) -> str:
    """As it would be written in YAML, in one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_written(each)}" for key, each in value.items() if each is not None) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_written(each) for each in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def anchor(heading: str) -> str:
    """The fragment by which a heading of a Markdown page is linked to."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
