"""pydantic's errors in the words of the file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from stressd.config.faults import near, shown, suggest
from stressd.config.fields import KeyFault, Model, SecretRef
from stressd.config.report import Report
from stressd.config.yaml_marks import Path

_EXPECTED: Final = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "`true` or `false`",
    "list_type": "a list",
    "dict_type": "a mapping of `key: value`",
    "model_type": "a mapping of `key: value`",
    "model_attributes_type": "a mapping of `key: value`",
    "mapping_type": "a mapping of `key: value`",
    "none_required": "nothing",
}
_BOUNDS: Final = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}


def tell(error: ValidationError, model: type[Model], path: Path, report: Report) -> None:
    """Report every error of validating the mapping at `path` as a `model`."""
    details = error.errors(include_url=False, include_input=False)
    misspelt = {
        (*detail["loc"][:-1], meant)
        for detail in details
        if detail["type"] == "extra_forbidden"
        for meant in [near(str(detail["loc"][-1]), _known_at(detail, model, path, report))]
    }
    for detail in details:
        if detail["type"] != "missing" or detail["loc"] not in misspelt:
            _tell(detail, model, path, report)


def _tell(detail: ErrorDetails, model: type[Model], base: Path, report: Report) -> None:
    kind, context = detail["type"], detail.get("ctx", {})
    path = _path(base, detail["loc"], kind, report)
    cause = context.get("error")
    if kind == "missing":
        where = report.label(path[:-1])
        report.mapping(path[:-1], f"`{path[-1]}` is missing" + (f" in {where}" if where else ""))
    elif kind == "extra_forbidden":
        known = _known_at(detail, model, base, report)
        report.key(path, f"unknown key {shown(str(path[-1]))}", suggest(str(path[-1]), known))
    elif detail["loc"] and detail["loc"][-1] == "[key]":
        _tell_key(path, context, report)
    elif isinstance(cause, KeyFault):
        report.value((*path, *cause.path), str(cause))
    elif cause is not None:
        report.value(path, str(cause))
    elif kind == "literal_error":
        _tell_literal(path, str(context["expected"]), report)
    else:
        report.value(path, *_words(kind, context, detail["msg"], report.get(path), _name(path)))


def _tell_key(path: Path, context: dict[str, Any], report: Report) -> None:
    word = str(path[-1])
    known = re.findall(r"'([^']*)'", str(context.get("expected", "")))
    message = str(context["error"]) if "error" in context else f"unknown key {shown(word)}"
    report.key(path, message, suggest(word, known))


def _tell_literal(path: Path, expected: str, report: Report) -> None:
    known = re.findall(r"'([^']*)'", expected)
    value = report.get(path)
    if isinstance(value, str):
        report.value(path, f"{_name(path)} cannot be {shown(value)}", suggest(value, known))
    else:
        report.value(path, f"{_name(path)} must be one of {', '.join(known)}")


def _words(kind: str, context: dict[str, Any], text: str, value: object, name: str) -> tuple[str, str]:
    """Message and hint of an error that none of our own validators raised."""
    if kind in _EXPECTED:
        if value is None:
            return f"{name} has no value: expected {_EXPECTED[kind]}", ""
        quotes = kind == "string_type" and isinstance(value, int | float)
        return f"{name} must be {_EXPECTED[kind]}", "put it in quotes" if quotes else ""
    if kind in _BOUNDS:
        words, key = _BOUNDS[kind]
        return f"{name} must be {words} {context[key]:g}", ""
    if kind == "too_short" or (kind == "string_too_short" and context.get("min_length") == 1):
        return f"{name} must not be empty", ""
    if kind == "string_too_long":
        return f"{name} is longer than {context['max_length']} characters", ""
    if kind == "finite_number":
        return f"{name} must be a finite number", ""
    text = text.removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return f"{name}: {text[:1].lower()}{text[1:]}", ""


def _path(base: Path, loc: tuple[int | str, ...], kind: str, report: Report) -> Path:
    """The path in the file: pydantic's location without the names of its own validators."""
    path = base
    for i, step in enumerate(loc):
        last = i == len(loc) - 1
        if report.get((*path, step)) is not None or _present(report.get(path), step) or (last and kind in _NAMES_KEY):
            path = (*path, step)
    return path


_NAMES_KEY: Final = ("missing", "extra_forbidden")


def _present(container: object, step: int | str) -> bool:
    return isinstance(container, dict) and step in container


def _name(path: Path) -> str:
    key = next((step for step in reversed(path) if isinstance(step, str)), None)
    inside = bool(path) and isinstance(path[-1], int)
    if key is None:
        return "the file"
    return f"an entry of `{key}`" if inside else f"`{key}`"


def _known_at(detail: ErrorDetails, model: type[Model], base: Path, report: Report) -> list[str]:
    """Keys that the mapping could have which an error's last step is in."""
    path = _path(base, detail["loc"], detail["type"], report)
    return list(dict.fromkeys(_known_keys(model, path[len(base) : -1])))


def _known_keys(model: type[Model], path: Path) -> list[str]:
    """Keys of the mapping at `path` inside a `model`."""
    candidates: list[Any] = [model]
    for step in path:
        candidates = [inner for candidate in candidates for inner in _inner(candidate, step)]
    return [key for c in candidates if _is_model(c) for key in keys_of(c)]


def keys_of(model: type[Model]) -> list[str]:
    """Keys of a model as they are written."""
    return [field.alias or name for name, field in model.model_fields.items()]


def secret_keys(model: type[Model]) -> Iterator[str]:
    """Keys, at any depth, whose value is a reference to a secret."""
    for name, field in model.model_fields.items():
        for candidate in _unwrapped(field.annotation):
            if candidate is SecretRef:
                yield field.alias or name
            elif _is_model(candidate):
                yield from secret_keys(candidate)


def _is_model(candidate: Any) -> bool:
    return isinstance(candidate, type) and issubclass(candidate, Model)


def _unwrapped(annotation: Any) -> Iterator[Any]:
    """The types inside Annotated, unions, lists and mappings' values."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _unwrapped(get_args(annotation)[0])
    elif origin in (Union, UnionType):
        for part in get_args(annotation):
            yield from _unwrapped(part)
    elif origin in (list, tuple):
        yield from _unwrapped(get_args(annotation)[0])
    elif origin is dict:
        yield from _unwrapped(get_args(annotation)[1])
    else:
        yield annotation


def _inner(candidate: Any, step: int | str) -> Iterator[Any]:
    """What a step leads to. Lists and mappings of models count as the model itself."""
    if isinstance(step, int) or not _is_model(candidate):
        yield candidate
        return
    for name, field in candidate.model_fields.items():
        if step in (name, field.alias):
            yield from _unwrapped(field.annotation)
            return
    yield candidate
