"""The event, field by field, as Markdown, with examples."""

from __future__ import annotations

import json
from typing import Any, Final

from stressd.alerts.canned import canned
from stressd.alerts.event import to_json
from stressd.config.schema import event_schema

HEAD: Final = """# Events

Made by `stressd schema event --markdown`. One JSON object, the same everywhere: `--json` output (one a line), the
`data` of a webhook, MQTT, the API. Schema: [config/event.schema.json](../config/event.schema.json). Keys may be added;
what stands here keeps its name and meaning. Values are percent, changes bp, times ISO 8601 in UTC.

An **event** is one transition of an **episode**, which has a life: it is opened, perhaps escalated, and resolved. `id`
is `<episode>.<seq>`, the same on every attempt and after every restart: whoever must act once keeps the ids. A route
tells some transitions (`updates:`); where something was told, its end is told.
"""

TYPES: Final = {
    "opened": "Something is out of the ordinary: the episode begins.",
    "escalated": "It has become more severe.",
    "widened": "Further series of the market have joined.",
    "peaked": "It has gone further since the last peak that was told.",
    "propagated": "What other markets did after it; `followers` says how each answered.",
    "stale": "Its data are no longer seen; it neither goes on nor ends meanwhile.",
    "resumed": "Its data are seen again.",
    "resolved": "It is over.",
    "reopened": "It has come back soon after its end: the same episode goes on.",
    "reminder": "It is still open, and nobody has acknowledged it.",
    "acknowledged": "Somebody looks after it.",
    "flapping": "It comes and goes: it stays one open episode until it has calmed down.",
    "corrected": "Something told before is not so: a link (`followers`, `was`) or the alert itself (`withdrawn`).",
    "digest": "A summary of several episodes, which stand in `digest`: at a close, after a silence, or in a storm; "
    "with `day` the summary of a market's session.",
}
"""Of Event.type."""

FIELDS: Final = {
    "id": "Unique; `<episode>.<seq>`.",
    "episode": "The episode: market, date and four characters; short enough to say on the phone.",
    "seq": "Counts the episode's events from 1.",
    "type": "The transition, as above.",
    "kind": "`market`; `feed`: about a feed or a series' data; `self`: about stressd itself.",
    "origin": "`live`, or else shown in every message: `drill`, `replay`, `simulated`.",
    "time": "When it happened, by the ticks.",
    "instance": "Who speaks: `instance:` of the configuration.",
    "rule": "The rule that told it; of `self` and `feed` the condition, a heading of the [runbook](runbook.md).",
    "market": "`JP`; of a spread between two `US-DE`; empty where there is none.",
    "direction": "`up`, `down`, or null.",
    "severity": "The highest that the episode has reached.",
    "headline": "One line that says it all.",
    "series": "The series that are in, the leading one first.",
    "day": "A market's session at its close; only in the summary of a day, a `digest` without any other `series`.",
    "shape": "Of the market's curve, `bear steepening`.",
    "source": "The episode of another market that this one followed.",
    "followers": "How other markets answered.",
    "data": "What the judgement rests on.",
    "note": "A sentence more.",
    "spreads": "Slopes and spreads beside the move.",
    "path": "How the leading series came to where it is.",
    "outcome": "What became of the move, at its end.",
    "runbook": "The page that says what to do, where the rule names one.",
    "left_out": "What a wire had no room for.",
    "acknowledged": "Who looks after it.",
    "digest": "The episodes of a digest.",
    "standing": "How the episode stands.",
    "segments": "Which part of the curve is in.",
    "retraces": "An earlier move the other way that this one takes back.",
    "withdrawn": "Why the alert itself was wrong; it is over with that.",
    "version": "Of the program.",
    "method": "Of the statistics: raised when a release decides anything otherwise.",
    "config": "Digest of the configuration that was in force.",
}
"""Of Event."""


def events_markdown() -> str:
    """docs/events.md."""
    shapes = event_schema()["$defs"]
    top = shapes.pop("Event")
    lines = [HEAD, "## Types", "", "| `type` | what has happened |", "|---|---|"]
    lines += [f"| `{name}` | {text} |" for name, text in TYPES.items()]
    lines += ["", "## Fields", "", "| key | value | meaning |", "|---|---|---|"]
    lines += [f"| `{key}` | {_value(item)} | {FIELDS[key]} |" for key, item in top["properties"].items()]
    for name, shape in shapes.items():
        keys = ", ".join(f"`{key}` ({_value(item)})" for key, item in shape["properties"].items())
        lines += ["", f"### {name}", "", shape["description"], "", keys]
    lines += ["", "## Examples", "", "Made-up; `stressd preview` shows these and more as each channel does."]
    for wanted in (("market", "opened"), ("feed", "opened"), ("self", "opened")):
        event = next(each for each in canned() if (each.kind, each.type) == wanted)
        text = json.dumps(_short(json.loads(to_json(event))), indent=2, ensure_ascii=False)
        lines += ["", f"A `{wanted[0]}` event:", "", "```json", text, "```"]
    return "\n".join(lines) + "\n"


def _value(item: dict[str, Any]) -> str:
    if "$ref" in item:
        name = item["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in item:
        found = [each for each in item["anyOf"] if each.get("type") != "null"]
        return ", ".join(dict.fromkeys(_value(each) for each in found)) + " or null"
    if "enum" in item:
        return "one of " + ", ".join(f"`{each}`" for each in item["enum"] if each is not None)
    if item.get("type") == "array":
        return f"list of {_value(item['items'])}"
    return {"string": "text", "number": "number", "integer": "whole number", "boolean": "true or false"}.get(
        str(item.get("type")), "object"
    )


def _short(said: dict[str, Any]) -> dict[str, Any]:
    """Without what is empty, and without the long lists of numbers behind a chart."""
    path = said.get("path")
    if path:
        said["path"] = path | {key: [*path[key][:3], "..."] for key in ("values", "low", "high")}
    for move in said["series"]:
        move.pop("account", None)
    return {key: value for key, value in said.items() if value not in (None, [], {})}
